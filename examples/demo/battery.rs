//! A battery in the cellar: how much it can take and give in a quarter hour.
//!
//! Always true: it never holds more than its capacity nor less than nothing. Neighbour:
//! [`household`](crate::household) trades for it.

use crate::profiles::HOURS_A_QUARTER;

/// What is stored of what is charged.
pub(crate) const EFFICIENCY: f64 = 0.92;
/// A full charge takes two hours.
const POWER_A_CAPACITY: f64 = 0.5;

/// A battery and the prices at which it is worth to use it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Battery {
    pub(crate) capacity_kwh: f64,
    /// It charges below this price; EUR/kWh.
    pub(crate) buys_below: f64,
    /// It discharges above this price; EUR/kWh.
    pub(crate) sells_above: f64,
}

impl Battery {
    /// What it can take in a quarter hour, as metered outside; kWh.
    pub(crate) fn room_kwh(&self, charge_kwh: f64) -> f64 {
        let space_kwh = (self.capacity_kwh - charge_kwh).max(0.0) / EFFICIENCY;
        space_kwh.min(self.quarter_kwh())
    }

    /// What it can give in a quarter hour; kWh.
    pub(crate) fn stock_kwh(&self, charge_kwh: f64) -> f64 {
        charge_kwh.min(self.quarter_kwh())
    }

    /// Its charge after it took and gave so much; kWh.
    pub(crate) fn after(&self, charge_kwh: f64, taken_kwh: f64, given_kwh: f64) -> f64 {
        (charge_kwh + taken_kwh * EFFICIENCY - given_kwh).clamp(0.0, self.capacity_kwh)
    }

    fn quarter_kwh(&self) -> f64 {
        self.capacity_kwh * POWER_A_CAPACITY * HOURS_A_QUARTER
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_fills_up_and_runs_dry_within_its_capacity() {
        let battery = Battery { capacity_kwh: 8.0, buys_below: 0.15, sells_above: 0.25 };
        let mut charge_kwh = 0.0;
        assert_eq!(battery.stock_kwh(charge_kwh), 0.0);
        let quarters = (0..100).take_while(|_| {
            let room_kwh = battery.room_kwh(charge_kwh);
            charge_kwh = battery.after(charge_kwh, room_kwh, 0.0);
            room_kwh > 0.0
        });
        // Two hours, and a little longer for what is lost.
        assert_eq!(quarters.count(), 9);
        assert_eq!(charge_kwh, 8.0);
        for _ in 0..8 {
            assert_eq!(battery.stock_kwh(charge_kwh), 1.0);
            charge_kwh = battery.after(charge_kwh, 0.0, 1.0);
        }
        assert_eq!(charge_kwh, 0.0);
    }
}
