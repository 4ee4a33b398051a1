//! Dialogues that one side gives up, and what is said and does not go out: each side learns of it at once, and what is as
//! it was can be gone on with.

use folkmoot::dialogues::{Dialogue, DialogueError};
use folkmoot::prelude::*;
use folkmoot::protocols::dialogue::Side;
use folkmoot::{Codec, Untyped};

use super::counts::Counts;
use super::left_behind::Watch;

folkmoot::protocol!("fipa");

use fipa::roles::Seller;
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
