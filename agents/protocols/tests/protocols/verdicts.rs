//! What AEA accepts is accepted leniently, and nothing else: over recorded verdicts of the real package.
//!
//! Neighbours: `tests/aea/verdicts.py` recorded them, `.ci/live` compares them with AEA's anew.

use std::collections::BTreeMap;

use folkmoot_protocols::Specification;
use serde_json::Value;

const VERDICTS: &str = include_str!("../fixtures/aea/verdicts.txt");

/// The case's specification: its edits made one after the other, counted in characters.
fn text(case: &Value, specifications: &BTreeMap<&str, &str>) -> String {
    let (name, edits) = case.as_array().unwrap().split_first().unwrap();
    let mut text: Vec<char> = specifications[name.as_str().unwrap()].chars().collect();
    for edit in edits {
        let at = |index: usize| usize::try_from(edit[index].as_u64().unwrap()).unwrap().min(text.len());
        let (from, to) = (at(0), at(1));
        text.splice(from..to, edit[2].as_str().unwrap().chars());
    }
    text.into_iter().collect()
}

#[test]
fn what_aea_accepts_is_accepted_leniently_and_nothing_else() {
    let mut specifications: BTreeMap<&str, &str> = Specification::shipped_names()
        .map(|name| (name, Specification::shipped_text(name).unwrap()))
        .collect();
    specifications.insert("every_type", include_str!("../fixtures/every_type.yaml"));
    let (mut accepted, mut others) = (0, Vec::new());
    for line in VERDICTS.lines().filter(|line| !line.starts_with('#')) {
        let (verdict, case) = line.split_once(' ').unwrap();
        let text = text(&serde_json::from_str(case).unwrap(), &specifications);
        let ours = Specification::read_lenient(&text);
        accepted += usize::from(verdict == "accepted");
        if ours.is_ok() != (verdict == "accepted") {
            others.push(format!(
                "AEA: {line}\nhere: {}",
                ours.map_or_else(|findings| findings.to_string(), |_| "accepted".into())
            ));
        }
        // One thing can be used here though AEA refuses it, which a warning says.
        let strict = Specification::read(&text);
        let known = |code: &str| {
            strict.as_ref().is_ok_and(|(_, warnings)| warnings.iter().any(|one| one.code == code))
        };
        if strict.is_ok() && verdict == "refused" && !known("only-in-optional-union") {
            others.push(format!("AEA refuses what is accepted strictly: {line}"));
        }
    }
    assert!(accepted > 300, "{accepted} accepted");
    assert!(others.is_empty(), "{} of them otherwise\n{}", others.len(), others.join("\n"));
}
