//! Asking one member of a group, and another where the first cannot take the call.
//!
//! Always true: each member is asked at most once; none is asked after a call whose method may have run; all attempts
//! share one deadline. Neighbour: [`order`](super::order) says who is next.

use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Duration;

use folkmoot_codecs::CallError;

use super::member::{Entry, UnderWay};
use super::order::{Choice, Order};
use super::{AnyCall, Group};
use crate::chain;
use crate::deadlines::LinkInstant;
use crate::host::Outlook;
use crate::interface::Interface;

/// A question to one member of a group, sent when it is first polled. Dropping it takes the call back.
#[must_use = "nobody is asked until this is awaited"]
pub struct AskOne<I: Interface + ?Sized, F, C: AnyCall> {
    group: Group<I>,
    question: F,
    choice: Choice,
    deadline: Option<Duration>,
    search: Option<Search<I, C>>,
}

impl<I: Interface + ?Sized, F, C: AnyCall> Unpin for AskOne<I, F, C> {}

impl<I: Interface + ?Sized, F, C: AnyCall> fmt::Debug for AskOne<I, F, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AskOne")
            .field("group", &self.group)
            .field("choice", &self.choice)
            .finish_non_exhaustive()
    }
}

/// Who was asked, and who may be yet.
struct Search<I: Interface + ?Sized, C: AnyCall> {
    entries: Arc<[Entry<I>]>,
    order: Order,
    /// Those who may not be there: asked when no other is left.
    doubtful: VecDeque<usize>,
    /// No attempt begins after that; known from the first on.
    until: Option<LinkInstant>,
    under_way: Option<Attempt<C>>,
    /// Why the last one who was asked did not take the call; else why nobody was.
    last: Option<CallError<C::Fault>>,
}

struct Attempt<C> {
    member: usize,
    call: C,
    _under_way: UnderWay,
}

impl<I: Interface + ?Sized, F: Fn(&crate::Proxy<I>) -> C, C: AnyCall> AskOne<I, F, C> {
    pub(super) fn new(group: Group<I>, question: F) -> AskOne<I, F, C> {
        AskOne { group, question, choice: Choice::InTurn, deadline: None, search: None }
    }

    /// Asks the member that has the fewest calls in hand; among equals, each in turn.
    ///
    /// Of an agent in this process all its calls count; of one elsewhere, those that this group has under way.
    pub fn least_loaded(mut self) -> Self {
        self.choice = Choice::LeastLoaded;
        self
    }

    /// Gives the question another deadline than its container's default, whoever answers it in the end.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// The call to the next member; the error, where nobody is left.
    fn attempt(&mut self) -> Result<Attempt<C>, CallError<C::Fault>> {
        let search = self.search.get_or_insert_with(|| Search::new(&self.group, self.choice));
        let Some(member) = search.next() else {
            return Err(search.last.take().unwrap_or_else(|| CallError::TooFewMembers {
                group: self.group.to_string(),
                members: search.entries.len(),
                needed: 1,
            }));
        };
        let entry = &search.entries[member];
        let call = (self.question)(&entry.proxy);
        // What is made again at one member may have run there whatever its last error says; another is asked instead.
        let call = if search.entries.len() > 1 { call.once() } else { call };
        let host = entry.host();
        let call = match search.until {
            None => {
                let own = self.deadline.or_else(|| call.own_deadline());
                let time = own.unwrap_or(Duration::from_millis(host.default_deadline_ms()));
                let until = host.now().plus(u64::try_from(time.as_millis()).unwrap_or(u64::MAX));
                let outer = chain::inherit().deadline;
                search.until = Some(outer.map_or(until, |outer| outer.min(until)));
                match self.deadline {
                    Some(deadline) => call.no_later(deadline),
                    None => call,
                }
            }
            Some(until) => match (until.since(host.now()), search.last.take()) {
                (0, Some(last)) => return Err(last),
                (left, _) => call.no_later(Duration::from_millis(left)),
            },
        };
        Ok(Attempt { member, call, _under_way: UnderWay::to(&entry.seat) })
    }
}

impl<I: Interface + ?Sized, C: AnyCall> Search<I, C> {
    fn new(group: &Group<I>, choice: Choice) -> Search<I, C> {
        let entries = group.entries();
        let turn = group.inner.turns.fetch_add(1, Ordering::Relaxed);
        Search {
            order: Order::new(choice, turn, entries.len()),
            entries,
            doubtful: VecDeque::new(),
            until: None,
            under_way: None,
            last: None,
        }
    }

    /// The next who can be asked; those who may not be there come last.
    fn next(&mut self) -> Option<usize> {
        while let Some(member) = self.order.next(|member| self.entries[member].load()) {
            match self.entries[member].outlook() {
                Outlook::Open => return Some(member),
                Outlook::Doubtful => self.doubtful.push_back(member),
                // What one who was asked said tells more.
                Outlook::Shut(error) => {
                    self.note_passed_over(member, &error);
                    self.last.get_or_insert(error.widen());
                }
            }
        }
        self.doubtful.pop_front()
    }

    fn note_passed_over<E>(&self, member: usize, error: &CallError<E>) {
        let entry = &self.entries[member];
        entry.host().counters().members_passed_over.increment(1);
        tracing::debug!(member = %entry.seat.member, code = error.code(), "a member cannot take the call");
    }
}

impl<I, F, C> Future for AskOne<I, F, C>
where
    I: Interface + ?Sized,
    F: Fn(&crate::Proxy<I>) -> C,
    C: AnyCall,
{
    type Output = Result<C::Value, CallError<C::Fault>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        loop {
            let under_way = this.search.as_mut().and_then(|search| search.under_way.take());
            let mut attempt = match under_way.map_or_else(|| this.attempt(), Ok) {
                Ok(attempt) => attempt,
                Err(error) => return Poll::Ready(Err(error)),
            };
            let answer = Pin::new(&mut attempt.call).poll(cx);
            let Some(search) = &mut this.search else { return Poll::Ready(Err(CallError::Cancelled)) };
            match answer {
                Poll::Pending => {
                    search.under_way = Some(attempt);
                    return Poll::Pending;
                }
                Poll::Ready(Err(error)) if another_may_do(&error) => {
                    search.note_passed_over(attempt.member, &error);
                    search.last = Some(error);
                }
                Poll::Ready(answer) => return Poll::Ready(answer),
            }
        }
    }
}

/// Whether the method has surely not run, for a reason that may be this member's alone.
fn another_may_do<E>(error: &CallError<E>) -> bool {
    match error {
        CallError::NoSuchAgent { .. }
        | CallError::BadAddress { .. }
        | CallError::Overloaded { .. }
        | CallError::Deadlock { .. } => true,
        CallError::Disconnected { may_have_run, .. }
        | CallError::AgentRestarted { may_have_run, .. }
        | CallError::AgentStopped { may_have_run, .. } => !may_have_run,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_else_is_asked_where_the_method_may_have_run() {
        let lost = |may_have_run| CallError::Disconnected { may_have_run, cause: "cut".into() };
        let ended =
            |may_have_run| CallError::AgentStopped { agent: "a".into(), cause: "x".into(), may_have_run };
        let again = |may_have_run| CallError::AgentRestarted { agent: "a".into(), may_have_run };
        for error in [lost, ended, again].iter().map(|error| error(true)) {
            assert!(!another_may_do::<()>(&error.widen()));
        }
        for error in [lost(false), ended(false), again(false)] {
            assert!(another_may_do::<()>(&error.widen()));
        }
        let late =
            CallError::DeadlineExceeded { after: Duration::ZERO, may_have_run: false, chain: Vec::new() };
        assert!(!another_may_do::<()>(&late), "there is no time left");
        assert!(!another_may_do(&CallError::Agent("its own answer")));
    }
}
