//! The benches: the same work by hand ("the floor") and through Folkmoot, in one run, as one table of ratios.
//!
//! `just bench` runs all of them. `-- NAME..` runs those whose names contain one of the words, `--rounds N` sets the
//! number of rounds, `--write FILE` keeps the table, `--list` names the cases, `--long` runs those too that take long.
//! Always true: floor and ours take turns within one run, and nothing here fails because of a time: a missed target is
//! printed as missed.
//!
//! Neighbours: [`cases`] has one file for each kind of work, [`rounds`] lets both sides take turns, [`table`]
//! prints; [`role`] is what this binary does when it has started itself as another process.

mod agents;
mod arguments;
mod bench;
mod cases;
mod child;
mod floor;
mod machine;
mod remote;
mod role;
mod rounds;
mod stopwatch;
mod table;
mod tasks;

use std::process::ExitCode;

use crate::arguments::Arguments;
use crate::table::Table;

/// What can go wrong in a bench: shown to a person, never matched on.
pub(crate) type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match role::of(&words) {
        Some(role) => role.play().map(|()| true),
        None => Arguments::parse(&words).and_then(|arguments| run(&arguments)),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            table::complain(&error.to_string());
            ExitCode::FAILURE
        }
    }
}

/// Runs the chosen cases. Says whether all of them could be measured.
fn run(arguments: &Arguments) -> Result<bool> {
    let groups = cases::all();
    if arguments.list {
        table::list(&groups);
        return Ok(true);
    }
    let mut table = Table::begin(arguments.plan.rounds);
    for group in groups {
        for bench in &group.benches {
            if arguments.chooses(bench) {
                table.add(&group, bench, (bench.measure)(&arguments.plan));
            }
        }
    }
    if table.is_empty() {
        return Err(format!("no case is named like {:?}; --list names them all", arguments.names).into());
    }
    if let Some(file) = &arguments.write {
        std::fs::write(file, table.markdown()).map_err(|error| format!("{}: {error}", file.display()))?;
    }
    Ok(table.is_complete())
}
