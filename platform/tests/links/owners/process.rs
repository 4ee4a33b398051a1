//! A node with a durable agent, in a process of its own: this test binary, run anew.
//!
//! Always: what the process tells is a line each of its standard output, and told before what follows from it; it is killed when
//! its [`OwnerProcess`] is dropped, and ends by itself after the time of any test.

use std::io::{BufRead, Write};
use std::process::Stdio;
use std::time::Duration;

use folkmoot::prelude::*;
use folkmoot::{AgentEvent, Durable};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

use super::super::log::Log;

/// Tells a process that it is an owner, and which.
const ROLE: &str = "FOLKMOOT_TEST_OWNER";
/// What each line begins with that a process tells; the test harness may have begun the line.
const TOLD: &str = "@@ ";
/// The test below, as the test binary knows it.
const THIS_TEST: &str = "links::owners::process::an_owner_of_its_own";
/// Those who send at the same time.
pub(super) const SENDERS: u64 = 4;
/// So long that an owner on a busy machine keeps it, and so short that a test can wait for its end.
pub(super) const LEASE: Duration = Duration::from_secs(4);

/// What an owner does.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum Role {
    /// Sends so many entries with each of its senders, numbered from there on, and enters them.
    Works { exchange: String, first: u64, entries: u64 },
    /// Enters what others send, and stands still in the middle of that entry until a line comes in.
    StandsStill { exchange: String, at: u64 },
}

/// Says something to whoever started this process.
fn tell(word: &str, value: &impl Serialize) {
    let value = serde_json::to_string(value).unwrap();
    let mut out = std::io::stdout();
    writeln!(out, "{TOLD}{word} {value}").unwrap();
}

/// How agents of these tests own their mailboxes.
pub(super) fn durable() -> Durable {
    Durable::new().lease(LEASE)
}

/// Keeps what it was sent, in order.
#[derive(Agent, Default)]
pub(super) struct Ledger {
    #[persist]
    entered: Vec<u64>,
    /// It says what it began with, and has each entry sent to the book.
    tells: bool,
    stands_still_at: Option<u64>,
}

#[agent]
impl Ledger {
    #[start]
    fn start(&mut self) {
        if self.tells {
            tell("BEGAN", &self.entered);
        }
    }

    #[on("entry")]
    async fn entry(&mut self, number: u64, ctx: &Context<Self>) -> Result<(), String> {
        self.entered.push(number);
        if self.tells {
            ctx.send("book", Mail::new("entered", &number)).await.map_err(|error| error.to_string())?;
        }
        if self.stands_still_at == Some(number) {
            tell("STANDS", &number);
            // Its worker stands still too: once it goes on, the end of this turn comes first.
            std::io::stdin().lock().read_line(&mut String::new()).map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    /// What it keeps.
    #[expose]
    pub(super) fn entered(&self) -> Vec<u64> {
        self.entered.clone()
    }
}

/// Says what the ledger has sent.
#[derive(Agent, Default)]
struct Book;

#[agent]
impl Book {
    #[on("entered")]
    fn entered(&self, number: u64) {
        tell("ENTERED", &number);
    }
}

/// An owner, seen from outside.
pub(super) struct OwnerProcess {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl OwnerProcess {
    pub(super) fn start(role: &Role) -> OwnerProcess {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--ignored", "--exact", "--nocapture", "--test-threads=1", THIS_TEST]);
        command.env(ROLE, serde_json::to_string(role).unwrap());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        OwnerProcess { child, lines }
    }

    /// The next that it tells: a word, and the value in JSON; `None` when it has ended.
    pub(super) async fn next(&mut self) -> Option<(String, String)> {
        while let Some(line) = self.lines.next_line().await.unwrap() {
            if let Some((_, told)) = line.split_once(TOLD) {
                let (word, value) = told.split_once(' ').unwrap();
                return Some((word.to_owned(), value.to_owned()));
            }
        }
        None
    }

    /// The value that it tells with that word; what else it tells before is passed over.
    pub(super) async fn until(&mut self, word: &str) -> String {
        loop {
            let (told, value) = self.next().await.unwrap_or_else(|| panic!("it ended before {word}"));
            if told == word {
                return value;
            }
        }
    }

    /// Sends it a signal: `KILL`, `STOP` or `CONT`.
    pub(super) async fn signal(&self, signal: &str) {
        let id = self.child.id().expect("it was not waited for");
        let sent = Command::new("sh").args(["-c", &format!("kill -{signal} {id}")]).status().await.unwrap();
        assert!(sent.success(), "kill -{signal}: {sent}");
    }

    /// Lets it go on, or end: nothing more comes in.
    pub(super) fn close_input(&mut self) {
        drop(self.child.stdin.take());
    }

    /// Waits until it is gone; what it has told still.
    pub(super) async fn gone(mut self) -> Vec<(String, String)> {
        let mut told = Vec::new();
        while let Some(more) = self.next().await {
            told.push(more);
        }
        self.child.wait().await.unwrap();
        told
    }
}

#[folkmoot::test]
#[ignore = "it is the other end of other tests, which start it in a process of its own"]
async fn an_owner_of_its_own() {
    let Ok(role) = std::env::var(ROLE) else { return };
    super::super::limit::watch();
    match serde_json::from_str(&role).unwrap() {
        Role::Works { exchange, first, entries } => work(&exchange, first, entries).await,
        Role::StandsStill { exchange, at } => stand_still(&exchange, at).await,
    }
}

async fn work(exchange: &str, first: u64, entries: u64) {
    let node = Container::builder("local://owner").exchange(exchange).start().await.unwrap();
    node.spawn("book", Book::default).durable_with(durable()).await.unwrap();
    let ledger = || Ledger { tells: true, ..Ledger::default() };
    node.spawn("ledger", ledger).durable_with(durable()).await.unwrap();
    tell("READY", &());
    for sender in 0..SENDERS {
        let node = node.clone();
        actix::spawn(async move {
            for entry in 0..entries {
                let number = first + entry * SENDERS + sender;
                let mail = Mail::new("entry", &number).id(u128::from(number));
                node.send("ledger", mail).await.unwrap();
                tell("SENT", &number);
            }
        });
    }
    let mut ending = Vec::new();
    tokio::io::stdin().read_to_end(&mut ending).await.unwrap();
    node.shutdown().await;
}

async fn stand_still(exchange: &str, at: u64) {
    let log = Log::default();
    tracing::subscriber::set_global_default(log.clone()).unwrap();
    let node = Container::builder("tcp://127.0.0.1:0").name("frozen").exchange(exchange);
    let node = node.start().await.unwrap();
    let ledger = move || Ledger { stands_still_at: Some(at), ..Ledger::default() };
    let ledger = node.spawn("ledger", ledger).durable_with(durable()).await.unwrap();
    let mut monitor = node.monitor(&ledger).await.unwrap();
    tell("READY", &());
    let Some(AgentEvent::Crashed { .. }) = monitor.next().await else { panic!("it loses its mailbox") };
    let Some(AgentEvent::Ended { cause, in_order }) = monitor.next().await else { panic!("it ends") };
    tell("ENDED", &(cause, in_order));
    while !node.agents().is_empty() {
        tokio::task::yield_now().await;
    }
    tell("LOG", &log.with(&["ledger"]));
    node.shutdown().await;
}
