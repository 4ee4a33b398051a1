//! Between an agent and its mailbox: mail of other platforms is answered here, and the agent receives the rest.
//!
//! Always true: a mail that is answered here is in hand until its answer and its acknowledgement were kept in one step, or
//! until it was given back, to come again. At most [`MOST_ASKED`] are; then mail waits in the mailbox. Neighbours:
//! an [`Interpreter`](super::Interpreter) reads, [`work`](super::work) does what is asked for.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use folkmoot_agents::host::BoxFuture;
use folkmoot_agents::mail::{Again, Delivery, DeliveryId, Kept, MailAddress, MailError, OwnMailbox, Step};
use folkmoot_gateway::Admitted;
use tokio::sync::Notify;

use super::sink::TakenBack;
use super::work::Work;
use super::{Interpreter, Wish};
use crate::executor::Executor;
use crate::link_time;
use crate::mailroom::Mailroom;
use crate::tables::Tables;

/// Most mails of other platforms that are in hand for one agent.
const MOST_ASKED: usize = 1000;
/// How long an agent that leaves its mailbox waits for answers that are being kept.
const FAREWELL_TIME: Duration = Duration::from_secs(5);

/// The calls that are at work, by who asked and under which tag.
pub(super) type Calls = HashMap<(MailAddress, u128), (DeliveryId, Arc<TakenBack>)>;

/// An agent's mailbox, with the interpreters of its container.
pub(crate) struct InterpretedMailbox {
    me: Weak<InterpretedMailbox>,
    pub(super) own: Arc<dyn OwnMailbox>,
    interpreters: Arc<[Arc<dyn Interpreter>]>,
    /// Weak: the agent's own mailbox stands in its container's tables, with the agent.
    pub(super) tables: Weak<Tables>,
    pub(super) mailroom: Mailroom,
    hands: Mutex<Hands>,
    /// Something was answered or given back.
    pub(super) settled: Notify,
}

#[derive(Default)]
pub(super) struct Hands {
    pub(super) count: usize,
    pub(super) calls: Calls,
}

impl InterpretedMailbox {
    /// The mailbox `own` for an agent of that container, where it has interpreters; else the mailbox as it is.
    pub(crate) fn over(
        own: Arc<dyn OwnMailbox>,
        tables: &Arc<Tables>,
        mailroom: Mailroom,
    ) -> Arc<dyn OwnMailbox> {
        if tables.interpreters.is_empty() {
            return own;
        }
        Arc::new_cyclic(|me| InterpretedMailbox {
            me: me.clone(),
            own,
            interpreters: tables.interpreters.clone(),
            tables: Arc::downgrade(tables),
            mailroom,
            hands: Mutex::default(),
            settled: Notify::new(),
        })
    }

    pub(super) fn hands(&self) -> MutexGuard<'_, Hands> {
        self.hands.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Who understands a mail, and what it asks for.
    fn understood(&self, mail: &Delivery) -> Option<(Arc<dyn Interpreter>, Wish)> {
        self.interpreters.iter().find_map(|one| Some((one.clone(), one.read(mail)?)))
    }

    async fn has_room(&self) {
        self.has_at_most(MOST_ASKED - 1).await;
    }

    async fn has_at_most(&self, count: usize) {
        loop {
            let settled = self.settled.notified();
            tokio::pin!(settled);
            settled.as_mut().enable();
            if self.hands().count <= count {
                return;
            }
            settled.await;
        }
    }

    /// Begins what a mail asks for. The tasks that do it begin in the order in which mails were received; none runs within this
    /// poll, which is the agent's own.
    fn begin(self: Arc<Self>, mail: Delivery, interpreter: Arc<dyn Interpreter>, wish: Wish) {
        tracing::debug!(agent = %mail.agent, kind = %mail.kind, by = %mail.by, "mail of another platform");
        self.hands().count += 1;
        let work = Work { mailbox: self, mail, interpreter };
        // Where nothing runs any more nothing is answered, and the leases give the mail back.
        Executor::current().spawn(work.run(wish));
    }

    /// Waits until nothing is in hand.
    async fn is_settled(&self) {
        self.has_at_most(0).await;
    }
}

impl OwnMailbox for InterpretedMailbox {
    fn address(&self) -> &MailAddress {
        self.own.address()
    }

    fn find(&self, to: &MailAddress) -> BoxFuture<'static, Result<MailAddress, MailError>> {
        self.own.find(to)
    }

    fn receive(&self, max: usize) -> BoxFuture<'static, Result<Vec<Admitted<Delivery>>, MailError>> {
        let me = self.me.upgrade();
        Box::pin(async move {
            let Some(me) = me else { return Ok(Vec::new()) };
            loop {
                me.has_room().await;
                let mut for_the_agent = Vec::new();
                for delivery in me.own.receive(max).await? {
                    match me.understood(delivery.message()) {
                        None => for_the_agent.push(delivery),
                        Some((interpreter, wish)) => {
                            me.clone().begin(delivery.message().clone(), interpreter, wish)
                        }
                    }
                }
                if !for_the_agent.is_empty() {
                    return Ok(for_the_agent);
                }
            }
        })
    }

    fn commit(&self, step: Step) -> BoxFuture<'static, Result<Vec<u64>, MailError>> {
        self.own.commit(step)
    }

    fn refuse(
        &self,
        delivery: DeliveryId,
        again: Again,
        reason: String,
    ) -> BoxFuture<'static, Result<(), MailError>> {
        self.own.refuse(delivery, again, reason)
    }

    fn kept(&self, key: &str) -> BoxFuture<'static, Result<Option<Kept>, MailError>> {
        self.own.kept(key)
    }

    fn kept_under(&self, prefix: &str) -> BoxFuture<'static, Result<Vec<(Arc<str>, Kept)>, MailError>> {
        self.own.kept_under(prefix)
    }

    fn lost(&self) -> BoxFuture<'static, String> {
        self.own.lost()
    }

    fn retake(&self) -> BoxFuture<'static, Result<Arc<dyn OwnMailbox>, MailError>> {
        let retaking = self.own.retake();
        let (tables, mailroom) = (self.tables.clone(), self.mailroom.clone());
        Box::pin(async move {
            let own = retaking.await?;
            let ended = || MailError::Failed("the node is shutting down".to_owned());
            Ok(InterpretedMailbox::over(own, &tables.upgrade().ok_or_else(ended)?, mailroom))
        })
    }

    fn leave(&self) -> BoxFuture<'static, ()> {
        let me = self.me.upgrade();
        let own = self.own.clone();
        Box::pin(async move {
            if let Some(me) = me {
                // The agent's turns are over; their answers are on their way.
                tokio::select! {
                    biased;
                    () = me.is_settled() => {}
                    () = link_time::sleep(FAREWELL_TIME) => {
                        tracing::warn!(mailbox = %own.address(), "answers to other platforms were not kept in time; their mail comes again");
                    }
                }
            }
            own.leave().await;
        })
    }
}
