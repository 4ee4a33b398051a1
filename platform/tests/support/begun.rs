//! A future that is begun and waits.

use std::pin::Pin;
use std::task::{Context, Waker};

/// Polls it once, and says whether it waits.
pub(crate) fn begin(future: &mut (impl Future + Unpin)) -> bool {
    Pin::new(future).poll(&mut Context::from_waker(Waker::noop())).is_pending()
}
