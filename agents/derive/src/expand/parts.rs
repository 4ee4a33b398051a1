//! The objects of an agent, or of another object: their calls, and where they are in the state.
//!
//! Always true: what has no objects expands to what it would without this file. Neighbours: [`object`](super::object)
//! writes an object's own block; the traits are in `objects.rs` of the agents crate.

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};
use syn::Type;

use super::{plain_name, request_ident};
use crate::model::{Behaviour, Part};
use crate::parse::Root;

/// The type that says which part of its owner an object is: `__math_part<House, Math>`.
///
/// It is public and carries both types, so it is as private as the more private of them.
fn part_type(owner: &Type, part: &Part) -> TokenStream {
    let (ident, ty) = (part_ident(part), &part.ty);
    quote!(#ident<#owner, #ty>)
}

fn part_ident(part: &Part) -> Ident {
    format_ident!("__{}_part", plain_name(&part.name))
}

/// The place of a part of `owner`, which is at `place`.
fn place_below(root: &Root, owner: &Type, part: &Part, place: &TokenStream) -> TokenStream {
    let part = part_type(owner, part);
    quote!(#root::Below<#place, #part>)
}

/// The methods of the generated calls that lead to the calls of objects.
pub(super) fn accessors(root: &Root, model: &Behaviour, place: &TokenStream) -> TokenStream {
    model.parts.iter().map(|part| accessor(root, &model.ty, part, place)).collect()
}

fn accessor(root: &Root, owner: &Type, part: &Part, place: &TokenStream) -> TokenStream {
    let Part { name, ty, shown, .. } = part;
    let below = place_below(root, owner, part, place);
    quote! {
        #(#shown)*
        pub fn #name(&self) -> <#ty as #root::Object>::CallsAt<#below> {
            #root::CallsAt::at(::core::clone::Clone::clone(&self.0))
        }
    }
}

/// One type for each part, and the exclusive half of its accessor.
pub(super) fn parts(root: &Root, model: &Behaviour) -> TokenStream {
    model.parts.iter().map(|part| one(root, model, part)).collect()
}

fn one(root: &Root, model: &Behaviour, part: &Part) -> TokenStream {
    let (owner, request, ident) = (&model.ty, request_ident(), part_ident(part));
    let Part { name, ty, exclusive, .. } = part;
    let part_type = part_type(owner, part);
    let (text, exclusive_name) = (plain_name(name), &exclusive.sig.ident);
    quote! {
        impl #owner {
            #exclusive
        }

        pub struct #ident<O, T>(::core::marker::PhantomData<(O, T)>);

        #[automatically_derived]
        impl #root::Part for #part_type {
            type Owner = #owner;
            type OwnerRequest = #request;
            type Object = #ty;
            const NAME: &'static str = #text;

            fn wrap(__request: <#ty as #root::Interface>::Request) -> #request {
                #request::#name(__request)
            }

            fn shared(__owner: &#owner) -> &#ty {
                <#owner>::#name(__owner)
            }

            fn exclusive(__owner: &mut #owner) -> &mut #ty {
                <#owner>::#exclusive_name(__owner)
            }
        }
    }
}

/// The variants of the enum of requests.
pub(super) fn variants(root: &Root, model: &Behaviour) -> TokenStream {
    let variants =
        model.parts.iter().map(|Part { name, ty, .. }| quote!(#name(<#ty as #root::Interface>::Request),));
    variants.collect()
}

/// The table of methods: the owner's own, and behind them those of its objects.
pub(super) fn methods(root: &Root, model: &Behaviour, own: &[TokenStream]) -> TokenStream {
    if model.parts.is_empty() {
        return quote!(&[#(#own),*]);
    }
    let lists = model.parts.iter().map(|Part { name, ty, .. }| {
        let name = plain_name(name);
        quote!((#name, <#ty as #root::Object>::METHODS))
    });
    quote! {
        {
            const __LISTS: &[(&str, &[#root::MethodInfo])] = &[("", &[#(#own),*]), #(#lists),*];
            const __COUNT: usize = #root::count(__LISTS);
            const __PATHS: &[#root::MethodPath; __COUNT] = &#root::paths(__LISTS);
            const __METHODS: &[#root::MethodInfo; __COUNT] = &#root::methods(__LISTS, __PATHS);
            __METHODS
        }
    }
}

/// How many methods come before those of the part at `index`.
fn before(root: &Root, model: &Behaviour, index: usize) -> TokenStream {
    let own = model.exposed.len() + model.handled.len();
    let types = model.parts.iter().take(index).map(|part| &part.ty);
    quote!((#own #(+ <#types as #root::Object>::METHODS.len())*))
}

/// Looks a method up whose path leads through a part.
pub(super) fn method_index(root: &Root, model: &Behaviour) -> TokenStream {
    let looks = model.parts.iter().enumerate().map(|(index, Part { name, ty, .. })| {
        let (prefix, before) = (format!("{}/", plain_name(name)), before(root, model, index));
        quote! {
            if let ::core::option::Option::Some(__rest) = __name.strip_prefix(#prefix) {
                return <#ty as #root::Object>::method_index(__rest).map(|__index| __index + #before);
            }
        }
    });
    quote!({
        #(#looks)*
        ::core::option::Option::None
    })
}

/// Looks a function up that is not exposed, beneath a part.
pub(super) fn unexposed(root: &Root, model: &Behaviour) -> TokenStream {
    let looks = model.parts.iter().map(|Part { name, ty, .. }| {
        let prefix = format!("{}/", plain_name(name));
        quote! {
            if let ::core::option::Option::Some(__rest) = __name.strip_prefix(#prefix) {
                return <#ty as #root::Object>::unexposed(__rest);
            }
        }
    });
    quote!({
        #(#looks)*
        ::core::option::Option::None
    })
}

/// Decodes the arguments of a method of a part.
pub(super) fn decode(root: &Root, model: &Behaviour, place: &TokenStream) -> TokenStream {
    let request = request_ident();
    let tries = model.parts.iter().enumerate().map(|(index, part)| {
        let Part { name, ty, .. } = part;
        let (below, before) = (place_below(root, &model.ty, part, place), before(root, model, index));
        quote! {
            if __method - #before < <#ty as #root::Object>::METHODS.len() {
                return <#ty as #root::Object>::decode::<#below>(__method - #before, __arguments, __sink)
                    .map(#request::#name);
            }
        }
    });
    quote!({
        #(#tries)*
        ::core::unreachable!("a method that the agent does not have")
    })
}

/// The places in the table of the methods of parts, by their requests.
pub(super) fn indices(root: &Root, model: &Behaviour) -> Vec<TokenStream> {
    let request = request_ident();
    let arms = model.parts.iter().enumerate().map(|(index, Part { name, ty, .. })| {
        let before = before(root, model, index);
        quote!(#request::#name(ref __inner) => <#ty as #root::Object>::index_of(__inner) + #before)
    });
    arms.collect()
}

/// The queue's view of the requests of an agent's parts.
pub(super) fn infos(root: &Root, model: &Behaviour) -> Vec<TokenStream> {
    let request = request_ident();
    let arms = model.parts.iter().enumerate().map(|(index, Part { name, ty, .. })| {
        let before = before(root, model, index);
        quote! {
            #request::#name(ref __inner) => {
                #root::info_at(Self::METHODS, <#ty as #root::Object>::index_of(__inner) + #before)
            }
        }
    });
    arms.collect()
}

/// Answers requests of parts without running them.
pub(super) fn refuse(root: &Root, model: &Behaviour) -> Vec<TokenStream> {
    let request = request_ident();
    let arms = model.parts.iter().map(|Part { name, ty, .. }| {
        quote!(#request::#name(__inner) => <#ty as #root::Object>::refuse(__inner, __error))
    });
    arms.collect()
}

/// Whether nobody waits for requests of parts any more.
pub(super) fn is_cancelled(root: &Root, model: &Behaviour) -> Vec<TokenStream> {
    let request = request_ident();
    let arms = model.parts.iter().map(|Part { name, ty, .. }| {
        quote!(#request::#name(ref __inner) => <#ty as #root::Object>::is_cancelled(__inner))
    });
    arms.collect()
}

/// Runs requests of parts.
pub(super) fn run(
    root: &Root,
    model: &Behaviour,
    place: &TokenStream,
    agent: &TokenStream,
) -> Vec<TokenStream> {
    let request = request_ident();
    let arms = model.parts.iter().map(|part| {
        let Part { name, ty, .. } = part;
        let below = place_below(root, &model.ty, part, place);
        quote! {
            #request::#name(__inner) => <#ty as #root::ObjectOf<#agent>>::run::<#below>(__state, __inner, __scope)
        }
    });
    arms.collect()
}

/// The descriptions of the owner's own methods, and of its objects' behind them.
pub(super) fn descriptions(root: &Root, model: &Behaviour, own: &TokenStream) -> TokenStream {
    if model.parts.is_empty() {
        return own.clone();
    }
    let objects = model.parts.iter().map(|Part { name, ty, .. }| {
        let name = plain_name(name);
        quote!((#name, <#ty as #root::Object>::describe()))
    });
    quote!(#root::describe_all(#own, ::std::vec![#(#objects),*]))
}
