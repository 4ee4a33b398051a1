//! Durable agents of Folkmoot's, asked by Academy's messages over HTTP.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use folkmoot::exchange::{Asker, MailboxId, MailboxState, Query};
use folkmoot::prelude::*;
use folkmoot::{Builder, Durable, Exception, LocalNetwork, Value};
use folkmoot_interop::academy::{AGENT_TYPE, EVERYONE, Ending, HandleError};
use folkmoot_interop::{Academy, AcademyServer};
use serde_json::{Value as Json, json};
use tokio::io::BufReader;
use tokio::net::TcpStream;

use crate::client::{Client, about, put, soon, uid, until, user};

#[derive(Agent, Default)]
struct Pump {
    total: i64,
    sleepers: Rc<Sleepers>,
}

#[derive(Default)]
struct Sleepers {
    begun: Cell<u32>,
    over: Cell<u32>,
}

/// Counts when it falls asleep, and when it is woken, be it before its time.
struct Sleeper(Rc<Sleepers>);

impl Sleeper {
    fn of(all: &Rc<Sleepers>) -> Sleeper {
        all.begun.set(all.begun.get() + 1);
        Sleeper(all.clone())
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        self.0.over.set(self.0.over.get() + 1);
    }
}

#[agent]
impl Pump {
    /// Adds, and returns the total.
    #[expose]
    fn add(&mut self, amount: i64, times: Option<i64>) -> i64 {
        self.total += amount * times.unwrap_or(1);
        self.total
    }

    /// Returns what it is given.
    #[expose]
    fn echo(&self, value: Value) -> Value {
        value
    }

    /// Fails.
    #[expose]
    fn fail(&self, why: String) -> Result<(), Exception> {
        Err(Exception::value_error(why))
    }

    /// Panics.
    #[expose]
    fn break_down(&mut self) {
        panic!("broken down");
    }

    /// Sleeps for a minute.
    #[expose]
    async fn sleep(&self, ctx: &Context<Self>) {
        let _sleeper = Sleeper::of(&self.sleepers);
        ctx.clock().sleep(Duration::from_secs(60)).await;
    }

    /// How often it fell asleep, and was woken.
    #[expose]
    fn sleepers(&self) -> (u32, u32) {
        (self.sleepers.begun.get(), self.sleepers.over.get())
    }

    /// Returns that many letters.
    #[expose]
    fn letters(&self, count: usize) -> String {
        "x".repeat(count)
    }
}

/// A node with a pump, its front door, and a user of Academy's.
struct Scene {
    node: Container,
    server: AcademyServer,
    pump: MailboxId,
    http: Client,
    next_tag: u32,
}

const USER: u32 = 7;

/// How a message of a release of Academy begins.
#[derive(Clone, Copy, PartialEq)]
enum Release {
    Old,
    New,
    /// Of a protocol that is not there yet.
    Next,
}

impl Scene {
    async fn open() -> Scene {
        Scene::open_as(|builder| builder).await
    }

    async fn open_as(set_up: impl FnOnce(Builder) -> Builder) -> Scene {
        let builder = Container::builder("local://scene").network(&LocalNetwork::new()).exchange("memory:");
        let node = set_up(builder).interpreter(Academy::interpreter()).start().await.unwrap();
        spawn(&node).await;
        let server = Academy::new(node.mailroom().unwrap().clone()).start("127.0.0.1:0").await.unwrap();
        let pump = mailbox(&node).await;
        let mut http = Client(BufReader::new(TcpStream::connect(server.address()).await.unwrap()));
        http.asks("POST", "/mailbox", &about(&user(USER))).await.is(200, "");
        Scene { node, server, pump, http, next_tag: 100 }
    }

    fn dest(&self) -> Json {
        let uid = self.pump.to_string().split_once(':').unwrap().1.to_owned();
        json!({"uid": uid, "name": "pump", "role": "agent"})
    }

    /// Sends a request; its tag.
    async fn sends(&mut self, body: &Json, release: Release) -> String {
        self.next_tag += 1;
        let tag = uid(self.next_tag);
        let mut header = json!({
            "src": serde_json::from_str::<Json>(&user(USER)).unwrap(), "dest": self.dest(), "tag": tag,
            "label": uid(99), "kind": "request",
        });
        if release != Release::Old {
            header["protocol_version"] = json!(if release == Release::Next { "2.0" } else { "1.1" });
            header["academy_version"] = json!("1.0.0");
        }
        let message = json!({"header": header, "body": body}).to_string();
        self.http.asks("PUT", "/message", &put(&message)).await.is(200, "");
        tag
    }

    /// The next response: its tag, and its body.
    async fn response(&mut self) -> (String, Json) {
        let message = self.http.receives(&user(USER), "").await.message();
        let message: Json = serde_json::from_str(&message).unwrap();
        let header = &message["header"];
        assert_eq!((&header["kind"], &header["label"]), (&json!("response"), &json!(uid(99))), "{message}");
        assert_eq!((&header["src"], &header["dest"]["uid"]), (&self.dest(), &json!(uid(USER))));
        (header["tag"].as_str().unwrap().to_owned(), message["body"].clone())
    }

    async fn asks_as(&mut self, body: Json, release: Release) -> Json {
        let tag = self.sends(&body, release).await;
        let (answered, body) = self.response().await;
        assert_eq!(answered, tag);
        body
    }

    async fn asks(&mut self, body: Json) -> Json {
        self.asks_as(body, Release::New).await
    }

    /// Runs an action; the JSON of its result.
    async fn runs(&mut self, action: &str, pargs: &str, kargs: &str) -> String {
        let body = self.asks(action_request(action, pargs, kargs)).await;
        assert_eq!(
            (&body["kind"], &body["serialization"]),
            (&json!("action-response"), &json!("json")),
            "{body}"
        );
        assert_eq!(body["result"][0], "__serialized__");
        body["result"][1].as_str().unwrap().to_owned()
    }

    /// Runs an action; the text of its exception.
    async fn fails(&mut self, body: Json) -> String {
        exception(&self.asks(body).await)
    }

    async fn ends(self) {
        self.server.shutdown().await;
        self.node.shutdown().await;
    }
}

async fn spawn(node: &Container) -> Proxy<Pump> {
    let durable = Durable::new().agent_types(["shop.Pump", AGENT_TYPE]).shared_with([EVERYONE]);
    node.spawn("pump", Pump::default).durable_with(durable).await.unwrap()
}

/// The mailbox of the pump, as Academy's clients find it.
async fn mailbox(node: &Container) -> MailboxId {
    let academy = Academy::client(node.mailroom().unwrap()).await.unwrap();
    let found = academy.discover(Query::of_subtypes("shop.Pump")).await.unwrap();
    assert_eq!(found, academy.discover(Query::of_subtypes(AGENT_TYPE)).await.unwrap());
    let [pump] = found[..] else { panic!("{found:?}") };
    academy.close().await.unwrap();
    pump
}

fn action_request(action: &str, pargs: &str, kargs: &str) -> Json {
    json!({
        "action": action, "pargs": pargs, "kargs": kargs, "serialization": "json", "result_serialization": null,
        "exception_serialization": null, "kind": "action-request",
    })
}

fn exception(body: &Json) -> String {
    assert_eq!(
        (&body["kind"], &body["serialization"]),
        (&json!("user-error-response"), &json!("json")),
        "{body}"
    );
    let exception: Json = serde_json::from_str(body["exception"].as_str().unwrap()).unwrap();
    assert_eq!(exception["__exception__"], true);
    exception["exception_str"].as_str().unwrap().to_owned()
}

#[folkmoot::test]
async fn actions_are_calls_with_arguments_and_results_in_json() {
    let mut scene = Scene::open().await;
    assert_eq!(scene.runs("add", "[2]", "{}").await, "2");
    assert_eq!(scene.runs("add", "[2]", r#"{"times": 3}"#).await, "8");
    assert_eq!(scene.runs("add", "[]", r#"{"amount": 1, "times": null}"#).await, "9");
    for value in [
        "null",
        "true",
        "-1.5",
        "NaN",
        "\"ä\\n\"",
        "[1,[]]",
        r#"{"k":{"a":null}}"#,
        "123456789012345678901234567890",
    ] {
        assert_eq!(scene.runs("echo", &format!("[{value}]"), "{}").await, value);
    }
    // What the agent did is its state, whoever asks.
    let pump: Proxy<Pump> = scene.node.find("pump").unwrap();
    assert_eq!(pump.add(1, None).await.unwrap(), 10);
    let academy = Academy::client(scene.node.mailroom().unwrap()).await.unwrap();
    let handle = academy.handle(scene.pump);
    assert_eq!(handle.action::<i64>("add", (1,)).keyword("times", 2).await.unwrap(), 12);
    let error = handle.action::<i64>("fail", ("as asked",)).await.unwrap_err();
    assert!(
        matches!(&error, HandleError::Raised { exception, .. } if exception == "ValueError: as asked"),
        "{error}"
    );
    scene.ends().await;
}

#[folkmoot::test]
async fn what_fails_is_an_exception_as_python_has_it() {
    let mut scene = Scene::open().await;
    let request = action_request;
    for (body, words) in [
        (request("fail", r#"["as asked"]"#, "{}"), vec!["ValueError: as asked\n"]),
        (request("ad", "[1]", "{}"), vec!["AttributeError: ", "action named \"ad\"; did you mean \"add\"?"]),
        (request("add", r#"["x"]"#, "{}"), vec!["TypeError: ", "amount"]),
        (request("add", "[]", "{}"), vec!["TypeError: ", "amount"]),
        (request("add", "[1, 2, 3]", "{}"), vec!["TypeError: "]),
        (request("add", "[1]", r#"{"amount": 2}"#), vec!["TypeError: ", "amount"]),
        (request("add", "[1", "{}"), vec!["TypeError: "]),
        (request("add", "[1], {}], 5", "{}"), vec!["TypeError: "]),
        (request("add", "{}", "[]"), vec!["TypeError: "]),
        (request("break_down", "[]", "{}"), vec!["RuntimeError: ", "broken down"]),
        (request("letters", "[600000]", "{}"), vec!["RuntimeError: ", "600", "bytes long", "524288"]),
        (json!({"kind": "new-request"}), vec!["ValueError: the request cannot be read"]),
    ] {
        let text = scene.fails(body.clone()).await;
        assert!(words.iter().all(|word| text.contains(word)), "{body}: {text}");
    }
    // After all of that it is there.
    assert_eq!(scene.runs("echo", "[1]", "{}").await, "1");
    scene.ends().await;
}

#[folkmoot::test]
async fn pickles_are_refused_in_a_shape_that_their_sender_reads() {
    let mut scene = Scene::open().await;
    let mut pickled = action_request("add", "gASVBQAAAAAAAABLAoWULg==", "gAR9lC4=");
    pickled["serialization"] = json!("pickle");
    let text = scene.fails(pickled.clone()).await;
    assert!(text.contains("TypeError: ") && text.contains("Handle(.., request_serializer='json')"), "{text}");
    let mut result = action_request("add", "[1]", "{}");
    result["result_serialization"] = json!("pickle");
    let text = scene.fails(result).await;
    assert!(text.contains("Handle(.., result_serializer='json')"), "{text}");
    let old = json!({"action": "add", "pargs": "gAQpLg==", "kargs": "gAR9lC4=", "kind": "action-request"});
    let body = scene.asks_as(old, Release::Old).await;
    assert_eq!(body["kind"], "error-response");
    // TypeError("..."), which `pickle` was seen to load.
    assert!(body["exception"].as_str().unwrap().starts_with("gASMCGJ1aWx0aW5zjAlUeXBlRXJyb3KTW"), "{body}");
    assert_eq!(
        scene.asks_as(json!({"kind": "ping-request"}), Release::Old).await,
        json!({"kind": "success-response"})
    );
    let body = scene.asks_as(json!({"kind": "ping-request"}), Release::Next).await;
    assert_eq!((&body["kind"], &body["error_code"]), (&json!("academy-error-response"), &json!(5)));
    assert_eq!(scene.runs("add", "[1]", "{}").await, "1");
    scene.ends().await;
}

#[folkmoot::test]
async fn a_cancelled_action_is_dropped_and_answered_so() {
    let mut scene = Scene::open().await;
    let tag = scene.sends(&action_request("sleep", "[]", "{}"), Release::New).await;
    let academy = Academy::client(scene.node.mailroom().unwrap()).await.unwrap();
    let stranger = academy.handle(scene.pump);
    soon(stranger.ping().into_future()).await.unwrap();
    until(async || scene.node.find::<Pump>("pump").unwrap().sleepers().await.unwrap() == (1, 0)).await;
    let cancel = json!({"kind": "cancel-request", "target_tag": tag});
    let cancelling = scene.sends(&cancel, Release::New).await;
    let mut answers = [scene.response().await, scene.response().await];
    answers.sort_by_key(|(answered, _)| *answered != tag);
    assert_eq!(answers[0].0, tag);
    assert_eq!(
        (&answers[0].1["kind"], &answers[0].1["error_code"]),
        (&json!("academy-error-response"), &json!(3))
    );
    assert_eq!(answers[1], (cancelling, json!({"kind": "success-response"})));
    until(async || scene.runs("sleepers", "[]", "{}").await == "[1,1]").await;
    // It is over, and there is none of that tag any more.
    let body = scene.asks(cancel).await;
    assert_eq!((&body["kind"], &body["error_code"]), (&json!("academy-error-response"), &json!(2)));
    // A handle of ours does the same where its future goes away.
    let sleeping = tokio::spawn(stranger.action::<()>("sleep", ()).into_future());
    until(async || scene.runs("sleepers", "[]", "{}").await == "[2,1]").await;
    sleeping.abort();
    until(async || scene.runs("sleepers", "[]", "{}").await == "[2,2]").await;
    scene.ends().await;
}

#[folkmoot::test]
async fn an_agent_says_what_it_can_do() {
    let mut scene = Scene::open().await;
    let described: Json = serde_json::from_str(&scene.runs("agent_describe", "[]", "{}").await).unwrap();
    let add = &described["actions"]["add"];
    assert_eq!((&add["name"], &add["doc"]), (&json!("add"), &json!("Adds, and returns the total.")));
    assert_eq!(add["type_signature"]["amount"], "<class 'int'>");
    assert_eq!(add["type_signature"]["return"], "<class 'int'>");
    assert!(described["actions"].as_object().unwrap().len() == 7, "{described}");
    scene.ends().await;
}

#[folkmoot::test]
async fn shutdown_ends_the_agent_and_its_mailbox_if_asked() {
    let mut scene = Scene::open().await;
    let exchange = scene.node.mailroom().unwrap().exchange().clone();
    let body = scene.asks(json!({"kind": "shutdown-request", "terminate": null})).await;
    assert_eq!(body, json!({"kind": "success-response"}));
    until(async || scene.node.find::<Pump>("pump").is_err()).await;
    assert_ne!(exchange.status(&Asker::Container, scene.pump).await.unwrap().state, MailboxState::Terminated);
    // What comes meanwhile waits for whoever runs it next.
    let tag = scene.sends(&action_request("add", "[5]", "{}"), Release::New).await;
    spawn(&scene.node).await;
    let (answered, body) = scene.response().await;
    assert_eq!((&answered, &body["result"][1]), (&tag, &json!("5")));

    let academy = Academy::client(scene.node.mailroom().unwrap()).await.unwrap();
    let pump = academy.handle(scene.pump);
    pump.shutdown(Ending::Terminate).await.unwrap();
    until(async || {
        exchange.status(&Asker::Container, scene.pump).await.unwrap().state == MailboxState::Terminated
    })
    .await;
    let error = pump.ping().await.unwrap_err();
    assert!(matches!(error, HandleError::Terminated { .. }), "{error}");
    assert!(scene.node.find::<Pump>("pump").is_err());
    scene.ends().await;
}

#[folkmoot::test]
async fn the_gate_judges_actions_as_calls() {
    // With a rule there is no call without one.
    let rules =
        |builder: Builder| builder.allow("anonymous", "*", "academy/*").allow("anonymous", "pump", "add");
    let mut scene = Scene::open_as(rules).await;
    assert_eq!(scene.runs("add", "[2]", "{}").await, "2");
    for body in [
        action_request("echo", "[2]", "{}"),
        action_request("nowhere", "[]", "{}"),
        action_request("agent_describe", "[]", "{}"),
        json!({"kind": "shutdown-request", "terminate": true}),
    ] {
        let text = scene.fails(body.clone()).await;
        assert!(text.starts_with("PermissionError: "), "{body}: {text}");
    }
    assert_eq!(scene.asks(json!({"kind": "ping-request"})).await, json!({"kind": "success-response"}));
    assert_eq!(scene.runs("add", "[2]", "{}").await, "4");
    scene.ends().await;
}

#[folkmoot::test]
async fn nobody_takes_or_ends_the_mailbox_of_an_agent_but_the_agent() {
    let mut scene = Scene::open().await;
    let id = scene.dest().to_string();
    let forbidden = "Incorrect permissions";
    scene.http.asks("DELETE", "/mailbox", &about(&id)).await.is(403, forbidden);
    scene.http.asks("GET", "/message", &about(&id)).await.is(403, forbidden);
    scene.http.asks("GET", "/mailbox/listen", &about(&id)).await.is(403, forbidden);
    scene.http.asks("POST", "/mailbox/heartbeat", &about(&id)).await.is(403, forbidden);
    let status = scene.http.asks("GET", "/mailbox", &about(&id)).await;
    status.is(200, r#"{"status": "ACTIVE"}"#);
    let beat = scene.http.asks("GET", "/mailbox/heartbeat", &about(&id)).await;
    assert!(beat.status == 200 && !beat.body.contains("null"), "{beat:?}");
    // Who is not among those whom the mailbox is shared with does not even find it.
    let durable = Durable::new().agent_types([AGENT_TYPE]).shared_with(["crew"]);
    scene.node.spawn("other", Pump::default).durable_with(durable).await.unwrap();
    let academy = Academy::client(scene.node.mailroom().unwrap()).await.unwrap();
    assert_eq!(academy.discover(Query::of_subtypes(AGENT_TYPE)).await.unwrap(), [scene.pump]);
    let crew = Academy::client(scene.node.mailroom().unwrap()).user("ada", ["crew"]).await.unwrap();
    assert_eq!(crew.discover(Query::of_subtypes(AGENT_TYPE)).await.unwrap().len(), 2);
    scene.ends().await;
}
