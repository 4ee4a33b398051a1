//! The file that says which bearer token is whose: `tokens: {<token>: {user: <name>, groups: [<group>, ..]}}`, in YAML.
//!
//! Always true: a mistake is told with its line, and a file with one is not used at all; no error quotes a token. Every
//! scalar but YAML's null is taken as its text, so a token of digits needs no quotes. Neighbour: [`asking`](super::asking) uses the tokens.

use std::collections::HashMap;

use folkmoot::exchange::Asker;
use saphyr_parser::{Event, Parser, ScalarStyle};

/// The file may have so many bytes.
const MAX_BYTES: usize = 16 << 20;
/// Values may stand so deep in each other: the file's own mapping, `tokens`, a token, `groups`.
const MAX_DEPTH: usize = 4;

/// How YAML spells that there is nothing, where no quotes are around it.
const NOTHING: [&str; 4] = ["~", "null", "Null", "NULL"];

/// Tokens, and who shows them.
pub(crate) type Tokens = HashMap<Box<str>, Asker>;

/// What is wrong with a file of tokens.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {fault}")]
pub struct TokenFault {
    line: usize,
    fault: String,
}

/// A value, with its line.
struct Node {
    line: usize,
    value: Value,
}

enum Value {
    Text(String),
    List(Vec<Node>),
    Map(Vec<(Node, Node)>),
}

/// Reads the text of a file of tokens.
///
/// # Errors
/// The first mistake.
pub(crate) fn read(text: &str) -> Result<Tokens, TokenFault> {
    let root = parse(text)?;
    let mut tokens = None;
    for (key, value) in root.map("the file", "`tokens:` with a line for each token")? {
        match key.text("a key")? {
            "tokens" if tokens.is_some() => return Err(key.twice()),
            "tokens" => tokens = Some(value),
            other => return Err(key.fault(format!("there is no {other:?} here; write `tokens:`"))),
        }
    }
    let Some(tokens) = tokens else {
        return Err(root.fault("`tokens:` is missing; write it with a line for each token below"));
    };
    let mut askers = Tokens::new();
    for (token, whose) in tokens.map("`tokens`", "`<token>: {user: <name>}` for each token")? {
        let text = token.text("a token")?;
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(token.fault("a token has ASCII letters, digits and signs, and no spaces"));
        }
        if askers.insert(text.into(), whose.asker()?).is_some() {
            return Err(token.fault("this token is here twice; a token is one user's"));
        }
    }
    Ok(askers)
}

impl Node {
    fn fault(&self, fault: impl Into<String>) -> TokenFault {
        TokenFault { line: self.line, fault: fault.into() }
    }

    /// Of two entries of one name nobody knows which one counts.
    fn twice(&self) -> TokenFault {
        let name = self.text("a key").unwrap_or_default();
        self.fault(format!("`{name}` is here twice; write all of it once"))
    }

    fn text(&self, what: &str) -> Result<&str, TokenFault> {
        match &self.value {
            Value::Text(text) => Ok(text),
            Value::List(_) | Value::Map(_) => {
                Err(self.fault(format!("{what} is one word, not a list or a mapping")))
            }
        }
    }

    fn map(&self, what: &str, wanted: &str) -> Result<&[(Node, Node)], TokenFault> {
        match &self.value {
            Value::Map(entries) => Ok(entries),
            Value::Text(_) | Value::List(_) => {
                Err(self.fault(format!("{what} is no mapping; write {wanted}")))
            }
        }
    }

    /// `{user: <name>, groups: [..]}`.
    fn asker(&self) -> Result<Asker, TokenFault> {
        let (mut user, mut groups, mut has_groups) = (None, Vec::new(), false);
        for (key, value) in self.map("a token", "`{user: <name>, groups: [<group>, ..]}` after it")? {
            match key.text("a key")? {
                "user" if user.is_some() => return Err(key.twice()),
                "groups" if has_groups => return Err(key.twice()),
                "user" => user = Some(value.text("a user's name")?),
                "groups" => {
                    has_groups = true;
                    let Value::List(items) = &value.value else {
                        return Err(value.fault("`groups` is no list; write [<group>, ..]"));
                    };
                    for item in items {
                        match item.text("a group")? {
                            "" => return Err(item.fault("a group's name is empty; leave it out")),
                            group => groups.push(group),
                        }
                    }
                }
                other => {
                    return Err(key.fault(format!("a token has no {other:?}; it has `user` and `groups`")));
                }
            }
        }
        match user {
            Some("") => Err(self.fault("a user's name is empty; without tokens everyone is that user")),
            Some(user) => Ok(Asker::user(user).in_groups(groups)),
            None => Err(self.fault("the user of this token is missing; write `user: <name>`")),
        }
    }
}

/// A list or mapping of which not all has been read; a mapping's keys and values in turn.
struct Open {
    line: usize,
    is_map: bool,
    items: Vec<Node>,
}

impl Open {
    fn close(self) -> Node {
        let Open { line, is_map, items } = self;
        if !is_map {
            return Node { line, value: Value::List(items) };
        }
        let mut entries = Vec::with_capacity(items.len() / 2);
        let mut items = items.into_iter();
        while let (Some(key), Some(value)) = (items.next(), items.next()) {
            entries.push((key, value));
        }
        Node { line, value: Value::Map(entries) }
    }
}

/// The one document of a text.
fn parse(text: &str) -> Result<Node, TokenFault> {
    let fault = |line, fault: &str| Err(TokenFault { line, fault: fault.to_owned() });
    if text.len() > MAX_BYTES {
        return fault(1, &format!("the file has more than {MAX_BYTES} bytes"));
    }
    let (mut open, mut document): (Vec<Open>, Option<Node>) = (Vec::new(), None);
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| TokenFault {
            line: error.marker().line().max(1),
            fault: format!("this is no YAML: {}", error.info()),
        })?;
        let line = span.start.line().max(1);
        let done = match event {
            Event::Scalar(text, style, ..) => {
                let is_nothing = style == ScalarStyle::Plain && NOTHING.contains(&&*text);
                let text = if is_nothing { String::new() } else { text.into_owned() };
                Some(Node { line, value: Value::Text(text) })
            }
            Event::SequenceStart(..) | Event::MappingStart(..) if open.len() == MAX_DEPTH => {
                return fault(line, "this stands too deep; a token has `user` and a list of `groups`");
            }
            Event::SequenceStart(..) => {
                open.push(Open { line, is_map: false, items: Vec::new() });
                None
            }
            Event::MappingStart(..) => {
                open.push(Open { line, is_map: true, items: Vec::new() });
                None
            }
            Event::SequenceEnd | Event::MappingEnd => open.pop().map(Open::close),
            Event::DocumentStart(_) if document.is_some() => {
                return fault(line, "a second document begins here; one is enough");
            }
            Event::Alias(_) => return fault(line, "an alias stands here; write the value out"),
            _ => None,
        };
        let Some(node) = done else { continue };
        match open.last_mut() {
            Some(open) => open.items.push(node),
            None => document = Some(node),
        }
    }
    document.map_or_else(|| fault(1, "the file is empty; write `tokens:` with a line for each token"), Ok)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_token_has_its_user_and_groups() {
        let text = "# ours\ntokens:\n  abcd-1234: {user: ada, groups: [g1, \"g 2\"]}\n  12345678:\n    user: 'null'\n";
        let tokens = read(text).unwrap();
        assert_eq!(tokens.len(), 2);
        assert_eq!(tokens["abcd-1234"], Asker::user("ada").in_groups(["g1", "g 2"]));
        assert_eq!(tokens["12345678"], Asker::user("null"));
        assert!(read("tokens: {}").unwrap().is_empty());
    }

    #[test]
    fn mistakes_are_told_with_their_line_and_without_tokens() {
        for (text, line, word) in [
            ("", 1, "empty"),
            ("tokens", 1, "no mapping"),
            ("{}", 1, "missing"),
            ("users: {}", 1, "\"users\""),
            ("tokens:\n  - a", 2, "no mapping"),
            ("tokens:\n  secret12: ada", 2, "no mapping"),
            ("tokens:\n  secret12: {user: [ada]}", 2, "one word"),
            ("tokens:\n  secret12: {groups: []}", 2, "`user: <name>`"),
            ("tokens:\n  secret12: {user: ''}", 2, "empty"),
            ("tokens:\n  secret12: {user: null}", 2, "empty"),
            ("tokens:\n  secret12:\n    user: ada\n    user: bob", 4, "`user` is here twice"),
            ("tokens:\n  secret12: {groups: [], user: ada, groups: [x]}", 2, "`groups` is here twice"),
            ("tokens:\n  secret12: {user: ada}\ntokens: {}", 3, "`tokens` is here twice"),
            ("tokens:\n  secret12: {user: ada, groups: [~]}", 2, "a group's name is empty"),
            ("tokens:\n  secret12: {user: ada, group: x}", 2, "`user` and `groups`"),
            ("tokens:\n  secret12: {user: ada, groups: x}", 2, "no list"),
            ("tokens:\n  secret12: {user: ada, groups: [[x]]}", 2, "too deep"),
            ("tokens:\n  secret12: {user: ada}\n  secret12: {user: bob}", 3, "twice"),
            ("tokens:\n  \"\": {user: ada}", 2, "no spaces"),
            ("tokens:\n  \"secret 12\": {user: ada}", 2, "no spaces"),
            ("tokens: &a {}\n---\ntokens: {}", 2, "second document"),
            ("tokens:\n  secret12: &x {user: ada}\n  secret13: *x", 3, "alias"),
            ("tokens: ]", 1, "no YAML"),
        ] {
            let fault = read(text).unwrap_err();
            assert!(fault.to_string().contains(word), "{text}: {fault}");
            assert_eq!(fault.line, line, "{text}: {fault}");
            assert!(!fault.to_string().contains("secret"), "{fault}");
        }
    }
}
