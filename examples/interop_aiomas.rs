//! A peer of Python's aiomas: serves an agent that an aiomas container calls, or calls one that it serves.
//!
//! ```text
//! cargo run --release --example interop_aiomas -- --listen tcp://127.0.0.1:5555
//! cargo run --release --example interop_aiomas -- --call tcp://127.0.0.1:5556/0 --codec MsgPack
//! ```
//! Served, it prints `READY <url>` first, the URL as `await container.connect(url)` takes it in Python, and ends at
//! SIGTERM or SIGINT. Neighbours: [`checks`] has the calls; `platform/tests/aiomas` has the Python of both
//! directions.

#[path = "interop_aiomas/checks.rs"]
mod checks;

use std::io::Write;
use std::path::PathBuf;
use std::pin::pin;
use std::process::ExitCode;
use std::time::Duration;

use clap::{ArgGroup, Parser};
use folkmoot::prelude::*;
use folkmoot::{Builder, Value};
use futures_util::future::select;
use serde::{Deserialize, Serialize};
use tokio::signal::unix::{SignalKind, signal};

/// Longest text that `big` gives, in characters.
const MOST_CHARACTERS: usize = 1 << 20;

/// Serves an agent to aiomas, or calls one that aiomas serves.
#[derive(Debug, Parser)]
#[command(group = ArgGroup::new("side").required(true).args(["listen", "call"]))]
struct Arguments {
    /// Where to serve: tcp://127.0.0.1:5555, port 0 takes a free one
    #[arg(long, value_name = "ENDPOINT")]
    listen: Option<String>,
    /// The agent to call: tcp://127.0.0.1:5555/0
    #[arg(long, value_name = "URL")]
    call: Option<String>,
    /// The codec to call with: JSON, MsgPack, MsgPackBlosc or CBOR; those who call us are answered in theirs
    #[arg(long, default_value = "JSON")]
    codec: Codec,
    /// Speak TLS: the authority's certificate
    #[arg(long, value_name = "FILE", requires_all = ["cert", "key"])]
    ca: Option<PathBuf>,
    /// Speak TLS: our certificate
    #[arg(long, value_name = "FILE", requires = "ca")]
    cert: Option<PathBuf>,
    /// Speak TLS: our certificate's key
    #[arg(long, value_name = "FILE", requires = "ca")]
    key: Option<PathBuf>,
}

impl Arguments {
    fn certs(&self) -> Result<Option<SslCerts>> {
        match (&self.ca, &self.cert, &self.key) {
            (Some(ca), Some(cert), Some(key)) => Ok(Some(SslCerts::from_files(ca, cert, key)?)),
            _ => Ok(None),
        }
    }

    /// A container that listens at `endpoint`, with the certificates where there are some.
    fn container(&self, endpoint: &str) -> Result<Builder> {
        let builder = Container::builder(endpoint).codec(self.codec);
        Ok(match self.certs()? {
            Some(certs) => builder.certs(certs).allow("*", "*", "*"),
            None => builder,
        })
    }

    /// aiomas says `tcp://` with and without TLS; we say `tls://` where there is TLS.
    fn our_scheme(&self, url: &str) -> String {
        match url.strip_prefix("tcp://") {
            Some(rest) if self.ca.is_some() => format!("tls://{rest}"),
            _ => url.to_owned(),
        }
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let ended = folkmoot::block_on(async {
        match (&arguments.listen, &arguments.call) {
            (Some(endpoint), _) => serve(&arguments, endpoint).await,
            (None, Some(url)) => call(&arguments, url).await,
            (None, None) => Err("say --listen or --call".into()),
        }
    });
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            writeln!(std::io::stderr(), "interop_aiomas: {error}").ok();
            ExitCode::FAILURE
        }
    }
}

/// An object of the agent: `agent.math.mul(6, 7)` in Python.
#[derive(Default)]
struct Math;

#[object]
impl Math {
    /// Multiplies two numbers.
    #[expose]
    fn mul(&self, a: i64, b: i64) -> Result<i64, String> {
        a.checked_mul(b).ok_or_else(|| "the product is beyond 64 bits".to_owned())
    }
}

/// What aiomas calls.
#[derive(Agent, Default)]
struct Peer {
    math: Math,
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
    fn add(&self, a: Summand, b: Summand) -> Result<Summand, String> {
        a.plus(b)
    }

    /// Always fails with `message`.
    #[expose]
    fn fail(&self, message: String) -> Result<(), String> {
        Err(message)
    }

    /// Below the agent: its paths are `agents/0/math/...`.
    #[object]
    fn math(&self) -> &Math {
        &self.math
    }

    /// A text of `n` times `x`.
    #[expose]
    fn big(&self, n: usize) -> Result<String, String> {
        if n > MOST_CHARACTERS {
            return Err(format!("{n} is too many: ask for {MOST_CHARACTERS} at most"));
        }
        Ok("x".repeat(n))
    }

    /// Gives `seconds` back after as many seconds; other calls go on meanwhile.
    #[expose]
    async fn slow(&self, ctx: &Context<Self>, seconds: f64) -> Result<f64, String> {
        let pause = Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())?;
        ctx.sleep(pause).await;
        Ok(seconds)
    }
}

/// What can be added: in Python both arguments of `+` may be of many types.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(try_from = "Value", into = "Value")]
enum Summand {
    Integer(i128),
    Float(f64),
    Text(String),
}

impl Summand {
    fn plus(self, other: Summand) -> Result<Summand, String> {
        use Summand::{Float, Integer, Text};
        match (self, other) {
            (Integer(a), Integer(b)) => {
                a.checked_add(b).map(Integer).ok_or_else(|| "the sum is beyond 128 bits".to_owned())
            }
            (Float(a), Float(b)) => Ok(Float(a + b)),
            (Integer(a), Float(b)) | (Float(b), Integer(a)) => Ok(Float(a as f64 + b)),
            (Text(a), Text(b)) => Ok(Text(a + &b)),
            (a, b) => Err(format!("a number and a text cannot be added: {a:?}, {b:?}")),
        }
    }
}

impl TryFrom<Value> for Summand {
    type Error = String;

    fn try_from(value: Value) -> Result<Summand, String> {
        match value {
            Value::Int(value) => Ok(Summand::Integer(value.into())),
            Value::BigInt(value) => match i128::try_from(&value) {
                Ok(value) => Ok(Summand::Integer(value)),
                Err(_) => Err("the integer is beyond 128 bits".to_owned()),
            },
            Value::Float(value) => Ok(Summand::Float(value)),
            Value::Text(text) => Ok(Summand::Text(text)),
            other => Err(format!("only numbers and texts can be added, not {other}")),
        }
    }
}

impl From<Summand> for Value {
    fn from(summand: Summand) -> Value {
        match summand {
            Summand::Integer(value) => value.into(),
            Summand::Float(value) => value.into(),
            Summand::Text(text) => text.into(),
        }
    }
}

async fn serve(arguments: &Arguments, endpoint: &str) -> Result<()> {
    // First of all: who reads READY may stop us at once.
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let container = arguments.container(&arguments.our_scheme(endpoint))?.start().await?;
    container.spawn("0", Peer::default).await?;
    let url = container.url("0").replacen("tls://", "tcp://", 1);
    let mut out = std::io::stdout();
    writeln!(out, "READY {url}")?;
    out.flush()?;
    select(pin!(terminate.recv()), pin!(interrupt.recv())).await;
    container.shutdown().await;
    Ok(())
}

async fn call(arguments: &Arguments, url: &str) -> Result<()> {
    let container = arguments.container("local://interop")?.start().await?;
    let done = checks::run(&container, &arguments.our_scheme(url), arguments.codec).await;
    container.shutdown().await;
    writeln!(std::io::stdout(), "OK {} checks", done?)?;
    Ok(())
}
