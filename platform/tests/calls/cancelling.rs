//! Calls that are taken back, and deadlines.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use folkmoot::prelude::*;
use tokio::sync::{Notify, mpsc};

use super::counter::hall;

/// What happened to the sleeper's turns.
#[derive(Debug, PartialEq)]
enum Event {
    Began(&'static str),
    Dropped,
    RanOn { cancelled: bool },
}

#[derive(Agent)]
struct Sleeper {
    events: mpsc::UnboundedSender<Event>,
    gate: Arc<Notify>,
    turns: Arc<AtomicU32>,
}

struct OnDrop(mpsc::UnboundedSender<Event>);

impl Drop for OnDrop {
    fn drop(&mut self) {
        self.0.send(Event::Dropped).ok();
    }
}

#[agent]
impl Sleeper {
    #[expose]
    async fn shared(&self) {
        let _guard = OnDrop(self.events.clone());
        self.events.send(Event::Began("shared")).unwrap();
        std::future::pending::<()>().await;
    }

    #[expose]
    async fn exclusive(&mut self, ctx: &Context<Self>) {
        self.events.send(Event::Began("exclusive")).unwrap();
        self.gate.notified().await;
        self.events.send(Event::RanOn { cancelled: ctx.cancelled() }).unwrap();
    }

    #[expose]
    fn count(&mut self) -> u32 {
        self.turns.fetch_add(1, Ordering::SeqCst) + 1
    }

    #[expose]
    async fn nested(&self, ctx: &Context<Self>) -> Result<(), String> {
        let own: Proxy<Sleeper> = ctx.find("inner").map_err(|error| error.to_string())?;
        own.shared().deadline(Duration::from_secs(3600)).await.map_err(|error| error.to_string())
    }
}

struct Bed {
    hall: Container,
    sleeper: Proxy<Sleeper>,
    events: mpsc::UnboundedReceiver<Event>,
    gate: Arc<Notify>,
    turns: Arc<AtomicU32>,
}

impl Bed {
    /// The sleeper as its own container knows it, or as `other` does.
    async fn sleeper_from(&self, other: &Container, far: bool) -> Proxy<Sleeper> {
        match far {
            false => self.sleeper.clone(),
            true => other.connect(self.hall.url("sleeper")).await.unwrap(),
        }
    }
}

async fn bed(name: &str) -> Bed {
    bed_of(name, 1024).await
}

async fn bed_of(name: &str, capacity: usize) -> Bed {
    let hall = hall().await;
    let (send, events) = mpsc::unbounded_channel();
    let (gate, turns) = (Arc::new(Notify::new()), Arc::new(AtomicU32::new(0)));
    let (for_gate, for_turns) = (gate.clone(), turns.clone());
    let factory = move || Sleeper { events: send.clone(), gate: for_gate.clone(), turns: for_turns.clone() };
    let sleeper = hall.spawn(name, factory).capacity(capacity).await.unwrap();
    Bed { hall, sleeper, events, gate, turns }
}

#[folkmoot::test]
async fn a_shared_turn_is_dropped_when_its_caller_goes_away() {
    for far in [false, true] {
        let mut bed = bed("sleeper").await;
        let other = hall().await;
        let proxy = bed.sleeper_from(&other, far).await;
        let call = actix::spawn(proxy.shared());
        assert_eq!(bed.events.recv().await.unwrap(), Event::Began("shared"));
        call.abort();
        assert_eq!(bed.events.recv().await.unwrap(), Event::Dropped);
        other.shutdown().await;
        bed.hall.shutdown().await;
    }
}

#[folkmoot::test]
async fn an_exclusive_turn_runs_on_and_sees_that_it_was_cancelled() {
    for far in [false, true] {
        let mut bed = bed("sleeper").await;
        let other = hall().await;
        let proxy = bed.sleeper_from(&other, far).await;
        let call = actix::spawn(proxy.exclusive());
        assert_eq!(bed.events.recv().await.unwrap(), Event::Began("exclusive"));
        call.abort();
        call.await.unwrap_err();
        // A round trip on the same link, so that the cancel has arrived before the turn goes on.
        let untyped: Proxy<folkmoot::Untyped> = Proxy::cast(&proxy).unwrap();
        untyped.call("count", [0; 0]).deadline(Duration::from_millis(100)).await.unwrap_err();
        bed.gate.notify_one();
        assert_eq!(bed.events.recv().await.unwrap(), Event::RanOn { cancelled: true });
        other.shutdown().await;
        bed.hall.shutdown().await;
    }
}

#[folkmoot::test]
async fn a_queued_turn_that_was_taken_back_never_runs_and_frees_its_place() {
    let mut bed = bed("sleeper").await;
    let blocking = actix::spawn(bed.sleeper.exclusive());
    assert_eq!(bed.events.recv().await.unwrap(), Event::Began("exclusive"));
    for _ in 0..3000 {
        // Far more than the agent's capacity: each must give its place back.
        let mut call = bed.sleeper.count();
        let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(std::pin::Pin::new(&mut call).poll(&mut cx).is_pending());
        drop(call);
        tokio::task::yield_now().await;
    }
    bed.gate.notify_one();
    blocking.await.unwrap().unwrap();
    assert_eq!(bed.sleeper.count().await.unwrap(), 1);
    assert_eq!(bed.turns.load(Ordering::SeqCst), 1);
    bed.hall.shutdown().await;
}

/// Calls, waits for the deadline in the agent's queue, and calls again: the first call's place must be free.
async fn waits_twice_in_the_queue(proxy: &Proxy<folkmoot::Untyped>) {
    for _ in 0..2 {
        let mut tries = 0;
        loop {
            match proxy.call("count", [0; 0]).deadline(Duration::from_millis(20)).await {
                Err(CallError::DeadlineExceeded { .. }) => break,
                // The agent is told of the lost caller by a message, which may be on its way.
                Err(CallError::Overloaded { .. }) if tries < 1000 => tries += 1,
                other => panic!("{other:?}"),
            }
            tokio::task::yield_now().await;
        }
    }
}

#[folkmoot::test]
async fn encoded_calls_that_were_taken_back_free_their_places_too() {
    // One place for the turn that runs, one to wait in.
    let mut bed = bed_of("sleeper", 2).await;
    let blocking = actix::spawn(bed.sleeper.exclusive());
    assert_eq!(bed.events.recv().await.unwrap(), Event::Began("exclusive"));
    let near: Proxy<folkmoot::Untyped> = Proxy::cast(&bed.sleeper).unwrap();
    waits_twice_in_the_queue(&near).await;
    let other = hall().await;
    let far: Proxy<folkmoot::Untyped> = other.connect(bed.hall.url("sleeper")).await.unwrap();
    waits_twice_in_the_queue(&far).await;
    // One more waits, and its link goes.
    let lost = far.clone();
    actix::spawn(async move { lost.call("count", [0; 0]).await });
    tokio::task::yield_now().await;
    other.shutdown().await;
    waits_twice_in_the_queue(&near).await;
    bed.gate.notify_one();
    blocking.await.unwrap().unwrap();
    bed.hall.shutdown().await;
}

#[folkmoot::test]
async fn a_deadline_ends_a_call_with_the_chain_of_callers() {
    let bed = bed("inner").await;
    let error = bed.sleeper.shared().deadline(Duration::from_millis(20)).await.unwrap_err();
    match &error {
        CallError::DeadlineExceeded { after, chain, may_have_run: true } => {
            assert_eq!(*after, Duration::from_millis(20));
            assert_eq!(chain, &["hall/inner"]);
        }
        other => panic!("{other}"),
    }
    bed.hall.shutdown().await;
}

#[folkmoot::test]
async fn a_nested_call_gets_no_more_time_than_its_caller_has_left() {
    let mut bed = bed("inner").await;
    let (send, _kept) = mpsc::unbounded_channel();
    let outer = bed
        .hall
        .spawn("outer", move || Sleeper { events: send.clone(), gate: Arc::default(), turns: Arc::default() })
        .await
        .unwrap();
    let error = outer.nested().deadline(Duration::from_millis(30)).await.unwrap_err();
    let reached_the_end = matches!(&error, CallError::DeadlineExceeded { .. })
        || matches!(&error, CallError::Agent(text) if text.contains("no reply within"));
    assert!(reached_the_end, "{error}");
    assert_eq!(bed.events.recv().await.unwrap(), Event::Began("shared"));
    assert_eq!(bed.events.recv().await.unwrap(), Event::Dropped);
    bed.hall.shutdown().await;
}

#[folkmoot::test]
async fn a_deadline_is_kept_across_nodes_and_threads_without_a_runtime_of_ours() {
    let bed = bed("sleeper").await;
    let other = hall().await;
    let far: Proxy<Sleeper> = other.connect(bed.hall.url("sleeper")).await.unwrap();
    let error = far.shared().deadline(Duration::from_millis(20)).await.unwrap_err();
    assert!(matches!(error, CallError::DeadlineExceeded { .. }), "{error}");
    // From a thread that is no worker.
    let (tell, told) = tokio::sync::oneshot::channel();
    let proxy = bed.sleeper.clone();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let result = runtime.block_on(async { proxy.shared().deadline(Duration::from_millis(20)).await });
        tell.send(result).unwrap();
    });
    let error = told.await.unwrap().unwrap_err();
    assert!(matches!(error, CallError::DeadlineExceeded { .. }), "{error}");
    other.shutdown().await;
    bed.hall.shutdown().await;
}

#[folkmoot::test]
async fn a_queued_turn_whose_deadline_has_passed_is_not_run() {
    let mut bed = bed("sleeper").await;
    let blocking = actix::spawn(bed.sleeper.exclusive());
    assert_eq!(bed.events.recv().await.unwrap(), Event::Began("exclusive"));
    // A one-way call cannot be taken back: only its deadline keeps it from running late.
    bed.sleeper.count().deadline(Duration::from_millis(10)).one_way().unwrap();
    let late = bed.sleeper.count().deadline(Duration::from_millis(40)).await;
    assert!(matches!(late, Err(CallError::DeadlineExceeded { .. })), "{late:?}");
    bed.gate.notify_one();
    blocking.await.unwrap().unwrap();
    assert_eq!(bed.sleeper.count().await.unwrap(), 1);
    bed.hall.shutdown().await;
}
