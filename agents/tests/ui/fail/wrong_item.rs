//! `#[agent]` goes on an `impl` block or a trait, the derive on a struct.
use folkmoot_agents::{Agent, agent};

#[agent]
struct Counter;

/// A function.
#[agent]
fn count() {}

#[derive(Agent)]
enum Choice {
    One,
}

#[derive(Agent)]
union Both {
    one: u8,
    other: i8,
}

fn main() {
    count();
    let _ = (Counter, Choice::One, Both { one: 1 });
}
