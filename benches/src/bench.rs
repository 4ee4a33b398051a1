//! One case: what is measured, in what unit, against what target; and what came of it.
//!
//! Neighbours: [`cases`](crate::cases) makes them, [`rounds`](crate::rounds) measures, [`table`](crate::table)
//! prints.

use std::fmt;

use crate::Result;
use crate::rounds::{Pair, Plan};

/// Cases of one file, with what a reader must know of their floors.
pub(crate) struct Group {
    pub(crate) title: &'static str,
    pub(crate) about: &'static str,
    pub(crate) benches: Vec<Bench>,
}

/// One case.
pub(crate) struct Bench {
    pub(crate) name: String,
    pub(crate) unit: Unit,
    pub(crate) target: Target,
    pub(crate) measure: Measure,
    /// Whether it takes so long that it runs only where it is asked for by name.
    pub(crate) is_long: bool,
}

/// Measures both sides in the unit of the case.
pub(crate) type Measure = Box<dyn Fn(&Plan) -> Result<Vec<Pair>>>;

impl Bench {
    pub(crate) fn new(
        name: impl Into<String>,
        unit: Unit,
        target: Target,
        measure: impl Fn(&Plan) -> Result<Vec<Pair>> + 'static,
    ) -> Bench {
        Bench { name: name.into(), unit, target, measure: Box::new(measure), is_long: false }
    }

    /// It takes so long that it runs only where it is asked for by name, or with `--long`.
    pub(crate) fn long(mut self) -> Bench {
        self.is_long = true;
        self
    }
}

/// What the numbers of a case are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    /// Nanoseconds.
    Time,
    /// Calls in a second.
    Rate,
    Bytes,
    /// So many times as much as something else.
    Factor,
}

/// The figure to reach. All but the last two are about ours divided by the floor.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Target {
    /// For information.
    None,
    RatioAtMost(f64),
    RatioAtLeast(f64),
    /// Ours minus the floor, in the case's unit.
    BeyondAtMost(f64),
    /// Ours, in the case's unit.
    OursAtMost(f64),
}

/// Median, least and most.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) least: f64,
    pub(crate) most: f64,
}

impl Spread {
    /// Of at least one number.
    pub(crate) fn of(numbers: impl Iterator<Item = f64>) -> Spread {
        let mut sorted: Vec<f64> = numbers.collect();
        sorted.sort_by(f64::total_cmp);
        let middle = sorted.len() / 2;
        let median = if sorted.len() % 2 == 1 {
            sorted[middle]
        } else {
            f64::midpoint(sorted[middle - 1], sorted[middle])
        };
        Spread { median, least: sorted[0], most: sorted[sorted.len() - 1] }
    }
}

/// What came of one case.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Figures {
    pub(crate) floor: Spread,
    pub(crate) ours: Spread,
    /// Ours divided by the floor, round by round.
    pub(crate) ratio: Spread,
    /// Ours minus the floor, round by round.
    pub(crate) beyond: Spread,
}

impl Figures {
    pub(crate) fn of(pairs: &[Pair]) -> Figures {
        let of = |figure: fn(&Pair) -> f64| Spread::of(pairs.iter().map(figure));
        Figures {
            floor: of(|pair| pair.floor),
            ours: of(|pair| pair.ours),
            ratio: of(|pair| pair.ours / pair.floor),
            beyond: of(|pair| pair.ours - pair.floor),
        }
    }

    /// Whether the target is reached; `None` where there is none.
    pub(crate) fn meet(&self, target: Target) -> Option<bool> {
        match target {
            Target::None => None,
            Target::RatioAtMost(most) => Some(self.ratio.median <= most),
            Target::RatioAtLeast(least) => Some(self.ratio.median >= least),
            Target::BeyondAtMost(most) => Some(self.beyond.median <= most),
            Target::OursAtMost(most) => Some(self.ours.median <= most),
        }
    }
}

impl Unit {
    /// The number with the unit that suits its size.
    pub(crate) fn show(self, number: f64) -> String {
        if number.is_nan() {
            return "-".to_owned();
        }
        let scaled = |steps: [(f64, &str); 3]| {
            let last = steps.len() - 1;
            let fits = |(size, _): &(f64, &str)| number.abs() < size * 1000.0;
            let (size, name) = steps.iter().copied().find(fits).unwrap_or(steps[last]);
            let number = number / size;
            let digits = if number.abs() < 10.0 { 2 } else { usize::from(number.abs() < 100.0) };
            format!("{number:.digits$} {name}")
        };
        match self {
            Unit::Time => scaled([(1.0, "ns"), (1e3, "us"), (1e6, "ms")]),
            Unit::Rate => scaled([(1.0, "/s"), (1e3, "k/s"), (1e6, "M/s")]),
            Unit::Bytes => format!("{number:.0} B"),
            Unit::Factor => format!("{number:.2} x"),
        }
    }
}

impl Target {
    pub(crate) fn show(self, unit: Unit) -> String {
        match self {
            Target::None => "-".to_owned(),
            Target::RatioAtMost(most) => format!("<= {most}"),
            Target::RatioAtLeast(least) => format!(">= {least}"),
            Target::BeyondAtMost(most) => format!("<= floor + {}", unit.show(most)),
            Target::OursAtMost(most) => format!("<= {}", unit.show(most)),
        }
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.2} ({:.2}-{:.2})", self.median, self.least, self.most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(pairs: &[(f64, f64)]) -> Figures {
        Figures::of(&pairs.iter().map(|&(floor, ours)| Pair { floor, ours }).collect::<Vec<_>>())
    }

    #[test]
    fn the_ratio_is_the_median_of_each_rounds_ratio() {
        let figures = figures(&[(100.0, 150.0), (200.0, 220.0), (100.0, 400.0)]);
        assert_eq!(figures.ratio, Spread { median: 1.5, least: 1.1, most: 4.0 });
        assert_eq!(figures.beyond.median, 50.0);
        assert_eq!(Spread::of([4.0, 1.0].into_iter()).median, 2.5);
    }

    #[test]
    fn each_target_is_met_up_to_its_edge_and_missed_beyond() {
        let figures = figures(&[(100.0, 150.0)]);
        for (met, missed) in [
            (Target::RatioAtMost(1.5), Target::RatioAtMost(1.49)),
            (Target::RatioAtLeast(1.5), Target::RatioAtLeast(1.51)),
            (Target::BeyondAtMost(50.0), Target::BeyondAtMost(49.0)),
            (Target::OursAtMost(150.0), Target::OursAtMost(149.0)),
        ] {
            assert_eq!((figures.meet(met), figures.meet(missed)), (Some(true), Some(false)), "{met:?}");
        }
        assert_eq!(figures.meet(Target::None), None);
    }

    #[test]
    fn numbers_are_shown_in_the_unit_of_their_size() {
        for (unit, number, shown) in [
            (Unit::Time, 182.4, "182 ns"),
            (Unit::Time, 4_500.0, "4.50 us"),
            (Unit::Time, 61e6, "61.0 ms"),
            (Unit::Time, 5e9, "5000 ms"),
            (Unit::Rate, 369_000.0, "369 k/s"),
            (Unit::Bytes, 851.6, "852 B"),
            (Unit::Factor, 1.876, "1.88 x"),
            (Unit::Time, f64::NAN, "-"),
        ] {
            assert_eq!(unit.show(number), shown);
        }
    }
}
