//! What protobuf says of the schema, told of the author's own lines.

use crate::finding::{Finding, Place};
use crate::proto_schema::{ProtoSchema, compiled};
use crate::reading::Places;
use crate::specification::Specification;

pub(super) fn check(specification: &Specification, places: &Places, findings: &mut Vec<Finding>) {
    if specification.id.version.contains(['-', '+']) {
        let text = "AEA's generator makes no protobuf package of a version with `-` or `+`";
        findings.push(Finding::warning("bad-version", places.id, text));
    }
    let schema = ProtoSchema::of(specification);
    if let Err(broken) = compiled::compile(specification, &schema) {
        let found = broken.at.and_then(|at| in_custom_type(at, &schema, places));
        let (of, place) = match found {
            Some((name, place)) => (format!("the fields of `ct:{name}`"), place),
            None => ("the schema of this specification".to_owned(), Place::START),
        };
        findings.push(Finding::error("protobuf", place, format!("protobuf refuses {of}: {}", broken.text)));
    }
}

/// In whose fields the byte of the schema stands, and where these lines are in the specification.
fn in_custom_type<'a>(at: usize, schema: &'a ProtoSchema, places: &Places) -> Option<(&'a str, Place)> {
    // What lacks an end is told of at the bracket after it.
    let (name, range) =
        schema.custom_types.iter().find(|(_, range)| at >= range.start && at <= range.end + 4)?;
    let fields = schema.text.get(range.clone())?;
    let mut before = fields.get(..(at - range.start).min(fields.len()))?;
    if at > range.end || before.len() == fields.len() {
        before = before.trim_end();
    }
    Some((name, places.in_custom_type(name, before)))
}
