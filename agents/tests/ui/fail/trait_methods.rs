//! What the methods of a trait for callers cannot have.
#![allow(unused_imports, unused_variables)]

use folkmoot_agents::{Context, agent};

#[agent(crate = folkmoot_agents::__private)]
trait CounterApi {
    fn with_body(&self) -> u8 {
        1
    }

    fn with_context(&self, ctx: &Context<Self>);

    fn generic<T>(&self, value: T);

    fn without_self(value: u8) -> u8;

    fn borrowing(&self, name: &str);

    fn itself(&self, other: Box<Self>);

    fn again(&self) -> Option<Self>;

    fn clone(&self);

    #[every(seconds = 1)]
    fn timed(&self);

    #[start]
    fn begin(&mut self);
}

fn main() {}
