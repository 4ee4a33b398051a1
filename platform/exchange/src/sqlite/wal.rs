//! Reads a write-ahead log as it lies in a file: how far it holds, and whether something is gone from it.
//!
//! SQLite reads its log up to the first frame whose checksum is wrong, and takes that for the end: right after a crash,
//! silent where a byte flipped or the file was cut. This looks first. Always true: the file is read, never written; what
//! may be the torn end of a commit that nobody was told of is no damage. Neighbour: [`mark`](super::mark) remembers
//! how many commits there were. The format is that of <https://www.sqlite.org/fileformat2.html>, section 4.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

pub(super) mod mending;

const HEADER_BYTES: usize = 32;
const FRAME_HEADER_BYTES: usize = 24;
/// The header's first word; its lowest bit says that checksums are of big-endian words.
const MAGIC: u32 = 0x377f_0682;
/// Frames that are read at once.
const FRAMES_AT_ONCE: usize = 64;
/// Most pages are of 4096 bytes; SQLite has none larger than this.
const MAX_PAGE_BYTES: u32 = 65536;

/// A generation of the log: SQLite makes new salts each time it begins to write from the front again.
type Salts = [u32; 2];

/// What a log holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Walk {
    /// Frames up to the last commit that can be read.
    pub(super) frames: u64,
    /// Pages that the database has after that commit; `None` where there is no commit.
    pub(super) pages: Option<u32>,
    pub(super) page_bytes: u32,
    /// The first frame that cannot be read though commits stand behind it, which were acknowledged.
    pub(super) broken: Option<u64>,
}

/// Walks over the log at `path`; `None` where there is none, or none that SQLite would read.
pub(super) fn walk(path: &Path) -> io::Result<Option<Walk>> {
    let Some(file) = open(path)? else { return Ok(None) };
    let mut file = BufReader::with_capacity(1 << 16, file);
    let mut header = [0; HEADER_BYTES];
    if !read_whole(&mut file, &mut header)? {
        return Ok(None);
    }
    let Some(page_bytes) = header_page_bytes(&header) else { return Ok(None) };
    let salts = salts_of(&header);
    let mut sum = Sum { big_endian: word(&header, 0) & 1 == 1, of: [0, 0] };
    sum.add(&header[..24]);
    let mut walk = Walk { frames: 0, pages: None, page_bytes, broken: None };
    let mut frame = vec![0; FRAME_HEADER_BYTES + page_bytes as usize];
    let (mut number, mut first_bad, mut commit_behind) = (0, None, false);
    while read_whole(&mut file, &mut frame)? {
        let of_this_log = [word(&frame, 8), word(&frame, 12)] == salts;
        let commits = word(&frame, 4);
        if let Some(bad) = first_bad {
            // Whatever stands behind a commit was written after that commit had reached the disk.
            if of_this_log && commit_behind {
                walk.broken = Some(bad);
                break;
            }
            commit_behind |= of_this_log && commits != 0;
        } else {
            sum.add(frame.get(..8).unwrap_or_default());
            sum.add(frame.get(FRAME_HEADER_BYTES..).unwrap_or_default());
            if of_this_log && sum.of == [word(&frame, 16), word(&frame, 20)] {
                if commits != 0 {
                    (walk.frames, walk.pages) = (number + 1, Some(commits));
                }
            } else {
                first_bad = Some(number);
                commit_behind = commits != 0;
            }
        }
        number += 1;
    }
    Ok(Some(walk))
}

fn open(path: &Path) -> io::Result<Option<File>> {
    match File::open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The pages that the log at `path` holds, as far as it can be read.
pub(super) fn pages(path: &Path) -> io::Result<HashSet<u32>> {
    let Some(Walk { frames, page_bytes, .. }) = walk(path)? else { return Ok(HashSet::new()) };
    let Some(mut file) = open(path)? else { return Ok(HashSet::new()) };
    let mut number = [0; 4];
    (0..frames)
        .map(|frame| {
            file.seek(SeekFrom::Start(place_of_frame(frame, page_bytes as usize)))?;
            file.read_exact(&mut number)?;
            Ok(u32::from_be_bytes(number))
        })
        .collect()
}

/// Where a frame of the log begins, with the number of its page.
pub(super) fn place_of_frame(frame: u64, page_bytes: usize) -> u64 {
    HEADER_BYTES as u64 + frame * (FRAME_HEADER_BYTES + page_bytes) as u64
}

/// Shows the pages in the first `frames` of the log with their numbers, the last one first: of those of one number the first
/// one shown is the newest.
pub(super) fn from_the_end(
    path: &Path,
    frames: u64,
    page_bytes: usize,
    mut show: impl FnMut(u32, &[u8]),
) -> io::Result<()> {
    let (mut log, frame_bytes) = (File::open(path)?, FRAME_HEADER_BYTES + page_bytes);
    let mut buffer = vec![0; FRAMES_AT_ONCE * frame_bytes];
    let mut left = frames;
    while left > 0 {
        let together = left.min(FRAMES_AT_ONCE as u64);
        left -= together;
        let read = buffer.get_mut(..together as usize * frame_bytes).unwrap_or_default();
        log.seek(SeekFrom::Start(place_of_frame(left, page_bytes)))?;
        log.read_exact(read)?;
        for frame in read.chunks_exact(frame_bytes).rev() {
            show(word(frame, 0), frame.get(FRAME_HEADER_BYTES..).unwrap_or_default());
        }
    }
    Ok(())
}

/// Fills `buffer`; `false` where the file ends before.
fn read_whole(file: &mut impl Read, buffer: &mut [u8]) -> io::Result<bool> {
    match file.read_exact(buffer) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

/// How large the pages of a log are; `None` where its header is damaged.
fn header_page_bytes(header: &[u8; HEADER_BYTES]) -> Option<u32> {
    let [magic, _, page_bytes, ..] = words(header);
    let mut sum = Sum { big_endian: magic & 1 == 1, of: [0, 0] };
    sum.add(&header[..24]);
    let is_whole = magic & !1 == MAGIC && sum.of == [word(header, 24), word(header, 28)];
    (is_whole && page_bytes <= MAX_PAGE_BYTES).then_some(page_bytes)
}

fn salts_of(header: &[u8; HEADER_BYTES]) -> Salts {
    [word(header, 16), word(header, 20)]
}

fn word(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..at + 4).and_then(|four| four.try_into().ok()).map_or(0, u32::from_be_bytes)
}

fn words(header: &[u8; HEADER_BYTES]) -> [u32; 8] {
    std::array::from_fn(|number| word(header, number * 4))
}

/// The log's running checksum.
struct Sum {
    big_endian: bool,
    of: [u32; 2],
}

impl Sum {
    /// Adds `bytes`, whose length is a multiple of 8.
    fn add(&mut self, bytes: &[u8]) {
        let [mut first, mut second] = self.of;
        for pair in bytes.chunks_exact(8) {
            let (left, right) = if self.big_endian {
                (word(pair, 0), word(pair, 4))
            } else {
                (word(pair, 0).swap_bytes(), word(pair, 4).swap_bytes())
            };
            first = first.wrapping_add(left).wrapping_add(second);
            second = second.wrapping_add(right).wrapping_add(first);
        }
        self.of = [first, second];
    }
}

#[cfg(test)]
pub(super) mod tests {
    use rusqlite::Connection;

    use super::*;

    /// A log of three commits, as a process that was killed leaves it.
    pub(in crate::sqlite) fn three_commits(directory: &Path) -> (Vec<u8>, Walk) {
        let database = directory.join("some.db");
        let connection = Connection::open(&database).unwrap();
        connection
            .execute_batch("PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=0; CREATE TABLE t(x)")
            .unwrap();
        for number in 0..2 {
            connection.execute("INSERT INTO t VALUES (?1)", [number]).unwrap();
        }
        let log = directory.join("some.db-wal");
        let bytes = std::fs::read(&log).unwrap();
        let walked = walk(&log).unwrap().unwrap();
        drop(connection);
        (bytes, walked)
    }

    fn walk_over(directory: &Path, bytes: &[u8]) -> Option<Walk> {
        let path = directory.join("copy");
        std::fs::write(&path, bytes).unwrap();
        walk(&path).unwrap()
    }

    #[test]
    fn a_log_is_walked_to_its_last_commit() {
        let directory = tempfile::tempdir().unwrap();
        let (bytes, walked) = three_commits(directory.path());
        let frame = FRAME_HEADER_BYTES + walked.page_bytes as usize;
        assert_eq!(walked.frames as usize, (bytes.len() - HEADER_BYTES) / frame);
        assert_eq!((walked.pages, walked.broken), (Some(2), None));
        assert_eq!(walk(&directory.path().join("none")).unwrap(), None);
        assert_eq!(walk_over(directory.path(), &[]), None);
        assert_eq!(walk_over(directory.path(), &bytes[..HEADER_BYTES]).unwrap().frames, 0);
        // The end of a commit that is not whole is no damage, and not counted.
        let torn = walk_over(directory.path(), &bytes[..bytes.len() - 1]).unwrap();
        assert_eq!((torn.frames, torn.broken), (walked.frames - 1, None));
    }

    #[test]
    fn a_byte_that_flipped_before_the_last_commit_is_found_wherever_it_is() {
        let directory = tempfile::tempdir().unwrap();
        let (mut bytes, walked) = three_commits(directory.path());
        let frame = FRAME_HEADER_BYTES + walked.page_bytes as usize;
        for at in (HEADER_BYTES..bytes.len() - frame).step_by(997) {
            bytes[at] ^= 0x10;
            let found = walk_over(directory.path(), &bytes).unwrap();
            assert_eq!(found.broken, Some(((at - HEADER_BYTES) / frame) as u64), "byte {at}");
            assert!(found.frames < walked.frames, "byte {at}");
            bytes[at] ^= 0x10;
        }
        // In the last commit it cannot be told from one that never ended; its mark tells.
        let last = bytes.len() - 1;
        bytes[last] ^= 0x10;
        let found = walk_over(directory.path(), &bytes).unwrap();
        assert_eq!((found.frames, found.broken), (walked.frames - 1, None));
        bytes[0] ^= 0x10;
        assert_eq!(walk_over(directory.path(), &bytes), None);
    }
}
