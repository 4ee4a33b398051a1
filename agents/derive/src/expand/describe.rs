//! What an agent tells about itself: names, docs, schemas.
//!
//! A type's schema is found by method resolution: a type without one gives `true`, anything. Neighbour:
//! `describe.rs` of the agents crate.

use proc_macro2::TokenStream;
use quote::quote;

use super::{mail, messages, parts, plain_name, result_types};
use crate::model::{Behaviour, Exposed, Mode};
use crate::parse::{Root, docs_text};

/// `describe`.
pub(super) fn describe(root: &Root, model: &Behaviour) -> TokenStream {
    let (methods, mails) = (methods(root, model), mail::descriptions(root, model));
    quote! {
        fn describe() -> #root::AgentDescription {
            #[allow(unused_imports)]
            use #root::{WithSchema as _, WithoutSchema as _};
            #root::AgentDescription {
                agent_type: ::std::string::String::from(<Self as #root::Agent>::TYPE),
                docs: ::std::string::String::from(<Self as #root::Agent>::DOCS),
                methods: #methods,
                mails: #mails,
            }
        }
    }
}

/// The descriptions of all methods.
pub(super) fn methods(root: &Root, model: &Behaviour) -> TokenStream {
    let own = model.exposed.iter().map(|exposed| method(root, exposed));
    let messages = messages::descriptions(root, model);
    parts::descriptions(root, model, &quote!(::std::vec![#(#own,)* #(#messages),*]))
}

fn method(root: &Root, exposed: &Exposed) -> TokenStream {
    let name = plain_name(&exposed.routine.name);
    let docs = docs_text(&exposed.shown);
    let (shared, idempotent) = (exposed.routine.mode == Mode::Shared, exposed.idempotent);
    let arguments = exposed.routine.arguments().map(|argument| {
        let (name, schema) = (plain_name(&argument.name), schema(root, &argument.ty));
        quote!(#root::ArgumentDescription { name: ::std::string::String::from(#name), schema: #schema })
    });
    let (ok, _) = result_types(exposed, root);
    let returns = schema(root, &ok);
    quote! {
        #root::MethodDescription {
            name: ::std::string::String::from(#name),
            docs: ::std::string::String::from(#docs),
            shared: #shared,
            idempotent: #idempotent,
            arguments: ::std::vec![#(#arguments),*],
            returns: #returns,
        }
    }
}

pub(super) fn schema(root: &Root, ty: impl quote::ToTokens) -> TokenStream {
    quote!((&#root::Probe::<#ty>(::core::marker::PhantomData)).schema())
}
