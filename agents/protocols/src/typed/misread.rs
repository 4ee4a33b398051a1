//! What is wrong with a typed message's field, before it is known of which performative.

use crate::wire::{DecodeError, Fault};

/// What is wrong with a field, and of which content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Misread {
    content: &'static str,
    fault: Fault,
}

impl Misread {
    /// A fault of a content, by its name in Rust.
    #[cold]
    pub fn at(content: &'static str, fault: Fault) -> Misread {
        Misread { content: content.strip_prefix("r#").unwrap_or(content), fault }
    }

    /// What is wrong.
    pub fn fault(&self) -> Fault {
        self.fault
    }

    /// The same, told of a performative's content.
    #[cold]
    pub fn of(self, performative: &str) -> DecodeError {
        match self.content {
            "" => DecodeError::at(performative, self.fault),
            content => DecodeError::at(format!("{performative}.{content}"), self.fault),
        }
    }
}

impl From<Fault> for Misread {
    #[cold]
    fn from(fault: Fault) -> Misread {
        Misread { content: "", fault }
    }
}
