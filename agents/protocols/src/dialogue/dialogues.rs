//! One agent's dialogues in one protocol: it begins them, answers in them, and takes what comes.
//!
//! Always true: whatever is refused has changed nothing; an ended dialogue takes nothing more, but is known for a
//! while, so that what comes again is known for what it is; each operation costs the same however many dialogues there
//! are. Neighbours: [`super::taking`] has what becomes of a message, [`super::judging`] says what may come next;
//! [`super::keeping`] files, ends and forgets.

use std::sync::Arc;
use std::time::Duration;

use super::claim::Claim;
use super::conversation::{Dialogue, Ended};
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
    pub(super) nonces: Nonces,
    pub(super) role: RoleChoice<B>,
    pub(super) validation: Option<Validation<B>>,
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

    pub(super) fn view(&self, place: u32) -> Option<Dialogue<'_, B>> {
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
