//! Agents that have mailboxes of their own: what becomes of their mail.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use folkmoot::exchange::{Asker, DeathCause, MailboxId, Page, Query};
use folkmoot::mail::MailError;
use folkmoot::prelude::*;
use folkmoot::{Backoff, Builder, Durable, SpawnError};
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use super::counts::Counts;

/// What happened, in order; anybody may wait for more.
#[derive(Clone, Default)]
struct Book(Arc<(Mutex<Vec<String>>, Notify)>);

impl Book {
    fn write(&self, line: impl Into<String>) {
        self.0.0.lock().unwrap().push(line.into());
        self.0.1.notify_waiters();
    }

    fn lines(&self) -> Vec<String> {
        self.0.0.lock().unwrap().clone()
    }

    async fn until(&self, count: usize) -> Vec<String> {
        loop {
            let mut more = std::pin::pin!(self.0.1.notified());
            more.as_mut().enable();
            let lines = self.lines();
            if lines.len() >= count {
                return lines;
            }
            more.await;
        }
    }
}

#[derive(Serialize, Deserialize)]
struct Order {
    litres: u64,
}

#[derive(Agent)]
struct Pump {
    book: Book,
    level: u64,
}

#[agent]
impl Pump {
    #[on("order")]
    async fn order(&mut self, order: Order, mail: &Delivery, ctx: &Context<Self>) -> Result<(), String> {
        self.book.write(format!("{} litres, attempt {}", order.litres, mail.attempt));
        match order.litres {
            0 => Err("nothing to pump".to_owned()),
            13 => panic!("out of luck"),
            litres => {
                self.level += litres;
                if let Some(tank) = ctx.name().strip_suffix("-pump") {
                    ctx.send(tank, Mail::new("filled", &litres)).await.map_err(|error| error.to_string())?;
                }
                Ok(())
            }
        }
    }

    #[on("level?")]
    fn level(&self, _: ()) -> u64 {
        self.level
    }

    #[expose]
    fn now(&self) -> u64 {
        self.level
    }
}

async fn node(name: &str) -> Container {
    super::limit::watch();
    Container::builder(&format!("local://durable-{name}")).exchange("memory:").start().await.unwrap()
}

fn pump(book: &Book) -> impl Fn() -> Pump + Clone + Send + Sync + use<> {
    let book = book.clone();
    move || Pump { book: book.clone(), level: 0 }
}

fn quick() -> Durable {
    let backoff = Backoff { first: Duration::from_millis(1), longest: Duration::from_millis(4) };
    Durable::new().attempts(4).backoff(backoff)
}

fn order(litres: u64) -> Mail {
    Mail::new("order", &Order { litres })
}

async fn mailbox(node: &Container, name: &str) -> MailboxId {
    let found = node.mailroom().unwrap().exchange().discover(&Asker::Container, Query::named(name)).await;
    found.unwrap()[0].id
}

#[folkmoot::test]
async fn mail_is_handled_in_order_and_acknowledged() {
    let counts = Counts::default();
    let node = counts.during(node("order")).await;
    let book = Book::default();
    let proxy = node.spawn("pump", pump(&book)).durable().await.unwrap();
    for litres in [1, 2, 3] {
        node.send("pump", order(litres)).await.unwrap();
    }
    assert_eq!(book.until(3).await, ["1 litres, attempt 1", "2 litres, attempt 1", "3 litres, attempt 1"]);
    node.stop("pump", Duration::from_secs(10)).await.unwrap();
    drop(proxy);
    let id = mailbox(&node, "pump").await;
    let stats = node.mailroom().unwrap().exchange().stats(&Asker::Container, id).await.unwrap();
    assert_eq!((stats.ready, stats.in_hand, stats.acknowledged), (0, 0, 3));
    assert_eq!(counts.of("mails_handled"), 3);
    node.shutdown().await;
}

#[folkmoot::test]
async fn a_mail_that_fails_is_tried_again_and_becomes_a_dead_letter_that_can_be_put_back() {
    let counts = Counts::default();
    let node = counts.during(node("fails")).await;
    let book = Book::default();
    let _proxy = node.spawn("pump", pump(&book)).durable_with(quick()).await.unwrap();
    node.send("pump", order(0)).await.unwrap();
    let tried = |from: u32| (from..from + 4).map(|attempt| format!("0 litres, attempt {attempt}"));
    assert_eq!(book.until(4).await, tried(1).collect::<Vec<_>>());
    let (exchange, id) = (node.mailroom().unwrap().exchange(), mailbox(&node, "pump").await);
    let dead = loop {
        let dead = exchange.dead_letters(&Asker::Container, id, Page::first(9)).await.unwrap();
        if !dead.is_empty() {
            break dead;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(dead[0].cause, DeathCause::Refused("nothing to pump".into()));
    assert_eq!(dead[0].attempts, 4);
    exchange.requeue(&Asker::Container, id, vec![dead[0].position]).await.unwrap();
    book.until(8).await;
    assert!(counts.of("mails_retried") >= 7);
    assert_eq!(counts.of("mails_handled"), 0);
    node.shutdown().await;
}

#[folkmoot::test]
async fn a_mail_that_crashes_its_agent_is_given_up_before_the_agent_is() {
    let counts = Counts::default();
    let node = counts.during(node("crashes")).await;
    let book = Book::default();
    let proxy = node.spawn("pump", pump(&book)).durable_with(quick()).intensity(3, Duration::from_secs(600));
    let proxy = proxy.backoff(Backoff::NONE).await.unwrap();
    node.send("pump", order(13)).await.unwrap();
    node.send("pump", order(5)).await.unwrap();
    let lines = book.until(4).await;
    assert_eq!(lines.iter().filter(|line| line.starts_with("13 ")).count(), 3, "{lines:?}");
    assert_eq!(lines.iter().filter(|line| line.starts_with("5 ")).count(), 1, "{lines:?}");
    let (exchange, id) = (node.mailroom().unwrap().exchange(), mailbox(&node, "pump").await);
    let dead = loop {
        let dead = exchange.dead_letters(&Asker::Container, id, Page::first(9)).await.unwrap();
        if !dead.is_empty() {
            break dead;
        }
        tokio::task::yield_now().await;
    };
    let reason = dead[0].cause.to_string();
    assert!(reason.contains("its handler panicked: out of luck"), "{reason}");
    proxy.now().await.expect("the agent lives");
    assert_eq!(node.restarts("pump").unwrap(), 3);
    assert_eq!(counts.of("mails_crashing"), 1);
    node.shutdown().await;
}

#[folkmoot::test]
async fn mail_that_nobody_can_read_or_handle_is_a_dead_letter_at_once() {
    let counts = Counts::default();
    let node = counts.during(node("odd")).await;
    let book = Book::default();
    let _proxy = node.spawn("pump", pump(&book)).durable().await.unwrap();
    node.send("pump", Mail::new("order", "ten")).await.unwrap();
    node.send("pump", Mail::new("recall", &7)).await.unwrap();
    node.send("pump", order(1)).await.unwrap();
    book.until(1).await;
    let (exchange, id) = (node.mailroom().unwrap().exchange(), mailbox(&node, "pump").await);
    let dead = loop {
        let dead = exchange.dead_letters(&Asker::Container, id, Page::first(9)).await.unwrap();
        if dead.len() == 2 {
            break dead;
        }
        tokio::task::yield_now().await;
    };
    let reasons: Vec<String> = dead.iter().map(|dead| dead.cause.to_string()).collect();
    assert!(reasons[0].contains("what the mail says cannot be read"), "{reasons:?}");
    assert!(reasons[1].contains("has no handler for mail of kind \"recall\""), "{reasons:?}");
    assert_eq!((counts.of("mails_unreadable"), counts.of("mails_unhandled")), (1, 1));
    node.shutdown().await;
}

/// Asks the pump by mail.
#[derive(Agent, Default)]
struct Reader;

#[agent]
impl Reader {
    #[expose]
    async fn read(&self, whom: String, ctx: &Context<Self>) -> Result<u64, String> {
        let level = ctx.request(whom, Mail::new("level?", &())).deadline(Duration::from_secs(60));
        level.await.map_err(|error| format!("{error:?}"))
    }
}

#[folkmoot::test]
async fn a_request_is_answered_with_what_its_handler_returns() {
    let node = node("asks").await;
    let book = Book::default();
    let reader = node.spawn("reader", Reader::default).durable().await.unwrap();
    let plain = node.spawn("plain", Reader::default).await.unwrap();
    let error = reader.read("pump".into()).await.unwrap_err();
    assert!(error.to_string().contains("NoSuchMailbox"), "{error}");
    let _proxy = node.spawn("pump", pump(&book)).durable().await.unwrap();
    node.send("pump", order(5)).await.unwrap();
    book.until(1).await;
    assert_eq!(reader.read("pump".into()).await.unwrap(), 5);
    let error = plain.read("pump".into()).await.unwrap_err();
    assert!(error.to_string().contains("NotDurable"), "{error}");
    // What waits there is answered when it is over.
    node.stop("pump", Duration::from_secs(10)).await.unwrap();
    let waiting = tokio::spawn({
        let reader = reader.clone();
        async move { reader.read("pump".into()).await }
    });
    let (exchange, id) = (node.mailroom().unwrap().exchange(), mailbox(&node, "pump").await);
    while exchange.stats(&Asker::Container, id).await.unwrap().pending_requests == 0 {
        tokio::task::yield_now().await;
    }
    exchange.terminate(&Asker::Container, id).await.unwrap();
    let error = waiting.await.unwrap().unwrap_err();
    assert!(error.to_string().contains("Terminated"), "{error}");
    node.shutdown().await;
}

#[folkmoot::test]
async fn what_a_handler_sends_leaves_with_its_acknowledgement_or_not_at_all() {
    let node = node("outbox").await;
    let (book, tank) = (Book::default(), Book::default());
    let _tank = node.spawn("tank", tank_of(&tank)).durable().await.unwrap();
    let _pump = node.spawn("tank-pump", pump_that_fails_after_sending(&book)).durable_with(quick()).await;
    node.send("tank-pump", order(7)).await.unwrap();
    book.until(2).await;
    assert_eq!(tank.until(1).await, ["7"], "sent by the second attempt alone");
    node.send("tank-pump", order(8)).await.unwrap();
    assert_eq!(tank.until(3).await, ["7", "8", "8"], "both were sent by one handler");
    node.shutdown().await;
}

#[derive(Agent)]
struct Tank {
    book: Book,
}

#[agent]
impl Tank {
    #[on]
    fn any(&mut self, mail: Delivery) -> Result<(), String> {
        self.book.write(mail.read::<u64>()?.to_string());
        Ok(())
    }
}

fn tank_of(book: &Book) -> impl Fn() -> Tank + Clone + Send + Sync + use<> {
    let book = book.clone();
    move || Tank { book: book.clone() }
}

#[derive(Agent)]
struct Shaky {
    book: Book,
}

#[agent]
impl Shaky {
    #[on("order")]
    async fn order(&self, order: Order, mail: &Delivery, ctx: &Context<Self>) -> Result<(), String> {
        self.book.write(order.litres.to_string());
        let error = ctx.send("nobody", Mail::new("filled", &1)).await.unwrap_err();
        assert!(matches!(error, MailError::NoSuchMailbox { .. }), "{error}");
        ctx.send("tank", Mail::new("filled", &order.litres)).await.map_err(|error| error.to_string())?;
        match order.litres {
            7 if mail.attempt == 1 => Err("shaky".to_owned()),
            8 => ctx.send("tank", Mail::new("filled", &8)).await.map_err(|error| error.to_string()),
            _ => Ok(()),
        }
    }
}

fn pump_that_fails_after_sending(book: &Book) -> impl Fn() -> Shaky + Clone + Send + Sync + use<> {
    let book = book.clone();
    move || Shaky { book: book.clone() }
}

#[folkmoot::test]
async fn an_agent_moves_to_another_node_with_its_mail() {
    let first = node("first").await;
    let second = Container::builder("local://durable-second").exchange_of(first.mailroom().unwrap());
    let second = second.start().await.unwrap();
    let book = Book::default();
    first.spawn("pump", pump(&book)).durable().await.unwrap();
    let late = second.spawn("pump", pump(&book)).durable().start_deadline(Duration::from_millis(50));
    let error = late.await.unwrap_err();
    let told = error.to_string();
    assert!(matches!(&error, SpawnError::Owned { .. }), "{told}");
    assert!(told.contains("node \"local://durable-first\" has its mailbox until"), "{told}");
    first.stop("pump", Duration::from_secs(10)).await.unwrap();
    second.send("pump", order(1)).await.unwrap();
    second.spawn("pump", pump(&book)).durable().await.unwrap();
    second.send("pump", order(2)).await.unwrap();
    assert_eq!(book.until(2).await, ["1 litres, attempt 1", "2 litres, attempt 1"]);
    second.shutdown().await;
    first.shutdown().await;
}

#[folkmoot::test]
async fn an_owner_whose_lease_is_anothers_ends() {
    let counts = Counts::default();
    let node = counts.during(node("lost")).await;
    let book = Book::default();
    let durable = Durable::new().lease(Duration::from_millis(300));
    let proxy = node.spawn("pump", pump(&book)).durable_with(durable).await.unwrap();
    let mut monitor = node.monitor(&proxy).await.unwrap();
    let (exchange, id) = (node.mailroom().unwrap().exchange(), mailbox(&node, "pump").await);
    let minute = Duration::from_secs(60);
    let error = exchange.take_lease(&Asker::Container, id, "thief".into(), minute).await.unwrap_err();
    let folkmoot::exchange::ExchangeError::Owned { holder, .. } = error else { panic!("{error}") };
    // Whoever holds it under the same name has it from then on.
    exchange.take_lease(&Asker::Container, id, holder, minute).await.unwrap();
    let event = monitor.next().await;
    assert!(format!("{event:?}").contains("it lost its mailbox"), "{event:?}");
    assert_eq!(counts.of("mailboxes_lost"), 1);
    assert!(node.agents().is_empty());
    node.shutdown().await;
}

#[folkmoot::test(sim, twice)]
async fn mail_outlives_the_crash_of_a_node_and_waits_for_the_lease(sim: folkmoot::sim::Sim) {
    let post = sim.node("post", async |builder: Builder| Ok(builder.exchange("memory:").start().await?));
    let post = post.await.unwrap();
    let book = Book::default();
    let mut begun = Vec::new();
    for node in ["a", "b"] {
        let (mailroom, pump) = (post.mailroom().unwrap().clone(), pump(&book));
        let started = sim.node(node, async move |builder: Builder| {
            let node = builder.exchange_of(&mailroom).start().await?;
            if node.principal().node_name() == "a" {
                node.spawn("pump", pump.clone()).durable().await?;
            }
            Ok(node)
        });
        begun.push(started.await.unwrap());
    }
    post.send("pump", order(1)).await.unwrap();
    book.until(1).await;
    sim.crash("a").await.unwrap();
    post.send("pump", order(2)).await.unwrap();
    let crashed_at = sim.elapsed();
    begun[1].spawn("pump", pump(&book)).durable().await.unwrap();
    let waited = sim.elapsed() - crashed_at;
    assert!(waited > Duration::from_secs(10) && waited < Duration::from_secs(21), "{waited:?}");
    assert_eq!(book.until(2).await, ["1 litres, attempt 1", "2 litres, attempt 1"]);
}
