//! `folkmoot join` as a person runs it, against a container of the test.
//!
//! Neighbour: `call.rs` has the verbs that need no joining.

#[path = "running/command.rs"]
mod command;

use std::process::Stdio;
use std::time::Duration;

use folkmoot::prelude::*;
use folkmoot::{DevCerts, NodeState};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout};

use command::{Ended, Folder, command, folkmoot};

#[derive(Agent, Default)]
struct Mirror;

#[agent]
impl Mirror {
    #[expose]
    fn echo(&self, text: String) -> String {
        text
    }
}

/// Runs the binary beside the container of the test, which lives on this thread.
async fn run(folder: &Folder, arguments: &[&str]) -> Ended {
    Ended(tokio::process::Command::from(command(folder, arguments)).output().await.unwrap())
}

/// A container with an agent, and where it listens.
async fn market() -> (Container, String) {
    let market = Container::builder("tcp://127.0.0.1:0").name("market").start().await.unwrap();
    market.spawn("mirror", Mirror::default).await.unwrap();
    let endpoint = market.endpoint().to_string();
    (market, endpoint)
}

#[folkmoot::test]
async fn once_shows_what_there_is_and_leaves() {
    let (market, endpoint) = market().await;
    let folder = Folder::new();
    let shown = run(&folder, &["join", &endpoint, "--name", "onlooker", "--once"]).await.succeeds();
    assert_eq!(shown, format!("agent mirror (Mirror) on market\nnode market joined at {endpoint}\n"));
    until_it_has_left(&market, "onlooker").await;
    market.shutdown().await;
}

#[folkmoot::test]
async fn who_may_not_join_reads_why() {
    let (market, endpoint) = market().await;
    let folder = Folder::new();
    for (arguments, word) in [
        (&["join", &endpoint, "--cluster", "another"][..], "the cluster \"folkmoot\", not to \"another\""),
        (&["join", &endpoint, "--name", "market"], "this node's own name"),
        (&["join", "tcp://127.0.0.1:1"], "tcp://127.0.0.1:1"),
        (&["join", "tls://127.0.0.1:1"], "--certs DIR"),
        (&["join", "market"], "it has no scheme"),
    ] {
        let error = run(&folder, arguments).await.fails();
        assert!(error.contains(word), "{arguments:?}: {error}");
    }
    market.shutdown().await;
}

#[test]
fn whom_to_join_must_be_said() {
    let help = folkmoot(&Folder::new(), &["join"]).misunderstands();
    assert!(help.contains("<URL>"), "{help}");
}

#[folkmoot::test]
async fn a_node_with_certificates_joins_where_a_rule_lets_it() {
    let folder = Folder::new();
    let authority = DevCerts::in_dir(folder.join("certs")).unwrap();
    for name in ["onlooker", "stranger"] {
        authority.node(name).unwrap();
    }
    let market = Container::builder("tls://127.0.0.1:0")
        .certs(authority.node("market").unwrap())
        .allow_host("spiffe://demo/node/onlooker", "*")
        .start()
        .await
        .unwrap();
    market.spawn("mirror", Mirror::default).await.unwrap();
    let endpoint = market.endpoint().to_string();
    let join = |certs: &'static str| ["join", &endpoint, "--certs", certs, "--once"];
    let shown = run(&folder, &join("certs/onlooker")).await.succeeds();
    assert!(shown.contains("agent mirror (Mirror) on spiffe://demo/node/market\n"), "{shown}");
    let denied = run(&folder, &join("certs/stranger")).await.fails();
    assert!(denied.contains("no rule lets spiffe://demo/node/stranger join"), "{denied}");
    market.shutdown().await;
}

/// One that runs until it is interrupted.
struct Running {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Running {
    fn start(folder: &Folder, arguments: &[&str]) -> Running {
        let mut command = tokio::process::Command::from(command(folder, arguments));
        let mut child = command.stdout(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Running { child, lines }
    }

    /// Reads on until that line comes.
    async fn says(&mut self, expected: &str) {
        while self.lines.next_line().await.unwrap().expect("it ended before it said that") != expected {}
    }
}

#[cfg(unix)]
#[folkmoot::test]
async fn it_shows_who_comes_and_goes_until_an_interrupt_ends_it_with_a_goodbye() {
    let (market, endpoint) = market().await;
    let folder = Folder::new();
    let mut running = Running::start(&folder, &["join", &endpoint, "--name", "onlooker"]);
    running.says(&format!("node market joined at {endpoint}")).await;
    market.spawn("late", Mirror::default).await.unwrap();
    running.says("agent late (Mirror) on market").await;
    market.stop("late", Duration::from_secs(1)).await.unwrap();
    running.says("agent late (Mirror) on market is gone").await;

    let id = running.child.id().unwrap().to_string();
    let asked = tokio::process::Command::new("kill").args(["-INT", &id]).status().await.unwrap();
    assert!(asked.success());
    until_it_has_left(&market, "onlooker").await;
    assert!(running.child.wait().await.unwrap().success());
    market.shutdown().await;
}

/// Waits for the goodbye: whoever dies is suspect, never gone.
async fn until_it_has_left(market: &Container, name: &str) {
    let mut changes = market.node_changes();
    let has_left = || market.nodes().iter().any(|node| node.name == name && node.state == NodeState::Left);
    while !has_left() {
        changes.next().await;
    }
}
