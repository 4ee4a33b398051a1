//! Pieces of large payloads from and to peers that keep no rules.
//!
//! Neighbour: `frames.rs` has frames that break the rules, `takers.rs` peers that take nothing.

use folkmoot::{Codec, Value};

use super::raw::Raw;
use super::rig::{Rig, tight, until};

/// A stream that said Hello as a peer of version 2.
async fn new_peer(rig: &Rig, codec: Codec) -> Raw {
    let mut raw = rig.raw(codec).await;
    let hello = r#"{"versions": [1, 2], "node": "raw", "max_frame_bytes": 16777216, "software": "raw 2"}"#;
    raw.ask(&format!(r#"[0, 0, ["folkmoot/hello", [{hello}], {{}}]]"#)).await.result();
    raw
}

/// The request that is a piece; the bytes come as a text, which every codec may read as bytes.
fn piece(id: u64, stream: u64, last: bool, bytes: &str) -> String {
    format!(
        r#"[0, {id}, ["folkmoot/piece", [{stream}, {last}, {}], {{}}]]"#,
        serde_json::to_string(bytes).unwrap()
    )
}

#[folkmoot::test(crate = crate::hostile::left_behind)]
async fn a_call_in_pieces_is_a_call() {
    let rig = Rig::start().await;
    let mut raw = new_peer(&rig, Codec::Json).await;
    let call = format!(r#"[0, 7, ["agents/victim/length", ["{}"], {{}}]]"#, "x".repeat(1000));
    let (first, second) = call.split_at(500);
    assert_eq!(raw.ask(&piece(1, 1, false, first)).await.result(), &Value::Null);
    // Another stream in between.
    raw.ask(&piece(2, 2, false, r#"[0, 8, ["agents/victim/add", "#)).await.result();
    raw.send(&piece(3, 1, true, second)).await;
    raw.send(&piece(4, 2, true, r#"[5], {}]]"#)).await;
    let answers = [raw.answer().await, raw.answer().await, raw.answer().await, raw.answer().await];
    let of = |id: i64| answers.iter().find(|answer| answer.id == Value::Int(id)).unwrap().result().clone();
    assert_eq!((of(7), of(8)), (Value::Int(1000), Value::Int(5)));
    assert_eq!((of(3), of(4)), (Value::Null, Value::Null));
    rig.end().await;
}

#[folkmoot::test(crate = crate::hostile::left_behind)]
async fn pieces_that_break_the_rules_end_their_link() {
    let first = |stream| piece(stream, stream, false, "[0,");
    let whole = r#"[0, 7, ["agents/victim/total", [], {}]]"#;
    let nested = piece(7, 9, false, "x");
    for (sent, words) in [
        (vec![r#"[0, 1, ["folkmoot/piece", [], {}]]"#.to_owned()], "no piece: "),
        (vec![r#"[0, 1, ["folkmoot/piece", ["a", true, "x"], {}]]"#.to_owned()], "no piece: "),
        (vec![r#"[0, 1, ["folkmoot/piece", [1, true, 5], {}]]"#.to_owned()], "no piece: "),
        (vec![r#"[0, 1, ["folkmoot/piece", [1, true, "x", 4], {}]]"#.to_owned()], "no piece: "),
        (vec![piece(1, 1, false, "")], "a piece without bytes"),
        (vec![first(1), first(2), first(3), first(4), first(5)], "more than may be open at once"),
        (vec![piece(1, 3, true, whole), first(3)], "stream 3, which is not open any more"),
        (vec![first(3), first(2)], "stream 2, which is not open any more"),
        (vec![piece(1, 1, true, &nested)], "is itself a piece"),
        (vec![piece(1, 1, true, &piece(7, 9, true, whole))], "is itself a piece"),
        (vec![piece(1, 1, true, "{}")], "no message"),
        (vec![piece(1, 1, false, "[0, 1, "), piece(2, 1, true, "}")], "no message"),
        (vec![r#"[0, 1, ["folkmoot/drop", [1], {}]]"#.to_owned()], "taken back, which is not open"),
        (vec![r#"[0, 1, ["folkmoot/drop", ["x"], {}]]"#.to_owned()], "no stream: "),
    ] {
        let rig = Rig::start().await;
        let mut raw = new_peer(&rig, Codec::Json).await;
        for frame in &sent {
            raw.send(frame).await;
        }
        let rest = raw.rest().await;
        assert!(rest.last().is_some_and(|last| format!("{last:?}").contains("folkmoot/end")), "{rest:?}");
        rig.logged_once(&raw, words).await;
        rig.end().await;
    }
}

#[folkmoot::test(crate = crate::hostile::left_behind)]
async fn a_payload_in_pieces_has_the_bound_of_a_frame() {
    let mut limits = tight();
    limits.frame.max_frame_bytes = 100_000;
    let rig = Rig::with(limits).await;
    let mut raw = new_peer(&rig, Codec::MsgPack).await;
    let part = "x".repeat(30_000);
    for id in 0..4 {
        raw.send(&piece(id + 1, 1, false, &part)).await;
    }
    raw.rest().await;
    rig.logged_once(&raw, "a payload in pieces is longer than 100000 bytes").await;
    rig.counted("bad_frames", 1).await;
    rig.end().await;
}

#[folkmoot::test(crate = crate::hostile::left_behind)]
async fn streams_that_stop_coming_end_the_link_whatever_else_comes() {
    let mut limits = tight();
    limits.read_stall_time = limits.handshake_time;
    let rig = Rig::with(limits).await;
    let mut raw = new_peer(&rig, Codec::Cbor).await;
    raw.ask(&piece(1, 1, false, "abc")).await.result();
    // Signs of life are no pieces.
    while raw.ask_if_open(r#"[0, 9, ["folkmoot/ping", [], {}]]"#).await {}
    rig.logged_once(&raw, "3 bytes of payloads in pieces came and no further piece within 200ms").await;
    rig.end().await;
}

#[folkmoot::test(crate = crate::hostile::left_behind)]
async fn a_stream_that_was_taken_back_makes_room() {
    let rig = Rig::start().await;
    let mut raw = new_peer(&rig, Codec::Json).await;
    for stream in 1..40 {
        raw.ask(&piece(1, stream, false, "[0,")).await.result();
        raw.send(&format!(r#"[0, 2, ["folkmoot/drop", [{stream}], {{}}], {{"no_reply": true}}]"#)).await;
    }
    raw.ask(r#"[0, 3, ["agents/victim/total", [], {}]]"#).await.result();
    rig.end().await;
}

#[folkmoot::test(crate = crate::hostile::left_behind)]
async fn who_answers_no_pieces_gets_a_window_of_them_and_all_else_at_once() {
    let mut limits = tight();
    limits.max_unanswered_bytes = 100_000;
    let rig = Rig::with(limits).await;
    let mut raw = new_peer(&rig, Codec::MsgPack).await;
    raw.send(r#"[0, 1, ["agents/victim/text", [9000000], {}]]"#).await;
    let mut pieces = Vec::new();
    let mut answered = 0;
    // A ping after each frame: the answers come beside the pieces, however few of those may come.
    while answered < 20 {
        raw.send(r#"[0, 2, ["folkmoot/ping", [], {}]]"#).await;
        let answer = raw.answer().await;
        match answer.kind {
            1 => answered += 1,
            _ => pieces.push(answer),
        }
    }
    let sent: usize = pieces.iter().map(|piece| piece.bytes.len()).sum();
    assert!(sent <= 110_000, "{sent} bytes came unanswered");
    assert!(pieces.len() >= 2, "{} pieces", pieces.len());
    // Answered, the rest comes.
    let mut payload = Vec::new();
    let mut waiting = std::collections::VecDeque::from(pieces);
    loop {
        let piece = match waiting.pop_front() {
            Some(piece) => piece,
            None => raw.answer().await,
        };
        if piece.kind == 1 {
            continue;
        }
        let arguments = piece.content.item(1).unwrap();
        let Some(Value::Bytes(bytes)) = arguments.item(2) else { panic!("{piece:?}") };
        payload.extend_from_slice(bytes);
        if arguments.item(1) == Some(&Value::Bool(true)) {
            break;
        }
        let id = piece.id.as_u64().unwrap();
        raw.send(&format!("[1, {id}, null]")).await;
    }
    let value = Codec::MsgPack.value(&payload, &folkmoot::Limits::DEFAULT).unwrap();
    assert_eq!(value.item(1), Some(&Value::Int(1)));
    assert_eq!(value.item(2).and_then(Value::as_str).map(str::len), Some(9_000_000));
    rig.end().await;
}

#[folkmoot::test(crate = crate::hostile::left_behind)]
async fn a_peer_that_refuses_pieces_loses_its_link_with_a_sentence() {
    let rig = Rig::start().await;
    let mut raw = new_peer(&rig, Codec::Json).await;
    let piece = raw.ask(r#"[0, 1, ["agents/victim/text", [200000], {}]]"#).await;
    let id = piece.id.as_u64().unwrap();
    raw.send(&format!(r#"[2, {id}, {{"code": "denied", "text": "no"}}]"#)).await;
    raw.rest().await;
    rig.logged_once(&raw, "the peer refused a piece of a large payload").await;
    rig.end().await;
}

#[folkmoot::test(crate = crate::hostile::left_behind)]
async fn older_and_plain_peers_get_whole_frames_and_know_no_pieces() {
    for codec in Codec::ALL {
        let rig = Rig::start().await;
        for mut raw in [rig.rich(codec).await, rig.known(codec).await] {
            let answer = raw.ask(r#"[0, 1, ["agents/victim/text", [3000000], {}]]"#).await;
            assert_eq!(answer.result().as_str().map(str::len), Some(3_000_000));
            raw.ask(&piece(2, 1, false, "x")).await.exception();
            let long = "x".repeat(3_000_000);
            let answer = raw.ask(&format!(r#"[0, 3, ["agents/victim/length", ["{long}"], {{}}]]"#)).await;
            assert_eq!(answer.result(), &Value::Int(3_000_000));
        }
        rig.end().await;
    }
}

#[folkmoot::test(crate = crate::hostile::left_behind)]
async fn streams_go_with_their_link() {
    let rig = Rig::start().await;
    let long = "x".repeat(60_000);
    for _ in 0..50 {
        let mut raw = new_peer(&rig, Codec::MsgPack).await;
        for id in 1..20 {
            raw.ask(&piece(id, 1 + (id - 1) % 4, false, &long)).await.result();
        }
    }
    until("the links are closed", || rig.counts.open_links() == 1.0).await;
    rig.end().await;
}
