//! Doc comments as text, and the attributes that a generated call repeats.
//!
//! Neighbours: [`exposed`](super::exposed) keeps them in the model, `expand/describe.rs` writes the text.

use syn::{Attribute, Expr, ExprLit, Lit, Meta};

/// The text of all doc comments in `attributes`: one line each, without the space after `///`.
pub(crate) fn docs_text(attributes: &[Attribute]) -> String {
    let lines: Vec<String> = attributes.iter().filter_map(line).collect();
    lines.join("\n").trim().to_owned()
}

fn line(attribute: &Attribute) -> Option<String> {
    let Meta::NameValue(meta) = &attribute.meta else { return None };
    match &meta.value {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) if meta.path.is_ident("doc") => {
            let text = text.value();
            let shifted: Vec<&str> =
                text.split('\n').map(|line| line.strip_prefix(' ').unwrap_or(line).trim_end()).collect();
            Some(shifted.join("\n"))
        }
        _ => None,
    }
}

/// The attributes that a caller should see on the generated call too.
pub(crate) fn shown(attributes: &[Attribute]) -> Vec<Attribute> {
    let is_shown = |at: &&Attribute| at.path().is_ident("doc") || at.path().is_ident("deprecated");
    attributes.iter().filter(is_shown).cloned().collect()
}
