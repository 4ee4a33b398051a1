//! Folkmoot's macros: `#[derive(Agent)]` and `#[agent]`.
//!
//! Each goes one way: [`parse`] reads the source into a [`model`] and notes [`mistakes`], [`expand`] writes the code.
//! Neighbour: the agents crate has the traits that the code implements; users take the macros from `folkmoot`.

mod expand;
mod mistakes;
mod model;
mod parse;

use proc_macro::TokenStream;
use proc_macro2::TokenStream as Tokens;
use quote::{ToTokens, quote};
use syn::ext::IdentExt;
use syn::{Data, DeriveInput, Item, parse_macro_input};

use crate::mistakes::Mistakes;
use crate::parse::Root;

/// TODO
#[proc_macro_derive(Agent, attributes(agent))]
pub fn derive_agent(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    derive(&input).into()
}

/// TODO
#[proc_macro_attribute]
pub fn agent(options: TokenStream, item: TokenStream) -> TokenStream {
    let mut mistakes = Mistakes::default();
    let root = syn::parse(options).unwrap_or_else(|error| {
        mistakes.add(error);
        Root::DEFAULT
    });
    let item = parse_macro_input!(item as Item);
    block(item, &root, mistakes).into()
}

fn derive(input: &DeriveInput) -> Tokens {
    let mut mistakes = Mistakes::default();
    let root = parse::root_of_derive(&input.attrs).unwrap_or_else(|error| {
        mistakes.add(error);
        Root::DEFAULT
    });
    match &input.data {
        Data::Struct(_) => {}
        Data::Enum(data) => {
            mistakes.note(data.enum_token, "an agent is a struct: keep the enum in one of its fields")
        }
        Data::Union(data) => mistakes.note(data.union_token, "an agent is a struct"),
    }
    if !input.generics.params.is_empty() {
        mistakes.note(
            &input.generics,
            "an agent's type cannot be generic: callers on other nodes know it by its name alone",
        );
    }
    if mistakes.count() > 0 {
        return mistakes.into_tokens();
    }
    let ident = &input.ident;
    let (name, docs) = (ident.unraw().to_string(), parse::docs_text(&input.attrs));
    quote! {
        #[automatically_derived]
        impl #root::Agent for #ident {
            const TYPE: &'static str = #name;
            const DOCS: &'static str = #docs;
        }
    }
}

fn block(item: Item, root: &Root, mut mistakes: Mistakes) -> Tokens {
    match item {
        Item::Impl(mut block) => {
            let (model, moved) = parse::behaviour(&mut block, &mut mistakes);
            let added = model.map(|model| expand::behaviour(&model, root));
            let inherent = (!moved.is_empty()).then(|| {
                let ty = &block.self_ty;
                quote!(impl #ty { #(#moved)* })
            });
            let mistakes = mistakes.into_tokens();
            quote!(#block #inherent #added #mistakes)
        }
        Item::Trait(mut item) => {
            let model = parse::contract(&mut item, &mut mistakes);
            let added = expand::contract(&model, root);
            let mistakes = mistakes.into_tokens();
            quote!(#item #added #mistakes)
        }
        other => {
            mistakes.note(
                first_token(&other),
                "`#[agent]` goes on an `impl` block or a trait; a struct takes `#[derive(Agent)]`",
            );
            let mistakes = mistakes.into_tokens();
            quote!(#other #mistakes)
        }
    }
}

/// What stands first in an item, behind its attributes: a short place to point at.
fn first_token(item: &Item) -> Tokens {
    let mut tokens = item.to_token_stream().into_iter().skip_while(|token| {
        matches!(token, proc_macro2::TokenTree::Punct(_) | proc_macro2::TokenTree::Group(_))
    });
    tokens.next().into_iter().collect()
}
