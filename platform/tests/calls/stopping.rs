//! A stop meets a crash: an agent that was asked to end does end, and a state that crashed takes no more turns.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use folkmoot::Backoff;
use folkmoot::prelude::*;
use tokio::sync::{Notify, Semaphore, mpsc};

use super::counter::hall;

const LONG: Duration = Duration::from_secs(60);
/// Long enough for what comes at once, and short of every other time in here.
const SOON: Duration = Duration::from_secs(10);

#[allow(clippy::disallowed_methods, reason = "a test that would hang ends in time")]
async fn soon<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(SOON, future).await.expect("it should have come at once")
}

/// Crashes when it is told to.
#[derive(Agent)]
struct Fragile {
    gate: Arc<Notify>,
    one_by_one: Arc<Semaphore>,
    log: Arc<Mutex<Vec<&'static str>>>,
    news: mpsc::UnboundedSender<&'static str>,
}

#[agent]
impl Fragile {
    #[expose]
    async fn crash_later(&mut self) {
        self.news.send("waits").ok();
        self.gate.notified().await;
        panic!("at last")
    }

    #[expose]
    async fn crash_one_by_one(&self) {
        self.news.send("waits").ok();
        self.one_by_one.acquire().await.unwrap().forget();
        panic!("one of many")
    }

    #[expose]
    fn crash(&mut self) {
        panic!("at once")
    }

    #[expose]
    fn work(&mut self) {
        self.log.lock().unwrap().push("work");
    }

    #[expose]
    async fn spawn_one(&self, ctx: &Context<Self>) {
        let (news, inner) = (self.news.clone(), ctx.clone());
        ctx.spawn(async move {
            let again = news.clone();
            inner.spawn(async move {
                again.send("spawned twice").ok();
            });
            news.send("spawned").ok();
        });
    }

    #[stop]
    fn stop(&mut self) {
        self.log.lock().unwrap().push("stop");
    }
}

struct Rig {
    hall: Container,
    agent: Proxy<Fragile>,
    gate: Arc<Notify>,
    one_by_one: Arc<Semaphore>,
    log: Arc<Mutex<Vec<&'static str>>>,
    told: mpsc::UnboundedReceiver<&'static str>,
}

async fn rig(backoff: Backoff) -> Rig {
    let hall = hall().await;
    let (gate, one_by_one) = (Arc::new(Notify::new()), Arc::new(Semaphore::new(0)));
    let log = Arc::new(Mutex::new(Vec::new()));
    let (news, told) = mpsc::unbounded_channel();
    let given = (gate.clone(), one_by_one.clone(), log.clone());
    let factory = move || {
        let (gate, one_by_one, log) = given.clone();
        Fragile { gate, one_by_one, log, news: news.clone() }
    };
    let agent = hall.spawn("fragile", factory).backoff(backoff).await.unwrap();
    Rig { hall, agent, gate, one_by_one, log, told }
}

fn stop(hall: &Container, grace: Duration) -> tokio::task::JoinHandle<Result<(), CallError>> {
    let hall = hall.clone();
    actix::spawn(async move { hall.stop("fragile", grace).await })
}

#[folkmoot::test]
async fn a_crash_while_an_agent_drains_does_not_bring_it_back() {
    let Rig { hall, agent, gate, log, mut told, .. } = rig(Backoff::NONE).await;
    let crashing = actix::spawn(agent.crash_later());
    assert_eq!(told.recv().await, Some("waits"));
    let queued = actix::spawn(agent.work());
    tokio::task::yield_now().await;
    let stopping = stop(&hall, LONG);
    while agent.work().one_way().is_ok() {
        tokio::task::yield_now().await;
    }
    gate.notify_one();
    soon(stopping).await.unwrap().unwrap();
    assert!(matches!(crashing.await.unwrap(), Err(CallError::AgentPanicked { .. })));
    let queued = soon(queued).await.unwrap();
    assert!(matches!(queued, Err(CallError::AgentStopped { may_have_run: false, .. })), "{queued:?}");
    assert_eq!(hall.agents(), [""; 0], "it came back");
    assert_eq!(*log.lock().unwrap(), [""; 0], "the crashed state was used");
    hall.shutdown().await;
}

#[folkmoot::test]
async fn a_stop_in_the_pause_after_a_crash_runs_nothing_on_the_crashed_state() {
    let Rig { hall, agent, log, .. } = rig(Backoff { first: LONG, longest: LONG }).await;
    for _ in 0..2 {
        agent.crash().await.unwrap_err();
    }
    let queued = actix::spawn(agent.work());
    tokio::task::yield_now().await;
    soon(stop(&hall, LONG)).await.unwrap().unwrap();
    let queued = soon(queued).await.unwrap();
    assert!(matches!(queued, Err(CallError::AgentStopped { may_have_run: false, .. })), "{queued:?}");
    assert_eq!(*log.lock().unwrap(), [""; 0], "the crashed state was used");
    hall.shutdown().await;
}

#[folkmoot::test]
async fn the_last_hook_runs_although_a_turn_had_to_be_dropped() {
    let Rig { hall, agent, log, mut told, .. } = rig(Backoff::NONE).await;
    let working = actix::spawn(agent.crash_later());
    assert_eq!(told.recv().await, Some("waits"));
    soon(stop(&hall, Duration::from_millis(1))).await.unwrap().unwrap();
    let error = working.await.unwrap().unwrap_err();
    assert!(matches!(error, CallError::AgentStopped { may_have_run: true, .. }), "{error}");
    assert_eq!(*log.lock().unwrap(), ["stop"]);
    hall.shutdown().await;
}

#[folkmoot::test]
async fn turns_that_end_badly_on_a_replaced_state_leave_the_new_one_alone() {
    let Rig { hall, agent, one_by_one, mut told, .. } = rig(Backoff::NONE).await;
    let crashing: Vec<_> = (0..12).map(|_| actix::spawn(agent.crash_one_by_one())).collect();
    for _ in 0..12 {
        assert_eq!(told.recv().await, Some("waits"));
    }
    for crashing in crashing {
        one_by_one.add_permits(1);
        assert!(matches!(soon(crashing).await.unwrap(), Err(CallError::AgentPanicked { .. })));
        agent.work().await.unwrap();
    }
    assert_eq!(hall.restarts("fragile").unwrap(), 1);
    hall.shutdown().await;
}

#[folkmoot::test]
async fn what_a_turn_spawns_begins_at_once() {
    let Rig { hall, agent, mut told, .. } = rig(Backoff::NONE).await;
    agent.spawn_one().await.unwrap();
    assert_eq!(soon(told.recv()).await, Some("spawned"));
    assert_eq!(soon(told.recv()).await, Some("spawned twice"));
    hall.shutdown().await;
}
