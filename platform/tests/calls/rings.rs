//! What looks like a cycle and is none, and what is one although no call says so.

use std::sync::Arc;
use std::time::Duration;

use folkmoot::prelude::*;
use tokio::sync::{Semaphore, mpsc};

use super::counter::hall;

/// One of two that call each other.
#[derive(Agent)]
struct Party {
    news: mpsc::UnboundedSender<&'static str>,
    go: Arc<Semaphore>,
}

#[agent]
impl Party {
    /// Calls `other`, and goes on for a while when it has been answered.
    #[expose]
    async fn visit(&mut self, ctx: &Context<Self>, other: String) -> Result<(), String> {
        let other: Proxy<Party> = ctx.find(&other).map_err(|error| error.to_string())?;
        self.news.send("visits").ok();
        other.slow().await.map_err(|error| error.to_string())
    }

    #[expose]
    async fn slow(&mut self) {
        self.news.send("slow").ok();
        self.go.acquire().await.unwrap().forget();
    }

    #[expose]
    fn touch(&mut self) {}

    #[expose]
    async fn reach(&mut self, ctx: &Context<Self>, other: String) -> Result<(), String> {
        let other: Proxy<Party> = ctx.find(&other).map_err(|error| error.to_string())?;
        other.touch().await.map_err(|error| error.to_string())
    }

    /// Shared: has `other` come back here.
    #[expose]
    async fn invite(&self, ctx: &Context<Self>, other: String) -> Result<(), String> {
        let other: Proxy<Party> = ctx.find(&other).map_err(|error| error.to_string())?;
        other.come(ctx.name().to_owned()).await.map_err(|error| error.to_string())
    }

    #[expose]
    async fn come(&mut self, ctx: &Context<Self>, back: String) -> Result<(), String> {
        self.news.send("comes").ok();
        self.go.acquire().await.unwrap().forget();
        let back: Proxy<Party> = ctx.find(&back).map_err(|error| error.to_string())?;
        let answer = back.look().await.map_err(|error| error.to_string());
        self.news.send(if answer.is_ok() { "looked" } else { "failed" }).ok();
        answer
    }

    #[expose]
    fn look(&self) {}
}

type Rig = (Container, Proxy<Party>, Proxy<Party>, Arc<Semaphore>, mpsc::UnboundedReceiver<&'static str>);

async fn two() -> Rig {
    let hall = hall().await;
    let (news, told) = mpsc::unbounded_channel();
    let go = Arc::new(Semaphore::new(0));
    let mut parties = Vec::new();
    for name in ["a", "b"] {
        let (news, go) = (news.clone(), go.clone());
        let factory = move || Party { news: news.clone(), go: go.clone() };
        parties.push(hall.spawn(name, factory).await.unwrap());
    }
    let (b, a) = (parties.pop().unwrap(), parties.pop().unwrap());
    (hall, a, b, go, told)
}

#[folkmoot::test]
async fn a_wait_that_has_been_answered_closes_no_ring() {
    let (hall, a, b, go, mut told) = two().await;
    let visiting = actix::spawn(a.visit("b".to_owned()));
    while told.recv().await.unwrap() != "slow" {}
    // It stands behind `a`'s call at `b`, and begins in the very poll in which that one is answered.
    let reaching = actix::spawn(b.reach("a".to_owned()));
    tokio::task::yield_now().await;
    go.add_permits(1);
    assert_eq!(visiting.await.unwrap(), Ok(()));
    assert_eq!(reaching.await.unwrap(), Ok(()));
    hall.shutdown().await;
}

#[folkmoot::test]
async fn a_late_way_back_into_a_turn_that_is_gone_waits_like_everyone() {
    let (hall, a, _b, go, mut told) = two().await;
    a.invite("b".to_owned()).deadline(Duration::from_millis(20)).await.unwrap_err();
    assert_eq!(told.recv().await.unwrap(), "comes");
    // `a`'s shared turn is gone, an exclusive one runs, and `b` comes back with the chain of the first.
    let slow = actix::spawn(a.slow());
    assert_eq!(told.recv().await.unwrap(), "slow");
    go.add_permits(2);
    assert_eq!(slow.await.unwrap(), Ok(()));
    a.touch().await.unwrap();
    assert!(["looked", "failed"].contains(&told.recv().await.unwrap()));
    assert_eq!(hall.restarts("a").unwrap(), 0, "the way back broke into an exclusive turn");
    hall.shutdown().await;
}

/// Calls itself from a timer and from its start.
#[derive(Agent)]
struct Selfish {
    news: mpsc::UnboundedSender<String>,
    at_start: bool,
}

#[agent]
impl Selfish {
    #[start]
    async fn start(&mut self, ctx: &Context<Self>) {
        if self.at_start {
            let answer = ctx.own_proxy().touch().deadline(Duration::from_secs(10)).await;
            self.news.send(format!("{answer:?}")).ok();
        }
    }

    #[every(milliseconds = 1)]
    async fn tick(&mut self, ctx: &Context<Self>) {
        let answer = ctx.own_proxy().touch().await;
        self.news.send(format!("{answer:?}")).ok();
    }

    #[expose]
    fn touch(&mut self) {}
}

#[folkmoot::test]
async fn a_timer_or_start_that_calls_its_own_agent_is_a_deadlock() {
    let hall = hall().await;
    for at_start in [false, true] {
        let (news, mut told) = mpsc::unbounded_channel();
        let name = format!("selfish-{at_start}");
        hall.spawn(&name, move || Selfish { news: news.clone(), at_start }).await.unwrap();
        let answer = told.recv().await.unwrap();
        assert!(answer.contains("Deadlock"), "{answer}");
        assert_eq!(hall.restarts(&name).unwrap(), 0);
    }
    hall.shutdown().await;
}

/// Calls another in an exclusive turn, by whatever proxy it is told.
#[derive(Agent)]
struct Stranger {
    go: Arc<Semaphore>,
    news: mpsc::UnboundedSender<&'static str>,
}

/// What others know of a stranger.
#[agent]
trait Callable {
    async fn answer(&mut self);
}

#[agent]
impl Stranger {
    #[expose]
    async fn ask(&mut self, ctx: &Context<Self>, other: String, untyped: bool) -> Result<(), String> {
        self.news.send("asks").ok();
        self.go.acquire().await.unwrap().forget();
        if untyped {
            let other: Proxy<folkmoot::Untyped> = ctx.find(&other).unwrap();
            other.call("answer", [0; 0]).await.map(drop).map_err(|error| error.code().to_owned())
        } else {
            let other: Proxy<dyn Callable> = ctx.find(&other).unwrap();
            other.answer().await.map_err(|error| error.code().to_owned())
        }
    }

    #[expose]
    async fn answer(&mut self) {}
}

#[folkmoot::test]
async fn crossed_calls_are_found_through_proxies_that_do_not_know_the_type() {
    for untyped in [false, true] {
        let hall = hall().await;
        let (news, mut told) = mpsc::unbounded_channel();
        let go = Arc::new(Semaphore::new(0));
        let factory = move |go: &Arc<Semaphore>| {
            let (go, news) = (go.clone(), news.clone());
            move || Stranger { go: go.clone(), news: news.clone() }
        };
        let a = hall.spawn("a", factory(&go)).await.unwrap();
        let b = hall.spawn("b", factory(&go)).await.unwrap();
        let first = actix::spawn(a.ask("b".into(), untyped).into_future());
        let second = actix::spawn(b.ask("a".into(), untyped).into_future());
        told.recv().await.unwrap();
        told.recv().await.unwrap();
        go.add_permits(2);
        let outcomes = [first.await.unwrap(), second.await.unwrap()];
        let deadlock = Err(CallError::Agent("deadlock".to_owned()));
        assert!(outcomes.contains(&deadlock) && outcomes.contains(&Ok(())), "{outcomes:?}");
        hall.shutdown().await;
    }
}
