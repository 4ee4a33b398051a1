//! Every marker and every form of a method, without a single warning.
#![deny(warnings, missing_docs, unreachable_pub, missing_debug_implementations, unused_qualifications)]
#![deny(non_camel_case_types, clippy::all, unsafe_code, unit_bindings, unused_lifetimes, single_use_lifetimes)]
#![deny(trivial_casts, trivial_numeric_casts, elided_lifetimes_in_paths, redundant_lifetimes, unused_import_braces)]
#![deny(unused_extern_crates, let_underscore_drop, explicit_outlives_requirements, unnameable_types, unused_results)]

use folkmoot_agents::{Agent, Context, Proxy, agent};

/// A result with one parameter, as a library would have it.
type Result<T> = std::result::Result<T, String>;

/// Counts.
#[derive(Agent, Default, Debug)]
#[agent(crate = folkmoot_agents::__private)]
pub struct Counter {
    total: i64,
}

#[derive(serde::Serialize, serde::Deserialize, Debug, Clone)]
struct Request {
    amount: i64,
}

#[agent(crate = folkmoot_agents::__private)]
impl Counter {
    const STEP: i64 = 2;

    /// Adds `amount` and returns the new total.
    #[expose]
    pub fn add(&mut self, amount: i64) -> i64 {
        self.total += amount * Self::STEP;
        self.helper();
        self.total
    }

    #[expose]
    fn total(&self) -> i64 {
        self.total
    }

    /// Takes a type that is named as generated code might name one.
    #[expose(idempotent)]
    async fn request(&mut self, request: Request, mut many: Vec<Request>) -> Request {
        many.push(request);
        many.remove(0)
    }

    #[expose]
    async fn check(&self, ctx: &Context<Self>, state: Option<String>) -> Result<(String, u8)> {
        Ok((format!("{} {state:?}", ctx.name()), 1))
    }

    #[expose]
    fn late(&mut self, reply: i64, ctx: &Context<Self>) -> std::result::Result<(), String> {
        if ctx.cancelled() { Err("late".to_owned()) } else { self.total = reply; Ok(()) }
    }

    #[expose]
    fn nothing(&self) {}

    #[expose]
    fn r#type(&self, r#match: bool) -> bool {
        r#match
    }

    #[expose]
    fn str(&self, str: String) -> String {
        str
    }

    #[expose]
    #[must_use]
    #[allow(clippy::too_many_arguments)]
    #[allow(clippy::unused_self)]
    fn twelve(&self, a: u8, b: u8, c: u8, d: u8, e: u8, f: u8, g: u8, h: u8, i: u8, j: u8, k: u8, l: u8) -> u8 {
        [a, b, c, d, e, f, g, h, i, j, k, l].into_iter().fold(0, u8::wrapping_add)
    }

    #[expose]
    #[deprecated = "use `add`"]
    fn plus(&mut self, amount: i64) -> i64 {
        self.add(amount)
    }

    #[every(seconds = 5)]
    async fn report(&self, ctx: &Context<Self>) {
        ctx.sleep(std::time::Duration::from_millis(1)).await;
    }

    #[every(milliseconds = 1.5)]
    fn tick(&mut self) -> Result<()> {
        self.total += 1;
        Ok(())
    }

    #[run]
    async fn watch(ctx: Context<Self>) {
        let own: Proxy<Counter> = ctx.own_proxy();
        if own.nothing().one_way().is_ok() && own.add(2).await.is_err() {
            ctx.stop();
        }
    }

    #[run]
    async fn watch_too(ctx: &Context<Self>) {
        ctx.stop();
    }

    #[start]
    async fn begin(&mut self, ctx: &Context<Self>) -> Result<()> {
        ctx.last_crash().map_or(Ok(()), Err)
    }

    #[stop]
    fn end(&self) {}

    fn helper(&mut self) {
        self.total += 0;
    }
}

fn main() {
    fn is_agent<A: Agent>() -> &'static str {
        A::TYPE
    }
    assert_eq!(is_agent::<Counter>(), "Counter");
}
