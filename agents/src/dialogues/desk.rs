//! An agent's dialogues in one protocol, with what the rules know nothing of: the way to the other side, who has
//! proven to be there, and what came and waits.
//!
//! Always true: in one dialogue every message comes from the same principal; what waits unread is bounded. Neighbours:
//! [`incoming`](super::incoming) and [`speech`](super::speech) work at the desk, [`room`](super::room) says
//! whether others may begin more, [`alarm`](super::alarm) has it tidied.

use std::any::Any;
use std::cell::RefCell;
use std::collections::{HashMap, HashSet, VecDeque};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use folkmoot_codecs::Principal;
use folkmoot_protocols::dialogue::{DialogueId, Dialogues, Limits, Rules, Side};
use folkmoot_protocols::typed::{Conversed, Heard};
use tokio::sync::oneshot;

use super::alarm::AnyDesk;
use super::incoming::Sealed;
use super::kept::{Keeping, Record, StoreError, Stored};
use super::listener::Listener;
use super::mailed::receive;
use super::way::Way;
use super::{Cause, Ended};
use crate::chance;
use crate::counters::Counters;
use crate::host::{BoxFuture, Host};
use crate::interface::LocalFuture;
use crate::mail::{Inbox, MailedMessage};
use crate::proxy::Proxy;
use crate::shared::AgentShared;

/// How many messages of one dialogue wait at most for somebody who asks for them.
pub const UNREAD_MESSAGES: usize = 64;

/// How many dialogues are given up in one go.
const EXPIRED_AT_ONCE: usize = 1_000;

/// Of how many peers it is remembered that they denied an answer, so that it is logged once.
const DENIED_PEERS: usize = 256;

/// What is known beside dialogues that are not known any more is looked through from so many on.
const FORGOTTEN_SLACK: usize = 64;

/// What waits for a message that answers the one of that number.
pub(super) struct Waiter<P> {
    pub(super) target: i32,
    pub(super) tell: oneshot::Sender<Result<Heard<P>, Cause>>,
}

/// What is known of a dialogue beside its messages.
pub(super) struct Beside<P> {
    pub(super) way: Way,
    /// The name by which the other side speaks to us, under which it is answered.
    pub(super) known_as: Arc<str>,
    /// Who has proven to be the other side; not known before its first message.
    pub(super) principal: Option<Principal>,
    pub(super) waiter: Option<Waiter<P>>,
    pub(super) unread: VecDeque<Heard<P>>,
    /// How many of its messages wait for their handler's turn.
    pub(super) queued: u32,
    /// How many came by mail and are being kept, before anybody has them.
    pub(super) arriving: u32,
    /// Whether it is among those that are open with its principal's node.
    pub(super) is_counted: bool,
    /// Whether the agent has been told of its end, if it wants to be.
    pub(super) is_end_noted: bool,
    /// Why it is over, where the rules know nothing of that.
    pub(super) over: Option<Cause>,
}

/// What outlives the agent of a desk.
pub(crate) struct Outliving {
    /// Where its dialogues are kept, if they are.
    pub(crate) keeping: Option<Rc<Keeping>>,
    /// Its mailbox, if it has one.
    pub(crate) inbox: Option<Rc<Inbox>>,
}

/// One agent's dialogues in one protocol.
pub(crate) struct Desk<P: Conversed> {
    pub(super) dialogues: RefCell<Dialogues<P>>,
    pub(super) beside: RefCell<HashMap<DialogueId, Beside<P>>>,
    pub(super) keeping: Option<Rc<Keeping>>,
    /// How many dialogues are open that others have begun, by the node that has proven to be there.
    pub(super) begun_by: RefCell<HashMap<Box<str>, usize>>,
    /// What the store is being asked to forget.
    forgetting: RefCell<Vec<BoxFuture<'static, Result<(), StoreError>>>>,
    /// Whether the agent is told of those that end.
    pub(super) hears_ends: bool,
    /// Those of which it has not been told yet.
    pub(super) ends: RefCell<VecDeque<Ended<P>>>,
    /// Peers whose nodes have let nobody speak to them.
    denied: RefCell<HashSet<String>>,
    /// The agent's mailbox, if it has one.
    pub(super) inbox: Option<Rc<Inbox>>,
    host: Arc<dyn Host>,
    agent: Arc<AgentShared>,
}

impl<P: Conversed> Desk<P> {
    /// A desk of an agent; with the dialogues of an earlier life, where they outlive it.
    pub(crate) fn new(
        host: Arc<dyn Host>,
        agent: Arc<AgentShared>,
        Outliving { keeping, inbox }: Outliving,
        limits: Option<Limits>,
        hears_ends: bool,
    ) -> Desk<P> {
        let rules = Rules::of(P::specified().specification());
        let rules =
            rules.unwrap_or_else(|error| unreachable!("a protocol with types for dialogues: {error}"));
        let nonce = || {
            let mut nonce = [0; 32];
            chance::fill(&mut nonce).ok().map(|()| nonce)
        };
        let mut dialogues = Dialogues::new(Arc::new(rules), &**agent.name(), nonce);
        dialogues.confirm_ends();
        if let Some(limits) = limits {
            dialogues.set_limits(limits);
        }
        let desk = Desk {
            dialogues: RefCell::new(dialogues),
            beside: RefCell::new(HashMap::new()),
            keeping,
            begun_by: RefCell::default(),
            forgetting: RefCell::default(),
            hears_ends,
            ends: RefCell::default(),
            denied: RefCell::default(),
            inbox,
            host,
            agent,
        };
        desk.take_back();
        desk
    }

    pub(super) fn host(&self) -> &Arc<dyn Host> {
        &self.host
    }

    pub(super) fn counters(&self) -> &Arc<Counters> {
        self.host.counters()
    }

    /// The agent's name, under which the rules know it.
    pub(super) fn name(&self) -> &Arc<str> {
        self.agent.name()
    }

    /// `node/name`, as logs have it.
    pub(super) fn full_name(&self) -> &Arc<str> {
        self.agent.full_name()
    }

    pub(super) fn now(&self) -> Duration {
        self.host.clock().now().0
    }

    /// Who speaks here.
    pub(super) fn principal(&self) -> Principal {
        self.host.principal().with_agent(self.agent.name().clone())
    }

    /// The way to the agent at `url`.
    ///
    /// # Errors
    /// What is wrong with it, as a sentence.
    pub(super) fn way(&self, url: &str) -> Result<Proxy<Listener>, String> {
        Proxy::pointing_at(&self.host, self.principal(), url).map_err(|fault| fault.to_string())
    }

    /// The way to the agent at `url`, whose node must prove to be who spoke.
    ///
    /// # Errors
    /// What is wrong with it, as a sentence.
    pub(super) fn way_to(&self, url: &str, caller: &Principal) -> Result<Proxy<Listener>, String> {
        Proxy::answering(&self.host, self.principal(), (url, caller)).map_err(|fault| fault.to_string())
    }

    /// Puts down what is known of a dialogue that begins.
    pub(super) fn enter(&self, id: DialogueId, way: Way, known_as: Arc<str>, principal: Option<Principal>) {
        let entry = Beside {
            way,
            known_as,
            principal,
            waiter: None,
            unread: VecDeque::new(),
            queued: 0,
            arriving: 0,
            is_counted: false,
            is_end_noted: false,
            over: None,
        };
        let mut beside = self.beside.borrow_mut();
        beside.insert(id, entry);
        let dialogues = self.dialogues.borrow();
        if beside.len() > 2 * dialogues.known() + FORGOTTEN_SLACK {
            let unread: usize = beside
                .extract_if(|id, _| dialogues.get(*id).is_none())
                .map(|(_, forgotten)| forgotten.unread.len())
                .sum();
            self.counters().messages_unread.increment(unread as u64);
        }
    }

    /// Why a dialogue is over, if it is.
    pub(super) fn end_of(&self, id: DialogueId) -> Option<Cause> {
        let dialogues = self.dialogues.borrow();
        match dialogues.get(id) {
            None => Some(Cause::Forgotten),
            Some(dialogue) => dialogue.ended().map(|ended| Cause::of(ended, dialogues.rules())),
        }
    }

    /// Whether a dialogue is known and goes on.
    pub(super) fn is_open(&self, id: DialogueId) -> bool {
        is_open(&self.dialogues.borrow(), id)
    }

    /// Tells whoever waits in a dialogue that it has ended.
    pub(super) fn tell_end(&self, id: DialogueId) {
        let Some(end) = self.end_of(id) else { return };
        let waiting = self.beside.borrow_mut().get_mut(&id).and_then(|beside| {
            let cause = beside.over.clone().unwrap_or(end);
            beside.waiter.take().map(|waiter| (waiter, cause))
        });
        if let Some((waiter, cause)) = waiting {
            // Whoever waited may have gone.
            waiter.tell.send(Err(cause)).ok();
        }
    }

    /// Gives a dialogue up, and tells whoever waits in it here.
    pub(super) fn abandon(&self, id: DialogueId, cause: &Cause) {
        self.end(id, cause);
        self.forget(id);
    }

    /// The same, before the store is told.
    pub(super) fn end(&self, id: DialogueId, cause: &Cause) {
        let was_open = self.dialogues.borrow_mut().abandon(id, self.now()).is_ok();
        if was_open && let Some(beside) = self.beside.borrow_mut().get_mut(&id) {
            beside.over = Some(cause.clone());
        }
        if was_open {
            self.note_end(id);
        }
        self.tell_end(id);
    }

    /// Has the store forget a dialogue that was given up, once the agent's life comes to it.
    pub(super) fn forget(&self, id: DialogueId) {
        let forgetting = self.keep(id);
        self.forgetting.borrow_mut().extend(forgetting);
    }

    /// Sets how much the dialogues may take.
    pub(super) fn set_limits(&self, limits: Limits) {
        self.dialogues.borrow_mut().set_limits(limits);
    }

    /// Keeps a dialogue as it stands, or forgets it where it has ended; nothing where dialogues do not outlive the
    /// agent.
    pub(super) fn keep(&self, id: DialogueId) -> Option<BoxFuture<'static, Result<(), StoreError>>> {
        let keeping = self.keeping.as_ref()?;
        Some(match self.written(id) {
            Ok(None) => return None,
            Ok(Some(Written { key, bytes: None })) => keeping.store.remove(self.name(), P::ID, &key),
            Ok(Some(Written { key, bytes: Some(bytes) })) => {
                keeping.store.save(self.name(), Stored { protocol: P::ID.to_owned(), key, bytes })
            }
            Err(error) => Box::pin(std::future::ready(Err(error))),
        })
    }

    /// A dialogue as it is written down now; `None` where nothing is known of it.
    ///
    /// # Errors
    /// It cannot be written.
    pub(super) fn written(&self, id: DialogueId) -> Result<Option<Written>, StoreError> {
        let dialogues = self.dialogues.borrow();
        let beside = self.beside.borrow();
        let (Some(entry), Some(dialogue)) = (beside.get(&id), dialogues.get(id)) else { return Ok(None) };
        let key = key(dialogue);
        let snapshot = match dialogue.ended() {
            Some(_) => None,
            None => dialogues.snapshot_of(id),
        };
        let record = snapshot.map(|snapshot| Record::of(snapshot, dialogues.rules(), entry)?.write());
        Ok(Some(Written { key, bytes: record.transpose().map_err(StoreError)? }))
    }

    /// By which others answer this agent's mail: the id of its mailbox.
    pub(super) fn own_address(&self) -> Arc<str> {
        let address = self.inbox.as_ref().map(|inbox| inbox.mailbox().address().as_str());
        address.unwrap_or_default().into()
    }

    /// Takes the dialogues of an earlier life back.
    fn take_back(&self) {
        let Some(keeping) = &self.keeping else { return };
        let records = keeping.take(P::ID);
        for stored in records {
            if let Err(reason) = self.take_back_one(&stored.bytes) {
                let (agent, key) = (self.full_name(), &stored.key);
                self.counters().dialogues_lost.increment(1);
                tracing::error!(%agent, protocol = P::ID, key, reason, "a dialogue that was kept is not taken back");
            }
        }
    }

    fn take_back_one(&self, bytes: &[u8]) -> Result<(), String> {
        let record = Record::read(bytes)?;
        let (way, known_as, principal) = (record.way(self)?, record.known_as(), record.principal());
        let snapshot = record.snapshot::<P>(&self.dialogues.borrow().rules().clone())?;
        let ids =
            self.dialogues.borrow_mut().put_back(snapshot, self.now()).map_err(|error| error.to_string())?;
        for id in ids {
            self.enter(id, way.clone(), known_as.clone(), principal.clone());
            let is_theirs =
                self.dialogues.borrow().get(id).is_some_and(|known| known.started_by() == Side::Them);
            if is_theirs && self.is_open(id) {
                self.count(id);
            }
        }
        Ok(())
    }

    /// Logs and counts what was given up, and tells who waited.
    fn note_expired(&self, expired: &[DialogueId]) {
        self.counters().dialogues_timed_out.increment(expired.len() as u64);
        for id in expired {
            self.note_end(*id);
            self.tell_end(*id);
            self.forget(*id);
            let Some((peer, unread)) = self
                .beside
                .borrow_mut()
                .get_mut(id)
                .map(|beside| (beside.way.address(), std::mem::take(&mut beside.unread).len()))
            else {
                continue;
            };
            self.counters().messages_unread.increment(unread as u64);
            let agent = self.full_name();
            tracing::info!(%agent, protocol = P::ID, peer, unread, "a dialogue timed out");
        }
    }

    /// Logs once of each peer that it lets nobody answer it, and what to do about that.
    pub(super) fn note_denied(&self, id: DialogueId) {
        let Some(peer) = self.beside.borrow().get(&id).map(|beside| beside.way.address()) else { return };
        let mut denied = self.denied.borrow_mut();
        if denied.len() >= DENIED_PEERS {
            denied.clear();
        }
        if denied.insert(peer.clone()) {
            let (agent, principal) = (self.full_name(), self.principal());
            let told = peer.rsplit(['/', ':']).next().unwrap_or_default();
            let rule = format!(".allow({:?}, {told:?}, {:?})", principal.node_name(), P::ID);
            tracing::warn!(%agent, protocol = P::ID, peer, rule, "no rule of the other side's node lets this agent speak there: its node needs that rule");
        }
    }
}

impl<P: Conversed> AnyDesk for Desk<P> {
    fn next_deadline(&self) -> Option<Duration> {
        self.dialogues.borrow().next_deadline()
    }

    fn end_life(&self, reason: &str) {
        self.give_all_up(reason);
        // The next life knows nothing of them.
        self.ends.borrow_mut().clear();
    }

    fn untold_ends(&self) -> usize {
        self.ends.borrow().len()
    }

    fn nothing_is_queued(&self) {
        self.beside.borrow_mut().values_mut().for_each(|beside| beside.queued = 0);
    }

    fn expire(&self, now: Duration) {
        loop {
            let expired = self.dialogues.borrow_mut().expire(now, EXPIRED_AT_ONCE);
            self.note_expired(&expired);
            if expired.len() < EXPIRED_AT_ONCE {
                return;
            }
        }
    }

    fn poll_forgetting(&self, cx: &mut Context<'_>) {
        self.forgetting.borrow_mut().retain_mut(|forgetting| match forgetting.as_mut().poll(cx) {
            Poll::Pending => true,
            Poll::Ready(Ok(())) => false,
            Poll::Ready(Err(error)) => {
                tracing::warn!(agent = %self.full_name(), protocol = P::ID, %error, "a dialogue that was given up is still kept");
                false
            }
        });
    }

    fn protocol(&self) -> &'static str {
        P::ID
    }

    fn take_mailed(self: Rc<Self>, message: MailedMessage) -> LocalFuture<()> {
        let heard = receive(self, message, |_| false);
        Box::pin(async move { drop(heard.await) })
    }

    fn take_in(self: Rc<Self>, message: Sealed) -> Option<LocalFuture<()>> {
        message.take_in(&self)
    }

    fn into_any(self: Rc<Self>) -> Rc<dyn Any> {
        self
    }
}

/// A dialogue as it is written down.
pub(super) struct Written {
    /// By which name it is kept.
    pub(super) key: String,
    /// `None` where it has ended and is to be forgotten.
    pub(super) bytes: Option<Vec<u8>>,
}

fn is_open<P: Conversed>(dialogues: &Dialogues<P>, id: DialogueId) -> bool {
    dialogues.get(id).is_some_and(|dialogue| dialogue.ended().is_none())
}

/// By which name a dialogue is kept: the responder's reference, which comes later, is no part of it.
fn key<P>(dialogue: folkmoot_protocols::dialogue::Dialogue<'_, P>) -> String
where
    P: Conversed,
{
    let begun = if dialogue.started_by() == Side::Us { "to" } else { "by" };
    format!("{begun} {} {}", dialogue.peer(), dialogue.starter_reference())
}
