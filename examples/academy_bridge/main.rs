//! A garden in Python and its water tank in Rust, which answer each other through mailboxes.
//!
//! ```text
//! python3 -m venv garden && garden/bin/pip install academy-py==1.0.0
//! cargo run --release --example academy_bridge -- --python garden/bin/python
//! ```
//! The node keeps the mailboxes and opens the front door that Academy's agents know. Each hour it asks the garden, an agent
//! of Academy's, to water its beds; the garden asks the tank, an agent of Folkmoot's, for the water, and makes do with what
//! the tank has. At the end of the day the books of both must agree. Neighbours: [`tank`] is the agent in Rust,
//! [`process`] runs Python, `garden.py` is the agent there.

mod process;
mod tank;

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use folkmoot::exchange::Query;
use folkmoot::prelude::*;
use folkmoot::{Clock, Durable, RealClock};
use folkmoot_interop::Academy;
use folkmoot_interop::academy::{AGENT_TYPE, AcademyClient, EVERYONE, Ending, Handle};
use process::Garden;
use serde::Deserialize;
use tank::Tank;

/// What the garden is called in Python.
const GARDEN: &str = "garden.Garden";
/// How long Python may take to start.
const PATIENCE: Duration = Duration::from_secs(60);
/// Rain of each hour that reaches the tank, in litres.
const RAIN: [f64; 24] = [
    0.0, 0.0, 0.0, 0.0, 4.0, 9.0, 12.0, 6.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 3.0, 8.0, 2.0, 0.0,
    0.0, 0.0, 0.0,
];

/// Lets a garden in Python and a tank in Rust answer each other for a day.
#[derive(Debug, Parser)]
struct Arguments {
    /// The Python that has academy-py 0.5 or later
    #[arg(long, value_name = "FILE", default_value = "python3")]
    python: PathBuf,
}

/// What the garden got in an hour, as it says.
#[derive(Debug, Deserialize)]
struct Watered {
    wanted: f64,
    got: f64,
}

#[folkmoot::main]
async fn main() -> ExitCode {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "error".into());
    tracing_subscriber::fmt().with_writer(io::stderr).with_env_filter(filter).init();
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<()> {
    process::check(&arguments.python).await?;
    let node = Container::builder("local://bridge")
        .exchange("memory:")
        .interpreter(Academy::interpreter())
        .start()
        .await?;
    let tank = node
        .spawn("tank", Tank::default)
        .durable_with(Durable::new().agent_types(["garden.Tank", AGENT_TYPE]).shared_with([EVERYONE]))
        .await?;
    let server = Academy::new(node.mailroom()?.clone()).start("127.0.0.1:0").await?;
    let academy = Academy::client(node.mailroom()?).named("gardener").await?;

    let mut python = Garden::start(&arguments.python, server.url())?;
    let garden = find(&academy, &mut python).await?;
    say("hour  rain  wanted  watered  in the tank")?;
    let mut watered = 0.0;
    for (hour, rain) in RAIN.into_iter().enumerate() {
        tank.rain(rain).await?;
        let got: Watered = garden.action("water", (hour,)).await?;
        let left = tank.level().await?;
        say(&format!("{hour:4}  {rain:4.1}  {:6.1}  {:7.1}  {left:11.1}", got.wanted, got.got))?;
        watered += got.got;
    }

    let books: f64 = garden.action("books", ()).await?;
    let drawn = tank.drawn().await?;
    if (drawn - books).abs() > 1e-9 || (drawn - watered).abs() > 1e-9 {
        return Err(
            format!("the tank gave {drawn} litres, the garden got {books}, and told of {watered}").into()
        );
    }
    say(&format!("the tank gave {drawn:.1} litres, and that is what the garden got"))?;
    garden.shutdown(Ending::Terminate).await?;
    python.end().await?;
    academy.close().await?;
    server.shutdown().await;
    node.shutdown().await;
    Ok(())
}

/// The garden, as soon as it is there.
async fn find(academy: &AcademyClient, python: &mut Garden) -> Result<Handle> {
    let begun = RealClock.now();
    loop {
        if let Some(garden) = academy.discover(Query::of_type(GARDEN)).await?.first() {
            return Ok(academy.handle(*garden));
        }
        python.lives()?;
        if RealClock.now().0.saturating_sub(begun.0) > PATIENCE {
            return Err(format!("no {GARDEN} has come within {PATIENCE:?}").into());
        }
        RealClock.sleep(Duration::from_millis(20)).await;
    }
}

fn say(line: &str) -> io::Result<()> {
    writeln!(io::stdout(), "{line}")
}
