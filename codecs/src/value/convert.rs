//! Dynamic values from and to other types.
//!
//! Neighbour: `value`.

use num_bigint::BigInt;

use super::Value;

macro_rules! from_integer {
    ($($small:ty)*; $($large:ty)*) => {
        $(impl From<$small> for Value {
            fn from(value: $small) -> Value {
                Value::Int(value.into())
            }
        })*
        $(impl From<$large> for Value {
            fn from(value: $large) -> Value {
                i64::try_from(value).map_or_else(|_| Value::BigInt(value.into()), Value::Int)
            }
        })*
    };
}

from_integer!(i8 i16 i32 i64 u8 u16 u32; u64 i128 u128 isize usize);

impl From<BigInt> for Value {
    fn from(value: BigInt) -> Value {
        i64::try_from(&value).map_or(Value::BigInt(value), Value::Int)
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Value {
        Value::Bool(value)
    }
}

impl From<f32> for Value {
    fn from(value: f32) -> Value {
        Value::Float(value.into())
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Value {
        Value::Float(value)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Value {
        Value::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Value {
        Value::Text(text)
    }
}

impl From<Vec<u8>> for Value {
    fn from(bytes: Vec<u8>) -> Value {
        Value::Bytes(bytes)
    }
}

impl From<Vec<Value>> for Value {
    fn from(items: Vec<Value>) -> Value {
        Value::List(items)
    }
}

impl<K: Into<Value>> From<Vec<(K, Value)>> for Value {
    fn from(pairs: Vec<(K, Value)>) -> Value {
        Value::Map(pairs.into_iter().map(|(key, value)| (key.into(), value)).collect())
    }
}

impl<V: Into<Value>> From<Option<V>> for Value {
    fn from(value: Option<V>) -> Value {
        value.map_or(Value::Null, Into::into)
    }
}

impl<V: Into<Value>> FromIterator<V> for Value {
    fn from_iter<I: IntoIterator<Item = V>>(items: I) -> Value {
        Value::List(items.into_iter().map(Into::into).collect())
    }
}

/// A value that JSON in memory cannot hold, and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the value does not fit serde_json::Value: {reason}")]
pub struct NotJson {
    reason: &'static str,
}

impl From<serde_json::Value> for Value {
    fn from(value: serde_json::Value) -> Value {
        use serde_json::Value as Json;
        match value {
            Json::Null => Value::Null,
            Json::Bool(value) => Value::Bool(value),
            Json::Number(number) => match (number.as_i64(), number.as_u64()) {
                (Some(value), _) => Value::Int(value),
                (None, Some(value)) => value.into(),
                (None, None) => number.as_f64().map_or(Value::Null, Value::Float),
            },
            Json::String(text) => Value::Text(text),
            Json::Array(items) => items.into_iter().collect(),
            Json::Object(map) => {
                Value::Map(map.into_iter().map(|(key, value)| (Value::Text(key), value.into())).collect())
            }
        }
    }
}

impl TryFrom<Value> for serde_json::Value {
    type Error = NotJson;

    /// Integers up to `u64`, finite floats, texts as keys, no bytes.
    fn try_from(value: Value) -> Result<serde_json::Value, NotJson> {
        use serde_json::Value as Json;
        let fail = |reason| Err(NotJson { reason });
        Ok(match value {
            Value::Null => Json::Null,
            Value::Bool(value) => Json::Bool(value),
            Value::Int(value) => Json::Number(value.into()),
            Value::BigInt(value) => match u64::try_from(value) {
                Ok(value) => Json::Number(value.into()),
                Err(_) => return fail("an integer is beyond 64 bits"),
            },
            Value::Float(value) => match serde_json::Number::from_f64(value) {
                Some(number) => Json::Number(number),
                None => return fail("a float is not finite"),
            },
            Value::Text(text) => Json::String(text),
            Value::Bytes(_) => return fail("it holds bytes"),
            Value::List(items) => {
                Json::Array(items.into_iter().map(Json::try_from).collect::<Result<_, _>>()?)
            }
            Value::Map(pairs) => {
                let mut map = serde_json::Map::with_capacity(pairs.len());
                for (key, value) in pairs {
                    let Value::Text(key) = key else { return fail("a map's key is no text") };
                    map.insert(key, value.try_into()?);
                }
                Json::Object(map)
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_take_the_smallest_form() {
        assert_eq!(Value::from(7u128), Value::Int(7));
        assert_eq!(Value::from(BigInt::from(-3)), Value::Int(-3));
        assert_eq!(Value::from(u64::MAX), Value::BigInt(u64::MAX.into()));
        assert_eq!(Value::from(i64::MIN), Value::Int(i64::MIN));
    }

    #[test]
    fn json_in_memory_comes_back() {
        let json = serde_json::json!({"a": [1, -2.5, null, true, "x", u64::MAX], "b": {}});
        let value = Value::from(json.clone());
        assert_eq!(value.get("a").and_then(|list| list.item(5)).and_then(Value::as_u64), Some(u64::MAX));
        assert_eq!(serde_json::Value::try_from(value), Ok(json));
    }

    #[test]
    fn what_json_in_memory_cannot_hold_is_refused() {
        let pair = |key: Value| Value::Map(vec![(key, Value::Null)]);
        for value in [
            Value::from(f64::NAN),
            Value::from(i128::MAX),
            Value::from(vec![1u8]),
            pair(1.into()),
            vec![pair(Value::Null)].into(),
        ] {
            assert!(serde_json::Value::try_from(value.clone()).is_err(), "{value}");
        }
    }
}
