//! Bytes on their way to a peer: filled from any worker, emptied by the link in one write.
//!
//! Always true: whole frames only. Who pushes looks at the limit first, so no more waits than that and what was pushed
//! at the same moment. Neighbours: replies and calls push, the
//! [`link`](crate::link) task takes.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Waker};

use bytes::BytesMut;

/// The bytes of whole frames that wait to be written.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    inner: Mutex<Inner>,
    frames: AtomicU64,
}

#[derive(Debug, Default)]
struct Inner {
    bytes: BytesMut,
    closed: bool,
    writer: Option<Waker>,
}

impl Inner {
    fn watch(&mut self, cx: &Context<'_>) {
        if !self.writer.as_ref().is_some_and(|writer| writer.will_wake(cx.waker())) {
            self.writer = Some(cx.waker().clone());
        }
    }
}

impl Outbox {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets `write` append one frame. `None`, and nothing written, where the link has ended.
    pub(crate) fn push<R>(&self, write: impl FnOnce(&mut BytesMut) -> R) -> Option<R> {
        let mut inner = self.lock();
        if inner.closed {
            return None;
        }
        let result = write(&mut inner.bytes);
        let writer = inner.writer.take();
        drop(inner);
        self.frames.fetch_add(1, Ordering::Relaxed);
        if let Some(writer) = writer {
            writer.wake();
        }
        Some(result)
    }

    /// How many bytes wait.
    pub(crate) fn waiting(&self) -> usize {
        self.lock().bytes.len()
    }

    /// Exchanges all that waits for the empty `spare`; where nothing waits, the task of `cx` is woken by the next
    /// push.
    pub(crate) fn take(&self, spare: &mut BytesMut, cx: &Context<'_>) -> bool {
        let mut inner = self.lock();
        if inner.bytes.is_empty() {
            inner.watch(cx);
            return false;
        }
        std::mem::swap(&mut inner.bytes, spare);
        true
    }

    /// The task of `cx` is woken by the next push, and by [`Outbox::wake`].
    pub(crate) fn watch(&self, cx: &Context<'_>) {
        self.lock().watch(cx);
    }

    /// Frames pushed since the last look.
    pub(crate) fn take_frames(&self) -> u64 {
        self.frames.swap(0, Ordering::Relaxed)
    }

    /// Lets the link's task look around.
    pub(crate) fn wake(&self) {
        let writer = self.lock().writer.take();
        if let Some(writer) = writer {
            writer.wake();
        }
    }

    /// Takes no more.
    pub(crate) fn close(&self) {
        let mut inner = self.lock();
        inner.closed = true;
        inner.bytes = BytesMut::new();
        let writer = inner.writer.take();
        drop(inner);
        if let Some(writer) = writer {
            writer.wake();
        }
    }
}
