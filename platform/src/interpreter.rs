//! Mail of other platforms' agents, which agents here answer as if they had been called.
//!
//! An [`Interpreter`] says what such a mail asks for and how the answer is written; front doors bring theirs, and the platform
//! knows none by itself. Always true: what a mail asks for passes the gate as a call of whoever sent it, and runs in turns
//! as every call does. The answer and the acknowledgement of the mail are one step: a mail that was not answered comes
//! again, so what it asks for is done at least once. Neighbours: [`mailbox`] stands between an agent and its own.

mod mailbox;
mod sink;
mod work;

use std::sync::Arc;

use bytes::Bytes;
use folkmoot_agents::describe::AgentDescription;
use folkmoot_agents::mail::Delivery;
use folkmoot_codecs::{CallError, Codec, Exception, Value};

pub(crate) use mailbox::InterpretedMailbox;

/// How the mail of another platform is read and answered.
///
/// Both functions are called where mail is received, and must not wait for anything.
pub trait Interpreter: Send + Sync + 'static {
    /// What a mail asks of the agent that it came to; `None` where it is none of those that it understands, and so the agent's
    /// own.
    fn read(&self, mail: &Delivery) -> Option<Wish>;

    /// How what came of it is told; `None` where the sender wants no answer.
    fn answer(&self, mail: &Delivery, outcome: &Outcome) -> Option<Reply>;
}

/// What a mail asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Wish {
    /// That an exposed method runs.
    Call {
        /// The method.
        method: String,
        /// The positional arguments: a list, in JSON.
        positional: Bytes,
        /// The arguments by their names: a map, in JSON; `None` where there are none.
        keyword: Option<Bytes>,
    },
    /// What the agent exposes.
    Describe {
        /// The name by which the gate's rules know such a question.
        method: String,
    },
    /// Whether the agent is there.
    Ping,
    /// To stop a call that the same sender asked for.
    Cancel {
        /// The tag of its request.
        tag: u128,
    },
    /// That the agent ends. The gate's rules know it as a call of `shutdown`.
    Shutdown {
        /// Whether its mailbox ends with it, for ever.
        terminate: bool,
    },
    /// Nothing that can be done: it is answered so.
    Refuse(Reply),
}

/// What came of it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Outcome {
    /// The method returned.
    Returned {
        /// The value, in JSON.
        value: Bytes,
    },
    /// The call failed, or was not let in.
    Failed {
        /// Why.
        error: CallError<Value>,
        /// The same as an exception of Python.
        exception: Exception,
    },
    /// What the agent exposes.
    Described(Box<AgentDescription>),
    /// The call was taken back by its sender.
    Cancelled,
    /// There is no such call to take back: it has been answered, or never came.
    NoSuchCall,
    /// It is there, or it was done.
    Done,
}

impl Outcome {
    /// A failure that the platform tells of.
    pub(crate) fn failed(error: CallError) -> Outcome {
        let exception = Exception::from(error.clone());
        Outcome::Failed { error: error.widen(), exception }
    }
}

/// An answer, to be sent to whoever asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// What it is about.
    pub kind: Arc<str>,
    /// How the body is written, where that is to be told.
    pub codec: Option<Codec>,
    /// The content.
    pub body: Bytes,
}
