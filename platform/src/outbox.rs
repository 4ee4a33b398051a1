//! What is on its way to a peer: filled from any worker, emptied by the link in few writes.
//!
//! Three lanes. Control (signs of life, credits, news) overtakes all; small frames come next; large payloads leave in
//! pieces, one at a time between the small frames of that moment. Always true: whole frames only; requests to one agent
//! leave in the order they were pushed, whatever their size. Who pushes looks at the limit first, so no more waits than
//! that and what was pushed at the same moment. Neighbours: replies and calls push, the [`link`](crate::link) task
//! takes.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Waker};

use bytes::BytesMut;
use folkmoot_codecs::Codec;

use crate::link::order_key;

mod large;

pub(crate) use large::{FIRST_PIECE_ID, Name, NextPiece, Payload, TakenBack};

use large::Large;

/// The frames that wait to be written.
#[derive(Debug)]
pub(crate) struct Outbox {
    inner: Mutex<Inner>,
    frames: AtomicU64,
    /// Bytes of large answers that wait.
    answers: AtomicUsize,
}

#[derive(Debug)]
struct Inner {
    control: BytesMut,
    small: BytesMut,
    /// The least id of a request in `small`.
    least_request: u64,
    large: Large,
    closed: bool,
    writer: Option<Waker>,
}

impl Inner {
    fn watch(&mut self, cx: &Context<'_>) {
        if !self.writer.as_ref().is_some_and(|writer| writer.will_wake(cx.waker())) {
            self.writer = Some(cx.waker().clone());
        }
    }

    fn waiting(&self) -> usize {
        self.control.len() + self.small.len() + self.large.bytes()
    }
}

impl Outbox {
    /// An outbox that sends at most `window_bytes` of pieces ahead of the peer's answers to them.
    pub(crate) fn new(window_bytes: usize) -> Outbox {
        let inner = Inner {
            control: BytesMut::new(),
            small: BytesMut::new(),
            least_request: u64::MAX,
            large: Large::new(window_bytes),
            closed: false,
            writer: None,
        };
        Outbox { inner: Mutex::new(inner), frames: AtomicU64::new(0), answers: AtomicUsize::new(0) }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets `change` put something in. `None`, and nothing done, where the link has ended.
    #[inline]
    fn put<R>(&self, change: impl FnOnce(&mut Inner) -> R) -> Option<R> {
        let mut inner = self.lock();
        if inner.closed {
            return None;
        }
        let result = change(&mut inner);
        let writer = inner.writer.take();
        drop(inner);
        if let Some(writer) = writer {
            writer.wake();
        }
        Some(result)
    }

    /// Lets `write` append one frame behind all small ones; it is told how many bytes wait. `None`, and nothing
    /// written, where the link has ended.
    #[inline]
    pub(crate) fn push<R>(&self, write: impl FnOnce(&mut BytesMut, usize) -> R) -> Option<R> {
        self.put(|inner| {
            self.frames.fetch_add(1, Ordering::Relaxed);
            let waiting = inner.waiting();
            write(&mut inner.small, waiting)
        })
    }

    /// Lets `write` append request `id` to `path`: behind a large one with the same [`order_key`], if one waits, else
    /// behind all small frames. `None` as above.
    #[inline]
    pub(crate) fn push_request<R>(
        &self,
        id: u64,
        path: &str,
        write: impl FnOnce(&mut BytesMut) -> R,
    ) -> Option<R> {
        self.put(|inner| {
            // What the path's key is matters only where there are lines.
            if inner.large.has_keys() {
                let key = order_key(path);
                if inner.large.holds(key) {
                    return inner.large.push_behind(id, key, write);
                }
            }
            self.frames.fetch_add(1, Ordering::Relaxed);
            inner.least_request = inner.least_request.min(id);
            write(&mut inner.small)
        })
    }

    /// Appends a frame that overtakes all others but its like; one to `key` waits behind a large one to the same.
    pub(crate) fn push_control(&self, key: Option<&str>, frame: &[u8]) {
        self.put(|inner| match key {
            Some(key) if inner.large.holds(key) => {
                inner.large.push_behind(u64::MAX, key, |held| held.extend_from_slice(frame));
            }
            _ => {
                self.frames.fetch_add(1, Ordering::Relaxed);
                inner.control.extend_from_slice(frame);
            }
        });
    }

    /// Appends the cancel of request `id`, which overtakes all but that request.
    pub(crate) fn push_cancel(&self, id: u64, frame: &[u8]) {
        self.put(|inner| {
            self.frames.fetch_add(1, Ordering::Relaxed);
            match id >= inner.least_request {
                true => inner.small.extend_from_slice(frame),
                false => inner.control.extend_from_slice(frame),
            }
        });
    }

    /// Takes a payload that is to leave in pieces. A request goes to `key`, an answer to none. Where more than `most`
    /// bytes wait it is given back. `None` where the link has ended.
    pub(crate) fn push_large(
        &self,
        key: Option<&str>,
        payload: Payload,
        most: usize,
    ) -> Option<Result<(), Payload>> {
        self.put(|inner| {
            if inner.waiting() > most {
                return Err(payload);
            }
            inner.large.push(key, payload);
            self.note_answers(inner);
            Ok(())
        })
    }

    fn note_answers(&self, inner: &Inner) {
        self.answers.store(inner.large.answer_bytes(), Ordering::Release);
    }

    /// Lets go what waits behind no large one any more.
    fn release(&self, inner: &mut Inner) {
        let released = inner.large.release(&mut inner.small);
        inner.least_request = inner.least_request.min(released.least);
        self.frames.fetch_add(released.frames, Ordering::Relaxed);
    }

    /// How many bytes wait.
    pub(crate) fn waiting(&self) -> usize {
        self.lock().waiting()
    }

    /// How many bytes wait of what leaves as soon as the peer takes it.
    pub(crate) fn waiting_small(&self) -> usize {
        let inner = self.lock();
        inner.control.len() + inner.small.len()
    }

    /// How many bytes wait of large answers.
    #[inline]
    pub(crate) fn waiting_answers(&self) -> usize {
        self.answers.load(Ordering::Acquire)
    }

    /// Whether large payloads wait, or pieces of some for the peer's answer.
    pub(crate) fn is_sending_pieces(&self) -> bool {
        let inner = self.lock();
        !inner.large.is_empty() || !inner.large.is_answered()
    }

    /// Exchanges what waits in the foremost lane for the empty `spare`, with a piece to be written behind small frames
    /// if one may leave. `None` where nothing may; the task of `cx` is woken by the next push then.
    pub(crate) fn take(
        &self,
        codec: Codec,
        spare: &mut BytesMut,
        cx: &Context<'_>,
    ) -> Option<Option<NextPiece>> {
        let mut inner = self.lock();
        let inner = &mut *inner;
        if !inner.control.is_empty() {
            std::mem::swap(&mut inner.control, spare);
            return Some(None);
        }
        let any = !inner.small.is_empty();
        if any {
            std::mem::swap(&mut inner.small, spare);
            inner.least_request = u64::MAX;
        }
        if inner.large.is_empty() {
            if !any {
                inner.watch(cx);
            }
            return any.then_some(None);
        }
        let piece = inner.large.next_piece(codec);
        match &piece {
            Some(piece) => {
                self.frames.fetch_add(1, Ordering::Relaxed);
                self.note_answers(inner);
                if piece.last {
                    self.release(inner);
                }
            }
            None if !any => inner.watch(cx),
            None => {}
        }
        (any || piece.is_some()).then_some(piece)
    }

    /// The peer answered piece `id`. Says whether there was such a one.
    pub(crate) fn answered(&self, id: u64) -> bool {
        self.put(|inner| inner.large.answered(id)).unwrap_or(true)
    }

    /// The peer answers no more: what waits leaves as fast as it is taken.
    pub(crate) fn answers_no_more(&self) {
        self.put(|inner| inner.large.open_window());
    }

    /// Takes a request, or an answer, out of those that wait behind or as large ones.
    pub(crate) fn take_back(&self, name: Name) -> TakenBack {
        let taken = self.put(|inner| {
            if inner.large.is_empty() {
                return TakenBack::Gone;
            }
            let taken = inner.large.take_back(name);
            self.note_answers(inner);
            self.release(inner);
            taken
        });
        taken.unwrap_or(TakenBack::Gone)
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
        (inner.control, inner.small) = (BytesMut::new(), BytesMut::new());
        let large = std::mem::replace(&mut inner.large, Large::new(0));
        self.note_answers(&inner);
        let writer = inner.writer.take();
        drop(inner);
        drop(large);
        if let Some(writer) = writer {
            writer.wake();
        }
    }
}
