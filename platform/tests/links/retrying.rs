//! Calls of idempotent methods over links that break: made again, within bounds, and run once where that can be.
//!
//! Neighbours: `joining/faulty.rs` is the network that breaks, `hostile/repeats.rs` has keys of peers that do what they
//! like.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use folkmoot::prelude::*;
use folkmoot::{Builder, LinkLimits, Untyped, Value};
use tokio::sync::{Notify, Semaphore};

use super::counts::Counts;
use super::joining::faulty::{FaultyTcp, Network};
use super::left_behind::Watch;

/// Longer than a test lasts.
const LONG: Duration = Duration::from_secs(600);

/// What the tests see of a [`Ledger`], whichever life it is in.
#[derive(Default)]
struct Seen {
    runs: AtomicUsize,
    began: Notify,
    ended: Notify,
}

/// Says of all that it does that twice is as good as once, and counts whether it is.
#[derive(Agent)]
struct Ledger {
    seen: Arc<Seen>,
    /// What `wait` and `hold` wait for.
    released: Arc<Semaphore>,
}

impl Ledger {
    fn ran(&self) -> usize {
        self.seen.runs.fetch_add(1, Ordering::SeqCst) + 1
    }

    async fn goes_on(&self) -> usize {
        self.seen.began.notify_one();
        self.released.acquire().await.unwrap().forget();
        let ran = self.ran();
        self.seen.ended.notify_one();
        ran
    }
}

#[agent]
impl Ledger {
    #[expose(idempotent)]
    fn post(&mut self, text: String) -> String {
        self.ran();
        text
    }

    #[expose(idempotent)]
    async fn hold(&mut self) -> usize {
        self.goes_on().await
    }

    #[expose(idempotent)]
    async fn wait(&self) -> usize {
        self.goes_on().await
    }

    #[expose(idempotent)]
    async fn refuse(&mut self) -> Result<(), String> {
        Err(format!("refused at run {}", self.goes_on().await))
    }

    #[expose(idempotent)]
    fn crash(&mut self) {
        self.ran();
        panic!("boom");
    }

    #[expose]
    async fn once(&mut self) -> usize {
        self.goes_on().await
    }
}

/// A ledger, and what is known of it outside.
struct Ledgers {
    seen: Arc<Seen>,
    released: Arc<Semaphore>,
}

impl Ledgers {
    fn new() -> Ledgers {
        Ledgers { seen: Arc::default(), released: Arc::new(Semaphore::new(0)) }
    }

    async fn spawn(&self, node: &Container, capacity: usize) -> Proxy<Ledger> {
        let (seen, released) = (self.seen.clone(), self.released.clone());
        let make = move || Ledger { seen: seen.clone(), released: released.clone() };
        node.spawn("ledger", make).capacity(capacity).await.unwrap()
    }

    fn runs(&self) -> usize {
        self.seen.runs.load(Ordering::SeqCst)
    }
}

struct Client {
    node: Container,
    counts: Counts,
    network: Network,
}

async fn client(build: impl FnOnce(Builder) -> Builder) -> Client {
    super::limit::watch();
    let (counts, network) = (Counts::default(), Network::new());
    let builder = Container::builder("local://retrying").network(&folkmoot::LocalNetwork::new());
    let node = counts
        .during(build(builder.transport(FaultyTcp(network.clone())).deadline(LONG)).watched())
        .await
        .unwrap();
    Client { node, counts, network }
}

fn plain(builder: Builder) -> Builder {
    builder
}

async fn server() -> (Container, Ledgers, Counts) {
    let (ledgers, counts) = (Ledgers::new(), Counts::default());
    let node = counts.during(Container::builder("tcp://127.0.0.1:0").watched()).await.unwrap();
    ledgers.spawn(&node, 100).await;
    (node, ledgers, counts)
}

async fn end(client: Client, server: Container, counts: &Counts) {
    client.node.shutdown().await;
    server.shutdown_within(Duration::ZERO).await;
    assert_eq!((client.counts.open_links(), counts.open_links()), (0.0, 0.0), "a link was left behind");
    assert_eq!(counts.of("bad_requests"), 0);
}

async fn until(mut seen: impl FnMut() -> bool) {
    while !seen() {
        tokio::task::yield_now().await;
    }
}

type Made = tokio::task::JoinHandle<String>;

/// The calls that say how often their method ran, once they are released.
const CALLS: [fn(Proxy<Ledger>) -> Made; 4] = [
    |ledger| actix::spawn(async move { ledger.hold().await.unwrap().to_string() }),
    |ledger| actix::spawn(async move { ledger.wait().await.unwrap().to_string() }),
    |ledger| actix::spawn(async move { ledger.refuse().await.unwrap_err().to_string() }),
    |ledger| {
        let untyped: Proxy<Untyped> = Proxy::cast(&ledger).unwrap();
        let none: [Value; 0] = [];
        actix::spawn(async move { untyped.call("wait", none).idempotent().await.unwrap().to_string() })
    },
];

fn tells(told: &str, run: usize) {
    assert!(told == run.to_string() || told == format!("refused at run {run}"), "{told}, not {run}");
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn a_reply_that_is_lost_with_its_link_is_given_again_and_the_method_has_run_once() {
    for codec in Codec::ALL {
        let (server, ledgers, counts) = server().await;
        let client = client(|builder| builder.codec(codec)).await;
        let ledger: Proxy<Ledger> = client.node.connect(server.url("ledger")).await.unwrap();
        for (nth, call) in CALLS.into_iter().enumerate() {
            let made = call(ledger.clone());
            ledgers.seen.began.notified().await;
            client.network.freeze();
            ledgers.released.add_permits(1);
            ledgers.seen.ended.notified().await;
            client.network.cut();
            tells(&made.await.unwrap(), nth + 1);
            assert_eq!(ledgers.runs(), nth + 1);
        }
        assert!(client.counts.of("retries") >= 4);
        assert_eq!(counts.of("repeated_requests"), 4);
        end(client, server, &counts).await;
    }
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn a_call_that_runs_on_while_its_link_breaks_is_waited_for_and_runs_once() {
    let (server, ledgers, counts) = server().await;
    let client = client(plain).await;
    let ledger: Proxy<Ledger> = client.node.connect(server.url("ledger")).await.unwrap();
    for (nth, call) in CALLS.into_iter().enumerate() {
        let made = call(ledger.clone());
        ledgers.seen.began.notified().await;
        // Twice: a second attempt may be lost as the first was.
        for breaks in 1..3 {
            client.network.cut();
            until(|| counts.of("repeated_requests") >= nth as u64 * 2 + breaks).await;
        }
        ledgers.released.add_permits(1);
        tells(&made.await.unwrap(), nth + 1);
        assert_eq!(ledgers.runs(), nth + 1);
    }
    assert_eq!(counts.of("cancels"), 0);
    end(client, server, &counts).await;
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn a_request_that_is_lost_with_its_link_is_made_again() {
    let (server, ledgers, counts) = server().await;
    let client = client(plain).await;
    let ledger: Proxy<Ledger> = client.node.connect(server.url("ledger")).await.unwrap();
    client.network.freeze();
    let made = actix::spawn({
        let ledger = ledger.clone();
        async move { ledger.post("at last".into()).await }
    });
    tokio::task::yield_now().await;
    assert_eq!(ledgers.runs(), 0);
    client.network.cut();
    assert_eq!(made.await.unwrap().unwrap(), "at last");
    assert_eq!((ledgers.runs(), counts.of("repeated_requests")), (1, 0));
    end(client, server, &counts).await;
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn a_method_that_does_not_say_so_and_a_panic_are_not_tried_again() {
    let (server, ledgers, counts) = server().await;
    let client = client(plain).await;
    let ledger: Proxy<Ledger> = client.node.connect(server.url("ledger")).await.unwrap();
    let once = actix::spawn({
        let ledger = ledger.clone();
        async move { ledger.once().await }
    });
    ledgers.seen.began.notified().await;
    client.network.cut();
    let error = once.await.unwrap().unwrap_err();
    assert!(matches!(error, CallError::Disconnected { may_have_run: true, .. }), "{error}");
    ledgers.released.add_permits(1);
    ledgers.seen.ended.notified().await;

    let error = ledger.crash().await.unwrap_err();
    assert!(matches!(error, CallError::AgentPanicked { .. }), "{error}");
    let untyped: Proxy<Untyped> = Proxy::cast(&ledger).unwrap();
    let none: [Value; 0] = [];
    let error = untyped.call("nothing", none).idempotent().await.unwrap_err();
    assert!(matches!(error, CallError::NoSuchMethod { .. }), "{error}");
    assert_eq!((ledgers.runs(), client.counts.of("retries")), (2, 0));
    end(client, server, &counts).await;
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn a_call_outlives_its_node_and_is_answered_by_the_next_one_at_its_address() {
    let (first, ledgers, _) = server().await;
    let (endpoint, url) = (first.endpoint().to_string(), first.url("ledger"));
    let client = client(plain).await;
    let ledger: Proxy<Ledger> = client.node.connect(url).await.unwrap();
    let made = CALLS[1](ledger.clone());
    ledgers.seen.began.notified().await;
    first.shutdown_within(Duration::ZERO).await;
    until(|| client.counts.of("retries") >= 3).await;

    let counts = Counts::default();
    let second = counts.during(Container::builder(&endpoint).watched()).await.unwrap();
    // Its agents come later than itself.
    tokio::task::yield_now().await;
    ledgers.spawn(&second, 100).await;
    ledgers.seen.began.notified().await;
    ledgers.released.add_permits(1);
    tells(&made.await.unwrap(), 1);
    end(client, second, &counts).await;
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn a_call_follows_its_agent_to_another_node() {
    let (first, ledgers, first_counts) = server().await;
    let client = client(plain).await;
    client.node.join(first.endpoint().to_string()).await.unwrap();
    let ledger: Proxy<Ledger> = client.node.lookup("ledger").retry_for(LONG).await.unwrap();
    let made = CALLS[0](ledger.clone());
    ledgers.seen.began.notified().await;
    first.stop("ledger", Duration::ZERO).await.unwrap();

    let second = Container::builder("tcp://127.0.0.1:0").watched().await.unwrap();
    ledgers.spawn(&second, 100).await;
    client.node.join(second.endpoint().to_string()).await.unwrap();
    ledgers.seen.began.notified().await;
    ledgers.released.add_permits(1);
    tells(&made.await.unwrap(), 1);
    client.node.shutdown().await;
    second.shutdown().await;
    end(client, first, &first_counts).await;
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn calls_over_a_link_that_is_cut_again_and_again_all_run_once() {
    const CALLS_AT_ONCE: usize = 100;
    let (server, ledgers, counts) = server().await;
    let client = client(budget(1_000, 1_000, 1_000_000)).await;
    let ledger: Proxy<Ledger> = client.node.connect(server.url("ledger")).await.unwrap();
    for round in 1..6 {
        let calls: Vec<_> = (0..CALLS_AT_ONCE)
            .map(|nth| {
                let ledger = ledger.clone();
                actix::spawn(async move { (nth.to_string(), ledger.post(nth.to_string()).await.unwrap()) })
            })
            .collect();
        for _ in 0..5 {
            client.network.cut();
            let reached = counts.of("frames_in") + 20;
            until(|| counts.of("frames_in") >= reached || calls.iter().all(|call| call.is_finished())).await;
        }
        for call in calls {
            let (said, told) = call.await.unwrap();
            assert_eq!(said, told);
        }
        assert_eq!(ledgers.runs(), round * CALLS_AT_ONCE);
    }
    assert!(client.counts.of("retries") > 0);
    end(client, server, &counts).await;
}

fn budget(percent: u32, per_second: u32, saved: u32) -> impl FnOnce(Builder) -> Builder {
    move |builder| {
        let mut limits = LinkLimits::default();
        limits.retry_percent = percent;
        limits.retries_per_second = per_second;
        limits.max_saved_retries = saved;
        builder.limits(limits)
    }
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn retries_are_a_share_of_the_calls_and_the_error_says_when_there_are_none_left() {
    let (server, ledgers, counts) = server().await;
    let client = client(budget(10, 0, 3)).await;
    let ledger: Proxy<Ledger> = client.node.connect(server.url("ledger")).await.unwrap();
    let endpoint = server.endpoint().to_string();
    server.shutdown_within(Duration::ZERO).await;
    for refused in 1..=100 {
        let error = ledger.post("in vain".into()).await.unwrap_err();
        assert!(error.to_string().contains("the budget of retries is spent"), "{error}");
        assert!(matches!(error, CallError::Disconnected { .. }), "{error}");
        assert_eq!(client.counts.of("retries_refused"), refused);
    }
    // What there was at the start, and one for each ten calls.
    assert_eq!(client.counts.of("retries"), 3 + 10 - 1);
    let again = Container::builder(&endpoint).watched().await.unwrap();
    ledgers.spawn(&again, 100).await;
    assert_eq!(ledger.post("no retry is no failure".into()).await.unwrap(), "no retry is no failure");
    end(client, again, &counts).await;
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn a_call_is_over_at_its_deadline_and_when_it_is_dropped() {
    let (server, ledgers, counts) = server().await;
    let client = client(plain).await;
    let ledger: Proxy<Ledger> = client.node.connect(server.url("ledger")).await.unwrap();
    let endpoint = server.endpoint().to_string();
    server.shutdown_within(Duration::ZERO).await;
    let error = ledger.post("late".into()).deadline(Duration::from_millis(200)).await.unwrap_err();
    let ended = matches!(error, CallError::Disconnected { .. } | CallError::DeadlineExceeded { .. });
    assert!(ended, "{error}");

    let before = client.counts.of("retries");
    let dropped = actix::spawn({
        let ledger = ledger.clone();
        async move { ledger.post("dropped".into()).await }
    });
    until(|| client.counts.of("retries") > before + 1).await;
    dropped.abort();
    assert!(dropped.await.unwrap_err().is_cancelled());
    let made = client.counts.of("retries");

    let again = Container::builder(&endpoint).watched().await.unwrap();
    ledgers.spawn(&again, 100).await;
    // Frozen, it would come no more often.
    for _ in 0..20 {
        ledger.post("others".into()).await.unwrap();
    }
    assert_eq!((ledgers.runs(), client.counts.of("retries")), (20, made), "it stays dropped");
    end(client, again, &counts).await;
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn a_shut_down_container_makes_no_call_again() {
    let (server, _, counts) = server().await;
    let client = client(plain).await;
    let ledger: Proxy<Ledger> = client.node.connect(server.url("ledger")).await.unwrap();
    client.node.shutdown().await;
    let error = ledger.post("too late".into()).await.unwrap_err();
    assert!(error.to_string().contains("shut down"), "{error}");
    assert_eq!((client.counts.of("retries"), client.counts.of("retries_refused")), (0, 0));
    end(client, server, &counts).await;
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn whoever_has_too_much_to_do_is_asked_again_near_and_far() {
    let (server, _, counts) = server().await;
    server.stop("ledger", Duration::ZERO).await.unwrap();
    let ledgers = Ledgers::new();
    let near = ledgers.spawn(&server, 1).await;
    let client = client(plain).await;
    let far: Proxy<Ledger> = client.node.connect(server.url("ledger")).await.unwrap();
    for (ledger, retries) in [(near.clone(), &counts), (far, &client.counts)] {
        let before = ledgers.runs();
        let holding = CALLS[0](near.clone());
        ledgers.seen.began.notified().await;
        let made = actix::spawn(async move { ledger.post("in turn".into()).await });
        until(|| retries.of("retries") > 0).await;
        ledgers.released.add_permits(1);
        tells(&holding.await.unwrap(), before + 1);
        assert_eq!(made.await.unwrap().unwrap(), "in turn");
        assert_eq!(ledgers.runs(), before + 2);
    }
    end(client, server, &counts).await;
}
