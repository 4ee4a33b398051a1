//! Leases of owners, and the epoch that fences off past ones.

use std::sync::Arc;
use std::time::Duration;

use folkmoot_exchange::{Asker, ExchangeError, Lease, MailboxId, Recv};

use super::world::{SECOND, World, text};

async fn lease(world: &World, mailbox: MailboxId, holder: &str) -> Result<Lease, ExchangeError> {
    let holder: Arc<str> = holder.into();
    world.exchange.take_lease(&Asker::Container, mailbox, holder, 60 * SECOND).await
}

async fn renew(world: &World, lease: &Lease, time: Duration) -> Result<Lease, ExchangeError> {
    world.exchange.renew_lease(&Asker::Container, lease.mailbox, lease.epoch, time).await
}

fn assert_past(error: &ExchangeError, past: &Lease) {
    let is_past = matches!(error, ExchangeError::NotTheOwner { epoch, .. } if *epoch == past.epoch);
    assert!(is_past, "{error}");
}

pub(crate) async fn there_is_one_owner_and_only_it_receives(world: World) {
    let agent = world.agent(1).await;
    world.say(agent, "hello").await;
    let before = world.take_one(agent).await;
    let waits = world.waiting(agent, Recv::within(3600 * SECOND)).await;
    let north = lease(&world, agent, "north").await.unwrap();
    assert_eq!((north.epoch, north.until), (1, world.now() + 60 * SECOND));
    let told = waits.outcome().await.unwrap_err();
    assert!(matches!(told, ExchangeError::Owned { .. }), "who waits learns of the owner: {told}");
    let error = lease(&world, agent, "south").await.unwrap_err();
    assert!(matches!(&error, ExchangeError::Owned { holder, .. } if &**holder == "north"), "{error}");
    let error = world.exchange.acknowledge(&Asker::Container, &before.receipt).await.unwrap_err();
    assert!(matches!(error, ExchangeError::LeaseOver { .. }), "taken back: {error}");
    let mut got = world.try_recv(agent, Recv::now().as_owner(1)).await.unwrap();
    let delivery = got.pop().expect("the owner receives");
    assert_eq!((text(&delivery.mail), delivery.attempt), ("hello".to_owned(), 2));
    assert_eq!(delivery.receipt.epoch, Some(1));
    world.acknowledge(&delivery).await;
    world.say(agent, "all may send").await;
    let error = world.try_recv(agent, Recv::now().as_owner(2)).await.unwrap_err();
    assert!(matches!(error, ExchangeError::NotTheOwner { epoch: 2, .. }), "{error}");
}

pub(crate) async fn a_past_owner_can_do_nothing_any_more(world: World) {
    let agent = world.agent(1).await;
    world.say(agent, "hello").await;
    let first = lease(&world, agent, "north").await.unwrap();
    let how = Recv::now().as_owner(first.epoch).lease(3600 * SECOND);
    let delivery = world.try_recv(agent, how).await.unwrap().pop().expect("it receives");
    // The same node, started anew: it need not wait for itself.
    let second = lease(&world, agent, "north").await.unwrap();
    assert_eq!(second.epoch, 2);
    let container = &Asker::Container;
    for error in [
        world.exchange.acknowledge(container, &delivery.receipt).await.unwrap_err(),
        world.exchange.extend(container, &delivery.receipt, SECOND).await.unwrap_err(),
        world.try_recv(agent, how).await.unwrap_err(),
        renew(&world, &first, SECOND).await.unwrap_err(),
        world.exchange.give_up_lease(container, agent, first.epoch).await.unwrap_err(),
    ] {
        assert_past(&error, &first);
    }
    let again = world.try_recv(agent, Recv::now().as_owner(second.epoch)).await.unwrap();
    assert_eq!(again[0].attempt, 2);
}

pub(crate) async fn an_owner_that_gives_up_makes_way_at_once(world: World) {
    let agent = world.agent(1).await;
    world.say(agent, "hello").await;
    let first = lease(&world, agent, "north").await.unwrap();
    let how = Recv::now().as_owner(first.epoch);
    let delivery = world.try_recv(agent, how).await.unwrap().pop().expect("it receives");
    world.exchange.give_up_lease(&Asker::Container, agent, first.epoch).await.unwrap();
    let error = world.exchange.acknowledge(&Asker::Container, &delivery.receipt).await.unwrap_err();
    assert_past(&error, &first);
    let second = lease(&world, agent, "south").await.unwrap();
    assert_eq!((second.epoch, &*second.holder), (2, "south"));
    assert_eq!(world.try_recv(agent, Recv::now().as_owner(2)).await.unwrap().len(), 1);
    world.exchange.give_up_lease(&Asker::Container, agent, 2).await.unwrap();
    assert_eq!(world.take_one(agent).await.attempt, 3, "nobody owns it now");
}

pub(crate) async fn a_lease_that_is_not_renewed_is_over(world: World) {
    let agent = world.agent(1).await;
    let first = lease(&world, agent, "north").await.unwrap();
    world.pass(59 * SECOND);
    let renewed = renew(&world, &first, 60 * SECOND).await.unwrap();
    assert_eq!((renewed.epoch, renewed.until), (1, world.now() + 60 * SECOND));
    world.pass(59 * SECOND);
    world.say(agent, "hello").await;
    let delivery = world.try_recv(agent, Recv::now().as_owner(1)).await.unwrap().pop().expect("it receives");
    world.pass(SECOND);
    assert_past(&renew(&world, &first, SECOND).await.unwrap_err(), &first);
    let error = world.exchange.acknowledge(&Asker::Container, &delivery.receipt).await.unwrap_err();
    assert_past(&error, &first);
    let second = lease(&world, agent, "south").await.unwrap();
    assert_eq!(second.epoch, 2);
    assert_eq!(world.try_recv(agent, Recv::now().as_owner(2)).await.unwrap()[0].attempt, 2);
}
