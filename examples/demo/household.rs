//! The agent of one member: it makes orders for each quarter hour and keeps the meter when they are settled.
//!
//! Always true: what it orders depends on its member, the quarter hour and its [`Memory`] alone. So a household that
//! crashed, whose factory gave it an empty memory, goes on as if nothing had been once the market told it the memory of
//! its last statement. Neighbours: [`market`](crate::market) calls it, [`community`](crate::community) has its member.

use std::sync::Arc;

use folkmoot::prelude::*;
use serde::{Deserialize, Serialize};

use crate::clearing::{Order, Side};
use crate::community::Member;
use crate::profiles::{Profiles, clock};
use crate::sun;

/// What a household brings to an auction: the orders of its need or surplus, and of its battery's two ways.
pub(crate) type Bid = [Order; 3];
/// What of a roof's yield its household does not use at once. What it does use is in its load profile.
const SURPLUS: f64 = 0.7;
/// How far a price may lie beyond a limit by rounding; EUR/kWh.
const ROUNDING: f64 = 1e-9;

/// The agent of one member of the community.
#[derive(Agent)]
pub(crate) struct Household {
    member: Member,
    profiles: Arc<Profiles>,
    memory: Memory,
    last: Option<Statement>,
    stumbles_at: Option<usize>,
}

/// All that a household carries from one quarter hour to the next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Memory {
    /// The quarter hour to be settled next.
    pub(crate) quarter: usize,
    /// What its battery holds; kWh.
    pub(crate) charge_kwh: f64,
    /// What its battery would hold if there were no market; kWh.
    pub(crate) charge_alone_kwh: f64,
}

/// What the auction gave to a household.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Settlement {
    /// The one price in EUR/kWh, where there was one.
    pub(crate) price: Option<f64>,
    /// What each of its three orders got, in kWh.
    pub(crate) filled_kwh: [f64; 3],
}

/// What a quarter hour came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Statement {
    /// What it bought from other members and sold to them; kWh.
    pub(crate) bought_kwh: f64,
    pub(crate) sold_kwh: f64,
    /// What it drew from the grid, at its retail tariff; kWh.
    pub(crate) imported_kwh: f64,
    /// What it fed into the grid, at its feed-in tariff; kWh.
    pub(crate) exported_kwh: f64,
    /// What it paid, less what it earned; EUR.
    pub(crate) cost_eur: f64,
    /// What the same quarter hour would have cost without the market; EUR.
    pub(crate) cost_alone_eur: f64,
    /// To be told again to a household that lost it.
    pub(crate) memory: Memory,
}

/// Why a household does not do as it is told.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, thiserror::Error)]
pub(crate) enum Refusal {
    /// It is at another quarter hour, for it crashed and started anew, or the market did.
    #[error("its day stands at {}, it was asked for {}", clock(*.at), clock(*.asked))]
    OutOfStep { at: usize, asked: usize },
    /// The settlement breaks an order.
    #[error("the settlement of {} breaks the order {order:?}", clock(*.quarter))]
    Unfair { quarter: usize, order: Order },
}

impl Refusal {
    /// One word for it, as platform errors have one.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Refusal::OutOfStep { .. } => "out-of-step",
            Refusal::Unfair { .. } => "unfair",
        }
    }
}

#[agent]
impl Household {
    /// The orders for a quarter hour.
    #[expose]
    fn bid(&self, quarter: usize) -> Result<Bid, Refusal> {
        self.in_step(quarter)?;
        if self.stumbles_at == Some(quarter) {
            panic!("{} tripped over its own meter", self.member.name);
        }
        Ok(self.orders())
    }

    /// Books a quarter hour. Told twice, it answers the same and books once.
    #[expose]
    fn settle(&mut self, quarter: usize, settlement: Settlement) -> Result<Statement, Refusal> {
        if let Some(last) = self.last
            && last.memory.quarter == quarter + 1
        {
            return Ok(last);
        }
        self.in_step(quarter)?;
        let statement = self.book(&settlement)?;
        self.memory = statement.memory;
        self.last = Some(statement);
        Ok(statement)
    }

    /// Takes back what a crash made it forget.
    #[expose]
    fn resume(&mut self, memory: Memory) {
        self.memory = memory;
        self.last = None;
    }
}

impl Household {
    /// The agent of `member`, at midnight with an empty battery. It panics when it bids for `stumbles_at`.
    pub(crate) fn new(member: Member, profiles: Arc<Profiles>, stumbles_at: Option<usize>) -> Household {
        Household { member, profiles, memory: Memory::default(), last: None, stumbles_at }
    }

    fn in_step(&self, asked: usize) -> Result<(), Refusal> {
        let at = self.memory.quarter;
        if at == asked { Ok(()) } else { Err(Refusal::OutOfStep { at, asked }) }
    }

    /// What it lacks in this quarter hour; what it has to spare, where negative. kWh
    fn need_kwh(&self) -> f64 {
        let Member { profile, kwh_a_year, roof_kw, .. } = self.member;
        let drawn_kwh = self.profiles.draw_kwh(profile, self.memory.quarter, kwh_a_year);
        drawn_kwh - sun::yield_kwh(self.memory.quarter) * roof_kw * SURPLUS
    }

    /// Need and surplus are limited by what the grid asks and pays, the battery by what its wear is worth.
    fn orders(&self) -> Bid {
        let need_kwh = self.need_kwh();
        let need = if need_kwh > 0.0 {
            Order::buy(need_kwh, self.member.retail)
        } else {
            Order::sell(-need_kwh, self.member.feed_in)
        };
        let (charge, discharge) = match self.member.battery {
            None => (Order::buy(0.0, 0.0), Order::sell(0.0, 0.0)),
            Some(battery) => (
                Order::buy(battery.room_kwh(self.memory.charge_kwh), battery.buys_below),
                Order::sell(battery.stock_kwh(self.memory.charge_kwh), battery.sells_above),
            ),
        };
        [need, charge, discharge]
    }

    /// Checks a settlement against the orders and reckons what the quarter hour came to.
    fn book(&self, settlement: &Settlement) -> Result<Statement, Refusal> {
        let orders = self.orders();
        let price = settlement.price.unwrap_or_default();
        for (order, &filled_kwh) in orders.iter().zip(&settlement.filled_kwh) {
            let agreed = match order.side {
                Side::Buy => price <= order.limit + ROUNDING,
                Side::Sell => price >= order.limit - ROUNDING,
            };
            let right = filled_kwh == 0.0 || (settlement.price.is_some() && agreed);
            if !right || !(0.0..=order.kwh).contains(&filled_kwh) {
                return Err(Refusal::Unfair { quarter: self.memory.quarter, order: *order });
            }
        }

        let [need, ..] = orders;
        let [traded_kwh, charged_kwh, discharged_kwh] = settlement.filled_kwh;
        let rest_kwh = need.kwh - traded_kwh;
        let (bought_kwh, sold_kwh, imported_kwh, exported_kwh) = match need.side {
            Side::Buy => (traded_kwh + charged_kwh, discharged_kwh, rest_kwh, 0.0),
            Side::Sell => (charged_kwh, traded_kwh + discharged_kwh, 0.0, rest_kwh),
        };
        let charge_kwh = self
            .member
            .battery
            .map_or(0.0, |battery| battery.after(self.memory.charge_kwh, charged_kwh, discharged_kwh));
        let (cost_alone_eur, charge_alone_kwh) = self.alone();
        Ok(Statement {
            bought_kwh,
            sold_kwh,
            imported_kwh,
            exported_kwh,
            cost_eur: self.grid_eur(imported_kwh, exported_kwh) + price * (bought_kwh - sold_kwh),
            cost_alone_eur,
            memory: Memory { quarter: self.memory.quarter + 1, charge_kwh, charge_alone_kwh },
        })
    }

    /// What the quarter hour costs without a market, where a battery stores its own roof's surplus, and its charge.
    fn alone(&self) -> (f64, f64) {
        let need_kwh = self.need_kwh();
        let charge_kwh = self.memory.charge_alone_kwh;
        let (lacking_kwh, spare_kwh) = (need_kwh.max(0.0), (-need_kwh).max(0.0));
        let Some(battery) = self.member.battery else {
            return (self.grid_eur(lacking_kwh, spare_kwh), 0.0);
        };
        let taken_kwh = spare_kwh.min(battery.room_kwh(charge_kwh));
        let given_kwh = lacking_kwh.min(battery.stock_kwh(charge_kwh));
        let cost_eur = self.grid_eur(lacking_kwh - given_kwh, spare_kwh - taken_kwh);
        (cost_eur, battery.after(charge_kwh, taken_kwh, given_kwh))
    }

    fn grid_eur(&self, imported_kwh: f64, exported_kwh: f64) -> f64 {
        imported_kwh * self.member.retail - exported_kwh * self.member.feed_in
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::community::members;

    /// A household with roof and battery.
    fn household() -> Household {
        let profiles = Arc::new(Profiles::read().unwrap());
        let member = members().into_iter().find(|member| member.battery.is_some()).unwrap();
        Household::new(member, profiles, None)
    }

    /// At what its battery pays at most, it trades all of its need or surplus and charges; nothing is discharged.
    fn settlement([need, charge, _]: &Bid) -> Settlement {
        Settlement { price: Some(charge.limit), filled_kwh: [need.kwh, charge.kwh, 0.0] }
    }

    fn live(household: &mut Household, quarter: usize) -> Statement {
        let bid = household.bid(quarter).unwrap();
        household.settle(quarter, settlement(&bid)).unwrap()
    }

    #[test]
    fn after_a_crash_it_goes_on_as_if_nothing_had_been() {
        let (mut steady, mut crashing) = (household(), household());
        for quarter in 0..40 {
            let statement = live(&mut steady, quarter);
            assert_eq!(live(&mut crashing, quarter), statement);
            if quarter % 7 == 0 {
                crashing = household();
                let lost = Refusal::OutOfStep { at: 0, asked: quarter + 1 };
                assert_eq!(crashing.bid(quarter + 1), Err(lost));
                crashing.resume(statement.memory);
            }
        }
        assert!(steady.memory.charge_kwh > 0.0);
    }

    #[test]
    fn a_quarter_hour_that_is_settled_twice_is_booked_once() {
        let mut household = household();
        let settlement = settlement(&household.bid(0).unwrap());
        let statement = household.settle(0, settlement);
        assert_eq!(household.settle(0, settlement), statement);
        assert_eq!(household.memory.quarter, 1);
    }

    #[test]
    fn a_settlement_that_breaks_an_order_is_refused() {
        let mut household = household();
        let bid = household.bid(0).unwrap();
        let [need, charge, discharge] = bid;
        let fair = settlement(&bid);
        for (price, filled_kwh, broken) in [
            (fair.price, [need.kwh * 1.01, 0.0, 0.0], need),
            (fair.price, [-1.0, 0.0, 0.0], need),
            (Some(need.limit + 0.01), [need.kwh, 0.0, 0.0], need),
            (None, [need.kwh, 0.0, 0.0], need),
            (Some(need.limit), [need.kwh, charge.kwh, 0.0], charge),
            (fair.price, [need.kwh, 0.0, 1.0], discharge),
        ] {
            let refused = household.settle(0, Settlement { price, filled_kwh });
            assert_eq!(refused, Err(Refusal::Unfair { quarter: 0, order: broken }));
        }
        assert!(household.settle(0, fair).is_ok());
    }

    #[test]
    fn without_a_market_a_day_costs_what_the_tariffs_say() {
        let mut household = household();
        let nothing = Settlement { price: None, filled_kwh: [0.0; 3] };
        let Member { retail, feed_in, .. } = household.member;
        for quarter in 0..96 {
            let statement = household.settle(quarter, nothing).unwrap();
            let cost_eur = statement.imported_kwh * retail - statement.exported_kwh * feed_in;
            assert_eq!(statement.cost_eur, cost_eur);
            // What it does not trade, it has from the grid: its battery only trades.
            assert_eq!(statement.memory.charge_kwh, 0.0);
        }
    }
}
