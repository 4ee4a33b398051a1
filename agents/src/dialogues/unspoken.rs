//! Messages of protocols that an agent does not speak, and those that its node's gate does not let in by mail.
//!
//! Always true: such a message is answered in AEA's words, in the same ones whether it came by a call or by mail, unless it is
//! an error or no envelope; it is counted and logged. Neighbours: [`judging`](super::judging) answers messages of protocols
//! that are spoken, [`notice`](super::notice) makes the mail that tells of it.

use std::rc::Rc;

use folkmoot_codecs::{ArgumentList, Arguments, CallError};
use folkmoot_gateway::name::short;
use folkmoot_protocols::dialogue::{ErrorCode, ErrorReply};
use folkmoot_protocols::envelope::public_id::is_public_id;
use folkmoot_protocols::{Envelope, Reading};
use serde_bytes::ByteBuf;

use super::incoming::Answer;
use super::judging::{is_error, sealed};
use super::notice::refusal;
use crate::mail::{Delivery, Failure, Inbox, MailAddress, Outgoing, Step, Tracking};
use crate::reply::{ReplySink, ReplyTo};
use crate::shared::AgentShared;

/// Whether a method or a kind of mail may be a protocol's id. No method has a colon in its name.
pub(crate) fn may_be_protocol(name: &str) -> bool {
    name.contains(':') && is_public_id(name)
}

/// What the sender of a message is told whose protocol the agent does not speak. `None` for an error, which is not answered with
/// another one.
fn unspoken(agent: &AgentShared, envelope: &Envelope) -> Option<ErrorReply> {
    if is_error(envelope) {
        return None;
    }
    let protocol = &envelope.protocol_id;
    let reason = format!(
        "Unsupported protocol {}: {} does not speak it, for it handles none of its performatives and has begun no \
         dialogue in it",
        short(protocol),
        agent.name()
    );
    Some(ErrorReply::unsupported(reason, protocol))
}

fn note_unspoken(agent: &AgentShared, protocol: &str) {
    agent.counters().messages_refused.increment(1);
    let (agent, code) = (agent.full_name(), "unsupported_protocol");
    tracing::info!(%agent, protocol = %short(protocol), code, "a message was refused");
}

/// Answers a message of a protocol that the agent does not speak: in AEA's words where it came in an envelope, and else with
/// `error`, which is `NoSuchMethod`.
pub(crate) fn refuse_unspoken_call(
    agent: &AgentShared,
    error: CallError,
    arguments: &Arguments<'_>,
    sink: Option<Box<dyn ReplySink>>,
) {
    let envelope = match &error {
        CallError::NoSuchMethod { method, .. } if may_be_protocol(method) => {
            <(ByteBuf,)>::decode(arguments, method, &["envelope"]).ok()
        }
        _ => None,
    };
    let reply = ReplyTo::encoded(sink);
    match envelope {
        Some((envelope,)) => refuse_unspoken_envelope(agent, error, &envelope, reply),
        None => reply.refuse(error),
    }
}

/// The same of one whose envelope is read already.
pub(super) fn refuse_unspoken_envelope(
    agent: &AgentShared,
    error: CallError,
    envelope: &[u8],
    reply: Answer,
) {
    let told = Envelope::decode(envelope, Reading::STRICT).ok().and_then(|envelope| {
        let told = unspoken(agent, &envelope)?;
        Some((sealed(told, envelope.to, envelope.sender)?, envelope.protocol_id))
    });
    match told {
        Some((told, protocol)) => {
            note_unspoken(agent, &protocol);
            reply.send(Ok(Some(ByteBuf::from(told))));
        }
        None => reply.refuse(error),
    }
}

/// The envelope in a mail, if that is a message whose sender can be told of it.
fn envelope_of(delivery: &Delivery) -> Option<Envelope> {
    if !may_be_protocol(&delivery.kind) || delivery.tracking != Tracking::Plain {
        return None;
    }
    let envelope = Envelope::decode(&delivery.body, Reading::STRICT).ok()?;
    let from = delivery.from.as_ref()?;
    (envelope.sender == from.as_str() && !is_error(&envelope)).then_some(envelope)
}

/// Refuses a message by mail of a protocol that the agent does not speak: its sender is told, and it is a dead letter. Gives
/// the mail back where it is no such message.
pub(crate) fn refuse_unspoken_mail(
    agent: &AgentShared,
    inbox: &Rc<Inbox>,
    delivery: Delivery,
) -> Option<Delivery> {
    let answer = envelope_of(&delivery).and_then(|envelope| {
        let error = unspoken(agent, &envelope)?;
        let reason = error.text.clone();
        Some((refusal(inbox.mailbox().address(), &delivery, error)?, reason, envelope.protocol_id))
    });
    let Some((answer, reason, protocol)) = answer else { return Some(delivery) };
    note_unspoken(agent, &protocol);
    let doing = inbox.clone();
    inbox.begin(Box::pin(async move {
        let step = Step { send: vec![answer], ..Step::default() };
        if let Err(error) = doing.mailbox().commit(step).await {
            tracing::info!(agent = %delivery.agent, kind = %delivery.kind, %error, "whoever sent a message of a protocol that is not spoken here is not told so");
        }
        doing.refuse(delivery, Failure::Unhandled, reason).await;
        doing.let_go();
    }));
    None
}

/// The mail that tells the sender of a message by mail that the gate of its receiver's node does not let it in, for the mailbox
/// `own` in which that message lies. `None` where the mail is no message of a protocol, or its sender cannot be told.
pub fn denied_message(own: &MailAddress, delivery: &Delivery, reason: &str) -> Option<Outgoing> {
    let envelope = envelope_of(delivery)?;
    let error = ErrorReply::new(ErrorCode::InvalidMessage, reason, &envelope.protocol_id, &envelope.message);
    refusal(own, delivery, error)
}
