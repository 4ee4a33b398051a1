//! The exchange of another node, over links: who may use it, what breaks under it, what it never loses.
//!
//! Neighbour: `exchange_conformance` has what every exchange promises.

use std::time::Duration;

use folkmoot::exchange::{
    Asker, Delivery, ExchangeError, Mail, MailId, Mailbox, MailboxId, Posting, Recv, Registration,
};
use folkmoot::prelude::*;
use folkmoot::{Builder, Codec, MailError, Principal};

use super::counts::Counts;
use super::joining::Node;
use super::left_behind::Watch;

mod breaking;
mod dialogues;
mod misuse;
mod rights;

const HOUR: Duration = Duration::from_secs(3600);
const SOON: Duration = Duration::from_secs(60);

/// Starts a node, and counts what happens there.
async fn node(builder: Builder) -> Node {
    super::limit::watch();
    let counts = Counts::default();
    let container = counts.during(builder.watched()).await.unwrap();
    Node { container, counts }
}

/// A node that others find on this machine.
fn plain(name: &str) -> Builder {
    Container::builder("tcp://127.0.0.1:0").name(name)
}

/// A node that uses the exchange of `hub`.
fn using(builder: Builder, hub: &Container) -> Builder {
    builder.exchange(&hub.endpoint().to_string())
}

async fn register(node: &Container, number: u128, name: &str) -> Result<Mailbox, ExchangeError> {
    let registration = Registration::new(MailboxId::agent(number)).named(name);
    let exchange = node.mailroom().unwrap().exchange().clone();
    Mailbox::register(exchange, Asker::Container, registration).await
}

/// The mailbox of that number, as `node` uses it.
fn at(node: &Container, mailbox: &Mailbox) -> Mailbox {
    Mailbox::new(node.mailroom().unwrap().exchange().clone(), Asker::Container, mailbox.id())
}

async fn send(node: &Container, to: &Mailbox, name: &str, id: u128, body: &str) -> Result<(), MailError> {
    let mail = Mail::new(MailId(id), "order", body.to_owned());
    let posting = Posting::new(to.id(), mail, node.principal().clone(), Asker::Container).named(name);
    let posting = posting.from_inside();
    node.mailroom().unwrap().send(posting).await.map(drop)
}

async fn next(mailbox: &Mailbox) -> Delivery {
    mailbox.recv(SOON).await.unwrap().expect("mail comes")
}

fn text(delivery: &Delivery) -> String {
    String::from_utf8(delivery.mail.body.to_vec()).unwrap()
}

/// Waits until something is so.
async fn until(is_so: impl Fn() -> bool) {
    while !is_so() {
        tokio::task::yield_now().await;
    }
}

async fn shut_down<const N: usize>(nodes: [Node; N]) {
    for node in nodes {
        node.shutdown().await;
        assert_eq!(node.counts.gauge("exchange_far_receivers"), 0.0, "a receiver was left behind");
        assert_eq!(node.counts.of("exchange_far_give_backs_lost"), 0);
    }
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn mail_crosses_a_link_in_every_codec_whatever_its_size() {
    for codec in Codec::ALL {
        let hub = node(plain("hub").exchange("memory:")).await;
        let client = node(using(plain("client").codec(codec), &hub)).await;
        let there = register(&hub, 1, "pump").await.unwrap();
        let here = at(&client, &there);
        for (id, bytes) in [(1, 0), (2, 1), (3, 70_000), (4, 300_000)] {
            let body = "ß".repeat(bytes / 2);
            send(&client, &there, "pump", id, &body).await.unwrap();
            let delivery = next(&here).await;
            assert_eq!((text(&delivery) == body, delivery.attempt), (true, 1), "{codec}: {bytes} bytes");
            here.acknowledge(&delivery.receipt).await.unwrap();
        }
        // Many at once are more than one answer holds: what is left over is not lost, and comes with the next.
        for id in 10..20 {
            send(&hub, &there, "pump", id, &"x".repeat(700_000)).await.unwrap();
        }
        let (mut ids, mut answers) = (Vec::new(), 0);
        while ids.len() < 10 {
            let got =
                here.exchange().recv(here.asker(), here.id(), Recv::within(SOON).at_most(20)).await.unwrap();
            answers += 1;
            for delivery in got {
                assert_eq!(delivery.attempt, 1);
                ids.push(delivery.mail.id.0);
                here.acknowledge(&delivery.receipt).await.unwrap();
            }
        }
        assert_eq!(ids, (10..20).collect::<Vec<_>>(), "{codec}");
        assert!(answers > 1, "{answers} answers");
        assert_eq!(hub.counts.of("exchange_far_deliveries_lost"), 0);
        shut_down([client, hub]).await;
    }
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn long_lists_come_in_parts_and_are_whole() {
    let hub = node(plain("hub").exchange("memory:")).await;
    let client = node(using(plain("client"), &hub)).await;
    let there = register(&hub, 1, "pump").await.unwrap();
    let exchange = client.mailroom().unwrap().exchange().clone();
    for id in 1..=20 {
        send(&hub, &there, "pump", id, &"x".repeat(700_000)).await.unwrap();
    }
    let page = |max| folkmoot::exchange::Page::first(max);
    let peeked = exchange.peek(&Asker::Container, there.id(), page(15)).await.unwrap();
    assert_eq!(peeked.iter().map(|one| one.position).collect::<Vec<_>>(), (1..=15).collect::<Vec<_>>());
    for _ in 0..20 {
        let delivery = next(&there).await;
        there.refuse(&delivery.receipt, folkmoot::exchange::Refusal::never("no")).await.unwrap();
    }
    let letters = exchange.dead_letters(&Asker::Container, there.id(), page(1000)).await.unwrap();
    assert_eq!(letters.iter().map(|one| one.position).collect::<Vec<_>>(), (1..=20).collect::<Vec<_>>());
    let wide = |number: u128| {
        let words = |what: &str| {
            (0..64).map(|n| format!("{what}{number}.{n}.{}", "w".repeat(200))).collect::<Vec<_>>()
        };
        Registration::new(MailboxId::agent(number)).lineage(words("t")).capabilities(words("c"))
    };
    for number in 100..400 {
        exchange.register(&Asker::Container, wide(number)).await.unwrap();
    }
    let found = exchange.discover(&Asker::Container, folkmoot::exchange::Query::all()).await.unwrap();
    assert_eq!(found.len(), 301);
    assert_eq!((found[300].id, found[300].lineage.len()), (MailboxId::agent(399), 64));
    shut_down([client, hub]).await;
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn receivers_that_wait_are_bounded_and_hold_up_nobody() {
    let mut limits = folkmoot::LinkLimits::default();
    limits.max_waiting_receivers = 100;
    let hub = node(plain("hub").exchange("memory:").limits(limits)).await;
    let client = node(using(plain("client"), &hub)).await;
    let there = register(&hub, 1, "pump").await.unwrap();
    let here = at(&client, &there);
    let waiting: Vec<_> = (0..10_000)
        .map(|_| {
            let here = here.clone();
            tokio::spawn(async move { here.recv(HOUR).await })
        })
        .collect();
    until(|| waiting.iter().filter(|task| task.is_finished()).count() == 9_900).await;
    assert_eq!(hub.counts.gauge("exchange_far_receivers"), 100.0);
    let (mut stay, mut refused) = (Vec::new(), 0);
    for task in waiting {
        if !task.is_finished() {
            stay.push(task);
            continue;
        }
        let error = task.await.unwrap().unwrap_err();
        assert!(
            matches!(error, ExchangeError::Full { what: "max_waiting_receivers", limit: 100, .. }),
            "{error}"
        );
        refused += 1;
    }
    assert_eq!((stay.len(), refused), (100, 9_900));
    // What does not wait goes on as ever, and each that waits gets its mail.
    for id in 1..=100 {
        send(&client, &there, "pump", id, "water").await.unwrap();
    }
    for task in stay {
        let delivery = task.await.unwrap().unwrap().expect("mail");
        here.acknowledge(&delivery.receipt).await.unwrap();
    }
    assert_eq!(here.exchange().stats(&Asker::Container, here.id()).await.unwrap().acknowledged, 100);
    shut_down([client, hub]).await;
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn more_receivers_wait_than_requests_may_be_in_hand() {
    let hub = node(plain("hub").exchange("memory:")).await;
    let client = node(using(plain("client"), &hub)).await;
    let there = register(&hub, 1, "pump").await.unwrap();
    let here = at(&client, &there);
    let waiting: Vec<_> = (0..10_000)
        .map(|_| {
            let here = here.clone();
            tokio::spawn(async move { here.recv(HOUR).await })
        })
        .collect();
    until(|| hub.counts.gauge("exchange_far_receivers") == 10_000.0).await;
    for id in 1..=50 {
        send(&client, &there, "pump", id, "water").await.unwrap();
    }
    until(|| waiting.iter().filter(|task| task.is_finished()).count() == 50).await;
    for task in &waiting {
        task.abort();
    }
    until(|| hub.counts.gauge("exchange_far_receivers") == 0.0).await;
    let (mut received, mut delivered) = (0, hub.counts.of("mails_delivered"));
    for task in waiting {
        if let Ok(outcome) = task.await {
            here.acknowledge(&outcome.unwrap().expect("mail").receipt).await.unwrap();
            received += 1;
        }
    }
    // A receiver that went away took none with it.
    for _ in received..50 {
        let delivery = next(&here).await;
        delivered += 1;
        here.acknowledge(&delivery.receipt).await.unwrap();
    }
    assert!(delivered >= 50);
    assert_eq!(hub.counts.of("mails_acknowledged"), 50);
    shut_down([client, hub]).await;
}

/// Refuses whatever it is asked.
#[derive(Agent, Default)]
struct Clerk;

#[agent]
impl Clerk {
    #[on("number")]
    fn number(&self, number: u64) -> Result<u64, String> {
        Err(format!("{number} is none"))
    }
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn whoever_asked_over_a_link_is_told_that_the_request_is_dead() {
    let hub = node(plain("hub").exchange("memory:")).await;
    let (one, other) = (node(using(plain("one"), &hub)).await, node(using(plain("other"), &hub)).await);
    let twice = || folkmoot::Durable::new().attempts(2);
    let clerk = one.spawn("clerk", Clerk::default).durable_with(twice()).await.unwrap();
    let ask = async |mail| {
        let asked = other.request::<u64>("clerk", mail).deadline(HOUR);
        match asked.await.unwrap_err() {
            folkmoot::mail::MailError::DeadLetter { death, .. } => death.to_string(),
            error => panic!("{error:?}"),
        }
    };
    let mail = || folkmoot::mail::Mail::new("number", &7_u64);
    assert_eq!(ask(mail()).await, "it was refused at delivery 2, 7 is none");
    one.stop("clerk", SOON).await.unwrap();
    drop(clerk);
    let expired = ask(mail().expires_in(Duration::from_millis(50))).await;
    assert_eq!(expired, "its time was over before it was acknowledged");
    assert_eq!((hub.counts.of("dead_letters_told"), hub.counts.of("dead_letters_untold")), (2, 0));
    shut_down([one, other, hub]).await;
}
