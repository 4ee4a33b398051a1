//! Power failures: of what was written since the disk was last waited for, any sectors may be there, and others not.
//!
//! The engine tells when the disk has its log; the log as it is at that moment is certain to be there afterwards. Of what was
//! written later each sector of 512 bytes is kept or lost by chance. Always true: what was answered before the power failed
//! is there, for the log that is certain is copied before the answer.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, Once, OnceLock};

use folkmoot_exchange::sqlite::{self, BALLAST, DATABASE, HANDS, LOG, MARK, SUMS, SYNCED};
use folkmoot_exchange::{Asker, Mail, MailId, MailboxId, Recv};
use futures_util::future::{join_all, join3, select};
use tempfile::{TempDir, tempdir};
use tracing::field::{Field, Visit};
use tracing::span;

use super::world::{SECOND, World};

mod checkpoints;

const SECTOR_BYTES: usize = 512;
const SENDERS: u64 = 3;
const MAILS: u64 = 60;
const CUTS: usize = 24;

/// What is called with the path of a log when the disk has it, before anyone is told of what stands there.
type Heard = Arc<dyn Fn(&Path) + Send + Sync>;

/// Has `heard` called from now on, for that log.
fn listen(log: PathBuf, heard: impl Fn(&Path) + Send + Sync + 'static) {
    static LISTENING: Once = Once::new();
    // Where somebody else of this process listens already, these tests could tell nothing.
    LISTENING.call_once(|| tracing::subscriber::set_global_default(Listener).unwrap());
    watched().lock().unwrap().insert(log, Arc::new(heard));
}

fn watched() -> &'static Mutex<HashMap<PathBuf, Heard>> {
    static WATCHED: OnceLock<Mutex<HashMap<PathBuf, Heard>>> = OnceLock::new();
    WATCHED.get_or_init(Mutex::default)
}

/// What is certain to be on the disk, of one directory.
#[derive(Clone, Debug, Default)]
struct Certain {
    log: Vec<u8>,
    mark: Vec<u8>,
    syncs: u64,
}

/// Listens to the engine for when the disk has its log.
struct Listener;

struct LogOf(Option<PathBuf>);

impl Visit for LogOf {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        if field.name() == "log" {
            self.0 = Some(format!("{value:?}").into());
        }
    }
}

impl tracing::Subscriber for Listener {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        metadata.target() == SYNCED
    }

    fn event(&self, event: &tracing::Event<'_>) {
        let mut log = LogOf(None);
        event.record(&mut log);
        let Some(log) = log.0 else { return };
        let heard = watched().lock().unwrap().get(&log).cloned();
        if let Some(heard) = heard {
            heard(&log);
        }
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
}

/// The same numbers in each run.
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap() % bound
    }
}

/// What those who use the exchange have been told.
#[derive(Clone, Debug, Default)]
struct Told {
    /// Mails that were accepted, and where they went.
    accepted: BTreeMap<u128, MailboxId>,
    /// Mails whose receiver began to acknowledge them, and those that it was told of.
    acknowledging: BTreeSet<u128>,
    acknowledged: BTreeSet<u128>,
}

/// What a power failure left, and what was promised before it.
struct Cut {
    told: Told,
    directory: TempDir,
}

fn cut(directory: &Path, told: &RefCell<Told>, certain: &Mutex<Certain>, chance: &mut Chance) -> Cut {
    // First what was promised: nothing that is certain later is less than what was certain then.
    let told = told.borrow().clone();
    // While this is held nothing is written behind the next sync.
    let held = certain.lock().unwrap();
    let mut log = fs::read(directory.join(LOG)).unwrap();
    let certain = held.clone();
    drop(held);
    let mut sure = certain.log;
    sure.resize(log.len().max(sure.len()), 0);
    log.truncate(sure.len() - chance.below(1 + sure.len() - certain_bytes(&sure, &log)));
    for (sector, sure) in log.chunks_mut(SECTOR_BYTES).zip(sure.chunks(SECTOR_BYTES)) {
        if chance.below(2) == 0 {
            sector.copy_from_slice(&sure[..sector.len()]);
        }
    }
    let mut hands = fs::read(directory.join(HANDS)).unwrap();
    hands.truncate(chance.below(1 + hands.len()));
    let copy = tempdir().unwrap();
    // It takes long to lay one in.
    fs::hard_link(directory.join(BALLAST), copy.path().join(BALLAST)).unwrap();
    for name in [DATABASE, SUMS] {
        fs::copy(directory.join(name), copy.path().join(name)).unwrap();
    }
    for (name, bytes) in [(LOG, log), (MARK, certain.mark), (HANDS, hands)] {
        fs::write(copy.path().join(name), bytes).unwrap();
    }
    Cut { told, directory: copy }
}

/// How far the two are the same.
fn certain_bytes(sure: &[u8], log: &[u8]) -> usize {
    sure.iter().zip(log).take_while(|(left, right)| left == right).count()
}

async fn look_at(cut: Cut) {
    let Cut { told, directory } = cut;
    let world = World::at(directory.path()).await.unwrap();
    for number in 0..SENDERS {
        let mailbox = MailboxId::agent(u128::from(number));
        let there: Vec<u128> = world.drain_mail(mailbox).await.iter().map(|mail| mail.id.0).collect();
        assert!(there.is_sorted(), "{there:?}");
        let there: BTreeSet<u128> = there.into_iter().collect();
        let must: BTreeSet<u128> = told
            .accepted
            .iter()
            .filter(|(id, to)| **to == mailbox && !told.acknowledging.contains(id))
            .map(|(id, _)| *id)
            .collect();
        assert!(must.is_subset(&there), "{must:?} was accepted, there is {there:?}");
        assert!(told.acknowledged.is_disjoint(&there), "{:?}, there is {there:?}", told.acknowledged);
    }
    world.exchange.close().await.unwrap();
    assert_eq!(sqlite::check(directory.path()).unwrap().findings, [""; 0]);
}

#[tokio::test]
async fn what_was_answered_before_the_power_failed_is_there_afterwards() {
    let directory = tempdir().unwrap();
    let world = World::at(directory.path()).await.unwrap();
    join_all((0..SENDERS).map(|number| world.agent(u128::from(number)))).await;
    // From here on all is in the log.
    world.exchange.close().await.unwrap();
    let certain = Arc::new(Mutex::new(Certain::default()));
    let known = certain.clone();
    listen(directory.path().join(LOG), move |log| {
        let mut known = known.lock().unwrap();
        known.log = fs::read(log).unwrap();
        known.mark = fs::read(log.with_file_name(MARK)).unwrap();
        known.syncs += 1;
    });
    let world = World::at(directory.path()).await.unwrap();
    world.agent(99).await;
    assert_eq!(certain.lock().unwrap().syncs, 1);

    let told = RefCell::new(Told::default());
    let sending = (0..SENDERS).map(async |number| {
        let mailbox = MailboxId::agent(u128::from(number));
        for mail in 0..MAILS {
            let id = u128::from(number * MAILS + mail + 1);
            world.send(mailbox, Mail::new(MailId(id), "note", "x".repeat(500))).await;
            told.borrow_mut().accepted.insert(id, mailbox);
        }
    });
    let receiving = (0..SENDERS).map(async |number| {
        let mailbox = MailboxId::agent(u128::from(number));
        for _ in 0..MAILS / 2 {
            let got = world.try_recv(mailbox, Recv::within(SECOND)).await.unwrap();
            for delivery in got {
                let id = delivery.mail.id.0;
                told.borrow_mut().acknowledging.insert(id);
                world.acknowledge(&delivery).await;
                told.borrow_mut().acknowledged.insert(id);
            }
        }
    });
    // What is done for those who only look is written without a sync, and stands in the log before what is promised.
    let expiring = async {
        let mailbox = MailboxId::agent(99);
        for number in 0..MAILS / 2 {
            let id = MailId(1_000_000 + u128::from(number));
            let expires_at = world.now() + SECOND;
            world.send(mailbox, Mail::new(id, "note", "short").expires_at(expires_at)).await;
            world.pass(SECOND);
            world.exchange.stats(&Asker::Container, mailbox).await.unwrap();
        }
    };
    let mut chance = Chance(0x2545_f491_4f6c_dd1d);
    let mut cuts = Vec::new();
    let cutting = async {
        loop {
            let answers = told.borrow().accepted.len() + 1 + chance.below(9);
            while told.borrow().accepted.len() < answers {
                tokio::task::yield_now().await;
            }
            cuts.push(cut(directory.path(), &told, &certain, &mut chance));
        }
    };
    let working = join3(join_all(sending), join_all(receiving), expiring);
    select(Box::pin(working), Box::pin(cutting)).await;
    // A cut waits for twelve answers at most.
    assert!(cuts.len() >= CUTS / 2, "{}", cuts.len());
    // The database was left alone meanwhile, so it was as it is.
    world.exchange.close().await.unwrap();
    for cut in cuts.into_iter().take(CUTS) {
        look_at(cut).await;
    }
}
