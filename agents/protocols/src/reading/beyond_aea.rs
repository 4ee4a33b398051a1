//! What AEA leaves open in the dialogue section, where an author says it: what each role may say, and to which end
//! states terminal performatives lead.
//!
//! AEA ignores the values of `roles` and the key `end_state_of`, so a specification that has them is a valid one there
//! too; for that reason mistakes in them are warnings to lenient readers. Neighbour: [`super::dialogue`] reads the
//! rest.

use std::collections::BTreeMap;

use super::Reader;
use super::header::nearest;
use super::speech_acts::Names;
use crate::finding::Finding;
use crate::specification::EndStateOf;
use crate::yaml::Node;

impl Reader {
    /// `{buyer: [cfp, accept], seller: [propose]}`; `{buyer, seller}` says nothing.
    pub(super) fn says(&mut self, roles: &Node, names: &Names<'_>) -> BTreeMap<String, Vec<String>> {
        let mut says = BTreeMap::new();
        let before = self.mistakes();
        for (key, value) in roles.map().into_iter().flat_map(|mapping| mapping.iter()) {
            let Some(role) = key.text().filter(|_| !value.is_null()) else { continue };
            let Some(items) = value.list() else {
                let text = format!(
                    "what `{role}` may say must be a list of performatives, not {}; it is ignored",
                    value.told()
                );
                self.findings.push(Finding::warning("role-says", value.place, text));
                continue;
            };
            let of = format!("what `{role}` may say");
            let said = items.iter().filter_map(|item| self.one_of(item, &of, "performative", names));
            says.insert(role.to_owned(), said.collect());
        }
        let all_say = roles.map().is_some_and(|mapping| mapping.len() == says.len());
        // What a name that is none was to be, may be what is missing.
        if !says.is_empty() && all_say && self.mistakes() == before {
            for name in names.known.iter().filter(|name| !says.values().flatten().any(|said| said == **name))
            {
                let text = format!("no role may say `{name}`");
                let finding = Finding::error("unsayable", roles.place, text);
                self.strict(finding.hint("add it to the list of a role"));
            }
        }
        says
    }

    /// `{end: successful, decline: {cfp: declined_cfp, propose: declined_propose}}`.
    pub(super) fn end_state_of(
        &mut self,
        node: &Node,
        names: &Names<'_>,
        terminal: &Names<'_>,
        end_states: &Names<'_>,
    ) -> BTreeMap<String, EndStateOf> {
        let mut rules = BTreeMap::new();
        let Some(mapping) = node.map() else {
            let text = format!("`end_state_of` must map terminal performatives, not be {}", node.told());
            self.strict(Finding::error("end-state-of", node.place, text));
            return rules;
        };
        self.tell_duplicates(node);
        for (key, value) in mapping.iter() {
            let of = "`end_state_of`";
            let Some(name) = self.one_of(key, of, "terminal performative", terminal) else { continue };
            let Some(after) = value.map() else {
                if let Some(state) = self.one_of(value, of, "end state", end_states) {
                    rules.insert(name, EndStateOf::Always(state));
                }
                continue;
            };
            self.tell_duplicates(value);
            let pairs: Vec<_> = after.iter().collect();
            let states = pairs.into_iter().filter_map(|(key, value)| {
                let after = self.one_of(key, of, "performative", names)?;
                Some((after, self.one_of(value, of, "end state", end_states)?))
            });
            let states = states.collect();
            rules.insert(name, EndStateOf::After(states));
        }
        rules
    }

    /// The name at a node, if it is one of those that may stand there.
    fn one_of(&mut self, node: &Node, of: &str, what: &str, names: &Names<'_>) -> Option<String> {
        match node.text().filter(|name| names.known.contains(name)) {
            Some(name) => Some(name.to_owned()),
            None if node.scalar().is_some_and(|scalar| names.may_be(&scalar.text)) => None,
            None => {
                let text = format!("{of} names {}, which is no {what}", node.told());
                let finding = Finding::error("unknown-name", node.place, text);
                let near = node.text().and_then(|name| nearest(name, names.known.iter().copied()));
                self.strict(match near {
                    Some(near) => finding.hint(format!("did you mean `{near}`?")),
                    None => finding,
                });
                None
            }
        }
    }
}
