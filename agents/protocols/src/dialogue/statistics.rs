//! How dialogues went, counted.
//!
//! Neighbour: [`super::dialogues`] counts.

use std::collections::BTreeMap;

use super::label::Side;
use super::rules::Rules;
use super::{Ended, Refusal};

/// Counts of one agent's dialogues in one protocol, since it began to keep them.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub struct Statistics {
    /// Of the dialogues that it began itself.
    pub begun_by_us: Counts,
    /// Of the dialogues that others began with it.
    pub begun_by_them: Counts,
    /// Messages that came in, in their place.
    pub accepted: u64,
    /// Messages that came once more, and changed nothing.
    pub again: u64,
    /// Messages that came when we had ended their dialogue, which their sender could not know yet.
    pub late: u64,
    /// Messages that were refused as they came, by [`Refusal::code`].
    pub refused: BTreeMap<String, u64>,
    /// Bodies that were not kept because [`super::Limits::body_bytes_in_all`] was reached.
    pub bodies_not_kept: u64,
    /// Ended dialogues that were forgotten.
    pub forgotten: u64,
}

/// Counts of the dialogues that one side began.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub struct Counts {
    /// All that were begun.
    pub begun: u64,
    /// Those that came to an end state, by its name.
    pub end_states: BTreeMap<String, u64>,
    /// Those that ended with a terminal performative, by its name.
    pub terminal: BTreeMap<String, u64>,
    /// Those that were given up because nobody spoke.
    pub timed_out: u64,
    /// Those that the agent gave up.
    pub abandoned: u64,
}

impl Statistics {
    /// Of the dialogues that one side began.
    pub fn begun_by(&self, side: Side) -> &Counts {
        match side {
            Side::Us => &self.begun_by_us,
            Side::Them => &self.begun_by_them,
        }
    }

    pub(super) fn begun_by_mut(&mut self, side: Side) -> &mut Counts {
        match side {
            Side::Us => &mut self.begun_by_us,
            Side::Them => &mut self.begun_by_them,
        }
    }

    pub(super) fn refuse(&mut self, refusal: &Refusal) {
        match self.refused.get_mut(refusal.code()) {
            Some(count) => *count += 1,
            None => {
                self.refused.insert(refusal.code().to_owned(), 1);
            }
        }
    }
}

impl Counts {
    /// Counts an end.
    pub(super) fn end(&mut self, ended: &Ended, rules: &Rules) {
        self.change(ended, rules, |count| *count += 1);
    }

    /// Takes an end back that another takes the place of.
    pub(super) fn take_back(&mut self, ended: &Ended, rules: &Rules) {
        self.change(ended, rules, |count| *count = count.saturating_sub(1));
    }

    fn change(&mut self, ended: &Ended, rules: &Rules, change: fn(&mut u64)) {
        match ended {
            Ended::TimedOut => change(&mut self.timed_out),
            Ended::Abandoned => change(&mut self.abandoned),
            Ended::Said { performative, end_state, .. } => {
                let end_state = end_state.and_then(|state| rules.end_state_name(state));
                for (counts, name) in [
                    (&mut self.terminal, rules.performative_name(*performative)),
                    (&mut self.end_states, end_state),
                ] {
                    let Some(name) = name else { continue };
                    match counts.get_mut(name) {
                        Some(count) => change(count),
                        None => change(counts.entry(name.to_owned()).or_default()),
                    }
                }
            }
        }
    }
}
