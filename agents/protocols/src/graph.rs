//! The course of a dialogue as a picture: a state chart in Mermaid's language.
//!
//! A state is the performative that was said last; an arrow leads to what may answer it.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::specification::Specification;

impl Specification {
    /// The dialogue's rules as a state chart for Mermaid, a line each. None where the specification has no dialogue
    /// section.
    pub fn graph(&self) -> Option<String> {
        let rules = self.dialogue.as_ref()?;
        // Words of Mermaid's are names of performatives too, so states have numbers and the names are their labels.
        let states: BTreeMap<&str, String> = self
            .speech_acts
            .iter()
            .zip(1..)
            .map(|(act, number)| (act.name.as_str(), format!("s{number}")))
            .collect();
        let state = |name: &str| states.get(name).map_or("[*]", String::as_str);
        let mut chart =
            format!("---\ntitle: {} ({})\n---\nstateDiagram-v2\n", self.id, rules.roles.join(", "));
        let mut line = |text: String| {
            // Writing to a String cannot fail.
            writeln!(chart, "    {text}").ok();
        };
        for act in &self.speech_acts {
            line(format!("state \"{}\" as {}", act.name, state(&act.name)));
        }
        for first in &rules.initiation {
            line(format!("[*] --> {}", state(first)));
        }
        for act in &self.speech_acts {
            for reply in rules.reply.get(&act.name).into_iter().flatten() {
                line(format!("{} --> {}", state(&act.name), state(reply)));
            }
        }
        for last in &rules.termination {
            line(format!("{} --> [*]", state(last)));
        }
        Some(chart)
    }
}
