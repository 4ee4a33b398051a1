//! Encoded calls: a method's place by its name, and its arguments straight into its types.
//!
//! Neighbour: [`requests`](super::requests) has the enum that comes out.

use proc_macro2::TokenStream;
use quote::quote;

use super::methods::marker;
use super::{plain_name, request_ident};
use crate::model::Behaviour;
use crate::parse::Root;

/// `method_index`.
pub(super) fn method_index(model: &Behaviour) -> TokenStream {
    let arms = model.exposed.iter().enumerate().map(|(index, exposed)| {
        let name = plain_name(&exposed.routine.name);
        quote!(#name => ::core::option::Option::Some(#index))
    });
    quote! {
        fn method_index(__name: &str) -> ::core::option::Option<usize> {
            match __name {
                #(#arms,)*
                _ => ::core::option::Option::None,
            }
        }
    }
}

/// `decode`.
pub(super) fn decode(root: &Root, model: &Behaviour) -> TokenStream {
    let request = request_ident();
    let arms = model.exposed.iter().enumerate().map(|(index, exposed)| {
        let variant = &exposed.routine.name;
        let marker = marker(exposed, &model.ty);
        let arguments = exposed.routine.arguments().map(|argument| plain_name(&argument.name));
        quote! {
            #index => #root::decode::<#marker, _>(__arguments, &[#(#arguments),*], __sink, #request::#variant)
        }
    });
    quote! {
        fn decode(
            __method: usize,
            __arguments: &#root::Arguments<'_>,
            __sink: ::core::option::Option<::std::boxed::Box<dyn #root::ReplySink>>,
        ) -> ::core::result::Result<Self::Request, #root::Refused> {
            match __method {
                #(#arms,)*
                _ => ::core::unreachable!("a method that the agent does not have"),
            }
        }
    }
}
