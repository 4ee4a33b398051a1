//! The platform's own paths that a container answers by itself: Hello, descriptions, the tree, news, cancels.
//!
//! Always true: what tells of agents tells only of those that a rule lets the peer reach. Neighbours:
//! [`inbound`](super) brings the requests; those to join are [`joining`](crate::joining)'s, those about monitors
//! [`watched`](crate::watched)'s.

use std::sync::Arc;

use folkmoot_agents::describe::AgentDescription;
use folkmoot_codecs::joining::AgentNews;
use folkmoot_codecs::{ArgumentList, Arguments, CallError, Hello, Never, RawId};
use folkmoot_gateway::name::short;

use super::{AGENTS, CANCEL, DESCRIBE, TREE, VALIDATE, answer, may_reach, refuse_bad_request};
use crate::limits::frame_fault;
use crate::link::Link;
use crate::tree::view::{MAX_ENTRIES_TOLD, Tree};

/// The peer is a Folkmoot container: tells it what we are.
pub(super) fn hello(link: &Arc<Link>, id: &RawId, arguments: &Arguments<'_>) -> Result<(), String> {
    if link.is_rich() {
        refuse_bad_request(link, id, "a link has one Hello, and its own was said");
        return Ok(());
    }
    let theirs = match <(Hello,)>::decode(arguments, Hello::PATH, &["hello"]) {
        Ok((theirs,)) => theirs,
        Err(error) => {
            answer::<(), Never>(link, Some(id), &Err(error));
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
            answer::<_, Never>(link, Some(id), &Ok(&ours));
            link.set_rich(&theirs, version);
            Ok(())
        }
        Err(sentence) => {
            link.tables.counters.bad_requests.increment(1);
            let error = CallError::Disconnected { may_have_run: false, cause: sentence.clone() };
            answer::<(), Never>(link, Some(id), &Err(error));
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
pub(super) fn agent_type(link: &Link, arguments: &Arguments<'_>) -> Result<Option<&'static str>, CallError> {
    let (name,) = <(String,)>::decode(arguments, VALIDATE, &["aid"])?;
    may_reach(link, &name)?;
    Ok(link.tables.agent(&name).map(|entry| entry.agent.agent_type()))
}

/// What the agent exposes to this peer: the methods that it may call.
pub(super) fn describe(link: &Link, arguments: &Arguments<'_>) -> Result<AgentDescription, CallError> {
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
pub(super) fn tree(link: &Link, arguments: &Arguments<'_>) -> Result<Tree, CallError> {
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
pub(super) fn news(link: &Arc<Link>, arguments: &Arguments<'_>) -> Result<(), CallError> {
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
pub(super) fn cancel(link: &Link, arguments: &Arguments<'_>) -> Result<(), CallError> {
    let (id, agent) = <(u64, Option<String>)>::decode(arguments, CANCEL, &["id", "agent"])?;
    if agent.is_none() && link.receivers.cancel(id) {
        return Ok(());
    }
    link.cancels.cancel(id);
    link.take_back_answer(id);
    let own = agent.as_deref().filter(|name| link.tables.gate.may_reach(&link.peer, name));
    if let Some(entry) = own.and_then(|name| link.tables.agent(name)) {
        entry.agent.sweep();
    }
    Ok(())
}
