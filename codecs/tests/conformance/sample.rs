//! What the tests write and read: arbitrary values, as far as a codec can say them.

use bytes::BytesMut;
use folkmoot_codecs::{Codec, Value};
use num_bigint::{BigInt, Sign};
use proptest::prelude::*;

/// Encodes, or fails the test.
pub(crate) fn encoded<T: serde::Serialize + ?Sized>(codec: Codec, value: &T) -> BytesMut {
    let mut out = BytesMut::from(&b"before"[..]);
    codec.encode(value, &mut out).unwrap();
    assert_eq!(&out[..6], b"before");
    out.split_off(6)
}

/// A list of integers.
pub(crate) fn integers(items: &[i64]) -> Value {
    items.iter().copied().collect()
}

/// Equality under which NaN is itself and the sign of a zero counts.
pub(crate) fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Float(a), Value::Float(b)) => a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan()),
        (Value::List(a), Value::List(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Map(a), Value::Map(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(&a.0, &b.0) && same(&a.1, &b.1))
        }
        _ => a == b,
    }
}

fn integer_beyond_64_bits() -> impl Strategy<Value = Value> {
    (prop::collection::vec(any::<u8>(), 9..40), any::<bool>()).prop_map(|(mut bytes, negative)| {
        bytes[0] |= 1;
        BigInt::from_bytes_be(if negative { Sign::Minus } else { Sign::Plus }, &bytes).into()
    })
}

/// Any value that `codec` can say exactly.
pub(crate) fn value(codec: Codec) -> BoxedStrategy<Value> {
    let mut scalars = vec![
        Just(Value::Null).boxed(),
        any::<bool>().prop_map(Value::from).boxed(),
        any::<i64>().prop_map(Value::from).boxed(),
        (-300i64..300).prop_map(Value::from).boxed(),
        any::<u64>().prop_map(Value::from).boxed(),
        any::<f64>().prop_map(Value::from).boxed(),
        prop::sample::select(vec![f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 0.0, -0.0, 1e16, 5e-324])
            .prop_map(Value::from)
            .boxed(),
        ".{0,12}".prop_map(Value::from).boxed(),
        "[a-c\"\\\\\n\u{0}\u{1f600}é]{0,40}".prop_map(Value::from).boxed(),
    ];
    if codec.of_values() != Codec::MsgPack {
        scalars.push(integer_beyond_64_bits().boxed());
    }
    if codec != Codec::Json {
        scalars.push(prop::collection::vec(any::<u8>(), 0..60).prop_map(Value::from).boxed());
    }
    prop::strategy::Union::new(scalars)
        .prop_recursive(5, 24, 6, move |inner| {
            let key = match codec {
                Codec::Json => ".{0,12}".prop_map(Value::from).boxed(),
                _ => inner.clone(),
            };
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..8).prop_map(Value::List),
                prop::collection::vec((key, inner), 0..8).prop_map(Value::Map),
            ]
        })
        .boxed()
}

/// A codec and a value that it can say.
pub(crate) fn codec_and_value() -> impl Strategy<Value = (Codec, Value)> {
    prop::sample::select(Codec::ALL.to_vec()).prop_flat_map(|codec| (Just(codec), value(codec)))
}

/// Any codec.
pub(crate) fn codec() -> impl Strategy<Value = Codec> {
    prop::sample::select(Codec::ALL.to_vec())
}
