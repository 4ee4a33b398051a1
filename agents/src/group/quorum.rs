//! Asking all members of a group until enough of them have replied.
//!
//! Always true: only a value counts as a reply, an error of the method's own does not; where enough replies cannot come
//! any more it ends at once, and says who answered what. Neighbour: [`ask_all`](super::ask_all) makes the calls.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use folkmoot_codecs::{CallError, Never};
use serde::{Deserialize, Serialize};

use super::ask_all::Round;
use super::{AnyCall, AskAll, Member};

/// Failures that the text of a [`NoQuorum`] quotes; all are in its field.
const FAILURES_QUOTED: usize = 5;

/// A question to all members of a group that needs the replies of some, sent when it is first polled.
///
/// Awaited, it gives the replies with their members, in the order in which they came; the calls to members that have
/// not answered by then are taken back. Dropping it takes all calls back.
#[must_use = "nobody is asked until this is awaited"]
pub struct AskQuorum<C: AnyCall> {
    asking: AskAll<C>,
    needed: usize,
    hears_all: bool,
    round: Option<Round<C>>,
}

/// The replies with their members, or who answered what.
type Outcome<C> = Result<Vec<(Member, <C as AnyCall>::Value)>, NoQuorum<<C as AnyCall>::Fault>>;

impl<C: AnyCall> Unpin for AskQuorum<C> {}

impl<C: AnyCall> fmt::Debug for AskQuorum<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AskQuorum")
            .field("needed", &self.needed)
            .field("asking", &self.asking)
            .finish_non_exhaustive()
    }
}

/// Too few members of a group have replied.
///
/// It is an error that travels: an exposed method may return it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct NoQuorum<E = Never> {
    /// How many replies were needed.
    pub needed: usize,
    /// How many members there were.
    pub members: usize,
    /// Who replied.
    pub replied: Vec<Member>,
    /// Who answered with an error, or not within the deadline.
    pub failures: Vec<(Member, CallError<E>)>,
    /// Whose calls were taken back when it was clear that there would be no quorum: their methods may have run.
    pub taken_back: Vec<Member>,
}

impl<E: fmt::Display> fmt::Display for NoQuorum<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let NoQuorum { needed, members, replied, failures, .. } = self;
        if *needed == 0 {
            return f
                .write_str("a quorum of 0 asks for nothing: need 1 reply at least, or await all answers");
        }
        if needed > members {
            return write!(
                f,
                "no quorum: {needed} replies are needed of {members} members; nobody was asked"
            );
        }
        write!(f, "no quorum: {} of {members} members replied, {needed} are needed", replied.len())?;
        for (member, error) in failures.iter().take(FAILURES_QUOTED) {
            write!(f, "; {member}: {error}")?;
        }
        match failures.len().saturating_sub(FAILURES_QUOTED) {
            0 => Ok(()),
            more => write!(f, "; and {more} more"),
        }
    }
}

impl<E: fmt::Debug + fmt::Display> std::error::Error for NoQuorum<E> {}

impl<C: AnyCall> AskQuorum<C> {
    pub(super) fn new(asking: AskAll<C>, needed: usize) -> AskQuorum<C> {
        AskQuorum { asking, needed, hears_all: false, round: None }
    }

    /// Gives the calls another deadline than their container's default; one that has a shorter of its own keeps it.
    pub fn deadline(mut self, deadline: Duration) -> AskQuorum<C> {
        self.asking = self.asking.deadline(deadline);
        self
    }

    /// Waits until all members have answered or their deadline has passed: no call is taken back.
    pub fn all(mut self) -> AskQuorum<C> {
        self.hears_all = true;
        self
    }

    fn count_failure(&self) {
        if let Some(host) = &self.asking.host {
            host.counters().quorums_missed.increment(1);
        }
    }
}

impl<C: AnyCall> Future for AskQuorum<C> {
    type Output = Outcome<C>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let mut round = match this.round.take() {
            Some(round) => round,
            None => {
                let members = this.asking.calls.len();
                if this.needed == 0 || this.needed > members {
                    this.count_failure();
                    return Poll::Ready(Err(NoQuorum::of_nobody(this.needed, members)));
                }
                Round::begin(std::mem::take(&mut this.asking.calls), this.asking.deadline, cx)
            }
        };
        loop {
            let is_decided =
                round.replies >= this.needed || round.replies + round.under_way.len() < this.needed;
            if is_decided && !this.hears_all || round.under_way.is_empty() {
                let outcome = round.end(this.needed);
                if outcome.is_err() {
                    this.count_failure();
                }
                return Poll::Ready(outcome);
            }
            if round.poll_next(cx).is_pending() {
                this.round = Some(round);
                return Poll::Pending;
            }
        }
    }
}

impl<E> NoQuorum<E> {
    fn of_nobody(needed: usize, members: usize) -> NoQuorum<E> {
        NoQuorum { needed, members, replied: Vec::new(), failures: Vec::new(), taken_back: Vec::new() }
    }
}

impl<C: AnyCall> Round<C> {
    /// The replies, where there are enough; else who answered what. What is under way is taken back.
    fn end(mut self, needed: usize) -> Outcome<C> {
        let members = self.seats.len();
        let mut missed = NoQuorum::of_nobody(needed, members);
        let mut replies = Vec::with_capacity(self.replies);
        for place in self.came {
            let member = self.seats[place].member.clone();
            match self.answers[place].take() {
                Some(Ok(value)) => replies.push((member, value)),
                Some(Err(error)) => missed.failures.push((member, error)),
                None => {}
            }
        }
        if replies.len() >= needed {
            return Ok(replies);
        }
        missed.replied = replies.into_iter().map(|(member, _)| member).collect();
        let taken_back = self.under_way.iter().map(|asked| self.seats[asked.place].member.clone());
        missed.taken_back = taken_back.collect();
        missed.taken_back.sort();
        Err(missed)
    }
}
