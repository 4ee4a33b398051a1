//! An exchange and the gate before it: that of a container, or one of its own for front doors without agents.
//!
//! Always true: mail comes into the exchange through the gate alone, and the exchange takes none that another gate
//! admitted. Neighbours: [`router`](crate::router) asks the gate; `folkmoot_exchange` keeps the mail.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use folkmoot_agents::counters::Counters;
use folkmoot_agents::{Clock, Timestamp, chance};
use folkmoot_codecs::{Codec, Principal};
use folkmoot_exchange::{
    Accepted, Asker, Exchange, ExchangeClock, ExchangeError, ExchangeLimits, Ground, Happening, Moment,
    Posting, Query, open,
};
use folkmoot_gateway::{Admitted, Gate, Subject};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use metrics::Counter;

use crate::clock::RealClock;
use crate::durable::naming;
use crate::exchange_door::owner_of_group;
use crate::far_exchange::FarExchange;
use crate::tables::Tables;
use crate::{link_time, router};

/// What stands for the node in the counters of an exchange without a container.
const OWN_NODE: &str = "mailroom";

/// Why a mail was not taken.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MailError {
    /// The gate refused it; the reason.
    #[error("the gate refused the mail: {0}")]
    Denied(String),
    /// The exchange did.
    #[error(transparent)]
    Exchange(#[from] ExchangeError),
}

/// An exchange with the gate before it; cheap to clone.
#[derive(Clone)]
pub struct Mailroom {
    exchange: Arc<dyn Exchange>,
    door: Door,
    time: MailTime,
    /// As whom its container owns mailboxes there, where that is not as the exchange's own.
    owner: Option<Arc<str>>,
}

/// Whose gate it is.
#[derive(Clone)]
enum Door {
    Own(Arc<Gate>),
    OfContainer(Arc<Tables>, Home),
}

/// Whose exchange it is.
#[derive(Clone, Copy)]
enum Home {
    /// The container's: it ends with it.
    Here,
    /// Another node's.
    Far,
    /// Another's, who lets the container use it.
    Elsewhere,
}

impl Mailroom {
    /// Opens the exchange that `line` names, such as `memory:`, behind a gate that lets everyone in: who may use which
    /// mailbox is then for the exchange alone to say. What happens is counted, as by a node of the name `mailroom`.
    ///
    /// # Errors
    /// `Line` where no engine is known by it, and what keeps an engine from opening.
    pub async fn open(line: &str) -> Result<Mailroom, ExchangeError> {
        let gate = Gate::open();
        let time = MailTime::begin();
        let counters = Counters::new(OWN_NODE);
        let counting = move |happening, count| counter(&counters, happening).increment(count);
        let ground = Ground::new(time).gate(gate.id()).counting(counting);
        let exchange = open(line, ground).await?;
        tracing::info!(node = OWN_NODE, exchange = line, "the exchange is open");
        Ok(Mailroom { exchange, door: Door::Own(Arc::new(gate)), time, owner: None })
    }

    /// The node that its counters name: its container's, or `mailroom`.
    pub fn node_name(&self) -> &str {
        match &self.door {
            Door::Own(_) => OWN_NODE,
            Door::OfContainer(tables, _) => tables.principal.node_name(),
        }
    }

    /// An exchange of one's own, such as one over a store that is not among the built-in ones, behind a gate that lets
    /// everyone in.
    pub fn over(exchange: Arc<dyn Exchange>) -> Mailroom {
        let gate = Gate::open();
        exchange.trust(gate.id());
        Mailroom { exchange, door: Door::Own(Arc::new(gate)), time: MailTime::begin(), owner: None }
    }

    /// Opens the exchange of a container, behind the container's gate; what happens is counted with the container's counters.
    pub(crate) async fn of_container(
        line: &str,
        limits: ExchangeLimits,
        codec: Codec,
        tables: &Arc<Tables>,
    ) -> Result<Mailroom, ExchangeError> {
        if let Some(far) = FarExchange::at(line, codec, tables)? {
            tracing::info!(
                node = tables.principal.node_name(),
                exchange = line,
                "the exchange is another node's"
            );
            let door = Door::OfContainer(tables.clone(), Home::Far);
            let owner = far.group().and_then(owner_of_group).map(Arc::from);
            return Ok(Mailroom { exchange: Arc::new(far), door, time: MailTime::begin(), owner });
        }
        let counters = tables.counters.clone();
        let counting = move |happening, count| counter(&counters, happening).increment(count);
        let time = MailTime::begin();
        let ground = Ground::new(time).limits(limits).gate(tables.gate.id()).counting(counting);
        let ground = ground.deriving(naming::follows);
        let exchange = open(line, ground).await.map_err(or_a_node)?;
        tracing::info!(node = tables.principal.node_name(), exchange = line, "the exchange is open");
        Ok(Mailroom { exchange, door: Door::OfContainer(tables.clone(), Home::Here), time, owner: None })
    }

    /// The same exchange, behind the gate of a container that may use it.
    pub(crate) fn shared_with(&self, tables: &Arc<Tables>) -> Mailroom {
        self.exchange.trust(tables.gate.id());
        let door = Door::OfContainer(tables.clone(), Home::Elsewhere);
        Mailroom { exchange: self.exchange.clone(), door, time: self.time, owner: self.owner.clone() }
    }

    /// The container is shut down: its own exchange is closed, another's knows its gate no more.
    pub(crate) async fn leave(&self) {
        match &self.door {
            Door::Own(_) => {}
            Door::OfContainer(tables, Home::Elsewhere) => self.exchange.distrust(tables.gate.id()),
            Door::OfContainer(tables, Home::Here | Home::Far) => {
                if let Err(error) = self.exchange.close().await {
                    let node = tables.principal.node_name();
                    tracing::error!(node, %error, "the exchange did not close well");
                }
            }
        }
    }

    /// A number for a mailbox, a mail or a request that nobody else has.
    pub fn unused_number() -> u128 {
        chance::uuid()
    }

    /// Whom mail is sent by that goes through this gate and is nobody's from outside: the container, where it is a container's.
    pub fn principal(&self) -> Principal {
        match &self.door {
            Door::Own(_) => Principal::anonymous(),
            Door::OfContainer(tables, _) => tables.principal.clone(),
        }
    }

    /// The exchange.
    pub fn exchange(&self) -> &Arc<dyn Exchange> {
        &self.exchange
    }

    /// Brings a mail before the gate, and into the exchange if that lets it.
    ///
    /// # Errors
    /// `Denied` where the gate refuses, else what the exchange says.
    pub async fn send(&self, posting: Posting) -> Result<Accepted, MailError> {
        match self.exchange.send(self.admit(posting).await.map_err(MailError::Denied)?).await {
            // Of two gates it makes no difference which refused.
            Err(ExchangeError::Denied { reason }) => {
                self.note_denied(&reason);
                Err(MailError::Denied(reason))
            }
            sent => Ok(sent?),
        }
    }

    /// Whether the exchange is another node's.
    pub(crate) fn is_far(&self) -> bool {
        matches!(self.door, Door::OfContainer(_, Home::Far))
    }

    /// As whom the container owns mailboxes in the exchange, where that is not as the exchange's own container.
    pub(crate) fn owner(&self) -> Option<&str> {
        self.owner.as_deref()
    }

    /// Brings a mail before the gate, by its mailbox's name where that has one; a refusal is its reason, and is counted.
    pub(crate) async fn admit(&self, posting: Posting) -> Result<Admitted<Posting>, String> {
        let posting = self.by_name(posting).await;
        match &self.door {
            Door::Own(gate) => router::admit_mail(gate, posting),
            Door::OfContainer(tables, _) => router::admit_mail(&tables.gate, posting)
                .inspect_err(|reason| router::note_denied(tables, reason)),
        }
    }

    /// The mail under the name of its mailbox, which who sent it to an id need not know. Who may reach nothing of that name does
    /// not learn it either.
    async fn by_name(&self, posting: Posting) -> Posting {
        let gate = match &self.door {
            Door::Own(gate) => gate,
            Door::OfContainer(tables, _) => &tables.gate,
        };
        let is_judged = posting.name().is_some() || posting.is_inside();
        if is_judged || gate.may_call(posting.by(), posting.agent(), posting.method()) {
            return posting;
        }
        let found = self.exchange.discover(&Asker::Container, Query::of_id(posting.to())).await;
        // Where it could not be looked for, the gate refuses the id.
        match found.ok().and_then(|found| found.into_iter().next()?.name) {
            Some(name) if gate.may_reach(posting.by(), &name) => posting.named(name),
            _ => posting,
        }
    }

    /// Counts what was let through as an answer and was none; another node's gate counts by itself.
    pub(crate) fn note_denied(&self, reason: &str) {
        if let Door::OfContainer(tables, Home::Here | Home::Elsewhere) = &self.door {
            router::note_denied(tables, reason);
        }
    }

    /// The present moment of the exchange's clock; of another node's, as near as this node's tells it.
    pub(crate) fn now(&self) -> Moment {
        self.time.now()
    }
}

/// Of a line that names no engine, what else it may be in a container.
fn or_a_node(error: ExchangeError) -> ExchangeError {
    match error {
        ExchangeError::Line { line, fault } => ExchangeError::Line {
            line,
            fault: format!("{fault}; or the URL of a node, such as tls://hub:5555"),
        },
        other => other,
    }
}

/// The counter of what happened.
fn counter(counters: &Counters, happening: Happening) -> &Counter {
    match happening {
        Happening::Accepted => &counters.mails_accepted,
        Happening::Repeated => &counters.mails_repeated,
        Happening::Delivered => &counters.mails_delivered,
        Happening::Redelivered => &counters.mails_redelivered,
        Happening::Acknowledged => &counters.mails_acknowledged,
        Happening::GivenBack => &counters.mails_given_back,
        Happening::Late => &counters.late_words,
        Happening::DeadLetter => &counters.dead_letters,
        Happening::LetterLost => &counters.dead_letters_lost,
        Happening::DeathTold => &counters.deaths_told,
        Happening::DeathUntold => &counters.deaths_untold,
        Happening::ThrownAway => &counters.mails_thrown_away,
        Happening::Terminated => &counters.mailboxes_terminated,
        Happening::Forgotten => &counters.mailboxes_forgotten,
        // What else there may be one day is a refusal until it has a counter of its own.
        _ => &counters.mails_refused,
    }
}

impl fmt::Debug for Mailroom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mailroom").field("exchange", &self.exchange).finish_non_exhaustive()
    }
}

/// The time of an exchange: the wall clock when it was opened, and link time from then on, so it never goes back.
#[derive(Clone, Copy, Debug)]
struct MailTime {
    begun: Timestamp,
    link_time: Duration,
}

impl MailTime {
    fn begin() -> MailTime {
        MailTime { begun: RealClock.now(), link_time: link_time::elapsed() }
    }
}

impl ExchangeClock for MailTime {
    fn now(&self) -> Moment {
        let now = self.begun + link_time::elapsed().saturating_sub(self.link_time);
        Moment::from_millis(u64::try_from(now.0.as_millis()).unwrap_or(u64::MAX))
    }

    fn sleep_until(&self, moment: Moment) -> BoxFuture<'static, ()> {
        link_time::sleep(moment.since(self.now())).boxed()
    }
}
