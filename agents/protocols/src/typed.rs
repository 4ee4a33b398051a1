//! Protocols as Rust types: what code that was generated from a specification is made of.
//!
//! A protocol is an enum of its performatives, which are structs with a field for each content. What always holds: these
//! types write the bytes that the interpreter of the same specification writes, through the same writers and readers.
//! Neighbours: [`rust`](crate::rust) generates the code; [`shape`] and [`kind`] are what its tables name, [`generated`] the
//! tables themselves; [`speaking`] has dialogues in which only what the rules allow compiles.

pub mod generated;
pub mod kind;
mod misread;
pub mod shape;
pub mod speaking;

use std::fmt::Debug;
use std::sync::Arc;

pub use crate::wire::allowance::MAX_MESSAGE_DEPTH;
pub use kind::{Float, Kind};
pub use misread::Misread;
pub use shape::Shape;
#[doc(hidden)]
pub use speaking::Part;
pub use speaking::{
    Answered, Answers, AnyRole, Conversed, Dialogue, Ends, Heard, NoAnswer, OneOf, Opens, Role, Said, SaidBy,
    Says, Spoken, State, Unfit, Unheard, Unsaid,
};

#[doc(hidden)]
pub use crate::{
    __enumeration as enumeration, __fields as fields, __heard as heard, __oneof as oneof,
    __protocol as protocol, __role as role, __rules as rules, __union as union,
};

use crate::body::Contents;
use crate::message::Message;
use crate::protocol::Protocol;
use crate::reading;
use crate::wire::{self, Allowance, DecodeError, Encode, Field, Reading, Sink};

/// All that may be said in a protocol: the enum of its performatives.
pub trait TypedProtocol: Contents + Clone + Debug + PartialEq + Send + Sync + 'static {
    /// `author/name:version`, by which envelopes name it.
    const ID: &'static str;

    /// The specification that the types were made from, ready for messages whose types are not at hand.
    fn specified() -> &'static Arc<Protocol>;
}

/// One kind of message of a protocol, with its contents.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no performative of a protocol",
    note = "`protocol!` makes a struct for each performative of a specification, as `fipa::Cfp`"
)]
pub trait Performative:
    Fields + Into<Self::Protocol> + Clone + Debug + PartialEq + Send + Sync + 'static
{
    /// Whose it is.
    type Protocol: TypedProtocol;
    /// As the specification has it.
    const NAME: &'static str;
    /// Its place among the protocol's performatives, in the order of their numbers.
    const INDEX: u16;

    /// The contents, if it is this that is said.
    ///
    /// # Errors
    /// Something else is said, which is given back.
    fn from_said(said: Self::Protocol) -> Result<Self, Self::Protocol>;
}

/// What has protobuf fields of its own: a performative or a custom type.
pub trait Fields: Sized {
    /// What has come of it while fields are read.
    type Read: Default;

    /// Writes the fields in the order of their numbers.
    fn write<S: Sink>(&self, sink: &mut S);

    /// Takes a field.
    ///
    /// # Errors
    /// What is wrong with it.
    fn take(read: &mut Self::Read, field: Field<'_>, allowance: &mut Allowance) -> Result<(), Misread>;

    /// What came of all fields.
    ///
    /// # Errors
    /// What is missing, or too much.
    fn finish(read: Self::Read, allowance: &Allowance) -> Result<Self, Misread>;

    /// Reads the fields in these bytes, as more of what has come.
    ///
    /// # Errors
    /// What is wrong with them.
    #[inline]
    fn read_on(read: &mut Self::Read, bytes: &[u8], allowance: &mut Allowance) -> Result<(), Misread> {
        let mut fields = wire::Fields::new(bytes);
        while let Some(field) = fields.next_field()? {
            Self::take(read, field, allowance)?;
        }
        Ok(())
    }

    /// Reads all fields.
    ///
    /// # Errors
    /// What is wrong with them.
    #[inline]
    fn read(bytes: &[u8], allowance: &mut Allowance) -> Result<Self, Misread> {
        let mut read = Self::Read::default();
        Self::read_on(&mut read, bytes, allowance)?;
        Self::finish(read, allowance)
    }
}

/// The fields of a message that lies in another.
pub(crate) struct FieldsOf<'a, M>(pub(crate) &'a M);

impl<M: Fields> Encode for FieldsOf<'_, M> {
    #[inline]
    fn write<S: Sink>(&self, sink: &mut S) {
        self.0.write(sink);
    }
}

impl<P: TypedProtocol> Message<P> {
    /// Reads a message of a protocol whose types are at hand. Sender and receiver are not in the bytes.
    ///
    /// # Errors
    /// What is wrong with the bytes, and where.
    pub fn read(bytes: &[u8], reading: Reading) -> Result<Message<P>, DecodeError> {
        Message::decode(P::specified(), bytes, reading)
    }
}

/// The protocol of a specification from which types were generated. It was checked then, and is not checked again.
///
/// # Panics
/// This version of the library cannot read the specification, which an earlier one took: generate the types again.
#[doc(hidden)]
#[must_use]
pub fn protocol_of(specification: &str) -> Arc<Protocol> {
    let refused = |findings: &dyn std::fmt::Display| -> ! {
        panic!(
            "these types are of a specification that cannot be read by now, so generate them again: {findings}"
        )
    };
    match reading::read_again(specification).map(Protocol::new) {
        Ok(Ok(protocol)) => protocol,
        Ok(Err(error)) => refused(&error),
        Err(findings) => refused(&findings),
    }
}
