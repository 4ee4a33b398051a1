//! Large messages that a peer has compressed: handled in their order, and refused where they are not what they promise.
//!
//! Neighbour: `frames.rs` has small chunks, with every other fault.

use folkmoot::{Codec, Value};

use super::raw::frame;
use super::rig::Rig;

/// The frame of a call of `victim`'s `length` with a text of so many x, compressed by hand: some bytes as they are, a
/// match that repeats the last x, two bytes as they are.
fn compressed(id: u8, length: u32) -> Vec<u8> {
    let path = b"agents/victim/length";
    let head = [&[0x93, 0, id, 0x93, 0xa0 | path.len() as u8], &path[..], &[0x91, 0xdb]].concat();
    let head = [&head[..], &length.to_be_bytes(), b"x"].concat();
    let rest = length - 1 - 9;
    let mut stream = Vec::new();
    for literals in head.chunks(32) {
        stream.push(literals.len() as u8 - 1);
        stream.extend(literals);
    }
    stream.push(0xe0);
    stream.extend(std::iter::repeat_n(0xff, rest as usize / 255));
    stream.extend([(rest % 255) as u8, 0, 0, 0x80]);
    let content = (head.len() as u32 + length).to_le_bytes();
    let (whole, size) = (16 + 8 + stream.len() as u32, stream.len() as u32);
    let lengths = [content, content, whole.to_le_bytes(), 20u32.to_le_bytes(), size.to_le_bytes()].concat();
    frame(&[&[2, 1, 0x10, 8], &lengths[..], &stream].concat())
}

#[folkmoot::test(crate = crate::hostile::left_behind)]
async fn large_messages_are_opened_in_their_order_and_hurt_no_link() {
    let rig = Rig::start().await;
    let mut raw = rig.known(Codec::MsgPackBlosc).await;
    let small = super::raw::encoded(Codec::MsgPackBlosc, r#"[0, 7, ["folkmoot/ping", [], {}]]"#);
    let sent =
        [compressed(5, 300_000), compressed(6, 12_000_000), frame(&small), compressed(8, 1000)].concat();
    raw.send_bytes(&sent).await;
    let mut answers = Vec::new();
    for _ in 0..4 {
        let answer = raw.answer().await;
        answers.push((answer.id.as_u64().unwrap(), answer.result().clone()));
    }
    answers.sort_unstable_by_key(|(id, _)| *id);
    let lengths = [(5, 300_000), (6, 12_000_000), (8, 1000)].map(|(id, length)| (id, Value::Int(length)));
    assert_eq!(answers.remove(2), (7, Value::Null));
    assert_eq!(answers, lengths);
    rig.end().await;
}

#[folkmoot::test(crate = crate::hostile::left_behind)]
async fn a_large_message_that_is_damaged_closes_its_link() {
    let rig = Rig::start().await;
    let whole = compressed(5, 400_000);
    let mut damaged = whole.clone();
    // In the middle of the number of bytes that a match repeats.
    damaged[500] = 0xfe;
    // A byte of the message becomes another one, that no text begins with.
    let mut no_message = whole.clone();
    let at = no_message.iter().position(|byte| *byte == 0x93).unwrap();
    no_message[at] = 0xc1;
    for (nth, (bytes, reason)) in
        [(damaged, "the Blosc chunk is damaged"), (no_message, "no message: ")].into_iter().enumerate()
    {
        let mut raw = rig.known(Codec::MsgPackBlosc).await;
        raw.send_bytes(&bytes).await;
        assert!(raw.rest().await.is_empty());
        rig.counted("bad_frames", nth as u64 + 1).await;
        rig.logged_once(&raw, reason).await;
    }
    assert_eq!(rig.proxy.total().await.unwrap(), 0);
    rig.end().await;
}
