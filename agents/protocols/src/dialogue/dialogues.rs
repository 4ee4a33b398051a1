//! One agent's dialogues in one protocol: it begins them, answers in them, and takes what comes.
//!
//! Always true: whatever is refused has changed nothing; an ended dialogue takes nothing more, but is known for a
//! while, so that what comes again is known for what it is; each operation costs the same however many dialogues there
//! are. Neighbours: [`super::judging`] says what may come next; [`super::keeping`] files, ends and forgets.

use std::sync::Arc;
use std::time::Duration;

use super::conversation::{Conversation, Dialogue, Ended};
use super::history::Place;
use super::judging::{self, Claim};
use super::keeping::Keeper;
use super::label::{Label, NONCE_BYTES, Side, reference};
use super::limits::Limits;
use super::refusal::quoted;
use super::rules::{Rules, RulesError};
use super::statistics::Statistics;
use super::table::DialogueId;
use super::{Refusal, Speech};
use crate::message::{DialogueReference, Message};

/// A source of references.
type Nonces = Box<dyn FnMut() -> Option<[u8; NONCE_BYTES]> + Send>;

/// A program's own rule.
type Validation<B> = Box<dyn Fn(Dialogue<'_, B>, &Message<B>) -> Result<(), String> + Send + Sync>;

/// The role that the agent takes in a dialogue, by who begins it and the first message.
type RoleChoice<B> = Box<dyn Fn(Side, &B) -> Option<u16> + Send + Sync>;

/// What came of a message that came.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
#[must_use = "a refused message is to be answered or counted"]
pub enum Update {
    /// It is the next one of its dialogue.
    Accepted {
        /// The dialogue.
        id: DialogueId,
        /// Whether it begins it.
        is_new: bool,
        /// How the dialogue ended, if it did by this message.
        ended: Option<Ended>,
    },
    /// Both sides ended the dialogue at the same time, and the other's end holds, for it began the dialogue.
    EndsCrossed {
        /// The dialogue, which had ended already.
        id: DialogueId,
        /// How it ended, after all.
        ended: Ended,
    },
    /// It is the next one of the other side, but was said before that side could know that we had ended the dialogue.
    /// It is remembered, so that what follows it has its place, and nothing else comes of it.
    Late {
        /// The dialogue, which has ended.
        id: DialogueId,
    },
    /// It came before; nothing has changed.
    Again {
        /// The dialogue.
        id: DialogueId,
    },
    /// It was refused; nothing has changed.
    Refused(Refusal),
}

/// One agent's dialogues in one protocol.
pub struct Dialogues<B> {
    pub(super) address: Box<str>,
    pub(super) keeper: Keeper<B>,
    nonces: Nonces,
    role: RoleChoice<B>,
    validation: Option<Validation<B>>,
}

impl<B: Speech> Dialogues<B> {
    /// The dialogues of the agent at `address`; none yet. `nonces` gives random bytes that nobody can guess, for
    /// references; `None` where it has none.
    pub fn new(
        rules: Arc<Rules>,
        address: impl Into<Box<str>>,
        nonces: impl FnMut() -> Option<[u8; NONCE_BYTES]> + Send + 'static,
    ) -> Dialogues<B> {
        Dialogues {
            address: address.into(),
            keeper: Keeper::new(rules, Limits::default()),
            nonces: Box::new(nonces),
            role: Box::new(|_, _| None),
            validation: None,
        }
    }

    /// Sets how much they may take. What is there already stays.
    pub fn with_limits(mut self, limits: Limits) -> Dialogues<B> {
        self.set_limits(limits);
        self
    }

    /// Sets how much they may take from now on. What is there already stays.
    pub fn set_limits(&mut self, limits: Limits) {
        self.keeper.limits = limits;
    }

    /// Says which role the agent takes in all its dialogues.
    ///
    /// # Errors
    /// The protocol has no such role.
    pub fn with_role(self, role: &str) -> Result<Dialogues<B>, RulesError> {
        let role = self.keeper.rules.role(role)?;
        Ok(self.with_role_by(move |_, _| Some(role)))
    }

    /// Has the agent's role chosen by who begins a dialogue, and its first message; `None` where that does not tell.
    pub fn with_role_by(
        mut self,
        role: impl Fn(Side, &B) -> Option<u16> + Send + Sync + 'static,
    ) -> Dialogues<B> {
        self.role = Box::new(role);
        self
    }

    /// Sets a rule of the program's own, asked of each message, coming or going, that all others allow. An error of it
    /// is the reason for a refusal.
    pub fn with_validation(
        mut self,
        validation: impl Fn(Dialogue<'_, B>, &Message<B>) -> Result<(), String> + Send + Sync + 'static,
    ) -> Dialogues<B> {
        self.set_validation(validation);
        self
    }

    /// The same, from now on.
    pub fn set_validation(
        &mut self,
        validation: impl Fn(Dialogue<'_, B>, &Message<B>) -> Result<(), String> + Send + Sync + 'static,
    ) {
        self.validation = Some(Box::new(validation));
    }

    /// Has an end that this side says count once [`confirm`](Dialogues::confirm) tells that it has gone out: for who
    /// sends where that can fail.
    pub fn confirm_ends(&mut self) {
        self.keeper.confirms_ends = true;
    }

    /// Whose dialogues these are.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The protocol's rules.
    pub fn rules(&self) -> &Arc<Rules> {
        &self.keeper.rules
    }

    /// How much they may take.
    pub fn limits(&self) -> &Limits {
        &self.keeper.limits
    }

    /// How they went.
    pub fn statistics(&self) -> &Statistics {
        &self.keeper.statistics
    }

    /// How many are open.
    pub fn open(&self) -> usize {
        self.keeper.open
    }

    /// How many are known, those that have ended too.
    pub fn known(&self) -> usize {
        self.keeper.table.len()
    }

    /// With how many peers there are dialogues, those that have ended too.
    pub fn peers(&self) -> usize {
        self.keeper.table.peers().count()
    }

    /// How many bytes the bodies take that are kept, about: [`Limits::body_bytes_in_all`] is the bound.
    pub fn body_bytes(&self) -> usize {
        self.keeper.body_bytes()
    }

    fn view(&self, place: u32) -> Option<Dialogue<'_, B>> {
        let conversation = self.keeper.table.at(place)?;
        let peer = self.keeper.table.peers().address(conversation.peer);
        Some(Dialogue { rules: &self.keeper.rules, address: &self.address, peer, conversation })
    }

    /// A dialogue, as long as it is known.
    pub fn get(&self, id: DialogueId) -> Option<Dialogue<'_, B>> {
        self.view(self.keeper.table.place(id)?)
    }

    /// Finds a dialogue by its label. The responder's reference may be missing, but not be another.
    pub fn find(&self, label: &Label) -> Option<DialogueId> {
        let place = self.keeper.table.find(&label.peer, label.started_by, &label.starter_reference)?;
        let known = &self.keeper.table.at(place)?.references;
        let fits = !label.is_complete() || known.is_responder(&label.responder_reference);
        fits.then(|| self.keeper.table.id(place))
    }

    /// The dialogue that a message which came belongs to, if that is known. Whether it may come next is not looked at.
    pub fn dialogue_of(&self, message: &Message<B>) -> Option<DialogueId> {
        let peer = message.sender.as_deref()?;
        self.find_for(Side::Them, peer, message).map(|place| self.keeper.table.id(place))
    }

    /// All dialogues, open and ended, in no order that means anything.
    pub fn all(&self) -> impl Iterator<Item = (DialogueId, Dialogue<'_, B>)> {
        self.keeper.table.all().filter_map(|place| Some((self.keeper.table.id(place), self.view(place)?)))
    }

    /// The dialogues with one peer, open and ended, the oldest first.
    pub fn with_peer(&self, peer: &str) -> impl Iterator<Item = (DialogueId, Dialogue<'_, B>)> {
        let peers = self.keeper.table.peers();
        let places = peers.find(peer).into_iter().flat_map(move |number| peers.dialogues(number));
        places.filter_map(|place| Some((self.keeper.table.id(place), self.view(place)?)))
    }

    /// A message of a dialogue once more, of either side: to be sent again where it was lost. `None` where it or its
    /// body is not kept any more.
    pub fn message(&self, id: DialogueId, message_id: i32) -> Option<Message<B>> {
        let dialogue = self.get(id)?;
        let said = dialogue.message(message_id)?;
        let claim = Claim { message_id, target: said.target, performative: said.performative, by: said.by };
        Some(message(dialogue, claim, said.body?.clone()))
    }

    /// Begins a dialogue with a peer; the message is to be sent. `now` is what has passed on whatever clock the
    /// dialogues live by, here and everywhere.
    ///
    /// # Errors
    /// The rules, the bounds or the program's own validation do not allow it.
    pub fn begin(&mut self, peer: &str, body: B, now: Duration) -> Result<(DialogueId, Message<B>), Refusal> {
        self.keeper.tell_time(now);
        self.check_peer(peer)?;
        for _ in 0..2 {
            let nonce = (self.nonces)().ok_or(Refusal::NoNonce)?;
            let starter = reference(&nonce);
            if self.keeper.table.find(peer, Side::Us, &starter).is_none() {
                let dialogue_reference = DialogueReference { starter, responder: String::new() };
                let (sender, to) = (Some(self.address.to_string()), Some(peer.to_owned()));
                let message = Message { dialogue_reference, message_id: 1, target: 0, sender, to, body };
                let (id, _) = self.take_first(Side::Us, peer, &message)?;
                return Ok((id, message));
            }
        }
        Err(Refusal::NoNonce)
    }

    /// Answers in a dialogue: message `target`, or the last of either side where that is `None`. The message is to be
    /// sent.
    ///
    /// # Errors
    /// The rules, the bounds or the program's own validation do not allow it, or the dialogue has ended.
    pub fn reply(
        &mut self,
        id: DialogueId,
        target: Option<i32>,
        body: B,
        now: Duration,
    ) -> Result<Message<B>, Refusal> {
        self.keeper.tell_time(now);
        let place = self.keeper.table.place(id).ok_or(Refusal::Gone)?;
        let dialogue = self.view(place).ok_or(Refusal::Gone)?;
        let last = dialogue.conversation.history.last_message().map_or(0, |said| said.message_id);
        let claim = Claim {
            message_id: dialogue.conversation.next_number(Side::Us)?,
            target: target.unwrap_or(last),
            performative: body.performative(),
            by: Side::Us,
        };
        let message = message(dialogue, claim, body);
        let after = self.next(dialogue, claim, &message)?;
        self.keeper.take(place, claim, Some(after), &message.body);
        Ok(message)
    }

    /// Takes a message of our own that was made elsewhere, as it was sent: what is replayed, or was sent before a
    /// restart.
    ///
    /// # Errors
    /// As [`Dialogues::begin`] and [`Dialogues::reply`], or it does not come from here.
    pub fn sent(&mut self, message: &Message<B>, now: Duration) -> Result<Update, Refusal> {
        self.keeper.tell_time(now);
        let sender = message.sender.as_deref().unwrap_or_default();
        if *sender != *self.address {
            return Err(Refusal::NotFromUs { sender: quoted(sender), address: self.address.to_string() });
        }
        self.take_message(Side::Us, message.to.as_deref().unwrap_or_default(), message)
    }

    /// Takes a message that came.
    ///
    /// One that came before is taken again without effect. A peer's mistake is a [`Refusal`], which has changed nothing
    /// but the count of it; [`ErrorReply::to`](super::ErrorReply::to) makes the answer.
    pub fn update(&mut self, message: &Message<B>, now: Duration) -> Update {
        self.keeper.tell_time(now);
        let update = self.take_coming(message).unwrap_or_else(Update::Refused);
        let statistics = &mut self.keeper.statistics;
        match &update {
            Update::Refused(refusal) => statistics.refuse(refusal),
            Update::Again { .. } => statistics.again += 1,
            Update::Late { .. } => statistics.late += 1,
            Update::Accepted { .. } | Update::EndsCrossed { .. } => statistics.accepted += 1,
        }
        update
    }

    fn take_coming(&mut self, message: &Message<B>) -> Result<Update, Refusal> {
        match message.to.as_deref().unwrap_or_default() {
            "" => Err(Refusal::NoAddress { field: "to" }),
            to if *to != *self.address => {
                Err(Refusal::NotForUs { to: quoted(to), address: self.address.to_string() })
            }
            _ => self.take_message(Side::Them, message.sender.as_deref().unwrap_or_default(), message),
        }
    }

    /// Takes a message that one side said, in a dialogue with `peer`.
    fn take_message(&mut self, by: Side, peer: &str, message: &Message<B>) -> Result<Update, Refusal> {
        self.check_peer(peer)?;
        self.check_references(&message.dialogue_reference)?;
        if let Some(place) = self.find_for(by, peer, message) {
            return self.take_next(place, by, message);
        }
        check_opens(message, peer)?;
        let (id, ended) = self.take_first(by, peer, message)?;
        Ok(Update::Accepted { id, is_new: true, ended })
    }

    fn check_peer(&self, peer: &str) -> Result<(), Refusal> {
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
    fn find_for(&self, by: Side, peer: &str, message: &Message<B>) -> Option<u32> {
        let started_by = if message.message_id > 0 { by } else { by.other() };
        let find = |side| self.keeper.table.find(peer, side, &message.dialogue_reference.starter);
        let opens = message.message_id == 1 && message.dialogue_reference.responder.is_empty();
        find(started_by).or_else(|| if opens { None } else { find(started_by.other()) })
    }

    /// Takes the first message of a new dialogue, if it may begin so.
    fn take_first(
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
    fn next(&self, dialogue: Dialogue<'_, B>, claim: Claim, message: &Message<B>) -> Result<u16, Refusal> {
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

/// The message of a dialogue that claims to be this.
fn message<B: Speech>(dialogue: Dialogue<'_, B>, claim: Claim, body: B) -> Message<B> {
    let (us, them) = (dialogue.address.to_owned(), dialogue.peer.to_owned());
    let (sender, to) = if claim.by == Side::Us { (us, them) } else { (them, us) };
    let dialogue_reference = DialogueReference {
        starter: dialogue.starter_reference().to_owned(),
        responder: dialogue.responder_reference().to_owned(),
    };
    let Claim { message_id, target, .. } = claim;
    Message { dialogue_reference, message_id, target, sender: Some(sender), to: Some(to), body }
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
