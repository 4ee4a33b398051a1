//! Typed arguments: from a request's bytes straight into the types of a method, and back.
//!
//! What always holds: each argument is read once, from its position or by its name; a missing `Option` is `None`;
//! what is missing, unknown, too many or given twice is an error that names it, and a value of the wrong type one
//! that carries its path (`order.lines[2].price`). Neighbours: `message` cuts out the bytes, `decode` reads values.

use std::borrow::Cow;

use bytes::BytesMut;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::call_error::CallError;
use crate::codec::Codec;
use crate::codec_error::EncodeError;

mod all;
mod source;

pub use all::AllArguments;
use source::Source;

/// The arguments of a request: scanned, still encoded.
#[derive(Clone, Copy, Debug)]
pub struct Arguments<'a> {
    /// How they are encoded.
    pub codec: Codec,
    /// A list.
    pub positional: &'a [u8],
    /// A map with texts as keys, each of them once; `None` if there are none.
    pub keyword: Option<&'a [u8]>,
}

/// The arguments of one method: `()` or a tuple of 1 to 12 types, in the order of the method's parameters.
pub trait ArgumentList: Sized {
    /// How many arguments the method takes.
    const COUNT: usize;

    /// Reads a call's arguments; `names` are those of the parameters, in their order.
    ///
    /// # Errors
    /// [`CallError::BadArguments`] with the `method`, the path of what is wrong, and the reason.
    fn decode(arguments: &Arguments<'_>, method: &str, names: &[&str]) -> Result<Self, CallError>;

    /// Appends the arguments as a list.
    ///
    /// # Errors
    /// Where the codec cannot say a value. `out` is then as it was.
    fn encode(&self, codec: Codec, out: &mut BytesMut) -> Result<(), EncodeError>;

    /// The map of keyword arguments, where there are any.
    ///
    /// # Errors
    /// Where the codec cannot say a value.
    #[inline]
    fn encode_keyword(&self, _: Codec) -> Result<Option<BytesMut>, EncodeError> {
        Ok(None)
    }
}

impl ArgumentList for () {
    const COUNT: usize = 0;

    #[inline]
    fn decode(arguments: &Arguments<'_>, method: &str, names: &[&str]) -> Result<Self, CallError> {
        Source::open(arguments, names).and_then(Source::finish).map_err(|error| error.of_method(method))
    }

    #[inline]
    fn encode(&self, codec: Codec, out: &mut BytesMut) -> Result<(), EncodeError> {
        let empty: [(); 0] = [];
        codec.encode(&empty, out)
    }
}

macro_rules! tuples {
    ($($count:literal: $($argument:ident)*;)*) => {
        $(impl<$($argument: DeserializeOwned + Serialize),*> ArgumentList for ($($argument,)*) {
            const COUNT: usize = $count;

            #[inline]
            fn decode(arguments: &Arguments<'_>, method: &str, names: &[&str]) -> Result<Self, CallError> {
                let read = || {
                    let mut source = Source::open(arguments, names)?;
                    let list = ($(source.next::<$argument>()?,)*);
                    source.finish()?;
                    Ok(list)
                };
                read().map_err(|error: BadArgument<'_>| error.of_method(method))
            }

            #[inline]
            fn encode(&self, codec: Codec, out: &mut BytesMut) -> Result<(), EncodeError> {
                codec.encode(self, out)
            }
        })*
    };
}

tuples! {
    1: A;
    2: A B;
    3: A B C;
    4: A B C D;
    5: A B C D E;
    6: A B C D E F;
    7: A B C D E F G;
    8: A B C D E F G H;
    9: A B C D E F G H I;
    10: A B C D E F G H I J;
    11: A B C D E F G H I J K;
    12: A B C D E F G H I J K L;
}

/// What is wrong with an argument, before the method's name is known.
struct BadArgument<'n> {
    path: Cow<'n, str>,
    reason: Cow<'static, str>,
}

impl BadArgument<'_> {
    #[cold]
    fn of_method(self, method: &str) -> CallError {
        CallError::BadArguments {
            method: method.to_owned(),
            path: self.path.into_owned(),
            reason: self.reason.into_owned(),
        }
    }
}
