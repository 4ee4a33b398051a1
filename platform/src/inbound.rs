//! Requests of a peer: the platform's own paths, and calls on their way to the router.
//!
//! Every path is in `codecs/WIRE.md`. Always true: each request is answered exactly once, unless it asked for no
//! reply or its link is gone. Neighbours: the [`link_task`](crate::link_task) brings requests, the
//! [`router`](crate::router) takes calls on.

use std::borrow::Cow;
use std::fmt::Display;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};

use bytes::BytesMut;
use folkmoot_agents::chain::{self, AgentId, Chain, Mode};
use folkmoot_agents::host::PlainPeer;
use folkmoot_agents::reply::{ReplyFormat, ReplySink};
use folkmoot_agents::shared::AgentShared;
use folkmoot_codecs::frame::HEADER_BYTES;
use folkmoot_codecs::joining::{AgentNews, JoinRequest};
use folkmoot_codecs::{
    ArgumentList, Arguments, CallError, Headers, Hello, PlainTypes, RawId, encode_exception, encode_result,
    plain_types,
};
use folkmoot_gateway::name::short;
use serde::Serialize;

use crate::joining;
use crate::limits::frame_fault;
use crate::link::Link;
use crate::link_time;
use crate::monitors;
use crate::one_line::one_line;
use crate::outbox::{Name, Payload};
use crate::router::{self, Inbound};
use crate::scratch;
use crate::tree::view::{MAX_ENTRIES_TOLD, Tree};
use crate::watched;

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

/// Replies up to this size are copied into the outbox; a larger one takes its place where nothing waits. In bytes.
const SMALL_FRAME_BYTES: usize = 16 * 1024;

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
        Hello::PATH => return hello(link, &id, &arguments),
        CANCEL => {
            let taken_back = <(u64, Option<String>)>::decode(&arguments, CANCEL, &["id", "agent"]);
            answer(link, asked, &taken_back.map(|(id, agent)| cancel(link, id, agent.as_deref())));
        }
        GOODBYE => {
            link.tables.membership.said_goodbye(link);
            return Err(format!("the peer said goodbye: {}", last_words(&arguments)));
        }
        END => return Err(format!("the peer ended the link: {}", last_words(&arguments))),
        JOIN => {
            let request = <(JoinRequest,)>::decode(&arguments, JOIN, &["request"]);
            answer(link, asked, &request.and_then(|(request,)| joining::accept(link, request)));
        }
        AGENTS => answer(link, asked, &news(link, &arguments)),
        PING => answer(link, asked, &Ok(())),
        VALIDATE => answer(link, asked, &agent_type(link, &arguments)),
        DESCRIBE => answer(link, asked, &describe(link, &arguments)),
        MONITOR => answer(link, asked, &watched::monitor(link, &arguments)),
        LINK => answer(link, asked, &watched::link(link, &arguments)),
        UNMONITOR => answer(link, asked, &watched::unmonitor(link, &arguments)),
        CRASH => answer(link, asked, &watched::crash(link, &arguments)),
        EVENT => answer(link, asked, &monitors::event(link, &arguments)),
        TREE => answer(link, asked, &tree(link, &arguments)),
        path => match path.strip_prefix("agents/").and_then(|rest| rest.split_once('/')) {
            Some((agent, method)) => call(link, id, (agent, method), arguments, headers, in_hand),
            None => answer::<()>(link, asked, &Err(no_method(link, path))),
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
    answer::<()>(link, Some(id), &Err(error));
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
pub(crate) fn answer<T: Serialize>(link: &Arc<Link>, id: Option<&RawId>, answer: &Result<T, CallError>) {
    let Some(id) = id else {
        if let Err(error) = answer {
            link.one_way_failed("", "", error);
        }
        return;
    };
    let (codec, rich, limits) = (link.codec, link.is_rich(), &link.frame_limits());
    let refuse = |out: &mut BytesMut, error: &CallError| {
        encode_exception(codec, out, id, error, rich, limits);
    };
    let frame = scratch::written(|out| match answer {
        Err(error) => refuse(out, error),
        Ok(value) => {
            // What it could not finish it takes back.
            if let Err(error) = encode_result(codec, out, id, value, limits) {
                tracing::warn!(peer = %link.peer_address, %error, "an answer of the platform did not encode");
                refuse(out, &CallError::BadReply { reason: error.to_string() });
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

/// The peer is a Folkmoot container: tells it what we are.
fn hello(link: &Arc<Link>, id: &RawId, arguments: &Arguments<'_>) -> Result<(), String> {
    if link.is_rich() {
        refuse_bad_request(link, id, "a link has one Hello, and its own was said");
        return Ok(());
    }
    let theirs = match <(Hello,)>::decode(arguments, Hello::PATH, &["hello"]) {
        Ok((theirs,)) => theirs,
        Err(error) => {
            answer::<()>(link, Some(id), &Err(error));
            return Ok(());
        }
    };
    if let Err(sentence) = check_limits(&theirs) {
        refuse_bad_request(link, id, &sentence);
        return Err(sentence);
    }
    let ours = own_hello(link);
    match ours.agree(&theirs) {
        Ok(version) => {
            answer(link, Some(id), &Ok(&ours));
            link.set_rich(&theirs, version);
            Ok(())
        }
        Err(sentence) => {
            link.tables.counters.bad_requests.increment(1);
            let error = CallError::Disconnected { may_have_run: false, cause: sentence.clone() };
            answer::<()>(link, Some(id), &Err(error));
            Err(sentence)
        }
    }
}

/// Whether anything at all can be said to a peer of that Hello.
///
/// # Errors
/// Why not, for both.
pub(crate) fn check_limits(theirs: &Hello) -> Result<(), String> {
    frame_fault(&theirs.limits()).map_or(Ok(()), |fault| Err(format!("of the Hello, {fault}")))
}

pub(crate) fn own_hello(link: &Link) -> Hello {
    let tables = &link.tables;
    let most = u32::try_from(tables.limits.max_requests_in_hand).unwrap_or(u32::MAX);
    Hello {
        incarnation: Some(tables.membership.own().incarnation),
        cluster: Some(tables.membership.cluster().to_owned()),
        max_requests_in_hand: Some(most),
        ..Hello::new(tables.principal.node_name(), &tables.limits.frame)
    }
}

/// The type of the agent that the request names, for principals that may know of it.
fn agent_type(link: &Link, arguments: &Arguments<'_>) -> Result<Option<&'static str>, CallError> {
    let (name,) = <(String,)>::decode(arguments, VALIDATE, &["aid"])?;
    may_reach(link, &name)?;
    Ok(link.tables.agent(&name).map(|entry| entry.agent.agent_type()))
}

/// What the agent exposes to this peer: the methods that it may call.
fn describe(
    link: &Link,
    arguments: &Arguments<'_>,
) -> Result<folkmoot_agents::describe::AgentDescription, CallError> {
    let (name,) = <(String,)>::decode(arguments, DESCRIBE, &["agent"])?;
    may_reach(link, &name)?;
    match link.tables.agent(&name) {
        Some(entry) => {
            let mut description = entry.agent.describe();
            description.methods.retain(|method| link.tables.gate.may_call(&link.peer, &name, &method.name));
            Ok(description)
        }
        None => {
            let nearest = link.tables.nearest_for(&link.peer, &name);
            Err(CallError::NoSuchAgent { agent: short(&name).into_owned(), nearest })
        }
    }
}

/// The whole tree, for principals that a rule lets see it: as if it were the method `tree` of an agent `folkmoot`.
fn tree(link: &Link, arguments: &Arguments<'_>) -> Result<Tree, CallError> {
    <()>::decode(arguments, TREE, &[])?;
    if link.tables.gate.may_call(&link.peer, "folkmoot", "tree") {
        return Ok(Tree::of_node(&link.tables).bounded(MAX_ENTRIES_TOLD));
    }
    link.tables.counters.denials.increment(1);
    let reason = format!("no rule lets {} see the tree (`.allow(node, \"folkmoot\", \"tree\")`)", link.peer);
    tracing::info!(node = link.tables.principal.node_name(), %reason, "denied");
    Err(CallError::Denied { reason })
}

/// A joined node tells of its agents.
fn news(link: &Arc<Link>, arguments: &Arguments<'_>) -> Result<(), CallError> {
    let (news,) = <(AgentNews,)>::decode(arguments, AGENTS, &["news"])?;
    link.tables.membership.learn(link, news).map_err(|reason| {
        link.tables.counters.bad_requests.increment(1);
        tracing::warn!(peer = %link.peer_address, %reason, "news of agents were refused");
        CallError::Denied { reason }
    })?;
    link.news_came.notify_one();
    Ok(())
}

/// The peer takes a request back: a turn that still waits gives its place in the agent's queue away.
fn cancel(link: &Link, id: u64, agent: Option<&str>) {
    link.cancels.cancel(id);
    link.take_back_answer(id);
    let own = agent.filter(|name| link.tables.gate.may_reach(&link.peer, name));
    if let Some(entry) = own.and_then(|name| link.tables.agent(name)) {
        entry.agent.sweep();
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

/// One request of the peer's, from when it was taken in until it is answered.
pub(crate) struct InHand(Arc<Link>);

impl InHand {
    /// Takes a request in, unless as many are in hand as may be.
    pub(crate) fn take(link: &Arc<Link>, id: &RawId) -> Option<InHand> {
        if link.in_hand.fetch_add(1, Ordering::AcqRel) >= link.tables.limits.max_requests_in_hand {
            link.in_hand.fetch_sub(1, Ordering::AcqRel);
            return None;
        }
        if let Some(number) = id.as_u64() {
            link.cancels.begin(number);
        }
        Some(InHand(link.clone()))
    }
}

impl Drop for InHand {
    fn drop(&mut self) {
        let link = &self.0;
        if link.in_hand.fetch_sub(1, Ordering::AcqRel) == 1 {
            link.cancels.clear(&link.in_hand);
            if link.is_leaving() {
                link.outbox.wake();
            }
        }
    }
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
        false => answer::<()>(link, Some(id), &Err(error)),
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
    let sink = LinkSink {
        agent: entry.as_ref().map(|entry| entry.agent.shared().clone()),
        number: id.as_u64(),
        id,
        in_hand,
        watched: false,
        one_way: headers.no_reply.then(|| (agent.into(), method.into())),
        done: false,
    };
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
            sink: Some(Box::new(sink)),
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

/// Where the reply to a channel's request goes.
pub(crate) fn open_sink(id: RawId, in_hand: InHand) -> Box<dyn ReplySink> {
    let number = id.as_u64();
    Box::new(LinkSink { agent: None, in_hand, id, number, watched: false, one_way: None, done: false })
}

/// Where the reply to one request goes.
struct LinkSink {
    agent: Option<Arc<AgentShared>>,
    /// Over what it goes; given back after the answer.
    in_hand: InHand,
    id: RawId,
    number: Option<u64>,
    watched: bool,
    /// Agent and method of a call that wants no reply.
    one_way: Option<(Box<str>, Box<str>)>,
    done: bool,
}

impl ReplySink for LinkSink {
    fn finish(mut self: Box<Self>, write: &mut dyn FnMut(ReplyFormat<'_>, &mut BytesMut)) {
        self.done = true;
        if self.is_one_way() {
            return;
        }
        // Where the link is gone, nobody is left to be told.
        if let Some(number) = self.number.filter(|number| self.link().cancels.is_taken_back(*number)) {
            return self.link().drops_answer(number);
        }
        let limits = &self.link().frame_limits();
        let format =
            ReplyFormat { codec: self.link().codec, id: &self.id, rich: self.link().is_rich(), limits };
        // Before the lock is taken: encoders are the agents' code, and may be slow.
        let mut frame = match self.link().plain_types() {
            None => scratch::written(|frame| write(format, frame)),
            Some(types) => scratch::written(|frame| write_plain(types, &format, write, frame)),
        };
        let most = self.link().tables.limits.max_outbox_bytes;
        if self.link().cuts(frame.len() - HEADER_BYTES) {
            let name = self.number.map(Name::Answer);
            let payload = Payload { name, parts: [frame.split_off(HEADER_BYTES).freeze()].into() };
            if let Some(Err(_)) = self.link().outbox.push_large(None, payload, most) {
                self.link().outbox.push(|out, _| self.no_room(&format, out));
            }
            // A cancel that came before the answer stood there has not found it.
            if let Some(number) = self.number.filter(|number| self.link().cancels.is_taken_back(*number)) {
                self.link().take_back_answer(number);
            }
            return;
        }
        // `None`: the link is gone, and with it whoever waited.
        self.link().outbox.push(|out, waiting| match out.len() {
            _ if waiting > most => self.no_room(&format, out),
            0 if frame.len() > SMALL_FRAME_BYTES => std::mem::swap(out, &mut frame),
            _ => out.extend_from_slice(&frame),
        });
        scratch::give_back(frame);
    }

    fn poll_cancelled(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match self.number {
            Some(number) => {
                self.watched = true;
                self.link().cancels.poll_cancelled(number, cx)
            }
            None => Poll::Pending,
        }
    }

    fn is_cancelled(&self) -> bool {
        self.number.is_some_and(|number| self.link().cancels.is_cancelled(number))
    }

    fn is_lost(&self) -> bool {
        self.number.is_none_or(|number| self.link().cancels.is_lost(number))
    }

    fn is_one_way(&self) -> bool {
        self.one_way.is_some()
    }

    fn plain_peer(&self) -> Option<Arc<dyn PlainPeer>> {
        (!self.link().is_rich()).then(|| self.link().clone() as Arc<dyn PlainPeer>)
    }

    fn failed(&self, error: &dyn Display) {
        if let Some((agent, method)) = &self.one_way {
            self.link().one_way_failed(agent, method, error);
        }
    }
}

/// Writes a reply with the special types of a plain peer: one that would break its link is answered as what it is.
fn write_plain(
    types: Arc<PlainTypes>,
    format: &ReplyFormat<'_>,
    write: &mut dyn FnMut(ReplyFormat<'_>, &mut BytesMut),
    frame: &mut BytesMut,
) {
    plain_types::within(Some(types.clone()), || write(*format, frame));
    if let Err(reason) = types.check_payload(format.codec, frame.get(HEADER_BYTES..).unwrap_or_default()) {
        frame.clear();
        let error: CallError = CallError::BadReply { reason };
        encode_exception(format.codec, frame, format.id, &error, false, format.limits);
    }
}

impl LinkSink {
    fn link(&self) -> &Arc<Link> {
        &self.in_hand.0
    }

    /// The method has run, but its peer takes nothing: a few words in the place of the reply.
    fn no_room(&self, format: &ReplyFormat<'_>, out: &mut BytesMut) {
        let tables = &self.link().tables;
        tables.counters.overloads.increment(1);
        let most = tables.limits.max_outbox_bytes;
        let reason =
            format!("it was not sent: more than {most} bytes (max_outbox_bytes) wait for this peer already");
        let error: CallError = CallError::BadReply { reason };
        encode_exception(format.codec, out, format.id, &error, format.rich, format.limits);
    }
}

impl Drop for LinkSink {
    fn drop(&mut self) {
        let taken_back = self.is_cancelled();
        let wanted = !self.done && (self.is_one_way() || !taken_back);
        if let Some(number) = self.number {
            self.link().cancels.forget(number, self.watched);
        }
        if wanted {
            // The turn vanished without an answer: its agent crashed or ended under it, or its link is gone.
            let error = match &self.agent {
                _ if taken_back => CallError::Cancelled,
                Some(agent) => agent.lost_error(),
                None => CallError::AgentRestarted { agent: String::new(), may_have_run: true },
            };
            match self.is_one_way() {
                true => self.failed(&error),
                false => answer::<()>(self.link(), Some(&self.id), &Err(error)),
            }
        }
    }
}
