//! Directories that an older program left: what they hold is there, and known, when this one has opened them.

use std::fs;
use std::path::Path;

use folkmoot_exchange::sqlite::{self, DATABASE, SUMS};
use folkmoot_exchange::{Asker, Mail, MailId, MailboxId, Page, Recv};
use tempfile::tempdir;

use super::world::{SECOND, World, text};

pub(super) const VERSION_1: &str = include_str!("fixtures/version-1.sql");

/// Makes the database of a directory.
pub(super) fn make(directory: &Path, script: &str) {
    let database = rusqlite::Connection::open(directory.join(DATABASE)).unwrap();
    database.execute_batch(script).unwrap();
    database.close().unwrap();
}

#[tokio::test]
async fn a_directory_of_version_1_is_brought_up_to_date_with_all_that_it_holds() {
    let directory = tempdir().unwrap();
    make(directory.path(), VERSION_1);
    let before = sqlite::check(directory.path()).unwrap().findings;
    assert!(before[0].contains("its tables are of version 1"), "{before:?}");

    let world = World::at(directory.path()).await.unwrap();
    let (pump, ada) = (MailboxId::agent(1), MailboxId::agent(2));
    let stats = world.exchange.stats(&Asker::Container, pump).await.unwrap();
    assert_eq!((stats.accepted, stats.acknowledged, stats.dead_letters, stats.bytes), (8, 1, 1, 1614));
    assert_eq!((stats.ready, stats.delayed, stats.pending_requests), (5, 1, 1));
    assert_eq!(world.exchange.stats(&Asker::Container, ada).await.unwrap().requests_out, 1);
    // What was sent is known by its id, and the next mail has the next position.
    let again = world.send(pump, Mail::new(MailId(1), "note", "acknowledged")).await;
    assert_eq!((again.position, again.is_repeated), (1, true));
    let request = Mail::new(MailId(6), "ask", "request").request(7, Some(8)).from(ada);
    assert!(world.send(pump, request).await.is_repeated);
    assert_eq!(world.send(pump, Mail::new(MailId(9), "note", "new")).await.position, 9);
    let mut took = Vec::new();
    for delivery in world.try_recv(pump, Recv::now().at_most(9)).await.unwrap() {
        took.push((text(&delivery.mail), delivery.attempt));
        world.acknowledge(&delivery).await;
    }
    let took: Vec<(&str, u32)> = took.iter().map(|(body, attempt)| (&**body, *attempt)).collect();
    let waited = [("first", 1), ("in hand", 2), ("waits", 1), ("request", 1), ("for an hour", 1), ("new", 1)];
    assert_eq!(took, waited);
    world.pass(61 * SECOND);
    let late = world.take_one(pump).await;
    assert_eq!((text(&late.mail).as_str(), late.attempt), ("refused for a minute", 2));
    let letters = world.exchange.dead_letters(&Asker::Container, pump, Page::first(9)).await.unwrap();
    assert_eq!(text(&letters[0].mail), "dead");
    let state = world.exchange.state(&Asker::Container, "agents/1".into()).await.unwrap().unwrap();
    assert_eq!((state.revision, &state.bytes[..]), (1, &b"kept"[..]));
    world.exchange.close().await.unwrap();
    let report = sqlite::check(directory.path()).unwrap();
    assert_eq!((report.findings, report.mailboxes, report.mails), (vec![], 2, 1));
}

#[tokio::test]
async fn a_directory_of_version_2_is_opened_with_all_that_it_holds_and_its_pages_have_sums_from_then_on() {
    let directory = tempdir().unwrap();
    let world = World::at(directory.path()).await.unwrap();
    let pump = world.agent(1).await;
    world.say(pump, "kept").await;
    world.exchange.close().await.unwrap();
    // Its tables are those of this version.
    fs::remove_file(directory.path().join(SUMS)).unwrap();
    let database = rusqlite::Connection::open(directory.path().join(DATABASE)).unwrap();
    database.execute_batch("PRAGMA user_version=2").unwrap();
    database.close().unwrap();
    let before = sqlite::check(directory.path()).unwrap().findings;
    assert!(before[0].contains("its tables are of version 2"), "{before:?}");

    let world = World::at(directory.path()).await.unwrap();
    assert!(directory.path().join(SUMS).exists());
    assert_eq!(world.drain(pump).await, ["kept"]);
    world.exchange.close().await.unwrap();
    assert_eq!(sqlite::check(directory.path()).unwrap().findings, [""; 0]);
}

#[tokio::test]
async fn a_directory_of_a_newer_version_is_refused_with_what_to_do() {
    let directory = tempdir().unwrap();
    make(directory.path(), &VERSION_1.replace("user_version=1", "user_version=99"));
    let told = World::at(directory.path()).await.err().unwrap().to_string();
    assert!(told.contains("are of version 99") && told.contains("use a newer one"), "{told}");
}
