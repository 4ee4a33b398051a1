//! `#[agent] trait CounterApi { .. }`: what callers know of an agent whose code they do not have.
//!
//! Neighbours: [`exposed`](super::exposed) reads the methods; `expand/interface.rs` writes their calls.

use quote::ToTokens;
use syn::{ItemTrait, TraitItem, TraitItemFn, parse_quote};

use super::exposed;
use super::marker::{self, Marker};
use super::signature::Asker;
use crate::mistakes::Mistakes;
use crate::model::{Contract, Exposed};

/// Reads a trait, takes its markers off and makes it fit for `dyn`.
pub(crate) fn contract(item: &mut ItemTrait, mistakes: &mut Mistakes) -> Contract {
    refuse_extras(item, mistakes);
    let mut exposed = Vec::new();
    for item in &mut item.items {
        match item {
            TraitItem::Fn(method) => exposed.extend(read(method, mistakes)),
            other => mistakes.note(
                other,
                "an `#[agent]` trait holds methods only: callers on other nodes cannot see anything else of an agent",
            ),
        }
    }
    item.attrs.push(parse_quote!(#[allow(async_fn_in_trait, dead_code)]));
    Contract { name: item.ident.clone(), exposed }
}

fn refuse_extras(item: &ItemTrait, mistakes: &mut Mistakes) {
    if !item.generics.params.is_empty() {
        mistakes.note(
            &item.generics,
            "an `#[agent]` trait cannot be generic: callers on other nodes know its methods by name alone",
        );
    } else if let Some(clause) = &item.generics.where_clause {
        mistakes.note(clause, "an `#[agent]` trait cannot have a `where` clause");
    }
    if !item.supertraits.is_empty() {
        mistakes.note(
            &item.supertraits,
            "an `#[agent]` trait stands alone: a proxy could not reach the methods of other traits",
        );
    }
    if let Some(token) = &item.unsafety {
        mistakes.note(token, "an `#[agent]` trait cannot be `unsafe`");
    }
}

fn read(method: &mut TraitItemFn, mistakes: &mut Mistakes) -> Option<Exposed> {
    let marked = marker::take(&mut method.attrs, &method.sig.ident, mistakes).ok()?;
    if let Some((marker, mark)) = marked.filter(|(marker, _)| *marker != Marker::Expose) {
        mistakes.note(
            mark,
            format!("{marker} belongs in the agent's own `impl` block: a trait says only what can be called"),
        );
        return None;
    }
    if let Some(body) = &method.default {
        mistakes.note(
            body.to_token_stream(),
            "a method of an `#[agent]` trait has no body: the agent's own `impl` block has it",
        );
    }
    let asker = Asker { marker: Marker::Expose, agent: None };
    let exposed = exposed::exposed(&method.attrs, &method.sig, asker, mistakes);
    method.sig.generics.make_where_clause().predicates.push(parse_quote!(Self: Sized));
    exposed.filter(|_| method.default.is_none())
}
