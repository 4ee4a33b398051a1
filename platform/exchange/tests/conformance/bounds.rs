//! The bounds of mailboxes and of the exchange.

use folkmoot_exchange::{ExchangeError, ExchangeLimits, MailboxLimits};

use super::world::World;

pub(crate) async fn a_full_mailbox_refuses_and_takes_mail_again_when_some_was_acknowledged(world: World) {
    let mailbox = MailboxLimits { messages: 3, ..MailboxLimits::default() };
    let world = world.with_limits(ExchangeLimits { mailbox, ..ExchangeLimits::default() }).await;
    let agent = world.agent(1).await;
    for body in ["a", "b", "c"] {
        world.say(agent, body).await;
    }
    let error = world.try_send(agent, world.mail("d")).await.unwrap_err();
    assert!(matches!(error, ExchangeError::Full { what: "messages", limit: 3, .. }), "{error}");
    let first = world.take_one(agent).await;
    let error = world.try_send(agent, world.mail("d")).await.unwrap_err();
    assert!(matches!(error, ExchangeError::Full { .. }), "what is in hand counts: {error}");
    world.acknowledge(&first).await;
    world.say(agent, "d").await;
    assert_eq!(world.drain(agent).await, ["b", "c", "d"]);
}
