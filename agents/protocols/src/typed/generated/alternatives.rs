//! The tables of what is one of several: unions of specifications, and protobuf's oneofs.

/// A union's enum: its alternatives, the places of their fields and their shapes.
#[doc(hidden)]
#[macro_export]
macro_rules! __union {
    ($union:ident { $($alternative:ident: $place:literal = $shape:ty,)* }) => {
        const _: () = {
            #[derive(::core::default::Default)]
            #[allow(non_camel_case_types, non_snake_case, unreachable_pub, reason = "named as the alternatives, and seen by nobody")]
            pub struct __Read {
                $($alternative: <$crate::typed::shape::Flagged<$shape> as $crate::typed::Shape>::Read,)*
            }

            impl $crate::typed::Shape for $union {
                type Value = $union;
                type Read = __Read;
                const FIELDS: u32 = 0 $(+ <$crate::typed::shape::Flagged<$shape> as $crate::typed::Shape>::FIELDS)*;

                fn write<S: $crate::wire::Sink>(value: &$union, number: u32, sink: &mut S) {
                    match value {
                        $($union::$alternative(value) => {
                            <$shape as $crate::typed::Shape>::write(value, number + $place, sink);
                            $crate::wire::writing::flag(sink, number + $place + <$shape as $crate::typed::Shape>::FIELDS, true);
                        })*
                    }
                }

                fn take(
                    read: &mut __Read,
                    place: u32,
                    field: $crate::wire::Field<'_>,
                    allowance: &mut $crate::wire::Allowance,
                ) -> ::core::result::Result<bool, $crate::Fault> {
                    $(
                        if let ::core::option::Option::Some(place) = <$crate::typed::shape::Flagged<$shape> as $crate::typed::Shape>::place($place, place) {
                            return <$crate::typed::shape::Flagged<$shape> as $crate::typed::Shape>::take(&mut read.$alternative, place, field, allowance);
                        }
                    )*
                    allowance.unknown(field)
                }

                fn finish(
                    read: __Read,
                    number: u32,
                    allowance: &$crate::wire::Allowance,
                ) -> ::core::result::Result<::core::option::Option<$union>, $crate::Fault> {
                    let mut chosen = ::core::option::Option::None;
                    $(
                        let value = <$crate::typed::shape::Flagged<$shape> as $crate::typed::Shape>::finish(read.$alternative, number + $place, allowance)?;
                        if let ::core::option::Option::Some(value) = value.flatten() {
                            $crate::typed::generated::choose(&mut chosen, $union::$alternative(value), allowance)?;
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
            #[derive(::core::default::Default)]
            #[allow(non_camel_case_types, non_snake_case, unreachable_pub, reason = "named as the alternatives, and seen by nobody")]
            pub struct __Read {
                last: ::core::option::Option<u32>,
                $($alternative: <$shape as $crate::typed::Shape>::Read,)*
            }

            impl $crate::typed::Shape for $oneof {
                type Value = ::core::option::Option<$oneof>;
                type Read = __Read;
                const FIELDS: u32 = 0;

                fn write<S: $crate::wire::Sink>(value: &Self::Value, _: u32, sink: &mut S) {
                    match value {
                        $(::core::option::Option::Some($oneof::$alternative(value)) => {
                            <$shape as $crate::typed::Shape>::write(value, $number, sink);
                        })*
                        ::core::option::Option::None => {}
                    }
                }

                fn take(
                    read: &mut __Read,
                    _: u32,
                    field: $crate::wire::Field<'_>,
                    allowance: &mut $crate::wire::Allowance,
                ) -> ::core::result::Result<bool, $crate::Fault> {
                    let is_other = read.last.is_some_and(|last| last != field.number);
                    if is_other && !allowance.is_lenient() {
                        return ::core::result::Result::Err($crate::Fault::SeveralAlternatives);
                    }
                    $(
                        if field.number == $number {
                            let taken = <$shape as $crate::typed::Shape>::take(&mut read.$alternative, 0, field, allowance)?;
                            if taken && read.last != ::core::option::Option::Some($number) {
                                // What came of it before another came is forgotten, as is that other one.
                                *read = __Read {
                                    last: ::core::option::Option::Some($number),
                                    $alternative: ::core::mem::take(&mut read.$alternative),
                                    ..::core::default::Default::default()
                                };
                            }
                            return ::core::result::Result::Ok(taken);
                        }
                    )*
                    allowance.unknown(field)
                }

                fn finish(
                    read: __Read,
                    _: u32,
                    allowance: &$crate::wire::Allowance,
                ) -> ::core::result::Result<::core::option::Option<Self::Value>, $crate::Fault> {
                    let value = match read.last {
                        $(::core::option::Option::Some($number) => {
                            <$shape as $crate::typed::Shape>::finish(read.$alternative, $number, allowance)?.map($oneof::$alternative)
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
