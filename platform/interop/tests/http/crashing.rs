//! Requests of Academy's whose agent crashes, or whose process is killed, before they are answered.
//!
//! A request that was not answered comes again, to the agent's next life or to the next process with the same directory. Always
//! true: it is answered once. The processes are this test binary, run anew.

use std::io::Write;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use folkmoot::exchange::{MailboxId, Query};
use folkmoot::prelude::*;
use folkmoot::{Durable, LocalNetwork};
use folkmoot_interop::academy::{AGENT_TYPE, EVERYONE};
use folkmoot_interop::{Academy, AcademyServer};
use serde_json::{Value as Json, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader, Lines};
use tokio::net::TcpStream;
use tokio::process::{Child, ChildStdout, Command};
use tokio::sync::Notify;

use crate::client::{Client, about, put, soon, uid, user};

/// Who asks.
const USER: u32 = 7;
/// Tells a process that it is a mill, on which directory and from which attempt on it ends its work.
const ROLE: &str = "FOLKMOOT_TEST_MILL";
/// What each line begins with that a process tells; the test harness may have begun the line.
const TOLD: &str = "@@ ";
/// The test below, as the test binary knows it.
const THIS_TEST: &str = "crashing::a_mill_of_its_own";
/// How long the next process waits for the mailbox of one that was killed, at most.
const LEASE: Duration = Duration::from_secs(3);

/// Says something to whoever started this process.
fn tell(line: &str) {
    let mut out = std::io::stdout();
    writeln!(out, "{TOLD}{line}").unwrap();
}

/// Grinds, and bursts when its fuse is lit.
#[derive(Agent)]
struct Mill {
    begun: Arc<AtomicU32>,
    fuse: Arc<Notify>,
    #[persist]
    ground: u32,
    tells: bool,
}

impl Mill {
    /// Notes that an action has begun; how many have.
    fn begins(&self, action: &str) -> u32 {
        if self.tells {
            tell(action);
        }
        self.begun.fetch_add(1, Ordering::SeqCst) + 1
    }
}

#[agent]
impl Mill {
    /// Ends when it is begun for that time; how often it has been begun. Before that it waits, with the state to itself, until
    /// the fuse is lit.
    #[expose]
    async fn wait(&mut self, until: u32, ctx: &Context<Self>) -> u32 {
        let begun = self.begins("wait");
        if begun < until {
            let fuse = self.fuse.clone();
            ctx.spawn(async move {
                fuse.notified().await;
                panic!("the mill has burst");
            });
            std::future::pending::<()>().await;
        }
        begun
    }

    /// Grinds, and returns how often it has.
    #[expose]
    fn grind(&mut self) -> u32 {
        self.begins("grind");
        self.ground += 1;
        self.ground
    }
}

/// A node with a mill, and its front door.
struct House {
    node: Container,
    server: AcademyServer,
    mill: MailboxId,
}

impl House {
    async fn open(exchange: &str, begun: &Arc<AtomicU32>, fuse: &Arc<Notify>, tells: bool) -> House {
        let builder = Container::builder("local://mill").network(&LocalNetwork::new()).exchange(exchange);
        let node = builder.interpreter(Academy::interpreter()).start().await.unwrap();
        let durable =
            Durable::new().lease(LEASE).agent_types(["shop.Mill", AGENT_TYPE]).shared_with([EVERYONE]);
        let (begun, fuse) = (begun.clone(), fuse.clone());
        let mill = move || Mill { begun: begun.clone(), fuse: fuse.clone(), ground: 0, tells };
        node.spawn("mill", mill).durable_with(durable).await.unwrap();
        let academy = Academy::client(node.mailroom().unwrap()).await.unwrap();
        let [mill] = academy.discover(Query::of_subtypes("shop.Mill")).await.unwrap()[..] else { panic!() };
        academy.close().await.unwrap();
        let server = Academy::new(node.mailroom().unwrap().clone()).start("127.0.0.1:0").await.unwrap();
        House { node, server, mill }
    }

    async fn close(self) {
        self.server.shutdown().await;
        self.node.shutdown().await;
    }
}

async fn client(address: &str) -> Client {
    Client(BufReader::new(TcpStream::connect(address).await.unwrap()))
}

/// Sends a request for an action, under a tag of that number.
async fn sends(http: &mut Client, mill: &str, tag: u32, action: &str, arguments: &str) {
    let uid_of_mill = mill.split_once(':').unwrap().1;
    let message = json!({
        "header": {
            "src": serde_json::from_str::<Json>(&user(USER)).unwrap(),
            "dest": {"uid": uid_of_mill, "name": "mill", "role": "agent"},
            "tag": uid(tag), "label": uid(99), "kind": "request",
            "protocol_version": "1.1", "academy_version": "1.0.0",
        },
        "body": {
            "action": action, "pargs": arguments, "kargs": "{}", "serialization": "json",
            "result_serialization": null, "exception_serialization": null, "kind": "action-request",
        },
    });
    http.asks("PUT", "/message", &put(&message.to_string())).await.is(200, "");
}

/// The next response: its tag, and its body.
async fn response(http: &mut Client) -> (String, Json) {
    let message: Json = serde_json::from_str(&http.receives(&user(USER), "").await.message()).unwrap();
    (message["header"]["tag"].as_str().unwrap().to_owned(), message["body"].clone())
}

/// What an action has returned, in JSON.
fn returned(body: &Json) -> &str {
    assert_eq!(body["kind"], "action-response", "{body}");
    body["result"][1].as_str().unwrap()
}

/// Nothing more comes: what is asked now is answered next.
async fn comes_next(http: &mut Client, mill: &str, tag: u32) -> Json {
    sends(http, mill, tag, "grind", "[]").await;
    let (answered, body) = response(http).await;
    assert_eq!(answered, uid(tag), "{body}");
    body
}

/// An action is under way when its agent crashes, as often as `crashes` says; the answer to it, and how often it was begun.
async fn crashes_under_way(exchange: &str, until: u32, crashes: u32) -> (Json, u32) {
    let (begun, fuse) = (Arc::new(AtomicU32::new(0)), Arc::new(Notify::new()));
    let house = House::open(exchange, &begun, &fuse, false).await;
    let mill = house.mill.to_string();
    let mut http = client(&house.server.address().to_string()).await;
    http.asks("POST", "/mailbox", &about(&user(USER))).await.is(200, "");
    sends(&mut http, &mill, 1, "wait", &format!("[{until}]")).await;
    for crash in 1..=crashes {
        crate::client::until(async || begun.load(Ordering::SeqCst) == crash).await;
        fuse.notify_one();
    }
    let (answered, body) = response(&mut http).await;
    assert_eq!(answered, uid(1), "{body}");
    let waited = begun.load(Ordering::SeqCst);
    // It works on, and nothing more is said of that action.
    assert_eq!(returned(&comes_next(&mut http, &mill, 2).await), "1");
    assert_eq!(begun.load(Ordering::SeqCst), waited + 1);
    house.close().await;
    (body, waited)
}

#[folkmoot::test]
async fn an_action_that_was_under_way_when_its_agent_crashed_is_done_again_and_answered_once() {
    let (body, begun) = crashes_under_way("memory:", 3, 2).await;
    assert_eq!((returned(&body), begun), ("3", 3));
}

#[folkmoot::test]
async fn so_it_is_where_mail_lies_in_a_directory() {
    let directory = tempfile::tempdir().unwrap();
    let exchange = format!("sqlite://{}", directory.path().display());
    let (body, begun) = crashes_under_way(&exchange, 2, 1).await;
    assert_eq!((returned(&body), begun), ("2", 2));
}

#[folkmoot::test]
async fn an_action_whose_agent_crashes_each_time_is_answered_so_at_its_third_attempt() {
    let (body, begun) = crashes_under_way("memory:", 99, 3).await;
    let text = body["exception"].to_string();
    assert!(text.contains("restarted") && body["kind"] == "user-error-response", "{body}");
    assert_eq!(begun, 3);
}

/// A mill in a process of its own.
struct MillProcess {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl MillProcess {
    fn start(exchange: &str, ends_at: u32) -> MillProcess {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--ignored", "--exact", "--nocapture", "--test-threads=1", THIS_TEST]);
        command.env(ROLE, format!("{ends_at} {exchange}"));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        MillProcess { child, lines }
    }

    /// The next line that it tells.
    async fn tells(&mut self) -> String {
        loop {
            let line = soon(self.lines.next_line()).await.unwrap().expect("it lives");
            if let Some((_, told)) = line.split_once(TOLD) {
                return told.to_owned();
            }
        }
    }

    async fn kill(mut self) {
        // As `kill -9` does.
        self.child.kill().await.unwrap();
    }
}

#[folkmoot::test]
#[ignore = "it is the other end of another test, which starts it in a process of its own"]
async fn a_mill_of_its_own() {
    let Ok(role) = std::env::var(ROLE) else { return };
    let (begun, exchange) = role.split_once(' ').unwrap();
    let begun = Arc::new(AtomicU32::new(begun.parse().unwrap()));
    let house = House::open(exchange, &begun, &Arc::default(), true).await;
    tell(&format!("{} {}", house.server.address(), house.mill));
    let mut ending = Vec::new();
    tokio::io::stdin().read_to_end(&mut ending).await.unwrap();
    house.close().await;
}

#[folkmoot::test]
async fn an_action_whose_process_is_killed_is_done_by_the_next_one_and_answered_once() {
    let directory = tempfile::tempdir().unwrap();
    let exchange = format!("sqlite://{}", directory.path().display());
    let mut process = MillProcess::start(&exchange, 0);
    let told = process.tells().await;
    let (address, mill) = told.split_once(' ').unwrap();
    let mut http = client(address).await;
    http.asks("POST", "/mailbox", &about(&user(USER))).await.is(200, "");
    sends(&mut http, mill, 1, "grind", "[]").await;
    assert_eq!(process.tells().await, "grind");
    let (answered, body) = response(&mut http).await;
    assert_eq!((answered, returned(&body)), (uid(1), "1"));
    // One is under way, and another waits behind it for the state.
    sends(&mut http, mill, 2, "wait", "[3]").await;
    assert_eq!(process.tells().await, "wait");
    sends(&mut http, mill, 3, "grind", "[]").await;
    process.kill().await;

    let mut process = MillProcess::start(&exchange, 2);
    let mut lines = Vec::new();
    let (address, mill) = loop {
        // It may begin before its front door is open.
        let line = process.tells().await;
        match line.split_once(' ') {
            Some((address, mill)) => break (address.to_owned(), mill.to_owned()),
            None => lines.push(line),
        }
    };
    let mut http = client(&address).await;
    let mut answers = [response(&mut http).await, response(&mut http).await];
    answers.sort_by(|left, right| left.0.cmp(&right.0));
    assert_eq!((&*answers[0].0, returned(&answers[0].1)), (&*uid(2), "3"));
    // What was answered was kept, and was not done again.
    assert_eq!((&*answers[1].0, returned(&answers[1].1)), (&*uid(3), "2"));
    assert_eq!(returned(&comes_next(&mut http, &mill, 4).await), "3");
    while lines.len() < 3 {
        lines.push(process.tells().await);
    }
    lines.sort();
    assert_eq!(lines, ["grind", "grind", "wait"]);
    process.kill().await;
}
