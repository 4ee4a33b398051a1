//! Messages of protocols among an agent's requests, and their way to the methods that take them.
//!
//! A protocol is one method of the agent, named as its id: its call brings a message in an envelope, and the agent's
//! queue takes that in before it queues a turn of the handler. Always true: what handles nothing expands to what it would
//! without this file. Neighbours: [`requests`](super::requests) has the enum; `dialogues` of the agents crate the rest.

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::spanned::Spanned;

use super::run::{Way, call, method_path, state_reference, turn};
use super::{plain_name, request_ident};
use crate::model::{Behaviour, Handled, Handler, Mode};
use crate::parse::{Root, docs_text};

fn variant(index: usize) -> Ident {
    format_ident!("__Message_{index}")
}

/// The protocols by their variants.
fn protocols(model: &Behaviour) -> impl Iterator<Item = (Ident, &Handled)> {
    model.handled.iter().enumerate().map(|(index, handled)| (variant(index), handled))
}

/// The handlers of a protocol with their numbers, which count on through all protocols.
fn numbered<'a>(model: &'a Behaviour, protocol: &Handled) -> impl Iterator<Item = (usize, &'a Handler)> {
    let before = model.handled.iter().take_while(|handled| !std::ptr::eq(*handled, protocol));
    let first = before.map(|handled| handled.handlers.len()).sum::<usize>();
    let own = model.handled.iter().filter(|handled| std::ptr::eq(*handled, protocol));
    (first..).zip(own.flat_map(|handled| &handled.handlers))
}

/// What each handler takes.
pub(super) fn handles(root: &Root, model: &Behaviour) -> TokenStream {
    let ty = &model.ty;
    let all = model.handled.iter().flat_map(|handled| {
        numbered(model, handled).map(move |(number, handler)| {
            let (protocol, said) = (&handled.protocol, handler.said().map(|said| &said.ty));
            quote! {
                #[automatically_derived]
                impl #root::Handles<#number> for #ty {
                    type Protocol = #protocol;
                    type Said = #said;
                }
            }
        })
    });
    all.chain(taken_twice(root, model)).collect()
}

/// Whether a kind of mail that has a method of its own is a protocol's, whose mail goes to its handlers: the compiler knows
/// its id.
fn taken_twice<'a>(root: &'a Root, model: &'a Behaviour) -> impl Iterator<Item = TokenStream> + 'a {
    let pairs = model.handled.iter().flat_map(|handled| model.mails.iter().map(move |mail| (handled, mail)));
    pairs.filter_map(move |(handled, mail)| {
        let (id, kind) = (id(root, handled), mail.kind.as_ref().filter(|kind| kind.contains(':'))?);
        let name = &mail.routine.name;
        let words = format!(
            "mail of the kind {kind:?} is messages of a protocol, and goes to the methods marked `#[handles]`: remove \
             `#[on({kind:?})]` from `{name}`"
        );
        Some(quote_spanned! {name.span()=>
            const _: () = ::core::assert!(!#root::is_same_text(#id, #kind), #words);
        })
    })
}

/// The id of a protocol.
fn id(root: &Root, Handled { protocol, .. }: &Handled) -> TokenStream {
    quote_spanned!(protocol.span()=> <#protocol as #root::protocols::typed::TypedProtocol>::ID)
}

/// The variants of the enum of requests.
pub(super) fn variants(root: &Root, model: &Behaviour) -> TokenStream {
    protocols(model)
        .map(|(variant, Handled { protocol, .. })| quote!(#variant(#root::Incoming<#protocol>),))
        .collect()
}

/// The rows of the table of methods.
pub(super) fn infos(root: &Root, model: &Behaviour) -> Vec<TokenStream> {
    protocols(model).map(|(_, handled)| info(root, handled, &quote!(#root::Mode::Shared))).collect()
}

fn info(root: &Root, handled: &Handled, mode: &TokenStream) -> TokenStream {
    let id = id(root, handled);
    quote!(#root::MethodInfo { name: #id, mode: #mode, plain: false, idempotent: true })
}

/// The arms of `method_of`.
pub(super) fn method_of(root: &Root, model: &Behaviour) -> Vec<TokenStream> {
    let request = request_ident();
    let arms = protocols(model).map(|(variant, handled)| {
        let looks = numbered(model, handled).map(|(number, handler)| {
            let mode = match handler.routine.mode {
                Mode::Shared => quote!(Shared),
                Mode::Exclusive => quote!(Exclusive),
            };
            quote! {
                if __performative == #root::index_of::<Self, #number>() {
                    return ::core::option::Option::Some(#root::Mode::#mode);
                }
            }
        });
        let mode = quote!(__incoming.mode(|__performative| {
            #(#looks)*
            ::core::option::Option::None
        }));
        let info = info(root, handled, &mode);
        quote!(#request::#variant(ref __incoming) => #info)
    });
    arms.collect()
}

/// The places of the methods, where a name is that of a protocol.
pub(super) fn method_index(root: &Root, model: &Behaviour) -> TokenStream {
    let own = model.exposed.len();
    let looks = model.handled.iter().enumerate().map(|(index, handled)| {
        let (id, place) = (id(root, handled), own + index);
        quote! {
            if __name == #id {
                return ::core::option::Option::Some(#place);
            }
        }
    });
    quote!(#(#looks)*)
}

/// The arms of `decode`.
pub(super) fn decode(root: &Root, model: &Behaviour) -> Vec<TokenStream> {
    let (request, own) = (request_ident(), model.exposed.len());
    let arms = model.handled.iter().enumerate().map(|(index, Handled { protocol, .. })| {
        let (variant, place) = (variant(index), own + index);
        quote! {
            #place => #root::decode::<#root::Tell<#protocol>, _>(
                __arguments,
                &["envelope"],
                __sink,
                |__arguments, __reply| #request::#variant(#root::Incoming::sealed(__arguments, __reply)),
            )
        }
    });
    arms.collect()
}

/// The arms of `refuse`.
pub(super) fn refuse(model: &Behaviour) -> Vec<TokenStream> {
    let request = request_ident();
    protocols(model)
        .map(|(variant, _)| quote!(#request::#variant(__incoming) => __incoming.refuse(__error)))
        .collect()
}

/// The arms of `is_cancelled`.
pub(super) fn is_cancelled(model: &Behaviour) -> Vec<TokenStream> {
    let request = request_ident();
    protocols(model)
        .map(|(variant, _)| quote!(#request::#variant(ref __incoming) => __incoming.is_cancelled()))
        .collect()
}

/// Whether `__performative` is one that a handler takes.
fn performatives(root: &Root, model: &Behaviour, handled: &Handled) -> TokenStream {
    let each = numbered(model, handled)
        .map(|(number, _)| quote!(__performative == #root::index_of::<Self, #number>()));
    quote!(#(#each)||*)
}

/// What an agent that handles messages has beside: how they are taken in.
pub(super) fn taking_in(root: &Root, model: &Behaviour) -> TokenStream {
    if model.handled.is_empty() {
        return TokenStream::new();
    }
    let request = request_ident();
    let arms = protocols(model).map(|(variant, handled)| {
        let protocol = &handled.protocol;
        let handles = performatives(root, model, handled);
        quote! {
            #request::#variant(__incoming) => #root::take_in::<#protocol, Self>(
                __incoming,
                __scope,
                |__performative| #handles,
                #request::#variant,
            )
        }
    });
    let messages = protocols(model).map(|(variant, handled)| {
        let protocol = &handled.protocol;
        let handles = performatives(root, model, handled);
        quote! {
            if __message.is_of::<#protocol>() {
                return ::core::result::Result::Ok(#root::take_mailed::<#protocol, Self>(
                    __message,
                    __scope,
                    |__performative| #handles,
                    #request::#variant,
                ));
            }
        }
    });
    let protocols = model.handled.iter().map(|handled| &handled.protocol);
    quote! {
        const SPEAKS: bool = true;

        fn take_in(
            __request: Self::Request,
            __scope: &#root::Scope<'_, Self>,
        ) -> #root::Taken<Self::Request> {
            match __request {
                #(#arms,)*
                #[allow(unreachable_patterns)]
                __request => #root::Taken::Call(__request),
            }
        }

        fn take_mailed(
            __message: #root::MailedMessage,
            __scope: &#root::Scope<'_, Self>,
        ) -> ::core::result::Result<#root::Pending<Self::Request>, #root::MailedMessage> {
            #(#messages)*
            ::core::result::Result::Err(__message)
        }

        fn take_dialogues_back(__context: &#root::Context<Self>) {
            #(__context.take_dialogues_back::<#protocols>();)*
        }
    }
}

/// The arms of `run`.
pub(super) fn run(root: &Root, model: &Behaviour) -> Vec<TokenStream> {
    let request = request_ident();
    let arms = protocols(model).map(|(variant, handled)| {
        let tries = numbered(model, handled)
            .map(|(number, handler)| one(root, model, &handled.protocol, number, handler));
        quote! {
            #request::#variant(__incoming) => {
                let ::core::option::Option::Some((__said, __part)) = __incoming.begin(__scope) else {
                    return #root::Step::Done(::core::option::Option::None);
                };
                #(#tries)*
                // Nobody handles it: it is taken in for who asks.
                ::core::mem::drop(__said);
                #root::Step::Done(::core::option::Option::None)
            }
        }
    });
    arms.collect()
}

/// Runs a handler, where it takes what was said.
fn one(
    root: &Root,
    model: &Behaviour,
    protocol: &syn::Type,
    number: usize,
    handler: &Handler,
) -> TokenStream {
    let routine = &handler.routine;
    let name = plain_name(&routine.name);
    let called = call(routine, &method_path(model, None, routine));
    let outcome = quote!(#root::handler_outcome(&__name, #name, &__handled, #called));
    let nowhere = quote!(#root::ReplyTo::encoded(::core::option::Option::None));
    let way = Way { marker: quote!(#root::Timed<Self>), reply: nowhere };
    let turn = turn(root, &state_reference(model, routine), routine, &way, &outcome);
    let dialogue = routine.arguments().nth(1).map(|dialogue| {
        let ty = &dialogue.ty;
        // A dialogue of something else is told where it stands.
        let own = quote_spanned!(ty.span()=> let __1: #ty = __dialogue;);
        quote! {
            let __dialogue = #root::dialogue_of::<Self, #number, _>(&__part);
            #own
        }
    });
    quote! {
        let __said = match #root::from_said::<Self, #number>(__said) {
            ::core::result::Result::Ok(__0) => {
                #dialogue
                let __name = ::std::sync::Arc::clone(__scope.full_name());
                let __handled = #root::Handled::<#protocol>::new(__scope, &__part);
                return #turn;
            }
            ::core::result::Result::Err(__said) => __said,
        };
    }
}

/// The descriptions of the methods.
pub(super) fn descriptions(root: &Root, model: &Behaviour) -> Vec<TokenStream> {
    let all = protocols(model).map(|(_, handled)| {
        let protocol = &handled.protocol;
        let handlers = numbered(model, handled).map(|(number, handler)| {
            let docs = docs_text(&handler.shown);
            quote!((#root::name_of::<Self, #number>(), #docs))
        });
        quote!(#root::describe_messages::<#protocol>(&[#(#handlers),*]))
    });
    all.collect()
}
