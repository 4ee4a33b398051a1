//! A client of Academy's agents, in the process that keeps their mailboxes: what `HttpExchangeFactory` and its user client
//! are in Python, without HTTP.
//!
//! Always true: a client has a mailbox of its own, a user's, which ends with it; it gives signs of life. Neighbours:
//! [`handle`] asks agents, [`listening`] takes what comes, [`asking`] has the table of those who wait.

mod asking;
mod error;
mod handle;
mod listening;
mod reading;

use std::collections::HashMap;
use std::fmt;
use std::future::IntoFuture;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use folkmoot::exchange::limits::MAX_PAGE;
use folkmoot::exchange::{Asker, Exchange, ExchangeError, MailboxId, Query, Registration};
use folkmoot::{Clock, Mailroom, RealClock, Timestamp};
use futures_util::future::BoxFuture;
use tokio::task::JoinHandle;

use self::asking::{Until, Waiting};
use super::asking::among_everyone;
use super::message::Dialect;

pub use error::HandleError;
pub use handle::{Action, Asking, Ending, Handle};

/// Most agents whose releases are remembered; then they are asked anew.
const MOST_KNOWN: usize = 100_000;
/// Most agents that are found at once.
const MOST_FOUND: usize = 250_000;

/// Sets up an [`AcademyClient`]; awaited, it registers the client's mailbox and listens.
#[must_use = "nothing happens until this is awaited"]
#[derive(Clone, Debug)]
pub struct ClientSetup {
    mailroom: Mailroom,
    asker: Asker,
    name: Option<Box<str>>,
}

impl ClientSetup {
    pub(crate) fn new(mailroom: &Mailroom) -> ClientSetup {
        ClientSetup { mailroom: mailroom.clone(), asker: among_everyone(Asker::user("")), name: None }
    }

    /// Whose client it is, where the front door lets in users by tokens: it may use what that user and their groups may, and
    /// they may answer it. Without a word it is the user of a front door without tokens.
    pub fn user<G: Into<Arc<str>>>(mut self, name: &str, groups: impl IntoIterator<Item = G>) -> ClientSetup {
        self.asker = among_everyone(Asker::user(name).in_groups(groups));
        self
    }

    /// A name that agents see beside the client's id.
    pub fn named(mut self, name: &str) -> ClientSetup {
        self.name = Some(name.into());
        self
    }

    async fn open(self) -> Result<AcademyClient, ExchangeError> {
        let ClientSetup { mailroom, asker, name } = self;
        let mailbox = MailboxId::user(Mailroom::unused_number());
        mailroom.exchange().register(&asker, Registration::new(mailbox)).await?;
        let shared = Arc::new(Shared {
            mailroom,
            asker,
            mailbox,
            name,
            clock: Arc::new(RealClock),
            waiting: Waiting::default(),
            known: Mutex::default(),
            late: AtomicU64::new(0),
            runtime: tokio::runtime::Handle::current(),
        });
        let tasks = [
            tokio::spawn(listening::listen(shared.clone())),
            tokio::spawn(listening::give_signs_of_life(shared.clone())),
        ];
        Ok(AcademyClient(Arc::new(Living { shared, tasks })))
    }
}

impl IntoFuture for ClientSetup {
    type Output = Result<AcademyClient, ExchangeError>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.open())
    }
}

/// A client of Academy's agents. Clones are the same client, and its handles hold it too; with the last of them its mailbox
/// is terminated.
///
/// ```
/// use std::time::Duration;
///
/// use folkmoot::Mailroom;
/// use folkmoot::exchange::Query;
/// use folkmoot_interop::Academy;
/// use folkmoot_interop::academy::HandleError;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # folkmoot::block_on(async {
/// let mailroom = Mailroom::open("memory:").await?;
/// let academy = Academy::client(&mailroom).await?;
/// // Those that Python agents have registered through the front door.
/// for pump in academy.discover(Query::of_subtypes("plant.Pump")).await? {
///     let pump = academy.handle(pump);
///     let litres: f64 = pump.action("pump", (10,)).keyword("into", "tank").deadline(Duration::from_secs(5)).await?;
///     println!("{litres} l");
/// }
/// # Ok(())
/// # })
/// # }
/// ```
#[derive(Clone)]
pub struct AcademyClient(Arc<Living>);

struct Living {
    shared: Arc<Shared>,
    tasks: [JoinHandle<()>; 2],
}

/// What the client's tasks, its handles and their requests share.
pub(crate) struct Shared {
    mailroom: Mailroom,
    asker: Asker,
    mailbox: MailboxId,
    name: Option<Box<str>>,
    clock: Arc<dyn Clock>,
    waiting: Waiting,
    /// What agents speak that have answered.
    known: Mutex<HashMap<MailboxId, Dialect>>,
    /// Answers that nobody waited for.
    late: AtomicU64,
    runtime: tokio::runtime::Handle,
}

impl AcademyClient {
    /// The client's own mailbox.
    pub fn mailbox(&self) -> MailboxId {
        self.0.shared.mailbox
    }

    /// A handle to an agent, whether it is there or not.
    pub fn handle(&self, agent: MailboxId) -> Handle {
        Handle::new(self.clone(), agent, Mailroom::unused_number())
    }

    /// The agents that match, in the order of their registration. A type is written as Python writes it, such as
    /// `plant.pumps.Pump`: `Query::of_type`, or `Query::of_subtypes` with those that descend from it.
    ///
    /// # Errors
    /// `Invalid` where a text of the query is none that can be, `TooLarge` where there are more than 250,000.
    pub async fn discover(&self, query: Query) -> Result<Vec<MailboxId>, ExchangeError> {
        let mut query = Query { max: MAX_PAGE, ..query };
        let mut all = Vec::new();
        loop {
            let page = self.exchange().discover(self.asker(), query.clone()).await?;
            all.extend(page.iter().map(|found| found.id));
            match page.last() {
                Some(_) if all.len() > MOST_FOUND => {
                    let (what, size, limit) =
                        ("the list of all that match", all.len() as u64, MOST_FOUND as u64);
                    return Err(ExchangeError::TooLarge { what, size, limit });
                }
                Some(last) if page.len() >= MAX_PAGE => query = query.after(last),
                _ => return Ok(all),
            }
        }
    }

    /// Answers that came when nobody waited for them any more.
    pub fn late_answers(&self) -> u64 {
        self.0.shared.late.load(Ordering::Relaxed)
    }

    /// Ends the client, with all its handles: its mailbox is terminated, and whoever waits is told.
    ///
    /// # Errors
    /// What the exchange says.
    pub async fn close(self) -> Result<(), ExchangeError> {
        let shared = &self.0.shared;
        self.exchange().terminate(&shared.asker, shared.mailbox).await?;
        shared.waiting.end();
        Ok(())
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.0.shared
    }

    pub(crate) fn exchange(&self) -> &Arc<dyn Exchange> {
        self.0.shared.mailroom.exchange()
    }

    pub(crate) fn asker(&self) -> &Asker {
        &self.0.shared.asker
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.0.shared.clock.now()
    }

    pub(crate) fn until(&self, deadline: Duration) -> Until {
        self.0.shared.until(deadline)
    }

    /// What an agent speaks, where it has said something; those of Folkmoot's are known.
    pub(crate) fn dialect_of(&self, agent: MailboxId) -> Option<Dialect> {
        if agent.is_derived() {
            return Some(Dialect::New);
        }
        self.0.shared.known.lock().unwrap_or_else(PoisonError::into_inner).get(&agent).copied()
    }
}

impl Shared {
    fn learn(&self, agent: MailboxId, dialect: Dialect) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST_KNOWN && !known.contains_key(&agent) {
            known.clear();
        }
        known.insert(agent, dialect);
    }
}

impl Drop for Living {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
        let shared = self.shared.clone();
        // Where the runtime has ended nothing is done: then the mailbox stays, inactive.
        self.shared.runtime.spawn(async move {
            if let Err(error) = shared.mailroom.exchange().terminate(&shared.asker, shared.mailbox).await {
                tracing::debug!(mailbox = %shared.mailbox, %error, "the mailbox of a client was not terminated");
            }
        });
    }
}

impl fmt::Debug for AcademyClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AcademyClient").field(&self.0.shared.mailbox).finish()
    }
}
