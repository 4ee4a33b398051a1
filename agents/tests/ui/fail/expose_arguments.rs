//! Arguments are owned, named and few enough.
#![allow(unused_variables)]

use folkmoot_agents::{Agent, agent};

#[derive(Agent)]
#[agent(crate = folkmoot_agents::__private)]
struct Counter {
    total: i64,
}

struct Point {
    x: i64,
    y: i64,
}

struct Borrowed<'a>(&'a str);

#[agent(crate = folkmoot_agents::__private)]
impl Counter {
    #[expose]
    fn text(&self, name: &str) {}

    #[expose]
    fn list(&self, names: &[String]) {}

    #[expose]
    fn exclusive(&self, total: &mut i64) {}

    #[expose]
    fn inner(&self, names: Vec<&str>) {}

    #[expose]
    fn elided(&self, name: Borrowed<'_>) {}

    #[expose]
    fn nameless(&self, amount: impl Into<i64>) {}

    #[expose]
    fn apart(&self, Point { x, y }: Point) -> i64 {
        x + y
    }

    #[expose]
    fn ignored(&self, _: i64) {}

    #[expose]
    #[rustfmt::skip]
    fn many(&self, a: u8, b: u8, c: u8, d: u8, e: u8, f: u8, g: u8, h: u8, i: u8, j: u8, k: u8, l: u8, m: u8) {}
}

fn main() {}
