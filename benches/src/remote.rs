//! The two processes of a remote call: a server that echoes text, and a driver that calls it whenever told.
//!
//! Neighbours: [`bare`] and [`multiplexer`] are the floors, [`ours`] goes through containers; [`cases`](crate::cases)
//! starts both.

mod bare;
mod bare_tls;
mod frames;
mod multiplexer;
mod ours;
mod victim;

pub(crate) use victim::AGENT as VICTIM;

use crate::Result;
use crate::role::{Drive, Serve, Side, Victim};

/// The node names of the two ends in their certificates.
const SERVER: &str = "server";
const DRIVER: &str = "driver";

/// Serves until the parent ends. First tells it where.
pub(crate) fn serve(serve: &Serve) -> Result<()> {
    match serve.side {
        Side::Floor => bare::serve(serve),
        Side::Multiplexer => multiplexer::serve(serve),
        Side::Ours => ours::serve(serve),
    }
}

/// Makes as many calls as the parent orders, and tells it how many nanoseconds they took; until the parent ends.
pub(crate) fn drive(drive: &Drive) -> Result<()> {
    match drive.side {
        Side::Floor => bare::drive(drive),
        Side::Multiplexer => multiplexer::drive(drive),
        Side::Ours => ours::drive(drive),
    }
}

/// Listens, and lets whoever calls wait, until it is killed. First tells the parent where.
pub(crate) fn fall_victim(victim: &Victim) -> Result<()> {
    match victim.side {
        Side::Ours => victim::node(victim),
        _ => victim::bare(victim),
    }
}

/// A text of that many bytes.
fn text(bytes: usize) -> String {
    "The moot is open; speak, each in turn. ".chars().cycle().take(bytes).collect()
}
