//! The clocks that a container can be given. Each is its own file; `agents` holds the trait.
//!
//! Neighbour: [`link_time`](crate::link_time) is the other time of a container, which none of these touches.

mod external;
mod real;
mod scaled;
mod virtual_clock;

pub use external::ExternalClock;
pub use real::RealClock;
pub use scaled::ScaledClock;
pub use virtual_clock::VirtualClock;

/// Why a clock cannot be, or cannot be set.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ClockError {
    /// The time that was to be set is not after the one that was set last.
    #[error("Time must be > {now} but is {asked}")]
    NotAfter {
        /// What was set last, in seconds.
        now: f64,
        /// What was to be set, in seconds.
        asked: f64,
    },
    /// The number is no time that a clock can show.
    #[error("{0} s is no time of this clock: it shows moments from 1970 on, within a hundred million years")]
    OutOfRange(f64),
    /// The speed of a clock is no number from a billionth to a billion.
    #[error("a clock cannot run at {0} x real time: write a number from 1e-9 to 1e9, such as 60.0")]
    Speed(f64),
    /// This thread runs no simulation.
    #[error(
        "there is no virtual time here: it is within folkmoot::sim::Simulation and #[folkmoot::test(sim)]"
    )]
    NoSimulation,
}
