//! A process is frozen in the middle of a mail until another has taken its agent over, and goes on then.

use std::time::Duration;

use folkmoot::exchange::{Asker, Query};
use folkmoot::prelude::*;

use super::super::left_behind::Watch;
use super::process::{Ledger, OwnerProcess, Role, durable};

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
        line.starts_with("ERROR the agent lost its mailbox, and ends") && line.contains("frozen")
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
