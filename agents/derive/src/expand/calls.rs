//! `CounterCalls`: the generated methods that a `Proxy<Counter>` derefs to.
//!
//! Neighbour: [`methods`](super::methods) has the type of each call.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};

use super::{Target, argument_values, methods, plain_name};
use crate::model::{Argument, Exposed};

/// The struct, beside the user's block so that its docs are found there.
pub(super) fn structure(target: &Target<'_>) -> TokenStream {
    let Target { root, interface, name, .. } = target;
    let calls = ident(target);
    let docs = format!("The calls of `{name}`: a proxy to one derefs to them.");
    quote! {
        #[doc = #docs]
        #[derive(Debug)]
        #[allow(unreachable_pub, private_interfaces)]
        pub struct #calls(#root::ProxyCore<#interface>);
    }
}

pub(super) fn ident(target: &Target<'_>) -> proc_macro2::Ident {
    format_ident!("{}Calls", plain_name(target.name))
}

/// One method for each exposed one.
pub(super) fn methods(target: &Target<'_>, exposed: &[Exposed]) -> TokenStream {
    let root = target.root;
    let calls = ident(target);
    let methods = exposed.iter().map(|exposed| {
        let (name, shown) = (&exposed.routine.name, &exposed.shown);
        let marker = methods::marker(exposed, &target.interface);
        let names: Vec<_> = exposed.routine.arguments().map(|Argument { name, .. }| name).collect();
        let types: Vec<_> = exposed.routine.arguments().map(|Argument { ty, .. }| ty).collect();
        let arguments = argument_values(exposed, &names);
        quote! {
            #(#shown)*
            pub fn #name(&self, #(#names: #types),*) -> #root::Call<#marker> {
                #root::Call::new(&self.0, #arguments)
            }
        }
    });
    quote! {
        impl #calls {
            #(#methods)*
        }
    }
}

/// `Interface` and `CallsOf`.
pub(super) fn interface(target: &Target<'_>) -> TokenStream {
    let Target { root, interface, name, request } = target;
    let calls = ident(target);
    let name = plain_name(name);
    let request = match request {
        Some(request) => quote!(#request),
        None => quote!(#root::Never),
    };
    quote! {
        #[automatically_derived]
        impl #root::Interface for #interface {
            type Calls = #calls;
            type Request = #request;
            const NAME: &'static str = #name;
        }

        #[automatically_derived]
        impl #root::CallsOf<#interface> for #calls {
            fn new(__core: #root::ProxyCore<#interface>) -> Self {
                #calls(__core)
            }

            fn core(&self) -> &#root::ProxyCore<#interface> {
                &self.0
            }
        }
    }
}
