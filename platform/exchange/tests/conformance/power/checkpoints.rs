//! Power failures while the log is brought into the database, and while the log is begun anew after that.
//!
//! A checkpoint writes pages into the database's file, in their order, and waits for the disk before the log, which holds
//! them all, is written over. So what a power failure leaves is the whole log beside a file of which some pages are new, or
//! sectors of pages; after that the new file beside a log of which some sectors are new. Each of these is made here of the
//! files as they were at the syncs before and after a checkpoint, and opened. Always true: what was answered by then is
//! there.

use super::*;

const PAGE_BYTES: usize = 4096;

/// What of the log is on the disk before anything is written over behind it.
const LOG_HEADER_BYTES: usize = 32;

/// So many mails wait in each mailbox.
const LEFT: u64 = 3;

/// Mails after which there must have been a checkpoint.
const MOST_MAILS: u64 = 3000;

/// Syncs after the checkpoint that are looked at, too.
const AFTERWARDS: usize = 6;

/// Files of which any sectors are old and others new.
const MIXED: usize = 12;

/// The files when the disk has the log, and what was answered by then.
#[derive(Clone, Default)]
struct Files {
    database: Vec<u8>,
    log: Vec<u8>,
    mark: Vec<u8>,
    sums: Vec<u8>,
    told: Told,
}

/// The files at the syncs before and after a checkpoint, and at some after that.
#[derive(Default)]
struct Seen {
    last: Files,
    checkpoint: Vec<Files>,
}

impl Seen {
    fn look(&mut self, now: Files) {
        if !self.checkpoint.is_empty() {
            self.checkpoint.push(now);
            return;
        }
        let before = std::mem::replace(&mut self.last, now);
        if !before.database.is_empty() && before.database != self.last.database {
            self.checkpoint = vec![before, self.last.clone()];
        }
    }

    fn is_enough(&self) -> bool {
        self.checkpoint.len() >= 2 + AFTERWARDS
    }
}

/// A part of a file as it is new, in the place of the old one.
fn write_over(file: &mut Vec<u8>, new: &[u8], from: usize, to: usize) {
    let to = to.min(new.len());
    if from < to {
        file.resize(file.len().max(to), 0);
        file[from..to].copy_from_slice(&new[from..to]);
    }
}

/// Any sectors of `new` in the place of those of `old`.
fn mixed(old: &[u8], new: &[u8], chance: &mut Chance) -> Vec<u8> {
    let mut file = old.to_vec();
    for from in (0..new.len()).step_by(SECTOR_BYTES) {
        if chance.below(2) == 0 {
            write_over(&mut file, new, from, from + SECTOR_BYTES);
        }
    }
    file
}

/// What of the database is there when the power fails during the checkpoint: after each of its writes, and in the middle of
/// each; and with any sectors written, for the disk chooses their order.
fn half_written(old: &[u8], new: &[u8], chance: &mut Chance) -> Vec<Vec<u8>> {
    let pages = new.len().div_ceil(PAGE_BYTES);
    let page = |file: &[u8], number: usize| {
        file.get(number * PAGE_BYTES..).map(|rest| rest[..rest.len().min(PAGE_BYTES)].to_vec())
    };
    let written = (0..pages).filter(|number| page(old, *number) != page(new, *number));
    let (mut file, mut cuts) = (old.to_vec(), Vec::new());
    for number in written {
        let from = number * PAGE_BYTES;
        let mut torn = file.clone();
        let sectors = 1 + chance.below(PAGE_BYTES / SECTOR_BYTES - 1);
        write_over(&mut torn, new, from, from + sectors * SECTOR_BYTES);
        write_over(&mut file, new, from, from + PAGE_BYTES);
        cuts.extend([torn, file.clone()]);
    }
    assert!(file == new, "all that the checkpoint did is known");
    cuts.extend((0..MIXED).map(|_| mixed(old, new, chance)));
    cuts
}

fn left(from: &Path, database: &[u8], log: &[u8], sums: &[u8], files: (&Files, &Told)) -> Cut {
    let (Files { mark, .. }, told) = files;
    let directory = tempdir().unwrap();
    // It takes long to lay one in.
    fs::hard_link(from.join(BALLAST), directory.path().join(BALLAST)).unwrap();
    for (name, bytes) in [(DATABASE, database), (LOG, log), (MARK, mark), (SUMS, sums)] {
        fs::write(directory.path().join(name), bytes).unwrap();
    }
    // No page is taken for damaged that was being written, or stands in the log.
    let findings = sqlite::check(directory.path()).unwrap().findings;
    let damaged =
        |finding: &&String| finding.contains("flipped") || finding.contains("is not what was written");
    assert_eq!(findings.iter().find(damaged), None);
    Cut { told: told.clone(), directory }
}

#[tokio::test]
async fn what_was_answered_is_there_wherever_the_power_fails_in_a_checkpoint() {
    let directory = tempdir().unwrap();
    let world = World::at(directory.path()).await.unwrap();
    join_all((0..SENDERS).map(|number| world.agent(u128::from(number)))).await;
    let (told, seen) = (Arc::new(Mutex::new(Told::default())), Arc::new(Mutex::new(Seen::default())));
    let (answered, looking) = (told.clone(), seen.clone());
    listen(directory.path().join(LOG), move |log| {
        let file = |name: &str| fs::read(log.with_file_name(name)).unwrap_or_default();
        let told = answered.lock().unwrap().clone();
        let files =
            Files { database: file(DATABASE), log: file(LOG), mark: file(MARK), sums: file(SUMS), told };
        looking.lock().unwrap().look(files);
    });
    let mut number = 0;
    while !seen.lock().unwrap().is_enough() {
        number += 1;
        assert!(number < MOST_MAILS, "there was no checkpoint");
        let (id, mailbox) = (u128::from(number), MailboxId::agent(u128::from(number % SENDERS)));
        world.send(mailbox, Mail::new(MailId(id), "note", "x".repeat(300))).await;
        told.lock().unwrap().accepted.insert(id, mailbox);
        if number > LEFT * SENDERS {
            let delivery = world.take_one(mailbox).await;
            let id = delivery.mail.id.0;
            told.lock().unwrap().acknowledging.insert(id);
            world.acknowledge(&delivery).await;
            told.lock().unwrap().acknowledged.insert(id);
        }
    }
    world.exchange.close().await.unwrap();

    let files = std::mem::take(&mut seen.lock().unwrap().checkpoint);
    let (before, after) = (&files[0], &files[1]);
    let mut chance = Chance(0x9e37_79b9_7f4a_7c15);
    let cuts = half_written(&before.database, &after.database, &mut chance);
    // A checkpoint of some size, and the log was begun anew after it.
    assert!(cuts.len() > 2 * 8 + MIXED, "{}", cuts.len());
    assert_ne!(before.log[..LOG_HEADER_BYTES], after.log[..LOG_HEADER_BYTES]);
    for database in cuts {
        let sums = mixed(&before.sums, &after.sums, &mut chance);
        look_at(left(directory.path(), &database, &before.log, &sums, (before, &after.told))).await;
    }
    for pair in files.windows(2) {
        for _ in 0..MIXED / 2 {
            let mut log = pair[0].log.clone();
            write_over(&mut log, &pair[1].log, 0, LOG_HEADER_BYTES);
            let log = mixed(&log, &pair[1].log, &mut chance);
            let Files { database, sums, told, .. } = &pair[1];
            look_at(left(directory.path(), database, &log, sums, (&pair[1], told))).await;
        }
    }
}
