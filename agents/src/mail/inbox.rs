//! An agent's mail on its worker: what is received, what is in hand, what is being acknowledged, who waits for an answer.
//!
//! Always true: no more mails are in hand than the rules say, and what is received beyond that, for the sake of an answer
//! that is awaited, waits here in order, or is taken in at once where it is a message of a protocol; whatever is taken out of
//! the mailbox is acknowledged, refused, or goes back when the agent ends. Neighbours: the agent's [`life`](crate::life) polls
//! it, its [`queue`](crate::queue) takes the mail, [`turn`](super::turn) says what came of it, [`failing`] gives back what was
//! not handled, [`places`] are those of who waits here.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use folkmoot_gateway::Admitted;
use futures_util::StreamExt;
use futures_util::future::{Either, select};
use futures_util::stream::FuturesUnordered;
use tokio::sync::oneshot;

use super::delivery::{Delivery, Tracking};
use super::error::MailError;
use super::own_mailbox::{Again, OwnMailbox, Step};
use super::rules::MailRules;
use crate::clock::Sleep;
use crate::host::{BoxFuture, Host};
use crate::interface::LocalFuture;
use crate::panics::let_go;
use crate::shared::AgentShared;

mod failing;
mod places;

pub(crate) use failing::Failure;
pub(crate) use places::{InHand, Listening};

/// Most mails that are received beyond those in hand while an answer is awaited: it may lie behind them.
pub const RECEIVED_AHEAD: usize = 1000;

/// Most mails that are received at once.
const RECEIVED_AT_ONCE: usize = 256;

/// Most answers that an agent awaits at once.
pub const AWAITED_ANSWERS: usize = 10_000;

/// Longest time for the last words to the mailbox, when the agent ends.
const LEAVE_TIME: Duration = Duration::from_secs(5);

/// What of its mail an agent takes now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Taking {
    Nothing,
    /// It starts or ends, and may await answers.
    Answers,
    All,
}

/// What there is to do after a look at the mail.
pub(crate) enum News {
    /// Nothing but what has come.
    Mail {
        /// Messages of protocols, which are taken in as they come.
        messages: VecDeque<Delivery>,
        /// Mails that may begin.
        mails: VecDeque<Delivery>,
    },
    /// The mailbox is another's now.
    Lost(String),
    /// The mailbox is over.
    Terminated,
}

type Receiving = BoxFuture<'static, Result<Vec<Admitted<Delivery>>, MailError>>;

/// The mailbox of an agent, as its worker sees it.
pub(crate) struct Inbox {
    mailbox: Arc<dyn OwnMailbox>,
    rules: MailRules,
    host: Arc<dyn Host>,
    shared: Arc<AgentShared>,
    state: RefCell<State>,
}

struct State {
    ahead: VecDeque<Delivery>,
    /// Messages of protocols that nobody has taken in yet.
    messages: VecDeque<Delivery>,
    /// How many wait for a message that may come by mail.
    listening: usize,
    in_hand: usize,
    receiving: Option<Receiving>,
    lost: Option<BoxFuture<'static, String>>,
    doing: FuturesUnordered<LocalFuture<()>>,
    /// What is to be done since the last look.
    fresh: Vec<LocalFuture<()>>,
    /// Nothing is begun, nor received but for answers, before that is over.
    pause: Option<Sleep>,
    /// How often receiving has failed since it last went well.
    failures: u32,
    awaited: BTreeMap<u128, oneshot::Sender<Delivery>>,
    is_terminated: bool,
    /// The mailbox was lost: nothing is said to it any more.
    is_lost: bool,
    waker: Option<Waker>,
}

impl Inbox {
    pub(crate) fn new(
        mailbox: Arc<dyn OwnMailbox>,
        rules: MailRules,
        host: Arc<dyn Host>,
        shared: Arc<AgentShared>,
    ) -> Rc<Inbox> {
        let state = State {
            ahead: VecDeque::new(),
            messages: VecDeque::new(),
            listening: 0,
            in_hand: 0,
            receiving: None,
            lost: Some(mailbox.lost()),
            doing: FuturesUnordered::new(),
            fresh: Vec::new(),
            pause: None,
            failures: 0,
            awaited: BTreeMap::new(),
            is_terminated: false,
            is_lost: false,
            waker: None,
        };
        Rc::new(Inbox { mailbox, rules, host, shared, state: RefCell::new(state) })
    }

    /// How the agent treats its mail.
    pub(crate) fn rules(&self) -> MailRules {
        self.rules
    }

    /// The mailbox itself.
    pub(crate) fn mailbox(&self) -> &Arc<dyn OwnMailbox> {
        &self.mailbox
    }

    /// Whether every mail in hand is done with.
    pub(crate) fn is_settled(&self) -> bool {
        let state = self.state.borrow();
        state.in_hand == 0 && state.doing.is_empty() && state.fresh.is_empty()
    }

    /// Looks at all of it: what is lost, done, received, and may begin now. `is_message` knows by its kind whether a mail is
    /// a message of a protocol that the agent speaks.
    pub(crate) fn poll(
        self: &Rc<Self>,
        taking: Taking,
        is_message: &dyn Fn(&str) -> bool,
        cx: &mut Context<'_>,
    ) -> News {
        if self.is_lost() {
            return News::Mail { messages: VecDeque::new(), mails: VecDeque::new() };
        }
        self.state.borrow_mut().waker = Some(cx.waker().clone());
        if let Some(lost) = &mut self.state.borrow_mut().lost
            && let Poll::Ready(cause) = lost.as_mut().poll(cx)
        {
            return News::Lost(cause);
        }
        self.poll_doing(cx);
        self.poll_receiving(taking, is_message, cx);
        // An answer that came is acknowledged.
        self.poll_doing(cx);
        let state = &mut *self.state.borrow_mut();
        if std::mem::take(&mut state.is_terminated) {
            return News::Terminated;
        }
        let mut ready = VecDeque::new();
        while taking == Taking::All && state.pause.is_none() && state.in_hand < self.rules.in_hand {
            let Some(delivery) = state.ahead.pop_front() else { break };
            state.in_hand += 1;
            ready.push_back(delivery);
        }
        let hears = match taking {
            Taking::All => true,
            Taking::Answers => state.listening > 0,
            Taking::Nothing => false,
        };
        let messages = if hears { std::mem::take(&mut state.messages) } else { VecDeque::new() };
        News::Mail { messages, mails: ready }
    }

    fn poll_doing(&self, cx: &mut Context<'_>) {
        let mut doing = std::mem::take(&mut self.state.borrow_mut().doing);
        loop {
            // What is done may leave more to do.
            doing.extend(std::mem::take(&mut self.state.borrow_mut().fresh));
            match doing.poll_next_unpin(cx) {
                Poll::Ready(Some(())) => {}
                Poll::Ready(None) | Poll::Pending => break,
            }
        }
        self.state.borrow_mut().doing = doing;
    }

    fn poll_receiving(
        self: &Rc<Self>,
        taking: Taking,
        is_message: &dyn Fn(&str) -> bool,
        cx: &mut Context<'_>,
    ) {
        loop {
            let mut receiving = {
                let state = &mut *self.state.borrow_mut();
                if state.pause.as_mut().is_some_and(|pause| pause.as_mut().poll(cx).is_ready()) {
                    state.pause = None;
                }
                match state.receiving.take() {
                    Some(receiving) => receiving,
                    None => match self.room(state, taking) {
                        0 => return,
                        room => self.mailbox.receive(room.min(RECEIVED_AT_ONCE)),
                    },
                }
            };
            let Poll::Ready(received) = receiving.as_mut().poll(cx) else {
                self.state.borrow_mut().receiving = Some(receiving);
                return;
            };
            match received {
                Ok(deliveries) => {
                    if std::mem::take(&mut self.state.borrow_mut().failures) > 0 {
                        tracing::info!(agent = %self.shared.full_name(), "mail is received again");
                    }
                    deliveries.iter().for_each(|delivery| self.take_in(delivery, is_message));
                }
                Err(MailError::Terminated { .. }) => {
                    self.state.borrow_mut().is_terminated = true;
                    return self.pause(self.rules.longest_pause);
                }
                Err(error) => {
                    let failures = {
                        let mut state = self.state.borrow_mut();
                        state.failures = state.failures.saturating_add(1);
                        state.failures
                    };
                    let pause = self.rules.pause(failures);
                    // That the mailbox is lost is told by itself.
                    if failures == 1 && !matches!(error, MailError::NotTheOwner(_)) {
                        tracing::warn!(agent = %self.shared.full_name(), %error, "no mail can be received; trying again");
                    }
                    self.pause(pause);
                }
            }
        }
    }

    /// How many mails may be received now.
    fn room(&self, state: &State, taking: Taking) -> usize {
        let held = state.in_hand + state.ahead.len() + state.messages.len();
        let waits = !state.awaited.is_empty() || state.listening > 0;
        let for_answers = match !waits || taking == Taking::Nothing {
            true => 0,
            false => (self.rules.in_hand + RECEIVED_AHEAD).saturating_sub(held),
        };
        let for_handlers = match taking == Taking::All && state.pause.is_none() {
            true => self.rules.in_hand.saturating_sub(held),
            false => 0,
        };
        // After a failure nobody asks again before the pause is over.
        if state.failures > 0 && state.pause.is_some() { 0 } else { for_answers.max(for_handlers) }
    }

    fn take_in(self: &Rc<Self>, admitted: &Admitted<Delivery>, is_message: &dyn Fn(&str) -> bool) {
        let delivery = admitted.message().clone();
        if admitted.gate() != self.shared.gate() {
            let reason = "the permit was not given by this container's gate".to_owned();
            return self.say(self.mailbox.refuse(delivery.id, Again::Never, reason));
        }
        let waiter = match delivery.tracking {
            Tracking::Response { tag, .. } => self.state.borrow_mut().awaited.remove(&tag),
            Tracking::Plain | Tracking::Request { .. } => None,
        };
        // An answer may come without a rule of the gate, and is no message.
        let may_be_message = delivery.tracking == Tracking::Plain;
        match waiter {
            None if may_be_message && is_message(&delivery.kind) => {
                self.state.borrow_mut().messages.push_back(delivery)
            }
            None => self.state.borrow_mut().ahead.push_back(delivery),
            Some(waiter) => {
                let id = delivery.id;
                match waiter.send(delivery) {
                    Ok(()) => self.acknowledge_answer(id),
                    // Nobody waits any more.
                    Err(delivery) => self.state.borrow_mut().ahead.push_back(delivery),
                }
            }
        }
    }

    fn acknowledge_answer(self: &Rc<Self>, id: super::DeliveryId) {
        let inbox = self.clone();
        self.begin(Box::pin(async move {
            let step = Step { acknowledge: vec![id], ..Step::default() };
            if let Err(error) = inbox.mailbox.commit(step).await {
                tracing::info!(agent = %inbox.shared.full_name(), %error, "an answer was not acknowledged, and may come again");
            }
        }));
    }

    /// Has something done beside the agent's turns, to its end, also where the agent crashes or ends meanwhile.
    pub(crate) fn begin(&self, doing: LocalFuture<()>) {
        if self.is_lost() {
            // It would be refused.
            return;
        }
        let mut state = self.state.borrow_mut();
        state.fresh.push(doing);
        if let Some(waker) = &state.waker {
            waker.wake_by_ref();
        }
    }

    fn pause(&self, time: Duration) {
        let sleep = self.host.link_sleep(time);
        let mut state = self.state.borrow_mut();
        state.pause = Some(sleep);
        if let Some(waker) = &state.waker {
            waker.wake_by_ref();
        }
    }

    /// One mail is done with.
    pub(crate) fn let_go(&self) {
        let mut state = self.state.borrow_mut();
        state.in_hand = state.in_hand.saturating_sub(1);
    }

    /// A mail that waited for its turn goes back to where it was: it has none now.
    pub(crate) fn withdraw(&self, deliveries: impl DoubleEndedIterator<Item = Delivery>) {
        let mut state = self.state.borrow_mut();
        for delivery in deliveries.rev() {
            state.in_hand = state.in_hand.saturating_sub(1);
            state.ahead.push_front(delivery);
        }
    }

    /// A handler has ended well: what follows is done all or not at all.
    pub(crate) fn finish(self: &Rc<Self>, delivery: Delivery, step: Step) {
        let inbox = self.clone();
        self.begin(Box::pin(async move {
            match inbox.mailbox.commit(step).await {
                Ok(_) => inbox.note_handled(),
                Err(error) => {
                    let reason = format!("what its handler did was not kept: {error}");
                    inbox.refuse(delivery, Failure::NotKept, reason).await;
                    inbox.let_go();
                }
            }
        }));
    }

    /// What follows from a mail is done.
    pub(crate) fn note_handled(&self) {
        self.note_acknowledged();
        self.let_go();
    }

    /// A mail is acknowledged, and what follows from it is done, but for its place among those in hand.
    pub(crate) fn note_acknowledged(&self) {
        self.shared.counters().mails_handled.increment(1);
    }

    /// Says a word about a delivery. Where it is not heard, the mail comes again by itself when its lease is over.
    fn say(&self, word: BoxFuture<'static, Result<(), MailError>>) {
        self.begin(Box::pin(async move { drop(word.await) }));
    }

    /// An answer came that nobody waits for, and no handler takes.
    pub(crate) fn drop_answer(self: &Rc<Self>, delivery: &Delivery) {
        self.shared.counters().answers_late.increment(1);
        let (agent, kind) = (self.shared.full_name(), &delivery.kind);
        tracing::info!(%agent, %kind, "an answer came that nobody waits for");
        self.acknowledge_answer(delivery.id);
        self.let_go();
    }

    /// The life is over that awaited answers.
    pub(crate) fn end_life(&self) {
        self.state.borrow_mut().awaited.clear();
    }

    /// Whether the mailbox was lost.
    pub(crate) fn is_lost(&self) -> bool {
        self.state.borrow().is_lost
    }

    /// The mailbox is lost: what came out of it comes again to whoever owns it next, and nothing more is said to it. How many
    /// mails were at work here.
    pub(crate) fn lose(&self) -> usize {
        let (doing, awaited, mails) = {
            let state = &mut *self.state.borrow_mut();
            state.is_lost = true;
            state.receiving = None;
            state.lost = None;
            state.pause = None;
            let mails = state.in_hand + state.ahead.len() + state.messages.len();
            state.in_hand = 0;
            state.ahead.clear();
            state.messages.clear();
            let doing = std::mem::take(&mut state.doing);
            let fresh = std::mem::take(&mut state.fresh);
            (doing.into_iter().chain(fresh), std::mem::take(&mut state.awaited), mails)
        };
        // Outside of the borrow: what is let go looks here, and may hold values of the user's.
        doing.for_each(|future| let_go(&self.shared, future));
        drop(awaited);
        mails
    }

    /// The agent has ended: what is being said to the mailbox is said to its end, then it is left.
    pub(crate) fn leave(self: &Rc<Self>) -> LocalFuture<()> {
        let inbox = self.clone();
        let mut doing = {
            let mut state = self.state.borrow_mut();
            state.receiving = None;
            state.lost = None;
            state.waker = None;
            state.ahead.clear();
            state.messages.clear();
            state.awaited.clear();
            let mut doing = std::mem::take(&mut state.doing);
            doing.extend(std::mem::take(&mut state.fresh));
            doing
        };
        Box::pin(async move {
            let last_words = async {
                loop {
                    while doing.next().await.is_some() {}
                    doing.extend(std::mem::take(&mut inbox.state.borrow_mut().fresh));
                    if doing.is_empty() {
                        break;
                    }
                }
                inbox.mailbox.leave().await;
            };
            if let Either::Right(_) = select(pin!(last_words), inbox.host.link_sleep(LEAVE_TIME)).await {
                let agent = inbox.shared.full_name();
                tracing::warn!(%agent, "the mailbox was not left in time; its lease ends by itself");
            }
        })
    }
}

impl fmt::Debug for Inbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inbox").field("address", self.mailbox.address()).finish_non_exhaustive()
    }
}
