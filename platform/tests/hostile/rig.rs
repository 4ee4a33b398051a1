//! A container under attack, with an honest peer beside the attacker.
//!
//! Always: one thread, times that run out within a second, every counter and log line at hand. Neighbours: `raw`
//! attacks it, `counts` and `log` watch.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use folkmoot::prelude::*;
use folkmoot::{CallError, LinkLimits};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tracing::subscriber::DefaultGuard;

use super::counts::Counts;
use super::left_behind::Watch;
use super::log::Log;
use super::raw::{PATIENCE, Raw};

/// The agent that the attackers call.
#[derive(Agent)]
pub(crate) struct Victim {
    total: i64,
    /// What `wait` and `hold` wait for.
    released: Arc<Semaphore>,
}

#[agent]
impl Victim {
    #[expose]
    fn add(&mut self, amount: i64) -> i64 {
        self.total += amount;
        self.total
    }

    #[expose]
    fn total(&self) -> i64 {
        self.total
    }

    /// A text of that length.
    #[expose]
    fn text(&self, bytes: usize) -> String {
        "x".repeat(bytes)
    }

    #[expose]
    fn length(&self, text: String) -> usize {
        text.len()
    }

    /// Waits until the test lets it go on, beside others, and gives a text of that length.
    #[expose]
    async fn wait(&self, bytes: usize) -> String {
        drop(self.released.acquire().await);
        "x".repeat(bytes)
    }

    /// Waits until the test lets it go on, alone.
    #[expose]
    async fn hold(&mut self) -> bool {
        self.released.acquire().await.is_ok()
    }

    /// No codec can say this.
    #[expose]
    fn unsayable(&self) -> BTreeMap<Vec<u128>, i64> {
        BTreeMap::from([(vec![u128::MAX], 1)])
    }

    /// Panics while other shared turns may be in flight.
    #[expose]
    fn shared_panic(&self) {
        panic!("boom");
    }
}

impl Victim {
    pub(crate) fn over(released: &Arc<Semaphore>) -> Victim {
        Victim { total: 0, released: released.clone() }
    }
}

/// The container, its watchers, and an honest peer with a link of its own.
pub(crate) struct Rig {
    pub(crate) node: Container,
    pub(crate) counts: Counts,
    pub(crate) log: Log,
    pub(crate) released: Arc<Semaphore>,
    pub(crate) honest: Container,
    honest_counts: Counts,
    pub(crate) proxy: Proxy<Victim>,
    memory_at_start: usize,
    _logging: DefaultGuard,
}

/// Short times; few of everything.
pub(crate) fn tight() -> LinkLimits {
    let mut limits = LinkLimits::default();
    limits.handshake_time = Duration::from_millis(200);
    limits.write_stall_time = Duration::from_millis(400);
    limits
}

impl Rig {
    /// On plain TCP with [`tight`] limits.
    pub(crate) async fn start() -> Rig {
        Rig::with(tight()).await
    }

    /// On plain TCP.
    pub(crate) async fn with(limits: LinkLimits) -> Rig {
        let target = Container::builder("tcp://127.0.0.1:0").name("target").limits(limits);
        let honest = Container::builder("tcp://127.0.0.1:0").name("honest");
        Rig::of(target, honest).await
    }

    /// Of the two prepared containers.
    pub(crate) async fn of(target: folkmoot::Builder, honest: folkmoot::Builder) -> Rig {
        super::limit::watch();
        let (log, counts, honest_counts) = (Log::default(), Counts::default(), Counts::default());
        let logging = log.listen();
        let node = counts.during(target.watched()).await.unwrap();
        let honest = honest_counts.during(honest.watched()).await.unwrap();
        let released = Arc::new(Semaphore::new(0));
        let of_agent = released.clone();
        node.spawn("victim", move || Victim::over(&of_agent)).await.unwrap();
        let proxy: Proxy<Victim> = honest.connect(node.url("victim")).await.unwrap();
        proxy.add(0).await.unwrap();
        let memory_at_start = resident_bytes();
        Rig { node, counts, log, released, honest, honest_counts, proxy, memory_at_start, _logging: logging }
    }

    pub(crate) fn port(&self) -> u16 {
        self.node.endpoint().host_and_port().unwrap().1
    }

    /// A new raw stream to the container.
    pub(crate) async fn raw(&self, codec: Codec) -> Raw {
        Raw::dial(self.port(), codec).await
    }

    /// A new raw stream that has been answered once, so that it is a link among others.
    pub(crate) async fn known(&self, codec: Codec) -> Raw {
        let mut raw = self.raw(codec).await;
        raw.ask(r#"[0, 0, ["folkmoot/ping", [], {}]]"#).await.result();
        raw
    }

    /// A new raw stream that said Hello.
    pub(crate) async fn rich(&self, codec: Codec) -> Raw {
        let mut raw = self.raw(codec).await;
        raw.say_hello().await;
        raw
    }

    /// The one line that tells of `raw` and contains `part`.
    pub(crate) async fn logged_once(&self, raw: &Raw, part: &str) {
        let peer = format!("peer={}", raw.address);
        let quoted = format!("peer={:?}", raw.address);
        let found = || [self.log.with(&[&peer, part]), self.log.with(&[&quoted, part])].concat();
        until(&format!("a line with {part:?} in {:#?}", self.log.all()), || !found().is_empty()).await;
        assert_eq!(found().len(), 1, "{:#?}", found());
    }

    /// Waits until the counter has that value.
    pub(crate) async fn counted(&self, name: &str, value: u64) {
        let now = || self.counts.of(name);
        let reached = timeout(PATIENCE, async {
            while now() < value {
                sleep(Duration::from_millis(1)).await;
            }
        });
        reached.await.unwrap_or_else(|_| panic!("{name} is {}, not {value}", now()));
        assert_eq!(now(), value, "{name}");
    }

    /// The honest peer's link lives, a new one can be opened, and memory is in bounds.
    pub(crate) async fn is_unharmed(&self) {
        timeout(PATIENCE, self.proxy.total()).await.expect("the honest peer is served").unwrap();
        assert_eq!(self.honest_counts.of("links_opened"), 1, "the honest link is the one from the start");
        if self.node.endpoint().scheme() == "tcp" {
            let newcomer = Container::builder("local://newcomer").network(&folkmoot::LocalNetwork::new());
            let newcomer = newcomer.start().await.unwrap();
            let proxy: Proxy<Victim> = newcomer.connect(self.node.url("victim")).await.unwrap();
            timeout(PATIENCE, proxy.total()).await.expect("a newcomer is served").unwrap();
            newcomer.shutdown().await;
        }
        let grown = resident_bytes().saturating_sub(self.memory_at_start);
        assert!(grown < 400 << 20, "memory grew by {} MiB", grown >> 20);
    }

    /// A call of the honest peer that will wait until [`Rig::released`] lets it go.
    pub(crate) fn waiting_call(&self) -> tokio::task::JoinHandle<Result<String, CallError>> {
        let proxy = self.proxy.clone();
        actix_rt::spawn(async move { proxy.wait(1).await })
    }

    /// Ends both containers; nothing of the attack may keep them.
    pub(crate) async fn end(self) {
        self.is_unharmed().await;
        self.released.close();
        self.honest.shutdown().await;
        self.node.shutdown_within(Duration::from_millis(500)).await;
        until("all links are closed", || self.counts.open_links() == 0.0).await;
    }
}

/// Waits until `done`, with a bound.
pub(crate) async fn until(what: &str, mut done: impl FnMut() -> bool) {
    let reached = timeout(PATIENCE, async {
        while !done() {
            sleep(Duration::from_millis(1)).await;
        }
    });
    reached.await.unwrap_or_else(|_| panic!("in vain: {what}"));
}

/// What this process holds in memory.
fn resident_bytes() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: usize = statm.split(' ').nth(1).and_then(|pages| pages.parse().ok()).unwrap_or(0);
    pages * 4096
}
