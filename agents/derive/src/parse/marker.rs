//! The markers on methods: `#[expose]`, `#[every(..)]`, `#[handles(..)]`, `#[ended(..)]`, `#[on(..)]`, `#[run]`, `#[start]`, `#[stop]`, `#[object]`.
//!
//! Neighbour: [`behaviour`](super::behaviour) takes them off the methods.

use std::fmt;

use proc_macro2::Ident;
use syn::{Attribute, Meta};

use crate::mistakes::Mistakes;

/// What a method is marked as.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Marker {
    /// Callable.
    Expose,
    /// Called by the clock.
    Every,
    /// Called with messages of a protocol.
    Handles,
    /// Called with mail.
    On,
    /// Told how dialogues in a protocol ended.
    Ended,
    /// A loop of its own.
    Run,
    /// Called before the first turn.
    Start,
    /// Called after the last turn.
    Stop,
    /// Says where an object is.
    Object,
}

impl Marker {
    const ALL: [Marker; 9] = [
        Marker::Expose,
        Marker::Every,
        Marker::Handles,
        Marker::On,
        Marker::Ended,
        Marker::Run,
        Marker::Start,
        Marker::Stop,
        Marker::Object,
    ];

    fn word(self) -> &'static str {
        match self {
            Marker::Expose => "expose",
            Marker::Every => "every",
            Marker::Handles => "handles",
            Marker::On => "on",
            Marker::Ended => "ended",
            Marker::Run => "run",
            Marker::Start => "start",
            Marker::Stop => "stop",
            Marker::Object => "object",
        }
    }

    pub(crate) fn of(attribute: &Attribute) -> Option<Marker> {
        Marker::ALL.into_iter().find(|marker| attribute.path().is_ident(marker.word()))
    }
}

impl fmt::Display for Marker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`#[{}]`", self.word())
    }
}

/// What stood on a method.
pub(crate) enum Marked {
    /// No marker.
    Not,
    /// One marker, with its attribute.
    As(Marker, Box<Attribute>),
    /// Markers that are wrong, which is noted.
    Wrongly {
        /// Whether one of them is `#[expose]`.
        exposed: bool,
    },
}

/// Takes the markers off a method.
pub(crate) fn take(attributes: &mut Vec<Attribute>, method: &Ident, mistakes: &mut Mistakes) -> Marked {
    let mut marks = Vec::new();
    attributes.retain(|attribute| match Marker::of(attribute) {
        Some(marker) => {
            marks.push((marker, attribute.clone()));
            false
        }
        None => true,
    });
    let exposed = marks.iter().any(|(marker, _)| *marker == Marker::Expose);
    if let [(first, _), (second, at), ..] = marks.as_slice() {
        let text = if first == second {
            format!("`{method}` is marked {first} already")
        } else {
            format!("`{method}` is marked {first} already: write a second method for {second}")
        };
        mistakes.note(at, text);
        return Marked::Wrongly { exposed };
    }
    let Some((marker, attribute)) = marks.pop() else { return Marked::Not };
    let takes_options =
        matches!(marker, Marker::Every | Marker::Expose | Marker::Handles | Marker::Ended | Marker::On);
    if !takes_options && !matches!(attribute.meta, Meta::Path(_)) {
        mistakes.note(&attribute, format!("{marker} takes no options"));
        return Marked::Wrongly { exposed };
    }
    Marked::As(marker, Box::new(attribute))
}

/// Reads the options of `#[expose]`: whether it says `idempotent`.
pub(crate) fn is_idempotent(expose: &Attribute, mistakes: &mut Mistakes) -> bool {
    let said = match &expose.meta {
        Meta::Path(_) => return false,
        Meta::List(_) => expose.parse_args::<Ident>().is_ok_and(|option| option == "idempotent"),
        Meta::NameValue(_) => false,
    };
    if !said {
        mistakes.note(
            expose,
            "`#[expose]` has one option, `idempotent`: write `#[expose(idempotent)]` where to run the method twice is \
             as good as once",
        );
    }
    said
}
