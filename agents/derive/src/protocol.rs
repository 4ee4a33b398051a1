//! `protocol!`: the types of a specification, made where they are used.
//!
//! Always true: whatever is wrong in the specification is told as a compiler's error, all of it at once, each with its file,
//! line and column. Neighbour: `folkmoot-protocols` reads the specification and writes the source, as it does for the
//! command line.

use std::fmt::Display;
use std::path::{Path, PathBuf};

use folkmoot_protocols::rust::{RustOptions, SpecificationText};
use folkmoot_protocols::{Findings, Specification};
use proc_macro2::{Ident, Span, TokenStream};
use quote::quote;
use syn::parse::{Parse, ParseStream};
use syn::{LitStr, Token};

use crate::mistakes::Mistakes;
use crate::parse::Root;

/// What stands between the brackets: `"specs/fipa.yaml"`, and before it perhaps `crate = some::path`.
pub(crate) struct Input {
    root: Root,
    specification: LitStr,
}

/// A specification's text, and where it is from.
struct Found {
    text: String,
    /// As findings name it.
    name: PathBuf,
    /// None for one that is shipped.
    path: Option<String>,
}

impl Parse for Input {
    fn parse(input: ParseStream<'_>) -> syn::Result<Input> {
        let mut root = Root::DEFAULT;
        if input.peek(Token![crate]) {
            root = Root::parse_option(input)?;
            input.parse::<Token![,]>()?;
        }
        let specification = input.parse::<LitStr>().map_err(|error| {
            let told = "`protocol!` takes the path of a specification, or the name of one that is shipped: \
                        `folkmoot::protocol!(\"specs/fipa.yaml\")`";
            syn::Error::new(error.span(), told)
        })?;
        input.parse::<Option<Token![,]>>()?;
        match input.is_empty() {
            true => Ok(Input { root, specification }),
            false => Err(input.error("nothing may follow the specification")),
        }
    }
}

/// The module of the protocol, or what is wrong.
pub(crate) fn expand(input: &Input) -> TokenStream {
    let mut mistakes = Mistakes::default();
    let module = read(input, &mut mistakes);
    let mistakes = mistakes.into_tokens();
    quote!(#module #mistakes)
}

fn read(input: &Input, mistakes: &mut Mistakes) -> Option<TokenStream> {
    let place = &input.specification;
    let found = find(place).map_err(|error| mistakes.note(place, error)).ok()?;
    let specification = match Specification::read(&found.text) {
        Ok((specification, _)) => specification,
        Err(findings) => return note_all(findings, &found.name, place, mistakes),
    };
    let text = match &found.path {
        Some(path) => SpecificationText::File(path.clone()),
        None => SpecificationText::Within(found.text.clone()),
    };
    let options = RustOptions { root: input.root.protocols(), text };
    let source = specification.rust(&options);
    let source = source.map_err(|error| mistakes.note(place, in_file(&found.name, error))).ok()?;
    let source: TokenStream = source.parse().map_err(|error| mistakes.note(place, error)).ok()?;
    let name = specification.rust_module();
    let module = match name.strip_prefix("r#") {
        Some(name) => Ident::new_raw(name, Span::call_site()),
        None => Ident::new(&name, Span::call_site()),
    };
    Some(quote! {
        #[allow(unreachable_pub)]
        pub mod #module { #source }
    })
}

/// Each of them, where the macro stands: a compiler's errors have no place in other files.
fn note_all<T>(findings: Findings, file: &Path, place: &LitStr, mistakes: &mut Mistakes) -> Option<T> {
    for finding in &findings.in_file(file) {
        mistakes.note(place, finding);
    }
    None
}

fn in_file(file: &Path, error: impl Display) -> String {
    format!("{}: {error}", file.display())
}

/// The text of a file, beside the `Cargo.toml` of who uses the macro, or of a specification that is shipped.
fn find(written: &LitStr) -> Result<Found, String> {
    let name = written.value();
    let is_path = name.contains(['/', '\\']) || name.ends_with(".yaml") || name.ends_with(".yml");
    if !is_path {
        return match Specification::shipped_text(&name) {
            Some(text) => Ok(Found { text: text.to_owned(), name: name.into(), path: None }),
            None => {
                let known: Vec<&str> = Specification::shipped_names().collect();
                let known = known.join(", ");
                Err(format!(
                    "no specification `{name}` is shipped: there are {known}; a file's name ends with `.yaml`"
                ))
            }
        };
    }
    let folder = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from).unwrap_or_default();
    let path = folder.join(&name);
    let text = std::fs::read_to_string(&path).map_err(|error| {
        format!("`{name}` cannot be read: {error}; the path begins where the crate's `Cargo.toml` is")
    })?;
    let whole = path.to_str().ok_or_else(|| format!("{} has a name that is not UTF-8", path.display()))?;
    Ok(Found { text, name: name.into(), path: Some(whole.to_owned()) })
}

#[cfg(test)]
mod tests {
    use super::{Input, expand};

    fn expanded(input: &str) -> String {
        expand(&syn::parse_str::<Input>(input).unwrap()).to_string()
    }

    #[test]
    fn all_mistakes_of_a_file_are_errors_with_their_places() {
        let expanded = expanded("\"tests/broken.yaml\"");
        assert_eq!(expanded.matches("compile_error").count(), 2, "{expanded}");
        for place in ["tests/broken.yaml:3:10: error[", "tests/broken.yaml:10:12: error["] {
            assert!(expanded.contains(place), "{expanded}");
        }
    }

    #[test]
    fn a_file_is_watched_and_its_module_is_called_as_the_protocol() {
        let expanded = expanded("crate = some::path, \"tests/type.yaml\"");
        assert!(expanded.contains("pub mod r#type {"), "{expanded}");
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/type.yaml");
        assert!(expanded.contains(&format!("include_str ! (\"{path}\")")), "{expanded}");
        assert!(expanded.contains("some :: path :: protocols :: typed"), "{expanded}");
    }
}
