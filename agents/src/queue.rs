//! The turn queue: Rust's own rule is the concurrency rule, and this file keeps it.
//!
//! Always true: turns begin in the order of their arrival; either one exclusive turn runs or any number of shared
//! ones; a turn that would wait for itself is refused; no more than [`TURNS_PER_POLL`] turns run before the worker
//! is yielded. Neighbours: [`actor`](crate::actor) brings turns in, [`life`](crate::life) drives the queue.

use std::any::Any;
use std::cell::{Cell, OnceCell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;

use folkmoot_codecs::CallError;

use crate::chain::{self, Mode, Position};
use crate::context::Scope;
use crate::dialogues::Desks;
use crate::host::{Host, Supervision, WorkerStatus};
use crate::interface::{Agent, MethodInfo, Step};
use crate::mail::{Inbox, MailRules, OwnMailbox};
use crate::neighbours::Neighbour;
use crate::panics::{Panic, guard, let_go};
use crate::proxy::Door;
use crate::running::{Readers, Running};
use crate::shared::{AgentShared, Status};
use crate::turn::{Ticketed, Turn};

mod aside;
mod closing;
mod conversing;
mod driving;
mod keeping;
mod mail;
mod mailed_messages;
mod suspending;
mod without_mailbox;

use aside::Aside;
pub(crate) use aside::StopRequest;
pub(crate) use keeping::{Change, Keeper};
pub(crate) use mail::MailboxNews;
use mail::Queued;
use without_mailbox::WithoutMailbox;
pub(crate) use without_mailbox::{NotRegained, Regained};

/// Turns that run before an agent yields its worker to its neighbours.
pub const TURNS_PER_POLL: u32 = 16;

/// Makes an agent's state: called for its first life and after each crash.
pub(crate) type Factory<A> = Box<dyn Fn() -> A>;

/// What an agent is made with.
pub(crate) struct Making<A> {
    pub(crate) factory: Factory<A>,
    pub(crate) supervision: Box<dyn Supervision>,
    pub(crate) worker: Arc<WorkerStatus>,
    /// Where the agent's dialogues are kept, if they outlive it.
    pub(crate) desks: Option<Desks>,
    /// Its mailbox, if it has one, and how it treats its mail.
    pub(crate) mail: Option<(Arc<dyn OwnMailbox>, MailRules)>,
}

/// An agent on its worker: its state, its queue, its surroundings.
pub(crate) struct Core<A: Agent> {
    shared: Arc<AgentShared>,
    host: Arc<dyn Host>,
    worker: Arc<WorkerStatus>,
    factory: Factory<A>,
    supervision: Box<dyn Supervision>,
    door: OnceCell<Arc<Door<A>>>,
    state: RefCell<Option<Rc<RefCell<A>>>>,
    queue: RefCell<Queue<A>>,
    budget: Cell<u32>,
    aside: RefCell<Option<Box<Aside>>>,
    queued_timers: Cell<u64>,
    end_is_queued: Cell<bool>,
    /// Whether the agent's life is being polled: it looks around by itself then.
    polled: Cell<bool>,
    suspended: Cell<bool>,
    desks: RefCell<Option<Box<Desks>>>,
    inbox: RefCell<Option<Rc<Inbox>>>,
    /// What there is while its mailbox is lost.
    without_mailbox: RefCell<Option<Box<WithoutMailbox<A>>>>,
    /// Of an agent that keeps fields.
    keeper: Option<Box<Keeper>>,
}

struct Queue<A: Agent> {
    waiting: VecDeque<Waiting<A>>,
    writer: Option<Box<Running>>,
    readers: Readers,
    /// Shared turns that finish on a state that has been replaced: nobody waits for them.
    old_readers: Option<Box<Readers>>,
}

/// A turn that has not begun.
enum Waiting<A: Agent> {
    Call(Turn<A>),
    /// A call that came back to an agent whose shared turn waits for it: it goes before all that would wait for that.
    Returning(Turn<A>),
    Timer(usize),
    Mail(Box<Queued>),
    /// A message that came by mail.
    Heard(Box<mailed_messages::Heard<A>>),
    /// Tells the agent of a dialogue that has ended.
    End(A::Request),
}

impl<A: Agent> Waiting<A> {
    fn mode(&self) -> Mode {
        match self {
            Waiting::Call(turn) | Waiting::Returning(turn) => A::method_of(&turn.request).mode,
            Waiting::Timer(index) => A::method_of(&A::timer(*index)).mode,
            Waiting::Mail(queued) => queued.mode::<A>(),
            Waiting::Heard(heard) => A::method_of(&heard.request).mode,
            Waiting::End(request) => A::method_of(request).mode,
        }
    }
}

impl<A: Agent> Core<A> {
    pub(crate) fn new(shared: Arc<AgentShared>, host: Arc<dyn Host>, making: Making<A>) -> Rc<Core<A>> {
        let Making { factory, supervision, worker, desks, mail } = making;
        let inbox = mail.map(|(mailbox, rules)| Inbox::new(mailbox, rules, host.clone(), shared.clone()));
        let keeper = inbox
            .as_ref()
            .filter(|_| A::PERSISTS)
            .map(|inbox| Box::new(Keeper::new(inbox.mailbox().clone())));
        Rc::new(Core {
            shared,
            host,
            worker,
            factory,
            supervision,
            door: OnceCell::new(),
            state: RefCell::new(None),
            queue: RefCell::new(Queue {
                waiting: VecDeque::new(),
                writer: None,
                readers: Readers::default(),
                old_readers: None,
            }),
            budget: Cell::new(TURNS_PER_POLL),
            aside: RefCell::new(None),
            queued_timers: Cell::new(0),
            end_is_queued: Cell::new(false),
            polled: Cell::new(false),
            suspended: Cell::new(false),
            desks: RefCell::new(desks.map(Box::new)),
            inbox: RefCell::new(inbox),
            without_mailbox: RefCell::new(None),
            keeper,
        })
    }

    pub(crate) fn shared(&self) -> &Arc<AgentShared> {
        &self.shared
    }

    pub(crate) fn host(&self) -> &Arc<dyn Host> {
        &self.host
    }

    pub(crate) fn worker(&self) -> &WorkerStatus {
        &self.worker
    }

    pub(crate) fn supervision(&self) -> &dyn Supervision {
        &*self.supervision
    }

    /// A fresh state, or how its making failed.
    pub(crate) fn make(&self) -> Result<A, Panic> {
        guard(|| (self.factory)())
    }

    /// Puts a fresh state in the place of the old one. Shared turns in flight finish on the old one.
    pub(crate) fn renew(&self, state: A, last_crash: Option<String>) -> Rc<RefCell<A>> {
        let state = Rc::new(RefCell::new(state));
        self.queue.borrow_mut().set_readers_aside();
        let old = self.state.borrow_mut().replace(state.clone());
        let_go(&self.shared, old);
        self.set_last_crash(last_crash);
        state
    }

    pub(crate) fn state(&self) -> Option<Rc<RefCell<A>>> {
        self.state.borrow().clone()
    }

    /// Gives the agent a fresh measure of turns for one poll.
    pub(crate) fn refill_budget(&self) {
        self.budget.set(TURNS_PER_POLL);
    }

    /// Takes a turn in, if it may come.
    pub(crate) fn accept(self: &Rc<Self>, turn: Turn<A>) {
        let info = A::method_of(&turn.request);
        if self.takes_nothing_in() {
            return A::refuse(turn.request, self.shared.stopped_error(false));
        }
        if !turn.permit.opens(&self.shared, info.name) {
            let reason = "the permit was not given by this container's gate for this call".to_owned();
            return A::refuse(turn.request, CallError::Denied { reason });
        }
        if !A::SPEAKS {
            self.admit(turn, info);
        } else if let Some(turn) = self.hold_message(turn)
            && let Some(turn) = self.take_in(turn)
        {
            let info = A::method_of(&turn.request);
            self.admit(turn, info);
        }
    }

    /// Takes in a turn that may come: runs it in place where nothing stands before it, else queues it.
    fn admit(self: &Rc<Self>, turn: Turn<A>, info: MethodInfo) {
        let mut re_enters = false;
        if turn.permit.chain().is_some() {
            match self.cycle(&turn, info) {
                Cycle::None => {}
                Cycle::ReEnters => re_enters = self.has_readers(),
                Cycle::Deadlock(chain) => {
                    self.shared.counters().deadlocks.increment(1);
                    return A::refuse(turn.request, CallError::Deadlock { chain });
                }
            }
        }
        // A re-entrant turn must pass a waiting exclusive one, or the queue itself would be the deadlock; but none of
        // its own kind.
        let returning = self.queue.borrow().returning();
        let at_once = re_enters && returning == 0 && !self.is_suspended();
        if (at_once || self.nothing_before(info.mode)) && self.spend_budget() {
            self.begin_call(turn, info);
        } else if re_enters {
            self.queue.borrow_mut().waiting.insert(returning, Waiting::Returning(turn));
        } else {
            self.queue.borrow_mut().waiting.push_back(Waiting::Call(turn));
        }
    }

    /// Queues a timer's turn, unless its last one still waits.
    pub(crate) fn accept_timer(&self, index: usize) {
        let bit = 1_u64 << (index as u32 % 64);
        if self.queued_timers.get() & bit == 0 {
            self.queued_timers.set(self.queued_timers.get() | bit);
            self.queue.borrow_mut().waiting.push_back(Waiting::Timer(index));
        }
    }

    fn cycle(&self, turn: &Turn<A>, info: MethodInfo) -> Cycle {
        let chain = turn.permit.chain();
        let mut own = chain::callers(chain).filter(|link| link.agent == self.shared.id()).peekable();
        if own.peek().is_none() {
            return Cycle::None;
        }
        if info.mode == Mode::Exclusive || own.any(|link| link.mode == Mode::Exclusive) {
            return Cycle::Deadlock(chain::names(chain, self.shared.full_name()));
        }
        Cycle::ReEnters
    }

    /// Whether shared turns are in flight on the present state: only into them may a call re-enter. A chain may
    /// outlive its turn, and one that a peer told may name a turn that never was.
    fn has_readers(&self) -> bool {
        !self.queue.borrow().readers.is_empty() && !self.has_crashed()
    }

    fn spend_budget(&self) -> bool {
        let left = self.budget.get();
        self.budget.set(left.saturating_sub(1));
        left > 0
    }

    fn nothing_before(&self, mode: Mode) -> bool {
        let queue = self.queue.borrow();
        self.shared.status() == Status::Running
            && queue.waiting.is_empty()
            && queue.is_free_for(mode)
            // After a crash the old state takes no more turns.
            && !self.has_crashed()
    }

    fn begin_call(self: &Rc<Self>, turn: Turn<A>, info: MethodInfo) {
        if A::is_cancelled(&turn.request) {
            self.shared.counters().cancels.increment(1);
            return let_go(&self.shared, turn);
        }
        if turn.permit.is_late(&*self.host) {
            return self.refuse_late(turn);
        }
        let Some(state) = self.state() else {
            return A::refuse(turn.request, self.shared.stopped_error(false));
        };
        let Turn { permit, request } = turn;
        let step = {
            let scope = Scope { core: self, origin: Some(&permit.head().origin), outbox: None };
            A::run(&state, request, &scope)
        };
        self.take_step(step, info.mode, Some(permit));
    }

    /// Its deadline has passed while it waited: nobody waits for it any more.
    fn refuse_late(&self, turn: Turn<A>) {
        self.shared.counters().deadlines.increment(1);
        let chain = chain::names(turn.permit.chain(), self.shared.full_name());
        let after = turn.permit.time();
        A::refuse(turn.request, CallError::DeadlineExceeded { after, may_have_run: false, chain });
    }

    fn begin_timer(self: &Rc<Self>, index: usize) {
        let bit = 1_u64 << (index as u32 % 64);
        self.queued_timers.set(self.queued_timers.get() & !bit);
        self.begin_own(A::timer(index));
    }

    /// Begins a turn that nobody has called for.
    fn begin_own(self: &Rc<Self>, request: A::Request) {
        let Some(state) = self.state() else { return };
        let mode = A::method_of(&request).mode;
        let step = A::run(&state, request, &Scope { core: self, origin: None, outbox: None });
        self.take_step(step, mode, None);
    }

    fn take_step(&self, step: Step, mode: Mode, permit: Option<Ticketed>) {
        match step {
            Step::Done(panic) => self.end_turn(panic),
            Step::Future(future) => {
                let position = Position {
                    agent: self.shared.id(),
                    name: self.shared.full_name().clone(),
                    mode,
                    parent: permit.as_ref().and_then(|permit| permit.chain().clone()),
                    link: None,
                    deadline: permit.as_ref().and_then(Ticketed::deadline),
                };
                let running = Running::new(future, position, permit);
                let mut queue = self.queue.borrow_mut();
                match mode {
                    Mode::Exclusive => queue.writer = Some(Box::new(running)),
                    Mode::Shared => queue.readers.push(running),
                }
            }
        }
    }

    /// The end of a turn on a state that has been replaced: its panic is not the new state's.
    fn end_old_turn(&self, panic: Option<Panic>) {
        self.shared.counters().calls.increment(1);
        if let Some(panic) = panic {
            self.shared.counters().panics.increment(1);
            let (agent, cause) = (self.shared.full_name(), panic.text());
            tracing::warn!(%agent, cause, "a turn from before the last crash panicked");
        }
    }

    fn end_turn(&self, panic: Option<Panic>) {
        self.shared.counters().calls.increment(1);
        if let Some(panic) = panic {
            self.note_crash(panic.text().to_owned());
        }
    }

    /// Whether nothing on the stack holds the state: a timer's turn, which has no credit, may be what calls.
    fn state_is_free_for(&self, mode: Mode) -> bool {
        self.state().is_some_and(|state| match mode {
            Mode::Exclusive => state.try_borrow_mut().is_ok(),
            Mode::Shared => state.try_borrow().is_ok(),
        })
    }
}

impl<A: Agent> Neighbour for Core<A> {
    fn run_in_place(self: Rc<Self>, turn: &mut dyn Any) {
        let Some(offered) = turn.downcast_mut::<Option<Turn<A>>>() else { return };
        let Some(turn) = offered.as_ref() else { return };
        let info = A::method_of(&turn.request);
        // The one credit that is out is this turn's own: nothing is on its way either.
        let alone =
            self.shared.in_hand() == 1 && self.nothing_before(info.mode) && self.state_is_free_for(info.mode);
        // A chain that comes back here is judged where all the others are.
        if !alone
            || !turn.permit.opens(&self.shared, info.name)
            || !matches!(self.cycle(turn, info), Cycle::None)
        {
            return;
        }
        let Some(turn) = offered.take() else { return };
        // The method is plain, so it calls nobody and awaits nothing: the caller's own position is out of its sight.
        let mut outside = None;
        chain::swap(&mut outside);
        let worker = self.worker.agent();
        self.worker.set(self.shared.id().0);
        if let Err(panic) = guard(|| self.begin_call(turn, info)) {
            self.note_crash(panic.text().to_owned());
        }
        self.worker.set(worker.map_or(0, |id| id.0));
        chain::swap(&mut outside);
        let keeps = A::PERSISTS && self.queue.borrow().writer.is_some();
        if keeps || self.has_left_something() || self.has_ends() {
            self.wake();
        }
    }
}

enum Cycle {
    None,
    ReEnters,
    Deadlock(Vec<String>),
}

impl<A: Agent> Queue<A> {
    /// The shared turns in flight finish on a state that is replaced.
    fn set_readers_aside(&mut self) {
        if !self.readers.is_empty() {
            let old = std::mem::take(&mut self.readers);
            self.old_readers.get_or_insert_default().put_back(old);
        }
    }

    /// How many turns at the front came back.
    fn returning(&self) -> usize {
        self.waiting.iter().take_while(|waiting| matches!(waiting, Waiting::Returning(_))).count()
    }

    fn is_free_for(&self, mode: Mode) -> bool {
        self.writer.is_none() && (mode == Mode::Shared || self.readers.is_empty())
    }
}
