//! Encoded calls: a method's place by its name, and its arguments straight into its types.
//!
//! Neighbour: [`requests`](super::requests) has the enum that comes out.

use proc_macro2::TokenStream;
use quote::quote;

use super::methods::marker;
use super::{messages, parts, plain_name, request_ident, top};
use crate::model::Behaviour;
use crate::parse::Root;

/// `method_index`.
pub(super) fn method_index(root: &Root, model: &Behaviour) -> TokenStream {
    let (messages, below) = (messages::method_index(root, model), parts::method_index(root, model));
    let arms = model.exposed.iter().enumerate().map(|(index, exposed)| {
        let name = plain_name(&exposed.routine.name);
        quote!(#name => ::core::option::Option::Some(#index))
    });
    quote! {
        fn method_index(__name: &str) -> ::core::option::Option<usize> {
            match __name {
                #(#arms,)*
                _ => {
                    #messages
                    #below
                }
            }
        }
    }
}

/// `unexposed`.
pub(super) fn unexposed(root: &Root, model: &Behaviour) -> TokenStream {
    let below = parts::unexposed(root, model);
    let arms = model.unexposed.iter().map(|function| {
        let name = plain_name(function);
        let full = format!("{}.{name}", plain_name(&model.name));
        quote!(#name => ::core::option::Option::Some(#full))
    });
    quote! {
        fn unexposed(__name: &str) -> ::core::option::Option<&'static str> {
            match __name {
                #(#arms,)*
                _ => #below
            }
        }
    }
}

/// The arms of `decode` by a method's place: of an agent, or of an object at `place`.
pub(super) fn arms(root: &Root, model: &Behaviour, place: Option<&TokenStream>) -> TokenStream {
    let request = request_ident();
    let arms = model.exposed.iter().enumerate().map(|(index, exposed)| {
        let variant = &exposed.routine.name;
        let marker = marker(exposed, &model.ty);
        let marker = match place {
            Some(place) => quote!(#root::Via<#place, #marker>),
            None => marker,
        };
        let arguments = exposed.routine.arguments().map(|argument| plain_name(&argument.name));
        quote! {
            #index => #root::decode::<#marker, _>(__arguments, &[#(#arguments),*], __sink, #request::#variant)
        }
    });
    let below = parts::decode(root, model, &place.cloned().unwrap_or_else(|| top(root, model)));
    let messages = messages::decode(root, model);
    quote! {
        #(#arms,)*
        #(#messages,)*
        _ => #below
    }
}

/// `decode`.
pub(super) fn decode(root: &Root, model: &Behaviour) -> TokenStream {
    let arms = arms(root, model, None);
    quote! {
        fn decode(
            __method: usize,
            __arguments: &#root::Arguments<'_>,
            __sink: ::core::option::Option<::std::boxed::Box<dyn #root::ReplySink>>,
        ) -> ::core::result::Result<Self::Request, #root::Refused> {
            match __method {
                #arms
            }
        }
    }
}
