//! Handles of this process, and agents that speak Academy's messages over HTTP.

use std::time::Duration;

use folkmoot::exchange::{Asker, MailboxId, MailboxState, Query};
use folkmoot::{MailError, Value};
use folkmoot_interop::Academy;
use folkmoot_interop::academy::{AcademyClient, Ending, Handle, HandleError};
use serde_json::{Value as Json, json};
use tokio::task::JoinHandle;

use crate::client::{Client, Hall, about, agent, put, quoted, soon, uid, until};

const AGENT: u32 = 1;

/// A server, an agent's connection to it, and a handle to that agent.
struct Scene {
    hall: Hall,
    agent: Agent,
    client: AcademyClient,
    handle: Handle,
}

impl Scene {
    async fn open() -> Scene {
        let hall = Hall::open().await;
        hall.mailbox(&agent(AGENT)).await;
        let agent = Agent { http: hall.client().await, release: Release::New };
        let client = Academy::client(&hall.mailroom).named("caller").await.unwrap();
        let handle = client.handle(id(AGENT));
        Scene { hall, agent, client, handle }
    }

    /// Asks for an action in a task of its own; the ping before it is answered here.
    async fn asks<R>(
        &mut self,
        asked: folkmoot_interop::academy::Action<R>,
    ) -> JoinHandle<Result<R, HandleError>>
    where
        R: serde::de::DeserializeOwned + Send + 'static,
    {
        let asking = tokio::spawn(asked.into_future());
        let ping = self.agent.request("ping-request").await;
        self.agent.answers(&ping, json!({"kind": "success-response"})).await;
        asking
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Release {
    Old,
    New,
}

/// An agent as Academy's runtime is one, by hand.
struct Agent {
    http: Client,
    release: Release,
}

impl Agent {
    /// The next request, which is of that kind.
    async fn request(&mut self, kind: &str) -> Json {
        let message = self.http.receives(&agent(AGENT), "").await.message();
        let message: Json = serde_json::from_str(&message).unwrap();
        assert_eq!(message["body"]["kind"], kind, "{message}");
        // What releases up to 0.4 take, which refuse what they do not know.
        for field in message["header"].as_object().unwrap().keys() {
            assert!(["src", "dest", "tag", "label", "kind"].contains(&&**field), "{field}");
        }
        message
    }

    async fn answers(&mut self, request: &Json, body: Json) {
        let header = &request["header"];
        let mut answer = json!({
            "header": {
                "src": header["dest"], "dest": header["src"], "tag": header["tag"], "label": header["label"],
                "kind": "response",
            },
            "body": body,
        });
        if self.release == Release::New {
            answer["header"]["protocol_version"] = json!("1.1");
            answer["header"]["academy_version"] = json!("1.0.0");
        }
        self.http.asks("PUT", "/message", &put(&answer.to_string())).await.is(200, "");
    }
}

fn id(number: u32) -> MailboxId {
    format!("agent:{}", uid(number)).parse().unwrap()
}

fn result(json: &str) -> Json {
    json!({"kind": "action-response", "result": ["__serialized__", json], "serialization": "json"})
}

#[tokio::test]
async fn an_action_is_asked_for_in_json_and_its_result_comes_back() {
    let mut scene = Scene::open().await;
    let action =
        scene.handle.action::<Value>("mix", (1, "ä", f64::NAN)).keyword("by", None::<u8>).keyword("to", [2]);
    let asking = scene.asks(action).await;
    let request = scene.agent.request("action-request").await;
    assert_eq!(
        request["body"],
        json!({
            "kind": "action-request", "action": "mix", "pargs": r#"[1,"ä",NaN]"#, "kargs": r#"{"by": null, "to": [2]}"#,
            "serialization": "json", "result_serialization": null, "exception_serialization": null,
        })
    );
    let src = &request["header"]["src"];
    assert_eq!((&src["role"], &src["name"]), (&json!("user"), &json!("caller")));
    scene
        .agent
        .answers(&request, result(r#"[Infinity, {"a": 123456789012345678901234567890}, null, "\u00e4"]"#))
        .await;
    let value = soon(asking).await.unwrap().unwrap();
    assert_eq!(value.item(0).and_then(Value::as_f64), Some(f64::INFINITY));
    assert_eq!(value.item(3).and_then(Value::as_str), Some("ä"));
    // The agent is known now: no second ping.
    let asking = tokio::spawn(scene.handle.action::<()>("rest", ()).into_future());
    let request = scene.agent.request("action-request").await;
    assert_eq!((&request["body"]["pargs"], &request["body"]["kargs"]), (&json!("[]"), &json!("{}")));
    scene.agent.answers(&request, result("null")).await;
    soon(asking).await.unwrap().unwrap();
    let asking = tokio::spawn(scene.handle.action::<u8>("rest", ()).into_future());
    let request = scene.agent.request("action-request").await;
    scene.agent.answers(&request, result("\"x\"")).await;
    let error = soon(asking).await.unwrap().unwrap_err();
    assert!(matches!(&error, HandleError::Result { action, .. } if action == "rest"), "{error}");
}

#[tokio::test]
async fn each_way_not_to_answer_is_an_error_that_says_so() {
    let mut scene = Scene::open().await;
    let mut is_first = true;
    let traceback =
        "Traceback (most recent call last):\n  File \"x.py\", line 1, in f\nValueError: too much\n";
    let raised = json!({
        "kind": "user-error-response", "serialization": "json",
        "exception": json!({"__exception__": true, "exception_str": traceback}).to_string(),
    });
    let refused =
        |code: u16| json!({"kind": "academy-error-response", "error_code": code, "mailbox_id": null});
    let pickled =
        json!({"kind": "action-response", "result": ["__serialized__", "gAQu"], "serialization": "pickle"});
    let pickled_error =
        json!({"kind": "user-error-response", "serialization": "pickle", "exception": "gAQu"});
    for (answer, words) in [
        (raised, "add of agent:6f1c1f5e-0a52-4c43-9d0e-000000000001 raised ValueError: too much"),
        (pickled, "with a pickle"),
        (pickled_error, "with a pickle"),
        (json!({"kind": "error-response", "exception": "gAQu"}), "with a pickle"),
        (refused(0), "has ended"),
        (refused(1), "was cancelled"),
        (refused(3), "was cancelled"),
        (refused(4), "it is a user"),
        (refused(5), "another version of Academy's protocol than 1.1"),
        (refused(77), "Academy's error 77"),
        (json!({"kind": "success-response"}), "no result"),
        (json!({"kind": "new-response"}), "cannot be read"),
        (
            json!({"kind": "action-response", "result": ["__serialized__", "1"], "serialization": "xml"}),
            "unknown",
        ),
    ] {
        let action = scene.handle.action::<i64>("add", (2,));
        let asking = match std::mem::take(&mut is_first) {
            true => scene.asks(action).await,
            false => tokio::spawn(action.into_future()),
        };
        let request = scene.agent.request("action-request").await;
        scene.agent.answers(&request, answer).await;
        let error = soon(asking).await.unwrap().unwrap_err();
        assert!(error.to_string().contains(words), "{words}: {error}");
        if let HandleError::Raised { traceback: told, .. } = error {
            assert_eq!(told, traceback);
        }
    }
}

#[tokio::test]
async fn an_agent_that_reads_pickles_alone_is_not_sent_json() {
    let mut scene = Scene::open().await;
    scene.agent.release = Release::Old;
    let asking = scene.asks(scene.handle.action::<i64>("add", (2,))).await;
    let error = soon(asking).await.unwrap().unwrap_err();
    assert!(matches!(error, HandleError::TooOld { .. }), "{error}");
    // A ping and an end are the same in all releases.
    let ending = tokio::spawn(scene.handle.shutdown(Ending::Keep).into_future());
    let request = scene.agent.request("shutdown-request").await;
    assert_eq!(request["body"]["terminate"], json!(false));
    scene.agent.answers(&request, json!({"kind": "success-response"})).await;
    soon(ending).await.unwrap().unwrap();
}

#[tokio::test]
async fn an_action_whose_future_goes_away_is_taken_back() {
    let mut scene = Scene::open().await;
    let asking = scene.asks(scene.handle.action::<i64>("add", (2,))).await;
    let request = scene.agent.request("action-request").await;
    asking.abort();
    let cancel = scene.agent.request("cancel-request").await;
    assert_eq!(cancel["body"]["target_tag"], request["header"]["tag"]);
    assert_ne!(cancel["header"]["tag"], request["header"]["tag"]);
    // Its answer finds nobody.
    scene.agent.answers(&request, result("2")).await;
    until(async || scene.client.late_answers() == 1).await;
    // One whose time is over, too.
    let action = scene.handle.action::<i64>("add", (2,)).deadline(Duration::from_millis(50));
    let asking = tokio::spawn(action.into_future());
    let error = soon(asking).await.unwrap().unwrap_err();
    assert!(matches!(&error, HandleError::Deadline { asked, .. } if asked == "add"), "{error}");
    // The request itself may be of no use any more, and be gone, when the agent asks for mail.
    let message = scene.agent.http.receives(&agent(AGENT), "").await.message();
    if message.contains("action-request") {
        scene.agent.request("cancel-request").await;
    }
}

#[tokio::test]
async fn answers_of_others_are_not_taken() {
    let mut scene = Scene::open().await;
    let ping = tokio::spawn(scene.handle.ping().into_future());
    let mut request = scene.agent.request("ping-request").await;
    let honest = request.clone();
    scene.hall.mailbox(&agent(2)).await;
    request["header"]["dest"] = serde_json::from_str(&agent(2)).unwrap();
    scene.agent.answers(&request, json!({"kind": "academy-error-response", "error_code": 0})).await;
    until(async || scene.client.late_answers() == 1).await;
    assert!(!ping.is_finished());
    scene.agent.answers(&honest, json!({"kind": "success-response"})).await;
    soon(ping).await.unwrap().unwrap();
}

#[tokio::test]
async fn the_end_of_a_mailbox_ends_those_who_wait() {
    let scene = Scene::open().await;
    let asking = tokio::spawn(scene.handle.action::<i64>("add", (2,)).into_future());
    until(async || {
        scene.hall.mailroom.exchange().stats(&Asker::Container, id(AGENT)).await.unwrap().ready == 1
    })
    .await;
    scene.hall.client().await.asks("DELETE", "/mailbox", &about(&agent(AGENT))).await.is(200, "");
    let error = soon(asking).await.unwrap().unwrap_err();
    assert!(matches!(error, HandleError::Terminated { agent } if agent == id(AGENT)), "{error}");
    // And those who come later.
    let error = scene.handle.ping().await.unwrap_err();
    assert!(matches!(error, HandleError::Terminated { .. }), "{error}");
    scene.handle.shutdown(Ending::AsSetUp).await.unwrap();
    let error = scene.client.handle(id(9)).ping().await.unwrap_err();
    assert!(matches!(error, HandleError::Missing { .. }), "{error}");
    assert_eq!(scene.handle.status().await.unwrap().state, MailboxState::Terminated);
}

#[tokio::test]
async fn a_client_finds_agents_and_ends_with_its_mailbox() {
    let scene = Scene::open().await;
    let mut http = scene.hall.client().await;
    for (number, lineage) in [(2, "m.Pump,academy.agent.Agent"), (3, "m.Big,m.Pump,academy.agent.Agent")] {
        let body = format!(r#"{{"mailbox":{},"agent":"{lineage}"}}"#, quoted(&agent(number)));
        http.asks("POST", "/mailbox", &body).await.is(200, "");
    }
    assert_eq!(scene.client.discover(Query::of_type("m.Pump")).await.unwrap(), [id(2)]);
    assert_eq!(scene.client.discover(Query::of_subtypes("m.Pump")).await.unwrap(), [id(2), id(3)]);
    assert_eq!(scene.client.discover(Query::of_subtypes("m.Pum")).await.unwrap(), []);

    let mailbox = scene.client.mailbox();
    let exchange = scene.hall.mailroom.exchange().clone();
    let status = async || exchange.status(&Asker::Container, mailbox).await.unwrap();
    until(async || status().await.state == MailboxState::Active).await;
    // Whoever asks a user is told that it is none to ask.
    let asker = Academy::client(&scene.hall.mailroom).await.unwrap();
    let error = asker.handle(mailbox).ping().await.unwrap_err();
    assert!(matches!(error, HandleError::NoAgent { agent } if agent == mailbox), "{error}");
    // A handle holds the client, and the last to go ends it.
    let Scene { client, handle, .. } = scene;
    drop(client);
    assert_eq!(status().await.state, MailboxState::Active);
    drop(handle);
    until(async || status().await.state == MailboxState::Terminated).await;
    // `close` ends it for those who wait.
    let waiting = tokio::spawn(asker.handle(id(2)).ping().into_future());
    until(async || exchange.stats(&Asker::Container, id(2)).await.unwrap().ready == 1).await;
    asker.close().await.unwrap();
    assert!(matches!(soon(waiting).await.unwrap(), Err(HandleError::Closed)));
}

#[tokio::test]
async fn what_cannot_be_asked_is_refused_before_it_is_sent() {
    let mut scene = Scene::open().await;
    let error = scene.handle.action::<()>("add", 2).await.unwrap_err();
    assert!(error.to_string().contains("write one argument as `(2,)`"), "{error}");
    let unsayable = std::collections::HashMap::from([(vec![1], 2)]);
    let error = scene.handle.action::<()>("add", ()).keyword("table", unsayable).await.unwrap_err();
    assert!(matches!(error, HandleError::Arguments { .. }), "{error}");
    let asking = scene.asks(scene.handle.action::<()>("say", ("x".repeat(600_000),))).await;
    let error = soon(asking).await.unwrap().unwrap_err();
    assert!(matches!(error, HandleError::TooLarge { limit: 524_288, .. }), "{error}");
    // A user's client asks for nothing of another user's agents.
    let other = Academy::client(&scene.hall.mailroom).user("ada", ["crew"]).await.unwrap();
    let error = other.handle(id(AGENT)).ping().await.unwrap_err();
    assert!(matches!(error, HandleError::Mail(MailError::Exchange(_))), "{error}");
}

#[tokio::test]
async fn a_request_that_is_a_dead_letter_is_an_error_at_once() {
    let scene = Scene::open().await;
    let asking = tokio::spawn(scene.handle.ping().into_future());
    let exchange = scene.hall.mailroom.exchange();
    let how = folkmoot::exchange::Recv::within(Duration::from_secs(60));
    let taken = soon(exchange.recv(&Asker::Container, id(AGENT), how)).await.unwrap();
    let refusal = folkmoot::exchange::Refusal::never("nobody is in");
    exchange.refuse(&Asker::Container, &taken[0].receipt, refusal).await.unwrap();
    let error = soon(asking).await.unwrap().unwrap_err();
    assert!(matches!(&error, HandleError::DeadLetter { reason, .. } if reason == "nobody is in"), "{error}");
}
