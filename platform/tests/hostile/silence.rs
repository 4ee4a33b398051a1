//! Peers that say nothing, at every stage: bounded in time and number, and nobody else waits for them.
//!
//! Neighbours: `half_closed.rs`, `takers.rs` (peers that never read).

use folkmoot::prelude::*;
use folkmoot_transports::DevCerts;

use super::raw::{PATIENCE, Raw, encoded, frame};
use super::rig::{Rig, tight, until};

#[folkmoot::test(crate = crate::hostile::left_behind)]
async fn a_peer_that_says_too_little_is_closed_in_time() {
    let rig = Rig::start().await;
    let whole = frame(&encoded(Codec::Json, r#"[0, 1, ["folkmoot/ping", [], {}]]"#));
    for (nth, length) in [0, 1, 3, 4, 5, 20].into_iter().enumerate() {
        let mut raw = rig.raw(Codec::Json).await;
        raw.send_bytes(&whole[..length]).await;
        assert!(raw.rest_of_bytes().await.is_empty());
        rig.counted("links_refused", nth as u64 + 1).await;
        rig.logged_once(&raw, "no frame within 200ms").await;
    }
    rig.end().await;
}

#[folkmoot::test(crate = crate::hostile::left_behind)]
async fn a_frame_that_stops_coming_ends_even_a_known_link() {
    let mut limits = tight();
    limits.read_stall_time = limits.handshake_time;
    let rig = Rig::with(limits).await;
    for length in [1, 3, 9] {
        let whole = frame(&encoded(Codec::Json, r#"[0, 1, ["folkmoot/ping", [], {}]]"#));
        let mut raw = rig.known(Codec::Json).await;
        raw.send_bytes(&whole[..length]).await;
        assert!(raw.rest_of_bytes().await.is_empty());
        rig.logged_once(&raw, &format!("{length} bytes of a frame came and nothing more within 200ms")).await;
    }
    rig.counted("bad_frames", 3).await;
    rig.end().await;
}

#[folkmoot::test(crate = crate::hostile::left_behind)]
async fn a_known_link_may_be_silent_between_frames() {
    let mut limits = tight();
    limits.read_stall_time = limits.handshake_time;
    let rig = Rig::with(limits).await;
    let mut raw = rig.known(Codec::Json).await;
    tokio::time::sleep(tight().handshake_time * 3).await;
    raw.ask(r#"[0, 1, ["folkmoot/ping", [], {}]]"#).await.result();
    rig.end().await;
}

/// A node under attack and an honest one, over TLS.
async fn tls_rig(dir: &std::path::Path) -> Rig {
    let certs = DevCerts::in_dir(dir).unwrap();
    let target = Container::builder("tls://127.0.0.1:0").certs(certs.node("target").unwrap()).limits(tight());
    let honest = Container::builder("tls://127.0.0.1:0").certs(certs.node("honest").unwrap());
    Rig::of(target.allow("spiffe://demo/node/honest", "*", "*"), honest).await
}

#[folkmoot::test(crate = crate::hostile::left_behind)]
async fn a_peer_that_falls_silent_in_its_tls_handshake_is_closed_in_time() {
    let dir = tempfile::tempdir().unwrap();
    let rig = tls_rig(dir.path()).await;
    // The head of a TLS record that would hold a client's hello, and a part of that.
    let hello = [0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3];
    for (nth, length) in [0, 1, 5, 11].into_iter().enumerate() {
        let mut raw = rig.raw(Codec::Json).await;
        raw.send_bytes(&hello[..length]).await;
        assert!(raw.rest_of_bytes().await.is_empty());
        rig.counted("links_refused", nth as u64 + 1).await;
        rig.logged_once(&raw, "no handshake within 200ms").await;
    }
    rig.end().await;
}

#[folkmoot::test(crate = crate::hostile::left_behind)]
async fn a_flood_of_silent_peers_keeps_no_honest_one_out() {
    let mut limits = tight();
    limits.handshake_time = PATIENCE * 9;
    limits.max_unproven_connections = 64;
    let rig = Rig::with(limits).await;
    let mut flood = Vec::new();
    for nth in 0..300 {
        let mut raw = rig.raw(Codec::Json).await;
        // Some get as far as being a link whose first frame does not end.
        raw.send_bytes(&[0, 0, 0, 99, b'['][..nth % 2 * 5]).await;
        flood.push(raw);
    }
    // Those beyond the bound are closed though their time is not over, and not at the cost of who comes now.
    rig.is_unharmed().await;
    until("all but 64 are closed", || rig.counts.of("links_refused") >= 300 - 64).await;
    assert!(rig.counts.of("links_refused") <= 300 - 64 + 1);
    let reason = "too many connections have not proven themselves";
    until("each is logged", || rig.log.with(&[reason]).len() >= 300 - 64).await;
    rig.is_unharmed().await;
    drop(flood);
    let ended = || rig.counts.of("links_refused") + rig.counts.of("bad_frames");
    until("the rest end with their peers", || ended() >= 300).await;
    rig.end().await;
}

#[folkmoot::test(crate = crate::hostile::left_behind)]
async fn links_beyond_the_bound_are_refused_and_the_others_live() {
    let mut limits = tight();
    limits.max_links = 4;
    let rig = Rig::with(limits).await;
    let mut kept = Vec::new();
    for _ in 0..3 {
        kept.push(rig.known(Codec::Json).await);
    }
    let mut refused: Raw = rig.raw(Codec::Json).await;
    refused.send(r#"[0, 1, ["folkmoot/ping", [], {}]]"#).await;
    assert!(refused.rest_of_bytes().await.is_empty());
    rig.counted("links_refused", 1).await;
    rig.logged_once(&refused, "there are too many links").await;
    for raw in &mut kept {
        raw.ask(r#"[0, 1, ["folkmoot/ping", [], {}]]"#).await.result();
    }
    drop(kept);
    until("places are free again", || rig.counts.open_links() == 1.0).await;
    rig.end().await;
}
