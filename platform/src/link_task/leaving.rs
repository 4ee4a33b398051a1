//! The end of a link that answers what is in hand before it closes.
//!
//! Always true: it goes on while bytes move, and no longer than its bound. A peer that has closed its half may still
//! read, or be gone: one that understands is sent signs of life, which a system refuses whose process is gone.
//! Neighbours: [`link_task`](super) ends the link, [`container`](crate::container) waits for all of them at a shutdown.

use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::BytesMut;
use folkmoot_agents::Sleep;
use folkmoot_codecs::ArgumentList;

use super::LinkTask;
use crate::inbound::PING;
use crate::link_time;

/// A link that ends once nothing is left to be done over it.
pub(super) struct Leaving {
    /// How long it waits where nothing moves.
    patience: Duration,
    /// Runs out where nothing moves.
    still: Sleep,
    /// Runs out whatever moves.
    bound: Sleep,
    cause: String,
}

impl Leaving {
    pub(super) fn new(patience: Duration, most: Duration, cause: String) -> Leaving {
        let (still, bound) = (link_time::sleep(patience), link_time::sleep(most));
        Leaving { patience, still, bound, cause }
    }

    /// Why the link ends where nothing can be written to a peer that had closed its half.
    pub(super) fn gone(&self) -> String {
        format!("{}, and takes nothing any more", self.cause)
    }

    /// Ready with the cause when the link is to end now.
    pub(super) fn poll_over(&mut self, cx: &mut Context<'_>, is_answered: bool) -> Poll<String> {
        let over =
            is_answered || self.still.as_mut().poll(cx).is_ready() || self.bound.as_mut().poll(cx).is_ready();
        if over { Poll::Ready(std::mem::take(&mut self.cause)) } else { Poll::Pending }
    }
}

impl LinkTask {
    /// Bytes have come or gone: a link that leaves is given more time.
    pub(super) fn moved(&mut self) {
        // To a peer that has closed its half signs of life go, which mean nothing has moved.
        if self.is_deaf && self.link.is_rich() && !self.link.outbox.is_sending_pieces() {
            return;
        }
        if let Some(leaving) = &mut self.leaving {
            leaving.still = link_time::sleep(leaving.patience);
            self.link.tables.last_farewell.store(link_time::now().0, Ordering::Release);
        }
    }

    /// Lets a peer that has closed its half hear of this one, where it understands: if it is gone, writing fails.
    pub(super) fn poll_probe(&mut self, cx: &mut Context<'_>) {
        if !self.is_deaf || !self.link.is_rich() {
            return;
        }
        let pause = self.link.tables.limits.heartbeat;
        // The first at once.
        let probe = self.probe.get_or_insert_with(|| link_time::sleep(Duration::ZERO));
        if probe.as_mut().poll(cx).is_pending() {
            return;
        }
        let mut next = link_time::sleep(pause);
        // So that this task is woken by it.
        if next.as_mut().poll(cx).is_pending() {
            self.probe = Some(next);
        }
        let mut nothing = BytesMut::new();
        match ().encode(self.link.codec, &mut nothing) {
            Ok(()) => self.link.tell(u64::MAX >> 1, PING, &nothing),
            Err(error) => tracing::error!(%error, "an empty list did not encode"),
        }
    }
}
