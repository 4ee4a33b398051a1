//! Two mistakes that the macro cannot see and of which the compiler alone says too little: a second `#[agent]` block,
//! and an exposed method that its trait does not have.
//!
//! Always true: where there is no mistake, nothing of this is left at run time. Neighbour: `parse` finds the mistakes
//! that one block shows by itself.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote, quote_spanned};
use syn::{Path, Type, TypePath};

use super::plain_name;
use crate::model::Behaviour;
use crate::parse::says_self;

/// A constant that two blocks would both define: the compiler then shows its name, and both blocks.
pub(super) fn one_block(model: &Behaviour) -> TokenStream {
    let ty = &model.ty;
    quote! {
        impl #ty {
            const __AN_AGENT_HAS_ONE_AGENT_BLOCK_PUT_ALL_ITS_METHODS_INTO_IT: () = ();
        }
    }
}

/// The same for the block of an object.
pub(super) fn one_object_block(model: &Behaviour) -> TokenStream {
    let ty = &model.ty;
    quote! {
        impl #ty {
            const __AN_OBJECT_HAS_ONE_OBJECT_BLOCK_PUT_ALL_ITS_METHODS_INTO_IT: () = ();
        }
    }
}

/// Looks each exposed method up in the trait of the block. What the trait lacks is found in `__Elsewhere`, which is not
/// of size zero as functions are, and ends the build with a sentence.
pub(super) fn of_trait(model: &Behaviour) -> TokenStream {
    let Some(of_trait) = model.of_trait.as_ref().filter(|path| !mentions_self(path)) else {
        return TokenStream::new();
    };
    let ty = &model.ty;
    let names: Vec<_> = model.exposed.iter().map(|exposed| &exposed.routine.name).collect();
    let looks = model.exposed.iter().map(|exposed| {
        let name = &exposed.routine.name;
        let text = not_of_trait(&plain_name(name), &text_of(of_trait), &text_of(ty));
        quote_spanned! {name.span()=>
            if ::core::mem::size_of_val(&__T::#name) != 0 {
                ::core::panic!("{}", #text)
            }
        }
    });
    quote! {
        #[allow(non_upper_case_globals)]
        const _: () = {
            struct __NotOfTheTrait(u8);
            trait __Elsewhere {
                #(const #names: __NotOfTheTrait = __NotOfTheTrait(0);)*
            }
            impl<__T> __Elsewhere for __T {}
            const fn __look<__T: #of_trait>() {
                #(#looks)*
            }
            __look::<#ty>()
        };
    }
}

fn not_of_trait(method: &str, of_trait: &str, agent: &str) -> String {
    format!(
        "`{method}` is marked `#[expose]`, but `{of_trait}` has no such method, and this block exposes the trait's \
         methods only. Add it to the trait, or put all exposed methods into `#[agent] impl {agent} {{ .. }}` and \
         implement the trait beside it, without `#[agent]`"
    )
}

fn mentions_self(path: &Path) -> bool {
    says_self(&Type::Path(TypePath { qself: None, path: path.clone() }))
}

fn text_of(tokens: &impl ToTokens) -> String {
    tokens.to_token_stream().to_string().replace(" :: ", "::").replace(":: ", "::")
}
