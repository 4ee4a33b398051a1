//! Large payloads that wait to leave in pieces, and the requests that must stay behind one.
//!
//! What goes to one agent stands in one line, in the order it came; an answer is a line of its own. The foremost lines
//! take turns, a piece each. Always true: no more lines than [`MAX_STREAMS`] have begun a payload; no more bytes than
//! the window are sent ahead of the peer's answers, save one piece. Neighbour: the [`outbox`](super) holds the lock.

use std::collections::{HashSet, VecDeque};

use bytes::{Bytes, BytesMut};
use folkmoot_codecs::Codec;
use folkmoot_codecs::piece::{MAX_STREAMS, Piece};

/// The most bytes in a piece: what a small frame waits for at the least.
const PIECE_BYTES: usize = 32 * 1024;
/// Ids of pieces begin here; those of calls count up from one.
pub(crate) const FIRST_PIECE_ID: u64 = 1 << 62;

/// By what something that waits may be taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Name {
    /// The request of that id.
    Request(u64),
    /// The answer to the peer's request of that id.
    Answer(u64),
}

/// The payload of one frame that is to leave in pieces.
#[derive(Debug)]
pub(crate) struct Payload {
    /// `None` where it is not taken back.
    pub(crate) name: Option<Name>,
    /// Its parts, none of them empty. No piece has bytes of two.
    pub(crate) parts: VecDeque<Bytes>,
}

impl Payload {
    fn len(&self) -> usize {
        self.parts.iter().map(Bytes::len).sum()
    }
}

/// A piece that is to be written now.
#[derive(Debug)]
pub(crate) struct NextPiece {
    pub(crate) id: u64,
    pub(crate) stream: u64,
    pub(crate) last: bool,
    pub(crate) bytes: Bytes,
}

/// What came of taking something back.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum TakenBack {
    /// It does not wait here: it has left, or waits among the small ones.
    Gone,
    /// It has not left, and will not.
    Whole,
    /// Pieces of it have left in that stream, and no more will.
    Begun(u64),
}

/// Frames that wait no longer behind a large payload.
#[derive(Debug)]
pub(super) struct Released {
    pub(super) frames: u64,
    /// The least id among them.
    pub(super) least: u64,
}

#[derive(Debug)]
enum Item {
    Payload(Payload),
    /// A whole frame, and the id of its request.
    Frame(u64, BytesMut),
}

impl Item {
    fn name(&self) -> Option<Name> {
        match self {
            Item::Payload(payload) => payload.name,
            Item::Frame(id, _) => Some(Name::Request(*id)),
        }
    }

    fn len(&self) -> usize {
        match self {
            Item::Payload(payload) => payload.len(),
            Item::Frame(_, frame) => frame.len(),
        }
    }
}

/// What leaves in order: a payload, and what came behind it.
#[derive(Debug)]
struct Line {
    key: Option<Box<str>>,
    items: VecDeque<Item>,
    /// The number of the payload at its head, where pieces of it have left.
    stream: Option<u64>,
}

/// The lines of one link.
#[derive(Debug)]
pub(super) struct Large {
    /// Those that take turns.
    active: VecDeque<Line>,
    /// Those that wait to.
    waiting: VecDeque<Line>,
    /// The keys of all lines.
    keys: HashSet<Box<str>>,
    bytes: usize,
    answer_bytes: usize,
    window: usize,
    /// Pieces that the peer has not answered.
    unanswered: VecDeque<(u64, usize)>,
    unanswered_bytes: usize,
    next_stream: u64,
    next_id: u64,
}

impl Large {
    pub(super) fn new(window: usize) -> Large {
        // The greatest one means that there is none.
        let window = window.min(usize::MAX - 1);
        Large {
            active: VecDeque::new(),
            waiting: VecDeque::new(),
            keys: HashSet::new(),
            bytes: 0,
            answer_bytes: 0,
            window,
            unanswered: VecDeque::new(),
            unanswered_bytes: 0,
            next_stream: 0,
            next_id: FIRST_PIECE_ID,
        }
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.active.is_empty()
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn answer_bytes(&self) -> usize {
        self.answer_bytes
    }

    /// Whether something to any key waits.
    #[inline]
    pub(super) fn has_keys(&self) -> bool {
        !self.keys.is_empty()
    }

    /// Whether something to `key` waits.
    pub(super) fn holds(&self, key: &str) -> bool {
        self.has_keys() && self.keys.contains(key)
    }

    fn line(&mut self, key: &str) -> Option<&mut Line> {
        self.active.iter_mut().chain(&mut self.waiting).find(|line| line.key.as_deref() == Some(key))
    }

    pub(super) fn push(&mut self, key: Option<&str>, payload: Payload) {
        let bytes = payload.len();
        self.bytes += bytes;
        match key.and_then(|key| self.line(key)) {
            Some(line) => line.items.push_back(Item::Payload(payload)),
            None => {
                if key.is_none() {
                    self.answer_bytes += bytes;
                }
                self.keys.extend(key.map(Box::from));
                let items = VecDeque::from([Item::Payload(payload)]);
                self.waiting.push_back(Line { key: key.map(Box::from), items, stream: None });
                self.fill();
            }
        }
    }

    /// Lets `write` write the frame of a request behind what waits for `key`, which must be held.
    pub(super) fn push_behind<R>(&mut self, id: u64, key: &str, write: impl FnOnce(&mut BytesMut) -> R) -> R {
        let mut frame = BytesMut::new();
        let result = write(&mut frame);
        // What could not be written has left nothing.
        if !frame.is_empty() {
            let bytes = frame.len();
            if let Some(line) = self.line(key) {
                line.items.push_back(Item::Frame(id, frame));
                self.bytes += bytes;
            }
        }
        result
    }

    /// Gives the places of lines that have ended to those that wait.
    fn fill(&mut self) {
        while self.active.len() < MAX_STREAMS {
            let Some(line) = self.waiting.pop_front() else { return };
            self.active.push_back(line);
        }
    }

    /// The next piece, of the line whose turn it is. [`Large::release`] must follow.
    pub(super) fn next_piece(&mut self, codec: Codec) -> Option<NextPiece> {
        let is_open =
            self.unanswered.is_empty() || self.unanswered_bytes.saturating_add(PIECE_BYTES) <= self.window;
        let line = self.active.front_mut().filter(|_| is_open)?;
        let Some(Item::Payload(payload)) = line.items.front_mut() else { return None };
        let part = payload.parts.front_mut()?;
        let bytes = part.split_to(Piece::cut(codec, part, PIECE_BYTES));
        if part.is_empty() {
            payload.parts.pop_front();
        }
        let last = payload.parts.is_empty();
        let stream = *line.stream.get_or_insert_with(|| {
            self.next_stream += 1;
            self.next_stream
        });
        let is_answer = line.key.is_none();
        if last {
            line.items.pop_front();
            line.stream = None;
        }
        if let Some(line) = self.active.pop_front() {
            self.active.push_back(line);
        }
        let id = self.next_id;
        self.next_id += 1;
        self.bytes -= bytes.len();
        if is_answer {
            self.answer_bytes -= bytes.len();
        }
        if self.window != usize::MAX {
            self.unanswered.push_back((id, bytes.len()));
            self.unanswered_bytes += bytes.len();
        }
        Some(NextPiece { id, stream, last, bytes })
    }

    /// Moves frames that have no payload before them any more to `out`, and ends lines that are empty.
    pub(super) fn release(&mut self, out: &mut BytesMut) -> Released {
        let mut released = Released { frames: 0, least: u64::MAX };
        let (bytes, keys) = (&mut self.bytes, &mut self.keys);
        let mut is_empty = |line: &mut Line| {
            while let Some(Item::Frame(id, frame)) = line.items.front() {
                out.extend_from_slice(frame);
                released.frames += 1;
                released.least = released.least.min(*id);
                *bytes -= frame.len();
                line.items.pop_front();
            }
            if line.items.is_empty()
                && let Some(key) = &line.key
            {
                keys.remove(key);
            }
            line.items.is_empty()
        };
        self.active.retain_mut(|line| !is_empty(line));
        self.waiting.retain_mut(|line| {
            // One that waits has a payload at its head, unless that was taken back.
            matches!(line.items.front(), Some(Item::Payload(_))) || !is_empty(line)
        });
        self.fill();
        released
    }

    /// The peer answered piece `id`. Says whether there was such a one.
    pub(super) fn answered(&mut self, id: u64) -> bool {
        let Some(at) = self.unanswered.iter().position(|(piece, _)| *piece == id) else { return false };
        if let Some((_, bytes)) = self.unanswered.remove(at) {
            self.unanswered_bytes -= bytes;
        }
        true
    }

    /// Whether the peer has answered all pieces.
    pub(super) fn is_answered(&self) -> bool {
        self.unanswered.is_empty()
    }

    /// From now on nothing waits for answers.
    pub(super) fn open_window(&mut self) {
        self.window = usize::MAX;
        self.unanswered.clear();
        self.unanswered_bytes = 0;
    }

    /// Takes out what bears that name, wherever it stands. [`Large::release`] must follow.
    pub(super) fn take_back(&mut self, name: Name) -> TakenBack {
        for line in self.active.iter_mut().chain(&mut self.waiting) {
            if let Some(at) = line.items.iter().position(|item| item.name() == Some(name)) {
                let bytes = line.items.remove(at).map_or(0, |item| item.len());
                self.bytes -= bytes;
                if line.key.is_none() {
                    self.answer_bytes -= bytes;
                }
                // Only the payload at the head has begun.
                let begun = line.stream.take_if(|_| at == 0);
                return begun.map_or(TakenBack::Whole, TakenBack::Begun);
            }
        }
        TakenBack::Gone
    }
}
