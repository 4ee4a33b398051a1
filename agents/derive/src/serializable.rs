//! `#[derive(Serializable)]`: a struct that plain peers know as a type of its own.
//!
//! serde's derives do the reading and writing, on two structs of the same fields that nobody else sees. Neighbour: the
//! `plain_types` of the codecs crate has what generated code calls.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::ext::IdentExt;
use syn::{Attribute, Data, DeriveInput, Fields};

use crate::mistakes::Mistakes;
use crate::parse::{Root, root_of_derive};

/// The code, or what is wrong.
pub(crate) fn derive(input: &DeriveInput) -> TokenStream {
    let mut mistakes = Mistakes::default();
    let root = root_of_derive(&input.attrs, "serializable").unwrap_or_else(|error| {
        mistakes.add(syn::Error::new(error.span(), "`#[serializable]` has one option, `crate = some::path`"));
        Root::DEFAULT
    });
    let fields = match &input.data {
        Data::Struct(data) => match &data.fields {
            Fields::Named(fields) => Some(&fields.named),
            _ => None,
        },
        _ => None,
    };
    if fields.is_none() {
        mistakes.note(
            &input.ident,
            "a plain peer knows such a value by the names of its attributes: write a struct with named fields",
        );
    }
    if !input.generics.params.is_empty() {
        mistakes.note(
            &input.generics,
            "a type that plain peers know cannot be generic: it has one place among those that are registered",
        );
    }
    let Some(fields) = fields.filter(|_| mistakes.count() == 0) else { return mistakes.into_tokens() };
    let (ident, name) = (&input.ident, input.ident.unraw().to_string());
    let names: Vec<_> = fields.iter().map(|field| &field.ident).collect();
    let types: Vec<_> = fields.iter().map(|field| &field.ty).collect();
    let told: Vec<Vec<&Attribute>> = fields
        .iter()
        .map(|field| field.attrs.iter().filter(|attribute| attribute.path().is_ident("serde")).collect())
        .collect();
    let serde = quote!(#root::serde);
    let path = serde.to_token_stream().to_string().replace(' ', "");
    quote! {
        #[doc(hidden)]
        #[allow(clippy::all, missing_docs, unused_qualifications, non_snake_case)]
        const _: () = {
            #[derive(#serde::Serialize)]
            #[serde(crate = #path, rename = #name)]
            struct __Written<'__a> { #(#(#told)* #names: &'__a #types,)* #[serde(skip)] __lives: ::core::marker::PhantomData<&'__a ()> }

            #[derive(#serde::Deserialize)]
            #[serde(crate = #path, rename = #name)]
            struct __Read { #(#(#told)* #names: #types,)* }

            #[automatically_derived]
            impl #serde::Serialize for #ident {
                fn serialize<__S: #serde::Serializer>(
                    &self,
                    __serializer: __S,
                ) -> ::core::result::Result<__S::Ok, __S::Error> {
                    let __written = __Written { #(#names: &self.#names,)* __lives: ::core::marker::PhantomData };
                    #root::write_own::<Self, __S>(&__written, __serializer)
                }
            }

            #[automatically_derived]
            impl<'__de> #serde::Deserialize<'__de> for #ident {
                fn deserialize<__D: #serde::Deserializer<'__de>>(
                    __deserializer: __D,
                ) -> ::core::result::Result<Self, __D::Error> {
                    let __Read { #(#names,)* } = #root::read_own::<Self, __Read, __D>(__deserializer)?;
                    ::core::result::Result::Ok(#ident { #(#names,)* })
                }
            }

            #[automatically_derived]
            impl #root::Serializable for #ident {
                const NAME: &'static str = #name;
            }
        };
    }
}
