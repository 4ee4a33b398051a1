//! Values within Academy's messages: texts of JSON as Python's `json` writes and reads them, with its NaN and its large
//! integers.
//!
//! Always true: what comes is checked for its depth and its size before anything is built of it. Neighbours:
//! [`body`](super::body) has the texts, the codec of the same name does the work.

use bytes::BytesMut;
use folkmoot::{Codec, Limits};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The text of a value.
///
/// # Errors
/// What JSON cannot say, as a sentence.
pub(crate) fn write<T: Serialize + ?Sized>(value: &T) -> Result<String, String> {
    let mut text = BytesMut::new();
    Codec::Json.encode(value, &mut text).map_err(|error| error.to_string())?;
    String::from_utf8(text.into()).map_err(|error| error.to_string())
}

/// The value of a text.
///
/// # Errors
/// Where it is wrong, and how, as a sentence.
pub(crate) fn read<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    Codec::Json.scan(text.as_bytes(), &Limits::DEFAULT).map_err(|error| error.to_string())?;
    Codec::Json.decode(text.as_bytes()).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use folkmoot::Value;

    use super::*;

    #[test]
    fn it_is_pythons_json() {
        assert_eq!(write(&(1, f64::NAN, "ä", None::<u8>)).unwrap(), r#"[1,NaN,"ä",null]"#);
        let value: Value =
            read(r#"[1, Infinity, "\ud83d\ude00", 123456789012345678901234567890, {"k": null}]"#).unwrap();
        assert_eq!(value.item(1).and_then(Value::as_f64), Some(f64::INFINITY));
        assert_eq!(value.item(2).and_then(Value::as_str), Some("😀"));
        assert!(read::<Value>("[1,").is_err());
        assert!(read::<Value>("[1] more").is_err());
        let deep = "[".repeat(5000) + &"]".repeat(5000);
        assert!(read::<Value>(&deep).is_err());
    }
}
