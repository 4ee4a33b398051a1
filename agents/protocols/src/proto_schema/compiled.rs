//! The descriptors of a protocol's schema, or why it has none.
//!
//! What always holds: the authors' fields stay within their own message, and nest no deeper than the compiler's
//! recursion is fit for. Neighbour: [`super`] makes the text.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use miette::Diagnostic;
use protox::Compiler;
use protox::file::{File, FileResolver};
use protox::prost_reflect::{EnumDescriptor, MessageDescriptor};

use super::ProtoSchema;
use crate::custom_type::describing::path;
use crate::specification::Specification;

/// Braces, brackets and angles of a custom type may stand so deep in each other.
const MAX_DEPTH: usize = 24;

/// Up to so many bytes a schema's errors are told with their places. The compiler goes through the text anew for each,
/// so a larger schema with an error on every line would take minutes.
pub(crate) const MAX_PLACED_BYTES: usize = 64 << 10;

/// Why a schema is none.
pub(crate) struct Broken {
    /// What the compiler says.
    pub(crate) text: String,
    /// Where in [`ProtoSchema::text`], in bytes.
    pub(crate) at: Option<usize>,
    /// What is wrong there.
    pub(crate) part: Part,
}

/// What of a custom type is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// The statement at that place.
    Statement,
    /// The statement that should have ended before that place.
    StatementBefore,
    /// The line at that place.
    Line,
    /// All from that place on, for nobody knows where its parts begin and end.
    Rest,
    /// What it means, though it is well-formed.
    Meaning,
}

/// The one message of the schema.
///
/// # Errors
/// What protobuf refuses, as far as it looks at once; at least one thing.
pub(crate) fn compile(
    specification: &Specification,
    schema: &ProtoSchema,
) -> Result<MessageDescriptor, Vec<Broken>> {
    let texts = schema.custom_types.values();
    let unclosed = texts.filter_map(|range| {
        within_itself(schema.text.get(range.clone()).unwrap_or_default(), range.start).err()
    });
    all_right(unclosed.collect())?;
    let name = "protocol.proto";
    if schema.text.len() > MAX_PLACED_BYTES {
        let mut compiler =
            Compiler::with_file_resolver(InMemory { text: schema.text.clone(), placed: false });
        compiler.open_file(name).map_err(|error| told(&error))?;
    }
    let mut compiler = Compiler::with_file_resolver(InMemory { text: schema.text.clone(), placed: true });
    compiler.include_source_info(true);
    if let Err(error) = compiler.open_file(name) {
        return Err(told(&error));
    }
    let whole = format!("{}.{}", specification.proto_package(), specification.message_name());
    let message = compiler.descriptor_pool().get_message_by_name(&whole);
    let message = message.ok_or_else(|| {
        vec![Broken { text: format!("it has no message `{whole}`"), at: None, part: Part::Meaning }]
    })?;
    let customs = message.child_messages();
    let customs = customs.filter(|child| specification.custom_types.contains_key(child.name()));
    all_right(
        customs.flat_map(|child| other_than_custom_types(&child, specification, schema, &message)).collect(),
    )?;
    Ok(message)
}

fn all_right(broken: Vec<Broken>) -> Result<(), Vec<Broken>> {
    if broken.is_empty() { Ok(()) } else { Err(broken) }
}

/// What the compiler says: of what cannot be parsed the first, for the others may follow from that.
fn told(error: &protox::Error) -> Vec<Broken> {
    let one = |error: &dyn Diagnostic| {
        // Of two places the later one is the one that cannot stay.
        let at = error.labels().and_then(|labels| labels.map(|label| label.offset()).max());
        let text = error.to_string();
        let part = match text.starts_with("expected ';'") {
            true => Part::StatementBefore,
            false => Part::Statement,
        };
        Broken { text, at, part }
    };
    let others = error.related().filter(|_| !error.is_parse()).into_iter().flatten();
    let mut told: BTreeMap<Option<usize>, Broken> = BTreeMap::new();
    for broken in std::iter::once(one(error)).chain(others.map(one)) {
        // One that is there twice clashes in each of its forms.
        match told.entry(broken.at) {
            Entry::Vacant(place) => drop(place.insert(broken)),
            Entry::Occupied(mut known) if broken.text.ends_with("is defined twice") => {
                drop(known.insert(broken));
            }
            Entry::Occupied(_) => {}
        }
    }
    told.into_values().collect()
}

/// A field of a custom type cannot hold a message of the protocol itself, nor a performative's.
fn other_than_custom_types(
    custom: &MessageDescriptor,
    specification: &Specification,
    schema: &ProtoSchema,
    protocol: &MessageDescriptor,
) -> Vec<Broken> {
    let mut broken = Vec::new();
    let mut within = vec![custom.clone()];
    while let Some(message) = within.pop() {
        for field in message.fields() {
            let kind = field.kind();
            let named = kind.as_message().map(MessageDescriptor::full_name);
            let named = named.or(kind.as_enum().map(EnumDescriptor::full_name));
            let outermost = |name: &str| path(name, protocol)?.into_iter().next();
            if let Some(name) = named
                && !outermost(name).is_some_and(|outer| specification.custom_types.contains_key(&outer))
            {
                let text = format!("the field `{}` holds `{name}`, which is no custom type", field.name());
                let at = schema.custom_types.get(custom.name()).map(|range| range.start);
                broken.push(Broken { text, at, part: Part::Meaning });
            }
        }
        within.extend(message.child_messages());
    }
    broken
}

/// Nothing but the schema: what it imports is not there.
struct InMemory {
    text: String,
    /// Whether errors are told with their places.
    placed: bool,
}

impl FileResolver for InMemory {
    fn open_file(&self, name: &str) -> Result<File, protox::Error> {
        match name {
            "protocol.proto" => {
                let file = File::from_source(name, &self.text)?;
                if self.placed {
                    return Ok(file);
                }
                let mut unplaced = file.file_descriptor_proto().clone();
                unplaced.source_code_info = None;
                Ok(File::from_file_descriptor_proto(unplaced))
            }
            _ => Err(protox::Error::file_not_found(name)),
        }
    }
}

/// Whether each bracket closes within the text, and none before it opens: otherwise the text would end its own message.
fn within_itself(text: &str, offset: usize) -> Result<(), Broken> {
    let mut open: Vec<(usize, u8)> = Vec::new();
    let broken = |at: usize, told: &str, part: Part| {
        Err(Broken { text: told.to_owned(), at: Some(offset + at), part })
    };
    let mut rest = text.bytes().enumerate().peekable();
    while let Some((at, byte)) = rest.next() {
        match byte {
            b'"' | b'\'' => {
                // A backslash takes the next byte with it.
                let mut ended = false;
                while let Some((_, next)) = rest.next() {
                    match next {
                        b'\\' => drop(rest.next()),
                        b'\n' => break,
                        _ if next == byte => {
                            ended = true;
                            break;
                        }
                        _ => {}
                    }
                }
                if !ended {
                    return broken(at, "the quotes that open here do not close in this line", Part::Line);
                }
            }
            b'/' if rest.next_if(|(_, next)| *next == b'/').is_some() => {
                while rest.next_if(|(_, next)| *next != b'\n').is_some() {}
            }
            b'/' if rest.next_if(|(_, next)| *next == b'*').is_some() => {
                let mut star = false;
                loop {
                    match rest.next() {
                        Some((_, b'/')) if star => break,
                        Some((_, next)) => star = next == b'*',
                        None => return broken(at, "the comment that begins here does not end", Part::Rest),
                    }
                }
            }
            b'{' | b'[' => {
                open.push((at, byte));
                if open.len() > MAX_DEPTH {
                    return broken(at, "brackets stand too deep in each other", Part::Rest);
                }
            }
            b'}' | b']' => {
                let opened = if byte == b'}' { b'{' } else { b'[' };
                if open.pop().is_none_or(|(_, open)| open != opened) {
                    return broken(at, "this bracket closes what was not opened", Part::Line);
                }
            }
            _ => {}
        }
    }
    match open.pop() {
        Some((at, _)) => broken(at, "this bracket is not closed", Part::Rest),
        None => Ok(()),
    }
}
