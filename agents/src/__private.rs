//! What the macros' code names; no part of the public interface.
//!
//! Everything that generated code needs beside `std` stands here, so that a user depends on one crate.
//! Neighbours: the facade passes this module on; [`begin`](crate::begin) is written for it.

pub use folkmoot_codecs::plain_types::{read_own, write_own};
pub use folkmoot_codecs::{ArgumentList, Arguments, CallError, Never, Serializable};
pub use folkmoot_protocols as protocols;
pub use serde;

pub use crate::begin::{
    Timed, begin_exclusive, begin_exclusive_async, begin_shared, begin_shared_async, decode, end_outcome,
    handler_outcome, hook_exclusive, hook_exclusive_async, hook_shared, hook_shared_async, refuse,
    timer_outcome, watched_context,
};
pub use crate::call::Call;
pub use crate::chain::Mode;
pub use crate::context::{Context, Scope};
pub use crate::describe::{
    AgentDescription, ArgumentDescription, MailDescription, MethodDescription, Probe, WithSchema,
    WithoutSchema,
};
pub use crate::dialogues::incoming::{
    Handles, Incoming, Pending, Taken, describe_messages, dialogue_of, from_said, index_of, is_same_text,
    name_of, take_in,
};
pub use crate::dialogues::take_mailed;
pub use crate::dialogues::{Ended, Handled, HearsEnds, Tell, ended_protocol, next_end};
pub use crate::interface::{
    Again, Agent, Behaviour, CallsOf, HookOutcome, Interface, LocalFuture, MailInfo, Method, MethodInfo,
    Refused, Step, TimerInfo,
};
pub use crate::mail::{
    Answering, MailTurn, MailedMessage, begin_mail_exclusive, begin_mail_exclusive_async, begin_mail_shared,
    begin_mail_shared_async,
};
pub use crate::objects::{
    Below, CallsAt, MethodPath, Object, ObjectOf, Part, Place, Top, Via, count, describe_all, info_at,
    methods, paths,
};
pub use crate::panics::Panic;
pub use crate::proxy::ProxyCore;
pub use crate::reply::{Outcome, Plain, ReplySink, ReplyTo, ResultParts};
pub use crate::snapshot::{KeptField, Persistent, pass_over, read_field, write_field};
