//! Good frames with a few bytes changed, thousands of them: each link answers on or ends, and the node lives.
//!
//! The changes come from a fixed seed, so that what fails once fails again. Neighbour: `frames.rs` has the wrong
//! frames that have names.

use folkmoot::{Codec, Value};

use super::raw::{Raw, encoded, frame};
use super::rig::Rig;

const ROUNDS: usize = 600;

const GOOD: [&str; 9] = [
    r#"[0, 1, ["agents/victim/total", [], {}]]"#,
    r#"[0, 1, ["agents/victim/length", ["some text"], {}], {"deadline_ms": 900, "chain": [["a/b", true]]}]"#,
    r#"[0, 1, ["agents/victim/length", [], {"text": "some text"}]]"#,
    r#"[0, "one", ["folkmoot/describe", ["victim"], {}]]"#,
    r#"[0, null, ["validate_aid", ["victim"], {}]]"#,
    r#"[0, 2, ["folkmoot/cancel", [1], {}], {"no_reply": true}]"#,
    r#"[0, 0, ["folkmoot/hello", [{"versions": [1, 1], "node": "raw", "max_frame_bytes": 65536, "software": "x"}], {}]]"#,
    r#"[1, 4, [1, 2.5, {"a": null}]]"#,
    r#"[2, 4, {"code": "denied", "text": "no", "data": {"reason": "no"}}]"#,
];

/// Changes up to four places.
fn mutate(bytes: &mut Vec<u8>, random: &mut fastrand::Rng) {
    for _ in 0..random.usize(1..=4) {
        let at = random.usize(..bytes.len());
        match random.u8(..5) {
            0 => bytes[at] ^= 1 << random.u8(..8),
            1 => bytes[at] = random.u8(..),
            2 => bytes.insert(at, random.u8(..)),
            3 if bytes.len() > 1 => drop(bytes.remove(at)),
            _ => {
                let end = random.usize(at..=bytes.len().min(at + 8));
                let copied = bytes[at..end].to_vec();
                bytes.splice(at..at, copied);
            }
        }
    }
}

/// Sends the frame and a ping behind it; whether the link is still good.
async fn survives(raw: &mut Raw, bytes: &[u8]) -> bool {
    raw.send_bytes(bytes).await;
    raw.send(r#"[0, "the ping", ["folkmoot/ping", [], {}]]"#).await;
    loop {
        match raw.next().await {
            None => return false,
            Some(answer) if answer.id == Value::Text("the ping".into()) => return true,
            Some(_) => {}
        }
    }
}

#[folkmoot::test(crate = crate::hostile::left_behind)]
async fn changed_frames_end_their_link_or_are_answered() {
    for codec in Codec::ALL {
        let mut random = fastrand::Rng::with_seed(7);
        let rig = Rig::start().await;
        let (mut raw, mut ended) = (rig.known(codec).await, 0);
        for _ in 0..ROUNDS {
            let mut payload = encoded(codec, GOOD[random.usize(..GOOD.len())]);
            mutate(&mut payload, &mut random);
            if payload.is_empty() || !survives(&mut raw, &frame(&payload)).await {
                ended += 1;
                raw = rig.known(codec).await;
            }
        }
        assert!(ended > ROUNDS / 20 && ended < ROUNDS, "{codec}: {ended} of {ROUNDS} links ended");
        assert!(rig.counts.of("bad_frames") <= ended as u64, "one count for each");
        assert_eq!(rig.counts.of("panics"), 0);
        rig.end().await;
    }
}

#[folkmoot::test(crate = crate::hostile::left_behind)]
async fn noise_from_the_first_byte_on_is_refused() {
    let mut random = fastrand::Rng::with_seed(11);
    let rig = Rig::start().await;
    for _ in 0..300 {
        let noise: Vec<u8> = (0..random.usize(1..200)).map(|_| random.u8(..)).collect();
        let mut raw = rig.raw(Codec::Json).await;
        raw.send_bytes(&noise).await;
        raw.shut().await;
        raw.rest_of_bytes().await;
    }
    let refused = rig.counts.of("links_refused") + rig.counts.of("bad_frames");
    assert!(refused >= 290, "{refused}");
    rig.end().await;
}
