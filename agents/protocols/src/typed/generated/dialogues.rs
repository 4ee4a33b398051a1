//! The tables of dialogues: rules, what may have come, and roles.

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

/// A role: its name, the other side's role, and what it says.
#[doc(hidden)]
#[macro_export]
macro_rules! __role {
    ($protocol:ty, $role:ident, $other:ident, $name:literal; $($says:ty,)*) => {
        impl $crate::typed::Role for $role {
            type Protocol = $protocol;
            type Other = $other;
            const NAME: ::core::option::Option<&'static str> = ::core::option::Option::Some($name);
        }

        $(impl $crate::typed::SaidBy<$role> for $says {})*
    };
}
