//! An exchange over a store: what is asked is checked, and who receives waits here.
//!
//! Always true: nothing comes to the store that [`validity`] refuses; a receiver that waits looks again
//! when it is woken and when a lease or a delay ends. Neighbours: [`store`](crate::store), [`waiting`](crate::waiting).

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use folkmoot_gateway::{Admitted, GateId};
use futures_util::future::{Either, select};

use crate::asker::Asker;
use crate::dead_letter::{DeadLetter, Page, Peeked, Purge};
use crate::delivery::{Again, Delivery, Receipt, Recv, Refusal};
use crate::error::ExchangeError;
use crate::exchange::{Exchange, Reply};
use crate::ground::Ground;
use crate::happening::Happening;
use crate::mailbox::{Found, Lease, MailboxStats, Query, Registered, Registration, Status, Terminated};
use crate::mailbox_id::MailboxId;
use crate::moment::Moment;
use crate::posting::{Accepted, Posting};
use crate::step::{Committed, State, StateQuery, Step};
use crate::store::{Claim, Store};
use crate::validity;

/// An exchange over the store `S`.
#[derive(Debug)]
pub struct Engine<S> {
    ground: Arc<Ground>,
    store: S,
    is_closed: AtomicBool,
}

impl<S: Store> Engine<S> {
    /// An exchange over `store`, which stands on the same `ground`.
    pub fn new(ground: Arc<Ground>, store: S) -> Engine<S> {
        Engine { ground, store, is_closed: AtomicBool::new(false) }
    }

    /// The moment of an operation that begins.
    fn now(&self) -> Result<Moment, ExchangeError> {
        match self.is_closed.load(Ordering::Acquire) {
            true => Err(ExchangeError::Closed),
            false => Ok(self.ground.now()),
        }
    }

    fn check_posting(&self, posting: &Admitted<Posting>) -> Result<(), ExchangeError> {
        match self.ground.knows(posting.gate()) {
            true => validity::mail(posting.message().mail(), self.ground.bounds()),
            false => Err(ExchangeError::WrongGate),
        }
    }

    /// Counts what became of a mail that was sent.
    fn count_sending(&self, outcome: Option<&Accepted>) {
        let happening = match outcome {
            Some(Accepted { is_repeated: true, .. }) => Happening::Repeated,
            Some(Accepted { is_repeated: false, .. }) => Happening::Accepted,
            None => Happening::Refused,
        };
        self.ground.count(happening, 1);
    }

    fn count_deliveries(&self, deliveries: &[Delivery]) {
        let again = deliveries.iter().filter(|delivery| delivery.attempt > 1).count() as u64;
        self.ground.count(Happening::Delivered, deliveries.len() as u64);
        self.ground.count(Happening::Redelivered, again);
    }

    /// Counts a word about deliveries, where it came too late or `happening` where it did not.
    fn count_word<T>(&self, outcome: &Result<T, ExchangeError>, happening: Happening, count: u64) {
        match outcome {
            Ok(_) => self.ground.count(happening, count),
            Err(ExchangeError::LeaseOver { .. } | ExchangeError::NotTheOwner { .. }) => {
                self.ground.count(Happening::Late, 1);
            }
            Err(_) => {}
        }
    }

    async fn receive(
        &self,
        asker: &Asker,
        claim: Claim,
        wait: Duration,
    ) -> Result<Vec<Delivery>, ExchangeError> {
        let begun = self.now()?;
        let first = self.store.claim(begun, asker, claim).await?;
        self.count_deliveries(&first.deliveries);
        if !first.deliveries.is_empty() {
            // Whoever waits was woken for this mail, too, and learns of these leases when it looks.
            return Ok(first.deliveries);
        }
        if wait.is_zero() {
            return Ok(Vec::new());
        }
        let deadline = begun + wait;
        let place = self.ground.waiting().enter(claim.mailbox)?;
        loop {
            let mut woken = pin!(place.notify().notified());
            woken.as_mut().enable();
            let now = self.now()?;
            let claimed = self.store.claim(now, asker, claim).await?;
            self.count_deliveries(&claimed.deliveries);
            if !claimed.deliveries.is_empty() || now >= deadline {
                return Ok(claimed.deliveries);
            }
            let until = claimed.next.map_or(deadline, |next| next.min(deadline));
            if let Either::Left(_) = select(woken, self.ground.clock().sleep_until(until)).await {
                continue;
            }
        }
    }
}

/// Only the container of the exchange may do that.
fn container_only(asker: &Asker, what: &'static str) -> Result<(), ExchangeError> {
    match asker {
        Asker::Container => Ok(()),
        Asker::User { .. } => Err(ExchangeError::ContainerOnly { what }),
    }
}

impl<S: Store> Exchange for Engine<S> {
    fn register<'a>(&'a self, asker: &'a Asker, mut registration: Registration) -> Reply<'a, Registered> {
        Box::pin(async move {
            let most = &self.ground.bounds().mailbox;
            registration.limits = registration.limits.map(|own| own.where_given(most));
            validity::registration(asker, &registration, &self.ground)?;
            self.store.register(self.now()?, asker, registration).await
        })
    }

    fn discover<'a>(&'a self, asker: &'a Asker, query: Query) -> Reply<'a, Vec<Found>> {
        Box::pin(async move {
            validity::query(&query)?;
            self.store.discover(self.now()?, asker, query).await
        })
    }

    fn send(&self, posting: Admitted<Posting>) -> Reply<'_, Accepted> {
        Box::pin(async move {
            let checked = self.check_posting(&posting).and_then(|()| self.now());
            let outcome = match checked {
                Ok(now) => self.store.send(now, posting).await,
                Err(error) => Err(error),
            };
            self.count_sending(outcome.as_ref().ok());
            outcome
        })
    }

    fn recv<'a>(&'a self, asker: &'a Asker, mailbox: MailboxId, how: Recv) -> Reply<'a, Vec<Delivery>> {
        Box::pin(async move {
            let Recv { wait, lease, max, epoch } = how;
            validity::lease(lease, self.ground.bounds())?;
            validity::wait(wait, self.ground.bounds())?;
            validity::page_size(max)?;
            self.receive(asker, Claim { mailbox, lease, max, epoch }, wait).await
        })
    }

    fn acknowledge<'a>(&'a self, asker: &'a Asker, receipt: &'a Receipt) -> Reply<'a, ()> {
        Box::pin(async move {
            let outcome = self.store.acknowledge(self.now()?, asker, *receipt).await;
            self.count_word(&outcome, Happening::Acknowledged, 1);
            outcome
        })
    }

    fn note_left(&self, receipts: &[Receipt]) {
        self.store.note_left(receipts);
    }

    fn refuse<'a>(&'a self, asker: &'a Asker, receipt: &'a Receipt, refusal: Refusal) -> Reply<'a, ()> {
        Box::pin(async move {
            if let Again::After(pause) = refusal.again {
                validity::wait(pause, self.ground.bounds())?;
            }
            let short = validity::short_reason(&refusal.reason);
            let reason = if short.len() < refusal.reason.len() { short.into() } else { refusal.reason };
            let outcome =
                self.store.refuse(self.now()?, asker, *receipt, Refusal { reason, ..refusal }).await;
            self.count_word(&outcome, Happening::GivenBack, 1);
            outcome
        })
    }

    fn give_back(&self, asker: &Asker, receipts: Vec<Receipt>) {
        if let Ok(now) = self.now() {
            self.ground.count(Happening::GivenBack, receipts.len() as u64);
            self.store.give_back(now, asker, receipts);
        }
    }

    fn extend<'a>(&'a self, asker: &'a Asker, receipt: &'a Receipt, lease: Duration) -> Reply<'a, Moment> {
        Box::pin(async move {
            validity::lease(lease, self.ground.bounds())?;
            self.store.extend(self.now()?, asker, *receipt, lease).await
        })
    }

    fn commit<'a>(&'a self, asker: &'a Asker, step: Step) -> Reply<'a, Committed> {
        Box::pin(async move {
            validity::step(&step, self.ground.bounds())?;
            step.send.iter().try_for_each(|posting| self.check_posting(posting))?;
            if !step.states.is_empty() || step.fence.is_some() {
                container_only(asker, "writing states")?;
            }
            let acknowledged = step.acknowledge.len() as u64;
            let outcome = self.store.commit(self.now()?, asker, step).await;
            self.count_word(&outcome, Happening::Acknowledged, acknowledged);
            if let Ok(committed) = &outcome {
                committed.accepted.iter().for_each(|accepted| self.count_sending(accepted.as_ref()));
            }
            outcome
        })
    }

    fn status<'a>(&'a self, asker: &'a Asker, mailbox: MailboxId) -> Reply<'a, Status> {
        Box::pin(async move { self.store.status(self.now()?, asker, mailbox).await })
    }

    fn terminate<'a>(&'a self, asker: &'a Asker, mailbox: MailboxId) -> Reply<'a, Terminated> {
        Box::pin(async move {
            let outcome = self.store.terminate(self.now()?, asker, mailbox).await?;
            self.ground.count(Happening::Terminated, u64::from(!outcome.is_repeated));
            Ok(outcome)
        })
    }

    fn heartbeat<'a>(&'a self, asker: &'a Asker, mailbox: MailboxId) -> Reply<'a, ()> {
        Box::pin(async move { self.store.heartbeat(self.now()?, asker, mailbox).await })
    }

    fn stats<'a>(&'a self, asker: &'a Asker, mailbox: MailboxId) -> Reply<'a, MailboxStats> {
        Box::pin(async move { self.store.stats(self.now()?, asker, mailbox).await })
    }

    fn share<'a>(&'a self, asker: &'a Asker, mailbox: MailboxId, group: Arc<str>) -> Reply<'a, ()> {
        Box::pin(async move {
            validity::text("the name of a group", &group)?;
            self.store.share(self.now()?, asker, mailbox, group).await
        })
    }

    fn unshare<'a>(&'a self, asker: &'a Asker, mailbox: MailboxId, group: Arc<str>) -> Reply<'a, bool> {
        Box::pin(async move {
            validity::text("the name of a group", &group)?;
            self.store.unshare(self.now()?, asker, mailbox, group).await
        })
    }

    fn shares<'a>(&'a self, asker: &'a Asker, mailbox: MailboxId) -> Reply<'a, Vec<Arc<str>>> {
        Box::pin(async move { self.store.shares(self.now()?, asker, mailbox).await })
    }

    fn peek<'a>(&'a self, asker: &'a Asker, mailbox: MailboxId, page: Page) -> Reply<'a, Vec<Peeked>> {
        Box::pin(async move {
            validity::page_size(page.max)?;
            self.store.peek(self.now()?, asker, mailbox, page).await
        })
    }

    fn purge<'a>(&'a self, asker: &'a Asker, mailbox: MailboxId, what: Purge) -> Reply<'a, u64> {
        Box::pin(async move { self.store.purge(self.now()?, asker, mailbox, what).await })
    }

    fn dead_letters<'a>(
        &'a self,
        asker: &'a Asker,
        mailbox: MailboxId,
        page: Page,
    ) -> Reply<'a, Vec<DeadLetter>> {
        Box::pin(async move {
            validity::page_size(page.max)?;
            self.store.dead_letters(self.now()?, asker, mailbox, page).await
        })
    }

    fn requeue<'a>(&'a self, asker: &'a Asker, mailbox: MailboxId, positions: Vec<u64>) -> Reply<'a, u64> {
        Box::pin(async move {
            validity::page_size(positions.len())?;
            self.store.requeue(self.now()?, asker, mailbox, positions).await
        })
    }

    fn take_lease<'a>(
        &'a self,
        asker: &'a Asker,
        mailbox: MailboxId,
        holder: Arc<str>,
        time: Duration,
    ) -> Reply<'a, Lease> {
        Box::pin(async move {
            container_only(asker, "owning a mailbox")?;
            validity::text("the holder of a lease", &holder)?;
            validity::lease(time, self.ground.bounds())?;
            self.store.take_lease(self.now()?, mailbox, holder, time).await
        })
    }

    fn renew_lease<'a>(
        &'a self,
        asker: &'a Asker,
        mailbox: MailboxId,
        epoch: u64,
        time: Duration,
    ) -> Reply<'a, Lease> {
        Box::pin(async move {
            container_only(asker, "owning a mailbox")?;
            validity::lease(time, self.ground.bounds())?;
            self.store.renew_lease(self.now()?, mailbox, epoch, time).await
        })
    }

    fn give_up_lease<'a>(&'a self, asker: &'a Asker, mailbox: MailboxId, epoch: u64) -> Reply<'a, ()> {
        Box::pin(async move {
            container_only(asker, "owning a mailbox")?;
            self.store.give_up_lease(self.now()?, mailbox, epoch).await
        })
    }

    fn state<'a>(&'a self, asker: &'a Asker, key: Arc<str>) -> Reply<'a, Option<State>> {
        Box::pin(async move {
            container_only(asker, "reading states")?;
            validity::state_key(&key)?;
            self.store.state(self.now()?, key).await
        })
    }

    fn states<'a>(&'a self, asker: &'a Asker, query: StateQuery) -> Reply<'a, Vec<(Arc<str>, State)>> {
        Box::pin(async move {
            container_only(asker, "reading states")?;
            validity::state_query(&query)?;
            self.store.states(self.now()?, query).await
        })
    }

    fn trust(&self, gate: GateId) {
        self.ground.trust(gate);
    }

    fn distrust(&self, gate: GateId) {
        self.ground.distrust(gate);
    }

    fn close(&self) -> Reply<'_, ()> {
        Box::pin(async move {
            if self.is_closed.swap(true, Ordering::AcqRel) {
                return Ok(());
            }
            self.ground.waiting().wake_everyone();
            self.store.close().await
        })
    }
}
