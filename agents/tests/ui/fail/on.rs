//! Methods that take mail: of which kind, and with what.
use folkmoot_agents::mail::Delivery;
use folkmoot_agents::{Agent, Context, agent, object};

#[derive(Agent)]
#[agent(crate = folkmoot_agents::__private)]
struct Pump;

#[agent(crate = folkmoot_agents::__private)]
impl Pump {
    #[on("order")]
    fn order(&mut self, order: u64) {}

    #[on("order")]
    fn order_again(&mut self, order: u64) {}

    #[on]
    fn other(&mut self, mail: Delivery) {}

    #[on]
    fn others(&mut self) {}

    #[on("")]
    fn empty(&self) {}

    #[on("folkmoot/own")]
    fn own(&self) {}

    #[on("two\nlines")]
    fn lines(&self) {}

    #[on(order)]
    fn no_text(&self) {}

    #[on("many")]
    fn many(&self, one: u64, two: u64) {}

    #[on("twice")]
    fn twice(&self, mail: &Delivery, again: Delivery) {}

    #[on("borrowed")]
    fn borrowed(&self, text: &str) {}

    #[on("owned")]
    fn owned(&self, ctx: Context<Self>) {}

    #[on("generic")]
    fn generic<T>(&self, body: T) {}

    #[on("nobody")]
    fn nobody(body: u64) {}

    #[expose]
    #[on("both")]
    fn both(&self, body: u64) {}
}

#[derive(Default)]
struct Valve;

#[object(crate = folkmoot_agents::__private)]
impl Valve {
    #[on("open")]
    fn open(&mut self) {}
}

fn main() {}
