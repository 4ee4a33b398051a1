//! `#[main]` and `#[test]`: an async function run on the platform's runtime.

use proc_macro2::TokenStream as Tokens;
use quote::quote;
use syn::{ItemFn, Path};

/// Wraps an async function without arguments into a plain one that runs it. `crate = path` names the facade.
pub(crate) fn wrap(options: Tokens, item: Tokens, attribute: Tokens) -> syn::Result<Tokens> {
    let root = facade(options)?;
    let mut function: ItemFn = syn::parse2(item)?;
    if function.sig.asyncness.take().is_none() {
        return Err(syn::Error::new_spanned(
            function.sig.fn_token,
            "only an `async fn` needs a runtime: write `async fn`, or leave the attribute out",
        ));
    }
    if let Some(argument) = function.sig.inputs.first() {
        return Err(syn::Error::new_spanned(argument, "this function is called without arguments"));
    }
    let (attributes, visibility, body) = (&function.attrs, &function.vis, &function.block);
    let (signature, output) = (&function.sig, &function.sig.output);
    Ok(quote! {
        #attribute
        #(#attributes)*
        #visibility #signature {
            async fn __body() #output #body
            #root::block_on(__body())
        }
    })
}

fn facade(options: Tokens) -> syn::Result<Path> {
    if options.is_empty() {
        return Ok(syn::parse_quote!(::folkmoot));
    }
    let wrong = syn::Error::new_spanned(&options, "the only option is `crate = path`");
    match syn::parse2::<syn::MetaNameValue>(options) {
        Ok(syn::MetaNameValue { path: option, value: syn::Expr::Path(facade), .. })
            if option.is_ident("crate") =>
        {
            Ok(facade.path)
        }
        _ => Err(wrong),
    }
}
