//! Trees of supervision: who starts anew with whom, in which order, and what is left to the container above.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use folkmoot::prelude::*;
use folkmoot::{Backoff, SpawnError, StartError, Status, Strategy};
use tokio::sync::Notify;

use super::limit;

const LONG: Duration = Duration::from_secs(600);

/// What all agents of a test write down, and what they are told to do.
#[derive(Default)]
struct Record {
    lines: Mutex<Vec<String>>,
    /// How many starts of the agent of that name fail from now on.
    bad_starts: Mutex<BTreeMap<String, u32>>,
    gate: Notify,
    /// Whether `#[stop]` waits for the gate.
    slow_stop: AtomicU32,
}

impl Record {
    fn say(&self, line: String) {
        self.lines.lock().unwrap().push(line);
    }

    /// What was written since the last look.
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.lines.lock().unwrap())
    }
}

/// A member of a child container.
#[derive(Agent)]
struct Part {
    name: String,
    record: Arc<Record>,
    calls: u32,
    last_crash: Option<String>,
}

#[agent]
impl Part {
    #[start]
    async fn start(&mut self, ctx: &Context<Self>) -> Result<(), String> {
        self.last_crash = ctx.last_crash();
        tokio::task::yield_now().await;
        if let Some(left @ 1..) = self.record.bad_starts.lock().unwrap().get_mut(&self.name) {
            *left -= 1;
            return Err("not yet".to_owned());
        }
        self.record.say(format!("start {}", self.name));
        Ok(())
    }

    #[expose]
    fn call(&mut self) -> u32 {
        self.calls += 1;
        self.calls
    }

    #[expose]
    fn last_crash(&self) -> Option<String> {
        self.last_crash.clone()
    }

    #[expose]
    fn crash(&mut self) {
        panic!("{} broke", self.name)
    }

    #[expose]
    async fn wait(&mut self) {
        self.record.say(format!("{} waits", self.name));
        std::future::pending().await
    }

    #[expose]
    fn leave(&mut self, ctx: &Context<Self>) {
        ctx.stop();
    }

    #[stop]
    async fn stop(&mut self) {
        if self.record.slow_stop.load(Ordering::SeqCst) > 0 {
            self.record.gate.notified().await;
        }
        tokio::task::yield_now().await;
        self.record.say(format!("stop {}", self.name));
    }
}

struct Rig {
    hall: Container,
    record: Arc<Record>,
}

impl Rig {
    async fn new(workers: usize) -> Rig {
        limit::watch();
        let builder = Container::builder("tcp://127.0.0.1:0").name("hall").workers(workers);
        Rig { hall: builder.start().await.unwrap(), record: Arc::default() }
    }

    fn factory(&self, name: &str) -> impl Fn() -> Part + Send + 'static {
        let (name, record) = (name.to_owned(), self.record.clone());
        move || Part { name: name.clone(), record: record.clone(), calls: 0, last_crash: None }
    }

    async fn spawn(&self, into: &Container, name: &str) -> Proxy<Part> {
        into.spawn(name, self.factory(name)).backoff(Backoff::NONE).await.unwrap()
    }

    /// Three members, `a`, `b` and `c`, that have started.
    async fn crew(&self, crew: &Container) -> [Proxy<Part>; 3] {
        let parts = [self.spawn(crew, "a").await, self.spawn(crew, "b").await, self.spawn(crew, "c").await];
        self.record.take();
        parts
    }

    /// Waits until everything in the tree has that status.
    async fn until_all(&self, status: Status) {
        while !self.hall.agents().iter().all(|name| self.status(name) == status) || !self.is_calm() {
            tokio::task::yield_now().await;
        }
    }

    /// Waits until the agent was started anew so often, and everything runs again. Before that a sibling of the one
    /// that crashed may still be at work.
    async fn until_restarted(&self, name: &str, times: u64) {
        while self.hall.restarts(name).unwrap() < times {
            tokio::task::yield_now().await;
        }
        self.until_all(Status::Running).await;
    }

    fn is_calm(&self) -> bool {
        !self.hall.tree().to_string().contains("restarting")
    }

    fn status(&self, name: &str) -> Status {
        self.hall.tree().agent(name).unwrap().status
    }
}

#[folkmoot::test]
async fn each_strategy_starts_anew_those_whom_it_names_in_order() {
    let stops_and_starts: [(Strategy, &[&str], [u64; 3]); 3] = [
        (Strategy::OneForOne, &["start b"], [0, 1, 0]),
        (Strategy::RestForOne, &["stop c", "start b", "start c"], [0, 1, 1]),
        (Strategy::OneForAll, &["stop c", "stop a", "start a", "start b", "start c"], [1, 1, 1]),
    ];
    for workers in [1, 3] {
        for (strategy, lines, restarts) in stops_and_starts {
            let rig = Rig::new(workers).await;
            let crew = rig.hall.child("crew").strategy(strategy).start().unwrap();
            let parts = rig.crew(&crew).await;
            for part in &parts {
                part.call().await.unwrap();
            }
            let error = parts[1].crash().await.unwrap_err();
            assert!(matches!(error, CallError::AgentPanicked { .. }), "{error}");
            for (name, times) in ["a", "b", "c"].into_iter().zip(restarts) {
                rig.until_restarted(name, times).await;
            }
            assert_eq!(rig.record.take(), lines, "{strategy} {workers}");
            let told = ["a", "b", "c"].map(|name| rig.hall.restarts(name).unwrap());
            assert_eq!(told, restarts, "{strategy}");
            for (part, restarts) in parts.iter().zip(restarts) {
                // The same proxy; a new state where it was started anew.
                assert_eq!(part.call().await.unwrap(), if restarts == 0 { 2 } else { 1 }, "{strategy}");
            }
            assert_eq!(parts[1].last_crash().await.unwrap().as_deref(), Some("b broke"));
            let of_sibling = parts[2].last_crash().await.unwrap();
            match strategy {
                Strategy::OneForOne => assert_eq!(of_sibling, None),
                _ => assert!(of_sibling.unwrap().contains("agent \"b\" crashed: b broke"), "{strategy}"),
            }
            rig.hall.shutdown().await;
        }
    }
}

#[folkmoot::test]
async fn whoever_calls_a_sibling_is_answered_and_what_waits_runs_on_the_new_state() {
    let rig = Rig::new(2).await;
    let crew = rig.hall.child("crew").one_for_all().start().unwrap();
    let [a, b, _] = rig.crew(&crew).await;
    let in_hand = actix::spawn(a.wait());
    while rig.record.take().is_empty() {
        tokio::task::yield_now().await;
    }
    let queued = actix::spawn(a.call());
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
    b.crash().await.unwrap_err();
    let error = in_hand.await.unwrap().unwrap_err();
    assert!(matches!(error, CallError::AgentRestarted { may_have_run: true, .. }), "{error}");
    assert_eq!(queued.await.unwrap().unwrap(), 1);
    rig.hall.shutdown().await;
}

#[folkmoot::test]
async fn the_agents_own_rules_hold_in_a_child_container() {
    let rig = Rig::new(1).await;
    let crew = rig.hall.child("crew").one_for_all().start().unwrap();
    let spawn = |name: &'static str, restart| {
        crew.spawn(name, rig.factory(name)).restart(restart).backoff(Backoff::NONE)
    };
    let permanent = spawn("permanent", Restart::Permanent).await.unwrap();
    let transient = spawn("transient", Restart::Transient).await.unwrap();
    let temporary = spawn("temporary", Restart::Temporary).await.unwrap();
    rig.record.take();
    // One that is temporary concerns nobody.
    temporary.crash().await.unwrap_err();
    while crew.agents().len() > 2 {
        tokio::task::yield_now().await;
    }
    assert_eq!(rig.record.take(), [""; 0]);
    assert_eq!(crew.agents(), ["permanent", "transient"]);
    let temporary = spawn("temporary", Restart::Temporary).await.unwrap();
    // It ends where others start anew, and its callers are told why.
    transient.crash().await.unwrap_err();
    rig.until_restarted("permanent", 1).await;
    let error = temporary.call().await.unwrap_err();
    assert!(
        matches!(&error, CallError::AgentStopped { cause, .. } if cause.contains("transient broke")),
        "{error}"
    );
    assert_eq!(crew.agents(), ["permanent", "transient"]);
    // A transient one that leaves is gone, a permanent one takes the others along.
    rig.record.take();
    permanent.leave().await.unwrap();
    rig.until_restarted("transient", 2).await;
    assert_eq!(rig.record.take(), ["stop permanent", "stop transient", "start permanent", "start transient"]);
    transient.leave().await.unwrap();
    while crew.agents().len() > 1 {
        tokio::task::yield_now().await;
    }
    assert_eq!(permanent.call().await.unwrap(), 1);
    rig.hall.shutdown().await;
}

#[folkmoot::test]
async fn a_failure_is_left_to_the_container_above_and_at_the_root_it_stays_down() {
    for workers in [1, 3] {
        let counts = super::counts::Counts::default();
        let rig = counts.during(Rig::new(workers)).await;
        let outer = rig.hall.child("outer").one_for_all().restarts(1, LONG).backoff(Backoff::NONE);
        let outer = outer.start().unwrap();
        let beside = rig.spawn(&outer, "beside").await;
        let middle = outer.child("middle").restarts(0, LONG).backoff(Backoff::NONE).start().unwrap();
        let inner = middle.child("inner").rest_for_one().restarts(1, LONG).backoff(Backoff::NONE);
        let inner = inner.start().unwrap();
        let first = rig.spawn(&inner, "first").await;
        let last = rig.spawn(&inner, "last").await;
        let untouched = rig.spawn(&rig.hall, "untouched").await;
        beside.call().await.unwrap();
        rig.record.take();

        // Within the bounds of the innermost.
        first.crash().await.unwrap_err();
        rig.until_restarted("last", 1).await;
        assert_eq!(rig.record.take(), ["stop last", "start first", "start last"]);
        // Beyond them, and beyond those of the middle: the outermost starts all anew, in order.
        first.crash().await.unwrap_err();
        rig.until_restarted("last", 2).await;
        assert_eq!(beside.call().await.unwrap(), 1);
        let lines = ["stop last", "stop beside", "start beside", "start first", "start last"];
        assert_eq!(rig.record.take(), lines);
        assert!(beside.last_crash().await.unwrap().unwrap().contains("first broke"));
        assert_eq!(counts.of("escalations"), 2);
        // Counted anew by the inner ones, but not by the outermost.
        last.crash().await.unwrap_err();
        rig.until_restarted("last", 3).await;
        last.crash().await.unwrap_err();
        while rig.hall.agents() != ["untouched"] {
            tokio::task::yield_now().await;
        }
        for part in [&beside, &first, &last] {
            let error = part.call().await.unwrap_err();
            assert!(
                matches!(&error, CallError::AgentStopped { cause, .. } if cause.contains("last broke")),
                "{error}"
            );
        }
        assert_eq!(untouched.call().await.unwrap(), 1);
        while counts.of("containers_down") == 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!((counts.of("containers_down"), counts.of("escalations")), (1, 5));
        let seen = rig.hall.tree();
        let seen = seen.container("outer").unwrap();
        assert_eq!(seen.status, Status::Stopped);
        assert!(seen.last_crash.as_ref().unwrap().contains("more than 1 new starts"), "{seen:?}");
        // Nobody comes in any more; another of the name may.
        let error = outer.spawn("late", rig.factory("late")).await.unwrap_err();
        assert!(matches!(&error, SpawnError::Down { .. }), "{error}");
        assert!(error.to_string().contains("`.child(..)`"), "{error}");
        assert!(matches!(inner.spawn("late", rig.factory("late")).await, Err(SpawnError::Down { .. })));
        assert!(outer.child("later").start().is_err());
        let outer = rig.hall.child("outer").start().unwrap();
        rig.spawn(&outer, "first").await;
        assert_eq!(first.call().await.unwrap(), 1);
        rig.hall.shutdown().await;
    }
}

#[folkmoot::test]
async fn a_start_that_fails_amid_a_recovery_is_another_crash() {
    let rig = Rig::new(2).await;
    let crew = rig.hall.child("crew").one_for_all().restarts(4, LONG).start().unwrap();
    let [a, b, c] = rig.crew(&crew).await;
    rig.record.bad_starts.lock().unwrap().insert("b".to_owned(), 3);
    a.crash().await.unwrap_err();
    rig.until_restarted("c", 1).await;
    for part in [&a, &b, &c] {
        assert_eq!(part.call().await.unwrap(), 1);
    }
    let lines = rig.record.take();
    // `a` was up each time that `b` failed, and lay down again.
    assert_eq!(lines.iter().filter(|line| *line == "start a").count(), 4, "{lines:?}");
    assert_eq!(lines[lines.len() - 3..], ["start a", "start b", "start c"], "{lines:?}");
    assert_eq!(rig.hall.tree().container("crew").unwrap().restarts, 4);
    // One more than it may: the crew stays down.
    rig.record.bad_starts.lock().unwrap().insert("b".to_owned(), 1);
    c.crash().await.unwrap_err();
    while !rig.hall.agents().is_empty() {
        tokio::task::yield_now().await;
    }
    let error = b.call().await.unwrap_err();
    assert!(matches!(&error, CallError::AgentStopped { cause, .. } if cause.contains("c broke")), "{error}");
    rig.hall.shutdown().await;
}

#[folkmoot::test]
async fn an_agent_that_its_own_rules_leave_down_takes_its_container_along() {
    let rig = Rig::new(1).await;
    let outer = rig.hall.child("outer").backoff(Backoff::NONE).start().unwrap();
    let crew = outer.child("crew").backoff(Backoff::NONE).start().unwrap();
    let fragile = crew.spawn("fragile", rig.factory("fragile")).intensity(0, LONG).await.unwrap();
    let other = rig.spawn(&crew, "other").await;
    other.call().await.unwrap();
    rig.record.take();
    fragile.crash().await.unwrap_err();
    rig.until_restarted("other", 1).await;
    assert_eq!((fragile.call().await.unwrap(), other.call().await.unwrap()), (1, 1));
    assert_eq!(rig.record.take(), ["stop other", "start fragile", "start other"]);
    assert_eq!(rig.hall.tree().container("outer").unwrap().restarts, 1);
    rig.hall.shutdown().await;
}

#[folkmoot::test]
async fn no_caller_is_lost_in_a_storm_of_crashes() {
    let rig = Rig::new(3).await;
    let outer = rig.hall.child("outer").rest_for_one().restarts(100_000, LONG).backoff(Backoff::NONE);
    let outer = outer.start().unwrap();
    let mut parts = vec![rig.spawn(&outer, "before").await];
    let inner = outer.child("inner").one_for_all().restarts(2, LONG).backoff(Backoff::NONE).start().unwrap();
    for n in 0..4 {
        let name = format!("part-{n}");
        let spawn = inner.spawn(&name, rig.factory(&name)).intensity(100_000, LONG);
        parts.push(spawn.backoff(Backoff::NONE).await.unwrap());
    }
    parts.push(rig.spawn(&outer, "behind").await);
    let callers: Vec<_> = (0..60)
        .map(|n| {
            let part = parts[n % parts.len()].clone();
            actix::spawn(async move {
                for round in 0..10 {
                    // Those in the outer container crash too seldom for their own bounds.
                    let answer = match (n + round) % 7 == 0 && (1..=4).contains(&(n % 6)) {
                        true => part.crash().await.map(|()| 0),
                        false => part.call().await,
                    };
                    if let Err(error) = answer {
                        let known = matches!(
                            error,
                            CallError::AgentPanicked { .. } | CallError::AgentRestarted { .. }
                        );
                        assert!(known, "{error}");
                    }
                }
            })
        })
        .collect();
    for caller in callers {
        caller.await.unwrap();
    }
    rig.until_all(Status::Running).await;
    for part in &parts {
        part.call().await.unwrap();
    }
    assert!(rig.hall.tree().container("outer").unwrap().restarts > 0);
    assert_eq!(rig.hall.restarts("before").unwrap(), 0, "it stands before those that crashed");
    rig.hall.shutdown().await;
    assert!(rig.hall.agents().is_empty());
}

#[folkmoot::test]
async fn a_child_container_ends_from_its_leaves_and_nothing_else_does() {
    for workers in [1, 3] {
        let rig = Rig::new(workers).await;
        let outside = rig.spawn(&rig.hall, "outside").await;
        let outer = rig.hall.child("outer").one_for_all().start().unwrap();
        rig.spawn(&outer, "first").await;
        let inner = outer.child("inner").start().unwrap();
        rig.spawn(&inner, "second").await;
        rig.spawn(&inner, "third").await;
        rig.spawn(&outer, "fourth").await;
        assert_eq!(outer.agents(), ["first", "fourth", "second", "third"]);
        assert_eq!(inner.agents(), ["second", "third"]);
        rig.record.take();
        outer.shutdown().await;
        assert_eq!(rig.record.take(), ["stop fourth", "stop third", "stop second", "stop first"]);
        assert_eq!(rig.hall.agents(), ["outside"]);
        assert!(rig.hall.tree().container("outer").is_none());
        for gone in [&outer, &inner] {
            let error = gone.spawn("late", rig.factory("late")).await.unwrap_err();
            assert_eq!(error, SpawnError::ShutDown);
            assert!(matches!(gone.child("late").start(), Err(StartError::ShutDown)));
        }
        outer.shutdown().await;
        outside.call().await.unwrap();
        // The node's own agents end after those of its children.
        let again = rig.hall.child("outer").start().unwrap();
        rig.spawn(&again, "first").await;
        rig.record.take();
        rig.hall.shutdown().await;
        assert_eq!(rig.record.take(), ["stop first", "stop outside"]);
        assert!(matches!(rig.hall.child("late").start(), Err(StartError::ShutDown)));
    }
}

#[folkmoot::test]
async fn a_shutdown_amid_a_recovery_goes_to_its_end() {
    // In the pause before the new start, and while somebody lies down.
    for slow_stop in [0, 1] {
        for of_node in [false, true] {
            let rig = Rig::new(2).await;
            let crew = rig.hall.child("crew").one_for_all().start().unwrap();
            let [a, b, _] = rig.crew(&crew).await;
            let pause = Backoff { first: LONG, longest: LONG };
            let sure = crew.spawn("sure", rig.factory("sure")).backoff(pause).await.unwrap();
            sure.crash().await.unwrap_err();
            sure.call().await.unwrap();
            rig.record.slow_stop.store(slow_stop, Ordering::SeqCst);
            sure.crash().await.unwrap_err();
            let waiting = [actix::spawn(a.call()), actix::spawn(b.call()), actix::spawn(sure.call())];
            while rig.status("sure") != Status::Restarting || rig.status("c") != Status::Restarting {
                tokio::task::yield_now().await;
            }
            rig.record.slow_stop.store(0, Ordering::SeqCst);
            rig.record.gate.notify_waiters();
            let ends = if of_node { rig.hall.clone() } else { crew.clone() };
            ends.shutdown_within(LONG).await;
            for waiting in waiting {
                match waiting.await.unwrap() {
                    // It came before its agent lay down.
                    Ok(_) => {}
                    Err(error) => assert!(matches!(error, CallError::AgentStopped { .. }), "{error}"),
                }
            }
            assert!(rig.hall.agents().is_empty());
            rig.hall.shutdown().await;
        }
    }
}

#[folkmoot::test]
async fn a_child_container_is_suspended_and_resumed_as_a_whole() {
    let rig = Rig::new(2).await;
    let outer = rig.hall.child("outer").one_for_all().start().unwrap();
    let first = rig.spawn(&outer, "first").await;
    let inner = outer.child("inner").start().unwrap();
    let second = rig.spawn(&inner, "second").await;
    let outside = rig.spawn(&rig.hall, "outside").await;
    let crashing = actix::spawn(first.wait());
    while !rig.record.take().contains(&"first waits".to_owned()) {
        tokio::task::yield_now().await;
    }
    outer.suspend_all().await.unwrap();
    // Who comes later, also into a container that comes later, begins so.
    let third = rig.spawn(&outer, "third").await;
    let deep = inner.child("deep").start().unwrap();
    let fourth = rig.spawn(&deep, "fourth").await;
    let calls = [&first, &second, &third, &fourth].map(|part| actix::spawn(part.call()));
    outside.call().await.unwrap();
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert!(calls.iter().all(|call| !call.is_finished()));
    let seen = rig.hall.tree();
    for name in ["first", "second", "third", "fourth"] {
        assert_eq!(seen.agent(name).unwrap().status, Status::Suspended, "{name}");
    }
    assert_eq!(seen.agent("first").unwrap().in_hand, 2);
    assert_eq!(seen.container("outer").unwrap().status, Status::Suspended);
    assert_eq!(seen.agent("outside").unwrap().status, Status::Running);
    outer.resume_all().await.unwrap();
    crashing.abort();
    for call in calls.into_iter().skip(1) {
        assert_eq!(call.await.unwrap().unwrap(), 1);
    }
    // So is a whole node.
    rig.hall.suspend_all().await.unwrap();
    let late = rig.spawn(&rig.hall, "late").await;
    let call = actix::spawn(late.call());
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert!(!call.is_finished());
    rig.hall.resume_all().await.unwrap();
    call.await.unwrap().unwrap();
    rig.hall.shutdown_within(Duration::from_millis(20)).await;
}

#[folkmoot::test]
async fn what_cannot_be_a_child_container_says_why() {
    let rig = Rig::new(1).await;
    let crew = rig.hall.child("crew").start().unwrap();
    crew.child("crew").start().unwrap();
    for (error, word) in [
        (rig.hall.child("crew").start().unwrap_err(), "already"),
        (crew.child("crew").start().unwrap_err(), "already"),
        (rig.hall.child("a/b").start().unwrap_err(), "\"a/b\""),
        (rig.hall.child("").start().unwrap_err(), "was not started"),
        (rig.hall.child("x").restarts(1, Duration::ZERO).start().unwrap_err(), "period of zero"),
    ] {
        assert!(error.to_string().contains(word), "{error}");
    }
    let mut deep = crew;
    let error = loop {
        match deep.child("deeper").start() {
            Ok(deeper) => deep = deeper,
            Err(error) => break error,
        }
    };
    assert!(error.to_string().contains("at most 16 deep"), "{error}");
    // A name is one agent's on the whole node.
    rig.spawn(&deep, "part").await;
    let error = rig.hall.spawn("part", rig.factory("part")).await.unwrap_err();
    assert_eq!(error, SpawnError::NameTaken { name: "part".into() });
    let error = deep.spawn("part", rig.factory("part")).await.unwrap_err();
    assert_eq!(error, SpawnError::NameTaken { name: "part".into() });
    assert_eq!(deep.agents(), ["part"]);
    rig.hall.shutdown().await;
}

#[folkmoot::test]
async fn the_tree_shows_what_there_is() {
    let rig = Rig::new(1).await;
    rig.spawn(&rig.hall, "outside").await;
    let outer = rig.hall.child("outer").one_for_all().restarts(3, Duration::from_secs(5)).start().unwrap();
    rig.spawn(&outer, "first").await;
    let inner = outer.child("inner").start().unwrap();
    rig.spawn(&inner, "second").await;
    let third = rig.spawn(&outer, "third").await;
    third.crash().await.unwrap_err();
    rig.until_restarted("third", 1).await;
    let cause = "child container \"outer\" (one for all): agent \"third\" crashed: third broke";
    let wanted = format!(
        "hall\n  \
         outside (Part) running, never restarted, 0 in hand\n  \
         outer/ one for all, running, restarted once (at most 3 within 5s); agent \"third\" crashed: third broke\n    \
         first (Part) running, restarted once, 0 in hand; {cause}\n    \
         inner/ one for one, running, never restarted (at most 10 within 10s)\n      \
         second (Part) running, restarted once, 0 in hand; {cause}\n    \
         third (Part) running, restarted once, 0 in hand; third broke"
    );
    assert_eq!(rig.hall.tree().to_string(), wanted);
    assert_eq!(inner.tree().name, "hall/outer/inner");
    assert_eq!(inner.tree().entries.len(), 1);
    rig.hall.shutdown().await;
}

#[folkmoot::test]
async fn whoever_watches_an_agent_hears_when_it_starts_anew_for_another() {
    let rig = Rig::new(2).await;
    let crew = rig.hall.child("crew").one_for_all().start().unwrap();
    let [a, b, _] = rig.crew(&crew).await;
    let mut monitor = rig.hall.monitor(&a).await.unwrap();
    b.crash().await.unwrap_err();
    let crashed = monitor.next().await;
    assert!(
        matches!(&crashed, Some(folkmoot::AgentEvent::Crashed { cause }) if cause.contains("b broke")),
        "{crashed:?}"
    );
    let restarted = monitor.next().await;
    assert_eq!(restarted, Some(folkmoot::AgentEvent::Restarted { restarts: 1 }));
    rig.hall.shutdown().await;
}

#[test]
fn a_child_container_whose_runtime_has_ended_keeps_nobody_waiting() {
    limit::watch();
    let (outer, inner) = folkmoot::block_on(async {
        let node = Container::builder("local://trees-without-runtime").start().await.unwrap();
        let outer = node.child("outer").start().unwrap();
        let inner = outer.child("inner").start().unwrap();
        (outer, inner)
    });
    folkmoot::block_on(async {
        outer.shutdown().await;
        inner.shutdown().await;
        assert!(matches!(inner.child("late").start(), Err(StartError::ShutDown)));
    });
}
