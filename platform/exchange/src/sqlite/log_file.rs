//! The write-ahead log as a file: brings what was committed to the disk.
//!
//! SQLite writes commits into the log without waiting for the disk; whoever promises that one is kept calls
//! [`LogFile::sync`] first. Once for all that was committed since, where SQLite would at each commit, and for the contents
//! alone: the log is written over from its front again and again, so its size rarely changes, and the file system has
//! nothing of its own to write. Always true: SQLite itself waits for the disk where the order of writes matters to it, before
//! and after it brings the log into the database, and when it begins the log anew. Neighbour: [`writer`](super::writer).

use std::fs::{File, OpenOptions};
use std::path::PathBuf;

use super::directory::{Directory, LOG};
use super::trouble::{Outcome, Trouble};

/// Where it is told that the disk has the log: the tests of power failures listen.
pub const SYNCED: &str = "folkmoot_exchange::synced";

#[derive(Debug)]
pub(super) struct LogFile {
    path: PathBuf,
    /// Open from the first commit on: SQLite keeps one and the same file for as long as the database is open.
    file: Option<File>,
}

impl LogFile {
    pub(super) fn of(directory: &Directory) -> LogFile {
        LogFile { path: directory.file(LOG), file: None }
    }

    /// Waits until the disk has what was written.
    ///
    /// # Errors
    /// `Unsynced`: what of it the disk has is not known, and asking again would not tell.
    pub(super) fn sync(&mut self) -> Outcome<()> {
        let file = match self.file.take() {
            Some(file) => file,
            // Some systems sync only what may be written.
            None => OpenOptions::new().read(true).write(true).open(&self.path).map_err(Trouble::Unsynced)?,
        };
        file.sync_data().map_err(Trouble::Unsynced)?;
        tracing::trace!(target: SYNCED, log = %self.path.display(), "the disk has the log");
        self.file = Some(file);
        Ok(())
    }
}
