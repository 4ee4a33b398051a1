//! The table of an enumeration.

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
        }
    };
}
