//! The answer to a claim, on its way to whoever asked.
//!
//! Always true: deliveries that nobody is there to hear of go back. Neighbours: [`returned`](super::returned) has what goes back,
//! [`sqlite`](super) waits.

use tokio::sync::oneshot;

use crate::error::ExchangeError;
use crate::store::Claimed;

use super::SqliteStore;
use super::writer::give_back;

/// The answer to a claim; what comes after it was dropped goes back.
pub(super) struct Awaited<'a> {
    pub(super) answered: oneshot::Receiver<Result<Claimed, ExchangeError>>,
    pub(super) store: &'a SqliteStore,
    pub(super) is_heard: bool,
}

impl Drop for Awaited<'_> {
    fn drop(&mut self) {
        self.answered.close();
        if self.is_heard {
            return;
        }
        if let Ok(Ok(claimed)) = self.answered.try_recv() {
            give_back(&self.store.returned, claimed);
            self.store.look();
        }
    }
}
