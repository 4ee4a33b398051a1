//! Answers to what was never asked, cancels of what was never begun, and goodbyes.
//!
//! Neighbour: `requests.rs`.

use std::time::Duration;

use folkmoot::{Codec, Value};

use super::raw::{encoded, frame};
use super::rig::{Rig, Victim, until};

#[folkmoot::test(crate = crate::hostile::left_behind)]
async fn answers_that_nobody_asked_for_are_counted_and_dropped() {
    for codec in Codec::ALL {
        let rig = Rig::start().await;
        let waiting = rig.waiting_call();
        let mut raw = rig.rich(codec).await;
        for id in [0, 1, 2, 3, u64::MAX >> 1, u64::MAX] {
            raw.send(&format!(r#"[1, {id}, "forged"]"#)).await;
            raw.send(&format!(r#"[2, {id}, {{"code": "denied", "text": "forged"}}]"#)).await;
        }
        raw.ask(r#"[0, 1, ["agents/victim/total", [], {}]]"#).await.result();
        rig.counted("orphan_replies", 12).await;
        assert!(!waiting.is_finished(), "a reply reaches only the link it was asked on");
        rig.released.add_permits(1);
        assert_eq!(waiting.await.unwrap().unwrap(), "x");
        rig.end().await;
    }
}

fn cancel(id: u64) -> String {
    format!(r#"[0, 99, ["folkmoot/cancel", [{id}], {{}}], {{"no_reply": true}}]"#)
}

#[folkmoot::test(crate = crate::hostile::left_behind)]
async fn a_cancel_of_what_was_never_asked_does_not_touch_what_comes_later() {
    let rig = Rig::start().await;
    let mut raw = rig.rich(Codec::Json).await;
    raw.send(&cancel(5)).await;
    assert_eq!(raw.ask(r#"[0, 5, ["agents/victim/total", [], {}]]"#).await.result(), &Value::Int(0));
    // The same while another request is in hand.
    raw.send(r#"[0, 1, ["agents/victim/wait", [1], {}]]"#).await;
    raw.send(&cancel(6)).await;
    raw.send(&cancel(7)).await;
    assert_eq!(raw.ask(r#"[0, 6, ["agents/victim/total", [], {}]]"#).await.id, Value::Int(6));
    raw.send(r#"[0, 7, ["agents/victim/wait", [1], {}]]"#).await;
    raw.ask(r#"[0, 8, ["folkmoot/ping", [], {}]]"#).await.result();
    rig.released.add_permits(1);
    let mut ids = [raw.answer().await.id, raw.answer().await.id].map(|id| id.as_u64().unwrap());
    ids.sort_unstable();
    assert_eq!(ids, [1, 7]);
    rig.end().await;
}

#[folkmoot::test(crate = crate::hostile::left_behind)]
async fn thirty_thousand_cancels_leave_the_next_one_its_effect() {
    let rig = Rig::start().await;
    let mut raw = rig.rich(Codec::MsgPack).await;
    raw.send(r#"[0, 1, ["agents/victim/wait", [1], {}]]"#).await;
    raw.send(r#"[0, 2, ["agents/victim/wait", [1], {}]]"#).await;
    let flood: Vec<u8> = (1000..31_000).flat_map(|id| frame(&encoded(Codec::MsgPack, &cancel(id)))).collect();
    raw.send_bytes(&flood).await;
    raw.send(&cancel(1)).await;
    rig.counted("cancels", 1).await;
    rig.released.add_permits(1);
    assert_eq!(raw.answer().await.id, Value::Int(2), "only the one that was not taken back is answered");
    raw.ask(r#"[0, 3, ["agents/victim/total", [], {}]]"#).await.result();
    rig.end().await;
}

#[folkmoot::test(crate = crate::hostile::left_behind)]
async fn a_queued_exclusive_request_that_is_taken_back_never_runs() {
    let rig = Rig::start().await;
    let mut raw = rig.rich(Codec::Json).await;
    raw.send(r#"[0, 1, ["agents/victim/hold", [], {}]]"#).await;
    raw.send(r#"[0, 2, ["agents/victim/add", [100], {}]]"#).await;
    raw.send(&cancel(2)).await;
    raw.ask(r#"[0, 3, ["folkmoot/ping", [], {}]]"#).await.result();
    rig.released.add_permits(1);
    assert_eq!(raw.answer().await.id, Value::Int(1));
    assert_eq!(raw.ask(r#"[0, 4, ["agents/victim/total", [], {}]]"#).await.result(), &Value::Int(0));
    rig.end().await;
}

#[folkmoot::test(crate = crate::hostile::left_behind)]
async fn what_wants_an_answer_gets_one_and_what_wants_none_gets_none() {
    let rig = Rig::start().await;
    let mut raw = rig.rich(Codec::Json).await;
    raw.ask(r#"[0, 1, ["folkmoot/cancel", [5], {}]]"#).await.result();
    let wrong = raw.ask(r#"[0, 2, ["folkmoot/cancel", ["x"], {}]]"#).await;
    assert!(wrong.exception().contains("id: expected u64"), "{}", wrong.exception());
    for path in [
        "folkmoot/ping",
        "folkmoot/describe",
        "validate_aid",
        "nonsense",
        "agents/nobody/x",
        "agents/victim/x",
    ] {
        raw.send(&format!(r#"[0, 3, ["{path}", [], {{}}], {{"no_reply": true}}]"#)).await;
    }
    assert_eq!(raw.ask(r#"[0, 4, ["folkmoot/ping", [], {}]]"#).await.id, Value::Int(4));
    rig.end().await;
}

#[folkmoot::test(crate = crate::hostile::left_behind)]
async fn a_plain_peer_learns_the_type_of_an_agent_by_its_name_or_number_and_null_of_none() {
    let rig = Rig::start().await;
    let released = rig.released.clone();
    for _ in 0..2 {
        let released = released.clone();
        rig.node.spawn_numbered(move || Victim::over(&released)).await.unwrap();
    }
    rig.node.stop("1", Duration::ZERO).await.unwrap();
    for codec in Codec::ALL {
        let mut raw = rig.raw(codec).await;
        let ask = |argument: &str| format!(r#"[0, 1, ["validate_aid", [{argument}], {{}}]]"#);
        for (argument, answer) in [
            (r#""victim""#, Value::from("Victim")),
            (r#""0""#, Value::from("Victim")),
            (r#""1""#, Value::Null),
            (r#""2""#, Value::Null),
            (r#""""#, Value::Null),
            (r#""0/sub""#, Value::Null),
        ] {
            assert_eq!(raw.ask(&ask(argument)).await.result(), &answer, "{codec} {argument}");
        }
        // A number is no name.
        for argument in ["0", "null", r#""0", "1""#, ""] {
            let refused = raw.ask(&ask(argument)).await;
            assert!(refused.exception().starts_with("TypeError: "), "{codec} {}", refused.exception());
        }
        let named = raw.ask(r#"[0, 2, ["validate_aid", [], {"aid": "0"}]]"#).await;
        assert_eq!(named.result(), &Value::from("Victim"));
    }
    rig.end().await;
}

#[folkmoot::test(crate = crate::hostile::left_behind)]
async fn one_way_calls_that_fail_are_counted_and_logged_with_their_error() {
    let rig = Rig::start().await;
    let mut raw = rig.rich(Codec::Json).await;
    for (nth, (path, arguments, error)) in [
        ("agents/nobody/add", "[1]", "nobody"),
        ("agents/victim/add", r#"["x"]"#, "expected i64"),
        ("agents/victim/ad", "[1]", "exposes no method"),
        ("agents/victim", "[]", "write one of its methods"),
        ("agents/victim/shared_panic", "[]", "panicked: boom"),
    ]
    .into_iter()
    .enumerate()
    {
        raw.send(&format!(r#"[0, 1, ["{path}", {arguments}, {{}}], {{"no_reply": true}}]"#)).await;
        rig.counted("one_way_failures", nth as u64 + 1).await;
        rig.logged_once(&raw, error).await;
    }
    raw.send(r#"[0, 1, ["agents/victim/hold", [], {}], {"no_reply": true}]"#).await;
    raw.ask(r#"[0, 2, ["folkmoot/ping", [], {}]]"#).await.result();
    rig.node.stop("victim", Duration::ZERO).await.unwrap();
    rig.counted("one_way_failures", 6).await;
    let released = rig.released.clone();
    rig.node.spawn("victim", move || Victim::over(&released)).await.unwrap();
    rig.end().await;
}

#[folkmoot::test(crate = crate::hostile::left_behind)]
async fn one_way_calls_that_their_link_leaves_in_the_queue_are_counted() {
    let rig = Rig::start().await;
    let mut raw = rig.rich(Codec::Json).await;
    for _ in 0..3 {
        raw.send(r#"[0, 1, ["agents/victim/hold", [], {}], {"no_reply": true}]"#).await;
    }
    raw.ask(r#"[0, 2, ["folkmoot/ping", [], {}]]"#).await.result();
    raw.send(r#"[0, 3, ["folkmoot/goodbye", ["enough"], {}]]"#).await;
    // The first has begun, and runs to its end.
    rig.counted("one_way_failures", 2).await;
    rig.released.add_permits(1);
    rig.end().await;
}

#[folkmoot::test(crate = crate::hostile::left_behind)]
async fn an_answer_of_the_platform_that_does_not_fit_is_an_exception_that_says_so() {
    let rig = Rig::start().await;
    let hello = r#"{"versions": [1, 1], "node": "small", "max_frame_bytes": 512, "software": "raw 1"}"#;
    for codec in Codec::ALL {
        let mut raw = rig.raw(codec).await;
        raw.ask(&format!(r#"[0, 0, ["folkmoot/hello", [{hello}], {{}}]]"#)).await.result();
        let answer = raw.ask(r#"[0, 1, ["folkmoot/describe", ["victim"], {}]]"#).await;
        assert!(answer.exception().contains("longer than 512 bytes"), "{}", answer.exception());
        assert_eq!(answer.code(), "bad-reply");
        raw.ask(r#"[0, 2, ["folkmoot/ping", [], {}]]"#).await.result();
    }
    rig.end().await;
}

#[folkmoot::test(crate = crate::hostile::left_behind)]
async fn a_goodbye_ends_the_link_and_what_it_had_in_hand() {
    for reason in [r#"["I am off"]"#, "[]", "[5]"] {
        let rig = Rig::start().await;
        let mut raw = rig.rich(Codec::Json).await;
        raw.send(r#"[0, 1, ["agents/victim/wait", [1], {}]]"#).await;
        raw.send(&format!(r#"[0, 2, ["folkmoot/goodbye", {reason}, {{}}]]"#)).await;
        assert!(raw.rest().await.iter().all(|message| message.kind == 0), "a goodbye at most");
        rig.logged_once(&raw, "the peer said goodbye").await;
        rig.counted("cancels", 1).await;
        until("its link is closed", || rig.counts.open_links() == 1.0).await;
        rig.end().await;
    }
}
