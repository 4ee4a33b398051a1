//! The enum of an agent's requests, with what the queue asks of one without running it.
//!
//! One variant for each exposed method, with its arguments and its way back, and one for each timer. Neighbours:
//! [`decode`](super::decode) makes requests from bytes, [`run`](super::run) runs them.

use proc_macro2::TokenStream;
use quote::quote;

use super::methods::marker;
use super::{argument_tuple, ends, messages, parts, plain_name, request_ident, result_types};
use crate::model::{Behaviour, Mode, Routine};
use crate::parse::Root;

/// The enum.
pub(super) fn enumeration(root: &Root, model: &Behaviour) -> TokenStream {
    let request = request_ident();
    let exposed = model.exposed.iter().map(|exposed| {
        let variant = &exposed.routine.name;
        let arguments = argument_tuple(exposed);
        let (ok, err) = result_types(exposed, root);
        quote!(#variant(#arguments, #root::ReplyTo<#ok, #err>))
    });
    let timers = model.timers.iter().map(|timer| &timer.routine.name);
    let (parts, messages) = (parts::variants(root, model), messages::variants(root, model));
    let ends = ends::variants(root, model);
    quote! {
        pub enum #request {
            #(#exposed,)*
            #parts
            #messages
            #ends
            #(#timers,)*
        }
    }
}

/// The queue's view of the methods and timers.
pub(super) fn tables(root: &Root, model: &Behaviour) -> TokenStream {
    let methods = methods(root, model);
    let timers = model.timers.iter().map(|timer| {
        let (name, nanos) = (plain_name(&timer.routine.name), timer.period_nanos);
        quote!(#root::TimerInfo { name: #name, period: ::core::time::Duration::from_nanos(#nanos) })
    });
    quote! {
        const METHODS: &'static [#root::MethodInfo] = #methods;
        const TIMERS: &'static [#root::TimerInfo] = &[#(#timers),*];
    }
}

/// The table of methods.
pub(super) fn methods(root: &Root, model: &Behaviour) -> TokenStream {
    let own = model.exposed.iter().map(|exposed| info(root, &exposed.routine, exposed.idempotent));
    let own: Vec<_> = own.chain(messages::infos(root, model)).collect();
    parts::methods(root, model, &own)
}

fn info(root: &Root, routine: &Routine, idempotent: bool) -> TokenStream {
    let name = plain_name(&routine.name);
    let mode = match routine.mode {
        Mode::Shared => quote!(Shared),
        Mode::Exclusive => quote!(Exclusive),
    };
    let plain = !routine.is_async;
    quote! {
        #root::MethodInfo { name: #name, mode: #root::Mode::#mode, plain: #plain, idempotent: #idempotent }
    }
}

/// `method_of`.
pub(super) fn method_of(root: &Root, model: &Behaviour) -> TokenStream {
    let request = request_ident();
    let exposed = model.exposed.iter().map(|exposed| {
        let (variant, info) = (&exposed.routine.name, info(root, &exposed.routine, exposed.idempotent));
        quote!(#request::#variant(..) => #info)
    });
    let timers = model.timers.iter().map(|timer| {
        let (variant, info) = (&timer.routine.name, info(root, &timer.routine, false));
        quote!(#request::#variant => #info)
    });
    let (messages, below) = (messages::method_of(root, model), parts::infos(root, model));
    let ends = ends::method_of(root, model);
    quote! {
        #[inline]
        fn method_of(__request: &Self::Request) -> #root::MethodInfo {
            match *__request {
                #(#exposed,)*
                #(#timers,)*
                #(#messages,)*
                #(#ends,)*
                #(#below,)*
            }
        }
    }
}

/// `refuse`.
pub(super) fn refuse(root: &Root, model: &Behaviour) -> TokenStream {
    let (request, below) = (request_ident(), parts::refuse(root, model));
    let (messages, ends) = (messages::refuse(model), ends::refuse(model));
    let exposed = model.exposed.iter().map(|exposed| {
        let (variant, marker) = (&exposed.routine.name, marker(exposed, &model.ty));
        quote!(#request::#variant(_, __reply) => #root::refuse::<#marker>(__reply, __error))
    });
    let timers = model.timers.iter().map(|timer| &timer.routine.name);
    quote! {
        fn refuse(__request: Self::Request, __error: #root::CallError) {
            match __request {
                #(#exposed,)*
                #(#request::#timers => {})*
                #(#messages,)*
                #(#ends,)*
                #(#below,)*
            }
        }
    }
}

/// `is_cancelled`.
pub(super) fn is_cancelled(root: &Root, model: &Behaviour) -> TokenStream {
    let (request, below) = (request_ident(), parts::is_cancelled(root, model));
    let (messages, ends) = (messages::is_cancelled(model), ends::is_cancelled(model));
    let exposed = model.exposed.iter().map(|exposed| &exposed.routine.name);
    let timers = model.timers.iter().map(|timer| &timer.routine.name);
    quote! {
        #[inline]
        fn is_cancelled(__request: &Self::Request) -> bool {
            match *__request {
                #(#request::#exposed(_, ref __reply) => __reply.is_cancelled(),)*
                #(#request::#timers => false,)*
                #(#messages,)*
                #(#ends,)*
                #(#below,)*
            }
        }
    }
}

/// `timer`.
pub(super) fn timer(model: &Behaviour) -> TokenStream {
    let request = request_ident();
    let timers = model.timers.iter().enumerate().map(|(index, timer)| {
        let variant = &timer.routine.name;
        quote!(#index => #request::#variant)
    });
    quote! {
        fn timer(__index: usize) -> Self::Request {
            match __index {
                #(#timers,)*
                _ => ::core::unreachable!("a timer that the agent does not have"),
            }
        }
    }
}
