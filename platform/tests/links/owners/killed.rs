//! A process is killed while its durable agent works through mail, again and again: what its directory holds then.
//!
//! What was told before the kill must be there after it. The directory is looked at between two processes, and the next one
//! says what it found kept.

use std::collections::BTreeSet;

use folkmoot::exchange::{Asker, MailboxStats, Page, Query};
use folkmoot::{Codec, Mailroom};

use super::process::{OwnerProcess, Role, SENDERS};

/// What each sender sends in one life.
const ENTRIES: u64 = 40;
/// After how many entries, as told, each life ends.
const KILLED_AFTER: [usize; 4] = [1, 30, 75, 120];

/// What was told, by all lives.
#[derive(Default)]
struct Told {
    sent: BTreeSet<u64>,
    entered: BTreeSet<u64>,
}

impl Told {
    fn note(&mut self, word: &str, value: &str) {
        let told = match word {
            "SENT" => &mut self.sent,
            "ENTERED" => &mut self.entered,
            _ => return,
        };
        told.insert(value.parse().unwrap());
    }
}

/// A mailbox of the directory: what waits there, and its figures.
struct Found {
    waiting: Vec<u64>,
    stats: MailboxStats,
}

async fn found(room: &Mailroom, name: &str) -> Found {
    let (exchange, asker) = (room.exchange(), &Asker::Container);
    let mailbox = exchange.discover(asker, Query::named(name)).await.unwrap()[0].id;
    let waiting = exchange.peek(asker, mailbox, Page::first(1000)).await.unwrap();
    let waiting = waiting.iter().map(|peeked| Codec::MsgPack.decode(&peeked.mail.body).unwrap()).collect();
    assert_eq!(exchange.dead_letters(asker, mailbox, Page::first(9)).await.unwrap(), []);
    Found { waiting, stats: exchange.stats(asker, mailbox).await.unwrap() }
}

fn set(numbers: &[u64]) -> BTreeSet<u64> {
    let set: BTreeSet<u64> = numbers.iter().copied().collect();
    assert_eq!(set.len(), numbers.len(), "one stands there twice: {numbers:?}");
    set
}

/// What is kept and what waits fit each other, and what was told.
fn check(kept: &[u64], ledger: &Found, book: &Found, told: &Told) {
    let (entered, waiting) = (set(kept), set(&ledger.waiting));
    assert!(entered.is_disjoint(&waiting), "of {waiting:?} some were entered: {entered:?}");
    let there = &entered | &waiting;
    assert!(told.sent.is_subset(&there), "{:?} were sent, there are {there:?}", told.sent);
    assert!(told.entered.is_subset(&entered), "{:?} were told of, there are {entered:?}", told.entered);
    // State and mail are in step, and so is what was sent with them.
    let MailboxStats { accepted, acknowledged, .. } = ledger.stats;
    assert_eq!((accepted, acknowledged), (there.len() as u64, entered.len() as u64));
    assert_eq!(book.stats.accepted, acknowledged);
    assert!(set(&book.waiting).is_subset(&entered));
    for sender in 0..SENDERS {
        let entered = kept.iter().filter(|number| *number % SENDERS == sender);
        assert!(entered.is_sorted(), "they overtook each other: {kept:?}");
    }
}

#[folkmoot::test]
async fn of_a_process_that_is_killed_at_work_nothing_is_lost_and_nothing_done_twice() {
    super::super::limit::watch();
    let directory = tempfile::tempdir().unwrap();
    let exchange = format!("sqlite://{}", directory.path().display());
    let mut told = Told::default();
    for life in 0..=KILLED_AFTER.len() {
        let before = match life {
            0 => None,
            _ => {
                let room = Mailroom::open(&exchange).await.unwrap();
                let found = (found(&room, "ledger").await, found(&room, "book").await);
                room.exchange().close().await.unwrap();
                Some(found)
            }
        };
        let killed_after = KILLED_AFTER.get(life).copied();
        let (first, entries) = (life as u64 * ENTRIES * SENDERS, killed_after.map_or(0, |_| ENTRIES));
        let mut process = OwnerProcess::start(&Role::Works { exchange: exchange.clone(), first, entries });
        let (mut has_begun, mut entered) = (false, BTreeSet::new());
        let is_over = |entered: &BTreeSet<u64>| match (killed_after, &before) {
            (None, Some((ledger, book))) => {
                ledger.waiting.iter().chain(&book.waiting).all(|one| entered.contains(one))
            }
            _ => entered.len() >= killed_after.unwrap_or(0),
        };
        while !has_begun || !is_over(&entered) {
            let (word, value) = process.next().await.expect("it lives");
            told.note(&word, &value);
            match &*word {
                // Nothing was sent meanwhile.
                "BEGAN" => {
                    has_begun = true;
                    let kept: Vec<u64> = serde_json::from_str(&value).unwrap();
                    match &before {
                        Some((ledger, book)) => check(&kept, ledger, book, &told),
                        None => assert!(kept.is_empty(), "{kept:?}"),
                    }
                }
                "ENTERED" => drop(entered.insert(value.parse().unwrap())),
                _ => {}
            }
        }
        match killed_after {
            Some(_) => process.signal("KILL").await,
            None => process.close_input(),
        }
        process.gone().await.into_iter().for_each(|(word, value)| told.note(&word, &value));
    }
    // All that was accepted has been entered in the end.
    let room = Mailroom::open(&exchange).await.unwrap();
    let (ledger, book) = (found(&room, "ledger").await, found(&room, "book").await);
    assert_eq!((ledger.waiting, book.waiting), (vec![], vec![]));
    assert_eq!(ledger.stats.acknowledged, ledger.stats.accepted);
    assert!(ledger.stats.accepted >= KILLED_AFTER[3] as u64, "{:?}", ledger.stats);
    assert!(told.sent.is_subset(&told.entered), "{:?} were sent, {:?} entered", told.sent, told.entered);
    room.exchange().close().await.unwrap();
}
