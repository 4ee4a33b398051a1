//! `#[main]` and `#[test]`: an async function run on the platform's runtime, or as a simulation.

use proc_macro2::TokenStream as Tokens;
use quote::quote;
use syn::parse::Parser;
use syn::punctuated::Punctuated;
use syn::{ItemFn, Meta, Path, Token};

/// What stands between the brackets of the attribute.
struct Options {
    /// `crate = path` names the facade.
    root: Path,
    /// `sim`: the function is the body of a simulation.
    simulated: bool,
    /// `twice`: it is run two times, and must be the same.
    twice: bool,
    /// `seed = 7`.
    seed: Option<syn::LitInt>,
}

/// Wraps an async function without arguments into a plain one that runs it.
pub(crate) fn main(options: Tokens, item: Tokens) -> syn::Result<Tokens> {
    let (root, function) = (facade(options)?, asynchronous(item)?);
    no_arguments(&function)?;
    Ok(wrapped(function, &Tokens::new(), &quote!(#root::block_on(__body()))))
}

/// The same as a test; with `sim`, a function of the simulation's handle.
pub(crate) fn test(options: Tokens, item: Tokens) -> syn::Result<Tokens> {
    let Options { root, simulated, twice, seed } = Options::of_test(options)?;
    let function = asynchronous(item)?;
    let run = if simulated {
        one_argument(&function)?;
        let seed = match seed {
            Some(seed) => quote!(::core::option::Option::Some(#seed)),
            None => quote!(::core::option::Option::None),
        };
        match twice {
            true => quote!(#root::sim::run_test_twice(#seed, __body)),
            false => quote!(#root::sim::run_test(#seed, __body)),
        }
    } else {
        no_arguments(&function)?;
        quote!(#root::block_on(__body()))
    };
    Ok(wrapped(function, &quote!(#[::core::prelude::v1::test]), &run))
}

fn wrapped(mut function: ItemFn, attribute: &Tokens, run: &Tokens) -> Tokens {
    let inputs = std::mem::take(&mut function.sig.inputs);
    let (attributes, visibility, body) = (&function.attrs, &function.vis, &function.block);
    let (signature, output) = (&function.sig, &function.sig.output);
    quote! {
        #attribute
        #(#attributes)*
        #visibility #signature {
            async fn __body(#inputs) #output #body
            #run
        }
    }
}

fn asynchronous(item: Tokens) -> syn::Result<ItemFn> {
    let mut function: ItemFn = syn::parse2(item)?;
    match function.sig.asyncness.take() {
        Some(_) => Ok(function),
        None => Err(syn::Error::new_spanned(
            function.sig.fn_token,
            "only an `async fn` needs a runtime: write `async fn`, or leave the attribute out",
        )),
    }
}

fn no_arguments(function: &ItemFn) -> syn::Result<()> {
    match function.sig.inputs.first() {
        None => Ok(()),
        Some(argument) => Err(syn::Error::new_spanned(argument, "this function is called without arguments")),
    }
}

fn one_argument(function: &ItemFn) -> syn::Result<()> {
    if function.sig.inputs.len() == 1 {
        return Ok(());
    }
    Err(syn::Error::new_spanned(
        &function.sig.ident,
        "a simulated test takes the simulation: `async fn name(sim: folkmoot::sim::Sim)`",
    ))
}

fn facade(options: Tokens) -> syn::Result<Path> {
    if options.is_empty() {
        return Ok(syn::parse_quote!(::folkmoot));
    }
    let wrong = syn::Error::new_spanned(&options, "the only option is `crate = path`");
    syn::parse2::<Meta>(options).ok().and_then(|option| path_of(&option)).ok_or(wrong)
}

/// The path of `crate = path`.
fn path_of(option: &Meta) -> Option<Path> {
    match option {
        Meta::NameValue(syn::MetaNameValue { path, value: syn::Expr::Path(facade), .. })
            if path.is_ident("crate") =>
        {
            Some(facade.path.clone())
        }
        _ => None,
    }
}

impl Options {
    fn of_test(options: Tokens) -> syn::Result<Options> {
        let root = syn::parse_quote!(::folkmoot);
        let mut of_test = Options { root, simulated: false, twice: false, seed: None };
        for option in Punctuated::<Meta, Token![,]>::parse_terminated.parse2(options)? {
            match &option {
                Meta::Path(path) if path.is_ident("sim") => of_test.simulated = true,
                Meta::Path(path) if path.is_ident("twice") => of_test.twice = true,
                Meta::NameValue(syn::MetaNameValue {
                    path,
                    value: syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Int(seed), .. }),
                    ..
                }) if path.is_ident("seed") => of_test.seed = Some(seed.clone()),
                other => match path_of(other) {
                    Some(root) => of_test.root = root,
                    None => {
                        let options =
                            "the options are `sim`, `seed = 7` and `twice` beside it, and `crate = path`";
                        return Err(syn::Error::new_spanned(other, options));
                    }
                },
            }
        }
        match &of_test.seed {
            Some(seed) if !of_test.simulated => {
                let message = "a seed is for simulated tests: `#[test(sim, seed = 7)]`";
                Err(syn::Error::new_spanned(seed, message))
            }
            _ if of_test.twice && !of_test.simulated => {
                let message = "only simulated tests are compared with themselves: `#[test(sim, twice)]`";
                Err(syn::Error::new(proc_macro2::Span::call_site(), message))
            }
            _ => Ok(of_test),
        }
    }
}
