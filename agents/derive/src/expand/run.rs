//! How a turn begins: from a request to the user's method, by its full path.
//!
//! Always true: the user's method runs inside a panic guard, and the state is borrowed only as long as it runs.
//! Neighbour: the `begin` module of the agents crate has the guards.

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};

use super::methods::marker;
use super::{plain_name, request_ident};
use crate::model::{Behaviour, Mode, Parameter, Returns, Routine};
use crate::parse::Root;

/// `run`.
pub(super) fn run(root: &Root, model: &Behaviour) -> TokenStream {
    let request = request_ident();
    let exposed = model.exposed.iter().map(|exposed| {
        let routine = &exposed.routine;
        let (variant, names) = (&routine.name, argument_names(routine));
        let called = call(routine, &method_path(model, model.of_trait.as_ref(), routine));
        let outcome = match exposed.returns {
            Returns::Value(_) => quote!(#root::Plain(#called)),
            Returns::Result(_) => called,
        };
        let marker = marker(exposed, &model.ty);
        let turn =
            turn(root, model, routine, &Way { marker: quote!(#marker), reply: quote!(__reply) }, &outcome);
        quote!(#request::#variant((#(#names,)*), __reply) => #turn)
    });
    let timers = model.timers.iter().map(|timer| {
        let routine = &timer.routine;
        let (variant, name) = (&routine.name, plain_name(&routine.name));
        let called = call(routine, &method_path(model, None, routine));
        let outcome = quote!(#root::timer_outcome(&__name, #name, #called));
        let nowhere = quote!(#root::ReplyTo::encoded(::core::option::Option::None));
        let turn =
            turn(root, model, routine, &Way { marker: quote!(#root::Timed<Self>), reply: nowhere }, &outcome);
        quote!(#request::#variant => {
            let __name = ::std::sync::Arc::clone(__scope.name());
            #turn
        })
    });
    quote! {
        fn run(
            __state: &::std::rc::Rc<::core::cell::RefCell<Self>>,
            __request: Self::Request,
            __scope: &#root::Scope<'_, Self>,
        ) -> #root::Step {
            match __request {
                #(#exposed,)*
                #(#timers,)*
            }
        }
    }
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
struct Way {
    /// The type of the method.
    marker: TokenStream,
    /// The `ReplyTo`.
    reply: TokenStream,
}

fn turn(
    root: &Root,
    model: &Behaviour,
    routine: &Routine,
    Way { marker, reply }: &Way,
    outcome: &TokenStream,
) -> TokenStream {
    let agent = state_reference(model, routine);
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
