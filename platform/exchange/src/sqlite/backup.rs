//! Copies an exchange into another directory, while it runs.
//!
//! Always true: the copy is what was committed at one moment, and was checked before it gets its name; the exchange goes on
//! meanwhile, and is asked for nothing. Neighbour: `folkmoot exchange backup` calls it.

use std::fs::File;
use std::path::Path;

use rusqlite::Connection;
use rusqlite::backup::{Backup, StepResult};

use crate::error::ExchangeError;

use super::directory::DATABASE;
use super::opening::connect_reader;
use super::trouble::{Outcome, Trouble, of_file};

/// Pages that are copied in one go.
const PIECE_PAGES: i32 = 1024;

/// What a copy is called until it is whole.
const UNFINISHED: &str = "exchange.db.unfinished";

/// What was copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Copied {
    /// The size of the copy, in bytes.
    pub bytes: u64,
}

/// Copies the exchange in `directory` into `out`, which is made and must hold no exchange.
///
/// # Errors
/// There is none in `directory`, there is one in `out`, or the files cannot be used.
pub fn backup(directory: &Path, out: &Path) -> Result<Copied, ExchangeError> {
    if !directory.join(DATABASE).is_file() {
        return Err(ExchangeError::Invalid {
            fault: format!("{} holds no exchange: there is no {DATABASE} in it", directory.display()),
        });
    }
    let (unfinished, finished) = (out.join(UNFINISHED), out.join(DATABASE));
    if finished.exists() {
        return Err(ExchangeError::Invalid {
            fault: format!("{} holds an exchange already; choose another directory", out.display()),
        });
    }
    let told = |error| of_file(out, "writing the copy of the exchange", error);
    std::fs::create_dir_all(out).map_err(told)?;
    if unfinished.exists() {
        std::fs::remove_file(&unfinished).map_err(told)?;
    }
    let copied = copy(directory, &unfinished).map_err(|trouble| trouble.tell(directory));
    if let Err(error) = copied {
        if let Err(left) = std::fs::remove_file(&unfinished) {
            tracing::warn!(error = %left, "an unfinished copy of an exchange could not be removed");
        }
        return Err(error);
    }
    File::open(&unfinished).and_then(|file| file.sync_all()).map_err(told)?;
    std::fs::rename(&unfinished, &finished).map_err(told)?;
    File::open(out).and_then(|out| out.sync_all()).map_err(told)?;
    let bytes = std::fs::metadata(&finished).map_err(told)?.len();
    Ok(Copied { bytes })
}

fn copy(directory: &Path, to: &Path) -> Outcome<()> {
    let source = connect_reader(directory)?;
    // Within one transaction the source is what it was at its beginning, whatever is committed meanwhile.
    source.execute_batch("BEGIN; SELECT count(*) FROM sqlite_schema")?;
    let mut target = Connection::open(to)?;
    {
        let copying = Backup::new(&source, &mut target)?;
        while copying.step(PIECE_PAGES)? != StepResult::Done {}
    }
    source.execute_batch("COMMIT")?;
    let verdict: String = target.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if verdict != "ok" {
        return Err(Trouble::Damaged(format!("{verdict}; the copy would be, too, and was not kept")));
    }
    target.close().map_err(|(_, error)| error)?;
    Ok(())
}
