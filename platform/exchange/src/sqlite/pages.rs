//! The sums of all pages of the database, in a file of their own: pages that are not what was written are known by them, and
//! a byte that flipped is put right.
//!
//! SQLite has sums over its log, and none over its database. A page comes into the database from the log alone, which is the
//! moment at which its sum is written: before the log is begun anew. Always true: the sum of a page is that of its newest
//! version, or the page is in the log, whose version counts then; a page is put right by its sum or left as it is. The
//! database is open here for as long as SQLite has it, for to close it would let go of SQLite's locks. Neighbours:
//! [`page_sums`](super::page_sums) has the sums of one page, [`opening`](super::opening) looks at pages, [`writer`](super::writer)
//! has their sums written.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::error::ExchangeError;

use super::directory::{DATABASE, LOG, SUMS};
use super::page_sums::{Flipped, PageSum, RECORD_BYTES, Verdict};
use super::sum::sum_of;
use super::trouble::of_file;
use super::wal;

/// How long the header of a database is; what stands behind it is the first page's own.
pub(super) const HEADER_BYTES: usize = 100;

const MAGIC: [u8; 4] = *b"FMP1";

/// Pages that hold other pages' numbers, or rows whose order is searched: index and interior pages.
const STRUCTURE: [u8; 3] = [0x02, 0x05, 0x0a];

/// What else is looked at when a database is opened, in bytes, so that a large one is opened soon: the rest holds mail,
/// which bears checksums of its own, and is looked at as soon as something turns out to be damaged.
const LOOKED_AT_BYTES: u64 = if cfg!(test) { 64 << 10 } else { 64 << 20 };

/// SQLite locks bytes from this one on, and never writes the page that they are in: it has no sum, and nothing in it counts.
const LOCKED_FROM: u64 = 1 << 30;

/// Pages that are read at once.
const READ_AT_ONCE: usize = 64;

/// Which pages are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    All,
    /// Those by which others are found, and so many bytes of the rest.
    Structure,
}

/// What a look at the pages has found.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// The numbers of pages in which one byte flipped.
    pub(super) flipped: Vec<(u32, Flipped)>,
    /// Those of pages that are not what was written, beyond that.
    pub(super) other: Vec<u32>,
    /// Those of pages whose sums are damaged.
    pub(super) unknown: Vec<u32>,
    /// Whether there are pages that were not looked at.
    pub(super) is_part: bool,
}

impl Found {
    fn add(&mut self, page: u32, verdict: Verdict) {
        match verdict {
            Verdict::Same => {}
            Verdict::Flipped(flipped) => self.flipped.push((page, flipped)),
            Verdict::Other => self.other.push(page),
        }
    }
}

#[derive(Debug)]
pub(super) struct Pages {
    directory: PathBuf,
    database: File,
    /// `None` where there are none, or none that can be read.
    sums: Option<File>,
    page_bytes: usize,
    /// There are pages that were not looked at since it was opened.
    has_unseen: bool,
}

fn header_of(page_bytes: usize) -> [u8; RECORD_BYTES] {
    let mut header = [0; RECORD_BYTES];
    let bytes = u64::try_from(page_bytes).unwrap_or(0).to_le_bytes();
    let told = [&MAGIC[..], &bytes, &[0; 4]].concat();
    let sum = sum_of(&[&told]).to_le_bytes();
    header.iter_mut().zip(told.iter().chain(&sum)).for_each(|(to, from)| *to = *from);
    header
}

/// How large pages are, by the file of sums; `None` where that is damaged.
fn page_bytes_of(header: &[u8; RECORD_BYTES]) -> Option<usize> {
    let bytes = header.get(4..12)?.try_into().ok().map(u64::from_le_bytes)?;
    let bytes = usize::try_from(bytes).ok().filter(|bytes| (512..=65536).contains(bytes))?;
    (header_of(bytes) == *header).then_some(bytes)
}

fn read_at(mut file: &File, at: u64, bytes: &mut [u8]) -> io::Result<()> {
    file.seek(SeekFrom::Start(at))?;
    file.read_exact(bytes)
}

fn write_at(mut file: &File, at: u64, bytes: &[u8]) -> io::Result<()> {
    file.seek(SeekFrom::Start(at))?;
    file.write_all(bytes)
}

/// Where the record of a page stands.
fn place_of(number: u32) -> u64 {
    u64::from(number) * RECORD_BYTES as u64
}

/// Writes the sums of pages, those of pages that follow each other at once.
fn write_records(file: &File, sums: &BTreeMap<u32, PageSum>) -> io::Result<()> {
    let (mut run, mut next) = (Vec::new(), 0);
    for (number, sum) in sums {
        if *number != next {
            write_run(file, next, &mut run)?;
        }
        run.extend(sum.record(*number));
        next = number + 1;
    }
    write_run(file, next, &mut run)
}

/// Writes records that end before that of the page `next`.
fn write_run(file: &File, next: u32, run: &mut Vec<u8>) -> io::Result<()> {
    write_at(file, place_of(next) - run.len() as u64, run)?;
    run.clear();
    Ok(())
}

impl Pages {
    /// Opens the files, which are written where `may_write`; the database must be there.
    pub(super) fn open(directory: &Path, may_write: bool) -> io::Result<Pages> {
        let open = |name| OpenOptions::new().read(true).write(may_write).open(directory.join(name));
        let database = open(DATABASE)?;
        let mut header = [0; RECORD_BYTES];
        let sums = match open(SUMS) {
            Ok(sums) => read_at(&sums, 0, &mut header).is_ok().then_some(sums),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        let told = sums.as_ref().and_then(|_| page_bytes_of(&header));
        Ok(Pages {
            directory: directory.to_owned(),
            database,
            sums: sums.filter(|_| told.is_some()),
            page_bytes: told.unwrap_or(0),
            has_unseen: false,
        })
    }

    pub(super) fn has_sums(&self) -> bool {
        self.sums.is_some()
    }

    /// Looks at pages; those that stand in the log are passed over, and so is that of SQLite's locks.
    pub(super) fn look(&self, extent: Extent) -> io::Result<Found> {
        let mut found = Found::default();
        let Some(mut sums) = self.sums.as_ref() else { return Ok(found) };
        let mut passed_over = wal::pages(&self.directory.join(LOG))?;
        passed_over.extend(u32::try_from(LOCKED_FROM / self.page_bytes as u64 + 1));
        let mut records = Vec::new();
        sums.seek(SeekFrom::Start(place_of(1)))?;
        sums.read_to_end(&mut records)?;
        let pages = self.database.metadata()?.len() / self.page_bytes as u64;
        let pages = u32::try_from(pages).unwrap_or(u32::MAX);
        let known = u32::try_from(records.len() / RECORD_BYTES).unwrap_or(u32::MAX);
        found
            .unknown
            .extend((known.saturating_add(1)..=pages).filter(|number| !passed_over.contains(number)));
        let mut rest = LOOKED_AT_BYTES;
        let mut wanted = Vec::new();
        for (number, record) in (1..=pages).zip(records.chunks_exact(RECORD_BYTES)) {
            if passed_over.contains(&number) {
                continue;
            }
            let Some(sum) = PageSum::of_record(number, record) else {
                found.unknown.push(number);
                continue;
            };
            if extent == Extent::All || STRUCTURE.contains(&sum.kind) || rest > 0 {
                if !STRUCTURE.contains(&sum.kind) {
                    rest = rest.saturating_sub(self.page_bytes as u64);
                }
                wanted.push((number, sum));
            } else {
                found.is_part = true;
            }
        }
        self.compare(&wanted, &mut found);
        Ok(found)
    }

    /// Compares pages with their sums, some that follow each other at once.
    fn compare(&self, mut wanted: &[(u32, PageSum)], found: &mut Found) {
        let mut pages = vec![0; READ_AT_ONCE * self.page_bytes];
        while let Some((first, _)) = wanted.first() {
            let follow =
                |(at, (number, _)): &(usize, &(u32, PageSum))| *number as usize == *first as usize + at;
            let together = wanted.iter().enumerate().take(READ_AT_ONCE).take_while(follow).count();
            let (these, rest) = wanted.split_at(together);
            let read = pages.get_mut(..together * self.page_bytes).unwrap_or_default();
            if read_at(&self.database, self.offset(*first), read).is_ok() {
                let pages = read.chunks_exact(self.page_bytes);
                these.iter().zip(pages).for_each(|((number, sum), page)| found.add(*number, sum.judge(page)));
            } else {
                self.compare_each(these, found);
            }
            wanted = rest;
        }
    }

    /// Compares pages one by one: one that the disk does not give, while it gives others, is lost as if something else stood there.
    fn compare_each(&self, wanted: &[(u32, PageSum)], found: &mut Found) {
        let mut page = vec![0; self.page_bytes];
        for (number, sum) in wanted {
            let read = read_at(&self.database, self.offset(*number), &mut page);
            found.add(*number, read.map_or(Verdict::Other, |()| sum.judge(&page)));
        }
    }

    fn offset(&self, number: u32) -> u64 {
        u64::from(number - 1) * self.page_bytes as u64
    }

    pub(super) fn has_unseen(&self) -> bool {
        self.has_unseen
    }

    /// Looks at all pages if some were not looked at yet, and puts right what flipped; whether something was.
    ///
    /// # Errors
    /// Those of the disk.
    pub(super) fn mend_rest(&mut self, directory: &Path) -> Result<bool, ExchangeError> {
        let told = |error| of_file(&directory.join(DATABASE), "reading the database of the exchange", error);
        if self.has_unseen { self.mend(Extent::All).map_err(told) } else { Ok(false) }
    }

    /// Looks at pages, and puts right what flipped; whether something was.
    pub(super) fn mend(&mut self, extent: Extent) -> io::Result<bool> {
        let found = self.look(extent)?;
        self.has_unseen = found.is_part;
        if !found.unknown.is_empty() {
            tracing::warn!(
                pages = ?found.unknown, sums = %self.directory.join(SUMS).display(),
                "the sums of pages of the exchange's database are damaged, and tell nothing of these pages"
            );
        }
        self.put_right(&found)
    }

    /// Puts right what flipped; whether something did.
    ///
    /// Where a page is another altogether nothing is touched: the pages are older or newer than the sums then, or written by
    /// another program, and a byte in which they differ is no flip.
    fn put_right(&self, found: &Found) -> io::Result<bool> {
        let path = self.directory.join(DATABASE);
        if !found.other.is_empty() {
            tracing::error!(
                database = %path.display(), pages = ?found.other,
                "pages of the exchange's database are not what was written into them: they are damaged, or another program has \
                 written there; `folkmoot exchange check` tells more once the exchange is stopped"
            );
            return Ok(false);
        }
        for (number, Flipped { at, was }) in &found.flipped {
            write_at(&self.database, self.offset(*number) + *at as u64, &[*was])?;
            tracing::error!(
                database = %path.display(), page = number, byte = at,
                "a byte of the exchange's database had flipped, and was put right; look at the disk and the memory of this machine"
            );
        }
        if !found.flipped.is_empty() {
            self.database.sync_all()?;
        }
        Ok(!found.flipped.is_empty())
    }

    /// Has the sums of all pages; where they cannot be made there are none, which the log tells.
    pub(super) fn complete(&mut self) {
        if let Err(error) = self.make_sums() {
            tracing::warn!(
                directory = %self.directory.display(), %error,
                "the sums of the database's pages could not be made: a byte that flips is not put right"
            );
        }
    }

    /// Makes the sums of all pages as they are, where there are none.
    fn make_sums(&mut self) -> io::Result<()> {
        if self.sums.is_none() {
            // What was given up is empty.
            if std::fs::metadata(self.directory.join(SUMS)).is_ok_and(|sums| sums.len() > 0) {
                tracing::error!(
                    sums = %self.directory.join(SUMS).display(),
                    "the file of the sums of pages is damaged and is made anew: a byte of the database that had flipped is not known"
                );
            }
            let (sums, page_bytes) = write_sums(&self.directory, &self.database)?;
            (self.sums, self.page_bytes) = (Some(sums), page_bytes);
        }
        Ok(())
    }

    /// Writes the sums of the pages that the first `frames` of the log hold, and waits for the disk: they are in the database, or
    /// will be before the log is begun anew.
    pub(super) fn sum_log(&mut self, frames: u64) -> io::Result<()> {
        let Some(sums) = self.sums.as_ref().filter(|_| frames > 0) else { return Ok(()) };
        let mut newest = BTreeMap::new();
        wal::from_the_end(&self.directory.join(LOG), frames, self.page_bytes, |number, page| {
            newest.entry(number).or_insert_with(|| PageSum::of(number, page));
        })?;
        write_records(sums, &newest)?;
        sums.sync_data()
    }

    /// The sums are not to be believed any more: none are better than wrong ones. They are made anew when the exchange is opened.
    pub(super) fn give_up(&mut self) -> io::Result<()> {
        match self.sums.take() {
            Some(sums) => sums.set_len(0).and_then(|()| sums.sync_all()),
            None => Ok(()),
        }
    }
}

/// Makes the sums of all pages of a database, in the directory where it lies or will.
pub(super) fn write_sums(directory: &Path, mut database: &File) -> io::Result<(File, usize)> {
    let unfinished = directory.join(SUMS).with_extension("unfinished");
    let sums = OpenOptions::new().create(true).truncate(true).read(true).write(true).open(&unfinished)?;
    let mut header = [0; HEADER_BYTES];
    read_at(database, 0, &mut header)?;
    let page_bytes = match u16::from_be_bytes([header[16], header[17]]) {
        1 => 65536,
        bytes => usize::from(bytes).max(512),
    };
    let mut out = io::BufWriter::new(&sums);
    out.write_all(&header_of(page_bytes))?;
    let pages = database.metadata()?.len() / page_bytes as u64;
    database.seek(SeekFrom::Start(0))?;
    let mut database = io::BufReader::with_capacity(READ_AT_ONCE * page_bytes, database);
    let mut page = vec![0; page_bytes];
    for number in 1..=u32::try_from(pages).unwrap_or(u32::MAX) {
        database.read_exact(&mut page)?;
        out.write_all(&PageSum::of(number, &page).record(number))?;
    }
    out.flush()?;
    drop(out);
    sums.sync_all()?;
    std::fs::rename(unfinished, directory.join(SUMS))?;
    File::open(directory)?.sync_all()?;
    Ok((sums, page_bytes))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const PAGE_BYTES: usize = 4096;

    /// A directory with a database of so many pages: every fourth one of structure.
    fn directory(pages: u8) -> tempfile::TempDir {
        let directory = tempfile::tempdir().unwrap();
        let mut database = Vec::new();
        for number in 0..pages {
            let mut page: Vec<u8> = (0..PAGE_BYTES).map(|at| (at / 7) as u8 ^ number).collect();
            page[0] = if number % 4 == 3 { 0x0a } else { 0x0d };
            database.extend(page);
        }
        database[..SQLITE_HEADER.len()].copy_from_slice(SQLITE_HEADER);
        fs::write(directory.path().join(DATABASE), database).unwrap();
        let mut pages = Pages::open(directory.path(), true).unwrap();
        assert!(!pages.has_sums());
        pages.make_sums().unwrap();
        directory
    }

    const SQLITE_HEADER: &[u8] = b"SQLite format 3\0\x10\0";

    fn change(directory: &Path, file: &str, page: u64, bytes: &[usize]) {
        let path = directory.join(file);
        let mut all = fs::read(&path).unwrap();
        let size = if file == SUMS { RECORD_BYTES as u64 } else { PAGE_BYTES as u64 };
        let from = usize::try_from(page * size).unwrap();
        bytes.iter().for_each(|at| all[from + at] ^= 0x21);
        fs::write(path, all).unwrap();
    }

    fn looked(directory: &Path, extent: Extent) -> Found {
        Pages::open(directory, false).unwrap().look(extent).unwrap()
    }

    #[test]
    fn what_flipped_is_put_right_and_the_rest_of_a_large_database_is_looked_at_when_that_is_asked_for() {
        let directory = directory(40);
        let path = directory.path();
        let whole = fs::read(path.join(DATABASE)).unwrap();
        // A page by which others are found, and one of the rest far behind.
        change(path, DATABASE, 35, &[4000]);
        change(path, DATABASE, 36, &[77]);
        let found = looked(path, Extent::Structure);
        assert_eq!(found.flipped.iter().map(|(page, _)| *page).collect::<Vec<_>>(), [36]);
        assert!(found.is_part && found.other.is_empty() && found.unknown.is_empty());
        let mut pages = Pages::open(path, true).unwrap();
        assert!(pages.mend(Extent::Structure).unwrap() && pages.has_unseen());
        assert!(pages.mend_rest(path).unwrap() && !pages.has_unseen());
        assert!(!pages.mend_rest(path).unwrap());
        assert!(fs::read(path.join(DATABASE)).unwrap() == whole);
        let found = looked(path, Extent::All);
        assert!(found.flipped.is_empty() && found.other.is_empty() && !found.is_part);
    }

    #[test]
    fn where_a_page_is_another_altogether_nothing_is_touched() {
        let directory = directory(8);
        let path = directory.path();
        change(path, DATABASE, 2, &[5]);
        change(path, DATABASE, 5, &[5, 6]);
        let changed = fs::read(path.join(DATABASE)).unwrap();
        let mut pages = Pages::open(path, true).unwrap();
        assert!(!pages.mend(Extent::All).unwrap());
        assert!(fs::read(path.join(DATABASE)).unwrap() == changed);
        let found = looked(path, Extent::All);
        assert_eq!((found.flipped.len(), found.other), (1, vec![6]));
    }

    #[test]
    fn the_page_of_the_locks_of_a_large_database_needs_no_sum() {
        let directory = directory(1);
        let path = directory.path();
        let locks = 262_145;
        let database = fs::File::options().write(true).open(path.join(DATABASE)).unwrap();
        database.set_len((u64::from(locks) + 1) * PAGE_BYTES as u64).unwrap();
        let unknown = looked(path, Extent::All).unknown;
        assert_eq!(unknown, (2..locks).chain([locks + 1]).collect::<Vec<_>>());
        // So it is where its sum would stand before others.
        let sums = fs::File::options().write(true).open(path.join(SUMS)).unwrap();
        sums.set_len(place_of(locks + 2)).unwrap();
        assert_eq!(looked(path, Extent::All).unknown, unknown);
    }

    #[test]
    fn pages_that_the_disk_does_not_give_are_told_of() {
        let directory = directory(3);
        let mut pages = Pages::open(directory.path(), true).unwrap();
        // It cannot be read.
        pages.database = fs::File::options().write(true).open(directory.path().join(DATABASE)).unwrap();
        assert_eq!(pages.look(Extent::All).unwrap().other, [1, 2, 3]);
        assert!(!pages.mend(Extent::All).unwrap());
    }

    #[test]
    fn sums_that_are_damaged_tell_nothing_of_their_page_and_a_damaged_head_of_none() {
        let directory = directory(8);
        let path = directory.path();
        change(path, SUMS, 3, &[7]);
        // Its page, whatever is there.
        change(path, DATABASE, 2, &[9]);
        let found = looked(path, Extent::All);
        assert_eq!((found.unknown, found.flipped.len() + found.other.len()), (vec![3], 0));
        let sums = fs::File::options().write(true).open(path.join(SUMS)).unwrap();
        sums.set_len(7 * RECORD_BYTES as u64 + 3).unwrap();
        assert_eq!(looked(path, Extent::All).unknown, [7, 8, 3]);
        change(path, SUMS, 0, &[7]);
        let mut pages = Pages::open(path, true).unwrap();
        assert!(!pages.has_sums());
        pages.make_sums().unwrap();
        assert!(looked(path, Extent::All).unknown.is_empty());
        pages.give_up().unwrap();
        assert!(!Pages::open(path, true).unwrap().has_sums());
    }
}
