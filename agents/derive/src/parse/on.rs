//! Methods that take mail: `#[on("order")]`, and `#[on]` for all kinds that have no method of their own.
//!
//! Neighbours: [`signature`](super::signature) reads the parameters; the agents crate brings the mail.

use syn::{Attribute, LitStr, Meta, Signature, Type};

use super::exposed::{refuse_conditions, returns};
use super::owned;
use super::signature::{self, Asker};
use crate::mistakes::Mistakes;
use crate::model::{MailHandler, Parameter};

/// Longest kind of a mail, in bytes: that of the exchange.
const MAX_KIND_BYTES: usize = 256;

/// How the kinds begin that are the exchange's own.
const OWN_KINDS: &str = "folkmoot/";

/// Reads a method with a receiver and perhaps what the mail says, the delivery and a context.
pub(crate) fn on(
    mark: &Attribute,
    attributes: &[Attribute],
    signature: &Signature,
    asker: Asker<'_>,
    mails: &mut Vec<MailHandler>,
    mistakes: &mut Mistakes,
) {
    let before = mistakes.count();
    refuse_conditions(attributes, mistakes);
    let kind = kind(mark, mistakes);
    let returns = returns(&signature.output, asker, mistakes);
    let Some(routine) = signature::routine(signature, asker, mistakes) else { return };
    let shown = attributes.iter().filter(|attribute| attribute.path().is_ident("doc")).cloned().collect();
    let handler = MailHandler { routine, shown, kind, returns };
    check_parameters(signature, &handler, mistakes);
    if mistakes.count() > before {
        return;
    }
    match mails.iter().find(|known| known.kind == handler.kind) {
        Some(first) => {
            let what = handler.kind.as_ref().map_or("all other kinds".to_owned(), |kind| format!("{kind:?}"));
            mistakes.note(
                mark,
                format!("`{}` takes {what} already: a mail goes to one method", first.routine.name),
            );
        }
        None => mails.push(handler),
    }
}

/// The kind that is named; `None` for all others.
fn kind(mark: &Attribute, mistakes: &mut Mistakes) -> Option<String> {
    if matches!(mark.meta, Meta::Path(_)) {
        return None;
    }
    let Ok(literal) = mark.parse_args::<LitStr>() else {
        mistakes.note(
            mark,
            "name the kind of mail that this takes as a text, `#[on(\"order\")]`, or write `#[on]` for all kinds that have \
             no method of their own",
        );
        return None;
    };
    let kind = literal.value();
    let fault = if kind.is_empty() {
        "a mail's kind is not empty; `#[on]` takes all kinds that have no method of their own".to_owned()
    } else if kind.len() > MAX_KIND_BYTES {
        format!("a mail's kind is at most {MAX_KIND_BYTES} bytes long, this one is {}", kind.len())
    } else if kind.chars().any(char::is_control) {
        "a mail's kind has no control characters".to_owned()
    } else if kind.starts_with(OWN_KINDS) {
        format!("kinds that begin with `{OWN_KINDS}` are the exchange's own: nobody sends you such mail")
    } else {
        return Some(kind);
    };
    mistakes.note(&literal, fault);
    None
}

fn check_parameters(signature: &Signature, handler: &MailHandler, mistakes: &mut Mistakes) {
    let parameters = &handler.routine.parameters;
    let deliveries = parameters.iter().filter(|known| matches!(known, Parameter::Delivery { .. })).count();
    let bodies: Vec<&Type> = handler.routine.arguments().map(|argument| &argument.ty).collect();
    if deliveries > 1 {
        mistakes.note(&signature.inputs, "one `&Delivery` is enough: remove the other");
    }
    if let [_, second, ..] = bodies.as_slice() {
        mistakes.note(
            second,
            "a mail says one thing: `#[on]` takes what it says, `mail: &Delivery` and `ctx: &Context<Self>`; put more in \
             one struct",
        );
    }
    for body in bodies {
        owned::check(body, "what a mail says", mistakes);
    }
}
