//! The task of a child container: it does what the plan says, and asks the branch above where it has given up.
//!
//! Always true: one task for each branch, from its start to its end; it sleeps while nothing happens. Neighbour:
//! [`branch`](super::branch) holds what it works on.

use std::sync::{Arc, Weak};
use std::time::Duration;

use folkmoot_agents::host::{Decision, Order};
use folkmoot_agents::shared::Status;

use super::branch::{Answer, Branch, Member, State};
use super::plan::{Aim, MemberId, Step};
use super::{LAST_GRACE, left};
use crate::link_time;

/// Longest time of the `#[stop]` of an agent that lies down for the sake of others.
const LIE_DOWN_GRACE: Duration = Duration::from_secs(5);

/// What the task does next.
enum Work {
    Order(Member, Order),
    Sleep(Duration),
    Wait,
    /// The branch above says what follows: the cause, and the orders so far.
    AskAbove(String, u64),
    Answer(Answer),
    Stop(Duration),
    Over,
}

/// The task of a branch, before and while it runs: where it goes with its worker, the branch is over.
pub(super) struct Attendant(pub(super) Arc<Branch>);

impl Attendant {
    /// Attends to the branch until it has ended.
    pub(super) async fn attend(self) {
        self.0.attend().await;
    }
}

impl Drop for Attendant {
    fn drop(&mut self) {
        if !self.0.has_ended() {
            self.0.over(false);
        }
    }
}

impl Branch {
    async fn attend(&self) {
        loop {
            match self.next() {
                Work::Wait => self.changed.notified().await,
                Work::Sleep(time) => {
                    tokio::select! {
                        biased;
                        () = self.changed.notified() => {}
                        () = link_time::sleep(time) => {}
                    }
                }
                Work::Order(member, order) => self.give(&member, order),
                Work::AskAbove(cause, orders) => self.ask_above(cause, orders),
                Work::Answer(answer) => {
                    if let Some(parent) = self.parent.as_ref().and_then(Weak::upgrade) {
                        match answer {
                            Answer::LiesDown => parent.lies_down(self.id),
                            Answer::Started => parent.started(self.id),
                        }
                    }
                }
                Work::Stop(grace) => {
                    tokio::select! {
                        biased;
                        () = self.stop_members(grace) => return self.over(false),
                        // All are asked again.
                        () = self.until_less_than(grace) => {}
                    }
                }
                Work::Over => return self.over(true),
            }
        }
    }

    fn next(&self) -> Work {
        let now = link_time::now();
        let state = &mut *self.lock();
        if let Some(stopping) = &state.stopping {
            return Work::Stop(stopping.grace);
        }
        let cause = |state: &State| state.cause.clone();
        let (id, order) = match state.plan.next(now) {
            Step::LieDown(id) => (id, Order::LieDown { cause: cause(state), grace: LIE_DOWN_GRACE }),
            Step::Rise(id) => (id, Order::Rise),
            Step::End(id) => (id, Order::End { cause: cause(state) }),
            Step::Pause(until) => return Work::Sleep(Duration::from_millis(until.since(now).max(1))),
            Step::Wait => return Work::Wait,
            Step::Settled => return state.settled(),
        };
        match state.members.get(&id) {
            Some(member) => Work::Order(member.clone(), order),
            // It has ended meanwhile, and the plan will know.
            None => Work::Wait,
        }
    }

    fn give(&self, member: &Member, order: Order) {
        match (member, order) {
            (Member::Agent(agent), order) => {
                if let (Order::LieDown { cause, .. }, Some(tables)) = (&order, self.tables.upgrade()) {
                    let (trunk, shared) = (&tables.trunk, agent.shared());
                    trunk.note_crash(shared.id(), cause);
                    if shared.status() == Status::Stopped {
                        // It ended meanwhile, and was forgotten before.
                        trunk.forget_crash(shared.id());
                    }
                }
                agent.order(order);
            }
            (Member::Branch(branch), Order::LieDown { cause, .. }) => branch.lie_down(cause),
            (Member::Branch(branch), Order::Rise) => branch.rise(),
            (Member::Branch(branch), Order::End { cause }) => branch.end(cause),
        }
    }

    /// It gave up, and all its members lie down. At the root nobody starts it anew.
    fn ask_above(&self, cause: String, orders: u64) {
        let now = link_time::now();
        let decision = match self.parent.as_ref().map(Weak::upgrade) {
            Some(Some(parent)) => {
                let who = format!("child container \"{}\"", self.name());
                parent.crashed(self.id, &who, &cause, self.own_pause(now), now)
            }
            Some(None) => Decision::Stay { reason: "the container above it has ended".to_owned() },
            None => Decision::Stay { reason: "no container above it could start it anew".to_owned() },
        };
        match decision {
            Decision::Restart { after } => {
                let after = u64::try_from(after.as_millis()).unwrap_or(u64::MAX);
                self.rise_after(now.plus(after), orders);
            }
            // An order will come.
            Decision::LieDown => {}
            Decision::Stay { reason } => {
                tracing::error!(container = %self.full_path, %cause, %reason, "a child container stays down");
                if let Some(tables) = self.tables.upgrade() {
                    tables.counters.containers_down.increment(1);
                }
                self.end(format!("child container \"{}\" stays down: {cause}", self.path));
            }
        }
    }

    /// Ends the members one after the other, the last one first; once the time of all is over, the rest at once.
    async fn stop_members(&self, grace: Duration) {
        let began = link_time::now();
        let in_order = async {
            while let Some((id, member)) = self.last_member() {
                stop(&member, left(began, grace)).await;
                self.gone(id);
            }
        };
        let longest = grace.saturating_mul(2).saturating_add(LAST_GRACE);
        if link_time::within(longest, in_order).await.is_none() {
            let rest = self.members();
            tracing::warn!(container = %self.full_path, members = rest.len(), "the rest of a child container is stopped at once");
            let ends = rest.iter().map(|member| stop(member, Duration::ZERO));
            link_time::within(LAST_GRACE, futures_util::future::join_all(ends)).await;
        }
    }

    /// Waits until somebody wants it to end sooner.
    async fn until_less_than(&self, grace: Duration) {
        while self.lock().stopping.as_ref().is_none_or(|stopping| stopping.grace >= grace) {
            self.changed.notified().await;
        }
    }

    fn last_member(&self) -> Option<(MemberId, Member)> {
        let state = self.lock();
        let id = state.plan.members().next_back()?;
        Some((id, state.members.get(&id)?.clone()))
    }

    /// Nothing is left of it. One at the root that failed stays in sight until it is shut down or replaced.
    pub(super) fn over(&self, failed: bool) {
        let stopping = {
            let mut state = self.lock();
            state.ended = true;
            state.members.clear();
            state.stopping.take()
        };
        if let Some(tables) = self.tables.upgrade() {
            match &self.parent {
                Some(parent) => {
                    tables.trunk.count_one_less();
                    if let Some(parent) = parent.upgrade() {
                        parent.gone(self.id);
                    }
                }
                None if failed && stopping.is_none() => {}
                None => tables.trunk.remove(self),
            }
        }
        for done in stopping.into_iter().flat_map(|stopping| stopping.done) {
            // Whoever asked may have gone.
            done.send(()).ok();
        }
    }
}

impl State {
    /// Everybody is where the plan wants them.
    fn settled(&mut self) -> Work {
        match self.plan.aim() {
            Aim::Gone => Work::Over,
            Aim::Down => match self.given_up.take() {
                Some(cause) => Work::AskAbove(cause, self.orders),
                None => {
                    self.answer.take_if(|answer| *answer == Answer::LiesDown).map_or(Work::Wait, Work::Answer)
                }
            },
            Aim::Up => {
                self.answer.take_if(|answer| *answer == Answer::Started).map_or(Work::Wait, Work::Answer)
            }
        }
    }
}

async fn stop(member: &Member, grace: Duration) {
    let ended = match member {
        Member::Agent(agent) => agent.stop(grace),
        Member::Branch(branch) => branch.stop(grace),
    };
    // One that ended by itself meanwhile is what was asked for.
    ended.await.ok();
}
