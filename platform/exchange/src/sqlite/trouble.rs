//! What can go wrong within the store, before it is told as an [`ExchangeError`].
//!
//! Always true: what was refused leaves the store as good as it was; a full disk, damage and a failing disk are told
//! apart, for the [`writer`](super::writer) answers each in its own way.

use std::path::Path;
use std::sync::Arc;

use rusqlite::ErrorCode;

use crate::error::ExchangeError;

/// SQLite's `SQLITE_IOERR_SHMSIZE`: there was no room for the index of the log.
const NO_ROOM_FOR_THE_INDEX: i32 = 4874;

/// Why an operation did not end well.
#[derive(Debug)]
pub(super) enum Trouble {
    /// By the rules of an exchange.
    Refused(ExchangeError),
    /// By SQLite.
    Sql(rusqlite::Error),
    /// Something that is stored is not what was stored; where, and what to do.
    Damaged(String),
    /// The disk did not take what was written.
    Unsynced(std::io::Error),
}

/// What an operation within the store gives.
pub(super) type Outcome<T> = Result<T, Trouble>;

/// What kind of trouble the database is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ill {
    /// There is no room on the disk.
    Full,
    /// A page or a row is damaged; the rest can be used.
    Damaged,
    /// The disk failed: what it holds is not known any more.
    Failed,
}

impl Trouble {
    /// How ill the database is; `None` where it is well.
    pub(super) fn ill(&self) -> Option<Ill> {
        match self {
            Trouble::Refused(_) => None,
            Trouble::Damaged(_) => Some(Ill::Damaged),
            Trouble::Unsynced(_) => Some(Ill::Failed),
            Trouble::Sql(rusqlite::Error::SqliteFailure(error, _)) => Some(match error.code {
                ErrorCode::DiskFull => Ill::Full,
                _ if error.extended_code == NO_ROOM_FOR_THE_INDEX => Ill::Full,
                ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => Ill::Damaged,
                // Something lies already where nothing of it is known.
                ErrorCode::ConstraintViolation => Ill::Damaged,
                _ => Ill::Failed,
            }),
            // A column is not of its type, or a row is not there that must be.
            Trouble::Sql(_) => Some(Ill::Damaged),
        }
    }

    /// As told to whoever asked, of the exchange in `directory`.
    pub(super) fn tell(self, directory: &Path) -> ExchangeError {
        let ill = self.ill();
        match (self, ill) {
            (Trouble::Refused(error), _) => error,
            (_, Some(Ill::Full)) => ExchangeError::DiskFull,
            (Trouble::Unsynced(error), _) => ExchangeError::Failed {
                what: format!("waiting for the disk to keep its log in {}", directory.display()),
                source: Arc::new(error),
            },
            (Trouble::Damaged(what), _) => ExchangeError::Damaged { what },
            (Trouble::Sql(error), Some(Ill::Damaged)) => ExchangeError::Damaged {
                what: format!(
                    "{error}; `folkmoot exchange check {}` says where, once the exchange is stopped",
                    directory.display()
                ),
            },
            (Trouble::Sql(error), _) => ExchangeError::Failed {
                what: format!("using its database in {}", directory.display()),
                source: Arc::new(error),
            },
        }
    }
}

impl From<rusqlite::Error> for Trouble {
    fn from(error: rusqlite::Error) -> Trouble {
        Trouble::Sql(error)
    }
}

impl From<ExchangeError> for Trouble {
    fn from(error: ExchangeError) -> Trouble {
        Trouble::Refused(error)
    }
}

/// A file or a directory could not be used.
pub(super) fn of_file(path: &Path, what: &str, error: std::io::Error) -> ExchangeError {
    if error.kind() == std::io::ErrorKind::StorageFull {
        return ExchangeError::DiskFull;
    }
    ExchangeError::Failed { what: format!("{what} ({})", path.display()), source: Arc::new(error) }
}
