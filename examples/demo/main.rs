//! The demo: an energy community trades for a day, on three nodes over mutual TLS.
//!
//! 200 household agents bid for every quarter hour of a real day. One of them panics and comes back; one of the nodes
//! is killed, started again, and its households are called again. This file has the arguments and the two roles that
//! the program can have: the operator, which a person starts, and one node, which the operator starts. From here
//! read [`day`], then [`nodes`], [`market`], [`household`] and [`clearing`].

mod battery;
mod clearing;
mod community;
mod counters;
mod day;
mod household;
mod market;
mod nodes;
mod processes;
mod profiles;
mod progress;
mod report;
mod seat;
mod sun;
mod table;

use std::io::{self, Write};
use std::path::PathBuf;
use std::pin::pin;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use folkmoot::prelude::*;
use futures_util::future::{Either, select};

use crate::nodes::Role;
use crate::progress::Progress;
use crate::report::Day;
use crate::table::Table;

/// What a shell expects of a program that was interrupted.
const INTERRUPTED: u8 = 130;

/// An energy community trades for a day: three nodes over mutual TLS, 200 household agents, 96 auctions.
///
/// The loads are those of the BDEW standard load profiles for 19 March 2025. One household panics on purpose, one
/// node is killed and started again; the table at the end says what came of it. It needs no network, takes a few
/// seconds and leaves nothing behind.
///
/// Exit status: 0 where all checks passed, 1 where one did not, 2 for wrong arguments.
#[derive(Parser)]
#[command(name = "demo", disable_help_subcommand = true, override_usage = "demo [--json]")]
struct Arguments {
    /// Print one JSON object in the place of the table
    #[arg(long)]
    json: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Be one node, until standard input ends
    #[command(hide = true)]
    Node {
        role: Role,
        #[arg(long)]
        certs: PathBuf,
        /// The URL of the node to join; the market's node is there first and has none
        #[arg(long)]
        join: Option<String>,
    },
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let ended = match arguments.command {
        None => folkmoot::block_on(operate(arguments.json)),
        Some(Command::Node { role, certs, join }) => {
            folkmoot::block_on(nodes::serve(role, &certs, join.as_deref())).map(|()| ExitCode::SUCCESS)
        }
    };
    ended.unwrap_or_else(|error| fail(&error.to_string()))
}

/// Runs the day and prints what came of it, unless Ctrl-C comes first.
async fn operate(json: bool) -> Result<ExitCode> {
    let mut progress = Progress::new();
    let day = match select(pin!(interrupted()), pin!(day::live(&mut progress))).await {
        Either::Left((signal, _)) => {
            signal?;
            return Ok(ExitCode::from(INTERRUPTED));
        }
        Either::Right((day, _)) => day?,
    };
    print(&day, json)?;
    Ok(match day.check() {
        Ok(()) => ExitCode::SUCCESS,
        Err(wrong) => fail(&wrong),
    })
}

fn print(day: &Day, json: bool) -> Result<()> {
    let text = if json { day.json().map_err(|error| error.to_string())? } else { Table(day).to_string() };
    let written = writeln!(io::stdout(), "{}", text.trim_end());
    Ok(written.map_err(|error| format!("the report cannot be written: {error}"))?)
}

fn fail(text: &str) -> ExitCode {
    writeln!(io::stderr(), "demo: {text}").ok();
    ExitCode::FAILURE
}

/// Done when this process is asked to end.
async fn interrupted() -> io::Result<()> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminated = signal(SignalKind::terminate())?;
        select(pin!(terminated.recv()), pin!(tokio::signal::ctrl_c())).await;
        Ok(())
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await
}
