//! Requests that are malformed, too large, too slow, or too many: each is the client's mistake and nobody else's trouble.

use std::time::Duration;

use folkmoot::{Clock, RealClock};
use tokio::io::AsyncWriteExt;

use crate::client::{Hall, about, about_with, agent, put, quoted, request, response, soon, user};

#[tokio::test]
async fn a_body_that_is_no_object_is_the_clients_mistake() {
    let hall = Hall::open().await;
    let mut client = hall.client().await;
    let deep = "[".repeat(100_000);
    for body in ["", "{", "[]", "5", "null", "\"x\"", "{\"mailbox\":", "{]", "\u{feff}{}", "{} {}", &deep] {
        for (method, path) in
            [("POST", "/mailbox"), ("PUT", "/message"), ("GET", "/mailbox/listen"), ("GET", "/discover")]
        {
            let answer = client.asks(method, path, body).await;
            assert_eq!(answer.status, 400, "{method} {path} {}", &body[..body.len().min(20)]);
            assert!(answer.body.starts_with("Missing or invalid field: "), "{}", answer.body);
        }
    }
    client
        .0
        .get_mut()
        .write_all(b"PUT /message HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\n{\"\xff\"")
        .await
        .unwrap();
    assert_eq!(client.answer().await.status, 400);
    // A list with the fields in their order is none either, nor is an id or a message as one.
    let id = agent(1);
    let as_list = format!("[{}]", quoted(&id));
    let told = "Missing or invalid field: invalid type: sequence, expected an object at line 1 column 0";
    client.asks("POST", "/mailbox", &as_list).await.is(400, told);
    let listed = format!(r#"[{},null,"agent"]"#, quoted(&crate::client::uid(1)));
    let answer = client.asks("POST", "/mailbox", &about(&listed)).await;
    assert_eq!(answer.status, 400, "{}", answer.body);
    let tag = quoted(&crate::client::uid(7));
    for message in [
        format!(r#"[{{"src":{id},"dest":{id},"tag":{tag},"kind":"request"}},{{}}]"#),
        format!(r#"{{"header":[{id},{id},{tag},null,"request"],"body":{{}}}}"#),
        format!(r#"{{"header":{{"src":{listed},"dest":{id},"tag":{tag},"kind":"request"}},"body":{{}}}}"#),
    ] {
        let answer = client.asks("PUT", "/message", &put(&message)).await;
        assert_eq!(answer.status, 400, "{message}: {}", answer.body);
        assert!(answer.body.contains("expected an object"), "{}", answer.body);
    }
    // A deep body of a message is the receiver's to refuse, and comes as it was sent.
    let dest = hall.mailbox(&agent(1)).await;
    let nested = format!("{}{}", "[".repeat(50_000), "]".repeat(50_000));
    let message = request(&user(1), &dest, 1).replace(r#"{"kind":"ping-request"}"#, &nested);
    client.asks("PUT", "/message", &put(&message)).await.is(200, "");
    assert_eq!(client.receives(&dest, "").await.message(), message);
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused_before_it_is_read() {
    let hall = Hall::open().await;
    let mut client = hall.client().await;
    client.sends("PUT /message HTTP/1.1\r\nHost: h\r\nContent-Length: 1048577\r\n\r\n").await;
    client.answer().await.is(413, "Maximum request body size 1048576 exceeded.");
    // In chunks, nobody knows before.
    let mut client = hall.client().await;
    client.sends("PUT /message HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n").await;
    let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x10000));
    for _ in 0..17 {
        if client.0.get_mut().write_all(chunk.as_bytes()).await.is_err() {
            break;
        }
    }
    client.answer().await.is(413, "Maximum request body size 1048576 exceeded.");
    let mut other = hall.client().await;
    other.asks("GET", "/mailbox", &about(&agent(1))).await.is(200, r#"{"status": "MISSING"}"#);
}

#[tokio::test]
async fn what_is_no_http_is_refused() {
    let hall = Hall::open().await;
    for bytes in [
        "\0\0\0\0\r\n\r\n",
        "GET\r\n\r\n",
        "GET /mailbox HTTP/9.9\r\n\r\n",
        "\u{16}\u{3}\u{1}\0hello\r\n\r\n",
    ] {
        let mut client = hall.client().await;
        client.sends(bytes).await;
        assert_eq!(client.answer().await.status, 400, "{bytes:?}");
        assert!(client.is_closed().await);
    }
    let mut client = hall.client().await;
    client.sends(&format!("GET /mailbox HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(200_000))).await;
    assert_eq!(client.answer().await.status, 431);
}

#[tokio::test]
async fn other_versions_of_http_are_spoken_or_refused() {
    let hall = Hall::open().await;
    // The preface of HTTP/2.
    let mut client = hall.client().await;
    client.sends("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
    assert!(client.is_closed().await, "whoever speaks it understands no answer of 1.1");
    // HTTP/1.0 has one request in a connection.
    let mut client = hall.client().await;
    let (id, length) = (about(&agent(1)), about(&agent(1)).len());
    client.sends(&format!("GET /mailbox HTTP/1.0\r\nContent-Length: {length}\r\n\r\n{id}")).await;
    let mut answer = String::new();
    soon(tokio::io::AsyncReadExt::read_to_string(&mut client.0, &mut answer)).await.unwrap();
    assert!(
        answer.starts_with("HTTP/1.0 200 OK\r\n") && answer.ends_with(r#"{"status": "MISSING"}"#),
        "{answer}"
    );
}

#[tokio::test]
async fn a_body_whose_length_is_in_doubt_hides_no_second_request() {
    let hall = Hall::open().await;
    let dest = hall.mailbox(&agent(1)).await;
    let hidden = format!(
        "DELETE /mailbox HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n\r\n{}",
        about(&dest).len(),
        about(&dest)
    );
    for lengths in [
        "Content-Length: 2\r\nContent-Length: 0",
        "Content-Length: +2",
        "Content-Length: 0x2",
        "Content-Length: 99999999999999999999999",
        "Transfer-Encoding: chunked, identity",
        "Transfer-Encoding: chunked\r\nContent-Length: 2",
    ] {
        let mut client = hall.client().await;
        client.sends(&format!("GET /mailbox HTTP/1.1\r\nHost: h\r\n{lengths}\r\n\r\n{hidden}")).await;
        assert_eq!(client.answer().await.status, 400, "{lengths}");
        assert!(client.is_closed().await, "{lengths}");
    }
    // A chunk without a size is none.
    let mut client = hall.client().await;
    client
        .sends("PUT /message HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n")
        .await;
    assert_eq!(client.answer().await.status, 400);
    hall.client().await.asks("GET", "/mailbox", &about(&dest)).await.is(200, r#"{"status": "ACTIVE"}"#);
}

#[tokio::test]
async fn a_message_of_a_later_version_is_the_receivers_to_judge() {
    let hall = Hall::open().await;
    let mut client = hall.client().await;
    let dest = hall.mailbox(&agent(1)).await;
    for (tag, version) in [(1, r#""2.0""#), (2, r#""""#), (3, "null")] {
        let message = request(&user(2), &dest, tag).replace(r#""1.1""#, version);
        client.asks("PUT", "/message", &put(&message)).await.is(200, "");
        assert_eq!(client.receives(&dest, "").await.message(), message);
    }
    // A version that is no text is a header that nobody reads.
    let message = request(&user(2), &dest, 4).replace(r#""1.1""#, "[1]");
    assert_eq!(client.asks("PUT", "/message", &put(&message)).await.status, 400);
}

#[tokio::test]
async fn head_receives_nothing() {
    let hall = Hall::open().await;
    let mut client = hall.client().await;
    let dest = hall.mailbox(&agent(1)).await;
    client.asks("PUT", "/message", &put(&request(&user(2), &dest, 1))).await.is(200, "");
    for path in ["/message", "/mailbox", "/mailbox/listen"] {
        let mut other = hall.client().await;
        other.begins("HEAD", path, "Connection: close\r\n", &about(&dest)).await;
        let mut head = String::new();
        soon(tokio::io::AsyncReadExt::read_to_string(&mut other.0, &mut head)).await.unwrap();
        assert!(head.starts_with("HTTP/1.1 405 "), "{head}");
    }
    assert_eq!(client.receives(&dest, "").await.message(), request(&user(2), &dest, 1));
}

#[tokio::test(start_paused = true)]
async fn a_body_that_comes_too_slowly_is_waited_for_no_longer() {
    let hall = Hall::open().await;
    let mut client = hall.client().await;
    client.sends("POST /mailbox HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\n{").await;
    RealClock.sleep(Duration::from_secs(29)).await;
    client.sends("\"").await;
    client.answer().await.is(408, "Request timeout");
    // What comes of it later is no request.
    assert!(client.is_closed().await);
}

#[tokio::test(start_paused = true)]
async fn a_head_that_comes_too_slowly_and_a_connection_that_asks_nothing_are_closed() {
    let hall = Hall::open().await;
    let mut asked = hall.client().await;
    asked.asks("GET", "/mailbox", &about(&agent(1))).await.is(200, r#"{"status": "MISSING"}"#);
    let mut slow = hall.client().await;
    for byte in "GET / HTTP".chars() {
        if slow.0.get_mut().write_all(&[byte as u8]).await.is_err() {
            break;
        }
        RealClock.sleep(Duration::from_secs(8)).await;
    }
    assert!(slow.is_closed().await);
    // Clients keep connections for a while.
    asked.asks("GET", "/mailbox", &about(&agent(1))).await.is(200, r#"{"status": "MISSING"}"#);
    RealClock.sleep(Duration::from_secs(400)).await;
    assert!(asked.is_closed().await);
    let before = hall.server.connections();
    assert_eq!(before, 0);
}

#[tokio::test]
async fn more_connections_than_may_be_are_closed_and_the_others_go_on() {
    let hall = Hall::open_as(|academy| academy.max_connections(3)).await;
    let mut clients = Vec::new();
    for _ in 0..3 {
        let mut client = hall.client().await;
        client.asks("GET", "/mailbox", &about(&agent(1))).await.is(200, r#"{"status": "MISSING"}"#);
        clients.push(client);
    }
    assert!(hall.client().await.is_closed().await);
    clients.pop();
    crate::client::until(async || hall.server.connections() < 3).await;
    let mut client = hall.client().await;
    client.asks("GET", "/mailbox", &about(&agent(1))).await.is(200, r#"{"status": "MISSING"}"#);
}

#[tokio::test]
async fn requests_that_were_sent_ahead_are_answered_in_order() {
    let hall = Hall::open().await;
    let mut client = hall.client().await;
    hall.mailbox(&agent(1)).await;
    for number in [1, 2] {
        client.begins("GET", "/mailbox", "", &about(&agent(number))).await;
    }
    client.answer().await.is(200, r#"{"status": "ACTIVE"}"#);
    client.answer().await.is(200, r#"{"status": "MISSING"}"#);
}

#[tokio::test]
async fn a_full_mailbox_says_so_and_takes_more_once_there_is_room() {
    let hall = Hall::open().await;
    let mut client = hall.client().await;
    let dest = hall.mailbox(&agent(1)).await;
    let mut taken = 0;
    let full = loop {
        let answer = client.asks("PUT", "/message", &put(&response(&user(2), &dest, taken))).await;
        if answer.status != 200 {
            break answer;
        }
        taken += 1;
    };
    assert_eq!((full.status, taken), (429, 10_000), "{}", full.body);
    assert!(full.body.contains("10000"), "{}", full.body);
    client.receives(&dest, "").await.message();
    client.asks("GET", "/mailbox", &about(&dest)).await.is(200, r#"{"status": "ACTIVE"}"#);
    client.asks("PUT", "/message", &put(&response(&user(2), &dest, taken))).await.is(200, "");
    let late = about_with(&dest, r#""timeout":1"#);
    assert_eq!(client.asks("GET", "/message", &late).await.message(), response(&user(2), &dest, 1));
}
