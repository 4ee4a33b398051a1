//! What an agent keeps of itself: when it is kept, who finds it, what takes it back.

use std::sync::Arc;
use std::time::Duration;

use folkmoot::exchange::{Asker, ExchangeLimits, Query};
use folkmoot::prelude::*;
use folkmoot::sim::Sim;
use folkmoot::{AgentEvent, Builder, Durable, Mailroom, SpawnError};
use tokio::sync::Notify;

use super::counts::Counts;
use super::engines::Engine;

over_every_engine![
    what_was_answered_is_found_by_the_next_owner_on_another_node,
    a_panic_goes_back_to_what_was_kept_and_an_error_keeps_what_it_changed,
    only_what_changes_is_written_and_once,
    what_cannot_be_kept_is_taken_back_and_the_caller_learns_of_it,
    an_owner_that_has_lost_its_mailbox_answers_nothing_more_and_ends,
    a_turn_that_is_cut_off_leaves_nothing_half_done,
    an_agent_that_keeps_fields_needs_a_mailbox,
    a_newer_program_finds_what_it_knows_and_is_refused_where_it_reads_otherwise,
    a_mail_what_it_changes_and_what_is_sent_for_it_are_one_step,
];

/// Adds what it is told, and says what its life began with.
#[derive(Agent, Default)]
struct Ledger {
    #[persist]
    total: i64,
    #[persist]
    lines: Vec<String>,
    /// Of this life alone.
    calls: u32,
    began_with: i64,
    hold: Option<Arc<Notify>>,
}

#[agent]
impl Ledger {
    #[start]
    fn start(&mut self) {
        self.began_with = self.total;
    }

    #[expose]
    fn add(&mut self, amount: i64) -> i64 {
        self.calls += 1;
        self.total += amount;
        self.total
    }

    #[expose]
    async fn note(&mut self, line: String) -> usize {
        tokio::task::yield_now().await;
        self.lines.push(line);
        self.lines.len()
    }

    #[expose]
    fn add_and_fail(&mut self, amount: i64) -> Result<i64, String> {
        self.total += amount;
        Err(format!("it is {} now", self.total))
    }

    #[expose]
    fn add_and_crash(&mut self, amount: i64) {
        self.total += amount;
        panic!("for the test");
    }

    /// Adds at once, and goes no further before it is let.
    #[expose]
    async fn add_and_wait(&mut self, amount: i64) {
        self.total += amount;
        if let Some(hold) = &self.hold {
            hold.notify_one();
        }
        std::future::pending::<()>().await;
    }

    #[expose]
    fn look(&self) -> (i64, Vec<String>, u32) {
        (self.total, self.lines.clone(), self.calls)
    }

    #[expose]
    fn began_with(&self) -> i64 {
        self.began_with
    }
}

fn hall(engine: Engine, name: &str, room: &Mailroom) -> Builder {
    super::limit::watch();
    Container::builder(&format!("local://keeping-{name}-{}", engine.name())).exchange_of(room)
}

async fn room(engine: Engine) -> Mailroom {
    Mailroom::open(&engine.line()).await.unwrap()
}

async fn what_was_answered_is_found_by_the_next_owner_on_another_node(engine: Engine) {
    let room = room(engine).await;
    let (one, two) = (
        hall(engine, "one", &room).start().await.unwrap(),
        hall(engine, "two", &room).start().await.unwrap(),
    );
    let ledger = one.spawn("ledger", Ledger::default).durable().await.unwrap();
    assert_eq!((ledger.add(2).await.unwrap(), ledger.add(3).await.unwrap()), (2, 5));
    assert_eq!(ledger.note("two and three".to_owned()).await.unwrap(), 1);
    assert_eq!(ledger.look().await.unwrap(), (5, vec!["two and three".to_owned()], 2));
    one.shutdown().await;

    let ledger = two.spawn("ledger", Ledger::default).durable().await.unwrap();
    assert_eq!(ledger.began_with().await.unwrap(), 5, "it was there before `#[start]`");
    assert_eq!(ledger.look().await.unwrap(), (5, vec!["two and three".to_owned()], 0));
    assert_eq!(ledger.add(1).await.unwrap(), 6);
    // Another name is another agent.
    let other = two.spawn("other", Ledger::default).durable().await.unwrap();
    assert_eq!(other.look().await.unwrap().0, 0);
    two.shutdown().await;
}

#[folkmoot::test(sim, twice)]
async fn a_node_that_is_lost_leaves_what_it_had_answered_to_the_next(sim: Sim) {
    let room = room(Engine::Memory).await;
    for name in ["a", "b"] {
        let room = room.clone();
        let start = async move |builder: Builder| Ok(builder.exchange_of(&room).start().await?);
        sim.node(name, start).await.unwrap();
    }
    let (a, b) = (sim.container("a").unwrap(), sim.container("b").unwrap());
    let durable = || Durable::new().lease(Duration::from_secs(10));
    let ledger = a.spawn("ledger", Ledger::default).durable_with(durable()).await.unwrap();
    assert_eq!(ledger.add(7).await.unwrap(), 7);
    let error = b
        .spawn("ledger", Ledger::default)
        .durable_with(durable())
        .start_deadline(Duration::from_secs(1))
        .await;
    assert!(matches!(error, Err(SpawnError::Owned { .. })), "one owner at a time: {error:?}");
    sim.crash("a").await.unwrap();
    let ledger = b.spawn("ledger", Ledger::default).durable_with(durable()).await.unwrap();
    assert_eq!((ledger.began_with().await.unwrap(), ledger.add(1).await.unwrap()), (7, 8));
    b.shutdown().await;
}

async fn a_panic_goes_back_to_what_was_kept_and_an_error_keeps_what_it_changed(engine: Engine) {
    let room = room(engine).await;
    let node = hall(engine, "panic", &room).start().await.unwrap();
    let ledger = node.spawn("ledger", Ledger::default).durable().await.unwrap();
    ledger.add(5).await.unwrap();
    let error = ledger.add_and_crash(100).await.unwrap_err();
    assert!(matches!(error, CallError::AgentPanicked { .. }), "{error}");
    assert_eq!(ledger.look().await.unwrap(), (5, vec![], 0), "what is not kept begins anew");
    assert_eq!(ledger.began_with().await.unwrap(), 5);
    let error = ledger.add_and_fail(1).await.unwrap_err();
    assert!(matches!(&error, CallError::Agent(text) if text == "it is 6 now"), "{error}");
    ledger.add_and_crash(100).await.unwrap_err();
    assert_eq!(ledger.look().await.unwrap().0, 6);
    node.shutdown().await;
}

async fn only_what_changes_is_written_and_once(engine: Engine) {
    let room = room(engine).await;
    let counts = Counts::default();
    let node = counts.during(hall(engine, "counts", &room).start()).await.unwrap();
    let ledger = node.spawn("ledger", Ledger::default).durable().await.unwrap();
    assert_eq!(counts.of("snapshots_kept"), 0, "the factory makes the same again");
    ledger.add(5).await.unwrap();
    ledger.add(0).await.unwrap();
    ledger.look().await.unwrap();
    ledger.note("a line".to_owned()).await.unwrap();
    assert_eq!((counts.of("snapshots_kept"), counts.of("snapshots_refused")), (2, 0));
    // Calls that come while one is being kept wait for it, in order.
    let calls: Vec<_> = (0..20).map(|_| ledger.add(1)).collect();
    let sums = futures_util::future::join_all(calls).await;
    let sums: Vec<i64> = sums.into_iter().map(Result::unwrap).collect();
    assert_eq!(sums, (6..26).collect::<Vec<i64>>());
    assert_eq!(counts.of("snapshots_kept"), 22);
    node.shutdown().await;
}

async fn what_cannot_be_kept_is_taken_back_and_the_caller_learns_of_it(engine: Engine) {
    super::limit::watch();
    let counts = Counts::default();
    let limits = ExchangeLimits { state_bytes: 200, ..ExchangeLimits::default() };
    let node = Container::builder(&format!("local://keeping-full-{}", engine.name()));
    let node = node.exchange(&engine.line()).exchange_limits(limits);
    let node = counts.during(node.start()).await.unwrap();
    let ledger = node.spawn("ledger", Ledger::default).durable().await.unwrap();
    ledger.note("short".to_owned()).await.unwrap();
    let error = ledger.note("long".repeat(100)).await.unwrap_err();
    let CallError::NotKept { agent, reason } = &error else { panic!("{error}") };
    assert!(agent == "ledger" && reason.contains("200"), "{error}");
    assert_eq!(ledger.look().await.unwrap().1, ["short"], "it is as it was kept");
    assert_eq!(ledger.note("more".to_owned()).await.unwrap(), 2);
    assert_eq!((counts.of("snapshots_kept"), counts.of("snapshots_refused")), (2, 1));
    // An exchange that is out of reach.
    node.mailroom().unwrap().exchange().close().await.unwrap();
    let error = ledger.add(1).await.unwrap_err();
    assert!(matches!(error, CallError::NotKept { .. }), "{error}");
    node.shutdown().await;
}

async fn an_owner_that_has_lost_its_mailbox_answers_nothing_more_and_ends(engine: Engine) {
    let room = room(engine).await;
    let node = hall(engine, "lost", &room).start().await.unwrap();
    let ledger = node.spawn("ledger", Ledger::default).durable().await.unwrap();
    ledger.add(5).await.unwrap();
    let mut monitor = node.monitor(&ledger).await.unwrap();
    // As if its lease had ended while the node was frozen, and another had been made the owner.
    let exchange = room.exchange();
    let found = exchange.discover(&Asker::Container, Query::named("ledger")).await.unwrap();
    let given_up = exchange.give_up_lease(&Asker::Container, found[0].id, 1);
    let (holder, time) = ("other 1".into(), Duration::from_secs(60));
    let taken = exchange.take_lease(&Asker::Container, found[0].id, holder, time);
    // Both are begun before the agent can know of the first.
    let (_, taken) = futures_util::future::join(given_up, taken).await;
    let error = ledger.add(100).await.unwrap_err();
    assert!(
        matches!(
            &error,
            CallError::NotKept { .. } | CallError::AgentStopped { .. } | CallError::AgentRestarted { .. }
        ),
        "it is not told that it was added: {error}"
    );
    assert!(matches!(monitor.next().await, Some(AgentEvent::Crashed { .. })), "it tries to have it again");
    let Some(AgentEvent::Ended { cause, in_order: false }) = monitor.next().await else { panic!("it ends") };
    assert!(cause.contains("owner") && cause.contains("mailbox"), "{cause}");
    exchange.give_up_lease(&Asker::Container, found[0].id, taken.unwrap().epoch).await.unwrap();
    let other = hall(engine, "lost-2", &room).start().await.unwrap();
    let heir = other.spawn("ledger", Ledger::default).durable().await.unwrap();
    assert_eq!(heir.add(1).await.unwrap(), 6);
    assert_eq!(heir.add(1).await.unwrap(), 7);
    for container in [node, other] {
        container.shutdown().await;
    }
}

async fn a_turn_that_is_cut_off_leaves_nothing_half_done(engine: Engine) {
    let room = room(engine).await;
    let node = hall(engine, "cut", &room).start().await.unwrap();
    let hold = Arc::new(Notify::new());
    let held = hold.clone();
    let ledger = node.spawn("ledger", move || Ledger { hold: Some(held.clone()), ..Ledger::default() });
    let ledger = ledger.durable().await.unwrap();
    ledger.add(5).await.unwrap();
    let waiting = actix::spawn(ledger.add_and_wait(100));
    hold.notified().await;
    node.shutdown_within(Duration::from_millis(50)).await;
    waiting.await.unwrap().unwrap_err();
    let node = hall(engine, "cut-2", &room).start().await.unwrap();
    let ledger = node.spawn("ledger", Ledger::default).durable().await.unwrap();
    assert_eq!(ledger.look().await.unwrap().0, 5);
    node.shutdown().await;
}

async fn an_agent_that_keeps_fields_needs_a_mailbox(engine: Engine) {
    let room = room(engine).await;
    let node = hall(engine, "none", &room).start().await.unwrap();
    let error = node.spawn("ledger", Ledger::default).await.unwrap_err();
    assert!(
        error.to_string().contains("`#[persist]`") && error.to_string().contains(".durable()"),
        "{error}"
    );
    node.shutdown().await;
}

/// Everything but calls that may change what is kept.
#[derive(Agent, Default)]
#[persist]
struct Diary {
    pages: Vec<String>,
}

#[agent]
impl Diary {
    #[start]
    async fn start(&mut self, ctx: &Context<Self>) {
        ctx.sleep(Duration::ZERO).await;
        self.pages.push("start".to_owned());
    }

    #[stop]
    fn stop(&mut self) {
        self.pages.push("stop".to_owned());
    }

    #[every(seconds = 1)]
    fn tick(&mut self) {
        if self.pages.last().is_some_and(|page| page == "start") {
            self.pages.push("tick".to_owned());
        }
    }

    #[expose]
    fn pages(&self) -> Vec<String> {
        self.pages.clone()
    }
}

#[folkmoot::test(sim, twice)]
async fn starts_stops_and_timers_are_kept_too(sim: Sim) {
    let room = room(Engine::Memory).await;
    let with_room = |room: &Mailroom| {
        let room = room.clone();
        async move |builder: Builder| Ok(builder.exchange_of(&room).start().await?)
    };
    let node = sim.node("a", with_room(&room)).await.unwrap();
    let diary = node.spawn("diary", Diary::default).durable().await.unwrap();
    sim.sleep(Duration::from_secs(2)).await;
    assert_eq!(diary.pages().await.unwrap(), ["start", "tick"]);
    node.shutdown().await;
    let node = sim.node("b", with_room(&room)).await.unwrap();
    let diary = node.spawn("diary", Diary::default).durable().await.unwrap();
    assert_eq!(diary.pages().await.unwrap(), ["start", "tick", "stop", "start"]);
    // Kept before anybody was told of the start.
    sim.crash("b").await.unwrap();
    let node = sim.node("c", with_room(&room)).await.unwrap();
    let diary = node.spawn("diary", Diary::default).durable().await.unwrap();
    assert_eq!(diary.pages().await.unwrap(), ["start", "tick", "stop", "start", "start"]);
    node.shutdown().await;
}

/// A newer program's ledger.
mod newer {
    use super::*;

    #[derive(Agent)]
    #[persist(known_as = "Ledger")]
    pub(super) struct Book {
        #[persist(rename = "total")]
        sum: i64,
        #[persist]
        currency: String,
    }

    impl Default for Book {
        fn default() -> Book {
            Book { sum: 0, currency: "crown".to_owned() }
        }
    }

    #[agent]
    impl Book {
        #[expose]
        pub(super) fn look(&self) -> (i64, String) {
            (self.sum, self.currency.clone())
        }

        #[expose]
        pub(super) fn rename(&mut self, currency: String) {
            self.currency = currency;
        }
    }
}

/// One that has changed a type.
mod wrong {
    use super::*;

    #[derive(Agent, Default)]
    #[persist(known_as = "Ledger")]
    pub(super) struct Ledger {
        #[persist]
        total: Vec<String>,
    }

    #[agent]
    impl Ledger {
        #[expose]
        fn total(&self) -> Vec<String> {
            self.total.clone()
        }
    }
}

async fn a_newer_program_finds_what_it_knows_and_is_refused_where_it_reads_otherwise(engine: Engine) {
    let room = room(engine).await;
    let one = hall(engine, "old", &room).start().await.unwrap();
    let ledger = one.spawn("ledger", Ledger::default).durable().await.unwrap();
    ledger.add(5).await.unwrap();
    one.shutdown().await;

    let two = hall(engine, "new", &room).start().await.unwrap();
    let error = two.spawn("ledger", wrong::Ledger::default).durable().await.unwrap_err();
    assert!(error.to_string().contains("field `total` is no `Vec<String>`"), "{error}");
    let error = two.spawn("ledger", Diary::default).durable().await.unwrap_err();
    assert!(error.to_string().contains("of type `Ledger`, this one is a `Diary`"), "{error}");
    let book = two.spawn("ledger", newer::Book::default).durable().await.unwrap();
    assert_eq!(book.look().await.unwrap(), (5, "crown".to_owned()), "nothing was overwritten");
    book.rename("mark".to_owned()).await.unwrap();
    two.shutdown().await;

    let three = hall(engine, "newer", &room).start().await.unwrap();
    let book = three.spawn("ledger", newer::Book::default).durable().await.unwrap();
    assert_eq!(book.look().await.unwrap(), (5, "mark".to_owned()));
    three.shutdown().await;
}

#[cfg(feature = "sqlite")]
#[folkmoot::test]
async fn what_is_kept_in_a_directory_is_there_after_the_exchange_was_opened_anew() {
    super::limit::watch();
    let directory = tempfile::tempdir().unwrap();
    let line = format!("sqlite://{}", directory.path().display());
    for life in 1..=3 {
        let node = Container::builder("local://keeping-sqlite").exchange(&line).start().await.unwrap();
        let ledger = node.spawn("ledger", Ledger::default).durable().await.unwrap();
        assert_eq!(ledger.began_with().await.unwrap(), (life - 1) * 10);
        assert_eq!(ledger.add(10).await.unwrap(), life * 10);
        assert_eq!(ledger.note(format!("life {life}")).await.unwrap(), life as usize);
        node.shutdown().await;
    }
}

/// Takes mail, and keeps what follows from it.
#[derive(Agent, Default)]
struct Till {
    #[persist]
    total: i64,
    tries: u32,
}

#[agent]
impl Till {
    #[on("pay")]
    async fn pay(&mut self, amount: i64, ctx: &Context<Self>) -> Result<(), String> {
        self.total += amount;
        self.tries += 1;
        ctx.send("book", Mail::new("paid", &amount)).await.map_err(|error| error.to_string())?;
        if amount > 100 && self.tries < 3 { Err("too much at once".to_owned()) } else { Ok(()) }
    }

    #[expose]
    fn total(&self) -> i64 {
        self.total
    }
}

/// Takes the till's mail.
#[derive(Agent, Default)]
struct Book {
    #[persist]
    paid: Vec<i64>,
}

#[agent]
impl Book {
    #[on("paid")]
    fn paid(&mut self, amount: i64) {
        self.paid.push(amount);
    }

    #[expose]
    fn all(&self) -> Vec<i64> {
        self.paid.clone()
    }
}

async fn a_mail_what_it_changes_and_what_is_sent_for_it_are_one_step(engine: Engine) {
    let room = room(engine).await;
    let node = hall(engine, "till", &room).start().await.unwrap();
    let till = node.spawn("till", Till::default).durable().await.unwrap();
    let book = node.spawn("book", Book::default).durable().await.unwrap();
    for amount in [1, 1000, 2] {
        node.send("till", Mail::new("pay", &amount)).await.unwrap();
    }
    let mut paid = Vec::new();
    while paid.len() < 3 {
        tokio::task::yield_now().await;
        paid = book.all().await.unwrap();
    }
    paid.sort_unstable();
    assert_eq!(paid, [1, 2, 1000], "what failed was sent once");
    assert_eq!(till.total().await.unwrap(), 1003, "what failed was added once");
    node.shutdown().await;
    let node = hall(engine, "till-2", &room).start().await.unwrap();
    let till = node.spawn("till", Till::default).durable().await.unwrap();
    let book = node.spawn("book", Book::default).durable().await.unwrap();
    assert_eq!((till.total().await.unwrap(), book.all().await.unwrap().len()), (1003, 3));
    node.shutdown().await;
}
