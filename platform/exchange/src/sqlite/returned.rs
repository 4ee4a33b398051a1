//! Deliveries that go back as they were: those claimed for someone who went away before they heard of it, and those that
//! a receiver gives back without waiting.
//!
//! Always true: the writer takes them back before it does anything else; there are never more than are in hand.
//! Neighbours: [`writer`](super::writer), and the future of a claim in [`sqlite`](super).

use std::sync::{Mutex, PoisonError};

use crate::asker::Asker;
use crate::delivery::Receipt;

#[derive(Debug, Default)]
pub(super) struct Returned(Mutex<Vec<(Asker, Receipt)>>);

impl Returned {
    pub(super) fn add(&self, asker: &Asker, receipts: impl IntoIterator<Item = Receipt>) {
        let given = receipts.into_iter().map(|receipt| (asker.clone(), receipt));
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(given);
    }

    pub(super) fn take(&self) -> Vec<(Asker, Receipt)> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// What could not be taken back yet.
    pub(super) fn put_back(&self, returned: Vec<(Asker, Receipt)>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(returned);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }
}
