//! Dialogues that cannot go where they should: what is never said, and what never ends.

use std::collections::{BTreeMap, BTreeSet};

use crate::finding::Finding;
use crate::reading::{Places, Sound};
use crate::specification::{DialogueRules, Specification};

pub(super) fn check(
    specification: &Specification,
    places: &Places,
    sound: Sound,
    findings: &mut Vec<Finding>,
) {
    let Some(rules) = specification.dialogue.as_ref().filter(|_| sound.names && sound.reply) else {
        return;
    };
    let said = closure(&rules.initiation, &rules.reply);
    let answers = backwards(rules);
    let ending = closure(&rules.termination, &answers);
    for performative in &specification.speech_acts {
        let name = performative.name.as_str();
        let place = places.performative(name);
        if sound.initiation && !said.contains(name) {
            let text = format!(
                "`{name}` is never said: no dialogue begins with it, and it answers nothing that is said"
            );
            findings.push(Finding::warning("unreachable", place, text));
        } else if sound.termination && !ending.contains(name) {
            let text = format!("a dialogue that comes to `{name}` never ends");
            findings.push(Finding::warning("endless", place, text).hint("let something answer that ends it"));
        } else if rules.initiation.iter().any(|first| first == name)
            && rules.termination.iter().any(|last| last == name)
        {
            let text = format!("a dialogue that begins with `{name}` ends with it too: nobody can answer");
            findings.push(Finding::warning("ends-at-once", place, text));
        }
    }
}

/// Those and all that follows them.
fn closure<'a>(from: &'a [String], next: &'a BTreeMap<String, Vec<String>>) -> BTreeSet<&'a str> {
    let mut reached: BTreeSet<&str> = BTreeSet::new();
    let mut waiting: Vec<&str> = from.iter().map(String::as_str).collect();
    while let Some(name) = waiting.pop() {
        if reached.insert(name) {
            waiting.extend(next.get(name).into_iter().flatten().map(String::as_str));
        }
    }
    reached
}

/// What each performative answers.
fn backwards(rules: &DialogueRules) -> BTreeMap<String, Vec<String>> {
    let mut answers: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, replies) in &rules.reply {
        for reply in replies {
            answers.entry(reply.clone()).or_default().push(name.clone());
        }
    }
    answers
}
