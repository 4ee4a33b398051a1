//! What all marked methods have in common: a receiver, a context perhaps, arguments that can travel.
//!
//! Neighbours: [`exposed`](super::exposed) and [`internal`](super::internal) add what only they ask for.

use proc_macro2::{Ident, Span};
use syn::{FnArg, Pat, PatType, Path, Receiver, Signature, Type};

use super::marker::Marker;
use super::owned;
use crate::mistakes::Mistakes;
use crate::model::{Argument, Mode, Parameter, Routine};

/// The most arguments that an exposed method may take.
pub(crate) const MAX_ARGUMENTS: usize = 12;

/// Who asks for a method's signature.
#[derive(Clone, Copy)]
pub(crate) struct Asker<'a> {
    /// The method's marker.
    pub(crate) marker: Marker,
    /// What `Self` is; `None` in a trait.
    pub(crate) agent: Option<&'a Path>,
}

/// Reads a method with a receiver; `None` where something is wrong with it, which is noted.
pub(crate) fn routine(signature: &Signature, asker: Asker<'_>, mistakes: &mut Mistakes) -> Option<Routine> {
    let before = mistakes.count();
    refuse_qualifiers(signature, asker.marker, mistakes);
    let mode = match signature.receiver() {
        Some(receiver) => mode_of(receiver, asker.marker, mistakes),
        None => {
            mistakes.note(
                &signature.ident,
                format!("{} needs the agent's state: take `&self` or `&mut self` first", asker.marker),
            );
            None
        }
    };
    let mut parameters = Vec::new();
    for input in &signature.inputs {
        if let FnArg::Typed(input) = input {
            parameters.extend(parameter(input, asker, mistakes));
        }
    }
    refuse_excess(signature, &parameters, mistakes);
    let mode = mode.filter(|_| mistakes.count() == before)?;
    Some(Routine { name: signature.ident.clone(), mode, is_async: signature.asyncness.is_some(), parameters })
}

/// Notes what no marked function can have: type parameters, `unsafe`, `const`, `extern`.
pub(crate) fn refuse_qualifiers(signature: &Signature, marker: Marker, mistakes: &mut Mistakes) {
    let generics = &signature.generics;
    if !generics.params.is_empty() {
        mistakes.note(
            &generics.params,
            format!("{marker} cannot be generic: whoever calls it names no types, so write concrete ones"),
        );
    } else if let Some(clause) = &generics.where_clause {
        mistakes
            .note(clause, format!("{marker} cannot have a `where` clause: it is called with concrete types"));
    }
    if let Some(token) = &signature.unsafety {
        mistakes.note(
            token,
            format!("{marker} cannot be `unsafe`: nobody could keep its promises on a call's behalf"),
        );
    }
    if let Some(token) = &signature.constness {
        mistakes.note(token, format!("{marker} cannot be `const`: it is called at run time only"));
    }
    if let Some(token) = &signature.abi {
        mistakes.note(token, format!("{marker} cannot be `extern`: it is called by its container only"));
    }
    if let Some(token) = &signature.variadic {
        mistakes.note(token, format!("{marker} takes a fixed number of arguments"));
    }
}

fn mode_of(receiver: &Receiver, marker: Marker, mistakes: &mut Mistakes) -> Option<Mode> {
    let is_plain = receiver.colon_token.is_none();
    match &receiver.reference {
        Some((_, None)) if is_plain && receiver.mutability.is_some() => Some(Mode::Exclusive),
        Some((_, None)) if is_plain => Some(Mode::Shared),
        Some((_, Some(lifetime))) if is_plain => {
            mistakes
                .note(lifetime, format!("{marker} borrows the state for one turn: leave the lifetime out"));
            None
        }
        _ => {
            mistakes.note(
                receiver,
                format!(
                    "{marker} borrows the agent's state and leaves it in place: take `&self` or `&mut self`"
                ),
            );
            None
        }
    }
}

fn parameter(input: &PatType, asker: Asker<'_>, mistakes: &mut Mistakes) -> Option<Parameter> {
    if is_context(&input.ty) {
        return context(input, asker, mistakes);
    }
    if asker.marker == Marker::On && is_delivery(&input.ty) {
        return Some(Parameter::Delivery { is_owned: !matches!(&*input.ty, Type::Reference(_)) });
    }
    if matches!(asker.marker, Marker::Handles | Marker::Ended | Marker::On) {
        let ty = match asker.agent {
            Some(agent) => owned::without_self(&input.ty, agent),
            None => (*input.ty).clone(),
        };
        // Whatever its pattern: nobody calls it by name.
        let name = Ident::new("argument", Span::call_site());
        return Some(Parameter::Argument(Box::new(Argument { name, ty })));
    }
    if asker.marker != Marker::Expose {
        mistakes.note(
            input,
            format!("{} is called by the container, which has no arguments for it: it takes `ctx: &Context<Self>` at most", asker.marker),
        );
        return None;
    }
    let name = argument_name(input, mistakes);
    owned::check(&input.ty, "an argument", mistakes);
    let ty = match asker.agent {
        Some(agent) => owned::without_self(&input.ty, agent),
        None => (*input.ty).clone(),
    };
    if let (None, Some(span)) = (asker.agent, owned::find_self(&ty)) {
        mistakes.add(syn::Error::new(
            span,
            "an argument cannot be `Self` here: the trait's callers do not know the agent's type",
        ));
    }
    Some(Parameter::Argument(Box::new(Argument { name: name?, ty })))
}

fn argument_name(input: &PatType, mistakes: &mut Mistakes) -> Option<Ident> {
    match &*input.pat {
        Pat::Ident(pattern) if pattern.by_ref.is_none() && pattern.subpat.is_none() => {
            Some(pattern.ident.clone())
        }
        pattern => {
            mistakes.note(
                pattern,
                "an argument needs a plain name, for callers may pass it by name: take it apart inside the method",
            );
            None
        }
    }
}

/// Whether `ty` is `Context<..>`, owned or borrowed.
pub(crate) fn is_context(ty: &Type) -> bool {
    match ty {
        Type::Reference(reference) => is_context(&reference.elem),
        other => owned::last_word(other).is_some_and(|word| word == "Context"),
    }
}

/// Whether `ty` is `Delivery`, owned or borrowed.
fn is_delivery(ty: &Type) -> bool {
    match ty {
        Type::Reference(reference) => reference.mutability.is_none() && is_delivery(&reference.elem),
        other => owned::last_word(other).is_some_and(|word| word == "Delivery"),
    }
}

/// Whether `ty` is `&Context<..>`.
pub(crate) fn is_context_reference(ty: &Type) -> bool {
    matches!(ty, Type::Reference(at) if at.mutability.is_none() && at.lifetime.is_none() && !matches!(*at.elem, Type::Reference(_)))
        && is_context(ty)
}

fn context(input: &PatType, asker: Asker<'_>, mistakes: &mut Mistakes) -> Option<Parameter> {
    if asker.agent.is_none() {
        mistakes.note(
            input,
            "a trait for callers has no context: only an agent's own `#[agent] impl` block can take `&Context<Self>`",
        );
    } else if is_context_reference(&input.ty) {
        return Some(Parameter::Context);
    } else {
        mistakes.note(&input.ty, "a method borrows its context: write `&Context<Self>`");
    }
    None
}

fn refuse_excess(signature: &Signature, parameters: &[Parameter], mistakes: &mut Mistakes) {
    let mut contexts =
        signature.inputs.iter().filter(|input| matches!(input, FnArg::Typed(input) if is_context(&input.ty)));
    if let Some(second) = contexts.nth(1) {
        mistakes.note(second, "one context is enough: remove this one");
    }
    let all = parameters.iter().find_map(|parameter| match parameter {
        Parameter::Argument(argument) if argument.is_all() => Some(argument),
        _ => None,
    });
    let arguments = parameters.iter().filter(|parameter| matches!(parameter, Parameter::Argument(_))).count();
    if let Some(all) = all.filter(|_| arguments > 1) {
        mistakes.note(
            &all.ty,
            "`AllArguments` are all that a call brings: a method that takes them takes no others",
        );
    }
    if arguments > MAX_ARGUMENTS {
        mistakes.note(
            &signature.inputs,
            format!(
                "a call carries at most {MAX_ARGUMENTS} arguments, this one has {arguments}: group them in a struct"
            ),
        );
    }
}
