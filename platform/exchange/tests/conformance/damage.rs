//! A damaged value in each row of each table: the directory opens, it is told what is damaged, and others are as before.
//!
//! The directory holds a mailbox that may be damaged, the pump's, and one that may not, the well's. Every value that is not
//! the well's is changed in a copy of its own: one bit of it, or its type. Always true: nothing of the well's is lost,
//! delivered twice or kept from it, and of the pump's mail no more is lost than what lay in the damaged row.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use folkmoot_exchange::sqlite::{self, BALLAST, DATABASE};
use folkmoot_exchange::{
    Asker, ExchangeError, Mail, MailId, MailboxId, Page, Query, Recv, Refusal, Registration,
};
use rusqlite::Connection;
use rusqlite::types::Value;
use tempfile::{TempDir, tempdir};

use super::world::{SECOND, World, text};

/// Rows of a table that are damaged, at most: the first ones, and the last.
const ROWS: usize = 3;

/// What the pump is sent and has not acknowledged.
const PUMPS: [&str; 5] = ["in hand", "refused for a minute", "urgent", "for a day", "asks"];
/// What the well is sent.
const WELLS: [&str; 3] = ["one", "two", "three"];

const DAY: std::time::Duration = std::time::Duration::from_secs(24 * 3600);

fn pump() -> MailboxId {
    MailboxId::agent(1)
}

fn well() -> MailboxId {
    MailboxId::agent(4)
}

/// A directory with rows in each table, whose mail has been left alone for a while.
async fn make(directory: &Path) {
    super::older::make(directory, super::older::VERSION_1);
    let old = World::at(directory).await.unwrap();
    // Of the old program's mailbox there is a tally in the table.
    old.drain(pump()).await;
    old.pass(61 * SECOND);
    old.drain(pump()).await;
    old.exchange.close().await.unwrap();

    let world = World::at(directory).await.unwrap();
    let registration =
        Registration::new(pump()).named("pump").lineage(["plant.Pump"]).capabilities(["water"]);
    world.register(registration).await;
    let ada = world.agent(3).await;
    world.register(Registration::new(well()).named("well").lineage(["plant.Well"])).await;
    let day = world.now() + DAY;
    for (at, body) in PUMPS.into_iter().enumerate() {
        let mail = Mail::new(MailId(100 + at as u128), "note", body);
        let mail = match body {
            "urgent" => mail.priority(9),
            "for a day" => mail.expires_at(day),
            "asks" => mail.request(7, Some(8)).from(ada),
            _ => mail,
        };
        world.send(pump(), mail).await;
    }
    world.send(pump(), Mail::new(MailId(200), "note", "dead")).await;
    for body in WELLS {
        world.say(well(), body).await;
    }
    let got = world.try_recv(pump(), Recv::now().at_most(9)).await.unwrap();
    for delivery in &got {
        let refusal = match &*text(&delivery.mail) {
            "in hand" => Refusal::after(SECOND / 2, "busy"),
            "refused for a minute" => Refusal::after(60 * SECOND, "busy"),
            "dead" => Refusal::never("broken"),
            _ => Refusal::untouched(),
        };
        world.refuse(delivery, refusal).await;
    }
    for (key, bytes) in [("pump", "state of the pump"), ("well", "state of the well")] {
        world.exchange.commit(&Asker::Container, World::state_step(key, 0, bytes)).await.unwrap();
    }
    world.exchange.close().await.unwrap();
    // A mail that was set aside before.
    let database = Connection::open(directory.join(DATABASE)).unwrap();
    database.execute("INSERT INTO damaged SELECT * FROM mail ORDER BY number LIMIT 1", []).unwrap();
    database.close().unwrap();
}

/// A value in a table: where it is, and what is to stand there.
#[derive(Clone, Debug)]
struct Damage {
    table: String,
    column: String,
    /// Which row, by its key.
    key: Vec<(String, Value)>,
    value: Value,
}

/// What a value may become.
fn damaged(value: &Value) -> Vec<Value> {
    let flipped = |bytes: &[u8]| {
        let mut bytes = bytes.to_vec();
        let middle = bytes.len() / 2;
        bytes.get_mut(middle).into_iter().for_each(|byte| *byte ^= 1);
        bytes
    };
    match value {
        Value::Null => vec![Value::Integer(1)],
        Value::Integer(number) => {
            let flipped = [1, 1 << 40, i64::MIN].map(|bit| Value::Integer(number ^ bit));
            flipped.into_iter().chain([Value::Text("x".to_owned())]).collect()
        }
        Value::Text(text) if text.is_empty() => vec![Value::Text("x".to_owned())],
        Value::Text(text) => {
            vec![Value::Text(String::from_utf8(flipped(text.as_bytes())).unwrap()), Value::Integer(3)]
        }
        Value::Blob(bytes) if bytes.is_empty() => vec![Value::Blob(vec![1])],
        Value::Blob(bytes) => vec![Value::Blob(flipped(bytes)), Value::Integer(3)],
        Value::Real(_) => unreachable!("there are none"),
    }
}

/// All that is to be tried in a table.
fn damages(database: &Connection, table: &str) -> Vec<Damage> {
    let number = |id: MailboxId| -> i64 {
        let last = [id.uuid as u8];
        database
            .query_row("SELECT number FROM mailbox WHERE substr(id, 17) = ?1", [&last[..]], |row| row.get(0))
            .unwrap()
    };
    let (well, mut all) = (number(well()), Vec::new());
    let mut info = database.prepare(&format!("PRAGMA table_info({table})")).unwrap();
    let columns: Vec<(String, bool)> = info
        .query_map([], |row| Ok((row.get(1)?, row.get::<_, i64>(5)? > 0)))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    let not_the_wells = match table {
        "mailbox" => format!("WHERE number <> {well}"),
        "state" => "WHERE key <> 'well'".to_owned(),
        _ if columns.iter().any(|(name, _)| name == "mailbox") => format!("WHERE mailbox <> {well}"),
        _ => String::new(),
    };
    let mut rows = database.prepare(&format!("SELECT * FROM {table} {not_the_wells}")).unwrap();
    let rows = rows.query_map([], |row| {
        (0..columns.len()).map(|at| row.get::<_, Value>(at)).collect::<Result<Vec<_>, _>>()
    });
    let mut rows: Vec<Vec<Value>> = rows.unwrap().map(Result::unwrap).collect();
    assert!(!rows.is_empty(), "the table {table} has rows");
    if rows.len() > ROWS {
        rows.drain(ROWS - 1..rows.len() - 1);
    }
    for row in rows {
        let of_key = columns.iter().zip(&row).filter(|((_, is_key), _)| *is_key);
        let key: Vec<_> = of_key.map(|((name, _), value)| (name.clone(), value.clone())).collect();
        for ((column, _), value) in columns.iter().zip(&row) {
            let column = column.clone();
            all.extend(damaged(value).into_iter().map(|value| Damage {
                table: table.to_owned(),
                column: column.clone(),
                key: key.clone(),
                value,
            }));
        }
    }
    all
}

impl Damage {
    /// Does it; `false` where SQLite would not have such a row.
    fn does(&self, directory: &Path) -> bool {
        let database = Connection::open(directory.join(DATABASE)).unwrap();
        let wanted: Vec<String> = self.key.iter().map(|(name, _)| format!("{name} = ?")).collect();
        let sql = format!("UPDATE {} SET {} = ? WHERE {}", self.table, self.column, wanted.join(" AND "));
        let values = std::iter::once(&self.value).chain(self.key.iter().map(|(_, value)| value));
        let done = database.execute(&sql, rusqlite::params_from_iter(values));
        database.close().unwrap();
        done.is_ok_and(|rows| rows == 1)
    }

    /// Whether a look at the directory must find it: rows without a checksum have values that nothing else tells of.
    fn must_be_found(&self) -> bool {
        match (&*self.table, &*self.column) {
            ("attempt", "attempts" | "in_hand" | "delayed_until") => matches!(self.value, Value::Text(_)),
            ("pending", "requester" | "tag" | "label" | "position" | "expires_at") => false,
            ("dead_letter", "number" | "attempts" | "cause" | "reason" | "died_at") => false,
            ("meta", _) => matches!(self.value, Value::Text(_)),
            _ => true,
        }
    }

    /// What of the pump's mail may be lost with it.
    fn may_lose(&self) -> usize {
        match &*self.table {
            "mail" => 1,
            "mailbox" => PUMPS.len(),
            _ => 0,
        }
    }
}

fn copy(from: &Path) -> TempDir {
    let to = tempdir().unwrap();
    fs::copy(from.join(DATABASE), to.path().join(DATABASE)).unwrap();
    // It takes long to lay one in.
    fs::hard_link(from.join(BALLAST), to.path().join(BALLAST)).unwrap();
    to
}

/// What of a mailbox is delivered and acknowledged, today or tomorrow, as far as that goes.
async fn all_of(world: &World, mailbox: MailboxId) -> Vec<String> {
    let mut bodies = Vec::new();
    for pass in [SECOND, DAY, 2 * DAY] {
        while let Ok(got) = world.try_recv(mailbox, Recv::now()).await
            && let Some(delivery) = got.first()
        {
            world.acknowledge(delivery).await;
            bodies.push(text(&delivery.mail));
        }
        world.pass(pass);
    }
    bodies
}

async fn look_at(directory: &Path, damage: &Damage) {
    let world = World::at(directory).await.unwrap_or_else(|error| panic!("{damage:?}: {error}"));
    let exchange = &world.exchange;
    // The well is as it was.
    let found = exchange.discover(&Asker::Container, Query::named("well")).await.unwrap();
    assert_eq!(found.iter().map(|found| found.id).collect::<Vec<_>>(), [well()], "{damage:?}");
    world.send(well(), Mail::new(MailId(404), "note", "four")).await;
    let stats = exchange.stats(&Asker::Container, well()).await.unwrap();
    assert_eq!((stats.accepted, stats.ready), (4, 4), "{damage:?}");
    assert_eq!(world.drain(well()).await, ["one", "two", "three", "four"], "{damage:?}");
    let state = exchange.state(&Asker::Container, "well".into()).await.unwrap().unwrap();
    assert_eq!(&state.bytes[..], b"state of the well");
    if damage.table == "tally" {
        let stats = exchange.stats(&Asker::Container, MailboxId::agent(2)).await.unwrap();
        assert_eq!((stats.accepted, stats.ready), (0, 0), "{damage:?}");
    }
    // Of the pump's nothing is lost but what lay there, nothing comes twice, and all has an end.
    let bodies = all_of(&world, pump()).await;
    let there: BTreeSet<&str> = bodies.iter().map(|body| &**body).collect();
    assert_eq!(there.len(), bodies.len(), "{damage:?}: {bodies:?}");
    assert!(there.is_subset(&PUMPS.into()), "{damage:?}: {bodies:?}");
    assert!(there.len() + damage.may_lose() >= PUMPS.len(), "{damage:?}: {bodies:?}");
    for outcome in [
        exchange.state(&Asker::Container, "pump".into()).await.map(drop),
        exchange.dead_letters(&Asker::Container, pump(), Page::first(9)).await.map(drop),
        world.try_send(pump(), Mail::new(MailId(300), "note", "new")).await.map(drop),
        exchange.purge(&Asker::Container, pump(), folkmoot_exchange::Purge::Waiting).await.map(drop),
        exchange.terminate(&Asker::Container, pump()).await.map(drop),
    ] {
        assert!(!matches!(outcome, Err(ExchangeError::Failed { .. })), "{damage:?}: {outcome:?}");
    }
    world.send(well(), Mail::new(MailId(405), "note", "five")).await;
    exchange.close().await.unwrap();
    // It opens again, and what was done with stays so.
    let world = World::at(directory).await.unwrap_or_else(|error| panic!("{damage:?}, again: {error}"));
    assert_eq!(world.drain(well()).await, ["five"], "{damage:?}");
    world.exchange.close().await.unwrap();
}

async fn try_all_of(table: &str) {
    super::limit::watch();
    let whole = tempdir().unwrap();
    make(whole.path()).await;
    let database = Connection::open(whole.path().join(DATABASE)).unwrap();
    let damages = damages(&database, table);
    database.close().unwrap();
    let mut tried = 0;
    for damage in damages {
        let directory = copy(whole.path());
        if !damage.does(directory.path()) {
            continue;
        }
        let findings = sqlite::check(directory.path()).unwrap().findings;
        // One of them is of what was set aside before.
        let is_found = findings.len() > 1 || damage.table == "damaged";
        assert!(is_found || !damage.must_be_found(), "{damage:?}: {findings:?}");
        look_at(directory.path(), &damage).await;
        tried += 1;
    }
    assert!(tried > 1);
}

/// A test of each table; that there is no other is one more.
macro_rules! in_tables {
    ($($table:ident,)*) => {
        mod a_damaged_value_is_told_and_others_are_as_before_in {
            $(#[tokio::test]
            async fn $table() {
                super::try_all_of(stringify!($table)).await;
            })*
        }

        const TABLES: &[&str] = &[$(stringify!($table),)*];
    };
}

in_tables![
    attempt,
    change,
    damaged,
    dead_letter,
    found_by,
    mail,
    mailbox,
    meta,
    pending,
    place,
    sent,
    state,
    tally,
];

#[tokio::test]
async fn each_table_is_tried() {
    let directory = tempdir().unwrap();
    make(directory.path()).await;
    let database = Connection::open(directory.path().join(DATABASE)).unwrap();
    let mut statement =
        database.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name").unwrap();
    let tables: Vec<String> =
        statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    assert_eq!(tables, TABLES);
}
