//! Dialogues by mail: with who is away, over restarts, refused and given up, beside dialogues by calls.

use std::time::Duration;

use folkmoot::dialogues::{Cause, Dialogue, DialogueError, Ended, Said};
use folkmoot::exchange::{Asker, DeathCause, MailboxId, Page, Query};
use folkmoot::prelude::*;
use folkmoot::protocols::{Envelope, Reading};
use folkmoot::{Backoff, Builder, Durable, Mailroom};

use super::book::Book;
use super::counts::Counts;
use super::engines::Engine;
use super::milling::fipa::roles::{Buyer, Seller};
use super::milling::fipa::{Accept, Cfp, End, Fipa, Inform, MatchAccept, Propose, heard, types};
use super::milling::{Customer, address, cfp, mill};

mod lost_nodes;
mod refused;
mod restarts;

const FIPA: &str = "fetchai/fipa:1.0.0";
const HOUR: Duration = Duration::from_secs(3600);

over_every_engine![
    a_dialogue_begins_by_mail_with_who_is_away_and_goes_on_when_it_comes,
    who_has_no_mailbox_or_seeks_one_that_is_not_there_is_told,
    two_dialogues_of_the_same_two_agents_go_each_its_own_way,
    a_dialogue_by_mail_times_out_and_its_mail_with_it,
    answers_come_to_who_waits_whatever_is_in_hand,
    mail_in_dialogues_that_nobody_has_taken_back_yet_waits_for_that,
];

/// Goes on wherever it was.
#[derive(Agent)]
struct Patient {
    book: Book,
}

#[agent]
impl Patient {
    #[expose]
    async fn ask(&self, ctx: &Context<Self>, whom: String) -> Result<(), String> {
        ctx.open_as::<Buyer, _>(&address(&whom), cfp("rye")).await.map_err(|error| format!("{error:?}"))?;
        Ok(())
    }

    #[handles(Fipa)]
    async fn propose(
        &mut self,
        propose: Propose,
        dialogue: Dialogue<Buyer, Propose>,
        ctx: &Context<Self>,
    ) -> Result<(), DialogueError> {
        self.book.write(format!("propose {}", String::from_utf8_lossy(&propose.proposal.description_bytes)));
        ctx.reply(dialogue, Accept).await?;
        Ok(())
    }

    #[handles(Fipa)]
    async fn match_accept(
        &mut self,
        _: MatchAccept,
        dialogue: Dialogue<Buyer, MatchAccept>,
        ctx: &Context<Self>,
    ) -> Result<(), DialogueError> {
        self.book.write("match_accept");
        let info = [("address".to_owned(), "Mill Lane 3".to_owned())].into();
        ctx.reply(dialogue, Inform { info }).await?;
        Ok(())
    }

    #[handles(Fipa)]
    fn end(&mut self, _: End) {
        self.book.write("end");
    }

    #[ended(Fipa)]
    fn over(&mut self, ended: Ended<Fipa>) {
        let reason = match &ended.cause {
            Cause::Refused { code, .. } => code.name(),
            _ => "",
        };
        self.book.write(format!("over: {} {reason}", ended.cause.word()).trim_end());
    }

    #[expose]
    fn open(&self, ctx: &Context<Self>) -> usize {
        ctx.dialogues::<Fipa>().open()
    }
}

fn patient(book: &Book) -> impl Fn() -> Patient + Clone + Send + Sync + use<> {
    let book = book.clone();
    move || Patient { book: book.clone() }
}

fn hall(engine: Engine, name: &str) -> Builder {
    super::limit::watch();
    Container::builder(&format!("local://mailed-{}-{name}", engine.name()))
}

fn quick() -> Durable {
    Durable::new().backoff(Backoff { first: Duration::from_millis(1), longest: Duration::from_millis(4) })
}

async fn mailbox(room: &Mailroom, name: &str) -> MailboxId {
    room.exchange().discover(&Asker::Container, Query::named(name)).await.unwrap()[0].id
}

/// Waits until as many are dead letters, and gives their causes.
async fn dead(room: &Mailroom, name: &str, count: usize) -> Vec<DeathCause> {
    let id = mailbox(room, name).await;
    loop {
        let dead = room.exchange().dead_letters(&Asker::Container, id, Page::first(99)).await.unwrap();
        if dead.len() >= count {
            return dead.into_iter().map(|dead| dead.cause).collect();
        }
        tokio::task::yield_now().await;
    }
}

async fn a_dialogue_begins_by_mail_with_who_is_away_and_goes_on_when_it_comes(engine: Engine) {
    let counts = Counts::default();
    let node = counts.during(hall(engine, "away").exchange(&engine.line()).start()).await.unwrap();
    let book = Book::default();
    // It has its mailbox from before.
    node.spawn("mill", mill(&book)).durable().await.unwrap();
    node.stop("mill", HOUR).await.unwrap();
    let customer = node.spawn("customer", Customer::default).durable().await.unwrap();
    let buying = tokio::spawn({
        let customer = customer.clone();
        async move { customer.buy("mill".to_owned(), "rye".to_owned()).deadline(HOUR).await }
    });
    let room = node.mailroom().unwrap();
    let (own, peer) = (mailbox(room, "customer").await, mailbox(room, "mill").await);
    let waiting = loop {
        let waiting = room.exchange().peek(&Asker::Container, peer, Page::first(9)).await.unwrap();
        match waiting.into_iter().next() {
            Some(waiting) => break waiting,
            None => tokio::task::yield_now().await,
        }
    };
    // AEA's envelope and nothing else, between the mailboxes whatever they were called.
    let envelope = Envelope::decode(&waiting.mail.body, Reading::STRICT).unwrap();
    assert_eq!((&*waiting.mail.kind, waiting.mail.from), (FIPA, Some(own)));
    assert_eq!((envelope.sender, envelope.to), (own.to_string(), peer.to_string()));
    assert_eq!(envelope.protocol_id, FIPA);
    assert_eq!((waiting.mail.id.0 >> 76 & 0xf, waiting.mail.id.0 >> 62 & 3), (8, 2), "a UUID of version 8");
    assert!(waiting.mail.expires_at.is_some(), "it is of no use after the dialogue's time-out");
    assert!(book.lines().is_empty());

    let again = node.spawn("mill", mill(&book)).durable().await.unwrap();
    assert_eq!(buying.await.unwrap().unwrap(), "bought");
    let lines = book.until(4).await;
    assert_eq!(lines[..3], ["cfp rye of customer", "accept", "inform Mill Lane 3"]);
    assert!(lines[3].starts_with("over: "), "{lines:?}");
    assert_eq!((again.open().await.unwrap(), customer.open().await.unwrap()), (0, 0));
    assert_eq!(customer.buy("mill".to_owned(), "stone".to_owned()).await.unwrap(), "declined");
    // Six messages, and two: each was sent once, taken in once and acknowledged.
    let counted = ["messages_out", "messages_in", "mails_accepted", "mails_handled", "messages_refused"];
    assert_eq!(counted.map(|name| counts.of(name)), [8, 8, 8, 8, 0]);
    node.shutdown().await;
}

async fn who_has_no_mailbox_or_seeks_one_that_is_not_there_is_told(engine: Engine) {
    let node = hall(engine, "nobody").exchange(&engine.line()).start().await.unwrap();
    let plain = node.spawn("plain", Customer::default).await.unwrap();
    let error = plain.ask("mill".into(), "rye".into()).await.unwrap_err().to_string();
    assert!(error.contains("NotMailed(NotDurable { agent: \"plain\" })"), "{error}");
    let customer = node.spawn("customer", Customer::default).durable().await.unwrap();
    let error = customer.ask("mill".into(), "rye".into()).await.unwrap_err().to_string();
    assert!(error.contains("NotMailed(NoSuchMailbox { to: \"mill\""), "{error}");
    let error = customer.ask("customer".into(), "rye".into()).await.unwrap_err().to_string();
    assert!(error.contains("Refusal(WithOneself"), "{error}");
    assert_eq!(customer.open().await.unwrap(), 0);
    node.shutdown().await;
}

async fn two_dialogues_of_the_same_two_agents_go_each_its_own_way(engine: Engine) {
    let node = hall(engine, "two").exchange(&engine.line()).start().await.unwrap();
    let book = Book::default();
    node.spawn("mill", mill(&book)).durable().await.unwrap();
    let customer = node.spawn("customer", Customer::default).durable().await.unwrap();
    let mill: Proxy<Untyped> = node.find("mill").unwrap();
    customer.ask("mill".into(), "silence".into()).await.unwrap();
    assert_eq!(customer.call(mill.clone(), "rye".into()).await.unwrap(), "an offer");
    assert_eq!(customer.buy("mill".into(), "rye".into()).await.unwrap(), "bought");
    assert_eq!(customer.call(mill, "stone".into()).await.unwrap(), "none");
    assert_eq!(customer.open().await.unwrap(), 1);
    node.shutdown().await;
}

async fn a_dialogue_by_mail_times_out_and_its_mail_with_it(engine: Engine) {
    let node = hall(engine, "late").exchange(&engine.line()).start().await.unwrap();
    let book = Book::default();
    node.spawn("mill", mill(&book)).durable().await.unwrap();
    node.stop("mill", HOUR).await.unwrap();
    let customer = node.spawn("customer", Customer::default).durable().await.unwrap();
    customer.time_out(20).await.unwrap();
    let error = customer.buy("mill".into(), "rye".into()).await.unwrap_err().to_string();
    assert!(error.contains("Ended { end: \"timed_out\" }"), "{error}");
    assert_eq!(dead(node.mailroom().unwrap(), "mill", 1).await, [DeathCause::Expired]);
    let _proxy = node.spawn("mill", mill(&book)).durable().await.unwrap();
    assert_eq!(customer.open().await.unwrap(), 0);
    node.shutdown().await;
}

async fn answers_come_to_who_waits_whatever_is_in_hand(engine: Engine) {
    let node = hall(engine, "one").exchange(&engine.line()).start().await.unwrap();
    let book = Book::default();
    let one = || quick().in_hand(1);
    node.spawn("mill", mill(&book)).durable_with(one()).await.unwrap();
    let relay = node.spawn("relay", Relay::default).durable_with(one()).await.unwrap();
    // Each is in hand while its handler waits for answers by mail, with the state to itself.
    for _ in 0..3 {
        node.send("relay", Mail::new("order", "rye")).await.unwrap();
    }
    book.until(3 * 4).await;
    assert_eq!(relay.bought().await.unwrap(), 3);
    node.shutdown().await;
}

/// Buys what it is ordered.
#[derive(Agent, Default)]
struct Relay {
    bought: u32,
}

#[agent]
impl Relay {
    #[on("order")]
    async fn order(&mut self, what: String, ctx: &Context<Self>) -> Result<(), DialogueError> {
        let mill = address("mill");
        let heard::ToCfp::Propose(_, dialogue) = ctx.open_as::<Buyer, _>(&mill, cfp(&what)).answer().await?
        else {
            return Ok(());
        };
        let heard::ToAccept::MatchAccept(_, dialogue) = ctx.reply(dialogue, Accept).answer().await? else {
            return Ok(());
        };
        let info = [("address".to_owned(), "the relay".to_owned())].into();
        if let heard::ToInform::End(..) = ctx.reply(dialogue, Inform { info }).answer().await? {
            self.bought += 1;
        }
        Ok(())
    }

    #[expose]
    fn bought(&self) -> u32 {
        self.bought
    }
}

/// Awaits its answers, and handles nothing.
#[derive(Agent, Default)]
struct Bystander {
    said: Option<Said<Buyer, Cfp>>,
}

#[agent]
impl Bystander {
    #[expose]
    async fn ask(&mut self, ctx: &Context<Self>, whom: String) -> Result<(), String> {
        let said = ctx.open_as::<Buyer, _>(&address(&whom), cfp("rye")).await;
        self.said = Some(said.map_err(|error| error.to_string())?);
        Ok(())
    }

    /// What it finds to be answered.
    #[expose]
    async fn look(&self, ctx: &Context<Self>) -> usize {
        let dialogues = ctx.dialogues::<Fipa>();
        while dialogues.unanswered().is_empty() {
            ctx.sleep(Duration::from_millis(1)).await;
        }
        dialogues.unanswered().len()
    }
}

async fn mail_in_dialogues_that_nobody_has_taken_back_yet_waits_for_that(engine: Engine) {
    let counts = Counts::default();
    let node = counts.during(hall(engine, "bystander").exchange(&engine.line()).start()).await.unwrap();
    let book = Book::default();
    node.spawn("mill", mill(&book)).durable().await.unwrap();
    node.stop("mill", HOUR).await.unwrap();
    let bystander = node.spawn("bystander", Bystander::default).durable().await.unwrap();
    bystander.ask("mill".into()).await.unwrap();
    node.stop("bystander", HOUR).await.unwrap();

    let _mill = node.spawn("mill", mill(&book)).durable().await.unwrap();
    book.until(1).await;
    let bystander = node.spawn("bystander", Bystander::default).durable().await.unwrap();
    // It knows of its dialogues, but not of their type, before somebody asks for them.
    while counts.of("mails_retried") == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(bystander.look().await.unwrap(), 1);
    assert_eq!(counts.of("mails_unhandled"), 0);
    node.shutdown().await;
}
