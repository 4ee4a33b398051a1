//! Asking all members of a group at once, and hearing each.
//!
//! Always true: all calls are sent before any answer counts; a member that has not answered when the deadline passes
//! answers with that. Neighbour: [`quorum`](super::quorum) needs only some of them.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use folkmoot_codecs::CallError;
use futures_util::Stream;
use futures_util::stream::FuturesUnordered;

use super::member::{Seat, UnderWay};
use super::{AnyCall, AskQuorum, Member};
use crate::host::Host;

/// A question to all members of a group, sent when it is first polled. Dropping it takes the calls back.
///
/// Awaited, it gives each member with its answer, in the order of [`members`](super::Group::members).
#[must_use = "nobody is asked until this is awaited"]
pub struct AskAll<C: AnyCall> {
    pub(super) calls: Vec<(Arc<Seat>, C)>,
    /// The container that asks; none where there is nobody to ask.
    pub(super) host: Option<Arc<dyn Host>>,
    pub(super) deadline: Option<Duration>,
    round: Option<Round<C>>,
}

impl<C: AnyCall> Unpin for AskAll<C> {}

impl<C: AnyCall> fmt::Debug for AskAll<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AskAll").field("unsent", &self.calls.len()).finish_non_exhaustive()
    }
}

impl<C: AnyCall> AskAll<C> {
    pub(super) fn new(calls: Vec<(Arc<Seat>, C)>, host: Option<Arc<dyn Host>>) -> AskAll<C> {
        AskAll { calls, host, deadline: None, round: None }
    }

    /// Gives the calls another deadline than their container's default; one that has a shorter of its own keeps it.
    pub fn deadline(mut self, deadline: Duration) -> AskAll<C> {
        self.deadline = Some(deadline);
        self
    }

    /// Ends with the replies of the first so many members, and takes the calls to all others back.
    pub fn quorum(self, members: usize) -> AskQuorum<C> {
        AskQuorum::new(self, members)
    }

    /// Ends with the replies of more than half of the members.
    pub fn majority(self) -> AskQuorum<C> {
        let needed = self.calls.len() / 2 + 1;
        AskQuorum::new(self, needed)
    }
}

impl<C: AnyCall> Future for AskAll<C> {
    type Output = Vec<(Member, Result<C::Value, CallError<C::Fault>>)>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let round = match &mut this.round {
            Some(round) => round,
            none => none.insert(Round::begin(std::mem::take(&mut this.calls), this.deadline, cx)),
        };
        while ready!(round.poll_next(cx)).is_some() {}
        let answers = std::mem::take(&mut round.answers);
        let answers = round.seats.iter().zip(answers);
        Poll::Ready(answers.filter_map(|(seat, answer)| Some((seat.member.clone(), answer?))).collect())
    }
}

/// What a call ends with.
pub(super) type Answer<C> = Result<<C as AnyCall>::Value, CallError<<C as AnyCall>::Fault>>;

/// Calls to all members, under way.
pub(super) struct Round<C: AnyCall> {
    pub(super) seats: Vec<Arc<Seat>>,
    /// Of each seat, once it has come.
    pub(super) answers: Vec<Option<Answer<C>>>,
    pub(super) under_way: FuturesUnordered<Asked<C>>,
    /// Those that have answered, in the order in which they did.
    pub(super) came: Vec<usize>,
    /// How many of those gave a value.
    pub(super) replies: usize,
}

impl<C: AnyCall> Round<C> {
    /// Sends all calls, in the order of the members.
    pub(super) fn begin(
        calls: Vec<(Arc<Seat>, C)>,
        deadline: Option<Duration>,
        cx: &mut Context<'_>,
    ) -> Round<C> {
        let mut round = Round {
            seats: Vec::with_capacity(calls.len()),
            answers: Vec::with_capacity(calls.len()),
            under_way: FuturesUnordered::new(),
            came: Vec::new(),
            replies: 0,
        };
        for (place, (seat, call)) in calls.into_iter().enumerate() {
            let call = match deadline {
                Some(deadline) => call.no_later(deadline),
                None => call,
            };
            let mut asked = Asked { place, call, _under_way: UnderWay::to(&seat) };
            // Sent by the first poll, whatever the members before it have answered already.
            round.seats.push(seat);
            round.answers.push(None);
            match Pin::new(&mut asked).poll(cx) {
                Poll::Ready((place, answer)) => round.take_in(place, answer),
                Poll::Pending => round.under_way.push(asked),
            }
        }
        round
    }

    /// Takes in the next answer that comes, and says whose it is; `None` where all have come.
    pub(super) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<usize>> {
        Poll::Ready(match ready!(Pin::new(&mut self.under_way).poll_next(cx)) {
            None => None,
            Some((place, answer)) => {
                self.take_in(place, answer);
                Some(place)
            }
        })
    }

    fn take_in(&mut self, place: usize, answer: Answer<C>) {
        self.replies += usize::from(answer.is_ok());
        self.answers[place] = Some(answer);
        self.came.push(place);
    }
}

/// One of the calls, which tells whose it is.
pub(super) struct Asked<C> {
    pub(super) place: usize,
    call: C,
    _under_way: UnderWay,
}

impl<C: AnyCall> Future for Asked<C> {
    type Output = (usize, Answer<C>);

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let answer = ready!(Pin::new(&mut self.call).poll(cx));
        Poll::Ready((self.place, answer))
    }
}
