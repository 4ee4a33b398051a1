//! `#[expose]`: a method that can be called.
//!
//! Neighbours: [`signature`](super::signature) reads the parameters, [`names`](super::names) refuses some names.

use syn::{Attribute, ReturnType, Signature, Type, parse_quote};

use super::signature::{self, Asker};
use super::{docs, marker, names, owned};
use crate::mistakes::Mistakes;
use crate::model::{Exposed, Returns};

/// Reads an exposed method; `None` where something is wrong with it, which is noted. `mark` is its `#[expose]`: the
/// methods of a trait need none.
pub(crate) fn exposed(
    mark: Option<&Attribute>,
    attributes: &[Attribute],
    signature: &Signature,
    asker: Asker<'_>,
    mistakes: &mut Mistakes,
) -> Option<Exposed> {
    let before = mistakes.count();
    names::check(&signature.ident, mistakes);
    refuse_conditions(attributes, mistakes);
    let returns = returns(&signature.output, asker, mistakes);
    let idempotent = mark.is_some_and(|mark| marker::is_idempotent(mark, mistakes));
    let routine = signature::routine(signature, asker, mistakes)?;
    (mistakes.count() == before).then(|| Exposed {
        routine,
        shown: docs::shown(attributes),
        returns,
        idempotent,
    })
}

/// An exposed method is part of the agent's interface, which is the same in every build.
pub(crate) fn refuse_conditions(attributes: &[Attribute], mistakes: &mut Mistakes) {
    for attribute in attributes {
        if attribute.path().is_ident("cfg") || attribute.path().is_ident("cfg_attr") {
            mistakes.note(
                attribute,
                "a marked method is there in every build: put the condition inside the method, or on the whole block",
            );
        }
    }
}

pub(crate) fn returns(output: &ReturnType, asker: Asker<'_>, mistakes: &mut Mistakes) -> Returns {
    let ReturnType::Type(_, ty) = output else { return Returns::Value(parse_quote!(())) };
    owned::check(ty, "a result", mistakes);
    let ty: Type = match asker.agent {
        Some(agent) => owned::without_self(ty, agent),
        None => (**ty).clone(),
    };
    if let (None, Some(span)) = (asker.agent, owned::find_self(&ty)) {
        mistakes.add(syn::Error::new(
            span,
            "a result cannot be `Self` here: the trait's callers do not know the agent's type",
        ));
    }
    match owned::last_word(&ty).as_deref() {
        Some("Result") => Returns::Result(ty),
        _ => Returns::Value(ty),
    }
}
