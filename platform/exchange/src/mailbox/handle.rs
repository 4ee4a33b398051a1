//! One mailbox, as the one whose it is sees it: the exchange, who asks and the id in one hand.
//!
//! Neighbours: [`listener`](crate::listener) is the stream; all it does is [`Exchange`]'s.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::asker::Asker;
use crate::delivery::{Delivery, Receipt, Recv, Refusal};
use crate::error::ExchangeError;
use crate::exchange::Exchange;
use crate::listener::Listener;
use crate::mailbox::{Registration, Status};
use crate::mailbox_id::{MailboxId, Role};

/// One mailbox at its exchange. Cheap to clone.
#[derive(Clone)]
pub struct Mailbox {
    exchange: Arc<dyn Exchange>,
    asker: Asker,
    id: MailboxId,
    epoch: Option<u64>,
}

impl Mailbox {
    /// A mailbox that is registered.
    pub fn new(exchange: Arc<dyn Exchange>, asker: Asker, id: MailboxId) -> Mailbox {
        Mailbox { exchange, asker, id, epoch: None }
    }

    /// Registers a mailbox.
    ///
    /// # Errors
    /// Those of [`Exchange::register`].
    pub async fn register(
        exchange: Arc<dyn Exchange>,
        asker: Asker,
        registration: Registration,
    ) -> Result<Mailbox, ExchangeError> {
        let id = registration.id;
        exchange.register(&asker, registration).await?;
        Ok(Mailbox::new(exchange, asker, id))
    }

    /// The same, for its owner of that epoch.
    #[must_use]
    pub fn as_owner(mut self, epoch: u64) -> Mailbox {
        self.epoch = Some(epoch);
        self
    }

    /// Its id.
    pub fn id(&self) -> MailboxId {
        self.id
    }

    /// Where it lives.
    pub fn exchange(&self) -> &Arc<dyn Exchange> {
        &self.exchange
    }

    /// Who asks.
    pub fn asker(&self) -> &Asker {
        &self.asker
    }

    /// The next delivery; `None` where nothing came within `wait`.
    ///
    /// # Errors
    /// Those of [`Exchange::recv`].
    pub async fn recv(&self, wait: Duration) -> Result<Option<Delivery>, ExchangeError> {
        let how = Recv { epoch: self.epoch, ..Recv::within(wait) };
        Ok(self.exchange.recv(&self.asker, self.id, how).await?.pop())
    }

    /// Deliveries as they come; the stream ends when none came for the wait that `how` gives.
    pub fn listen(&self, how: Recv) -> Listener {
        let how = Recv { epoch: how.epoch.or(self.epoch), ..how };
        Listener::new(self.exchange.clone(), self.asker.clone(), self.id, how)
    }

    /// Ends a delivery.
    ///
    /// # Errors
    /// Those of [`Exchange::acknowledge`].
    pub async fn acknowledge(&self, receipt: &Receipt) -> Result<(), ExchangeError> {
        self.exchange.acknowledge(&self.asker, receipt).await
    }

    /// Gives a delivery back.
    ///
    /// # Errors
    /// Those of [`Exchange::refuse`].
    pub async fn refuse(&self, receipt: &Receipt, refusal: Refusal) -> Result<(), ExchangeError> {
        self.exchange.refuse(&self.asker, receipt, refusal).await
    }

    /// How it fares.
    ///
    /// # Errors
    /// Those of [`Exchange::status`].
    pub async fn status(&self) -> Result<Status, ExchangeError> {
        self.exchange.status(&self.asker, self.id).await
    }

    /// Leaves it: a user's mailbox is terminated, an agent's stays and takes mail for its agent's next start.
    ///
    /// # Errors
    /// Those of [`Exchange::terminate`].
    pub async fn close(self) -> Result<(), ExchangeError> {
        match self.id.role {
            Role::User => self.exchange.terminate(&self.asker, self.id).await.map(drop),
            Role::Agent => Ok(()),
        }
    }
}

impl fmt::Debug for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mailbox").field("id", &self.id).field("epoch", &self.epoch).finish_non_exhaustive()
    }
}
