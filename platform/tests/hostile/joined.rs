//! A node that joins properly and then lies: about its agents, its name, its answers, and those whom it knows.
//!
//! Neighbours: `answers.rs` and `hello.rs` have peers that have not joined.

use std::collections::BTreeMap;

use folkmoot::prelude::*;
use folkmoot::{CallError, Codec, NodeState, Untyped};
use folkmoot_codecs::joining::{AgentListing, AgentNews, JoinRequest, KnownNode};
use folkmoot_transports::{TlsTransport, Transport};
use serde::Serialize;
use tokio::net::TcpListener;

use super::raw::{Raw, frame};
use super::rig::{Rig, Victim, tight, until};

/// A request of one argument.
fn request(codec: Codec, path: &str, argument: &impl Serialize) -> Vec<u8> {
    let mut out = bytes::BytesMut::new();
    codec.encode(&(0, 9, (path, [argument], BTreeMap::<String, ()>::new())), &mut out).unwrap();
    frame(&out)
}

fn known(name: &str) -> KnownNode {
    KnownNode { name: name.to_owned(), url: "tcp://127.0.0.1:1".to_owned(), incarnation: 7 }
}

fn asks_to_join(name: &str) -> JoinRequest {
    JoinRequest { cluster: "folkmoot".to_owned(), node: known(name), others: Vec::new() }
}

fn listing(name: impl Into<String>) -> AgentListing {
    AgentListing {
        name: name.into(),
        agent_type: "Victim".to_owned(),
        capabilities: Vec::new(),
        capacity: None,
    }
}

fn news(names: &[&str]) -> AgentNews {
    AgentNews { whole: true, added: names.iter().map(|name| listing(*name)).collect(), removed: Vec::new() }
}

/// Asks, and skips what the container says of its own accord meanwhile.
async fn ask(raw: &mut Raw, path: &str, argument: &impl Serialize) -> super::raw::Answer {
    raw.send_bytes(&request(raw.codec, path, argument)).await;
    loop {
        let answer = raw.answer().await;
        if answer.kind != 0 {
            return answer;
        }
    }
}

/// The next call of an agent, with its id: heartbeats and news are skipped.
async fn next_call(raw: &mut Raw) -> u64 {
    loop {
        let message = raw.answer().await;
        let path = message.content.item(0).and_then(folkmoot::Value::as_str).unwrap_or_default();
        if message.kind == 0 && path.starts_with("agents/") {
            return message.id.as_u64().unwrap();
        }
    }
}

/// A liar that has joined over plain TCP.
async fn liar(rig: &Rig) -> Raw {
    let mut raw = rig.rich(Codec::MsgPack).await;
    ask(&mut raw, "folkmoot/join", &asks_to_join("liar")).await.result();
    raw
}

#[folkmoot::test(crate = crate::hostile::left_behind)]
async fn a_node_may_claim_no_agents_but_those_that_a_rule_lets_it_host() {
    let dir = tempfile::tempdir().unwrap();
    let certs = DevCerts::in_dir(dir.path()).unwrap();
    let target = Container::builder("tls://127.0.0.1:0").certs(certs.node("target").unwrap()).limits(tight());
    let target = target.allow("spiffe://demo/node/honest", "*", "*");
    let target = target.allow_host("spiffe://demo/node/honest", "*");
    let target = target.allow_host("spiffe://demo/node/liar", "liar-*");
    let honest = Container::builder("tls://127.0.0.1:0").certs(certs.node("honest").unwrap());
    let honest =
        honest.allow_host("spiffe://demo/node/target", "*").allow("spiffe://demo/node/target", "*", "*");
    let rig = Rig::of(target, honest).await;
    let released = rig.released.clone();
    rig.honest.spawn("bank", move || Victim::over(&released)).await.unwrap();
    rig.honest.join(rig.node.endpoint().to_string()).await.unwrap();

    let dialer = TlsTransport::new(certs.node("liar").unwrap());
    let connection = dialer.dial(rig.node.endpoint(), None).await.unwrap();
    let mut raw = Raw { stream: connection.stream, codec: Codec::MsgPack, address: String::new() };
    raw.say_hello().await;
    // Under another's name it may not come.
    let refused = ask(&mut raw, "folkmoot/join", &asks_to_join("spiffe://demo/node/honest")).await;
    assert!(refused.exception().contains("proved to be spiffe://demo/node/liar"), "{}", refused.exception());
    ask(&mut raw, "folkmoot/join", &asks_to_join("spiffe://demo/node/liar")).await.result();
    ask(&mut raw, "folkmoot/agents", &news(&["bank", "victim", "liar-1", "no/name"])).await.result();
    assert_eq!(rig.counts.of("hostings_refused"), 3);
    let told = rig.log.with(&["a node lists agents that no rule lets it host", "agents=3"]);
    assert_eq!(told.len(), 1, "{:#?}", rig.log.all());

    let bank: Proxy<Victim> = rig.node.lookup("bank").await.unwrap();
    assert_eq!(bank.add(5).await, Ok(5), "it is the honest node's");
    let own: Proxy<Victim> = rig.node.lookup("victim").await.unwrap();
    assert_eq!(Proxy::url(&own), rig.node.url("victim"));
    assert_eq!(rig.node.all_agents().len(), 3);
    drop(raw);
    rig.end().await;
}

#[folkmoot::test(crate = crate::hostile::left_behind)]
async fn where_everyone_is_believed_a_claimed_name_is_ambiguous_and_nobody_is_misled() {
    let rig = Rig::start().await;
    let mut raw = liar(&rig).await;
    let before: Proxy<Victim> = rig.node.lookup("victim").await.unwrap();
    ask(&mut raw, "folkmoot/agents", &news(&["victim"])).await.result();
    let error = rig.node.lookup::<Victim>("victim").await.unwrap_err();
    let nodes = vec!["liar".to_owned(), "target".to_owned()];
    assert_eq!(error, CallError::Ambiguous { agent: "victim".to_owned(), nodes });
    assert_eq!(before.add(1).await, Ok(1), "a proxy to our own means our own");
    drop(raw);
    rig.end().await;
}

#[folkmoot::test(crate = crate::hostile::left_behind)]
async fn answers_to_what_it_was_never_asked_reach_nobody() {
    let rig = Rig::start().await;
    rig.honest.join(rig.node.endpoint().to_string()).await.unwrap();
    let released = rig.released.clone();
    rig.honest.spawn("patient", move || Victim::over(&released)).await.unwrap();
    let patient: Proxy<Victim> = rig.node.lookup("patient").retry_forever().await.unwrap();
    let waiting = actix_rt::spawn(patient.wait(3).into_future());
    let mut raw = liar(&rig).await;
    ask(&mut raw, "folkmoot/agents", &news(&["false-clerk"])).await.result();
    let clerk: Proxy<Victim> = rig.node.lookup("false-clerk").await.unwrap();
    let call = actix_rt::spawn(clerk.total().into_future());
    let id = next_call(&mut raw).await;
    // Among these is the id of the call that waits for the honest node.
    let mut wrong = 0;
    for other in (0..50).filter(|other| *other != id) {
        raw.send(&format!(r#"[1, {other}, 666]"#)).await;
        raw.send(&format!(r#"[2, {other}, {{"code": "denied", "text": "forged"}}]"#)).await;
        wrong += 2;
    }
    rig.counted("orphan_replies", wrong).await;
    assert!(!call.is_finished() && !waiting.is_finished());
    raw.send(&format!("[1, {id}, 7]")).await;
    raw.send(&format!("[1, {id}, 8]")).await;
    assert_eq!(call.await.unwrap(), Ok(7));
    rig.released.add_permits(1);
    assert_eq!(waiting.await.unwrap().unwrap(), "xxx");
    rig.counted("orphan_replies", wrong + 1).await;
    drop(raw);
    rig.end().await;
}

#[folkmoot::test(crate = crate::hostile::left_behind)]
async fn one_link_is_one_node_and_no_more() {
    let rig = Rig::start().await;
    let mut raw = liar(&rig).await;
    for number in 0..100 {
        let refused = ask(&mut raw, "folkmoot/join", &asks_to_join(&format!("liar-{number}"))).await;
        let reason = refused.exception();
        assert!(reason.contains("this link is that of the node \"liar\""), "{reason}");
    }
    let again = ask(&mut raw, "folkmoot/join", &asks_to_join("liar")).await;
    again.result();
    let nodes: Vec<_> = rig.node.nodes().into_iter().map(|node| node.name).collect();
    assert_eq!(nodes, ["liar"]);
    drop(raw);
    rig.end().await;
}

#[folkmoot::test(crate = crate::hostile::left_behind)]
async fn a_flood_of_news_has_a_bound_and_is_counted() {
    let rig = Rig::start().await;
    let mut raw = liar(&rig).await;
    // As many as are kept of one node, and some more.
    for part in 0..252 {
        let added = (0..1_000).map(|number| listing(format!("a-{part}-{number}"))).collect();
        let news = AgentNews { whole: false, added, removed: Vec::new() };
        ask(&mut raw, "folkmoot/agents", &news).await.result();
    }
    assert_eq!(rig.node.nodes()[0].agents, 250_000);
    assert_eq!(rig.counts.of("hostings_refused"), 2_000);
    assert_eq!(rig.log.with(&["more agents than are kept of one", "agents=1000"]).len(), 2);
    // What is known may be told again; too much at once is refused as a whole.
    ask(&mut raw, "folkmoot/agents", &AgentNews { added: vec![listing("a-0-0")], ..AgentNews::default() })
        .await
        .result();
    assert_eq!(rig.counts.of("hostings_refused"), 2_000);
    let added = (0..1_001).map(|number| listing(format!("b-{number}"))).collect();
    let refused = ask(&mut raw, "folkmoot/agents", &AgentNews { added, ..AgentNews::default() }).await;
    assert!(refused.exception().contains("more than 1000 agents in one message"), "{}", refused.exception());
    rig.counted("bad_requests", 1).await;
    drop(raw);
    until("the liar is not thought to be there", || rig.node.nodes()[0].state != NodeState::Joined).await;
    rig.end().await;
}

#[folkmoot::test(crate = crate::hostile::left_behind)]
async fn who_has_not_joined_has_no_agents_to_tell_of() {
    let rig = Rig::start().await;
    let mut raw = rig.rich(Codec::MsgPack).await;
    let refused = ask(&mut raw, "folkmoot/agents", &news(&["ghost"])).await;
    assert!(refused.exception().contains("has not joined over this link"), "{}", refused.exception());
    rig.counted("bad_requests", 1).await;
    let error = rig.node.lookup::<Untyped>("ghost").await.unwrap_err();
    assert!(matches!(error, CallError::NoSuchAgent { .. }), "{error}");
    rig.end().await;
}

#[folkmoot::test(crate = crate::hostile::left_behind)]
async fn nodes_of_the_next_version_and_the_one_before_join_and_words_of_later_versions_are_skipped() {
    let rig = Rig::start().await;
    for (nth, versions) in ["[1, 2]", "[0, 1]"].into_iter().enumerate() {
        let mut raw = rig.raw(Codec::MsgPack).await;
        let hello = format!(
            r#"{{"versions": {versions}, "node": "other", "max_frame_bytes": 99999, "software": "raw 9", "later": [1]}}"#
        );
        raw.ask(&format!(r#"[0, 0, ["folkmoot/hello", [{hello}], {{}}]]"#)).await.result();
        let node = format!(
            r#"{{"name": "other-{nth}", "url": "tcp://127.0.0.1:1", "incarnation": 1, "later": {{}}}}"#
        );
        let join = format!(r#"{{"cluster": "folkmoot", "node": {node}, "later": null}}"#);
        raw.ask(&format!(r#"[0, 1, ["folkmoot/join", [{join}], {{}}]]"#)).await.result();
        assert_eq!(rig.node.nodes()[nth].state, NodeState::Joined);
        raw.send(r#"[0, 2, ["folkmoot/goodbye", ["later"], {}]]"#).await;
        raw.rest().await;
        assert_eq!(rig.node.nodes()[nth].state, NodeState::Left);
    }
    rig.end().await;
}

#[folkmoot::test(crate = crate::hostile::left_behind)]
async fn a_link_that_ends_for_a_fault_is_no_goodbye_of_its_node() {
    let rig = Rig::start().await;
    for said_by_peer in [true, false] {
        let mut raw = rig.raw(Codec::MsgPack).await;
        raw.say_hello().await;
        ask(&mut raw, "folkmoot/join", &asks_to_join("other")).await.result();
        ask(&mut raw, "folkmoot/agents", &news(&["clerk"])).await.result();
        if said_by_peer {
            raw.send(r#"[0, 2, ["folkmoot/end", ["a frame was damaged"], {}]]"#).await;
            raw.rest().await;
            rig.logged_once(&raw, "the peer ended the link: a frame was damaged").await;
        } else {
            raw.send_bytes(&frame(b"no message")).await;
            let words = raw.rest().await;
            let paths: Vec<_> = words
                .iter()
                .filter(|word| word.kind == 0)
                .filter_map(|word| word.content.item(0).and_then(folkmoot::Value::as_str))
                .collect();
            assert!(paths.contains(&"folkmoot/end") && !paths.contains(&"folkmoot/goodbye"), "{paths:?}");
        }
        until("the node is suspect", || rig.node.nodes()[0].state == NodeState::Suspect).await;
        assert!(rig.node.all_agents().iter().any(|agent| agent.name == "clerk"), "it may be back any moment");
    }
    rig.end().await;
}

#[folkmoot::test(crate = crate::hostile::left_behind)]
async fn a_node_joins_as_the_one_that_its_hello_told_of() {
    let rig = Rig::start().await;
    for (incarnation, lets_in) in [(8, false), (7, true)] {
        let mut raw = rig.raw(Codec::MsgPack).await;
        let hello = format!(
            r#"{{"versions": [1, 2], "node": "other", "incarnation": {incarnation}, "cluster": "folkmoot",
               "max_frame_bytes": 16777216, "software": "raw 1"}}"#
        );
        raw.ask(&format!(r#"[0, 0, ["folkmoot/hello", [{hello}], {{}}]]"#)).await.result();
        let answer = ask(&mut raw, "folkmoot/join", &asks_to_join("other")).await;
        if lets_in {
            answer.result();
        } else {
            let words = "\"other\" told of another incarnation in its Hello";
            assert!(answer.exception().contains(words), "{}", answer.exception());
            assert!(rig.node.nodes().is_empty());
        }
    }
    rig.end().await;
}

#[folkmoot::test(crate = crate::hostile::left_behind)]
async fn what_answers_a_join_wrongly_is_told_apart() {
    super::limit::watch();
    let node = |name: &str| format!(r#"{{"name": "{name}", "url": "tcp://127.0.0.1:1", "incarnation": 1}}"#);
    let reply = |name: &str| format!(r#"{{"node": {}, "keep": true, "others": []}}"#, node(name));
    for (answer, words) in [
        (Some("5".to_owned()), "expected struct JoinReply"),
        (Some(reply("dialer")), "this node's own name"),
        (Some(reply("")), "a node's name is 1 to"),
        (None, "200ms"),
    ] {
        let dialer = Container::builder("tcp://127.0.0.1:0").limits(tight()).name("dialer");
        let dialer = dialer.start().await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("tcp://{}", listener.local_addr().unwrap());
        let joining = actix_rt::spawn(dialer.join(url).into_future());
        let (stream, address) = listener.accept().await.unwrap();
        let mut raw = Raw { stream: Box::new(stream), codec: Codec::MsgPack, address: address.to_string() };
        let id = raw.answer().await.id.as_u64().unwrap();
        let hello = r#"{"versions": [1, 1], "node": "raw", "max_frame_bytes": 9999, "software": "raw 1"}"#;
        raw.send(&format!("[1, {id}, {hello}]")).await;
        let id = raw.answer().await.id.as_u64().unwrap();
        if let Some(answer) = &answer {
            raw.send(&format!("[1, {id}, {answer}]")).await;
        }
        let error = joining.await.unwrap().unwrap_err().to_string();
        assert!(error.contains(words), "{answer:?}: {error}");
        assert!(dialer.nodes().is_empty());
        dialer.shutdown().await;
    }
}
