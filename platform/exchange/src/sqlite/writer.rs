//! The thread that writes: it takes all operations that wait, does them in one transaction, and answers once that is on the
//! disk.
//!
//! Always true: an answer is given after its commit, never before; where a commit fails nobody is told that it was. A full
//! disk refuses what takes room and lets the rest through, a damaged row ends one operation, a disk that failed ends them
//! all: what it holds is not known any more. Neighbours: [`session`](super::session) does the operations,
//! [`full_disk`] makes room.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::JoinHandle;

use rusqlite::hooks::Wal;
use tokio::sync::{mpsc, oneshot};

use crate::asker::Asker;
use crate::delivery::Receipt;
use crate::error::ExchangeError;
use crate::moment::Moment;
use crate::store::Claimed;

use super::ballast::Ballast;
use super::directory::Directory;
use super::hands::HandsFile;
use super::log_file::LogFile;
use super::mark::{Mark, MarkFile};
use super::pages::Pages;
use super::returned::Returned;
use super::session::Session;
use super::trouble::{Ill, Outcome, Trouble};

mod checkpoints;
mod full_disk;

/// Operations that wait for the writer; who has one more waits for room.
pub const WAITING_OPERATIONS: usize = 4096;

/// Operations in one transaction, at most.
pub const BATCH: usize = 512;

/// Pages in the write-ahead log after which they are brought into the database: half of the ballast.
const CHECKPOINT_PAGES: u64 = 1000;

/// How often in a row the writer looks in vain for those who asked before, until it goes on without them: some 20 us, in which
/// it does not yield, for on a busy machine that takes longer than a sync.
const PATIENCE: u32 = 512;

/// How often what is light is done before the rest of a round.
const LIGHT_ROUNDS: u32 = 4;

/// What an operation is to the writer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Manner {
    pub(super) now: Moment,
    /// It is refused while the disk is full.
    pub(super) takes_room: bool,
    /// Whoever asks is promised nothing that a power failure may not undo.
    pub(super) is_light: bool,
}

/// An operation on its way through the writer.
pub(super) trait Work: Send {
    fn manner(&self) -> Manner;
    /// Does it, again where its transaction was taken back; keeps what came of it.
    fn run(&mut self, session: &mut Session) -> Outcome<()>;
    /// Tells what came of it.
    fn answer(self: Box<Self>);
    /// Tells why nothing came of it.
    fn fail(self: Box<Self>, error: ExchangeError);
}

/// An operation as a function.
pub(super) struct Operation<T, F> {
    pub(super) manner: Manner,
    pub(super) run: F,
    pub(super) outcome: Option<Result<T, ExchangeError>>,
    pub(super) answer: oneshot::Sender<Result<T, ExchangeError>>,
    /// What becomes of an answer that nobody waits for any more.
    pub(super) unheard: fn(&Returned, T),
    pub(super) returned: Arc<Returned>,
}

impl<T: Send, F: FnMut(&mut Session) -> Outcome<T> + Send> Work for Operation<T, F> {
    fn manner(&self) -> Manner {
        self.manner
    }

    fn run(&mut self, session: &mut Session) -> Outcome<()> {
        match (self.run)(session) {
            Ok(done) => self.outcome = Some(Ok(done)),
            Err(Trouble::Refused(error)) => self.outcome = Some(Err(error)),
            Err(trouble) => return Err(trouble),
        }
        session.tell_of_deaths(self.manner.now)
    }

    fn answer(self: Box<Self>) {
        if let Some(outcome) = self.outcome
            && let Err(Ok(unheard)) = self.answer.send(outcome)
        {
            (self.unheard)(&self.returned, unheard);
        }
    }

    fn fail(self: Box<Self>, error: ExchangeError) {
        // Who does not wait any more need not know.
        drop(self.answer.send(Err(error)));
    }
}

/// Deliveries that nobody heard of go back.
pub(super) fn give_back(returned: &Returned, claimed: Claimed) {
    returned.add(&Asker::Container, claimed.deliveries.into_iter().map(|delivery| delivery.receipt));
}

/// An answer that changes nothing when it is lost.
pub(super) fn let_go<T>(_: &Returned, _: T) {}

/// Why the exchange has stopped, once it has: the disk failed.
pub(super) type Failed = Arc<OnceLock<ExchangeError>>;

/// What the writer is told.
pub(super) enum Order {
    Do(Box<dyn Work>),
    /// Deliveries wait to be taken back.
    Look,
    Close(Closing),
}

/// The wish to close, and how that went for whoever wished it.
pub(super) struct Closing {
    /// Threads that end what they are at.
    pub(super) readers: Vec<JoinHandle<()>>,
    pub(super) answer: oneshot::Sender<Result<(), ExchangeError>>,
}

impl Closing {
    /// Until nobody reads any more.
    fn wait_for_readers(&mut self) {
        for reader in self.readers.drain(..) {
            if reader.join().is_err() {
                tracing::error!("a thread that read for the exchange panicked");
            }
        }
    }
}

/// Where orders come in.
struct Intake {
    orders: mpsc::Receiver<Order>,
    closing: Option<Closing>,
}

impl Intake {
    /// Waits for work, and a moment for as much as there was the last time; `None` where there will be no more.
    fn wait(&mut self, expected: usize) -> Option<Vec<Box<dyn Work>>> {
        let first = self.orders.blocking_recv()?;
        let mut batch = Vec::with_capacity(expected.max(1));
        self.sort(first, &mut batch);
        Some(self.gather(batch, expected))
    }

    /// Adds what is there to `batch`, and gives those who have just been answered the time to ask again: each commit
    /// costs a sync, however much is in it.
    fn gather(&mut self, mut batch: Vec<Box<dyn Work>>, expected: usize) -> Vec<Box<dyn Work>> {
        let mut idle = 0;
        while batch.len() < BATCH && self.closing.is_none() {
            match self.orders.try_recv() {
                Ok(order) => {
                    idle = 0;
                    self.sort(order, &mut batch);
                }
                Err(_) if batch.len() >= expected || idle >= PATIENCE => break,
                Err(_) => {
                    idle += 1;
                    std::hint::spin_loop();
                }
            }
        }
        batch
    }

    fn sort(&mut self, order: Order, batch: &mut Vec<Box<dyn Work>>) {
        match order {
            Order::Do(work) => batch.push(work),
            Order::Look => {}
            Order::Close(closing) => self.closing = Some(closing),
        }
    }
}

/// The files of a store besides its database.
pub(super) struct Files {
    pub(super) directory: Directory,
    pub(super) pages: Pages,
    pub(super) ballast: Ballast,
    pub(super) mark: MarkFile,
    pub(super) hands: Arc<Mutex<HandsFile>>,
}

pub(super) struct Writer {
    session: Session,
    directory: Directory,
    pages: Pages,
    ballast: Ballast,
    mark: MarkFile,
    hands: Arc<Mutex<HandsFile>>,
    log: LogFile,
    log_pages: Arc<std::sync::atomic::AtomicU64>,
    /// A light commit is in the log that the disk may not have yet.
    is_unsynced: bool,
    returned: Arc<Returned>,
    /// Since when the disk is full, as last tried.
    full_since: Option<Moment>,
    /// What all mail counted for when it became full, or when it was opened full, and what was free in the database then, in
    /// bytes; what was received since is room within the database.
    full_at_bytes: u64,
    /// That room is enough for mail to be taken.
    has_room_within: bool,
    failed: Failed,
}

impl Writer {
    pub(super) fn new(
        mut session: Session,
        files: Files,
        returned: Arc<Returned>,
        failed: Failed,
    ) -> Outcome<Writer> {
        let log_pages = Arc::new(std::sync::atomic::AtomicU64::new(0));
        let told = log_pages.clone();
        let hook = move |_: &mut Wal, pages: i32| {
            told.store(u64::try_from(pages).unwrap_or(0), std::sync::atomic::Ordering::Relaxed);
            Ok(())
        };
        session.desk.connection.wal_hook(Some(hook))?;
        // From here on commits are brought to the disk by the log file.
        session.desk.connection.execute_batch("PRAGMA synchronous=NORMAL")?;
        let Files { directory, pages, ballast, mark, hands } = files;
        let full_since = (!ballast.is_in()).then_some(Moment::EPOCH);
        let mut writer = Writer {
            session,
            log: LogFile::of(&directory),
            directory,
            pages,
            ballast,
            mark,
            hands,
            log_pages,
            is_unsynced: false,
            returned,
            full_since,
            full_at_bytes: 0,
            has_room_within: false,
            failed,
        };
        if writer.full_since.is_some() {
            writer.full_at_bytes = writer.session.desk.totals.bytes + writer.free_bytes();
        }
        Ok(writer)
    }

    /// Works until it is closed, or nobody is left who could ask.
    pub(super) fn work(mut self, orders: mpsc::Receiver<Order>) {
        let mut intake = Intake { orders, closing: None };
        let mut expected = 0;
        while intake.closing.is_none() {
            let Some(batch) = intake.wait(expected) else { break };
            expected = self.do_round(batch, &mut intake);
        }
        let Intake { mut orders, mut closing } = intake;
        orders.close();
        while let Ok(order) = orders.try_recv() {
            match order {
                Order::Do(work) => work.fail(ExchangeError::Closed),
                Order::Look => {}
                Order::Close(closing) => drop(closing.answer.send(Ok(()))),
            }
        }
        if let Some(closing) = &mut closing {
            closing.wait_for_readers();
        }
        let closed = self.close();
        if let Some(closing) = closing {
            drop(closing.answer.send(closed));
        }
    }

    /// Does what was asked, what is light first: those who are answered at once often ask for more, which goes to the disk
    /// with the rest then. How much it was.
    fn do_round(&mut self, batch: Vec<Box<dyn Work>>, intake: &mut Intake) -> usize {
        let mut done = batch.len();
        let (mut light, mut heavy): (Vec<_>, Vec<_>) =
            batch.into_iter().partition(|work| work.manner().is_light);
        for _ in 0..LIGHT_ROUNDS {
            if light.is_empty() {
                break;
            }
            let answered = light.len();
            self.do_all(std::mem::take(&mut light));
            let (more_light, more): (Vec<_>, Vec<_>) =
                intake.gather(Vec::new(), answered).into_iter().partition(|work| work.manner().is_light);
            done += more_light.len() + more.len();
            light = more_light;
            heavy.extend(more);
        }
        heavy.extend(light);
        self.do_all(heavy);
        // What nobody heard of goes back at once, for others may wait for it.
        if !self.returned.is_empty() && self.failed.get().is_none() {
            self.do_all(Vec::new());
        }
        done
    }

    /// Does a batch in one transaction, and answers.
    fn do_all(&mut self, mut batch: Vec<Box<dyn Work>>) {
        if let Some(error) = self.failed.get() {
            batch.into_iter().for_each(|work| work.fail(error.clone()));
            return;
        }
        if batch.is_empty() && self.returned.is_empty() {
            return;
        }
        if self.full_since.is_some() {
            batch = self.refuse_what_takes_room(batch);
        }
        match self.transact(&mut batch) {
            Ok(()) => batch.into_iter().for_each(Work::answer),
            Err(trouble @ Trouble::Unsynced(_)) => {
                let error = trouble.tell(self.directory.path());
                self.fail_stop(error.clone());
                batch.into_iter().for_each(|work| work.fail(error.clone()));
            }
            Err(trouble) => self.take_apart(batch, &trouble),
        }
        self.checkpoint();
    }

    /// A batch could not be committed: makes room, or finds whose operation it was.
    fn take_apart(&mut self, batch: Vec<Box<dyn Work>>, trouble: &Trouble) {
        let mut batch = batch;
        if trouble.ill() == Some(Ill::Full) && self.full_since.is_none() {
            let now = batch.first().map_or(Moment::EPOCH, |work| work.manner().now);
            self.lighten(now);
            batch = self.refuse_what_takes_room(batch);
        }
        for work in batch {
            if let Some(error) = self.failed.get() {
                work.fail(error.clone());
                continue;
            }
            let mut one = vec![work];
            let mut outcome = self.transact(&mut one);
            if outcome.as_ref().is_err_and(|trouble| trouble.ill() == Some(Ill::Damaged)) && self.has_looked()
            {
                outcome = self.transact(&mut one);
            }
            let Some(work) = one.pop() else { continue };
            match outcome {
                Ok(()) => work.answer(),
                Err(trouble) => {
                    let ill = trouble.ill();
                    let error = trouble.tell(self.directory.path());
                    tracing::error!(%error, "an operation of the exchange failed");
                    if ill == Some(Ill::Failed) {
                        self.fail_stop(error.clone());
                    }
                    work.fail(error);
                }
            }
        }
    }

    /// Nothing that the disk says is believed any more.
    fn fail_stop(&mut self, error: ExchangeError) {
        tracing::error!(
            directory = %self.directory.path().display(), %error,
            "the exchange stops: its disk failed, and what it holds is not known until it is opened anew"
        );
        // The first error is the one that counts.
        drop(self.failed.set(error));
    }

    /// One transaction over all of `batch`.
    fn transact(&mut self, batch: &mut [Box<dyn Work>]) -> Outcome<()> {
        let place = self.session.desk.place();
        let swept = self.session.desk.free_rows.swept_to();
        let returned = self.returned.take();
        let done = self.try_transact(batch, &returned);
        match done {
            Ok(()) => {
                let records = self.session.desk.take_records();
                let mut hands = self.hands.lock().unwrap_or_else(PoisonError::into_inner);
                hands.add(&records, || self.session.desk.all_in_hand());
                drop(hands);
                self.session.desk.settle();
                self.session.slots.trim();
            }
            Err(_) => {
                self.roll_back(swept);
                self.session.go_back(&place);
                self.returned.put_back(returned);
            }
        }
        done
    }

    /// Takes back what the database has of a transaction that failed.
    fn roll_back(&mut self, swept: i64) {
        let desk = &mut self.session.desk;
        desk.free_rows.unsweep(swept);
        // Where SQLite took it back by itself there is nothing to take back.
        if !desk.connection.is_autocommit()
            && let Err(error) = desk.connection.execute_batch("ROLLBACK")
        {
            tracing::error!(%error, "a transaction of the exchange could not be taken back");
        }
    }

    fn try_transact(&mut self, batch: &mut [Box<dyn Work>], returned: &[(Asker, Receipt)]) -> Outcome<()> {
        let is_light = batch.iter().all(|work| work.manner().is_light);
        self.session.desk.connection.prepare_cached("BEGIN")?.execute([])?;
        let before = self.session.desk.connection.total_changes();
        let now = batch.iter().map(|work| work.manner().now).max();
        for (asker, receipt) in returned {
            let now = now.unwrap_or_else(|| self.session.desk.ground.now());
            self.session.put_back(now, asker, receipt)?;
            self.session.tell_of_deaths(now)?;
        }
        for work in batch.iter_mut() {
            work.run(&mut self.session)?;
        }
        self.session.stage_tallies()?;
        let desk = &mut self.session.desk;
        let has_changed = desk.tallies.has_staged() || desk.connection.total_changes() != before;
        let is_counted = has_changed && (!is_light || desk.tallies.has_staged());
        if has_changed && !is_light {
            let bounds = *desk.bounds();
            let now = now.unwrap_or_else(|| desk.ground.now());
            desk.sent.write(&desk.connection, now, &bounds)?;
            desk.free_rows.sweep(&desk.connection)?;
        }
        if is_counted {
            let commit = desk.tallies.last() + 1;
            desk.tallies.write(&desk.connection, commit)?;
        }
        desk.connection.prepare_cached("COMMIT")?.execute([])?;
        let commit = desk.tallies.last() + u64::from(is_counted);
        self.is_unsynced |= has_changed;
        if !is_light && self.is_unsynced {
            self.log.sync()?;
            self.is_unsynced = false;
            if let Err(error) = self.mark.write(Mark(commit)) {
                tracing::warn!(%error, "the mark of the exchange's last commit could not be written");
            }
        }
        Ok(())
    }
}

/// A thread's name for those who look at the process.
pub(super) const THREAD: &str = "folkmoot-exchange-writer";

/// Where the files of the writer lie.
pub(super) fn ballast_of(directory: &Directory) -> Ballast {
    Ballast::at(PathBuf::from(directory.path()).join(super::directory::BALLAST))
}
