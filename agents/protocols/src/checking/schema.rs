//! What protobuf says of the schema, told of the author's own lines.
//!
//! The compiler stops at the first thing that it cannot read, so what is wrong is taken out and the rest compiled again,
//! until nothing is found. Always true: what only follows from what was taken out is not told. Neighbour: [`mending`]
//! takes out.

mod mending;

use mending::Mending;

use crate::finding::{Finding, Findings, Place};
use crate::proto_schema::{ProtoSchema, compiled};
use crate::reading::Places;
use crate::specification::Specification;

/// How often the rest is compiled again.
const MOST_ROUNDS: usize = 64;

/// How many bytes are compiled in all, where that is less than [`MOST_ROUNDS`]; twice is always looked.
const MOST_BYTES: usize = 4 << 20;

/// `is_whole` says that nothing else is wrong; else only the custom types are looked at.
pub(super) fn check(
    specification: &Specification,
    places: &Places,
    is_whole: bool,
    findings: &mut Vec<Finding>,
) {
    if specification.id.version.contains(['-', '+']) {
        let text = "AEA's generator makes no protobuf package of a version with `-` or `+`";
        findings.push(Finding::warning("bad-version", places.id, text));
    }
    let mut schema = match is_whole {
        true => ProtoSchema::of(specification),
        false => ProtoSchema::of_custom_types(specification),
    };
    let mut mending = Mending::default();
    let (rounds, before) = ((MOST_BYTES / schema.text.len().max(1)).clamp(2, MOST_ROUNDS), findings.len());
    for _ in 0..rounds {
        let Err(broken) = compiled::compile(specification, &schema) else { return };
        let news: Vec<_> =
            broken.into_iter().filter(|broken| !mending.caused(broken)).take(Findings::MOST).collect();
        for broken in &news {
            let found = broken.at.and_then(|at| in_custom_type(at, &schema, places));
            let (of, place) = match found {
                Some((name, place)) => (format!("the fields of `ct:{name}`"), place),
                None => ("the schema of this specification".to_owned(), Place::START),
            };
            let finding =
                Finding::error("protobuf", place, format!("protobuf refuses {of}: {}", broken.text));
            findings.push(match schema.text.len() > compiled::MAX_PLACED_BYTES && broken.at.is_none() {
                true => finding.hint(format!(
                    "its schema has {} bytes; up to {} all mistakes are told, with their places",
                    schema.text.len(),
                    compiled::MAX_PLACED_BYTES
                )),
                false => finding,
            });
        }
        let mut changed = false;
        for broken in &news {
            changed |= mending.take_out(&mut schema, broken);
        }
        if !changed || findings.len() - before > Findings::MOST {
            return;
        }
    }
}

/// In whose fields the byte of the schema stands, and where these lines are in the specification.
fn in_custom_type<'a>(at: usize, schema: &'a ProtoSchema, places: &Places) -> Option<(&'a str, Place)> {
    let (name, range) = schema.custom_type_at(at)?;
    let fields = schema.text.get(range.clone())?;
    let mut before = fields.get(..(at - range.start).min(fields.len()))?;
    if at > range.end || before.len() == fields.len() {
        before = before.trim_end();
    }
    Some((name, places.in_custom_type(name, before)))
}
