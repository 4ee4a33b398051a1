//! A service without agents, for Rust and for Python's `aiomas.rpc`: serves one, or calls one and is called back.
//!
//! ```text
//! cargo run --release --example rpc -- --listen tcp://127.0.0.1:5555 --codec MsgPack
//! cargo run --release --example rpc -- --call tcp://127.0.0.1:5555 --codec MsgPack
//! ```
//! Served, it prints `READY <endpoint>` first and ends at SIGTERM or SIGINT. Neighbours: `tests/examples/rpc.rs` lets one
//! call the other, `platform/tests/aiomas/rpc.py` is both ends in Python.

use std::io::Write;
use std::pin::pin;

use clap::{ArgGroup, Parser};
use folkmoot::channel::Options;
use folkmoot::prelude::*;
use folkmoot::rpc::{self, Peer, Reference, Service};
use folkmoot::{Date, Exception, Never, Serializable, Value};
use futures_util::future::select;
use tokio::signal::unix::{SignalKind, signal};

/// Serves a service, or calls one.
#[derive(Debug, Parser)]
#[command(group = ArgGroup::new("side").required(true).args(["listen", "call"]))]
struct Arguments {
    /// Where to serve: tcp://127.0.0.1:5555, port 0 takes a free one
    #[arg(long, value_name = "ENDPOINT")]
    listen: Option<String>,
    /// Where the service is that is called
    #[arg(long, value_name = "ENDPOINT")]
    call: Option<String>,
    /// The codec to call with: JSON, MsgPack, MsgPackBlosc or CBOR
    #[arg(long, default_value = "JSON")]
    codec: Codec,
}

/// In Python a class with `@aiomas.serializable`. Both ends register the date and this, in that order.
#[derive(Clone, Debug, PartialEq, Serializable)]
struct Meter {
    name: String,
    since: Date,
}

fn options() -> Options {
    Options::new().serializer::<Date>().serializer::<Meter>()
}

fn math() -> Service {
    Service::new().method("mul", ["a", "b"], |(a, b): (f64, f64)| Ok::<_, Never>(a * b)).method(
        "root",
        ["of"],
        |(of,): (f64,)| match of >= 0.0 {
            true => Ok(of.sqrt()),
            false => Err(Exception::value_error(format!("{of} has no root"))),
        },
    )
}

/// What is served: by both ends.
fn service() -> Service {
    let math = math();
    let passed = math.clone();
    Service::new()
        .method("echo", ["value"], |(value,): (Value,)| Ok::<_, Never>(value))
        .method("later", ["meter", "seconds"], |(meter, seconds): (Meter, f64)| {
            let since = meter.since.plus_seconds(seconds).map_err(Exception::value_error)?;
            Ok::<_, Exception>(Meter { since, ..meter })
        })
        .async_method("get_math", [], move |(), peer| {
            let passed = peer.pass(&passed);
            async move { passed }
        })
        .async_method(
            "via",
            ["service", "value"],
            |(service, value): (Reference, Value), peer: Peer| async move {
                peer.remote_of(&service).call::<Value>("echo", (value,)).await
            },
        )
        .service("math", math)
}

/// Calls the other end, which calls back.
async fn call(endpoint: &str, codec: Codec) -> Result<()> {
    let channel = options().codec(codec).open(endpoint).await?;
    let own = service();
    let peer = Peer::new(channel, Some(own.clone()));
    let remote = peer.remote();
    let product: f64 = remote.at("math").call("mul", (6.0, 7.0)).await?;
    let echo: Value = remote.call("via", (peer.pass(&own)?, "called back".to_owned())).await?;
    let meter = Meter { name: "main street".into(), since: "2020-02-28T23:59:59+01:00".parse()? };
    let later: Meter = remote.call("later", (meter.clone(), 1.5)).await?;
    let math: Reference = remote.call("get_math", ()).await?;
    let root: f64 = peer.remote_of(&math).call("root", (2.25,)).await?;
    let failed = peer.remote_of(&math).call::<f64>("root", (-1.0,)).await.unwrap_err();
    let mut out = std::io::stdout();
    writeln!(out, "6 * 7 = {product}\n{}", echo.as_str().unwrap_or_default())?;
    writeln!(out, "1.5 s after {} it is {}", meter.since, later.since)?;
    writeln!(out, "the root of 2.25 is {root}\n{failed}")?;
    peer.channel().close().await;
    let has_no_root = matches!(&failed, CallError::Remote { kind, .. } if kind == "ValueError");
    let is_later = later == Meter { since: meter.since.plus_seconds(1.5)?, ..meter };
    if product != 42.0 || !is_later || echo.as_str() != Some("called back") || root != 1.5 || !has_no_root {
        return Err("that is not what the service should answer".into());
    }
    writeln!(out, "OK 5 calls")?;
    Ok(())
}

async fn serve(endpoint: &str, codec: Codec) -> Result<()> {
    let listener = options().take_codecs([codec]).listen(endpoint).await?;
    let server =
        rpc::serve(listener, service(), |peer| eprintln!("{} is here", peer.channel().peer_address()));
    let mut out = std::io::stdout();
    writeln!(out, "READY {}", server.endpoint())?;
    out.flush()?;
    let (mut terminated, mut interrupted) =
        (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    select(pin!(terminated.recv()), pin!(interrupted.recv())).await;
    Ok(())
}

#[folkmoot::main]
async fn main() -> Result<()> {
    let Arguments { listen, call: called, codec } = Arguments::parse();
    match (listen, called) {
        (Some(endpoint), _) => serve(&endpoint, codec).await,
        (None, Some(endpoint)) => call(&endpoint, codec).await,
        (None, None) => Err("say --listen or --call".into()),
    }
}
