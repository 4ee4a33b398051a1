//! Mail on its way to the methods that take it.
//!
//! Always true: what takes no mail expands to what it would without this file. Neighbours: [`run`](super::run) writes the
//! call of the method; `mail` of the agents crate the rest.

use proc_macro2::TokenStream;
use quote::{format_ident, quote, quote_spanned};
use syn::spanned::Spanned;

use super::describe::schema;
use super::plain_name;
use super::run::{call, method_path, state_reference};
use crate::model::{Behaviour, MailHandler, Mode, Parameter, Returns};
use crate::parse::{Root, docs_text};

/// What an agent that takes mail has beside: the table of its handlers, and how one begins.
pub(super) fn taking(root: &Root, model: &Behaviour) -> TokenStream {
    if model.mails.is_empty() {
        return TokenStream::new();
    }
    let infos = model.mails.iter().map(|handler| info(root, handler));
    let arms = model.mails.iter().enumerate().map(|(index, handler)| {
        let turn = turn(root, model, handler);
        quote!(#index => #turn)
    });
    quote! {
        const MAILS: &'static [#root::MailInfo] = &[#(#infos),*];

        fn run_mail(
            __index: usize,
            __state: &::std::rc::Rc<::core::cell::RefCell<Self>>,
            __mail: #root::MailTurn,
            __scope: &#root::Scope<'_, Self>,
        ) -> #root::Step {
            match __index {
                #(#arms,)*
                _ => ::core::unreachable!("a handler that the agent does not have"),
            }
        }
    }
}

fn info(root: &Root, handler: &MailHandler) -> TokenStream {
    let name = plain_name(&handler.routine.name);
    let kind = match &handler.kind {
        Some(kind) => quote!(::core::option::Option::Some(#kind)),
        None => quote!(::core::option::Option::None),
    };
    let mode = match handler.routine.mode {
        Mode::Shared => quote!(Shared),
        Mode::Exclusive => quote!(Exclusive),
    };
    quote!(#root::MailInfo { name: #name, kind: #kind, mode: #root::Mode::#mode })
}

/// Reads what the mail says, and begins the turn.
fn turn(root: &Root, model: &Behaviour, handler: &MailHandler) -> TokenStream {
    let routine = &handler.routine;
    let called = call(routine, &method_path(model, None, routine));
    let outcome = match &handler.returns {
        Returns::Value(_) => quote!(#root::Plain(#called)),
        Returns::Result(_) => called,
    };
    // Said where it stands, for there an answer that cannot be is told.
    let returned = match &handler.returns {
        Returns::Value(ty) => quote_spanned!(ty.span()=> #root::Plain<#ty>),
        Returns::Result(ty) => quote!(#ty),
    };
    let agent = state_reference(model, routine);
    let begin = match (routine.is_async, routine.mode) {
        (false, Mode::Shared) => format_ident!("begin_mail_shared"),
        (false, Mode::Exclusive) => format_ident!("begin_mail_exclusive"),
        (true, Mode::Shared) => format_ident!("begin_mail_shared_async"),
        (true, Mode::Exclusive) => format_ident!("begin_mail_exclusive_async"),
    };
    let body = handler.body().map(|body| {
        let ty = &body.ty;
        let read = quote_spanned!(ty.span()=> __mail.read::<#ty>());
        quote! {
            let (__mail, __0) = match #read {
                ::core::result::Result::Ok(__read) => __read,
                ::core::result::Result::Err(__step) => return __step,
            };
        }
    });
    let takes_delivery =
        routine.parameters.iter().any(|parameter| matches!(parameter, Parameter::Delivery { .. }));
    let delivery = takes_delivery.then(|| quote!(let __delivery = __mail.delivery();));
    let context =
        routine.takes_context().then(|| quote!(let (__context, _) = #root::watched_context(__scope);));
    let asynchronous = routine.is_async.then(|| quote!(async move));
    quote!({
        #body
        #delivery
        #context
        #root::#begin::<_, #returned>(__state, __scope, __mail, #asynchronous |__agent: #agent| #outcome)
    })
}

/// What an agent tells of the mail that it takes.
pub(super) fn descriptions(root: &Root, model: &Behaviour) -> TokenStream {
    let mails = model.mails.iter().map(|handler| {
        let (name, docs) = (plain_name(&handler.routine.name), docs_text(&handler.shown));
        let kind = match &handler.kind {
            Some(kind) => quote!(::core::option::Option::Some(::std::string::String::from(#kind))),
            None => quote!(::core::option::Option::None),
        };
        let shared = handler.routine.mode == Mode::Shared;
        let body = match handler.body() {
            Some(body) => schema(root, &body.ty),
            None => quote!(::core::convert::From::from(true)),
        };
        let returns = match &handler.returns {
            Returns::Value(ty) => schema(root, ty),
            Returns::Result(ty) => schema(root, quote!(<#ty as #root::ResultParts>::Ok)),
        };
        quote! {
            #root::MailDescription {
                kind: #kind,
                name: ::std::string::String::from(#name),
                docs: ::std::string::String::from(#docs),
                shared: #shared,
                body: #body,
                returns: #returns,
            }
        }
    });
    quote!(::std::vec![#(#mails),*])
}
