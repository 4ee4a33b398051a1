//! The router: one function brings every message before the gate, wherever it comes from.
//!
//! Always true: the gate is called here alone, by [`admit`] for calls, by [`admit_mail`] for mail that is sent and by
//! [`admit_delivery`] for mail that is delivered to an agent. A local call begins here, an encoded one is
//! brought here by [`inbound`](crate::inbound). Neighbours: [`tables`](crate::tables).

use std::borrow::Cow;
use std::sync::Arc;

use folkmoot_agents::chain::Chain;
use folkmoot_agents::deadlines::LinkInstant;
use folkmoot_agents::mail::Delivery;
use folkmoot_agents::reply::{ReplySink, ReplyTo};
use folkmoot_agents::turn::{CallHead, Origin};
use folkmoot_codecs::{Arguments, CallError, Codec, Never, Principal};
use folkmoot_exchange::{Posting, Tracking};
use folkmoot_gateway::name::short;
use folkmoot_gateway::{Admitted, Denied, Gate};

use crate::kept_replies::CallId;
use crate::tables::{Entry, Tables};

/// Brings a call before the gate; a refusal is counted, and logged with its reason.
#[inline]
pub(crate) fn admit(tables: &Tables, head: CallHead) -> Result<Admitted<CallHead>, CallError> {
    tables.gate.admit(head).map_err(|denied| {
        note_denied(tables, &denied.reason);
        CallError::Denied { reason: denied.reason }
    })
}

/// A refusal is counted, and logged with its reason.
#[cold]
pub(crate) fn note_denied(tables: &Tables, reason: &str) {
    tables.counters.denials.increment(1);
    tracing::info!(node = tables.principal.node_name(), reason, "denied");
}

/// Brings a mail before the gate that is delivered to an agent here; a refusal is the mail with its reason, and is counted.
pub(crate) fn admit_delivery(
    tables: &Tables,
    delivery: Delivery,
) -> Result<Admitted<Delivery>, Box<Denied<Delivery>>> {
    tables.gate.admit(delivery).map_err(|denied| {
        tables.counters.mails_denied.increment(1);
        note_denied(tables, &denied.reason);
        Box::new(denied)
    })
}

/// Brings a mail before the gate; a refusal is its reason. An answer that no rule lets through is for the exchange to judge,
/// which knows the requests.
pub(crate) fn admit_mail(gate: &Gate, posting: Posting) -> Result<Admitted<Posting>, String> {
    let denied = match gate.admit(posting) {
        Ok(admitted) => return Ok(admitted),
        Err(denied) => denied,
    };
    match denied.message.mail().tracking {
        Tracking::Response { .. } => {
            let answer = denied.message.only_as_answer(denied.reason);
            gate.admit(answer).map_err(|denied| denied.reason)
        }
        Tracking::Plain | Tracking::Request { .. } => Err(denied.reason),
    }
}

/// An encoded call from a link.
pub(crate) struct Inbound<'a> {
    pub(crate) caller: &'a Principal,
    pub(crate) name: &'a str,
    /// The agent of that name, where there is one.
    pub(crate) entry: Option<Entry>,
    pub(crate) method: &'a str,
    pub(crate) arguments: Arguments<'a>,
    pub(crate) chain: Option<Chain>,
    pub(crate) arrived: LinkInstant,
    pub(crate) deadline: Option<LinkInstant>,
    /// What the caller names the call by, where it may make it again.
    pub(crate) key: Option<String>,
    /// Of the link that it came over.
    pub(crate) codec: Codec,
    pub(crate) sink: Option<Box<dyn ReplySink>>,
}

/// Brings an encoded call to its agent: gate first, so that nobody learns what is behind it.
// Always: its one caller hands over much, which each call would pay for.
#[inline(always)]
pub(crate) fn route(tables: &Tables, call: Inbound<'_>) {
    let Inbound { caller, name, entry, method, arguments, chain, arrived, deadline, key, codec, sink } = call;
    let agent = entry.as_ref().map_or_else(|| name.into(), |entry| entry.agent.shared().name().clone());
    let method = match entry.as_ref().and_then(|entry| entry.agent.method_name(method)) {
        Some(known) => Cow::Borrowed(known),
        None => Cow::Owned(method.to_owned()),
    };
    let target = entry.as_ref().map(|entry| entry.agent.shared().clone());
    let origin = Arc::new(Origin { agent, target, caller: caller.clone(), inside: false });
    let refuse = |sink, error| ReplyTo::<(), Never>::encoded(sink).refuse(error);
    match (admit(tables, CallHead { origin, method, chain, sent: arrived, deadline }), entry) {
        (Err(error), _) => refuse(sink, error),
        (Ok(_), None) => {
            let (agent, nearest) = (short(name).into_owned(), tables.nearest_for(caller, name));
            refuse(sink, CallError::NoSuchAgent { agent, nearest });
        }
        (Ok(head), Some(entry)) => {
            let id = key.and_then(|key| call_id(caller, &entry, head.message(), key));
            let sink = match (id, sink) {
                (Some(id), Some(sink)) => match tables.kept_replies.begin(id, codec, deadline, sink) {
                    Some(first) => Some(first),
                    None => return,
                },
                (_, sink) => sink,
            };
            entry.agent.deliver(head, &arguments, sink);
        }
    }
}

/// How a call that bears a key is known again; `None` where its method does not say that it is idempotent.
fn call_id(caller: &Principal, entry: &Entry, head: &CallHead, key: String) -> Option<CallId> {
    let Cow::Borrowed(method) = head.method else { return None };
    let agent = entry.agent.shared().id();
    let is_idempotent = entry.agent.is_idempotent(method);
    is_idempotent.then(|| CallId { principal: caller.clone(), agent, method, key: key.into() })
}
