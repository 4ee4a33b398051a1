//! `folkmoot exchange`: mailboxes as a server, and the folders that they are kept in.
//!
//! Neighbours: each verb has its file in `exchange/`.

mod backup;
mod check;
mod figures;
mod serve;

use clap::Subcommand;
use folkmoot::Result;

/// What can be done with an exchange.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Serves mailboxes over HTTP, to Academy's agents too, until Ctrl-C
    Serve(serve::Serve),
    /// Looks whether all that a folder keeps is as it was written: exit code 1, and what is wrong, where it is not
    Check(check::Check),
    /// Copies the mailboxes of a folder into another, while they are in use
    Backup(backup::Backup),
}

pub(crate) fn run(verb: Verb) -> Result<String> {
    match verb {
        Verb::Serve(serve) => serve::run(serve),
        Verb::Check(check) => check::run(&check),
        Verb::Backup(backup) => backup::run(&backup),
    }
}
