//! `folkmoot exchange backup`: a copy of a folder's mailboxes.
//!
//! Neighbour: `folkmoot::exchange::sqlite` copies.

use std::path::PathBuf;

use clap::Args;
use folkmoot::exchange::sqlite::{self, Copied};
use folkmoot::{Error, Result};

/// The arguments of `folkmoot exchange backup`.
#[derive(Debug, Args)]
pub(crate) struct Backup {
    /// The folder that the mail is kept in; whoever uses it goes on
    dir: PathBuf,
    /// The folder of the copy; it is made, and must hold no mailboxes yet
    out: PathBuf,
}

/// Copies.
///
/// # Errors
/// There is nothing to copy, no room for it, or it is damaged.
pub(crate) fn run(Backup { dir, out }: &Backup) -> Result<String> {
    let Copied { bytes } = sqlite::backup(dir, out).map_err(|error| Error::Other(Box::new(error)))?;
    Ok(format!("{} is copied into {}, {bytes} bytes", dir.display(), out.display()))
}
