//! A loop has a context and no state.
#![allow(unused_variables)]

use folkmoot_agents::{Agent, Context, agent};

#[derive(Agent)]
#[agent(crate = folkmoot_agents::__private)]
struct Counter {
    total: i64,
}

#[agent(crate = folkmoot_agents::__private)]
impl Counter {
    #[run]
    async fn with_state(&self, ctx: Context<Self>) {
        drop(ctx);
    }

    #[run]
    async fn without_context() {}

    #[run]
    async fn with_argument(ctx: Context<Self>, amount: i64) {
        drop((ctx, amount));
    }

    #[run]
    fn not_async(ctx: Context<Self>) {
        drop(ctx);
    }

    #[run]
    async fn with_value(ctx: Context<Self>) -> Result<(), String> {
        drop(ctx);
        Ok(())
    }

    #[run]
    async fn exclusive(ctx: &mut Context<Self>) {
        ctx.stop();
    }

    #[run]
    async fn generic<T>(ctx: Context<Self>) {
        drop(ctx);
    }
}

fn main() {}
