//! `#[object] fn math(&self) -> &Math { &self.math }`: where an agent, or an object, has an object.
//!
//! Always true: the place that the body names can be borrowed exclusively too, for the macro writes that half.
//! Neighbours: [`behaviour`](super::behaviour) finds the markers, `expand/parts.rs` writes the calls.

use quote::format_ident;
use syn::ext::IdentExt;
use syn::{Block, Expr, FnArg, ImplItemFn, Path, ReturnType, Signature, Stmt, Type, parse_quote};

use super::exposed::refuse_conditions;
use super::marker::Marker;
use super::{docs, names, owned, signature};
use crate::mistakes::Mistakes;
use crate::model::Part;

const USAGE: &str = "an object is a field of the state: `#[object] fn math(&self) -> &Math { &self.math }`";

/// Reads where an object is; `None` where something is wrong, which is noted.
pub(crate) fn part(method: &ImplItemFn, owner: &Path, mistakes: &mut Mistakes) -> Option<Part> {
    let before = mistakes.count();
    let signature = &method.sig;
    names::check(&signature.ident, mistakes);
    refuse_conditions(&method.attrs, mistakes);
    signature::refuse_qualifiers(signature, Marker::Object, mistakes);
    if let Some(token) = &signature.asyncness {
        mistakes.note(token, format!("`#[object]` only says where: {USAGE}"));
    }
    refuse_parameters(signature, mistakes);
    // One mistake is enough to tell how it is written.
    if mistakes.count() > before {
        return None;
    }
    let ty = object_type(&signature.output, signature, mistakes)?;
    let place = place_of(&method.block, mistakes)?;
    Some(Part {
        name: signature.ident.clone(),
        ty: owned::without_self(&ty, owner),
        shown: docs::shown(&method.attrs),
        exclusive: exclusive(signature, &place),
    })
}

fn refuse_parameters(signature: &Signature, mistakes: &mut Mistakes) {
    match signature.inputs.first() {
        Some(FnArg::Receiver(receiver))
            if receiver.reference.is_some()
                && receiver.mutability.is_none()
                && receiver.colon_token.is_none() => {}
        Some(FnArg::Receiver(receiver)) => mistakes.note(
            receiver,
            "take `&self`: the macro writes the same with `&mut self` by itself, for methods that need it",
        ),
        _ => mistakes.note(&signature.ident, format!("take `&self`: {USAGE}")),
    }
    if let Some(argument) = signature.inputs.iter().find(|input| matches!(input, FnArg::Typed(_))) {
        mistakes.note(argument, format!("`#[object]` takes nothing beside `&self`: {USAGE}"));
    }
}

fn object_type(output: &ReturnType, signature: &Signature, mistakes: &mut Mistakes) -> Option<Type> {
    match output {
        ReturnType::Type(_, ty) => match &**ty {
            Type::Reference(reference) if reference.mutability.is_none() => Some((*reference.elem).clone()),
            other => {
                mistakes.note(other, format!("return a reference to the object: {USAGE}"));
                None
            }
        },
        ReturnType::Default => {
            mistakes.note(&signature.ident, format!("return a reference to the object: {USAGE}"));
            None
        }
    }
}

/// `self.math` of the body `{ &self.math }`.
fn place_of(body: &Block, mistakes: &mut Mistakes) -> Option<Expr> {
    if let [Stmt::Expr(Expr::Reference(reference), None)] = body.stmts.as_slice()
        && reference.mutability.is_none()
        && is_place(&reference.expr)
    {
        return Some((*reference.expr).clone());
    }
    mistakes.note(body, format!("write the object's place and nothing else: {USAGE}"));
    None
}

/// Whether an expression is a field of `self`, or a field of one.
fn is_place(expr: &Expr) -> bool {
    match expr {
        Expr::Field(field) => is_self(&field.base) || is_place(&field.base),
        Expr::Paren(inner) => is_place(&inner.expr),
        Expr::Group(inner) => is_place(&inner.expr),
        _ => false,
    }
}

fn is_self(expr: &Expr) -> bool {
    match expr {
        Expr::Path(path) => path.path.is_ident("self"),
        Expr::Paren(inner) => is_self(&inner.expr),
        Expr::Group(inner) => is_self(&inner.expr),
        _ => false,
    }
}

/// The same function with `&mut`, under a name that is in nobody's way.
fn exclusive(signature: &Signature, place: &Expr) -> syn::ItemFn {
    let mut signature = signature.clone();
    signature.ident = format_ident!("__{}_mut", signature.ident.unraw());
    if let Some(FnArg::Receiver(receiver)) = signature.inputs.first_mut() {
        // The user's own `self` stays: in a macro of theirs it has a place of its own.
        receiver.mutability = Some(parse_quote!(mut));
        receiver.ty = parse_quote!(&mut Self);
    }
    if let ReturnType::Type(_, ty) = &mut signature.output
        && let Type::Reference(reference) = &mut **ty
    {
        reference.mutability = Some(parse_quote!(mut));
    }
    parse_quote!(#signature { &mut #place })
}
