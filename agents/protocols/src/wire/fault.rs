//! Why bytes are no message.
//!
//! What always holds: an error is one pointer wide, names the performative and the content where it knows them, and
//! quotes no text that a peer chose. Neighbours: [`super::reading`] raises these, `body` and `message` say where.

use std::fmt;

/// Bytes that are no message of the protocol, or no envelope.
#[derive(Clone, PartialEq, Eq)]
pub struct DecodeError(Box<Wrong>);

#[derive(Clone, PartialEq, Eq)]
struct Wrong {
    place: String,
    fault: Fault,
}

/// What is wrong with bytes, apart from where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// A field promises more bytes than there are.
    #[error("the bytes end inside a field; send the whole message")]
    Truncated,
    /// More than ten bytes of a number.
    #[error("a number is longer than ten bytes; these bytes are no protobuf")]
    LongVarint,
    /// A field's key names no field, or no kind of value.
    #[error("a field has the key {0}, which no field can have; these bytes are no protobuf")]
    BadKey(u64),
    /// The end of a group that nobody began, or a group without its end.
    #[error("a group of fields begins or ends alone; these bytes are no protobuf")]
    LoneGroup,
    /// Groups within groups.
    #[error(
        "groups of fields lie deeper than {} in one another; send fewer levels",
        super::reading::MAX_GROUP_DEPTH
    )]
    TooDeep,
    /// Messages within messages.
    #[error("messages lie deeper than {0} in one another; send fewer levels")]
    MessagesTooDeep(usize),
    /// A field that is known, with a value of another kind.
    #[error(
        "field {number} holds {found}, its type is written as {wanted}; does the sender have the same specification?"
    )]
    WrongKind {
        /// The field's number.
        number: u32,
        /// What came.
        found: Kind,
        /// What is written for its type.
        wanted: Kind,
    },
    /// Text that is not UTF-8.
    #[error("a text is not UTF-8; send bytes as pt:bytes")]
    NotUtf8,
    /// A field that the specification does not have.
    #[error("field {0} is not in the specification; does the sender have the same version of it?")]
    UnknownField(u32),
    /// A field that may stand once came again.
    #[error("field {0} stands there more than once")]
    Repeated(u32),
    /// A number that its type cannot hold.
    #[error("field {0} holds a number that its type cannot hold")]
    OutOfRange(u32),
    /// The bytes hold a message in the form of AEA before version 1, or none.
    #[error("there is no dialogue message in the bytes; AEA's form before 1.0 is not read")]
    NoDialogueMessage,
    /// Nothing is said.
    #[error(
        "no performative of the protocol is in the message; does the sender have the same specification?"
    )]
    NoPerformative,
    /// A performative by a number that the specification does not have.
    #[error(
        "the performative has the number {0}, which the specification does not have; is it the same version?"
    )]
    UnknownPerformative(u32),
    /// More than one performative.
    #[error("more than one performative is in the message")]
    SeveralPerformatives,
    /// A content that must be there is not.
    #[error("the content is missing")]
    MissingContent,
    /// A union with more than one alternative.
    #[error("more than one alternative of the union is set")]
    SeveralAlternatives,
    /// A value whose flag is not set.
    #[error("field {0} has a value, but the flag that says so is not set")]
    Unflagged(u32),
    /// A set holds an element twice.
    #[error("the set holds an element twice")]
    DuplicateElement,
    /// A dict holds a key twice.
    #[error("the dict holds a key twice")]
    DuplicateKey,
    /// A custom type whose bytes are no message of it.
    #[error("the bytes are no message of the custom type")]
    BadCustom,
    /// More bytes than are read.
    #[error("{bytes} bytes are more than the limit of {limit}; send less or raise max_bytes")]
    TooLong {
        /// How many came.
        bytes: usize,
        /// How many are read.
        limit: usize,
    },
    /// More elements of sets, lists and dicts than are read.
    #[error("more than {0} elements are in sets, lists and dicts; send less or raise max_elements")]
    TooManyElements(usize),
    /// An address that an envelope cannot bear.
    #[error("the addresses are one of an agent and one of a component; both must be of the same kind")]
    MixedAddresses,
    /// What names the protocol is not `author/name:version`.
    #[error("the protocol's id is not of the form author/name:version")]
    BadProtocolId,
    /// The protocol of an envelope is another one.
    #[error("the envelope holds a message of another protocol")]
    OtherProtocol,
    /// A context where there can be none.
    #[error("an envelope between components has a URI; it must have none")]
    UriBetweenComponents,
}

/// How a field's value is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// An integer or a bool.
    Varint,
    /// Eight bytes.
    Fixed64,
    /// Text, bytes, a message, or several numbers.
    Bytes,
    /// A group, which proto3 does not have.
    Group,
    /// A float.
    Fixed32,
}

impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Kind::Varint => "a varint",
            Kind::Fixed64 => "eight bytes",
            Kind::Bytes => "a length and bytes",
            Kind::Group => "a group",
            Kind::Fixed32 => "four bytes",
        })
    }
}

impl From<Fault> for DecodeError {
    #[cold]
    fn from(fault: Fault) -> DecodeError {
        DecodeError(Box::new(Wrong { place: String::new(), fault }))
    }
}

impl DecodeError {
    /// The fault at a place of the specification, as `propose.proposal`.
    #[cold]
    pub fn at(place: impl Into<String>, fault: Fault) -> DecodeError {
        DecodeError(Box::new(Wrong { place: place.into(), fault }))
    }

    /// Where, as `propose.proposal`; empty where it is no content's.
    pub fn place(&self) -> &str {
        &self.0.place
    }

    /// What is wrong.
    pub fn fault(&self) -> Fault {
        self.0.fault
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.place() {
            "" => write!(formatter, "{}", self.0.fault),
            place => write!(formatter, "{place}: {}", self.0.fault),
        }
    }
}

impl fmt::Debug for DecodeError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("DecodeError")
            .field("place", &self.0.place)
            .field("fault", &self.0.fault)
            .finish()
    }
}

impl std::error::Error for DecodeError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        None
    }
}
