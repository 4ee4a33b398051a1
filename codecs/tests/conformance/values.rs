//! Dynamic values.

use folkmoot_codecs::{Codec, Limits, Value};
use num_bigint::BigInt;
use proptest::prelude::*;
use serde::{Deserialize, Serialize};

use crate::sample::{codec_and_value, encoded, integers, same};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn values_come_back_as_they_were((codec, value) in codec_and_value()) {
        let bytes = encoded(codec, &value);
        codec.scan(&bytes, &Limits::DEFAULT).unwrap();
        let built = codec.value(&bytes, &Limits::DEFAULT).unwrap();
        prop_assert!(same(&built, &value), "{codec} built {built}");
        let decoded: Value = codec.decode(&bytes).unwrap();
        prop_assert!(same(&decoded, &value), "{codec} decoded {decoded}");
    }

    #[test]
    fn no_proper_part_of_a_value_is_one((codec, value) in codec_and_value()) {
        let bytes = encoded(codec, &vec![value]);
        for end in 0..bytes.len() {
            prop_assert!(codec.scan(&bytes[..end], &Limits::DEFAULT).is_err(), "{codec} took {end} bytes");
            prop_assert!(codec.decode::<Value>(&bytes[..end]).is_err());
        }
        let mut more = bytes.to_vec();
        more.push(b'0');
        prop_assert!(codec.scan(&more, &Limits::DEFAULT).is_err());
        prop_assert!(codec.value(&more, &Limits::DEFAULT).is_err());
        prop_assert!(codec.decode::<Value>(&more).is_err());
    }

    #[test]
    fn bytes_are_a_list_of_integers_in_json(bytes in prop::collection::vec(any::<u8>(), 0..50)) {
        let list: Value = bytes.iter().copied().collect();
        prop_assert_eq!(encoded(Codec::Json, &Value::from(bytes)), encoded(Codec::Json, &list));
    }
}

#[test]
fn values_inside_types_come_back_too() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Holder {
        value: Value,
        more: Option<Value>,
    }
    let large = BigInt::from(7).pow(200);
    for codec in [Codec::Json, Codec::Cbor] {
        for value in [large.clone(), -large.clone(), BigInt::from(i128::MIN), BigInt::from(u128::MAX)] {
            let holder = Holder { value: value.clone().into(), more: Some(vec![Value::from(value)].into()) };
            assert_eq!(codec.decode::<Holder>(&encoded(codec, &holder)), Ok(holder), "{codec}");
        }
    }
}

#[test]
fn msgpack_refuses_integers_beyond_64_bits_and_leaves_the_buffer_as_it_was() {
    let mut out = bytes::BytesMut::from(&b"kept"[..]);
    let value = Value::List(vec![1.into(), i128::MAX.into()]);
    let error = Codec::MsgPack.encode(&value, &mut out).unwrap_err();
    assert!(error.reason().contains("64 bits"), "{error}");
    assert!(Codec::MsgPack.encode(&i128::MIN, &mut out).is_err());
    assert_eq!(&out[..], b"kept");
}

#[test]
fn json_refuses_keys_that_are_no_texts() {
    let mut out = bytes::BytesMut::new();
    let map = |key| Value::Map(vec![(key, Value::Null)]);
    for key in [Value::Null, Value::List(vec![]), Value::Map(vec![])] {
        assert!(Codec::Json.encode(&map(key), &mut out).is_err());
        assert!(out.is_empty());
    }
    assert_eq!(&encoded(Codec::Json, &map(7.into()))[..], br#"{"7":null}"#);
}

#[test]
fn json_is_read_as_python_writes_it() {
    for (text, value) in [
        ("NaN", Value::from(f64::NAN)),
        ("-Infinity", f64::NEG_INFINITY.into()),
        (" [ Infinity , 1e+16 ] ", Value::List(vec![f64::INFINITY.into(), 1e16.into()])),
        ("-0", 0.into()),
        ("-0.0", (-0.0).into()),
        ("9223372036854775808", (1u64 << 63).into()),
        ("-9223372036854775809", (i128::from(i64::MIN) - 1).into()),
        ("\"\\ud83d\\ude00 \\u00e9\"", "😀 é".into()),
        ("0.1", 0.1.into()),
    ] {
        let read = Codec::Json.value(text.as_bytes(), &Limits::DEFAULT).unwrap();
        assert!(same(&read, &value), "{text}: {read}");
    }
    let numbers = vec![f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1.5];
    assert_eq!(&encoded(Codec::Json, &numbers)[..], b"[NaN,Infinity,-Infinity,1.5]");
    let single =
        Codec::Json.decode::<Vec<f32>>(&encoded(Codec::Json, &[f32::NAN, f32::NEG_INFINITY])).unwrap();
    assert!(single[0].is_nan() && single[1] == f32::NEG_INFINITY);
}

/// Bytes of RFC 8949, Appendix A, and a few more, with what they mean.
#[test]
fn cbor_is_read_as_its_standard_has_it() {
    let large = |hex: &str| Value::from(BigInt::parse_bytes(hex.as_bytes(), 16).unwrap());
    for (bytes, value) in [
        (&b"\x1b\xff\xff\xff\xff\xff\xff\xff\xff"[..], Value::from(u64::MAX)),
        (b"\xc2\x49\x01\0\0\0\0\0\0\0\0", large("10000000000000000")),
        (b"\x3b\xff\xff\xff\xff\xff\xff\xff\xff", large("-10000000000000000")),
        (b"\xc3\x49\x01\0\0\0\0\0\0\0\0", large("-10000000000000001")),
        (b"\xc2\x41\x05", 5.into()),
        (b"\xc2\x5f\x41\0\x41\x05\xff", 5.into()),
        (b"\xf9\x3c\x00", 1.0.into()),
        (b"\xfa\x47\xc3\x50\x00", 100000.0.into()),
        (b"\xf9\xfc\x00", f64::NEG_INFINITY.into()),
        (b"\xf7", Value::Null),
        (b"\xd8\x20\xc1\x01", 1.into()),
        (b"\x5f\x42\x01\x02\x43\x03\x04\x05\xff", vec![1u8, 2, 3, 4, 5].into()),
        (b"\x7f\x65\x73\x74\x72\x65\x61\x64\x6d\x69\x6e\x67\xff", "streaming".into()),
        (b"\x9f\x01\x02\x9f\xff\xff", Value::List(vec![1.into(), 2.into(), integers(&[])])),
        (b"\xbf\x61\x61\x01\xff", Value::Map(vec![("a".into(), 1.into())])),
    ] {
        Codec::Cbor.scan(bytes, &Limits::DEFAULT).unwrap();
        assert_eq!(Codec::Cbor.value(bytes, &Limits::DEFAULT), Ok(value.clone()), "{bytes:02x?}");
        assert_eq!(Codec::Cbor.decode(bytes), Ok(value), "{bytes:02x?}");
    }
    assert_eq!(Codec::Cbor.decode(b"\xc1\xf6"), Ok(None::<i64>), "a tag before null");
    assert_eq!(Codec::Cbor.decode(b"\xc1\x05"), Ok(Some(5)), "a tag before what is not null");
}
