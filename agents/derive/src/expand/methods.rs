//! One type for each exposed method, which tells a call its arguments, value and error.
//!
//! Neighbours: [`calls`](super::calls) returns calls of these types, [`requests`](super::requests) holds the enum.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::spanned::Spanned;

use super::{Target, argument_tuple, plain_name, result_types};
use crate::model::Exposed;
use crate::parse::Root;

/// The type of a method: `__add<Counter, (i64,), i64>`.
///
/// It is public, for callers in other modules hold calls of it, and it carries the types that the method says: so it is
/// as private as the most private of them, and no agent needs to make its types public for the macro's sake.
pub(super) fn marker(exposed: &Exposed, interface: &impl ToTokens) -> TokenStream {
    let (ident, arguments, returned) = (ident(exposed), argument_tuple(exposed), exposed.returns.ty());
    quote!(#ident<#interface, #arguments, #returned>)
}

fn ident(exposed: &Exposed) -> Ident {
    format_ident!("__{}", plain_name(&exposed.routine.name), span = exposed.routine.name.span())
}

/// The types of all methods.
pub(super) fn markers(target: &Target<'_>, exposed: &[Exposed]) -> TokenStream {
    exposed.iter().map(|exposed| one(target, exposed)).collect()
}

fn one(target: &Target<'_>, exposed: &Exposed) -> TokenStream {
    let Target { root, interface, request, .. } = target;
    let (ident, marker) = (ident(exposed), marker(exposed, interface));
    let (name, plain) = (plain_name(&exposed.routine.name), !exposed.routine.is_async);
    let arguments = argument_tuple(exposed);
    let (ok, err) = result_types(exposed, root);
    let (variant, idempotent) = (&exposed.routine.name, exposed.idempotent);
    // The calls of a trait are encoded, each time from the same arguments.
    let again = (idempotent && request.is_some()).then(|| again(exposed, root));
    let typed = match request {
        Some(request) => quote!(::core::option::Option::Some(#request::#variant(__arguments, __reply))),
        None => quote!(::core::option::Option::None),
    };
    quote! {
        pub struct #ident<I: ?::core::marker::Sized, A, R> {
            types: ::core::marker::PhantomData<(A, R)>,
            interface: ::core::marker::PhantomData<I>,
        }

        #[automatically_derived]
        impl #root::Method for #marker {
            type Interface = #interface;
            type Args = #arguments;
            type Ok = #ok;
            type Err = #err;
            const NAME: &'static str = #name;
            const PLAIN: bool = #plain;
            const IDEMPOTENT: bool = #idempotent;

            fn request(
                __arguments: Self::Args,
                __reply: #root::ReplyTo<Self::Ok, Self::Err>,
            ) -> ::core::option::Option<<#interface as #root::Interface>::Request> {
                #typed
            }

            #again
        }
    }
}

/// `again`: copies the arguments for another attempt. One that cannot be copied is told at its own place.
fn again(exposed: &Exposed, root: &Root) -> TokenStream {
    let types: Vec<_> = exposed.routine.arguments().map(|argument| &argument.ty).collect();
    let names: Vec<_> = (0..types.len()).map(|index| format_ident!("__argument_{index}")).collect();
    if exposed.routine.takes_all() {
        return quote! {
            fn again(__arguments: &Self::Args) -> ::core::option::Option<Self::Args> {
                ::core::option::Option::Some(::core::clone::Clone::clone(__arguments))
            }
        };
    }
    let copies = types.iter().zip(&names).map(|(ty, name)| {
        quote_spanned!(ty.span().resolved_at(Span::call_site())=> <#ty as #root::Again>::again(#name))
    });
    quote! {
        fn again((#(#names,)*): &Self::Args) -> ::core::option::Option<Self::Args> {
            ::core::option::Option::Some((#(#copies,)*))
        }
    }
}
