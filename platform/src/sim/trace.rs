//! The trace of a simulation: one line for each frame that was delivered and for each event.
//!
//! Always true: the same seed gives the same lines, byte for byte, so nothing stands in them that a process, a machine or
//! a hash table decides. Neighbours: [`pipe`](super::pipe) tells of frames, [`hosts`](super::hosts) and
//! [`network`](super::network) of events.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::time::Duration;

use folkmoot_codecs::{Codec, Message, MessageHead};

/// How many of the last lines a failing run prints.
pub const LINES_TOLD: usize = 50;
/// Bytes of a path that stand in a line.
const PATH_BYTES: usize = 96;

/// FNV-1a with 64 bits: the same everywhere and for ever, which is all that is asked of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fnv(u64);

impl Fnv {
    pub(crate) const fn new() -> Fnv {
        Fnv(0xcbf2_9ce4_8422_2325)
    }

    pub(crate) fn add(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }

    pub(crate) fn value(self) -> u64 {
        self.0
    }
}

/// What is left of a simulation when it is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trace {
    /// Of all lines: equal for equal traces.
    pub hash: u64,
    /// How many there were.
    pub lines: u64,
    /// How many of them tell of a frame.
    pub frames: u64,
    /// The last of them, [`LINES_TOLD`] at most.
    pub last: Vec<String>,
}

/// A trace that is being written.
pub(super) struct Writing {
    hash: Fnv,
    lines: u64,
    frames: u64,
    last: VecDeque<String>,
    to: Option<BufWriter<File>>,
    /// Why the file could not be written any further.
    failed: Option<io::Error>,
}

impl Writing {
    pub(super) fn new(to: Option<File>) -> Writing {
        Writing {
            hash: Fnv::new(),
            lines: 0,
            frames: 0,
            last: VecDeque::with_capacity(LINES_TOLD),
            to: to.map(BufWriter::new),
            failed: None,
        }
    }

    /// Something happened.
    pub(super) fn event(&mut self, at: Duration, event: &str) {
        self.line(|line| {
            write_time(line, at);
            // Names may hold what would begin another line.
            line.extend(event.chars().map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }));
        });
    }

    /// A frame has been delivered; `frame` is what it holds.
    pub(super) fn frame(&mut self, at: Duration, from: &str, to: &str, frame: &[u8]) {
        self.frames += 1;
        let mut hash = Fnv::new();
        hash.add(frame);
        self.line(|line| {
            write_time(line, at);
            line.push_str(from);
            line.push_str(" > ");
            line.push_str(to);
            write_message(line, frame);
            // To a text this cannot fail.
            write!(line, " {} bytes {:016x}", frame.len(), hash.value()).ok();
        });
    }

    fn line(&mut self, write: impl FnOnce(&mut String)) {
        let mut line = match self.last.len() {
            LINES_TOLD => self.last.pop_front().unwrap_or_default(),
            _ => String::new(),
        };
        line.clear();
        write(&mut line);
        self.hash.add(line.as_bytes());
        self.hash.add(b"\n");
        self.lines += 1;
        if let Some(to) = &mut self.to
            && let Err(error) = to.write_all(line.as_bytes()).and_then(|()| to.write_all(b"\n"))
        {
            self.failed.get_or_insert(error);
            self.to = None;
        }
        self.last.push_back(line);
    }

    /// The end: what the trace was.
    ///
    /// # Errors
    /// Why it could not be written to its file.
    pub(super) fn finish(&mut self) -> io::Result<Trace> {
        if let Some(mut to) = self.to.take() {
            to.flush()?;
        }
        match self.failed.take() {
            Some(error) => Err(error),
            None => Ok(Trace {
                hash: self.hash.value(),
                lines: self.lines,
                frames: self.frames,
                last: self.last.iter().cloned().collect(),
            }),
        }
    }

    /// The last lines, for somebody who looks for what went wrong.
    pub(super) fn last(&self) -> impl Iterator<Item = &str> {
        self.last.iter().map(String::as_str)
    }
}

fn write_time(line: &mut String, at: Duration) {
    write!(line, "{}.{:09} ", at.as_secs(), at.subsec_nanos()).ok();
}

/// Kind and path of a message, as far as its first bytes tell.
fn write_message(line: &mut String, frame: &[u8]) {
    let head =
        frame.first().copied().and_then(Codec::detect).map(|codec| (codec, Message::head(codec, frame)));
    match head {
        Some((codec, Some(MessageHead::Request { path, .. }))) => {
            let end =
                (0..=path.len().min(PATH_BYTES)).rev().find(|at| path.is_char_boundary(*at)).unwrap_or(0);
            write!(line, " {codec} request {:?}", &path[..end]).ok();
        }
        Some((codec, Some(_))) => {
            write!(line, " {codec} answer").ok();
        }
        _ => line.push_str(" frame"),
    }
}
