//! The directories whose bytes are changed: what lies in them, and copies of them.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use folkmoot_exchange::sqlite::{BALLAST, DATABASE, HANDS, LOCK, LOG, MARK, SUMS};
use folkmoot_exchange::{Asker, Mail, MailId, MailboxId, Recv, Refusal, Registration};
use rusqlite::Connection;
use tempfile::TempDir;

use super::inventory::Inventory;
use super::world::{SECOND, World, text};

pub(crate) const DAY: Duration = Duration::from_secs(24 * 3600);

/// Agents whose mailboxes live, with the names they are found by.
pub(crate) const LIVE: [(u128, &str); 4] = [(1, "pump"), (2, "well"), (3, "ada"), (4, "clock")];
/// One whose mailbox was terminated.
pub(crate) const ENDED: u128 = 5;

/// The name of the one that was closed.
pub(crate) const CLOSED: &str = "closed";

/// A directory, and what is found in it as long as nothing was changed.
pub(crate) struct Home {
    pub(crate) name: &'static str,
    directory: TempDir,
    pub(crate) files: Vec<&'static str>,
    /// Of which table or index each page of the database is.
    pub(crate) pages: Vec<String>,
    pub(crate) whole: Inventory,
}

pub(crate) struct Homes {
    pub(crate) all: Vec<Home>,
}

/// A new directory, in memory where there is such a place.
pub(crate) fn new_directory() -> TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { TempDir::new_in(memory) } else { TempDir::new() }.unwrap()
}

impl Homes {
    pub(crate) async fn make() -> Homes {
        super::lines::keep();
        let used = new_directory();
        fill(used.path()).await;
        let world = World::at(used.path()).await.unwrap();
        use_it(&world).await;
        let crashed = new_directory();
        copy_all(used.path(), crashed.path());
        world.exchange.close().await.unwrap();
        let mut all = Vec::new();
        for (name, directory) in [(CLOSED, used), ("crashed", crashed)] {
            let mut home = Home {
                name,
                files: vec![DATABASE, LOG, MARK, HANDS, SUMS, LOCK, BALLAST],
                pages: pages(directory.path()),
                directory,
                whole: Inventory::default(),
            };
            let is_there = |file: &&str| fs::metadata(home.at(file)).is_ok_and(|file| file.len() > 0);
            home.files = home.files.iter().copied().filter(is_there).collect();
            let copy = home.copy(None);
            home.whole = Inventory::of(copy.path()).await;
            let lines = super::lines::take();
            assert!(lines.is_empty() && home.whole.errors().is_empty(), "{lines:?} {:?}", home.whole);
            all.push(home);
        }
        Homes { all }
    }
}

impl Home {
    pub(crate) fn at(&self, file: &str) -> PathBuf {
        self.directory.path().join(file)
    }

    /// A copy; `changed` is the file that is to be changed in it.
    pub(crate) fn copy(&self, changed: Option<&str>) -> TempDir {
        let to = new_directory();
        for file in &self.files {
            // The ballast is large, and in the way.
            if *file == BALLAST && changed != Some(BALLAST) {
                fs::hard_link(self.at(file), to.path().join(file)).unwrap();
            } else {
                fs::copy(self.at(file), to.path().join(file)).unwrap();
            }
        }
        to
    }
}

fn copy_all(from: &Path, to: &Path) {
    for file in fs::read_dir(from).unwrap() {
        let name = file.unwrap().file_name();
        if name != "exchange.db-shm" {
            fs::copy(from.join(&name), to.join(&name)).unwrap();
        }
    }
}

fn pages(directory: &Path) -> Vec<String> {
    let copy = new_directory();
    copy_all(directory, copy.path());
    let database = Connection::open(copy.path().join(DATABASE)).unwrap();
    let mut statement = database.prepare("SELECT pageno, name, pagetype FROM dbstat").unwrap();
    let found = statement
        .query_map([], |row| {
            Ok((row.get::<_, i64>(0)?, format!("{} {}", row.get::<_, String>(1)?, row.get::<_, String>(2)?)))
        })
        .unwrap();
    let mut pages = Vec::new();
    for page in found {
        let (number, name) = page.unwrap();
        let at = usize::try_from(number).unwrap() - 1;
        pages.resize(pages.len().max(at + 1), "free".to_owned());
        pages[at] = name;
    }
    pages
}

fn agent(number: u128) -> MailboxId {
    MailboxId::agent(number)
}

/// Makes a directory that was used and closed some times.
async fn fill(directory: &Path) {
    let world = World::at(directory).await.unwrap();
    for (number, name) in LIVE {
        let what = Registration::new(agent(number))
            .named(name)
            .lineage([&*format!("plant.{name}"), "plant.Machine"])
            .capabilities(["water", name]);
        world.register(what).await;
    }
    world.agent(ENDED).await;
    world.say(agent(ENDED), "thrown away").await;
    world.exchange.share(&Asker::Container, agent(4), "crew".into()).await.unwrap();
    for (number, name) in LIVE {
        for at in 0..12_u128 {
            let id = MailId(number * 1000 + at);
            let body = format!(
                "{name} {at}: {}",
                "some more text ".repeat(3 + 7 * usize::try_from(at % 3).unwrap())
            );
            let mail = Mail::new(id, "note", body);
            let mail = match at {
                1 => mail.priority(9),
                2 => mail.expires_at(world.now() + DAY),
                3 | 4 => mail.request(70 + at, Some(8)).from(agent(number % 4 + 1)),
                5 => mail.request(70 + at, None).from(agent(3)).expires_at(world.now() + DAY),
                6 => Mail::new(id, "long", format!("{name} {at}: {}", "a long body ".repeat(900))),
                _ => mail,
            };
            world.send(agent(number), mail).await;
        }
        for delivery in world.try_recv(agent(number), Recv::now().at_most(20)).await.unwrap() {
            let refusal = match delivery.receipt.position {
                8 => Refusal::after(60 * SECOND, "busy"),
                9 => Refusal::after(SECOND / 2, "busy"),
                10 => Refusal::never("broken"),
                11 => {
                    world.acknowledge(&delivery).await;
                    continue;
                }
                _ => Refusal::untouched(),
            };
            world.refuse(&delivery, refusal).await;
        }
        let key = format!("agents/{name}");
        let bytes: &'static str = Box::leak(format!("state of {name} ").repeat(20).into_boxed_str());
        world.exchange.commit(&Asker::Container, World::state_step(&key, 0, bytes)).await.unwrap();
    }
    world.exchange.terminate(&Asker::Container, agent(ENDED)).await.unwrap();
    world.exchange.close().await.unwrap();
}

/// What is done in the life that a crash ends.
async fn use_it(world: &World) {
    world.pass(2 * SECOND);
    for (number, name) in LIVE {
        for at in 0..3_u128 {
            let body = format!("{name} later {at}");
            world.send(agent(number), Mail::new(MailId(number * 1000 + 100 + at), "note", body)).await;
        }
    }
    let got = world.try_recv(agent(2), Recv::now().at_most(3)).await.unwrap();
    world.acknowledge(&got[0]).await;
    world.exchange.note_left(&[got[1].receipt]);
    assert!(text(&got[0].mail).starts_with("well 1"));
    world.settle().await;
}
