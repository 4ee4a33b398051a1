//! Dialogues by mail: with who is away, over restarts, refused and given up, beside dialogues by calls.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use folkmoot::dialogues::{Cause, Dialogue, DialogueError, Ended, Said};
use folkmoot::exchange::{
    Asker, DeathCause, Mail as Posted, MailId, Mailbox, MailboxId, Page, Posting, Query, Registration,
};
use folkmoot::prelude::*;
use folkmoot::protocols::dialogue::{ErrorReply, Limits};
use folkmoot::protocols::{Body, Envelope, Message, Protocol, Reading, Specification};
use folkmoot::sim::Sim;
use folkmoot::{Backoff, Builder, Durable, Mailroom, Principal};
use tokio::sync::Notify;

use super::counts::Counts;

folkmoot::protocol!("fipa");

use fipa::roles::{Buyer, Seller};
use fipa::{Accept, Cfp, Decline, End, Fipa, Inform, MatchAccept, Propose, heard, types};

const FIPA: &str = "fetchai/fipa:1.0.0";
const HOUR: Duration = Duration::from_secs(3600);

/// What happened, in order; anybody may wait for more.
#[derive(Clone, Default)]
struct Book(Arc<(Mutex<Vec<String>>, Notify)>);

impl Book {
    fn write(&self, line: impl Into<String>) {
        self.0.0.lock().unwrap().push(line.into());
        self.0.1.notify_waiters();
    }

    fn lines(&self) -> Vec<String> {
        self.0.0.lock().unwrap().clone()
    }

    async fn until(&self, count: usize) -> Vec<String> {
        loop {
            let mut more = std::pin::pin!(self.0.1.notified());
            more.as_mut().enable();
            let lines = self.lines();
            if lines.len() >= count {
                return lines;
            }
            more.await;
        }
    }
}

/// Grinds what it is asked for.
#[derive(Agent)]
struct Mill {
    book: Book,
}

#[agent]
impl Mill {
    #[start]
    fn start(&self, ctx: &Context<Self>) {
        ctx.dialogues::<Fipa>().set_validation(|_, message| match &message.body {
            Fipa::Inform(inform) if inform.info.contains_key("nowhere") => {
                Err("nobody lives there".to_owned())
            }
            _ => Ok(()),
        });
    }

    #[handles(Fipa)]
    async fn cfp(
        &mut self,
        cfp: Cfp,
        dialogue: Dialogue<Seller, Cfp>,
        ctx: &Context<Self>,
    ) -> Result<(), DialogueError> {
        let what = String::from_utf8_lossy(&cfp.query.query_bytes).into_owned();
        self.book.write(format!("cfp {what} of {}", ctx.caller().agent_name().unwrap_or("nobody")));
        match what.as_str() {
            "stone" => {
                ctx.reply(dialogue, Decline).await?;
            }
            "crash" => panic!("no flour today"),
            "silence" => {}
            "fail" => return Err(DialogueError::Awaited),
            _ => {
                let proposal = types::Description { description_bytes: b"3 shillings".to_vec() };
                ctx.reply(dialogue, Propose { proposal }).await?;
            }
        }
        Ok(())
    }

    #[handles(Fipa)]
    async fn accept(
        &mut self,
        _: Accept,
        dialogue: Dialogue<Seller, Accept>,
        ctx: &Context<Self>,
    ) -> Result<(), DialogueError> {
        self.book.write("accept");
        ctx.reply(dialogue, MatchAccept).await?;
        Ok(())
    }

    #[handles(Fipa)]
    async fn inform(
        &mut self,
        inform: Inform,
        dialogue: Dialogue<Seller, Inform>,
        ctx: &Context<Self>,
    ) -> Result<(), DialogueError> {
        let told: Vec<String> = inform.info.into_values().collect();
        self.book.write(format!("inform {}", told.join(" ")));
        ctx.reply(dialogue, End).await?;
        Ok(())
    }

    #[handles(Fipa)]
    fn decline(&mut self, _: Decline) {
        self.book.write("decline");
    }

    #[ended(Fipa)]
    fn over(&mut self, ended: Ended<Fipa>) {
        self.book.write(format!("over: {}", ended.cause.word()));
    }

    #[expose]
    fn open(&self, ctx: &Context<Self>) -> usize {
        ctx.dialogues::<Fipa>().open()
    }
}

fn mill(book: &Book) -> impl Fn() -> Mill + Clone + Send + Sync + use<> {
    let book = book.clone();
    move || Mill { book: book.clone() }
}

fn cfp(query: &str) -> Cfp {
    Cfp { query: types::Query { query_bytes: query.as_bytes().to_vec() } }
}

fn address(text: &str) -> MailAddress {
    text.into()
}

/// Buys, waiting for each answer, in a turn that has the state to itself.
#[derive(Agent, Default)]
struct Customer;

#[agent]
impl Customer {
    #[expose]
    async fn buy(&mut self, ctx: &Context<Self>, whom: String, what: String) -> Result<String, String> {
        buy(ctx, &address(&whom), &what).await.map_err(|error| format!("{error:?}"))
    }

    /// By calls.
    #[expose]
    async fn call(
        &mut self,
        ctx: &Context<Self>,
        whom: Proxy<Untyped>,
        what: String,
    ) -> Result<String, String> {
        let asked = ctx.open_as::<Buyer, _>(&whom, cfp(&what)).answer().await;
        match asked.map_err(|error| format!("{error:?}"))? {
            heard::ToCfp::Propose(_, dialogue) => {
                ctx.reply(dialogue, Decline).await.map_err(|error| format!("{error:?}"))?;
                Ok("an offer".to_owned())
            }
            heard::ToCfp::Decline(..) => Ok("none".to_owned()),
        }
    }

    #[expose]
    async fn ask(&mut self, ctx: &Context<Self>, whom: String, what: String) -> Result<(), String> {
        ctx.open_as::<Buyer, _>(&address(&whom), cfp(&what)).await.map_err(|error| format!("{error:?}"))?;
        Ok(())
    }

    #[expose]
    fn time_out(&self, ctx: &Context<Self>, milliseconds: u64) {
        let mut limits = Limits::default();
        limits.time_out = Some(Duration::from_millis(milliseconds));
        ctx.dialogues::<Fipa>().set_limits(limits);
    }

    #[expose]
    fn open(&self, ctx: &Context<Self>) -> usize {
        ctx.dialogues::<Fipa>().open()
    }
}

async fn buy(ctx: &Context<Customer>, mill: &MailAddress, what: &str) -> Result<String, DialogueError> {
    let dialogue = match ctx.open_as::<Buyer, _>(mill, cfp(what)).answer().await? {
        heard::ToCfp::Propose(_, dialogue) => dialogue,
        heard::ToCfp::Decline(..) => return Ok("declined".to_owned()),
    };
    let heard::ToAccept::MatchAccept(_, dialogue) = ctx.reply(dialogue, Accept).answer().await? else {
        return Ok("no match".to_owned());
    };
    let key = if what == "nowhere" { "nowhere" } else { "address" };
    let info = [(key.to_owned(), "Mill Lane 3".to_owned())].into();
    match ctx.reply(dialogue, Inform { info }).answer().await? {
        heard::ToInform::End(..) => Ok("bought".to_owned()),
        heard::ToInform::Inform(..) => Ok("informed".to_owned()),
    }
}

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
    fn match_accept(&mut self, _: MatchAccept, _: Dialogue<Buyer, MatchAccept>) {
        self.book.write("match_accept");
    }

    #[ended(Fipa)]
    fn over(&mut self, ended: Ended<Fipa>) {
        let reason = match &ended.cause {
            Cause::Refused { code, .. } => code.name(),
            _ => "",
        };
        self.book.write(format!("over: {} {reason}", ended.cause.word()));
    }
}

fn patient(book: &Book) -> impl Fn() -> Patient + Clone + Send + Sync + use<> {
    let book = book.clone();
    move || Patient { book: book.clone() }
}

fn hall(name: &str) -> Builder {
    super::limit::watch();
    Container::builder(&format!("local://mailed-{name}"))
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

#[folkmoot::test]
async fn a_dialogue_begins_by_mail_with_who_is_away_and_goes_on_when_it_comes() {
    let counts = Counts::default();
    let node = counts.during(hall("away").exchange("memory:").start()).await.unwrap();
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

#[folkmoot::test]
async fn who_has_no_mailbox_or_seeks_one_that_is_not_there_is_told() {
    let node = hall("nobody").exchange("memory:").start().await.unwrap();
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

#[folkmoot::test]
async fn both_sides_start_anew_on_other_nodes_between_any_two_messages() {
    let room = Mailroom::open("memory:").await.unwrap();
    let (asking, grinding) = (Book::default(), Book::default());
    let start = async |name: &str| hall(name).exchange_of(&room).start().await.unwrap();
    // Each life is on a node of its own.
    let nodes = [start("a").await, start("b").await, start("c").await, start("d").await, start("e").await];
    nodes[0].spawn("mill", mill(&grinding)).durable().await.unwrap();
    nodes[0].stop("mill", HOUR).await.unwrap();
    let asker = nodes[0].spawn("asker", patient(&asking)).durable().await.unwrap();
    asker.ask("mill".to_owned()).await.unwrap();
    nodes[0].stop("asker", HOUR).await.unwrap();

    nodes[1].spawn("mill", mill(&grinding)).durable().await.unwrap();
    assert_eq!(grinding.until(1).await, ["cfp rye of asker"]);
    nodes[1].stop("mill", HOUR).await.unwrap();

    nodes[2].spawn("asker", patient(&asking)).durable().await.unwrap();
    assert_eq!(asking.until(1).await, ["propose 3 shillings"]);
    nodes[2].stop("asker", HOUR).await.unwrap();

    nodes[3].spawn("mill", mill(&grinding)).durable().await.unwrap();
    assert_eq!(grinding.until(2).await[1], "accept");
    nodes[3].stop("mill", HOUR).await.unwrap();

    nodes[4].spawn("asker", patient(&asking)).durable().await.unwrap();
    assert_eq!(asking.until(2).await, ["propose 3 shillings", "match_accept"]);
    for node in nodes {
        node.shutdown().await;
    }
}

/// A mailbox of its own, whose owner says what the types would not let it.
struct Rude {
    room: Mailroom,
    mailbox: Mailbox,
    number: u128,
}

impl Rude {
    async fn at(room: &Mailroom) -> Rude {
        let registration = Registration::new(MailboxId::agent(7)).named("rude");
        let mailbox =
            Mailbox::register(room.exchange().clone(), Asker::Container, registration).await.unwrap();
        Rude { room: room.clone(), mailbox, number: 100 }
    }

    /// Sends what is no envelope, or one.
    async fn send(&mut self, to: &str, from: Option<MailboxId>, body: Vec<u8>) {
        self.number += 1;
        let mail = Posted { from, ..Posted::new(MailId(self.number), FIPA, body) };
        let by = Principal::node("local://elsewhere").with_agent("rude");
        let to = mailbox(&self.room, to).await;
        let posting = Posting::new(to, mail, by, Asker::Container).from_inside();
        self.room.send(posting).await.unwrap();
    }

    async fn say(&mut self, to: &str, body: Vec<u8>) {
        let own = self.mailbox.id();
        self.send(to, Some(own), body).await;
    }

    fn envelope(&self, starter: &str, id: i32, target: i32, said: impl Into<Fipa>) -> Vec<u8> {
        envelope(&self.mailbox.id().to_string(), starter, id, target, said)
    }

    /// The next answer: an error, in words, or the name of a message.
    async fn answer(&self) -> String {
        let delivery = self.mailbox.recv(HOUR).await.unwrap().expect("an answer comes");
        self.mailbox.acknowledge(&delivery.receipt).await.unwrap();
        assert_eq!(&*delivery.mail.kind, FIPA);
        let envelope = Envelope::decode(&delivery.mail.body, Reading::STRICT).unwrap();
        assert_eq!(envelope.sender, delivery.mail.from.unwrap().to_string());
        assert_eq!(envelope.to, self.mailbox.id().to_string());
        if envelope.protocol_id == FIPA {
            let message: Message<Fipa> = envelope.open(Fipa::specified(), Reading::STRICT).unwrap();
            return format!("{:?}", message.body).split([' ', '(']).next().unwrap().to_owned();
        }
        let errors = Protocol::new(Specification::shipped("default").unwrap()).unwrap();
        let message: Message<Body> = envelope.open(&errors, Reading::STRICT).unwrap();
        let error = ErrorReply::read(&message.body).expect("an error");
        format!("{} {}", error.code.name(), error.text)
    }
}

use folkmoot::protocols::typed::TypedProtocol;

/// A message in an envelope, from whom one likes.
fn envelope(sender: &str, starter: &str, id: i32, target: i32, said: impl Into<Fipa>) -> Vec<u8> {
    let mut message = Message::new(said.into());
    message.dialogue_reference.starter = starter.to_owned();
    (message.message_id, message.target) = (id, target);
    (message.sender, message.to) = (Some(sender.to_owned()), Some("mill".to_owned()));
    Envelope::new(&message).unwrap().encode()
}

#[folkmoot::test]
async fn what_is_refused_is_acknowledged_and_its_sender_told_by_mail() {
    let counts = Counts::default();
    let node = counts.during(hall("refused").exchange("memory:").allow("*", "*", "*").start()).await.unwrap();
    let room = node.mailroom().unwrap();
    let book = Book::default();
    let proxy = node.spawn("mill", mill(&book)).durable_with(quick()).await.unwrap();
    let mut rude = Rude::at(room).await;

    rude.say("mill", rude.envelope("1", 1, 0, cfp("silence"))).await;
    // Once more, in another mail, is as good as once; what follows comes behind it.
    rude.say("mill", rude.envelope("1", 1, 0, cfp("silence"))).await;
    rude.say("mill", rude.envelope("2", 1, 0, Accept)).await;
    let error = rude.answer().await;
    assert!(
        error.starts_with("INVALID_MESSAGE a dialogue of fetchai/fipa:1.0.0 does not begin with accept"),
        "{error}"
    );
    rude.say("mill", rude.envelope("3", 2, -1, Accept)).await;
    let error = rude.answer().await;
    assert!(error.starts_with("INVALID_DIALOGUE there is no dialogue 3/"), "{error}");
    let mut other = Envelope::decode(&rude.envelope("4", 1, 0, cfp("rye")), Reading::STRICT).unwrap();
    other.protocol_id = "fetchai/http:1.0.0".to_owned();
    rude.say("mill", other.encode()).await;
    let error = rude.answer().await;
    assert!(error.starts_with("UNSUPPORTED_PROTOCOL Unsupported protocol fetchai/http:1.0.0"), "{error}");
    // From another's mailbox, as the envelope has it.
    let forged = envelope(&mailbox(room, "mill").await.to_string(), "5", 1, 0, cfp("rye"));
    rude.say("mill", forged).await;
    let error = rude.answer().await;
    assert!(error.contains("and came from mailbox agent:00000000-0000-0000-0000-000000000007"), "{error}");

    // Nobody could be told of these.
    rude.say("mill", b"no envelope".to_vec()).await;
    rude.send("mill", None, rude.envelope("6", 1, 0, cfp("rye"))).await;
    let causes = dead(room, "mill", 2).await;
    let reasons: Vec<String> = causes.iter().map(ToString::to_string).collect();
    assert!(reasons[0].contains("the mail is no envelope"), "{reasons:?}");
    assert!(reasons[1].contains("the mail tells no mailbox"), "{reasons:?}");
    assert_eq!(book.lines(), ["cfp silence of rude"]);
    assert_eq!(proxy.open().await.unwrap(), 1);
    assert_eq!((counts.of("messages_in"), counts.of("messages_refused")), (1, 6));
    node.shutdown().await;
}

#[folkmoot::test]
async fn what_comes_before_its_time_waits_for_what_is_missing() {
    let node = hall("early").exchange("memory:").allow("*", "*", "*").start().await.unwrap();
    let room = node.mailroom().unwrap();
    let book = Book::default();
    let durable = Durable::new().backoff(Backoff { first: Duration::from_millis(200), longest: HOUR });
    let _proxy = node.spawn("mill", mill(&book)).durable_with(durable).await.unwrap();
    let mut rude = Rude::at(room).await;
    rude.say("mill", rude.envelope("1", 2, 1, Accept)).await;
    rude.say("mill", rude.envelope("1", 1, 0, cfp("silence"))).await;
    let error = rude.answer().await;
    assert!(
        error.starts_with("INVALID_MESSAGE accept does not answer cfp"),
        "it was judged behind the first: {error}"
    );
    assert_eq!(book.lines(), ["cfp silence of rude"]);
    node.shutdown().await;
}

#[folkmoot::test]
async fn who_is_refused_or_given_up_by_mail_hears_of_it_and_so_does_the_other_side() {
    let counts = Counts::default();
    let node = counts.during(hall("over").exchange("memory:").start()).await.unwrap();
    let book = Book::default();
    let proxy = node.spawn("mill", mill(&book)).durable().backoff(Backoff::NONE).await.unwrap();
    let customer = node.spawn("customer", Customer::default).durable().await.unwrap();
    let error = customer.buy("mill".into(), "nowhere".into()).await.unwrap_err().to_string();
    assert!(
        error.contains(
            "Refused { code: InvalidMessage, reason: \"refused by the agent's own validation: nobody"
        ),
        "{error}"
    );
    let lines = book.until(3).await;
    assert_eq!(lines, ["cfp nowhere of customer", "accept", "over: given_up"]);
    assert_eq!((proxy.open().await.unwrap(), customer.open().await.unwrap()), (0, 0));
    assert_eq!((counts.of("messages_refused"), counts.of("messages_refused_by_peers")), (1, 1));
    assert_eq!(counts.of("dialogues_given_up_by_peers"), 1);

    // Its handler fails.
    let error = customer.buy("mill".into(), "fail".into()).await.unwrap_err().to_string();
    assert!(error.contains("GivenUp { reason: \"its handler `cfp` failed"), "{error}");
    assert_eq!((proxy.open().await.unwrap(), customer.open().await.unwrap()), (0, 0));

    // One that handles nothing of it.
    let _deaf = node.spawn("deaf", Customer::default).durable().await.unwrap();
    let error = customer.buy("deaf".into(), "rye".into()).await.unwrap_err().to_string();
    assert!(error.contains("Refused { code: UnsupportedProtocol, reason: \"Unsupported protocol"), "{error}");
    let causes = dead(node.mailroom().unwrap(), "deaf", 1).await;
    assert!(causes[0].to_string().contains("handles none of its performatives"), "{causes:?}");
    assert_eq!(customer.open().await.unwrap(), 0);
    node.shutdown().await;
}

#[folkmoot::test]
async fn two_dialogues_of_the_same_two_agents_go_each_its_own_way() {
    let node = hall("two").exchange("memory:").start().await.unwrap();
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

#[folkmoot::test]
async fn a_dialogue_by_mail_times_out_and_its_mail_with_it() {
    let node = hall("late").exchange("memory:").start().await.unwrap();
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

#[folkmoot::test]
async fn answers_come_to_who_waits_whatever_is_in_hand() {
    let node = hall("one").exchange("memory:").start().await.unwrap();
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
    super::limit::watch();
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

#[folkmoot::test]
async fn mail_in_dialogues_that_nobody_has_taken_back_yet_waits_for_that() {
    let counts = Counts::default();
    let node = counts.during(hall("bystander").exchange("memory:").start()).await.unwrap();
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
