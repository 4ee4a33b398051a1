//! A peer of Python's Academy: a container whose exchange its agents use, with a handle that calls them.
//!
//! ```text
//! cargo run --release --example interop_academy
//! ```
//! It prints `READY <url>` first, the URL as `HttpExchangeFactory` takes it in Python. Then it reads lines, and prints one for
//! each, `PASSED <checks>` or `FAILED <why>`: `call <uuid>` makes calls to the agent of that id, `old <uuid>` those to an agent
//! of academy-py up to 0.4. It ends with its input. Neighbours: [`checks`] has the calls;
//! `platform/interop/tests/academy/bridge.py` is the other side.

#[path = "interop_academy/checks.rs"]
mod checks;

use std::process::ExitCode;

use folkmoot::exchange::{MailboxId, Uuid};
use folkmoot::prelude::*;
use folkmoot_interop::Academy;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};

#[folkmoot::main]
async fn main() -> ExitCode {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "warn".into());
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_env_filter(filter).init();
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<()> {
    let node = Container::builder("tcp://127.0.0.1:0").exchange("memory:").start().await?;
    let mailroom = node.mailroom().map_err(|error| error.to_string())?;
    let server =
        Academy::new(mailroom.clone()).start("127.0.0.1:0").await.map_err(|error| error.to_string())?;
    let client = Academy::client(mailroom).named("interop").await.map_err(|error| error.to_string())?;
    say(&format!("READY {}", server.url())).await?;
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while let Some(line) = lines.next_line().await.map_err(|error| error.to_string())? {
        let (verb, id) = line.split_once(' ').ok_or_else(|| format!("no line of this program: {line:?}"))?;
        let Uuid(id) = id.parse().map_err(|_| format!("no id of an agent: {id:?}"))?;
        let agent = MailboxId::agent(id);
        let outcome = match verb {
            "call" => checks::run(&client, agent).await,
            "old" => checks::old(&client, agent).await,
            other => Err(format!("{other:?} is neither call nor old")),
        };
        let line = match outcome {
            Ok(checks) => format!("PASSED {checks}"),
            Err(why) => format!("FAILED {}", why.replace('\n', " | ")),
        };
        say(&line).await?;
    }
    client.close().await.map_err(|error| error.to_string())?;
    server.shutdown().await;
    node.shutdown().await;
    Ok(())
}

async fn say(line: &str) -> Result<()> {
    let mut out = tokio::io::stdout();
    let said = async {
        out.write_all(format!("{line}\n").as_bytes()).await?;
        out.flush().await
    };
    Ok(said.await.map_err(|error: std::io::Error| error.to_string())?)
}
