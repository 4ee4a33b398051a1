//! The factory: an exchange by one line of configuration.
//!
//! Neighbours: [`memory`](crate::memory), `sqlite`.

use std::sync::Arc;

use crate::engine::Engine;
use crate::error::ExchangeError;
use crate::exchange::Exchange;
use crate::ground::Ground;
use crate::memory::MemoryStore;

/// What one may write.
#[cfg(feature = "sqlite")]
const KNOWN: &str = "write memory: or sqlite:// and a directory, such as sqlite:///var/lib/folkmoot";
#[cfg(not(feature = "sqlite"))]
const KNOWN: &str = "write memory:; this program was built without SQLite";

/// Opens the exchange that `line` names: `memory:`, or with the feature `sqlite` the directory of `sqlite:///directory`.
///
/// # Errors
/// `Line` where no engine is known by it; what keeps the engine from opening its files.
pub async fn open(line: &str, ground: Ground) -> Result<Arc<dyn Exchange>, ExchangeError> {
    let ground = Arc::new(ground);
    if line == "memory:" {
        return Ok(Arc::new(Engine::new(ground.clone(), MemoryStore::new(ground))));
    }
    #[cfg(feature = "sqlite")]
    if let Some(directory) = line.strip_prefix("sqlite://").filter(|directory| !directory.is_empty()) {
        let store = open_aside(directory.into(), ground.clone()).await?;
        return Ok(Arc::new(Engine::new(ground, store)));
    }
    Err(ExchangeError::Line { line: line.chars().take(256).collect(), fault: KNOWN.to_owned() })
}

/// Opens a directory on a thread of its own, for it reads.
#[cfg(feature = "sqlite")]
async fn open_aside(
    directory: std::path::PathBuf,
    ground: Arc<Ground>,
) -> Result<crate::sqlite::SqliteStore, ExchangeError> {
    let (answer, answered) = tokio::sync::oneshot::channel();
    std::thread::Builder::new()
        .name("folkmoot-exchange-opener".to_owned())
        .spawn(move || drop(answer.send(crate::sqlite::SqliteStore::open(&directory, ground))))
        .map_err(|error| ExchangeError::Failed {
            what: "starting a thread of the exchange".to_owned(),
            source: Arc::new(error),
        })?;
    answered.await.map_err(|_| ExchangeError::Closed)?
}
