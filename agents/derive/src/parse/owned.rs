//! What may travel: arguments and results are owned types with a name.
//!
//! Neighbours: [`signature`](super::signature) checks arguments, [`exposed`](super::exposed) results.

use proc_macro2::Span;
use quote::ToTokens;
use syn::visit::{self, Visit};
use syn::visit_mut::{self, VisitMut};
use syn::{Ident, Lifetime, Path, Type, TypeImplTrait, TypeReference};

use crate::mistakes::Mistakes;

/// Notes what in `ty` cannot be made from bytes. `what` begins the sentence: "an argument", "a result".
pub(crate) fn check(ty: &Type, what: &str, mistakes: &mut Mistakes) {
    let mut search = Search { what, found: None };
    search.visit_type(ty);
    if let Some(error) = search.found {
        mistakes.add(error);
    }
}

struct Search<'a> {
    what: &'a str,
    found: Option<syn::Error>,
}

impl Search<'_> {
    fn find(&mut self, tokens: impl ToTokens, text: String) {
        self.found.get_or_insert_with(|| syn::Error::new_spanned(tokens, text));
    }
}

impl Visit<'_> for Search<'_> {
    fn visit_type_reference(&mut self, reference: &TypeReference) {
        let instead = owned_instead(&reference.elem);
        let what = self.what;
        self.find(reference, format!("{what} travels between nodes, so it must be owned: {instead}"));
    }

    fn visit_type_impl_trait(&mut self, ty: &TypeImplTrait) {
        let what = self.what;
        self.find(
            ty,
            format!(
                "{what} is made from bytes, so its type must be named: write a concrete type, not `impl ..`"
            ),
        );
    }

    fn visit_lifetime(&mut self, lifetime: &Lifetime) {
        if lifetime.ident != "static" {
            let what = self.what;
            self.find(
                lifetime,
                format!("{what} travels between nodes, so it cannot borrow: use a type without lifetimes"),
            );
        }
    }

    fn visit_type(&mut self, ty: &Type) {
        if self.found.is_none() {
            visit::visit_type(self, ty);
        }
    }
}

fn owned_instead(borrowed: &Type) -> String {
    match borrowed {
        Type::Path(path) if path.path.is_ident("str") => "write `String`".to_owned(),
        Type::Path(path) if path.path.is_ident("Path") => "write `PathBuf`".to_owned(),
        Type::Slice(slice) => format!("write `Vec<{}>`", source_of(&slice.elem)),
        other => format!("write `{}`", source_of(other)),
    }
}

/// The type as its author would write it, near enough.
fn source_of(ty: &Type) -> String {
    ty.to_token_stream()
        .to_string()
        .replace(" :: ", "::")
        .replace(" < ", "<")
        .replace(" >", ">")
        .replace(" ,", ",")
}

/// Writes the agent's type for `Self`, so that the type means the same outside of the block.
pub(crate) fn without_self(ty: &Type, agent: &Path) -> Type {
    let mut ty = ty.clone();
    Replace { agent }.visit_type_mut(&mut ty);
    ty
}

struct Replace<'a> {
    agent: &'a Path,
}

impl VisitMut for Replace<'_> {
    fn visit_path_mut(&mut self, path: &mut Path) {
        if path.leading_colon.is_none() && path.segments.first().is_some_and(|first| first.ident == "Self") {
            let rest = path.segments.iter().skip(1).cloned();
            let mut named = self.agent.clone();
            named.segments.extend(rest);
            *path = named;
        }
        visit_mut::visit_path_mut(self, path);
    }
}

/// Where `ty` says `Self`, if it does.
pub(crate) fn find_self(ty: &Type) -> Option<Span> {
    struct Find(Option<Span>);
    impl Visit<'_> for Find {
        fn visit_ident(&mut self, ident: &Ident) {
            if ident == "Self" {
                self.0.get_or_insert(ident.span());
            }
        }
    }
    let mut find = Find(None);
    find.visit_type(ty);
    find.0
}

/// Whether `ty` says `Self`.
pub(crate) fn says_self(ty: &Type) -> bool {
    find_self(ty).is_some()
}

/// The last segment of a path type, looking through what `macro_rules` wraps around it.
pub(crate) fn last_word(ty: &Type) -> Option<String> {
    match ty {
        Type::Group(group) => last_word(&group.elem),
        Type::Paren(paren) => last_word(&paren.elem),
        Type::Path(path) => path.path.segments.last().map(|segment| segment.ident.to_string()),
        _ => None,
    }
}

/// Whether `ty` is `()`.
pub(crate) fn is_unit(ty: &Type) -> bool {
    matches!(ty, Type::Tuple(tuple) if tuple.elems.is_empty())
}
