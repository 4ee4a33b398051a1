//! Dialogues that one side gives up, and what is said and does not go out: each side learns of it at once, and what is as
//! it was can be gone on with.

use std::time::Duration;

use folkmoot::dialogues::{Cause, Dialogue, DialogueError, Ended};
use folkmoot::prelude::*;
use folkmoot::protocols::dialogue::{DialogueId, Side};
use folkmoot::{Codec, Untyped};

use super::counts::Counts;
use super::left_behind::Watch;

folkmoot::protocol!("fipa");

use fipa::roles::{Buyer, Seller};
use fipa::{Cfp, Decline, Fipa, Propose, heard, types};

/// Fails in each way that there is.
#[derive(Agent, Default)]
struct Clerk {
    held: Vec<Dialogue<Seller, Cfp>>,
}

#[agent]
impl Clerk {
    #[handles(Fipa)]
    async fn cfp(
        &mut self,
        cfp: Cfp,
        dialogue: Dialogue<Seller, Cfp>,
        ctx: &Context<Self>,
    ) -> Result<(), String> {
        match cfp.query.query_bytes.as_slice() {
            b"fail" => return Err("the ink has dried up".to_owned()),
            b"answer and fail" => {
                let proposal = types::Description::default();
                ctx.reply(dialogue, Propose { proposal }).await.map_err(|error| error.to_string())?;
                return Err("too late to matter".to_owned());
            }
            b"crash" => panic!("the roof came down"),
            b"stop" => ctx.stop(),
            b"abandon" => ctx.dialogues::<Fipa>().abandon(dialogue.id()),
            _ => self.held.push(dialogue),
        }
        Ok(())
    }

    /// Declines what is held: what came of it, whether the dialogue was given back, how many are open, and the ends counted.
    #[expose]
    async fn decline(&mut self, ctx: &Context<Self>) -> (String, bool, usize, u64) {
        let Some(dialogue) = self.held.pop() else { return ("nothing".to_owned(), false, 0, 0) };
        let told = match ctx.reply(dialogue, Decline).await {
            Ok(_) => ("said".to_owned(), false),
            Err(error) => {
                let told = error.to_string();
                self.held.extend(error.into_dialogue());
                (told, !self.held.is_empty())
            }
        };
        let dialogues = ctx.dialogues::<Fipa>();
        let counts = dialogues.statistics().begun_by(Side::Them).clone();
        let ends = counts.end_states.values().sum::<u64>() + counts.terminal.values().sum::<u64>();
        (told.0, told.1, dialogues.open(), ends)
    }

    /// Offers, instead of what could not be said.
    #[expose]
    async fn offer(&mut self, ctx: &Context<Self>) -> Result<(), String> {
        let dialogue = self.held.pop().ok_or("nothing is held")?;
        let proposal = types::Description { description_bytes: b"a stamp".to_vec() };
        ctx.reply(dialogue, Propose { proposal }).await.map(drop).map_err(|error| error.to_string())
    }

    /// Says no more declines, or takes that back.
    #[expose]
    fn never_decline(&self, ctx: &Context<Self>, never: bool) {
        ctx.dialogues::<Fipa>().set_validation(move |_, message| match &message.body {
            Fipa::Decline(_) if never => Err("a clerk does not say no".to_owned()),
            _ => Ok(()),
        });
    }
}

#[derive(Agent, Default)]
struct Citizen;

#[agent]
impl Citizen {
    /// What comes of it, in words.
    #[expose]
    async fn ask(&self, ctx: &Context<Self>, clerk: Proxy<Untyped>, what: String) -> String {
        let query = types::Query { query_bytes: what.into_bytes() };
        match ctx.open(&clerk, Cfp { query }).answer().await {
            Ok(heard::ToCfp::Propose(offer, _)) => {
                format!("offered {}", String::from_utf8_lossy(&offer.proposal.description_bytes))
            }
            Ok(heard::ToCfp::Decline(..)) => "declined".to_owned(),
            Err(DialogueError::GivenUp { reason }) => format!("given up: {reason}"),
            Err(other) => format!("another error: {other}"),
        }
    }

    /// Takes no declines, or takes that back.
    #[expose]
    fn take_no_decline(&self, ctx: &Context<Self>) {
        ctx.dialogues::<Fipa>().set_validation(|_, message| match &message.body {
            Fipa::Decline(_) => Err("a citizen has a right to it".to_owned()),
            _ => Ok(()),
        });
    }

    #[expose]
    fn open(&self, ctx: &Context<Self>) -> usize {
        ctx.dialogues::<Fipa>().open()
    }
}

/// Asks without waiting, and is told how each dialogue ended.
#[derive(Agent, Default)]
struct Journalist {
    ends: Vec<String>,
    offers: Vec<Dialogue<Buyer, Propose>>,
}

#[agent]
impl Journalist {
    #[expose]
    async fn ask(&self, ctx: &Context<Self>, clerk: Proxy<Untyped>, what: String) -> Result<(), String> {
        let query = types::Query { query_bytes: what.into_bytes() };
        let said = ctx.open_as::<Buyer, _>(&clerk, Cfp { query }).await.map_err(|error| error.to_string())?;
        // Long for a test, and nothing that it waits for but the one time-out.
        let time_out = if what_of(ctx, said.id()) == "hurry" { 20 } else { 3_600_000 };
        let dialogues = ctx.dialogues::<Fipa>();
        dialogues
            .set_time_out(said.id(), Some(Duration::from_millis(time_out)))
            .map_err(|error| error.to_string())
    }

    #[handles(Fipa)]
    fn propose(&mut self, _: Propose, dialogue: Dialogue<Buyer, Propose>) {
        self.offers.push(dialogue);
    }

    #[handles(Fipa)]
    fn decline(&mut self, _: Decline) {
        self.ends.push("it was declined".to_owned());
    }

    #[ended(Fipa)]
    async fn over(&mut self, ended: Ended<Fipa>, ctx: &Context<Self>) -> Result<(), String> {
        let who = ended.peer.rsplit('/').next().unwrap_or_default();
        let told = match &ended.cause {
            Cause::GivenUp { reason } => reason.clone(),
            Cause::Unsent { reason } => reason.clone(),
            Cause::Said { performative, by, .. } => format!("{} {performative} {by:?}", ended.cause.word()),
            other => other.word().to_owned(),
        };
        let is_known = ctx.dialogues::<Fipa>().look(ended.id, |_| ()).is_some();
        self.ends.push(format!("{who}: {told}"));
        is_known.then_some(()).ok_or_else(|| "the dialogue is forgotten".to_owned())
    }

    /// Accepts nothing.
    #[expose]
    async fn decline_all(&mut self, ctx: &Context<Self>) -> usize {
        let mut declined = 0;
        for offer in std::mem::take(&mut self.offers) {
            declined += usize::from(ctx.reply(offer, Decline).await.is_ok());
        }
        declined
    }

    #[expose]
    fn abandon_all(&mut self, ctx: &Context<Self>) -> usize {
        let offers = std::mem::take(&mut self.offers);
        offers.iter().for_each(|offer| ctx.dialogues::<Fipa>().abandon(offer.id()));
        offers.len()
    }

    #[expose]
    fn ends(&mut self) -> Vec<String> {
        std::mem::take(&mut self.ends)
    }
}

fn what_of(ctx: &Context<Journalist>, id: DialogueId) -> String {
    let dialogues = ctx.dialogues::<Fipa>();
    let first = dialogues.look(id, |dialogue| match dialogue.message(1).and_then(|first| first.body) {
        Some(Fipa::Cfp(cfp)) => String::from_utf8_lossy(&cfp.query.query_bytes).into_owned(),
        _ => String::new(),
    });
    first.unwrap_or_default()
}

async fn ends(journalist: &Proxy<Journalist>, count: usize) -> Vec<String> {
    let mut ends = Vec::new();
    while ends.len() < count {
        ends.extend(journalist.ends().await.unwrap());
        tokio::task::yield_now().await;
    }
    ends
}

async fn hall(codec: Codec) -> Container {
    Container::builder("tcp://127.0.0.1:0").codec(codec).watched().await.unwrap()
}

/// No dialogue here would time out before the test does.
#[folkmoot::test(crate = crate::links::left_behind)]
async fn who_waits_is_told_at_once_that_the_other_side_gave_the_dialogue_up() {
    let counts = Counts::default();
    let one = counts.during(hall(Codec::MsgPack)).await;
    let two = counts.during(hall(Codec::Json)).await;
    for (round, citizens) in [&one, &two].into_iter().enumerate() {
        let clerk = one.spawn("clerk", Clerk::default).await.unwrap();
        let citizen = citizens.spawn("citizen", Citizen::default).await.unwrap();
        let far: Proxy<Untyped> = citizens.connect(one.url("clerk")).await.unwrap();
        let ask = |what: &str| citizen.ask(far.clone(), what.to_owned());
        let failed = "given up: its handler `cfp` failed: the ink has dried up";
        assert_eq!(ask("fail").await.unwrap(), failed);
        assert_eq!(ask("answer and fail").await.unwrap(), "offered ");
        assert_eq!(ask("crash").await.unwrap(), "given up: the agent crashed");
        assert_eq!(ask("abandon").await.unwrap(), "given up: it was abandoned there");
        // The crash has ended the dialogue that was open there, which tells the side that waits for nothing too.
        while citizen.open().await.unwrap() > 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(ask("stop").await.unwrap(), "given up: the agent has ended");
        assert!(clerk.decline().await.is_err(), "it has ended");
        assert_eq!(counts.of("dialogues_given_up_by_peers"), 5 * (round as u64 + 1));
        assert_eq!(counts.of("dialogues_timed_out"), 0);
    }
    for container in [two, one] {
        container.shutdown().await;
    }
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn what_does_not_go_out_leaves_the_dialogue_as_it_was_and_counts_no_end() {
    let one = hall(Codec::MsgPack).await;
    let two = hall(Codec::Json).await;
    let clerk = one.spawn("clerk", Clerk::default).await.unwrap();
    let citizen = two.spawn("citizen", Citizen::default).await.unwrap();
    let far: Proxy<Untyped> = two.connect(one.url("clerk")).await.unwrap();
    let asked = actix::spawn(citizen.ask(far.clone(), "a permit".to_owned()));
    // One's own validation, then the other side's, and at last something else.
    clerk.never_decline(true).await.unwrap();
    let refused = loop {
        match clerk.decline().await.unwrap() {
            (told, ..) if told == "nothing" => tokio::task::yield_now().await,
            refused => break refused,
        }
    };
    let reason = "refused by the agent's own validation: a clerk does not say no".to_owned();
    assert_eq!(refused, (reason, true, 1, 0));
    clerk.never_decline(false).await.unwrap();
    citizen.take_no_decline().await.unwrap();
    let (told, given_back, open, ends) = clerk.decline().await.unwrap();
    assert!(told.contains("a citizen has a right to it"), "{told}");
    assert_eq!((given_back, open, ends), (true, 1, 0), "the end that was not taken is none");
    clerk.offer().await.unwrap();
    assert_eq!(asked.await.unwrap().unwrap(), "offered a stamp");
    for container in [two, one] {
        container.shutdown().await;
    }
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn without_a_rule_for_the_way_back_who_answers_has_the_dialogue_back() {
    let dir = tempfile::tempdir().unwrap();
    let certs = DevCerts::in_dir(dir.path()).unwrap();
    let node = |name: &str| Container::builder("tls://127.0.0.1:0").certs(certs.node(name).unwrap());
    let office =
        node("office").allow("spiffe://demo/node/town", "clerk", "fetchai/*").watched().await.unwrap();
    let town = node("town").watched().await.unwrap();
    let clerk = office.spawn("clerk", Clerk::default).await.unwrap();
    let citizen = town.spawn("citizen", Citizen::default).await.unwrap();
    let far: Proxy<Untyped> = town.connect(office.url("clerk")).await.unwrap();
    let asked = actix::spawn(citizen.ask(far, "a permit".to_owned()));
    let (told, given_back, open, ends) = loop {
        match clerk.decline().await.unwrap() {
            (told, ..) if told == "nothing" => tokio::task::yield_now().await,
            denied => break denied,
        }
    };
    assert!(told.contains("no rule lets spiffe://demo/node/office call"), "{told}");
    assert_eq!((given_back, open, ends), (true, 1, 0));
    asked.abort();
    for container in [town, office] {
        container.shutdown().await;
    }
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn an_agent_is_told_of_each_dialogue_that_ends_and_how() {
    let one = hall(Codec::MsgPack).await;
    let two = hall(Codec::Json).await;
    let clerk = one.spawn("clerk", Clerk::default).await.unwrap();
    one.spawn("deaf", Citizen::default).await.unwrap();
    let journalist = two.spawn("journalist", Journalist::default).await.unwrap();
    let to_clerk: Proxy<Untyped> = two.connect(one.url("clerk")).await.unwrap();
    let to_deaf: Proxy<Untyped> = two.connect(one.url("deaf")).await.unwrap();
    let ask = |what: &str| journalist.ask(to_clerk.clone(), what.to_owned());
    ask("fail").await.unwrap();
    assert_eq!(ends(&journalist, 1).await, ["clerk: its handler `cfp` failed: the ink has dried up"]);
    ask("hurry").await.unwrap();
    assert_eq!(ends(&journalist, 1).await, ["clerk: timed_out"]);
    // Which the clerk, whose time-out is longer, does not know: its answer is refused.
    clerk.decline().await.unwrap();
    journalist.ask(to_deaf, "anything".to_owned()).await.unwrap_err();
    let told = ends(&journalist, 1).await;
    assert!(told[0].contains("deaf does not speak it"), "{told:?}");
    assert!(told[0].ends_with("(UNSUPPORTED_PROTOCOL)"), "{told:?}");
    // What ends it has its handler first.
    ask("a permit").await.unwrap();
    while clerk.decline().await.unwrap().0 == "nothing" {}
    assert_eq!(ends(&journalist, 2).await, ["it was declined", "clerk: declined_cfp decline Them"]);
    ask("a permit").await.unwrap();
    while clerk.offer().await.is_err() {}
    while journalist.decline_all().await.unwrap() == 0 {}
    assert_eq!(ends(&journalist, 1).await, ["clerk: declined_propose decline Us"]);
    ask("a permit").await.unwrap();
    while clerk.offer().await.is_err() {}
    while journalist.abandon_all().await.unwrap() == 0 {}
    assert_eq!(ends(&journalist, 1).await, ["clerk: abandoned"]);
    for container in [two, one] {
        container.shutdown().await;
    }
}
