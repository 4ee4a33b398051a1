//! A mill, the seller: it offers what it has, comes down to its least price, and delivers what was accepted.
//!
//! Each handler takes one performative and answers in its dialogue. Always true: what is promised in open dialogues is
//! never more than there is; a dialogue that has ended, in whatever way, promises nothing. Neighbour:
//! [`bakery`](crate::bakery) buys.

use std::collections::{BTreeMap, HashMap};

use folkmoot::dialogues::{Dialogue, DialogueError, Ended};
use folkmoot::prelude::*;
use folkmoot::protocols::dialogue::{DialogueId, Side};

use crate::fipa::roles::Seller;
use crate::fipa::{Accept, Cfp, Decline, End, Fipa, Inform, MatchAccept, Propose};
use crate::terms::{self, Order, Price};

/// Sells flour.
#[derive(Agent)]
pub(crate) struct Mill {
    sacks: u32,
    asks: Price,
    least: Price,
    /// Sacks that are offered, by the dialogue in which they are.
    promised: HashMap<DialogueId, u32>,
}

impl Mill {
    /// With so many sacks, at so many cents each.
    pub(crate) fn new(sacks: u32, asks: u32, least: u32) -> Mill {
        Mill { sacks, asks: Price { cents: asks }, least: Price { cents: least }, promised: HashMap::new() }
    }

    /// Sacks that nobody has been promised.
    fn free(&self) -> u32 {
        self.sacks.saturating_sub(self.promised.values().sum())
    }
}

#[agent]
impl Mill {
    /// Proposes, where it has as much.
    #[handles(Fipa)]
    async fn cfp(
        &mut self,
        cfp: Cfp,
        dialogue: Dialogue<Seller, Cfp>,
        ctx: &Context<Self>,
    ) -> Result<(), DialogueError> {
        let free = self.free();
        match Order::of(&cfp).filter(|order| order.sacks <= free) {
            Some(order) => {
                self.promised.insert(dialogue.id(), order.sacks);
                ctx.reply(dialogue, self.asks.propose()).await?;
            }
            None => {
                ctx.reply(dialogue, Decline).await?;
            }
        }
        Ok(())
    }

    /// Accepts a counter-proposal that is not too low, or names its last price.
    #[handles(Fipa)]
    async fn propose(
        &mut self,
        propose: Propose,
        dialogue: Dialogue<Seller, Propose>,
        ctx: &Context<Self>,
    ) -> Result<(), DialogueError> {
        match Price::of(&propose) {
            Some(price) if price >= self.least => {
                ctx.reply(dialogue, Accept).await?;
            }
            Some(_) => {
                ctx.reply(dialogue, self.least.propose()).await?;
            }
            None => {
                ctx.reply(dialogue, Decline).await?;
            }
        }
        Ok(())
    }

    /// Its price is accepted: it stands by it.
    #[handles(Fipa)]
    async fn accept(
        &self,
        _: Accept,
        dialogue: Dialogue<Seller, Accept>,
        ctx: &Context<Self>,
    ) -> Result<(), DialogueError> {
        ctx.reply(dialogue, MatchAccept).await?;
        Ok(())
    }

    /// The buyer stands by its price too, and says next where the flour is to go.
    #[handles(Fipa)]
    fn match_accept(&self, _: MatchAccept) {}

    /// It is told where the flour is to go, and delivers.
    #[handles(Fipa)]
    async fn inform(
        &mut self,
        _: Inform,
        dialogue: Dialogue<Seller, Inform>,
        ctx: &Context<Self>,
    ) -> Result<(), DialogueError> {
        let sold = self.promised.remove(&dialogue.id()).unwrap_or(0);
        self.sacks = self.sacks.saturating_sub(sold);
        ctx.reply(dialogue, End).await?;
        Ok(())
    }

    /// Another was cheaper.
    #[handles(Fipa)]
    fn decline(&mut self, _: Decline, dialogue: Dialogue<Seller, Decline>) {
        self.promised.remove(&dialogue.id());
    }

    /// What is over, in whatever way, promises nothing: it may have timed out, or the buyer have crashed.
    #[ended(Fipa)]
    fn over(&mut self, ended: Ended<Fipa>) {
        self.promised.remove(&ended.id);
    }

    /// The buyer is content, and says no more.
    #[handles(Fipa)]
    fn end(&self, _: End) {}

    /// Sacks that are left.
    #[expose]
    fn sacks(&self) -> u32 {
        self.sacks
    }

    /// How its dialogues ended.
    #[expose]
    fn ends(&self, ctx: &Context<Self>) -> BTreeMap<String, u64> {
        terms::ends(ctx, Side::Them)
    }
}
