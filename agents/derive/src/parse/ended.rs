//! Methods that are told how dialogues ended: `#[ended(Fipa)]`.
//!
//! Neighbours: [`internal`](super::internal) reads what all hooks have in common, [`handler`](super::handler) those who
//! take messages.

use quote::ToTokens;
use syn::{Attribute, Signature, Type};

use super::signature::Asker;
use super::{internal, owned};
use crate::mistakes::Mistakes;
use crate::model::EndHook;

/// Reads a method with a receiver, how a dialogue ended, and perhaps a context.
pub(crate) fn ended(
    mark: &Attribute,
    attributes: &[Attribute],
    signature: &Signature,
    asker: Asker<'_>,
    hooks: &mut Vec<EndHook>,
    mistakes: &mut Mistakes,
) {
    let before = mistakes.count();
    let Ok(protocol) = mark.parse_args::<Type>() else {
        mistakes.note(mark, "name the protocol of whose dialogues this is told: `#[ended(Fipa)]`");
        return;
    };
    let Some(routine) = internal::hook(attributes, signature, asker, mistakes) else { return };
    let types: Vec<&Type> = routine.arguments().map(|argument| &argument.ty).collect();
    match types.as_slice() {
        [ty] if owned::last_word(ty).is_some_and(|word| word == "Ended") => {}
        [other] => mistakes.note(other, "`#[ended]` takes how the dialogue ended: `ended: Ended<Fipa>`"),
        [] => mistakes
            .note(&signature.ident, "`#[ended]` takes how the dialogue ended, as `ended: Ended<Fipa>`"),
        [_, second, ..] => mistakes.note(
            second,
            "`#[ended]` takes how the dialogue ended, and `ctx: &Context<Self>`, and nothing else",
        ),
    }
    let text = protocol.to_token_stream().to_string();
    if let Some(first) = hooks.iter().find(|known| known.protocol.to_token_stream().to_string() == text) {
        mistakes.note(
            &signature.ident,
            format!("`{}` is told of these dialogues already: one method is", first.routine.name),
        );
    }
    if mistakes.count() == before {
        hooks.push(EndHook { protocol, routine });
    }
}
