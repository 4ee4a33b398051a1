//! Large payloads that a peer has compressed, which are opened on a thread of their own.
//!
//! Always true: messages are handled in the order they came, so nothing more of the link is read meanwhile. Neighbours:
//! [`reading`](super::reading) begins it, [`aside`](super::aside) does the same with what is heavy once it is open.

use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use folkmoot_agents::host::BoxFuture;

use super::LinkTask;
use super::aside::HEAVY_BYTES;
use super::reading::open;
use crate::link::Link;

/// A payload that is being opened.
pub(super) type Opening = BoxFuture<'static, Result<Bytes, String>>;

impl LinkTask {
    /// Handles the payload of a frame: at once, unless it must be opened first, which takes longer than the neighbours
    /// of a link may be held up.
    #[inline]
    pub(super) fn take_payload(&mut self, payload: Bytes) -> Result<(), String> {
        if self.link.codec.opening_bytes(&payload) < HEAVY_BYTES {
            return self.take_frame(payload);
        }
        self.opening = Some(Box::pin(open_apart(self.link.clone(), payload)));
        Ok(())
    }

    /// Goes on where a payload is being opened. Pending while it is.
    ///
    /// # Errors
    /// Why the link must end.
    pub(super) fn poll_opening(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), String>> {
        let Some(opening) = &mut self.opening else { return Poll::Ready(Ok(())) };
        opening.as_mut().poll(cx).map(|opened| {
            self.opening = None;
            self.take_opened(opened?)
        })
    }
}

/// Opens a payload on a thread of its own, when the node has one to spare.
async fn open_apart(link: Arc<Link>, payload: Bytes) -> Result<Bytes, String> {
    let place = link.tables.heavy.clone().acquire_owned().await;
    let opened = tokio::task::spawn_blocking(move || {
        let opened = open(&link, payload);
        drop(place);
        opened
    });
    opened.await.unwrap_or_else(|error| Err(format!("a payload could not be opened: {error}")))
}
