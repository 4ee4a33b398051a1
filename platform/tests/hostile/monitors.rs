//! Peers that monitor what they must not, tell of what nobody asked, and take nothing of what they asked for.

use std::future::IntoFuture;

use folkmoot::{AgentEvent, CallError, Codec, Value};
use tokio::net::TcpListener;

use super::dialing::{Dialed, dialed, met};
use super::left_behind::Watch;
use super::raw::Raw;
use super::rig::{Rig, tight, until};

#[folkmoot::test(crate = crate::hostile::left_behind)]
async fn events_that_nobody_asked_for_are_counted_and_harm_nobody() {
    let rig = Rig::start().await;
    for codec in Codec::ALL {
        let before = rig.counts.of("stray_events");
        let mut raw = rig.rich(codec).await;
        for event in [
            r#"{"crashed": {"cause": "x"}}"#,
            r#"{"restarted": {"restarts": 18446744073709551615}}"#,
            r#"{"ended": {"cause": "\u001b[2J", "in_order": false}}"#,
            r#"{"missed": {"events": 18446744073709551615}}"#,
        ] {
            raw.ask(&format!(r#"[0, 1, ["folkmoot/event", [18446744073709551615, {event}], {{}}]]"#))
                .await
                .result();
        }
        assert_eq!(rig.counts.of("stray_events"), before + 4);
        // What a peer cannot know is no event of its agents.
        for event in [
            r#"{"disconnected": {"cause": "x"}}"#,
            r#"{"reconnected": {"restarts": 1}}"#,
            "7",
            "null",
            r#"{"new": {}}"#,
        ] {
            let answer = raw.ask(&format!(r#"[0, 2, ["folkmoot/event", [1, {event}], {{}}]]"#)).await;
            assert_eq!(answer.code(), "bad-arguments", "{event}");
        }
        for (path, arguments) in [("unmonitor", "[7]"), ("crash", r#"[7, "x"]"#)] {
            raw.ask(&format!(r#"[0, 3, ["folkmoot/{path}", {arguments}, {{}}]]"#)).await.result();
        }
        for (path, arguments) in [
            ("unmonitor", "[-1]"),
            ("crash", "[7]"),
            ("monitor", r#"["victim"]"#),
            ("link", r#"["victim", 1]"#),
        ] {
            let answer = raw.ask(&format!(r#"[0, 4, ["folkmoot/{path}", {arguments}, {{}}]]"#)).await;
            assert_eq!(answer.code(), "bad-arguments", "{path}");
        }
    }
    rig.end().await;
}

#[folkmoot::test(crate = crate::hostile::left_behind)]
async fn a_number_is_used_once_and_a_peer_has_no_more_than_its_measure() {
    let mut limits = tight();
    limits.max_monitors = 3;
    let rig = Rig::with(limits).await;
    let mut raw = rig.rich(Codec::Json).await;
    let monitor = |number: u64| format!(r#"[0, 1, ["folkmoot/monitor", ["victim", {number}], {{}}]]"#);
    let link = |number: u64| format!(r#"[0, 1, ["folkmoot/link", ["victim", {number}, "other"], {{}}]]"#);
    let watched = raw.ask(&monitor(0)).await;
    assert_eq!(watched.result().get("restarts").and_then(Value::as_u64), Some(0));
    raw.ask(&link(u64::MAX)).await.result();
    for again in [monitor(0), monitor(u64::MAX), link(0)] {
        let answer = raw.ask(&again).await;
        assert!(answer.exception().contains("is the number of another one on this link"), "{answer:?}");
    }
    raw.ask(&monitor(1)).await.result();
    for more in [monitor(2), link(2)] {
        assert_eq!(raw.ask(&more).await.code(), "overloaded");
    }
    raw.ask(r#"[0, 1, ["folkmoot/unmonitor", [1], {}]]"#).await.result();
    let missing = raw.ask(r#"[0, 1, ["folkmoot/monitor", ["victm", 1], {}]]"#).await;
    assert!(missing.exception().contains("did you mean \"victim\""), "{missing:?}");
    raw.ask(&monitor(1)).await.result();
    // With the link goes what was linked over it.
    drop(raw);
    until("the linked agent crashed", || rig.node.restarts("victim").unwrap() == 1).await;
    rig.counted("link_crashes", 1).await;
    rig.end().await;
}

#[folkmoot::test(crate = crate::hostile::left_behind)]
async fn a_linked_peer_that_says_crash_again_and_again_crashes_its_agent_once() {
    let rig = Rig::start().await;
    let mut raw = rig.rich(Codec::Cbor).await;
    raw.ask(r#"[0, 1, ["folkmoot/link", ["victim", 5, "o\u0007ther"], {}]]"#).await.result();
    for _ in 0..10 {
        raw.ask(r#"[0, 2, ["folkmoot/crash", [5, "boom\nERROR all is lost"], {}]]"#).await;
    }
    until("it was started anew", || rig.node.restarts("victim").unwrap() == 1).await;
    let lines = rig.log.with(&["the linked agent", "boom"]);
    assert_eq!(lines.len(), 1, "{lines:#?}");
    assert!(!lines[0].contains('\n') && !lines[0].contains('\u{7}'), "{lines:?}");
    assert_eq!(rig.counts.of("link_crashes"), 1);
    rig.end().await;
}

#[folkmoot::test(crate = crate::hostile::left_behind)]
async fn a_peer_that_takes_nothing_misses_old_events_and_is_told_how_many() {
    let mut limits = tight();
    limits.outbox_high_water_bytes = 4 << 10;
    limits.write_stall_time = super::raw::PATIENCE * 9;
    let rig = Rig::with(limits).await;
    rig.node
        .spawn("crasher", || Crasher)
        .backoff(folkmoot::Backoff::NONE)
        .intensity(u32::MAX, super::raw::PATIENCE)
        .await
        .unwrap();
    let crasher: folkmoot::Proxy<Crasher> = rig.node.find("crasher").unwrap();
    let mut raw = rig.rich(Codec::MsgPack).await;
    raw.ask(r#"[0, 1, ["folkmoot/monitor", ["crasher", 9], {}]]"#).await.result();
    // More than the system takes for a peer that does not read.
    for id in 0..8 {
        raw.send(&format!(r#"[0, {id}, ["agents/victim/text", [2000000], {{}}]]"#)).await;
    }
    until("it does not take what is written", || rig.counts.of("calls") >= 4).await;
    let crashes = 200;
    for _ in 0..crashes {
        crasher.crash().await.unwrap_err();
    }
    until("all are over", || rig.node.restarts("crasher").unwrap() == crashes).await;
    rig.node.stop("crasher", super::raw::PATIENCE).await.unwrap();
    assert!(rig.counts.of("missed_events") > 0);
    // Crashes and new starts, and the end.
    let (mut told, mut missed) = (0, 0);
    loop {
        let answer = raw.answer().await;
        if answer.kind != 0 {
            continue;
        }
        assert_eq!(answer.content.item(0).and_then(Value::as_str), Some("folkmoot/event"));
        let event = answer.content.item(1).and_then(|arguments| arguments.item(1)).unwrap().clone();
        if let Some(events) =
            event.get("missed").and_then(|missed| missed.get("events")).and_then(Value::as_u64)
        {
            missed += events;
        } else {
            told += 1;
        }
        if event.get("ended").is_some() {
            break;
        }
    }
    assert_eq!(missed, rig.counts.of("missed_events"));
    assert_eq!(told + missed, 2 * crashes + 1);
    rig.end().await;
}

/// What came of an attempt to monitor the agent at the raw end of a link, which answers so.
async fn answered(codec: Codec, answer: &str) -> Result<folkmoot::Monitor, CallError> {
    let (node, proxy, mut raw) = met(codec, 2000).await;
    let asking = actix_rt::spawn(node.monitor(&proxy));
    let asked = raw.answer().await;
    assert_eq!(asked.content.item(0).and_then(Value::as_str), Some("folkmoot/monitor"));
    let number =
        asked.content.item(1).and_then(|arguments| arguments.item(1)).and_then(Value::as_u64).unwrap();
    let id = asked.id.as_u64().unwrap();
    raw.send(&answer.replace("ID", &id.to_string()).replace("NUMBER", &number.to_string())).await;
    let outcome = asking.await.unwrap();
    if outcome.is_err() {
        // Whatever it was: the peer is told that nobody waits any more.
        let ended = raw.answer().await;
        let path = ended.content.item(0).and_then(Value::as_str);
        assert!(
            matches!(path, Some("folkmoot/unmonitor" | "folkmoot/goodbye" | "folkmoot/end")),
            "{ended:?}"
        );
    }
    node.shutdown().await;
    outcome
}

#[folkmoot::test]
async fn peers_that_know_no_monitors_or_answer_nonsense_are_told_apart() {
    for codec in Codec::ALL {
        for (answer, words) in [
            (
                r#"[2, ID, {"code": "no-such-agent", "text": "x", "data": {"agent": "folkmoot/monitor", "nearest": null}}]"#,
                "runs an older Folkmoot, whose agents can be neither monitored nor linked",
            ),
            (r#"[2, ID, {"code": "denied", "text": "x", "data": {"reason": "not you"}}]"#, "not you"),
            (r#"[2, ID, "LookupError: what?"]"#, "what?"),
            (r#"[1, ID, null]"#, "does not decode"),
            (r#"[1, ID, {"node": -1, "agent": 2, "restarts": 3}]"#, "does not decode"),
            (r#"[9, ID, null]"#, "the kind is neither"),
        ] {
            let error = answered(codec, answer).await.unwrap_err();
            assert!(error.to_string().contains(words), "{codec} {answer}: {error}");
        }
        // What a peer of another make cannot tell is refused before it is asked.
        let Dialed { node, connecting, mut raw } = dialed(codec).await;
        raw.answer().await;
        raw.send(r#"[2, 0, "LookupError: folkmoot/hello"]"#).await;
        let id = raw.answer().await.id.as_u64().unwrap();
        raw.send(&format!(r#"[1, {id}, "Victim"]"#)).await;
        let proxy = connecting.await.unwrap().unwrap();
        let error = node.monitor(&proxy).await.unwrap_err();
        assert!(error.to_string().contains("is no Folkmoot container"), "{error}");
        node.shutdown().await;
    }
}

#[folkmoot::test]
async fn events_may_come_before_the_answer_and_a_flood_of_them_is_bounded() {
    let (node, proxy, mut raw) = met(Codec::Json, 2000).await;
    let asking = actix_rt::spawn(node.monitor(&proxy));
    let id = raw.answer().await.id.as_u64().unwrap();
    let event =
        |event: &str| format!(r#"[0, 7, ["folkmoot/event", [1, {event}], {{}}], {{"no_reply": true}}]"#);
    raw.send(&event(r#"{"crashed": {"cause": "early\nERROR"}}"#)).await;
    raw.send(&format!(r#"[1, {id}, {{"node": 1, "agent": 2, "restarts": 3, "more": 4}}]"#)).await;
    let mut monitor = asking.await.unwrap().unwrap();
    let cause = "early\u{fffd}ERROR".to_owned();
    assert_eq!(monitor.next().await, Some(AgentEvent::Crashed { cause }));
    for restarts in 0..10_000 {
        raw.send(&event(&format!(r#"{{"restarted": {{"restarts": {restarts}}}}}"#))).await;
    }
    raw.send(&event(r#"{"missed": {"events": 18446744073709551615}}"#)).await;
    raw.send(&event(r#"{"ended": {"cause": "", "in_order": true}}"#)).await;
    // After its end there is nothing more.
    raw.send(&event(r#"{"restarted": {"restarts": 0}}"#)).await;
    raw.ask(r#"[0, 8, ["folkmoot/ping", [], {}]]"#).await.result();
    assert_eq!(monitor.next().await, Some(AgentEvent::Missed { events: u64::MAX }));
    for restarts in 9_937..10_000 {
        assert_eq!(monitor.next().await, Some(AgentEvent::Restarted { restarts }));
    }
    assert_eq!(monitor.next().await, Some(AgentEvent::Ended { cause: String::new(), in_order: true }));
    assert_eq!(monitor.next().await, None);
    drop(monitor);
    node.shutdown().await;
}

/// The next link that the node opens, after its Hello.
async fn greeted(listener: &TcpListener) -> Raw {
    let (stream, address) = listener.accept().await.unwrap();
    let mut raw = Raw { stream: Box::new(stream), codec: Codec::Json, address: address.to_string() };
    raw.answer().await;
    raw.send(r#"[1, 0, {"versions": [1, 1], "node": "raw", "max_frame_bytes": 2000, "software": "raw 1"}]"#)
        .await;
    raw
}

/// The id of the question whether the agent is there to be monitored.
async fn asked(raw: &mut Raw) -> u64 {
    let asked = raw.answer().await;
    assert_eq!(asked.content.item(0).and_then(Value::as_str), Some("folkmoot/monitor"));
    asked.id.as_u64().unwrap()
}

#[folkmoot::test(crate = crate::hostile::left_behind)]
async fn a_monitor_asks_again_where_links_break_under_its_question_and_not_for_ever() {
    super::limit::watch();
    let node = folkmoot::Container::builder("local://dialer").network(&folkmoot::LocalNetwork::new());
    let node = node.codec(Codec::Json).limits(tight()).watched().await.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("tcp://{}/victim", listener.local_addr().unwrap());
    let connecting = node.connect::<folkmoot::Untyped>(url);
    let connecting = actix_rt::spawn(connecting.into_future());
    let mut raw = greeted(&listener).await;
    let id = raw.answer().await.id.as_u64().unwrap();
    raw.send(&format!(r#"[1, {id}, "Victim"]"#)).await;
    let proxy = connecting.await.unwrap().unwrap();
    let asking = actix_rt::spawn(node.monitor(&proxy));
    let watched = r#"{"node": 1, "agent": 2, "restarts": 3}"#;
    let id = asked(&mut raw).await;
    raw.send(&format!("[1, {id}, {watched}]")).await;
    let mut monitor = asking.await.unwrap().unwrap();

    drop(raw);
    assert!(matches!(monitor.next().await, Some(AgentEvent::Disconnected { .. })));
    let waiting = actix_rt::spawn(async move { (monitor.next().await, monitor) });
    for _ in 0..5 {
        asked(&mut greeted(&listener).await).await;
    }
    let mut raw = greeted(&listener).await;
    let id = asked(&mut raw).await;
    raw.send(&format!("[1, {id}, {watched}]")).await;
    let (event, mut monitor) = waiting.await.unwrap();
    assert_eq!(event, Some(AgentEvent::Reconnected { restarts: 3 }));

    drop(raw);
    assert!(matches!(monitor.next().await, Some(AgentEvent::Disconnected { .. })));
    let mut waiting = actix_rt::spawn(async move { monitor.next().await });
    let mut broken = 0;
    let event = loop {
        tokio::select! {
            biased;
            event = &mut waiting => break event.unwrap(),
            mut raw = greeted(&listener) => {
                asked(&mut raw).await;
            }
        }
        broken += 1;
    };
    assert_eq!((event, broken), (None, 20));
    drop(proxy);
    node.shutdown().await;
}

/// Crashes.
#[derive(folkmoot::Agent)]
struct Crasher;

#[folkmoot::agent]
impl Crasher {
    #[expose]
    fn crash(&mut self) {
        panic!("once more");
    }
}
