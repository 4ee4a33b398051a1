//! `#[persist]` of `#[derive(Agent)]`: the fields that are kept, and under which names.
//!
//! Always true: each name is that of one field. Neighbour: the `snapshot` module of the agents crate has what the code
//! calls.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Attribute, Data, DeriveInput, Field, Index, LitStr, Member, Meta, Type};

use crate::mistakes::Mistakes;
use crate::parse::Root;

/// What is kept of a struct.
pub(crate) struct Kept<'a> {
    fields: Vec<KeptField<'a>>,
    /// The name of the type under which it is kept, where that is not its own.
    known_as: Option<LitStr>,
}

struct KeptField<'a> {
    member: Member,
    name: String,
    ty: &'a Type,
}

/// What one `#[persist(..)]` says.
enum Said {
    Keep,
    Option { name: syn::Ident, value: LitStr },
}

/// The fields that are marked; `None` where none is.
pub(crate) fn kept<'a>(input: &'a DeriveInput, mistakes: &mut Mistakes) -> Option<Kept<'a>> {
    let Data::Struct(data) = &input.data else { return None };
    let (mut all, mut known_as) = (None, None);
    for (attribute, said) in read(&input.attrs, mistakes) {
        match said {
            Said::Keep => all = Some(attribute),
            Said::Option { name, value } if name == "known_as" => known_as = Some(value),
            Said::Option { name, .. } => mistakes.note(
                name,
                "the option of a struct is `#[persist(known_as = \"OldName\")]`; `rename` is for a field",
            ),
        }
    }
    let mut fields: Vec<KeptField<'_>> = Vec::new();
    for (index, field) in data.fields.iter().enumerate() {
        let Some(name) = name_of(field, index, all, mistakes) else { continue };
        match fields.iter().any(|known| known.name == name) {
            true => mistakes.note(
                field,
                format_args!("another field is kept as `{name}` already; give this one a name of its own"),
            ),
            false => fields.push(KeptField { member: member(field, index), name, ty: &field.ty }),
        }
    }
    if fields.is_empty() {
        if let Some(all) = all {
            mistakes.note(all, "there are no fields to keep: take `#[persist]` off");
        } else if let Some(known_as) = known_as {
            mistakes.note(
                known_as,
                "no field is kept: mark some with `#[persist]`, or the struct for all of them",
            );
        }
        return None;
    }
    Some(Kept { fields, known_as })
}

fn read<'a>(attributes: &'a [Attribute], mistakes: &mut Mistakes) -> Vec<(&'a Attribute, Said)> {
    let marks = attributes.iter().filter(|attribute| attribute.path().is_ident("persist"));
    let mut said = Vec::new();
    for mark in marks {
        match read_one(mark) {
            Ok(one) => said.push((mark, one)),
            Err(error) => mistakes.add(error),
        }
    }
    said
}

fn read_one(mark: &Attribute) -> syn::Result<Said> {
    if let Meta::Path(_) = mark.meta {
        return Ok(Said::Keep);
    }
    let wrong = || {
        syn::Error::new_spanned(
            mark,
            "write `#[persist]`, or `#[persist(rename = \"name\")]` on a field, or `#[persist(known_as = \"OldName\")]` on \
             the struct",
        )
    };
    let Meta::NameValue(option) = mark.parse_args::<Meta>().map_err(|_| wrong())? else {
        return Err(wrong());
    };
    let name = option.path.get_ident().cloned().filter(|name| name == "rename" || name == "known_as");
    let name = name.ok_or_else(wrong)?;
    let value = syn::parse2::<LitStr>(option.value.into_token_stream()).map_err(|_| wrong())?;
    match value.value().is_empty() {
        true => Err(syn::Error::new_spanned(value, "the name is empty; write one")),
        false => Ok(Said::Option { name, value }),
    }
}

/// Under which name a field is kept, if it is.
fn name_of(field: &Field, index: usize, all: Option<&Attribute>, mistakes: &mut Mistakes) -> Option<String> {
    let mut name = all.map(|_| own_name(field, index));
    for (attribute, said) in read(&field.attrs, mistakes) {
        match said {
            Said::Keep if all.is_some() => {
                mistakes.note(attribute, "the struct is marked `#[persist]`, so each of its fields is kept");
            }
            Said::Keep => {
                name.get_or_insert_with(|| own_name(field, index));
            }
            Said::Option { name: option, value } if option == "rename" => name = Some(value.value()),
            Said::Option { name: option, .. } => {
                mistakes.note(
                    option,
                    "the option of a field is `#[persist(rename = \"name\")]`; `known_as` is for the struct",
                );
            }
        }
    }
    name
}

fn own_name(field: &Field, index: usize) -> String {
    field.ident.as_ref().map_or_else(|| index.to_string(), |name| name.unraw().to_string())
}

fn member(field: &Field, index: usize) -> Member {
    match &field.ident {
        Some(name) => Member::Named(name.clone()),
        None => Member::Unnamed(Index::from(index)),
    }
}

impl Kept<'_> {
    /// The items of `impl Agent`.
    pub(crate) fn items(&self, root: &Root) -> TokenStream {
        let names: Vec<_> = self.fields.iter().map(|field| &field.name).collect();
        let types: Vec<_> = self.fields.iter().map(|field| text_of(field.ty)).collect();
        let written = self.fields.iter().map(|KeptField { member, name, ty }| {
            quote_spanned!(ty.span()=> #root::write_field(__map, #name, &self.#member)?;)
        });
        let read = self.fields.iter().map(|KeptField { member, name, ty }| {
            let read = quote_spanned!(ty.span()=> #root::read_field(__map, &mut self.#member));
            quote!(#name => #read)
        });
        let known_as =
            self.known_as.as_ref().map(|known_as| quote!(const KNOWN_AS: &'static str = #known_as;));
        quote! {
            const KEPT: &'static [#root::KeptField] = &[#(#root::KeptField { name: #names, ty: #types }),*];
            #known_as

            fn write_kept<__M: #root::serde::ser::SerializeMap>(
                &self,
                __map: &mut __M,
            ) -> ::core::result::Result<(), __M::Error> {
                #(#written)*
                ::core::result::Result::Ok(())
            }

            fn read_kept<'__de, __M: #root::serde::de::MapAccess<'__de>>(
                &mut self,
                __name: &str,
                __map: &mut __M,
            ) -> ::core::result::Result<(), __M::Error> {
                match __name {
                    #(#read,)*
                    _ => #root::pass_over(__map),
                }
            }
        }
    }
}

/// A type as its author would write it.
fn text_of(ty: &Type) -> String {
    let spaced = ty.to_token_stream().to_string();
    let mut text = String::with_capacity(spaced.len());
    for word in spaced.split(' ') {
        // A space stays between two words, and behind a comma.
        let joins = |last: char| last.is_alphanumeric() || last == '_' || last == ',';
        let begins =
            word.chars().next().is_some_and(|first| first.is_alphanumeric() || first == '_' || first == '(');
        if begins && text.chars().last().is_some_and(joins) {
            text.push(' ');
        }
        text.push_str(word);
    }
    text
}
