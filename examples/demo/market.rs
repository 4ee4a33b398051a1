//! The market's agent: it asks every household for orders, clears them, and settles with each.
//!
//! Always true: a household gets one settlement for each quarter hour for which it made orders, and the same one
//! however often it is asked. Neighbours: [`seat`](crate::seat) has the patience with one household,
//! [`clearing`](crate::clearing) the auction, [`day`](crate::day) calls `trade` for each quarter hour.

use folkmoot::prelude::*;
use futures_util::future::{join_all, try_join_all};
use serde::{Deserialize, Serialize};

use crate::clearing::{Order, Side, clear};
use crate::community::members;
use crate::household::{Bid, Settlement, Statement};
use crate::seat::{Incident, Seat};

/// Runs the auction of the community.
#[derive(Agent, Default)]
pub(crate) struct Market {
    seats: Vec<Seat>,
}

/// What a quarter hour came to for the whole community.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Round {
    pub(crate) quarter: usize,
    /// The price of the auction in EUR/kWh, where something was traded.
    pub(crate) price: Option<f64>,
    /// Households that have settled.
    pub(crate) settled: usize,
    /// Traded among the members, by what the buyers booked and by what the sellers did; kWh.
    pub(crate) bought_kwh: f64,
    pub(crate) sold_kwh: f64,
    /// Drawn from and fed into the grid; kWh.
    pub(crate) imported_kwh: f64,
    pub(crate) exported_kwh: f64,
    /// What all members paid, less what they earned; EUR.
    pub(crate) cost_eur: f64,
    /// What it would have been without the market; EUR.
    pub(crate) cost_alone_eur: f64,
    /// Calls made to households, each attempt counted.
    pub(crate) calls: u64,
    pub(crate) seconds: f64,
    pub(crate) incidents: Vec<Incident>,
}

#[agent]
impl Market {
    /// Gives a seat to the household of each member, wherever it lives, and says how many there are then.
    #[expose]
    async fn open(&mut self, ctx: &Context<Self>) -> Result<usize, String> {
        let members = members();
        let seats = members.iter().map(|member| Seat::take(ctx, &member.name));
        self.seats = try_join_all(seats).await.map_err(|error| error.to_string())?;
        Ok(self.seats.len())
    }

    /// Holds the auction of one quarter hour.
    #[expose]
    async fn trade(&mut self, ctx: &Context<Self>, quarter: usize) -> Round {
        let (clock, began) = (ctx.clock(), ctx.clock().now());
        let bids = join_all(self.seats.iter_mut().map(|seat| seat.bid(clock, quarter))).await;

        // Who stays away orders nothing.
        let orders: Vec<Order> = bids.iter().flat_map(|bid| bid.unwrap_or(NOTHING)).collect();
        let clearing = clear(&orders);
        let (filled_kwh, _) = clearing.filled_kwh.as_chunks();

        let present =
            self.seats.iter_mut().zip(bids.iter().zip(filled_kwh)).filter(|(_, (bid, _))| bid.is_some());
        let statements = join_all(present.map(|(seat, (_, &filled_kwh))| {
            seat.settle(clock, quarter, Settlement { price: clearing.price, filled_kwh })
        }))
        .await;

        let mut round = Round::of(quarter, clearing.price, statements.into_iter().flatten());
        for (calls, incidents) in self.seats.iter_mut().map(Seat::take_notes) {
            round.calls += calls;
            round.incidents.extend(incidents);
        }
        round.seconds = clock.now().as_secs_f64() - began.as_secs_f64();
        round
    }
}

const NOTHING: Bid = [Order { side: Side::Buy, kwh: 0.0, limit: 0.0 }; 3];

impl Round {
    fn of(quarter: usize, price: Option<f64>, statements: impl Iterator<Item = Statement>) -> Round {
        let mut round = Round { quarter, price, ..Round::default() };
        for statement in statements {
            round.settled += 1;
            round.bought_kwh += statement.bought_kwh;
            round.sold_kwh += statement.sold_kwh;
            round.imported_kwh += statement.imported_kwh;
            round.exported_kwh += statement.exported_kwh;
            round.cost_eur += statement.cost_eur;
            round.cost_alone_eur += statement.cost_alone_eur;
        }
        round
    }
}
