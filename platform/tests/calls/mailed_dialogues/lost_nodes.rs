//! Nodes that are lost again and again under dialogues by mail: each message is sent once, each dialogue comes to its end.

use folkmoot::sim::Sim;

use super::*;

/// Asks and buys, in each life from where the one before was.
#[derive(Agent, Default)]
struct Shop;

#[agent]
impl Shop {
    #[start]
    async fn start(&mut self, ctx: &Context<Self>) -> Result<(), DialogueError> {
        for heard in ctx.dialogues::<Fipa>().unanswered() {
            match heard.any::<Buyer>() {
                Ok(heard::Any::Propose(_, dialogue)) => {
                    ctx.reply(dialogue, Accept).await?;
                }
                Ok(heard::Any::MatchAccept(_, dialogue)) => self.inform(dialogue, ctx).await?,
                other => panic!("{other:?}"),
            }
        }
        Ok(())
    }

    #[expose]
    async fn ask(&self, ctx: &Context<Self>, count: u32) -> Result<(), String> {
        for _ in 0..count {
            let asked = ctx.open_as::<Buyer, _>(&address("grinder"), cfp("rye")).await;
            asked.map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    #[handles(Fipa)]
    async fn propose(
        &self,
        _: Propose,
        dialogue: Dialogue<Buyer, Propose>,
        ctx: &Context<Self>,
    ) -> Result<(), DialogueError> {
        ctx.sleep(Duration::from_millis(fastrand::u64(0..50))).await;
        ctx.reply(dialogue, Accept).await?;
        Ok(())
    }

    #[handles(Fipa)]
    async fn match_accept(
        &self,
        _: MatchAccept,
        dialogue: Dialogue<Buyer, MatchAccept>,
        ctx: &Context<Self>,
    ) -> Result<(), DialogueError> {
        ctx.sleep(Duration::from_millis(fastrand::u64(0..50))).await;
        self.inform(dialogue, ctx).await
    }

    async fn inform(
        &self,
        dialogue: Dialogue<Buyer, MatchAccept>,
        ctx: &Context<Self>,
    ) -> Result<(), DialogueError> {
        let info = [("address".to_owned(), "Mill Lane 3".to_owned())].into();
        ctx.reply(dialogue, Inform { info }).await?;
        Ok(())
    }

    #[expose]
    fn open(&self, ctx: &Context<Self>) -> usize {
        ctx.dialogues::<Fipa>().open()
    }
}

/// The same on the other side.
#[derive(Agent, Default)]
struct Grinder;

#[agent]
impl Grinder {
    #[start]
    async fn start(&mut self, ctx: &Context<Self>) -> Result<(), DialogueError> {
        for heard in ctx.dialogues::<Fipa>().unanswered() {
            match heard.any::<Seller>() {
                Ok(heard::Any::Cfp(_, dialogue)) => self.offer(dialogue, ctx).await?,
                Ok(heard::Any::Accept(_, dialogue)) => {
                    ctx.reply(dialogue, MatchAccept).await?;
                }
                Ok(heard::Any::Inform(_, dialogue)) => {
                    ctx.reply(dialogue, End).await?;
                }
                other => panic!("{other:?}"),
            }
        }
        Ok(())
    }

    #[handles(Fipa)]
    async fn cfp(
        &self,
        _: Cfp,
        dialogue: Dialogue<Seller, Cfp>,
        ctx: &Context<Self>,
    ) -> Result<(), DialogueError> {
        ctx.sleep(Duration::from_millis(fastrand::u64(0..50))).await;
        self.offer(dialogue, ctx).await
    }

    async fn offer(&self, dialogue: Dialogue<Seller, Cfp>, ctx: &Context<Self>) -> Result<(), DialogueError> {
        let proposal = types::Description { description_bytes: b"3 shillings".to_vec() };
        ctx.reply(dialogue, Propose { proposal }).await?;
        Ok(())
    }

    #[handles(Fipa)]
    async fn accept(
        &self,
        _: Accept,
        dialogue: Dialogue<Seller, Accept>,
        ctx: &Context<Self>,
    ) -> Result<(), DialogueError> {
        ctx.sleep(Duration::from_millis(fastrand::u64(0..50))).await;
        ctx.reply(dialogue, MatchAccept).await?;
        Ok(())
    }

    #[handles(Fipa)]
    async fn inform(
        &self,
        _: Inform,
        dialogue: Dialogue<Seller, Inform>,
        ctx: &Context<Self>,
    ) -> Result<(), DialogueError> {
        ctx.sleep(Duration::from_millis(fastrand::u64(0..50))).await;
        ctx.reply(dialogue, End).await?;
        Ok(())
    }

    #[expose]
    fn open(&self, ctx: &Context<Self>) -> usize {
        ctx.dialogues::<Fipa>().open()
    }
}

#[folkmoot::test(sim, twice)]
async fn whatever_nodes_are_lost_each_message_is_sent_once_and_each_dialogue_comes_to_its_end(sim: Sim) {
    const DIALOGUES: u32 = 20;
    crate::calls::limit::watch();
    let room = Mailroom::open("memory:").await.unwrap();
    let durable = || Durable::new().lease(Duration::from_millis(500));
    let at = room.clone();
    let start = async move |builder: Builder| {
        let node = builder.exchange_of(&at).start().await?;
        node.spawn("shop", Shop::default).durable_with(durable()).await.unwrap();
        Ok(node)
    };
    sim.node("town", start).await.unwrap();
    let at = room.clone();
    let start = async move |builder: Builder| {
        let node = builder.exchange_of(&at).start().await?;
        node.spawn("grinder", Grinder::default).durable_with(durable()).await.unwrap();
        Ok(node)
    };
    sim.node("valley", start).await.unwrap();
    let shop: Proxy<Shop> = sim.container("town").unwrap().find("shop").unwrap();
    shop.ask(DIALOGUES).await.unwrap();
    for round in 0..8 {
        sim.sleep(Duration::from_millis(fastrand::u64(1..60))).await;
        let name = if round % 2 == 0 { "valley" } else { "town" };
        sim.crash(name).await.unwrap();
        sim.restart(name).await.unwrap();
    }
    loop {
        let shop: Proxy<Shop> = sim.container("town").unwrap().find("shop").unwrap();
        let grinder: Proxy<Grinder> = sim.container("valley").unwrap().find("grinder").unwrap();
        if (shop.open().await.unwrap(), grinder.open().await.unwrap()) == (0, 0) {
            break;
        }
        assert!(sim.elapsed() < HOUR, "dialogues that nobody goes on with");
        sim.sleep(Duration::from_secs(1)).await;
    }
    for name in ["shop", "grinder"] {
        let id = mailbox(&room, name).await;
        let stats = room.exchange().stats(&folkmoot::exchange::Asker::Container, id).await.unwrap();
        let all = u64::from(3 * DIALOGUES);
        assert_eq!((stats.accepted, stats.acknowledged, stats.dead_letters), (all, all, 0), "{name}");
    }
}
