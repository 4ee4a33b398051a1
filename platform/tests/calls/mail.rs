//! The exchange of a container: its gate, its time, its counters, its end.

use std::time::Duration;

use folkmoot::exchange::{
    Asker, Delivery, ExchangeError, ExchangeLimits, Mail, MailId, Mailbox, MailboxId, Posting, Recv,
    Registration,
};
use folkmoot::prelude::*;
use folkmoot::sim::Sim;
use folkmoot::{Builder, MailError, Mailroom, Principal, StartError};

use super::counts::Counts;

const HOUR: Duration = Duration::from_secs(3600);

async fn node(name: &str) -> Container {
    super::limit::watch();
    let endpoint = format!("local://mail-{name}");
    Container::builder(&endpoint).exchange("memory:").start().await.unwrap()
}

async fn pump(node: &Container) -> Mailbox {
    let registration = Registration::new(MailboxId::agent(1)).named("pump");
    let exchange = node.mailroom().unwrap().exchange().clone();
    Mailbox::register(exchange, Asker::Container, registration).await.unwrap()
}

async fn send(node: &Container, id: u128, by: Principal, kind: &str) -> Result<(), MailError> {
    let mail = Mail::new(MailId(id), kind, "ten litres");
    let posting = Posting::new(MailboxId::agent(1), mail, by, Asker::Container).named("pump");
    node.mailroom().unwrap().send(posting).await.map(drop)
}

async fn next(mailbox: &Mailbox) -> Delivery {
    mailbox.recv(HOUR).await.unwrap().expect("mail comes")
}

#[folkmoot::test]
async fn mail_is_judged_by_the_containers_rules() {
    super::limit::watch();
    let counts = Counts::default();
    let builder =
        Container::builder("local://mail-rules").exchange("memory:").allow("north", "pump", "order");
    let node = counts.during(builder.start()).await.unwrap();
    let pump = pump(&node).await;
    let north = Principal::node("north");
    send(&node, 1, north.clone(), "order").await.unwrap();
    for (by, kind) in [(north, "recall"), (Principal::node("south"), "order")] {
        let error = send(&node, 2, by, kind).await.unwrap_err();
        assert!(matches!(&error, MailError::Denied(reason) if reason.contains("no rule lets")), "{error}");
    }
    let delivery = next(&pump).await;
    assert_eq!((delivery.by.node_name(), delivery.mail.id), ("north", MailId(1)));
    pump.acknowledge(&delivery.receipt).await.unwrap();
    let counted = ["mails_accepted", "mails_delivered", "mails_acknowledged", "denials", "mails_refused"];
    assert_eq!(counted.map(|name| counts.of(name)), [1, 1, 1, 2, 0]);
    node.shutdown().await;
}

#[folkmoot::test]
async fn an_exchange_ends_with_its_container() {
    let node = node("end").await;
    let pump = pump(&node).await;
    let waiting = tokio::spawn({
        let pump = pump.clone();
        async move { pump.recv(HOUR).await }
    });
    send(&node, 1, node.principal().clone(), "order").await.unwrap();
    let delivery = waiting.await.unwrap().unwrap().expect("what was sent");
    let waiting = tokio::spawn({
        let pump = pump.clone();
        async move { pump.recv(HOUR).await }
    });
    node.shutdown().await;
    for error in [waiting.await.unwrap().unwrap_err(), pump.acknowledge(&delivery.receipt).await.unwrap_err()]
    {
        assert!(matches!(error, ExchangeError::Closed), "{error}");
    }
}

#[folkmoot::test]
async fn what_cannot_be_an_exchange_is_told_before_anything_starts() {
    super::limit::watch();
    let without = Container::builder("local://mail-none").start().await.unwrap();
    let error = without.mailroom().unwrap_err();
    assert!(error.to_string().contains("give its builder one"), "{error}");
    without.shutdown().await;
    for _ in 0..2 {
        let error = Container::builder("local://mail-odd").exchange("papyrus:").start().await.unwrap_err();
        let told = error.to_string();
        assert!(matches!(error, StartError::Exchange(ExchangeError::Line { .. })), "{told}");
        assert!(told.starts_with("`.exchange(..)`: \"papyrus:\" names no exchange"), "{told}");
    }
}

#[folkmoot::test]
async fn the_bounds_are_those_of_the_builder() {
    super::limit::watch();
    let limits = ExchangeLimits { mail_bytes: 4, ..ExchangeLimits::default() };
    let builder = Container::builder("local://mail-limits").exchange("memory:").exchange_limits(limits);
    let node = builder.start().await.unwrap();
    let _pump = pump(&node).await;
    let error = send(&node, 1, node.principal().clone(), "order").await.unwrap_err();
    let told = error.to_string();
    assert!(matches!(error, MailError::Exchange(ExchangeError::TooLarge { limit: 4, .. })), "{told}");
    node.shutdown().await;
}

#[folkmoot::test(sim)]
async fn in_a_simulation_leases_end_in_virtual_time(sim: Sim) {
    let node = sim.node("a", async |builder: Builder| Ok(builder.exchange("memory:").start().await?));
    let node = node.await.unwrap();
    let pump = pump(&node).await;
    send(&node, 1, node.principal().clone(), "order").await.unwrap();
    let begun = sim.elapsed();
    for (attempt, hours) in [(1, 0), (2, 1), (3, 2)] {
        let how = Recv::within(2 * HOUR).lease(HOUR);
        let got = pump.exchange().recv(&Asker::Container, pump.id(), how).await.unwrap();
        assert_eq!((got[0].attempt, sim.elapsed() - begun), (attempt, hours * HOUR));
    }
    let builder = async |builder: Builder| Ok(builder.exchange("sqlite:///tmp/mail").start().await?);
    let error = sim.node("b", builder).await.unwrap_err();
    assert!(error.to_string().contains("write memory:"), "{error}");
}

#[folkmoot::test(sim)]
async fn mail_in_a_shared_exchange_survives_the_crash_of_a_node(sim: Sim) {
    let room = Mailroom::open("memory:").await.unwrap();
    for name in ["a", "b"] {
        let room = room.clone();
        let start = async move |builder: Builder| Ok(builder.exchange_of(&room).start().await?);
        sim.node(name, start).await.unwrap();
    }
    let (a, b) = (sim.container("a").unwrap(), sim.container("b").unwrap());
    let pump = pump(&a).await;
    let lease = async |holder: &str| {
        room.exchange().take_lease(&Asker::Container, pump.id(), holder.into(), HOUR).await
    };
    let first = lease("a").await.unwrap();
    send(&b, 1, b.principal().clone(), "order").await.unwrap();
    let delivery = next(&pump.clone().as_owner(first.epoch)).await;
    sim.crash("a").await.unwrap();
    assert!(matches!(lease("b").await, Err(ExchangeError::Owned { .. })), "rather nobody than two");
    sim.sleep(HOUR).await;
    let second = lease("b").await.unwrap();
    let again = next(&pump.clone().as_owner(second.epoch)).await;
    assert_eq!((again.attempt, again.mail), (2, delivery.mail));
    let error = pump.acknowledge(&delivery.receipt).await.unwrap_err();
    assert!(matches!(error, ExchangeError::NotTheOwner { epoch: 1, .. }), "{error}");
    pump.acknowledge(&again.receipt).await.unwrap();
    b.shutdown().await;
    let error = send(&b, 2, b.principal().clone(), "order").await.unwrap_err();
    assert!(matches!(error, MailError::Exchange(ExchangeError::WrongGate)), "{error}");
    let mine = pump.as_owner(second.epoch).recv(Duration::ZERO).await.unwrap();
    assert!(mine.is_none(), "the exchange is open still, and empty");
}
