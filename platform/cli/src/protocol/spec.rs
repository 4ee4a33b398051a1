//! The specification that a command is given.
//!
//! Neighbours: [`super::encode`], [`super::decode`] and [`super::trace`] take one.

use std::path::Path;
use std::sync::Arc;

use folkmoot::Result;
use folkmoot::protocols::finding::Severity;
use folkmoot::protocols::{Protocol, Specification};

/// The protocol that a specification's file specifies.
///
/// # Errors
/// The file cannot be read, or all that is wrong in it.
pub(super) fn protocol(spec: &Path) -> Result<Arc<Protocol>> {
    let text = std::fs::read(spec).map_err(|error| format!("{} cannot be read: {error}", spec.display()))?;
    let (specification, _) = Specification::read(text).map_err(|findings| {
        let first = findings.iter().find(|finding| finding.severity == Severity::Error);
        let first = first.map(ToString::to_string).unwrap_or_default();
        let first = first.lines().next().unwrap_or_default();
        format!("{} has mistakes; `folkmoot protocol check` tells all: {first}", spec.display())
    })?;
    Protocol::new(specification).map_err(|error| format!("{}: {error}", spec.display()).into())
}
