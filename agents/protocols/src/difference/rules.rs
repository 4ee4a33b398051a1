//! What changed in the rules of dialogues: no byte is another, but peers may refuse what the other says.

use super::{Change, Effect, add};
use crate::specification::{DialogueRules, EndStateOf};

pub(super) fn compare(
    before: Option<&DialogueRules>,
    after: Option<&DialogueRules>,
    changes: &mut Vec<Change>,
) {
    let mut rule = |text: String| add(changes, Effect::Dialogue, text);
    let (before, after) = match (before, after) {
        (Some(before), Some(after)) => (before, after),
        (None, None) => return,
        (Some(_), None) => return rule("there are no rules for dialogues any more".to_owned()),
        (None, Some(_)) => return rule("there are rules for dialogues".to_owned()),
    };
    lists("a dialogue may begin with", &before.initiation, &after.initiation, &mut rule);
    for (name, replies) in &before.reply {
        if let Some(later) = after.reply.get(name) {
            lists(&format!("`{name}` may be answered with"), replies, later, &mut rule);
        }
    }
    lists("the roles have", &before.roles, &after.roles, &mut rule);
    for role in before.roles.iter().filter(|role| after.roles.contains(role)) {
        // Of a performative that is new or gone it is told that it is.
        let in_both = |name: &&String| before.reply.contains_key(*name) && after.reply.contains_key(*name);
        let says = |rules: &DialogueRules| -> Vec<String> {
            match rules.says.get(role) {
                Some(says) => says.iter().filter(in_both).cloned().collect(),
                None => rules.reply.keys().filter(in_both).cloned().collect(),
            }
        };
        lists(&format!("`{role}` may say"), &says(before), &says(after), &mut rule);
    }
    lists("the end states have", &before.end_states, &after.end_states, &mut rule);
    for terminal in before.termination.iter().filter(|name| after.termination.contains(name)) {
        end_states(terminal, before, after, &mut rule);
    }
    if before.keep_terminal_state_dialogues != after.keep_terminal_state_dialogues {
        let kept = if after.keep_terminal_state_dialogues { "are kept" } else { "are not kept any more" };
        rule(format!("dialogues that have ended {kept}"));
    }
}

/// To which end states a terminal performative leads, by what it answers.
fn end_states(
    terminal: &String,
    before: &DialogueRules,
    after: &DialogueRules,
    rule: &mut impl FnMut(String),
) {
    let begins = |rules: &DialogueRules| rules.initiation.contains(terminal);
    let answers = |rules: &DialogueRules, name: &String| {
        rules.reply.get(name).is_some_and(|replies| replies.contains(terminal))
    };
    let answered = before.reply.keys().filter(|name| answers(before, name) && answers(after, name)).map(Some);
    let mut changed = Vec::new();
    let mut same = 0;
    for answered in answered.chain((begins(before) && begins(after)).then_some(None)) {
        let of = |rules| end_state(rules, terminal, answered);
        match (of(before), of(after)) {
            (one, other) if one == other => same += 1,
            (one, other) => changed.push((answered, one, other)),
        }
    }
    let alike =
        same == 0 && changed.windows(2).all(|pair| matches!(pair, [a, b] if (a.1, a.2) == (b.1, b.2)));
    changed.truncate(if alike { 1 } else { changed.len() });
    for (answered, one, other) in changed {
        let what = match answered.filter(|_| !alike) {
            Some(answered) => format!("`{terminal}` in answer to `{answered}`"),
            None => format!("`{terminal}`"),
        };
        rule(match (one, other) {
            (Some(one), Some(other)) => format!("{what} ends a dialogue as `{other}` instead of `{one}`"),
            (None, Some(other)) => format!("{what} ends a dialogue as `{other}`"),
            (Some(one), _) => format!("{what} ends a dialogue as `{one}` no more"),
            (None, None) => continue,
        });
    }
}

/// What is said of it, or what follows where one performative ends dialogues and there is one end state.
fn end_state<'a>(rules: &'a DialogueRules, terminal: &str, answered: Option<&String>) -> Option<&'a String> {
    let follows = match (rules.termination.as_slice(), rules.end_states.as_slice()) {
        ([_], [only]) => Some(only),
        _ => None,
    };
    match rules.end_state_of.get(terminal) {
        Some(EndStateOf::Always(state)) => Some(state),
        Some(EndStateOf::After(states)) => answered.and_then(|name| states.get(name)).or(follows),
        None => follows,
    }
}

/// As sets: their order means nothing.
fn lists(what: &str, before: &[String], after: &[String], rule: &mut impl FnMut(String)) {
    for gone in before.iter().filter(|name| !after.contains(name)) {
        rule(format!("{what} `{gone}` no more"));
    }
    for new in after.iter().filter(|name| !before.contains(name)) {
        rule(format!("{what} `{new}` too"));
    }
}
