//! Agents that answer later than their handlers, and those that wait for that.

use super::*;

/// Answers later than its handler, so that it may crash between.
#[derive(Agent, Default)]
pub(super) struct Slow {
    asked: Vec<(Cfp, Dialogue<Seller, Cfp>)>,
}

#[agent]
impl Slow {
    #[start]
    fn start(&mut self, ctx: &Context<Self>) {
        for heard in ctx.dialogues::<Fipa>().unanswered() {
            if let Ok(heard::Any::Cfp(cfp, dialogue)) = heard.any::<Seller>() {
                self.asked.push((cfp, dialogue));
            }
        }
    }

    #[handles(Fipa)]
    fn cfp(&mut self, cfp: Cfp, dialogue: Dialogue<Seller, Cfp>) {
        self.asked.push((cfp, dialogue));
    }

    #[handles(Fipa)]
    fn decline(&mut self, _: Decline) {}

    #[expose]
    fn open(&self, ctx: &Context<Self>) -> usize {
        ctx.dialogues::<Fipa>().open()
    }

    #[expose]
    fn crash(&mut self) {
        panic!("for the test");
    }

    /// Crashes once a message has been taken in, which waits for its turn meanwhile.
    #[expose]
    async fn crash_once_asked(&mut self, ctx: &Context<Self>) {
        while ctx.dialogues::<Fipa>().open() == 0 {
            ctx.sleep(Duration::from_millis(1)).await;
        }
        panic!("for the test");
    }

    /// What became of each, in the order in which they came.
    #[expose]
    async fn answer_each(&mut self, ctx: &Context<Self>) -> Vec<String> {
        let mut said = Vec::new();
        for (cfp, dialogue) in std::mem::take(&mut self.asked) {
            let proposal = types::Description { description_bytes: cfp.query.query_bytes };
            let replied = ctx.reply(dialogue, Propose { proposal }).await;
            said.push(replied.map_or_else(|error| error.to_string(), |_| "said".to_owned()));
        }
        said
    }

    /// Holds up what comes, until there are so many, and then crashes.
    #[expose]
    async fn crash_before(&mut self, ctx: &Context<Self>, open: usize) {
        while ctx.dialogues::<Fipa>().open() < open {
            ctx.sleep(Duration::from_millis(1)).await;
        }
        panic!("for the test");
    }

    #[expose]
    fn allow_each(&self, ctx: &Context<Self>, count: usize) {
        let mut limits = Limits::default();
        (limits.open_per_peer, limits.open_unproven) = (count, count);
        ctx.dialogues::<Fipa>().set_limits(limits);
    }

    /// Gives one dialogue up; says how many are open still.
    #[expose]
    fn abandon_one(&mut self, ctx: &Context<Self>) -> usize {
        let dialogues = ctx.dialogues::<Fipa>();
        if let Some((_, dialogue)) = self.asked.pop() {
            dialogues.abandon(dialogue.id());
        }
        dialogues.open()
    }

    #[expose]
    async fn answer_all(&mut self, ctx: &Context<Self>) -> Result<usize, String> {
        let count = self.asked.len();
        for (cfp, dialogue) in std::mem::take(&mut self.asked) {
            let proposal = types::Description { description_bytes: cfp.query.query_bytes };
            ctx.reply(dialogue, Propose { proposal }).await.map_err(|error| error.to_string())?;
        }
        Ok(count)
    }
}

/// Buys of slow ones.
#[derive(Agent, Default)]
pub(super) struct Patient {
    offers: Vec<String>,
}

#[agent]
impl Patient {
    #[expose]
    async fn ask(&self, ctx: &Context<Self>, whom: Proxy<Slow>, what: String) -> Result<(), String> {
        ctx.open_as::<Buyer, _>(&whom, cfp(&what)).await.map(drop).map_err(|error| error.to_string())
    }

    /// Shared, so that a crash does not wait for it.
    #[expose]
    async fn ask_and_wait(&self, ctx: &Context<Self>, whom: Proxy<Slow>) -> Result<(), String> {
        let answer = ctx.open_as::<Buyer, _>(&whom, cfp("rye")).answer().await;
        answer.map(drop).map_err(|error| error.to_string())
    }

    #[expose]
    async fn crash_once_waiting(&self, ctx: &Context<Self>) {
        while ctx.dialogues::<Fipa>().open() == 0 {
            ctx.sleep(Duration::from_millis(1)).await;
        }
        panic!("for the test");
    }

    #[handles(Fipa)]
    async fn propose(
        &mut self,
        offer: Propose,
        dialogue: Dialogue<Buyer, Propose>,
        ctx: &Context<Self>,
    ) -> Result<(), DialogueError> {
        self.offers.push(String::from_utf8_lossy(&offer.proposal.description_bytes).into_owned());
        ctx.reply(dialogue, Decline).await?;
        Ok(())
    }

    #[expose]
    fn offers(&self) -> Vec<String> {
        self.offers.clone()
    }
}

pub(super) async fn until_offers(patient: &Proxy<Patient>, count: usize) -> Vec<String> {
    loop {
        let offers = patient.offers().await.unwrap();
        if offers.len() >= count {
            return offers;
        }
        tokio::task::yield_now().await;
    }
}
