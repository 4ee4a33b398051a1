//! Messages by mail that are not taken: by the rules, by a bound, by the gate; and how whoever sent them hears of it.

use folkmoot::Principal;
use folkmoot::exchange::{Mail as Posted, MailId, Mailbox, Posting, Registration, Tracking};
use folkmoot::protocols::dialogue::{ErrorReply, Limits};
use folkmoot::protocols::typed::TypedProtocol;
use folkmoot::protocols::{Body, Message, Protocol, Specification};

use super::*;
use crate::calls::milling::fipa::Decline;

over_every_engine![
    what_is_refused_is_acknowledged_and_its_sender_told_by_mail,
    what_comes_before_its_time_waits_for_what_is_missing,
    what_wants_an_answer_or_is_one_is_no_message,
    who_is_refused_or_given_up_by_mail_hears_of_it_and_so_does_the_other_side,
    so_many_dialogues_are_taken_by_mail_from_one_node_and_no_more,
    whoever_begins_one_dialogue_by_mail_too_many_is_told_and_has_none_of_it,
    whoever_the_gate_does_not_let_in_is_told_at_once_as_by_calls,
    an_answer_that_the_askers_gate_denies_ends_the_dialogue_of_who_gave_it,
];

/// A mailbox of its own, whose owner says what the types would not let it.
struct Rude {
    room: Mailroom,
    mailbox: Mailbox,
    by: Principal,
    /// Of its last mail.
    number: u128,
}

impl Rude {
    async fn at(room: &Mailroom) -> Rude {
        Rude::numbered(7, "local://elsewhere", room).await
    }

    /// One of several on that node.
    async fn numbered(number: u128, node: &str, room: &Mailroom) -> Rude {
        let name = if number == 7 { "rude".to_owned() } else { format!("rude-{number}") };
        let registration = Registration::new(MailboxId::agent(number)).named(&*name);
        let mailbox =
            Mailbox::register(room.exchange().clone(), Asker::Container, registration).await.unwrap();
        Rude { room: room.clone(), mailbox, by: Principal::node(node).with_agent(name), number: number << 32 }
    }

    /// Sends what is no envelope, or one.
    async fn send(&mut self, to: &str, from: Option<MailboxId>, body: Vec<u8>) {
        self.number += 1;
        let mail = Posted { from, ..Posted::new(MailId(self.number), FIPA, body) };
        self.post(to, mail).await;
    }

    /// Sends a message as if it were more than that.
    async fn send_as(&mut self, to: &str, tracking: Tracking, body: Vec<u8>) {
        self.number += 1;
        let from = Some(self.mailbox.id());
        let mail = Posted { from, tracking, ..Posted::new(MailId(self.number), FIPA, body) };
        self.post(to, mail).await;
    }

    async fn post(&self, to: &str, mail: Posted) {
        let to = mailbox(&self.room, to).await;
        let posting = Posting::new(to, mail, self.by.clone(), Asker::Container).from_inside();
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

/// A message in an envelope, from whom one likes.
fn envelope(sender: &str, starter: &str, id: i32, target: i32, said: impl Into<Fipa>) -> Vec<u8> {
    let mut message = Message::new(said.into());
    message.dialogue_reference.starter = starter.to_owned();
    (message.message_id, message.target) = (id, target);
    (message.sender, message.to) = (Some(sender.to_owned()), Some("mill".to_owned()));
    Envelope::new(&message).unwrap().encode()
}

async fn what_is_refused_is_acknowledged_and_its_sender_told_by_mail(engine: Engine) {
    let counts = Counts::default();
    let node = counts
        .during(hall(engine, "refused").exchange(&engine.line()).allow("*", "*", "*").start())
        .await
        .unwrap();
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
    rude.say("mill", envelope(&"\u{1}".repeat(50_000), "5", 1, 0, cfp("rye"))).await;
    let error = rude.answer().await;
    assert!(error.starts_with("INVALID_MESSAGE the envelope says that it is from"), "{error}");
    assert!(error.len() < 1_100, "what somebody writes is told in part: {} bytes", error.len());

    // Nobody could be told of these.
    rude.say("mill", b"no envelope".to_vec()).await;
    rude.send("mill", None, rude.envelope("6", 1, 0, cfp("rye"))).await;
    let causes = dead(room, "mill", 2).await;
    let reasons: Vec<String> = causes.iter().map(ToString::to_string).collect();
    assert!(reasons[0].contains("the mail is no envelope"), "{reasons:?}");
    assert!(reasons[1].contains("the mail tells no mailbox"), "{reasons:?}");
    assert_eq!(book.lines(), ["cfp silence of rude"]);
    assert_eq!(proxy.open().await.unwrap(), 1);
    assert_eq!((counts.of("messages_in"), counts.of("messages_refused")), (1, 7));
    node.shutdown().await;
}

async fn what_comes_before_its_time_waits_for_what_is_missing(engine: Engine) {
    let node = hall(engine, "early").exchange(&engine.line()).allow("*", "*", "*").start().await.unwrap();
    let room = node.mailroom().unwrap();
    let durable = || Durable::new().backoff(Backoff { first: Duration::from_millis(200), longest: HOUR });
    let mut rude = Rude::at(room).await;
    // Also where other mail waits for the next attempt of one that failed.
    for (name, durable) in [("mill", durable()), ("strict", durable().in_hand(1))] {
        let book = Book::default();
        let _proxy = node.spawn(name, mill(&book)).durable_with(durable).await.unwrap();
        rude.say(name, rude.envelope("1", 2, 1, Accept)).await;
        rude.say(name, rude.envelope("1", 1, 0, cfp("silence"))).await;
        let error = rude.answer().await;
        assert!(
            error.starts_with("INVALID_MESSAGE accept does not answer cfp"),
            "it was judged behind the first: {error}"
        );
        assert_eq!(book.lines(), ["cfp silence of rude"]);
    }
    node.shutdown().await;
}

async fn what_wants_an_answer_or_is_one_is_no_message(engine: Engine) {
    let counts = Counts::default();
    let node = hall(engine, "tracked").exchange(&engine.line()).allow("*", "*", "*");
    let node = counts.during(node.start()).await.unwrap();
    let book = Book::default();
    let mill = node.spawn("mill", mill(&book)).durable().await.unwrap();
    let mut rude = Rude::at(node.mailroom().unwrap()).await;
    // Whoever was asked may answer without a rule: by that nobody begins a dialogue.
    rude.send_as("mill", Tracking::Response { tag: 5, label: None }, rude.envelope("1", 1, 0, cfp("rye")))
        .await;
    rude.send_as("mill", Tracking::Request { tag: 6, label: None }, rude.envelope("2", 1, 0, cfp("rye")))
        .await;
    let causes = dead(node.mailroom().unwrap(), "mill", 1).await;
    assert!(causes[0].to_string().contains("has no handler"), "{causes:?}");
    rude.say("mill", rude.envelope("3", 1, 0, cfp("silence"))).await;
    assert_eq!(book.until(1).await, ["cfp silence of rude"]);
    assert_eq!((mill.open().await.unwrap(), counts.of("messages_in"), counts.of("answers_late")), (1, 1, 1));
    node.shutdown().await;
}

async fn who_is_refused_or_given_up_by_mail_hears_of_it_and_so_does_the_other_side(engine: Engine) {
    let counts = Counts::default();
    let node = counts.during(hall(engine, "over").exchange(&engine.line()).start()).await.unwrap();
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

async fn so_many_dialogues_are_taken_by_mail_from_one_node_and_no_more(engine: Engine) {
    let counts = Counts::default();
    let node = hall(engine, "bounds").exchange(&engine.line()).allow("*", "*", "*");
    let node = counts.during(node.start()).await.unwrap();
    let room = node.mailroom().unwrap();
    let book = Book::default();
    let mut limits = Limits::default();
    limits.open_per_peer = 2;
    let spawning = node.spawn("mill", mill(&book)).durable().dialogue_limits(limits);
    let mill = spawning.await.unwrap();
    let mut rude = Rude::at(room).await;
    let mut rude_too = Rude::numbered(8, "local://elsewhere", room).await;
    let mut other = Rude::numbered(9, "local://another", room).await;

    rude.say("mill", rude.envelope("1", 1, 0, cfp("silence"))).await;
    rude.say("mill", rude.envelope("2", 1, 0, cfp("silence"))).await;
    book.until(2).await;
    for turn in ["3", "4", "5"] {
        // Whatever the node calls its agents, and whichever mailbox they have.
        for rude in [&mut rude, &mut rude_too] {
            rude.say("mill", rude.envelope(turn, 1, 0, cfp("silence"))).await;
            let error = rude.answer().await;
            let told = "INVALID_DIALOGUE 2 dialogues with local://elsewhere are open";
            assert!(error.starts_with(told), "{error}");
        }
    }
    other.say("mill", other.envelope("1", 1, 0, cfp("silence"))).await;
    assert_eq!(book.until(3).await[2], "cfp silence of rude-9");
    assert_eq!((mill.open().await.unwrap(), counts.of("messages_refused")), (3, 6));

    // One that ends makes room for one.
    rude.say("mill", rude.envelope("1", 2, 1, Decline)).await;
    book.until(5).await;
    rude_too.say("mill", rude_too.envelope("6", 1, 0, cfp("silence"))).await;
    assert_eq!(book.until(6).await[3..], ["decline", "over: declined_cfp", "cfp silence of rude-8"]);
    rude.say("mill", rude.envelope("6", 1, 0, cfp("silence"))).await;
    assert!(rude.answer().await.starts_with("INVALID_DIALOGUE 2 dialogues with"));
    assert_eq!(mill.open().await.unwrap(), 3);
    let stats = room.exchange().stats(&Asker::Container, mailbox(room, "mill").await).await.unwrap();
    assert_eq!((stats.accepted, stats.acknowledged, stats.dead_letters), (12, 12, 0));
    node.shutdown().await;
}

async fn whoever_begins_one_dialogue_by_mail_too_many_is_told_and_has_none_of_it(engine: Engine) {
    let counts = Counts::default();
    let node = counts.during(hall(engine, "many").exchange(&engine.line()).start()).await.unwrap();
    let book = Book::default();
    let mut limits = Limits::default();
    limits.open_per_peer = 2;
    let spawning = node.spawn("mill", mill(&book)).durable().dialogue_limits(limits);
    let mill = spawning.await.unwrap();
    let customer = node.spawn("customer", Customer::default).durable().await.unwrap();
    for _ in 0..2 {
        customer.ask("mill".into(), "silence".into()).await.unwrap();
    }
    for round in 1..=3 {
        let error = customer.buy("mill".into(), "rye".into()).await.unwrap_err().to_string();
        assert!(
            error.contains("Refused { code: InvalidDialogue, reason: \"2 dialogues with agent:"),
            "{error}"
        );
        assert_eq!((mill.open().await.unwrap(), customer.open().await.unwrap()), (2, 2));
        assert_eq!((counts.of("messages_refused"), counts.of("messages_refused_by_peers")), (round, round));
    }
    assert_eq!(book.lines().len(), 2);
    // Nothing is kept of them either.
    node.stop("customer", HOUR).await.unwrap();
    let customer = node.spawn("customer", Customer::default).durable().await.unwrap();
    assert_eq!(customer.open().await.unwrap(), 2);
    node.shutdown().await;
}

async fn whoever_the_gate_does_not_let_in_is_told_at_once_as_by_calls(engine: Engine) {
    let (room, counts) = (Mailroom::open(&engine.line()).await.unwrap(), Counts::default());
    let town = hall(engine, "town").exchange_of(&room).start().await.unwrap();
    // Whoever has rules denies what they do not name.
    let valley = hall(engine, "valley").exchange_of(&room).allow("local://nobody", "mill", FIPA);
    let valley = counts.during(valley.start()).await.unwrap();
    let (book, grinding) = (Book::default(), Book::default());
    let mill = valley.spawn("mill", mill(&grinding)).durable().await.unwrap();
    let customer = town.spawn("customer", Customer::default).durable().await.unwrap();

    let error = customer.buy("mill".into(), "rye".into()).deadline(HOUR).await.unwrap_err().to_string();
    let gate = format!("the gate refused it: no rule lets {} agent", town.principal());
    assert!(error.contains("Refused { code: InvalidMessage, reason: ") && error.contains(&gate), "{error}");
    assert_eq!((customer.open().await.unwrap(), mill.open().await.unwrap()), (0, 0));
    let causes = dead(&room, "mill", 1).await;
    assert!(causes[0].to_string().contains(&gate), "{causes:?}");
    assert_eq!((counts.of("mails_denied"), counts.of("denials")), (1, 1));

    // One that is too long to go back tells all the same which it was.
    let error =
        customer.buy("mill".into(), "rye".repeat(10_000)).deadline(HOUR).await.unwrap_err().to_string();
    assert!(error.contains(&gate), "{error}");
    assert_eq!(customer.open().await.unwrap(), 0);
    // One that awaits nothing hears of it too.
    let asker = town.spawn("asker", patient(&book)).durable().await.unwrap();
    asker.ask("mill".to_owned()).await.unwrap();
    assert_eq!(book.until(1).await, ["over: refused INVALID_MESSAGE"]);
    // An error is answered with none, and of what is no message of a protocol nobody is told.
    let mut rude = Rude::at(&room).await;
    let mut error = Envelope::decode(&rude.envelope("1", 1, 0, cfp("rye")), Reading::STRICT).unwrap();
    error.protocol_id = "fetchai/default:1.0.0".to_owned();
    rude.say("mill", error.encode()).await;
    rude.say("mill", b"no envelope".to_vec()).await;
    let forged = envelope(&mailbox(&room, "customer").await.to_string(), "2", 1, 0, cfp("rye"));
    rude.say("mill", forged).await;
    assert_eq!(dead(&room, "mill", 6).await.len(), 6);
    rude.say("mill", rude.envelope("3", 1, 0, cfp("rye"))).await;
    assert!(rude.answer().await.starts_with("INVALID_MESSAGE the gate refused it: no rule lets"));
    assert_eq!((counts.of("mails_denied"), grinding.lines().len()), (7, 0));
    let stats = room.exchange().stats(&Asker::Container, rude.mailbox.id()).await.unwrap();
    assert_eq!(stats.accepted, 1);
    for node in [town, valley] {
        node.shutdown().await;
    }
}

async fn an_answer_that_the_askers_gate_denies_ends_the_dialogue_of_who_gave_it(engine: Engine) {
    let room = Mailroom::open(&engine.line()).await.unwrap();
    let town = hall(engine, "mute-town").exchange_of(&room).allow("local://nobody", "*", FIPA);
    let town = town.start().await.unwrap();
    let valley = hall(engine, "mute-valley").exchange_of(&room).start().await.unwrap();
    let book = Book::default();
    let mill = valley.spawn("mill", mill(&book)).durable().await.unwrap();
    let customer = town.spawn("customer", Customer::default).durable().await.unwrap();
    customer.ask("mill".into(), "rye".into()).await.unwrap();
    assert_eq!(book.until(2).await, ["cfp rye of customer", "over: refused"]);
    assert_eq!(mill.open().await.unwrap(), 0);
    for node in [town, valley] {
        node.shutdown().await;
    }
}
