//! One context, borrowed.
use folkmoot_agents::{Agent, Context, agent};

#[derive(Agent)]
#[agent(crate = folkmoot_agents::__private)]
struct Counter {
    total: i64,
}

#[agent(crate = folkmoot_agents::__private)]
impl Counter {
    #[expose]
    fn owned(&self, ctx: Context<Self>) -> String {
        ctx.name().to_owned()
    }

    #[expose]
    fn exclusive(&self, ctx: &mut Context<Self>) -> String {
        ctx.name().to_owned()
    }

    #[expose]
    fn twice(&self, ctx: &Context<Self>, again: &Context<Self>) -> bool {
        ctx.name() == again.name()
    }
}

fn main() {}
