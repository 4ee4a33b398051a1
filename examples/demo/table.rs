//! The day as a table that a person can check.
//!
//! Neighbour: [`report`](crate::report) has the figures.

use std::fmt::{self, Display, Formatter};
use std::ops::Range;

use crate::community::MEMBERS;
use crate::day::KILLED;
use crate::profiles::{DATE, QUARTERS, clock};
use crate::report::{Day, Sums};

/// The phases of a day, in hours.
const PHASES: [(&str, Range<usize>); 5] =
    [("night", 0..6), ("morning", 6..10), ("midday", 10..16), ("evening", 16..22), ("late", 22..24)];

/// Prints a [`Day`].
pub(crate) struct Table<'a>(pub(crate) &'a Day);

impl Display for Table<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let day = self.0;
        writeln!(f, "An energy community on {DATE}: {MEMBERS} members, {} auctions", day.rounds.len())?;
        writeln!(f)?;
        writeln!(
            f,
            "{:15}{:>10}{:>12}{:>12}{:>12}{:>12}{:>14}",
            "", "traded", "mean price", "imported", "exported", "cost", "own tariffs"
        )?;
        writeln!(
            f,
            "{:15}{:>10}{:>12}{:>12}{:>12}{:>12}{:>14}",
            "", "kWh", "ct/kWh", "kWh", "kWh", "EUR", "EUR"
        )?;
        for (name, hours) in PHASES {
            let title = format!("{:02}-{:02} {name}", hours.start, hours.end);
            let quarters = hours.start * 4..hours.end * 4;
            let rounds: Vec<_> =
                day.rounds.iter().filter(|round| quarters.contains(&round.quarter)).cloned().collect();
            row(f, &title, &Sums::of(&rounds))?;
        }
        let sums = Sums::of(&day.rounds);
        row(f, "whole day", &sums)?;
        writeln!(f)?;
        money(f, day, &sums)?;
        conduct(f, day)
    }
}

fn row(f: &mut Formatter<'_>, title: &str, sums: &Sums) -> fmt::Result {
    let price = sums.mean_price.map_or("-".to_owned(), |price| format!("{:.2}", price * 100.0));
    let Sums { energy_traded_kwh, imported_kwh, exported_kwh, cost_eur, cost_without_market_eur, .. } = sums;
    writeln!(
        f,
        "{title:15}{energy_traded_kwh:>10.2}{price:>12}{imported_kwh:>12.2}{exported_kwh:>12.2}{cost_eur:>12.2}\
         {cost_without_market_eur:>14.2}"
    )
}

/// Do the books balance, and what was it good for?
fn money(f: &mut Formatter<'_>, day: &Day, sums: &Sums) -> fmt::Result {
    let sold_kwh: f64 = day.rounds.iter().map(|round| round.sold_kwh).sum();
    let bought_kwh = sums.energy_traded_kwh;
    writeln!(f, "balance     {bought_kwh:.6} kWh bought, {sold_kwh:.6} kWh sold, by the members' own books")?;
    let saved_eur = sums.cost_without_market_eur - sums.cost_eur;
    let percent = saved_eur / sums.cost_without_market_eur * 100.0;
    writeln!(f, "saved       {saved_eur:.2} EUR ({percent:.1} %) against each member on its own tariffs")
}

/// What it took: calls, and what went wrong on the way.
fn conduct(f: &mut Formatter<'_>, day: &Day) -> fmt::Result {
    let (calls, seconds) = (day.calls(), day.seconds());
    writeln!(
        f,
        "calls       {calls} over mutual TLS in {seconds:.2} s, {:.0} a second",
        calls as f64 / seconds
    )?;
    let retried = day.retried();
    let reasons: Vec<String> = retried.iter().map(|(code, count)| format!("{count} {code}")).collect();
    writeln!(f, "retried     {}: {}", retried.values().sum::<u64>(), reasons.join(", "))?;
    write!(f, "restarts    {}", day.restarts)?;
    for (quarter, incident) in day.incidents() {
        if incident.codes.iter().any(|code| code == "agent-panicked") {
            write!(f, ": at {} {}", clock(quarter), incident.text)?;
        }
    }
    let (role, quarter) = KILLED;
    let resumed = day.incidents().filter(|(at, incident)| *at == quarter && incident.resumed).count();
    let (node, time) = (role.name(), clock(quarter));
    writeln!(f)?;
    write!(f, "reconnects  {}", day.reconnects)?;
    if day.rounds.len() == QUARTERS {
        write!(f, ": {node} was killed at {time}, {resumed} households went on through the same proxies")?;
    }
    writeln!(f)?;
    writeln!(f, "errors      {}", day.absent().count())
}
