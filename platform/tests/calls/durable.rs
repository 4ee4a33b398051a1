//! Agents that have mailboxes of their own: what becomes of their mail.

use std::sync::Arc;
use std::time::Duration;

use folkmoot::exchange::{Asker, DeathCause, ExchangeLimits, MailboxId, MailboxLimits, Page, Query};
use folkmoot::mail::MailError;
use folkmoot::prelude::*;
use folkmoot::{AgentEvent, Backoff, Builder, Durable, SpawnError};
use serde::{Deserialize, Serialize};

use super::book::Book;
use super::counts::Counts;
use super::engines::Engine;

over_every_engine![
    mail_is_handled_in_order_and_acknowledged,
    a_mail_that_fails_is_tried_again_and_becomes_a_dead_letter_that_can_be_put_back,
    a_mail_that_crashes_its_agent_is_given_up_before_the_agent_is,
    mail_that_nobody_can_read_or_handle_is_a_dead_letter_at_once,
    a_request_is_answered_with_what_its_handler_returns,
    what_a_handler_sends_leaves_with_its_acknowledgement_or_not_at_all,
    an_agent_moves_to_another_node_with_its_mail,
    an_owner_whose_lease_is_anothers_ends,
    an_owner_whose_lease_is_nobodys_is_started_anew,
    with_one_in_hand_nothing_overtakes_what_is_tried_again,
    an_answer_comes_though_as_many_mails_are_in_hand_as_may_be,
    no_more_are_in_hand_than_may_be_and_what_was_not_begun_goes_back_untouched,
    what_the_rules_do_not_allow_is_denied_when_it_is_delivered,
    an_agent_ends_with_its_mailbox_and_the_next_begins_another,
    attempts_of_its_own_leave_an_agent_the_other_bounds_of_its_exchange,
    what_cannot_be_is_told_before_anything_is_spawned,
    a_program_asks_by_mail_too,
];

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

    #[expose]
    fn crash(&self, ctx: &Context<Self>) -> Option<String> {
        ctx.last_crash()
    }
}

/// The URL of a node, which is that of one test alone.
fn url(engine: Engine, name: &str) -> String {
    format!("local://durable-{name}-{}", engine.name())
}

async fn node(engine: Engine, name: &str) -> Container {
    super::limit::watch();
    Container::builder(&url(engine, name)).exchange(&engine.line()).start().await.unwrap()
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

async fn mail_is_handled_in_order_and_acknowledged(engine: Engine) {
    let counts = Counts::default();
    let node = counts.during(node(engine, "order")).await;
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

async fn a_mail_that_fails_is_tried_again_and_becomes_a_dead_letter_that_can_be_put_back(engine: Engine) {
    let counts = Counts::default();
    let node = counts.during(node(engine, "fails")).await;
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

async fn a_mail_that_crashes_its_agent_is_given_up_before_the_agent_is(engine: Engine) {
    let counts = Counts::default();
    let node = counts.during(node(engine, "crashes")).await;
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

async fn mail_that_nobody_can_read_or_handle_is_a_dead_letter_at_once(engine: Engine) {
    let counts = Counts::default();
    let node = counts.during(node(engine, "odd")).await;
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

async fn a_request_is_answered_with_what_its_handler_returns(engine: Engine) {
    let node = node(engine, "asks").await;
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

async fn what_a_handler_sends_leaves_with_its_acknowledgement_or_not_at_all(engine: Engine) {
    let node = node(engine, "outbox").await;
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

async fn an_agent_moves_to_another_node_with_its_mail(engine: Engine) {
    let first = node(engine, "first").await;
    let second = Container::builder(&url(engine, "second")).exchange_of(first.mailroom().unwrap());
    let second = second.start().await.unwrap();
    let book = Book::default();
    first.spawn("pump", pump(&book)).durable().await.unwrap();
    let late = second.spawn("pump", pump(&book)).durable().start_deadline(Duration::from_millis(50));
    let error = late.await.unwrap_err();
    let told = error.to_string();
    assert!(matches!(&error, SpawnError::Owned { .. }), "{told}");
    let holder = format!("node {:?} has its mailbox until", url(engine, "first"));
    assert!(told.contains(&holder), "{told}");
    first.stop("pump", Duration::from_secs(10)).await.unwrap();
    second.send("pump", order(1)).await.unwrap();
    second.spawn("pump", pump(&book)).durable().await.unwrap();
    second.send("pump", order(2)).await.unwrap();
    assert_eq!(book.until(2).await, ["1 litres, attempt 1", "2 litres, attempt 1"]);
    second.shutdown().await;
    first.shutdown().await;
}

async fn an_owner_whose_lease_is_anothers_ends(engine: Engine) {
    let counts = Counts::default();
    let node = counts.during(node(engine, "lost")).await;
    let book = Book::default();
    let durable = Durable::new().lease(Duration::from_millis(300));
    let proxy = node.spawn("pump", pump(&book)).durable_with(durable).await.unwrap();
    let mut monitor = node.monitor(&proxy).await.unwrap();
    let (exchange, id) = (node.mailroom().unwrap().exchange(), mailbox(&node, "pump").await);
    // Both are begun before the agent can know of the first.
    let given_up = exchange.give_up_lease(&Asker::Container, id, 1);
    let taken = exchange.take_lease(&Asker::Container, id, "thief 1".into(), Duration::from_secs(60));
    let (given_up, taken) = futures_util::future::join(given_up, taken).await;
    assert!(given_up.is_ok() && taken.is_ok(), "{given_up:?}, {taken:?}");
    let event = monitor.next().await;
    assert!(format!("{event:?}").contains("it lost its mailbox"), "{event:?}");
    let Some(AgentEvent::Ended { cause, in_order: false }) = monitor.next().await else { panic!("it ends") };
    assert!(cause.contains("it lost its mailbox") && cause.contains("node \"thief\" has it"), "{cause}");
    assert_eq!((counts.of("mailboxes_lost"), counts.of("mailboxes_retaken")), (1, 0));
    assert!(node.agents().is_empty());
    node.shutdown().await;
}

async fn an_owner_whose_lease_is_nobodys_is_started_anew(engine: Engine) {
    let counts = Counts::default();
    let node = counts.during(node(engine, "regained")).await;
    let book = Book::default();
    let proxy = node.spawn("pump", pump(&book)).durable().await.unwrap();
    let mut monitor = node.monitor(&proxy).await.unwrap();
    node.send("pump", order(5)).await.unwrap();
    book.until(1).await;
    let (exchange, id) = (node.mailroom().unwrap().exchange(), mailbox(&node, "pump").await);
    for lost in 1..=3_u64 {
        // As where its node has slept for longer than a lease.
        exchange.give_up_lease(&Asker::Container, id, lost).await.unwrap();
        let Some(AgentEvent::Crashed { cause }) = monitor.next().await else { panic!("it is told") };
        assert!(cause.starts_with("it lost its mailbox: "), "{cause}");
        assert_eq!(monitor.next().await, Some(AgentEvent::Restarted { restarts: lost }));
        assert_eq!(proxy.now().await.unwrap(), 0, "it is made anew");
        assert_eq!(proxy.crash().await.unwrap(), Some(cause));
        assert_eq!((counts.of("mailboxes_lost"), counts.of("mailboxes_retaken")), (lost, lost));
    }
    // What past owners say is refused still, and the present one's is taken.
    let error = exchange.give_up_lease(&Asker::Container, id, 3).await.unwrap_err();
    assert!(matches!(error, folkmoot::exchange::ExchangeError::NotTheOwner { .. }), "{error}");
    node.send("pump", order(6)).await.unwrap();
    assert_eq!(book.until(2).await, ["5 litres, attempt 1", "6 litres, attempt 1"]);
    node.stop("pump", Duration::from_secs(10)).await.unwrap();
    let stats = exchange.stats(&Asker::Container, id).await.unwrap();
    assert_eq!((stats.accepted, stats.acknowledged, stats.ready, stats.in_hand), (2, 2, 0, 0));
    // It was left in order: nobody waits for the end of a lease.
    node.spawn("pump", pump(&book)).durable().start_deadline(Duration::from_secs(10)).await.unwrap();
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

/// Handles what it is told to, when it is told to.
#[derive(Agent)]
struct Slow {
    book: Book,
    gate: Arc<tokio::sync::Semaphore>,
}

#[agent]
impl Slow {
    #[on("work")]
    async fn work(&self, number: u64, mail: &Delivery, ctx: &Context<Self>) -> Result<(), String> {
        self.book.write(format!("begins {number}"));
        self.gate.acquire().await.map_err(|error| error.to_string())?.forget();
        if number == 1 && mail.attempt == 1 {
            return Err("once more".to_owned());
        }
        if number == 4 {
            let level: u64 = ctx
                .request("pump", Mail::new("level?", &()))
                .deadline(Duration::from_secs(60))
                .await
                .map_err(|error| error.to_string())?;
            self.book.write(format!("asked {level}"));
        }
        self.book.write(format!("ends {number}"));
        Ok(())
    }
}

fn slow(book: &Book, gate: &Arc<tokio::sync::Semaphore>) -> impl Fn() -> Slow + Clone + Send + Sync + use<> {
    let (book, gate) = (book.clone(), gate.clone());
    move || Slow { book: book.clone(), gate: gate.clone() }
}

fn work(number: u64) -> Mail {
    Mail::new("work", &number)
}

async fn with_one_in_hand_nothing_overtakes_what_is_tried_again(engine: Engine) {
    let node = node(engine, "strict").await;
    let (book, gate) = (Book::default(), Arc::new(tokio::sync::Semaphore::new(99)));
    for number in [1, 2, 3] {
        node.send("slow", work(number)).await.unwrap_err();
    }
    let strict = quick().in_hand(1);
    let proxy = node.spawn("slow", slow(&book, &gate)).durable_with(strict).await.unwrap();
    for number in [1, 2, 3] {
        node.send("slow", work(number)).await.unwrap();
    }
    let expected = ["begins 1", "begins 1", "ends 1", "begins 2", "ends 2", "begins 3", "ends 3"];
    assert_eq!(book.until(7).await, expected);
    drop(proxy);
    node.shutdown().await;
}

async fn an_answer_comes_though_as_many_mails_are_in_hand_as_may_be(engine: Engine) {
    let node = node(engine, "ahead").await;
    let (book, gate) = (Book::default(), Arc::new(tokio::sync::Semaphore::new(0)));
    let _pump = node.spawn("pump", pump(&Book::default())).durable().await.unwrap();
    let _slow = node.spawn("slow", slow(&book, &gate)).durable_with(quick().in_hand(1)).await.unwrap();
    for number in [4, 2, 3] {
        node.send("slow", work(number)).await.unwrap();
    }
    book.until(1).await;
    gate.add_permits(9);
    let expected = ["begins 4", "asked 0", "ends 4", "begins 2", "ends 2", "begins 3", "ends 3"];
    assert_eq!(book.until(7).await, expected);
    node.shutdown().await;
}

async fn no_more_are_in_hand_than_may_be_and_what_was_not_begun_goes_back_untouched(engine: Engine) {
    let node = node(engine, "window").await;
    let (book, gate) = (Book::default(), Arc::new(tokio::sync::Semaphore::new(0)));
    let proxy = node.spawn("slow", slow(&book, &gate)).durable_with(quick().in_hand(2)).await.unwrap();
    for number in [5, 6, 7, 8] {
        node.send("slow", work(number)).await.unwrap();
    }
    assert_eq!(book.until(2).await, ["begins 5", "begins 6"]);
    let (exchange, id) = (node.mailroom().unwrap().exchange().clone(), mailbox(&node, "slow").await);
    let stats = exchange.stats(&Asker::Container, id).await.unwrap();
    assert_eq!((stats.in_hand, stats.ready), (2, 2));
    // Suspended, it begins nothing; what is done makes room for two that wait in its queue.
    let stopping = tokio::spawn({
        let node = node.clone();
        async move { node.stop("slow", Duration::from_secs(60)).await }
    });
    while folkmoot::Status::Stopping != status(&node, "slow") {
        tokio::task::yield_now().await;
    }
    gate.add_permits(9);
    stopping.await.unwrap().unwrap();
    drop(proxy);
    assert_eq!(book.lines(), ["begins 5", "begins 6", "ends 5", "ends 6"]);
    let stats = exchange.stats(&Asker::Container, id).await.unwrap();
    assert_eq!((stats.in_hand, stats.ready, stats.acknowledged), (0, 2, 2));
    // Nobody had looked at them: it is their first attempt still.
    let peeked = exchange.peek(&Asker::Container, id, Page::first(9)).await.unwrap();
    assert_eq!(peeked.iter().map(|mail| mail.attempts).collect::<Vec<_>>(), [0, 0]);
    node.spawn("slow", slow(&book, &gate)).durable().await.unwrap();
    let lines = book.until(8).await;
    assert_eq!(lines.iter().filter(|line| line.starts_with("ends")).count(), 4, "{lines:?}");
    node.shutdown().await;
}

fn status(node: &Container, agent: &str) -> folkmoot::Status {
    let all = node.tree();
    let found = all.entries.iter().find_map(|entry| match entry {
        folkmoot::TreeEntry::Agent(found) if found.name == agent => Some(found.status),
        _ => None,
    });
    found.unwrap_or(folkmoot::Status::Stopped)
}

async fn what_the_rules_do_not_allow_is_denied_when_it_is_delivered(engine: Engine) {
    super::limit::watch();
    let counts = Counts::default();
    // The post takes mail from everyone; the node where the agent lives does not.
    let post = node(engine, "post").await;
    let strict = Container::builder(&url(engine, "gated")).exchange_of(post.mailroom().unwrap());
    let strict = strict.allow(&url(engine, "post"), "pump", "level?");
    let strict = counts.during(strict.start()).await.unwrap();
    let book = Book::default();
    let _pump = strict.spawn("pump", pump(&book)).durable().await.unwrap();
    let reader = post.spawn("reader", Reader::default).durable().await.unwrap();
    post.send("pump", order(1)).await.unwrap();
    strict.send("pump", order(2)).await.unwrap();
    assert_eq!(book.until(1).await, ["2 litres, attempt 1"]);
    assert_eq!(reader.read("pump".into()).await.unwrap(), 2);
    // Whoever was asked may answer, whatever the rules say.
    let _other = post.spawn("other", pump(&book)).durable().await.unwrap();
    let asker = strict.spawn("asker", Reader::default).durable().await.unwrap();
    assert_eq!(asker.read("other".into()).await.unwrap(), 0);
    let (exchange, id) = (post.mailroom().unwrap().exchange(), mailbox(&post, "pump").await);
    let dead = exchange.dead_letters(&Asker::Container, id, Page::first(9)).await.unwrap();
    assert!(dead[0].cause.to_string().contains("the gate refused it: no rule lets"), "{}", dead[0].cause);
    // An answer may be here before it is counted there.
    while counts.of("mails_handled") < 2 {
        tokio::task::yield_now().await;
    }
    assert_eq!((counts.of("mails_denied"), counts.of("denials"), counts.of("mails_handled")), (1, 1, 2));
    strict.shutdown().await;
    post.shutdown().await;
}

async fn an_agent_ends_with_its_mailbox_and_the_next_begins_another(engine: Engine) {
    let node = node(engine, "over").await;
    let book = Book::default();
    let proxy = node.spawn("pump", pump(&book)).durable().restart(Restart::Permanent).await.unwrap();
    let mut monitor = node.monitor(&proxy).await.unwrap();
    let (exchange, id) = (node.mailroom().unwrap().exchange(), mailbox(&node, "pump").await);
    exchange.terminate(&Asker::Container, id).await.unwrap();
    let event = monitor.next().await;
    assert!(format!("{event:?}").contains("Ended"), "{event:?}");
    let error = node.send("pump", order(1)).await.unwrap_err();
    assert!(matches!(error, MailError::NoSuchMailbox { .. }), "{error}");
    while !node.agents().is_empty() {
        tokio::task::yield_now().await;
    }
    node.spawn("pump", pump(&book)).durable().await.unwrap();
    assert_ne!(mailbox(&node, "pump").await, id);
    node.send("pump", order(2)).await.unwrap();
    assert_eq!(book.until(1).await, ["2 litres, attempt 1"]);
    node.shutdown().await;
}

async fn attempts_of_its_own_leave_an_agent_the_other_bounds_of_its_exchange(engine: Engine) {
    super::limit::watch();
    let mailbox = MailboxLimits { messages: 3, ..MailboxLimits::default() };
    let limits = ExchangeLimits { mailbox, ..ExchangeLimits::default() };
    let node = Container::builder(&url(engine, "bounds")).exchange(&engine.line()).exchange_limits(limits);
    let node = node.start().await.unwrap();
    let book = Book::default();
    node.spawn("pump", pump(&book)).durable_with(Durable::new().attempts(2)).await.unwrap();
    node.stop("pump", Duration::from_secs(5)).await.unwrap();
    for litres in 0..3 {
        node.send("pump", order(litres)).await.unwrap();
    }
    let error = node.send("pump", order(3)).await.unwrap_err();
    assert!(matches!(error, MailError::Full(_)), "{error}");
    node.shutdown().await;
}

async fn what_cannot_be_is_told_before_anything_is_spawned(engine: Engine) {
    super::limit::watch();
    let without = Container::builder(&url(engine, "none")).start().await.unwrap();
    let book = Book::default();
    let error = without.spawn("pump", pump(&book)).durable().await.unwrap_err();
    assert!(error.to_string().contains("give its builder one, such as `.exchange("), "{error}");
    let error = without.send("pump", order(1)).await.unwrap_err();
    assert!(matches!(error, MailError::NoExchange), "{error}");
    without.shutdown().await;
    let node = node(engine, "odd-options").await;
    for (durable, wanted) in [
        (Durable::new().in_hand(0), "`.in_hand(0)`"),
        (Durable::new().attempts(0), "`.attempts(0)`"),
        (Durable::new().lease(Duration::ZERO), "`.lease(0ns)`"),
    ] {
        let error = node.spawn("pump", pump(&book)).durable_with(durable).await.unwrap_err();
        assert!(matches!(error, SpawnError::Configuration { .. }), "{error}");
        assert!(error.to_string().contains(wanted), "{error}");
    }
    let error = node.spawn("pump", pump(&book)).durable_with(Durable::new().attempts(99)).await.unwrap_err();
    assert!(matches!(error, SpawnError::Mailbox { .. }), "{error}");
    node.spawn("pump", pump(&book)).durable().await.unwrap();
    let error = node.spawn("pump", pump(&book)).durable().await.unwrap_err();
    assert!(matches!(error, SpawnError::NameTaken { .. }), "{error}");
    let json = Mail::written("order", Codec::Json, &std::collections::BTreeMap::from([((1, 2), 3)]));
    let error = node.send("pump", json).await.unwrap_err();
    assert!(error.to_string().starts_with("what the mail \"order\" says cannot be written"), "{error}");
    let error = node.send("pump", order(1).priority(10)).await.unwrap_err();
    assert!(error.to_string().contains("10 is no priority"), "{error}");
    node.send("pump", Mail::written("order", Codec::Json, &Order { litres: 4 })).await.unwrap();
    node.send("pump", Mail::raw("order", &br#"{"litres": 5}"#[..])).await.unwrap();
    assert_eq!(book.until(2).await, ["4 litres, attempt 1", "5 litres, attempt 1"]);
    node.shutdown().await;
}

async fn a_program_asks_by_mail_too(engine: Engine) {
    let counts = Counts::default();
    let node = counts.during(node(engine, "program")).await;
    let book = Book::default();
    let minute = Duration::from_secs(60);
    let _pump = node.spawn("pump", pump(&book)).durable().await.unwrap();
    node.send("pump", order(3)).await.unwrap();
    book.until(1).await;
    let ask = || node.request::<u64>("pump", Mail::new("level?", &())).deadline(minute);
    let (one, other) = tokio::join!(ask().into_future(), ask().into_future());
    assert_eq!((one.unwrap(), other.unwrap()), (3, 3));
    let error = node.request::<String>("pump", Mail::new("level?", &())).deadline(minute).await.unwrap_err();
    assert!(matches!(error, MailError::BadAnswer { .. }), "{error}");
    // Nobody waits for it when it comes.
    node.stop("pump", minute).await.unwrap();
    let hasty = node.request::<u64>("pump", Mail::new("level?", &())).deadline(Duration::from_millis(20));
    let error = hasty.await.unwrap_err();
    assert!(matches!(error, MailError::NoAnswer { .. }), "{error}");
    node.spawn("pump", pump(&book)).durable().await.unwrap();
    while counts.of("answers_late") == 0 {
        tokio::task::yield_now().await;
    }
    node.shutdown().await;
}
