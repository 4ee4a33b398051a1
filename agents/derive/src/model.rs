//! What the macros know of an agent once its source is read and found right.
//!
//! Always true: whatever stands here expands without a further check. Neighbours: [`parse`](crate::parse) fills
//! these types in, [`expand`](crate::expand) reads them.

use proc_macro2::Ident;
use syn::{Attribute, ItemFn, Path, Type};

use crate::parse::last_word;

/// An `#[agent] impl` block.
pub(crate) struct Behaviour {
    /// The agent's type.
    pub(crate) ty: Type,
    /// The last segment of that type.
    pub(crate) name: Ident,
    /// The trait of `#[agent] impl Trait for Type`, which holds the exposed methods.
    pub(crate) of_trait: Option<Path>,
    /// The methods marked `#[expose]`.
    pub(crate) exposed: Vec<Exposed>,
    /// The functions that are there, and not exposed.
    pub(crate) unexposed: Vec<Ident>,
    /// The methods marked `#[every]`.
    pub(crate) timers: Vec<Timer>,
    /// The methods marked `#[handles]`, by their protocols.
    pub(crate) handled: Vec<Handled>,
    /// The methods marked `#[on]`.
    pub(crate) mails: Vec<MailHandler>,
    /// The methods marked `#[ended]`.
    pub(crate) ended: Vec<EndHook>,
    /// The functions marked `#[run]`.
    pub(crate) loops: Vec<Loop>,
    /// The methods marked `#[object]`.
    pub(crate) parts: Vec<Part>,
    /// The method marked `#[start]`.
    pub(crate) start: Option<Routine>,
    /// The method marked `#[stop]`.
    pub(crate) stop: Option<Routine>,
}

/// An `#[object] impl` block.
pub(crate) struct ObjectBlock {
    /// The object; it has no timers, loops or hooks.
    pub(crate) model: Behaviour,
    /// The one agent that it may be part of; none for whatever agent.
    pub(crate) agent: Option<Path>,
}

/// An object where its owner has it.
pub(crate) struct Part {
    /// What its owner calls it.
    pub(crate) name: Ident,
    /// Its type.
    pub(crate) ty: Type,
    /// The `#[doc]` and `#[deprecated]` attributes, which the generated call repeats.
    pub(crate) shown: Vec<Attribute>,
    /// The function that borrows it exclusively.
    pub(crate) exclusive: ItemFn,
}

/// An `#[agent]` trait.
pub(crate) struct Contract {
    /// The trait's name.
    pub(crate) name: Ident,
    /// Its methods.
    pub(crate) exposed: Vec<Exposed>,
}

/// How a method uses its agent's state.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// `&self`.
    Shared,
    /// `&mut self`.
    Exclusive,
}

/// How a method is run, whatever marks it.
pub(crate) struct Routine {
    /// Its name.
    pub(crate) name: Ident,
    /// Its receiver.
    pub(crate) mode: Mode,
    /// Whether it is an `async fn`.
    pub(crate) is_async: bool,
    /// What it takes beside `self`.
    pub(crate) parameters: Vec<Parameter>,
}

/// One parameter of a method.
pub(crate) enum Parameter {
    /// `&Context<Self>`.
    Context,
    /// `&Delivery`, or `Delivery`.
    Delivery {
        /// Whether it is taken by value.
        is_owned: bool,
    },
    /// An argument that callers pass.
    Argument(Box<Argument>),
}

/// An argument that callers pass.
pub(crate) struct Argument {
    /// Its name, without `mut`.
    pub(crate) name: Ident,
    /// Its type, without `Self`.
    pub(crate) ty: Type,
}

/// An exposed method.
pub(crate) struct Exposed {
    /// How it is run.
    pub(crate) routine: Routine,
    /// Its `#[doc]` and `#[deprecated]` attributes, which the generated call repeats.
    pub(crate) shown: Vec<Attribute>,
    /// What it returns.
    pub(crate) returns: Returns,
    /// Whether it says that to run it twice is as good as once.
    pub(crate) idempotent: bool,
}

/// What an exposed method returns.
pub(crate) enum Returns {
    /// A value, or `()`: its own error is `Never`.
    Value(Type),
    /// A `Result`, perhaps behind an alias.
    Result(Type),
}

/// A method that the clock calls.
pub(crate) struct Timer {
    /// How it is run.
    pub(crate) routine: Routine,
    /// Time between two turns, in nanoseconds; at least one.
    pub(crate) period_nanos: u64,
}

/// A protocol whose messages an agent takes.
pub(crate) struct Handled {
    /// The type of all its messages.
    pub(crate) protocol: Type,
    /// A method for each performative that is taken.
    pub(crate) handlers: Vec<Handler>,
}

/// A method that is called with the messages of one performative. Its first argument is what was said; its second one,
/// if it has one, the dialogue.
pub(crate) struct Handler {
    /// How it is run.
    pub(crate) routine: Routine,
    /// Its `#[doc]` attributes.
    pub(crate) shown: Vec<Attribute>,
}

impl Handler {
    /// What was said, as the method takes it.
    pub(crate) fn said(&self) -> Option<&Argument> {
        self.routine.arguments().next()
    }
}

/// A method that is called with mail. Its one argument, if it has one, is what the mail says.
pub(crate) struct MailHandler {
    /// How it is run.
    pub(crate) routine: Routine,
    /// Its `#[doc]` attributes.
    pub(crate) shown: Vec<Attribute>,
    /// The kind that it takes; `None` for all that have no method of their own.
    pub(crate) kind: Option<String>,
    /// What it returns: the answer to a request.
    pub(crate) returns: Returns,
}

impl MailHandler {
    /// What the mail says, as the method takes it.
    pub(crate) fn body(&self) -> Option<&Argument> {
        self.routine.arguments().next()
    }
}

/// A method that is told how dialogues in a protocol ended, which is its one argument.
pub(crate) struct EndHook {
    /// The type of all the protocol's messages.
    pub(crate) protocol: Type,
    /// How it is run.
    pub(crate) routine: Routine,
}

/// A loop of its own.
pub(crate) struct Loop {
    /// The function's name.
    pub(crate) name: Ident,
    /// Whether it takes `&Context<Self>`, not `Context<Self>`.
    pub(crate) borrows_context: bool,
}

impl Argument {
    /// Whether it is all that a call brings, known by its type's name.
    pub(crate) fn is_all(&self) -> bool {
        last_word(&self.ty).is_some_and(|word| word == "AllArguments")
    }
}

impl Returns {
    /// The type as it is written.
    pub(crate) fn ty(&self) -> &Type {
        match self {
            Returns::Value(ty) | Returns::Result(ty) => ty,
        }
    }
}

impl Routine {
    /// The arguments that callers pass, in order.
    pub(crate) fn arguments(&self) -> impl Iterator<Item = &Argument> {
        self.parameters.iter().filter_map(|parameter| match parameter {
            Parameter::Argument(argument) => Some(&**argument),
            Parameter::Context | Parameter::Delivery { .. } => None,
        })
    }

    /// Whether its one argument is all that a call brings.
    pub(crate) fn takes_all(&self) -> bool {
        self.arguments().any(|argument| argument.is_all())
    }

    /// Whether it takes a context.
    pub(crate) fn takes_context(&self) -> bool {
        self.parameters.iter().any(|parameter| matches!(parameter, Parameter::Context))
    }
}
