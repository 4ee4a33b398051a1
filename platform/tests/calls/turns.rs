//! The concurrency rule: one exclusive turn or many shared ones, in the order of arrival.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use folkmoot::prelude::*;
use tokio::sync::{Notify, mpsc};

use super::counter::hall;

/// Writes down what begins and ends; waits where it is told to.
#[derive(Agent)]
struct Diary {
    lines: Rc<RefCell<Vec<String>>>,
    gate: Arc<Notify>,
    begun: mpsc::UnboundedSender<String>,
}

#[agent]
impl Diary {
    #[expose]
    async fn read(&self, name: String) {
        self.begin(&name);
        self.gate.notified().await;
        self.lines.borrow_mut().push(format!("end {name}"));
    }

    #[expose]
    async fn write(&mut self, name: String) {
        self.begin(&name);
        self.gate.notified().await;
        self.lines.borrow_mut().push(format!("end {name}"));
    }

    #[expose]
    fn peek(&self, name: String) {
        self.begin(&name);
    }

    #[expose]
    fn lines(&self) -> Vec<String> {
        self.lines.borrow().clone()
    }

    fn begin(&self, name: &str) {
        self.lines.borrow_mut().push(format!("begin {name}"));
        self.begun.send(name.to_owned()).unwrap();
    }
}

async fn diary(hall: &Container) -> (Proxy<Diary>, Arc<Notify>, mpsc::UnboundedReceiver<String>) {
    let (begun, beginnings) = mpsc::unbounded_channel();
    let gate = Arc::new(Notify::new());
    let for_agent = gate.clone();
    let diary = hall
        .spawn("diary", move || Diary { lines: Rc::default(), gate: for_agent.clone(), begun: begun.clone() })
        .await
        .unwrap();
    (diary, gate, beginnings)
}

#[folkmoot::test]
async fn shared_turns_interleave_and_an_exclusive_one_waits_for_those_before_it() {
    let hall = hall().await;
    let (diary, gate, mut begun) = diary(&hall).await;
    let all = async {
        tokio::join!(
            diary.read("a".into()),
            diary.read("b".into()),
            diary.write("c".into()),
            diary.read("d".into()),
        )
    };
    let steer = async {
        assert_eq!(begun.recv().await.unwrap(), "a");
        assert_eq!(begun.recv().await.unwrap(), "b");
        assert!(begun.try_recv().is_err(), "the exclusive turn began beside shared ones");
        gate.notify_one();
        gate.notify_one();
        assert_eq!(begun.recv().await.unwrap(), "c");
        assert!(begun.try_recv().is_err(), "a shared turn began beside the exclusive one");
        gate.notify_one();
        assert_eq!(begun.recv().await.unwrap(), "d");
        gate.notify_one();
    };
    let (ended, ()) = tokio::join!(all, steer);
    assert!(ended.0.is_ok() && ended.1.is_ok() && ended.2.is_ok() && ended.3.is_ok());
    assert_eq!(
        diary.lines().await.unwrap(),
        ["begin a", "begin b", "end a", "end b", "begin c", "end c", "begin d", "end d"]
    );
    hall.shutdown().await;
}

#[folkmoot::test]
async fn hundreds_of_shared_turns_run_at_once() {
    let hall = hall().await;
    let (diary, gate, mut begun) = diary(&hall).await;
    let reads = (0..500).map(|n| diary.read(n.to_string()));
    let steer = async {
        for _ in 0..500 {
            begun.recv().await.unwrap();
        }
        for _ in 0..500 {
            gate.notify_one();
            tokio::task::yield_now().await;
        }
        gate.notify_waiters();
    };
    let (ended, ()) = tokio::join!(futures_util::future::join_all(reads), steer);
    assert_eq!(ended.into_iter().filter(Result::is_ok).count(), 500);
    diary.peek("last".into()).await.unwrap();
    hall.shutdown().await;
}

#[folkmoot::test]
async fn a_full_agent_refuses_at_once_and_takes_calls_again_when_there_is_room() {
    let hall = hall().await;
    let (begun, mut beginnings) = mpsc::unbounded_channel();
    let gate = Arc::new(Notify::new());
    let for_agent = gate.clone();
    let diary = hall
        .spawn("diary", move || Diary { lines: Rc::default(), gate: for_agent.clone(), begun: begun.clone() })
        .capacity(2)
        .await
        .unwrap();
    let two = async { tokio::join!(diary.write("a".into()), diary.write("b".into())) };
    let steer = async {
        beginnings.recv().await.unwrap();
        let error = diary.peek("c".into()).await.unwrap_err();
        assert_eq!(error, CallError::Overloaded { queue: "turns of agent \"diary\"".into(), limit: 2 });
        gate.notify_one();
        beginnings.recv().await.unwrap();
        gate.notify_one();
    };
    let ((a, b), ()) = tokio::join!(two, steer);
    assert!(a.is_ok() && b.is_ok());
    diary.peek("c".into()).await.unwrap();
    hall.shutdown().await;
}

#[folkmoot::test]
async fn calls_that_run_in_place_leave_the_worker_to_others_now_and_then() {
    let hall = hall().await;
    let counter = hall.spawn("counter", super::counter::Counter::default).await.unwrap();
    let ran = Rc::new(RefCell::new(false));
    let other = ran.clone();
    actix::spawn(async move { *other.borrow_mut() = true });
    for _ in 0..1000 {
        counter.add(1).await.unwrap();
    }
    assert!(*ran.borrow(), "a caller that never waits kept the worker to itself");
    hall.shutdown().await;
}

/// Whose methods are done as soon as they are looked at.
#[derive(Agent, Default)]
struct Quick {
    total: u32,
}

#[agent]
impl Quick {
    #[expose]
    async fn add(&mut self) -> u32 {
        self.total += 1;
        self.total
    }

    #[expose]
    async fn look(&self) -> u32 {
        self.total
    }
}

#[folkmoot::test]
async fn what_begins_last_before_the_worker_is_yielded_goes_on() {
    super::limit::watch();
    let hall = Container::builder("local://turns-budget").start().await.unwrap();
    let quick = hall.spawn("quick", Quick::default).await.unwrap();
    for calls in 1..=3 * folkmoot::TURNS_PER_POLL {
        let shared = futures_util::future::join_all((0..calls).map(|_| quick.look())).await;
        let alone = futures_util::future::join_all((0..calls).map(|_| quick.add())).await;
        let outcomes = shared.into_iter().chain(alone);
        assert!(outcomes.into_iter().all(|outcome| outcome.is_ok()), "{calls} calls");
    }
    hall.shutdown().await;
}
