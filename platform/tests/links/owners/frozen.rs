//! A process is frozen until its leases are over, and goes on then: with its agent, unless another has taken that over.

use std::time::Duration;

use folkmoot::exchange::{Asker, MailboxId, Query, Registration};
use folkmoot::prelude::*;

use super::super::left_behind::Watch;
use super::process::{LEASE, Ledger, OwnerProcess, Role, SENDERS, durable};

const SOON: Duration = Duration::from_secs(60);

#[folkmoot::test(crate = crate::links::left_behind)]
async fn an_owner_that_was_frozen_past_its_lease_is_refused_and_gives_its_agent_up() {
    super::super::limit::watch();
    let hub = Container::builder("tcp://127.0.0.1:0").name("hub").exchange("memory:");
    let hub = hub.watched().await.unwrap();
    let exchange = hub.endpoint().to_string();
    let mut frozen = OwnerProcess::start(&Role::StandsStill { exchange, at: 2 });
    frozen.until("READY").await;
    for number in 1..=3_u64 {
        hub.send("ledger", Mail::new("entry", &number)).await.unwrap();
    }
    frozen.until("STANDS").await;
    frozen.signal("STOP").await;

    let heir = hub.spawn("ledger", Ledger::default).durable_with(durable()).start_deadline(SOON);
    let heir = heir.await.unwrap();
    while heir.entered().await.unwrap().len() < 3 {
        tokio::task::yield_now().await;
    }

    // It ends its turn now, and then learns how late it is.
    frozen.close_input();
    frozen.signal("CONT").await;
    let (cause, in_order): (String, bool) = serde_json::from_str(&frozen.until("ENDED").await).unwrap();
    assert!(cause.contains("it lost its mailbox") && !in_order, "{cause}");
    let log: Vec<String> = serde_json::from_str(&frozen.until("LOG").await).unwrap();
    let told = |line: &String| {
        let ends = line.starts_with("ERROR the agent does not have its mailbox again, and ends");
        ends && line.contains("frozen") && line.contains("node \"hub\" has it")
    };
    assert_eq!(log.iter().filter(|line| told(line)).count(), 1, "{log:#?}");
    frozen.gone().await;

    // Nothing of what it did is kept, and nothing was acknowledged that another had acknowledged already.
    hub.send("ledger", Mail::new("entry", &4_u64)).await.unwrap();
    while heir.entered().await.unwrap().len() < 4 {
        tokio::task::yield_now().await;
    }
    assert_eq!(heir.entered().await.unwrap(), [1, 2, 3, 4]);
    hub.stop("ledger", SOON).await.unwrap();
    let exchange = hub.mailroom().unwrap().exchange();
    let mailbox = exchange.discover(&Asker::Container, Query::named("ledger")).await.unwrap()[0].id;
    let stats = exchange.stats(&Asker::Container, mailbox).await.unwrap();
    assert_eq!((stats.accepted, stats.acknowledged, stats.ready, stats.in_hand), (4, 4, 0, 0));
    assert_eq!(stats.dead_letters, 0);
    hub.shutdown().await;
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn an_owner_that_was_frozen_past_its_lease_goes_on_where_nobody_else_has_its_agent() {
    super::super::limit::watch();
    let hub = Container::builder("tcp://127.0.0.1:0").name("hub").exchange("memory:");
    let hub = hub.watched().await.unwrap();
    let exchange = hub.endpoint().to_string();
    let mut frozen = OwnerProcess::start(&Role::Works { exchange, first: 1, entries: 1 });
    assert_eq!(frozen.until("BEGAN").await, "[]");
    for _ in 0..SENDERS {
        frozen.until("ENTERED").await;
    }
    frozen.signal("STOP").await;

    // A lease that is taken now ends after those of the frozen process.
    let exchange = hub.mailroom().unwrap().exchange();
    let witness = MailboxId::agent(7);
    exchange.register(&Asker::Container, Registration::new(witness)).await.unwrap();
    exchange.take_lease(&Asker::Container, witness, "one".into(), LEASE).await.unwrap();
    while exchange.take_lease(&Asker::Container, witness, "other".into(), LEASE).await.is_err() {
        tokio::task::yield_now().await;
    }
    // What is sent meanwhile waits.
    hub.send("ledger", Mail::new("entry", &100_u64)).await.unwrap();
    frozen.signal("CONT").await;
    let began: Vec<u64> = serde_json::from_str(&frozen.until("BEGAN").await).unwrap();
    assert_eq!(began.len(), SENDERS as usize, "it begins with what was kept: {began:?}");
    loop {
        let entered: u64 = serde_json::from_str(&frozen.until("ENTERED").await).unwrap();
        if entered == 100 {
            break;
        }
    }
    frozen.close_input();
    frozen.gone().await;
    let ledger = exchange.discover(&Asker::Container, Query::named("ledger")).await.unwrap()[0].id;
    let stats = exchange.stats(&Asker::Container, ledger).await.unwrap();
    assert_eq!((stats.accepted, stats.acknowledged), (SENDERS + 1, SENDERS + 1));
    hub.shutdown().await;
}
