//! One agent's claim to its mailbox: how it is registered, and under which name its lease is taken, the first time and after
//! it was lost.
//!
//! Always true: of the leases that are taken by one claim only the last one counts, for each has an epoch of its own; of one
//! container few ask at a time for what they have lost. Neighbours: [`durable`](super) makes claims, [`owned`](super::owned) is
//! what one gets, [`keeper`](super::keeper) keeps it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use folkmoot_agents::Timestamp;
use folkmoot_agents::mail::MailError;
use folkmoot_exchange::{Asker, ExchangeError, Lease, MailboxId, Moment, Registered, Registration};
use tokio::sync::{Semaphore, oneshot};

use super::keeper::RENEWALS;
use super::lasting::Lasting;
use super::owned::{Owned, Ownership};
use crate::error::SpawnError;
use crate::executor::Executor;
use crate::link_time;
use crate::mailroom::Mailroom;
use crate::supervision::{Backoff, pause};
use crate::tables::Tables;

/// The pause before a lease is asked for again that another holds.
const LEASE_PAUSE: Duration = Duration::from_millis(100);

/// Most agents of one container that ask at once for mailboxes that they have lost: where an exchange comes back, all have.
pub(crate) const RETAKEN_AT_ONCE: usize = 16;

/// The pauses between attempts to have a mailbox again, with jitter.
const PAUSES: Backoff = Backoff { first: Duration::from_millis(200), longest: Duration::from_secs(10) };

/// A claim to a mailbox.
pub(crate) struct Claim {
    pub(super) mailroom: Mailroom,
    pub(super) tables: Arc<Tables>,
    pub(super) name: Arc<str>,
    pub(super) registration: Registration,
    /// With which groups the mailbox is shared, where that was told.
    pub(super) groups: Option<Vec<Arc<str>>>,
    /// Who holds the lease: no other claim has that name.
    pub(super) holder: Arc<str>,
    /// How long a lease lasts, of the mailbox and of a delivery.
    pub(super) lease: Duration,
    /// What runs the agent.
    pub(super) executor: Executor,
    /// Held by those of the container who ask for mailboxes that they have lost.
    pub(super) retaking: Arc<Semaphore>,
    /// How many leases in a row were lost before they had lasted as long as they should.
    hasty: AtomicU32,
}

/// What a claim is made of, beside what is known of its container.
pub(super) struct Terms {
    pub(super) name: Arc<str>,
    pub(super) registration: Registration,
    pub(super) groups: Option<Vec<Arc<str>>>,
    pub(super) lease: Duration,
}

/// Whoever waits for a mailbox has gone.
struct Gone;

impl Claim {
    pub(super) fn new(
        terms: Terms,
        (mailroom, tables): (Mailroom, Arc<Tables>),
        executor: Executor,
        retaking: Arc<Semaphore>,
    ) -> Arc<Claim> {
        let Terms { name, registration, groups, lease } = terms;
        let holder = format!("{} {:016x}", tables.principal.node_name(), fastrand::u64(..)).into();
        let hasty = AtomicU32::new(0);
        Arc::new(Claim {
            mailroom,
            tables,
            name,
            registration,
            groups,
            holder,
            lease,
            executor,
            retaking,
            hasty,
        })
    }

    pub(super) fn id(&self) -> MailboxId {
        self.registration.id
    }

    /// Takes the lease, as soon as nobody else holds it, or `time` is over.
    pub(super) async fn take(self: &Arc<Self>, time: Duration) -> Result<Ownership, SpawnError> {
        let begun = link_time::elapsed();
        let mut is_told = false;
        loop {
            let asked_at = link_time::elapsed();
            let asked = match self.ask().await {
                Ok(lease) => self.fresh(lease, asked_at).await,
                Err(error) => Err(error),
            };
            match asked {
                Ok((lease, asked_at)) => {
                    let node = self.tables.principal.node_name();
                    tracing::info!(node, agent = %self.name, mailbox = %self.id(), epoch = lease.epoch, "the agent has its mailbox");
                    return self.own(&lease, asked_at).ok_or(SpawnError::ShutDown);
                }
                Err(ExchangeError::Owned { holder, until, .. }) => {
                    let left = time.saturating_sub(asked_at.saturating_sub(begun));
                    if left.is_zero() {
                        return Err(SpawnError::Owned {
                            name: self.name.to_string(),
                            holder: node_of(&holder).to_owned(),
                            until: told(until),
                        });
                    }
                    if !std::mem::replace(&mut is_told, true) {
                        tracing::info!(agent = %self.name, %holder, "another node has the agent's mailbox; waiting");
                    }
                    link_time::sleep(LEASE_PAUSE.min(left)).await;
                }
                Err(error) => {
                    return Err(SpawnError::Mailbox {
                        name: self.name.to_string(),
                        cause: error.to_string(),
                    });
                }
            }
        }
    }

    /// Asks for the lease. Whoever holds it under this claim's name loses it.
    async fn ask(&self) -> Result<Lease, ExchangeError> {
        let exchange = self.mailroom.exchange();
        exchange.take_lease(&Asker::Container, self.id(), self.holder.clone(), self.lease).await
    }

    /// A lease that was had after so long a wait for its exchange that it may be over soon, or is, by this node's own time: asks
    /// for it once more, which takes no wait now. Which lease, and when it was asked for.
    async fn fresh(&self, lease: Lease, asked_at: Duration) -> Result<(Lease, Duration), ExchangeError> {
        let now = link_time::elapsed();
        match now.saturating_sub(asked_at) < self.lease / RENEWALS {
            true => Ok((lease, asked_at)),
            false => Ok((self.ask().await?, now)),
        }
    }

    /// Begins to keep a lease that was asked for at `asked_at`; `None` where the agent's worker has ended.
    fn own(self: &Arc<Self>, lease: &Lease, asked_at: Duration) -> Option<Ownership> {
        Ownership::begin(Owned::new(self.clone(), lease.epoch, asked_at))
    }

    /// Shares the mailbox with its groups and no others, where they were told.
    pub(super) async fn share(&self) -> Result<(), ExchangeError> {
        let Some(groups) = &self.groups else { return Ok(()) };
        let exchange = self.mailroom.exchange();
        for group in exchange.shares(&Asker::Container, self.id()).await? {
            if !groups.contains(&group) {
                exchange.unshare(&Asker::Container, self.id(), group).await?;
            }
        }
        for group in groups {
            exchange.share(&Asker::Container, self.id(), group.clone()).await?;
        }
        Ok(())
    }

    /// Has the mailbox again that was lost after a lease that lasted so long. Dropped, it is tried no more; an attempt that is under way
    /// goes to its end, and what it gets is left.
    ///
    /// # Errors
    /// Those of [`OwnMailbox::retake`](folkmoot_agents::mail::OwnMailbox::retake).
    pub(super) async fn retake(self: Arc<Self>, lasted: Duration) -> Result<Ownership, MailError> {
        let (mut tell, told) = oneshot::channel();
        let hasty = match lasted < self.lease {
            true => self.hasty.fetch_add(1, Ordering::Relaxed).saturating_add(1),
            false => {
                self.hasty.store(0, Ordering::Relaxed);
                0
            }
        };
        let executor = self.executor.clone();
        executor.spawn(async move {
            if let Ok(outcome) = self.attempts(hasty, &mut tell).await {
                // Whoever waited may have gone this moment; then the mailbox is left.
                tell.send(outcome).ok();
            }
        });
        told.await.unwrap_or_else(|_| Err(MailError::Failed("the node is shutting down".to_owned())))
    }

    async fn attempts(
        self: &Arc<Self>,
        hasty: u32,
        waits: &mut oneshot::Sender<Result<Ownership, MailError>>,
    ) -> Result<Result<Ownership, MailError>, Gone> {
        // That it is lost was told; that it is refused is news.
        let (mut failed, mut lost, mut refused) = (hasty, Lasting::told_already(), Lasting::default());
        loop {
            unless_gone(waits, link_time::sleep(pause(PAUSES, failed.saturating_add(1)))).await?;
            let permit = unless_gone(waits, self.retaking.acquire()).await?;
            let asked_at = link_time::elapsed();
            let asked = match self.ask_or_register().await {
                Ok(lease) => self.fresh(lease, asked_at).await,
                Err(error) => Err(error),
            };
            let error = match asked {
                Ok((lease, asked_at)) => {
                    tracing::debug!(agent = %self.name, mailbox = %self.id(), epoch = lease.epoch, "a lost mailbox is had again");
                    let closed = || MailError::Failed("the node is shutting down".to_owned());
                    return Ok(self.own(&lease, asked_at).ok_or_else(closed));
                }
                Err(error) => error,
            };
            drop(permit);
            match &error {
                ExchangeError::Owned { holder, until, .. } => {
                    let (node, until) = (node_of(holder), told(*until));
                    return Ok(Err(MailError::NotTheOwner(format!(
                        "node {node:?} has it until {until}, or longer"
                    ))));
                }
                ExchangeError::MailboxTerminated { .. } => {
                    return Ok(Err(MailError::Terminated { to: self.name.to_string() }));
                }
                ExchangeError::Closed => return Ok(Err(MailError::Failed(error.to_string()))),
                ExchangeError::Unavailable { .. } => {
                    if lost.is_to_be_told() {
                        tracing::warn!(agent = %self.name, mailbox = %self.id(), %error, "an agent waits for the exchange, to have its lost mailbox again");
                    }
                }
                // It will not pass by itself, or not soon.
                _ => {
                    if refused.is_to_be_told() {
                        tracing::warn!(agent = %self.name, mailbox = %self.id(), %error, "the exchange refuses the mailbox that an agent has lost; trying again");
                    }
                }
            }
            tracing::debug!(agent = %self.name, mailbox = %self.id(), %error, "a lost mailbox was asked for in vain");
            failed = failed.saturating_add(1);
        }
    }

    /// Asks for the lease, and registers the mailbox where the exchange has forgotten it: its engine may keep nothing.
    async fn ask_or_register(&self) -> Result<Lease, ExchangeError> {
        match self.ask().await {
            Err(ExchangeError::NoSuchMailbox { .. }) => {}
            asked => return asked,
        }
        let exchange = self.mailroom.exchange();
        match exchange.register(&Asker::Container, self.registration.clone()).await? {
            Registered::Terminated => return Err(ExchangeError::MailboxTerminated { mailbox: self.id() }),
            Registered::Known => {}
            Registered::New => {
                tracing::warn!(agent = %self.name, mailbox = %self.id(), "the exchange has forgotten the agent's mailbox, its mail, and what the agent kept there; it begins anew");
            }
        }
        self.share().await?;
        self.ask().await
    }
}

/// What comes of `work`, unless whoever waits for the end of all goes before.
async fn unless_gone<T, R>(waits: &mut oneshot::Sender<T>, work: impl Future<Output = R>) -> Result<R, Gone> {
    tokio::select! {
        biased;
        () = waits.closed() => Err(Gone),
        done = work => Ok(done),
    }
}

/// The node of a holder of a lease. The door of another's exchange writes it before what the holder calls itself, with a colon.
fn node_of(holder: &str) -> &str {
    let node = holder.split(' ').next().unwrap_or_default();
    node.strip_suffix(':').unwrap_or(node)
}

/// A moment of the exchange, for people.
fn told(moment: Moment) -> String {
    Timestamp(Duration::from_millis(moment.as_millis())).to_string()
}
