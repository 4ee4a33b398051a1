//! What meets in an order that nobody planned: stops that follow stops, crashes that ask for the end, spawns of a name
//! that is taken, calls whose callers went before they began.

use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use folkmoot::prelude::*;
use folkmoot::{Backoff, Untyped, Value};
use futures_util::future::join_all;

use super::counter::{Counter, hall};

const LONG: Duration = Duration::from_secs(3600);

type Log = Arc<Mutex<Vec<String>>>;

/// Does whatever is odd.
#[derive(Agent)]
struct Odd {
    log: Log,
    stop_hangs: bool,
    broken: bool,
    unblock: Arc<Mutex<mpsc::Receiver<()>>>,
}

#[agent]
impl Odd {
    #[start]
    fn start(&mut self) {
        self.say("start");
    }

    #[expose]
    async fn hang(&self) {
        self.say("hang");
        std::future::pending::<()>().await;
    }

    #[expose]
    fn leave(&self, ctx: &Context<Self>) {
        ctx.stop();
    }

    #[expose]
    fn leave_broken(&mut self, ctx: &Context<Self>) {
        self.broken = true;
        ctx.stop();
        panic!("on the way out");
    }

    #[expose]
    fn note(&mut self, word: String) {
        self.say(&word);
    }

    #[expose]
    fn note_shared(&self, word: String) {
        self.say(&word);
    }

    /// Calls itself again and again, from one shared turn.
    #[expose]
    async fn note_many(&self, ctx: &Context<Self>) {
        let own = ctx.own_proxy();
        join_all((0..40).map(|number| own.note_shared(number.to_string()))).await;
    }

    /// Keeps the worker until the test lets go of it.
    #[expose]
    fn block(&mut self) {
        self.say("blocks");
        self.unblock.lock().unwrap().recv().ok();
    }

    /// Spawns beside itself once it has ended.
    #[expose]
    fn spawn_late(&self, ctx: &Context<Self>) {
        let (ctx, dropped) = (ctx.clone(), OnDrop(self.log.clone()));
        actix::spawn(async move {
            while ctx.own_proxy().note_shared(String::new()).await.is_ok() {
                tokio::task::yield_now().await;
            }
            let kept = ctx.clone();
            ctx.spawn(async move {
                let _kept = (kept, dropped);
            });
        });
    }

    #[stop]
    async fn stop(&mut self) {
        self.say(if self.broken { "stop, broken" } else { "stop" });
        if self.stop_hangs {
            std::future::pending::<()>().await;
        }
    }
}

impl Odd {
    fn say(&self, word: &str) {
        self.log.lock().unwrap().push(word.to_owned());
    }
}

struct OnDrop(Log);

impl Drop for OnDrop {
    fn drop(&mut self) {
        self.0.lock().unwrap().push("dropped".to_owned());
    }
}

struct Rig {
    hall: Container,
    log: Log,
    made: Arc<AtomicU32>,
    unblock: mpsc::Sender<()>,
    blocked: Arc<Mutex<mpsc::Receiver<()>>>,
}

impl Rig {
    fn over(hall: Container) -> Rig {
        let (unblock, blocked) = mpsc::channel();
        let (log, made) = (Log::default(), Arc::default());
        Rig { hall, log, made, unblock, blocked: Arc::new(Mutex::new(blocked)) }
    }

    async fn start() -> Rig {
        Rig::over(hall().await)
    }

    fn factory(&self, stop_hangs: bool) -> impl Fn() -> Odd + Send + 'static {
        let (log, made, unblock) = (self.log.clone(), self.made.clone(), self.blocked.clone());
        move || {
            made.fetch_add(1, Ordering::SeqCst);
            Odd { log: log.clone(), stop_hangs, broken: false, unblock: unblock.clone() }
        }
    }

    async fn until(&self, word: &str) {
        while !self.log.lock().unwrap().iter().any(|said| said == word) {
            tokio::task::yield_now().await;
        }
    }

    fn said(&self) -> Vec<String> {
        self.log.lock().unwrap().clone()
    }

    /// Asks for an end with plenty of time, beside the test.
    fn stop_slowly(&self) {
        let hall = self.hall.clone();
        actix::spawn(async move { hall.stop("odd", LONG).await });
    }
}

#[folkmoot::test]
async fn a_shorter_grace_is_heard_while_the_agent_finishes_and_while_it_stops() {
    let rig = Rig::start().await;
    let odd = rig.hall.spawn("odd", rig.factory(false)).await.unwrap();
    let hanging = actix::spawn(odd.hang().deadline(LONG).into_future());
    rig.until("hang").await;
    rig.stop_slowly();
    while odd.note_shared("in time".into()).await.is_ok() {}
    rig.hall.stop("odd", Duration::from_millis(10)).await.unwrap();
    hanging.await.unwrap().unwrap_err();

    let odd = rig.hall.spawn("odd", rig.factory(true)).await.unwrap();
    rig.log.lock().unwrap().clear();
    rig.stop_slowly();
    rig.until("stop").await;
    rig.hall.stop("odd", Duration::from_millis(10)).await.unwrap();
    drop(odd);
    rig.hall.shutdown().await;
}

#[folkmoot::test]
async fn a_shutdown_ends_an_agent_that_hangs_in_an_end_of_its_own() {
    let rig = Rig::start().await;
    let odd = rig.hall.spawn("odd", rig.factory(true)).await.unwrap();
    odd.leave().await.unwrap();
    rig.until("stop").await;
    rig.hall.shutdown_within(Duration::from_millis(10)).await;
    assert!(rig.hall.agents().is_empty(), "it is left behind");
}

#[folkmoot::test]
async fn a_spawn_of_a_name_that_is_taken_makes_nothing() {
    for workers in [1, 3] {
        super::limit::watch();
        let rig = Rig::over(Container::builder("tcp://127.0.0.1:0").workers(workers).start().await.unwrap());
        rig.hall.spawn("odd", rig.factory(false)).await.unwrap();
        for _ in 0..workers {
            rig.hall.spawn("odd", rig.factory(false)).await.unwrap_err();
        }
        rig.hall.shutdown().await;
        rig.hall.spawn("odd", rig.factory(false)).await.unwrap_err();
        assert_eq!((rig.made.load(Ordering::SeqCst), rig.said()), (1, vec!["start".into(), "stop".into()]));
    }
}

#[folkmoot::test]
async fn a_call_whose_time_is_over_before_its_agent_looks_never_runs() {
    super::limit::watch();
    let rig = Rig::over(Container::builder("tcp://127.0.0.1:0").workers(2).start().await.unwrap());
    // Workers take their turns: one of the two is not on ours.
    for name in ["first", "second"] {
        let odd = rig.hall.spawn(name, rig.factory(false)).await.unwrap();
        let on_our_worker = {
            let own = std::thread::current().id();
            let here = rig.hall.spawn_near(&odd, &format!("{name}-thread"), || Thread).await.unwrap();
            here.id().await.unwrap() == format!("{own:?}")
        };
        if on_our_worker {
            continue;
        }
        let blocking = actix::spawn(odd.block().into_future());
        rig.until("blocks").await;
        let late = odd.note("late".into()).deadline(Duration::from_millis(10)).await;
        assert!(matches!(late, Err(CallError::DeadlineExceeded { .. })), "{late:?}");
        odd.note("late, one-way".into()).deadline(Duration::from_millis(1)).one_way().unwrap();
        odd.note("late, waited for".into()).deadline(Duration::from_millis(20)).await.unwrap_err();
        rig.unblock.send(()).unwrap();
        blocking.await.unwrap().unwrap();
        odd.note("in time".into()).await.unwrap();
        assert!(!rig.said().iter().any(|word| word.starts_with("late")), "{:?}", rig.said());
    }
    assert!(rig.said().contains(&"in time".to_owned()), "both agents were on this worker");
    rig.hall.shutdown().await;
}

#[derive(Agent)]
struct Thread;

#[agent]
impl Thread {
    #[expose]
    fn id(&self) -> String {
        format!("{:?}", std::thread::current().id())
    }
}

#[folkmoot::test]
async fn calls_that_come_back_keep_their_order() {
    let rig = Rig::start().await;
    let odd = rig.hall.spawn("odd", rig.factory(false)).await.unwrap();
    odd.note_many().await.unwrap();
    let expected: Vec<String> = (0..40).map(|number| number.to_string()).collect();
    assert_eq!(rig.said()[1..], expected);
    rig.hall.shutdown().await;
}

#[folkmoot::test]
async fn a_crash_comes_before_the_end_that_the_same_turn_asked_for() {
    let rig = Rig::start().await;
    let odd = rig.hall.spawn("odd", rig.factory(false)).await.unwrap();
    odd.leave_broken().await.unwrap_err();
    while !rig.hall.agents().is_empty() {
        tokio::task::yield_now().await;
    }
    assert_eq!(rig.said(), ["start", "start", "stop"], "no state that crashed is stopped");
    rig.hall.shutdown().await;
}

/// Crashes at once, for ever.
#[derive(Agent)]
struct Restless;

#[agent]
impl Restless {
    #[run]
    async fn beside(_ctx: Context<Self>) {
        panic!("again");
    }
}

/// Leaves as soon as it has started, for ever.
#[derive(Agent, Default)]
struct Fickle;

#[agent]
impl Fickle {
    #[run]
    async fn beside(ctx: Context<Self>) {
        ctx.stop();
    }
}

#[folkmoot::test]
async fn an_agent_that_starts_anew_for_ever_leaves_its_worker_to_others() {
    let hall = hall().await;
    let endless = (u32::MAX, Duration::from_millis(50));
    let restless = hall.spawn("restless", || Restless).intensity(endless.0, endless.1).backoff(Backoff::NONE);
    restless.await.unwrap();
    let fickle = hall.spawn("fickle", Fickle::default).restart(Restart::Permanent);
    fickle.intensity(endless.0, endless.1).backoff(Backoff::NONE).await.unwrap();
    let counter = hall.spawn("counter", Counter::default).await.unwrap();
    while hall.restarts("restless").unwrap() < 100 || hall.restarts("fickle").unwrap() < 100 {
        counter.add(1).await.unwrap();
        tokio::task::yield_now().await;
    }
    hall.shutdown().await;
}

#[folkmoot::test]
async fn what_is_spawned_beside_an_agent_that_has_ended_is_dropped() {
    let rig = Rig::start().await;
    let odd = rig.hall.spawn("odd", rig.factory(false)).await.unwrap();
    odd.spawn_late().await.unwrap();
    rig.hall.stop("odd", LONG).await.unwrap();
    rig.until("dropped").await;
    rig.hall.shutdown().await;
}

/// Crashes beside its turn in its first two lives.
#[derive(Agent)]
struct Recovering {
    life: usize,
}

#[agent]
impl Recovering {
    #[expose(idempotent)]
    async fn in_the_end(&mut self, ctx: &Context<Self>, words: Vec<String>) -> (usize, Vec<String>) {
        if self.life < 3 {
            ctx.spawn(async { panic!("beside the turn") });
            std::future::pending::<()>().await;
        }
        (self.life, words)
    }
}

#[agent]
trait Persistent {
    #[expose(idempotent)]
    async fn in_the_end(&mut self, words: Vec<String>) -> (usize, Vec<String>);
}

#[folkmoot::test]
async fn an_idempotent_call_is_made_again_where_its_agent_starts_anew_under_it() {
    let hall = hall().await;
    let lives = Arc::new(AtomicUsize::new(0));
    for name in ["typed", "by trait", "untyped"] {
        let of_agent = lives.clone();
        lives.store(0, Ordering::SeqCst);
        let make = move || Recovering { life: of_agent.fetch_add(1, Ordering::SeqCst) + 1 };
        let typed = hall.spawn("recovering", make).backoff(Backoff::NONE).await.unwrap();
        let words = vec!["the same".to_owned()];
        let (life, said) = match name {
            "typed" => typed.in_the_end(words.clone()).await.unwrap(),
            "by trait" => {
                let by_trait: Proxy<dyn Persistent> = hall.find("recovering").unwrap();
                by_trait.in_the_end(words.clone()).await.unwrap()
            }
            _ => {
                let untyped: Proxy<Untyped> = hall.find("recovering").unwrap();
                let said = Value::List(vec!["the same".into()]);
                let reply = untyped.call("in_the_end", [said]).idempotent().await.unwrap();
                assert_eq!(reply.item(1).and_then(|said| said.item(0)), Some(&"the same".into()));
                (reply.item(0).and_then(Value::as_u64).unwrap() as usize, words.clone())
            }
        };
        assert_eq!((life, said), (3, words), "{name}");
        hall.stop("recovering", LONG).await.unwrap();
    }
    hall.shutdown().await;
}

/// Waits for ever, and crashes beside that when it is told to.
#[derive(Agent)]
struct Fragile;

#[agent]
impl Fragile {
    #[expose]
    async fn hang(&mut self, ctx: &Context<Self>) {
        ctx.spawn(async { panic!("beside the turn") });
        std::future::pending::<()>().await;
    }
}

#[agent]
trait Hanging {
    async fn hang(&mut self);
}

#[folkmoot::test]
async fn a_crash_under_a_call_is_told_alike_to_all_who_found_the_new_bearer_of_a_name() {
    let hall = hall().await;
    hall.spawn("fragile", || Fragile).await.unwrap();
    let typed: Proxy<Fragile> = hall.find("fragile").unwrap();
    let by_trait: Proxy<dyn Hanging> = hall.find("fragile").unwrap();
    let untyped: Proxy<Untyped> = hall.find("fragile").unwrap();
    hall.stop("fragile", LONG).await.unwrap();
    hall.spawn("fragile", || Fragile).await.unwrap();
    let restarted = CallError::AgentRestarted { agent: "fragile".into(), may_have_run: true };
    assert_eq!(typed.hang().await.unwrap_err(), restarted);
    assert_eq!(by_trait.hang().await.unwrap_err(), restarted);
    assert_eq!(untyped.call("hang", [0; 0]).await.unwrap_err(), restarted.widen());
    hall.shutdown().await;
}
