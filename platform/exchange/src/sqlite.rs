//! The engine `sqlite:`: mailboxes in one directory, kept through any crash of the process and of the machine.
//!
//! Always true: an operation is on the disk when its future is ready; all that write go through one thread, which puts what
//! waits into one transaction ([`writer`]). Who has what in hand is known in memory alone: after a crash everything that was
//! not acknowledged is delivered again, at its place. Signs of life are kept in memory. One process holds the directory.
//! Neighbours: [`store`](crate::store) says what an engine must keep to; [`check()`] and [`backup()`] are for operators.

mod attempts;
mod awaited;
mod backup;
mod ballast;
mod burying;
mod check;
mod desk;
mod directory;
mod finding;
mod free_rows;
mod hands;
mod keyed;
mod known;
mod lives;
mod log_file;
mod mailbox_rows;
mod mails;
mod mark;
mod mending;
mod opening;
mod page_sums;
mod pages;
mod places;
mod queue;
mod readers;
mod recounting;
mod requests;
mod returned;
mod schema;
mod sending;
mod sent;
mod sent_rows;
mod session;
mod slots;
mod states;
mod sum;
mod tallies;
mod tally;
mod trouble;
mod upgrading;
mod wal;
mod words;
mod writer;

pub use backup::{Copied, backup};
pub use ballast::BALLAST_BYTES;
pub use check::{Report, check};
pub use directory::{BALLAST, DATABASE, HANDS, LOCK, LOG, MARK, SUMS};
pub use log_file::SYNCED;
pub use readers::{READERS, WAITING_QUESTIONS};
pub use slots::KEPT_MAILBOXES;
pub use writer::{BATCH, WAITING_OPERATIONS};

use std::collections::HashMap;
use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use folkmoot_gateway::Admitted;
use tokio::sync::{mpsc, oneshot};

use crate::asker::Asker;
use crate::dead_letter::{DeadLetter, Page, Peeked, Purge};
use crate::delivery::{Receipt, Refusal};
use crate::error::ExchangeError;
use crate::exchange::Reply;
use crate::ground::Ground;
use crate::mailbox::{
    Found, Lease, MailboxState, MailboxStats, Query, Registered, Registration, Status, Terminated,
};
use crate::mailbox_id::MailboxId;
use crate::moment::Moment;
use crate::posting::{Accepted, Posting};
use crate::step::{Committed, State, StateQuery, Step};
use crate::store::{Claim, Claimed, Store};

use awaited::Awaited;
use directory::Directory;
use hands::HandsFile;
use opening::Opened;
use readers::Readers;
use returned::Returned;
use session::Session;
use slots::Slots;
use trouble::{Outcome, of_file};
use writer::{Closing, Failed, Files, Manner, Operation, Order, Work, Writer, give_back, let_go};

/// Mailboxes in a directory.
pub struct SqliteStore {
    ground: Arc<Ground>,
    orders: Mutex<Option<mpsc::Sender<Order>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
    readers: Readers,
    returned: Arc<Returned>,
    hands: Arc<Mutex<HandsFile>>,
    heartbeats: Mutex<HashMap<MailboxId, Moment>>,
    directory: Arc<Path>,
}

impl SqliteStore {
    /// Opens the exchange in `directory`, and makes one where there is none. It blocks while it reads.
    ///
    /// # Errors
    /// `Damaged` where it has lost what was acknowledged; `Failed` where another process holds it or its files cannot be
    /// used, `DiskFull`.
    pub fn open(directory: &Path, ground: Arc<Ground>) -> Result<SqliteStore, ExchangeError> {
        let held = Directory::hold(directory)?;
        let mut pages = opening::mended(&held)?;
        let opened = match opening::read(&held, &ground) {
            Err(ExchangeError::Damaged { .. }) if pages.mend_rest(directory)? => {
                opening::read(&held, &ground)
            }
            opened => opened,
        };
        let Opened { mut desk, left } = opened?;
        let tell = |trouble: trouble::Trouble| trouble.tell(directory);
        pages.complete();
        desk.has_unseen_pages = pages.has_unseen();
        let of_hands = |error| of_file(&held.file(HANDS), "using a file of the exchange", error);
        let hands = Arc::new(Mutex::new(HandsFile::begin(&held.file(HANDS), &left).map_err(of_hands)?));
        let ballast = writer::ballast_of(&held);
        if !ballast.is_in()
            && let Err(error) = ballast.lay_in()
        {
            tracing::error!(
                directory = %directory.display(), %error,
                "there is no room for the ballast of the exchange: mail is refused until there is"
            );
        }
        let mark = mark::MarkFile::open(&held.file(MARK))
            .map_err(|error| of_file(&held.file(MARK), "opening a file of the exchange", error))?;
        let returned = Arc::new(Returned::default());
        let failed = Failed::default();
        let session = Session { slots: Slots::default(), desk };
        let files = Files { directory: held, pages, ballast, mark, hands: hands.clone() };
        let writer = Writer::new(session, files, returned.clone(), failed.clone()).map_err(tell)?;
        let readers = Readers::start(directory, failed)?;
        let (orders, taken) = mpsc::channel(WAITING_OPERATIONS);
        let thread = std::thread::Builder::new()
            .name(writer::THREAD.to_owned())
            .spawn(move || writer.work(taken))
            .map_err(|error| of_file(directory, "starting a thread of the exchange", error))?;
        if !left.is_empty() {
            tracing::info!(
                mails = left.len(),
                "what had left for its receivers when the exchange ended is taken for arrived"
            );
            // The first order, and light: it is done before anyone claims.
            let (answer, _) = oneshot::channel();
            let (manner, returned) = (light(ground.now()), returned.clone());
            let run = move |session: &mut Session| session.have_arrived(manner.now, &left);
            let first = Operation { manner, run, outcome: None, answer, unheard: let_go, returned };
            drop(orders.try_send(Order::Do(Box::new(first))));
        }
        Ok(SqliteStore {
            ground,
            orders: Mutex::new(Some(orders)),
            thread: Mutex::new(Some(thread)),
            readers,
            returned,
            hands,
            heartbeats: Mutex::default(),
            directory: directory.into(),
        })
    }

    fn orders(&self) -> Result<mpsc::Sender<Order>, ExchangeError> {
        let orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
        orders.clone().ok_or(ExchangeError::Closed)
    }

    /// Has the writer do something.
    async fn write<T: Send + 'static>(
        &self,
        manner: Manner,
        run: impl FnMut(&mut Session) -> Outcome<T> + Send + 'static,
    ) -> Result<T, ExchangeError> {
        self.order(manner, let_go, run).await?.await.map_err(|_| ExchangeError::Closed)?
    }

    async fn order<T: Send + 'static>(
        &self,
        manner: Manner,
        unheard: fn(&Returned, T),
        run: impl FnMut(&mut Session) -> Outcome<T> + Send + 'static,
    ) -> Result<oneshot::Receiver<Result<T, ExchangeError>>, ExchangeError> {
        let (answer, answered) = oneshot::channel();
        let returned = self.returned.clone();
        let work: Box<dyn Work> =
            Box::new(Operation { manner, run, outcome: None, answer, unheard, returned });
        self.orders()?.send(Order::Do(work)).await.map_err(|_| ExchangeError::Closed)?;
        Ok(answered)
    }

    /// Has the writer take back what was returned.
    fn look(&self) {
        if let Ok(orders) = self.orders() {
            // Where there is no room the writer is at work, and looks by itself.
            drop(orders.try_send(Order::Look));
        }
    }

    fn heartbeats(&self) -> std::sync::MutexGuard<'_, HashMap<MailboxId, Moment>> {
        self.heartbeats.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How a mailbox stands, but for its sign of life.
    async fn standing(&self, asker: &Asker, mailbox: MailboxId) -> Result<MailboxState, ExchangeError> {
        let (asker, ground) = (asker.clone(), self.ground.clone());
        self.readers
            .ask_for_row(move |connection| {
                mailbox_rows::standing(connection, ground.bounds(), &asker, mailbox)
            })
            .await
    }
}

/// What is durable once it is answered.
fn kept(now: Moment) -> Manner {
    Manner { now, takes_room: false, is_light: false }
}

/// What is durable, and refused on a full disk.
fn kept_with_room(now: Moment) -> Manner {
    Manner { takes_room: true, ..kept(now) }
}

/// What a power failure may undo.
fn light(now: Moment) -> Manner {
    Manner { is_light: true, ..kept(now) }
}

impl Store for SqliteStore {
    fn register<'a>(&'a self, now: Moment, asker: &'a Asker, what: Registration) -> Reply<'a, Registered> {
        let asker = asker.clone();
        Box::pin(self.write(kept_with_room(now), move |session| session.register(&asker, &what)))
    }

    fn discover<'a>(&'a self, _: Moment, asker: &'a Asker, query: Query) -> Reply<'a, Vec<Found>> {
        let (asker, ground) = (asker.clone(), self.ground.clone());
        Box::pin(
            self.readers
                .ask(move |connection| finding::discover(connection, ground.bounds(), &asker, &query)),
        )
    }

    fn send(&self, now: Moment, posting: Admitted<Posting>) -> Reply<'_, Accepted> {
        Box::pin(self.write(kept_with_room(now), move |session| session.send(now, posting.message())))
    }

    fn claim<'a>(&'a self, now: Moment, asker: &'a Asker, claim: Claim) -> Reply<'a, Claimed> {
        let asker = asker.clone();
        Box::pin(async move {
            let run = move |session: &mut Session| session.claim(now, &asker, &claim);
            let answered = self.order(light(now), give_back, run).await?;
            let mut awaited = Awaited { answered, store: self, is_heard: false };
            let outcome = (&mut awaited.answered).await;
            awaited.is_heard = true;
            outcome.map_err(|_| ExchangeError::Closed)?
        })
    }

    fn acknowledge<'a>(&'a self, now: Moment, asker: &'a Asker, receipt: Receipt) -> Reply<'a, ()> {
        let asker = asker.clone();
        Box::pin(self.write(kept(now), move |session| session.acknowledge(now, &asker, &receipt)))
    }

    fn note_left(&self, receipts: &[Receipt]) {
        // What is in hand was noted before anyone was told of it.
        let mut hands = self.hands.lock().unwrap_or_else(PoisonError::into_inner);
        hands.add_left(receipts.iter().map(|receipt| receipt.claim));
    }

    fn refuse<'a>(
        &'a self,
        now: Moment,
        asker: &'a Asker,
        receipt: Receipt,
        refusal: Refusal,
    ) -> Reply<'a, ()> {
        let asker = asker.clone();
        Box::pin(self.write(kept(now), move |session| session.refuse(now, &asker, &receipt, &refusal)))
    }

    fn give_back(&self, _: Moment, asker: &Asker, receipts: Vec<Receipt>) {
        self.returned.add(asker, receipts);
        self.look();
    }

    fn extend<'a>(
        &'a self,
        now: Moment,
        asker: &'a Asker,
        receipt: Receipt,
        lease: Duration,
    ) -> Reply<'a, Moment> {
        let asker = asker.clone();
        Box::pin(self.write(light(now), move |session| session.extend(now, &asker, &receipt, lease)))
    }

    fn commit<'a>(&'a self, now: Moment, asker: &'a Asker, step: Step) -> Reply<'a, Committed> {
        let asker = asker.clone();
        let takes_room = !step.send.is_empty() || step.states.iter().any(|put| put.bytes.is_some());
        let manner = Manner { takes_room, ..kept(now) };
        Box::pin(self.write(manner, move |session| session.commit(now, &asker, &step)))
    }

    fn status<'a>(&'a self, now: Moment, asker: &'a Asker, mailbox: MailboxId) -> Reply<'a, Status> {
        Box::pin(async move {
            let state = self.standing(asker, mailbox).await?;
            if state != MailboxState::Inactive {
                return Ok(Status { state, heartbeat_age: None });
            }
            let heartbeat_age = self.heartbeats().get(&mailbox).map(|heartbeat| now.since(*heartbeat));
            let is_active = heartbeat_age.is_some_and(|age| age < self.ground.bounds().inactive_after);
            let state = if is_active { MailboxState::Active } else { state };
            Ok(Status { state, heartbeat_age })
        })
    }

    fn terminate<'a>(&'a self, now: Moment, asker: &'a Asker, mailbox: MailboxId) -> Reply<'a, Terminated> {
        let whose = asker.clone();
        Box::pin(async move {
            let ended = self.write(kept(now), move |session| session.terminate(now, &whose, mailbox)).await?;
            self.heartbeats().remove(&mailbox);
            Ok(ended)
        })
    }

    fn heartbeat<'a>(&'a self, now: Moment, asker: &'a Asker, mailbox: MailboxId) -> Reply<'a, ()> {
        Box::pin(async move {
            match self.standing(asker, mailbox).await? {
                MailboxState::Missing => Err(ExchangeError::NoSuchMailbox { mailbox }),
                MailboxState::Terminated => Err(ExchangeError::MailboxTerminated { mailbox }),
                MailboxState::Active | MailboxState::Inactive => {
                    self.heartbeats().insert(mailbox, now);
                    Ok(())
                }
            }
        })
    }

    fn stats<'a>(&'a self, now: Moment, asker: &'a Asker, mailbox: MailboxId) -> Reply<'a, MailboxStats> {
        let asker = asker.clone();
        Box::pin(self.write(light(now), move |session| session.stats(now, &asker, mailbox)))
    }

    fn share<'a>(
        &'a self,
        now: Moment,
        asker: &'a Asker,
        mailbox: MailboxId,
        group: Arc<str>,
    ) -> Reply<'a, ()> {
        let asker = asker.clone();
        Box::pin(self.write(kept_with_room(now), move |session| session.share(&asker, mailbox, &group)))
    }

    fn unshare<'a>(
        &'a self,
        now: Moment,
        asker: &'a Asker,
        mailbox: MailboxId,
        group: Arc<str>,
    ) -> Reply<'a, bool> {
        let asker = asker.clone();
        Box::pin(self.write(kept(now), move |session| session.unshare(&asker, mailbox, &group)))
    }

    fn shares<'a>(&'a self, now: Moment, asker: &'a Asker, mailbox: MailboxId) -> Reply<'a, Vec<Arc<str>>> {
        let asker = asker.clone();
        Box::pin(self.write(light(now), move |session| session.shares(&asker, mailbox)))
    }

    fn peek<'a>(
        &'a self,
        now: Moment,
        asker: &'a Asker,
        mailbox: MailboxId,
        page: Page,
    ) -> Reply<'a, Vec<Peeked>> {
        let asker = asker.clone();
        Box::pin(self.write(light(now), move |session| session.peek(now, &asker, mailbox, page)))
    }

    fn purge<'a>(&'a self, now: Moment, asker: &'a Asker, mailbox: MailboxId, what: Purge) -> Reply<'a, u64> {
        let asker = asker.clone();
        Box::pin(self.write(kept(now), move |session| session.purge(now, &asker, mailbox, what)))
    }

    fn dead_letters<'a>(
        &'a self,
        now: Moment,
        asker: &'a Asker,
        mailbox: MailboxId,
        page: Page,
    ) -> Reply<'a, Vec<DeadLetter>> {
        let asker = asker.clone();
        Box::pin(self.write(light(now), move |session| session.dead_letters(now, &asker, mailbox, page)))
    }

    fn requeue<'a>(
        &'a self,
        now: Moment,
        asker: &'a Asker,
        mailbox: MailboxId,
        positions: Vec<u64>,
    ) -> Reply<'a, u64> {
        let asker = asker.clone();
        Box::pin(
            self.write(kept_with_room(now), move |session| session.requeue(now, &asker, mailbox, &positions)),
        )
    }

    fn take_lease<'a>(
        &'a self,
        now: Moment,
        mailbox: MailboxId,
        holder: Arc<str>,
        time: Duration,
    ) -> Reply<'a, Lease> {
        Box::pin(self.write(kept(now), move |session| session.take_lease(now, mailbox, &holder, time)))
    }

    fn renew_lease<'a>(
        &'a self,
        now: Moment,
        mailbox: MailboxId,
        epoch: u64,
        time: Duration,
    ) -> Reply<'a, Lease> {
        Box::pin(self.write(kept(now), move |session| session.renew_lease(now, mailbox, epoch, time)))
    }

    fn give_up_lease<'a>(&'a self, now: Moment, mailbox: MailboxId, epoch: u64) -> Reply<'a, ()> {
        Box::pin(self.write(kept(now), move |session| session.give_up_lease(now, mailbox, epoch)))
    }

    fn state<'a>(&'a self, _: Moment, key: Arc<str>) -> Reply<'a, Option<State>> {
        Box::pin(self.readers.ask(move |connection| states::read(connection, &key)))
    }

    fn states<'a>(&'a self, _: Moment, query: StateQuery) -> Reply<'a, Vec<(Arc<str>, State)>> {
        Box::pin(self.readers.ask(move |connection| states::list(connection, &query)))
    }

    fn close(&self) -> Reply<'_, ()> {
        Box::pin(async move {
            let orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner).take();
            let readers = self.readers.close();
            let Some(orders) = orders else { return Ok(()) };
            let (answer, answered) = oneshot::channel();
            if orders.send(Order::Close(Closing { readers, answer })).await.is_err() {
                return Ok(());
            }
            answered.await.unwrap_or(Ok(()))
        })
    }
}

impl Drop for SqliteStore {
    /// Waits until the writer has let go of the directory.
    fn drop(&mut self) {
        let join = |thread: JoinHandle<()>| {
            if thread.join().is_err() {
                tracing::error!(directory = %self.directory.display(), "a thread of the exchange panicked");
            }
        };
        self.readers.close().into_iter().for_each(join);
        self.orders.lock().unwrap_or_else(PoisonError::into_inner).take();
        self.thread.lock().unwrap_or_else(PoisonError::into_inner).take().into_iter().for_each(join);
    }
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore").field("directory", &self.directory).finish_non_exhaustive()
    }
}
