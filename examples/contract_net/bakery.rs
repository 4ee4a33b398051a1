//! The bakery, the buyer: it asks all mills at once, and comes to terms with one after the other until one sells.
//!
//! Always true: whoever has proposed gets an answer. It knows nothing of the mills' type, only that they speak the
//! protocol. Neighbours: [`mill`](crate::mill) sells, [`terms`](crate::terms) says what the words mean,
//! [`purchase`](crate::purchase) takes the minutes.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use folkmoot::dialogues::{Dialogue, DialogueError};
use folkmoot::prelude::*;
use folkmoot::protocols::dialogue::{Limits, Side};
use folkmoot::protocols::typed::{Answers, State};
use futures_util::future::join_all;

use crate::GRINDING;
use crate::fipa::heard::{ToAccept, ToCfp, ToInform, ToPropose};
use crate::fipa::roles::Buyer;
use crate::fipa::{Accept, Decline, End, Fipa, Inform, MatchAccept, Propose};
use crate::purchase::Purchase;
use crate::terms::{self, Order, Price};

/// How long a mill may say nothing before the bakery gives the dialogue up.
const TIME_OUT: Duration = Duration::from_secs(20);

/// Buys flour.
#[derive(Agent)]
pub(crate) struct Bakery {
    address: String,
}

/// What a mill proposes, and the dialogue in which that is to be answered.
struct Offer {
    mill: String,
    price: Price,
    dialogue: Dialogue<Buyer, Propose>,
}

impl Bakery {
    /// One to which flour is delivered there.
    pub(crate) fn at(address: &str) -> Bakery {
        Bakery { address: address.to_owned() }
    }
}

#[agent]
impl Bakery {
    #[start]
    fn start(&self, ctx: &Context<Self>) {
        let mut limits = Limits::default();
        limits.time_out = Some(TIME_OUT);
        ctx.dialogues::<Fipa>().set_limits(limits);
    }

    /// Buys so many sacks where they are cheapest.
    #[expose]
    async fn buy(&self, ctx: &Context<Self>, sacks: u32) -> Purchase {
        let mut buying = Buying { ctx, address: &self.address, purchase: Purchase::default() };
        let mut offers = buying.proposals(Order { sacks }).await;
        while buying.purchase.bought.is_none()
            && let Some(Offer { mill, price, dialogue }) = offers.pop_front()
        {
            match buying.haggle(&mill, price, dialogue).await {
                Ok(price) => buying.purchase.bought = price.map(|price| (mill, price)),
                Err(error) => buying.purchase.failed(&mill, &error),
            }
        }
        for Offer { mill, dialogue, .. } in offers {
            buying.decline(&mill, dialogue).await;
        }
        buying.purchase
    }

    /// How its dialogues ended.
    #[expose]
    fn ends(&self, ctx: &Context<Self>) -> BTreeMap<String, u64> {
        terms::ends(ctx, Side::Us)
    }
}

/// A purchase that is being made.
struct Buying<'b> {
    ctx: &'b Context<Bakery>,
    address: &'b str,
    purchase: Purchase,
}

impl Buying<'_> {
    /// Asks all mills at once, and gives their offers, the cheapest first.
    async fn proposals(&mut self, order: Order) -> VecDeque<Offer> {
        let mills = self.ctx.group_able_to::<Untyped>(GRINDING).proxies();
        for mill in &mills {
            self.purchase.said(Proxy::agent_name(mill), "cfp", order);
        }
        let asked = mills.iter().map(|mill| self.ctx.open_as::<Buyer, _>(mill, order.cfp()).answer());
        let answers = join_all(asked).await;
        let mut offers = Vec::new();
        for (mill, answer) in mills.iter().map(Proxy::agent_name).zip(answers) {
            match answer {
                Ok(ToCfp::Propose(propose, dialogue)) => match Price::of(&propose) {
                    Some(price) => {
                        self.purchase.heard(mill, "propose", price);
                        offers.push(Offer { mill: mill.to_owned(), price, dialogue });
                    }
                    None => {
                        self.purchase.heard(mill, "propose", "no price");
                        self.decline(mill, dialogue).await;
                    }
                },
                Ok(ToCfp::Decline(..)) => self.purchase.heard(mill, "decline", ""),
                Err(error) => self.purchase.failed(mill, error),
            }
        }
        offers.sort_by_key(|offer| offer.price);
        offers.into()
    }

    async fn decline(&mut self, mill: &str, dialogue: Dialogue<Buyer, Propose>) {
        match self.ctx.reply(dialogue, Decline).await {
            Ok(_) => self.purchase.said(mill, "decline", ""),
            Err(error) => self.purchase.failed(mill, error),
        }
    }

    /// Makes a counter-proposal, and gives the price at which the mill has sold, if it has.
    async fn haggle(
        &mut self,
        mill: &str,
        price: Price,
        dialogue: Dialogue<Buyer, Propose>,
    ) -> Result<Option<Price>, DialogueError> {
        let counter = price.haggled();
        self.purchase.said(mill, "propose", counter);
        match self.ctx.reply(dialogue, counter.propose()).answer().await? {
            ToPropose::Propose(propose, dialogue) => {
                let Some(last) = Price::of(&propose).filter(|last| *last <= price) else {
                    self.purchase.heard(mill, "propose", "more than before");
                    self.decline(mill, dialogue).await;
                    return Ok(None);
                };
                self.purchase.heard(mill, "propose", last);
                Ok(self.accept(mill, dialogue).await?.then_some(last))
            }
            ToPropose::Accept(_, dialogue) => {
                self.purchase.heard(mill, "accept", "");
                self.confirm(mill, dialogue).await?;
                Ok(Some(counter))
            }
            ToPropose::AcceptWInform(_, dialogue) => {
                self.purchase.heard(mill, "accept_w_inform", "");
                self.confirm(mill, dialogue).await?;
                Ok(Some(counter))
            }
            ToPropose::Decline(..) => {
                self.purchase.heard(mill, "decline", "");
                Ok(None)
            }
        }
    }

    /// Accepts what the mill has proposed; says whether the mill stands by it.
    async fn accept(
        &mut self,
        mill: &str,
        dialogue: Dialogue<Buyer, Propose>,
    ) -> Result<bool, DialogueError> {
        self.purchase.said(mill, "accept", "");
        match self.ctx.reply(dialogue, Accept).answer().await? {
            ToAccept::MatchAccept(_, dialogue) => {
                self.purchase.heard(mill, "match_accept", "");
                self.carry_out(mill, dialogue).await;
            }
            ToAccept::MatchAcceptWInform(_, dialogue) => {
                self.purchase.heard(mill, "match_accept_w_inform", "");
                self.carry_out(mill, dialogue).await;
            }
            ToAccept::Decline(..) => {
                self.purchase.heard(mill, "decline", "");
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Stands by what the mill has accepted, in whichever words.
    async fn confirm<D>(&mut self, mill: &str, dialogue: D) -> Result<(), DialogueError>
    where
        D: State<Role = Buyer> + 'static,
        MatchAccept: Answers<D::Last>,
    {
        self.purchase.said(mill, "match_accept", "");
        // One may say more oneself: the `inform` follows the bakery's own words.
        let confirmed = self.ctx.reply(dialogue, MatchAccept).await?;
        self.carry_out(mill, confirmed).await;
        Ok(())
    }

    /// Both have accepted, so it is bought: says where the flour is to go, wherever an `inform` may come next.
    async fn carry_out<D>(&mut self, mill: &str, dialogue: D)
    where
        D: State<Role = Buyer> + 'static,
        Inform: Answers<D::Last>,
    {
        self.purchase.said(mill, "inform", self.address);
        let info = [("address".to_owned(), self.address.to_owned())].into();
        match self.ctx.reply(dialogue, Inform { info }).answer().await {
            Ok(ToInform::End(..)) => self.purchase.heard(mill, "end", ""),
            Ok(ToInform::Inform(_, dialogue)) => {
                self.purchase.heard(mill, "inform", "");
                match self.ctx.reply(dialogue, End).await {
                    Ok(_) => self.purchase.said(mill, "end", ""),
                    Err(error) => self.purchase.failed(mill, error),
                }
            }
            Err(error) => self.purchase.failed(mill, error),
        }
    }
}
