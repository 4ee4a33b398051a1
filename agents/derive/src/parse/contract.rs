//! `#[agent] trait CounterApi { .. }`: what callers know of an agent whose code they do not have.
//!
//! Neighbours: [`exposed`](super::exposed) reads the methods; `expand/interface.rs` writes their calls.

use quote::ToTokens;
use syn::{FnArg, ItemTrait, Signature, TraitItem, TraitItemFn, parse_quote};

use super::marker::{self, Marked, Marker};
use super::signature::Asker;
use super::{exposed, signature};
use crate::mistakes::Mistakes;
use crate::model::{Contract, Exposed};

/// Reads a trait, takes its markers off and makes it fit for `dyn`; `None` where the trait as a whole is wrong.
pub(crate) fn contract(item: &mut ItemTrait, mistakes: &mut Mistakes) -> Option<Contract> {
    let before = mistakes.count();
    refuse_extras(item, mistakes);
    let is_fit = mistakes.count() == before;
    let methods = item.items.iter_mut().filter_map(|item| match item {
        TraitItem::Fn(method) => Some(method),
        _ => None,
    });
    let exposed = methods.filter_map(|method| read(method, mistakes)).collect();
    item.attrs.push(parse_quote!(#[allow(async_fn_in_trait, dead_code)]));
    is_fit.then(|| Contract { name: item.ident.clone(), exposed })
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
    for other in item.items.iter().filter(|item| !matches!(item, TraitItem::Fn(_))) {
        mistakes.note(
            other,
            "an `#[agent]` trait holds methods only: callers on other nodes cannot see anything else of an agent",
        );
    }
}

fn read(method: &mut TraitItemFn, mistakes: &mut Mistakes) -> Option<Exposed> {
    let marked = marker::take(&mut method.attrs, &method.sig.ident, mistakes);
    if let Marked::As(marker, mark) = &marked
        && *marker != Marker::Expose
    {
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
    let mark = match &marked {
        Marked::As(_, mark) => Some(&**mark),
        _ => None,
    };
    let exposed = exposed::exposed(mark, &method.attrs, &method.sig, asker, mistakes);
    leave_out_contexts(&mut method.sig);
    method.sig.generics.make_where_clause().predicates.push(parse_quote!(Self: Sized));
    exposed.filter(|_| method.default.is_none() && !matches!(marked, Marked::Wrongly { .. }))
}

/// A context was noted as a mistake: left in, the compiler would say once more that `Self` is no agent.
fn leave_out_contexts(signature: &mut Signature) {
    let inputs = std::mem::take(&mut signature.inputs);
    let is_context = |input: &FnArg| matches!(input, FnArg::Typed(input) if signature::is_context(&input.ty));
    signature.inputs = inputs.into_iter().filter(|input| !is_context(input)).collect();
}
