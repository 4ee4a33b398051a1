//! A mailbox in the hand of its owner.
//!
//! Always true: each word to the exchange bears the epoch of the owner's lease, so one that is stale is refused; what is in
//! hand is known here until it is acknowledged or refused. Neighbours: [`keeper`](super::keeper) keeps the lease and the
//! deliveries, [`sending`](super::sending) sends, [`router`](crate::router) asks the gate, [`denied`](super::denied) has what that
//! refuses.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use folkmoot_agents::host::BoxFuture;
use folkmoot_agents::mail::{
    Again, Delivery, DeliveryId, Kept, KeptUnder, MailAddress, MailError, OwnMailbox, Step, Tracking,
};
use folkmoot_exchange::{
    Again as TriedAgain, Asker, Delivery as Delivered, Exchange, ExchangeError, Fence, MailboxId, Receipt,
    Recv, Refusal, StatePut, StateQuery, Step as Commit, Tracking as Tracked,
};
use folkmoot_gateway::Admitted;
use tokio::sync::{Notify, watch};

use super::claim::Claim;
use super::keeper;
use super::naming;
use super::sending::{self, Sender, mail_error};
use crate::link_time;
use crate::router;

/// How long one look for mail lasts; another follows.
const LOOK: Duration = Duration::from_secs(600);

/// Most requests whose answers are known to be such; of more the oldest are forgotten, and their answers need a rule.
const ASKED: usize = 10_000;

/// A mailbox, as its owner and the keeper of its lease see it.
pub(crate) struct Owned {
    pub(super) claim: Arc<Claim>,
    pub(super) epoch: u64,
    /// When its lease was asked for, on link time.
    pub(super) taken_at: Duration,
    pub(super) address: MailAddress,
    hand: Mutex<Hand>,
    next: AtomicU64,
    /// Why the mailbox is not the owner's any more.
    lost: watch::Sender<Option<String>>,
    /// Raised when the owner leaves; and whether it has been left.
    pub(super) leaving: Notify,
    pub(super) left: watch::Sender<bool>,
}

/// A delivery in hand: which, and when its lease was asked for, on link time.
#[derive(Clone, Copy)]
pub(super) struct Held {
    pub(super) receipt: Receipt,
    pub(super) since: Duration,
}

#[derive(Default)]
struct Hand {
    deliveries: BTreeMap<u64, Held>,
    /// The tags of the requests that were sent from here, and the order in which they were.
    asked: BTreeSet<u128>,
    asked_in_order: VecDeque<u128>,
}

impl Owned {
    pub(crate) fn new(claim: Arc<Claim>, epoch: u64, taken_at: Duration) -> Arc<Owned> {
        Arc::new(Owned {
            epoch,
            taken_at,
            address: claim.id().to_string().into(),
            claim,
            hand: Mutex::default(),
            next: AtomicU64::new(1),
            lost: watch::Sender::new(None),
            leaving: Notify::new(),
            left: watch::Sender::new(false),
        })
    }

    pub(super) fn exchange(&self) -> &Arc<dyn Exchange> {
        self.claim.mailroom.exchange()
    }

    pub(super) fn id(&self) -> MailboxId {
        self.claim.id()
    }

    /// How long a lease lasts, of the mailbox and of a delivery.
    pub(super) fn lease(&self) -> Duration {
        self.claim.lease
    }

    fn hand(&self) -> MutexGuard<'_, Hand> {
        // Nothing panics while it is locked, and it would be whole all the same.
        self.hand.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The deliveries in hand.
    pub(super) fn held(&self) -> Vec<(u64, Held)> {
        self.hand().deliveries.iter().map(|(id, held)| (*id, *held)).collect()
    }

    /// A delivery is kept from now on.
    pub(super) fn extended(&self, id: u64, since: Duration) {
        if let Some(held) = self.hand().deliveries.get_mut(&id) {
            held.since = since;
        }
    }

    fn let_go(&self, delivery: DeliveryId) -> Result<Receipt, MailError> {
        match self.hand().deliveries.remove(&delivery.0) {
            Some(held) => Ok(held.receipt),
            None => Err(MailError::Failed("the delivery is not in hand any more".to_owned())),
        }
    }

    /// The mailbox is not the owner's any more.
    pub(super) fn lose(&self, cause: String) {
        self.lost.send_if_modified(|lost| {
            let is_new = lost.is_none();
            lost.get_or_insert(cause);
            is_new
        });
    }

    pub(super) fn is_lost(&self) -> bool {
        self.lost.borrow().is_some()
    }

    /// Refuses what is said after the mailbox was lost: the exchange would, or might still take it for another's word.
    fn check(&self) -> Result<(), MailError> {
        match &*self.lost.borrow() {
            None => Ok(()),
            Some(cause) => Err(MailError::NotTheOwner(cause.clone())),
        }
    }

    /// What the exchange refused.
    fn refused(&self, error: &ExchangeError) -> MailError {
        let told = mail_error(&self.address, error);
        if let MailError::NotTheOwner(cause) = &told {
            self.lose(cause.clone());
        }
        told
    }

    fn sender(&self) -> Sender<'_> {
        Sender { tables: &self.claim.tables, agent: Some(&self.claim.name), from: Some(self.id()) }
    }

    /// Under which key the exchange keeps what the agent keeps under one of its own.
    fn key(&self, key: &str) -> Arc<str> {
        format!("{}/{key}", self.id()).into()
    }

    async fn receive(self: Arc<Self>, max: usize) -> Result<Vec<Admitted<Delivery>>, MailError> {
        loop {
            self.check()?;
            let since = link_time::elapsed();
            let how = Recv::within(LOOK).lease(self.lease()).at_most(max).as_owner(self.epoch);
            let received = self.exchange().recv(&Asker::Container, self.id(), how).await;
            let received = received.map_err(|error| self.refused(&error))?;
            // All are in hand at once: where this future is dropped, they are given back with the others.
            let received: Vec<Delivery> =
                received.into_iter().map(|delivered| self.take_in_hand(delivered, since)).collect();
            let mut admitted = Vec::with_capacity(received.len());
            for delivery in received {
                match router::admit_delivery(&self.claim.tables, delivery) {
                    Ok(delivery) => admitted.push(delivery),
                    Err(denied) => self.clone().turn_away(*denied).await,
                }
            }
            if !admitted.is_empty() {
                return Ok(admitted);
            }
        }
    }

    fn take_in_hand(&self, delivered: Delivered, since: Duration) -> Delivery {
        let id = DeliveryId(self.next.fetch_add(1, Ordering::Relaxed));
        let tracked = delivered.mail.tracking;
        let is_answer = {
            let mut hand = self.hand();
            hand.deliveries.insert(id.0, Held { receipt: delivered.receipt, since });
            matches!(tracked, Tracked::Response { tag, .. } if hand.asked.contains(&tag))
        };
        sending::delivery(delivered, id, &self.claim.tables, &self.claim.name, is_answer)
    }

    pub(super) async fn commit(self: Arc<Self>, step: Step) -> Result<Vec<u64>, MailError> {
        self.check()?;
        let Step { acknowledge, keep, send } = step;
        let mut commit = Commit {
            fence: Some(Fence { mailbox: self.id(), epoch: self.epoch }),
            states: keep
                .into_iter()
                .map(|put| StatePut { key: self.key(&put.key), expected: put.expected, bytes: put.bytes })
                .collect(),
            ..Commit::default()
        };
        for id in &acknowledge {
            let held = self.hand().deliveries.get(&id.0).copied();
            match held {
                Some(held) => commit.acknowledge.push(held.receipt),
                None => return Err(MailError::Failed("the delivery is not in hand any more".to_owned())),
            }
        }
        let to = send.first().map_or_else(|| self.address.clone(), |mail| mail.to.clone());
        for mail in send {
            if let Tracking::Request { tag, .. } = mail.tracking {
                self.hand().note_asked(tag);
            }
            commit.send.push(sending::admitted(&self.claim.mailroom, &self.sender(), mail).await?);
        }
        match self.exchange().commit(&Asker::Container, commit).await {
            Ok(committed) => {
                let mut hand = self.hand();
                for id in &acknowledge {
                    hand.deliveries.remove(&id.0);
                }
                Ok(committed.revisions)
            }
            Err(error) if matches!(error, ExchangeError::NotTheOwner { .. }) => Err(self.refused(&error)),
            Err(error) => Err(mail_error(&to, &error)),
        }
    }

    pub(super) async fn refuse(
        self: Arc<Self>,
        id: DeliveryId,
        again: Again,
        reason: String,
    ) -> Result<(), MailError> {
        self.check()?;
        // Whatever comes of it, it is kept no longer.
        let receipt = self.let_go(id)?;
        let again = match again {
            Again::Untouched => TriedAgain::Untouched,
            Again::After(pause) => TriedAgain::After(pause),
            Again::Never => TriedAgain::Never,
        };
        let refusal = Refusal { again, reason: reason.into() };
        let refused = self.exchange().refuse(&Asker::Container, &receipt, refusal).await;
        refused.map_err(|error| self.refused(&error))
    }

    async fn kept(self: Arc<Self>, key: Arc<str>) -> Result<Option<Kept>, MailError> {
        let state = self.exchange().state(&Asker::Container, key).await;
        let state = state.map_err(|error| self.refused(&error))?;
        Ok(state.map(|state| Kept { revision: state.revision, bytes: state.bytes }))
    }

    async fn kept_under(self: Arc<Self>, prefix: Arc<str>) -> Result<KeptUnder, MailError> {
        let own = self.key("").len();
        let mut query = StateQuery::under(prefix);
        let mut all = Vec::new();
        loop {
            let page = self.exchange().states(&Asker::Container, query.clone()).await;
            let page = page.map_err(|error| self.refused(&error))?;
            let Some((last, _)) = page.last() else { return Ok(all) };
            query = query.after(last.clone());
            all.extend(page.into_iter().map(|(key, state)| {
                let key = key.get(own..).unwrap_or_default().into();
                (key, Kept { revision: state.revision, bytes: state.bytes })
            }));
        }
    }
}

impl Hand {
    fn note_asked(&mut self, tag: u128) {
        if self.asked.insert(tag) {
            self.asked_in_order.push_back(tag);
        }
        while self.asked_in_order.len() > ASKED {
            if let Some(oldest) = self.asked_in_order.pop_front() {
                self.asked.remove(&oldest);
            }
        }
    }
}

/// The one who owns a mailbox: when it is dropped, the mailbox is left.
pub(crate) struct Ownership(Arc<Owned>);

impl Ownership {
    /// Begins to keep the lease, on the agent's worker; `None` where that has ended.
    pub(crate) fn begin(owned: Arc<Owned>) -> Option<Ownership> {
        owned.claim.executor.spawn(keeper::keep(owned.clone())).then(|| Ownership(owned))
    }
}

impl Drop for Ownership {
    fn drop(&mut self) {
        self.0.leaving.notify_one();
    }
}

impl OwnMailbox for Ownership {
    fn address(&self) -> &MailAddress {
        &self.0.address
    }

    fn find(&self, to: &MailAddress) -> BoxFuture<'static, Result<MailAddress, MailError>> {
        let (owned, to) = (self.0.clone(), to.clone());
        Box::pin(async move {
            let (mailbox, _) = naming::find(&owned.claim.mailroom, &to).await?;
            Ok(mailbox.to_string().into())
        })
    }

    fn receive(&self, max: usize) -> BoxFuture<'static, Result<Vec<Admitted<Delivery>>, MailError>> {
        Box::pin(self.0.clone().receive(max))
    }

    fn commit(&self, step: Step) -> BoxFuture<'static, Result<Vec<u64>, MailError>> {
        Box::pin(self.0.clone().commit(step))
    }

    fn refuse(
        &self,
        delivery: DeliveryId,
        again: Again,
        reason: String,
    ) -> BoxFuture<'static, Result<(), MailError>> {
        Box::pin(self.0.clone().refuse(delivery, again, reason))
    }

    fn kept(&self, key: &str) -> BoxFuture<'static, Result<Option<Kept>, MailError>> {
        let key = self.0.key(key);
        Box::pin(self.0.clone().kept(key))
    }

    fn kept_under(&self, prefix: &str) -> BoxFuture<'static, Result<KeptUnder, MailError>> {
        let prefix = self.0.key(prefix);
        Box::pin(self.0.clone().kept_under(prefix))
    }

    fn lost(&self) -> BoxFuture<'static, String> {
        let mut lost = self.0.lost.subscribe();
        Box::pin(async move {
            let cause = lost.wait_for(Option::is_some).await.ok().and_then(|cause| cause.clone());
            match cause {
                Some(cause) => cause,
                // Nobody is left who could say so.
                None => std::future::pending().await,
            }
        })
    }

    fn retake(&self) -> BoxFuture<'static, Result<Arc<dyn OwnMailbox>, MailError>> {
        let claim = self.0.claim.clone();
        let lasted = link_time::elapsed().saturating_sub(self.0.taken_at);
        Box::pin(async move {
            let own = claim.retake(lasted).await?;
            Ok(Arc::new(own) as Arc<dyn OwnMailbox>)
        })
    }

    fn leave(&self) -> BoxFuture<'static, ()> {
        self.0.leaving.notify_one();
        let mut left = self.0.left.subscribe();
        Box::pin(async move {
            // Where the keeper has gone, so has the lease.
            left.wait_for(|left| *left).await.ok();
        })
    }
}

impl fmt::Debug for Ownership {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ownership")
            .field("mailbox", &self.0.claim.id())
            .field("epoch", &self.0.epoch)
            .finish()
    }
}
