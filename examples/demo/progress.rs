//! What is shown while the day runs, on standard error: the hour, and whatever goes wrong.
//!
//! On a terminal the hour is one line that changes; elsewhere, a line every two hours. Neighbour:
//! [`day`](crate::day) tells it what happens.

use std::io::{self, IsTerminal, Write};

use crate::market::Round;
use crate::profiles::{QUARTERS, clock};
use crate::seat::Incident;

/// Where there is no terminal: quarter hours from line to line.
const QUARTERS_A_LINE: usize = 8;
/// More incidents than this in one quarter hour are told in one line.
const TOLD_ONE_BY_ONE: usize = 3;

/// Writes to standard error. Where that is closed, the day goes on all the same.
#[derive(Debug)]
pub(crate) struct Progress {
    terminal: bool,
    traded_kwh: f64,
}

impl Progress {
    pub(crate) fn new() -> Progress {
        Progress { terminal: io::stderr().is_terminal(), traded_kwh: 0.0 }
    }

    /// A line of its own.
    pub(crate) fn say(&self, text: &str) {
        let clear = if self.terminal { "\r\x1b[K" } else { "" };
        writeln!(io::stderr(), "{clear}{text}").ok();
    }

    /// The hour has moved on.
    pub(crate) fn round(&mut self, round: &Round) {
        self.traded_kwh += round.bought_kwh;
        let time = clock(round.quarter);
        if round.incidents.len() > TOLD_ONE_BY_ONE {
            self.say(&format!("{time}  {}", together(&round.incidents)));
        } else {
            round.incidents.iter().for_each(|incident| self.say(&format!("{time}  {}", alone(incident))));
        }

        let price = round.price.map_or("no price".to_owned(), |price| format!("{:.1} ct/kWh", price * 100.0));
        let hour = format!("{time}  {price:>11}, {:6.1} kWh traded so far", self.traded_kwh);
        let last = round.quarter + 1 == QUARTERS;
        if self.terminal {
            write!(io::stderr(), "\r\x1b[K{hour}{}", if last { "\r\x1b[K" } else { "" }).ok();
        } else if round.quarter.is_multiple_of(QUARTERS_A_LINE) || last {
            self.say(&hour);
        }
        io::stderr().flush().ok();
    }
}

fn alone(incident: &Incident) -> String {
    let outcome = if incident.answered { "asked again, it answered" } else { "it stayed away" };
    format!("{}; {outcome} after {:.0} ms", incident.text, incident.seconds * 1_000.0)
}

fn together(incidents: &[Incident]) -> String {
    let back = incidents.iter().filter(|incident| incident.answered).count();
    let slowest = incidents.iter().map(|incident| incident.seconds).fold(0.0, f64::max);
    let first = incidents.first().map(|incident| incident.text.as_str()).unwrap_or_default();
    format!(
        "{} households had to be asked again ({first}); {back} answered, through the same proxies, within {:.0} ms",
        incidents.len(),
        slowest * 1_000.0
    )
}
