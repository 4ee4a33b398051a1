//! The agent that aiomas calls.

use std::time::Duration;

use folkmoot::prelude::*;
use folkmoot::{AllArguments, Date, Exception, Value};

use crate::{number, urls};

/// Most values that `big` gives.
const MOST_VALUES: u32 = 16 * 1024 * 1024;

/// An object of the agent: `agent.math.mul(6, 7)` in Python.
struct Math;

#[object]
impl Math {
    /// Multiplies two numbers.
    #[expose]
    fn mul(&self, a: Value, b: Value) -> Result<Value, Exception> {
        number::multiply(a, b)
    }
}

/// What aiomas calls.
#[derive(Agent)]
pub(crate) struct Peer {
    math: Math,
    /// Whether `tcp://` in a URL of aiomas's means TLS.
    is_tls: bool,
}

impl Peer {
    pub(crate) fn new(is_tls: bool) -> Peer {
        Peer { math: Math, is_tls }
    }
}

#[agent]
impl Peer {
    /// Gives `value` back.
    #[expose]
    fn echo(&self, value: Value) -> Value {
        value
    }

    /// Adds two numbers, or joins two texts.
    #[expose]
    fn add(&self, a: Value, b: Value) -> Result<Value, Exception> {
        number::add(a, b)
    }

    /// Always fails: a `ValueError` in Python.
    #[expose]
    fn fail(&self, message: String) -> Result<(), Exception> {
        Err(Exception::value_error(message))
    }

    /// Below the agent: its paths are `agents/0/math/...`.
    #[object]
    fn math(&self) -> &Math {
        &self.math
    }

    /// Connects to the agent at `url` and gives what its `echo(value)` gives.
    #[expose]
    async fn call_back(&self, ctx: &Context<Self>, url: String, value: Value) -> Result<Value, Exception> {
        let url = urls::ours(&url, self.is_tls).map_err(Exception::value_error)?;
        let agent = ctx.connect::<Untyped>(url).await?;
        Ok(agent.call("echo", [value]).await?)
    }

    /// The values `i % 256` for all `i` below `n`: bytes, which are a list of integers in JSON.
    #[expose]
    fn big(&self, n: u32) -> Result<Value, Exception> {
        if n > MOST_VALUES {
            return Err(Exception::value_error(format!("{n} is too many: ask for {MOST_VALUES} at most")));
        }
        Ok(Value::Bytes((0..n).map(|i| i as u8).collect()))
    }

    /// Gives `seconds` back after as many seconds of the container's clock; other calls go on meanwhile.
    #[expose]
    async fn slow(&self, ctx: &Context<Self>, seconds: Value) -> Result<Value, Exception> {
        let pause = seconds.as_f64().ok_or_else(|| Exception::type_error("seconds are a number"))?;
        let pause = Duration::try_from_secs_f64(pause)
            .map_err(|_| Exception::value_error(format!("{pause} seconds are no time to wait")))?;
        ctx.sleep(pause).await;
        Ok(seconds)
    }

    /// Calls the `echo` of an object of the caller's, over the same connection, while the caller waits.
    #[expose]
    async fn via_proxy(&self, proxy: Proxy<Untyped>, value: Value) -> Result<Value, Exception> {
        Ok(proxy.call("echo", [value]).await?)
    }

    /// A proxy to this agent.
    #[expose]
    fn get_self(&self, ctx: &Context<Self>) -> Proxy<Peer> {
        ctx.own_proxy()
    }

    /// A proxy to its object.
    #[expose]
    fn get_math(&self, ctx: &Context<Self>) -> Proxy<Math> {
        Proxy::object(&ctx.own_proxy(), "math")
    }

    /// Tells what it was called with.
    #[expose]
    fn describe(&self, arguments: AllArguments) -> Value {
        let AllArguments { positional, keyword } = arguments;
        vec![("args", Value::List(positional)), ("kwargs", keyword.into())].into()
    }

    /// Not exposed: who calls it is told so.
    #[expect(dead_code, reason = "it is there to be refused")]
    fn hidden(&self) -> &'static str {
        "never"
    }

    /// The date that many seconds later.
    #[expose]
    fn date_add(&self, date: Date, seconds: f64) -> Result<Date, Exception> {
        date.plus_seconds(seconds).map_err(|error| Exception::new("OverflowError", error))
    }
}
