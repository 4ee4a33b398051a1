//! One type for each exposed method, which tells a call its arguments, value and error.
//!
//! Neighbours: [`calls`](super::calls) returns calls of these types, [`requests`](super::requests) holds the enum.

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};

use super::{Target, argument_tuple, plain_name, result_types};
use crate::model::Exposed;

/// The type of a method.
pub(super) fn marker(exposed: &Exposed) -> Ident {
    format_ident!("__{}", plain_name(&exposed.routine.name), span = exposed.routine.name.span())
}

/// The types of all methods.
pub(super) fn markers(target: &Target<'_>, exposed: &[Exposed]) -> TokenStream {
    exposed.iter().map(|exposed| one(target, exposed)).collect()
}

fn one(target: &Target<'_>, exposed: &Exposed) -> TokenStream {
    let Target { root, interface, request, .. } = target;
    let marker = marker(exposed);
    let name = plain_name(&exposed.routine.name);
    let arguments = argument_tuple(exposed);
    let (ok, err) = result_types(exposed, root);
    let variant = &exposed.routine.name;
    let typed = match request {
        Some(request) => quote!(::core::option::Option::Some(#request::#variant(__arguments, __reply))),
        None => quote!(::core::option::Option::None),
    };
    quote! {
        enum #marker {}

        #[automatically_derived]
        impl #root::Method for #marker {
            type Interface = #interface;
            type Args = #arguments;
            type Ok = #ok;
            type Err = #err;
            const NAME: &'static str = #name;

            fn request(
                __arguments: Self::Args,
                __reply: #root::ReplyTo<Self::Ok, Self::Err>,
            ) -> ::core::option::Option<<#interface as #root::Interface>::Request> {
                #typed
            }
        }
    }
}
