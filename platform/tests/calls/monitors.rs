//! Monitors and links between agents of one container.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use folkmoot::prelude::*;
use folkmoot::{AgentEvent, Backoff, Linked, Spawn};
use futures_util::StreamExt;
use tokio::sync::mpsc;

use super::counter::hall;
use super::events::{crashed, ended, next, restarted};

/// Long enough for what comes at once.
const SOON: Duration = Duration::from_secs(60);

/// Crashes or ends when it is told to, and may be linked to others.
#[derive(Agent, Default)]
struct Fragile {
    links: Vec<Linked>,
    refuses_to_start: Arc<AtomicBool>,
}

#[agent]
impl Fragile {
    #[start]
    fn start(&mut self) -> Result<(), String> {
        match self.refuses_to_start.load(Ordering::SeqCst) {
            true => Err("it does not want to".to_owned()),
            false => Ok(()),
        }
    }

    #[expose]
    fn crash(&mut self, why: String) {
        panic!("{why}");
    }

    #[expose]
    fn leave(&mut self, ctx: &Context<Self>) {
        ctx.stop();
    }

    #[expose]
    fn links(&self) -> usize {
        self.links.len()
    }

    #[expose]
    fn last_crash(&self, ctx: &Context<Self>) -> Option<String> {
        ctx.last_crash()
    }

    #[expose]
    async fn link(&mut self, ctx: &Context<Self>, other: String) -> Result<(), CallError> {
        let other: Proxy<Fragile> = ctx.find(&other)?;
        self.links.push(ctx.link(&other).await?);
        Ok(())
    }

    #[expose]
    fn unlink(&mut self) {
        self.links.drain(..).for_each(Linked::unlink);
    }

    /// The link is no more than a local of the turn that panics.
    #[expose]
    async fn link_and_crash(&mut self, ctx: &Context<Self>, other: String) {
        let other: Proxy<dyn Crashing> = ctx.find(&other).unwrap();
        let _linked = ctx.link(&other).await.unwrap();
        panic!("with a link in hand");
    }
}

/// What callers know who do not have `Fragile`'s code.
#[agent]
trait Crashing {
    fn crash(&mut self, why: String);
}

fn fragile(hall: &Container, name: &str) -> Spawn<Fragile> {
    hall.spawn(name, Fragile::default).backoff(Backoff::NONE)
}

/// Waits for that many new starts of an agent.
async fn restarts(hall: &Container, name: &str, count: u64) {
    while hall.restarts(name).unwrap() < count {
        tokio::task::yield_now().await;
    }
    assert_eq!(hall.restarts(name).unwrap(), count, "{name}");
}

#[folkmoot::test]
async fn a_monitor_tells_of_each_crash_new_start_and_the_end() {
    let hall = hall().await;
    let agent = fragile(&hall, "fragile").intensity(2, SOON).await.unwrap();
    let typed = hall.monitor(&agent).await.unwrap();
    let by_trait: Proxy<dyn Crashing> = Proxy::cast(&agent).unwrap();
    let erased = hall.monitor(&by_trait).await.unwrap();
    assert_eq!(typed.agent_name(), "fragile");
    for n in 1..=3 {
        agent.crash(format!("no {n}")).await.unwrap_err();
    }
    for mut monitor in [typed, erased] {
        for n in 1..=2 {
            assert_eq!(next(&mut monitor).await, crashed(&format!("no {n}")));
            assert_eq!(next(&mut monitor).await, restarted(n));
        }
        let end = ended("no 3; more than 2 new starts within 60s", false);
        assert_eq!(next(&mut monitor).await, end);
        assert_eq!(monitor.next().await, None);
        assert_eq!(monitor.next().await, None);
    }
    let error = hall.monitor(&agent).await.unwrap_err();
    assert!(matches!(&error, CallError::AgentStopped { cause, .. } if cause.starts_with("no 3")), "{error}");
    hall.shutdown().await;
}

#[folkmoot::test]
async fn an_end_in_order_is_told_when_the_name_is_free() {
    for leaves in [false, true] {
        let hall = hall().await;
        let agent = fragile(&hall, "fragile").await.unwrap();
        let mut monitor = hall.monitor(&agent).await.unwrap();
        match leaves {
            true => agent.leave().await.unwrap(),
            false => hall.stop("fragile", SOON).await.unwrap(),
        }
        assert_eq!(next(&mut monitor).await, ended("stopped", true));
        // A new one of that name is another agent; a proxy means that one, and so does a new monitor by it.
        fragile(&hall, "fragile").await.unwrap();
        assert_eq!(monitor.next().await, None);
        let mut again = hall.monitor(&agent).await.unwrap();
        agent.crash("again".into()).await.unwrap_err();
        assert_eq!(next(&mut again).await, crashed("again"));
        hall.shutdown().await;
    }
}

#[folkmoot::test]
async fn a_permanent_agent_that_ends_itself_is_only_started_anew() {
    let hall = hall().await;
    let agent = fragile(&hall, "fragile").restart(Restart::Permanent).await.unwrap();
    let mut monitor = hall.monitor(&agent).await.unwrap();
    agent.leave().await.unwrap();
    assert_eq!(next(&mut monitor).await, restarted(1));
    hall.shutdown().await;
    assert_eq!(next(&mut monitor).await, ended("stopped", true));
}

#[folkmoot::test]
async fn a_crash_is_told_before_the_pause_that_follows_it() {
    let hall = hall().await;
    let refuses = Arc::new(AtomicBool::new(false));
    let of_agent = refuses.clone();
    let factory = move || Fragile { links: Vec::new(), refuses_to_start: of_agent.clone() };
    // An hour's pause: nobody waits for it here.
    let pauses = Backoff { first: Duration::from_secs(3600), longest: Duration::from_secs(3600) };
    let agent = hall.spawn("fragile", factory).backoff(pauses).await.unwrap();
    let mut monitor = hall.monitor(&agent).await.unwrap();
    refuses.store(true, Ordering::SeqCst);
    agent.crash("first".into()).await.unwrap_err();
    assert_eq!(next(&mut monitor).await, crashed("first"));
    assert_eq!(next(&mut monitor).await, crashed("#[start] failed: it does not want to"));
    hall.stop("fragile", SOON).await.unwrap();
    assert_eq!(next(&mut monitor).await, ended("stopped", true));
    hall.shutdown().await;
}

#[folkmoot::test]
async fn a_monitor_that_nobody_asks_keeps_the_newest_and_says_how_many_are_missing() {
    let hall = hall().await;
    let agent = fragile(&hall, "fragile").intensity(u32::MAX, SOON).await.unwrap();
    let mut monitor = hall.monitor(&agent).await.unwrap();
    for n in 1..=50 {
        agent.crash(n.to_string()).await.unwrap_err();
    }
    restarts(&hall, "fragile", 50).await;
    hall.stop("fragile", SOON).await.unwrap();
    // 101 events, of which 64 are kept.
    assert_eq!(next(&mut monitor).await, AgentEvent::Missed { events: 37 });
    let kept: Vec<AgentEvent> = monitor.by_ref().collect().await;
    assert_eq!(kept.len(), 64);
    assert_eq!(kept[62..], [restarted(50), ended("stopped", true)]);
    hall.shutdown().await;
}

#[folkmoot::test]
async fn an_agent_hears_of_another_beside_its_turns() {
    /// Writes down what happens to others.
    #[derive(Agent)]
    struct Nurse(mpsc::UnboundedSender<String>);

    #[agent]
    impl Nurse {
        #[start]
        async fn start(&mut self, ctx: &Context<Self>) -> Result<(), CallError> {
            let patient: Proxy<Fragile> = ctx.find("patient")?;
            let mut monitor = ctx.monitor(&patient).await?;
            let own = ctx.own_proxy();
            ctx.spawn(async move {
                while let Some(event) = monitor.next().await {
                    own.hear(event.to_string()).await.ok();
                }
            });
            Ok(())
        }

        #[expose]
        fn hear(&mut self, event: String) {
            self.0.send(event).ok();
        }
    }

    let hall = hall().await;
    let patient = fragile(&hall, "patient").await.unwrap();
    let (tell, mut told) = mpsc::unbounded_channel();
    hall.spawn("nurse", move || Nurse(tell.clone())).await.unwrap();
    patient.crash("ouch".into()).await.unwrap_err();
    assert_eq!(told.recv().await.unwrap(), "it crashed: ouch");
    assert_eq!(told.recv().await.unwrap(), "it was started anew, 1 times in all");
    patient.leave().await.unwrap();
    assert_eq!(told.recv().await.unwrap(), "it has ended: stopped");
    hall.shutdown().await;
}

#[folkmoot::test]
async fn a_crash_of_either_linked_agent_is_the_others_once() {
    for (workers, crashes, other) in [(1, "a", "b"), (1, "b", "a"), (2, "a", "b"), (2, "b", "a")] {
        super::limit::watch();
        let hall =
            Container::builder("tcp://127.0.0.1:0").name("hall").workers(workers).start().await.unwrap();
        let a = fragile(&hall, "a").await.unwrap();
        let b = fragile(&hall, "b").await.unwrap();
        a.link("b".into()).await.unwrap();
        let find = |name| hall.find::<Fragile>(name).unwrap();
        find(crashes).crash("boom".into()).await.unwrap_err();
        restarts(&hall, other, 1).await;
        let told = find(other).last_crash().await.unwrap().unwrap();
        assert_eq!(told, format!("the linked agent hall/{crashes} crashed: boom"));
        assert_eq!(find(crashes).last_crash().await.unwrap().as_deref(), Some("boom"));
        // Nothing bounces back, and the new lives are not linked.
        a.crash("alone".into()).await.unwrap_err();
        assert_eq!(a.links().await.unwrap(), 0);
        b.crash("alone too".into()).await.unwrap_err();
        for (agent, name, last) in [(&a, "a", "alone"), (&b, "b", "alone too")] {
            assert_eq!(agent.last_crash().await.unwrap().as_deref(), Some(last));
            assert_eq!(hall.restarts(name).unwrap(), 2);
        }
        hall.shutdown().await;
    }
}

#[folkmoot::test]
async fn a_link_that_the_panicking_turn_itself_holds_takes_the_other_down() {
    let hall = hall().await;
    let (a, b) = (fragile(&hall, "a").await.unwrap(), fragile(&hall, "b").await.unwrap());
    a.link_and_crash("b".into()).await.unwrap_err();
    restarts(&hall, "b", 1).await;
    let told = b.last_crash().await.unwrap().unwrap();
    assert_eq!(told, "the linked agent hall/a crashed: with a link in hand");
    hall.shutdown().await;
}

#[folkmoot::test]
async fn agents_that_are_linked_both_ways_in_a_ring_crash_once_each() {
    let hall = hall().await;
    let names = ["a", "b", "c"];
    for name in names {
        fragile(&hall, name).await.unwrap();
    }
    let find = |name: &str| hall.find::<Fragile>(name).unwrap();
    for (from, to) in [("a", "b"), ("b", "a"), ("b", "c"), ("c", "a")] {
        find(from).link(to.into()).await.unwrap();
    }
    find("b").crash("boom".into()).await.unwrap_err();
    for name in names {
        restarts(&hall, name, 1).await;
    }
    for _ in 0..1000 {
        tokio::task::yield_now().await;
    }
    for name in names {
        assert_eq!(hall.restarts(name).unwrap(), 1, "{name}");
        assert_eq!(find(name).links().await.unwrap(), 0);
    }
    hall.shutdown().await;
}

#[folkmoot::test]
async fn an_end_in_order_and_an_unlink_take_nothing_down() {
    let hall = hall().await;
    let a = fragile(&hall, "a").await.unwrap();
    let [b, c] = [fragile(&hall, "b").await.unwrap(), fragile(&hall, "c").await.unwrap()];
    a.link("b".into()).await.unwrap();
    a.link("c".into()).await.unwrap();
    hall.stop("b", SOON).await.unwrap();
    a.unlink().await.unwrap();
    c.crash("not linked any more".into()).await.unwrap_err();
    restarts(&hall, "c", 1).await;
    a.link("c".into()).await.unwrap();
    a.leave().await.unwrap();
    while hall.find::<Fragile>("a").is_ok() {
        tokio::task::yield_now().await;
    }
    assert_eq!(c.last_crash().await.unwrap().as_deref(), Some("not linked any more"));
    assert_eq!(hall.restarts("c").unwrap(), 1);
    drop(b);
    hall.shutdown().await;
}

#[folkmoot::test]
async fn a_linked_agent_that_stays_down_takes_the_other_down() {
    let hall = hall().await;
    let a = fragile(&hall, "a").await.unwrap();
    let b = fragile(&hall, "b").restart(Restart::Temporary).await.unwrap();
    a.link("b".into()).await.unwrap();
    b.crash("for good".into()).await.unwrap_err();
    restarts(&hall, "a", 1).await;
    let told = a.last_crash().await.unwrap().unwrap();
    assert_eq!(told, "the linked agent hall/b crashed: for good");
    // Now there is none to be linked to.
    let error = a.link("b".into()).await.unwrap_err();
    assert!(
        matches!(&error, CallError::Agent(CallError::NoSuchAgent { agent, .. }) if agent == "b"),
        "{error}"
    );
    hall.shutdown().await;
}

/// Its second start links it to another, which crashes meanwhile, and then fails by itself.
#[derive(Agent)]
struct Starter(Arc<AtomicU32>);

#[agent]
impl Starter {
    #[start]
    async fn start(&mut self, ctx: &Context<Self>) -> Result<(), String> {
        if self.0.fetch_add(1, Ordering::SeqCst) != 1 {
            return Ok(());
        }
        let other: Proxy<Fragile> = ctx.find("other").unwrap();
        let _linked = ctx.link(&other).await.unwrap();
        other.crash("boom".to_owned()).await.unwrap_err();
        // The news of it comes while this still waits.
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        Err("it fails by itself".to_owned())
    }

    #[expose]
    fn crash(&mut self) {
        panic!("first");
    }

    #[expose]
    fn last_crash(&self, ctx: &Context<Self>) -> Option<String> {
        ctx.last_crash()
    }
}

#[folkmoot::test]
async fn a_life_that_crashed_by_itself_leaves_no_crash_by_a_link_to_the_next() {
    let hall = hall().await;
    fragile(&hall, "other").await.unwrap();
    let starts = Arc::new(AtomicU32::new(0));
    let agent = hall.spawn("starter", move || Starter(starts.clone())).backoff(Backoff::NONE).await.unwrap();
    agent.crash().await.unwrap_err();
    let last = agent.last_crash().await.unwrap();
    assert_eq!(last.as_deref(), Some("#[start] failed: it fails by itself"));
    for _ in 0..1000 {
        tokio::task::yield_now().await;
    }
    assert_eq!(agent.last_crash().await.unwrap(), last);
    assert_eq!((hall.restarts("starter").unwrap(), hall.restarts("other").unwrap()), (2, 1));
    hall.shutdown().await;
}

#[folkmoot::test]
async fn an_agent_is_not_linked_to_itself() {
    let hall = hall().await;
    let a = fragile(&hall, "a").await.unwrap();
    let error = a.link("a".into()).await.unwrap_err();
    assert!(error.to_string().contains("agent \"a\" cannot be linked to itself"), "{error}");
    hall.shutdown().await;
}
