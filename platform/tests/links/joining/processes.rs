//! Nodes in processes of their own, which can be frozen, killed and started again: this test binary, run anew.
//!
//! Always: a process is killed when its [`NodeProcess`] is dropped, and ends by itself when this one does, for it reads
//! from it. Neighbours: [`processes_that_fail`](super::processes_that_fail) and [`one_way`](super::one_way) use them.

use std::cell::{Cell, RefCell};
use std::io::Write;
use std::process::Stdio;
use std::time::Duration;

use folkmoot::prelude::*;
use folkmoot::{Backoff, Builder, LinkLimits, Linked};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{Child, Command};

/// Tells a process that it is a node, and which.
const ROLE: &str = "FOLKMOOT_TEST_NODE";
/// What a node prints once it can be called.
const READY: &str = "READY";
/// The test below, as the test binary knows it.
const THIS_TEST: &str = "links::joining::processes::a_node_of_its_own";

/// The times of a link, in milliseconds.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Times {
    pub(super) heartbeat: u64,
    pub(super) suspect: u64,
    pub(super) unreachable: u64,
    pub(super) handshake: u64,
}

impl Times {
    /// Those of a node that is told none.
    pub(super) const DEFAULT: Times =
        Times { heartbeat: 1_000, suspect: 3_000, unreachable: 10_000, handshake: 5_000 };
    /// Short enough for a test, long enough for a machine that does much else.
    pub(super) const SHORT: Times =
        Times { heartbeat: 50, suspect: 400, unreachable: 2_000, handshake: 1_000 };

    /// Short ones; the default ones where the long form of the tests is asked for.
    pub(super) fn of_the_lane() -> Times {
        if is_long() { Times::DEFAULT } else { Times::SHORT }
    }

    pub(super) fn set(self, builder: Builder) -> Builder {
        let mut limits = LinkLimits::default();
        limits.heartbeat = Duration::from_millis(self.heartbeat);
        limits.suspect_time = Duration::from_millis(self.suspect);
        limits.unreachable_time = Duration::from_millis(self.unreachable);
        limits.handshake_time = Duration::from_millis(self.handshake);
        builder.limits(limits)
    }
}

/// Whether the tests of faults are to take as long as they take with the default times.
pub(super) fn is_long() -> bool {
    std::env::var("FOLKMOOT_FAULTS").is_ok_and(|lane| lane == "long")
}

/// Which node a process is.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Role {
    pub(super) name: String,
    pub(super) listen: String,
    pub(super) join: Option<String>,
    pub(super) times: Times,
}

/// An agent of which each node has one, `clerk-of-NAME`.
#[derive(Agent, Default)]
pub(super) struct Clerk {
    held: Cell<usize>,
    colleague: RefCell<Option<Proxy<Clerk>>>,
    heard: RefCell<Vec<CallError>>,
    linked: Option<Linked>,
}

#[agent]
impl Clerk {
    /// Gives the number back.
    #[expose]
    pub(super) fn echo(&self, number: u64) -> u64 {
        number
    }

    /// Never answers.
    #[expose]
    pub(super) async fn hold(&self) {
        self.held.set(self.held.get() + 1);
        std::future::pending::<()>().await;
    }

    /// Panics with the time of day, in nanoseconds.
    #[expose]
    pub(super) fn crash(&mut self, ctx: &Context<Self>) {
        panic!("{}", ctx.clock().now().0.as_nanos());
    }

    /// Is linked to a colleague on another node from now on.
    #[expose]
    pub(super) async fn link(&mut self, ctx: &Context<Self>, to: String) -> Result<(), CallError> {
        let colleague: Proxy<Clerk> = ctx.lookup(&to).retry_for(super::SOON).await?;
        self.linked = Some(ctx.link(&colleague).await?);
        Ok(())
    }

    /// The cause of the crash before this life.
    #[expose]
    pub(super) fn last_crash(&self, ctx: &Context<Self>) -> Option<String> {
        ctx.last_crash()
    }

    /// How many were told to wait for ever.
    #[expose]
    pub(super) fn held(&self) -> usize {
        self.held.get()
    }

    /// Lets a colleague on another node give the number back, by a proxy that was looked up once.
    #[expose]
    pub(super) async fn relay(&self, ctx: &Context<Self>, to: String, number: u64) -> Result<u64, String> {
        let colleague = self.known(ctx, &to).await.map_err(|error| error.to_string())?;
        colleague.echo(number).await.map_err(|error| error.to_string())
    }

    /// Waits for a colleague that never answers, and keeps what it hears in the end.
    #[expose]
    pub(super) async fn wait_for(&self, ctx: &Context<Self>, to: String) {
        let outcome = match self.known(ctx, &to).await {
            Ok(colleague) => colleague.hold().deadline(super::SOON).await,
            Err(error) => Err(error),
        };
        self.heard.borrow_mut().extend(outcome.err());
    }

    /// What those heard who waited for a colleague.
    #[expose]
    pub(super) fn heard(&self) -> Vec<CallError> {
        self.heard.borrow().clone()
    }
}

impl Clerk {
    /// A proxy to a colleague that was looked up once.
    async fn known(&self, ctx: &Context<Self>, name: &str) -> Result<Proxy<Clerk>, CallError> {
        let known = self.colleague.borrow().clone();
        if let Some(colleague) = known {
            return Ok(colleague);
        }
        let colleague: Proxy<Clerk> = ctx.lookup(name).retry_for(super::SOON).await?;
        *self.colleague.borrow_mut() = Some(colleague.clone());
        Ok(colleague)
    }
}

/// One node in a process of its own.
pub(super) struct NodeProcess {
    child: Child,
}

impl NodeProcess {
    /// Starts it by `prefix`, a command that runs another, and waits until it can be called.
    pub(super) async fn start(prefix: &[&str], role: &Role) -> NodeProcess {
        let own = std::env::current_exe().unwrap().to_string_lossy().into_owned();
        let mut words = prefix.iter().copied().chain([&*own]);
        let mut command = Command::new(words.next().unwrap());
        command.args(words).args(["--ignored", "--exact", "--nocapture", "--test-threads=1", THIS_TEST]);
        command.env(ROLE, serde_json::to_string(role).unwrap());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        loop {
            let line = lines.next_line().await.unwrap().expect("a node that starts");
            // The test harness begins the line.
            if line.contains(READY) {
                break;
            }
        }
        // What more it says is of no interest, but must have a place to go.
        actix::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        NodeProcess { child }
    }

    /// Sends it a signal: `KILL`, `STOP` or `CONT`.
    pub(super) async fn signal(&self, signal: &str) {
        let id = self.child.id().expect("it was not waited for");
        let sent = Command::new("sh").args(["-c", &format!("kill -{signal} {id}")]).status().await.unwrap();
        assert!(sent.success(), "kill -{signal}: {sent}");
    }

    /// Kills it as `kill -9` does, and waits until it is gone.
    pub(super) async fn kill(mut self) {
        self.signal("KILL").await;
        self.child.wait().await.unwrap();
    }

    /// Lets it leave, and end well: nothing of it may be left behind there either.
    pub(super) async fn end(mut self) {
        drop(self.child.stdin.take());
        let status = self.child.wait().await.unwrap();
        assert!(status.success(), "a node ended with {status}");
    }
}

#[folkmoot::test(crate = crate::links::left_behind)]
#[ignore = "it is the other end of other tests, which start it in a process of its own"]
async fn a_node_of_its_own() {
    use super::super::left_behind::Watch;

    let Ok(role) = std::env::var(ROLE) else { return };
    let Role { name, listen, join, times } = serde_json::from_str(&role).unwrap();
    let node = times.set(Container::builder(&listen).insecure().name(&name)).watched().await.unwrap();
    let clerk = node.spawn(&format!("clerk-of-{name}"), Clerk::default);
    clerk.backoff(Backoff::NONE).intensity(u32::MAX, super::SOON).await.unwrap();
    if let Some(join) = join {
        node.join(join).retry_for(super::SOON).await.unwrap();
    }
    writeln!(std::io::stdout(), "{READY}").unwrap();
    let mut ending = Vec::new();
    tokio::io::stdin().read_to_end(&mut ending).await.unwrap();
    node.shutdown_within(Duration::from_millis(100)).await;
}
