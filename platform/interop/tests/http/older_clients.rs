//! What clients before 1.0 say and need.

use folkmoot::exchange::{Asker, Recv, Refusal};

use crate::client::{Client, Hall, about, about_with, agent, put, uid, user};

/// As aiohttp's client names itself, and without the header of 1.0.
async fn asks(client: &mut Client, method: &str, path: &str, body: &str) -> String {
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: hall\r\nUser-Agent: Python/3.10 aiohttp/3.14.5\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    client.sends(&format!("{head}{body}")).await;
    let answer = client.answer().await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.body
}

/// A request of a release whose headers have `versions` besides.
fn request(src: &str, dest: &str, versions: &str) -> String {
    let (tag, label) = (uid(1), uid(9));
    format!(
        r#"{{"header":{{"src":{src},"dest":{dest},"tag":"{tag}","label":"{label}","kind":"request"{versions}}},"body":{{"kind":"ping-request"}}}}"#
    )
}

#[tokio::test]
async fn a_time_of_null_is_waited_for_without_an_end() {
    let hall = Hall::open_as(|academy| academy.listen_timeout(std::time::Duration::from_millis(20))).await;
    let dest = hall.mailbox(&agent(2)).await;
    let mut client = hall.client().await;
    client.begins("GET", "/message", "", &about_with(&dest, r#""timeout":null"#)).await;
    // Longer than others wait.
    hall.client().await.receives(&dest, "").await.is(408, "Request timeout");
    hall.client().await.receives(&dest, "").await.is(408, "Request timeout");
    let message = request(&user(1), &dest, "");
    hall.client().await.asks("PUT", "/message", &put(&message)).await.is(200, "");
    assert_eq!(client.answer().await.message(), message);
    // A stream without an end is one of the usual time.
    let mut stream = hall.client().await.listens(&dest, r#""timeout":null"#, "").await;
    assert_eq!(stream.event().await.as_deref(), Some("retry: 20"));
    assert_eq!(stream.event().await, None);
}

#[tokio::test]
async fn a_terminated_mailbox_is_told_in_the_shape_that_a_client_reads() {
    let dead = agent(2);
    let coded = format!(r#""body":{{"error_code":0,"mailbox_id":{dead},"kind":"academy-error-response"}}"#);
    for (versions, of_header, body) in [
        ("", r#""kind":"response"},"body""#, r#""body":{"exception":"gASMEWFjYWRlbXkuZXhjZXB0aW9u"#),
        (r#","protocol_version":"1.0""#, r#""protocol_version":"1.1"},"body""#, &*coded),
        (
            r#","protocol_version":"1.1","academy_version":"1.0.0""#,
            r#""protocol_version":"1.1","academy_version":"1.0.0"},"body""#,
            &coded,
        ),
    ] {
        let hall = Hall::open().await;
        let (src, dest) = (hall.mailbox(&user(1)).await, hall.mailbox(&dead).await);
        let mut client = hall.client().await;
        asks(&mut client, "PUT", "/message", &put(&request(&src, &dest, versions))).await;
        asks(&mut client, "DELETE", "/mailbox", &about(&dest)).await;
        let answer = asks(&mut client, "GET", "/message", &about(&src)).await;
        let fields: serde_json::Value = serde_json::from_str(&answer).unwrap();
        let message = fields["message"].as_str().unwrap();
        assert!(message.contains(of_header) && message.contains(body), "{message}");
    }
}

#[tokio::test]
async fn a_client_that_is_no_older_one_of_academys_is_never_sent_a_pickle() {
    let hall = Hall::open().await;
    let (src, dest) = (hall.mailbox(&user(1)).await, hall.mailbox(&agent(2)).await);
    let mut client = hall.client().await;
    client.asks("PUT", "/message", &put(&request(&src, &dest, ""))).await.is(200, "");
    client.asks("DELETE", "/mailbox", &about(&dest)).await.is(200, "");
    assert!(client.receives(&src, "").await.message().contains("academy-error-response"));
}

#[tokio::test]
async fn a_request_that_is_a_dead_letter_is_told_in_the_shape_that_a_client_reads() {
    let why = "RuntimeError: nobody will answer the request, for it is a dead letter: broken";
    let json = format!(
        r#""body":{{"serialization":"json","exception":"{{\"__exception__\":true,\"exception_str\":\"{why}\\n\"}}","kind":"user-error-response"}}"#
    );
    for (versions, body) in [
        ("", r#""body":{"exception":"gASM"#),
        (r#","protocol_version":"1.0""#, &*json),
        (r#","protocol_version":"1.1","academy_version":"1.0.0""#, &json),
    ] {
        let hall = Hall::open().await;
        let (src, dest) = (hall.mailbox(&user(1)).await, hall.mailbox(&agent(2)).await);
        let mut client = hall.client().await;
        asks(&mut client, "PUT", "/message", &put(&request(&src, &dest, versions))).await;
        let exchange = hall.mailroom.exchange();
        let id = format!("agent:{}", uid(2)).parse().unwrap();
        let taken = exchange.recv(&Asker::Container, id, Recv::now()).await.unwrap();
        exchange.refuse(&Asker::Container, &taken[0].receipt, Refusal::never("broken")).await.unwrap();
        let answer = asks(&mut client, "GET", "/message", &about(&src)).await;
        let fields: serde_json::Value = serde_json::from_str(&answer).unwrap();
        let message = fields["message"].as_str().unwrap();
        assert!(message.contains(body), "{message}");
        let (tag, label) = (uid(1), uid(9));
        assert!(
            message.contains(&format!(r#""tag":"{tag}","label":"{label}","kind":"response""#)),
            "{message}"
        );
    }
}
