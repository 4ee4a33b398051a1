//! The command `folkmoot`: certificates for development, calls by hand, a look at nodes that have joined, an exchange as a
//! server, scenarios in virtual time, and protocols.
//!
//! What always holds: results go to standard output, one sentence about a failure to standard error; the exit
//! code is 0, 1 for a failure, 2 for a command line that cannot be understood, and where 1 means that two things differ, for
//! what keeps them from being compared. Each verb has its file.

mod call;
mod certs;
mod describe;
mod exchange;
mod join;
mod node;
mod protocol;
mod sim;
mod trace;
mod tree;

use std::io::Write;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Works with Folkmoot's nodes.
#[derive(Debug, Parser)]
#[command(name = "folkmoot", version, arg_required_else_help = true)]
struct CommandLine {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Makes and issues certificates for development
    #[command(subcommand)]
    Certs(certs::Verb),
    /// Calls a method of an agent and prints its reply
    Call(call::Call),
    /// Shows what an agent exposes: methods, arguments, docs
    Describe(describe::Describe),
    /// Shows the agents and child containers of a node, and what they are doing
    Tree(tree::Tree),
    /// Serves mailboxes, to agents of other platforms too
    #[command(subcommand)]
    Exchange(exchange::Verb),
    /// Joins other nodes and shows all nodes and agents, as they come and go
    Join(join::Join),
    /// Runs scenarios in virtual time, the same each time for the same seed
    #[command(subcommand)]
    Sim(sim::Verb),
    /// Compares the traces of scenarios
    #[command(subcommand)]
    Trace(trace::Verb),
    /// Checks the specifications of protocols, and works with what they specify
    #[command(subcommand)]
    Protocol(protocol::Verb),
}

fn main() -> ExitCode {
    let command_line = CommandLine::parse();
    tell_logs();
    let done = match command_line.verb {
        Verb::Certs(verb) => certs::run(verb),
        Verb::Call(call) => call::run(call),
        Verb::Describe(describe) => describe::run(describe),
        Verb::Tree(tree) => tree::run(tree),
        Verb::Exchange(verb) => exchange::run(verb),
        Verb::Join(join) => join::run(join),
        Verb::Sim(verb) => sim::run(verb),
        Verb::Trace(verb) => trace::run(verb),
        Verb::Protocol(verb) => return exit(protocol::run(verb)),
    };
    exit(done.and_then(|text| print(&text)).map(|()| ExitCode::SUCCESS))
}

/// A verb's result, where it has one.
fn print(text: &str) -> folkmoot::Result<()> {
    match text.is_empty() {
        true => Ok(()),
        false => is_read(writeln!(std::io::stdout(), "{text}")).map(drop),
    }
}

/// Whether somebody still reads what is written to the standard output: whoever has closed it has enough, as `head` has.
fn is_read(written: std::io::Result<()>) -> folkmoot::Result<bool> {
    match written {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(error.into()),
    }
}

fn exit(done: folkmoot::Result<ExitCode>) -> ExitCode {
    match done {
        Ok(code) => code,
        Err(error) => {
            tell(&error);
            ExitCode::FAILURE
        }
    }
}

/// Says what kept something from being done.
fn tell(error: &folkmoot::Error) {
    // Where even this cannot be written, the exit code still tells.
    writeln!(std::io::stderr(), "folkmoot: {}", sentence(error)).ok();
}

/// Logs go to standard error, and only where the variable `RUST_LOG` asks for them.
fn tell_logs() {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env();
    let filter = filter.unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("off"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
}

/// An error with its causes, as far as it does not quote them itself.
fn sentence(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let words = error.to_string();
        if !text.contains(&words) {
            text = format!("{text}: {words}");
        }
        cause = error.source();
    }
    text
}
