//! Eight MiB of disk that are given back when the disk is full, so that what is acknowledged can still be deleted.
//!
//! Always true: while the ballast is gone, mail is refused, unless the database has as much room itself: its file never
//! shrinks, so a disk that it filled alone stays full. The ballast is laid in again as soon as the disk has room for it.
//! Neighbour: [`writer`](super::writer) throws it off.

use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;

/// Size of the ballast in bytes: twice what the write-ahead log grows to.
pub const BALLAST_BYTES: usize = 8 << 20;
const PIECE_BYTES: usize = 1 << 16;

/// The ballast's file.
#[derive(Debug)]
pub(super) struct Ballast {
    path: PathBuf,
}

impl Ballast {
    pub(super) fn at(path: PathBuf) -> Ballast {
        Ballast { path }
    }

    /// Whether it is there, whole.
    pub(super) fn is_in(&self) -> bool {
        std::fs::metadata(&self.path).is_ok_and(|file| file.len() == BALLAST_BYTES as u64)
    }

    /// Lays it in, on the disk itself.
    ///
    /// # Errors
    /// Those of the disk, a full one above all; nothing of it is left then.
    pub(super) fn lay_in(&self) -> io::Result<()> {
        let laid = self.write();
        if laid.is_err() {
            self.throw_off()?;
        }
        laid
    }

    fn write(&self) -> io::Result<()> {
        // Noise, for file systems that make nothing of zeros.
        let mut noise = 0x9e37_79b9_7f4a_7c15_u64;
        let mut piece = Vec::with_capacity(PIECE_BYTES);
        let mut file = File::create(&self.path)?;
        for _ in 0..BALLAST_BYTES / PIECE_BYTES {
            piece.clear();
            while piece.len() < PIECE_BYTES {
                noise ^= noise << 13;
                noise ^= noise >> 7;
                noise ^= noise << 17;
                piece.extend_from_slice(&noise.to_le_bytes());
            }
            file.write_all(&piece)?;
        }
        file.sync_all()
    }

    /// Gives its room back to the disk.
    pub(super) fn throw_off(&self) -> io::Result<()> {
        match std::fs::remove_file(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}
