//! Requests of a peer: the platform's own paths, and calls on their way to the router.
//!
//! Every path is in `codecs/WIRE.md`. Always true: each request is answered exactly once, unless it asked for no
//! reply or its link is gone. Neighbours: the [`link_task`](crate::link_task) brings requests, the
//! [`router`](crate::router) takes calls on; [`platform_paths`] are answered there, [`way_back`] is a call's.

use std::borrow::Cow;
use std::fmt::Display;
use std::sync::Arc;

use bytes::BytesMut;
use folkmoot_agents::chain::{self, AgentId, Chain, Mode};
use folkmoot_codecs::frame::HEADER_BYTES;
use folkmoot_codecs::joining::JoinRequest;
use folkmoot_codecs::{
    ArgumentList, Arguments, CallError, Headers, Hello, Never, RawId, encode_exception, encode_result,
};
use folkmoot_gateway::name::short;
use serde::Serialize;

use crate::exchange_door;
use crate::exchange_wire;
use crate::joining;
use crate::link::Link;
use crate::link_time;
use crate::monitors;
use crate::one_line::one_line;
use crate::router::{self, Inbound};
use crate::scratch;
use crate::watched;

mod platform_paths;
pub(crate) mod way_back;

pub(crate) use platform_paths::{check_limits, own_hello};
pub(crate) use way_back::InHand;

/// Takes a request back: its id, and the agent that it went to.
pub(crate) const CANCEL: &str = "folkmoot/cancel";
/// The peer's node leaves: a sentence.
pub(crate) const GOODBYE: &str = "folkmoot/goodbye";
/// The peer ends this link, and its node stays: a sentence.
pub(crate) const END: &str = "folkmoot/end";
/// Answers nothing, at once.
pub(crate) const PING: &str = "folkmoot/ping";
/// A node asks to join.
pub(crate) const JOIN: &str = "folkmoot/join";
/// A joined node tells of its agents.
pub(crate) const AGENTS: &str = "folkmoot/agents";
/// Describes an agent: its name.
pub(crate) const DESCRIBE: &str = "folkmoot/describe";
/// Asks to be told what happens to an agent: its name, a number for it.
pub(crate) const MONITOR: &str = "folkmoot/monitor";
/// Links an agent to one of the peer's: its name, a number for it, the other's name.
pub(crate) const LINK: &str = "folkmoot/link";
/// Ends either: its number.
pub(crate) const UNMONITOR: &str = "folkmoot/unmonitor";
/// Something happened to an agent that we monitor: its number, an event.
pub(crate) const EVENT: &str = "folkmoot/event";
/// The agent that the peer linked crashed: the number, a cause.
pub(crate) const CRASH: &str = "folkmoot/crash";
/// Shows the containers and agents of the node.
pub(crate) const TREE: &str = "folkmoot/tree";
/// Tells an agent's type, or null: its name.
pub(crate) const VALIDATE: &str = "validate_aid";

/// Longest path that is looked at, in bytes: a name of an agent, a name of a method, and some more.
const MAX_PATH_BYTES: usize = 1024;

/// One request as it came.
pub(crate) struct Request<'a> {
    pub(crate) id: RawId,
    pub(crate) path: Cow<'a, str>,
    pub(crate) arguments: Arguments<'a>,
    pub(crate) headers: Headers,
}

/// Handles a request; one that was set aside is `in_hand` since then.
///
/// # Errors
/// Why the link must end.
pub(crate) fn request(link: &Arc<Link>, request: Request<'_>, in_hand: Option<InHand>) -> Result<(), String> {
    let Request { id, path, arguments, headers } = request;
    if path.len() > MAX_PATH_BYTES {
        let reason = format!("the path is {} bytes long, the limit is {MAX_PATH_BYTES}", path.len());
        refuse_bad_request(link, &id, &reason);
        return Ok(());
    }
    let asked = (!headers.no_reply).then_some(&id);
    match &*path {
        Hello::PATH => return platform_paths::hello(link, &id, &arguments),
        CANCEL => answer(link, asked, &platform_paths::cancel(link, &arguments)),
        GOODBYE => {
            link.tables.membership.said_goodbye(link);
            return Err(format!("the peer said goodbye: {}", last_words(&arguments)));
        }
        END => return Err(format!("the peer ended the link: {}", last_words(&arguments))),
        JOIN => {
            let request = <(JoinRequest,)>::decode(&arguments, JOIN, &["request"]);
            answer(link, asked, &request.and_then(|(request,)| joining::accept(link, request)));
        }
        AGENTS => answer(link, asked, &platform_paths::news(link, &arguments)),
        PING => answer::<(), Never>(link, asked, &Ok(())),
        VALIDATE => answer(link, asked, &platform_paths::agent_type(link, &arguments)),
        DESCRIBE => answer(link, asked, &platform_paths::describe(link, &arguments)),
        MONITOR => answer(link, asked, &watched::monitor(link, &arguments)),
        LINK => answer(link, asked, &watched::link(link, &arguments)),
        UNMONITOR => answer(link, asked, &watched::unmonitor(link, &arguments)),
        CRASH => answer(link, asked, &watched::crash(link, &arguments)),
        EVENT => answer(link, asked, &monitors::event(link, &arguments)),
        TREE => answer(link, asked, &platform_paths::tree(link, &arguments)),
        path if path.starts_with(exchange_wire::PREFIX) && link.is_rich() => {
            exchange_door::request(link, id, path, arguments, headers.no_reply);
        }
        path => match path.strip_prefix("agents/").and_then(|rest| rest.split_once('/')) {
            Some((agent, method)) => call(link, id, (agent, method), arguments, headers, in_hand),
            None => answer::<(), Never>(link, asked, &Err(no_method(link, path))),
        },
    }
    Ok(())
}

/// Why a peer goes, as it says.
fn last_words(arguments: &Arguments<'_>) -> String {
    <(String,)>::decode(arguments, GOODBYE, &["reason"]).map_or_else(|_| String::new(), |(reason,)| reason)
}

/// Answers a request whose content is none.
pub(crate) fn refuse_bad_request(link: &Arc<Link>, id: &RawId, reason: &str) {
    link.tables.counters.bad_requests.increment(1);
    let reason = one_line(reason);
    tracing::warn!(peer = %link.peer_address, %reason, "a bad request");
    let error = CallError::BadArguments { method: String::new(), path: String::new(), reason };
    answer::<(), Never>(link, Some(id), &Err(error));
}

/// Answers the first request of a peer that is not let in. One that says Hello is a Folkmoot container, and told as such.
pub(crate) fn refuse_link(link: &Arc<Link>, id: &RawId, reason: &str, is_hello: bool) {
    let error: CallError = CallError::Disconnected { may_have_run: false, cause: reason.to_owned() };
    let mut frame = BytesMut::new();
    encode_exception(link.codec, &mut frame, id, &error, is_hello, &link.frame_limits());
    link.outbox.push_control(None, &frame);
}

/// Answers a request of that id; `None` is one that wants no answer. What does not fit the peer's frames becomes an
/// exception that says so. It overtakes the answers of agents, which have no order among each other either.
pub(crate) fn answer<T: Serialize, E: Serialize + Display + 'static>(
    link: &Arc<Link>,
    id: Option<&RawId>,
    answer: &Result<T, CallError<E>>,
) {
    let Some(id) = id else {
        if let Err(error) = answer {
            link.one_way_failed("", "", error);
        }
        return;
    };
    let (codec, rich, limits) = (link.codec, link.is_rich(), &link.frame_limits());
    let frame = scratch::written(|out| match answer {
        Err(error) => encode_exception(codec, out, id, error, rich, limits),
        Ok(value) => {
            // What it could not finish it takes back.
            if let Err(error) = encode_result(codec, out, id, value, limits) {
                tracing::warn!(peer = %link.peer_address, %error, "an answer of the platform did not encode");
                let error: CallError = CallError::BadReply { reason: error.to_string() };
                encode_exception(codec, out, id, &error, rich, limits);
            }
        }
    });
    match link.cuts(frame.len() - HEADER_BYTES) {
        true => link.push_own(None, frame),
        false => {
            link.outbox.push_control(None, &frame);
            scratch::give_back(frame);
        }
    }
}

/// A path that leads to no method: to an agent itself, or nowhere.
fn no_method(link: &Link, path: &str) -> CallError {
    let agent = path.strip_prefix("agents/").unwrap_or_default();
    if link.tables.gate.may_reach(&link.peer, agent) && link.tables.agent(agent).is_some() {
        let reason =
            format!("the path leads to an agent; write one of its methods behind it, as in {path}/add");
        return CallError::BadArguments { method: path.to_owned(), path: String::new(), reason };
    }
    if path == "agents" {
        let reason = "the path leads to the agents; write one of them and its method behind it, as in \
                      agents/market/add"
            .to_owned();
        return CallError::BadArguments { method: path.to_owned(), path: String::new(), reason };
    }
    let root = path.split('/').next().unwrap_or_default();
    if !link.is_rich() && root != "agents" {
        // A plain peer walks from the root, where there are agents and no more.
        let message = format!("Name \"{}\" not found in \"\"", short(root));
        return CallError::Remote { kind: "LookupError".to_owned(), traceback: message.clone(), message };
    }
    CallError::NoSuchAgent { agent: short(path).into_owned(), nearest: None }
}

pub(crate) fn may_reach(link: &Link, agent: &str) -> Result<(), CallError> {
    if link.tables.gate.may_reach(&link.peer, agent) {
        return Ok(());
    }
    link.tables.counters.denials.increment(1);
    let reason = format!("no rule lets {} call agent {:?}", link.peer, short(agent));
    tracing::info!(node = link.tables.principal.node_name(), %reason, "denied");
    Err(CallError::Denied { reason })
}

/// Refuses a call before it is brought to its agent: `queue` has no room.
pub(crate) fn refuse_overloaded(
    link: &Arc<Link>,
    id: &RawId,
    (agent, method): (&str, &str),
    no_reply: bool,
    (queue, limit): (String, usize),
) {
    link.tables.counters.overloads.increment(1);
    let error = CallError::Overloaded { queue, limit };
    match no_reply {
        true => link.one_way_failed(agent, method, &error),
        false => answer::<(), Never>(link, Some(id), &Err(error)),
    }
}

fn call(
    link: &Arc<Link>,
    id: RawId,
    (agent, method): (&str, &str),
    arguments: Arguments<'_>,
    headers: Headers,
    in_hand: Option<InHand>,
) {
    let tables = link.tables.clone();
    let Some(in_hand) = in_hand.or_else(|| InHand::take(link, &id)) else {
        let full = (format!("requests of {} in hand", link.peer_address), tables.limits.max_requests_in_hand);
        return refuse_overloaded(link, &id, (agent, method), headers.no_reply, full);
    };
    let entry = tables.agent(agent);
    let shared = entry.as_ref().map(|entry| entry.agent.shared().clone());
    let one_way = headers.no_reply.then(|| (agent.into(), method.into()));
    let sink = way_back::of_call(id, in_hand, shared, one_way);
    let arrived = link_time::now();
    let deadline = headers.deadline_ms.map(|remaining| arrived.plus(remaining));
    let chain = chain_of(link, &headers);
    // Only Folkmoot containers have headers, and nobody asks for a reply that was not wanted.
    let key = headers.idempotency_key.filter(|key| link.is_rich() && !headers.no_reply && !key.is_empty());
    router::route(
        &tables,
        Inbound {
            caller: &link.peer,
            name: agent,
            entry,
            method,
            arguments,
            chain,
            arrived,
            deadline,
            key,
            codec: link.codec,
            sink: Some(sink),
        },
    );
}

/// The chain of callers that the peer told, outermost first, with our own agents recognised by their names: none of
/// them where the peer's node bears the same name.
fn chain_of(link: &Link, headers: &Headers) -> Option<Chain> {
    let own = (!link.is_namesake()).then(|| link.tables.principal.node_name());
    let mut chain: Option<Chain> = None;
    for caller in &headers.chain {
        let local =
            own.and_then(|own| caller.agent.strip_prefix(own)).and_then(|rest| rest.strip_prefix('/'));
        let agent = local
            .and_then(|name| link.tables.agent(name))
            .map_or(AgentId::FOREIGN, |entry| entry.agent.shared().id());
        let mode = if caller.exclusive { Mode::Exclusive } else { Mode::Shared };
        chain =
            Some(Arc::new(chain::Link { agent, name: caller.agent.as_str().into(), mode, parent: chain }));
    }
    chain
}
