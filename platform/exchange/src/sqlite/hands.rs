//! The file of deliveries: which mail is in somebody's hand, so that a process that dies of one is not given it for ever.
//!
//! A delivery is not written into the database, for most are acknowledged at once; it is a record at the end of this file, which
//! no one waits for. When the store is opened after a crash, what was in hand is written as attempts, and what had left for its
//! receiver is done with: the system, which has the records, has those bytes too, and sends them whatever became of the process.
//! Always true: a power failure may take records, and with them attempts that were not counted, and the bytes that had left;
//! a record in which one byte flipped is put right, one that is not whole is left out; the file is written anew when most of it
//! is old. The writer adds records after its
//! commits; that something has left is added by whoever tells it, without a way through the writer: each moment before is one in
//! which a crash has it come twice. Neighbours: [`desk`](super::desk) has what is in hand, [`attempts`](super::attempts) the rows,
//! [`queue`](super::queue) what had left.

use std::collections::{BTreeMap, HashSet};
use std::fs::{File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use rusqlite::{Connection, params};

use super::sum::{is_whole, sum_of, with_a_byte_put_right};
use super::trouble::Outcome;
use super::words::column;

const RECORD_BYTES: usize = 40;

/// A record that a claim has left, in the place of [`Whereabouts::number`].
const LEFT_BY_CLAIM: u8 = 3;

/// As much of the number of a claim as a record holds: one process gives no number of that length twice.
const CLAIM_BITS: u32 = 48;

/// Bytes of the file that are always kept before it is written anew.
const KEPT_BYTES: u64 = 1 << 20;

/// Where a mail is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Whereabouts {
    /// It waits again.
    Waits,
    /// In somebody's hand.
    InHand,
    /// There as well, and the system has its bytes: it gets to its receiver where that lives, though this process dies.
    Left,
}

impl Whereabouts {
    fn number(self) -> u8 {
        match self {
            Whereabouts::Waits => 0,
            Whereabouts::InHand => 1,
            Whereabouts::Left => 2,
        }
    }

    fn of(number: u8) -> Whereabouts {
        match number {
            0 => Whereabouts::Waits,
            2 => Whereabouts::Left,
            _ => Whereabouts::InHand,
        }
    }
}

/// A mail comes into somebody's hand, leaves for its receiver, or waits again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct HandRecord {
    /// The number of the mailbox.
    pub(super) mailbox: i64,
    pub(super) position: u64,
    /// The number of its row.
    pub(super) mail: i64,
    pub(super) attempts: u32,
    pub(super) rank: u8,
    /// Which delivery it is.
    pub(super) claim: u64,
    pub(super) whereabouts: Whereabouts,
}

impl HandRecord {
    pub(super) fn has_left(&self) -> bool {
        self.whereabouts == Whereabouts::Left
    }

    fn put(&self, bytes: &mut Vec<u8>) {
        self.put_as(self.whereabouts.number(), bytes);
    }

    fn put_as(&self, kind: u8, bytes: &mut Vec<u8>) {
        let from = bytes.len();
        bytes.extend_from_slice(&self.mailbox.to_le_bytes());
        bytes.extend_from_slice(&self.position.to_le_bytes());
        bytes.extend_from_slice(&self.mail.to_le_bytes());
        bytes.extend_from_slice(&self.attempts.to_le_bytes());
        let [c0, c1, c2, c3, c4, c5, ..] = self.claim.to_le_bytes();
        bytes.extend_from_slice(&[self.rank, kind, c0, c1, c2, c3, c4, c5]);
        let sum = sum_of(&[bytes.get(from..).unwrap_or_default()]);
        bytes.extend_from_slice(&sum.to_le_bytes());
    }

    /// A record, and of which kind it is.
    fn of(record: &[u8; RECORD_BYTES]) -> Option<(HandRecord, u8)> {
        let (told, _) = Some(record).filter(|record| is_whole(&record[..]))?.split_last_chunk::<4>()?;
        let (mailbox, rest) = told.split_first_chunk()?;
        let (position, rest) = rest.split_first_chunk()?;
        let (mail, rest) = rest.split_first_chunk()?;
        let (attempts, rest) = rest.split_first_chunk()?;
        let (rank, kind, claim) = match *rest {
            [rank, kind, c0, c1, c2, c3, c4, c5] => {
                (rank, kind, u64::from_le_bytes([c0, c1, c2, c3, c4, c5, 0, 0]))
            }
            _ => return None,
        };
        let record = HandRecord {
            mailbox: i64::from_le_bytes(*mailbox),
            position: u64::from_le_bytes(*position),
            mail: i64::from_le_bytes(*mail),
            attempts: u32::from_le_bytes(*attempts),
            rank,
            claim,
            whereabouts: Whereabouts::of(kind),
        };
        Some((record, kind))
    }
}

/// The file while the store is open.
#[derive(Debug)]
pub(super) struct HandsFile {
    path: PathBuf,
    /// `None` once the store is closed: the file may be another's by then.
    file: Option<File>,
    /// The claims of which it says that they have left, since it was written anew.
    left: HashSet<u64>,
    /// How long it is; where a record was written in part, for the disk was full, its bytes beyond that count for nothing.
    bytes: u64,
    /// How long it was when it was written anew.
    new_bytes: u64,
    has_told: bool,
}

impl HandsFile {
    /// Opens the file at `path` anew. `left` stays in it, if there is room: it is to be done with soon.
    pub(super) fn begin(path: &Path, left: &[HandRecord]) -> io::Result<HandsFile> {
        let written = if left.is_empty() { None } else { write(path, left).ok() };
        let (file, bytes) = match written {
            Some(file) => (file, bytes_in(left)),
            None => (create(path)?, 0),
        };
        let (path, left) = (path.to_owned(), HashSet::new());
        Ok(HandsFile { path, file: Some(file), left, bytes, new_bytes: bytes, has_told: false })
    }

    /// Adds records; where that fails attempts may not be counted across a crash, which the log tells once.
    pub(super) fn add(&mut self, records: &[HandRecord], all: impl FnOnce() -> Vec<HandRecord>) {
        if records.is_empty() || self.file.is_none() {
            return;
        }
        let done = match self.bytes > KEPT_BYTES.max(2 * self.new_bytes) {
            true => self.write_anew(all()),
            false => self.append(&bytes_of(records)),
        };
        self.told(done);
    }

    /// The bytes of these deliveries have left for their receivers.
    pub(super) fn add_left(&mut self, claims: impl Iterator<Item = u64>) {
        let mut bytes = Vec::new();
        for claim in claims.map(cut) {
            let record = HandRecord { claim, ..NO_MAIL };
            record.put_as(LEFT_BY_CLAIM, &mut bytes);
            self.left.insert(claim);
        }
        let done = self.append(&bytes);
        self.told(done);
    }

    /// Lets go of the file: nothing is noted any more.
    pub(super) fn end(&mut self) {
        self.file = None;
    }

    fn told(&mut self, done: io::Result<()>) {
        if let Err(error) = done
            && !std::mem::replace(&mut self.has_told, true)
        {
            tracing::warn!(
                path = %self.path.display(), %error,
                "deliveries could not be noted: after a crash of the process they may not count as attempts, or come twice"
            );
        }
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let Some(file) = &mut self.file else { return Ok(()) };
        file.seek(SeekFrom::Start(self.bytes))?;
        file.write_all(bytes)?;
        self.bytes += bytes.len() as u64;
        Ok(())
    }

    fn write_anew(&mut self, mut all: Vec<HandRecord>) -> io::Result<()> {
        let left: HashSet<u64> =
            all.iter().map(|record| cut(record.claim)).filter(|claim| self.left.contains(claim)).collect();
        for record in all.iter_mut().filter(|record| left.contains(&cut(record.claim))) {
            record.whereabouts = Whereabouts::Left;
        }
        self.file = Some(write(&self.path, &all)?);
        self.left = left;
        self.bytes = bytes_in(&all);
        self.new_bytes = self.bytes;
        Ok(())
    }
}

/// As much of a claim's number as a record holds.
fn cut(claim: u64) -> u64 {
    claim & ((1 << CLAIM_BITS) - 1)
}

/// What a record says of mail that names none.
const NO_MAIL: HandRecord = HandRecord {
    mailbox: 0,
    position: 0,
    mail: 0,
    attempts: 0,
    rank: 0,
    claim: 0,
    whereabouts: Whereabouts::Left,
};

fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).truncate(true).write(true).open(path)
}

/// Writes the file as a whole.
fn write(path: &Path, records: &[HandRecord]) -> io::Result<File> {
    let unfinished = path.with_extension("unfinished");
    let mut file = create(&unfinished)?;
    file.write_all(&bytes_of(records))?;
    std::fs::rename(&unfinished, path)?;
    Ok(file)
}

/// How long records are.
fn bytes_in(records: &[HandRecord]) -> u64 {
    (records.len() * RECORD_BYTES) as u64
}

fn bytes_of(records: &[HandRecord]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(records.len() * RECORD_BYTES);
    records.iter().for_each(|record| record.put(&mut bytes));
    bytes
}

/// What was in hand, or had left, when the file at `path` was written for the last time; none where there is no file.
pub(super) fn read(path: &Path) -> io::Result<Vec<HandRecord>> {
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let (mut last, mut left, mut has_gap) = (BTreeMap::new(), HashSet::new(), false);
    for bytes in bytes.chunks_exact(RECORD_BYTES) {
        let Some((record, kind)) = read_record(bytes) else {
            has_gap = true;
            continue;
        };
        if std::mem::take(&mut has_gap) {
            tracing::error!(
                hands = %path.display(),
                "records of deliveries are damaged: attempts may not count, and what had left for its receiver may come twice"
            );
        }
        if !is_whole(bytes) {
            tracing::error!(
                hands = %path.display(), position = record.position,
                "a byte of what was noted of a delivery had flipped, and was put right"
            );
        }
        match kind {
            LEFT_BY_CLAIM => drop(left.insert(record.claim)),
            _ => drop(last.insert((record.mailbox, record.position), record)),
        }
    }
    let mut records: Vec<HandRecord> =
        last.into_values().filter(|record| record.whereabouts != Whereabouts::Waits).collect();
    for record in records.iter_mut().filter(|record| left.contains(&record.claim)) {
        record.whereabouts = Whereabouts::Left;
    }
    Ok(records)
}

/// A record, also where one byte of it flipped; `None` where it is not whole.
fn read_record(bytes: &[u8]) -> Option<(HandRecord, u8)> {
    let read = |bytes: &[u8]| bytes.try_into().ok().and_then(HandRecord::of);
    read(bytes).or_else(|| read(&with_a_byte_put_right(bytes)?))
}

/// Whether a record of the file at `path` is not what was written; what is not whole at its end was being written in a crash.
pub(super) fn are_damaged(path: &Path) -> io::Result<bool> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(bytes.chunks_exact(RECORD_BYTES).any(|record| !is_whole(record))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Writes what was in hand as attempts, where it waits still and no later attempt is known.
pub(super) fn write_attempts(connection: &Connection, records: &[HandRecord]) -> Outcome<()> {
    let mut statement = connection.prepare(
        "INSERT INTO attempt(mailbox, position, mail, rank, attempts, in_hand, delayed_until) \
         SELECT mailbox, position, mail, rank, ?5, 1, NULL FROM place \
         WHERE mailbox = ?1 AND rank = ?2 AND position = ?3 AND mail = ?4 \
         ON CONFLICT (mailbox, position) DO UPDATE SET attempts = ?5, in_hand = 1, delayed_until = NULL \
         WHERE attempts < ?5",
    )?;
    for HandRecord { mailbox, position, mail, attempts, rank, .. } in records {
        statement.execute(params![mailbox, rank, column(*position), mail, attempts])?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(position: u64, attempts: u32, is_in_hand: bool) -> HandRecord {
        let whereabouts = if is_in_hand { Whereabouts::InHand } else { Whereabouts::Waits };
        let claim = position * 100 + u64::from(attempts);
        HandRecord { mailbox: 3, position, mail: 1 << 40, attempts, rank: 9, claim, whereabouts }
    }

    fn must_not() -> Vec<HandRecord> {
        panic!("the file is short still")
    }

    #[test]
    fn the_last_record_of_a_mail_tells_whether_it_is_in_hand() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("hands");
        assert_eq!(read(&path).unwrap(), []);
        let mut file = HandsFile::begin(&path, &[]).unwrap();
        file.add(&[record(1, 1, true), record(2, 1, true)], must_not);
        file.add(&[record(1, 1, false), record(2, 2, true)], must_not);
        assert_eq!(read(&path).unwrap(), [record(2, 2, true)]);
        // A record that is not whole is left out, and what flipped in one is put right.
        let whole = std::fs::read(&path).unwrap();
        for at in (0..whole.len()).step_by(7) {
            let mut bytes = whole.clone();
            bytes[at] ^= 1;
            std::fs::write(&path, &bytes).unwrap();
            assert!(are_damaged(&path).unwrap());
            assert_eq!(read(&path).unwrap(), [record(2, 2, true)], "byte {at}");
        }
        for at in 3 * RECORD_BYTES..whole.len() {
            std::fs::write(&path, &whole[..at]).unwrap();
            assert!(!are_damaged(&path).unwrap());
            assert_eq!(read(&path).unwrap(), [record(2, 1, true)], "cut at {at}");
        }
        let mut bytes = whole;
        bytes[2 * RECORD_BYTES..3 * RECORD_BYTES].fill(7);
        std::fs::write(&path, &bytes).unwrap();
        assert_eq!(read(&path).unwrap(), [record(1, 1, true), record(2, 2, true)]);
    }

    #[test]
    fn what_has_left_is_told_until_it_waits_again_and_stays_in_a_file_that_begins() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("hands");
        let left = |position| HandRecord { whereabouts: Whereabouts::Left, ..record(position, 1, true) };
        let mut file = HandsFile::begin(&path, &[]).unwrap();
        file.add(&[record(1, 1, true), record(2, 1, true), record(3, 1, true)], must_not);
        // Only the low bits are kept.
        file.add_left([101 | 1 << 60, 201, 301, 999].into_iter());
        assert_eq!(read(&path).unwrap(), [left(1), left(2), left(3)]);
        // The next delivery of a mail is another claim.
        file.add(&[record(2, 1, false), record(3, 1, false), record(3, 2, true)], must_not);
        assert_eq!(read(&path).unwrap(), [left(1), record(3, 2, true)]);
        let mut file = HandsFile::begin(&path, &[left(1)]).unwrap();
        file.add(&[record(3, 1, true)], must_not);
        assert_eq!(read(&path).unwrap(), [left(1), record(3, 1, true)]);
    }

    #[test]
    fn what_follows_a_record_that_the_disk_had_room_for_in_part_is_read() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("hands");
        let left = HandRecord { whereabouts: Whereabouts::Left, ..record(1, 1, true) };
        let mut file = HandsFile::begin(&path, &[left]).unwrap();
        let tears_a_record =
            |file: &mut HandsFile| file.file.as_mut().unwrap().write_all(&[7; RECORD_BYTES / 3]).unwrap();
        tears_a_record(&mut file);
        file.add(&[record(2, 1, true), record(3, 1, true)], must_not);
        tears_a_record(&mut file);
        assert_eq!(read(&path).unwrap(), [left, record(2, 1, true), record(3, 1, true)]);
        file.add_left([record(2, 1, true).claim].into_iter());
        let left_too = HandRecord { whereabouts: Whereabouts::Left, ..record(2, 1, true) };
        assert_eq!(read(&path).unwrap(), [left, left_too, record(3, 1, true)]);
    }

    #[test]
    fn a_file_of_old_records_is_written_anew() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("hands");
        let mut file = HandsFile::begin(&path, &[]).unwrap();
        let many = vec![record(1, 1, true); 1000];
        let all: Vec<HandRecord> = (0..9).map(|position| record(position, 2, true)).collect();
        let left = HandRecord { whereabouts: Whereabouts::Left, ..record(4, 2, true) };
        file.add_left([left.claim, 7].into_iter());
        for _ in 0..100 {
            file.add(&many, || all.clone());
        }
        assert_eq!(file.left, [left.claim].into());
        assert!(std::fs::metadata(&path).unwrap().len() < 2 * KEPT_BYTES);
        let told = read(&path).unwrap();
        assert_eq!((told.len(), told[4]), (9, left));
        assert!(!directory.path().join("hands.unfinished").exists());
    }
}
