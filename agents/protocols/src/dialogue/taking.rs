//! What becomes of a message: whose dialogue it is of, whether it may come next there, and whether it begins one.
//!
//! Always true: a message that is refused has changed nothing. Neighbours: [`super::dialogues`] is what programs call;
//! [`super::judging`] has the rules' checks, [`super::keeping`] takes what they allow.

use super::claim::Claim;
use super::conversation::{Conversation, Dialogue, Ended};
use super::dialogues::{Dialogues, Update};
use super::history::Place;
use super::judging;
use super::keeping::Keeper;
use super::label::{Side, reference};
use super::refusal::quoted;
use super::table::DialogueId;
use super::{Refusal, Speech};
use crate::message::{DialogueReference, Message};

impl<B: Speech> Dialogues<B> {
    pub(super) fn take_coming(&mut self, message: &Message<B>) -> Result<Update, Refusal> {
        match message.to.as_deref().unwrap_or_default() {
            "" => Err(Refusal::NoAddress { field: "to" }),
            to if *to != *self.address => {
                Err(Refusal::NotForUs { to: quoted(to), address: self.address.to_string() })
            }
            _ => self.take_message(Side::Them, message.sender.as_deref().unwrap_or_default(), message),
        }
    }

    /// Takes a message that one side said, in a dialogue with `peer`.
    pub(super) fn take_message(
        &mut self,
        by: Side,
        peer: &str,
        message: &Message<B>,
    ) -> Result<Update, Refusal> {
        self.check_peer(peer)?;
        self.check_references(&message.dialogue_reference)?;
        if let Some(place) = self.find_for(by, peer, message) {
            return self.take_next(place, by, message);
        }
        check_opens(message, peer)?;
        let (id, ended) = self.take_first(by, peer, message)?;
        Ok(Update::Accepted { id, is_new: true, ended })
    }

    pub(super) fn check_peer(&self, peer: &str) -> Result<(), Refusal> {
        let limit = self.keeper.limits.address_bytes;
        match peer {
            "" => Err(Refusal::NoAddress { field: "sender" }),
            _ if *peer == *self.address => Err(Refusal::WithOneself { address: peer.to_owned() }),
            _ if peer.len() > limit => Err(Refusal::AddressTooLong { bytes: peer.len(), limit }),
            _ => Ok(()),
        }
    }

    fn check_references(&self, reference: &DialogueReference) -> Result<(), Refusal> {
        let limit = self.keeper.limits.reference_bytes;
        let bytes = reference.starter.len().max(reference.responder.len());
        match bytes {
            _ if reference.starter.is_empty() => Err(Refusal::NoReference),
            _ if bytes > limit => Err(Refusal::ReferenceTooLong { bytes, limit }),
            _ => Ok(()),
        }
    }

    /// Where the dialogue of a message is. Who began it follows from the sign of the message's number; one with a wrong
    /// number is still known by its references.
    pub(super) fn find_for(&self, by: Side, peer: &str, message: &Message<B>) -> Option<u32> {
        let started_by = if message.message_id > 0 { by } else { by.other() };
        let find = |side| self.keeper.table.find(peer, side, &message.dialogue_reference.starter);
        let opens = message.message_id == 1 && message.dialogue_reference.responder.is_empty();
        find(started_by).or_else(|| if opens { None } else { find(started_by.other()) })
    }

    /// Takes the first message of a new dialogue, if it may begin so.
    pub(super) fn take_first(
        &mut self,
        by: Side,
        peer: &str,
        message: &Message<B>,
    ) -> Result<(DialogueId, Option<Ended>), Refusal> {
        let rules = &self.keeper.rules;
        let claim = claim(message, by);
        let starter = &message.dialogue_reference.starter;
        let mut conversation = Conversation::begun(by, starter, (self.role)(by, &message.body));
        judging::first(rules, conversation.role_of(by, rules), claim)?;
        self.keeper.check_room(peer)?;
        conversation.learn_role(by, claim.performative, rules);
        conversation.set_time_out(self.keeper.default_time_out());
        let dialogue = Dialogue { rules, address: &self.address, peer, conversation: &conversation };
        self.validate(dialogue, message)?;
        if by == Side::Them {
            let nonce = (self.nonces)().ok_or(Refusal::NoNonce)?;
            conversation.references.complete(&reference(&nonce));
        }
        let place = self.keeper.enter(peer, conversation);
        let id = self.keeper.table.id(place);
        Ok((id, self.keeper.take(place, claim, None, &message.body)))
    }

    /// Which performative a message answers that all rules allow.
    pub(super) fn next(
        &self,
        dialogue: Dialogue<'_, B>,
        claim: Claim,
        message: &Message<B>,
    ) -> Result<u16, Refusal> {
        let Keeper { rules, limits, .. } = &self.keeper;
        let is_silent = dialogue.conversation.deadline <= self.keeper.now();
        match dialogue.conversation.ended {
            Some(Ended::TimedOut) => Err(timed_out(dialogue)),
            Some(ended) => Err(Refusal::Ended { ended: ended.word(rules).to_owned() }),
            // Whoever asks for those that are to be given up is told of it later.
            None if is_silent => Err(timed_out(dialogue)),
            None => {
                let after = judging::next(rules, limits, dialogue.conversation, claim)?;
                self.validate(dialogue, message)?;
                Ok(after)
            }
        }
    }

    fn validate(&self, dialogue: Dialogue<'_, B>, message: &Message<B>) -> Result<(), Refusal> {
        match &self.validation {
            Some(validation) => validation(dialogue, message).map_err(|reason| Refusal::Invalid { reason }),
            None => Ok(()),
        }
    }

    /// Takes a message of a dialogue that is known, said by either side.
    fn take_next(&mut self, place: u32, by: Side, message: &Message<B>) -> Result<Update, Refusal> {
        let id = self.keeper.table.id(place);
        let dialogue = self.view(place).ok_or(Refusal::Gone)?;
        let (conversation, claim) = (dialogue.conversation, claim(message, by));
        let (known, told) = (&conversation.references, &*message.dialogue_reference.responder);
        if !told.is_empty() && known.has_responder() && !known.is_responder(told) {
            return Err(Refusal::OtherReference { expected: quoted(known.responder()), found: quoted(told) });
        }
        if said_before(conversation, claim, &message.body)? {
            return Ok(Update::Again { id });
        }
        if let Some(end) = self.crossing(dialogue, claim, message) {
            self.keeper.take_late(place, claim, end, &message.body);
            return Ok(end.map_or(Update::Late { id }, |ended| Update::EndsCrossed { id, ended }));
        }
        if by == conversation.started_by && !known.has_responder() && !told.is_empty() {
            return Err(Refusal::ReferenceAhead { found: quoted(told) });
        }
        let after = self.next(dialogue, claim, message)?;
        let completes = by != conversation.started_by && !known.has_responder() && !told.is_empty();
        if let Some(conversation) = self.keeper.table.at_mut(place).filter(|_| completes) {
            conversation.references.complete(told);
        }
        let ended = self.keeper.take(place, claim, Some(after), &message.body);
        Ok(Update::Accepted { id, is_new: false, ended })
    }

    /// Whether a message that came was said while the other side did not know yet that we had ended the dialogue; and
    /// if so the end that holds instead of ours: the starter's, so that both sides come to the same.
    fn crossing(
        &self,
        dialogue: Dialogue<'_, B>,
        claim: Claim,
        message: &Message<B>,
    ) -> Option<Option<Ended>> {
        let Keeper { rules, limits, .. } = &self.keeper;
        let Some(Ended::Said { by: Side::Us, .. }) = dialogue.conversation.ended else { return None };
        if claim.by == Side::Us {
            return None;
        }
        let after = judging::next(rules, limits, dialogue.conversation, claim).ok()?;
        self.validate(dialogue, message).ok()?;
        let holds = dialogue.conversation.started_by == Side::Them && rules.is_terminal(claim.performative);
        Some(holds.then(|| self.keeper.end_of(claim, Some(after))))
    }
}

fn timed_out<B: Speech>(dialogue: Dialogue<'_, B>) -> Refusal {
    Refusal::TimedOut { silence: dialogue.time_out().unwrap_or_default() }
}

fn claim<B: Speech>(message: &Message<B>, by: Side) -> Claim {
    let Message { message_id, target, .. } = *message;
    Claim { message_id, target, performative: message.body.performative(), by }
}

/// Whether a message whose dialogue is not known can be the first of one.
fn check_opens<B>(message: &Message<B>, peer: &str) -> Result<(), Refusal> {
    let DialogueReference { starter, responder } = &message.dialogue_reference;
    match (message.message_id, responder.as_str()) {
        (1, "") => Ok(()),
        (1, found) if message.target == 0 => Err(Refusal::ReferenceAhead { found: quoted(found) }),
        _ => Err(Refusal::UnknownDialogue {
            reference: format!("{}/{}", quoted(starter), quoted(responder)),
            peer: quoted(peer),
        }),
    }
}

/// Whether a message is one that was said before.
fn said_before<B: Speech>(conversation: &Conversation<B>, claim: Claim, body: &B) -> Result<bool, Refusal> {
    if conversation.speaker(claim.message_id) != claim.by {
        return Ok(false);
    }
    match conversation.history.find(claim.message_id) {
        Place::Nowhere => Ok(false),
        Place::Forgotten => Ok(true),
        Place::Here(said) => {
            let same_body = said.body.as_ref().is_none_or(|said| said.is_same(body));
            if said.target == claim.target && said.performative == claim.performative && same_body {
                return Ok(true);
            }
            let expected = conversation.next_number(claim.by)?;
            Err(Refusal::NumberUsed { number: claim.message_id, expected })
        }
    }
}
