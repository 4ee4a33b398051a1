//! Whether a message is taken: read, from whom its dialogue is with, and as the rules have it; and who has it then.
//!
//! Always true: what is refused has changed nothing and is answered with the reason; an `error` is never answered with
//! an error. Neighbours: [`incoming`](super::incoming) asks; `folkmoot_protocols` has the rules.

use std::sync::{Arc, LazyLock};

use folkmoot_codecs::{CallError, Principal};
use folkmoot_gateway::name::short;
use folkmoot_protocols::dialogue::{DialogueId, ErrorCode, ErrorReply, Refusal, Update};
use folkmoot_protocols::typed::{Conversed, Heard};
use folkmoot_protocols::{DialogueReference, Envelope, Message, Protocol, Reading, Specification};
use serde_bytes::ByteBuf;

use super::Cause;
use super::desk::{Desk, UNREAD_MESSAGES};
use super::incoming::Answer;
use super::listener::Listener;
use super::way::{Post, Way};
use crate::chance;
use crate::mail::Delivery;
use crate::proxy::Proxy;
use crate::turn::Origin;

/// Longest reason that is told, in characters.
const REASON_CHARS: usize = 1_000;

/// AEA's datum that has a refused message in bytes.
pub(super) const MESSAGE: &str = "message";

/// Longest message that goes back with the reason why it was refused, in bytes.
const RETURNED_BYTES: usize = 16 << 10;

/// The code of what is no message.
const UNREADABLE: &str = "unreadable";

/// The code of a message that is not from whom it says to be.
const FORGED_SENDER: &str = "forged_sender";

/// What is taken.
pub(super) enum Accepted<P> {
    /// A message of a dialogue.
    Message(TakenIn<P>),
    /// The other side has told that it gave a dialogue up, or refused what came by mail; the dialogue, if there is one.
    Notice(Option<DialogueId>),
}

/// A message that the rules allow.
pub(super) struct TakenIn<P> {
    /// Its dialogue.
    pub(super) id: DialogueId,
    /// The next one there; `None` where it came before or crossed the end, and so is for nobody who waits.
    pub(super) heard: Option<Heard<P>>,
    /// Whether the dialogue is over by it.
    pub(super) ends: bool,
}

impl<P> TakenIn<P> {
    /// One that is for nobody who waits.
    pub(super) fn unheard(id: DialogueId, ends: bool) -> TakenIn<P> {
        TakenIn { id, heard: None, ends }
    }
}

/// How a message came, and so who proves to have said it.
pub(super) enum Came<'a> {
    ByCall(&'a Origin),
    /// From a mailbox, as the exchange has it.
    ByMail(&'a Delivery),
}

impl Came<'_> {
    /// Who has proven to speak.
    pub(super) fn caller(&self) -> &Principal {
        match self {
            Came::ByCall(origin) => &origin.caller,
            Came::ByMail(delivery) => &delivery.by,
        }
    }

    fn is_inside(&self) -> bool {
        match self {
            Came::ByCall(origin) => origin.inside,
            Came::ByMail(delivery) => delivery.is_inside,
        }
    }
}

/// A message that is not taken.
pub(super) struct Refused {
    /// What the other side is told in AEA's words, with whom that is from and for; none where nobody can be told so.
    pub(super) error: Option<(ErrorReply, String, String)>,
    pub(super) code: &'static str,
    pub(super) reason: String,
    /// Whether it may be taken once another one has come.
    pub(super) is_early: bool,
}

impl Refused {
    /// One whose sender is told so by the error that `error` makes of the reason.
    fn told(
        code: &'static str,
        reason: &str,
        envelope: &Envelope,
        error: impl FnOnce(&str) -> ErrorReply,
    ) -> Box<Refused> {
        let reason = cut(reason);
        let error = (error(&reason), envelope.to.clone(), envelope.sender.clone());
        Box::new(Refused { error: Some(error), code, reason, is_early: false })
    }

    /// One whose sender cannot be told so, or is not.
    fn untold(code: &'static str, reason: &str) -> Box<Refused> {
        Box::new(Refused { error: None, code, reason: cut(reason), is_early: false })
    }
}

/// A reason of no more characters than are told: what peers wrote is quoted in it.
fn cut(reason: &str) -> String {
    reason.chars().take(REASON_CHARS).collect()
}

impl<P: Conversed> Desk<P> {
    /// Reads a message and judges it by the rules.
    ///
    /// # Errors
    /// It is not taken, and nothing has changed.
    pub(super) fn take(
        &self,
        bytes: &[u8],
        came: &Came<'_>,
        handles: &impl Fn(u16) -> bool,
    ) -> Result<Accepted<P>, Box<Refused>> {
        let caller = came.caller();
        let envelope = Envelope::decode(bytes, Reading::STRICT).map_err(|error| match came {
            Came::ByCall(_) => Refused::untold(UNREADABLE, &format!("the argument is no envelope: {error}")),
            Came::ByMail(_) => Refused::untold(UNREADABLE, &format!("the mail is no envelope: {error}")),
        })?;
        if let Came::ByMail(delivery) = came {
            check_sender(&envelope, delivery)?;
        }
        if let Some(id) = self.take_notice(&envelope, came) {
            return Ok(Accepted::Notice(id));
        }
        let refused = |code: &'static str, error: ErrorCode, reason: String| {
            Refused::told(code, &reason, &envelope, |reason| {
                ErrorReply::new(error, reason, P::ID, &envelope.message)
            })
        };
        check_protocol::<P>(&envelope)?;
        let mut message: Message<P> = envelope
            .open(P::specified(), Reading::STRICT)
            .map_err(|error| refused("decoding_error", ErrorCode::DecodingError, error.to_string()))?;
        let performative = message.body.performative();
        // The rules know the agent by its name; whatever name the other side uses, it is answered under.
        message.to = Some(self.name().to_string());
        let known = self.dialogues.borrow().dialogue_of(&message);
        if let Some(reason) = known.and_then(|id| self.stranger(id, came)) {
            return Err(refused("other_principal", ErrorCode::InvalidDialogue, reason));
        }
        // What opens no dialogue the rules refuse, with better words.
        let opens = known.is_none() && self.dialogues.borrow().rules().is_initial(performative);
        if opens && !handles(performative) {
            let name = self.name_of(performative);
            let reason = format!("{} takes no {name} of {} with which a dialogue begins", self.name(), P::ID);
            return Err(refused("no_handler", ErrorCode::UnsupportedSkill, reason));
        }
        let peer = match known {
            Some(_) => None,
            None => Some(self.way_back(&envelope.sender, came).map_err(|reason| {
                self.counters().ways_back_refused.increment(1);
                let reason = format!("the sender {:?} cannot be answered: {reason}", envelope.sender);
                refused("no_way_back", ErrorCode::InvalidMessage, reason)
            })?),
        };
        if known.is_none() && !came.is_inside() {
            self.check_room(caller).map_err(|refusal| self.refused(&refusal, &envelope))?;
        }
        let now = self.now();
        let taken = Heard::take(&mut self.dialogues.borrow_mut(), message, now);
        match taken {
            Ok(heard) => {
                let id = heard.id();
                self.counters().messages_in.increment(1);
                if let Some(way) = peer {
                    let known_as = match &way {
                        Way::Calls(_) => envelope.to.as_str().into(),
                        Way::Mail(_) => self.own_address(),
                    };
                    self.enter(id, way, known_as, Some(caller.clone()));
                    self.count(id);
                }
                if let Some(beside) = self.beside.borrow_mut().get_mut(&id) {
                    beside.principal.get_or_insert_with(|| caller.clone());
                }
                let ends = heard.ended.is_some();
                Ok(Accepted::Message(TakenIn { id, heard: Some(heard), ends }))
            }
            Err(unheard) => match unheard.update {
                Update::Again { id } | Update::Late { id } => {
                    Ok(Accepted::Message(TakenIn::unheard(id, false)))
                }
                Update::EndsCrossed { id, .. } => Ok(Accepted::Message(TakenIn::unheard(id, true))),
                Update::Refused(refusal) => Err(self.refused(&refusal, &envelope)),
                other => Err(refused("unknown", ErrorCode::InvalidMessage, format!("{other:?}"))),
            },
        }
    }

    fn refused(&self, refusal: &Refusal, envelope: &Envelope) -> Box<Refused> {
        let reply = ErrorReply::to(refusal, P::ID, &envelope.message);
        let error = reply.map(|reply| (reply, envelope.to.clone(), envelope.sender.clone()));
        let is_early = match refusal {
            Refusal::OtherNumber { expected, found } => {
                found.signum() == expected.signum() && found.unsigned_abs() > expected.unsigned_abs()
            }
            Refusal::UnknownDialogue { .. } => true,
            _ => false,
        };
        let (code, reason) = (refusal.code(), refusal.to_string());
        Box::new(Refused { error, code, reason, is_early })
    }

    /// The way to who spoke.
    ///
    /// # Errors
    /// Nobody is answered there; why, as a sentence.
    fn way_back(&self, sender: &str, came: &Came<'_>) -> Result<Way, String> {
        match came {
            Came::ByCall(origin) => self.way_by_calls(sender, origin).map(Way::Calls),
            // The exchange knows that it is the sender's.
            Came::ByMail(delivery) => {
                self.inbox().map_err(|error| error.to_string())?;
                Ok(Way::Mail(Post { mailbox: sender.into(), name: delivery.by.agent_name().map(Into::into) }))
            }
        }
    }

    /// The way to who says that it is at `url`.
    ///
    /// # Errors
    /// What is wrong with that, as a sentence.
    fn way_by_calls(&self, url: &str, origin: &Origin) -> Result<Proxy<Listener>, String> {
        let peer: Proxy<Listener> = match origin.inside {
            true => self.way(url)?,
            false => self.way_to(url, &origin.caller)?,
        };
        // Inside a container no rule is asked for: nobody outside has us speak there.
        match Proxy::core(&peer).0.origin.inside && !origin.inside {
            true => Err("it is an agent of this node, and the message came from elsewhere".to_owned()),
            false => Ok(peer),
        }
    }

    /// Why a message of a known dialogue is not from whom the dialogue is with.
    ///
    /// A dialogue by mail is with a mailbox, which the exchange has proven to be the sender's, on whatever node its agent
    /// lives by now; who may send to this one from there, the gate says.
    pub(super) fn stranger(&self, id: DialogueId, came: &Came<'_>) -> Option<String> {
        let beside = self.beside.borrow();
        let beside = beside.get(&id)?;
        // With whom it is, a stranger is not told.
        match (came, &beside.way) {
            (Came::ByCall(origin), Way::Calls(_)) => {
                let (principal, caller) = (beside.principal.as_ref()?, &origin.caller);
                (principal != caller).then(|| format!("the dialogue is not with {caller}"))
            }
            (Came::ByMail(_), Way::Mail(_)) => None,
            (Came::ByCall(_), Way::Mail(_)) => Some("the dialogue goes by mail".to_owned()),
            (Came::ByMail(_), Way::Calls(_)) => Some("the dialogue does not go by mail".to_owned()),
        }
    }

    fn name_of(&self, performative: u16) -> String {
        let dialogues = self.dialogues.borrow();
        dialogues.rules().performative_name(performative).unwrap_or("message").to_owned()
    }

    /// Hands a message to whoever awaits it; gives it back where its handler is to have it.
    pub(super) fn hand_on(
        &self,
        id: DialogueId,
        heard: Heard<P>,
        handles: &impl Fn(u16) -> bool,
    ) -> Option<Heard<P>> {
        let mut besides = self.beside.borrow_mut();
        let Some(beside) = besides.get_mut(&id) else { return Some(heard) };
        let heard = match beside.waiter.take_if(|waiter| waiter.target == heard.target) {
            Some(waiter) => match waiter.tell.send(Ok(heard)) {
                Ok(()) => return None,
                Err(Ok(heard)) => heard,
                Err(Err(_)) => return None,
            },
            None => heard,
        };
        if handles(heard.said.performative()) {
            beside.queued += 1;
            return Some(heard);
        }
        if beside.unread.len() < UNREAD_MESSAGES {
            beside.unread.push_back(heard);
            return None;
        }
        drop(besides);
        self.counters().messages_unread.increment(1);
        let agent = self.full_name();
        tracing::warn!(%agent, protocol = P::ID, limit = UNREAD_MESSAGES, "nobody reads the messages of a dialogue; it is given up");
        self.give_up(id, &Cause::Unread, "nobody reads its messages there");
        None
    }

    /// Counts and logs that a message was not taken.
    pub(super) fn note_refused(&self, Refused { code, reason, .. }: &Refused) {
        self.counters().messages_refused.increment(1);
        let agent = self.full_name();
        tracing::info!(%agent, protocol = P::ID, code, reason, "a message was refused");
    }

    /// Tells the other side that its message was not taken.
    pub(super) fn refuse(&self, refused: Refused, reply: Answer) {
        self.note_refused(&refused);
        let Refused { error, reason, .. } = refused;
        let envelope =
            error.filter(|_| P::ID != ERRORS).and_then(|(error, from, to)| sealed(error, from, to));
        match envelope {
            Some(envelope) => reply.send(Ok(Some(ByteBuf::from(envelope)))),
            None => reply.refuse(CallError::BadArguments {
                method: P::ID.to_owned(),
                path: "envelope".to_owned(),
                reason,
            }),
        }
    }
}

/// Whether who the envelope says has spoken is who has sent it, as the exchange has it.
fn check_sender(envelope: &Envelope, delivery: &Delivery) -> Result<(), Box<Refused>> {
    let Some(from) = &delivery.from else {
        let reason = "the mail tells no mailbox in which its sender could be answered";
        return Err(Refused::untold("no_way_back", reason));
    };
    if envelope.sender == from.as_str() {
        return Ok(());
    }
    let reason =
        format!("the envelope says that it is from {:?}, and came from mailbox {from}", envelope.sender);
    Err(match is_error(envelope) {
        true => Refused::untold(FORGED_SENDER, &reason),
        false => Refused::told(FORGED_SENDER, &reason, envelope, |reason| {
            ErrorReply::new(ErrorCode::InvalidMessage, reason, &envelope.protocol_id, &envelope.message)
        }),
    })
}

/// Whether an envelope is of the protocol whose way it came.
fn check_protocol<P: Conversed>(envelope: &Envelope) -> Result<(), Box<Refused>> {
    if envelope.protocol_id == P::ID {
        return Ok(());
    }
    if is_error(envelope) {
        return Err(Refused::untold(UNREADABLE, "the error tells of no message or dialogue"));
    }
    let protocol = &envelope.protocol_id;
    let reason = format!("Unsupported protocol {}: this is the way to {}", short(protocol), P::ID);
    let unsupported = |reason: &str| ErrorReply::unsupported(reason, protocol);
    Err(Refused::told("unsupported_protocol", &reason, envelope, unsupported))
}

/// Whether it tells of a mistake, to which nothing is answered.
pub(super) fn is_error(envelope: &Envelope) -> bool {
    envelope.protocol_id == ERRORS
}

/// The protocol in which mistakes are told.
pub(super) const ERRORS: &str = "fetchai/default:1.0.0";

/// That protocol, made ready once.
pub(super) fn errors() -> Option<&'static Arc<Protocol>> {
    static PROTOCOL: LazyLock<Option<Arc<Protocol>>> = LazyLock::new(|| {
        let specification = Specification::shipped("default")?;
        Protocol::new(specification).ok()
    });
    PROTOCOL.as_ref()
}

/// An `error` in its envelope, in a dialogue of its own that it ends.
pub(super) fn sealed(mut error: ErrorReply, from: String, to: String) -> Option<Vec<u8>> {
    error.text = cut(&error.text);
    error.data.retain(|(name, bytes)| name != MESSAGE || bytes.len() <= RETURNED_BYTES);
    let body = error.body(errors()?).ok()?;
    let mut nonce = [0; 32];
    chance::fill(&mut nonce).ok()?;
    let mut message = Message::new(body);
    let starter = nonce.iter().map(|byte| format!("{byte:02x}")).collect();
    message.dialogue_reference = DialogueReference { starter, responder: String::new() };
    message.message_id = 1;
    message.sender = Some(from);
    message.to = Some(to);
    Envelope::new(&message).ok().map(|envelope| envelope.encode())
}
