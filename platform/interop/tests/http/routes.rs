//! Each route: what it answers when all is well, and each way in which it is not.

use crate::client::{Hall, about, about_with, agent, put, quoted, request, response, uid, user};

const GONE: u16 = 419;

/// Every route with a mailbox, and what else it needs.
const OF_A_MAILBOX: [(&str, &str, &str); 12] = [
    ("POST", "/mailbox", ""),
    ("GET", "/mailbox", ""),
    ("DELETE", "/mailbox", ""),
    ("GET", "/message", ""),
    ("GET", "/mailbox/listen", ""),
    ("POST", "/mailbox/heartbeat", ""),
    ("GET", "/mailbox/heartbeat", ""),
    ("GET", "/mailbox/stats", ""),
    ("POST", "/mailbox/share", r#""group_id":"crew""#),
    ("GET", "/mailbox/share", ""),
    ("DELETE", "/mailbox/share", r#""group_id":"crew""#),
    ("GET", "/v1/mailbox", ""),
];

#[tokio::test]
async fn a_mailbox_is_created_is_active_and_is_terminated_for_ever() {
    let hall = Hall::open().await;
    let mut client = hall.client().await;
    let id = agent(1);
    client.asks("GET", "/mailbox", &about(&id)).await.is(200, r#"{"status": "MISSING"}"#);
    let created = client.asks("POST", "/mailbox", &about(&id)).await;
    created.is(200, "");
    assert_eq!(created.header("Content-Length"), Some("0"));
    assert_eq!(created.header("Content-Type"), None);
    let status = client.asks("GET", "/mailbox", &about(&id)).await;
    status.is(200, r#"{"status": "ACTIVE"}"#);
    assert_eq!(status.header("Content-Type"), Some("application/json; charset=utf-8"));
    for _ in 0..2 {
        client.asks("DELETE", "/mailbox", &about(&id)).await.is(200, "");
        client.asks("GET", "/mailbox", &about(&id)).await.is(200, r#"{"status": "TERMINATED"}"#);
    }
    client.asks("POST", "/mailbox", &about(&id)).await.is(200, "");
    client.asks("GET", "/mailbox", &about(&id)).await.is(200, r#"{"status": "TERMINATED"}"#);
    client.asks("DELETE", "/mailbox", &about(&agent(2))).await.is(200, "");
    client.asks("GET", "/mailbox", &about(&agent(2))).await.is(200, r#"{"status": "MISSING"}"#);
}

#[tokio::test]
async fn creating_again_keeps_the_mail_and_an_id_is_its_role_and_number() {
    let hall = Hall::open().await;
    let mut client = hall.client().await;
    hall.mailbox(&agent(1)).await;
    client.asks("PUT", "/message", &put(&request(&user(7), &agent(1), 1))).await.is(200, "");
    hall.mailbox(&agent(1)).await;
    // A user of the same number is someone else; another name is the same one.
    client.asks("GET", "/mailbox", &about(&user(1))).await.is(200, r#"{"status": "MISSING"}"#);
    let named = format!(r#"{{"uid":"{}","name":"bob"}}"#, uid(1).to_uppercase());
    assert_eq!(client.receives(&named, "").await.message(), request(&user(7), &agent(1), 1));
}

#[tokio::test]
async fn a_message_comes_as_it_was_sent_byte_for_byte() {
    let hall = Hall::open().await;
    let mut client = hall.client().await;
    let (src, dest) = (user(1), hall.mailbox(&agent(2)).await);
    let plain = request(&src, &dest, 1);
    // White space, further fields, numbers that no float holds, and a body that is no object.
    let body = "[ 1.0, 1e400, \"\\u00e4\u{e4}\u{1f600}\",\tnull ]  ";
    let odd = plain.replace(r#"{"kind":"ping-request"}"#, body).replace(&uid(1), &uid(3).to_uppercase());
    let odd = odd.replace(r#""body""#, "\"more\" : {\"a\":1}\n,\"body\"");
    let large = plain.replace("ping-request", &"x".repeat(500_000)).replace(&uid(1), &uid(4));
    for message in [&plain, &odd, &large] {
        client.asks("PUT", "/message", &put(message)).await.is(200, "");
    }
    for message in [&plain, &odd, &large] {
        assert_eq!(&client.receives(&dest, "").await.message(), message);
    }
}

#[tokio::test]
async fn mail_is_received_in_order_or_waited_for() {
    let hall = Hall::open().await;
    let (mut client, mut other) = (hall.client().await, hall.client().await);
    let (src, dest) = (user(1), hall.mailbox(&agent(2)).await);
    for tag in 1..=20 {
        client.asks("PUT", "/message", &put(&request(&src, &dest, tag))).await.is(200, "");
    }
    for tag in 1..=20 {
        assert_eq!(client.receives(&dest, r#""timeout":5"#).await.message(), request(&src, &dest, tag));
    }
    client.begins("GET", "/message", "", &about_with(&dest, r#""timeout":30"#)).await;
    other.asks("PUT", "/message", &put(&request(&src, &dest, 21))).await.is(200, "");
    assert_eq!(client.answer().await.message(), request(&src, &dest, 21));
    client.receives(&dest, r#""timeout":0.01"#).await.is(408, "Request timeout");
}

#[tokio::test]
async fn a_time_is_more_than_nothing_and_no_longer_than_the_servers() {
    let hall = Hall::open().await;
    let mut client = hall.client().await;
    let id = hall.mailbox(&agent(1)).await;
    for path in ["/message", "/mailbox/listen"] {
        for timeout in ["0", "-1", "60.1", "1e300"] {
            let body = about_with(&id, &format!(r#""timeout":{timeout}"#));
            let told = "Invalid timeout (must be less than 60 and greater than 0)";
            client.asks("GET", path, &body).await.is(400, told);
        }
        for timeout in [r#""5""#, "[]", "true"] {
            let body = about_with(&id, &format!(r#""timeout":{timeout}"#));
            let answer = client.asks("GET", path, &body).await;
            assert_eq!(answer.status, 400);
            assert!(answer.body.starts_with("Missing or invalid field: "), "{}", answer.body);
        }
    }
    let hall = Hall::open_as(|academy| academy.listen_timeout(std::time::Duration::from_millis(1500))).await;
    let answer = hall.client().await.receives(&agent(1), r#""timeout":2"#).await;
    answer.is(400, "Invalid timeout (must be less than 1.5 and greater than 0)");
}

#[tokio::test]
async fn what_is_missing_or_wrong_is_told_on_every_route() {
    let hall = Hall::open().await;
    let mut client = hall.client().await;
    for (method, path, _) in OF_A_MAILBOX {
        client.asks(method, path, "{}").await.is(400, "Missing or invalid field: 'mailbox'");
        client.asks(method, path, r#"{"mailbox":null}"#).await.is(400, "Missing or invalid field: 'mailbox'");
        for wrong in ["{}", "[]", "bad", "", r#"{"uid":"x"}"#, r#"{"uid":"5","role":"x"}"#] {
            let answer = client.asks(method, path, &format!(r#"{{"mailbox":{}}}"#, quoted(wrong))).await;
            assert_eq!(answer.status, 400, "{method} {path} {wrong}");
            assert!(answer.body.starts_with("Missing or invalid field: mailbox: "), "{}", answer.body);
            assert_eq!(answer.header("Content-Type"), Some("text/plain; charset=utf-8"));
        }
        for wrong in ["5", "true", "{}", "[]"] {
            let answer = client.asks(method, path, &format!(r#"{{"mailbox":{wrong}}}"#)).await;
            assert_eq!(answer.status, 400, "{method} {path} {wrong}");
        }
    }
    hall.mailbox(&agent(1)).await;
    for method in ["POST", "DELETE"] {
        let answer = client.asks(method, "/mailbox/share", &about(&agent(1))).await;
        answer.is(400, "Missing or invalid field: 'group_id'");
    }
    let told = "Missing or invalid field: 'agent'";
    client.asks("GET", "/discover", r#"{"allow_subclasses":true}"#).await.is(400, told);
    let told = "Missing or invalid field: 'allow_subclasses'";
    client.asks("GET", "/discover", r#"{"agent":"m.A"}"#).await.is(400, told);
    client.asks("PUT", "/message", "{}").await.is(400, "Missing or invalid field: 'message'");
    let (src, dest) = (user(1), agent(1));
    for wrong in [
        "",
        "[]",
        r#"{"header":{}}"#,
        &request(&src, &dest, 1).replace(&format!(r#""src":{src},"#), ""),
        &request(&src, &dest, 1).replace(r#""kind":"request","#, ""),
        &request(&src, &dest, 1).replace(r#""kind":"request""#, r#""kind":"event""#),
        &request(&src, &dest, 1).replace(&uid(1), "1"),
        &request(&src, &dest, 1).replace(r#","body":{"kind":"ping-request"}"#, ""),
        &format!("{} x", request(&src, &dest, 1)),
    ] {
        let answer = client.asks("PUT", "/message", &put(wrong)).await;
        assert_eq!(answer.status, 400, "{wrong}");
        assert!(answer.body.starts_with("Missing or invalid field: message: "), "{}", answer.body);
    }
}

#[tokio::test]
async fn unknown_and_terminated_mailboxes_have_their_codes() {
    let hall = Hall::open().await;
    let mut client = hall.client().await;
    let (over, unknown) = (hall.mailbox(&agent(1)).await, agent(2));
    client.asks("DELETE", "/mailbox", &about(&over)).await.is(200, "");
    for (method, path, more) in OF_A_MAILBOX {
        if path.ends_with("/mailbox") {
            continue;
        }
        let answer = client.asks(method, path, &about_with(&unknown, more)).await;
        assert_eq!((answer.status, &*answer.body), (404, "Unknown mailbox ID"), "{method} {path}");
        let answer = client.asks(method, path, &about_with(&over, more)).await;
        assert_eq!((answer.status, &*answer.body), (GONE, "Mailbox was closed"), "{method} {path}");
    }
    let message = put(&request(&user(1), &unknown, 1));
    client.asks("PUT", "/message", &message).await.is(404, "Unknown mailbox ID");
    let message = put(&request(&user(1), &over, 1));
    client.asks("PUT", "/message", &message).await.is(GONE, "Mailbox was closed");
}

#[tokio::test]
async fn paths_and_methods_that_are_not_there_have_their_codes() {
    let hall = Hall::open().await;
    let mut client = hall.client().await;
    for path in ["/", "/mailboxes", "/mailbox/", "/v2/mailbox", "/v1"] {
        client.asks("GET", path, "").await.is(404, "404: Not Found");
    }
    for (method, path) in
        [("PATCH", "/mailbox"), ("POST", "/message"), ("PUT", "/discover"), ("DELETE", "/v1/message")]
    {
        let answer = client.asks(method, path, "").await;
        answer.is(405, "405: Method Not Allowed");
        assert!(answer.header("Allow").is_some(), "{answer:?}");
    }
}

#[tokio::test]
async fn agents_are_found_by_their_types_in_the_order_of_their_coming() {
    let hall = Hall::open().await;
    let mut client = hall.client().await;
    for (number, types) in
        [(3, "m.Loud,m.Counter,academy.agent.Agent"), (1, "m.Counter,academy.agent.Agent"), (2, "")]
    {
        let more = format!(r#""agent":"{types}""#);
        client.asks("POST", "/mailbox", &about_with(&agent(number), &more)).await.is(200, "");
    }
    client.asks("POST", "/mailbox", &about_with(&user(4), r#""agent":"m.Counter""#)).await.is(200, "");
    let (first, second) = (uid(3), uid(1));
    for (agent, with_subclasses, found) in [
        ("m.Counter", true, format!("{first},{second}")),
        ("m.Counter", false, second.clone()),
        ("m.Loud", false, first.clone()),
        ("academy.agent.Agent", true, format!("{first},{second}")),
        ("m.Count", true, String::new()),
        ("", true, String::new()),
    ] {
        let body = format!(r#"{{"agent":"{agent}","allow_subclasses":{with_subclasses}}}"#);
        let answer = client.asks("GET", "/discover", &body).await;
        answer.is(200, &format!(r#"{{"agent_ids": "{found}"}}"#));
    }
    client.asks("DELETE", "/mailbox", &about(&agent(3))).await.is(200, "");
    let body = r#"{"agent":"m.Counter","allow_subclasses":true}"#;
    client.asks("GET", "/discover", body).await.is(200, &format!(r#"{{"agent_ids": "{second}"}}"#));
}

#[tokio::test]
async fn more_agents_than_a_page_holds_are_all_found() {
    let hall = Hall::open().await;
    let mut client = hall.client().await;
    for number in 0..2100 {
        let body = about_with(&agent(number), r#""agent":"m.A""#);
        client.asks("POST", "/mailbox", &body).await.is(200, "");
    }
    let answer = client.asks("GET", "/discover", r#"{"agent":"m.A","allow_subclasses":false}"#).await;
    let found: Vec<String> = (0..2100).map(uid).collect();
    answer.is(200, &format!(r#"{{"agent_ids": "{}"}}"#, found.join(",")));
}

#[tokio::test]
async fn signs_of_life_have_an_age() {
    let hall = Hall::open().await;
    let mut client = hall.client().await;
    let id = hall.mailbox(&agent(1)).await;
    client.asks("GET", "/mailbox/heartbeat", &about(&id)).await.is(200, r#"{"heartbeat": null}"#);
    client.asks("POST", "/mailbox/heartbeat", &about(&id)).await.is(200, "");
    let answer = client.asks("GET", "/mailbox/heartbeat", &about(&id)).await;
    let fields: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
    let age = fields["heartbeat"].as_f64().unwrap();
    assert!((0.0..30.0).contains(&age), "{age}");
}

#[tokio::test]
async fn figures_tell_what_a_mailbox_has_done() {
    let hall = Hall::open().await;
    let mut client = hall.client().await;
    let (src, dest) = (hall.mailbox(&user(1)).await, hall.mailbox(&agent(2)).await);
    let zeros = r#"{"incoming": 0, "outgoing": 0, "completed": 0, "in_progress": 0, "queued": 0}"#;
    client.asks("GET", "/mailbox/stats", &about(&dest)).await.is(200, zeros);
    for tag in 1..=3 {
        client.asks("PUT", "/message", &put(&request(&src, &dest, tag))).await.is(200, "");
    }
    for tag in 1..=2 {
        assert_eq!(client.receives(&dest, "").await.message(), request(&src, &dest, tag));
    }
    client.asks("PUT", "/message", &put(&response(&dest, &src, 1))).await.is(200, "");
    let answer = client.asks("GET", "/mailbox/stats", &about(&dest)).await;
    answer.is(200, r#"{"incoming": 3, "outgoing": 0, "completed": 1, "in_progress": 1, "queued": 1}"#);
    let answer = client.asks("GET", "/mailbox/stats", &about(&src)).await;
    answer.is(200, r#"{"incoming": 0, "outgoing": 3, "completed": 0, "in_progress": 0, "queued": 1}"#);
}

#[tokio::test]
async fn terminating_answers_every_request_that_nobody_has_answered() {
    let hall = Hall::open().await;
    let mut client = hall.client().await;
    let (ada, bob, dest) =
        (hall.mailbox(&user(1)).await, hall.mailbox(&agent(2)).await, hall.mailbox(&agent(3)).await);
    // One is read and owed, one answered, one unread, one of somebody who is over, one of nobody who is registered.
    let over = hall.mailbox(&user(4)).await;
    for (src, tag) in [(&ada, 1), (&bob, 2), (&ada, 3), (&over, 4), (&user(5), 5)] {
        client.asks("PUT", "/message", &put(&request(src, &dest, tag))).await.is(200, "");
    }
    for _ in 0..2 {
        client.receives(&dest, "").await.message();
    }
    client.asks("PUT", "/message", &put(&response(&dest, &bob, 2))).await.is(200, "");
    client.asks("DELETE", "/mailbox", &about(&over)).await.is(200, "");
    client.asks("DELETE", "/mailbox", &about(&dest)).await.is(200, "");
    let dead = dest.clone();
    for tag in [1, 3] {
        let (tag, label) = (uid(tag), uid(99));
        let requester = ada.replace(r#""name":"ada""#, r#""name":null"#);
        assert_eq!(
            client.receives(&ada, "").await.message(),
            format!(
                r#"{{"header":{{"src":{dead},"dest":{requester},"tag":"{tag}","label":"{label}","kind":"response","protocol_version":"1.1","academy_version":"1.0.0"}},"body":{{"error_code":0,"mailbox_id":{dead},"kind":"academy-error-response"}}}}"#
            )
        );
    }
    assert_eq!(client.receives(&bob, "").await.message(), response(&dest, &bob, 2));
    for id in [&ada, &bob] {
        client.receives(id, r#""timeout":0.01"#).await.is(408, "Request timeout");
    }
}
