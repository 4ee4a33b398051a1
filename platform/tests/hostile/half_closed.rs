//! Peers that ask and then shut their half down: what they asked for must still come.
//!
//! Neighbour: `silence.rs` has those that say nothing.

use folkmoot::{Codec, Container, DevCerts, Value};
use folkmoot_transports::{TlsTransport, Transport};
use tokio::time::sleep;

use super::raw::{PATIENCE, Raw};
use super::rig::{Rig, tight, until};

#[folkmoot::test(crate = crate::hostile::left_behind)]
async fn the_answer_comes_after_the_half_was_shut() {
    for codec in Codec::ALL {
        let rig = Rig::start().await;
        for request in [
            r#"[0, 1, ["agents/victim/total", [], {}]]"#,
            r#"[0, 1, ["folkmoot/ping", [], {}]]"#,
            r#"[0, 1, ["nonsense", [], {}]]"#,
            r#"[0, 1, ["nonsense"]]"#,
        ] {
            let mut raw = rig.raw(codec).await;
            raw.send(request).await;
            raw.shut().await;
            let rest = raw.rest().await;
            assert_eq!(rest.len(), 1, "{codec} {request}: {rest:?}");
        }
        until("the links end at once", || rig.counts.open_links() == 1.0).await;
        rig.end().await;
    }
}

#[folkmoot::test(crate = crate::hostile::left_behind)]
async fn an_answer_that_takes_its_time_comes_too() {
    let rig = Rig::start().await;
    let (mut plain, mut rich) = (rig.raw(Codec::Json).await, rig.rich(Codec::Json).await);
    for raw in [&mut plain, &mut rich] {
        raw.send(r#"[0, 1, ["agents/victim/wait", [1], {}]]"#).await;
        raw.send(r#"[0, 2, ["agents/victim/wait", [2], {}]]"#).await;
        raw.shut().await;
    }
    // The time that a stranger has for its first frame must not matter here.
    sleep(tight().handshake_time * 3).await;
    rig.released.add_permits(1);
    for raw in [&mut plain, &mut rich] {
        let results: Vec<Value> = raw
            .rest()
            .await
            .iter()
            .filter(|answer| answer.kind == 1)
            .map(|answer| answer.content.clone())
            .collect();
        assert_eq!(results, [Value::Text("x".into()), Value::Text("xx".into())]);
    }
    until("the links end at once", || rig.counts.open_links() == 1.0).await;
    rig.end().await;
}

#[folkmoot::test(crate = crate::hostile::left_behind)]
async fn a_long_answer_comes_whole_to_a_half_closed_peer_that_reads_slowly() {
    let rig = Rig::start().await;
    let mut raw = rig.raw(Codec::MsgPack).await;
    let bytes = 12 << 20;
    raw.send(&format!(r#"[0, 1, ["agents/victim/text", [{bytes}], {{}}]]"#)).await;
    raw.shut().await;
    until("it has run", || rig.counts.of("calls") == 2).await;
    tokio::task::yield_now().await;
    let answer = raw.answer().await;
    assert_eq!(answer.result().as_str().map(str::len), Some(bytes));
    assert!(raw.rest().await.is_empty());
    rig.end().await;
}

#[folkmoot::test(crate = crate::hostile::left_behind)]
async fn one_way_requests_run_before_the_link_ends() {
    let rig = Rig::start().await;
    let mut raw = rig.rich(Codec::Json).await;
    raw.send(r#"[0, 1, ["agents/victim/wait", [1], {}], {"no_reply": true}]"#).await;
    raw.send(r#"[0, 2, ["agents/victim/add", [5], {}], {"no_reply": true}]"#).await;
    raw.shut().await;
    rig.released.add_permits(1);
    assert!(raw.rest().await.iter().all(|message| message.kind == 0), "a goodbye at most");
    assert_eq!(rig.proxy.total().await.unwrap(), 5);
    until("the link ends at once", || rig.counts.open_links() == 1.0).await;
    rig.end().await;
}

#[folkmoot::test(crate = crate::hostile::left_behind)]
async fn a_half_closed_peer_that_resets_ends_its_link() {
    let rig = Rig::start().await;
    let mut raw = rig.raw(Codec::Json).await;
    raw.send(r#"[0, 1, ["agents/victim/wait", [1000000], {}]]"#).await;
    raw.send(r#"[0, 2, ["agents/victim/wait", [1000000], {}]]"#).await;
    raw.shut().await;
    until("its link is open", || rig.counts.open_links() == 2.0).await;
    drop(raw);
    rig.released.add_permits(1);
    until("its link is closed", || rig.counts.open_links() == 1.0).await;
    rig.end().await;
}

#[folkmoot::test(crate = crate::hostile::left_behind)]
async fn the_answer_comes_over_tls_too() {
    let dir = tempfile::tempdir().unwrap();
    let certs = DevCerts::in_dir(dir.path()).unwrap();
    let honest = certs.node("honest").unwrap();
    let target = Container::builder("tls://127.0.0.1:0").certs(certs.node("target").unwrap()).limits(tight());
    let target = target.allow("spiffe://demo/node/honest", "*", "*");
    let rig = Rig::of(target, Container::builder("tls://127.0.0.1:0").certs(honest.clone())).await;
    let dialer = TlsTransport::new(honest);
    let (released, mut frames) = (rig.released.clone(), rig.counts.of("frames_in"));
    for (request, length) in [
        (r#"[0, 1, ["agents/victim/text", [3000000], {}]]"#, 3_000_000),
        (r#"[0, 1, ["agents/victim/wait", [2000000], {}]]"#, 2_000_000),
    ] {
        let connection = dialer.dial(rig.node.endpoint(), None).await.unwrap();
        let mut raw = Raw { stream: connection.stream, codec: Codec::Cbor, address: String::new() };
        raw.send(request).await;
        raw.shut().await;
        frames += 1;
        rig.counted("frames_in", frames).await;
        released.add_permits(1);
        assert_eq!(raw.answer().await.result().as_str().map(str::len), Some(length));
        assert!(raw.rest().await.is_empty());
    }
    until("the links end at once", || rig.counts.open_links() == 1.0).await;
    rig.end().await;
}

#[folkmoot::test(crate = crate::hostile::left_behind)]
async fn no_answer_is_lost_between_workers() {
    let target = Container::builder("tcp://127.0.0.1:0").name("target").limits(tight()).workers(3);
    let rig = Rig::of(target, Container::builder("tcp://127.0.0.1:0").name("honest")).await;
    for _ in 0..300 {
        let mut raw = rig.raw(Codec::Json).await;
        raw.send(r#"[0, 1, ["agents/victim/total", [], {}]]"#).await;
        raw.send(r#"[0, 2, ["agents/victim/total", [], {}], {"no_reply": true}]"#).await;
        raw.shut().await;
        assert_eq!(raw.rest().await.len(), 1);
    }
    until("the links end at once", || rig.counts.open_links() == 1.0).await;
    rig.end().await;
}

#[folkmoot::test(crate = crate::hostile::left_behind)]
async fn a_peer_that_is_gone_is_not_taken_for_one_that_may_still_read() {
    let mut limits = tight();
    limits.heartbeat = limits.handshake_time;
    let long = PATIENCE * 9;
    let target = Container::builder("tcp://127.0.0.1:0").name("target").limits(limits).deadline(long);
    let rig = Rig::of(target, Container::builder("tcp://127.0.0.1:0").name("honest")).await;
    for codec in Codec::ALL {
        let mut raw = rig.rich(codec).await;
        let before = rig.counts.of("frames_in");
        raw.send(r#"[0, 1, ["agents/victim/wait", [1], {}]]"#).await;
        rig.counted("frames_in", before + 1).await;
        // It closes both halves, as the system does for a process that was killed; nothing waits to be written to it.
        drop(raw);
        until("its link is closed", || rig.counts.open_links() == 1.0).await;
    }
    let ended = rig.log.with(&["the link ended", "the peer closed the link, and takes nothing any more"]);
    assert_eq!(ended.len(), Codec::ALL.len(), "{:#?}", rig.log.all());
    rig.counted("cancels", Codec::ALL.len() as u64).await;
    rig.end().await;
}

#[folkmoot::test(crate = crate::hostile::left_behind)]
async fn signs_of_life_keep_no_request_in_hand_beyond_its_time() {
    let mut limits = tight();
    limits.heartbeat = limits.handshake_time / 10;
    limits.farewell_time = PATIENCE * 9;
    let target = Container::builder("tcp://127.0.0.1:0").name("target").limits(limits);
    let target = target.deadline(tight().handshake_time * 2);
    let rig = Rig::of(target, Container::builder("tcp://127.0.0.1:0").name("honest")).await;
    let mut raw = rig.rich(Codec::Json).await;
    raw.send(r#"[0, 1, ["agents/victim/wait", [1], {}], {"deadline_ms": 600000}]"#).await;
    raw.shut().await;
    // Its turn never ends by itself.
    let rest = raw.rest().await;
    assert!(rest.len() > 1 && rest.iter().all(|message| message.kind == 0), "{rest:?}");
    until("the link has ended", || rig.counts.open_links() == 1.0).await;
    rig.end().await;
}

#[folkmoot::test(crate = crate::hostile::left_behind)]
async fn a_half_closed_peer_hears_that_its_request_is_still_in_hand() {
    let mut limits = tight();
    limits.heartbeat = limits.handshake_time;
    let rig = Rig::with(limits).await;
    let mut raw = rig.rich(Codec::Json).await;
    raw.send(r#"[0, 1, ["agents/victim/wait", [1], {}]]"#).await;
    raw.shut().await;
    for _ in 0..3 {
        let ping = raw.answer().await;
        assert_eq!(ping.content.item(0).and_then(Value::as_str), Some("folkmoot/ping"), "{ping:?}");
    }
    rig.released.add_permits(1);
    assert!(raw.rest().await.iter().any(|answer| answer.kind == 1));
    until("the link ends at once", || rig.counts.open_links() == 1.0).await;
    rig.end().await;
}
