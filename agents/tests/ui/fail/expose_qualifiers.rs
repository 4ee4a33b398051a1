//! An exposed method is a plain or async function with concrete types.
use folkmoot_agents::{Agent, agent};

#[derive(Agent)]
#[agent(crate = folkmoot_agents::__private)]
struct Counter {
    total: i64,
}

#[agent(crate = folkmoot_agents::__private)]
impl Counter {
    #[expose]
    fn generic<T: Into<i64>>(&mut self, amount: T) {
        self.total = amount.into();
    }

    #[expose]
    fn sized<const N: usize>(&mut self, amount: [i64; 1]) {
        self.total = amount[0] + N as i64;
    }

    #[expose]
    fn bounded(&self) -> i64
    where
        Self: Sized,
    {
        self.total
    }

    #[expose]
    unsafe fn not_safe(&self) {}

    #[expose]
    const fn constant(&self) {}

    #[expose]
    extern "C" fn foreign(&self) {}
}

fn main() {}
