//! A link that gathers: after it has handled frames it waits before it reads again, so that what comes one by one meanwhile
//! is read, handled and answered at once. Over plain TCP nothing wakes it meanwhile.
//!
//! Always true: it does so only where [`gather_time`](crate::LinkLimits::gather_time) is set; what has come is written and what
//! is under way is read to its end all the same; a link that leaves does not wait. Neighbour: [`reading`](super::reading).

use std::task::{Context, Poll, ready};

use super::LinkTask;
use crate::link_time;

impl LinkTask {
    /// Pending while the link gathers.
    #[inline]
    pub(super) fn poll_gathered(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(gathering) = &mut self.gathering else { return Poll::Ready(()) };
        ready!(gathering.as_mut().poll(cx));
        self.gathering = None;
        Poll::Ready(())
    }

    /// All that has come is read: a time to gather begins, if frames were among it.
    pub(super) fn begin_gathering(&mut self, cx: &mut Context<'_>) {
        let time = self.link.tables.limits.gather_time;
        if time.is_zero() || !std::mem::take(&mut self.has_handled) {
            return;
        }
        // More is surely on its way, or nothing is.
        let is_amid =
            !self.reading.is_empty() || self.assembly.is_under_way() || self.link.outbox.is_sending_pieces();
        if is_amid || self.is_deaf || self.leaving.is_some() {
            return;
        }
        let mut gathering = link_time::sleep(time);
        // So that this task is woken by it.
        if gathering.as_mut().poll(cx).is_ready() {
            return;
        }
        self.gathering = Some(gathering);
        if let Err(error) = folkmoot_transports::rest(&mut *self.stream) {
            // The read that follows says it to the link.
            tracing::debug!(peer = %self.link.peer_address, %error, "the link's socket cannot rest");
        }
    }
}
