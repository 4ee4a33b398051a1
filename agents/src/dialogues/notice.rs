//! Dialogues that one side gives up: what it tells the other one, which would else wait for its time-out.
//!
//! A notice is an `error` of the protocol `default`, handed over as any message of the dialogue's protocol is, so the rule
//! that lets answers pass lets it pass. Always true: it is sent one way and once, for the other side's time-out stands
//! behind it; it is believed from whom the dialogue is with, and never answered by another. Neighbours:
//! [`desk`](super::desk) has the dialogues, [`judging`](super::judging) what else comes.

use std::fmt;
use std::rc::Rc;

use folkmoot_codecs::Principal;
use folkmoot_protocols::dialogue::{DialogueId, ErrorCode, ErrorReply, Label, Side};
use folkmoot_protocols::typed::{Conversed, Part};
use folkmoot_protocols::{Body, Envelope, Message, Reading};

use super::Cause;
use super::desk::{Desk, Listener};
use super::judging::{ERRORS, errors, sealed};
use crate::context::Scope;
use crate::interface::Agent;
use crate::proxy::Proxy;

/// How many dialogues' other sides are told at most when an agent's life ends. The others learn of it by their time-outs.
pub const NOTICES_AT_END: usize = 1_000;

/// Longest reason that is told, in characters.
const REASON_CHARS: usize = 1_000;

/// The datum of the `error` that has the reference of the dialogue's starter.
const STARTER: &str = "dialogue_starter_reference";

/// The datum that says whether whoever tells it began the dialogue: `1` or `0`.
const BEGUN_BY_SENDER: &str = "begun_by_sender";

impl<P: Conversed> Desk<P> {
    /// Gives a dialogue up, and tells the other side why.
    pub(super) fn give_up(&self, id: DialogueId, cause: &Cause, reason: &str) {
        let told = self.is_open(id).then(|| self.notice(id, reason)).flatten();
        self.abandon(id, cause);
        if let Some((peer, envelope)) = told
            && let Err(error) = Self::tell(&peer, envelope).one_way()
        {
            let (agent, peer) = (self.full_name(), Proxy::url(&peer));
            tracing::debug!(%agent, protocol = P::ID, peer, %error, "the other side is not told that a dialogue is given up");
        }
    }

    /// The envelope that tells it, and the way it goes.
    fn notice(&self, id: DialogueId, reason: &str) -> Option<(Proxy<Listener>, Vec<u8>)> {
        let (peer, known_as) =
            self.beside.borrow().get(&id).map(|beside| (beside.peer.clone(), beside.known_as.clone()))?;
        let data = {
            let dialogues = self.dialogues.borrow();
            let dialogue = dialogues.get(id)?;
            let begun = if dialogue.started_by() == Side::Us { "1" } else { "0" };
            [(STARTER, dialogue.starter_reference()), (BEGUN_BY_SENDER, begun)]
                .map(|(name, text)| (name.to_owned(), text.as_bytes().to_vec()))
        };
        let reason: String = reason.chars().take(REASON_CHARS).collect();
        let mut error = ErrorReply::new(ErrorCode::InvalidDialogue, reason, P::ID, &[]);
        error.data.extend(data);
        let envelope = sealed(error, known_as.to_string(), Proxy::url(&peer))?;
        Some((peer, envelope))
    }

    /// Takes what may be a notice. Says whether it was one, of whatever dialogue: then it is not judged as a message.
    pub(super) fn take_notice(&self, envelope: &Envelope, caller: &Principal) -> bool {
        if envelope.protocol_id != ERRORS || P::ID == ERRORS {
            return false;
        }
        let Some((label, reason)) = read(envelope) else { return false };
        let id = self.dialogues.borrow().find(&label);
        let Some(id) = id.filter(|id| self.is_open(*id) && self.stranger(*id, caller).is_none()) else {
            // It ended here too, or is nobody's.
            return true;
        };
        self.counters().dialogues_given_up_by_peers.increment(1);
        let agent = self.full_name();
        tracing::info!(%agent, protocol = P::ID, peer = label.peer, reason, "the other side has given a dialogue up");
        self.abandon(id, &Cause::GivenUp { reason });
        true
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

/// The dialogue and the reason, where it is a notice; as whoever reads it knows the dialogue.
fn read(envelope: &Envelope) -> Option<(Label, String)> {
    let message: Message<Body> = envelope.open(errors()?, Reading::STRICT).ok()?;
    let error = ErrorReply::read(&message.body)?;
    let text = |name: &str| {
        let (_, bytes) = error.data.iter().find(|(known, _)| known == name)?;
        String::from_utf8(bytes.clone()).ok()
    };
    let label = Label {
        starter_reference: text(STARTER)?,
        // The starter may not have heard it yet.
        responder_reference: String::new(),
        peer: envelope.sender.clone(),
        started_by: if text(BEGUN_BY_SENDER)? == "1" { Side::Them } else { Side::Us },
    };
    Some((label, error.text))
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
