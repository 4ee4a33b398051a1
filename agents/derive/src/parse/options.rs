//! The options of the macros: `crate = path`, the path of the items that generated code names, and of an object
//! `agent = path`, whose it is.
//!
//! Neighbour: [`lib`](crate) reads them before anything else.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream};
use syn::{Attribute, Path, Token};

/// Where generated code finds what it names.
pub(crate) struct Root(Option<Path>);

impl Parse for Root {
    fn parse(input: ParseStream<'_>) -> syn::Result<Root> {
        if input.is_empty() {
            return Ok(Root(None));
        }
        if !input.peek(Token![crate]) {
            return Err(input.error(
                "`#[agent]` has one option, `crate = some::path`; how an agent is supervised is said where it is spawned",
            ));
        }
        let root = Root::parse_option(input)?;
        input.parse::<Option<Token![,]>>()?;
        if input.is_empty() { Ok(root) } else { Err(input.error("nothing may follow the path")) }
    }
}

impl ToTokens for Root {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        match &self.0 {
            Some(path) => path.to_tokens(tokens),
            None => quote!(::folkmoot::__private).to_tokens(tokens),
        }
    }
}

impl Root {
    /// The root without any option.
    pub(crate) const DEFAULT: Root = Root(None);

    /// `crate = some::path`, whatever follows.
    pub(crate) fn parse_option(input: ParseStream<'_>) -> syn::Result<Root> {
        let option = input.parse::<Token![crate]>()?;
        let path = input.parse::<Token![=]>().and_then(|_| Path::parse_mod_style(input));
        let path =
            path.map_err(|_| syn::Error::new_spanned(option, "say which module: `crate = some::path`"))?;
        Ok(Root(Some(path)))
    }

    /// The path of what code from a specification names.
    pub(crate) fn protocols(&self) -> String {
        match &self.0 {
            Some(path) => quote!(#path::protocols).to_string().replace(' ', ""),
            None => "::folkmoot::protocols".to_owned(),
        }
    }
}

/// The options of `#[object]`.
pub(crate) struct ObjectOptions {
    /// Where generated code finds what it names.
    pub(crate) root: Root,
    /// The one agent that the object may be part of.
    pub(crate) agent: Option<Path>,
}

impl ObjectOptions {
    /// No options.
    pub(crate) const DEFAULT: ObjectOptions = ObjectOptions { root: Root::DEFAULT, agent: None };
}

impl Parse for ObjectOptions {
    fn parse(input: ParseStream<'_>) -> syn::Result<ObjectOptions> {
        let mut options = ObjectOptions::DEFAULT;
        while !input.is_empty() {
            let option = input.call(syn::Ident::parse_any)?;
            let path = input.parse::<Token![=]>().and_then(|_| Path::parse_mod_style(input));
            match (option.to_string().as_str(), path) {
                ("crate", Ok(path)) => options.root = Root(Some(path)),
                ("agent", Ok(path)) => options.agent = Some(path),
                _ => {
                    return Err(syn::Error::new_spanned(
                        option,
                        "the options of `#[object]` are `agent = House`, for an object of that agent alone, and \
                         `crate = some::path`",
                    ));
                }
            }
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        Ok(options)
    }
}

/// The root that a derive's `#[agent(crate = path)]` sets, or that of another `helper` attribute.
pub(crate) fn root_of_derive(attributes: &[Attribute], helper: &str) -> syn::Result<Root> {
    let mut root = Root::DEFAULT;
    for attribute in attributes.iter().filter(|at| at.path().is_ident(helper)) {
        root = attribute.parse_args()?;
    }
    Ok(root)
}
