//! What is wrong with JSON, in the words of this crate rather than of the library that reads it.
//!
//! Neighbour: [`reading`](super::reading) reads.

use serde_json::error::Category;

/// What the library says, without its place and in our words.
pub(super) fn of(error: &serde_json::Error) -> String {
    let told = error.to_string();
    let told = told.rsplit_once(" at line ").map_or(told.as_str(), |(told, _)| told);
    match error.classify() {
        // A list of two with a third: the library has read what it wanted, and finds more.
        Category::Syntax if told == "trailing characters" => {
            "something has no place there: after the end of the message, or after the second of a list of two"
                .to_owned()
        }
        Category::Eof => "the JSON is not whole: it ends too early".to_owned(),
        Category::Syntax | Category::Io => format!("it is no JSON: {told}"),
        Category::Data => of_data(told),
    }
}

fn of_data(told: &str) -> String {
    if let Some(field) = told.strip_prefix("missing field ") {
        return format!("the field {field} is missing");
    }
    if let Some(field) = told.strip_prefix("duplicate field ") {
        return format!("the field {field} stands there twice");
    }
    if let Some((field, known)) =
        told.strip_prefix("unknown field ").and_then(|rest| rest.split_once(", expected "))
    {
        let known = known.strip_prefix("one of ").unwrap_or(known);
        return format!("there is no field {field}; the fields are {known}");
    }
    let found = ["invalid type: ", "invalid value: "].into_iter().find_map(|kind| told.strip_prefix(kind));
    if let Some((found, wanted)) = found.and_then(|rest| rest.split_once(", expected ")) {
        return format!("there must be {}, not {found}", in_words(wanted));
    }
    if let Some((length, wanted)) =
        told.strip_prefix("invalid length ").and_then(|rest| rest.split_once(", expected "))
    {
        return format!("there must be {}, not {length} of them", in_words(wanted));
    }
    told.to_owned()
}

/// What was wanted, where the library has the names of Rust's types.
fn in_words(wanted: &str) -> &str {
    match wanted {
        "i32" => "an integer of 32 bits",
        "a tuple of size 2" => "a list of two",
        "a sequence" => "a list",
        "a boolean" => "true or false",
        "a string" => "a text",
        "struct Line" => "an object with a message\'s fields",
        "struct Tagged" => "an object that says what the value is, as {\"int\": 5}",
        other => other,
    }
}
