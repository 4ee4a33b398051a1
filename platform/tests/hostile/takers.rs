//! Peers that ask for much and take nothing: what waits for them is bounded, and then their link ends.
//!
//! Neighbour: `silence.rs` has peers that say nothing.

use folkmoot::{Codec, Value};

use super::raw::{encoded, frame};
use super::rig::{Rig, tight, until};

#[folkmoot::test(crate = crate::hostile::left_behind)]
async fn requests_are_not_read_while_their_answers_are_not_taken() {
    let rig = Rig::start().await;
    let mut raw = rig.known(Codec::MsgPack).await;
    let before = rig.counts.of("calls");
    let request = frame(&encoded(Codec::MsgPack, r#"[0, 1, ["agents/victim/text", [1000000], {}]]"#));
    raw.send_bytes(&request.repeat(1000)).await;
    rig.logged_once(&raw, "took none of the bytes waiting for it within 400ms").await;
    // A row of frames is taken in before the first answer comes to be; after that, nothing.
    let ran = rig.counts.of("calls") - before;
    assert!(ran <= 256, "{ran} calls ran");
    until("its link is closed", || rig.counts.open_links() == 1.0).await;
    rig.end().await;
}

#[folkmoot::test(crate = crate::hostile::left_behind)]
async fn answers_that_all_come_at_once_are_bounded_too() {
    let mut limits = tight();
    limits.max_outbox_bytes = 8 << 20;
    limits.write_stall_time = super::raw::PATIENCE * 9;
    let rig = Rig::with(limits).await;
    let mut raw = rig.rich(Codec::MsgPack).await;
    let flood: Vec<u8> = (0..1000)
        .flat_map(|id| {
            frame(&encoded(Codec::MsgPack, &format!(r#"[0, {id}, ["agents/victim/wait", [1000000], {{}}]]"#)))
        })
        .collect();
    let before = rig.counts.of("calls");
    raw.send_bytes(&flood).await;
    raw.ask(r#"[0, 5000, ["folkmoot/ping", [], {}]]"#).await.result();
    rig.released.add_permits(1);
    rig.counted("calls", before + 1000).await;
    rig.is_unharmed().await;
    // Every request is answered: those within the bound with their result, the others with the reason.
    let (mut results, mut refused) = (0, 0);
    for _ in 0..1000 {
        let answer = raw.answer().await;
        if answer.kind == 1 {
            assert_eq!(answer.content.as_str().map(str::len), Some(1_000_000));
            results += 1;
        } else {
            assert_eq!(answer.code(), "bad-reply");
            assert!(answer.exception().contains("max_outbox_bytes"), "{}", answer.exception());
            refused += 1;
        }
    }
    assert!(results >= 8 && refused > 900, "{results} results, {refused} refused");
    rig.end().await;
}

#[folkmoot::test(crate = crate::hostile::left_behind)]
async fn many_small_requests_with_long_answers_are_read_a_few_at_a_time() {
    let mut limits = tight();
    limits.write_stall_time = super::raw::PATIENCE * 9;
    let rig = Rig::with(limits).await;
    let mut raw = rig.known(Codec::MsgPack).await;
    // A long frame makes the read buffer long, and so the next read.
    let long = "x".repeat(15 << 20);
    let answer = raw.ask(&format!(r#"[0, 1, ["agents/victim/nothing", ["{long}"], {{}}]]"#)).await;
    assert!(answer.exception().contains("Name \"nothing\" not found"));
    let before = rig.counts.of("frames_in");
    let request = frame(&encoded(Codec::MsgPack, r#"[0, 1, ["folkmoot/describe", ["victim"], {}]]"#));
    let answer = raw.ask(r#"[0, 1, ["folkmoot/describe", ["victim"], {}]]"#).await.bytes.len();
    let (mut all, count) = (Vec::new(), 60_000);
    for _ in 0..count {
        all.extend_from_slice(&request);
    }
    let sent = tokio::time::timeout(tight().handshake_time, raw.send_bytes(&all)).await;
    rig.is_unharmed().await;
    let read = (rig.counts.of("frames_in") - before) as usize;
    assert!(sent.is_err() || read < count, "the requests are held back");
    assert!(read * answer < 24 << 20, "{read} requests read, {answer} bytes for each");
    rig.end().await;
}

#[folkmoot::test(crate = crate::hostile::left_behind)]
async fn a_peer_that_takes_its_answers_slowly_gets_them_all() {
    let rig = Rig::start().await;
    let mut raw = rig.known(Codec::Cbor).await;
    let request = frame(&encoded(Codec::Cbor, r#"[0, 1, ["agents/victim/text", [300000], {}]]"#));
    raw.send_bytes(&request.repeat(100)).await;
    for _ in 0..100 {
        let answer = raw.answer().await;
        assert_eq!(answer.result(), &Value::Text("x".repeat(300_000)));
        tokio::task::yield_now().await;
    }
    rig.end().await;
}
