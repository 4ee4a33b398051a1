//! Folkmoot's macros: `#[derive(Agent)]`, `#[agent]` and `protocol!`.
//!
//! Each goes one way: `parse` reads the source into a `model` and notes `mistakes`, `expand` writes the code.
//! Neighbour: the agents crate has the traits that the code implements; users take the macros from `folkmoot`.

mod entry;
mod expand;
mod mistakes;
mod model;
mod parse;
mod persist;
mod protocol;
mod serializable;

use proc_macro::TokenStream;
use proc_macro2::TokenStream as Tokens;
use quote::{ToTokens, quote};
use syn::ext::IdentExt;
use syn::{Data, DeriveInput, Item, parse_macro_input};

use crate::mistakes::Mistakes;
use crate::parse::{ObjectOptions, Root};

/// Makes a struct an agent: `impl Agent`, with the type's name and docs.
///
/// The struct's methods come with [`#[agent]`](macro@agent) on its `impl` block; without one the struct is no agent.
/// Its fields are the agent's state. They may be anything: they never leave their worker. What is refused: an enum, a
/// union, type parameters and lifetimes.
///
/// ```text
/// /// Counts what it is told.                  impl Agent for Counter {
/// #[derive(Agent, Default)]            ->          const TYPE: &'static str = "Counter";
/// struct Counter { total: i64 }                    const DOCS: &'static str = "Counts what it is told.";
///                                              }
/// ```
/// A field marked `#[persist]` is kept in the agent's mailbox, and an agent that has such fields is spawned `.durable()`:
/// what a turn has changed of them is kept before its answer leaves, and the next life of the agent begins with it, on
/// whatever node. Their types implement serde's `Serialize` and `Deserialize`. On the struct, `#[persist]` marks all
/// fields. `#[persist(rename = "..")]` keeps a field under another name, `#[persist(known_as = "..")]` on the struct says
/// what the type was called when its fields were kept first. The guide of `folkmoot` has a page on it, `keeping`.
#[proc_macro_derive(Agent, attributes(agent, persist))]
pub fn derive_agent(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    derive(&input).into()
}

/// Lets plain peers, such as aiomas, know the values of a struct as values of a type of its own: what aiomas's
/// `@serializable` does in Python.
///
/// It implements `Serializable`, and serde's `Serialize` and `Deserialize`, which are not derived then: a value is a
/// map of its fields, and to a plain peer `{"__type__": [id, {..}]}` with the id that the type has there. The struct
/// has named fields and neither type parameters nor lifetimes; `#[serde(rename = "..")]` and `#[serde(default)]` on a
/// field are heeded. Each container that exchanges such values with plain peers registers the type:
/// `.serializer::<Point>()`.
///
/// `#[serializable(crate = some::path)]` names the module that generated code uses, as for [`agent`](macro@agent).
#[proc_macro_derive(Serializable, attributes(serializable, serde))]
pub fn derive_serializable(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    serializable::derive(&input).into()
}

/// Makes methods callable, timed or part of an agent's life, by the markers on them.
///
/// # On an `impl` block of an agent
///
/// | marker | on | takes | returns |
/// |---|---|---|---|
/// | `#[expose]`, `#[expose(idempotent)]` | `fn` or `async fn` with `&self` or `&mut self` | up to 12 owned arguments and `ctx: &Context<Self>` | a value, nothing, or `Result<T, E>` |
/// | `#[handles(Fipa)]` | `fn` or `async fn` with `&self` or `&mut self` | a performative, as `cfp: Cfp`; perhaps its dialogue, `Dialogue<Seller, Cfp>`; `ctx: &Context<Self>` | nothing, or `Result<(), E>`, whose error is logged and gives the dialogue up |
/// | `#[ended(Fipa)]` | `fn` or `async fn` with `&self` or `&mut self`; one a protocol | `ended: Ended<Fipa>`; `ctx: &Context<Self>` | nothing, or `Result<(), E>` whose error is logged |
/// | `#[on("order")]`, `#[on]` | `fn` or `async fn` with `&self` or `&mut self` | what a mail of that kind says; perhaps `mail: &Delivery`; `ctx: &Context<Self>` | nothing, what answers a request, or `Result<T, E>`, whose error has the mail tried again |
/// | `#[every(seconds = 5)]` | `fn` or `async fn` with `&self` or `&mut self` | `ctx: &Context<Self>` or nothing | nothing, or `Result<(), E>` whose error is logged |
/// | `#[run]` | `async fn` without `self` | `ctx: Context<Self>` or `ctx: &Context<Self>` | nothing |
/// | `#[start]`, `#[stop]` | `fn` or `async fn` with `&self` or `&mut self`; one each | `ctx: &Context<Self>` or nothing | nothing, or `Result<(), E>` |
/// | `#[object]` | `fn` with `&self` | nothing | `&Math`, from a field: where an [object](macro@object) is |
///
/// The units of `#[every]` are `milliseconds`, `seconds`, `minutes` and `hours`: a number above zero, such as `0.5`. An
/// agent has at most 64 of them. Methods without a marker, constants and the like stay as they are. An agent has one
/// `#[agent]` block: a second one does not compile, in whatever module.
///
/// - Rust's own rule is the concurrency rule: `&self` methods that await run at the same time, a `&mut self` method
///   runs alone. When its caller goes away, a `&self` method is dropped at its next await, a `&mut self` method runs
///   on and sees `ctx.cancelled()`.
/// - `idempotent` says that to run the method twice is as good as once: calls of it are made again by themselves where
///   a link breaks or its agent is started anew. Its arguments are `Clone`.
/// - Arguments and values are owned and implement serde's `Serialize` and `Deserialize`; an error `E` does so too, and
///   `Display`. Where they implement schemars' `JsonSchema`, `describe` tells the schema.
/// - `#[handles(Fipa)]` takes the messages of a protocol that [`protocol!`](macro@protocol) made types of: one performative
///   goes to one method, each message is a turn. Callers see a method that is named as the protocol's id.
/// - `#[ended(Fipa)]` is told of each dialogue in a protocol that is over, whoever began it: how it ended, and with whom it was.
/// - `#[on("order")]` takes mail of a kind, where the agent is spawned with a mailbox; `#[on]` takes all kinds that have no
///   method of their own. What a mail says implements `DeserializeOwned`, an answer `Serialize`, an error `Display`.
/// - A method whose one argument is of the type `AllArguments` takes whatever a call brings, by position and by name.
/// - `Result` is known by its name, so an alias such as `type Result<T> = ..` is understood as well.
/// - Refused as names of exposed methods is what a proxy has of its own: `clone`, `into`, `to_owned`, ...
///
/// It adds `CounterCalls`, whose methods a `Proxy<Counter>` has by `Deref`:
///
/// ```text
/// #[agent]                                     impl Counter { fn add(..) -> i64 { .. } /* as written */ }
/// impl Counter {
///     /// Adds `amount`.                       pub struct CounterCalls(..);
///     #[expose]                                impl CounterCalls {
///     fn add(&mut self, amount: i64)   ->          /// Adds `amount`.
///         -> i64 { .. }                            pub fn add(&self, amount: i64) -> Call<..>;
///                                              }
///     #[every(seconds = 5)]                    impl Interface for Counter { type Calls = CounterCalls; .. }
///     fn report(&self) { .. }                  impl Behaviour for Counter { /* decode, run, describe */ }
/// }
/// ```
///
/// A `Call<..>` is a lazy future of `Result<i64, CallError>`, and of `Result<T, CallError<E>>` for a method that
/// returns `Result<T, E>`.
///
/// # On a trait, for callers without the agent's code
///
/// ```text
/// #[agent]                                     trait CounterApi { .. }
/// trait CounterApi {                           pub struct CounterApiCalls(..);
///     fn add(&mut self, amount: i64)   ->      impl CounterApiCalls { pub fn add(..); pub fn total(..); }
///         -> i64;                              impl Interface for dyn CounterApi { .. }
///     async fn total(&self) -> i64;
/// }
/// ```
///
/// Every method is exposed, and `Proxy<dyn CounterApi>` calls them by name. One that both the trait and the agent mark
/// `#[expose(idempotent)]` is called again by itself, as above. The trait has no default bodies, type
/// parameters, supertraits, constants or types, and no method that takes a context.
///
/// The agent implements it with `#[agent] impl CounterApi for Counter { .. }`, where the methods marked `#[expose]` are
/// the trait's and all others, timers and `#[start]` among them, become the agent's own.
///
/// **Such a block exposes the trait's methods and nothing besides**, and an agent has one block. An agent that exposes
/// more, or fits several traits, has its methods in `#[agent] impl Counter { .. }`. Callers may use
/// `Proxy<dyn CounterApi>` all the same, for calls go by name; so that the compiler goes on comparing, implement the
/// trait beside the block, without `#[agent]`:
///
/// ```text
/// #[agent]
/// impl Counter {
///     #[expose] fn add(&mut self, amount: i64) -> i64 { .. }
///     #[expose] fn reset(&mut self) { .. }                  // not in the trait
/// }
///
/// impl CounterApi for Counter {
///     fn add(&mut self, amount: i64) -> i64 { Counter::add(self, amount) }
///     ..
/// }
/// ```
///
/// Programs with all of these are in the guide of `folkmoot`, on the pages `agents` and `untyped`.
///
/// # Options
///
/// `#[agent(crate = some::path)]` names the module that generated code uses, for crates that pass Folkmoot on under
/// another name; behind the derive, `#[agent(crate = some::path)]` on the struct does the same.
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

/// Makes methods of a part of an agent's state callable under a path.
///
/// An object is a plain struct in a field of its agent, or of another object. Its methods are marked `#[expose]`, as
/// those of agents, and the owner's block says where it is, in a method marked `#[object]` too, whose body names the
/// field:
///
/// ```text
/// #[derive(Default)]                            #[derive(Agent, Default)]
/// struct Math { sum: i64 }                      struct House { math: Math }
///
/// #[object]                                     #[agent]
/// impl Math {                                   impl House {
///     #[expose]                                     #[object]
///     fn add(&mut self, n: i64) -> i64 { .. }       fn math(&self) -> &Math { &self.math }
/// }                                             }
/// ```
///
/// The method is then `math/add` of the agent, also for rules and the command line, and `house.math().add(2)` of a
/// `Proxy<House>`. A call of it is a turn of the agent: `&self` beside others, `&mut self` alone. Timers, loops,
/// `#[start]` and `#[stop]` belong to the agent.
///
/// # Options
///
/// `#[object(agent = House)]` makes it an object of that agent alone, whose methods may take `ctx: &Context<House>`.
/// `crate = some::path` is that of [`agent`](macro@agent).
#[proc_macro_attribute]
pub fn object(options: TokenStream, item: TokenStream) -> TokenStream {
    let mut mistakes = Mistakes::default();
    let options = syn::parse(options).map_err(|error| mistakes.add(error)).ok();
    let item = parse_macro_input!(item as Item);
    object_block(item, options, mistakes).into()
}

/// `options` are `None` where they are wrong: then the block is read for its mistakes alone.
fn object_block(item: Item, options: Option<ObjectOptions>, mut mistakes: Mistakes) -> Tokens {
    match item {
        Item::Impl(mut block) => {
            let is_right = options.is_some();
            let ObjectOptions { root, agent } = options.unwrap_or(ObjectOptions::DEFAULT);
            let model = parse::object(&mut block, agent, &mut mistakes);
            let added = model.filter(|_| is_right).map(|model| expand::object(&model, &root));
            let mistakes = mistakes.into_tokens();
            quote!(#block #added #mistakes)
        }
        other => {
            mistakes.note(
                first_token(&other),
                "`#[object]` goes on the `impl` block of a struct; on a method, it stands within a block of `#[agent]` \
                 or `#[object]`",
            );
            let mistakes = mistakes.into_tokens();
            quote!(#other #mistakes)
        }
    }
}

fn derive(input: &DeriveInput) -> Tokens {
    let mut mistakes = Mistakes::default();
    let root = parse::root_of_derive(&input.attrs, "agent").unwrap_or_else(|error| {
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
    refuse_object_fields(&input.data, &mut mistakes);
    let kept = persist::kept(input, &mut mistakes).map(|kept| kept.items(&root));
    let (ident, mistakes) = (&input.ident, mistakes.into_tokens());
    let (name, docs) = (ident.unraw().to_string(), parse::docs_text(&input.attrs));
    quote! {
        #mistakes

        #[automatically_derived]
        impl #root::Agent for #ident {
            const TYPE: &'static str = #name;
            const DOCS: &'static str = #docs;
            #kept
        }
    }
}

fn refuse_object_fields(data: &Data, mistakes: &mut Mistakes) {
    let Data::Struct(data) = data else { return };
    let attributes = data.fields.iter().flat_map(|field| &field.attrs);
    for attribute in attributes.filter(|attribute| attribute.path().is_ident("object")) {
        mistakes.note(
            attribute,
            "a method of the `#[agent]` block says where the object is, and not its field: `#[object] fn math(&self) -> \
             &Math { &self.math }`",
        );
    }
}

/// The types of a protocol: a module with a struct for each of its performatives, made from its specification.
///
/// It takes a path, which begins where the crate's `Cargo.toml` is, or the name of a specification that Folkmoot ships. What is
/// wrong in the specification is told as errors, all at once, each with its file, line and column. The crate is compiled
/// anew when the file changes.
///
/// ```text
/// folkmoot::protocol!("specs/fipa.yaml");       /// A protocol for FIPA ACL.
/// folkmoot::protocol!("http");                  pub mod fipa {
///                                          ->       pub enum Fipa { Cfp(Cfp), Propose(Propose), .. }
///                                                   pub struct Cfp { pub query: types::Query }
///                                                   ..
///                                                   pub mod types { .. }   // custom types
///                                                   pub mod unions { .. }  // contents that are one of several
///                                                   pub mod roles { .. }   // Buyer, Seller
///                                                   pub mod heard { .. }   // what came, with its dialogue
///                                               }
/// ```
///
/// `folkmoot protocol generate` writes the same as a file. `protocol!(crate = some::path, "http")` names the module that
/// generated code uses, as for [`agent`](macro@agent). Programs with it are in the guide of `folkmoot`, on the pages `protocol_types` and
/// `speaking`.
#[proc_macro]
pub fn protocol(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as protocol::Input);
    protocol::expand(&input).into()
}

/// Runs an `async fn main` on the platform's runtime, as the first worker: containers start inside it.
///
/// The function takes nothing and returns what a `main` may. `#[folkmoot::main(crate = some::path)]` names Folkmoot
/// where it has another name. The process ends with the function, whatever its agents are doing: await `shutdown()` of
/// each container before.
///
/// ```text
/// #[folkmoot::main]
/// async fn main() -> Result<()> { .. }
/// ```
#[proc_macro_attribute]
pub fn main(options: TokenStream, item: TokenStream) -> TokenStream {
    entry::main(options.into(), item.into()).unwrap_or_else(syn::Error::into_compile_error).into()
}

/// Runs an `async fn` as a test on a runtime of its own, which ends with the test.
///
/// It takes nothing, returns what a test may, and goes along with `#[ignore]` and `#[should_panic]`. It has the option
/// of [`main`](macro@main).
///
/// With `sim` it is run as a simulation of many nodes in virtual time, whose handle it takes; it returns nothing or a
/// `Result`. Each run has another seed, which a failing one prints; the environment variable `FOLKMOOT_SEED` sets it,
/// and `seed = 7` where that says nothing. With `twice` it is run two times and fails where their traces differ.
///
/// ```text
/// #[folkmoot::test]
/// async fn two_agents_agree() { .. }
///
/// #[folkmoot::test(sim)]
/// async fn they_agree_whatever_the_network_does(sim: Sim) { .. }
/// ```
#[proc_macro_attribute]
pub fn test(options: TokenStream, item: TokenStream) -> TokenStream {
    entry::test(options.into(), item.into()).unwrap_or_else(syn::Error::into_compile_error).into()
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
            let added = model.map(|model| expand::contract(&model, root));
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
