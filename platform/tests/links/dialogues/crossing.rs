//! Both sides end a dialogue at the same time, each before it can know of the other's end.

use folkmoot::Builder;
use folkmoot::dialogues::Ended;
use folkmoot::sim::Sim;

use super::*;

/// Offers, and thinks better of it.
#[derive(Agent, Default)]
struct Fickle {
    offered: Option<Said<Seller, Propose>>,
    ends: Vec<String>,
}

#[agent]
impl Fickle {
    #[handles(Fipa)]
    async fn cfp(
        &mut self,
        _: Cfp,
        dialogue: Dialogue<Seller, Cfp>,
        ctx: &Context<Self>,
    ) -> Result<(), DialogueError> {
        let proposal = types::Description { description_bytes: b"3 shillings".to_vec() };
        self.offered = Some(ctx.reply(dialogue, Propose { proposal }).await?);
        Ok(())
    }

    #[expose]
    async fn withdraw(&mut self, ctx: &Context<Self>) -> Result<(), String> {
        let offered = self.offered.take().ok_or("nothing was offered")?;
        ctx.reply(offered, Decline).await.map(drop).map_err(|error| error.to_string())
    }

    #[ended(Fipa)]
    fn over(&mut self, ended: Ended<Fipa>) {
        self.ends.push(format!("{:?}", ended.cause));
    }

    #[expose]
    fn ends(&self) -> Vec<String> {
        self.ends.clone()
    }
}

/// Asks for an offer, and does not take it.
#[derive(Agent, Default)]
struct Choosy {
    offer: Option<Dialogue<Buyer, Propose>>,
    ends: Vec<String>,
}

#[agent]
impl Choosy {
    #[expose]
    async fn ask(&mut self, ctx: &Context<Self>, whom: Proxy<Fickle>) -> Result<(), String> {
        match ctx.open_as::<Buyer, _>(&whom, cfp("rye")).answer().await.map_err(|error| error.to_string())? {
            heard::ToCfp::Propose(_, dialogue) => self.offer = Some(dialogue),
            heard::ToCfp::Decline(..) => {}
        }
        Ok(())
    }

    #[expose]
    async fn decline(&mut self, ctx: &Context<Self>) -> Result<(), String> {
        let offer = self.offer.take().ok_or("there is no offer")?;
        ctx.reply(offer, Decline).await.map(drop).map_err(|error| error.to_string())
    }

    #[ended(Fipa)]
    fn over(&mut self, ended: Ended<Fipa>) {
        self.ends.push(format!("{:?}", ended.cause));
    }

    #[expose]
    fn ends(&self) -> Vec<String> {
        self.ends.clone()
    }
}

#[folkmoot::test(sim)]
async fn ends_that_cross_are_told_once_on_each_side_and_leave_room_for_the_next_dialogue(sim: Sim) {
    super::super::limit::watch();
    for name in ["town", "valley"] {
        sim.node(name, async |builder: Builder| Ok(builder.start().await?)).await.unwrap();
    }
    sim.delay("town", "valley", Duration::from_millis(20), Duration::from_millis(20));
    let (town, valley) = (sim.container("town").unwrap(), sim.container("valley").unwrap());
    let mut limits = Limits::default();
    (limits.open_per_peer, limits.open_unproven) = (1, 1);
    let fickle = valley.spawn("fickle", Fickle::default).dialogue_limits(limits).await.unwrap();
    let choosy = town.spawn("choosy", Choosy::default).await.unwrap();
    let far: Proxy<Fickle> = town.connect(valley.url("fickle")).await.unwrap();
    for round in 1..=3 {
        choosy.ask(far.clone()).await.unwrap();
        // The offer has come before its sender knows that it has.
        sim.sleep(Duration::from_millis(100)).await;
        let (withdrawn, declined) = tokio::join!(fickle.withdraw(), choosy.decline());
        withdrawn.unwrap();
        declined.unwrap();
        sim.sleep(Duration::from_millis(100)).await;
        let (theirs, ours) = (fickle.ends().await.unwrap(), choosy.ends().await.unwrap());
        assert_eq!((theirs.len(), ours.len()), (round, round), "{theirs:?} {ours:?}");
        // The end of who began holds on both sides.
        assert!(theirs[round - 1].ends_with("by: Them }"), "{theirs:?}");
        assert!(ours[round - 1].ends_with("by: Us }"), "{ours:?}");
    }
}
