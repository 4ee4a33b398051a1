//! Names that cannot be told apart, or used, in what is generated from a specification.

use std::collections::HashMap;

use crate::finding::{Finding, Place};
use crate::proto_schema::fields::{self, json_name};
use crate::proto_schema::performative_message;
use crate::reading::Places;
use crate::specification::{Content, Element, Performative, Specification};

/// Python's, of which AEA makes attributes and fields.
const KEYWORDS: [&str; 35] = [
    "False", "None", "True", "and", "as", "assert", "async", "await", "break", "class", "continue", "def",
    "del", "elif", "else", "except", "finally", "for", "from", "global", "if", "import", "in", "is",
    "lambda", "nonlocal", "not", "or", "pass", "raise", "return", "try", "while", "with", "yield",
];

/// Contents that stand in for something AEA's code uses itself: found by generating and running it.
const USED_BY_CODE: [&str; 23] = [
    "CopyFrom",
    "DialogueMessage",
    "Performative",
    "ProtobufMessage",
    "cast",
    "dialogue_message_pb",
    "encode",
    "get",
    "has_sender",
    "has_to",
    "is_set",
    "message_pb",
    "msg",
    "performative_content",
    "property",
    "protocol_id",
    "protocol_specification_id",
    "sender",
    "serializer",
    "set",
    "str",
    "to",
    "valid_performatives",
];

/// The same, where it is a set, a list, a dict or a union.
const USED_FOR_COLLECTIONS: [&str; 12] = [
    "Dict",
    "FrozenSet",
    "Tuple",
    "all",
    "dict",
    "enforce",
    "frozenset",
    "int",
    "isinstance",
    "len",
    "tuple",
    "type",
];

/// The same, where it is optional.
const USED_FOR_OPTIONALS: [&str; 9] = [
    "actual_nb_of_contents",
    "all",
    "bool",
    "bytes",
    "enforce",
    "expected_nb_of_contents",
    "float",
    "len",
    "type",
];

/// The same, where the protocol has some other contents.
const USED_BESIDE_OTHERS: [&str; 10] =
    ["Dict", "FrozenSet", "Optional", "Tuple", "Union", "dict", "frozenset", "int", "isinstance", "tuple"];

/// The same, where AEA keeps dialogues, or a program asks for what is called so.
const USED_SELDOM: [&str; 4] = ["decode", "from_json", "has_dialogue_info", "json"];

/// Performatives that stand in for a method of protobuf's messages.
const USED_BY_PROTOBUF: [&str; 3] = ["ParseFromString", "SerializeToString", "WhichOneof"];

/// Custom types that stand in for something AEA's code uses itself.
const USED_AS_TYPES: [&str; 8] = [
    "DESCRIPTOR",
    "DialogueMessage",
    "Message",
    "ParseFromString",
    "ProtobufMessage",
    "SerializeToString",
    "Set",
    "WhichOneof",
];

/// AEA's generator takes a type whose name begins so for one of Python's, and fails.
const TAKEN_FOR_PYTHONS: [&str; 5] = ["Dict", "FrozenSet", "Optional", "Tuple", "Union"];

pub(super) fn check(specification: &Specification, places: &Places, findings: &mut Vec<Finding>) {
    protocol(&specification.name, places.name, findings);
    for name in specification.custom_types.keys() {
        custom_type(specification, name, places.custom_type_name(name), findings);
    }
    for performative in &specification.speech_acts {
        let place = places.performative(&performative.name);
        keyword(&performative.name, "performative", place, findings);
        if USED_BY_PROTOBUF.contains(&performative.name.as_str()) {
            used_by_code("performative", &performative.name, place, findings);
        }
        contents(specification, performative, places, findings);
    }
    performatives(specification, places, findings);
    if let Some(dialogue) = &specification.dialogue {
        constants(&dialogue.roles, "role", &places.roles, findings);
        constants(&dialogue.end_states, "end state", &places.end_states, findings);
    }
    if specification.description.contains("\"\"\"") || specification.description.ends_with(['"', '\\']) {
        let text = "AEA puts the description between three quotes, which it ends";
        findings.push(Finding::warning("description", places.description, text));
    }
}

/// The name of modules and of a file.
fn protocol(name: &str, place: Place, findings: &mut Vec<Finding>) {
    keyword(name, "protocol", place, findings);
    let module = format!("{name}_pb2");
    let text = match name {
        "base" => "a protocol cannot be called `base`: AEA has a schema of that name already".to_owned(),
        _ if module.starts_with("__") => {
            format!("a protocol cannot be called `{name}`: AEA's classes hide modules that begin with `__`")
        }
        _ => return,
    };
    findings.push(Finding::error("reserved-name", place, text).hint("call it something else"));
}

fn custom_type(specification: &Specification, name: &str, place: Place, findings: &mut Vec<Finding>) {
    let shown = format!("ct:{name}");
    let message = specification.message_name();
    let named_after = message.strip_suffix("Message").and_then(|protocol| name.strip_prefix(protocol));
    let is_class = matches!(named_after, Some("Message" | "Serializer"));
    if KEYWORDS.contains(&name) {
        let text =
            format!("a custom type cannot be called `{shown}`, a word of Python that AEA's code breaks on");
        findings.push(Finding::error("reserved-name", place, text));
    } else if USED_AS_TYPES.contains(&name) || is_class {
        used_by_code("custom type", &shown, place, findings);
    } else if let Some(begin) = TAKEN_FOR_PYTHONS.into_iter().find(|begin| name.starts_with(begin)) {
        let text = format!(
            "`{shown}` begins with `{begin}`, and AEA's generator takes it for that type of Python's"
        );
        findings.push(Finding::error("reserved-name", place, text).hint("let its name begin otherwise"));
    }
}

fn keyword(name: &str, what: &str, place: Place, findings: &mut Vec<Finding>) {
    if KEYWORDS.contains(&name) {
        let text = format!("a {what} cannot be called `{name}`, a word of Python that AEA's code breaks on");
        findings.push(Finding::error("reserved-name", place, text));
    }
}

fn used_by_code(what: &str, name: &str, place: Place, findings: &mut Vec<Finding>) {
    let text = format!("a {what} cannot be called `{name}`, which AEA's code uses for something else");
    findings.push(Finding::error("reserved-name", place, text));
}

/// The fields of one performative's message.
fn contents(
    specification: &Specification,
    performative: &Performative,
    places: &Places,
    findings: &mut Vec<Finding>,
) {
    let (mut by_name, mut by_json) = (HashMap::new(), HashMap::new());
    for field in fields::fields(&performative.contents) {
        let (name, content) = (field.name, field.content.name.as_str());
        let place = places.content_name(&performative.name, content);
        let json = json_name(&name);
        let same = by_name.insert(name.clone(), content);
        let same_json = by_json.insert(json.clone(), content);
        let text = match (same, same_json) {
            // Twice the same alternative, which is told of elsewhere.
            (Some(other), _) | (None, Some(other)) if other == content => continue,
            (Some(other), _) => format!("contents `{other}` and `{content}` both need the field `{name}`"),
            (None, Some(other)) => {
                format!(
                    "protobuf cannot tell contents `{other}` and `{content}` apart, which are both `{json}` in JSON"
                )
            }
            (None, None) => continue,
        };
        findings.push(Finding::error("clash", place, text).hint("call one of them something else"));
    }
    for content in &performative.contents {
        let place = places.content_name(&performative.name, &content.name);
        keyword(&content.name, "content", place, findings);
        standing_in(specification, content, place, findings);
        if !content.name.starts_with(|first: char| first.is_ascii_alphabetic()) {
            let text = format!("a field of protobuf cannot be called `{}`", content.name);
            findings.push(Finding::error("bad-name", place, text).hint("begin it with a letter"));
        } else if content.name.ends_with('\n') {
            let text = "the name of a content ends with a line end";
            findings.push(Finding::error("bad-name", place, text).hint("take it out"));
        }
    }
}

/// A content whose name AEA's code gives to something else, which matters always, or by its type or what stands beside it.
fn standing_in(specification: &Specification, content: &Content, place: Place, findings: &mut Vec<Finding>) {
    let (name, protocol) = (content.name.as_str(), specification.name.as_str());
    let used_in = |names: &[&str]| names.contains(&name);
    let made_of_protocol = |end: &str| name.strip_prefix(protocol) == Some(end);
    let is_custom_type = |name: &str| specification.custom_types.contains_key(name);
    let plain = |element: &Element| matches!(element, Element::Primitive(_) | Element::Custom(_));
    let simple = !content.content_type.is_union() && content.content_type.alternatives().iter().all(plain);
    let mut contents = specification.speech_acts.iter().flat_map(|act| &act.contents);
    if used_in(&USED_BY_CODE)
        || made_of_protocol("_msg")
        || made_of_protocol("_pb2")
        || name == specification.message_name()
    {
        used_by_code("content", name, place, findings);
    } else if !simple && used_in(&USED_FOR_COLLECTIONS) {
        used_by_code("collection or union", name, place, findings);
    } else if content.content_type.is_optional()
        && (used_in(&USED_FOR_OPTIONALS) || name.strip_prefix("Custom").is_some_and(is_custom_type))
    {
        used_by_code("content that is optional", name, place, findings);
    } else if used_in(&USED_SELDOM) {
        let text = format!("AEA's code uses `{name}` for something else, and cannot keep its dialogues");
        findings.push(Finding::warning("reserved-name", place, text).hint("call it something else"));
    } else if (used_in(&USED_BESIDE_OTHERS) || made_of_protocol("_pb") || is_custom_type(name))
        && contents.any(|other| other.name != name)
    {
        let text =
            format!("AEA's code uses `{name}` for something else, and breaks on some contents beside it");
        findings.push(Finding::warning("reserved-name", place, text).hint("call it something else"));
    }
}

/// The messages and fields of the protocol's message, and AEA's constants.
fn performatives(specification: &Specification, places: &Places, findings: &mut Vec<Finding>) {
    let mut known: HashMap<String, &str> = HashMap::new();
    for performative in &specification.speech_acts {
        let name = performative.name.as_str();
        let place = places.performative(name);
        if specification.custom_types.contains_key(name) {
            let text =
                format!("protobuf cannot tell the performative `{name}` from the custom type `ct:{name}`");
            findings.push(Finding::error("clash", place, text).hint("call one of them something else"));
        }
        // A performative's own three differ from one another, so each kind has its mark.
        let keys = [
            format!("const {}", name.to_uppercase()),
            format!("json {}", json_name(name)),
            format!("message {}", performative_message(name)),
        ];
        let mut other = None;
        for key in keys {
            other = known.insert(key, name).or(other);
        }
        if let Some(other) = other {
            let text = format!("the performatives `{other}` and `{name}` are one name in generated code");
            findings.push(Finding::error("clash", place, text).hint("call one of them something else"));
        }
    }
}

/// Roles and end states, of which constants are made.
fn constants(names: &[String], what: &str, places: &[Place], findings: &mut Vec<Finding>) {
    let mut known: HashMap<String, &str> = HashMap::new();
    for (position, name) in names.iter().enumerate() {
        let place = places.get(position).copied().unwrap_or(Place::START);
        if let Some(other) = known.insert(name.to_uppercase(), name) {
            let text = format!("the {what}s `{other}` and `{name}` are one name in generated code");
            findings.push(Finding::error("clash", place, text).hint("call one of them something else"));
        }
        if !name.starts_with(|first: char| first.is_ascii_alphabetic()) || name.ends_with('\n') {
            let text = format!("no {what} in generated code can be called `{}`", name.trim_end());
            findings.push(
                Finding::error("bad-name", place, text)
                    .hint("begin it with a letter, and end it with one or a digit"),
            );
        }
    }
}
