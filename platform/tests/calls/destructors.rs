//! Destructors and codecs are the user's code too: their panics end a turn or an agent, never a worker or a link.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use folkmoot::Backoff;
use folkmoot::prelude::*;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use tokio::sync::Notify;

use super::counter::{Counter, hall};

/// Panics when it is dropped, while it is armed.
struct Explosive(Arc<AtomicBool>);

impl Drop for Explosive {
    fn drop(&mut self) {
        // A second panic while the first one unwinds would be the end of the process, whoever catches the first.
        assert!(std::thread::panicking() || !self.0.load(Ordering::SeqCst), "a destructor");
    }
}

/// An argument whose destructor panics where its flag says so.
#[derive(Serialize, Deserialize)]
struct Parcel(bool);

impl Drop for Parcel {
    fn drop(&mut self) {
        assert!(std::thread::panicking() || !self.0, "a parcel");
    }
}

#[derive(Agent)]
struct Laden {
    armed: Arc<AtomicBool>,
    gate: Arc<Notify>,
    began: Arc<Notify>,
    _own: Explosive,
}

#[agent]
impl Laden {
    #[run]
    async fn beside(ctx: Context<Self>) {
        let armed = ctx.own_proxy().armed_here().await.unwrap();
        let _explosive = Explosive(LAST.with(|last| last.borrow().clone()).unwrap_or_default());
        assert!(armed);
        std::future::pending::<()>().await;
    }

    #[expose]
    fn armed_here(&self) -> bool {
        LAST.with(|last| *last.borrow_mut() = Some(self.armed.clone()));
        self.began.notify_one();
        true
    }

    #[expose]
    fn crash(&mut self) {
        panic!("a turn")
    }

    #[expose]
    async fn wait(&mut self) {
        let _held = Explosive(self.armed.clone());
        self.began.notify_one();
        self.gate.notified().await;
    }

    #[expose]
    fn take(&mut self, parcel: Parcel) -> bool {
        parcel.0
    }

    #[expose]
    fn number(&self) -> u32 {
        7
    }
}

thread_local! {
    static LAST: std::cell::RefCell<Option<Arc<AtomicBool>>> = const { std::cell::RefCell::new(None) };
}

async fn laden(hall: &Container) -> (Proxy<Laden>, Arc<AtomicBool>, Arc<Notify>, Arc<Notify>) {
    let armed = Arc::new(AtomicBool::new(false));
    let (gate, began) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let given = (armed.clone(), gate.clone(), began.clone());
    let factory = move || {
        let (armed, gate, began) = given.clone();
        Laden { _own: Explosive(armed.clone()), armed, gate, began }
    };
    let laden = hall.spawn("laden", factory).backoff(Backoff::NONE).await.unwrap();
    began.notified().await;
    (laden, armed, gate, began)
}

#[folkmoot::test]
async fn destructors_that_panic_in_a_restart_do_not_end_the_agent() {
    let hall = hall().await;
    let (laden, armed, _, _) = laden(&hall).await;
    let counter = hall.spawn("counter", Counter::default).await.unwrap();
    armed.store(true, Ordering::SeqCst);
    let (crash, queued) = tokio::join!(laden.crash(), laden.number());
    assert!(matches!(crash, Err(CallError::AgentPanicked { .. })), "{crash:?}");
    assert_eq!(queued.unwrap(), 7);
    assert_eq!(counter.add(1).await.unwrap(), 1);
    hall.stop("laden", Duration::from_secs(5)).await.unwrap();
    assert_eq!(hall.agents(), ["counter"], "its name is free again");
    hall.shutdown().await;
}

#[folkmoot::test]
async fn destructors_that_panic_at_the_end_keep_no_name() {
    let hall = hall().await;
    let (laden, armed, _gate, began) = laden(&hall).await;
    let waiting = actix::spawn(laden.wait());
    began.notified().await;
    let queued = actix::spawn(laden.number());
    tokio::task::yield_now().await;
    armed.store(true, Ordering::SeqCst);
    hall.stop("laden", Duration::from_millis(1)).await.unwrap();
    assert!(matches!(waiting.await.unwrap(), Err(CallError::AgentStopped { may_have_run: true, .. })));
    let queued = queued.await.unwrap();
    assert!(matches!(queued, Err(CallError::AgentStopped { may_have_run: false, .. })), "{queued:?}");
    assert!(hall.agents().is_empty(), "its name is free again");
    hall.shutdown().await;
}

#[folkmoot::test]
async fn an_argument_whose_destructor_panics_ends_one_turn() {
    let hall = hall().await;
    let (laden, _, gate, began) = laden(&hall).await;
    let waiting = actix::spawn(laden.wait());
    began.notified().await;
    // It waits behind the other, and nobody waits for it any more when its time comes.
    laden.take(Parcel(true)).deadline(Duration::from_millis(1)).await.unwrap_err();
    gate.notify_one();
    waiting.await.unwrap().unwrap();
    assert_eq!(laden.number().await.unwrap(), 7);
    laden.take(Parcel(true)).one_way().unwrap();
    assert_eq!(laden.number().await.unwrap(), 7);
    hall.shutdown().await;
}

/// A value whose encoder or decoder panics.
#[derive(Debug, PartialEq)]
struct Awkward(u8);

impl Serialize for Awkward {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        assert_ne!(self.0, 1, "an encoder");
        (self.0,).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Awkward {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (value,) = <(u8,)>::deserialize(deserializer)?;
        assert_ne!(value, 2, "a decoder");
        Ok(Awkward(value))
    }
}

#[derive(Agent, Default)]
struct Careless;

#[agent]
impl Careless {
    #[expose]
    fn make(&self, value: u8) -> (u8, Awkward) {
        (value, Awkward(value))
    }

    #[expose]
    fn take(&self, awkward: Awkward) -> u8 {
        awkward.0
    }
}

#[folkmoot::test]
async fn codecs_that_panic_harm_neither_the_agent_nor_its_link() {
    let (server, client) = (hall().await, hall().await);
    server.spawn("careless", Careless::default).await.unwrap();
    let careless: Proxy<Careless> = client.connect(server.url("careless")).await.unwrap();
    let reply = careless.make(1).await;
    assert!(
        matches!(&reply, Err(CallError::BadReply { reason }) if reason.contains("an encoder")),
        "{reply:?}"
    );
    assert_eq!(careless.make(3).await.unwrap(), (3, Awkward(3)));
    let reply = careless.take(Awkward(2)).await;
    assert!(
        matches!(&reply, Err(CallError::BadArguments { reason, .. }) if reason.contains("a decoder")),
        "{reply:?}"
    );
    assert_eq!(careless.take(Awkward(4)).await.unwrap(), 4);
    assert_eq!(server.restarts("careless").unwrap(), 0);
    client.shutdown().await;
    server.shutdown().await;
}
