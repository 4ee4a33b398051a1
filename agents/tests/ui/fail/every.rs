//! A timed method has a period, and takes and returns nothing but a context and a failure.
#![allow(unused_variables)]

use folkmoot_agents::{Agent, Context, agent};

#[derive(Agent)]
#[agent(crate = folkmoot_agents::__private)]
struct Counter {
    total: i64,
}

#[agent(crate = folkmoot_agents::__private)]
impl Counter {
    #[every]
    fn how_often(&self) {}

    #[every()]
    fn empty(&self) {}

    #[every(5)]
    fn no_unit(&self) {}

    #[every(days = 1)]
    fn unknown_unit(&self) {}

    #[every(minutes = 1, seconds = 30)]
    fn two_units(&self) {}

    #[every(seconds = 0)]
    fn zero(&self) {}

    #[every(seconds = 0.0)]
    fn zero_too(&self) {}

    #[every(seconds = -1)]
    fn negative(&self) {}

    #[every(seconds = 5ms)]
    fn suffix(&self) {}

    #[every(seconds = 2 + 3)]
    fn sum(&self) {}

    #[every(seconds = "5")]
    fn text(&self) {}

    #[every(hours = 99999999999)]
    fn too_long(&self) {}

    #[every(hours = 1e30)]
    fn far_too_long(&self) {}

    #[every(seconds = 1)]
    fn with_arguments(&self, amount: i64) {}

    #[every(seconds = 1)]
    fn with_value(&self) -> i64 {
        self.total
    }

    #[every(seconds = 1)]
    fn without_self() {}

    #[every(seconds = 1)]
    async fn owned_context(&self, ctx: Context<Self>) {
        drop(ctx);
    }
}

fn main() {}
