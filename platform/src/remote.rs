//! The way to one remote container: the `RemoteProxy` actor that keeps its link, and the calls that use it.
//!
//! While the link is up a call is encoded straight into its outbox by whoever makes it; while it is down, calls
//! wait here in order and the actor opens it. Always true: calls of one sender leave in the order they were sent; a
//! call is sent at most once. Neighbours: [`peer`](crate::peer) opens links, [`link`](crate::link) carries calls.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use actix::{Actor, AsyncContext, Handler, Message, Recipient, WrapFuture};
use folkmoot_agents::deadlines::LinkInstant;
use folkmoot_agents::host::{Far, FarCall, FarReply, FarTicket};
use folkmoot_codecs::{CallError, Codec};
use folkmoot_transports::Transport;
use tokio::sync::oneshot;

use crate::link::Link;
use crate::link_time;
use crate::peer::{self, Destination};
use crate::tables::Tables;
use crate::workers::Worker;

/// The pause before the second attempt to open a link; each further one is half as long again.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// The longest pause between two attempts.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// How long a link is tried to be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Retry {
    /// One attempt.
    #[default]
    Never,
    /// Attempts for this long.
    For(Duration),
    /// Attempts until one succeeds.
    Forever,
}

impl Retry {
    /// Whether another attempt follows one that failed so many milliseconds after the first began.
    pub(crate) fn goes_on(self, after: u64) -> bool {
        match self {
            Retry::Never => false,
            Retry::Forever => true,
            Retry::For(time) => u128::from(after) < time.as_millis(),
        }
    }

    fn longer(self, other: Retry) -> Retry {
        match (self, other) {
            (Retry::Forever, _) | (_, Retry::Forever) => Retry::Forever,
            (Retry::For(a), Retry::For(b)) => Retry::For(a.max(b)),
            (Retry::For(d), Retry::Never) | (Retry::Never, Retry::For(d)) => Retry::For(d),
            (Retry::Never, Retry::Never) => Retry::Never,
        }
    }
}

/// The way to one remote container.
pub(crate) struct Remote {
    to: Destination,
    tables: Arc<Tables>,
    transport: Arc<dyn Transport>,
    state: Mutex<State>,
    next_id: AtomicU64,
    actor: OnceLock<Recipient<Open>>,
}

struct State {
    stage: Stage,
    retry: Retry,
    had_link: bool,
}

enum Stage {
    Idle,
    Opening(Opening),
    Up(Arc<Link>),
    Closed,
}

#[derive(Default)]
struct Opening {
    /// By their ids, which ascend.
    calls: VecDeque<(u64, String, FarCall)>,
    waiting: Vec<Waiting>,
    last_failure: Option<String>,
    /// Whether the actor has been asked.
    asked: bool,
}

/// Someone who wants the link to be there.
struct Waiting {
    tell: oneshot::Sender<Result<(), CallError>>,
    retry: Retry,
    since: LinkInstant,
}

impl Waiting {
    /// Whether a failed attempt is the last that this one waits for.
    fn is_over(&self, now: LinkInstant) -> bool {
        !self.retry.goes_on(now.since(self.since))
    }
}

impl Remote {
    /// A way that has no link yet. Its actor will live on `worker`, and is not waited for: that worker may itself be
    /// on its way to ours. `None` where the worker has ended.
    pub(crate) fn start(
        to: Destination,
        tables: Arc<Tables>,
        transport: Arc<dyn Transport>,
        worker: &Worker,
    ) -> Option<Arc<Remote>> {
        let state = State { stage: Stage::Idle, retry: Retry::Never, had_link: false };
        let remote = Arc::new(Remote {
            to,
            tables,
            transport,
            state: Mutex::new(state),
            // 0 is the Hello of each link.
            next_id: AtomicU64::new(1),
            actor: OnceLock::new(),
        });
        let attended = remote.clone();
        let attend = move || attended.attend();
        if worker.is_current() {
            attend();
        } else if !worker.arbiter.spawn_fn(attend) {
            return None;
        }
        Some(remote)
    }

    /// On its worker: the actor begins, and opens what is waited for already.
    fn attend(self: Arc<Self>) {
        let actor = RemoteProxy { remote: self.clone() }.start();
        // Set once, here.
        self.actor.set(actor.recipient()).ok();
        self.wake_actor();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next_id(&self) -> u64 {
        self.next_id.fetch_add(1, Ordering::Relaxed)
    }

    /// Asks the actor to open the link, once. An actor that has not begun looks when it begins.
    fn wake_actor(&self) {
        let Some(actor) = self.actor.get() else { return };
        match &mut self.state().stage {
            Stage::Opening(opening) if !opening.asked => opening.asked = true,
            _ => return,
        }
        // One message at a time: its mailbox has room.
        actor.try_send(Open).ok();
    }

    /// Sees to it that there is a link.
    pub(crate) async fn up(&self, retry: Retry) -> Result<(), CallError> {
        let (tell, told) = oneshot::channel();
        let waiting = Waiting { tell, retry, since: link_time::now() };
        {
            let mut state = self.state();
            state.retry = state.retry.longer(retry);
            match &mut state.stage {
                Stage::Up(link) if link.is_open() => return Ok(()),
                Stage::Closed => return Err(closed()),
                Stage::Opening(opening) => opening.waiting.push(waiting),
                Stage::Idle | Stage::Up(_) => {
                    state.stage = Stage::Opening(Opening { waiting: vec![waiting], ..Opening::default() });
                    drop(state);
                    self.wake_actor();
                }
            }
        }
        told.await.unwrap_or_else(|_| Err(closed()))
    }

    /// Sends a call, or keeps it until there is a link.
    fn send(&self, path: String, call: FarCall) -> FarTicket {
        let mut state = self.state();
        // Taken under the lock: what waits for a link is in the order of its ids.
        let id = self.next_id();
        match &mut state.stage {
            Stage::Up(link) if link.is_open() => {
                if let Err(refused) = link.request(id, &path, call) {
                    fail(refused.reply, refused.error);
                }
            }
            Stage::Closed => fail(call.reply, closed()),
            Stage::Opening(opening) => {
                let limit = self.tables.limits.max_pending_calls;
                if opening.calls.len() < limit {
                    opening.calls.push_back((id, path, call));
                } else {
                    let queue = format!("calls that wait for a link to {}", self.to.endpoint);
                    fail(call.reply, CallError::Overloaded { queue, limit });
                }
            }
            Stage::Idle | Stage::Up(_) => {
                let calls = VecDeque::from([(id, path, call)]);
                state.stage = Stage::Opening(Opening { calls, ..Opening::default() });
                drop(state);
                self.wake_actor();
            }
        }
        FarTicket(id)
    }

    /// Takes a call back. Where it never left, says what kept it.
    fn cancel(&self, id: u64, agent: &str) -> Option<CallError> {
        match &mut self.state().stage {
            Stage::Up(link) => link.cancel(id, Some(agent)),
            Stage::Opening(opening) => {
                if let Ok(at) = opening.calls.binary_search_by_key(&id, |(call, _, _)| *call) {
                    opening.calls.remove(at);
                    let why = opening.last_failure.as_deref().unwrap_or("the link is being opened");
                    let cause = format!("no link to {} yet: {why}", self.to.endpoint);
                    return Some(CallError::Disconnected { may_have_run: false, cause });
                }
            }
            Stage::Idle | Stage::Closed => {}
        }
        None
    }

    /// Asks the container itself: a request of the platform's own.
    pub(crate) async fn ask(&self, path: &str, positional: &[u8], within: Duration) -> FarReply {
        let id = self.next_id();
        let link = match &self.state().stage {
            Stage::Up(link) => link.clone(),
            _ => {
                let cause = format!("the link to {} ended", self.to.endpoint);
                return FarReply::Failed(CallError::Disconnected { may_have_run: false, cause });
            }
        };
        let reply = link.ask(id, path, positional);
        let _asking = Asking { link: &link, id };
        match link_time::within(within, reply).await {
            Some(Ok(reply)) => reply,
            Some(Err(_)) => {
                let cause = format!("the link to {} ended", self.to.endpoint);
                FarReply::Failed(CallError::Disconnected { may_have_run: true, cause })
            }
            None => FarReply::Failed(CallError::DeadlineExceeded {
                after: within,
                may_have_run: true,
                chain: vec![self.to.endpoint.to_string()],
            }),
        }
    }

    /// Ends the way for good.
    pub(crate) fn close(&self, reason: &str) {
        let stage = std::mem::replace(&mut self.state().stage, Stage::Closed);
        match stage {
            // It says goodbye once what is in hand is answered.
            Stage::Up(link) => link.leave(reason),
            Stage::Opening(opening) => end_opening(opening, &closed()),
            Stage::Idle | Stage::Closed => {}
        }
    }

    /// Attempts until one succeeds or the time for it is over.
    async fn open(self: Arc<Remote>) {
        let began = link_time::now();
        let mut pause = FIRST_PAUSE;
        loop {
            if !matches!(self.state().stage, Stage::Opening(_)) {
                return;
            }
            let ended = self.clone();
            let opened =
                peer::open(&self.tables, &self.transport, &self.to, move || ended.link_ended()).await;
            match opened {
                Ok(link) => return self.opened(link),
                Err(cause) => {
                    tracing::debug!(to = %self.to.endpoint, %cause, "no link");
                    if !self.failed(&cause, began) {
                        return;
                    }
                }
            }
            link_time::sleep(pause.mul_f64(0.5 + fastrand::f64() / 2.0)).await;
            pause = pause.mul_f64(1.5).min(LONGEST_PAUSE);
        }
    }

    /// The link is open: what waited leaves in order, before anything new.
    fn opened(&self, link: Arc<Link>) {
        let mut state = self.state();
        if std::mem::replace(&mut state.had_link, true) {
            self.tables.counters.reconnects.increment(1);
        }
        let stage = std::mem::replace(&mut state.stage, Stage::Up(link.clone()));
        let Stage::Opening(opening) = stage else {
            // Closed meanwhile.
            state.stage = Stage::Closed;
            link.close("the container was shut down");
            return;
        };
        for (id, path, call) in opening.calls {
            if call.reply.as_ref().is_none_or(|reply| !reply.is_closed())
                && let Err(refused) = link.request(id, &path, call)
            {
                fail(refused.reply, refused.error);
            }
        }
        drop(state);
        for waiting in opening.waiting {
            waiting.tell.send(Ok(())).ok();
        }
    }

    /// An attempt failed. Says whether another one follows.
    fn failed(&self, cause: &str, began: LinkInstant) -> bool {
        let mut state = self.state();
        let now = link_time::now();
        let go_on = state.retry.goes_on(now.since(began));
        let Stage::Opening(opening) = &mut state.stage else { return false };
        opening.last_failure = Some(cause.to_owned());
        let cause = format!("no link to {}: {cause}", self.to.endpoint);
        let error = CallError::Disconnected { may_have_run: false, cause };
        // Another's patience is not theirs.
        let (over, waiting): (Vec<_>, _) =
            std::mem::take(&mut opening.waiting).into_iter().partition(|waiting| waiting.is_over(now));
        opening.waiting = waiting;
        let go_on = go_on || !opening.waiting.is_empty();
        let ended = (!go_on).then(|| std::mem::take(opening));
        if ended.is_some() {
            state.stage = Stage::Idle;
        }
        drop(state);
        for waiting in over {
            waiting.tell.send(Err(error.clone())).ok();
        }
        if let Some(opening) = ended {
            end_opening(opening, &error);
        }
        go_on
    }

    fn link_ended(&self) {
        let mut state = self.state();
        if matches!(&state.stage, Stage::Up(link) if link.end().is_some()) {
            state.stage = Stage::Idle;
        }
    }
}

/// A question whose answer is awaited; dropped, nobody waits for it any more.
struct Asking<'a> {
    link: &'a Link,
    id: u64,
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        self.link.cancel(self.id, None);
    }
}

fn closed() -> CallError {
    CallError::Disconnected { may_have_run: false, cause: "the container was shut down".to_owned() }
}

fn fail(reply: Option<oneshot::Sender<FarReply>>, error: CallError) {
    match reply {
        // A caller that went away has no use for the error.
        Some(reply) => drop(reply.send(FarReply::Failed(error))),
        None => tracing::debug!(%error, "a one-way call was not sent"),
    }
}

fn end_opening(opening: Opening, error: &CallError) {
    for (_, _, call) in opening.calls {
        fail(call.reply, error.clone());
    }
    for waiting in opening.waiting {
        waiting.tell.send(Err(error.clone())).ok();
    }
}

/// The actor that opens the link, again and again over the life of the container.
pub(crate) struct RemoteProxy {
    remote: Arc<Remote>,
}

impl Actor for RemoteProxy {
    type Context = actix::Context<Self>;
}

/// Someone needs a link.
pub(crate) struct Open;

impl Message for Open {
    type Result = ();
}

impl Handler<Open> for RemoteProxy {
    type Result = ();

    fn handle(&mut self, _: Open, ctx: &mut Self::Context) {
        ctx.spawn(self.remote.clone().open().into_actor(self));
    }
}

/// One agent behind a [`Remote`].
pub(crate) struct RemoteAgent {
    remote: Arc<Remote>,
    agent: String,
}

impl RemoteAgent {
    pub(crate) fn new(remote: Arc<Remote>, agent: String) -> RemoteAgent {
        RemoteAgent { remote, agent }
    }
}

impl Far for RemoteAgent {
    fn codec(&self) -> Codec {
        self.remote.to.codec
    }

    fn send(&self, call: FarCall) -> FarTicket {
        let mut path = String::with_capacity(8 + self.agent.len() + call.method.len());
        path.push_str("agents/");
        path.push_str(&self.agent);
        path.push('/');
        path.push_str(&call.method);
        self.remote.send(path, call)
    }

    fn cancel(&self, ticket: FarTicket) -> Option<CallError> {
        self.remote.cancel(ticket.0, &self.agent)
    }

    fn agent(&self) -> &str {
        &self.agent
    }

    fn url(&self) -> String {
        self.remote.to.endpoint.agent(&self.agent).to_string()
    }
}
