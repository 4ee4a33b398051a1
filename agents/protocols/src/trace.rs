//! A conversation replayed: each message is judged as both ends would have, and at the end it is told how it ended.
//!
//! Nothing is sent. Each dialogue is followed from the side that began it; a message that comes again is fine.
//! Neighbour: [`crate::dialogue`] judges.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::dialogue::{Dialogues, Ended, Label, Limits, Refusal, Rules, Side, Speech, Update};
use crate::message::Message;

/// Dialogues of one protocol, as they are told.
pub struct Trace<B> {
    rules: Arc<Rules>,
    /// By the address of who began.
    starters: BTreeMap<String, Dialogues<B>>,
}

/// A dialogue of a trace, and how it ended.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Traced {
    /// Its name, as the side knows it that began.
    pub label: Label,
    /// The address of that side.
    pub starter: String,
    /// How it ended; `None` where it is still open.
    pub ended: Option<Ended>,
}

impl<B: Speech> Trace<B> {
    /// Nothing has been said yet.
    pub fn new(rules: Arc<Rules>) -> Trace<B> {
        Trace { rules, starters: BTreeMap::new() }
    }

    /// The rules by which it is judged.
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Takes the next message.
    ///
    /// # Errors
    /// It cannot have been said there; it changes nothing.
    pub fn take(&mut self, message: &Message<B>) -> Result<(), Refusal> {
        let field = |address: &Option<String>, field| match address.as_deref() {
            None | Some("") => Err(Refusal::NoAddress { field }),
            Some(address) => Ok(address.to_owned()),
        };
        let (sender, to) = (field(&message.sender, "sender")?, field(&message.to, "to")?);
        let opens = message.message_id == 1 && message.dialogue_reference.responder.is_empty();
        let by_starter = if opens || self.knows(&sender, &to, message) == self.knows(&to, &sender, message) {
            message.message_id >= 0
        } else {
            // One whose number has the wrong sign is told so by the dialogue that it names.
            self.knows(&sender, &to, message)
        };
        let starter = if by_starter { sender } else { to };
        let dialogues = self.starters.entry(starter).or_insert_with_key(|starter| {
            // What is told has its references; none is made here.
            Dialogues::new(self.rules.clone(), starter.as_str(), || None).with_limits(endless())
        });
        let update = match by_starter {
            true => dialogues.sent(message, Duration::ZERO)?,
            false => dialogues.update(message, Duration::ZERO),
        };
        match update {
            Update::Refused(refusal) => Err(refusal),
            // What is told in order crosses nothing.
            Update::Late { id } | Update::EndsCrossed { id, .. } => {
                let ended = dialogues.get(id).and_then(|dialogue| dialogue.ended().copied());
                let ended = ended.map_or("its end", |ended| ended.word(&self.rules));
                Err(Refusal::Ended { ended: ended.to_owned() })
            }
            Update::Accepted { .. } | Update::Again { .. } => Ok(()),
        }
    }

    /// Whether `starter` has begun the dialogue that a message names.
    fn knows(&self, starter: &str, other: &str, message: &Message<B>) -> bool {
        let label = Label {
            starter_reference: message.dialogue_reference.starter.clone(),
            responder_reference: String::new(),
            peer: other.to_owned(),
            started_by: Side::Us,
        };
        self.starters.get(starter).is_some_and(|dialogues| dialogues.find(&label).is_some())
    }

    /// The dialogues that were begun, and how each ended: by the address of who began, and in the order in which it
    /// did.
    pub fn dialogues(&self) -> impl Iterator<Item = Traced> {
        self.starters.iter().flat_map(|(starter, dialogues)| {
            let begun = dialogues.all().filter(|(_, dialogue)| dialogue.started_by() == Side::Us);
            begun.map(|(_, dialogue)| Traced {
                label: dialogue.label(),
                starter: starter.clone(),
                ended: dialogue.ended().copied(),
            })
        })
    }
}

/// A trace has an end by itself.
fn endless() -> Limits {
    Limits {
        open: usize::MAX,
        open_per_peer: usize::MAX,
        ended: usize::MAX,
        time_out: None,
        messages: usize::MAX,
        reference_bytes: usize::MAX,
        address_bytes: usize::MAX,
        ..Limits::default()
    }
}
