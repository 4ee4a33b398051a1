//! Agents that speak a protocol: handlers, answers that are awaited, refusals, and dialogues that outlive their agent.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use folkmoot::dialogues::{
    Dialogue, DialogueError, DialogueStore, MemoryDialogues, Reply, Said, StoreError, Stored,
};
use folkmoot::exchange::{self, StateQuery};
use folkmoot::prelude::*;
use folkmoot::protocols::dialogue::{ErrorCode, ErrorReply, Limits};
use folkmoot::protocols::typed::AnyRole;
use folkmoot::protocols::{Body, Envelope, Message, Protocol, Reading, Specification};
use folkmoot::{Codec, Mailroom, Untyped, Value};

use super::counts::Counts;
use super::left_behind::Watch;

mod answering;
mod crossing;

folkmoot::protocol!("fipa");

use fipa::roles::{Buyer, Seller};
use fipa::{Accept, Cfp, Decline, End, Fipa, Inform, MatchAccept, Propose, heard, types};

/// Sells bread to who asks for it, and hears how it went.
#[derive(Agent, Default)]
struct Baker {
    informed: Vec<String>,
    declined: u32,
}

#[agent]
impl Baker {
    #[handles(Fipa)]
    async fn cfp(
        &mut self,
        cfp: Cfp,
        dialogue: Dialogue<Seller, Cfp>,
        ctx: &Context<Self>,
    ) -> Result<(), DialogueError> {
        match cfp.query.query_bytes.as_slice() {
            b"stone" => {
                ctx.reply(dialogue, Decline).await?;
            }
            b"crash" => panic!("no bread today"),
            _ => {
                let proposal = types::Description { description_bytes: b"3 shillings".to_vec() };
                ctx.reply(dialogue, Propose { proposal }).await?;
            }
        }
        Ok(())
    }

    #[handles(Fipa)]
    async fn accept(
        &self,
        ctx: &Context<Self>,
        _accept: Accept,
        dialogue: Dialogue<Seller, Accept>,
    ) -> Result<(), DialogueError> {
        ctx.reply(dialogue, MatchAccept).await?;
        Ok(())
    }

    #[handles(Fipa)]
    fn inform(&mut self, inform: Inform) {
        self.informed.extend(inform.info.into_values());
    }

    #[handles(Fipa)]
    fn decline(&mut self, _: Decline) {
        self.declined += 1;
    }

    #[handles(Fipa)]
    fn end(&mut self, _: End, _: Dialogue<Seller, End>) {}

    #[expose]
    fn heard(&self) -> (Vec<String>, u32) {
        (self.informed.clone(), self.declined)
    }

    #[expose]
    fn open(&self, ctx: &Context<Self>) -> usize {
        ctx.dialogues::<Fipa>().open()
    }
}

/// Buys bread, waiting for each answer.
#[derive(Agent, Default)]
struct Customer;

fn cfp(query: &str) -> Cfp {
    Cfp { query: types::Query { query_bytes: query.as_bytes().to_vec() } }
}

#[agent]
impl Customer {
    /// Exclusive: its answers must get in all the same.
    #[expose]
    async fn buy(
        &mut self,
        ctx: &Context<Self>,
        baker: Proxy<Baker>,
        what: String,
    ) -> Result<String, String> {
        buy(ctx, &baker, &what).await.map_err(|error| error.to_string())
    }

    #[expose]
    async fn many(&self, ctx: &Context<Self>, baker: Proxy<Baker>, count: u32) -> Result<u32, String> {
        let mut said = Vec::new();
        for _ in 0..count {
            let opened: Said<Buyer, Cfp> =
                ctx.open_as::<Buyer, _>(&baker, cfp("rolls")).await.map_err(|error| error.to_string())?;
            said.push(opened);
        }
        let mut offers = 0;
        // The last first: each answer finds its own dialogue.
        for opened in said.into_iter().rev() {
            match ctx.answer(opened).await.map_err(|error| error.to_string())? {
                heard::ToCfp::Propose(_, dialogue) => {
                    ctx.reply(dialogue, Decline).await.map_err(|error| error.to_string())?;
                    offers += 1;
                }
                heard::ToCfp::Decline(..) => {}
            }
        }
        Ok(offers)
    }
}

async fn buy(ctx: &Context<Customer>, baker: &Proxy<Baker>, what: &str) -> Result<String, DialogueError> {
    let dialogue = match ctx.open(baker, cfp(what)).answer().await? {
        heard::ToCfp::Propose(_, dialogue) => dialogue,
        heard::ToCfp::Decline(..) => return Ok("declined".to_owned()),
    };
    let matched: Reply<AnyRole<Fipa>, Accept> = ctx.reply(dialogue, Accept).answer().await?;
    let heard::ToAccept::MatchAccept(_, dialogue) = matched else { return Ok("no match".to_owned()) };
    let info = [("address".to_owned(), "Mill Lane 3".to_owned())].into();
    ctx.reply(dialogue, Inform { info }).await?;
    Ok("bought".to_owned())
}

async fn hall(codec: Codec) -> Container {
    super::limit::watch();
    Container::builder("tcp://127.0.0.1:0").codec(codec).watched().await.unwrap()
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn a_negotiation_runs_within_a_container_and_between_two_in_each_codec() {
    let one = hall(Codec::MsgPack).await;
    one.spawn("baker", Baker::default).await.unwrap();
    let customer = one.spawn("customer", Customer::default).await.unwrap();
    let near: Proxy<Baker> = one.find("baker").unwrap();
    assert_eq!(customer.buy(near, "rye".to_owned()).await.unwrap(), "bought");
    for codec in [Codec::Json, Codec::MsgPack, Codec::Cbor] {
        let two = hall(codec).await;
        let customer = two.spawn("customer", Customer::default).await.unwrap();
        let baker: Proxy<Baker> = two.connect(one.url("baker")).await.unwrap();
        assert_eq!(customer.buy(baker.clone(), "rye".to_owned()).await.unwrap(), "bought", "{codec:?}");
        assert_eq!(customer.buy(baker.clone(), "stone".to_owned()).await.unwrap(), "declined");
        assert_eq!(customer.many(baker, 20).await.unwrap(), 20);
        two.shutdown().await;
    }
    let baker: Proxy<Baker> = one.find("baker").unwrap();
    let (informed, declined) = baker.heard().await.unwrap();
    assert_eq!((informed.len(), declined), (4, 60));
    one.shutdown().await;
}

/// Says what the types would not let it.
#[derive(Agent, Default)]
struct Rude;

#[agent]
impl Rude {
    /// What the baker answers to an envelope, in words.
    #[expose]
    async fn hand_over(
        &self,
        ctx: &Context<Self>,
        baker: Proxy<Untyped>,
        envelope: Vec<u8>,
    ) -> Result<String, String> {
        // Else it would speak for whoever handed it over.
        let baker = ctx.adopt(&baker);
        let answer = baker.call("fetchai/fipa:1.0.0", [Value::Bytes(envelope)]).await;
        let bytes = match answer.map_err(|error| error.to_string())? {
            Value::Null => return Ok("taken".to_owned()),
            Value::Bytes(bytes) => bytes,
            other => return Err(format!("{other:?}")),
        };
        let errors = Protocol::new(Specification::shipped("default").unwrap()).unwrap();
        let envelope = Envelope::decode(&bytes, Reading::STRICT).map_err(|error| error.to_string())?;
        let message: Message<Body> =
            envelope.open(&errors, Reading::STRICT).map_err(|error| error.to_string())?;
        let reply = ErrorReply::read(&message.body).ok_or("no error")?;
        let (_, protocol) = reply.data.iter().find(|(name, _)| name == "protocol_id").ok_or("no protocol")?;
        match reply.code {
            // In base 85, as AEA has it: `fetchai/http:1.0.0`.
            ErrorCode::UnsupportedProtocol if reply.text.contains("http") => {
                assert_eq!(protocol, HTTP_IN_BASE_85);
            }
            ErrorCode::UnsupportedProtocol => {
                assert_eq!(reply.data, ErrorReply::unsupported("", "fetchai/fipa:1.0.0").data);
            }
            _ => assert_eq!(protocol, b"fetchai/fipa:1.0.0"),
        }
        Ok(format!("{} {}", reply.code.name(), reply.text))
    }
}

const HTTP_IN_BASE_85: &[u8] = b"W@U6^XklqDXmoUNIx#LVE-(";

/// A message in an envelope, from whom one likes.
fn envelope(sender: &str, starter: &str, id: i32, target: i32, said: impl Into<Fipa>) -> Vec<u8> {
    let mut message = Message::new(said.into());
    message.dialogue_reference.starter = starter.to_owned();
    (message.message_id, message.target) = (id, target);
    (message.sender, message.to) = (Some(sender.to_owned()), Some("baker".to_owned()));
    Envelope::new(&message).unwrap().encode()
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn what_the_rules_do_not_allow_is_refused_with_an_error_of_the_protocol_default() {
    let hall = hall(Codec::MsgPack).await;
    let baker = hall.spawn("baker", Slow::default).await.unwrap();
    let untyped: Proxy<Untyped> = hall.find("baker").unwrap();
    let rude = hall.spawn("rude", Rude::default).await.unwrap();
    let me = Proxy::url(&rude);
    let hand_over = |bytes: Vec<u8>| rude.hand_over(untyped.clone(), bytes);

    assert_eq!(hand_over(envelope(&me, "1", 1, 0, cfp("rye"))).await.unwrap(), "taken");
    // Once more is as good as once.
    assert_eq!(hand_over(envelope(&me, "1", 1, 0, cfp("rye"))).await.unwrap(), "taken");
    assert_eq!(baker.open().await.unwrap(), 1);
    let error = hand_over(envelope(&me, "2", 1, 0, Accept)).await.unwrap();
    assert!(
        error.starts_with("INVALID_MESSAGE a dialogue of fetchai/fipa:1.0.0 does not begin with accept"),
        "{error}"
    );
    let error = hand_over(envelope(&me, "3", 2, -1, Accept)).await.unwrap();
    assert!(error.starts_with("INVALID_DIALOGUE there is no dialogue 3/"), "{error}");
    let error = hand_over(envelope(&me, "1", 3, -1, Accept)).await.unwrap();
    assert!(
        error.starts_with("INVALID_MESSAGE the next message of its side has the number 2, not 3"),
        "{error}"
    );
    let mut other = Envelope::decode(&envelope(&me, "4", 1, 0, cfp("rye")), Reading::STRICT).unwrap();
    other.protocol_id = "fetchai/http:1.0.0".to_owned();
    let error = hand_over(other.encode()).await.unwrap();
    assert!(error.starts_with("UNSUPPORTED_PROTOCOL Unsupported protocol fetchai/http:1.0.0"), "{error}");
    // An error is answered with none, also where it tells of nothing that is known.
    other.protocol_id = "fetchai/default:1.0.0".to_owned();
    let error = hand_over(other.encode()).await.unwrap_err().to_string();
    assert!(error.contains("the error tells of no message or dialogue"), "{error}");
    let mut cut = envelope(&me, "4", 1, 0, cfp("rye"));
    cut.truncate(cut.len() - 1);
    let error = hand_over(cut).await.unwrap_err().to_string();
    assert!(error.contains("the argument is no envelope"), "{error}");
    let error = hand_over(envelope("nowhere at all", "5", 1, 0, cfp("rye"))).await.unwrap();
    assert!(error.starts_with("INVALID_MESSAGE the sender \"nowhere at all\" cannot be answered"), "{error}");
    // However much somebody writes, it is told in part.
    let error = hand_over(envelope(&"\u{1}".repeat(50_000), "5", 1, 0, cfp("rye"))).await.unwrap();
    assert!(error.starts_with("INVALID_MESSAGE the sender") && error.len() < 1_100, "{}", error.len());
    // Somebody else's dialogue, as it would be if only the address were looked at.
    let other = hall.spawn("other", Rude::default).await.unwrap();
    let error = other.hand_over(untyped.clone(), envelope(&me, "1", 2, -1, Accept)).await.unwrap();
    assert!(error.starts_with("INVALID_DIALOGUE the dialogue is not with"), "{error}");
    assert_eq!(baker.open().await.unwrap(), 1);
    // From another node nobody has it speak to its neighbours.
    let elsewhere = self::hall(Codec::MsgPack).await;
    let outsider = elsewhere.spawn("outsider", Rude::default).await.unwrap();
    let far: Proxy<Untyped> = elsewhere.connect(hall.url("baker")).await.unwrap();
    let error = outsider.hand_over(far, envelope(&me, "6", 1, 0, cfp("rye"))).await.unwrap();
    assert!(error.ends_with("it is an agent of this node, and the message came from elsewhere"), "{error}");
    elsewhere.shutdown().await;
    hall.shutdown().await;
}

/// Takes no messages, and says what it was told.
#[derive(Agent, Default)]
struct Asker;

#[agent]
impl Asker {
    #[expose]
    async fn ask(&self, ctx: &Context<Self>, whom: Proxy<Untyped>) -> Result<String, String> {
        match ctx.open(&whom, cfp("rye")).answer().await {
            Ok(heard::ToCfp::Propose(..)) => Ok("an offer".to_owned()),
            Ok(heard::ToCfp::Decline(..)) => Ok("none".to_owned()),
            Err(DialogueError::Refused { code, reason }) => Err(format!("{} {reason}", code.name())),
            Err(other) => Err(other.to_string()),
        }
    }

    /// An answer for which nobody waits yet is kept.
    #[expose]
    async fn ask_slowly(&self, ctx: &Context<Self>, whom: Proxy<Baker>) -> Result<String, String> {
        let said = ctx.open(&whom, cfp("rye")).await.map_err(|error| error.to_string())?;
        // Has the baker's turn over, whose answer was handed over within it.
        whom.heard().await.map_err(|error| error.to_string())?;
        let heard::ToCfp::Propose(offer, _) = ctx.answer(said).await.map_err(|error| error.to_string())?
        else {
            return Err("declined".to_owned());
        };
        Ok(String::from_utf8_lossy(&offer.proposal.description_bytes).into_owned())
    }

    #[expose]
    async fn wait_for_nobody(&self, ctx: &Context<Self>, whom: Proxy<Baker>) -> Result<(), String> {
        let dialogues = ctx.dialogues::<Fipa>();
        let before = dialogues.open();
        let limits = {
            let mut limits = Limits::default();
            limits.time_out = Some(Duration::from_millis(20));
            limits
        };
        dialogues.set_limits(limits);
        let dialogue = match ctx.open(&whom, cfp("rye")).answer().await.map_err(|error| error.to_string())? {
            heard::ToCfp::Propose(_, dialogue) => dialogue,
            heard::ToCfp::Decline(..) => return Err("declined".to_owned()),
        };
        // A counter-proposal, to which this baker has nothing to say.
        let proposal = types::Description::default();
        match ctx.reply(dialogue, Propose { proposal }).answer().await {
            Err(error) if error.to_string().ends_with("timed_out") => {}
            other => return Err(format!("{other:?}")),
        }
        match dialogues.open() {
            open if open == before => Ok(()),
            open => Err(format!("{open} are open, {before} were")),
        }
    }

    #[expose]
    async fn ask_too_often(&self, ctx: &Context<Self>, whom: Proxy<Baker>) -> Result<String, String> {
        let limits = {
            let mut limits = Limits::default();
            limits.open_per_peer = 2 + ctx.dialogues::<Fipa>().open();
            limits
        };
        ctx.dialogues::<Fipa>().set_limits(limits);
        for _ in 0..2 {
            ctx.open(&whom, cfp("rye")).await.map_err(|error| error.to_string())?;
        }
        match ctx.open(&whom, cfp("rye")).await {
            Err(DialogueError::Refusal(refusal)) => Ok(refusal.code().to_owned()),
            other => Err(format!("{other:?}")),
        }
    }
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn whoever_speaks_is_told_why_nothing_came_of_it() {
    let one = hall(Codec::MsgPack).await;
    let two = hall(Codec::Json).await;
    one.spawn("baker", Baker::default).await.unwrap();
    one.spawn("asker", Asker::default).await.unwrap();
    one.spawn("customer", Customer::default).await.unwrap();
    let asker = two.spawn("asker", Asker::default).await.unwrap();
    let baker: Proxy<Untyped> = two.connect(one.url("baker")).await.unwrap();
    let bakery: Proxy<Baker> = two.connect(one.url("baker")).await.unwrap();
    assert_eq!(asker.ask(baker).await.unwrap(), "an offer");
    assert_eq!(asker.ask_slowly(bakery.clone()).await.unwrap(), "3 shillings");
    asker.wait_for_nobody(bakery.clone()).await.unwrap();
    assert_eq!(asker.ask_too_often(bakery).await.unwrap(), "too_many_with_peer");
    // It has never spoken fipa.
    let stranger: Proxy<Untyped> = two.connect(one.url("asker")).await.unwrap();
    let error = asker.ask(stranger).await.unwrap_err();
    let told = "UNSUPPORTED_PROTOCOL Unsupported protocol fetchai/fipa:1.0.0: asker does not speak it, for it handles none \
                of its performatives and has begun no dialogue in it";
    assert_eq!(error, CallError::Agent(told.to_owned()));
    for container in [two, one] {
        container.shutdown().await;
    }
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn a_rule_of_the_gate_names_a_protocol_by_its_id() {
    let dir = tempfile::tempdir().unwrap();
    let certs = DevCerts::in_dir(dir.path()).unwrap();
    let node = |name: &str| Container::builder("tls://127.0.0.1:0").certs(certs.node(name).unwrap());
    let bakery = node("bakery").allow("spiffe://demo/node/town", "baker", "fetchai/fipa:1.0.0");
    let bakery = bakery.allow("spiffe://demo/node/village", "baker", "open").watched().await.unwrap();
    bakery.spawn("baker", Baker::default).await.unwrap();
    let town = node("town").allow("spiffe://demo/node/bakery", "asker", "fetchai/*").watched().await.unwrap();
    let village = node("village").watched().await.unwrap();
    let asker = town.spawn("asker", Asker::default).await.unwrap();
    let baker: Proxy<Untyped> = town.connect(bakery.url("baker")).await.unwrap();
    assert_eq!(asker.ask(baker).await.unwrap(), "an offer");
    let asker = village.spawn("asker", Asker::default).await.unwrap();
    let baker: Proxy<Untyped> = village.connect(bakery.url("baker")).await.unwrap();
    let error = asker.ask(baker).await.unwrap_err().to_string();
    assert!(error.contains("no rule lets spiffe://demo/node/village call \"fetchai/fipa:1.0.0\""), "{error}");
    for container in [town, village, bakery] {
        container.shutdown().await;
    }
}

/// Speaks to whom it likes.
#[derive(Agent, Default)]
struct Hopeful;

#[agent]
impl Hopeful {
    #[expose]
    async fn ask(&self, ctx: &Context<Self>, whom: Proxy<Untyped>) -> String {
        match ctx.open::<Fipa, _>(&whom, cfp("rye")).await {
            Ok(_) => "taken".to_owned(),
            Err(DialogueError::Refused { code, reason }) => format!("{} {reason}", code.name()),
            Err(error) => format!("{error:?}"),
        }
    }
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn who_does_not_speak_a_protocol_says_so_in_the_words_of_aea() {
    let counts = Counts::default();
    let hall = counts.during(hall(Codec::MsgPack)).await;
    let other = self::hall(Codec::MsgPack).await;
    hall.spawn("mute", Hopeful::default).await.unwrap();
    let (rude, hopeful) = (
        other.spawn("rude", Rude::default).await.unwrap(),
        other.spawn("hopeful", Hopeful::default).await.unwrap(),
    );
    let far: Proxy<Untyped> = other.connect(hall.url("mute")).await.unwrap();
    let told = "UNSUPPORTED_PROTOCOL Unsupported protocol fetchai/fipa:1.0.0: mute does not speak it, for it handles none \
                of its performatives and has begun no dialogue in it";
    let me = Proxy::url(&rude);
    let message = envelope(&me, "1", 1, 0, cfp("rye"));
    assert_eq!(rude.hand_over(far.clone(), message.clone()).await.unwrap(), told);
    assert_eq!(hopeful.ask(far.clone()).await.unwrap(), told);
    // The same within a container.
    let near = hall.spawn("near", Hopeful::default).await.unwrap();
    assert_eq!(near.ask(hall.find("mute").unwrap()).await.unwrap(), told);
    assert_eq!(counts.of("messages_refused"), 3);
    // An error is not answered with one, and what is no envelope is a call.
    let mut error = Envelope::decode(&message, Reading::STRICT).unwrap();
    error.protocol_id = "fetchai/default:1.0.0".to_owned();
    for bytes in [error.encode(), b"no envelope".to_vec()] {
        let refused = rude.hand_over(far.clone(), bytes).await.unwrap_err().to_string();
        assert!(refused.contains("mute") && refused.contains("fetchai/fipa:1.0.0"), "{refused}");
        assert!(!refused.contains("UNSUPPORTED"), "{refused}");
    }
    for container in [other, hall] {
        container.shutdown().await;
    }
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn a_spawn_says_how_much_its_dialogues_may_take() {
    let hall = hall(Codec::MsgPack).await;
    let mut limits = Limits::default();
    limits.open_per_peer = 2;
    let baker = hall.spawn("baker", Slow::default).dialogue_limits(limits.clone()).await.unwrap();
    let untyped: Proxy<Untyped> = hall.find("baker").unwrap();
    let rude = hall.spawn("rude", Rude::default).await.unwrap();
    let me = Proxy::url(&rude);
    let hand_over = async |number: u32| {
        rude.hand_over(untyped.clone(), envelope(&me, &number.to_string(), 1, 0, cfp("rye"))).await.unwrap()
    };
    assert_eq!((hand_over(1).await, hand_over(2).await), ("taken".to_owned(), "taken".to_owned()));
    let refused = hand_over(3).await;
    assert!(refused.starts_with("INVALID_DIALOGUE 2 dialogues with"), "{refused}");
    assert_eq!(baker.open().await.unwrap(), 2);
    let mut silent = limits.clone();
    silent.time_out = Some(Duration::ZERO);
    let mut none = limits;
    none.open = 0;
    for (limits, words) in [(silent, "`time_out` of zero"), (none, "`open` of 0")] {
        let error = hall.spawn("odd", Slow::default).dialogue_limits(limits).await.unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
    hall.shutdown().await;
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn who_changes_its_address_has_no_more_dialogues_for_that() {
    let dir = tempfile::tempdir().unwrap();
    let certs = DevCerts::in_dir(dir.path()).unwrap();
    let node = |name: &str| Container::builder("tls://127.0.0.1:0").certs(certs.node(name).unwrap());
    let bakery =
        node("bakery").allow("spiffe://demo/node/town", "baker", "fetchai/*").watched().await.unwrap();
    let town = node("town").watched().await.unwrap();
    let baker = bakery.spawn("baker", Slow::default).await.unwrap();
    baker.allow_each(3).await.unwrap();
    let rude = town.spawn("rude", Rude::default).await.unwrap();
    let far: Proxy<Untyped> = town.connect(bakery.url("baker")).await.unwrap();
    let mut answers = Vec::new();
    for number in 0..5 {
        let sender = format!("tls://127.0.0.1:9/somebody{number}");
        let bytes = envelope(&sender, &number.to_string(), 1, 0, cfp("rye"));
        answers.push(rude.hand_over(far.clone(), bytes).await.unwrap());
    }
    assert_eq!(answers[..3], ["taken", "taken", "taken"]);
    for refused in &answers[3..] {
        assert!(
            refused.starts_with("INVALID_DIALOGUE 3 dialogues with spiffe://demo/node/town"),
            "{refused}"
        );
    }
    assert_eq!(baker.open().await.unwrap(), 3);
    for container in [town, bakery] {
        container.shutdown().await;
    }
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn who_have_proven_nothing_have_no_more_dialogues_together_than_they_may() {
    let (one, two) = (hall(Codec::MsgPack).await, hall(Codec::MsgPack).await);
    let baker = one.spawn("baker", Slow::default).await.unwrap();
    baker.allow_each(3).await.unwrap();
    let rude = two.spawn("rude", Rude::default).await.unwrap();
    let far: Proxy<Untyped> = two.connect(one.url("baker")).await.unwrap();
    let hand_over = |number: u32| {
        let sender = format!("tcp://127.0.0.1:9/somebody{number}");
        rude.hand_over(far.clone(), envelope(&sender, &number.to_string(), 1, 0, cfp("rye")))
    };
    for number in 0..3 {
        assert_eq!(hand_over(number).await.unwrap(), "taken");
    }
    let refused = hand_over(3).await.unwrap();
    let told = "INVALID_DIALOGUE 3 dialogues are open with peers who have proven nothing";
    assert!(refused.starts_with(told), "{refused}");
    // One that is over leaves its place to another.
    assert_eq!(baker.abandon_one().await.unwrap(), 2);
    assert_eq!(hand_over(4).await.unwrap(), "taken");
    assert!(hand_over(5).await.unwrap().starts_with(told));
    for container in [two, one] {
        container.shutdown().await;
    }
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn nobody_has_an_agent_speak_wherever_it_likes() {
    let counts = Counts::default();
    let plain = Container::builder("tcp://127.0.0.1:0").answer_to("192.0.2.8");
    let one = counts.during(plain.watched()).await.unwrap();
    let two = hall(Codec::MsgPack).await;
    one.spawn("baker", Slow::default).await.unwrap();
    let rude = two.spawn("rude", Rude::default).await.unwrap();
    let far: Proxy<Untyped> = two.connect(one.url("baker")).await.unwrap();
    for (sender, answer) in [
        ("tcp://192.0.2.7:9/somebody", "nobody at 192.0.2.7 has a link here"),
        ("tcp://example.org:80/somebody", "nobody at example.org has a link here"),
        ("unix:///run/some.sock:body", "who has spoken proved nothing"),
        ("tcp://192.0.2.8:9/somebody", "taken"),
        ("tcp://localhost:9/somebody", "taken"),
    ] {
        let answered = rude.hand_over(far.clone(), envelope(sender, sender, 1, 0, cfp("rye"))).await.unwrap();
        assert!(answered.contains(answer), "{sender}: {answered}");
    }
    assert_eq!(counts.of("ways_back_refused"), 3);
    for container in [two, one] {
        container.shutdown().await;
    }

    let dir = tempfile::tempdir().unwrap();
    let certs = DevCerts::in_dir(dir.path()).unwrap();
    let node = |name: &str| Container::builder("tls://127.0.0.1:0").certs(certs.node(name).unwrap());
    let bakery =
        node("bakery").allow("spiffe://demo/node/town", "baker", "fetchai/*").watched().await.unwrap();
    let baker = bakery.spawn("baker", Slow::default).await.unwrap();
    let town = node("town").watched().await.unwrap();
    let village = node("village").allow("spiffe://demo/node/bakery", "*", "*").watched().await.unwrap();
    let patient = village.spawn("patient", Patient::default).await.unwrap();
    let rude = town.spawn("rude", Rude::default).await.unwrap();
    let far: Proxy<Untyped> = town.connect(bakery.url("baker")).await.unwrap();
    let answered = rude.hand_over(far.clone(), envelope("tcp://127.0.0.1:9/x", "1", 1, 0, cfp("rye"))).await;
    assert!(answered.unwrap().contains("would prove to be that"));
    // It may say so, but there somebody else is found.
    let sender = village.url("patient");
    assert_eq!(rude.hand_over(far, envelope(&sender, "2", 1, 0, cfp("rye"))).await.unwrap(), "taken");
    let said = baker.answer_each().await.unwrap();
    assert!(said.len() == 1 && said[0].contains("spiffe://demo/node/town"), "{said:?}");
    assert!(patient.offers().await.unwrap().is_empty());
    for container in [village, town, bakery] {
        container.shutdown().await;
    }
}

/// Answers later than its handler, so that it may crash between.
#[derive(Agent, Default)]
struct Slow {
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
struct Patient {
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

async fn until_offers(patient: &Proxy<Patient>, count: usize) -> Vec<String> {
    loop {
        let offers = patient.offers().await.unwrap();
        if offers.len() >= count {
            return offers;
        }
        tokio::task::yield_now().await;
    }
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn dialogues_that_are_kept_outlive_a_crash_and_the_container() {
    let one = hall(Codec::MsgPack).await;
    let patient = one.spawn("patient", Patient::default).await.unwrap();
    let store = MemoryDialogues::default();

    let two = hall(Codec::MsgPack).await;
    let slow = two.spawn("slow", Slow::default).keep_dialogues(store.clone()).await.unwrap();
    let far: Proxy<Slow> = one.connect(two.url("slow")).await.unwrap();
    patient.ask(far.clone(), "rye".to_owned()).await.unwrap();
    patient.ask(far.clone(), "wheat".to_owned()).await.unwrap();
    assert_eq!(store.len(), 2);
    slow.crash().await.unwrap_err();
    assert_eq!(slow.answer_all().await.unwrap(), 2);
    assert_eq!(until_offers(&patient, 2).await, ["rye", "wheat"]);
    // What waits for its turn when the agent crashes has it once.
    let crashing = actix::spawn(slow.crash_before(1));
    patient.ask(far.clone(), "barley".to_owned()).await.unwrap();
    crashing.await.unwrap().unwrap_err();
    assert_eq!(slow.answer_all().await.unwrap(), 1);
    assert_eq!(until_offers(&patient, 3).await[2], "barley");
    // What has ended is kept no more.
    patient.ask(far, "oats".to_owned()).await.unwrap();
    while store.len() != 1 {
        tokio::task::yield_now().await;
    }
    // Whoever speaks with it knows it by its URL.
    let url = two.url("");
    two.shutdown().await;

    let three = Container::builder(url.trim_end_matches('/')).watched().await.unwrap();
    let slow = three.spawn("slow", Slow::default).keep_dialogues(store.clone()).await.unwrap();
    assert_eq!(slow.answer_all().await.unwrap(), 1);
    assert_eq!(until_offers(&patient, 4).await[3], "oats");
    while !store.is_empty() {
        tokio::task::yield_now().await;
    }
    for container in [three, one] {
        container.shutdown().await;
    }
}

/// How many dialogues are kept in an exchange.
async fn kept_in(room: &Mailroom) -> usize {
    let all = room.exchange().states(&exchange::Asker::Container, StateQuery::under("")).await.unwrap();
    all.iter().filter(|(key, _)| key.contains("/dialogue/")).count()
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn dialogues_of_durable_agents_are_kept_in_the_exchange_and_go_on_on_another_node() {
    let room = Mailroom::open("memory:").await.unwrap();
    let one = hall(Codec::MsgPack).await;
    let patient = one.spawn("patient", Patient::default).await.unwrap();

    let two = Container::builder("tcp://127.0.0.1:0").exchange_of(&room).watched().await.unwrap();
    let slow = two.spawn("slow", Slow::default).durable().await.unwrap();
    let far: Proxy<Slow> = one.connect(two.url("slow")).await.unwrap();
    for bread in ["rye", "wheat"] {
        patient.ask(far.clone(), bread.to_owned()).await.unwrap();
    }
    assert_eq!(kept_in(&room).await, 2, "kept before whoever said it learns that it was taken in");
    slow.crash().await.unwrap_err();
    assert_eq!(slow.answer_all().await.unwrap(), 2);
    assert_eq!(until_offers(&patient, 2).await, ["rye", "wheat"]);
    patient.ask(far, "oats".to_owned()).await.unwrap();
    // Those that have ended are kept no more.
    while kept_in(&room).await != 1 {
        tokio::task::yield_now().await;
    }
    let url = two.url("");
    two.shutdown().await;

    let three = Container::builder(url.trim_end_matches('/')).exchange_of(&room).watched().await.unwrap();
    let slow = three.spawn("slow", Slow::default).durable().await.unwrap();
    assert_eq!(slow.answer_all().await.unwrap(), 1);
    assert_eq!(until_offers(&patient, 3).await[2], "oats");
    while kept_in(&room).await != 0 {
        tokio::task::yield_now().await;
    }
    for container in [three, one] {
        container.shutdown().await;
    }
}

/// A store whose process ends as soon as something is kept: nobody hears of it.
#[derive(Clone, Default)]
struct Fragile {
    kept: MemoryDialogues,
    is_broken: Arc<AtomicBool>,
    saves: Arc<AtomicU32>,
}

impl DialogueStore for Fragile {
    fn load(&self, agent: &str) -> Kept<Vec<Stored>> {
        self.kept.load(agent)
    }

    fn save(&self, agent: &str, stored: Stored) -> Kept<()> {
        let saved = self.kept.save(agent, stored);
        self.saves.fetch_add(1, Ordering::Relaxed);
        match self.is_broken.load(Ordering::Relaxed) {
            true => Box::pin(std::future::pending()),
            false => saved,
        }
    }

    fn remove(&self, agent: &str, protocol: &str, key: &str) -> Kept<()> {
        self.kept.remove(agent, protocol, key)
    }
}

type Kept<T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send>>;

#[folkmoot::test(crate = crate::links::left_behind)]
async fn what_was_kept_and_perhaps_not_sent_is_said_by_the_next_life() {
    let one = hall(Codec::MsgPack).await;
    let patient = one.spawn("patient", Patient::default).await.unwrap();
    let store = Fragile::default();
    let two = hall(Codec::MsgPack).await;
    let slow = two.spawn("slow", Slow::default).keep_dialogues(store.clone()).await.unwrap();
    let far: Proxy<Slow> = one.connect(two.url("slow")).await.unwrap();
    patient.ask(far, "rye".to_owned()).await.unwrap();
    store.is_broken.store(true, Ordering::Relaxed);
    let answering = actix::spawn(slow.answer_all());
    // It has kept what it says, and gets no further.
    while store.saves.load(Ordering::Relaxed) < 2 {
        tokio::task::yield_now().await;
    }
    assert!(patient.offers().await.unwrap().is_empty());
    let url = two.url("");
    answering.abort();
    two.shutdown().await;

    store.is_broken.store(false, Ordering::Relaxed);
    let three = Container::builder(url.trim_end_matches('/')).watched().await.unwrap();
    three.spawn("slow", Slow::default).keep_dialogues(store.clone()).await.unwrap();
    assert_eq!(until_offers(&patient, 1).await, ["rye"]);
    for container in [three, one] {
        container.shutdown().await;
    }
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn dialogues_that_are_not_kept_end_with_a_crash_and_the_other_side_learns_of_it() {
    let hall = hall(Codec::MsgPack).await;
    let patient = hall.spawn("patient", Patient::default).await.unwrap();
    let slow = hall.spawn("slow", Slow::default).await.unwrap();
    patient.ask(slow.clone(), "rye".to_owned()).await.unwrap();
    assert_eq!(slow.open().await.unwrap(), 1);
    slow.crash().await.unwrap_err();
    assert_eq!((slow.answer_all().await.unwrap(), slow.open().await.unwrap()), (0, 0));
    // What was begun before is over, and what begins now is another one.
    patient.ask(slow.clone(), "oats".to_owned()).await.unwrap();
    assert_eq!(slow.answer_all().await.unwrap(), 1);
    assert_eq!(until_offers(&patient, 1).await, ["oats"]);
    hall.shutdown().await;
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn what_was_asked_before_a_crash_is_not_answered_to_who_asks_after_it() {
    let hall = hall(Codec::MsgPack).await;
    let before = hall.spawn("before", Patient::default).await.unwrap();
    let after = hall.spawn("after", Patient::default).await.unwrap();
    let slow = hall.spawn("slow", Slow::default).await.unwrap();
    let (crashed, asked) = tokio::join!(slow.crash_once_asked(), before.ask(slow.clone(), "rye".to_owned()));
    crashed.unwrap_err();
    asked.unwrap();
    after.ask(slow.clone(), "wheat".to_owned()).await.unwrap();
    let said = slow.answer_each().await.unwrap();
    assert_eq!(said.len(), 2, "the first waited for its turn when the agent crashed");
    assert!(said[0].contains("abandoned"), "{said:?}");
    assert_eq!(said[1], "said");
    assert_eq!(until_offers(&after, 1).await, ["wheat"]);
    assert!(before.offers().await.unwrap().is_empty());
    hall.shutdown().await;
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn who_waits_for_an_answer_is_told_when_its_own_agent_crashes() {
    let hall = hall(Codec::MsgPack).await;
    let patient = hall.spawn("patient", Patient::default).await.unwrap();
    let slow = hall.spawn("slow", Slow::default).await.unwrap();
    let (waited, crashed) = tokio::join!(patient.ask_and_wait(slow), patient.crash_once_waiting());
    crashed.unwrap_err();
    let error = waited.unwrap_err().to_string();
    assert!(error.contains("has ended before an answer came: abandoned"), "{error}");
    hall.shutdown().await;
}
