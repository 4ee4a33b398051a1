//! Methods that the container calls by itself: `#[every]`, `#[run]`, `#[start]`, `#[stop]`.
//!
//! Neighbours: [`signature`](super::signature) reads the parameters, [`period`](super::period) the period.

use syn::{Attribute, FnArg, ReturnType, Signature};

use super::exposed::refuse_conditions;
use super::marker::Marker;
use super::signature::{self, Asker};
use super::{owned, period};
use crate::mistakes::Mistakes;
use crate::model::{Loop, Routine, Timer};

/// Reads a method that the clock calls.
pub(crate) fn timer(
    mark: &Attribute,
    attributes: &[Attribute],
    signature: &Signature,
    asker: Asker<'_>,
    mistakes: &mut Mistakes,
) -> Option<Timer> {
    let period_nanos = match period::period_nanos(mark) {
        Ok(nanos) => Some(nanos),
        Err(error) => {
            mistakes.add(error);
            None
        }
    };
    let routine = hook(attributes, signature, asker, mistakes);
    Some(Timer { routine: routine?, period_nanos: period_nanos? })
}

/// Reads a method with a receiver and no arguments, which returns nothing or a result.
pub(crate) fn hook(
    attributes: &[Attribute],
    signature: &Signature,
    asker: Asker<'_>,
    mistakes: &mut Mistakes,
) -> Option<Routine> {
    let before = mistakes.count();
    refuse_conditions(attributes, mistakes);
    if let ReturnType::Type(_, ty) = &signature.output
        && !owned::is_unit(ty)
        && owned::last_word(ty).is_none_or(|word| word != "Result")
    {
        mistakes.note(
            ty,
            format!(
                "nobody takes what {} returns: return nothing, or `Result<(), E>` where it can fail",
                asker.marker
            ),
        );
    }
    let routine = signature::routine(signature, asker, mistakes)?;
    (mistakes.count() == before).then_some(routine)
}

/// Reads a loop of its own.
pub(crate) fn run(attributes: &[Attribute], signature: &Signature, mistakes: &mut Mistakes) -> Option<Loop> {
    let before = mistakes.count();
    refuse_conditions(attributes, mistakes);
    signature::refuse_qualifiers(signature, Marker::Run, mistakes);
    if signature.asyncness.is_none() {
        mistakes.note(signature.fn_token, "`#[run]` waits again and again: write `async fn`");
    }
    if let ReturnType::Type(_, ty) = &signature.output
        && !owned::is_unit(ty)
    {
        mistakes
            .note(ty, "nobody takes what `#[run]` returns: return nothing, and handle errors in the loop");
    }
    let borrows_context = context_of_loop(signature, mistakes);
    let name = signature.ident.clone();
    borrows_context
        .filter(|_| mistakes.count() == before)
        .map(|borrows_context| Loop { name, borrows_context })
}

/// Whether the loop borrows its context; `None` where its parameters are not just a context.
fn context_of_loop(signature: &Signature, mistakes: &mut Mistakes) -> Option<bool> {
    if let Some(receiver) = signature.receiver() {
        mistakes.note(
            receiver,
            "`#[run]` runs beside the turns, so it cannot hold the state: take `ctx: Context<Self>` and call `ctx.own_proxy()`",
        );
        return None;
    }
    let mut inputs = signature.inputs.iter();
    match (inputs.next(), inputs.next()) {
        (Some(FnArg::Typed(only)), None) if signature::is_context_reference(&only.ty) => Some(true),
        (Some(FnArg::Typed(only)), None)
            if signature::is_context(&only.ty) && !matches!(*only.ty, syn::Type::Reference(_)) =>
        {
            Some(false)
        }
        _ => {
            mistakes.note(&signature.ident, "`#[run]` takes `ctx: Context<Self>` and nothing else");
            None
        }
    }
}
