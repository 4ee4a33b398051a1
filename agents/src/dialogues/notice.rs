//! Dialogues that one side gives up: what it tells the other one, which would else wait for its time-out.
//!
//! A notice is an `error` of the protocol `default`, handed over as any message of the dialogue's protocol is, so the rule
//! that lets answers pass lets it pass. What came by mail and is refused is told so too, with the number of the message.
//! Always true: it is sent one way and once, for the other side's time-out stands behind it; it is believed from whom the dialogue is with, and never answered by another. Neighbours:
//! [`desk`](super::desk) has the dialogues, [`judging`](super::judging) what else comes.

use std::fmt;
use std::rc::Rc;

use folkmoot_protocols::dialogue::{DialogueId, ErrorCode, ErrorReply, Label, Side};
use folkmoot_protocols::typed::{Conversed, Part};
use folkmoot_protocols::{Body, Envelope, Message, Place, Reading};

use super::Cause;
use super::desk::Desk;
use super::judging::{Came, ERRORS, MESSAGE, errors, is_error, sealed};
use super::listener::Listener;
use super::posting::mail;
use super::way::{Post, Way};
use crate::context::Scope;
use crate::interface::Agent;
use crate::mail::{Delivery, MailAddress, Outgoing};
use crate::proxy::Proxy;

/// How many dialogues' other sides are told at most when an agent's life ends. The others learn of it by their time-outs.
pub const NOTICES_AT_END: usize = 1_000;

/// The datum of the `error` that has the reference of the dialogue's starter.
const STARTER: &str = "dialogue_starter_reference";

/// The datum that says whether whoever tells it began the dialogue: `1` or `0`.
const BEGUN_BY_SENDER: &str = "begun_by_sender";

/// The datum that has the number of a message that was refused, in decimal.
const MESSAGE_ID: &str = "message_id";

/// The mail from `own` that tells the sender of a message by mail why it is not taken; `None` where there is no way to do
/// so.
pub(super) fn refusal(own: &MailAddress, delivery: &Delivery, mut error: ErrorReply) -> Option<Outgoing> {
    let mailbox = delivery.from.clone()?;
    let Envelope { message, .. } = Envelope::decode(&delivery.body, Reading::STRICT).ok()?;
    error.data.retain(|(name, _)| name != MESSAGE);
    if let Ok(place) = Place::read(&message, Reading::STRICT) {
        // Who began numbers upwards, and it was the other one who said it.
        let begun = if place.message_id > 0 { "0" } else { "1" };
        let (starter, number) = (place.dialogue_reference.starter, place.message_id.to_string());
        let which = [(STARTER, starter), (BEGUN_BY_SENDER, begun.to_owned()), (MESSAGE_ID, number)];
        error.data.extend(which.map(|(name, text)| (name.to_owned(), text.into_bytes())));
    }
    error.data.push((MESSAGE.to_owned(), message));
    let envelope = sealed(error, own.as_str().to_owned(), mailbox.as_str().to_owned())?;
    let post = Post { mailbox, name: delivery.by.agent_name().map(Into::into) };
    Some(mail(&delivery.kind, &post, envelope))
}

/// What is told to the other side of a dialogue, and how.
enum Notice {
    Call(Proxy<Listener>, Vec<u8>),
    Mail(Outgoing),
}

impl<P: Conversed> Desk<P> {
    /// Gives a dialogue up, and tells the other side why.
    pub(super) fn give_up(&self, id: DialogueId, cause: &Cause, reason: &str) {
        let told = self.is_open(id).then(|| self.notice(id, reason)).flatten();
        self.end(id, cause);
        self.tell(id, told);
    }

    fn tell(&self, id: DialogueId, notice: Option<Notice>) {
        match notice {
            None => self.forget(id),
            Some(Notice::Mail(mail)) => self.forget_and_tell(id, mail),
            Some(Notice::Call(peer, envelope)) => {
                self.forget(id);
                if let Err(error) = Self::call(&peer, envelope).one_way() {
                    let (agent, peer) = (self.full_name(), Proxy::url(&peer));
                    tracing::debug!(%agent, protocol = P::ID, peer, %error, "the other side is not told that a dialogue is given up");
                }
            }
        }
    }

    /// What tells it, and the way that goes.
    fn notice(&self, id: DialogueId, reason: &str) -> Option<Notice> {
        let (way, known_as) =
            self.beside.borrow().get(&id).map(|beside| (beside.way.clone(), beside.known_as.clone()))?;
        let data = {
            let dialogues = self.dialogues.borrow();
            let dialogue = dialogues.get(id)?;
            let begun = if dialogue.started_by() == Side::Us { "1" } else { "0" };
            [(STARTER, dialogue.starter_reference()), (BEGUN_BY_SENDER, begun)]
                .map(|(name, text)| (name.to_owned(), text.as_bytes().to_vec()))
        };
        let mut error = ErrorReply::new(ErrorCode::InvalidDialogue, reason, P::ID, &[]);
        error.data.extend(data);
        let envelope = sealed(error, known_as.to_string(), way.address())?;
        Some(match way {
            Way::Calls(peer) => Notice::Call(peer, envelope),
            Way::Mail(post) => Notice::Mail(mail(P::ID, &post, envelope)),
        })
    }

    /// Takes what may be a notice. Says whether it was one, of whatever dialogue, for then it is not judged as a message; and
    /// which dialogue it has ended.
    pub(super) fn take_notice(&self, envelope: &Envelope, came: &Came<'_>) -> Option<Option<DialogueId>> {
        if !is_error(envelope) || P::ID == ERRORS {
            return None;
        }
        let Told { label, refused, code, reason } = read::<P>(envelope, came)?;
        let id = self.dialogues.borrow().find(&label);
        let Some(id) = id.filter(|id| self.stranger(*id, came).is_none()) else { return Some(None) };
        if let Some(message_id) = refused {
            return Some(self.hear_refusal(id, message_id, code, reason));
        }
        if !self.is_open(id) {
            // It ended here too.
            return Some(None);
        }
        self.counters().dialogues_given_up_by_peers.increment(1);
        let agent = self.full_name();
        tracing::info!(%agent, protocol = P::ID, peer = label.peer, reason, "the other side has given a dialogue up");
        self.abandon(id, &Cause::GivenUp { reason });
        Some(Some(id))
    }

    /// The other side has refused a message that was sent by mail: what was said cannot be taken back any more, so the dialogue
    /// is over, and the other side, which knows nothing of the message, is told so.
    fn hear_refusal(
        &self,
        id: DialogueId,
        message_id: i32,
        code: ErrorCode,
        reason: String,
    ) -> Option<DialogueId> {
        let is_ours = {
            let dialogues = self.dialogues.borrow();
            let said = dialogues.get(id).and_then(|dialogue| dialogue.message(message_id));
            said.is_some_and(|said| said.by == Side::Us)
        };
        if !is_ours {
            return None;
        }
        self.counters().messages_refused_by_peers.increment(1);
        let agent = self.full_name();
        tracing::warn!(%agent, protocol = P::ID, message_id, code = code.name(), reason, "a message that was sent by mail was refused; its dialogue is over");
        // There it is over, or was never begun.
        let is_over_there = code == ErrorCode::InvalidDialogue || message_id == 1;
        let notice = (!is_over_there).then(|| self.notice(id, "a message of it was refused there")).flatten();
        self.end(id, &Cause::Refused { code, reason });
        self.tell(id, notice);
        Some(id)
    }

    /// Gives up all open dialogues, for the agent's life has ended.
    pub(super) fn give_all_up(&self, reason: &str) {
        let open: Vec<DialogueId> = {
            let dialogues = self.dialogues.borrow();
            let open = dialogues.all().filter(|(_, dialogue)| dialogue.ended().is_none());
            open.map(|(id, _)| id).collect()
        };
        // They stay known for a while: what was left of them in turns and messages under way belongs to no other.
        let (told, untold) = open.split_at(open.len().min(NOTICES_AT_END));
        told.iter().for_each(|id| self.give_up(*id, &Cause::Abandoned, reason));
        untold.iter().for_each(|id| self.abandon(*id, &Cause::Abandoned));
        if !untold.is_empty() {
            self.counters().dialogues_untold.increment(untold.len() as u64);
            let (agent, untold) = (self.full_name(), untold.len());
            tracing::warn!(%agent, protocol = P::ID, untold, "dialogues ended with the agent, whose other sides learn of it by their time-outs");
        }
    }
}

/// What a notice tells.
struct Told {
    /// The dialogue, as whoever reads it knows it.
    label: Label,
    /// The number of the message that was refused, where it tells of that.
    refused: Option<i32>,
    code: ErrorCode,
    reason: String,
}

/// What an error tells of a dialogue, if it tells of one.
fn read<P: Conversed>(envelope: &Envelope, came: &Came<'_>) -> Option<Told> {
    let message: Message<Body> = envelope.open(errors()?, Reading::STRICT).ok()?;
    let error = ErrorReply::read(&message.body)?;
    let bytes = |name: &str| error.data.iter().find(|(known, _)| known == name).map(|(_, bytes)| bytes);
    let text = |name: &str| String::from_utf8(bytes(name)?.clone()).ok();
    let told = text(STARTER).zip(text(BEGUN_BY_SENDER));
    let refused = text(MESSAGE_ID).and_then(|number| number.parse().ok());
    let (starter_reference, begun_by_sender, refused) = match (told, came) {
        (Some((starter, begun)), Came::ByMail(_)) => (starter, begun == "1", refused),
        // What a call brings is refused in its answer.
        (Some((starter, begun)), Came::ByCall(_)) => (starter, begun == "1", None),
        (None, Came::ByCall(_)) => return None,
        (None, Came::ByMail(_)) => {
            // Whoever knows nothing of our data sends the message back.
            let refused: Message<P> =
                Message::decode(P::specified(), bytes(MESSAGE)?, Reading::STRICT).ok()?;
            let starter = refused.dialogue_reference.starter;
            (starter, refused.message_id < 0, Some(refused.message_id))
        }
    };
    let label = Label {
        starter_reference,
        // The starter may not have heard it yet.
        responder_reference: String::new(),
        peer: envelope.sender.clone(),
        started_by: if begun_by_sender { Side::Them } else { Side::Us },
    };
    Some(Told { label, refused, code: error.code, reason: error.text })
}

/// A message that its handler has, for who sees how that went.
pub struct Handled<P: Conversed> {
    desk: Rc<Desk<P>>,
    id: DialogueId,
    message_id: i32,
}

impl<P: Conversed> fmt::Debug for Handled<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handled").field("message_id", &self.message_id).finish_non_exhaustive()
    }
}

impl<P: Conversed> Handled<P> {
    /// The message that a handler's turn begins with.
    pub fn new<A: Agent>(scope: &Scope<'_, A>, part: &Part) -> Handled<P> {
        Handled { desk: scope.core.desk(), id: part.id(), message_id: part.message_id() }
    }

    /// The handler failed: where nothing has answered the message, nobody will.
    pub(crate) fn failed(&self, method: &str, error: &str) {
        let is_unanswered = {
            let dialogues = self.desk.dialogues.borrow();
            let last = dialogues.get(self.id).and_then(|dialogue| dialogue.last_message());
            last.is_some_and(|last| last.message_id == self.message_id)
        };
        if is_unanswered {
            let reason = format!("its handler `{method}` failed: {error}");
            self.desk.give_up(self.id, &Cause::Abandoned, &reason);
        }
    }
}
