//! The tables of generated code: what its short lines stand for.
//!
//! Each macro takes what a specification says, in the specification's own order, and implements the traits of
//! [`typed`](super) by it. They are no interface for people: what generates code writes them. Neighbours: here are
//! protocols and fields, in [`alternatives`], [`enumeration`] and [`dialogues`] the others.

mod alternatives;
mod dialogues;
mod enumeration;

use std::sync::Arc;

use super::Performative;
use crate::protocol::{FIRST_NUMBER, Protocol};
use crate::wire::{Allowance, DecodeError, Fault, Reading};

/// A protocol's enum: the protocol's id and text, and each performative with its index and name.
#[doc(hidden)]
#[macro_export]
macro_rules! __protocol {
    ($protocol:ident, $id:literal, $text:expr; $($said:ident = $index:literal $name:literal,)*) => {
        impl $protocol {
            /// The specification that these types were made from, ready for messages whose types are not at hand.
            pub fn protocol() -> &'static ::std::sync::Arc<$crate::Protocol> {
                <$protocol as $crate::typed::TypedProtocol>::specified()
            }
        }

        impl $crate::typed::TypedProtocol for $protocol {
            const ID: &'static str = $id;

            fn specified() -> &'static ::std::sync::Arc<$crate::Protocol> {
                static PROTOCOL: ::std::sync::LazyLock<::std::sync::Arc<$crate::Protocol>> =
                    ::std::sync::LazyLock::new(|| $crate::typed::protocol_of($text));
                &PROTOCOL
            }
        }

        impl $crate::Contents for $protocol {
            fn protocol(&self) -> &$crate::Protocol {
                <$protocol as $crate::typed::TypedProtocol>::specified()
            }

            #[inline]
            fn performative(&self) -> u16 {
                match self {
                    $($protocol::$said(_) => $index,)*
                }
            }

            #[inline]
            fn write_fields<S: $crate::wire::Sink>(&self, sink: &mut S) {
                match self {
                    $($protocol::$said(said) => $crate::typed::Fields::write(said, sink),)*
                }
            }

            #[inline]
            fn read_fields(
                protocol: &::std::sync::Arc<$crate::Protocol>,
                performative: u16,
                bytes: &[u8],
                reading: $crate::Reading,
            ) -> ::core::result::Result<Self, $crate::DecodeError> {
                $crate::typed::generated::is_same_protocol(
                    <$protocol as $crate::typed::TypedProtocol>::specified(),
                    protocol,
                )?;
                match performative {
                    $($index => $crate::typed::generated::read::<$said>(bytes, reading).map($protocol::$said),)*
                    other => ::core::result::Result::Err($crate::typed::generated::unknown(other)),
                }
            }
        }

        $(
            impl ::core::convert::From<$said> for $protocol {
                fn from(said: $said) -> $protocol {
                    $protocol::$said(said)
                }
            }

            impl $crate::typed::Performative for $said {
                type Protocol = $protocol;
                const NAME: &'static str = $name;
                const INDEX: u16 = $index;

                #[allow(unreachable_patterns, reason = "a protocol may have one performative")]
                fn from_said(said: $protocol) -> ::core::result::Result<$said, $protocol> {
                    match said {
                        $protocol::$said(said) => ::core::result::Result::Ok(said),
                        other => ::core::result::Result::Err(other),
                    }
                }
            }
        )*
    };
}

/// The fields of a performative or a custom type: their names, first numbers and shapes, in the order of the numbers.
#[doc(hidden)]
#[macro_export]
macro_rules! __fields {
    ($message:ident { $($field:ident: $number:literal = $shape:ty,)* }) => {
        const _: () = {
            /// What has come of each.
            #[derive(::core::default::Default)]
            #[allow(non_camel_case_types, non_snake_case, unreachable_pub, reason = "seen by nobody")]
            pub struct __Read {
                $($field: <$shape as $crate::typed::Shape>::Read,)*
            }

            impl $crate::typed::Fields for $message {
                type Read = __Read;

                #[inline]
                #[allow(unused_variables, reason = "there may be no fields")]
                fn write<S: $crate::wire::Sink>(&self, sink: &mut S) {
                    $(<$shape as $crate::typed::Shape>::write(&self.$field, $number, sink);)*
                }

                #[inline]
                #[allow(unused_variables, reason = "there may be no fields")]
                fn take(
                    read: &mut __Read,
                    field: $crate::wire::Field<'_>,
                    allowance: &mut $crate::wire::Allowance,
                ) -> ::core::result::Result<(), $crate::typed::Misread> {
                    $(
                        if let ::core::option::Option::Some(place) =
                            <$shape as $crate::typed::Shape>::place($number, field.number)
                        {
                            <$shape as $crate::typed::Shape>::take(&mut read.$field, place, field, allowance)
                                .map_err(|fault| $crate::typed::Misread::at(stringify!($field), fault))?;
                            return ::core::result::Result::Ok(());
                        }
                    )*
                    allowance.unknown(field)?;
                    ::core::result::Result::Ok(())
                }

                #[inline]
                #[allow(unused_variables, reason = "there may be no fields")]
                fn finish(
                    read: __Read,
                    allowance: &$crate::wire::Allowance,
                ) -> ::core::result::Result<Self, $crate::typed::Misread> {
                    ::core::result::Result::Ok($message {
                        $(
                            $field: <$shape as $crate::typed::Shape>::finish(read.$field, $number, allowance)
                                .and_then(|value| value.ok_or($crate::Fault::MissingContent))
                                .map_err(|fault| $crate::typed::Misread::at(stringify!($field), fault))?,
                        )*
                    })
                }
            }
        };
    };
}

/// Whether a body of types from one protocol may be read by the numbers of another.
///
/// # Errors
/// They are not the same.
#[doc(hidden)]
#[inline]
pub fn is_same_protocol(ours: &Arc<Protocol>, given: &Arc<Protocol>) -> Result<(), DecodeError> {
    match Arc::ptr_eq(ours, given) || ours.is_written_as(given) {
        true => Ok(()),
        false => Err(Fault::OtherProtocol.into()),
    }
}

/// Reads a performative's fields.
///
/// # Errors
/// What is wrong with the bytes, and where.
#[doc(hidden)]
#[inline]
pub fn read<S: Performative>(bytes: &[u8], reading: Reading) -> Result<S, DecodeError> {
    S::read(bytes, &mut Allowance::new(reading)).map_err(|misread| misread.of(S::NAME))
}

/// The error for an index that no performative has.
#[doc(hidden)]
#[must_use]
pub fn unknown(performative: u16) -> DecodeError {
    Fault::UnknownPerformative(FIRST_NUMBER + u32::from(performative)).into()
}

/// Puts an alternative of a union in its place: of several the last one counts, where that is forgiven.
///
/// # Errors
/// There is one already.
#[doc(hidden)]
pub fn choose<U>(chosen: &mut Option<U>, value: U, allowance: &Allowance) -> Result<(), Fault> {
    match chosen.replace(value) {
        Some(_) if !allowance.is_lenient() => Err(Fault::SeveralAlternatives),
        _ => Ok(()),
    }
}
