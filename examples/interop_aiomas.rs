//! A peer of Python's aiomas: serves an agent that an aiomas container calls, or calls one that it serves.
//!
//! ```text
//! cargo run --release --example interop_aiomas -- --listen tcp://127.0.0.1:5555
//! cargo run --release --example interop_aiomas -- --call tcp://127.0.0.1:5556/0 --codec MsgPack
//! ```
//! Served, it prints `READY <url>` first, the URL as `await container.connect(url)` takes it in Python, and ends at
//! SIGTERM or SIGINT. With `--manager` the agent "0" is a Manager, which drives a clock and spawns agents, and whose `stop` ends
//! the process. Neighbours: [`peer`] is what is called, [`checks`] has the calls; `platform/tests/aiomas` has the Python
//! of both directions.

#[path = "interop_aiomas/checks.rs"]
mod checks;
#[path = "interop_aiomas/number.rs"]
mod number;
#[path = "interop_aiomas/peer.rs"]
mod peer;
#[path = "interop_aiomas/urls.rs"]
mod urls;

use std::io::Write;
use std::path::PathBuf;
use std::pin::pin;
use std::process::ExitCode;

use clap::{ArgGroup, Parser};
use folkmoot::prelude::*;
use folkmoot::{Builder, ExternalClock, LinkLimits, ManagerSetup};
use futures_util::future::select;
use peer::Peer;
use tokio::signal::unix::{SignalKind, signal};

/// Largest frame in either direction, in bytes: aiomas has no limit of its own.
const MOST_FRAME_BYTES: u32 = 64 * 1024 * 1024;
/// Most values in a frame.
const MOST_VALUES: u32 = 17 * 1024 * 1024;
/// What a driver in Python calls the kind of the agent.
const MAKE_PEER: &str = "peer_server:make_peer";
/// Where the clock of a Manager's container begins.
const CLOCK_START: &str = "2014-01-01T00:00:00";
/// Most calls that wait in the agent, which many at once are to try.
const MOST_CALLS: usize = 16 * 1024;

/// Serves an agent to aiomas, or calls one that aiomas serves.
#[derive(Debug, Parser)]
#[command(group = ArgGroup::new("side").required(true).args(["listen", "call"]))]
struct Arguments {
    /// Where to serve: tcp://127.0.0.1:5555, tcp://[::1]:0 (port 0 takes a free one) or unix:PATH
    #[arg(long, value_name = "ENDPOINT")]
    listen: Option<String>,
    /// The agent to call: tcp://127.0.0.1:5555/0
    #[arg(long, value_name = "URL")]
    call: Option<String>,
    /// The codec to call with: JSON, MsgPack, MsgPackBlosc or CBOR; those who call us are answered in theirs
    #[arg(long, default_value = "JSON")]
    codec: Codec,
    /// Serve a Manager, on a clock that it sets, whose spawn("peer_server:make_peer") gives agents
    #[arg(long, conflicts_with = "call")]
    manager: bool,
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

    fn is_tls(&self) -> bool {
        self.ca.is_some()
    }

    /// A container that listens at `endpoint`, with the certificates where there are some.
    fn container(&self, endpoint: &str) -> Result<Builder> {
        let mut limits = LinkLimits::default();
        limits.frame.max_frame_bytes = MOST_FRAME_BYTES;
        limits.frame.max_nodes = MOST_VALUES;
        limits.max_outbox_bytes = 4 * MOST_FRAME_BYTES as usize;
        limits.max_requests_in_hand = MOST_CALLS;
        let builder = Container::builder(endpoint).codec(self.codec).limits(limits);
        Ok(match self.certs()? {
            Some(certs) => builder.certs(certs).allow("*", "*", "*"),
            None => builder,
        })
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    // `RUST_LOG=info` says more.
    let level = tracing_subscriber::EnvFilter::builder()
        .with_default_directive(tracing_subscriber::filter::LevelFilter::ERROR.into())
        .from_env_lossy();
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_env_filter(level).init();
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

async fn serve(arguments: &Arguments, endpoint: &str) -> Result<()> {
    // First of all: who reads READY may stop us at once.
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let is_tls = arguments.is_tls();
    let builder = arguments.container(&urls::endpoint(endpoint, is_tls)?)?;
    let make_peer = move || Peer::new(is_tls);
    let (container, managed) = match arguments.manager {
        false => {
            let container = builder.start().await?;
            container.spawn("0", make_peer).capacity(MOST_CALLS).await?;
            (container, None)
        }
        true => {
            // As a simulator's driver wants it: its first step, at 0, is one that the clock can be set to.
            let clock = ExternalClock::starting_at(CLOCK_START.parse()?, -1.0)?;
            let container = builder.clock(clock.clone()).start().await?;
            let setup = ManagerSetup::new().clock(&clock).kind(MAKE_PEER, make_peer);
            let managed = setup.spawn(&container).await?;
            (container, Some(managed))
        }
    };
    let mut out = std::io::stdout();
    writeln!(out, "READY {}", container.aiomas_url("0"))?;
    out.flush()?;
    let stopped = async {
        match &managed {
            Some(managed) => managed.stopped().await,
            None => std::future::pending().await,
        }
    };
    select(pin!(stopped), select(pin!(terminate.recv()), pin!(interrupt.recv()))).await;
    container.shutdown().await;
    Ok(())
}

async fn call(arguments: &Arguments, url: &str) -> Result<()> {
    let is_tls = arguments.is_tls();
    let url = urls::ours(url, is_tls)?;
    let folder = tempfile::tempdir()?;
    // Of the same kind, for the calls back.
    let own = match url.split_once("://") {
        Some(("unix" | "unix+tls", _)) => format!("unix:{}", folder.path().join("caller.sock").display()),
        Some((_, rest)) if rest.starts_with('[') => "tcp://[::1]:0".to_owned(),
        _ => "tcp://127.0.0.1:0".to_owned(),
    };
    let container = arguments.container(&urls::endpoint(&own, is_tls)?)?.start().await?;
    container.spawn("0", move || Peer::new(is_tls)).capacity(MOST_CALLS).await?;
    let done = checks::run(&container, &url, arguments.codec).await;
    container.shutdown().await;
    writeln!(std::io::stdout(), "OK {} checks", done?)?;
    Ok(())
}
