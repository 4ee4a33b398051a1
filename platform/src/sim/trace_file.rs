//! Traces in files: a first line with seed, version and title, then the trace's own lines.
//!
//! Always true: two runs of one version with the same seed write the same bytes; of a file that is no trace no more is
//! read than a line may have. Neighbours: [`trace`](super::trace) writes the lines,
//! the command line compares files.

use std::fmt;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;

use super::SimError;

/// How a file of a trace begins.
const MARK: &str = "# folkmoot trace 1 ";
/// The version whose runs write what is written here.
const VERSION: &str = env!("CARGO_PKG_VERSION");
/// Longest line of a trace, in bytes: what `note` writes may be long.
const MOST_LINE_BYTES: usize = 4 * 1024 * 1024;
/// Longest part of a line that a difference shows, in characters.
const SHOWN_CHARS: usize = 400;

/// Makes the file of a trace, with its first line.
pub(super) fn create(path: &Path, seed: u64, title: &str) -> Result<File, SimError> {
    let title = title.escape_debug();
    let head = format!("{MARK}seed={seed} version={VERSION} {title}");
    let made = File::create(path).and_then(|mut file| writeln!(file, "{head}").map(|()| file));
    made.map_err(|source| SimError::Io { what: format!("{} could not be written", path.display()), source })
}

/// A recorded trace, open for reading.
pub struct TraceFile {
    name: String,
    seed: u64,
    version: String,
    title: String,
    lines: Box<dyn BufRead>,
}

impl fmt::Debug for TraceFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TraceFile")
            .field("name", &self.name)
            .field("seed", &self.seed)
            .finish_non_exhaustive()
    }
}

/// Where two traces differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The number of the line, the first being 1.
    pub line: u64,
    /// What stands there in the one; `None` where it has ended.
    pub one: Option<String>,
    /// What stands there in the other.
    pub other: Option<String>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let told = |line: &Option<String>| match line {
            Some(line) => match line.char_indices().nth(SHOWN_CHARS) {
                Some((at, _)) => format!("{}...", &line[..at]),
                None => line.clone(),
            },
            None => "(the end)".to_owned(),
        };
        write!(f, "line {}:\n- {}\n+ {}", self.line, told(&self.one), told(&self.other))
    }
}

impl TraceFile {
    /// Opens a trace.
    ///
    /// # Errors
    /// `Io`; `NoTrace`, where the file is none.
    pub fn open(path: impl AsRef<Path>) -> Result<TraceFile, SimError> {
        let path = path.as_ref();
        let name = path.display().to_string();
        let unread = |source| SimError::Io { what: format!("{name} could not be read"), source };
        let lines = Box::new(BufReader::new(File::open(path).map_err(unread)?));
        let (version, title) = (String::new(), String::new());
        let mut file = TraceFile { name, seed: 0, version, title, lines };
        let first = file.next()?.unwrap_or_default();
        let words = first.strip_prefix(MARK).ok_or_else(|| file.is_none("its first line does not say so"))?;
        let seed = words.strip_prefix("seed=").map(|rest| rest.split_once(' ').unwrap_or((rest, "")));
        let (seed, rest) = seed.ok_or_else(|| file.is_none("its first line tells no seed"))?;
        file.seed = seed.parse().map_err(|_| file.is_none("its first line tells no seed"))?;
        let version = rest.strip_prefix("version=").map(|rest| rest.split_once(' ').unwrap_or((rest, "")));
        let (version, title) = version.ok_or_else(|| file.is_none("its first line tells no version"))?;
        (file.version, file.title) = (version.to_owned(), title.to_owned());
        Ok(file)
    }

    fn is_none(&self, reason: &str) -> SimError {
        SimError::NoTrace { name: self.name.clone(), reason: reason.to_owned() }
    }

    /// The seed that it was recorded with.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// The version of Folkmoot that recorded it: another one may do the same in another way.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Whether the version that runs is the one that recorded it.
    pub fn is_of_this_version(&self) -> bool {
        self.version == VERSION
    }

    /// What it was recorded of.
    pub fn title(&self) -> &str {
        &self.title
    }

    fn next(&mut self) -> Result<Option<String>, SimError> {
        let mut line = Vec::new();
        let read = self.lines.by_ref().take(MOST_LINE_BYTES as u64).read_until(b'\n', &mut line);
        let unread = |source| SimError::Io { what: format!("{} could not be read", self.name), source };
        read.map_err(unread)?;
        let is_whole = line.pop_if(|last| *last == b'\n').is_some();
        if line.is_empty() && !is_whole {
            return Ok(None);
        }
        if line.len() >= MOST_LINE_BYTES {
            return Err(self.is_none(&format!("a line of it has {MOST_LINE_BYTES} bytes and more")));
        }
        let mut line = String::from_utf8(line).map_err(|_| self.is_none("it holds more than text"))?;
        if !is_whole {
            line.push_str(" (the file ends within this line)");
        }
        Ok(Some(line))
    }

    /// The first line in which it differs from another trace; `None` where it does not.
    ///
    /// # Errors
    /// `Io`.
    pub fn first_difference(mut self, mut other: TraceFile) -> Result<Option<Difference>, SimError> {
        // The first line of a file is its head.
        for line in 2.. {
            let (one, two) = (self.next()?, other.next()?);
            match (one, two) {
                (None, None) => break,
                (one, other) if one != other => return Ok(Some(Difference { line, one, other })),
                _ => {}
            }
        }
        Ok(None)
    }
}
