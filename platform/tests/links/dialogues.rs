//! Agents that speak a protocol by calls: a whole negotiation, and what the tests of refusals, bounds, ways and lives share.

use std::time::Duration;

use folkmoot::dialogues::{Dialogue, DialogueError, Said};
use folkmoot::prelude::*;
use folkmoot::protocols::dialogue::{ErrorCode, ErrorReply, Limits};
use folkmoot::protocols::{Body, Envelope, Message, Protocol, Reading, Specification};
use folkmoot::{Codec, Untyped, Value};

use super::book::Book;
use super::counts::Counts;
use super::left_behind::Watch;
use super::milling::fipa::roles::{Buyer, Seller};
use super::milling::fipa::{Accept, Cfp, Decline, Fipa, Propose, heard, types};
use super::milling::{Customer, Mill, cfp, mill};
use slow::{Patient, Slow, until_offers};

mod answering;
mod bounds;
mod crossing;
mod kept;
mod refusals;
mod slow;

async fn hall(codec: Codec) -> Container {
    super::limit::watch();
    Container::builder("tcp://127.0.0.1:0").codec(codec).watched().await.unwrap()
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn a_negotiation_runs_within_a_container_and_between_two_in_each_codec() {
    let one = hall(Codec::MsgPack).await;
    let book = Book::default();
    one.spawn("mill", mill(&book)).await.unwrap();
    let customer = one.spawn("customer", Customer::default).await.unwrap();
    assert_eq!(customer.buy_of(one.find("mill").unwrap(), "rye".to_owned()).await.unwrap(), "bought");
    for codec in [Codec::Json, Codec::MsgPack, Codec::Cbor] {
        let two = hall(codec).await;
        let customer = two.spawn("customer", Customer::default).await.unwrap();
        let mill: Proxy<Untyped> = two.connect(one.url("mill")).await.unwrap();
        assert_eq!(customer.buy_of(mill.clone(), "rye".to_owned()).await.unwrap(), "bought", "{codec:?}");
        assert_eq!(customer.buy_of(mill.clone(), "stone".to_owned()).await.unwrap(), "declined");
        assert_eq!(customer.ask_many(mill, 20).await.unwrap(), 20);
        two.shutdown().await;
    }
    // Four that were bought from, three declined at once and sixty whose offer was.
    let lines = book.until(4 * 4 + 3 * 2 + 60 * 3).await;
    let count = |wanted: &str| lines.iter().filter(|line| *line == wanted).count();
    assert_eq!((count("inform Mill Lane 3"), count("decline"), count("over: successful")), (4, 60, 4));
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
