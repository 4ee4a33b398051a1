//! `folkmoot call`: one call by hand, with JSON for arguments and reply.
//!
//! What always holds: nothing listens on a port for it. Neighbour: `folkmoot::Untyped`, calls by name from code.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::Args;
use folkmoot::{Codec, Container, Limits, Proxy, Result, SslCerts, Untyped, Value};

/// The arguments of `folkmoot call`.
#[derive(Debug, Args)]
pub(crate) struct Call {
    /// The agent, as in tls://market.example:5555/counter
    url: String,
    /// The method's name
    method: String,
    /// The method's arguments in their order, each in JSON: 2, '"text"', '[1, 2]'
    #[arg(value_name = "JSON", allow_negative_numbers = true)]
    arguments: Vec<Argument>,
    /// The caller's certificates, a folder as `folkmoot certs issue` makes it; tls:// needs them
    #[arg(long, value_name = "DIR")]
    certs: Option<PathBuf>,
    /// The name that the other node must prove (spiffe://..), in the place of one that matches the URL
    #[arg(long, value_name = "NAME")]
    peer: Option<String>,
    /// How the call is written on the wire: MsgPack, CBOR or JSON
    #[arg(long, value_name = "NAME", default_value = "MsgPack")]
    codec: Codec,
    /// How long to wait for the reply
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = seconds)]
    deadline: Duration,
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

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse::<f64>().map_err(|error| error.to_string())?;
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
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
        if self.certs.is_none() && self.url.starts_with("tls://") {
            let help = "tls:// needs the caller's certificates: add --certs DIR, a folder that `folkmoot certs issue` made";
            return Err(help.into());
        }
        let mut builder = Container::builder("local://folkmoot-call").deadline(self.deadline);
        if let Some(dir) = &self.certs {
            builder = builder.certs(SslCerts::from_dir(dir)?);
        }
        let container = builder.start().await?;
        let mut connect = container.connect::<Untyped>(self.url).codec(self.codec);
        if let Some(peer) = self.peer {
            connect = connect.peer(peer);
        }
        let agent: Proxy<Untyped> = connect.await?;
        let reply = agent.call(&self.method, self.arguments.into_iter().map(|argument| argument.0)).await;
        container.shutdown().await;
        Ok(reply?.to_string())
    }
}
