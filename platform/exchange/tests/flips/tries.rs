//! Which bytes are tried, how, and what came of it.

use std::fs;

use folkmoot_exchange::sqlite::{self, BALLAST, DATABASE, LOG};

use super::directories::Home;
use super::inventory::Inventory;
use super::lines;

/// What a byte becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Bit(u8),
    Zeros,
    Ones,
}

#[derive(Clone, Debug)]
pub(crate) struct Flip {
    pub(crate) file: &'static str,
    pub(crate) at: u64,
    pub(crate) kind: Kind,
}

/// The same numbers in each run.
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 20) % bound
    }
}

/// So many bytes of the database and of its log, and fewer of the others, each in one way.
pub(crate) fn sample(home: &Home, tried: u64) -> Vec<Flip> {
    let mut chance = Chance(0x5eed_5eed_5eed_5eed);
    let mut flips = Vec::new();
    for file in &home.files {
        let bytes = fs::read(home.at(file)).unwrap();
        let length = bytes.len() as u64;
        let tried = match *file {
            DATABASE | LOG => tried,
            BALLAST => 1,
            _ => tried.div_ceil(6),
        };
        let offsets: Vec<u64> = match length <= tried {
            true => (0..length).collect(),
            false => (0..tried).map(|_| chance.below(length)).collect(),
        };
        for at in offsets {
            let was = bytes[usize::try_from(at).unwrap()];
            let kind = match chance.below(4) {
                0 if was != 0 => Kind::Zeros,
                1 if was != 0xff => Kind::Ones,
                _ => Kind::Bit(u8::try_from(chance.below(8)).unwrap()),
            };
            flips.push(Flip { file, at, kind });
        }
    }
    flips
}

/// What the directory gives after a flip.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Gives {
    /// All that it gave before.
    All,
    /// Something else: mail is lost, or there is other mail, or another answer.
    Other,
    /// Nothing: it is not opened.
    Nothing,
}

/// What came of a flip.
#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    pub(crate) gives: Gives,
    /// A check finds something before it is opened.
    pub(crate) is_found: bool,
    /// The log tells of it, or an error does.
    pub(crate) is_told: bool,
    pub(crate) details: String,
}

pub(crate) async fn try_one(home: &Home, flip: &Flip) -> Outcome {
    let copy = home.copy(Some(flip.file));
    let path = copy.path().join(flip.file);
    let mut bytes = fs::read(&path).unwrap();
    let byte = &mut bytes[usize::try_from(flip.at).unwrap()];
    let becomes = match flip.kind {
        Kind::Bit(bit) => *byte ^ (1 << bit),
        Kind::Zeros => 0,
        Kind::Ones => 0xff,
    };
    assert_ne!(std::mem::replace(byte, becomes), becomes);
    fs::write(path, bytes).unwrap();
    let is_found = sqlite::check(copy.path()).map_or(true, |report| !report.findings.is_empty());
    lines::take();
    let inventory = Inventory::of(copy.path()).await;
    let lines = lines::take();
    let differences = inventory.differences(&home.whole);
    let errors = inventory.errors();
    let is_told = !lines.is_empty() || !errors.is_empty();
    let (delivered, whole) = (inventory.delivered(), home.whole.delivered());
    let lost = whole.keys().filter(|mail| !delivered.contains_key(*mail)).count();
    let foreign = delivered.keys().filter(|mail| !whole.contains_key(*mail)).count();
    let doubled =
        delivered.iter().filter(|(mail, times)| **times > *whole.get(*mail).unwrap_or(times)).count();
    let gives = match inventory.is_open {
        false => Gives::Nothing,
        true if differences.is_empty() => Gives::All,
        true => Gives::Other,
    };
    let mut details = format!("lost {lost}, foreign {foreign}, doubled {doubled}; {errors:?} {lines:?}");
    for (question, was, is) in &differences {
        details.push_str(&format!("\n  {question}\n    was {was:.300}\n    is  {is:.300}"));
    }
    Outcome { gives, is_found, is_told, details }
}
