//! The form of specifications as a JSON Schema, for editors: what may stand where, told while one writes.
//!
//! It knows one document at a time, so what several say together is left to the check. Neighbours:
//! [`reading`](crate::reading) has the same fields and forms.

use serde_json::{Value, json};

use crate::specification::Specification;

const NAME: &str = "^[a-zA-Z0-9]+(_[a-zA-Z0-9]+)*$";
const PERFORMATIVE: &str = "^[a-zA-Z][a-zA-Z0-9]*(_[a-zA-Z0-9]+)*$";
const IDENTIFIER: &str = "[a-zA-Z_][a-zA-Z0-9_]{0,127}";
const VERSION: &str = r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9a-zA-Z.-]+)?(\+[0-9a-zA-Z.-]+)?";

impl Specification {
    /// A JSON Schema of the documents of a specification, for editors. Each document of a file is held against it.
    pub fn json_schema() -> Value {
        json!({
            "$schema": "http://json-schema.org/draft-07/schema#",
            "title": "A document of a protocol's specification",
            "type": ["object", "null"],
            "if": {"anyOf": [{"required": ["initiation"]}, {"required": ["reply"]}, {"required": ["termination"]}]},
            "then": dialogue(),
            "else": {
                "if": {"anyOf": [{"required": ["name"]}, {"required": ["speech_acts"]}]},
                "then": header(),
                "else": custom_types(),
            },
        })
    }
}

fn text(description: &str) -> Value {
    json!({"type": "string", "description": description})
}

fn pattern(description: &str, pattern: &str) -> Value {
    json!({"type": "string", "description": description, "pattern": pattern})
}

fn header() -> Value {
    let (identifier, version) = (format!("^{IDENTIFIER}$"), format!("^{VERSION}$"));
    let id = format!("^{IDENTIFIER}/{IDENTIFIER}:{VERSION}$");
    let contents = json!({
        "type": "object",
        "description": "What it carries, each with its type; {} for nothing.",
        "propertyNames": {"pattern": NAME},
        "additionalProperties": pattern("What it may be.", &type_pattern()),
    });
    json!({
        "additionalProperties": false,
        "required": ["name", "author", "version", "description", "license", "aea_version",
            "protocol_specification_id", "speech_acts"],
        "properties": {
            "name": pattern("The protocol's name.", &identifier),
            "author": pattern("Who wrote it.", &identifier),
            "version": pattern("Of the package, semantic versioning.", &version),
            "description": text("What it is for."),
            "license": text("A licence's name."),
            "aea_version": text("Which versions of AEA it is for, as >=1.0.0, <2.0.0."),
            "protocol_specification_id": pattern("Its name on the wire, author/name:version.", &id),
            "speech_acts": {
                "type": "object",
                "description": "What may be said.",
                "minProperties": 1,
                "propertyNames": {"pattern": PERFORMATIVE},
                "additionalProperties": contents,
            },
        },
    })
}

/// The types of contents, from the outside in.
fn type_pattern() -> String {
    let primitive = "pt:(bytes|int|float|bool|str)";
    let custom = "ct:[A-Z][a-zA-Z0-9]*";
    let element = format!(
        r"({primitive}|{custom}|pt:(set|list)\[ *{primitive} *\]|pt:dict\[ *pt:(int|bool|str) *, *{primitive} *\])"
    );
    let union = format!(r"pt:union\[ *{element}( *, *{element})+ *\]");
    format!(r"^({element}|{union}|pt:optional\[ *({element}|{union}) *\])$")
}

fn custom_types() -> Value {
    json!({
        "description": "The protobuf fields of each custom type.",
        "propertyNames": {"pattern": "^ct:[A-Z][a-zA-Z0-9]*$"},
        "additionalProperties": text("Fields, as they stand in a message of protobuf."),
    })
}

fn dialogue() -> Value {
    let performatives = |description: &str, least: usize| {
        let item = json!({"type": "string", "pattern": PERFORMATIVE});
        json!({"type": "array", "description": description, "items": item, "minItems": least, "uniqueItems": true})
    };
    json!({
        "required": ["initiation", "reply", "termination", "roles", "end_states", "keep_terminal_state_dialogues"],
        "properties": {
            "initiation": performatives("With what a dialogue may begin.", 1),
            "reply": {
                "type": "object",
                "description": "What may answer each performative.",
                "propertyNames": {"pattern": PERFORMATIVE},
                "additionalProperties": performatives("Its replies; none where it ends the dialogue.", 0),
            },
            "termination": performatives("What ends a dialogue: the performatives without replies.", 1),
            "roles": {
                "type": "object",
                "description": "One role or two, written {buyer, seller}.",
                "minProperties": 1,
                "maxProperties": 2,
                "propertyNames": {"pattern": NAME},
            },
            "end_states": {
                "type": "array",
                "description": "How a dialogue may have ended.",
                "items": {"type": "string", "pattern": NAME},
            },
            "keep_terminal_state_dialogues": {
                "type": "boolean",
                "description": "Whether dialogues that have ended are kept.",
            },
        },
    })
}
