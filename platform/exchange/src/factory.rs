//! The factory: an exchange by one line of configuration.
//!
//! Neighbours: [`memory`](crate::memory); an engine with files has a line of its own here.

use std::sync::Arc;

use crate::engine::Engine;
use crate::error::ExchangeError;
use crate::exchange::Exchange;
use crate::ground::Ground;
use crate::memory::MemoryStore;

/// Opens the exchange that `line` names: `memory:`.
///
/// # Errors
/// `Line` where no engine is known by it; what keeps the engine from opening its files.
pub async fn open(line: &str, ground: Ground) -> Result<Arc<dyn Exchange>, ExchangeError> {
    let ground = Arc::new(ground);
    match line {
        "memory:" => Ok(Arc::new(Engine::new(ground.clone(), MemoryStore::new(ground)))),
        _ => Err(ExchangeError::Line {
            line: line.chars().take(256).collect(),
            fault: "write memory:".to_owned(),
        }),
    }
}
