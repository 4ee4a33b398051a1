//! Starting, running beside the turns, and stopping.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use folkmoot::prelude::*;
use folkmoot::{Clock, RealClock, Sleep, SpawnError, Timestamp};
use tokio::sync::{Notify, mpsc};

use super::counter::{Adder, Counter, hall};

type Log = Arc<Mutex<Vec<&'static str>>>;

#[derive(Agent)]
struct Worker {
    log: Log,
    gate: Arc<Notify>,
    news: mpsc::UnboundedSender<&'static str>,
}

impl Worker {
    fn say(&self, word: &'static str) {
        self.log.lock().unwrap().push(word);
        self.news.send(word).ok();
    }
}

#[agent]
impl Worker {
    #[start]
    async fn start(&mut self) -> Result<(), String> {
        tokio::task::yield_now().await;
        self.say("start");
        Ok(())
    }

    #[run]
    async fn beside(ctx: Context<Self>) {
        ctx.own_proxy().noted().await.unwrap();
    }

    #[expose]
    fn noted(&self) {
        self.say("run");
    }

    #[expose]
    async fn work(&mut self) {
        self.say("work begins");
        self.gate.notified().await;
        self.say("work ends");
    }

    #[expose]
    fn leave(&mut self, ctx: &Context<Self>) {
        ctx.stop();
    }

    #[stop]
    async fn stop(&mut self) {
        tokio::task::yield_now().await;
        self.say("stop");
    }
}

async fn worker(
    hall: &Container,
) -> (Proxy<Worker>, Log, Arc<Notify>, mpsc::UnboundedReceiver<&'static str>) {
    let (log, gate) = (Log::default(), Arc::new(Notify::new()));
    let (news, told) = mpsc::unbounded_channel();
    let (for_log, for_gate) = (log.clone(), gate.clone());
    let factory = move || Worker { log: for_log.clone(), gate: for_gate.clone(), news: news.clone() };
    (hall.spawn("worker", factory).await.unwrap(), log, gate, told)
}

#[folkmoot::test]
async fn a_graceful_stop_finishes_what_is_in_hand_and_refuses_what_comes() {
    let hall = hall().await;
    let (worker, log, gate, mut news) = worker(&hall).await;
    assert_eq!(news.recv().await.unwrap(), "start");
    assert_eq!(news.recv().await.unwrap(), "run");
    let working = actix::spawn(worker.work());
    assert_eq!(news.recv().await.unwrap(), "work begins");
    let stopping = hall.clone();
    let stopping = actix::spawn(async move { stopping.stop("worker", Duration::from_secs(60)).await });
    while worker.noted().deadline(Duration::from_secs(5)).one_way().is_ok() {
        tokio::task::yield_now().await;
    }
    gate.notify_one();
    stopping.await.unwrap().unwrap();
    working.await.unwrap().unwrap();
    let log = log.lock().unwrap().clone();
    assert_eq!(log.first(), Some(&"start"));
    assert_eq!(log.last(), Some(&"stop"));
    assert!(log.contains(&"work ends"), "{log:?}");
    hall.shutdown().await;
}

#[folkmoot::test]
async fn a_proxy_calls_whoever_bears_the_name_now() {
    let (hall, other) = (hall().await, hall().await);
    let typed = hall.spawn("counter", Counter::default).await.unwrap();
    let far: Proxy<Counter> = other.connect(hall.url("counter")).await.unwrap();
    let by_trait: Proxy<dyn Adder> = Proxy::cast(&typed).unwrap();
    for expected in [2, 4] {
        assert_eq!(typed.add(1).await.unwrap(), expected - 1);
        assert_eq!(by_trait.add(1).await.unwrap(), expected);
    }
    hall.stop("counter", Duration::from_secs(60)).await.unwrap();
    for error in [typed.add(1).await.unwrap_err(), by_trait.add(1).await.unwrap_err()] {
        assert!(matches!(error, CallError::AgentStopped { may_have_run: false, .. }), "{error}");
    }
    hall.spawn("counter", Counter::default).await.unwrap();
    assert_eq!(typed.add(1).await.unwrap(), 1);
    assert_eq!(by_trait.add(1).await.unwrap(), 2);
    assert_eq!(far.add(1).await.unwrap(), 3);
    typed.add(1).one_way().unwrap();
    assert_eq!(typed.total().await.unwrap(), 4);
    other.shutdown().await;
    hall.shutdown().await;
}

#[folkmoot::test]
async fn a_permanent_agent_is_started_anew_after_its_own_end_but_not_after_a_stop_by_others() {
    let hall = hall().await;
    let (log, news) = (Log::default(), mpsc::unbounded_channel());
    let (for_log, (say, mut told)) = (log.clone(), news);
    let factory = move || Worker { log: for_log.clone(), gate: Arc::default(), news: say.clone() };
    let worker = hall.spawn("worker", factory).restart(folkmoot::Restart::Permanent).await.unwrap();
    for life in 0..3 {
        assert_eq!(told.recv().await.unwrap(), "start");
        assert_eq!(told.recv().await.unwrap(), "run");
        assert_eq!(hall.restarts("worker").unwrap(), life);
        if life < 2 {
            worker.leave().await.unwrap();
            assert_eq!(told.recv().await.unwrap(), "stop");
        }
    }
    hall.stop("worker", Duration::from_secs(60)).await.unwrap();
    assert_eq!(told.recv().await.unwrap(), "stop");
    assert!(hall.restarts("worker").is_err(), "an agent that others stop is gone");
    hall.shutdown().await;
}

#[folkmoot::test]
async fn everyone_who_shuts_a_container_down_waits_for_its_end() {
    let hall = hall().await;
    let (worker, log, gate, mut news) = worker(&hall).await;
    let working = actix::spawn(worker.work());
    while news.recv().await.unwrap() != "work begins" {}
    let shutting = || {
        let hall = hall.clone();
        actix::spawn(async move { hall.shutdown_within(Duration::from_secs(60)).await })
    };
    let (first, second, dropped) = (shutting(), shutting(), shutting());
    while worker.noted().one_way().is_ok() {
        tokio::task::yield_now().await;
    }
    dropped.abort();
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert!(!first.is_finished() && !second.is_finished(), "the agent is still at work");
    // Another goes on where the first one was given up.
    first.abort();
    gate.notify_one();
    second.await.unwrap();
    assert_eq!(log.lock().unwrap().last(), Some(&"stop"));
    working.await.unwrap().unwrap();
    hall.shutdown().await;
}

#[folkmoot::test]
async fn a_stop_whose_grace_is_over_drops_what_still_runs() {
    let hall = hall().await;
    let (worker, _, _gate, mut news) = worker(&hall).await;
    let working = actix::spawn(worker.work());
    while news.recv().await.unwrap() != "work begins" {}
    hall.stop("worker", Duration::from_millis(10)).await.unwrap();
    let error = working.await.unwrap().unwrap_err();
    assert!(matches!(error, CallError::AgentStopped { may_have_run: true, .. }), "{error}");
    hall.shutdown().await;
}

#[folkmoot::test]
async fn an_agent_may_leave_by_itself() {
    let hall = hall().await;
    let (worker, log, _, mut news) = worker(&hall).await;
    worker.leave().await.unwrap();
    while news.recv().await.unwrap() != "stop" {}
    while !hall.agents().is_empty() {
        tokio::task::yield_now().await;
    }
    assert_eq!(log.lock().unwrap().last(), Some(&"stop"));
    hall.shutdown().await;
}

#[derive(Agent, Default)]
struct Unready;

#[agent]
impl Unready {
    #[start]
    fn start(&mut self) -> Result<(), String> {
        Err("the meter is offline".to_owned())
    }

    #[expose]
    fn nothing(&self) {}
}

#[folkmoot::test]
async fn a_start_that_returns_an_error_fails_the_spawn_with_it() {
    let hall = hall().await;
    let error = hall.spawn("unready", Unready::default).await.unwrap_err();
    assert_eq!(
        error,
        SpawnError::Failed { name: "unready".into(), cause: "#[start] failed: the meter is offline".into() }
    );
    hall.shutdown().await;
}

#[derive(Agent)]
struct Stuck(Arc<AtomicBool>);

impl Drop for Stuck {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

#[agent]
impl Stuck {
    #[start]
    async fn start(&mut self) {
        std::future::pending().await
    }

    #[expose]
    fn nothing(&self) {}
}

#[folkmoot::test]
async fn a_start_that_hangs_fails_the_spawn_and_ends_the_agent() {
    for workers in [1, 2] {
        super::limit::watch();
        let hall = Container::builder("tcp://127.0.0.1:0").workers(workers).start().await.unwrap();
        for _ in 0..workers {
            let dropped = Arc::new(AtomicBool::new(false));
            let of_agent = dropped.clone();
            let spawn = hall.spawn("stuck", move || Stuck(of_agent.clone()));
            let error = spawn.start_deadline(Duration::from_millis(20)).await.unwrap_err();
            assert!(matches!(&error, SpawnError::Failed { name, .. } if name == "stuck"), "{error}");
            assert!(error.to_string().contains("#[start] took longer than 20ms"), "{error}");
            assert!(dropped.load(Ordering::SeqCst), "its state is still there");
            assert!(hall.agents().is_empty(), "its name is not free again");
        }
        hall.shutdown().await;
    }
}

/// Hangs in every `#[start]` but the first.
#[derive(Agent)]
struct SlowToRise(Arc<AtomicBool>);

#[agent]
impl SlowToRise {
    #[start]
    async fn start(&mut self) {
        if self.0.swap(true, Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
    }

    #[expose]
    fn crash(&mut self) {
        panic!("it lies down");
    }

    #[expose]
    fn rise(&self) {}
}

#[folkmoot::test]
async fn a_start_that_hangs_after_a_crash_is_another_crash() {
    let hall = hall().await;
    let rose = Arc::new(AtomicBool::new(false));
    let agent = hall
        .spawn("slow", move || SlowToRise(rose.clone()))
        .start_deadline(Duration::from_millis(10))
        .intensity(2, Duration::from_secs(600))
        .await
        .unwrap();
    agent.crash().await.unwrap_err();
    let error = agent.rise().await.unwrap_err();
    assert!(
        matches!(&error, CallError::AgentStopped { cause, .. } if cause.contains("took longer")),
        "{error}"
    );
    hall.shutdown().await;
}

/// The wall clock, which somebody sets back by a day.
struct SetBack(Arc<AtomicBool>);

impl Clock for SetBack {
    fn now(&self) -> Timestamp {
        let now = RealClock.now();
        let back = if self.0.load(Ordering::SeqCst) { 86_400 } else { 0 };
        Timestamp(now.0 - Duration::from_secs(back))
    }

    fn sleep_until(&self, moment: Timestamp) -> Sleep {
        RealClock.sleep(moment.0.saturating_sub(self.now().0))
    }
}

#[derive(Agent)]
struct Ticker(mpsc::UnboundedSender<&'static str>);

#[agent]
impl Ticker {
    #[every(milliseconds = 1)]
    fn tick(&self) {
        self.0.send("tick").ok();
    }
}

#[folkmoot::test]
async fn a_clock_that_is_set_back_keeps_its_timers() {
    let set_back = Arc::new(AtomicBool::new(false));
    let clock = SetBack(set_back.clone());
    super::limit::watch();
    let hall = Container::builder("tcp://127.0.0.1:0").clock(clock).start().await.unwrap();
    let (ticks, mut seen) = mpsc::unbounded_channel();
    hall.spawn("ticker", move || Ticker(ticks.clone())).await.unwrap();
    seen.recv().await.unwrap();
    set_back.store(true, Ordering::SeqCst);
    for _ in 0..10 {
        seen.recv().await.unwrap();
    }
    hall.shutdown().await;
}
