//! Methods that take the messages of a protocol: `#[handles(Fipa)]`.
//!
//! Neighbours: [`signature`](super::signature) reads the parameters; the agents crate takes the messages in.

use quote::ToTokens;
use syn::{Attribute, ReturnType, Signature, Type};

use super::exposed::refuse_conditions;
use super::owned;
use super::signature::{self, Asker};
use crate::mistakes::Mistakes;
use crate::model::{Handled, Handler};

/// Reads a method with a receiver, what was said, and perhaps the dialogue and a context, into its protocol.
pub(crate) fn handler(
    mark: &Attribute,
    attributes: &[Attribute],
    signature: &Signature,
    asker: Asker<'_>,
    handled: &mut Vec<Handled>,
    mistakes: &mut Mistakes,
) {
    let before = mistakes.count();
    refuse_conditions(attributes, mistakes);
    let Ok(protocol) = mark.parse_args::<Type>() else {
        mistakes.note(mark, "name the protocol whose message this takes: `#[handles(Fipa)]`");
        return;
    };
    if let ReturnType::Type(_, ty) = &signature.output
        && !owned::is_unit(ty)
        && owned::last_word(ty).is_none_or(|word| word != "Result")
    {
        mistakes.note(
            ty,
            "nobody takes what `#[handles]` returns: answer by `ctx.reply(dialogue, ..)`, and return nothing, or \
             `Result<(), E>` where it can fail",
        );
    }
    let Some(routine) = signature::routine(signature, asker, mistakes) else { return };
    let shown = attributes.iter().filter(|attribute| attribute.path().is_ident("doc")).cloned().collect();
    let handler = Handler { routine, shown };
    check_arguments(signature, &handler, mistakes);
    if mistakes.count() > before {
        return;
    }
    let same = |a: &dyn ToTokens, b: &dyn ToTokens| {
        a.to_token_stream().to_string() == b.to_token_stream().to_string()
    };
    if !handled.iter().any(|known| same(&known.protocol, &protocol)) {
        handled.push(Handled { protocol: protocol.clone(), handlers: Vec::new() });
    }
    let Some(place) = handled.iter_mut().find(|known| same(&known.protocol, &protocol)) else { return };
    let twice = place.handlers.iter().find(|known| match (known.said(), handler.said()) {
        (Some(known), Some(said)) => same(&known.ty, &said.ty),
        _ => false,
    });
    match (twice, handler.said()) {
        (Some(first), Some(said)) => mistakes.note(
            &said.ty,
            format!("`{}` takes this already: a message goes to one method", first.routine.name),
        ),
        _ => place.handlers.push(handler),
    }
}

/// What was said comes first, the dialogue behind it.
fn check_arguments(signature: &Signature, handler: &Handler, mistakes: &mut Mistakes) {
    let types: Vec<&Type> = handler.routine.arguments().map(|argument| &argument.ty).collect();
    let is_dialogue = |ty: &Type| owned::last_word(ty).is_some_and(|word| word == "Dialogue");
    match types.as_slice() {
        [said] | [said, _] if is_dialogue(said) => mistakes.note(
            said,
            "what was said comes first, and tells which messages the method takes: `cfp: Cfp, dialogue: Dialogue<Seller, Cfp>`",
        ),
        [_] => {}
        [_, dialogue] if is_dialogue(dialogue) => {}
        [_, other] => mistakes.note(
            other,
            "beside what was said, `#[handles]` takes the dialogue in which it was said, `Dialogue<Seller, Cfp>`, and \
             `ctx: &Context<Self>`",
        ),
        [] => mistakes.note(
            &signature.ident,
            "`#[handles]` takes what was said: one of the protocol's performatives, as `cfp: Cfp`",
        ),
        [_, _, third, ..] => mistakes.note(
            third,
            "`#[handles]` takes what was said, the dialogue, and `ctx: &Context<Self>`, and nothing else",
        ),
    }
}
