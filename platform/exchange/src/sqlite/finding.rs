//! Who can be found, by type, capability and name.
//!
//! Always true: what is found is in the order of registration; a search reads the rows of one word and looks at those
//! mailboxes alone. Neighbours: [`session`](super::session) keeps the words, [`readers`](super::readers) searches.

use std::collections::BTreeSet;
use std::sync::Arc;

use rusqlite::{Connection, params};

use crate::asker::Asker;
use crate::limits::ExchangeLimits;
use crate::mailbox::{Found, Query, Registration};

use super::mailbox_rows::{mailbox_columns, mailbox_of_row};
use super::slots::Slot;
use super::trouble::Outcome;
use super::words::{column, count, id_bytes};

/// What a word is of a mailbox.
const OWN_TYPE: i64 = 0;
const TYPE: i64 = 1;
const CAPABILITY: i64 = 2;
const NAME: i64 = 3;

/// Rows of a word that are counted to find the rarest of those a query names.
const COUNTED: i64 = 1000;

fn words(mailbox: &Registration) -> impl Iterator<Item = (i64, &Arc<str>)> {
    let own = mailbox.lineage.first().map(|word| (OWN_TYPE, word));
    let types = mailbox.lineage.iter().map(|word| (TYPE, word));
    let able = mailbox.capabilities.iter().map(|word| (CAPABILITY, word));
    own.into_iter().chain(types).chain(able).chain(mailbox.name.iter().map(|word| (NAME, word)))
}

/// Enters a mailbox under its words.
pub(super) fn enter(connection: &Connection, number: i64, mailbox: &Registration) -> Outcome<()> {
    for (what, word) in words(mailbox) {
        connection
            .prepare_cached("INSERT OR IGNORE INTO found_by(what, word, mailbox) VALUES (?1, ?2, ?3)")?
            .execute(params![what, &**word, number])?;
    }
    Ok(())
}

/// Words of a mailbox by which it is not found.
pub(super) fn missing(connection: &Connection, number: i64, mailbox: &Registration) -> Outcome<Vec<String>> {
    let mut statement = connection
        .prepare_cached("SELECT count(*) FROM found_by WHERE what = ?1 AND word = ?2 AND mailbox = ?3")?;
    let mut missing = Vec::new();
    for (what, word) in words(mailbox) {
        let rows: i64 = statement.query_row(params![what, &**word, number], |row| row.get(0))?;
        if rows == 0 {
            missing.push(word.to_string());
        }
    }
    Ok(missing)
}

/// How many rows a mailbox has as long as all its words are there.
pub(super) fn rows(mailbox: &Registration) -> u64 {
    words(mailbox).collect::<BTreeSet<_>>().len() as u64
}

/// A mailbox is found no more.
pub(super) fn leave(connection: &Connection, number: i64, mailbox: &Registration) -> Outcome<()> {
    for (what, word) in words(mailbox) {
        connection
            .prepare_cached("DELETE FROM found_by WHERE what = ?1 AND word = ?2 AND mailbox = ?3")?
            .execute(params![what, &**word, number])?;
    }
    Ok(())
}

/// A mailbox has other words now.
pub(super) fn change(
    connection: &Connection,
    number: i64,
    old: &Registration,
    new: &Registration,
) -> Outcome<()> {
    leave(connection, number, old)?;
    enter(connection, number, new)
}

/// The mailboxes that match, live, and are the asker's to use.
pub(super) fn discover(
    connection: &Connection,
    limits: &ExchangeLimits,
    asker: &Asker,
    query: &Query,
) -> Outcome<Vec<Found>> {
    let of_type = if query.with_subtypes { TYPE } else { OWN_TYPE };
    let mut named: Vec<(i64, &Arc<str>)> = query.name.iter().map(|word| (NAME, word)).collect();
    named.extend(query.capabilities.iter().map(|word| (CAPABILITY, word)));
    named.extend(query.agent_type.iter().map(|word| (of_type, word)));
    let mut rarest: Option<(i64, i64, &Arc<str>)> = None;
    if query.id.is_none() && named.len() > 1 {
        for (what, word) in named {
            let rows: i64 = connection
                .prepare_cached(
                    "SELECT count(*) FROM (SELECT 1 FROM found_by WHERE what = ?1 AND word = ?2 LIMIT ?3)",
                )?
                .query_row(params![what, &**word, COUNTED], |row| row.get(0))?;
            if rarest.is_none_or(|(least, ..)| rows < least) {
                rarest = Some((rows, what, word));
            }
        }
    } else {
        rarest = named.first().map(|(what, word)| (0, *what, *word));
    }
    let id = query.id.map(id_bytes);
    let mut statement = match (rarest, &id) {
        (_, Some(_)) => connection.prepare_cached(concat!(
            "SELECT ",
            mailbox_columns!(),
            " FROM mailbox WHERE id = ?2 AND number > ?1 AND terminated IS NULL"
        ))?,
        (Some(_), None) => connection.prepare_cached(concat!(
            "SELECT ",
            mailbox_columns!(),
            " FROM found_by CROSS JOIN mailbox ON number = mailbox \
             WHERE what = ?2 AND word = ?3 AND mailbox > ?1 ORDER BY mailbox"
        ))?,
        (None, None) => connection.prepare_cached(concat!(
            "SELECT ",
            mailbox_columns!(),
            " FROM mailbox WHERE number > ?1 AND terminated IS NULL ORDER BY number"
        ))?,
    };
    let mut rows = match (rarest, &id) {
        (_, Some(id)) => statement.query(params![column(query.after), id])?,
        (Some((_, what, word)), None) => statement.query(params![column(query.after), what, &**word])?,
        (None, None) => statement.query([column(query.after)])?,
    };
    let mut found = Vec::new();
    while found.len() < query.max {
        let Some(row) = rows.next()? else { break };
        match mailbox_of_row(row, limits) {
            Some(Slot::Live(live)) if live.ownership.may_use(asker) && query.matches(&live.registration) => {
                let number = count(live.number);
                let Registration { id, name, lineage, capabilities, .. } = live.registration;
                let owner = live.ownership.owner;
                found.push(Found { number, id, name, lineage, capabilities, owner });
            }
            Some(_) => {}
            None => tracing::error!(
                row = row.get::<_, i64>(0).unwrap_or(0),
                "the stored row of a mailbox is damaged, it cannot be found; run `folkmoot exchange check`"
            ),
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use futures_util::future::{BoxFuture, pending};

    use super::*;
    use crate::ground::Ground;
    use crate::mailbox_id::MailboxId;
    use crate::moment::{ExchangeClock, Moment};
    use crate::sqlite::desk::Desk;
    use crate::sqlite::{schema, slots};

    /// It stands still.
    struct Still;

    impl ExchangeClock for Still {
        fn now(&self) -> Moment {
            Moment::EPOCH
        }

        fn sleep_until(&self, _: Moment) -> BoxFuture<'static, ()> {
            Box::pin(pending())
        }
    }

    /// The database of a pump among so many valves.
    fn pump_among(valves: u32) -> Connection {
        let connection = Connection::open_in_memory().unwrap();
        schema::prepare(&connection).unwrap();
        let mut desk = Desk::new(connection, Arc::new(Ground::new(Still)), 1);
        desk.connection.execute_batch("BEGIN").unwrap();
        for number in 0..=valves {
            let (name, of_type, able_to) = match number == valves / 2 {
                true => ("pump", "plant.Pump", "water"),
                false => ("valve", "plant.Valve", "open"),
            };
            let mailbox = Registration::new(MailboxId::agent(number.into()))
                .named(name)
                .lineage([of_type, "plant.Part"])
                .capabilities([able_to, "report"]);
            let number = i64::from(number) + 1;
            let live = slots::new(number, mailbox.clone(), &Asker::Container, &ExchangeLimits::default());
            live.write(&mut desk, None).unwrap();
            enter(&desk.connection, number, &mailbox).unwrap();
        }
        desk.connection.execute_batch("COMMIT").unwrap();
        desk.connection
    }

    /// How many steps SQLite takes to find the pump, and it alone.
    fn steps(connection: &mut Connection, pump: u128, query: &Query) -> u64 {
        let steps = Arc::new(AtomicU64::new(0));
        let counted = steps.clone();
        let count = move || {
            counted.fetch_add(1, Ordering::Relaxed);
            false
        };
        connection.progress_handler(1, Some(count)).unwrap();
        let found = discover(connection, &ExchangeLimits::default(), &Asker::Container, query).unwrap();
        connection.progress_handler(1, None::<fn() -> bool>).unwrap();
        let found: Vec<MailboxId> = found.iter().map(|found| found.id).collect();
        assert_eq!(found, [MailboxId::agent(pump)], "{query:?}");
        steps.load(Ordering::Relaxed)
    }

    #[test]
    fn who_is_looked_for_is_found_in_as_many_steps_among_few_as_among_many() {
        // More than are counted of a word, in both.
        let (few, many) = (1500, 6000);
        let (mut among_few, mut among_many) = (pump_among(few), pump_among(many));
        for query in [
            |_| Query::of_type("plant.Pump"),
            |_| Query::of_subtypes("plant.Pump"),
            |_| Query::able_to("water"),
            |_| Query::named("pump"),
            |pump| Query::of_id(MailboxId::agent(pump)),
            |_| Query::of_subtypes("plant.Part").and_able_to("report").and_able_to("water"),
        ] as [fn(u128) -> Query; 6]
        {
            let (in_few, in_many) = (u128::from(few / 2), u128::from(many / 2));
            let steps_among_few = steps(&mut among_few, in_few, &query(in_few));
            let steps_among_many = steps(&mut among_many, in_many, &query(in_many));
            assert!(steps_among_few > 0);
            assert_eq!(steps_among_few, steps_among_many, "{:?}", query(in_many));
        }
    }
}
