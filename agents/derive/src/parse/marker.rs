//! The markers on methods: `#[expose]`, `#[every(..)]`, `#[run]`, `#[start]`, `#[stop]`.
//!
//! Neighbour: [`behaviour`](super::behaviour) takes them off the methods.

use std::fmt;

use proc_macro2::Ident;
use syn::spanned::Spanned;
use syn::{Attribute, Meta};

use crate::mistakes::Mistakes;

/// What a method is marked as.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Marker {
    /// Callable.
    Expose,
    /// Called by the clock.
    Every,
    /// A loop of its own.
    Run,
    /// Called before the first turn.
    Start,
    /// Called after the last turn.
    Stop,
}

impl Marker {
    const ALL: [Marker; 5] = [Marker::Expose, Marker::Every, Marker::Run, Marker::Start, Marker::Stop];

    fn word(self) -> &'static str {
        match self {
            Marker::Expose => "expose",
            Marker::Every => "every",
            Marker::Run => "run",
            Marker::Start => "start",
            Marker::Stop => "stop",
        }
    }

    fn of(attribute: &Attribute) -> Option<Marker> {
        Marker::ALL.into_iter().find(|marker| attribute.path().is_ident(marker.word()))
    }
}

impl fmt::Display for Marker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#[{}]", self.word())
    }
}

/// Takes the markers off a method.
///
/// `Ok(None)` where there is none; `Err(())` where they are wrong, which is noted.
pub(crate) fn take(
    attributes: &mut Vec<Attribute>,
    method: &Ident,
    mistakes: &mut Mistakes,
) -> Result<Option<(Marker, Attribute)>, ()> {
    let (marks, others): (Vec<_>, Vec<_>) =
        std::mem::take(attributes).into_iter().partition(|at| Marker::of(at).is_some());
    *attributes = others;
    let mut found = marks.into_iter().filter_map(|at| Marker::of(&at).map(|marker| (marker, at)));
    let Some((marker, attribute)) = found.next() else { return Ok(None) };
    if let Some((second, at)) = found.next() {
        mistakes.note(
            at,
            format!(
                "`{method}` is marked {marker} already: a method has one marker, so write a second method for {second}"
            ),
        );
        return Err(());
    }
    if marker != Marker::Every && !matches!(attribute.meta, Meta::Path(_)) {
        mistakes.add(syn::Error::new(attribute.meta.span(), format!("{marker} takes no options")));
        return Err(());
    }
    Ok(Some((marker, attribute)))
}
