//! Traces in files: a first line with seed and title, then the trace's own lines.
//!
//! Always true: two runs with the same seed write the same bytes. Neighbours: [`trace`](super::trace) writes the lines,
//! the command line compares files.

use std::fmt;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;

use super::SimError;

/// How a file of a trace begins.
const MARK: &str = "# folkmoot trace 1 seed=";

/// Makes the file of a trace, with its first line.
pub(super) fn create(path: &Path, seed: u64, title: &str) -> Result<File, SimError> {
    let title = title.escape_debug();
    let made = File::create(path).and_then(|mut file| writeln!(file, "{MARK}{seed} {title}").map(|()| file));
    made.map_err(|source| SimError::Io { what: format!("{} could not be written", path.display()), source })
}

/// A recorded trace, open for reading.
pub struct TraceFile {
    name: String,
    seed: u64,
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
        let told = |line: &Option<String>| line.clone().unwrap_or_else(|| "(the end)".to_owned());
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
        let mut lines = BufReader::new(File::open(path).map_err(unread)?);
        let mut first = String::new();
        lines.read_line(&mut first).map_err(unread)?;
        let none = |reason: &str| SimError::NoTrace { name: name.clone(), reason: reason.to_owned() };
        let rest =
            first.trim_end().strip_prefix(MARK).ok_or_else(|| none("its first line does not say so"))?;
        let (seed, title) = rest.split_once(' ').unwrap_or((rest, ""));
        let seed = seed.parse().map_err(|_| none("its first line tells no seed"))?;
        Ok(TraceFile { name: name.clone(), seed, title: title.to_owned(), lines: Box::new(lines) })
    }

    /// The seed that it was recorded with.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// What it was recorded of.
    pub fn title(&self) -> &str {
        &self.title
    }

    fn next(&mut self) -> Result<Option<String>, SimError> {
        let mut line = String::new();
        let read = self.lines.read_line(&mut line);
        let unread = |source| SimError::Io { what: format!("{} could not be read", self.name), source };
        match read.map_err(unread)? {
            0 => Ok(None),
            _ => Ok(Some(line.trim_end_matches('\n').to_owned())),
        }
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
