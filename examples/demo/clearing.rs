//! The auction of one quarter hour: who trades how much, and at which one price.
//!
//! A uniform-price double auction. The dearest bids meet the cheapest asks until they no longer agree; everybody who
//! trades does so at one price, on which the last pair agrees. Always true: as much is bought as is sold, nobody gets
//! more than asked for, and no one pays more or earns less than their limit. Trades bear no grid charges here; real
//! ones would come between bid and ask. Pure: no agent, no I/O. Neighbours: [`household`](crate::household) makes
//! orders, [`market`](crate::market) has them cleared.

use serde::{Deserialize, Serialize};

/// Which way an order trades.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Side {
    Buy,
    Sell,
}

/// What one party would trade in this quarter hour.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Order {
    pub(crate) side: Side,
    /// At most so much, in kWh; an order for nothing is allowed and gets nothing.
    pub(crate) kwh: f64,
    /// The most a buyer pays, the least a seller takes, in EUR/kWh.
    pub(crate) limit: f64,
}

impl Order {
    pub(crate) fn buy(kwh: f64, limit: f64) -> Order {
        Order { side: Side::Buy, kwh, limit }
    }

    pub(crate) fn sell(kwh: f64, limit: f64) -> Order {
        Order { side: Side::Sell, kwh, limit }
    }
}

/// What came of an auction.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Clearing {
    /// The one price in EUR/kWh; `None` where nobody agreed.
    pub(crate) price: Option<f64>,
    /// What each order got, in kWh, in the orders' own sequence.
    pub(crate) filled_kwh: Vec<f64>,
}

/// Clears `orders`: as much energy as can be traded is, and orders of one limit share alike.
pub(crate) fn clear(orders: &[Order]) -> Clearing {
    let demand = levels(orders, Side::Buy);
    let supply = levels(orders, Side::Sell);
    let traded_kwh = agreed_kwh(&demand, &supply);

    let mut filled_kwh = vec![0.0; orders.len()];
    let bought = fill(orders, &demand, traded_kwh, &mut filled_kwh);
    let sold = fill(orders, &supply, traded_kwh, &mut filled_kwh);
    Clearing { price: price_between(bought, sold), filled_kwh }
}

/// All orders of one side and limit.
struct Level {
    limit: f64,
    kwh: f64,
    /// Their places among all orders.
    members: Vec<usize>,
}

/// One side's orders by limit, those that trade first in front: the dearest bids, the cheapest asks.
fn levels(orders: &[Order], side: Side) -> Vec<Level> {
    let mut places: Vec<usize> =
        (0..orders.len()).filter(|&place| orders[place].side == side && orders[place].kwh > 0.0).collect();
    places.sort_by(|&a, &b| match side {
        Side::Buy => orders[b].limit.total_cmp(&orders[a].limit),
        Side::Sell => orders[a].limit.total_cmp(&orders[b].limit),
    });
    places
        .chunk_by(|&a, &b| orders[a].limit == orders[b].limit)
        .map(|members| Level {
            limit: orders[members[0]].limit,
            kwh: members.iter().map(|&place| orders[place].kwh).sum(),
            members: members.to_vec(),
        })
        .collect()
}

/// Where the curves of demand and supply cross, in kWh.
fn agreed_kwh(demand: &[Level], supply: &[Level]) -> f64 {
    let (mut buyers, mut sellers) = (demand.iter().peekable(), supply.iter().peekable());
    let (mut wanted, mut offered) = (0.0, 0.0);
    let mut traded: f64 = 0.0;
    while let (Some(buyer), Some(seller)) = (buyers.peek(), sellers.peek())
        && buyer.limit >= seller.limit
    {
        let (wanted_here, offered_here) = (wanted + buyer.kwh, offered + seller.kwh);
        traded = f64::min(wanted_here, offered_here);
        // Whoever is served in full makes room for the next; at a tie, both do.
        if wanted_here <= traded {
            wanted = wanted_here;
            buyers.next();
        }
        if offered_here <= traded {
            offered = offered_here;
            sellers.next();
        }
    }
    traded
}

/// How far one side was served.
#[derive(Clone, Copy, Default)]
struct Margin {
    /// The limit of the last level that trades.
    served: Option<f64>,
    /// The limit of the first level that does not get all it wants.
    waiting: Option<f64>,
}

/// Shares `traded_kwh` out over the levels of one side, front to back.
fn fill(orders: &[Order], levels: &[Level], traded_kwh: f64, filled_kwh: &mut [f64]) -> Margin {
    let mut margin = Margin::default();
    // Summed up as in `agreed_kwh`, so that no rounding makes a level that is served in full miss a little.
    let mut before = 0.0;
    for level in levels {
        let until = before + level.kwh;
        let share = if until <= traded_kwh { 1.0 } else { (traded_kwh - before) / level.kwh };
        for &place in &level.members {
            filled_kwh[place] = orders[place].kwh * share;
        }
        if share > 0.0 {
            margin.served = Some(level.limit);
        }
        if share < 1.0 {
            margin.waiting = Some(level.limit);
            break;
        }
        before = until;
    }
    margin
}

/// The middle of the prices at which all that trade agree and nobody else would join in.
fn price_between(bought: Margin, sold: Margin) -> Option<f64> {
    let (bid, ask) = (bought.served?, sold.served?);
    let lowest = bought.waiting.map_or(ask, |waiting| ask.max(waiting));
    let highest = sold.waiting.map_or(bid, |waiting| bid.min(waiting));
    Some(f64::midpoint(lowest, highest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn traded(orders: &[Order], clearing: &Clearing, side: Side) -> f64 {
        orders
            .iter()
            .zip(&clearing.filled_kwh)
            .filter(|(order, _)| order.side == side)
            .map(|(_, kwh)| kwh)
            .sum()
    }

    #[test]
    fn without_agreement_nothing_is_traded() {
        for orders in [
            vec![],
            vec![Order::buy(1.0, 0.30)],
            vec![Order::buy(1.0, 0.10), Order::sell(1.0, 0.20)],
            vec![Order::buy(0.0, 0.30), Order::sell(1.0, 0.20)],
        ] {
            let clearing = clear(&orders);
            assert_eq!(clearing.price, None, "{orders:?}");
            assert_eq!(clearing.filled_kwh, vec![0.0; orders.len()]);
        }
    }

    #[test]
    fn one_buyer_and_one_seller_meet_in_the_middle() {
        let clearing = clear(&[Order::buy(2.0, 0.30), Order::sell(2.0, 0.10)]);
        assert_eq!(clearing, Clearing { price: Some(0.20), filled_kwh: vec![2.0, 2.0] });
    }

    #[test]
    fn the_side_that_waits_sets_the_price() {
        let scarce = clear(&[Order::buy(3.0, 0.30), Order::sell(1.0, 0.10)]);
        assert_eq!(scarce, Clearing { price: Some(0.30), filled_kwh: vec![1.0, 1.0] });
        let plenty = clear(&[Order::buy(1.0, 0.30), Order::sell(3.0, 0.10)]);
        assert_eq!(plenty, Clearing { price: Some(0.10), filled_kwh: vec![1.0, 1.0] });
    }

    #[test]
    fn the_dearest_bids_and_the_cheapest_asks_come_first() {
        let orders = [
            Order::buy(1.0, 0.20),
            Order::buy(1.0, 0.35),
            Order::sell(1.0, 0.25),
            Order::sell(1.0, 0.08),
            Order::buy(1.0, 0.30),
        ];
        let clearing = clear(&orders);
        assert_eq!(clearing.filled_kwh, [0.0, 1.0, 1.0, 1.0, 1.0]);
        // Between the last ask (0.25) and the last bid (0.30).
        assert_eq!(clearing.price, Some(0.275));
    }

    #[test]
    fn orders_of_one_limit_share_alike() {
        let orders = [Order::buy(1.0, 0.30), Order::buy(3.0, 0.30), Order::sell(2.0, 0.10)];
        assert_eq!(clear(&orders).filled_kwh, [0.5, 1.5, 2.0]);
    }

    #[test]
    fn any_auction_is_balanced_fair_and_leaves_no_trade_undone() {
        let mut dice = fastrand::Rng::with_seed(1);
        for round in 0..2_000 {
            let orders: Vec<Order> = (0..dice.usize(0..40))
                .map(|_| {
                    let (kwh, limit) = (dice.f64() * 3.0, f64::from(dice.u32(5..40)) / 100.0);
                    if dice.bool() { Order::buy(kwh, limit) } else { Order::sell(kwh, limit) }
                })
                .collect();
            let clearing = clear(&orders);
            let bought = traded(&orders, &clearing, Side::Buy);
            assert!((bought - traded(&orders, &clearing, Side::Sell)).abs() < 1e-9, "round {round}");
            assert_eq!(clearing.price.is_some(), bought > 0.0, "round {round}");
            for (order, &filled) in orders.iter().zip(&clearing.filled_kwh) {
                assert!((0.0..=order.kwh).contains(&filled), "round {round}: {order:?} got {filled}");
                let Some(price) = clearing.price else { continue };
                let gain = match order.side {
                    Side::Buy => order.limit - price,
                    Side::Sell => price - order.limit,
                };
                assert!(filled == 0.0 || gain >= -1e-12, "round {round}: {order:?} trades at {price}");
                // Who would gain by more than the price's own rounding has got all of it.
                assert!(gain <= 1e-12 || order.kwh - filled < 1e-9, "round {round}: {order:?} got {filled}");
            }
        }
    }
}
