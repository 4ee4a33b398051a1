//! Depth, number of values, lengths that are promised and not kept.

use folkmoot_codecs::{Codec, Limits, Message, MessageError, Value};
use num_bigint::BigInt;

/// Lists inside lists: `depth` of them.
fn nested_lists(codec: Codec, depth: usize) -> Vec<u8> {
    match codec {
        Codec::Json => [vec![b'['; depth], vec![b']'; depth]].concat(),
        Codec::MsgPack | Codec::MsgPackBlosc => [vec![0x91; depth - 1], vec![0x90]].concat(),
        _ => [vec![0x81; depth - 1], vec![0x80]].concat(),
    }
}

/// Maps inside maps: `depth` of them.
fn nested_maps(codec: Codec, depth: usize) -> Vec<u8> {
    match codec {
        Codec::Json => [br#"{"":"#.repeat(depth - 1), b"{}".to_vec(), vec![b'}'; depth - 1]].concat(),
        Codec::MsgPack | Codec::MsgPackBlosc => [[0x81, 0xa0].repeat(depth - 1), vec![0x80]].concat(),
        _ => [[0xa1, 0x60].repeat(depth - 1), vec![0xa0]].concat(),
    }
}

/// The same value for every way of reading: checked, built, and (within the bound on recursion) decoded.
fn assert_depth(codec: Codec, bytes: &[u8], limits: &Limits, fits: bool) {
    assert_eq!(codec.scan(bytes, limits).is_ok(), fits, "{codec}");
    let value = codec.value(bytes, limits);
    assert_eq!(value.is_ok(), fits, "{codec}");
    if let Err(error) = value {
        assert!(error.reason().contains("max_depth"), "{codec}: {error}");
    }
}

#[test]
fn depth_is_bounded_at_the_limit() {
    for codec in Codec::ALL {
        for nested in [nested_lists, nested_maps] {
            for max_depth in [1, 2, 128] {
                let limits = Limits { max_depth, ..Limits::DEFAULT };
                let depth = usize::from(max_depth);
                assert_depth(codec, &nested(codec, depth), &limits, true);
                assert_depth(codec, &nested(codec, depth + 1), &limits, false);
            }
        }
    }
}

#[test]
fn the_deepest_value_fits_a_stack_whatever_the_limits_say() {
    let limits = Limits { max_depth: u16::MAX, ..Limits::DEFAULT };
    let deepest = usize::from(Limits::DEEPEST);
    for codec in Codec::ALL {
        for nested in [nested_lists, nested_maps] {
            let bytes = nested(codec, deepest);
            assert_depth(codec, &bytes, &limits, true);
            let value: Value = codec.decode(&bytes).unwrap();
            let mut again = bytes::BytesMut::new();
            codec.encode(&value, &mut again).unwrap();
            assert_eq!(&again[..], &bytes[..], "{codec}");
            for depth in [deepest + 1, 100_000] {
                let bytes = nested(codec, depth);
                assert_depth(codec, &bytes, &limits, false);
                assert!(codec.decode::<Value>(&bytes).is_err(), "{codec}");
                assert!(codec.decode::<serde::de::IgnoredAny>(&bytes).is_err(), "{codec}");
                assert!(codec.decode::<Option<Box<Nested>>>(&bytes).is_err(), "{codec}");
                assert!(Message::decode(codec, &bytes, &limits).is_err(), "{codec}");
            }
        }
    }
}

/// A type as deep as its input.
#[derive(Debug, serde::Deserialize)]
struct Nested(#[expect(dead_code)] Vec<Nested>);

#[test]
fn unclosed_nesting_is_refused_too() {
    for (codec, byte) in [
        (Codec::Json, b'['),
        (Codec::MsgPack, 0x91),
        (Codec::MsgPack, 0x81),
        (Codec::Cbor, 0x81),
        (Codec::Cbor, 0x9f),
        (Codec::Cbor, 0xbf),
        (Codec::Cbor, 0xc1),
    ] {
        let bytes = vec![byte; 100_000];
        assert!(codec.scan(&bytes, &Limits::DEFAULT).is_err(), "{codec} {byte:#x}");
        assert!(codec.decode::<Value>(&bytes).is_err(), "{codec} {byte:#x}");
        assert!(codec.decode::<Option<u8>>(&bytes).is_err(), "{codec} {byte:#x}");
    }
}

#[test]
fn the_number_of_values_is_bounded() {
    let million = 1_000_000;
    for codec in Codec::ALL {
        let nulls = |count: usize| match codec {
            Codec::Json => format!("[{}]", vec!["null"; count].join(",")).into_bytes(),
            Codec::MsgPack | Codec::MsgPackBlosc => {
                [&[0xdd], &(count as u32).to_be_bytes()[..], &vec![0xc0; count]].concat()
            }
            _ => [&[0x9a], &(count as u32).to_be_bytes()[..], &vec![0xf6; count]].concat(),
        };
        assert_eq!(codec.scan(&nulls(million - 1), &Limits::DEFAULT), Ok(()), "{codec}");
        let error = codec.scan(&nulls(million), &Limits::DEFAULT).unwrap_err();
        assert!(error.reason().contains("max_nodes"), "{codec}: {error}");
        assert!(codec.value(&nulls(10 * million), &Limits::DEFAULT).is_err(), "{codec}");
    }
    let endless = [vec![0x9f], vec![0xf6; 2 * million]].concat();
    let error = Codec::Cbor.scan(&endless, &Limits::DEFAULT).unwrap_err();
    assert!(error.reason().contains("max_nodes"), "{error}");
}

#[test]
fn keys_count_as_values() {
    let limits = Limits { max_nodes: 5, ..Limits::DEFAULT };
    for (codec, five, six) in [
        (Codec::Json, &br#"{"a":1,"b":2}"#[..], &br#"{"a":1,"b":[2]}"#[..]),
        (Codec::MsgPack, b"\x82\xa1a\x01\xa1b\x02", b"\x82\xa1a\x01\xa1b\x91\x02"),
        (Codec::Cbor, b"\xa2\x61a\x01\x61b\x02", b"\xa2\x61a\x01\x61b\x81\x02"),
    ] {
        assert_eq!(codec.scan(five, &limits), Ok(()), "{codec}");
        assert!(codec.value(five, &limits).is_ok(), "{codec}");
        assert!(codec.scan(six, &limits).is_err(), "{codec}");
        assert!(codec.value(six, &limits).is_err(), "{codec}");
    }
}

#[test]
fn promises_that_are_not_kept_are_refused_at_once() {
    let most = [0xff; 8];
    let four = |marker: u8| [&[marker], &most[..4], b"abcdefgh"].concat();
    let eight = |marker: u8| [&[marker], &most[..], b"abcdefgh"].concat();
    let cases = [
        // list, map, text, bytes of 2^32 - 1
        (Codec::MsgPack, vec![four(0xdd), four(0xdf), four(0xdb), four(0xc6)]),
        (Codec::Cbor, vec![four(0x9a), four(0xba), four(0x7a), four(0x5a)]),
        // of 2^64 - 1
        (Codec::Cbor, vec![eight(0x9b), eight(0xbb), eight(0x7b), eight(0x5b)]),
        // inside a text or bytes of unknown length, behind a tag, behind the tag of an integer
        (
            Codec::Cbor,
            vec![[b"\x7f".to_vec(), eight(0x7b)].concat(), [b"\x5f".to_vec(), eight(0x5b)].concat()],
        ),
        (
            Codec::Cbor,
            vec![[b"\xc1".to_vec(), eight(0x9b)].concat(), [b"\xc2".to_vec(), eight(0x5b)].concat()],
        ),
    ];
    let all = Limits { max_nodes: u32::MAX, ..Limits::DEFAULT };
    for (codec, inputs) in cases {
        for bytes in inputs {
            for limits in [Limits::DEFAULT, all] {
                let error = codec.scan(&bytes, &limits).unwrap_err();
                assert!(
                    error.reason().contains("promised") || error.reason().contains("max_nodes"),
                    "{codec} {bytes:02x?}: {error}"
                );
            }
            assert!(codec.decode::<Value>(&bytes).is_err(), "{codec}");
            assert!(codec.decode::<Vec<u64>>(&bytes).is_err(), "{codec}");
            assert!(codec.decode::<String>(&bytes).is_err(), "{codec}");
        }
    }
}

#[test]
fn integers_are_bounded_in_length() {
    let digits = |count: usize| vec![b'7'; count];
    assert!(Codec::Json.value(&digits(4300), &Limits::DEFAULT).is_ok());
    for count in [4301, 5_000_000] {
        let error = Codec::Json.value(&digits(count), &Limits::DEFAULT).unwrap_err();
        assert!(error.reason().contains("4300 digits"), "{error}");
        assert!(Codec::Json.scan(&digits(count), &Limits::DEFAULT).is_err());
        assert!(Codec::Json.decode::<Value>(&digits(count)).is_err());
    }
    let long = |count: u32| [&[0xc2, 0x5a], &count.to_be_bytes()[..], &vec![7; count as usize]].concat();
    assert!(Codec::Cbor.value(&long(1786), &Limits::DEFAULT).is_ok());
    for count in [1787, 5_000_000] {
        let error = Codec::Cbor.value(&long(count), &Limits::DEFAULT).unwrap_err();
        assert!(error.reason().contains("1786 bytes"), "{error}");
    }
    let zeros = [&[0xc2, 0x5a, 0, 0, 0x10, 0], &vec![0; 4095][..], &[7]].concat();
    assert_eq!(Codec::Cbor.value(&zeros, &Limits::DEFAULT), Ok(7.into()), "leading zeros cost nothing");
}

#[test]
fn ten_million_keyword_arguments_end_at_the_limit() {
    let mut text = String::from(r#"[0,1,["a",[],{"#);
    for index in 0..1_000_000 {
        text.push_str(&format!("\"{index}\":0,"));
    }
    text.pop();
    text.push_str("}]]");
    let error = Message::decode(Codec::Json, text.as_bytes(), &Limits::DEFAULT).unwrap_err();
    assert!(matches!(&error, MessageError::Garbage { reason } if reason.contains("max_nodes")), "{error}");
}

#[test]
fn an_integer_that_no_reader_takes_is_not_written() {
    let nines = |digits: usize| Value::from("9".repeat(digits).parse::<BigInt>().unwrap());
    for (codec, largest, larger) in [
        (Codec::Json, nines(4300), nines(4301)),
        (
            Codec::Cbor,
            Value::from(BigInt::from(1) << (1786 * 8 - 1)),
            Value::from(BigInt::from(1) << (1786 * 8)),
        ),
    ] {
        for sign in [1, -1] {
            let signed = |value: &Value| match value {
                Value::BigInt(value) => {
                    Value::from(value * sign - i32::from(codec == Codec::Cbor && sign < 0))
                }
                other => panic!("{other}"),
            };
            let mut out = bytes::BytesMut::new();
            codec.encode(&signed(&largest), &mut out).unwrap();
            assert_eq!(codec.value(&out, &Limits::DEFAULT), Ok(signed(&largest)), "{codec}");
            out.clear();
            let error = codec.encode(&[signed(&larger)], &mut out).unwrap_err();
            assert!(error.reason().contains("an integer has more than"), "{codec}: {error}");
            assert!(out.is_empty(), "{codec}");
        }
    }
}
