//! The engine `sqlite:` and its files: what is there after a restart, what is noticed when a file is damaged, what a full or
//! failing disk does.
//!
//! A crash is a copy of the files, taken while they are in use. What fills a disk takes root, for it mounts a small one;
//! without root that test is left out, unless `FOLKMOOT_FAULTS` is set.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Command;

use folkmoot_exchange::mail::DEAD_LETTER;
use folkmoot_exchange::sqlite::{self, BALLAST, DATABASE, HANDS, LOG, MARK, SUMS};
use folkmoot_exchange::{
    Asker, ExchangeError, Mail, MailId, MailboxId, Page, Query, Recv, Refusal, Registration, Step,
};
use tempfile::{TempDir, tempdir};

use super::world::{SECOND, World, text};

/// What stands in the place of a body that is looked for in a file.
const REMARKABLE: &str = "a body that is found in the file it lies in, byte by byte";

async fn closed(world: World) {
    world.exchange.close().await.unwrap();
}

/// What a crash leaves: the files as they are while they are in use.
fn crashed(directory: &Path) -> TempDir {
    let copy = tempdir().unwrap();
    for name in [DATABASE, LOG, MARK, HANDS, SUMS] {
        if directory.join(name).exists() {
            fs::copy(directory.join(name), copy.path().join(name)).unwrap();
        }
    }
    copy
}

fn position_of(text: &str, bytes: &[u8]) -> usize {
    bytes.windows(text.len()).position(|window| window == text.as_bytes()).expect("it stands in the file")
}

/// Changes two bytes: one alone would be put right.
fn spoil(file: &Path, text: &str) {
    let mut bytes = fs::read(file).unwrap();
    let at = position_of(text, &bytes) + text.len() / 2;
    bytes[at] ^= 0x08;
    bytes[at + 1] ^= 0x08;
    fs::write(file, bytes).unwrap();
}

#[tokio::test]
async fn all_that_was_accepted_is_there_after_a_restart_and_what_was_acknowledged_is_not() {
    let directory = tempdir().unwrap();
    let world = World::at(directory.path()).await.unwrap();
    let crew =
        Registration::new(MailboxId::agent(1)).named("pump").lineage(["plant.Pump"]).capabilities(["water"]);
    let (pump, ada) = (world.register(crew.clone()).await, world.agent(2).await);
    world.exchange.share(&Asker::Container, pump, "crew".into()).await.unwrap();
    for body in ["zero", "one", "two", "three"] {
        world.say(pump, body).await;
    }
    let zero = world.take_one(pump).await;
    world.acknowledge(&zero).await;
    let one = world.take_one(pump).await;
    let dead = Mail::new(MailId(90), "order", "dead").request(7, Some(8)).from(ada);
    world.send(pump, dead).await;
    let never = Refusal::never("broken");
    let last = world.try_recv(pump, Recv::now().at_most(9)).await.unwrap().pop().unwrap();
    assert_eq!(text(&last.mail), "dead");
    world.exchange.refuse(&Asker::Container, &last.receipt, never).await.unwrap();
    let step = World::state_step("agents/1", 0, "kept");
    world.exchange.commit(&Asker::Container, Step { ..step }).await.unwrap();
    world.send(ada, world.mail("well?").from(pump).request(9, None)).await;
    let lease = world.exchange.take_lease(&Asker::Container, ada, "north".into(), 60 * SECOND).await.unwrap();
    let before = world.exchange.stats(&Asker::Container, pump).await.unwrap();
    let crash = crashed(directory.path());
    closed(world).await;

    for directory in [directory.path(), crash.path()] {
        let world = World::at(directory).await.unwrap();
        let stats = world.exchange.stats(&Asker::Container, pump).await.unwrap();
        assert_eq!((stats.accepted, stats.acknowledged, stats.dead_letters), (5, 1, 1));
        // Who asked for what is dead was told.
        assert_eq!((stats.ready, stats.in_hand, stats.pending_requests), (3, 0, 0));
        assert_eq!(world.exchange.stats(&Asker::Container, ada).await.unwrap().pending_requests, 1);
        assert_eq!(stats.bytes, before.bytes);
        let late = world.exchange.acknowledge(&Asker::Container, &one.receipt).await.unwrap_err();
        assert!(matches!(late, ExchangeError::LeaseOver { position: 2, .. }), "{late}");
        let again = world.take_one(pump).await;
        assert_eq!((text(&again.mail), again.attempt, again.receipt.position), ("one".to_owned(), 2, 2));
        assert_ne!(again.receipt.claim, one.receipt.claim);
        world.acknowledge(&again).await;
        // The first mail is known by its id, though it is long gone; the next one has the next position.
        assert!(world.send(pump, zero.mail.clone()).await.is_repeated);
        assert_eq!(world.send(pump, Mail::new(MailId(91), "note", "five")).await.position, 6);
        assert_eq!(world.drain(pump).await, ["two", "three", "five"]);
        let letters = world.exchange.dead_letters(&Asker::Container, pump, Page::first(9)).await.unwrap();
        assert_eq!(
            (letters.len(), letters[0].cause.to_string()),
            (1, "its receiver refused it: broken".to_owned())
        );
        let kept = world.exchange.state(&Asker::Container, "agents/1".into()).await.unwrap().unwrap();
        assert_eq!((kept.revision, &kept.bytes[..]), (1, &b"kept"[..]));
        assert_eq!(world.exchange.shares(&Asker::Container, pump).await.unwrap(), ["crew".into()]);
        let owned = world.try_recv(ada, Recv::now()).await.unwrap_err();
        assert!(matches!(owned, ExchangeError::Owned { .. }), "{owned}");
        let theirs = world.try_recv(ada, Recv::now().at_most(9).as_owner(lease.epoch)).await.unwrap();
        let kinds: Vec<&str> = theirs.iter().map(|delivery| &*delivery.mail.kind).collect();
        assert_eq!(kinds, [DEAD_LETTER, "note"]);
        let found = Query::able_to("water");
        assert_eq!(world.exchange.discover(&Asker::Container, found).await.unwrap()[0].name, crew.name);
        world.exchange.terminate(&Asker::Container, pump).await.unwrap();
        closed(world).await;
        let report = sqlite::check(directory).unwrap();
        assert_eq!((report.findings, report.mailboxes, report.states), (vec![], 1, 1));
    }
}

#[tokio::test]
async fn of_deliveries_only_those_in_hand_count_after_a_crash() {
    let directory = tempdir().unwrap();
    let world = World::at(directory.path()).await.unwrap();
    let agent = world.agent(1).await;
    for body in ["acknowledged", "given back", "refused", "in hand", "waits"] {
        world.say(agent, body).await;
    }
    for _ in 0..4 {
        let delivery = world.take_one(agent).await;
        match &*text(&delivery.mail) {
            "acknowledged" => world.acknowledge(&delivery).await,
            "refused" => world.refuse(&delivery, Refusal::after(SECOND, "busy")).await,
            "given back" => {
                world.refuse(&delivery, Refusal::untouched()).await;
                // It is at its place again, before the others.
                assert_eq!(world.take_one(agent).await.attempt, 1);
                world.settle().await;
                let delivery = world.try_recv(agent, Recv::now()).await.unwrap().pop().unwrap();
                world.refuse(&delivery, Refusal::untouched()).await;
            }
            _ => {}
        }
    }
    let crash = crashed(directory.path());
    closed(world).await;
    let world = World::at(crash.path()).await.unwrap();
    world.pass(2 * SECOND);
    let got = world.try_recv(agent, Recv::now().at_most(9)).await.unwrap();
    let attempts: Vec<(String, u32)> =
        got.iter().map(|delivery| (text(&delivery.mail), delivery.attempt)).collect();
    let attempts: Vec<(&str, u32)> = attempts.iter().map(|(body, attempt)| (&**body, *attempt)).collect();
    assert_eq!(attempts, [("given back", 2), ("refused", 2), ("in hand", 2), ("waits", 1)]);
    closed(world).await;
}

#[tokio::test]
async fn what_had_left_for_its_receiver_when_the_process_ended_is_done_with() {
    let directory = tempdir().unwrap();
    let world = World::at(directory.path()).await.unwrap();
    let (agent, other) = (world.agent(1).await, world.agent(2).await);
    let ended = world.agent(3).await;
    for body in ["left", "given back", "acknowledged", "in hand", "waits"] {
        world.say(agent, body).await;
    }
    world.say(ended, "left").await;
    let deliveries = world.try_recv(agent, Recv::now().at_most(4)).await.unwrap();
    let [left, given_back, acknowledged, _] = &deliveries[..] else { panic!() };
    let gone = world.take_one(ended).await.receipt;
    let receipts = [left.receipt, given_back.receipt, acknowledged.receipt];
    world.exchange.note_left(&receipts);
    world.exchange.note_left(&[gone]);
    world.exchange.terminate(&Asker::Container, ended).await.unwrap();
    world.refuse(given_back, Refusal::after(std::time::Duration::ZERO, "its connection broke")).await;
    world.acknowledge(acknowledged).await;
    // Whose delivery is over says nothing more, nor is the next one of that mail meant.
    world.exchange.note_left(&receipts);
    let again = world.take_one(agent).await;
    assert_eq!((text(&again.mail), again.attempt), ("given back".to_owned(), 2));
    world.exchange.note_left(&receipts);
    // While the process lives nothing has changed.
    let stats = world.exchange.stats(&Asker::Container, agent).await.unwrap();
    assert_eq!((stats.acknowledged, stats.in_hand, stats.ready), (1, 3, 1));
    world.say(other, "another").await;
    let crash = crashed(directory.path());
    closed(world).await;

    let world = World::at(crash.path()).await.unwrap();
    let again = crashed(crash.path());
    let stats = world.exchange.stats(&Asker::Container, agent).await.unwrap();
    assert_eq!((stats.accepted, stats.acknowledged, stats.ready), (5, 2, 3));
    closed(world).await;
    // It stays so, also where the next process ends at once.
    for directory in [crash.path(), again.path()] {
        let world = World::at(directory).await.unwrap();
        let got = world.try_recv(agent, Recv::now().at_most(9)).await.unwrap();
        let got: Vec<(String, u32)> = got.iter().map(|one| (text(&one.mail), one.attempt)).collect();
        let got: Vec<(&str, u32)> = got.iter().map(|(body, attempt)| (&**body, *attempt)).collect();
        assert_eq!(got, [("given back", 3), ("in hand", 2), ("waits", 1)]);
        assert_eq!(world.drain(other).await, ["another"]);
        closed(world).await;
        assert_eq!(sqlite::check(directory).unwrap().findings, [""; 0]);
    }
}

#[tokio::test]
async fn one_process_at_a_time_holds_a_directory_and_the_next_one_may() {
    let directory = tempdir().unwrap();
    let world = World::at(directory.path()).await.unwrap();
    let told = World::at(directory.path()).await.err().unwrap().to_string();
    assert!(told.contains("is in use by process") && told.contains("stop that one first"), "{told}");
    assert!(sqlite::check(directory.path()).is_err());
    // Without a word of farewell, too.
    drop(world);
    closed(World::at(directory.path()).await.unwrap()).await;
}

/// Files in that directory that this process has open.
#[cfg(target_os = "linux")]
fn open_files(directory: &Path) -> Vec<std::path::PathBuf> {
    let open = fs::read_dir("/proc/self/fd").unwrap().filter_map(|fd| fs::read_link(fd.ok()?.path()).ok());
    open.filter(|file| file.starts_with(directory)).collect()
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn what_is_closed_is_let_go_of_by_those_who_still_read_too() {
    let directory = tempdir().unwrap();
    let world = World::at(directory.path()).await.unwrap();
    for number in 1..=500 {
        world.agent(number).await;
    }
    assert!(!open_files(directory.path()).is_empty());
    // Readers have work for a while that nobody waits for any more; on a busy machine some of it may be done already.
    for _ in 0..40 {
        let all = world.exchange.discover(&Asker::Container, Query::all());
        drop(futures_util::FutureExt::now_or_never(all));
    }
    world.exchange.close().await.unwrap();
    assert_eq!(open_files(directory.path()), [""; 0].map(std::path::PathBuf::from));
}

#[tokio::test]
async fn a_damaged_mail_is_set_aside_by_name_and_the_next_one_delivered() {
    let directory = tempdir().unwrap();
    let world = World::at(directory.path()).await.unwrap();
    let agent = world.agent(1).await;
    world.say(agent, REMARKABLE).await;
    world.say(agent, "the next one").await;
    closed(world).await;
    spoil(&directory.path().join(DATABASE), REMARKABLE);

    let report = sqlite::check(directory.path()).unwrap();
    assert_eq!(report.mails, 1);
    let tells = |what: &str| report.findings.iter().any(|finding| finding.starts_with(what));
    assert!(tells("mail 1 of mailbox 1 does not match") && tells("page "), "{:?}", report.findings);
    let world = World::at(directory.path()).await.unwrap();
    assert_eq!(world.drain(agent).await, ["the next one"]);
    assert_eq!(world.exchange.stats(&Asker::Container, agent).await.unwrap().ready, 0);
    closed(world).await;
    let report = sqlite::check(directory.path()).unwrap();
    assert!(
        report.findings.iter().any(|one| one.contains("1 damaged mails were set aside")),
        "{:?}",
        report.findings
    );
}

#[tokio::test]
async fn a_damaged_state_and_a_damaged_mailbox_are_told_and_others_can_be_used() {
    let directory = tempdir().unwrap();
    let world = World::at(directory.path()).await.unwrap();
    let (broken, whole) = (MailboxId::agent(1), MailboxId::agent(2));
    world.register(Registration::new(broken).named(REMARKABLE)).await;
    world.register(Registration::new(whole)).await;
    for (key, bytes) in [("broken", "what the agent kept of its state"), ("whole", "kept")] {
        world.exchange.commit(&Asker::Container, World::state_step(key, 0, bytes)).await.unwrap();
    }
    closed(world).await;
    let file = directory.path().join(DATABASE);
    spoil(&file, "what the agent kept of its state");
    // The name stands in the row of the mailbox, and among the words that mailboxes are found by.
    let mut bytes = fs::read(&file).unwrap();
    let rows: Vec<usize> =
        (0..bytes.len()).filter(|at| bytes[*at..].starts_with(REMARKABLE.as_bytes())).collect();
    assert_eq!(rows.len(), 2);
    rows.into_iter().for_each(|at| bytes[at..at + 2].iter_mut().for_each(|byte| *byte ^= 1));
    fs::write(&file, &bytes).unwrap();
    let findings = sqlite::check(directory.path()).unwrap().findings;
    assert!(findings.iter().any(|finding| finding.starts_with("state \"broken\"")), "{findings:?}");
    assert!(findings.iter().any(|finding| finding.starts_with("mailbox 1: its row")), "{findings:?}");
    let world = World::at(directory.path()).await.unwrap();
    let damaged = world.try_send(broken, world.mail("mail")).await.unwrap_err();
    assert!(
        matches!(&damaged, ExchangeError::Damaged { what } if what.contains("the row of mailbox agent:"))
    );
    let damaged = world.exchange.state(&Asker::Container, "broken".into()).await.unwrap_err();
    assert!(matches!(&damaged, ExchangeError::Damaged { what } if what.contains("broken")), "{damaged}");
    assert!(world.exchange.state(&Asker::Container, "whole".into()).await.unwrap().is_some());
    world.say(whole, "mail").await;
    assert_eq!(world.drain(whole).await, ["mail"]);
    closed(world).await;
}

#[tokio::test]
async fn a_database_that_was_cut_is_not_opened_and_named() {
    let directory = tempdir().unwrap();
    let world = World::at(directory.path()).await.unwrap();
    let agent = world.agent(1).await;
    for _ in 0..50 {
        world.say(agent, REMARKABLE).await;
    }
    closed(world).await;
    let file = directory.path().join(DATABASE);
    let size = fs::metadata(&file).unwrap().len();
    fs::File::options().write(true).open(&file).unwrap().set_len(size / 2).unwrap();
    let told = World::at(directory.path()).await.err().unwrap().to_string();
    assert!(told.contains("exchange.db is cut") && told.contains("restore"), "{told}");
    let findings = sqlite::check(directory.path()).unwrap().findings;
    assert!(findings.iter().any(|finding| finding.contains("is cut")), "{findings:?}");
}

#[tokio::test]
async fn a_log_that_was_cut_or_lost_or_is_damaged_is_noticed() {
    let directory = tempdir().unwrap();
    let world = World::at(directory.path()).await.unwrap();
    let agent = world.agent(1).await;
    // From here on all is in the log.
    closed(world).await;
    let world = World::at(directory.path()).await.unwrap();
    for _ in 0..5 {
        world.say(agent, "kept").await;
    }
    world.say(agent, REMARKABLE).await;
    for _ in 0..5 {
        world.say(agent, "kept").await;
    }
    let told = async |damage: &dyn Fn(&Path)| {
        let crash = crashed(directory.path());
        damage(crash.path());
        let told = World::at(crash.path()).await.err().expect("it is noticed").to_string();
        let findings = sqlite::check(crash.path()).unwrap().findings;
        assert!(!findings.is_empty(), "{told}");
        // Whoever decides to can go on with what is left.
        fs::remove_file(crash.path().join(MARK)).unwrap();
        let world = World::at(crash.path()).await.unwrap();
        let left = world.drain(agent).await.len();
        closed(world).await;
        assert!(left < 11, "{left}");
        told
    };
    let cut = told(&|crash| {
        let log = crash.join(LOG);
        let size = fs::metadata(&log).unwrap().len();
        fs::File::options().write(true).open(log).unwrap().set_len(size - 4096).unwrap();
    });
    let cut = cut.await;
    assert!(cut.contains("its log was cut") && cut.contains("delete"), "{cut}");
    let lost = told(&|crash| fs::remove_file(crash.join(LOG)).unwrap()).await;
    assert!(lost.contains("damaged"), "{lost}");
    let flipped = told(&|crash| spoil(&crash.join(LOG), REMARKABLE)).await;
    assert!(flipped.contains("exchange.db-wal is damaged at its frame"), "{flipped}");
    // What is whole opens.
    let crash = crashed(directory.path());
    let world_after = World::at(crash.path()).await.unwrap();
    assert_eq!(world_after.drain(agent).await.len(), 11);
    closed(world_after).await;
    closed(world).await;
}

#[tokio::test]
async fn no_copy_is_made_of_what_is_lost_and_a_copy_that_is_cut_is_known() {
    let (directory, copies) = (tempdir().unwrap(), tempdir().unwrap());
    let world = World::at(directory.path()).await.unwrap();
    let agent = world.agent(1).await;
    world.say(agent, "kept").await;
    let crash = crashed(directory.path());
    let copy = copies.path().join("copy");
    sqlite::backup(crash.path(), &copy).unwrap();
    // Cut to nothing it would be an exchange that is new, if nothing said how far it had come.
    let whole = fs::read(copy.join(DATABASE)).unwrap();
    fs::write(copy.join(DATABASE), "").unwrap();
    let report = sqlite::check(&copy).unwrap();
    assert!(report.findings.len() == 1 && report.findings[0].contains("exchange.db is empty"), "{report:?}");
    let told = World::at(&copy).await.map(drop).unwrap_err().to_string();
    assert!(told.contains("ends with commit 0"), "{told}");
    fs::write(copy.join(DATABASE), whole).unwrap();
    let world_after = World::at(&copy).await.unwrap();
    assert_eq!(world_after.drain(agent).await, ["kept"]);
    closed(world_after).await;
    // What has lost its log is not copied over what is whole.
    world.say(agent, "more").await;
    let crash = crashed(directory.path());
    fs::remove_file(crash.path().join(LOG)).unwrap();
    let told = sqlite::backup(crash.path(), &copies.path().join("lost")).unwrap_err().to_string();
    assert!(told.contains("had come to") || told.contains("damaged"), "{told}");
    assert!(!copies.path().join("lost").join(DATABASE).exists());
    closed(world).await;
}

#[cfg(unix)]
#[tokio::test]
async fn nobody_else_may_read_the_mail_or_its_copy() {
    use std::os::unix::fs::PermissionsExt;
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let (directory, copies) = (tempdir().unwrap(), tempdir().unwrap());
    // Whoever made the directory lets others in.
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let world = World::at(directory.path()).await.unwrap();
    let agent = world.agent(1).await;
    world.say(agent, "a secret").await;
    let copy = copies.path().join("copy");
    sqlite::backup(directory.path(), &copy).unwrap();
    for file in [directory.path().join(DATABASE), directory.path().join(LOG), copy.join(DATABASE)] {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
    assert_eq!(mode(&copy), 0o700);
    closed(world).await;
}

#[tokio::test]
async fn a_copy_is_made_while_others_send_and_holds_what_was_there() {
    let (directory, copies) = (tempdir().unwrap(), tempdir().unwrap());
    let world = World::at(directory.path()).await.unwrap();
    let agent = world.agent(1).await;
    world.say(agent, "before").await;
    let (from, out) = (directory.path().to_owned(), copies.path().join("copy"));
    let copying = std::thread::spawn(move || sqlite::backup(&from, &out));
    for _ in 0..20 {
        world.say(agent, "meanwhile").await;
    }
    let copied = copying.join().unwrap().unwrap();
    assert!(copied.bytes >= 4096);
    let again = sqlite::backup(directory.path(), &copies.path().join("copy")).unwrap_err().to_string();
    assert!(again.contains("holds an exchange already"), "{again}");
    assert!(sqlite::backup(copies.path(), directory.path()).is_err());
    assert_eq!(sqlite::check(&copies.path().join("copy")).unwrap().findings, [""; 0]);
    // A byte that flips where it lies is known, and put right.
    let (file, whole) = (
        copies.path().join("copy").join(DATABASE),
        fs::read(copies.path().join("copy").join(DATABASE)).unwrap(),
    );
    let mut flipped = whole.clone();
    flipped[position_of("before", &whole)] ^= 1;
    fs::write(&file, flipped).unwrap();
    let findings = sqlite::check(&copies.path().join("copy")).unwrap().findings;
    assert!(findings[0].contains("(of mail) of exchange.db flipped"), "{findings:?}");
    let copy = World::at(&copies.path().join("copy")).await.unwrap();
    assert_eq!(copy.drain(agent).await[0], "before");
    closed(copy).await;
    assert_eq!(world.drain(agent).await.len(), 21);
    closed(world).await;
}

#[tokio::test]
async fn what_is_no_exchange_is_told() {
    let directory = tempdir().unwrap();
    assert!(sqlite::check(directory.path()).unwrap_err().to_string().contains("holds no exchange"));
    let mut file = fs::File::create(directory.path().join(DATABASE)).unwrap();
    file.write_all(&[b'x'; 8192]).unwrap();
    let told = World::at(directory.path()).await.err().unwrap().to_string();
    assert!(told.contains("not a database"), "{told}");
    let line = folkmoot_exchange::open("sqlite:relative", world_ground()).await.unwrap_err().to_string();
    assert!(line.contains("such as sqlite:///var/lib/folkmoot"), "{line}");
}

fn world_ground() -> folkmoot_exchange::Ground {
    folkmoot_exchange::Ground::new(super::world::SetClock::new())
}

/// A small disk at a directory, until it is dropped.
struct SmallDisk(TempDir);

impl SmallDisk {
    const MIB: u32 = 20;

    /// `None` where that is not allowed.
    fn mount() -> Option<SmallDisk> {
        let directory = tempdir().unwrap();
        let size = format!("size={}m", SmallDisk::MIB);
        let mounted =
            Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(directory.path()).output();
        if mounted.is_ok_and(|mounted| mounted.status.success()) {
            return Some(SmallDisk(directory));
        }
        assert!(std::env::var_os("FOLKMOOT_FAULTS").is_none(), "a small disk cannot be mounted");
        eprintln!("a full disk is NOT tested: mounting a small one takes root");
        None
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let unmounted = Command::new("umount").arg("-l").arg(self.0.path()).status();
        if !unmounted.is_ok_and(|status| status.success()) {
            eprintln!("{} could not be unmounted", self.0.path().display());
        }
    }
}

#[tokio::test]
async fn a_full_disk_refuses_mail_and_lets_it_be_received_until_there_is_room() {
    let Some(disk) = SmallDisk::mount() else { return };
    let directory = disk.0.path().join("exchange");
    let world = World::at(&directory).await.unwrap();
    let agent = world.agent(1).await;
    // Someone else takes the room.
    let other = disk.0.path().join("other");
    let mut accepted = Vec::new();
    fs::write(&other, vec![7; 9 << 20]).unwrap();
    let refused = loop {
        let mail = world.mail(&"x".repeat(30_000));
        match world.try_send(agent, mail.clone()).await {
            Ok(_) => accepted.push(mail.id),
            Err(error) => break error,
        }
        assert!(accepted.len() < 2000);
    };
    assert!(matches!(refused, ExchangeError::DiskFull), "{refused}");
    assert!(!accepted.is_empty());
    assert!(!directory.join(BALLAST).exists());
    let more = world.try_send(agent, world.mail("small")).await.unwrap_err();
    assert!(matches!(more, ExchangeError::DiskFull), "{more}");

    // All that was accepted is received and acknowledged, though the disk stays full.
    fs::write(disk.0.path().join("rest"), vec![7; 4 << 20]).ok();
    let mut received = Vec::new();
    while let Some(delivery) = world.take(agent).await {
        world.acknowledge(&delivery).await;
        received.push(delivery.mail.id);
    }
    assert_eq!(received, accepted);

    // With room again mail is taken again.
    fs::remove_file(other).unwrap();
    fs::remove_file(disk.0.path().join("rest")).ok();
    world.pass(2 * SECOND);
    world.say(agent, "room again").await;
    assert!(directory.join(BALLAST).exists());
    assert_eq!(world.drain(agent).await, ["room again"]);
    closed(world).await;
    assert_eq!(sqlite::check(&directory).unwrap().findings, [""; 0]);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_disk_that_the_exchange_filled_alone_takes_mail_again_once_that_is_received() {
    let Some(disk) = SmallDisk::mount() else { return };
    let directory = disk.0.path().join("exchange");
    let world = World::at(&directory).await.unwrap();
    let agent = world.agent(1).await;
    for _ in 0..2 {
        filled_and_drained(&world, agent).await;
        world.pass(2 * SECOND);
        world.say(agent, "room again").await;
        // The room is in the database, and the disk is as full as it was.
        assert!(!directory.join(BALLAST).exists());
        assert_eq!(world.drain(agent).await, ["room again"]);
    }
    // An exchange that is opened anew knows as well that there is room within its file.
    filled_and_drained(&world, agent).await;
    closed(world).await;
    let world = World::at(&directory).await.unwrap();
    world.send(agent, Mail::new(MailId(1 << 100), "text", "room again")).await;
    assert_eq!(world.drain(agent).await, ["room again"]);
    closed(world).await;
    assert_eq!(sqlite::check(&directory).unwrap().findings, [""; 0]);
}

/// What a crash leaves, on another disk that is as full.
#[cfg(target_os = "linux")]
fn crashed_on_a_full_disk(directory: &Path) -> SmallDisk {
    let (crash, disk) = (crashed(directory), SmallDisk::mount().unwrap());
    let into = disk.0.path().join("exchange");
    fs::create_dir(&into).unwrap();
    for name in [DATABASE, LOG, MARK, HANDS] {
        fs::copy(crash.path().join(name), into.join(name)).unwrap();
    }
    // There is room for the log to grow, and none for the ballast.
    let copied: u64 = fs::read_dir(&into).unwrap().map(|file| file.unwrap().metadata().unwrap().len()).sum();
    let rest = u64::from(SmallDisk::MIB << 20).saturating_sub(copied + (7 << 20));
    fs::write(disk.0.path().join("other"), vec![7; usize::try_from(rest).unwrap()]).unwrap();
    disk
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn an_exchange_that_was_killed_on_a_full_disk_takes_mail_again_once_that_is_received() {
    for is_received_before in [false, true] {
        let Some(disk) = SmallDisk::mount() else { return };
        let directory = disk.0.path().join("exchange");
        let world = World::at(&directory).await.unwrap();
        let agent = world.agent(1).await;
        let accepted = filled(&world, agent).await;
        if is_received_before {
            assert_eq!(world.drain(agent).await.len(), accepted);
        }
        let disk = crashed_on_a_full_disk(&directory);
        closed(world).await;
        let directory = disk.0.path().join("exchange");
        let world = World::at(&directory).await.unwrap();
        assert!(!directory.join(BALLAST).exists());
        let mail = |number: u128| Mail::new(MailId((1 << 100) + number), "text", "x".repeat(30_000));
        if !is_received_before {
            let refused = world.try_send(agent, mail(0)).await.unwrap_err();
            assert!(matches!(refused, ExchangeError::DiskFull), "{refused}");
            assert_eq!(world.drain(agent).await.len(), accepted);
        }
        // The room is in the database, and the disk is as full as it was.
        for number in 1..50 {
            world.send(agent, mail(number)).await;
        }
        assert!(!directory.join(BALLAST).exists());
        assert_eq!(world.drain(agent).await.len(), 49);
        closed(world).await;
        assert_eq!(sqlite::check(&directory).unwrap().findings, [""; 0]);
    }
}

/// The disk is full, and all that was taken until then is received.
#[cfg(target_os = "linux")]
async fn filled_and_drained(world: &World, agent: MailboxId) {
    let accepted = filled(world, agent).await;
    assert_eq!(world.drain(agent).await.len(), accepted);
}

/// The disk is full; how many mails it took.
#[cfg(target_os = "linux")]
async fn filled(world: &World, agent: MailboxId) -> usize {
    let mut accepted = 0;
    let refused = loop {
        match world.try_send(agent, world.mail(&"x".repeat(30_000))).await {
            Ok(_) => accepted += 1,
            Err(error) => break error,
        }
        assert!(accepted < 2000);
    };
    assert!(matches!(refused, ExchangeError::DiskFull) && accepted > 100, "{accepted}: {refused}");
    world.pass(2 * SECOND);
    let more = world.try_send(agent, world.mail("small")).await.unwrap_err();
    assert!(matches!(more, ExchangeError::DiskFull), "{more}");
    accepted
}

/// Set for the process of [`a_disk_that_fails_stops_the_exchange`] whose files may not grow.
const FAILING: &str = "FOLKMOOT_TEST_FAILING_DISK";

#[cfg(unix)]
#[tokio::test]
async fn a_disk_that_fails_stops_the_exchange() {
    let Some(directory) = std::env::var_os(FAILING) else {
        let directory = tempdir().unwrap();
        // The ballast is there before files are forbidden to grow; writing beyond the bound is an error of the disk then.
        closed(World::at(directory.path()).await.unwrap()).await;
        let script = "trap '' XFSZ; ulimit -f 512; exec \"$0\" --exact conformance::files::a_disk_that_fails_stops_the_exchange";
        let program = std::env::current_exe().unwrap();
        let child = Command::new("sh")
            .args(["-c", script])
            .arg(program)
            .env(FAILING, directory.path())
            .output()
            .unwrap();
        assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stdout));
        // Opened anew, with a disk that works, it has all that was acknowledged.
        let world = World::at(directory.path()).await.unwrap();
        let kept = world.drain(MailboxId::agent(1)).await;
        let acknowledged: usize =
            fs::read_to_string(directory.path().join("acknowledged")).unwrap().trim().parse().unwrap();
        assert!(acknowledged > 0 && kept.len() >= acknowledged, "{} of {acknowledged}", kept.len());
        closed(world).await;
        return;
    };
    let directory = Path::new(&directory);
    let world = World::at(directory).await.unwrap();
    let agent = world.agent(1).await;
    let mut acknowledged = 0;
    let failed = loop {
        match world.try_send(agent, world.mail(REMARKABLE)).await {
            Ok(_) => acknowledged += 1,
            Err(error) => break error,
        }
        assert!(acknowledged < 10_000);
    };
    assert!(matches!(failed, ExchangeError::Failed { .. }), "{failed}");
    // Nothing is believed any more, neither what would write nor what would read in order to.
    let recv = world.try_recv(agent, Recv::now()).await.unwrap_err();
    assert!(matches!(recv, ExchangeError::Failed { .. }), "{recv}");
    assert!(world.exchange.stats(&Asker::Container, agent).await.is_err());
    assert!(world.exchange.close().await.is_err());
    fs::write(directory.join("acknowledged"), acknowledged.to_string()).unwrap();
}
