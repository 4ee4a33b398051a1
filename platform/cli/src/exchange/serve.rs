//! `folkmoot exchange serve`: Academy's HTTP exchange, over a folder or in memory.
//!
//! What always holds: `READY <url>` is printed once clients can come; Ctrl-C and SIGTERM end it in good order, SIGUSR1 has
//! it write its counters to standard error. Neighbour: [`figures`](super::figures) keeps them.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use folkmoot::{Error, Mailroom, Result};
use folkmoot_interop::Academy;

use super::figures::Figures;

/// Serves mailboxes over HTTP, as Academy's exchange does, until Ctrl-C
#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// Where to listen: a host and a port, 0 for any that is free
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8700")]
    listen: String,
    /// The folder that the mail is kept in; without it mail is kept in memory, and gone when the server ends
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Who may come in: a YAML file, tokens: {<token>: {user: <name>, groups: [<group>, ..]}}; without it everyone
    #[arg(long, value_name = "FILE")]
    auth: Option<PathBuf>,
    /// Speak TLS, with cert.pem and key.pem of this folder
    #[arg(long, value_name = "DIR")]
    tls: Option<PathBuf>,
    /// The longest time that a client may ask to wait for mail
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = seconds)]
    listen_timeout: Duration,
    /// The longest message; Academy's clients read no more than 524288
    #[arg(long, value_name = "BYTES", default_value_t = 524_288)]
    max_message: usize,
}

pub(crate) fn run(serve: Serve) -> Result<String> {
    allow_descriptors();
    // Before anything is opened that counts.
    let figures = Figures::install()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(until_stopped(serve, &figures))?;
    // What the exchange has left to do was done when it was closed.
    runtime.shutdown_background();
    Ok(String::new())
}

async fn until_stopped(serve: Serve, figures: &Figures) -> Result<()> {
    let mailroom = Mailroom::open(&line(serve.data.as_deref())?).await.map_err(other)?;
    if serve.data.is_none() {
        let told = "no --data DIR: mail is kept in memory, and is gone when the server ends";
        writeln!(std::io::stderr(), "folkmoot: {told}")?;
    }
    let exchange = mailroom.exchange().clone();
    let mut academy =
        Academy::new(mailroom).listen_timeout(serve.listen_timeout).max_message(serve.max_message);
    let is_open = serve.auth.is_none();
    if let Some(file) = serve.auth {
        academy = academy.tokens(file);
    }
    if let Some(dir) = serve.tls {
        academy = academy.tls(dir);
    }
    // Before anybody is told that the server is there.
    let stop = Stop::heed()?;
    let server = academy.start(&serve.listen).await.map_err(other)?;
    if is_open && !server.address().ip().is_loopback() {
        let told = "no --auth FILE: whoever reaches this server over the network may use every mailbox";
        writeln!(std::io::stderr(), "folkmoot: {told}")?;
    }
    let mut out = std::io::stdout();
    writeln!(out, "READY {}", server.url())?;
    out.flush()?;
    let stopped = stop.asked(figures).await;
    server.shutdown().await;
    exchange.close().await.map_err(other)?;
    tracing::info!(counted = %figures.text().trim_end().replace('\n', ", "), "the server has ended");
    stopped
}

fn other(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::Other(Box::new(error))
}

/// The exchange of a folder, or of memory.
fn line(data: Option<&Path>) -> Result<String> {
    let Some(dir) = data else { return Ok("memory:".to_owned()) };
    let dir = std::path::absolute(dir)?;
    match dir.to_str() {
        Some(dir) => Ok(format!("sqlite://{dir}")),
        None => Err(format!("the path {} is no UTF-8; choose another --data", dir.display()).into()),
    }
}

/// What ends the server, and what has it write its counters, heeded from when this is made.
#[cfg(unix)]
struct Stop([tokio::signal::unix::Signal; 3]);

#[cfg(unix)]
impl Stop {
    fn heed() -> Result<Stop> {
        use tokio::signal::unix::{SignalKind, signal};
        let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::user_defined1()];
        let [interrupt, terminate, show] = kinds.map(signal);
        Ok(Stop([interrupt?, terminate?, show?]))
    }

    async fn asked(self, figures: &Figures) -> Result<()> {
        let Stop([mut interrupt, mut terminate, mut show]) = self;
        loop {
            tokio::select! {
                biased;
                _ = interrupt.recv() => return Ok(()),
                _ = terminate.recv() => return Ok(()),
                _ = show.recv() => write!(std::io::stderr(), "{}", figures.text())?,
            }
        }
    }
}

/// What ends the server.
#[cfg(not(unix))]
struct Stop;

#[cfg(not(unix))]
impl Stop {
    fn heed() -> Result<Stop> {
        Ok(Stop)
    }

    async fn asked(self, _: &Figures) -> Result<()> {
        Ok(tokio::signal::ctrl_c().await?)
    }
}

/// Each client takes a descriptor: as many as the system lets us have.
#[cfg(unix)]
fn allow_descriptors() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // Where it is refused, what there is must do.
    setrlimit(Resource::Nofile, limit).ok();
}

#[cfg(not(unix))]
fn allow_descriptors() {}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse::<f64>().map_err(|error| error.to_string())?;
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}
