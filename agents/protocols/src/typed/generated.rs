//! The tables of generated code: what its short lines stand for.
//!
//! Each macro takes what a specification says, in the specification's own order, and implements the traits of
//! [`typed`](super) by it. They are no interface for people: what generates code writes them.

use std::sync::Arc;

use super::{Performative, Room};
use crate::protocol::{FIRST_NUMBER, Protocol};
use crate::wire::{DecodeError, Fault, Reading};

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
        impl $crate::typed::Fields for $message {
            #[inline]
            #[allow(unused_variables, reason = "there may be no fields")]
            fn write<S: $crate::wire::Sink>(&self, sink: &mut S) {
                $(<$shape as $crate::typed::Shape>::write(&self.$field, $number, sink);)*
            }

            #[inline]
            fn read(
                bytes: &[u8],
                room: &mut $crate::typed::Room,
            ) -> ::core::result::Result<Self, $crate::typed::Misread> {
                $(
                    let mut $field: <$shape as $crate::typed::Shape>::Read<'_> =
                        ::core::default::Default::default();
                )*
                let mut fields = $crate::wire::Fields::new(bytes);
                while let ::core::option::Option::Some(field) = fields.next_field()? {
                    $(
                        if let ::core::option::Option::Some(place) =
                            <$shape as $crate::typed::Shape>::place($number, field.number)
                        {
                            <$shape as $crate::typed::Shape>::take(&mut $field, place, field, room)
                                .map_err(|fault| $crate::typed::Misread::at(stringify!($field), fault))?;
                            continue;
                        }
                    )*
                    room.unknown(field)?;
                }
                ::core::result::Result::Ok($message {
                    $(
                        $field: <$shape as $crate::typed::Shape>::finish($field, $number, room)
                            .and_then(|value| value.ok_or($crate::Fault::MissingContent))
                            .map_err(|fault| $crate::typed::Misread::at(stringify!($field), fault))?,
                    )*
                })
            }
        }
    };
}

/// A union's enum: its alternatives, the places of their fields and their shapes.
#[doc(hidden)]
#[macro_export]
macro_rules! __union {
    ($union:ident { $($alternative:ident: $place:literal = $shape:ty,)* }) => {
        const _: () = {
            use $crate::typed::Shape;
            use $crate::typed::shape::Flagged;

            #[derive(::core::default::Default)]
            #[allow(non_snake_case, unreachable_pub, reason = "named as the alternatives, and seen by nobody")]
            pub struct Read<'a> {
                $($alternative: <Flagged<$shape> as Shape>::Read<'a>,)*
            }

            impl Shape for $union {
                type Value = $union;
                type Read<'a> = Read<'a>;
                const FIELDS: u32 = 0 $(+ <Flagged<$shape> as Shape>::FIELDS)*;

                fn write<S: $crate::wire::Sink>(value: &$union, number: u32, sink: &mut S) {
                    match value {
                        $($union::$alternative(value) => {
                            <$shape as Shape>::write(value, number + $place, sink);
                            $crate::wire::writing::flag(sink, number + $place + <$shape as Shape>::FIELDS, true);
                        })*
                    }
                }

                fn take<'a>(
                    read: &mut Read<'a>,
                    place: u32,
                    field: $crate::wire::Field<'a>,
                    room: &mut $crate::typed::Room,
                ) -> ::core::result::Result<(), $crate::Fault> {
                    $(
                        if let ::core::option::Option::Some(place) = <Flagged<$shape> as Shape>::place($place, place) {
                            return <Flagged<$shape> as Shape>::take(&mut read.$alternative, place, field, room);
                        }
                    )*
                    room.unknown(field)
                }

                fn finish(
                    read: Read<'_>,
                    number: u32,
                    room: &mut $crate::typed::Room,
                ) -> ::core::result::Result<::core::option::Option<$union>, $crate::Fault> {
                    let mut chosen = ::core::option::Option::None;
                    $(
                        let value = <Flagged<$shape> as Shape>::finish(read.$alternative, number + $place, room)?;
                        if let ::core::option::Option::Some(value) = value.flatten() {
                            $crate::typed::generated::choose(&mut chosen, $union::$alternative(value), room)?;
                        }
                    )*
                    ::core::result::Result::Ok(chosen)
                }
            }
        };
    };
}

/// The enum of fields of which at most one is set: their names, numbers and shapes.
#[doc(hidden)]
#[macro_export]
macro_rules! __oneof {
    ($oneof:ident { $($alternative:ident: $number:literal = $shape:ty,)* }) => {
        const _: () = {
            use $crate::typed::Shape;

            #[derive(::core::default::Default)]
            #[allow(non_snake_case, unreachable_pub, reason = "named as the alternatives, and seen by nobody")]
            pub struct Read<'a> {
                last: ::core::option::Option<u32>,
                $($alternative: <$shape as Shape>::Read<'a>,)*
            }

            impl Shape for $oneof {
                type Value = ::core::option::Option<$oneof>;
                type Read<'a> = Read<'a>;
                const FIELDS: u32 = 0;

                fn write<S: $crate::wire::Sink>(value: &Self::Value, _: u32, sink: &mut S) {
                    match value {
                        $(::core::option::Option::Some($oneof::$alternative(value)) => {
                            <$shape as Shape>::write(value, $number, sink);
                        })*
                        ::core::option::Option::None => {}
                    }
                }

                fn take<'a>(
                    read: &mut Read<'a>,
                    _: u32,
                    field: $crate::wire::Field<'a>,
                    room: &mut $crate::typed::Room,
                ) -> ::core::result::Result<(), $crate::Fault> {
                    let before = read.last.replace(field.number);
                    let is_other = before.is_some_and(|before| before != field.number);
                    if is_other && !room.is_lenient() {
                        return ::core::result::Result::Err($crate::Fault::SeveralAlternatives);
                    }
                    $(
                        if field.number == $number {
                            // What came of it before another came is forgotten.
                            if is_other {
                                read.$alternative = ::core::default::Default::default();
                            }
                            return <$shape as Shape>::take(&mut read.$alternative, 0, field, room);
                        }
                    )*
                    room.unknown(field)
                }

                fn finish(
                    read: Read<'_>,
                    _: u32,
                    room: &mut $crate::typed::Room,
                ) -> ::core::result::Result<::core::option::Option<Self::Value>, $crate::Fault> {
                    let value = match read.last {
                        $(::core::option::Option::Some($number) => {
                            <$shape as Shape>::finish(read.$alternative, $number, room)?.map($oneof::$alternative)
                        })*
                        _ => ::core::option::Option::None,
                    };
                    ::core::result::Result::Ok(::core::option::Option::Some(value))
                }

                fn place(_: u32, number: u32) -> ::core::option::Option<u32> {
                    matches!(number, $($number)|*).then_some(0)
                }
            }
        };
    };
}

/// An enumeration of a custom type: its values and their numbers, and what holds the numbers that have no name.
#[doc(hidden)]
#[macro_export]
macro_rules! __enumeration {
    ($enumeration:ident, $unnamed:ident { $($value:ident = $number:literal,)* }) => {
        impl $enumeration {
            /// Its number.
            #[must_use]
            pub fn number(self) -> i32 {
                match self {
                    $($enumeration::$value => $number,)*
                    $enumeration::$unnamed(number) => number,
                }
            }
        }

        impl ::core::convert::From<i32> for $enumeration {
            fn from(number: i32) -> $enumeration {
                match number {
                    $($number => $enumeration::$value,)*
                    number => $enumeration::$unnamed(number),
                }
            }
        }

        impl $crate::typed::Kind for $enumeration {
            type Value = $enumeration;
            const WIRE_TYPE: $crate::wire::writing::WireType = $crate::wire::writing::WireType::Varint;
            const WIRE: $crate::wire::fault::Kind = $crate::wire::fault::Kind::Varint;

            fn default() -> $enumeration {
                $enumeration::from(0)
            }

            fn is_default(value: &$enumeration) -> bool {
                value.number() == 0
            }

            fn write<S: $crate::wire::Sink>(value: &$enumeration, sink: &mut S) {
                <$crate::typed::kind::Int32 as $crate::typed::Kind>::write(&value.number(), sink);
            }

            fn from_payload(
                number: u32,
                payload: $crate::wire::Payload<'_>,
                reading: $crate::Reading,
            ) -> ::core::result::Result<::core::option::Option<$enumeration>, $crate::Fault> {
                let found = <$crate::typed::kind::Int32 as $crate::typed::Kind>::from_payload(number, payload, reading)?;
                found
                    .map(|found| match $enumeration::from(found) {
                        $enumeration::$unnamed(_) if !reading.is_lenient() => {
                            ::core::result::Result::Err($crate::Fault::OutOfRange(number))
                        }
                        value => ::core::result::Result::Ok(value),
                    })
                    .transpose()
            }

            fn next_packed(
                number: u32,
                reader: &mut $crate::wire::reading::Reader<'_>,
                reading: $crate::Reading,
            ) -> ::core::result::Result<$enumeration, $crate::Fault> {
                let payload = $crate::wire::Payload::Varint(reader.varint()?);
                let value = <$enumeration as $crate::typed::Kind>::from_payload(number, payload, reading)?;
                ::core::result::Result::Ok(value.unwrap_or($enumeration::from(0)))
            }
        }
    };
}

/// The rules of a protocol's dialogues: what opens them, what ends them, and what answers what.
#[doc(hidden)]
#[macro_export]
macro_rules! __rules {
    (
        $protocol:ident;
        opens $($opens:ident),*;
        ends $($ends:ident),*;
        $($said:ident => $by:ident: $($answer:ident),*;)*
    ) => {
        impl $crate::typed::Conversed for $protocol {
            type Opening<R: $crate::typed::Role<Protocol = $protocol>> = heard::Opening<R>;
            type Any<R: $crate::typed::Role<Protocol = $protocol>> = heard::Any<R>;
        }

        $(impl $crate::typed::Opens<$protocol> for $opens {})*
        $(impl $crate::typed::Ends for $ends {})*
        $(
            impl $crate::typed::Answered for $said {
                type By<R: $crate::typed::Role<Protocol = $protocol>> = heard::$by<R>;
            }

            $(impl $crate::typed::Answers<$said> for $answer {})*
        )*
    };
}

/// An enum of what may have come: its performatives. It stands in a module beneath that of the protocol.
#[doc(hidden)]
#[macro_export]
macro_rules! __heard {
    ($protocol:ident, $heard:ident { $($said:ident,)* }) => {
        impl<R: $crate::typed::Role<Protocol = super::$protocol>> $crate::typed::OneOf<R> for $heard<R> {
            #[allow(unreachable_patterns, reason = "it may be all performatives")]
            fn of(
                heard: $crate::typed::Heard<super::$protocol>,
            ) -> ::core::result::Result<$heard<R>, $crate::typed::Heard<super::$protocol>> {
                let (said, part) = heard.part();
                match said {
                    $(super::$protocol::$said(said) => {
                        ::core::result::Result::Ok($heard::$said(said, part.dialogue()))
                    })*
                    other => ::core::result::Result::Err($crate::typed::Heard::joined(other, part)),
                }
            }
        }
    };
}

/// A role: its name, the other side's role, and what it says, or all.
#[doc(hidden)]
#[macro_export]
macro_rules! __role {
    ($protocol:ty, $role:ident, $other:ident, $name:literal; all) => {
        $crate::__role! { $protocol, $role, $other, $name; }

        impl<A: $crate::typed::Performative<Protocol = $protocol>> $crate::typed::Says<A> for $role {}
    };
    ($protocol:ty, $role:ident, $other:ident, $name:literal; $($says:ty),*) => {
        impl $crate::typed::Role for $role {
            type Protocol = $protocol;
            type Other = $other;
            const NAME: ::core::option::Option<&'static str> = ::core::option::Option::Some($name);
        }

        $(impl $crate::typed::Says<$says> for $role {})*
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
    S::read(bytes, &mut Room::new(reading)).map_err(|misread| misread.of(S::NAME))
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
pub fn choose<U>(chosen: &mut Option<U>, value: U, room: &Room) -> Result<(), Fault> {
    match chosen.replace(value) {
        Some(_) if !room.is_lenient() => Err(Fault::SeveralAlternatives),
        _ => Ok(()),
    }
}
