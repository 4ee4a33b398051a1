//! The second document: protobuf fields of each custom type.

use std::collections::BTreeMap;

use super::Reader;
use super::places::Fields;
use super::speech_acts::{SpeechActs, short};
use crate::finding::{Finding, Place};
use crate::specification::Element;
use crate::yaml::Node;

impl Reader {
    pub(super) fn custom_types(
        &mut self,
        node: Option<&Node>,
        acts: &SpeechActs,
    ) -> BTreeMap<String, String> {
        let mut types = BTreeMap::new();
        let unread = node.is_some_and(|node| node.is_null() || node.text() == Some(""));
        match node {
            Some(node) if !unread => match node.map() {
                Some(mapping) => {
                    self.tell_duplicates(node);
                    for (key, value) in mapping.iter() {
                        self.custom_type(key, value, acts, &mut types);
                    }
                }
                None => self.expected(
                    "the second document",
                    "a mapping of custom types, or that of the dialogue",
                    node,
                ),
            },
            _ => {}
        }
        for name in
            acts.custom_types.iter().filter(|name| !types.contains_key(*name)).cloned().collect::<Vec<_>>()
        {
            let place = self.first_use(acts, &name);
            let text = format!("the custom type `ct:{name}` has no fields");
            let finding = Finding::error("missing-custom-type", place, text);
            let finding = finding.hint(format!("give them in the second document, as `ct:{name}: |`"));
            match !unread && acts.found_by_aea.contains(&name) {
                true => self.findings.push(finding),
                false => self.strict(finding),
            }
            types.insert(name, String::new());
        }
        types
    }

    fn custom_type(
        &mut self,
        key: &Node,
        value: &Node,
        acts: &SpeechActs,
        types: &mut BTreeMap<String, String>,
    ) {
        let Some(name) = key.text().and_then(|text| text.strip_prefix("ct:")) else {
            let text = format!(
                "a key of the second document is the name of a custom type, as `ct:Name`, not {}",
                key.told()
            );
            self.error("unused-custom-type", key.place, text);
            return;
        };
        if acts.custom_types.contains(name) && !acts.found_by_aea.contains(name) {
            let text = format!("AEA itself refuses `ct:{name}`, since it stands in an optional union alone");
            let warned = Finding::warning("only-in-optional-union", key.place, text);
            match self.is_strict() {
                true => self.findings.push(warned),
                false => self.error("unused-custom-type", key.place, warned.text),
            }
        } else if !acts.found_by_aea.contains(name) && !acts.may_use(name) {
            let text = format!("no content has the custom type `ct:{}`", short(name));
            let hint = "take it out; a type that another one needs is nested in that one";
            self.findings.push(Finding::error("unused-custom-type", key.place, text).hint(hint));
        }
        let Some(scalar) = value.scalar().filter(|_| value.text().is_some()) else {
            let text = format!("the fields of `ct:{name}` must be a text, not {}", value.told());
            self.strict(Finding::error("wrong-type", value.place, text).hint("begin it with `|`"));
            types.insert(name.to_owned(), String::new());
            return;
        };
        let blank = scalar.text.len() - scalar.text.trim_start_matches('\n').len();
        let fields =
            Fields { name: key.place, place: value.place, block_after: scalar.is_block.then_some(blank) };
        self.places.custom_types.insert(name.to_owned(), fields);
        types.insert(name.to_owned(), scalar.text.clone());
    }

    fn first_use(&self, acts: &SpeechActs, name: &str) -> Place {
        let uses =
            acts.performatives.iter().flat_map(|act| act.contents.iter().map(move |content| (act, content)));
        let mut uses = uses.filter(|(_, content)| {
            content
                .content_type
                .alternatives()
                .iter()
                .any(|element| matches!(element, Element::Custom(custom) if custom == name))
        });
        let found = uses.next().map(|(act, content)| self.places.content_type(&act.name, &content.name));
        found.unwrap_or_default()
    }
}
