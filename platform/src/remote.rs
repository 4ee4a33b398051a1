//! The way to one remote container: its link, where there is one, and the calls that use it.
//!
//! While the link is up a call is encoded straight into its outbox by whoever makes it; while it is down, calls wait here
//! in order and its [`remote_proxy`](crate::remote_proxy) opens it. Always true: calls of one sender leave in the order
//! they were sent; a call is sent at most once. Neighbours: [`opening`] brings its link about, [`link`](crate::link)
//! carries calls, [`joining`](crate::joining) brings links that a joined node opened.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::Duration;

use actix::{Actor, Recipient};
use folkmoot_agents::Retry;
use folkmoot_agents::host::{FarCall, FarReply, FarTicket, Outlook};
use folkmoot_codecs::piece::LARGE_PAYLOAD_BYTES;
use folkmoot_codecs::{CallError, PlainTypes};
use folkmoot_transports::Transport;
use tokio::sync::oneshot;

use crate::link::{Link, payload_bytes};
use crate::link_time;
use crate::peer::Destination;
use crate::remote_proxy::{Look, RemoteProxy};
use crate::remotes::Remotes;
use crate::tables::Tables;
use crate::workers::Worker;

mod holding;
mod opening;

use opening::{Waiting, tell_of};

/// The way to one remote container.
pub(crate) struct Remote {
    to: Destination,
    tables: Arc<Tables>,
    transport: Arc<dyn Transport>,
    state: Mutex<State>,
    next_id: Arc<AtomicU64>,
    /// Whether the last link led to a peer that said no Hello.
    is_plain: AtomicBool,
    /// How many hold the way.
    holders: AtomicUsize,
    /// When the last one let it go, in milliseconds of link time.
    unheld_since: AtomicU64,
    actor: OnceLock<Recipient<Look>>,
}

struct State {
    stage: Stage,
    /// Links that gave way to another while calls may have waited on them.
    older: Vec<Weak<Link>>,
    retry: Retry,
    had_link: bool,
    idling: Idling,
}

enum Stage {
    Idle,
    Opening(Opening),
    Up(Arc<Link>),
    Closed,
}

/// Whether anyone looks after a way that nobody holds.
enum Idling {
    /// Nobody: somebody held it at the last look.
    No,
    /// The actor will, when it comes to it.
    Wanted(Arc<Remotes>),
    /// The actor does.
    Watched,
}

#[derive(Default)]
struct Opening {
    /// By their ids, which ascend.
    calls: VecDeque<(u64, String, FarCall)>,
    /// How many of them, from the first on, were set aside.
    aside: usize,
    /// How much the arguments of the calls weigh.
    bytes: usize,
    waiting: Vec<Waiting>,
    last_failure: Option<String>,
    /// Whether the actor is at it.
    begun: bool,
}

impl Remote {
    /// A way that has no link yet. Its actor will live on `worker`, and is not waited for: that worker may itself be
    /// on its way to ours, or this be a task of it that can begin no actor. `None` where the worker has ended.
    pub(crate) fn start(
        to: Destination,
        tables: Arc<Tables>,
        transport: Arc<dyn Transport>,
        worker: &Worker,
    ) -> Option<Arc<Remote>> {
        let state = State {
            stage: Stage::Idle,
            older: Vec::new(),
            retry: Retry::Never,
            had_link: false,
            idling: Idling::No,
        };
        let remote = Arc::new(Remote {
            to,
            tables,
            transport,
            state: Mutex::new(state),
            // 0 is the Hello of each link.
            next_id: Arc::new(AtomicU64::new(1)),
            is_plain: AtomicBool::new(false),
            holders: AtomicUsize::new(0),
            unheld_since: AtomicU64::new(0),
            actor: OnceLock::new(),
        });
        let attended = remote.clone();
        worker.executor.spawn_fn(move || attended.attend()).then_some(remote)
    }

    /// On its worker: the actor begins, and does what is waited for already.
    fn attend(self: Arc<Self>) {
        let actor = RemoteProxy::new(self.clone()).start();
        // Set once, here.
        self.actor.set(actor.recipient()).ok();
        self.wake_actor();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn next_id(&self) -> u64 {
        self.next_id.fetch_add(1, Ordering::Relaxed)
    }

    /// Lets the actor look. One that has not begun looks when it begins.
    fn wake_actor(&self) {
        if let Some(actor) = self.actor.get() {
            // Where its mailbox is full it will look all the same; one that has ended has nothing to do.
            actor.try_send(Look).ok();
        }
    }

    /// The special types of values that the peer knows, where it said no Hello over the last link.
    #[inline]
    pub(crate) fn plain_types(&self) -> Option<Arc<PlainTypes>> {
        self.is_plain.load(Ordering::Relaxed).then(|| self.tables.plain_types.clone())
    }

    pub(crate) fn to(&self) -> &Destination {
        &self.to
    }

    /// For the actor: whether a link is wanted that it has not begun to open.
    pub(crate) fn begins_to_open(&self) -> bool {
        match &mut self.state().stage {
            Stage::Opening(opening) => !std::mem::replace(&mut opening.begun, true),
            _ => false,
        }
    }

    pub(crate) fn is_closed(&self) -> bool {
        matches!(self.state().stage, Stage::Closed)
    }

    /// Sends a call, or keeps it until there is a link.
    pub(crate) fn send(&self, path: String, call: FarCall) -> FarTicket {
        let mut checked = None;
        if payload_bytes(&call) > LARGE_PAYLOAD_BYTES {
            checked = match self.link().and_then(|link| link.check_large(&path, &call)).transpose() {
                Ok(checked) => checked,
                Err(error) => {
                    self.fail(&path, call.reply, error);
                    return FarTicket(self.next_id());
                }
            };
        }
        let mut state = self.state();
        // Taken under the lock: what waits for a link is in the order of its ids.
        let id = self.next_id();
        match &mut state.stage {
            Stage::Up(link) if link.is_open() => {
                if let Err(refused) = link.request(id, &path, call, checked) {
                    self.fail(&path, refused.reply, refused.error);
                }
            }
            Stage::Closed => self.fail(&path, call.reply, closed()),
            Stage::Opening(opening) => {
                let limits = &self.tables.limits;
                let limit = limits.max_pending_calls;
                if opening.calls.len() < limit && opening.bytes < limits.max_outbox_bytes {
                    opening.bytes += payload_bytes(&call);
                    opening.calls.push_back((id, path, call));
                } else {
                    self.tables.counters.overloads.increment(1);
                    let queue = format!("calls that wait for a link to {}", self.to.endpoint);
                    self.fail(&path, call.reply, CallError::Overloaded { queue, limit });
                }
            }
            Stage::Idle | Stage::Up(_) => {
                let bytes = payload_bytes(&call);
                let calls = VecDeque::from([(id, path, call)]);
                state.stage = Stage::Opening(Opening { calls, bytes, ..Opening::default() });
                drop(state);
                self.wake_actor();
            }
        }
        FarTicket(id)
    }

    /// Takes a call back. Where it never left, says what kept it.
    pub(crate) fn cancel(&self, id: u64, agent: &str) -> Option<CallError> {
        let mut state = self.state();
        match &mut state.stage {
            Stage::Up(link) => {
                if link.cancel(id, Some(agent)) {
                    return None;
                }
            }
            Stage::Opening(opening) => {
                if let Ok(at) = opening.calls.binary_search_by_key(&id, |(call, _, _)| *call) {
                    let taken = opening.calls.remove(at);
                    opening.aside -= usize::from(at < opening.aside);
                    opening.bytes -= taken.map_or(0, |(_, _, call)| payload_bytes(&call));
                    let why = opening.last_failure.as_deref().unwrap_or("the link is being opened");
                    let cause = format!("no link to {} yet: {why}", self.to.endpoint);
                    return Some(CallError::Disconnected { may_have_run: false, cause });
                }
            }
            Stage::Idle | Stage::Closed => {}
        }
        state.older.iter().filter_map(Weak::upgrade).any(|link| link.cancel(id, Some(agent)));
        None
    }

    /// How a call would fare that is sent now.
    pub(crate) fn outlook(&self) -> Outlook {
        match &self.state().stage {
            Stage::Closed => Outlook::Shut(closed()),
            Stage::Up(link) => link.overload().map_or(Outlook::Open, Outlook::Shut),
            Stage::Opening(opening) if opening.last_failure.is_some() => Outlook::Doubtful,
            Stage::Idle | Stage::Opening(_) => Outlook::Open,
        }
    }

    /// The link, where one is up.
    pub(crate) fn link(&self) -> Option<Arc<Link>> {
        match &self.state().stage {
            Stage::Up(link) if link.is_open() => Some(link.clone()),
            _ => None,
        }
    }

    /// How many calls wait for a reply, or for a link, but for those that were set aside.
    pub(crate) fn awaited(&self) -> usize {
        let state = self.state();
        let older = state.older.iter().filter_map(Weak::upgrade).map(|link| link.awaited()).sum::<usize>();
        older
            + match &state.stage {
                Stage::Up(link) => link.awaited(),
                Stage::Opening(opening) => opening.calls.len() - opening.aside,
                Stage::Idle | Stage::Closed => 0,
            }
    }

    /// The calls that wait now are not counted among the awaited any more.
    pub(crate) fn set_aside(&self) {
        let mut state = self.state();
        state.older.iter().filter_map(Weak::upgrade).for_each(|link| link.set_aside());
        match &mut state.stage {
            Stage::Up(link) => link.set_aside(),
            Stage::Opening(opening) => opening.aside = opening.calls.len(),
            Stage::Idle | Stage::Closed => {}
        }
    }

    /// From now on calls leave over a link that the peer opened. What waited leaves first; what waits for replies on
    /// another link goes on waiting there: that link, which is to be attended to until it is quiet.
    pub(crate) fn adopt(&self, link: &Arc<Link>) -> Option<Arc<Link>> {
        let mut state = self.state();
        state.had_link = true;
        match std::mem::replace(&mut state.stage, Stage::Up(link.clone())) {
            Stage::Closed => state.stage = Stage::Closed,
            Stage::Up(old) if old.is_open() && !Arc::ptr_eq(&old, link) => {
                state.older.retain(|older| older.upgrade().is_some_and(|older| older.is_open()));
                state.older.push(Arc::downgrade(&old));
                return Some(old);
            }
            Stage::Opening(opening) => {
                let waiting = self.send_over(link, opening);
                drop(state);
                tell_of(waiting);
            }
            Stage::Idle | Stage::Up(_) => {}
        }
        None
    }

    /// Asks the container itself: a request of the platform's own.
    pub(crate) async fn ask(&self, path: &str, positional: &[u8], within: Duration) -> FarReply {
        let link = match &self.state().stage {
            Stage::Up(link) => link.clone(),
            _ => {
                let cause = format!("the link to {} ended", self.to.endpoint);
                return FarReply::Failed(CallError::Disconnected { may_have_run: false, cause });
            }
        };
        self.ask_over(&link, path, positional, within).await
    }

    /// The same, over a link of this way that is known.
    pub(crate) async fn ask_over(
        &self,
        link: &Link,
        path: &str,
        positional: &[u8],
        within: Duration,
    ) -> FarReply {
        let id = self.next_id();
        let reply = link.ask(id, path, positional);
        let _asking = Asking { link, id };
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
            Stage::Opening(opening) => self.end_opening(opening, &closed()),
            Stage::Idle | Stage::Closed => {}
        }
        self.wake_actor();
    }

    /// A call did not leave.
    fn fail(&self, path: &str, reply: Option<oneshot::Sender<FarReply>>, error: CallError) {
        match reply {
            // A caller that went away has no use for the error.
            Some(reply) => drop(reply.send(FarReply::Failed(error))),
            None => {
                self.tables.counters.one_way_failures.increment(1);
                tracing::warn!(to = %self.to.endpoint, %path, %error, "a one-way call was not sent");
            }
        }
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

pub(crate) fn closed() -> CallError {
    CallError::Disconnected { may_have_run: false, cause: "the container was shut down".to_owned() }
}
