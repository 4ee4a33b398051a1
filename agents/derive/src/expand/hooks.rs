//! `#[start]`, `#[stop]` and `#[run]`.
//!
//! Neighbour: [`run`](super::run) writes the call of the method itself.

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};

use super::run::{call, method_path, state_reference};
use crate::model::{Behaviour, Mode, Routine};
use crate::parse::Root;

/// `start`.
pub(super) fn start(root: &Root, model: &Behaviour) -> TokenStream {
    hook(root, model, &format_ident!("start"), model.start.as_ref())
}

/// `stop`.
pub(super) fn stop(root: &Root, model: &Behaviour) -> TokenStream {
    hook(root, model, &format_ident!("stop"), model.stop.as_ref())
}

fn hook(root: &Root, model: &Behaviour, name: &Ident, routine: Option<&Routine>) -> TokenStream {
    let body = routine.map_or_else(
        || quote!(::core::option::Option::None),
        |routine| {
            let agent = state_reference(model, routine);
            let called = call(routine, &method_path(model, None, routine));
            let runner = match (routine.is_async, routine.mode) {
                (false, Mode::Shared) => format_ident!("hook_shared"),
                (false, Mode::Exclusive) => format_ident!("hook_exclusive"),
                (true, Mode::Shared) => format_ident!("hook_shared_async"),
                (true, Mode::Exclusive) => format_ident!("hook_exclusive_async"),
            };
            let is_async = routine.is_async.then(|| quote!(async move));
            quote!(#root::#runner(__state, #is_async |__agent: #agent| #called))
        },
    );
    quote! {
        fn #name(
            __state: &::std::rc::Rc<::core::cell::RefCell<Self>>,
            __context: #root::Context<Self>,
        ) -> ::core::option::Option<
            #root::LocalFuture<::core::result::Result<(), ::std::string::String>>,
        > {
            #body
        }
    }
}

/// `loops`.
pub(super) fn loops(root: &Root, model: &Behaviour) -> TokenStream {
    let ty = &model.ty;
    let loops = model.loops.iter().map(|each| {
        let name = &each.name;
        let borrow = each.borrows_context.then(|| quote!(&));
        quote!({
            let __context = ::core::clone::Clone::clone(__context);
            ::std::boxed::Box::pin(async move { <#ty>::#name(#borrow __context).await })
        })
    });
    quote! {
        fn loops(__context: &#root::Context<Self>) -> ::std::vec::Vec<#root::LocalFuture<()>> {
            ::std::vec![#(#loops),*]
        }
    }
}
