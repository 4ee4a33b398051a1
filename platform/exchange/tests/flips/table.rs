//! What came of all tries: how many of which kind by where the byte lay, and those that should not be.

use std::collections::BTreeMap;
use std::fmt;

use folkmoot_exchange::sqlite::{BALLAST, DATABASE, LOCK, LOG, SUMS};

use super::directories::{CLOSED, Home};
use super::tries::{Flip, Gives, Outcome};

const PAGE_BYTES: u64 = 4096;

/// How many tries came to what: what the directory gives, whether it is found, whether it is told.
type Row = BTreeMap<(Gives, bool, bool), u64>;

#[derive(Default)]
pub(crate) struct Table {
    rows: BTreeMap<(&'static str, String), Row>,
    pub(crate) complaints: Vec<String>,
    /// Directories that were not opened for a byte of their log.
    pub(crate) refused: u64,
}

impl Table {
    pub(crate) fn add(&mut self, home: &Home, flip: &Flip, outcome: &Outcome) {
        let place = match flip.file {
            DATABASE => home.pages[usize::try_from(flip.at / PAGE_BYTES).unwrap()].clone(),
            file => file.to_owned(),
        };
        if !is_as_it_should_be(home, flip, outcome) {
            self.complaints.push(format!("{} {flip:?} of {place}: {outcome:?}", home.name));
        }
        self.refused += u64::from(outcome.gives == Gives::Nothing);
        let row = self.rows.entry((home.name, place)).or_default();
        *row.entry((outcome.gives, outcome.is_found, outcome.is_told)).or_default() += 1;
    }
}

fn is_as_it_should_be(home: &Home, flip: &Flip, outcome: &Outcome) -> bool {
    let Outcome { gives, is_found, is_told, details } = outcome;
    match (gives, flip.file) {
        // What they hold means nothing.
        (Gives::All, BALLAST | LOCK) => true,
        // Pages that stand in the log are not read, nor their sums, and are written over.
        (Gives::All, DATABASE | SUMS) if home.name != CLOSED => is_found == is_told,
        (Gives::All, _) => *is_found && *is_told,
        // Where two bytes could be the one, nobody knows which.
        (Gives::Nothing, LOG) => *is_found && details.contains("restore the directory from a backup"),
        _ => false,
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for ((home, place), row) in &self.rows {
            write!(f, "{home:8} {place:34}")?;
            for ((gives, is_found, is_told), tries) in row {
                let found = if *is_found { "found" } else { "not found" };
                let told = if *is_told { "told" } else { "not told" };
                write!(f, " | gives {gives:?}, {found}, {told}: {tries}")?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}
