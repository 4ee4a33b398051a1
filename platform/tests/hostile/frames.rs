//! Frames that are none: every kind of wrong bytes, in every codec, at every stage of a link.
//!
//! Neighbour: `requests.rs` has frames that are well-formed but ask for nonsense.

use folkmoot::{Codec, Value};

use super::raw::{encoded, frame, packed, value};
use super::rig::Rig;

/// What is sent, and the words that the log (and a peer that said Hello) gets for it.
struct Case {
    bytes: Vec<u8>,
    reason: &'static str,
}

fn case(bytes: Vec<u8>, reason: &'static str) -> Case {
    Case { bytes, reason }
}

/// `[0, 1, ["x", ` in that codec, without an end.
fn begun(codec: Codec) -> Vec<u8> {
    match codec {
        Codec::Json => b"[0, 1, [\"x\", ".to_vec(),
        Codec::MsgPack | Codec::MsgPackBlosc => vec![0x93, 0, 1, 0x93, 0xa1, b'x'],
        _ => vec![0x83, 0, 1, 0x83, 0x61, b'x'],
    }
}

fn begun_and(codec: Codec, rest: &[u8]) -> Vec<u8> {
    frame(&packed(codec, [&begun(codec), rest].concat()))
}

fn nested(codec: Codec) -> Vec<u8> {
    let open = match codec {
        Codec::Json => b'[',
        Codec::MsgPack | Codec::MsgPackBlosc => 0x91,
        _ => 0x81,
    };
    begun_and(codec, &vec![open; 100_000])
}

/// More nulls than a frame may have values; ten million where they fit a frame.
fn nulls(codec: Codec) -> Vec<u8> {
    match codec {
        Codec::Json => begun_and(codec, format!("[{}]", vec!["null"; 3_000_000].join(",")).as_bytes()),
        Codec::MsgPack | Codec::MsgPackBlosc => {
            begun_and(codec, &[&[0xdd, 0, 0x98, 0x96, 0x80][..], &vec![0xc0; 10_000_000]].concat())
        }
        _ => begun_and(codec, &[&[0x9f][..], &vec![0xf6; 10_000_000], &[0xff]].concat()),
    }
}

/// Lists and maps that promise 2^32 entries and do not even begin to keep it.
fn promises(codec: Codec) -> Vec<Case> {
    let promised = "items are promised, but only";
    match codec {
        Codec::Json => Vec::new(),
        Codec::MsgPack | Codec::MsgPackBlosc => vec![
            case(begun_and(codec, &[0xdd, 0xff, 0xff, 0xff, 0xff, 0xc0]), promised),
            case(begun_and(codec, &[0xdf, 0xff, 0xff, 0xff, 0xff, 0xc0]), promised),
            case(begun_and(codec, &[0xdb, 0xff, 0xff, 0xff, 0xff, b'x']), "bytes are promised, but only"),
            case(begun_and(codec, &[0xc1]), "0xc1 begins no MsgPack value"),
            case(begun_and(codec, &[0xc7, 1, 5, 0]), "MsgPack extension type 5"),
        ],
        _ => vec![
            case(begun_and(codec, &[0x9b, 0, 0, 0, 1, 0, 0, 0, 0, 0xf6]), promised),
            case(begun_and(codec, &[0xbb, 0, 0, 0, 1, 0, 0, 0, 0, 0xf6]), promised),
            case(
                begun_and(codec, &[0x5b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
                "are promised, but only",
            ),
        ],
    }
}

/// Chunks that are none, or that nobody should send.
fn chunks(good: &[u8]) -> Vec<Case> {
    let with = |at: usize, bytes: &[u8]| {
        let mut chunk = good.to_vec();
        chunk[at..at + bytes.len()].copy_from_slice(bytes);
        frame(&chunk)
    };
    vec![
        case(frame(&good[..good.len() - 1]), "bytes says that it has"),
        case(frame(&[good, b"\x01"].concat()), "bytes says that it has"),
        case(frame(&good[..1]), "1 bytes are no Blosc chunk"),
        case(with(4, &[0; 4]), "an empty Blosc chunk came"),
        case(with(4, &[0, 0, 0, 0x80]), "promises 2147483648 bytes, the limit is 16777216"),
        case(with(4, &[0xff; 4]), "promises 4294967295 bytes, the limit is 16777216"),
        case(with(4, &[1, 0, 0, 0]), "promises 1 bytes and stores"),
        case(with(2, &[0x31]), "a Blosc chunk of lz4 or lz4hc came"),
        case(with(2, &[0x91]), "a Blosc chunk of zstd came"),
        case(with(2, &[0x11]), "the Blosc chunk is damaged"),
    ]
}

/// Messages of a wrong shape, as JSON.
const SHAPES: [(&str, &str); 10] = [
    ("[3, 1, null]", "the kind is neither 0 (request), 1 (result) nor 2 (exception)"),
    ("[-1, 1, null]", "the kind is neither"),
    (r#"["0", 1, null]"#, "the kind is neither"),
    ("[0, [1], null]", "the id of a request is neither a number nor a text nor null"),
    ("[0, {}, null]", "the id of a request is neither"),
    (
        r#"[0, "0123456789012345678901234567890123456789012345678901234567890123456789", null]"#,
        "the id of a request is longer than 64 bytes",
    ),
    (r#"[1, "a", null]"#, "the id of an answer is no request's number"),
    ("[2, null, null]", "the id of an answer is no request's number"),
    (r#"[0, 1, ["x", [], {}], {}, 5]"#, "more than 4 elements"),
    ("[0, 1]", "the content is missing"),
];

fn cases(codec: Codec) -> Vec<Case> {
    let good = value(codec, r#"[0, 1, ["folkmoot/ping", [], {}]]"#);
    let first = good[0];
    let message = |bytes: &[u8]| frame(&packed(codec, bytes.to_vec()));
    let mut cases = vec![
        case(
            [&[0xff; 4], &good[..]].concat(),
            "a frame of 4294967295 bytes was announced, the limit is 16777216",
        ),
        case([&[0; 4], &good[..]].concat(), "an empty frame came"),
        case(message(&good[..good.len() - 1]), "no message: "),
        case(message(&[&good[..], b"\x01\x01"].concat()), "follow the end of the value"),
        case(message(&[first]), "no message: "),
        case(message(&[&[first][..], &[0xfe; 99]].concat()), "no message: "),
        case(nested(codec), "nested deeper than max_depth allows"),
        case(nulls(codec), "more values than max_nodes allows"),
    ];
    cases.extend(SHAPES.map(|(json, reason)| case(frame(&encoded(codec, json)), reason)));
    cases.extend(promises(codec));
    if codec == Codec::MsgPackBlosc {
        cases.extend(chunks(&packed(codec, good)));
    }
    cases
}

#[folkmoot::test(crate = crate::hostile::left_behind)]
async fn wrong_frames_on_a_plain_link_close_it_and_nothing_else() {
    for codec in Codec::ALL {
        let rig = Rig::start().await;
        for (nth, Case { bytes, reason }) in cases(codec).into_iter().enumerate() {
            let mut raw = rig.known(codec).await;
            raw.send_bytes(&bytes).await;
            assert!(raw.rest().await.is_empty(), "{codec}, {reason}: plain peers are told nothing");
            rig.counted("bad_frames", nth as u64 + 1).await;
            rig.logged_once(&raw, reason).await;
        }
        rig.end().await;
    }
}

#[folkmoot::test(crate = crate::hostile::left_behind)]
async fn a_peer_that_said_hello_is_told_why_its_link_is_closed() {
    for codec in Codec::ALL {
        let rig = Rig::start().await;
        for Case { bytes, reason } in cases(codec) {
            let mut raw = rig.rich(codec).await;
            raw.send_bytes(&bytes).await;
            let rest = raw.rest().await;
            let [goodbye] = rest.as_slice() else { panic!("{codec}, {reason}: {rest:?}") };
            assert_eq!(goodbye.content.item(0).and_then(Value::as_str), Some("folkmoot/end"));
            let told = goodbye.content.item(1).and_then(|list| list.item(0)).and_then(Value::as_str).unwrap();
            assert!(told.contains(reason), "{codec}: {told:?} does not say {reason:?}");
        }
        rig.end().await;
    }
}

#[folkmoot::test(crate = crate::hostile::left_behind)]
async fn wrong_first_frames_are_refused_and_counted_once() {
    for codec in Codec::ALL {
        let rig = Rig::start().await;
        for (nth, Case { bytes, .. }) in cases(codec).into_iter().enumerate() {
            let mut raw = rig.raw(codec).await;
            raw.send_bytes(&bytes).await;
            assert!(raw.rest().await.is_empty());
            let refused = || rig.counts.of("bad_frames") + rig.counts.of("links_refused");
            super::rig::until("counted", || refused() > nth as u64).await;
            assert_eq!(refused(), nth as u64 + 1);
        }
        rig.end().await;
    }
}

#[folkmoot::test(crate = crate::hostile::left_behind)]
async fn an_empty_first_frame_is_refused_at_once_by_its_name() {
    let mut limits = super::rig::tight();
    limits.handshake_time = super::raw::PATIENCE * 9;
    let rig = Rig::with(limits).await;
    let mut raw = rig.raw(Codec::Json).await;
    raw.send_bytes(&[0; 4]).await;
    assert!(raw.rest().await.is_empty());
    rig.counted("links_refused", 1).await;
    rig.logged_once(&raw, "an empty frame came").await;
    rig.end().await;
}

#[folkmoot::test(crate = crate::hostile::left_behind)]
async fn a_link_that_ends_inside_a_frame_says_so() {
    let rig = Rig::start().await;
    let whole = frame(&encoded(Codec::MsgPack, r#"[0, 1, ["agents/victim/add", [5], {}]]"#));
    for (nth, length) in [1, 3, 4, 5, whole.len() - 1].into_iter().enumerate() {
        let mut raw = rig.known(Codec::MsgPack).await;
        raw.send_bytes(&whole[..length]).await;
        raw.shut().await;
        assert!(raw.rest().await.is_empty());
        rig.counted("bad_frames", nth as u64 + 1).await;
        rig.logged_once(&raw, &format!("closed the link inside a frame, {length} bytes of which had come"))
            .await;
    }
    assert_eq!(rig.proxy.total().await.unwrap(), 0, "nothing ran");
    rig.end().await;
}

#[folkmoot::test(crate = crate::hostile::left_behind)]
async fn a_link_keeps_the_codec_it_began_with() {
    for (began, changed) in [
        (Codec::MsgPack, Codec::Json),
        (Codec::Json, Codec::Cbor),
        (Codec::Cbor, Codec::MsgPackBlosc),
        (Codec::MsgPackBlosc, Codec::MsgPack),
    ] {
        let rig = Rig::start().await;
        let mut raw = rig.known(began).await;
        raw.codec = changed;
        raw.send(r#"[0, 1, ["agents/victim/add", [5], {}]]"#).await;
        assert!(raw.rest().await.is_empty());
        rig.counted("bad_frames", 1).await;
        rig.logged_once(&raw, &format!("a {changed} frame came on a link that began with {began}")).await;
        assert_eq!(rig.proxy.total().await.unwrap(), 0, "nothing ran");
        rig.end().await;
    }
}

#[folkmoot::test(crate = crate::hostile::left_behind)]
async fn frames_may_come_byte_by_byte() {
    let rig = Rig::start().await;
    let mut raw = rig.raw(Codec::Json).await;
    for (id, total) in [(1, 5), (2, 10)] {
        let request = frame(format!(r#"[0, {id}, ["agents/victim/add", [5], {{}}]]"#).as_bytes());
        for byte in request {
            raw.send_bytes(&[byte]).await;
            tokio::task::yield_now().await;
        }
        assert_eq!(raw.answer().await.result(), &Value::Int(total));
    }
    rig.end().await;
}

#[folkmoot::test(crate = crate::hostile::left_behind)]
async fn many_frames_may_come_at_once() {
    let rig = Rig::start().await;
    let mut raw = rig.raw(Codec::Cbor).await;
    let request = |id| frame(&encoded(Codec::Cbor, &format!(r#"[0, {id}, ["folkmoot/ping", [], {{}}]]"#)));
    raw.send_bytes(&(0..5000).flat_map(request).collect::<Vec<u8>>()).await;
    for id in 0..5000 {
        assert_eq!(raw.answer().await.id, Value::Int(id), "in their order");
    }
    rig.end().await;
}
