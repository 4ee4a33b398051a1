//! Handlers of messages: what was said and the dialogue belong together, and the rules hold in them.
use folkmoot_agents::dialogues::{Dialogue, DialogueError};
use folkmoot_agents::{Agent, Context, agent};

folkmoot_agents::protocol!(crate = folkmoot_agents::__private, "fipa");

use fipa::roles::Seller;
use fipa::{Accept, Cfp, Fipa, Propose};

#[derive(Agent)]
#[agent(crate = folkmoot_agents::__private)]
struct Baker;

#[agent(crate = folkmoot_agents::__private)]
impl Baker {
    #[handles(Fipa)]
    fn cfp(&mut self, _: String) {}

    #[handles(Fipa)]
    async fn accept(
        &mut self,
        _: Accept,
        dialogue: Dialogue<Seller, Accept>,
        ctx: &Context<Self>,
    ) -> Result<(), DialogueError> {
        ctx.reply(dialogue, Accept).await?;
        Ok(())
    }

    #[handles(Fipa)]
    fn propose(&mut self, _: Propose, _: Dialogue<Seller, Cfp>) {}
}

fn main() {}
