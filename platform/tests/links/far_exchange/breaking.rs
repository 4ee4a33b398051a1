//! Links that break under operations, receivers that go away, an exchange that is started anew.

use std::collections::HashMap;

use folkmoot::LinkLimits;
use folkmoot::exchange::Refusal;
use folkmoot::sim::Sim;
use futures_util::StreamExt;

use super::super::joining::faulty::{FaultyTcp, Network};
use super::super::relay::Relay;
use super::*;

async fn pair(network: &Network) -> (Node, Node, Mailbox, Mailbox) {
    let hub = node(plain("hub").exchange("memory:")).await;
    let client = node(using(plain("client").transport(FaultyTcp(network.clone())), &hub)).await;
    let there = register(&hub, 1, "pump").await.unwrap();
    let here = at(&client, &there);
    (hub, client, there, here)
}

/// Lets a link end after so many bytes, and whatever follows be fair once `hub` has lost it.
async fn break_after(network: &Network, bytes: usize, hub: &Node) {
    network.fail_after(bytes);
    let opened = hub.counts.of("links_opened");
    // Where it does not come to its end the operation is over before.
    for _ in 0..2_000 {
        if hub.counts.of("links_opened") > opened || hub.counts.open_links() == 0.0 {
            break;
        }
        tokio::task::yield_now().await;
    }
    network.forget();
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn over_links_that_break_after_any_byte_each_mail_is_sent_received_and_acknowledged_once() {
    let network = Network::new();
    let (hub, client, there, here) = pair(&network).await;
    let mut received: HashMap<u128, u32> = HashMap::new();
    let steps: Vec<usize> = (0..2_600).step_by(37).collect();
    for (id, bytes) in (1..).zip(&steps) {
        let work = async {
            send(&client, &there, "pump", id, "ten litres").await.unwrap();
            loop {
                let delivery = next(&here).await;
                *received.entry(delivery.mail.id.0).or_default() += 1;
                match here.acknowledge(&delivery.receipt).await {
                    Ok(()) => return,
                    // The word that it had arrived was lost with the link, so it went back.
                    Err(ExchangeError::LeaseOver { .. }) => {}
                    Err(error) => panic!("after {bytes} bytes: {error}"),
                }
            }
        };
        let ((), ()) = tokio::join!(work, break_after(&network, *bytes, &hub));
    }
    let stats = there.exchange().stats(&Asker::Container, there.id()).await.unwrap();
    let count = steps.len() as u64;
    assert_eq!((stats.accepted, stats.acknowledged, stats.ready, stats.in_hand), (count, count, 0, 0));
    assert_eq!(received.len() as u64, count);
    assert!(client.counts.of("exchange_far_attempts") > 10, "links broke under operations");
    shut_down([client, hub]).await;
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn what_was_done_before_its_link_broke_is_not_done_again() {
    let network = Network::new();
    let (hub, client, there, here) = pair(&network).await;
    let exchange = here.exchange();
    let steps: Vec<usize> = (0..1_500).step_by(5).collect();
    for (id, bytes) in (1..).zip(&steps) {
        send(&hub, &there, "pump", id, "ten litres").await.unwrap();
        let delivery = there.recv(SOON).await.unwrap().expect("mail");
        let refuse = async {
            here.refuse(&delivery.receipt, Refusal::never("no")).await.unwrap();
            // Each of these would say something else if it were done twice.
            assert_eq!(
                exchange.requeue(here.asker(), here.id(), vec![delivery.receipt.position]).await.unwrap(),
                1
            );
            assert_eq!(
                exchange.purge(here.asker(), here.id(), folkmoot::exchange::Purge::Waiting).await.unwrap(),
                1
            );
        };
        let ((), ()) = tokio::join!(refuse, break_after(&network, *bytes, &hub));
    }
    assert!(client.counts.of("exchange_far_attempts") > 10, "links broke under operations");
    assert!(
        hub.counts.of("repeated_requests") > 3,
        "some had been done: {}",
        hub.counts.of("repeated_requests")
    );
    shut_down([client, hub]).await;
}

/// A node that gives up one that says nothing after `unreachable_time`, and one that uses its exchange.
async fn impatient_pair(network: &Network, unreachable_time: Duration) -> (Node, Node, Mailbox, Mailbox) {
    let mut limits = LinkLimits::default();
    limits.unreachable_time = unreachable_time;
    let hub = node(plain("hub").exchange("memory:").limits(limits)).await;
    let client = node(using(plain("client").transport(FaultyTcp(network.clone())), &hub)).await;
    let there = register(&hub, 1, "pump").await.unwrap();
    let here = at(&client, &there);
    (hub, client, there, here)
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn a_node_that_says_nothing_any_more_loses_its_link_and_what_its_receivers_held() {
    let network = Network::new();
    let (hub, client, there, here) = impatient_pair(&network, Duration::from_millis(500)).await;
    let how = Recv::within(HOUR).lease(HOUR);
    let receiving = {
        let here = here.clone();
        tokio::spawn(async move { here.exchange().recv(here.asker(), here.id(), how).await })
    };
    until(|| hub.counts.gauge("exchange_far_receivers") == 1.0).await;
    network.freeze();
    // It is on its way to a receiver that takes nothing, for an hour.
    send(&hub, &there, "pump", 1, "ten litres").await.unwrap();
    while there.exchange().stats(&Asker::Container, there.id()).await.unwrap().in_hand == 0 {
        tokio::task::yield_now().await;
    }
    let delivery = next(&there).await;
    assert_eq!((text(&delivery).as_str(), hub.counts.of("exchange_far_deliveries_lost")), ("ten litres", 1));
    assert_eq!(hub.counts.open_links(), 0.0);
    there.acknowledge(&delivery.receipt).await.unwrap();
    // The client finds another link, and goes on.
    network.cut();
    send(&hub, &there, "pump", 2, "two litres").await.unwrap();
    let got = receiving.await.unwrap().unwrap();
    assert_eq!(text(&got[0]), "two litres");
    here.acknowledge(&got[0].receipt).await.unwrap();
    shut_down([client, hub]).await;
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn a_node_that_has_nothing_to_say_is_asked_and_keeps_its_link() {
    let network = Network::new();
    let (hub, client, there, here) = impatient_pair(&network, Duration::from_secs(2)).await;
    send(&client, &there, "pump", 1, "ten litres").await.unwrap();
    let (asked, links) = (client.counts.of("frames_in"), hub.counts.of("links_opened"));
    until(|| client.counts.of("frames_in") >= asked + 3).await;
    assert_eq!((hub.counts.of("links_opened"), hub.counts.open_links()), (links, 1.0));
    assert_eq!(text(&next(&here).await), "ten litres");
    shut_down([client, hub]).await;
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn a_receiver_that_goes_away_leaves_no_mail_hidden() {
    let network = Network::new();
    let (hub, client, there, here) = pair(&network).await;
    let how = Recv::within(HOUR).lease(HOUR);
    for id in 1..=300_u128 {
        let receiver = here.clone();
        let task =
            tokio::spawn(async move { receiver.exchange().recv(receiver.asker(), receiver.id(), how).await });
        for _ in 0..id % 13 {
            tokio::task::yield_now().await;
        }
        send(&hub, &there, "pump", id, "ten litres").await.unwrap();
        for _ in 0..id % 29 {
            tokio::task::yield_now().await;
        }
        match id % 3 {
            0 => network.cut(),
            _ => task.abort(),
        }
        // It has its mail in its hands, or the mail is there for others, at once.
        let delivery = match task.await {
            Ok(outcome) => outcome.unwrap().pop().expect("mail"),
            Err(_) => there.recv(SOON).await.unwrap().expect("it is not hidden"),
        };
        assert_eq!(delivery.mail.id.0, id);
        match there.acknowledge(&delivery.receipt).await {
            Ok(()) => {}
            Err(ExchangeError::LeaseOver { .. }) if id % 3 == 0 => {
                let again = there.recv(SOON).await.unwrap().expect("it went back");
                there.acknowledge(&again.receipt).await.unwrap();
            }
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!(hub.counts.of("mails_acknowledged"), 300);
    shut_down([client, hub]).await;
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn a_receiver_goes_on_waiting_over_the_next_link() {
    let dir = tempfile::tempdir().unwrap();
    let certs = DevCerts::in_dir(dir.path()).unwrap();
    let client_name = "spiffe://demo/node/client";
    let builder =
        Container::builder("tls://127.0.0.1:0").certs(certs.node("hub").unwrap()).exchange("memory:");
    let builder = builder.allow(client_name, "folkmoot/exchange", "*").allow(client_name, "pump", "*");
    let hub = node(builder).await;
    let (_, port) = hub.endpoint().host_and_port().unwrap();
    let relay = Relay::to(port, Duration::ZERO).await;
    let builder = Container::builder("tls://127.0.0.1:0").certs(certs.node("client").unwrap());
    let client = node(builder.exchange(&format!("tls://127.0.0.1:{}", relay.port))).await;
    let pump = register(&client, 1, "pump").await.unwrap();
    let mut listener = pump.listen(Recv::within(HOUR).lease(HOUR));
    for id in 1..=10 {
        let acknowledged = async {
            let delivery = listener.next().await.unwrap().unwrap();
            pump.acknowledge(&delivery.receipt).await.unwrap();
            assert_eq!((delivery.mail.id.0, delivery.by.node_name()), (id, client_name));
        };
        let breaking = async {
            until(|| hub.counts.gauge("exchange_far_receivers") == 1.0).await;
            relay.cut();
            until(|| hub.counts.gauge("exchange_far_receivers") == 0.0).await;
            send(&client, &pump, "pump", id, "ten litres").await.unwrap();
        };
        let ((), ()) = tokio::join!(acknowledged, breaking);
    }
    assert_eq!(hub.counts.of("mails_acknowledged"), 10);
    drop(listener);
    shut_down([client, hub]).await;
}

#[cfg(feature = "sqlite")]
#[folkmoot::test(crate = crate::links::left_behind)]
async fn an_exchange_that_is_started_anew_goes_on_for_other_nodes() {
    let dir = tempfile::tempdir().unwrap();
    let line = format!("sqlite://{}", dir.path().display());
    let mut hub = node(plain("hub").exchange(&line)).await;
    let endpoint = hub.endpoint().to_string();
    let client = node(using(plain("client"), &hub)).await;
    let pump = register(&client, 1, "pump").await.unwrap();
    let receiving = tokio::spawn({
        let pump = pump.clone();
        async move {
            let (mut listener, mut seen) =
                (pump.listen(Recv::within(SOON).lease(HOUR)), HashMap::<u128, u32>::new());
            while seen.len() < 40 {
                let delivery = listener.next().await.unwrap().unwrap();
                match pump.acknowledge(&delivery.receipt).await {
                    Ok(()) => *seen.entry(delivery.mail.id.0).or_default() += 1,
                    Err(ExchangeError::LeaseOver { .. }) => {}
                    Err(error) => panic!("{error}"),
                }
            }
            seen
        }
    });
    for id in 1..=40 {
        send(&client, &pump, "pump", id, "ten litres").await.unwrap();
        if id % 10 == 0 {
            hub.shutdown().await;
            hub = node(Container::builder(&endpoint).name("hub").exchange(&line)).await;
        }
    }
    let seen = receiving.await.unwrap();
    assert!(seen.values().all(|count| *count == 1), "each is acknowledged once: {seen:?}");
    let stats = pump.exchange().stats(pump.asker(), pump.id()).await.unwrap();
    assert_eq!((stats.accepted, stats.acknowledged, stats.ready), (40, 40, 0));
    shut_down([client, hub]).await;
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn a_link_that_is_dead_is_found_while_mail_is_waited_for() {
    let network = Network::new();
    let (hub, client, there, here) = pair(&network).await;
    let waiting = tokio::spawn({
        let here = here.clone();
        async move { here.recv(HOUR).await }
    });
    until(|| hub.counts.gauge("exchange_far_receivers") == 1.0).await;
    network.freeze();
    network.forget();
    send(&hub, &there, "pump", 1, "ten litres").await.unwrap();
    // It was delivered to a link over which nothing comes; that is found, and it comes over another one.
    until(|| client.counts.of("reconnects") == 1).await;
    there.recv(Duration::ZERO).await.unwrap();
    hub.shutdown().await;
    drop(waiting);
    client.shutdown().await;
}

#[folkmoot::test(sim)]
async fn in_a_simulation_a_node_that_crashes_leaves_its_mail_to_others(sim: Sim) {
    sim.node("hub", async |builder: Builder| Ok(builder.exchange("memory:").start().await?)).await.unwrap();
    let hub = sim.container("hub").unwrap();
    let url = hub.endpoint().to_string();
    for name in ["a", "b"] {
        let url = url.clone();
        sim.node(name, async move |builder: Builder| Ok(builder.exchange(&url).start().await?))
            .await
            .unwrap();
    }
    let (a, b) = (sim.container("a").unwrap(), sim.container("b").unwrap());
    let pump = register(&a, 1, "pump").await.unwrap();
    send(&b, &pump, "pump", 1, "ten litres").await.unwrap();
    let how = Recv::within(HOUR).lease(2 * HOUR);
    let delivery = pump.exchange().recv(pump.asker(), pump.id(), how).await.unwrap().pop().unwrap();
    sim.sleep(Duration::from_secs(1)).await;
    sim.crash("a").await.unwrap();
    // What had arrived is its receiver's until its lease ends, by the hub's time.
    let begun = sim.elapsed();
    let again = at(&b, &pump).exchange().recv(pump.asker(), pump.id(), Recv::within(3 * HOUR)).await.unwrap();
    assert_eq!((again[0].attempt, &again[0].mail), (2, &delivery.mail));
    assert_eq!(sim.elapsed() - begun, 2 * HOUR - Duration::from_secs(1));
}
