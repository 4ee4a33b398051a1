//! Several workers: placement, calls across them, and one that is blocked.

use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};

use folkmoot::prelude::*;

#[derive(Agent, Default)]
struct Where;

#[agent]
impl Where {
    #[expose]
    fn thread(&self) -> String {
        format!("{:?}", std::thread::current().id())
    }

    /// Looks for agents on nodes that nobody has looked for yet; there are none.
    #[expose]
    async fn look_around(&self, ctx: &Context<Self>, net: u8) -> usize {
        let looks = (1..=50).map(|n| async move {
            ctx.connect::<Where>(&format!("tcp://127.0.{net}.{n}:1/nobody")).await.is_err()
        });
        futures_util::future::join_all(looks).await.into_iter().filter(|refused| *refused).count()
    }

    #[expose]
    async fn ask(&self, ctx: &Context<Self>, other: String) -> String {
        let other: Proxy<Where> = ctx.find(&other).unwrap();
        other.thread().await.unwrap()
    }
}

#[folkmoot::test]
async fn agents_are_spread_and_neighbours_share_a_worker() {
    super::limit::watch();
    let hall = Container::builder("tcp://127.0.0.1:0").workers(3).start().await.unwrap();
    let mut threads = std::collections::BTreeSet::new();
    let mut agents = Vec::new();
    for n in 0..6 {
        let agent = hall.spawn(&format!("agent-{n}"), Where::default).await.unwrap();
        threads.insert(agent.thread().await.unwrap());
        agents.push(agent);
    }
    assert_eq!(threads.len(), 3);
    for (n, agent) in agents.iter().enumerate() {
        let near = hall.spawn_near(agent, &format!("near-{n}"), Where::default).await.unwrap();
        assert_eq!(near.thread().await.unwrap(), agent.thread().await.unwrap());
        assert_eq!(
            near.ask(format!("agent-{}", (n + 1) % 6)).await.unwrap(),
            agents[(n + 1) % 6].thread().await.unwrap()
        );
    }
    hall.shutdown().await;
}

/// Blocks its worker until it is told otherwise, as an agent never should.
#[derive(Agent)]
struct Blocker(Arc<Mutex<Receiver<()>>>);

#[agent]
impl Blocker {
    #[expose]
    fn block(&self) {
        self.0.lock().unwrap().recv().unwrap();
    }
}

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[folkmoot::test]
async fn a_blocked_worker_is_named_in_the_log_with_its_agent() {
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt().with_writer(move || writer.clone()).with_ansi(false).finish();
    // The watchdog speaks from a thread of its own.
    tracing::subscriber::set_global_default(subscriber).unwrap();
    super::limit::watch();
    let hall = Container::builder("tcp://127.0.0.1:0").name("hall").workers(2).start().await.unwrap();
    let (free, wait) = channel();
    let wait = Arc::new(Mutex::new(wait));
    let make = move || Blocker(wait.clone());
    // The second one is on the second worker: the first stays free for the test.
    hall.spawn("first", Where::default).await.unwrap();
    let blocker = hall.spawn("blocker", make).await.unwrap();
    let blocked = actix::spawn(blocker.block());
    let named = async {
        loop {
            let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
            if let Some(line) = text.lines().find(|line| line.contains("blocked")) {
                return line.to_owned();
            }
            tokio::task::yield_now().await;
        }
    };
    let line = named.await;
    assert!(line.contains("hall/blocker"), "{line}");
    free.send(()).unwrap();
    blocked.await.unwrap().unwrap();
    hall.shutdown().await;
}

#[test]
fn workers_that_open_links_at_once_do_not_wait_for_each_other() {
    let (tell, told) = channel();
    std::thread::spawn(move || {
        let looked = actix::System::new().block_on(async {
            super::limit::watch();
            let hall = Container::builder("tcp://127.0.0.1:0").workers(2).start().await.unwrap();
            let one = hall.spawn("one", Where::default).await.unwrap();
            let other = hall.spawn("other", Where::default).await.unwrap();
            assert_ne!(one.thread().await.unwrap(), other.thread().await.unwrap());
            let looked = tokio::join!(one.look_around(1), other.look_around(2));
            hall.shutdown().await;
            looked
        });
        tell.send(looked).unwrap();
    });
    let looked =
        told.recv_timeout(std::time::Duration::from_secs(30)).expect("the workers wait for each other");
    assert_eq!(looked, (Ok(50), Ok(50)));
}

#[test]
fn what_is_spawned_when_its_worker_runs_nothing_any_more_is_refused_and_leaves_no_name() {
    let (tell, told) = channel();
    std::thread::spawn(move || {
        let (hall, wing) = actix::System::new().block_on(async {
            super::limit::watch();
            let hall = Container::builder("local://late").workers(1).start().await.unwrap();
            let wing = hall.child("wing").start().unwrap();
            (hall, wing)
        });
        let refused = actix::System::new().block_on(async {
            let refused =
                [hall.spawn("late", Where::default).await, wing.spawn("later", Where::default).await];
            refused.map(|spawned| matches!(spawned, Err(folkmoot::SpawnError::ShutDown)))
        });
        tell.send((refused, hall.agents(), hall.tree().agent("later").is_none())).unwrap();
    });
    let told = told.recv_timeout(std::time::Duration::from_secs(30)).expect("it waits for ever");
    assert_eq!(told, ([true, true], Vec::new(), true));
}
