//! Copies an exchange into another directory, while it runs.
//!
//! Always true: the copy is what was committed at one moment, is known to have all of it, and was checked before it gets its
//! name; the exchange goes on meanwhile, and is asked for nothing. Neighbour: `folkmoot exchange backup` calls it.

use std::fs::File;
use std::path::Path;

use rusqlite::Connection;
use rusqlite::backup::{Backup, StepResult};

use crate::error::ExchangeError;

use super::directory::{self, DATABASE, MARK};
use super::mark::{Mark, MarkFile};
use super::opening::{commits, connect_reader, has_lost};
use super::pages;
use super::schema;
use super::trouble::{Ill, Outcome, Trouble, of_file};

/// Pages that are copied in one go.
const PIECE_PAGES: i32 = 1024;

/// What a copy is called until it is whole.
const UNFINISHED: &str = "exchange.db.unfinished";

/// What SQLite may leave beside it.
const JOURNAL: &str = "exchange.db.unfinished-journal";

/// What was copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Copied {
    /// The size of the copy, in bytes.
    pub bytes: u64,
}

/// Copies the exchange in `directory` into `out`, which is made and must hold no exchange.
///
/// # Errors
/// There is none in `directory`, or it has lost what it had taken; there is one in `out`, or no room; the files cannot be used.
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
    directory::make(out).map_err(told)?;
    remove(out).map_err(told)?;
    directory::make_database(&unfinished).map_err(told)?;
    // Read first: what is committed after that makes the database no older than its mark.
    let mark = Mark::read(&directory.join(MARK))
        .map_err(|error| of_file(&directory.join(MARK), "reading a file of the exchange", error))?;
    let last = match copy(directory, &unfinished, mark) {
        Ok(last) => last,
        Err(trouble) => {
            if let Err(left) = remove(out) {
                tracing::warn!(error = %left, "an unfinished copy of an exchange could not be removed");
            }
            return Err(match trouble.ill() {
                Some(Ill::Full) => no_room(out),
                _ => trouble.tell(directory),
            });
        }
    };
    File::open(&unfinished).and_then(|file| file.sync_all()).map_err(told)?;
    File::open(&unfinished).and_then(|copy| pages::write_sums(out, &copy)).map_err(told)?;
    // By it a copy that is cut later is known as such.
    let mark = out.join(MARK);
    MarkFile::open(&mark).and_then(|file| file.write(last)).map_err(told)?;
    File::open(&mark).and_then(|file| file.sync_all()).map_err(told)?;
    std::fs::rename(&unfinished, &finished).map_err(told)?;
    File::open(out).and_then(|out| out.sync_all()).map_err(told)?;
    let bytes = std::fs::metadata(&finished).map_err(told)?.len();
    Ok(Copied { bytes })
}

fn no_room(out: &Path) -> ExchangeError {
    ExchangeError::Invalid {
        fault: format!(
            "there is no room for the copy in {}; make some, or choose another directory",
            out.display()
        ),
    }
}

/// Removes what is left of a copy that was not finished.
fn remove(out: &Path) -> std::io::Result<()> {
    for name in [UNFINISHED, JOURNAL] {
        match std::fs::remove_file(out.join(name)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// Copies the database; which commit was its last.
fn copy(directory: &Path, to: &Path, mark: Option<Mark>) -> Outcome<Mark> {
    let source = connect_reader(directory)?;
    // Within one transaction the source is what it was at its beginning, whatever is committed meanwhile.
    source.execute_batch("BEGIN; SELECT count(*) FROM sqlite_schema")?;
    let last = match schema::is_empty(&source)? {
        true => 0,
        false => commits(&source, schema::version(&source)?)?,
    };
    if let Some(Mark(told)) = mark
        && told > last
    {
        let has_lost = has_lost(directory, last, told);
        return Err(Trouble::Damaged(format!("the database in {} {has_lost}", directory.display())));
    }
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
    Ok(Mark(last))
}
