//! What is wrong with a specification, and where.
//!
//! All findings of a text are told at once, in its order. Neighbours: [`reading`](crate::reading) makes them, the
//! command line prints them.

use std::fmt;
use std::path::{Path, PathBuf};

/// One mistake, or one thing that is legal and yet probably a mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// Whether the specification can be used all the same.
    pub severity: Severity,
    /// Names the rule, for tools: `duplicate-key`. Does not change between versions.
    pub code: &'static str,
    /// Where in the text.
    pub place: Place,
    /// The file, where the reader of the text was told it.
    pub file: Option<PathBuf>,
    /// What is wrong, as a sentence without its full stop.
    pub text: String,
    /// What to do about it, where that is not plain from the text.
    pub hint: Option<String>,
}

/// How bad a [`Finding`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Severity {
    /// The specification cannot be used.
    Error,
    /// It can.
    Warning,
}

/// A place in a text, as editors count: both from 1, columns in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct Place {
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1, in characters.
    pub column: usize,
}

impl Place {
    /// Where every text begins.
    pub const START: Place = Place { line: 1, column: 1 };

    pub(crate) fn new(line: usize, column: usize) -> Place {
        Place { line, column }
    }
}

impl Default for Place {
    fn default() -> Place {
        Place::START
    }
}

impl Finding {
    pub(crate) fn error(code: &'static str, place: Place, text: impl Into<String>) -> Finding {
        Finding { severity: Severity::Error, code, place, file: None, text: text.into(), hint: None }
    }

    pub(crate) fn warning(code: &'static str, place: Place, text: impl Into<String>) -> Finding {
        Finding { severity: Severity::Warning, ..Finding::error(code, place, text) }
    }

    pub(crate) fn hint(self, hint: impl Into<String>) -> Finding {
        Finding { hint: Some(hint.into()), ..self }
    }
}

/// The findings of one text, in its order. As an error it has at least one of [`Severity::Error`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Findings(Vec<Finding>);

impl Findings {
    /// At most so many are told of one text; one more says how many there are.
    pub const MOST: usize = 200;

    pub(crate) fn push(&mut self, finding: Finding) {
        self.0.push(finding);
    }

    /// In the order of the text, errors first where two are at one place, and no more than [`Findings::MOST`].
    pub(crate) fn settle(&mut self) {
        self.0.sort_by_key(|finding| (finding.place, finding.severity));
        self.0.dedup();
        let more = self.0.len().saturating_sub(Findings::MOST);
        if more > 0 {
            // What is wrong counts for more than what may be.
            self.0.sort_by_key(|finding| finding.severity);
            let place = self.0.last().map_or(Place::START, |finding| finding.place);
            self.0.truncate(Findings::MOST);
            self.0.sort_by_key(|finding| (finding.place, finding.severity));
            self.push(Finding::warning("more", place, format!("{more} more findings are not told")));
        }
    }

    /// Each of them.
    pub fn iter(&self) -> std::slice::Iter<'_, Finding> {
        self.0.iter()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether one of them is an error.
    pub fn has_errors(&self) -> bool {
        self.0.iter().any(|finding| finding.severity == Severity::Error)
    }

    /// How many of them are errors.
    pub(crate) fn errors(&self) -> usize {
        self.0.iter().filter(|finding| finding.severity == Severity::Error).count()
    }

    /// The same, told of a file.
    #[must_use]
    pub fn in_file(mut self, file: impl AsRef<Path>) -> Findings {
        for finding in &mut self.0 {
            finding.file = Some(file.as_ref().to_owned());
        }
        self
    }
}

impl From<Finding> for Findings {
    fn from(finding: Finding) -> Findings {
        Findings(vec![finding])
    }
}

impl<'a> IntoIterator for &'a Findings {
    type Item = &'a Finding;
    type IntoIter = std::slice::Iter<'a, Finding>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl IntoIterator for Findings {
    type Item = Finding;
    type IntoIter = std::vec::IntoIter<Finding>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl std::error::Error for Findings {}

/// One a line.
impl fmt::Display for Findings {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, finding) in self.0.iter().enumerate() {
            if position > 0 {
                formatter.write_str("\n")?;
            }
            write!(formatter, "{finding}")?;
        }
        Ok(())
    }
}

/// `file:line:column: error[code]: text; hint`, always one line.
impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = String::new();
        if let Some(file) = &self.file {
            line = format!("{}:", file.display());
        }
        let Finding { severity, code, place, text, .. } = self;
        line += &format!("{}:{}: {severity}[{code}]: {text}", place.line, place.column);
        if let Some(hint) = &self.hint {
            line += "; ";
            line += hint;
        }
        // A name from the text may hold anything.
        for character in line.chars() {
            match character.is_control() {
                true => write!(formatter, "{}", character.escape_default())?,
                false => write!(formatter, "{character}")?,
            }
        }
        Ok(())
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
        })
    }
}
