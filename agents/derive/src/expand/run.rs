//! How a turn begins: from a request to the user's method, by its full path.
//!
//! Always true: the user's method runs inside a panic guard, and the state is borrowed only as long as it runs.
//! Neighbour: the `begin` module of the agents crate has the guards.

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};

use super::methods::marker;
use super::{argument_values, ends, messages, parts, plain_name, request_ident, top};
use crate::model::{Behaviour, Exposed, Mode, Parameter, Returns, Routine};
use crate::parse::Root;

/// `run`.
pub(super) fn run(root: &Root, model: &Behaviour) -> TokenStream {
    let request = request_ident();
    let exposed = model.exposed.iter().map(|exposed| {
        let marker = marker(exposed, &model.ty);
        let way = Way { marker: quote!(#marker), reply: quote!(__reply) };
        let (outcome, agent) = (outcome(root, model, exposed), state_reference(model, &exposed.routine));
        arm(exposed, &turn(root, &agent, &exposed.routine, &way, &outcome))
    });
    let ty = &model.ty;
    let parts = parts::run(root, model, &top(root, model), &quote!(#ty));
    let timers = model.timers.iter().map(|timer| {
        let routine = &timer.routine;
        let (variant, name) = (&routine.name, plain_name(&routine.name));
        let called = call(routine, &method_path(model, None, routine));
        let outcome = quote!(#root::timer_outcome(&__name, #name, #called));
        let nowhere = quote!(#root::ReplyTo::encoded(::core::option::Option::None));
        let way = Way { marker: quote!(#root::Timed<Self>), reply: nowhere };
        let turn = turn(root, &state_reference(model, routine), routine, &way, &outcome);
        quote!(#request::#variant => {
            let __name = ::std::sync::Arc::clone(__scope.full_name());
            #turn
        })
    });
    let (messages, ends) = (messages::run(root, model), ends::run(root, model));
    quote! {
        fn run(
            __state: &::std::rc::Rc<::core::cell::RefCell<Self>>,
            __request: Self::Request,
            __scope: &#root::Scope<'_, Self>,
        ) -> #root::Step {
            match __request {
                #(#exposed,)*
                #(#timers,)*
                #(#messages,)*
                #(#ends,)*
                #(#parts,)*
            }
        }
    }
}

/// The arms of `run` of an object at the place `__P` within an `agent`.
pub(super) fn object_arms(root: &Root, model: &Behaviour, agent: &TokenStream) -> TokenStream {
    let place = quote!(__P);
    let exposed = model.exposed.iter().map(|exposed| {
        let marker = marker(exposed, &model.ty);
        let way = Way { marker: quote!(#root::Via<#place, #marker>), reply: quote!(__reply) };
        let (state, half) = match exposed.routine.mode {
            Mode::Shared => (quote!(&#agent), format_ident!("shared")),
            Mode::Exclusive => (quote!(&mut #agent), format_ident!("exclusive")),
        };
        let outcome = outcome(root, model, exposed);
        let outcome = quote!({
            let __agent = <#place as #root::Place>::#half(__agent);
            #outcome
        });
        arm(exposed, &turn(root, &state, &exposed.routine, &way, &outcome))
    });
    let parts = parts::run(root, model, &place, agent);
    quote!(#(#exposed,)* #(#parts,)*)
}

/// What an exposed method returns, as the guards take it.
fn outcome(root: &Root, model: &Behaviour, exposed: &Exposed) -> TokenStream {
    let routine = &exposed.routine;
    let called = call(routine, &method_path(model, model.of_trait.as_ref(), routine));
    match exposed.returns {
        Returns::Value(_) => quote!(#root::Plain(#called)),
        Returns::Result(_) => called,
    }
}

fn arm(exposed: &Exposed, turn: &TokenStream) -> TokenStream {
    let (request, variant) = (request_ident(), &exposed.routine.name);
    let arguments = argument_values(exposed, &argument_names(&exposed.routine));
    quote!(#request::#variant(#arguments, __reply) => #turn)
}

fn argument_names(routine: &Routine) -> Vec<Ident> {
    (0..routine.arguments().count()).map(argument_name).collect()
}

fn argument_name(index: usize) -> Ident {
    format_ident!("__{index}")
}

/// `<Counter>::add` or `<Counter as CounterApi>::add`.
pub(super) fn method_path(model: &Behaviour, of_trait: Option<&syn::Path>, routine: &Routine) -> TokenStream {
    let (ty, name) = (&model.ty, &routine.name);
    match of_trait {
        Some(of_trait) => quote!(<#ty as #of_trait>::#name),
        None => quote!(<#ty>::#name),
    }
}

/// The call of the method itself, awaited where it is async. The state is `__agent`, the context `__context`.
pub(super) fn call(routine: &Routine, path: &TokenStream) -> TokenStream {
    let mut next = 0;
    let parameters = routine.parameters.iter().map(|parameter| match parameter {
        Parameter::Context => quote!(&__context),
        Parameter::Delivery { is_owned: true } => quote!(::core::clone::Clone::clone(&__delivery)),
        Parameter::Delivery { is_owned: false } => quote!(&__delivery),
        Parameter::Argument(_) => {
            let name = argument_name(next);
            next += 1;
            quote!(#name)
        }
    });
    let called = quote!(#path(__agent, #(#parameters),*));
    if routine.is_async { quote!(#called.await) } else { called }
}

/// The reference to the state that a method takes.
pub(super) fn state_reference(model: &Behaviour, routine: &Routine) -> TokenStream {
    let ty = &model.ty;
    match routine.mode {
        Mode::Shared => quote!(&#ty),
        Mode::Exclusive => quote!(&mut #ty),
    }
}

/// Where a turn's answer goes.
pub(super) struct Way {
    /// The type of the method.
    pub(super) marker: TokenStream,
    /// The `ReplyTo`.
    pub(super) reply: TokenStream,
}

/// Begins a turn.
pub(super) fn turn(
    root: &Root,
    agent: &TokenStream,
    routine: &Routine,
    Way { marker, reply }: &Way,
    outcome: &TokenStream,
) -> TokenStream {
    let begin = match (routine.is_async, routine.mode) {
        (false, Mode::Shared) => format_ident!("begin_shared"),
        (false, Mode::Exclusive) => format_ident!("begin_exclusive"),
        (true, Mode::Shared) => format_ident!("begin_shared_async"),
        (true, Mode::Exclusive) => format_ident!("begin_exclusive_async"),
    };
    let watched = routine.takes_context();
    let context = watched.then(|| quote!(let (__context, __flag) = #root::watched_context(__scope);));
    if !routine.is_async {
        return quote!({ #context #root::#begin::<#marker, _, _>(__state, __scope, #reply, |__agent: #agent| #outcome) });
    }
    let flag = if watched {
        quote!(::core::option::Option::Some(__flag))
    } else {
        quote!(::core::option::Option::None)
    };
    quote!({
        #context
        #root::#begin::<#marker, _, _>(__state, __scope, #reply, #flag, async move |__agent: #agent| #outcome)
    })
}
