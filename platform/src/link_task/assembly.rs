//! Large payloads that come in pieces, put together.
//!
//! Always true: no more streams than [`MAX_STREAMS`] are open, none is longer than a frame may be, and memory grows with
//! what has come; a peer that breaks the rules of streams loses its link. A piece is answered once there is room for
//! more. Neighbours: [`outbox`](crate::outbox) is the other end, [`aside`](super::aside) takes whole payloads on.

use std::collections::VecDeque;
use std::task::{Context, Poll};

use bytes::BytesMut;
use folkmoot_agents::Sleep;
use folkmoot_codecs::piece::MAX_STREAMS;
use folkmoot_codecs::{ArgumentList, Arguments, CallError, Never, Piece, RawId};

use super::LinkTask;
use crate::inbound;
use crate::link_time;
use crate::spare_buffers;

/// The streams of one link that are open.
#[derive(Default)]
pub(super) struct Assembly {
    streams: Vec<Stream>,
    /// The highest number of a stream that has begun.
    highest: u64,
    /// Pieces that are answered when there is room for more.
    withheld: VecDeque<RawId>,
    /// Whether a whole payload is being taken.
    is_nested: bool,
    /// Runs out if no piece comes while a stream is open.
    stall: Option<Sleep>,
}

struct Stream {
    number: u64,
    bytes: BytesMut,
}

impl Assembly {
    /// Whether a stream is open.
    pub(super) fn is_under_way(&self) -> bool {
        !self.streams.is_empty()
    }

    /// Forgets all streams.
    pub(super) fn clear(&mut self) {
        *self = Assembly { highest: self.highest, ..Assembly::default() };
    }

    /// Takes a piece in; the whole payload, if that was the last.
    ///
    /// # Errors
    /// Which rule the peer broke.
    fn add(&mut self, piece: &Piece<'_>, most: usize) -> Result<Option<BytesMut>, String> {
        let number = piece.stream;
        let at = match self.streams.iter().position(|stream| stream.number == number) {
            Some(at) => at,
            None if number <= self.highest => {
                return Err(format!("a piece came of stream {number}, which is not open any more"));
            }
            None if self.streams.len() >= MAX_STREAMS => {
                return Err(format!(
                    "a stream came beside {MAX_STREAMS} others, more than may be open at once"
                ));
            }
            None => {
                self.highest = number;
                self.streams.push(Stream { number, bytes: spare_buffers::take().unwrap_or_default() });
                self.streams.len() - 1
            }
        };
        let Some(stream) = self.streams.get_mut(at) else { return Ok(None) };
        if stream.bytes.len() + piece.bytes.len() > most {
            return Err(format!(
                "a payload in pieces is longer than {most} bytes, the limit of a frame; raise max_frame_bytes or send \
                 less"
            ));
        }
        stream.bytes.extend_from_slice(&piece.bytes);
        self.stall = None;
        Ok(piece.last.then(|| self.streams.swap_remove(at).bytes))
    }
}

impl LinkTask {
    /// A piece of a large payload came.
    pub(super) fn take_piece(
        &mut self,
        id: &RawId,
        no_reply: bool,
        arguments: &Arguments<'_>,
    ) -> Result<(), String> {
        let counters = &self.link.tables.counters;
        counters.pieces_in.increment(1);
        // Pieces of pieces would get around all bounds.
        if self.assembly.is_nested {
            counters.bad_frames.increment(1);
            return Err("a payload in pieces is itself a piece".to_owned());
        }
        let most = self.link.tables.limits.frame.max_frame_bytes as usize;
        let piece = Piece::decode(arguments).map_err(|error| format!("no piece: {error}"));
        let whole = piece.and_then(|piece| self.assembly.add(&piece, most));
        let whole = whole.inspect_err(|_| counters.bad_frames.increment(1))?;
        if !no_reply {
            self.assembly.withheld.push_back(id.clone());
        }
        if let Some(whole) = whole {
            self.assembly.is_nested = true;
            let taken = self.take_frame(whole.freeze());
            self.assembly.is_nested = false;
            taken?;
        }
        self.answer_pieces();
        Ok(())
    }

    /// Tells the peer what has been taken in, unless too much waits to be handled.
    pub(super) fn answer_pieces(&mut self) {
        if self.assembly.withheld.is_empty() || self.aside.is_full(&self.link) {
            return;
        }
        for id in self.assembly.withheld.drain(..) {
            inbound::answer::<(), Never>(&self.link, Some(&id), &Ok(()));
        }
    }

    /// The peer takes a stream back.
    pub(super) fn drop_stream(&mut self, arguments: &Arguments<'_>) -> Result<(), String> {
        let number = <(u64,)>::decode(arguments, Piece::DROP_PATH, &["stream"]);
        let (number,) = number.map_err(|error: CallError| format!("no stream: {error}"))?;
        let streams = &mut self.assembly.streams;
        let Some(at) = streams.iter().position(|stream| stream.number == number) else {
            self.link.tables.counters.bad_frames.increment(1);
            return Err(format!("stream {number} was taken back, which is not open"));
        };
        streams.swap_remove(at);
        Ok(())
    }

    /// Ready with a sentence where streams are open and no piece comes.
    pub(super) fn poll_stream_stall(&mut self, cx: &mut Context<'_>) -> Poll<String> {
        let Assembly { streams, withheld, stall, .. } = &mut self.assembly;
        if streams.is_empty() || !withheld.is_empty() || self.leaving.is_some() {
            *stall = None;
            return Poll::Pending;
        }
        let time = self.link.tables.limits.read_stall_time;
        let came: usize = streams.iter().map(|stream| stream.bytes.len()).sum();
        stall
            .get_or_insert_with(|| link_time::sleep(time))
            .as_mut()
            .poll(cx)
            .map(|()| format!("{came} bytes of payloads in pieces came and no further piece within {time:?}"))
    }
}
