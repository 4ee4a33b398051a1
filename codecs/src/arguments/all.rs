//! All arguments of a call as they came, for a method that takes whatever it is given: Python's `*args, **kwargs`.
//!
//! Neighbour: `arguments`.

use bytes::BytesMut;

use super::{ArgumentList, Arguments};
use crate::call_error::CallError;
use crate::codec::Codec;
use crate::codec_error::EncodeError;
use crate::value::Value;

/// All that a call brings. A method whose one argument this is takes any call.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AllArguments {
    /// The arguments by position.
    pub positional: Vec<Value>,
    /// The arguments by name, in the order in which they came; no name stands twice.
    pub keyword: Vec<(String, Value)>,
}

impl ArgumentList for AllArguments {
    const COUNT: usize = 1;

    fn decode(arguments: &Arguments<'_>, method: &str, _: &[&str]) -> Result<Self, CallError> {
        let codec = arguments.codec;
        let read = |bytes: &[u8]| {
            codec.decode::<Value>(bytes).map_err(|error| CallError::BadArguments {
                method: method.to_owned(),
                path: error.path().to_owned(),
                reason: error.reason().to_owned(),
            })
        };
        let Value::List(positional) = read(arguments.positional)? else { return Ok(AllArguments::default()) };
        let mut keyword = Vec::new();
        if let Some(map) = arguments.keyword
            && let Value::Map(pairs) = read(map)?
        {
            keyword.extend(pairs.into_iter().filter_map(|(name, value)| match name {
                Value::Text(name) => Some((name, value)),
                _ => None,
            }));
        }
        Ok(AllArguments { positional, keyword })
    }

    fn encode(&self, codec: Codec, out: &mut BytesMut) -> Result<(), EncodeError> {
        codec.encode(&self.positional, out)
    }

    fn encode_keyword(&self, codec: Codec) -> Result<Option<BytesMut>, EncodeError> {
        if self.keyword.is_empty() {
            return Ok(None);
        }
        let mut out = BytesMut::new();
        let pairs = self.keyword.iter().map(|(name, value)| (Value::from(name.as_str()), value.clone()));
        codec.encode(&Value::Map(pairs.collect()), &mut out)?;
        Ok(Some(out))
    }
}
