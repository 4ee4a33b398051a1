//! Hellos that do not fit: other versions, other shapes, twice.
//!
//! Neighbour: `dialing.rs` has the dialer's side of them.

use folkmoot::{Codec, Value};

use super::rig::Rig;

fn hello(versions: &str, node: &str) -> String {
    let hello = format!(
        r#"{{"versions": {versions}, "node": "{node}", "max_frame_bytes": 999, "software": "raw 9"}}"#
    );
    format!(r#"[0, 4, ["folkmoot/hello", [{hello}], {{}}]]"#)
}

#[folkmoot::test(crate = crate::hostile::left_behind)]
async fn versions_that_do_not_match_are_named_to_both_and_end_the_link() {
    for codec in Codec::ALL {
        let rig = Rig::start().await;
        for (nth, (versions, words)) in
            [("[7, 9]", "\"stranger\" (raw 9) speaks 7 to 9"), ("[0, 0]", "\"stranger\" (raw 9) speaks 0")]
                .into_iter()
                .enumerate()
        {
            let mut raw = rig.raw(codec).await;
            let answer = raw.ask(&hello(versions, "stranger")).await;
            for part in ["no common wire version: \"target\" (folkmoot ", ") speaks 1 to 2 and ", words] {
                assert!(answer.exception().contains(part), "{codec}: {}", answer.exception());
            }
            assert_eq!(answer.id, Value::Int(4));
            assert!(raw.rest().await.is_empty(), "the link has ended");
            rig.logged_once(&raw, words).await;
            rig.counted("bad_requests", nth as u64 + 1).await;
        }
        rig.end().await;
    }
}

#[folkmoot::test(crate = crate::hostile::left_behind)]
async fn a_hello_that_cannot_be_read_is_answered_and_the_peer_stays_plain() {
    let rig = Rig::start().await;
    let mut raw = rig.raw(Codec::Json).await;
    for (request, words) in [
        (hello("[2, 1]", "x"), "the lowest version 2 is above the highest, 1"),
        (hello("[1, 1]", &"n".repeat(1025)), "the node's name is longer than 1024 bytes"),
        (
            hello("[1, 1]", "x").replacen('}', &format!(r#", "cluster": "{}"}}"#, "c".repeat(1025)), 1),
            "the cluster's name is longer than 1024 bytes",
        ),
        (hello("[1]", "x"), "versions"),
        (hello("[1, 70000]", "x"), "versions"),
        (r#"[0, 4, ["folkmoot/hello", [], {}]]"#.to_owned(), "hello"),
        (r#"[0, 4, ["folkmoot/hello", [5], {}]]"#.to_owned(), "a Hello (a map with versions"),
    ] {
        let answer = raw.ask(&request).await;
        assert!(answer.content.as_str().is_some(), "a plain exception: {answer:?}");
        assert!(answer.exception().contains(words), "{request}: {}", answer.exception());
    }
    raw.ask(r#"[0, 1, ["agents/victim/total", [], {}]]"#).await.result();
    rig.end().await;
}

#[folkmoot::test(crate = crate::hostile::left_behind)]
async fn a_peer_that_bears_our_name_is_served_and_told_of_once() {
    let rig = Rig::start().await;
    let mut raw = rig.raw(Codec::Json).await;
    raw.ask(&hello("[1, 1]", "target")).await.result();
    for _ in 0..2 {
        let chain = r#"{"chain": [["target/victim", true]]}"#;
        raw.ask(&format!(r#"[0, 1, ["agents/victim/total", [], {{}}], {chain}]"#)).await.result();
    }
    rig.logged_once(&raw, "give each node a name of its own").await;
    rig.end().await;
}

#[folkmoot::test(crate = crate::hostile::left_behind)]
async fn a_second_hello_is_refused_and_changes_nothing() {
    let rig = Rig::start().await;
    let mut raw = rig.rich(Codec::Cbor).await;
    let answer = raw.ask(&hello("[1, 5]", "again")).await;
    assert_eq!(answer.code(), "bad-arguments");
    assert!(answer.exception().contains("a link has one Hello"), "{}", answer.exception());
    rig.counted("bad_requests", 1).await;
    // More than the second Hello says that the peer takes.
    raw.ask(r#"[0, 1, ["agents/victim/text", [2000], {}]]"#).await.result();
    rig.end().await;
}

#[folkmoot::test(crate = crate::hostile::left_behind)]
async fn limits_that_leave_no_room_for_an_error_end_the_link() {
    let rig = Rig::start().await;
    for (nth, limits) in [
        r#""max_frame_bytes": 0"#,
        r#""max_frame_bytes": 511"#,
        r#""max_frame_bytes": 999, "max_depth": 0"#,
        r#""max_frame_bytes": 999, "max_nodes": 1"#,
    ]
    .into_iter()
    .enumerate()
    {
        let mut raw = rig.raw(Codec::MsgPack).await;
        let hello = format!(r#"{{"versions": [1, 1], "node": "tiny", {limits}, "software": "raw 9"}}"#);
        let answer = raw.ask(&format!(r#"[0, 4, ["folkmoot/hello", [{hello}], {{}}]]"#)).await;
        assert!(answer.exception().contains("errors alone need up to"), "{}", answer.exception());
        assert!(raw.rest().await.is_empty(), "the link has ended");
        rig.counted("bad_requests", nth as u64 + 1).await;
    }
    rig.end().await;
}

#[folkmoot::test(crate = crate::hostile::left_behind)]
async fn a_peer_gets_no_frame_over_the_limit_of_its_hello() {
    let rig = Rig::start().await;
    let mut raw = rig.raw(Codec::MsgPack).await;
    raw.ask(&hello("[1, 1]", "small")).await.result();
    let answer = raw.ask(r#"[0, 1, ["agents/victim/text", [2000], {}]]"#).await;
    assert_eq!(answer.code(), "bad-reply");
    assert!(answer.exception().contains("longer than 999 bytes"), "{}", answer.exception());
    assert!(answer.bytes.len() <= 999, "{} bytes", answer.bytes.len());
    raw.ask(r#"[0, 2, ["agents/victim/text", [900], {}]]"#).await.result();
    rig.end().await;
}
