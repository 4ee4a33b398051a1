//! `folkmoot call`: one call by hand, with JSON for arguments and reply.
//!
//! Neighbours: [`node`](crate::node), who calls; `folkmoot::Untyped`, calls by name from code.

use std::str::FromStr;

use clap::Args;
use folkmoot::{Codec, Limits, Proxy, Result, Untyped, Value};

use crate::node::Node;

/// The arguments of `folkmoot call`.
#[derive(Debug, Args)]
pub(crate) struct Call {
    /// The agent, as in tls://market.example:5555/counter or unix:///run/market.sock:counter
    url: String,
    /// The method's name
    method: String,
    /// The method's arguments in their order, each in JSON: 2, '"text"', '[1, 2]'
    #[arg(value_name = "JSON", allow_negative_numbers = true)]
    arguments: Vec<Argument>,
    #[command(flatten)]
    node: Node,
}

/// An argument of the method.
#[derive(Clone, Debug)]
struct Argument(Value);

impl FromStr for Argument {
    type Err = String;

    fn from_str(text: &str) -> Result<Argument, String> {
        let value = Codec::Json.value(text.as_bytes(), &Limits::DEFAULT);
        value
            .map(Argument)
            .map_err(|error| format!("it is no JSON, {error}; a text stands in quotes: '\"text\"'"))
    }
}

/// Makes the call and gives its reply in JSON, bytes as `h'0aff'`.
///
/// # Errors
/// What kept the call from being made, or what it was answered with.
pub(crate) fn run(call: Call) -> Result<String> {
    folkmoot::block_on(call.make())
}

impl Call {
    async fn make(self) -> Result<String> {
        let container = self.node.start(&self.url).await?;
        let agent: Proxy<Untyped> = self.node.connect(&container, &self.url).await?;
        let reply = agent.call(&self.method, self.arguments.into_iter().map(|argument| argument.0)).await;
        container.shutdown().await;
        Ok(reply?.to_string())
    }
}
