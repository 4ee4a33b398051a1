//! The two references of a dialogue, as they are kept: beside all else that is kept of it, where they fit.
//!
//! AEA's and ours are of 64 bytes, and two of these fit. Each message that comes is compared with them, and each that
//! goes bears them: in a place of their own they would have to be waited for. Neighbour: [`super::conversation`].

use std::fmt;

/// Bytes of both references together that are kept in place.
const IN_PLACE: usize = 128;

/// A starter's reference, and the responder's; the latter is empty as long as it is not known.
pub(super) struct References(Kept);

enum Kept {
    InPlace {
        bytes: [u8; IN_PLACE],
        /// Of the starter's.
        starter: u8,
        /// Of both.
        both: u8,
    },
    Elsewhere(Box<(Box<str>, Box<str>)>),
}

impl References {
    pub(super) fn new(starter: &str, responder: &str) -> References {
        let mut bytes = [0; IN_PLACE];
        let both = starter.len() + responder.len();
        let fits = bytes.get_mut(..both).and_then(|bytes| bytes.split_at_mut_checked(starter.len()));
        References(match fits {
            Some((one, other)) => {
                one.copy_from_slice(starter.as_bytes());
                other.copy_from_slice(responder.as_bytes());
                Kept::InPlace { bytes, starter: starter.len() as u8, both: both as u8 }
            }
            None => Kept::Elsewhere(Box::new((starter.into(), responder.into()))),
        })
    }

    fn bytes(&self) -> (&[u8], &[u8]) {
        match &self.0 {
            Kept::InPlace { bytes, starter, both } => {
                let both = bytes.get(..usize::from(*both)).unwrap_or_default();
                both.split_at_checked(usize::from(*starter)).unwrap_or_default()
            }
            Kept::Elsewhere(both) => (both.0.as_bytes(), both.1.as_bytes()),
        }
    }

    pub(super) fn starter(&self) -> &str {
        // They were texts when they were put in.
        str::from_utf8(self.bytes().0).unwrap_or_default()
    }

    pub(super) fn responder(&self) -> &str {
        str::from_utf8(self.bytes().1).unwrap_or_default()
    }

    pub(super) fn is_starter(&self, reference: &str) -> bool {
        self.bytes().0 == reference.as_bytes()
    }

    pub(super) fn has_responder(&self) -> bool {
        !self.bytes().1.is_empty()
    }

    pub(super) fn is_responder(&self, reference: &str) -> bool {
        self.bytes().1 == reference.as_bytes()
    }

    /// Enters the responder's, once it is known.
    pub(super) fn complete(&mut self, responder: &str) {
        *self = References::new(self.starter(), responder);
    }
}

impl fmt::Debug for References {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.starter(), self.responder())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_of_any_length_come_back_as_they_were() {
        for bytes in [0, 1, 63, 64, 65, 127, 128, 129, 255, 256, 70_000] {
            for other in [0, 1, 64, 128, 300] {
                let (starter, responder) = ("s".repeat(bytes), "\u{e9}".repeat(other / 2));
                let mut references = References::new(&starter, "");
                assert_eq!((references.starter(), references.responder()), (&*starter, ""));
                references.complete(&responder);
                assert_eq!((references.starter(), references.responder()), (&*starter, &*responder));
                assert!(references.is_responder(&responder) && !references.is_responder("r"));
                assert_eq!(references.has_responder(), !responder.is_empty());
                assert!(references.is_starter(&starter) && !references.is_starter(&format!("{starter}s")));
            }
        }
    }

    #[test]
    fn those_of_aea_are_kept_in_place() {
        let references = References::new(&"7".repeat(64), &"f".repeat(64));
        assert!(matches!(references.0, Kept::InPlace { .. }));
        assert!(size_of::<References>() <= IN_PLACE + 8);
    }
}
