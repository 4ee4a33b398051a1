//! Nodes, or leases, that are lost again and again under dialogues by mail: each message is sent once, each dialogue comes to its
//! end.

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

#[folkmoot::test(sim, twice)]
async fn whichever_leases_are_lost_each_message_is_sent_once_and_each_dialogue_comes_to_its_end(sim: Sim) {
    const DIALOGUES: u32 = 20;
    crate::calls::limit::watch();
    let counts = Counts::default();
    sim.node("hub", async |builder: Builder| Ok(builder.exchange("memory:").start().await?)).await.unwrap();
    let durable = || Durable::new().lease(Duration::from_millis(500));
    for name in ["town", "valley"] {
        let counts = counts.clone();
        let start = async move |builder: Builder| {
            let node = counts.during(builder.exchange("local://hub").start()).await?;
            match node.principal().node_name() {
                "town" => drop(node.spawn("shop", Shop::default).durable_with(durable()).await?),
                _ => drop(node.spawn("grinder", Grinder::default).durable_with(durable()).await?),
            }
            Ok(node)
        };
        sim.node(name, start).await.unwrap();
        sim.delay("hub", name, Duration::from_millis(1), Duration::from_millis(1));
    }
    let shop: Proxy<Shop> = sim.container("town").unwrap().find("shop").unwrap();
    let grinder: Proxy<Grinder> = sim.container("valley").unwrap().find("grinder").unwrap();
    shop.ask(DIALOGUES).await.unwrap();
    for round in 0..12 {
        sim.sleep(Duration::from_millis(fastrand::u64(1..60))).await;
        let name = if round % 2 == 0 { "valley" } else { "town" };
        sim.partition(&["hub"], &[name]);
        sim.sleep(Duration::from_millis(fastrand::u64(100..2_000))).await;
        sim.heal();
    }
    loop {
        let open = (shop.open().deadline(HOUR).await, grinder.open().deadline(HOUR).await);
        if let (Ok(0), Ok(0)) = open {
            break;
        }
        assert!(sim.elapsed() < HOUR, "dialogues that nobody goes on with");
        sim.sleep(Duration::from_secs(1)).await;
    }
    // What was the last word is acknowledged.
    sim.sleep(Duration::from_secs(10)).await;
    let (lost, retaken) = (counts.of("mailboxes_lost"), counts.of("mailboxes_retaken"));
    assert!(lost >= 3 && lost == retaken, "{lost} lost, {retaken} retaken");
    let room = sim.container("hub").unwrap().mailroom().unwrap().clone();
    for name in ["shop", "grinder"] {
        let id = mailbox(&room, name).await;
        let stats = room.exchange().stats(&Asker::Container, id).await.unwrap();
        let all = u64::from(3 * DIALOGUES);
        assert_eq!((stats.accepted, stats.acknowledged, stats.dead_letters), (all, all, 0), "{name}");
    }
}

#[folkmoot::test(sim)]
async fn a_message_by_a_call_waits_while_nobody_can_keep_it(sim: Sim) {
    crate::calls::limit::watch();
    let counts = Counts::default();
    sim.node("hub", async |builder: Builder| Ok(builder.exchange("memory:").start().await?)).await.unwrap();
    let (book, own) = (Book::default(), counts.clone());
    let grinds = book.clone();
    let start = async move |builder: Builder| {
        let node = own.during(builder.exchange("local://hub").start()).await?;
        node.spawn("mill", mill(&grinds)).durable().await?;
        Ok(node)
    };
    let town = sim.node("town", start).await.unwrap();
    let customer = town.spawn("customer", Customer::default).await.unwrap();
    let whom: Proxy<Untyped> = town.connect(town.url("mill")).await.unwrap();
    assert_eq!(customer.call(whom.clone(), "rye".into()).await.unwrap(), "an offer");
    sim.partition(&["hub"], &["town"]);
    while counts.of("mailboxes_lost") == 0 {
        sim.sleep(Duration::from_secs(1)).await;
    }
    let asked = actix::spawn(customer.call(whom.clone(), "oats".into()).deadline(HOUR).into_future());
    let other = town.spawn("other", Customer::default).await.unwrap();
    let unfit = actix::spawn(other.call(whom, "gravel".into()).deadline(HOUR).into_future());
    sim.sleep(Duration::from_secs(15)).await;
    assert_eq!((book.lines().len(), counts.of("messages_refused")), (3, 0), "it is not judged yet");
    sim.heal();
    assert_eq!(asked.await.unwrap().unwrap(), "an offer");
    // It is judged by the rules that the new life has set.
    let refused = unfit.await.unwrap().unwrap_err().to_string();
    assert!(refused.contains("refused by the agent's own validation: nobody eats that"), "{refused}");
    let of = |what: &str| {
        [format!("cfp {what} of customer"), "decline".to_owned(), "over: declined_propose".to_owned()]
    };
    assert_eq!(book.until(6).await, [of("rye"), of("oats")].concat());
    assert_eq!((counts.of("messages_refused"), counts.of("mailboxes_retaken")), (1, 1));
}
