//! Dialogues that have ended, among an agent's requests, and their way to the methods that are told of them.
//!
//! Always true: nobody calls such a request; the agent's queue makes it as it makes those of timers. What is told of
//! nothing expands to what it would without this file. Neighbour: [`messages`](super::messages) has the messages.

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::spanned::Spanned;

use super::run::{Way, call, method_path, state_reference, turn};
use super::{plain_name, request_ident};
use crate::model::{Behaviour, EndHook, Mode};
use crate::parse::Root;

/// The hooks with their variants.
fn hooks(model: &Behaviour) -> impl Iterator<Item = (Ident, &EndHook)> {
    model.ended.iter().enumerate().map(|(index, hook)| (format_ident!("__Ended_{index}"), hook))
}

/// The variants of the enum of requests.
pub(super) fn variants(root: &Root, model: &Behaviour) -> TokenStream {
    hooks(model)
        .map(|(variant, EndHook { protocol, .. })| {
            quote_spanned!(protocol.span()=> #variant(#root::Ended<#protocol>),)
        })
        .collect()
}

/// The protocol of each hook.
pub(super) fn protocols(root: &Root, model: &Behaviour) -> TokenStream {
    let ty = &model.ty;
    let all = model.ended.iter().enumerate().map(|(number, EndHook { protocol, .. })| {
        quote! {
            #[automatically_derived]
            impl #root::HearsEnds<#number> for #ty {
                type Protocol = #protocol;
            }
        }
    });
    all.collect()
}

/// The arms of `method_of`.
pub(super) fn method_of(root: &Root, model: &Behaviour) -> Vec<TokenStream> {
    let request = request_ident();
    let arms = hooks(model).map(|(variant, EndHook { routine, .. })| {
        let name = plain_name(&routine.name);
        let mode = match routine.mode {
            Mode::Shared => quote!(Shared),
            Mode::Exclusive => quote!(Exclusive),
        };
        quote! {
            #request::#variant(_) => #root::MethodInfo {
                name: #name,
                mode: #root::Mode::#mode,
                plain: false,
                idempotent: false,
            }
        }
    });
    arms.collect()
}

/// The arms of `refuse`.
pub(super) fn refuse(model: &Behaviour) -> Vec<TokenStream> {
    let request = request_ident();
    hooks(model).map(|(variant, _)| quote!(#request::#variant(_) => {})).collect()
}

/// The arms of `is_cancelled`.
pub(super) fn is_cancelled(model: &Behaviour) -> Vec<TokenStream> {
    let request = request_ident();
    hooks(model).map(|(variant, _)| quote!(#request::#variant(_) => false)).collect()
}

/// The arms of `run`.
pub(super) fn run(root: &Root, model: &Behaviour) -> Vec<TokenStream> {
    let request = request_ident();
    let arms = hooks(model).map(|(variant, EndHook { routine, .. })| {
        let name = plain_name(&routine.name);
        let called = call(routine, &method_path(model, None, routine));
        let outcome = quote!(#root::end_outcome(&__name, #name, #called));
        let nowhere = quote!(#root::ReplyTo::encoded(::core::option::Option::None));
        let way = Way { marker: quote!(#root::Timed<Self>), reply: nowhere };
        let turn = turn(root, &state_reference(model, routine), routine, &way, &outcome);
        let own = routine.arguments().next().map(|ended| {
            let ty = &ended.ty;
            // One of another protocol is told where it stands.
            quote_spanned!(ty.span()=> let __0: #ty = __ended;)
        });
        quote!(#request::#variant(__ended) => {
            #own
            let __name = ::std::sync::Arc::clone(__scope.full_name());
            #turn
        })
    });
    arms.collect()
}

/// What an agent that is told of ends has beside: of which, and the next one.
pub(super) fn taking(root: &Root, model: &Behaviour) -> TokenStream {
    if model.ended.is_empty() {
        return TokenStream::new();
    }
    let request = request_ident();
    let ids = (0..model.ended.len()).map(|number| quote!(#root::ended_protocol::<Self, #number>()));
    let looks = hooks(model).enumerate().map(|(number, (variant, _))| {
        quote! {
            if let ::core::option::Option::Some(__ended) = #root::next_end::<Self, #number>(__context) {
                return ::core::option::Option::Some(#request::#variant(__ended));
            }
        }
    });
    quote! {
        fn hears_ends(__protocol: &str) -> bool {
            [#(#ids),*].contains(&__protocol)
        }

        fn next_end(__context: &#root::Context<Self>) -> ::core::option::Option<Self::Request> {
            #(#looks)*
            ::core::option::Option::None
        }
    }
}
