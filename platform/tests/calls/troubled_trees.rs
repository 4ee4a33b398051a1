//! Trees of supervision in trouble: orders that cross crashes, ends that cross each other, links, groups and retries
//! beside siblings that lie down, starts that hang.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use folkmoot::prelude::*;
use folkmoot::{Backoff, Clock, Group, Linked, RealClock, SpawnError, Status};
use tokio::sync::Notify;

use super::limit;

const LONG: Duration = Duration::from_secs(600);

/// Long enough for what comes at once; nothing is wrong where it was too short.
async fn a_moment() {
    RealClock.sleep(Duration::from_millis(50)).await;
}

/// What the agents of a test are told to do, and what they say.
#[derive(Default)]
struct Orders {
    lines: Mutex<Vec<String>>,
    /// Whether `#[start]` waits for `gate`.
    slow_start: AtomicBool,
    /// Whether `#[stop]` waits for `gate`.
    slow_stop: AtomicBool,
    gate: Notify,
    runs: AtomicU32,
}

impl Orders {
    fn say(&self, line: &str) {
        self.lines.lock().unwrap().push(line.to_owned());
    }

    async fn until(&self, line: &str) {
        while !self.lines.lock().unwrap().iter().any(|said| said == line) {
            tokio::task::yield_now().await;
        }
    }
}

/// Whoever holds the sender keeps a worker waiting.
type Block = Arc<Mutex<mpsc::Receiver<()>>>;

#[derive(Agent)]
struct Part {
    orders: Arc<Orders>,
    links: Vec<Linked>,
    calls: u32,
}

#[agent]
impl Part {
    #[start]
    async fn start(&mut self, ctx: &Context<Self>) {
        if self.orders.slow_start.load(Ordering::SeqCst) {
            self.orders.say(&format!("{} starts", ctx.name()));
            self.orders.gate.notified().await;
        }
    }

    #[expose]
    fn call(&mut self) -> u32 {
        self.calls += 1;
        self.calls
    }

    #[expose]
    fn last_crash(&self, ctx: &Context<Self>) -> Option<String> {
        ctx.last_crash()
    }

    #[expose]
    fn crash(&mut self) {
        panic!("it broke")
    }

    #[expose]
    async fn hang(&mut self) {
        self.orders.say("hangs");
        std::future::pending().await
    }

    #[expose]
    async fn link(&mut self, ctx: &Context<Self>, other: String) -> Result<(), CallError> {
        let other: Proxy<Part> = ctx.find(&other)?;
        self.links.push(ctx.link(&other).await?);
        Ok(())
    }

    #[expose(idempotent)]
    async fn once(&mut self) -> u32 {
        let run = self.orders.runs.fetch_add(1, Ordering::SeqCst);
        if run == 0 {
            self.orders.say("runs");
            std::future::pending::<()>().await;
        }
        run
    }

    #[expose]
    async fn relay(&mut self, ctx: &Context<Self>, other: String) -> Result<u32, CallError> {
        let other: Proxy<Part> = ctx.find(&other)?;
        other.slow().await
    }

    #[expose]
    async fn slow(&mut self) -> u32 {
        self.orders.say("slow");
        std::future::pending().await
    }

    #[stop]
    async fn stop(&mut self) {
        if self.orders.slow_stop.load(Ordering::SeqCst) {
            self.orders.say("stops");
            self.orders.gate.notified().await;
        }
    }
}

struct Rig {
    hall: Container,
    orders: Arc<Orders>,
}

impl Rig {
    async fn new(workers: usize) -> Rig {
        limit::watch();
        let builder = Container::builder("tcp://127.0.0.1:0").name("hall").workers(workers);
        Rig { hall: builder.start().await.unwrap(), orders: Arc::default() }
    }

    fn factory(&self) -> impl Fn() -> Part + Send + 'static {
        let orders = self.orders.clone();
        move || Part { orders: orders.clone(), links: Vec::new(), calls: 0 }
    }

    async fn spawn(&self, into: &Container, name: &str) -> Proxy<Part> {
        into.spawn(name, self.factory()).backoff(Backoff::NONE).await.unwrap()
    }

    /// Waits until the agent was started anew so often, and nothing in the tree is on its way.
    async fn until_restarted(&self, name: &str, times: u64) {
        while self.hall.restarts(name).unwrap() < times || self.hall.tree().to_string().contains("restarting")
        {
            tokio::task::yield_now().await;
        }
    }

    fn status(&self, name: &str) -> Status {
        self.hall.tree().agent(name).unwrap().status
    }
}

#[derive(Agent)]
struct Jamming {
    orders: Arc<Orders>,
    block: Block,
    drops_slowly: bool,
}

impl Drop for Jamming {
    fn drop(&mut self) {
        if self.drops_slowly {
            self.orders.say("dropped");
            self.block.lock().unwrap().recv().ok();
        }
    }
}

#[agent]
impl Jamming {
    #[expose]
    fn jam(&mut self) {
        self.orders.say("jammed");
        self.block.lock().unwrap().recv().ok();
        panic!("it broke late")
    }

    #[expose]
    fn call(&mut self) -> u32 {
        1
    }

    #[stop]
    async fn stop(&mut self) {
        self.orders.say("stops");
        self.orders.gate.notified().await;
    }
}

#[folkmoot::test]
async fn an_order_that_finds_its_agent_down_already_is_not_taken_for_the_next() {
    // The container, the three agents: each has a worker of its own.
    let rig = Rig::new(4).await;
    let crew = rig.hall.child("crew").one_for_all().start().unwrap();
    let (unblock, blocked) = mpsc::channel();
    let (orders, block) = (rig.orders.clone(), Arc::new(Mutex::new(blocked)));
    let lives = AtomicU32::new(0);
    let factory = move || Jamming {
        orders: orders.clone(),
        block: block.clone(),
        drops_slowly: lives.fetch_add(1, Ordering::SeqCst) == 0,
    };
    let jamming = crew.spawn("jamming", factory).backoff(Backoff::NONE).await.unwrap();
    let second = rig.spawn(&crew, "second").await;
    let jam = actix::spawn(jamming.jam());
    rig.orders.until("jammed").await;
    second.crash().await.unwrap_err();
    // It is told to lie down, and does not hear it.
    while rig.hall.tree().agent("jamming").unwrap().last_crash.is_none() {
        tokio::task::yield_now().await;
    }
    let third = rig.spawn(&crew, "third").await;
    a_moment().await;
    unblock.send(()).unwrap();
    // It has crashed by itself, and is told to rise while it lets its state go.
    rig.orders.until("dropped").await;
    a_moment().await;
    // Told to lie down again, by another crash.
    third.crash().await.unwrap_err();
    a_moment().await;
    unblock.send(()).unwrap();
    jam.await.unwrap().unwrap_err();
    a_moment().await;
    rig.orders.gate.notify_one();
    assert_eq!(jamming.call().deadline(LONG).await.unwrap(), 1);
    rig.until_restarted("third", 1).await;
    assert_eq!(second.call().await.unwrap(), 1);
    drop(unblock);
    rig.orders.gate.notify_one();
    rig.hall.shutdown().await;
}

#[folkmoot::test]
async fn a_child_container_that_ends_already_hears_of_a_shorter_grace() {
    for by_the_one_above in [false, true] {
        let rig = Rig::new(2).await;
        let outer = rig.hall.child("outer").start().unwrap();
        let inner = outer.child("inner").start().unwrap();
        let part = rig.spawn(&inner, "part").await;
        let hanging = actix::spawn(part.hang());
        rig.orders.until("hangs").await;
        let slowly = inner.clone();
        let slowly = actix::spawn(async move { slowly.shutdown_within(LONG).await });
        while rig.status("part") != Status::Stopping {
            tokio::task::yield_now().await;
        }
        let ends = if by_the_one_above { &outer } else { &inner };
        ends.shutdown_within(Duration::from_millis(10)).await;
        assert!(rig.hall.agents().is_empty(), "{}", rig.hall.tree());
        hanging.await.unwrap().unwrap_err();
        slowly.await.unwrap();
        rig.hall.shutdown().await;
    }
}

#[folkmoot::test]
async fn who_comes_into_a_child_container_begins_as_the_others_there() {
    let rig = Rig::new(2).await;
    let early = rig.hall.child("early").start().unwrap();
    rig.hall.suspend_all().await.unwrap();
    let late = rig.hall.child("late").start().unwrap();
    rig.spawn(&early, "a").await;
    rig.spawn(&late, "b").await;
    assert_eq!((rig.status("a"), rig.status("b")), (Status::Suspended, Status::Suspended));
    let seen = rig.hall.tree();
    assert_eq!(seen.container("late").unwrap().status, Status::Suspended);
    early.resume_all().await.unwrap();
    late.resume_all().await.unwrap();
    for (container, name) in [(&early, "c"), (&late, "d")] {
        assert_eq!(rig.spawn(container, name).await.call().await.unwrap(), 1, "{name}");
    }
    rig.spawn(&rig.hall, "outside").await;
    assert_eq!(rig.status("outside"), Status::Suspended);
    rig.hall.shutdown().await;
}

#[folkmoot::test]
async fn who_is_suspended_while_it_stops_refuses_what_waits() {
    let rig = Rig::new(1).await;
    let part = rig.spawn(&rig.hall, "part").await;
    let hanging = actix::spawn(part.hang());
    rig.orders.until("hangs").await;
    let waiting = actix::spawn(part.call());
    a_moment().await;
    let stopping = rig.hall.clone();
    let stopping = actix::spawn(async move { stopping.stop("part", LONG).await });
    while rig.status("part") != Status::Stopping {
        tokio::task::yield_now().await;
    }
    rig.hall.suspend("part").await.unwrap();
    let error = waiting.await.unwrap().unwrap_err();
    assert!(matches!(error, CallError::AgentStopped { may_have_run: false, .. }), "{error}");
    rig.hall.stop("part", Duration::from_millis(10)).await.unwrap();
    hanging.await.unwrap().unwrap_err();
    stopping.await.unwrap().unwrap();
    rig.hall.shutdown().await;
}

#[folkmoot::test]
async fn a_link_to_a_sibling_that_lies_down_counts_for_nothing_more() {
    for workers in [1, 3] {
        let rig = Rig::new(workers).await;
        let crew = rig.hall.child("crew").one_for_all().restarts(2, LONG).start().unwrap();
        let a = rig.spawn(&crew, "a").await;
        let b = rig.spawn(&crew, "b").await;
        let c = rig.spawn(&crew, "c").await;
        let outside = rig.spawn(&rig.hall, "outside").await;
        for round in 1..=2 {
            a.link("b".into()).await.unwrap();
            b.link("c".into()).await.unwrap();
            outside.link("b".into()).await.unwrap();
            c.crash().await.unwrap_err();
            for name in ["a", "b", "c", "outside"] {
                rig.until_restarted(name, round).await;
            }
            for name in ["a", "b", "c", "outside"] {
                assert_eq!(rig.hall.restarts(name).unwrap(), round, "{name}");
            }
            // One crash, however many it took along.
            assert_eq!(rig.hall.tree().container("crew").unwrap().restarts, round);
        }
        let told = outside.last_crash().await.unwrap().unwrap();
        assert!(told.starts_with("the linked agent hall/b crashed: "), "{told}");
        rig.hall.shutdown().await;
    }
}

#[folkmoot::test]
async fn a_link_into_a_child_container_is_a_crash_there() {
    let rig = Rig::new(2).await;
    let crew = rig.hall.child("crew").rest_for_one().start().unwrap();
    let a = rig.spawn(&crew, "a").await;
    rig.spawn(&crew, "b").await;
    let outside = rig.spawn(&rig.hall, "outside").await;
    a.link("outside".into()).await.unwrap();
    outside.crash().await.unwrap_err();
    rig.until_restarted("b", 1).await;
    assert_eq!(rig.hall.restarts("a").unwrap(), 1);
    assert!(a.last_crash().await.unwrap().unwrap().contains("the linked agent hall/outside crashed"));
    rig.hall.shutdown().await;
}

#[folkmoot::test]
async fn a_group_asks_others_than_a_suspended_member() {
    let rig = Rig::new(1).await;
    let crew = rig.hall.child("crew").start().unwrap();
    let parts = [rig.spawn(&crew, "a").await, rig.spawn(&crew, "b").await];
    let group = Group::of(parts.clone());
    rig.hall.suspend("a").await.unwrap();
    for _ in 0..6 {
        group.ask_one(|part| part.call()).await.unwrap();
    }
    assert_eq!(parts[1].call().await.unwrap(), 7, "the suspended one was asked");
    // A quorum does not wait for it.
    group.ask_all(|part| part.call()).quorum(1).await.unwrap();
    rig.hall.resume("a").await.unwrap();
    rig.hall.shutdown().await;
}

#[folkmoot::test]
async fn an_idempotent_call_in_hand_of_a_sibling_is_made_again() {
    for workers in [1, 3] {
        let rig = Rig::new(workers).await;
        let crew = rig.hall.child("crew").one_for_all().start().unwrap();
        let (a, b) = (rig.spawn(&crew, "a").await, rig.spawn(&crew, "b").await);
        let call = actix::spawn(a.once().into_future());
        rig.orders.until("runs").await;
        b.crash().await.unwrap_err();
        assert_eq!(call.await.unwrap().unwrap(), 1, "it ran twice");
        rig.hall.shutdown().await;
    }
}

#[folkmoot::test]
async fn a_start_that_hangs_keeps_no_recovery_waiting() {
    for workers in [1, 3] {
        let rig = Rig::new(workers).await;
        let crew = rig.hall.child("crew").one_for_all().start().unwrap();
        let (a, b) = (rig.spawn(&crew, "a").await, rig.spawn(&crew, "b").await);
        // A first start hangs while the others start anew.
        rig.orders.slow_start.store(true, Ordering::SeqCst);
        let late = crew.spawn("late", rig.factory()).backoff(Backoff::NONE).into_future();
        let late = actix::spawn(late);
        rig.orders.until("late starts").await;
        rig.orders.slow_start.store(false, Ordering::SeqCst);
        a.crash().await.unwrap_err();
        while rig.hall.restarts("b").unwrap() < 1 {
            tokio::task::yield_now().await;
        }
        assert_eq!(b.call().await.unwrap(), 1);
        rig.orders.gate.notify_waiters();
        let late = late.await.unwrap().unwrap();
        // It began beside the old ones, and starts anew after them.
        rig.until_restarted("late", 1).await;
        assert_eq!(late.call().await.unwrap(), 1);
        // A new start hangs while one that is up crashes.
        rig.orders.slow_start.store(true, Ordering::SeqCst);
        late.crash().await.unwrap_err();
        rig.orders.until("a starts").await;
        rig.orders.gate.notify_one();
        rig.orders.until("b starts").await;
        rig.orders.slow_start.store(false, Ordering::SeqCst);
        a.crash().await.unwrap_err();
        rig.until_restarted("late", 2).await;
        assert_eq!(b.call().await.unwrap(), 1);
        // One that hangs ends with its container.
        rig.orders.lines.lock().unwrap().clear();
        rig.orders.slow_start.store(true, Ordering::SeqCst);
        late.crash().await.unwrap_err();
        rig.orders.until("a starts").await;
        let waiting = actix::spawn(b.call());
        crew.shutdown().await;
        let error = waiting.await.unwrap().unwrap_err();
        assert!(matches!(error, CallError::AgentStopped { .. }), "{error}");
        rig.hall.shutdown().await;
    }
}

#[folkmoot::test]
async fn a_suspended_agent_of_a_branch_that_is_restarted_above_stays_suspended() {
    let rig = Rig::new(3).await;
    let outer = rig.hall.child("outer").one_for_all().start().unwrap();
    let inner = outer.child("inner").restarts(0, LONG).backoff(Backoff::NONE).start().unwrap();
    let beside = rig.spawn(&outer, "beside").await;
    let (a, b) = (rig.spawn(&inner, "a").await, rig.spawn(&inner, "b").await);
    rig.hall.suspend("a").await.unwrap();
    let waiting = actix::spawn(a.call());
    a_moment().await;
    b.crash().await.unwrap_err();
    rig.until_restarted("b", 1).await;
    assert_eq!(beside.call().await.unwrap(), 1);
    assert_eq!(b.call().await.unwrap(), 1);
    assert_eq!((rig.status("a"), rig.hall.restarts("a").unwrap()), (Status::Suspended, 1));
    assert!(!waiting.is_finished());
    rig.hall.resume("a").await.unwrap();
    assert_eq!(waiting.await.unwrap().unwrap(), 1);
    // One that is resumed while it lies down begins its turns as soon as it is up.
    rig.hall.suspend("a").await.unwrap();
    rig.orders.slow_stop.store(true, Ordering::SeqCst);
    let waiting = actix::spawn(a.call());
    b.crash().await.unwrap_err();
    rig.orders.until("stops").await;
    rig.hall.resume("a").await.unwrap();
    rig.orders.slow_stop.store(false, Ordering::SeqCst);
    rig.orders.gate.notify_waiters();
    assert_eq!(waiting.await.unwrap().unwrap(), 1);
    rig.hall.shutdown().await;
}

#[folkmoot::test]
async fn a_turn_that_waits_for_a_sibling_is_answered_when_that_lies_down() {
    for workers in [1, 3] {
        let rig = Rig::new(workers).await;
        let crew = rig.hall.child("crew").rest_for_one().start().unwrap();
        let a = rig.spawn(&crew, "a").await;
        let b = rig.spawn(&crew, "b").await;
        rig.spawn(&crew, "c").await;
        let relayed = actix::spawn(a.relay("c".into()));
        rig.orders.until("slow").await;
        b.crash().await.unwrap_err();
        let error = relayed.await.unwrap().unwrap_err();
        assert!(error.to_string().contains("\"c\""), "{error}");
        rig.until_restarted("c", 1).await;
        assert_eq!(a.call().await.unwrap(), 1);
        rig.hall.shutdown().await;
    }
}

/// Has two agents of its own in its container.
#[derive(Agent)]
struct Chief {
    crew: Container,
    orders: Arc<Orders>,
    hands: Vec<Proxy<Part>>,
}

#[agent]
impl Chief {
    #[start]
    async fn start(&mut self) -> Result<(), SpawnError> {
        for name in ["hand-1", "hand-2"] {
            let orders = self.orders.clone();
            let factory = move || Part { orders: orders.clone(), links: Vec::new(), calls: 0 };
            self.hands.push(self.crew.spawn(name, factory).restart(Restart::Temporary).await?);
        }
        Ok(())
    }

    #[expose]
    async fn all(&self) -> Result<u32, CallError> {
        let mut all = 0;
        for hand in &self.hands {
            all += hand.call().await?;
        }
        Ok(all)
    }

    #[expose]
    fn crash(&mut self) {
        panic!("the chief broke")
    }
}

#[folkmoot::test]
async fn temporary_agents_that_one_spawns_in_its_start_are_gone_before_it_starts_anew() {
    for workers in [1, 3] {
        let rig = Rig::new(workers).await;
        let crew = rig.hall.child("crew").one_for_all().restarts(50, LONG).start().unwrap();
        let (inside, orders) = (crew.clone(), rig.orders.clone());
        let factory = move || Chief { crew: inside.clone(), orders: orders.clone(), hands: Vec::new() };
        let chief = crew.spawn("chief", factory).backoff(Backoff::NONE).await.unwrap();
        for round in 1..=10 {
            assert_eq!(chief.all().await.unwrap(), 2);
            chief.crash().await.unwrap_err();
            rig.until_restarted("chief", round).await;
        }
        assert_eq!(rig.hall.restarts("chief").unwrap(), 10);
        assert_eq!(crew.agents(), ["chief", "hand-1", "hand-2"]);
        rig.hall.shutdown().await;
        assert!(rig.hall.agents().is_empty());
    }
}

#[folkmoot::test]
async fn an_agent_of_a_child_container_is_never_seen_outside_of_it() {
    let rig = Rig::new(3).await;
    let crew = rig.hall.child("crew").start().unwrap();
    let spawning = {
        let (crew, hall, orders) = (crew.clone(), rig.hall.clone(), rig.orders.clone());
        actix::spawn(async move {
            for n in 0..300 {
                let orders = orders.clone();
                let name = format!("part-{n}");
                let factory = move || Part { orders: orders.clone(), links: Vec::new(), calls: 0 };
                crew.spawn(&name, factory).await.unwrap();
                if n % 2 == 0 {
                    hall.stop(&name, LONG).await.unwrap();
                }
            }
        })
    };
    let hall = rig.hall.clone();
    let done = Arc::new(AtomicBool::new(false));
    let over = done.clone();
    let looking = std::thread::spawn(move || {
        while !over.load(Ordering::SeqCst) {
            let seen = hall.tree();
            assert_eq!(seen.entries.len(), 1, "{seen}");
        }
    });
    spawning.await.unwrap();
    done.store(true, Ordering::SeqCst);
    tokio::task::spawn_blocking(|| looking.join()).await.unwrap().unwrap();
    rig.hall.shutdown().await;
}

#[folkmoot::test]
async fn proxies_find_the_agents_of_a_container_that_takes_the_place_of_one_that_stays_down() {
    let rig = Rig::new(2).await;
    let crew = rig.hall.child("crew").restarts(0, LONG).start().unwrap();
    let part = rig.spawn(&crew, "part").await;
    let other = Container::builder("tcp://127.0.0.1:0").name("other").start().await.unwrap();
    let far: Proxy<Part> = other.connect(rig.hall.url("part")).await.unwrap();
    part.crash().await.unwrap_err();
    while !rig.hall.agents().is_empty() {
        tokio::task::yield_now().await;
    }
    part.call().await.unwrap_err();
    far.call().await.unwrap_err();
    let again = rig.hall.child("crew").start().unwrap();
    rig.spawn(&again, "part").await;
    assert_eq!((part.call().await.unwrap(), far.call().await.unwrap()), (1, 2));
    other.shutdown().await;
    rig.hall.shutdown().await;
}

#[folkmoot::test]
async fn a_node_that_ends_amid_crashes_and_spawns_answers_everybody() {
    let rig = Rig::new(3).await;
    let crew = rig.hall.child("crew").one_for_all().restarts(100_000, LONG).start().unwrap();
    let mut parts = Vec::new();
    for n in 0..6 {
        let name = format!("part-{n}");
        let part = crew.spawn(&name, rig.factory()).intensity(100_000, LONG).backoff(Backoff::NONE);
        parts.push(part.await.unwrap());
    }
    let callers: Vec<_> = (0..30)
        .map(|n| {
            let part = parts[n % parts.len()].clone();
            actix::spawn(async move {
                loop {
                    let answer = match n % 5 == 0 {
                        true => part.crash().await.map(|()| 0),
                        false => part.call().await,
                    };
                    if matches!(answer, Err(CallError::AgentStopped { .. })) {
                        return;
                    }
                }
            })
        })
        .collect();
    let (late, factory) = (crew.clone(), rig.factory());
    let factory = Arc::new(Mutex::new(factory));
    let spawning = actix::spawn(async move {
        for n in 0.. {
            let factory = factory.clone();
            let spawned = late.spawn(&format!("late-{n}"), move || (factory.lock().unwrap())()).await;
            match spawned {
                Ok(_) => {}
                Err(SpawnError::ShutDown) => return,
                Err(SpawnError::Failed { cause, .. }) if cause.contains("stopped") => {}
                Err(other) => panic!("{other}"),
            }
        }
    });
    a_moment().await;
    rig.hall.shutdown().await;
    for caller in callers {
        caller.await.unwrap();
    }
    spawning.await.unwrap();
    assert!(rig.hall.agents().is_empty());
    assert!(crew.tree().entries.is_empty(), "{}", crew.tree());
}
