//! Which commit was the last that reached the disk, in a file of its own: whether the database lost some is known by that.
//!
//! Written without waiting for the disk, after a commit that has reached it: so it is never ahead, and a database that
//! is behind its mark has lost commits that were acknowledged. After a power failure the mark may be behind, which is no
//! harm. Neighbours: [`opening`](super::opening) compares, [`wal`](super::wal) finds where a log is broken.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;

use super::sum::{sum_of, with_a_byte_put_right};

const BYTES: usize = 16;
const MAGIC: [u8; 4] = *b"FMM1";

/// The number of the last commit that is on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark(pub(super) u64);

impl Mark {
    /// Reads the mark at `path`: `Ok(None)` where there is none or it cannot be read as one, which tells nothing.
    pub(super) fn read(path: &Path) -> io::Result<Option<Mark>> {
        match std::fs::read(path) {
            Ok(bytes) => Ok(Mark::of(&bytes).or_else(|| put_right(path, &bytes))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Whether there is a mark at `path` that is not what was written.
    pub(super) fn is_damaged(path: &Path) -> io::Result<bool> {
        match std::fs::read(path) {
            Ok(bytes) => Ok(!bytes.is_empty() && Mark::of(&bytes).is_none()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn of(bytes: &[u8]) -> Option<Mark> {
        let bytes: &[u8; BYTES] = bytes.try_into().ok()?;
        let (told, sum) = bytes.split_at(BYTES - 4);
        let number = told.get(MAGIC.len()..)?.try_into().ok()?;
        let is_whole = told.starts_with(&MAGIC) && sum == sum_of(&[told]).to_le_bytes();
        is_whole.then(|| Mark(u64::from_le_bytes(number)))
    }

    fn bytes(self) -> [u8; BYTES] {
        let mut told = Vec::with_capacity(BYTES);
        told.extend_from_slice(&MAGIC);
        told.extend_from_slice(&self.0.to_le_bytes());
        told.extend_from_slice(&sum_of(&[&told]).to_le_bytes());
        let mut bytes = [0; BYTES];
        bytes.iter_mut().zip(told).for_each(|(to, from)| *to = from);
        bytes
    }
}

/// The mark in whose bytes one flipped; another tells nothing, which the log tells.
fn put_right(path: &Path, bytes: &[u8]) -> Option<Mark> {
    let mark = match bytes.len() {
        0 => return None,
        BYTES => with_a_byte_put_right(bytes).as_deref().and_then(Mark::of),
        _ => None,
    };
    match mark {
        Some(_) => {
            tracing::error!(mark = %path.display(), "a byte of the mark had flipped, and was put right")
        }
        None => tracing::error!(
            mark = %path.display(),
            "the mark is damaged: whether commits were lost is not known; it is written anew with the next one"
        ),
    }
    mark
}

/// Where marks are written.
#[derive(Debug)]
pub(super) struct MarkFile(File);

impl MarkFile {
    pub(super) fn open(path: &Path) -> io::Result<MarkFile> {
        Ok(MarkFile(OpenOptions::new().create(true).truncate(false).write(true).open(path)?))
    }

    #[cfg(unix)]
    pub(super) fn write(&self, mark: Mark) -> io::Result<()> {
        std::os::unix::fs::FileExt::write_all_at(&self.0, &mark.bytes(), 0)
    }

    #[cfg(not(unix))]
    pub(super) fn write(&self, mark: Mark) -> io::Result<()> {
        use std::io::{Seek, Write};
        let mut file = &self.0;
        file.seek(io::SeekFrom::Start(0))?;
        file.write_all(&mark.bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_read_as_it_was_written_and_a_damaged_one_tells_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("mark");
        assert_eq!(Mark::read(&path).unwrap(), None);
        let file = MarkFile::open(&path).unwrap();
        for number in [u64::MAX, 0, 1 << 33] {
            file.write(Mark(number)).unwrap();
            assert_eq!(Mark::read(&path).unwrap(), Some(Mark(number)));
        }
        let whole = std::fs::read(&path).unwrap();
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 1;
            assert_eq!(Mark::of(&bytes), None, "byte {at}");
            assert_eq!(Mark::of(&whole[..at]), None, "cut at {at}");
        }
    }
}
