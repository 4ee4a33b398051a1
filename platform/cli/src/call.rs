//! `folkmoot call`: one call by hand, with JSON for arguments and reply.
//!
//! Neighbours: [`node`](crate::node), who calls; `folkmoot::Untyped`, calls by name from code.

use std::str::FromStr;

use clap::Args;
use folkmoot::{CallError, Codec, Container, Error, Limits, Proxy, Result, Untyped, Value};

use crate::node::Node;

/// The arguments of `folkmoot call`.
#[derive(Debug, Args)]
pub(crate) struct Call {
    /// The agent, as in tls://market.example:5555/counter or unix:///run/market.sock:counter
    url: String,
    /// The method's name; one of an object behind the object's, as in math/add
    method: String,
    /// The method's arguments in their order, each in JSON: 2, '"text"', '[1, 2]'
    #[arg(value_name = "JSON", allow_negative_numbers = true)]
    arguments: Vec<Argument>,
    /// Calls again, within the deadline, where the node cannot be reached or the link breaks; for methods that
    /// `folkmoot describe` shows as idempotent
    #[arg(long)]
    retry: bool,
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
        let reply = match self.retry {
            false => self.reply(&container).await,
            true => self.reply_in_the_end(&container).await,
        };
        container.shutdown().await;
        reply.map(|reply| reply.to_string()).map_err(apart)
    }

    async fn reply(self, container: &Container) -> Result<Value> {
        let agent: Proxy<Untyped> = self.node.connect(container, &self.url).await?;
        Ok(agent.call(&self.method, values(self.arguments)).await?)
    }

    async fn reply_in_the_end(self, container: &Container) -> Result<Value> {
        let described = self.node.connect_patiently(container, &self.url).describe().await?;
        let method = described.methods.iter().find(|method| method.name == self.method);
        // Where there is no such method, the call says so best.
        if method.is_some_and(|method| !method.idempotent) {
            return Err(format!(
                "\"{}\" does not say that it is idempotent, so it is called once: leave --retry out",
                self.method
            )
            .into());
        }
        let agent: Proxy<Untyped> = self.node.connect_patiently(container, &self.url).await?;
        Ok(agent.call(&self.method, values(self.arguments)).idempotent().await?)
    }
}

/// Whoever wrote the method behind the agent in the URL is told where it belongs.
fn apart(error: Error) -> Error {
    let missing = match &error {
        Error::Call(error) => error.downcast_ref::<CallError>(),
        _ => None,
    };
    match missing {
        Some(CallError::NoSuchAgent { agent, .. }) if agent.contains('/') => format!(
            "{error}; the method stands behind the URL, as in `folkmoot call tcp://127.0.0.1:5555/house math/add 2`"
        )
        .into(),
        _ => error,
    }
}

fn values(arguments: Vec<Argument>) -> impl Iterator<Item = Value> {
    arguments.into_iter().map(|argument| argument.0)
}
