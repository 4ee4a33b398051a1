//! Panics at every place they can happen: the caller gets the text, the agent starts anew, the others live on.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use folkmoot::prelude::*;
use folkmoot::{Backoff, SpawnError};
use tokio::sync::{Notify, mpsc};

use super::counter::{Counter, hall};

/// Panics where it is told to.
#[derive(Agent, Default)]
struct Bomb {
    armed: Arc<Armed>,
    touched: u32,
}

/// What outlives the bomb.
#[derive(Default)]
struct Armed {
    starts: AtomicU32,
    fail_start_at: AtomicU32,
    panic_factory_at: AtomicU32,
    factories: AtomicU32,
    panic_stop: AtomicU32,
    gate: Notify,
    causes: std::sync::Mutex<Vec<Option<String>>>,
}

impl Bomb {
    fn make(armed: &Arc<Armed>) -> Bomb {
        let factories = armed.factories.fetch_add(1, Ordering::SeqCst) + 1;
        assert_ne!(factories, armed.panic_factory_at.load(Ordering::SeqCst), "factory {factories}");
        Bomb { armed: armed.clone(), touched: 0 }
    }
}

#[agent]
impl Bomb {
    #[start]
    async fn start(&mut self, ctx: &Context<Self>) {
        tokio::task::yield_now().await;
        self.armed.causes.lock().unwrap().push(ctx.last_crash());
        let starts = self.armed.starts.fetch_add(1, Ordering::SeqCst) + 1;
        assert_ne!(starts, self.armed.fail_start_at.load(Ordering::SeqCst), "start {starts}");
    }

    #[stop]
    fn stop(&mut self) {
        assert_eq!(self.armed.panic_stop.load(Ordering::SeqCst), 0, "stop");
    }

    #[expose]
    fn plain(&mut self) -> u32 {
        self.touched += 1;
        panic!("plain")
    }

    #[expose]
    async fn after_an_await(&mut self) {
        self.touched += 1;
        tokio::task::yield_now().await;
        panic!("after an await")
    }

    #[expose]
    async fn shared(&self) {
        tokio::task::yield_now().await;
        panic!("shared")
    }

    #[expose]
    async fn wait(&self) -> u32 {
        self.armed.gate.notified().await;
        self.touched
    }

    #[expose]
    fn touch(&mut self) -> u32 {
        self.touched += 1;
        self.touched
    }

    #[expose]
    fn spawn_panicking(&self, ctx: &Context<Self>) {
        ctx.spawn(async { panic!("spawned") });
    }
}

async fn bomb(hall: &Container) -> (Proxy<Bomb>, Arc<Armed>) {
    let armed = Arc::new(Armed::default());
    let for_factory = armed.clone();
    let bomb = hall.spawn("bomb", move || Bomb::make(&for_factory)).backoff(Backoff::NONE).await.unwrap();
    (bomb, armed)
}

fn panicked<T: std::fmt::Debug>(result: Result<T, CallError>) -> String {
    match result.unwrap_err() {
        CallError::AgentPanicked { agent, text } if agent == "bomb" => text,
        other => panic!("{other}"),
    }
}

#[folkmoot::test]
async fn each_kind_of_turn_answers_with_its_panic_and_leaves_a_fresh_state() {
    let hall = hall().await;
    let (bomb, armed) = bomb(&hall).await;
    bomb.touch().await.unwrap();
    assert_eq!(panicked(bomb.plain().await), "plain");
    assert_eq!(bomb.touch().await.unwrap(), 1, "the state survived");
    assert_eq!(panicked(bomb.after_an_await().await), "after an await");
    assert_eq!(bomb.touch().await.unwrap(), 1, "the state survived");
    assert_eq!(panicked(bomb.shared().await), "shared");
    assert_eq!(bomb.touch().await.unwrap(), 1, "the state survived");
    assert_eq!(hall.restarts("bomb").unwrap(), 3);
    let causes = armed.causes.lock().unwrap().clone();
    let texts: Vec<_> = causes.iter().map(|cause| cause.as_deref().unwrap_or("none")).collect();
    assert_eq!(texts, ["none", "plain", "after an await", "shared"]);
    hall.shutdown().await;
}

#[folkmoot::test]
async fn shared_turns_in_flight_finish_and_queued_turns_survive() {
    let hall = hall().await;
    let (bomb, armed) = bomb(&hall).await;
    bomb.touch().await.unwrap();
    let waiting = actix::spawn(bomb.wait());
    tokio::task::yield_now().await;
    let (crash, queued) = tokio::join!(bomb.shared(), bomb.touch());
    assert_eq!(panicked(crash), "shared");
    assert_eq!(queued.unwrap(), 1, "a queued turn sees the new state");
    armed.gate.notify_one();
    assert_eq!(waiting.await.unwrap().unwrap(), 1, "a turn in flight finishes on the old state");
    hall.shutdown().await;
}

#[folkmoot::test]
async fn a_spawned_future_that_panics_restarts_the_agent() {
    let hall = hall().await;
    let (bomb, _) = bomb(&hall).await;
    bomb.touch().await.unwrap();
    bomb.spawn_panicking().await.unwrap();
    while hall.restarts("bomb").unwrap() == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(bomb.touch().await.unwrap(), 1);
    hall.shutdown().await;
}

#[folkmoot::test]
async fn a_failing_first_start_fails_the_spawn_and_frees_the_name() {
    let hall = hall().await;
    for (start, factory, text) in
        [(1, 0, "#[start] panicked: assertion"), (0, 1, "its factory panicked: assertion")]
    {
        let armed = Arc::new(Armed::default());
        armed.fail_start_at.store(start, Ordering::SeqCst);
        armed.panic_factory_at.store(factory, Ordering::SeqCst);
        let error = hall.spawn("bomb", move || Bomb::make(&armed)).await.unwrap_err();
        match error {
            SpawnError::Failed { name, cause } => {
                assert_eq!(name, "bomb");
                assert!(cause.starts_with(text), "{cause}");
            }
            other => panic!("{other}"),
        }
        assert!(hall.agents().is_empty());
    }
    hall.shutdown().await;
}

#[folkmoot::test]
async fn a_start_or_factory_that_fails_once_is_tried_again() {
    let hall = hall().await;
    let (bomb, armed) = bomb(&hall).await;
    armed.fail_start_at.store(2, Ordering::SeqCst);
    armed.panic_factory_at.store(3, Ordering::SeqCst);
    assert_eq!(panicked(bomb.plain().await), "plain");
    // Start 2 panics, then factory 3 does, then all is well: the call waits in the queue through all of it.
    assert_eq!(bomb.touch().await.unwrap(), 1);
    assert_eq!(hall.restarts("bomb").unwrap(), 3);
    hall.shutdown().await;
}

#[folkmoot::test]
async fn a_panic_in_stop_harms_nobody() {
    let hall = hall().await;
    let (_, armed) = bomb(&hall).await;
    let counter = hall.spawn("counter", Counter::default).await.unwrap();
    armed.panic_stop.store(1, Ordering::SeqCst);
    hall.stop("bomb", Duration::from_secs(1)).await.unwrap();
    assert_eq!(hall.agents(), ["counter"]);
    assert_eq!(counter.add(1).await.unwrap(), 1);
    hall.shutdown().await;
}

#[folkmoot::test]
async fn too_many_crashes_end_the_agent_with_their_cause() {
    let hall = hall().await;
    let armed = Arc::new(Armed::default());
    let bomb = hall
        .spawn("bomb", move || Bomb::make(&armed))
        .intensity(2, Duration::from_secs(60))
        .backoff(Backoff::NONE)
        .await
        .unwrap();
    for _ in 0..3 {
        assert_eq!(panicked(bomb.plain().await), "plain");
    }
    let error = bomb.touch().await.unwrap_err();
    let CallError::AgentStopped { cause, may_have_run: false, .. } = &error else { panic!("{error}") };
    assert!(cause.contains("plain") && cause.contains("more than 2 new starts"), "{cause}");
    assert!(hall.agents().is_empty());
    hall.shutdown().await;
}

#[folkmoot::test]
async fn a_temporary_agent_is_not_started_anew() {
    let hall = hall().await;
    let armed = Arc::new(Armed::default());
    let bomb = hall.spawn("bomb", move || Bomb::make(&armed)).restart(Restart::Temporary).await.unwrap();
    let (crash, queued) = tokio::join!(bomb.plain(), bomb.touch());
    assert_eq!(panicked(crash), "plain");
    assert!(matches!(queued, Err(CallError::AgentStopped { may_have_run: false, .. })), "{queued:?}");
    hall.shutdown().await;
}

/// Panics in a timer or in a loop of its own.
#[derive(Agent)]
struct Ticker {
    ticks: mpsc::UnboundedSender<u32>,
    count: u32,
}

#[agent]
impl Ticker {
    #[every(milliseconds = 1)]
    fn tick(&mut self) {
        self.count += 1;
        self.ticks.send(self.count).ok();
        assert_ne!(self.count, 3, "tick");
    }

    #[expose]
    fn count(&self) -> u32 {
        self.count
    }
}

#[folkmoot::test]
async fn a_timer_that_panics_restarts_the_agent_and_ticks_again() {
    let hall = hall().await;
    let (ticks, mut seen) = mpsc::unbounded_channel();
    hall.spawn("ticker", move || Ticker { ticks: ticks.clone(), count: 0 })
        .backoff(Backoff::NONE)
        .await
        .unwrap();
    let mut first = Vec::new();
    while first.len() < 7 {
        first.push(seen.recv().await.unwrap());
    }
    assert_eq!(first, [1, 2, 3, 1, 2, 3, 1]);
    hall.shutdown().await;
}
