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
    calls: VecDeque<(u64, String, FarCall)>,
    waiting: Vec<oneshot::Sender<Result<(), CallError>>>,
    last_failure: Option<String>,
}

impl Remote {
    /// A way that has no link yet. Its actor lives on the current worker.
    pub(crate) fn start(to: Destination, tables: Arc<Tables>, transport: Arc<dyn Transport>) -> Arc<Remote> {
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
        let actor = RemoteProxy { remote: remote.clone() }.start();
        // Set once, here.
        remote.actor.set(actor.recipient()).ok();
        remote
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next_id(&self) -> u64 {
        self.next_id.fetch_add(1, Ordering::Relaxed)
    }

    fn wake_actor(&self) {
        if let Some(actor) = self.actor.get() {
            // One message at a time: the stage has just changed to opening.
            actor.try_send(Open).ok();
        }
    }

    /// Sees to it that there is a link.
    pub(crate) async fn up(&self, retry: Retry) -> Result<(), CallError> {
        let (tell, told) = oneshot::channel();
        {
            let mut state = self.state();
            state.retry = state.retry.longer(retry);
            match &mut state.stage {
                Stage::Up(link) if link.end().is_none() => return Ok(()),
                Stage::Closed => return Err(closed()),
                Stage::Opening(opening) => opening.waiting.push(tell),
                Stage::Idle | Stage::Up(_) => {
                    state.stage = Stage::Opening(Opening { waiting: vec![tell], ..Opening::default() });
                    drop(state);
                    self.wake_actor();
                }
            }
        }
        told.await.unwrap_or_else(|_| Err(closed()))
    }

    /// Sends a call, or keeps it until there is a link.
    fn send(&self, path: String, call: FarCall) -> FarTicket {
        let id = self.next_id();
        let mut state = self.state();
        match &mut state.stage {
            Stage::Up(link) if link.end().is_none() => {
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
    fn cancel(&self, id: u64) -> Option<CallError> {
        match &mut self.state().stage {
            Stage::Up(link) => link.cancel(id),
            Stage::Opening(opening) => {
                let before = opening.calls.len();
                opening.calls.retain(|(call, _, _)| *call != id);
                if opening.calls.len() < before {
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
                let cause = "the link ended".to_owned();
                return FarReply::Failed(CallError::Disconnected { may_have_run: false, cause });
            }
        };
        match link_time::within(within, link.ask(id, path, positional)).await {
            Some(Ok(reply)) => reply,
            Some(Err(_)) => {
                let cause = "the link ended".to_owned();
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
            waiting.send(Ok(())).ok();
        }
    }

    /// An attempt failed. Says whether another one follows.
    fn failed(&self, cause: &str, began: LinkInstant) -> bool {
        let mut state = self.state();
        let go_on = match state.retry {
            Retry::Never => false,
            Retry::Forever => true,
            Retry::For(time) => u128::from(link_time::now().since(began)) < time.as_millis(),
        };
        let Stage::Opening(opening) = &mut state.stage else { return false };
        opening.last_failure = Some(cause.to_owned());
        if go_on {
            return true;
        }
        let opening = std::mem::take(opening);
        state.stage = Stage::Idle;
        drop(state);
        let cause = format!("no link to {}: {cause}", self.to.endpoint);
        end_opening(opening, &CallError::Disconnected { may_have_run: false, cause });
        false
    }

    fn link_ended(&self) {
        let mut state = self.state();
        if matches!(&state.stage, Stage::Up(link) if link.end().is_some()) {
            state.stage = Stage::Idle;
        }
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
        waiting.send(Err(error.clone())).ok();
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
        self.remote.cancel(ticket.0)
    }

    fn agent(&self) -> &str {
        &self.agent
    }

    fn url(&self) -> String {
        self.remote.to.endpoint.agent(&self.agent).to_string()
    }
}
