//! Why a call failed: one enum, whoever is at fault.
//!
//! `E` is the error of the called method itself; every other variant is Folkmoot's. Each variant has a fixed
//! code on the wire (`codecs/WIRE.md` holds the table). Neighbours: `exception` writes and reads these.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The error type of a method that cannot fail by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Never {}

impl fmt::Display for Never {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {}
    }
}

impl std::error::Error for Never {}

/// Why a call failed.
///
/// `may_have_run` says whether the method may have been started before the failure: where it is `false`, calling
/// again is safe. To serde it is an enum whose variants are named by their codes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum CallError<E = Never> {
    /// The method ran and returned its own error.
    Agent(E),
    /// No agent of that name lives there.
    NoSuchAgent {
        /// The name that was asked for.
        agent: String,
        /// The name that lives there and looks most like it.
        nearest: Option<String>,
    },
    /// Agents of that name live on several of the nodes that have joined.
    Ambiguous {
        /// The name that was asked for.
        agent: String,
        /// The nodes, sorted.
        nodes: Vec<String>,
    },
    /// A group has not got the members that it needs.
    TooFewMembers {
        /// The group, such as `the agents of type "Pump"`.
        group: String,
        /// How many it has.
        members: usize,
        /// How many it needs.
        needed: usize,
    },
    /// The agent exposes no method of that name.
    NoSuchMethod {
        /// The agent.
        agent: String,
        /// The name that was asked for.
        method: String,
        /// The exposed name that looks most like it.
        nearest: Option<String>,
    },
    /// The arguments do not fit the method.
    BadArguments {
        /// The method; empty where the request is too wrong to name one.
        method: String,
        /// Path to the wrong value, such as `amount` or `orders[2].price`; empty where the list itself is wrong.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The gate refused the call.
    Denied {
        /// The rule, or the lack of one, that refused.
        reason: String,
    },
    /// The deadline passed.
    DeadlineExceeded {
        /// The time the call was given.
        after: Duration,
        /// Whether the method may have been started.
        may_have_run: bool,
        /// Who was waiting for whom when time ran out: the callers, outermost first, then the callee.
        chain: Vec<String>,
    },
    /// The call was cancelled before it was done.
    Cancelled,
    /// A bounded queue was full; nothing ran.
    Overloaded {
        /// What was full, such as `turns of agent "counter"`.
        queue: String,
        /// Its limit, in entries.
        limit: usize,
    },
    /// The call would have waited for itself.
    Deadlock {
        /// The callers, outermost first; the last one is the agent that would wait for the first.
        chain: Vec<String>,
    },
    /// The method panicked.
    AgentPanicked {
        /// The agent, which its container starts anew.
        agent: String,
        /// The panic's text.
        text: String,
    },
    /// The method has run, and what it changed of what its agent keeps is not kept.
    NotKept {
        /// The agent.
        agent: String,
        /// Why.
        reason: String,
    },
    /// The agent was started anew while the call was in hand.
    AgentRestarted {
        /// The agent.
        agent: String,
        /// Whether the method may have been started.
        may_have_run: bool,
    },
    /// The agent has ended and will not come back.
    AgentStopped {
        /// The agent.
        agent: String,
        /// Why it ended, such as `stopped` or the cause of its last crash.
        cause: String,
        /// Whether the method may have been started.
        may_have_run: bool,
    },
    /// The link to the agent's container is down.
    Disconnected {
        /// Whether the method may have been started.
        may_have_run: bool,
        /// What broke the link or kept it from being opened.
        cause: String,
    },
    /// The address leads nowhere from here: it is none, or this container has no way to open it. Nothing was tried.
    BadAddress {
        /// The address, and what is wrong with it.
        reason: String,
    },
    /// A peer that is no Folkmoot container answered with an exception; or one of Folkmoot's with an error whose data
    /// did not fit a frame: the type is the error's code then, `agent` for the method's own.
    Remote {
        /// The exception's type, such as `ValueError`; empty where the text has none.
        kind: String,
        /// The exception's message.
        message: String,
        /// The whole text as it came, usually a Python traceback.
        traceback: String,
    },
    /// The arguments could not be encoded; nothing was sent.
    Unencodable {
        /// What the codec refused.
        reason: String,
    },
    /// The reply does not decode into the expected type; the method has run.
    BadReply {
        /// What the codec refused, with the path of the wrong value.
        reason: String,
    },
}

impl CallError<Never> {
    /// The same failure as the error of a method with an error type of its own.
    pub fn widen<E>(self) -> CallError<E> {
        self.map_agent(|never| match never {})
    }
}

impl<E> CallError<E> {
    /// Changes the method's own error and leaves every other failure as it is.
    pub fn map_agent<F>(self, change: impl FnOnce(E) -> F) -> CallError<F> {
        use CallError as C;
        match self {
            C::Agent(error) => C::Agent(change(error)),
            C::NoSuchAgent { agent, nearest } => C::NoSuchAgent { agent, nearest },
            C::Ambiguous { agent, nodes } => C::Ambiguous { agent, nodes },
            C::TooFewMembers { group, members, needed } => C::TooFewMembers { group, members, needed },
            C::NoSuchMethod { agent, method, nearest } => C::NoSuchMethod { agent, method, nearest },
            C::BadArguments { method, path, reason } => C::BadArguments { method, path, reason },
            C::Denied { reason } => C::Denied { reason },
            C::DeadlineExceeded { after, may_have_run, chain } => {
                C::DeadlineExceeded { after, may_have_run, chain }
            }
            C::Cancelled => C::Cancelled,
            C::Overloaded { queue, limit } => C::Overloaded { queue, limit },
            C::Deadlock { chain } => C::Deadlock { chain },
            C::AgentPanicked { agent, text } => C::AgentPanicked { agent, text },
            C::NotKept { agent, reason } => C::NotKept { agent, reason },
            C::AgentRestarted { agent, may_have_run } => C::AgentRestarted { agent, may_have_run },
            C::AgentStopped { agent, cause, may_have_run } => C::AgentStopped { agent, cause, may_have_run },
            C::Disconnected { may_have_run, cause } => C::Disconnected { may_have_run, cause },
            C::BadAddress { reason } => C::BadAddress { reason },
            C::Remote { kind, message, traceback } => C::Remote { kind, message, traceback },
            C::Unencodable { reason } => C::Unencodable { reason },
            C::BadReply { reason } => C::BadReply { reason },
        }
    }

    /// The code of this failure on the wire, in metrics and in logs.
    pub fn code(&self) -> &'static str {
        match self {
            CallError::Agent(_) => "agent",
            CallError::NoSuchAgent { .. } => "no-such-agent",
            CallError::Ambiguous { .. } => "ambiguous",
            CallError::TooFewMembers { .. } => "too-few-members",
            CallError::NoSuchMethod { .. } => "no-such-method",
            CallError::BadArguments { .. } => "bad-arguments",
            CallError::Denied { .. } => "denied",
            CallError::DeadlineExceeded { .. } => "deadline-exceeded",
            CallError::Cancelled => "cancelled",
            CallError::Overloaded { .. } => "overloaded",
            CallError::Deadlock { .. } => "deadlock",
            CallError::AgentPanicked { .. } => "agent-panicked",
            CallError::NotKept { .. } => "not-kept",
            CallError::AgentRestarted { .. } => "agent-restarted",
            CallError::AgentStopped { .. } => "agent-stopped",
            CallError::Disconnected { .. } => "disconnected",
            CallError::BadAddress { .. } => "bad-address",
            CallError::Remote { .. } => "remote",
            CallError::Unencodable { .. } => "unencodable",
            CallError::BadReply { .. } => "bad-reply",
        }
    }
}

fn did_you_mean(f: &mut fmt::Formatter<'_>, nearest: &Option<String>) -> fmt::Result {
    match nearest {
        Some(name) => write!(f, "; did you mean \"{name}\"?"),
        None => Ok(()),
    }
}

fn may_have_run_words(may_have_run: bool) -> &'static str {
    if may_have_run { "the method may have run" } else { "the method has not run" }
}

impl<E: fmt::Display> fmt::Display for CallError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CallError::Agent(error) => write!(f, "{error}"),
            CallError::NoSuchAgent { agent, nearest } => {
                write!(f, "there is no agent \"{agent}\"")?;
                did_you_mean(f, nearest)
            }
            CallError::Ambiguous { agent, nodes } => {
                write!(
                    f,
                    "there is an agent \"{agent}\" on each of {}: connect to the URL of one",
                    nodes.join(", ")
                )
            }
            CallError::TooFewMembers { group, members, needed } => {
                write!(f, "{group}: {members} members, where {needed} is the least that is needed")
            }
            CallError::NoSuchMethod { agent, method, nearest } => {
                write!(f, "agent \"{agent}\" exposes no method \"{method}\"")?;
                did_you_mean(f, nearest)
            }
            CallError::BadArguments { method, reason, .. } if method.is_empty() => {
                write!(f, "bad request: {reason}")
            }
            CallError::BadArguments { method, path, reason } if path.is_empty() => {
                write!(f, "bad arguments for \"{method}\": {reason}")
            }
            CallError::BadArguments { method, path, reason } => {
                write!(f, "bad arguments for \"{method}\": {path}: {reason}")
            }
            CallError::Denied { reason } => write!(f, "denied: {reason}"),
            CallError::DeadlineExceeded { after, may_have_run, chain } => {
                write!(f, "no reply within {after:?}, {}", may_have_run_words(*may_have_run))?;
                if chain.is_empty() { Ok(()) } else { write!(f, " ({})", chain.join(" -> ")) }
            }
            CallError::Cancelled => f.write_str("the call was cancelled"),
            CallError::Overloaded { queue, limit } => write!(f, "overloaded: {queue} (limit {limit})"),
            CallError::Deadlock { chain } => {
                write!(f, "deadlock: the call would wait for itself ({})", chain.join(" -> "))
            }
            CallError::AgentPanicked { agent, text } => write!(f, "agent \"{agent}\" panicked: {text}"),
            CallError::NotKept { agent, reason } => {
                write!(f, "agent \"{agent}\" has run the method, and its changes are not kept: {reason}")
            }
            CallError::AgentRestarted { agent, may_have_run } => {
                write!(f, "agent \"{agent}\" was restarted, {}", may_have_run_words(*may_have_run))
            }
            CallError::AgentStopped { agent, cause, may_have_run } => {
                write!(f, "agent \"{agent}\" has ended ({cause}), {}", may_have_run_words(*may_have_run))
            }
            CallError::Disconnected { may_have_run, cause } => {
                write!(f, "disconnected: {cause}, {}", may_have_run_words(*may_have_run))
            }
            CallError::BadAddress { reason } => f.write_str(reason),
            CallError::Remote { kind, message, .. } if kind.is_empty() => {
                write!(f, "remote exception: {message}")
            }
            CallError::Remote { kind, message, .. } => write!(f, "remote exception: {kind}: {message}"),
            CallError::Unencodable { reason } => write!(f, "the arguments cannot be encoded: {reason}"),
            CallError::BadReply { reason } => {
                write!(f, "the reply does not decode into the expected type: {reason}")
            }
        }
    }
}

impl<E: fmt::Debug + fmt::Display> std::error::Error for CallError<E> {}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(error: CallError) -> String {
        error.to_string()
    }

    #[test]
    fn texts_say_what_happened_and_whether_it_may_have_run() {
        let no_such = |nearest| CallError::NoSuchAgent { agent: "conter".into(), nearest };
        assert_eq!(text(no_such(None)), "there is no agent \"conter\"");
        assert_eq!(
            text(no_such(Some("counter".into()))),
            "there is no agent \"conter\"; did you mean \"counter\"?"
        );
        let late = CallError::DeadlineExceeded {
            after: Duration::from_secs(30),
            may_have_run: true,
            chain: vec!["a".into(), "b".into()],
        };
        assert_eq!(text(late), "no reply within 30s, the method may have run (a -> b)");
        let gone = CallError::Disconnected { may_have_run: false, cause: "refused".into() };
        assert_eq!(text(gone), "disconnected: refused, the method has not run");
        let bad = |method: &str| CallError::BadArguments {
            method: method.into(),
            path: String::new(),
            reason: "it is null".into(),
        };
        assert_eq!(text(bad("add")), "bad arguments for \"add\": it is null");
        assert_eq!(text(bad("")), "bad request: it is null");
        let remote = |kind: &str| CallError::Remote {
            kind: kind.into(),
            message: "no".into(),
            traceback: String::new(),
        };
        assert_eq!(text(remote("ValueError")), "remote exception: ValueError: no");
        assert_eq!(text(remote("")), "remote exception: no");
    }

    #[test]
    fn only_the_methods_own_error_is_changed() {
        let own: CallError<u8> = CallError::Agent(7);
        assert_eq!(own.map_agent(u16::from), CallError::Agent(7u16));
        let full = || CallError::Overloaded { queue: "turns".into(), limit: 9 };
        assert_eq!(full().widen::<u8>(), full().map_agent(|never| match never {}));
    }
}
