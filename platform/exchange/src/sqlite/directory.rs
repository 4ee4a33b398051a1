//! The directory of an exchange: which files lie in it, and the lock that makes it one process's alone.
//!
//! Always true: whoever holds a [`Directory`] is the only one who does, on this machine; a process that dies frees it.
//! Neighbours: [`opening`](super::opening) opens the database, [`check`](super::check) looks at all of the files.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

use crate::error::ExchangeError;

use super::trouble::of_file;

/// The database.
pub const DATABASE: &str = "exchange.db";
/// Its write-ahead log, as SQLite calls it.
pub const LOG: &str = "exchange.db-wal";
/// How far the log had come.
pub const MARK: &str = "exchange.mark";
/// Which mail is in somebody's hand.
pub const HANDS: &str = "exchange.hands";
/// What is given back on a full disk.
pub const BALLAST: &str = "exchange.ballast";
/// The sums of the database's pages.
pub const SUMS: &str = "exchange.sums";
/// Who holds the directory.
pub const LOCK: &str = "exchange.lock";
/// Longest text in a lock's file that is told, in bytes.
const MAX_HOLDER_BYTES: u64 = 64;

/// The files of an exchange, locked.
#[derive(Debug)]
pub(super) struct Directory {
    path: PathBuf,
    lock: File,
}

impl Drop for Directory {
    fn drop(&mut self) {
        // To close the file alone is not enough while a process is being started: until it runs it has the file open too.
        if let Err(error) = self.lock.unlock() {
            tracing::debug!(%error, "the directory of an exchange was not let go of");
        }
    }
}

impl Directory {
    /// Makes the directory where there is none, and locks it.
    ///
    /// # Errors
    /// It cannot be made or written, or another process holds it.
    pub(super) fn hold(path: &Path) -> Result<Directory, ExchangeError> {
        let told = |error| of_file(path, "using the directory of the exchange", error);
        make(path).map_err(told)?;
        let at = path.join(LOCK);
        let mut lock =
            OpenOptions::new().create(true).truncate(false).read(true).write(true).open(at).map_err(told)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                let _ = (&lock).take(MAX_HOLDER_BYTES).read_to_string(&mut holder);
                return Err(in_use(path, holder.trim()));
            }
            Err(TryLockError::Error(error)) => return Err(told(error)),
        }
        // A help for people; the lock itself is the system's.
        let told_who = lock
            .set_len(0)
            .and_then(|()| lock.seek(io::SeekFrom::Start(0)))
            .and_then(|_| writeln!(lock, "process {}", std::process::id()));
        if let Err(error) = told_who {
            tracing::debug!(%error, "the lock of an exchange's directory does not say who holds it");
        }
        Ok(Directory { path: path.to_owned(), lock })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }
}

fn in_use(path: &Path, holder: &str) -> ExchangeError {
    ExchangeError::Invalid {
        fault: format!(
            "{} is in use by {}; one process at a time holds the directory of an exchange, stop that one first",
            path.display(),
            if holder.is_empty() { "another process" } else { holder }
        ),
    }
}

/// Makes a directory that is its owner's alone, where there is none.
#[cfg(unix)]
pub(super) fn make(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

#[cfg(not(unix))]
pub(super) fn make(path: &Path) -> io::Result<()> {
    std::fs::create_dir_all(path)
}

/// Makes an empty database that its owner alone may read, where there is none: whoever made the directory may let others in.
/// SQLite gives its log the same rights.
pub(super) fn make_database(path: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.create(true).truncate(false).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop)
}
