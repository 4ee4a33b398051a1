//! How dialogues end, for who waits in one and for who is told of all.
//!
//! Neighbours: [`desk`](super::desk) closes dialogues, [`notice`](super::notice) tells the other side.

use std::fmt;
use std::marker::PhantomData;

use folkmoot_protocols::dialogue::{self, DialogueId, ErrorCode, Rules, Side};
use folkmoot_protocols::typed::{Conversed, TypedProtocol};

use super::DialogueError;
use super::desk::Desk;
use crate::context::Context;
use crate::interface::Agent;

/// How many ended dialogues of one protocol wait at most for the method that is told of them.
pub const ENDS_WAITING: usize = 100_000;

/// A dialogue that is over, as `#[ended(Fipa)]` is told of it.
#[non_exhaustive]
pub struct Ended<P> {
    /// The dialogue: what `dialogue.id()` gave.
    pub id: DialogueId,
    /// The URL of the other side, or the id of its mailbox where the dialogue went by mail.
    pub peer: String,
    /// Who began it.
    pub started_by: Side,
    /// Why it is over.
    pub cause: Cause,
    pub(super) protocol: PhantomData<fn() -> P>,
}

impl<P> Clone for Ended<P> {
    fn clone(&self) -> Self {
        Ended { peer: self.peer.clone(), cause: self.cause.clone(), ..*self }
    }
}

impl<P> fmt::Debug for Ended<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Ended { id, peer, started_by, cause, .. } = self;
        let mut shown = f.debug_struct("Ended");
        shown.field("id", id).field("peer", peer).field("started_by", started_by).field("cause", cause);
        shown.finish_non_exhaustive()
    }
}

impl<P: Conversed> Desk<P> {
    /// A dialogue is over: there is room for another one, and its agent is told of that once, if it wants to be.
    pub(super) fn note_end(&self, id: DialogueId) {
        self.uncount(id);
        let is_news = self
            .beside
            .borrow_mut()
            .get_mut(&id)
            .is_some_and(|beside| !std::mem::replace(&mut beside.is_end_noted, true));
        if !self.hears_ends || !is_news {
            return;
        }
        let Some(cause) = self.end_of(id) else { return };
        let started_by = self.dialogues.borrow().get(id).map(|dialogue| dialogue.started_by());
        let beside = self.beside.borrow();
        let (Some(started_by), Some(beside)) = (started_by, beside.get(&id)) else { return };
        let cause = beside.over.clone().unwrap_or(cause);
        let mut ends = self.ends.borrow_mut();
        if ends.len() < ENDS_WAITING {
            let peer = beside.way.address();
            ends.push_back(Ended { id, peer, started_by, cause, protocol: PhantomData });
            return;
        }
        self.counters().dialogue_ends_untold.increment(1);
        let agent = self.full_name();
        tracing::warn!(%agent, protocol = P::ID, limit = ENDS_WAITING, "an agent is not told that a dialogue ended, for too many ends wait");
    }

    /// The next one that is over and of which nobody has been told.
    pub(crate) fn next_end(&self) -> Option<Ended<P>> {
        self.ends.borrow_mut().pop_front()
    }
}

/// The protocol that the method of that number is told of. Generated code asks for it through functions alone, so that a
/// type which is no protocol is told once, where it stands.
pub trait HearsEnds<const N: usize>: Agent {
    /// The one that `#[ended]` names.
    type Protocol: Conversed;
}

/// The protocol's id.
pub fn ended_protocol<A: HearsEnds<N>, const N: usize>() -> &'static str {
    A::Protocol::ID
}

/// The next dialogue that has ended and of which nobody has been told.
pub fn next_end<A: HearsEnds<N>, const N: usize>(ctx: &Context<A>) -> Option<Ended<A::Protocol>> {
    ctx.desk::<A::Protocol>().next_end()
}

/// Why a dialogue is over.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cause {
    /// A performative was said that ends it.
    Said {
        /// The performative, as the specification has it.
        performative: String,
        /// The end state to which that leads, where the specification tells it.
        end_state: Option<String>,
        /// Who said it.
        by: Side,
    },
    /// Nobody spoke for its time-out.
    TimedOut,
    /// This agent has given it up.
    Abandoned,
    /// What this agent said last was refused, or not handed over, or nobody knows.
    Unsent {
        /// Why, as a sentence.
        reason: String,
    },
    /// More came than waits unread.
    Unread,
    /// The other side has given it up: its handler failed, or the agent crashed or has ended.
    GivenUp {
        /// The other side's words.
        reason: String,
    },
    /// The other side has refused what this agent said last, which went by mail and could not be taken back.
    Refused {
        /// What kind of mistake it was, as AEA has it.
        code: ErrorCode,
        /// The other side's words.
        reason: String,
    },
    /// It ended so long ago that nothing is known of it.
    Forgotten,
}

impl Cause {
    /// Of an end that the rules know.
    pub(super) fn of(ended: &dialogue::Ended, rules: &Rules) -> Cause {
        match ended {
            dialogue::Ended::Said { performative, by, .. } => Cause::Said {
                performative: rules.performative_name(*performative).unwrap_or("unknown").to_owned(),
                end_state: ended.end_state(rules).map(str::to_owned),
                by: *by,
            },
            dialogue::Ended::TimedOut => Cause::TimedOut,
            _ => Cause::Abandoned,
        }
    }

    /// One word for it: the end state; where there is none, the terminal performative, or what else ended it.
    pub fn word(&self) -> &str {
        match self {
            Cause::Said { performative, end_state, .. } => end_state.as_ref().unwrap_or(performative),
            Cause::TimedOut => "timed_out",
            Cause::Abandoned => "abandoned",
            Cause::Unsent { .. } => "unsent",
            Cause::Unread => "unread",
            Cause::GivenUp { .. } => "given_up",
            Cause::Refused { .. } => "refused",
            Cause::Forgotten => "forgotten",
        }
    }
}

impl From<Cause> for DialogueError {
    fn from(cause: Cause) -> DialogueError {
        match cause {
            Cause::GivenUp { reason } => DialogueError::GivenUp { reason },
            Cause::Refused { code, reason } => DialogueError::Refused { code, reason },
            other => DialogueError::Ended { end: other.word().to_owned() },
        }
    }
}
