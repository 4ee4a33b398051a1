//! What `#[object]` adds to an `impl` block: the calls of an object at whatever place, and how it answers there.
//!
//! Neighbours: [`parts`](super::parts) says where objects are; the traits are in `objects.rs` of the agents crate.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};

use super::methods::{self, marker};
use super::{
    Target, argument_values, checks, decode, describe, parts, plain_name, quiet, request_ident, requests, run,
};
use crate::model::{Argument, Behaviour, ObjectBlock};
use crate::parse::Root;

/// What `#[object]` adds.
pub(crate) fn object(block: &ObjectBlock, root: &Root) -> TokenStream {
    let ObjectBlock { model, agent } = block;
    let Behaviour { ty, name, .. } = model;
    let target = Target { root, interface: quote!(#ty), name, request: Some(request_ident()) };
    let calls = format_ident!("{}Calls", plain_name(name));
    let docs = format!("The calls of `{name}` at a place within an agent.");
    let inside = [
        calls_of(root, model, &calls),
        interface(root, model, &calls),
        methods::markers(&target, &model.exposed),
        requests::enumeration(root, model),
        parts::parts(root, model),
        traits(root, model, &calls),
        running(root, model, agent.as_ref()),
        checks::one_object_block(model),
    ];
    let inside = quiet(&inside);
    quote! {
        #[doc = #docs]
        #[allow(unreachable_pub, private_interfaces)]
        pub struct #calls<P: #root::Place>(#root::ProxyCore<P::Agent>);

        #inside
    }
}

/// The bounds of a place at which there is such an object.
fn bounds(root: &Root, model: &Behaviour) -> TokenStream {
    let ty = &model.ty;
    quote!(#root::Place<Target = #ty, Request = <#ty as #root::Interface>::Request>)
}

/// The generated calls.
fn calls_of(root: &Root, model: &Behaviour, calls: &syn::Ident) -> TokenStream {
    let bounds = bounds(root, model);
    let accessors = parts::accessors(root, model, &quote!(__P));
    let methods = model.exposed.iter().map(|exposed| {
        let (name, shown) = (&exposed.routine.name, &exposed.shown);
        let marker = marker(exposed, &model.ty);
        let names: Vec<_> = exposed.routine.arguments().map(|Argument { name, .. }| name).collect();
        let types: Vec<_> = exposed.routine.arguments().map(|Argument { ty, .. }| ty).collect();
        let arguments = argument_values(exposed, &names);
        quote! {
            #(#shown)*
            pub fn #name(&self, #(#names: #types),*) -> #root::Call<#root::Via<__P, #marker>> {
                #root::Call::new(&self.0, #arguments)
            }
        }
    });
    quote! {
        impl<__P: #bounds> #calls<__P> {
            #(#methods)*
            #accessors
        }

        impl<__P: #root::Place> ::core::fmt::Debug for #calls<__P> {
            fn fmt(&self, __f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                __f.debug_tuple(::core::stringify!(#calls)).field(&self.0).finish()
            }
        }

        impl<__P: #root::Place> #root::CallsAt<__P> for #calls<__P> {
            fn at(__core: #root::ProxyCore<__P::Agent>) -> Self {
                #calls(__core)
            }
        }
    }
}

/// `Interface` and `CallsOf`.
fn interface(root: &Root, model: &Behaviour, calls: &syn::Ident) -> TokenStream {
    let (ty, name, request) = (&model.ty, plain_name(&model.name), request_ident());
    quote! {
        #[automatically_derived]
        impl #root::Interface for #ty {
            type Calls = #calls<#root::Top<#ty>>;
            type Request = #request;
            const NAME: &'static str = #name;
        }

        #[automatically_derived]
        impl #root::CallsOf<#ty> for #calls<#root::Top<#ty>> {
            fn new(__core: #root::ProxyCore<#ty>) -> Self {
                #calls(__core)
            }

            fn core(&self) -> &#root::ProxyCore<#ty> {
                &self.0
            }
        }
    }
}

/// `Object`.
fn traits(root: &Root, model: &Behaviour, calls: &syn::Ident) -> TokenStream {
    let (ty, request, bounds) = (&model.ty, request_ident(), bounds(root, model));
    let place = quote!(__P);
    let methods = requests::methods(root, model);
    let descriptions = describe::methods(root, model);
    let lookups = [decode::method_index(root, model), decode::unexposed(root, model)];
    let decode = decode::arms(root, model, Some(&place));
    let own = model.exposed.iter().enumerate().map(|(index, exposed)| {
        let variant = &exposed.routine.name;
        quote!(#request::#variant(..) => #index)
    });
    let below = parts::indices(root, model);
    let (refuse, is_cancelled) = (requests::refuse(root, model), requests::is_cancelled(root, model));
    quote! {
        #[automatically_derived]
        impl #root::Object for #ty {
            type CallsAt<__P: #bounds> = #calls<__P>;
            const METHODS: &'static [#root::MethodInfo] = #methods;

            fn describe() -> ::std::vec::Vec<#root::MethodDescription> {
                #[allow(unused_imports)]
                use #root::{WithSchema as _, WithoutSchema as _};
                #descriptions
            }

            #(#lookups)*

            fn index_of(__request: &Self::Request) -> usize {
                match *__request {
                    #(#own,)*
                    #(#below,)*
                }
            }

            fn decode<__P: #bounds>(
                __method: usize,
                __arguments: &#root::Arguments<'_>,
                __sink: ::core::option::Option<::std::boxed::Box<dyn #root::ReplySink>>,
            ) -> ::core::result::Result<Self::Request, #root::Refused> {
                match __method {
                    #decode
                }
            }

            #refuse
            #is_cancelled
        }
    }
}

/// `ObjectOf`, of every agent or of the one that the block names.
fn running(root: &Root, model: &Behaviour, agent: Option<&syn::Path>) -> TokenStream {
    let ty = &model.ty;
    let (generics, agent) = match agent {
        Some(agent) => (None, quote!(#agent)),
        None => (Some(quote!(<__A: #root::Agent>)), quote!(__A)),
    };
    let arms = run::object_arms(root, model, &agent);
    quote! {
        #[automatically_derived]
        impl #generics #root::ObjectOf<#agent> for #ty {
            fn run<__P: #root::Place<
                Agent = #agent,
                Target = #ty,
                Request = <#ty as #root::Interface>::Request,
            >>(
                __state: &::std::rc::Rc<::core::cell::RefCell<#agent>>,
                __request: Self::Request,
                __scope: &#root::Scope<'_, #agent>,
            ) -> #root::Step {
                match __request {
                    #arms
                }
            }
        }
    }
}
