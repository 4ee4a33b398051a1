//! An object has methods and objects; a life, timers and a context are its agent's.
use folkmoot_agents::{Agent, Context, agent, object};

#[derive(Agent)]
#[agent(crate = folkmoot_agents::__private)]
struct House;

#[agent(crate = folkmoot_agents::__private)]
impl House {}

struct Math;

#[object(crate = folkmoot_agents::__private)]
impl Math {
    #[expose]
    fn add(&mut self, _ctx: &Context<House>) {}

    #[every(seconds = 5)]
    fn tick(&mut self) {}

    #[start]
    fn begin(&mut self) {}

    #[expose]
    fn borrowed(&self) -> &str {
        ""
    }
}

struct OfOne;

#[object(agent = House, crate = folkmoot_agents::__private)]
impl OfOne {
    #[expose]
    fn add(&mut self, _ctx: &Context<Self>) {}
}

struct Generic<T>(T);

#[object(crate = folkmoot_agents::__private)]
impl<T> Generic<T> {}

#[object(crate = folkmoot_agents::__private)]
impl Default for Math {
    fn default() -> Self {
        Math
    }
}

struct Elsewhere;

#[object(house = House)]
impl Elsewhere {}

#[object]
struct NoBlock;

#[agent(crate = folkmoot_agents::__private)]
trait HouseApi {
    #[object]
    fn math(&self);
}

impl Elsewhere {
    #[object]
    fn math(&self) {}
}

fn main() {}
