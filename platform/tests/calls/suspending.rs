//! Suspended agents: what waits, what is refused, what goes on.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use folkmoot::prelude::*;
use tokio::sync::{Notify, mpsc};

use super::counter::{Counter, hall};

const LONG: Duration = Duration::from_secs(60);

/// Polls the worker's other tasks often enough that whatever could begin has begun.
async fn let_others_run() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

#[folkmoot::test]
async fn calls_to_a_suspended_agent_wait_and_run_in_order_once_it_is_resumed() {
    for workers in [1, 2] {
        super::limit::watch();
        let hall = Container::builder("tcp://127.0.0.1:0").workers(workers).start().await.unwrap();
        let other = super::counter::hall().await;
        hall.spawn("elsewhere", Counter::default).await.unwrap();
        let counter = hall.spawn("counter", Counter::default).await.unwrap();
        let far: Proxy<Counter> = other.connect(hall.url("counter")).await.unwrap();
        assert_eq!(counter.add(1).await.unwrap(), 1);
        hall.suspend("counter").await.unwrap();
        hall.suspend("counter").await.unwrap();
        let near = actix::spawn(counter.add(10));
        let_others_run().await;
        let encoded = actix::spawn(far.add(100));
        // The link brings it while a later call to another agent is answered.
        let other_agent: Proxy<Counter> = other.connect(hall.url("elsewhere")).await.unwrap();
        other_agent.add(1).await.unwrap();
        let_others_run().await;
        assert!(!near.is_finished() && !encoded.is_finished());
        hall.resume("counter").await.unwrap();
        assert_eq!((near.await.unwrap().unwrap(), encoded.await.unwrap().unwrap()), (11, 111));
        assert_eq!(counter.add(1).await.unwrap(), 112);
        other.shutdown().await;
        hall.shutdown().await;
    }
}

#[folkmoot::test]
async fn a_full_queue_deadlines_and_cancels_hold_while_an_agent_is_suspended() {
    let hall = hall().await;
    let counter = hall.spawn("counter", Counter::default).capacity(2).await.unwrap();
    hall.suspend("counter").await.unwrap();
    let kept = actix::spawn(counter.add(1));
    let dropped = actix::spawn(counter.add(10));
    let_others_run().await;
    let refused = counter.add(100).await.unwrap_err();
    assert!(matches!(refused, CallError::Overloaded { limit: 2, .. }), "{refused}");
    dropped.abort();
    let_others_run().await;
    let late = counter.add(1000).deadline(Duration::from_millis(5)).await.unwrap_err();
    assert!(matches!(late, CallError::DeadlineExceeded { .. }), "{late}");
    let_others_run().await;
    // The place of the one that was late is free again.
    let second = actix::spawn(counter.add(10_000));
    let_others_run().await;
    assert!(!second.is_finished());
    hall.resume("counter").await.unwrap();
    assert_eq!((kept.await.unwrap().unwrap(), second.await.unwrap().unwrap()), (1, 10_001));
    hall.shutdown().await;
}

#[folkmoot::test]
async fn who_is_not_there_cannot_be_suspended() {
    let hall = hall().await;
    hall.spawn("counter", Counter::default).await.unwrap();
    for error in [hall.suspend("conter").await.unwrap_err(), hall.resume("conter").await.unwrap_err()] {
        assert!(error.to_string().contains("\"counter\""), "{error}");
        assert!(matches!(error, CallError::NoSuchAgent { .. }), "{error}");
    }
    hall.shutdown().await;
}

/// Ticks, works until it is told to end, and crashes.
#[derive(Agent)]
struct Busy {
    ticks: Arc<AtomicU32>,
    gate: Arc<Notify>,
    news: mpsc::UnboundedSender<&'static str>,
}

#[agent]
impl Busy {
    #[every(milliseconds = 1)]
    fn tick(&self) {
        self.ticks.fetch_add(1, Ordering::SeqCst);
    }

    #[expose]
    async fn work(&mut self) {
        self.news.send("works").ok();
        self.gate.notified().await;
    }

    #[expose]
    async fn crash(&mut self) {
        self.news.send("works").ok();
        self.gate.notified().await;
        panic!("it was too much");
    }

    #[expose]
    fn note(&mut self) {
        self.news.send("noted").ok();
    }

    #[start]
    fn start(&mut self) {
        self.news.send("start").ok();
    }

    #[stop]
    fn stop(&mut self) {
        self.news.send("stop").ok();
    }
}

struct Rig {
    hall: Container,
    busy: Proxy<Busy>,
    ticks: Arc<AtomicU32>,
    gate: Arc<Notify>,
    told: mpsc::UnboundedReceiver<&'static str>,
}

async fn rig() -> Rig {
    let hall = hall().await;
    let (ticks, gate) = (Arc::new(AtomicU32::new(0)), Arc::new(Notify::new()));
    let (news, mut told) = mpsc::unbounded_channel();
    let given = (ticks.clone(), gate.clone());
    let factory = move || Busy { ticks: given.0.clone(), gate: given.1.clone(), news: news.clone() };
    let busy = hall.spawn("busy", factory).await.unwrap();
    assert_eq!(told.recv().await, Some("start"));
    Rig { hall, busy, ticks, gate, told }
}

#[folkmoot::test]
async fn a_timer_that_is_due_meanwhile_has_one_turn_afterwards() {
    let Rig { hall, ticks, .. } = rig().await;
    while ticks.load(Ordering::SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
    hall.suspend("busy").await.unwrap();
    let before = ticks.load(Ordering::SeqCst);
    folkmoot::Clock::sleep(&folkmoot::RealClock, Duration::from_millis(30)).await;
    assert_eq!(ticks.load(Ordering::SeqCst), before, "a timer fired in a suspended agent");
    hall.resume("busy").await.unwrap();
    // Resumed, it has had its turns that waited: one, not one for each millisecond.
    let after = ticks.load(Ordering::SeqCst);
    assert!((1..=3).contains(&(after - before)), "{after} after {before}");
    while ticks.load(Ordering::SeqCst) < after + 2 {
        tokio::task::yield_now().await;
    }
    hall.shutdown().await;
}

#[folkmoot::test]
async fn turns_in_flight_run_on_and_a_crash_does_not_lift_the_suspension() {
    let Rig { hall, busy, gate, mut told, .. } = rig().await;
    let crashing = actix::spawn(busy.crash());
    assert_eq!(told.recv().await, Some("works"));
    hall.suspend("busy").await.unwrap();
    let waiting = actix::spawn(busy.note());
    let_others_run().await;
    gate.notify_one();
    assert!(matches!(crashing.await.unwrap(), Err(CallError::AgentPanicked { .. })));
    assert_eq!(told.recv().await, Some("start"));
    let_others_run().await;
    assert!(!waiting.is_finished());
    assert!(told.try_recv().is_err());
    hall.resume("busy").await.unwrap();
    waiting.await.unwrap().unwrap();
    assert_eq!(told.recv().await, Some("noted"));
    hall.shutdown().await;
}

#[folkmoot::test]
async fn a_suspended_agent_that_is_stopped_refuses_what_waits_and_stops_well() {
    let Rig { hall, busy, gate, mut told, .. } = rig().await;
    let working = actix::spawn(busy.work());
    assert_eq!(told.recv().await, Some("works"));
    hall.suspend("busy").await.unwrap();
    let waiting = actix::spawn(busy.note());
    let_others_run().await;
    let stopping = hall.clone();
    let stopping = actix::spawn(async move { stopping.stop("busy", LONG).await });
    let refused = waiting.await.unwrap().unwrap_err();
    assert!(matches!(refused, CallError::AgentStopped { may_have_run: false, .. }), "{refused}");
    gate.notify_one();
    working.await.unwrap().unwrap();
    stopping.await.unwrap().unwrap();
    assert_eq!(told.recv().await, Some("stop"));
    hall.shutdown().await;
}
