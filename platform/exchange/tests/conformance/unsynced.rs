//! The engine `sqlite:` over a disk that does not keep what is written to it.
//!
//! SQLite has the log open when its name is made that of a device that cannot be synced: whoever opens it to wait for the disk
//! learns that there was an error, and what was written lies in the log all the same.

#![cfg(target_os = "linux")]

use std::fs;
use std::os::unix::fs::symlink;

use folkmoot_exchange::sqlite::{DATABASE, LOG};
use folkmoot_exchange::{Asker, ExchangeError, Mail, MailId, MailboxId, Recv};
use tempfile::tempdir;

use super::world::World;

#[tokio::test]
async fn what_the_disk_did_not_keep_is_not_answered_and_nothing_is_believed_from_then_on() {
    let directory = tempdir().unwrap();
    let path = |name| directory.path().join(name);
    let mail = |id, body: &'static str| Mail::new(MailId(id), "note", body);
    let (agent, aside) = (MailboxId::agent(1), path("aside"));
    let world = World::at(directory.path()).await.unwrap();
    world.agent(1).await;
    world.say(agent, "what was kept").await;
    world.exchange.close().await.unwrap();
    drop(world);

    let world = World::at(directory.path()).await.unwrap();
    let database = fs::read(path(DATABASE)).unwrap();
    fs::rename(path(LOG), &aside).unwrap();
    symlink("/dev/null", path(LOG)).unwrap();
    let failed = world.try_send(agent, mail(101, "what was not")).await.unwrap_err();
    let told = "the exchange failed: waiting for the disk";
    assert!(
        matches!(failed, ExchangeError::Failed { .. }) && failed.to_string().starts_with(told),
        "{failed}"
    );
    // A disk that works again, as it seems, changes nothing.
    fs::remove_file(path(LOG)).unwrap();
    fs::hard_link(&aside, path(LOG)).unwrap();
    let again = world.try_send(agent, mail(102, "what is not either")).await.unwrap_err();
    assert!(matches!(again, ExchangeError::Failed { .. }), "{again}");
    let recv = world.try_recv(agent, Recv::now()).await.unwrap_err();
    assert!(matches!(recv, ExchangeError::Failed { .. }), "{recv}");
    assert!(world.exchange.stats(&Asker::Container, agent).await.is_err());
    assert!(world.exchange.close().await.is_err());
    drop(world);
    // What the disk has of the log is not known, so it is not brought into the database either.
    assert!(fs::read(path(DATABASE)).unwrap() == database);

    let world = World::at(directory.path()).await.unwrap();
    let found = world.drain(agent).await;
    assert_eq!(found[0], "what was kept");
    assert!(found.len() < 3, "{found:?}");
    world.exchange.close().await.unwrap();
}
