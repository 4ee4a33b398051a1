//! The specification that a command is given: the name of one that comes with Folkmoot, or a file.
//!
//! Neighbours: all verbs take one this way.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use folkmoot::Result;
use folkmoot::protocols::finding::Severity;
use folkmoot::protocols::{Protocol, Specification};

/// The text of a specification.
///
/// # Errors
/// There is no such file, and no such name.
pub(super) fn text(spec: &Path) -> Result<Vec<u8>> {
    if let Some(text) = spec.to_str().and_then(Specification::shipped_text) {
        return Ok(text.as_bytes().to_owned());
    }
    read(spec).map_err(|error| {
        let bare = spec.components().count() == 1 && spec.extension().is_none();
        let names: Vec<&str> = Specification::shipped_names().collect();
        match bare && error.kind() == std::io::ErrorKind::NotFound {
            true => format!("{} is no file, and none of: {}", spec.display(), names.join(", ")).into(),
            false => format!("{} cannot be read: {error}", spec.display()).into(),
        }
    })
}

/// So much of a file that it shows whether it is too large: it may have no end.
fn read(spec: &Path) -> std::io::Result<Vec<u8>> {
    let mut text = Vec::new();
    File::open(spec)?.take(Specification::MAX_BYTES as u64 + 1).read_to_end(&mut text)?;
    Ok(text)
}

/// A specification without mistakes.
///
/// # Errors
/// The file cannot be read, or all that is wrong in it.
pub(super) fn specification(spec: &Path) -> Result<Specification> {
    match Specification::read(text(spec)?) {
        Ok((specification, _)) => Ok(specification),
        Err(findings) => {
            let first = findings.iter().find(|finding| finding.severity == Severity::Error);
            let first = first.map(ToString::to_string).unwrap_or_default();
            Err(format!("{} has mistakes; `folkmoot protocol check` tells all: {first}", spec.display())
                .into())
        }
    }
}

/// The protocol that it specifies.
///
/// # Errors
/// The file cannot be read, or all that is wrong in it.
pub(super) fn protocol(spec: &Path) -> Result<Arc<Protocol>> {
    Protocol::new(specification(spec)?).map_err(|error| format!("{}: {error}", spec.display()).into())
}
