//! `folkmoot exchange`: mailboxes as a server, and the folders that they are kept in.
//!
//! Neighbours: each verb has its file in `exchange/`.

mod serve;

use clap::Subcommand;
use folkmoot::Result;

/// What can be done with an exchange.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Serves mailboxes over HTTP, to Academy's agents too, until Ctrl-C
    Serve(serve::Serve),
}

pub(crate) fn run(verb: Verb) -> Result<String> {
    match verb {
        Verb::Serve(serve) => serve::run(serve),
    }
}
