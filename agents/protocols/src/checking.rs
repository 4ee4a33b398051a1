//! What AEA accepts and then breaks on, and what is probably not meant: rules about several parts of a specification.
//!
//! What always holds: rules about what is missing, or follows from several parts, are asked where these parts were read
//! without a mistake, so that no mistake is told twice. Neighbours: [`reading`](crate::reading) has AEA's own rules;
//! here are [`names`], [`turns`] of a dialogue, and [`schema`], what protobuf says.

mod names;
mod schema;
mod turns;

use crate::finding::{Finding, Place, Severity};
use crate::reading::{Places, Sound};
use crate::specification::{ContentType, Element, Primitive, Specification};

/// All that these rules find, in any order; `sound` says which parts were read without a mistake.
pub(crate) fn check(specification: &Specification, places: &Places, sound: Sound) -> Vec<Finding> {
    let mut findings = Vec::new();
    types(specification, places, &mut findings);
    names::check(specification, places, &mut findings);
    turns::check(specification, places, sound, &mut findings);
    // Whose names clash, or what has no form, is said better by the rules before.
    let is_whole = sound.whole && !findings.iter().any(|finding| finding.severity == Severity::Error);
    schema::check(specification, places, is_whole, &mut findings);
    findings
}

/// Types that have no bytes, or more than one reading.
fn types(specification: &Specification, places: &Places, findings: &mut Vec<Finding>) {
    for performative in &specification.speech_acts {
        for content in &performative.contents {
            let place = places.content_type(&performative.name, &content.name);
            for element in content.content_type.alternatives() {
                if let Element::Dict(key @ (Primitive::Bytes | Primitive::Float), _) = element {
                    let text = format!("the keys of a dict cannot be `{key}`, which protobuf refuses");
                    findings
                        .push(Finding::error("map-key", place, text).hint("use pt:str, pt:int or pt:bool"));
                }
            }
            if let ContentType::Union(elements) | ContentType::OptionalUnion(elements) = &content.content_type
            {
                union(elements, place, findings);
            }
        }
    }
}

fn union(elements: &[Element], place: Place, findings: &mut Vec<Finding>) {
    for (position, element) in elements.iter().enumerate() {
        let before = elements.get(..position).unwrap_or_default();
        let text = match element {
            element if before.contains(element) => {
                findings.push(Finding::error(
                    "duplicate",
                    place,
                    format!("`{element}` stands in the union twice"),
                ));
                continue;
            }
            Element::Primitive(Primitive::Bool) if before.contains(&Element::Primitive(Primitive::Int)) => {
                "AEA writes a truth value as `pt:int`, which stands before `pt:bool` in the union"
            }
            Element::Dict(key, _)
                if before.iter().any(|other| matches!(other, Element::Dict(same, _) if same == key)) =>
            {
                "AEA refuses values of the first of two dicts in a union that have the same type of keys"
            }
            _ => continue,
        };
        findings.push(Finding::warning("union", place, text));
    }
}
