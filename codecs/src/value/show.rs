//! Prints a dynamic value like JSON, for people.
//!
//! What JSON cannot say is shown in its own way: NaN and infinities as Python writes them, bytes as `h'0aff'`,
//! keys as they are. Neighbour: `value`.

use std::fmt;

use super::Value;

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Null => f.write_str("null"),
            Value::Bool(value) => write!(f, "{value}"),
            Value::Int(value) => write!(f, "{value}"),
            Value::BigInt(value) => write!(f, "{value}"),
            Value::Float(value) if value.is_nan() => f.write_str("NaN"),
            Value::Float(value) if value.is_infinite() => {
                f.write_str(if *value > 0.0 { "Infinity" } else { "-Infinity" })
            }
            Value::Float(value) => write!(f, "{value:?}"),
            Value::Text(text) => quoted(f, text),
            Value::Bytes(bytes) => {
                f.write_str("h'")?;
                bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
                f.write_str("'")
            }
            Value::List(items) => {
                f.write_str("[")?;
                for (index, item) in items.iter().enumerate() {
                    write!(f, "{}{item}", if index == 0 { "" } else { ", " })?;
                }
                f.write_str("]")
            }
            Value::Map(pairs) => {
                f.write_str("{")?;
                for (index, (key, value)) in pairs.iter().enumerate() {
                    write!(f, "{}{key}: {value}", if index == 0 { "" } else { ", " })?;
                }
                f.write_str("}")
            }
        }
    }
}

fn quoted(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    match serde_json::to_string(text) {
        Ok(json) => f.write_str(&json),
        Err(_) => write!(f, "{text:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::Value;

    #[test]
    fn values_look_like_json() {
        let value = Value::Map(vec![
            ("a\"\n".into(), Value::List(vec![1.into(), 2.5.into(), Value::Null, true.into()])),
            (7.into(), Value::List(vec![f64::NAN.into(), f64::NEG_INFINITY.into(), vec![10u8, 255].into()])),
            ("n".into(), u64::MAX.into()),
        ]);
        assert_eq!(
            value.to_string(),
            r#"{"a\"\n": [1, 2.5, null, true], 7: [NaN, -Infinity, h'0aff'], "n": 18446744073709551615}"#
        );
    }
}
