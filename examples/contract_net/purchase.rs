//! What came of a purchase, and its minutes: a line for each message.
//!
//! Neighbour: the [`bakery`](crate::bakery) writes it.

use std::fmt::Display;

use serde::{Deserialize, Serialize};

use crate::terms::Price;

/// A purchase.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Purchase {
    /// Who sold, and at which price a sack.
    pub(crate) bought: Option<(String, Price)>,
    /// What was said, in its order.
    pub(crate) minutes: Vec<String>,
}

impl Purchase {
    pub(crate) fn said(&mut self, mill: &str, performative: &str, what: impl Display) {
        self.write(&format!("  bakery -> {mill}  {performative:<14} {what}"));
    }

    pub(crate) fn heard(&mut self, mill: &str, performative: &str, what: impl Display) {
        self.write(&format!("  bakery <- {mill}  {performative:<14} {what}"));
    }

    pub(crate) fn failed(&mut self, mill: &str, error: impl Display) {
        self.write(&format!("  bakery    {mill}  {error}"));
    }

    fn write(&mut self, line: &str) {
        self.minutes.push(line.trim_end().to_owned());
    }
}
