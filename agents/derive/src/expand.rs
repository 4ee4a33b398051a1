//! From model to code: what `#[agent]` and `#[object]` add beside the user's block.
//!
//! Always true: every path is absolute, every name within is out of the user's way (`__` before it), and the code
//! gives no warnings in the user's crate. Neighbours: [`model`](crate::model) is what comes in; the functions that
//! generated code calls are in the `__private` module of the agents crate.

mod calls;
mod checks;
mod decode;
mod describe;
mod ends;
mod hooks;
mod mail;
mod messages;
mod methods;
mod object;
mod parts;
mod requests;
mod run;

pub(crate) use object::object;
use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::Type;
use syn::ext::IdentExt;
use syn::spanned::Spanned;

use crate::model::{Behaviour, Contract, Exposed, Returns};
use crate::parse::Root;

/// What `#[agent]` adds to an `impl` block.
pub(crate) fn behaviour(model: &Behaviour, root: &Root) -> TokenStream {
    let Behaviour { ty, name, .. } = model;
    let target = Target { root, interface: quote!(#ty), name, request: Some(request_ident()) };
    let calls = calls::structure(&target);
    let inside = [
        calls::methods(&target, &model.exposed),
        calls::interface(&target),
        methods::markers(&target, &model.exposed),
        requests::enumeration(root, model),
        accessors(&target, model),
        parts::parts(root, model),
        messages::handles(root, model),
        ends::protocols(root, model),
        trait_impl(root, model),
        checks::one_block(model),
        checks::of_trait(model),
    ];
    let block = quiet(&inside);
    quote!(#calls #block)
}

/// The methods of the agent's calls that lead to the calls of its objects.
fn accessors(target: &Target<'_>, model: &Behaviour) -> TokenStream {
    let (root, calls) = (target.root, calls::ident(target));
    let accessors = parts::accessors(root, model, &top(root, model));
    if model.parts.is_empty() { TokenStream::new() } else { quote!(impl #calls { #accessors }) }
}

/// The place of an agent within itself.
fn top(root: &Root, model: &Behaviour) -> TokenStream {
    let ty = &model.ty;
    quote!(#root::Top<#ty>)
}

/// What `#[agent]` adds to a trait.
pub(crate) fn contract(model: &Contract, root: &Root) -> TokenStream {
    let name = &model.name;
    let target = Target { root, interface: quote!(dyn #name), name, request: None };
    let calls = calls::structure(&target);
    let inside = [
        calls::methods(&target, &model.exposed),
        calls::interface(&target),
        methods::markers(&target, &model.exposed),
    ];
    let block = quiet(&inside);
    quote!(#calls #block)
}

/// What calls are generated for.
struct Target<'a> {
    root: &'a Root,
    /// `Counter` or `dyn CounterApi`.
    interface: TokenStream,
    /// `Counter` or `CounterApi`.
    name: &'a Ident,
    /// The enum of typed requests; none for a trait, whose calls are always encoded.
    request: Option<Ident>,
}

/// Puts items where their names are in nobody's way and their lints are off.
fn quiet(items: &[TokenStream]) -> TokenStream {
    quote! {
        #[doc(hidden)]
        #[allow(
            clippy::all,
            dead_code,
            deprecated,
            missing_debug_implementations,
            missing_docs,
            non_camel_case_types,
            private_bounds,
            private_interfaces,
            unreachable_code,
            unreachable_pub,
            unused_qualifications,
            unused_variables
        )]
        const _: () = {
            #(#items)*
        };
    }
}

fn trait_impl(root: &Root, model: &Behaviour) -> TokenStream {
    let ty = &model.ty;
    let parts = [
        requests::tables(root, model),
        describe::describe(root, model),
        decode::method_index(root, model),
        decode::unexposed(root, model),
        decode::decode(root, model),
        requests::method_of(root, model),
        requests::refuse(root, model),
        requests::is_cancelled(root, model),
        requests::timer(model),
        messages::taking_in(root, model),
        mail::taking(root, model),
        ends::taking(root, model),
        run::run(root, model),
        hooks::start(root, model),
        hooks::stop(root, model),
        hooks::loops(root, model),
    ];
    quote! {
        #[automatically_derived]
        impl #root::Behaviour for #ty {
            #(#parts)*
        }
    }
}

/// The enum of requests: no method's type is called so.
fn request_ident() -> Ident {
    format_ident!("__Request__")
}

/// The name of a method as callers write it.
fn plain_name(name: &Ident) -> String {
    name.unraw().to_string()
}

/// The types of a method's value and of its own error, where the method says them.
fn result_types(exposed: &Exposed, root: &Root) -> (TokenStream, TokenStream) {
    match &exposed.returns {
        Returns::Value(ty) => (quote!(#ty), quote!(#root::Never)),
        Returns::Result(ty) => (
            quote_spanned!(ty.span()=> <#ty as #root::ResultParts>::Ok),
            quote_spanned!(ty.span()=> <#ty as #root::ResultParts>::Err),
        ),
    }
}

/// The arguments by those names, as the method's type of them has them: a tuple, or the one that is all arguments.
fn argument_values(exposed: &Exposed, names: &[impl ToTokens]) -> TokenStream {
    if exposed.routine.takes_all() { quote!(#(#names)*) } else { quote!((#(#names,)*)) }
}

/// The tuple of a method's argument types, or the type that takes all arguments: in the place of the one argument, or else of the method's name, for that is
/// where an argument that cannot travel is told.
fn argument_tuple(exposed: &Exposed) -> TokenStream {
    let types: Vec<&Type> = exposed.routine.arguments().map(|argument| &argument.ty).collect();
    if exposed.routine.takes_all() {
        return quote!(#(#types)*);
    }
    let span = match types.as_slice() {
        [only] => only.span(),
        _ => exposed.routine.name.span(),
    };
    quote_spanned!(span.resolved_at(Span::call_site())=> (#(#types,)*))
}
