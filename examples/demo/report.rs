//! What came of the day: sums, the checks that they pass, and the two ways to print them.
//!
//! Always true: every figure is summed up from the rounds or counted by the platform; none is known beforehand.
//! Neighbours: [`day`](crate::day) fills a [`Day`], [`table`](crate::table) draws it.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::community::MEMBERS;
use crate::market::Round;
use crate::profiles::{DATE, QUARTERS, clock};
use crate::seat::Incident;

/// How far bought and sold may differ by rounding, in kWh.
const BALANCE_KWH: f64 = 1e-9;

/// A day, quarter hour by quarter hour.
#[derive(Debug, Default)]
pub(crate) struct Day {
    pub(crate) rounds: Vec<Round>,
    /// Agents that the platform started anew after a crash.
    pub(crate) restarts: u64,
    /// Links that the platform opened again.
    pub(crate) reconnects: u64,
}

/// Some rounds together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Sums {
    pub(crate) energy_traded_kwh: f64,
    /// By energy, EUR/kWh; none where nothing was traded.
    pub(crate) mean_price: Option<f64>,
    pub(crate) imported_kwh: f64,
    pub(crate) exported_kwh: f64,
    pub(crate) cost_eur: f64,
    pub(crate) cost_without_market_eur: f64,
}

impl Sums {
    pub(crate) fn of(rounds: &[Round]) -> Sums {
        let sum = |part: fn(&Round) -> f64| rounds.iter().map(part).fold(0.0, |sum, part| sum + part);
        let energy_traded_kwh = sum(|round| round.bought_kwh);
        let worth_eur = sum(|round| round.price.unwrap_or_default() * round.bought_kwh);
        Sums {
            energy_traded_kwh,
            mean_price: (energy_traded_kwh > 0.0).then(|| worth_eur / energy_traded_kwh),
            imported_kwh: sum(|round| round.imported_kwh),
            exported_kwh: sum(|round| round.exported_kwh),
            cost_eur: sum(|round| round.cost_eur),
            cost_without_market_eur: sum(|round| round.cost_alone_eur),
        }
    }
}

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct Figures {
    date: &'static str,
    members: usize,
    auctions: usize,
    #[serde(flatten)]
    sums: Sums,
    energy_sold_kwh: f64,
    calls: u64,
    seconds: f64,
    calls_per_second: f64,
    retried: u64,
    retried_because: BTreeMap<String, u64>,
    restarts: u64,
    reconnects: u64,
    errors: usize,
}

impl Day {
    /// Calls made to households, each attempt counted.
    pub(crate) fn calls(&self) -> u64 {
        self.rounds.iter().map(|round| round.calls).sum()
    }

    /// Time in which the auctions were held, in s.
    pub(crate) fn seconds(&self) -> f64 {
        self.rounds.iter().map(|round| round.seconds).sum()
    }

    /// Whatever went wrong, with the quarter hour it happened in.
    pub(crate) fn incidents(&self) -> impl Iterator<Item = (usize, &Incident)> {
        self.rounds.iter().flat_map(|round| round.incidents.iter().map(|incident| (round.quarter, incident)))
    }

    /// Households that stayed away although they were asked again.
    pub(crate) fn absent(&self) -> impl Iterator<Item = (usize, &Incident)> {
        self.incidents().filter(|(_, incident)| !incident.answered)
    }

    /// How many calls failed and were made again, by the code of the failure.
    pub(crate) fn retried(&self) -> BTreeMap<String, u64> {
        let mut retried = BTreeMap::new();
        for (_, incident) in self.incidents() {
            // The last failure of one that stayed away was not followed by another call.
            let followed = incident.codes.len() - usize::from(!incident.answered);
            for code in &incident.codes[..followed] {
                *retried.entry(code.clone()).or_default() += 1;
            }
        }
        retried
    }

    /// Whether the day was what it must be.
    ///
    /// # Errors
    /// The first thing that is not, as a sentence.
    pub(crate) fn check(&self) -> Result<(), String> {
        if let Some((quarter, Incident { household, text, .. })) = self.absent().next() {
            let (time, absent) = (clock(quarter), self.absent().count());
            return Err(format!(
                "at {time} {absent} of {MEMBERS} households stayed away, {household} first: {text}"
            ));
        }
        if self.rounds.len() != QUARTERS {
            return Err(format!("{} auctions were held, a day has {QUARTERS}", self.rounds.len()));
        }
        for round in &self.rounds {
            let (time, Round { settled, bought_kwh, sold_kwh, .. }) = (clock(round.quarter), round);
            if *settled != MEMBERS {
                return Err(format!("at {time} {settled} households settled, {MEMBERS} live here"));
            }
            if (bought_kwh - sold_kwh).abs() > BALANCE_KWH {
                return Err(format!("at {time} {bought_kwh} kWh were bought and {sold_kwh} kWh sold"));
            }
        }
        let Sums { cost_eur, cost_without_market_eur, .. } = Sums::of(&self.rounds);
        match () {
            () if cost_eur > cost_without_market_eur => Err(format!(
                "the community paid {cost_eur} EUR, without a market it would have paid {cost_without_market_eur}"
            )),
            () if self.restarts == 0 => {
                Err("no household was started anew, though one was to panic".to_owned())
            }
            () if self.reconnects == 0 => {
                Err("no link was opened again, though a node was killed".to_owned())
            }
            () => Ok(()),
        }
    }

    /// One JSON object: energy in kWh, prices in EUR/kWh, costs in EUR.
    ///
    /// # Errors
    /// None that is known: the figures are numbers and names.
    pub(crate) fn json(&self) -> serde_json::Result<String> {
        let retried_because = self.retried();
        serde_json::to_string(&Figures {
            date: DATE,
            members: MEMBERS,
            auctions: self.rounds.len(),
            sums: Sums::of(&self.rounds),
            energy_sold_kwh: self.rounds.iter().map(|round| round.sold_kwh).sum(),
            calls: self.calls(),
            seconds: self.seconds(),
            calls_per_second: self.calls() as f64 / self.seconds(),
            retried: retried_because.values().sum(),
            retried_because,
            restarts: self.restarts,
            reconnects: self.reconnects,
            errors: self.absent().count(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good_day() -> Day {
        let round = |quarter| Round {
            quarter,
            price: Some(0.25),
            settled: MEMBERS,
            bought_kwh: 2.0,
            sold_kwh: 2.0,
            cost_eur: 1.0,
            cost_alone_eur: 1.5,
            calls: 400,
            seconds: 0.5,
            ..Round::default()
        };
        Day { rounds: (0..QUARTERS).map(round).collect(), restarts: 1, reconnects: 1 }
    }

    fn incident(codes: &[&str], answered: bool) -> Incident {
        Incident {
            household: "household-007".to_owned(),
            codes: codes.iter().map(|&code| code.to_owned()).collect(),
            text: "it is away".to_owned(),
            resumed: false,
            answered,
            seconds: 0.1,
        }
    }

    #[test]
    fn a_good_day_passes_and_adds_up() {
        let mut day = good_day();
        day.rounds[5].incidents = vec![incident(&["disconnected", "no-such-agent"], true)];
        assert_eq!(day.check(), Ok(()));
        let figures: serde_json::Value = serde_json::from_str(&day.json().unwrap()).unwrap();
        for (key, value) in [
            ("energy_traded_kwh", 192.0),
            ("mean_price", 0.25),
            ("calls", 38_400.0),
            ("calls_per_second", 800.0),
            ("retried", 2.0),
            ("errors", 0.0),
        ] {
            assert_eq!(figures[key].as_f64(), Some(value), "{key}");
        }
    }

    #[test]
    fn the_mean_price_is_by_energy() {
        let round = |price, kwh| Round { price, bought_kwh: kwh, ..Round::default() };
        let sums = Sums::of(&[round(Some(0.10), 3.0), round(None, 0.0), round(Some(0.30), 1.0)]);
        assert!((sums.mean_price.unwrap() - 0.15).abs() < 1e-12);
        assert_eq!(Sums::of(&[]).mean_price, None);
    }

    #[test]
    fn each_thing_that_is_wrong_has_its_sentence() {
        let wrong = |spoil: fn(&mut Day)| {
            let mut day = good_day();
            spoil(&mut day);
            day.check().unwrap_err()
        };
        assert_eq!(
            wrong(|day| day.rounds[4].incidents = vec![incident(&["disconnected"], false)]),
            "at 01:00 1 of 200 households stayed away, household-007 first: it is away"
        );
        assert_eq!(wrong(|day| day.rounds.truncate(3)), "3 auctions were held, a day has 96");
        assert_eq!(
            wrong(|day| day.rounds[4].settled = 199),
            "at 01:00 199 households settled, 200 live here"
        );
        assert_eq!(wrong(|day| day.rounds[4].sold_kwh = 2.1), "at 01:00 2 kWh were bought and 2.1 kWh sold");
        assert!(
            wrong(|day| day.rounds[4].cost_eur = 99.0).contains("without a market it would have paid 144")
        );
        assert!(wrong(|day| day.restarts = 0).contains("started anew"));
        assert!(wrong(|day| day.reconnects = 0).contains("opened again"));
    }

    #[test]
    fn the_last_failure_of_one_that_stays_away_is_an_error_and_no_retry() {
        let mut day = good_day();
        day.rounds[4].incidents = vec![incident(&["disconnected", "denied"], false)];
        assert_eq!(day.retried(), BTreeMap::from([("disconnected".to_owned(), 1)]));
        assert_eq!(day.absent().count(), 1);
    }
}
