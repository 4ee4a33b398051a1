//! Blosc chunks that nobody should send.

use bytes::Bytes;
use folkmoot_codecs::{Codec, Limits};

/// A chunk by the parts of its header, with what stands behind it. The last length, unless given, is the true one.
fn chunk(flags: u8, type_bytes: u8, content: u32, block: u32, chunk: Option<u32>, rest: &[u8]) -> Bytes {
    let whole = chunk.unwrap_or(16 + rest.len() as u32);
    let lengths = [content, block, whole].map(u32::to_le_bytes).concat();
    [&[2, 1, flags, type_bytes], &lengths[..], rest].concat().into()
}

/// A table of one block behind the header, and its stream.
fn stream(bytes: &[u8]) -> Vec<u8> {
    [&20u32.to_le_bytes(), &(bytes.len() as u32).to_le_bytes(), bytes].concat()
}

#[track_caller]
fn assert_refused(chunk: Bytes, words: &str) {
    let shown = chunk.clone();
    let shown = shown.get(..60).unwrap_or(&shown);
    let error = Codec::MsgPackBlosc.open(chunk, &Limits::DEFAULT).unwrap_err();
    assert!(error.reason().contains(words), "{shown:02x?}: {error}");
}

#[test]
fn headers_that_promise_what_is_not_there_are_refused() {
    let content = [7; 100];
    let opened = Codec::MsgPackBlosc.open(chunk(0x13, 8, 100, 100, None, &content), &Limits::DEFAULT);
    assert_eq!(opened.unwrap(), content[..]);
    for flags in [0x13, 0x03, 0x02, 0x12, 0x11, 0x01] {
        assert_refused(chunk(flags, 8, 0, 0, None, b""), "an empty Blosc chunk");
        assert_refused(chunk(flags, 8, 0, 8, None, &content), "an empty Blosc chunk");
        // 2^31 and more are negative lengths.
        for most in [1 << 31, u32::MAX, i32::MAX as u32, 16 * 1024 * 1024 + 1] {
            assert_refused(chunk(flags, 8, most, most, None, &content), "the limit is 16777216");
        }
        assert_refused(chunk(flags, 8, 100, 100, Some(115), &content), "116 bytes says that it has 115");
        assert_refused(chunk(flags, 8, 100, 100, Some(0), &content), "says that it has 0");
        assert_refused(chunk(flags, 8, 100, 100, Some(u32::MAX), &content), "says that it has");
    }
    assert_refused(chunk(0x13, 8, 99, 99, None, &content), "promises 99 bytes and stores 100");
    assert_refused(chunk(0x13, 8, 101, 101, None, &content), "promises 101 bytes and stores 100");
    assert_refused(chunk(0x11, 8, 16_000_000, 16_000_000, None, &content), "more than it can hold");
    assert_refused(chunk(0x11, 8, 100, 0, None, &content), "its blocks have 0");
    assert_refused(chunk(0x11, 8, 100, 101, None, &content), "its blocks have 101");
    assert_refused(chunk(0x11, 0, 100, 100, None, &content), "its elements 0");
    for length in 0..16 {
        assert_refused(chunk(0x13, 8, 1, 1, None, b"x").slice(..length), "are no Blosc chunk");
    }
    let other_version = |at: usize| {
        let mut bytes = chunk(0x11, 8, 100, 100, None, &content).to_vec();
        bytes[at] = 3;
        Bytes::from(bytes)
    };
    assert_refused(other_version(0), "format 3");
    assert_refused(other_version(1), "version 3 of blosclz");
    for (flags, name) in [(0x31, "lz4"), (0x51, "snappy"), (0x71, "zlib"), (0x91, "zstd"), (0xf1, "unknown")]
    {
        assert_refused(chunk(flags, 8, 100, 100, None, &content), name);
    }
}

#[test]
fn damaged_blocks_and_streams_are_refused() {
    let one = |content: u32, bytes: &[u8]| chunk(0x10, 1, content, content, None, &stream(bytes));
    let opened = Codec::MsgPackBlosc.open(one(9, b"\x01ab\xa0\x01"), &Limits::DEFAULT);
    assert_eq!(opened.unwrap(), b"ababababa"[..]);
    // Its length is that of its block: it was not compressed.
    assert_eq!(Codec::MsgPackBlosc.open(one(3, b"abc"), &Limits::DEFAULT).unwrap(), b"abc"[..]);
    for (bytes, words) in [
        (&b""[..], "ends too early"),
        (b"\x01a", "ends too early"),
        (b"\x01ab", "ends too early"),
        (b"\x01ab\xa0", "ends too early"),
        (b"\x01ab\xe0", "ends too early"),
        (b"\x01ab\xe0\xff\xff", "ends too early"),
        (b"\x01ab\xe0\xff\x01\x00", "longer than its block"),
        (b"\x01ab\xff\x01\xff", "ends too early"),
        (b"\x01ab\x5f\xff\x00", "ends too early"),
        (b"\x01ab\xa0\x02", "reaches back"),
        (b"\x01ab\xbf\xff\xff\xff", "reaches back"),
        (b"\x01ab\xc0\x00", "longer than its block"),
        (b"\x1fabcdefghijklmnopqrstuvwxyz0123456", "longer than its block"),
    ] {
        // More blocks than this one, so that what is short is not taken for what was not compressed.
        assert_refused(one(9, bytes), words);
    }
    for start in [0, 16, 19, 30, 31, 1 << 20, 1 << 31, u32::MAX] {
        let rest = [&u32::to_le_bytes(start), &2u32.to_le_bytes(), &b"\x01ab"[..]].concat();
        assert_refused(chunk(0x10, 1, 9, 9, None, &rest), "damaged");
    }
    for size in [6, 1 << 31, u32::MAX] {
        let rest = [&20u32.to_le_bytes(), &u32::to_le_bytes(size), &b"\x01ab"[..]].concat();
        assert_refused(chunk(0x10, 1, 9, 9, None, &rest), "damaged");
    }
    assert_refused(chunk(0x10, 1, 900, 1, None, &[0; 100]), "the table of its blocks");
    let two = [&24u32.to_le_bytes()[..], &24u32.to_le_bytes(), &[0; 50]].concat();
    assert_refused(chunk(0x01, 7, 2002, 1025, None, &two), "no whole elements");
}

#[test]
fn what_is_promised_within_the_limit_is_held_to_it() {
    let limits = Limits { max_frame_bytes: 1000, ..Limits::DEFAULT };
    let ones = |content: u32| {
        let mut bytes = b"\x00\x01\xe0".to_vec();
        bytes.extend(std::iter::repeat_n(0xff, (content as usize - 10) / 255));
        bytes.extend([((content as usize - 10) % 255) as u8, 0]);
        chunk(0x10, 1, content, content, None, &stream(&bytes))
    };
    assert_eq!(Codec::MsgPackBlosc.open(ones(1000), &limits).unwrap(), vec![1; 1000]);
    let error = Codec::MsgPackBlosc.open(ones(1001), &limits).unwrap_err();
    assert!(error.reason().contains("promises 1001 bytes, the limit is 1000"), "{error}");
}
