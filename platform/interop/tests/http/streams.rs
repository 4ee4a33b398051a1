//! Streams: what is in them, when they end, and what they say meanwhile.

use std::time::Duration;

use folkmoot::{Clock, RealClock};

use crate::client::{Hall, about, agent, put, request, soon, user};

#[tokio::test]
async fn a_stream_begins_with_how_soon_to_come_again_and_has_an_event_for_each_message() {
    let hall = Hall::open().await;
    let (src, dest) = (user(1), hall.mailbox(&agent(2)).await);
    let mut sender = hall.client().await;
    sender.asks("PUT", "/message", &put(&request(&src, &dest, 1))).await.is(200, "");
    let mut stream = hall.client().await.listens(&dest, r#""timeout":30"#, "").await;
    for (name, value) in [
        ("Content-Type", "text/event-stream"),
        ("Cache-Control", "no-cache"),
        ("X-Accel-Buffering", "no"),
        ("Connection", "close"),
        ("Transfer-Encoding", ""),
        ("Content-Length", ""),
    ] {
        assert_eq!(stream.head.header(name).unwrap_or_default(), value, "{:?}", stream.head);
    }
    assert_eq!(stream.head.header("Content-Encoding"), None);
    assert_eq!(stream.event().await.as_deref(), Some("retry: 20"));
    let event = stream.event().await.unwrap();
    let (id, data) = event.split_once("\r\n").unwrap();
    assert_eq!(data, format!("data: {}", request(&src, &dest, 1)));
    let first: u64 = id.strip_prefix("id: ").unwrap().parse().unwrap();
    let odd = request(&src, &dest, 2).replace(":", " :\n ");
    sender.asks("PUT", "/message", &put(&odd)).await.is(200, "");
    let (second, message) = stream.message().await.unwrap();
    assert_eq!(message, odd);
    assert!(second > first && first > 0);
}

#[tokio::test]
async fn many_messages_come_in_order_and_whole() {
    let hall = Hall::open().await;
    let (src, dest) = (user(1), hall.mailbox(&agent(2)).await);
    let mut stream = hall.client().await.listens(&dest, "", "").await;
    let sending = tokio::spawn({
        let (mut sender, src, dest) = (hall.client().await, src.clone(), dest.clone());
        async move {
            for tag in 0..3000 {
                sender.asks("PUT", "/message", &put(&request(&src, &dest, tag))).await.is(200, "");
            }
        }
    });
    for tag in 0..3000 {
        assert_eq!(stream.message().await.unwrap().1, request(&src, &dest, tag));
    }
    sending.await.unwrap();
}

#[tokio::test]
async fn the_longest_message_is_in_lines_that_academys_client_can_read() {
    let hall = Hall::open().await;
    let (src, dest) = (user(1), hall.mailbox(&agent(2)).await);
    let mut sender = hall.client().await;
    let plain = request(&src, &dest, 1);
    let longest = plain.replace("ping-request", &"x".repeat(524_288 - plain.len() + "ping-request".len()));
    assert_eq!(longest.len(), 524_288);
    sender.asks("PUT", "/message", &put(&longest)).await.is(200, "");
    let longer = longest.replace("xxx", "xxxx");
    let told = format!("Message of size {} larger than limit 524288.", longer.len());
    sender.asks("PUT", "/message", &put(&longer)).await.is(413, &told);
    let mut stream = hall.client().await.listens(&dest, "", "").await;
    stream.event().await;
    let event = stream.event().await.unwrap();
    assert!(event.split("\r\n").all(|line| line.len() + 2 <= 524_288));
    let data: Vec<&str> = event.split("\r\n").filter_map(|line| line.strip_prefix("data: ")).collect();
    let (sent, got): (serde_json::Value, serde_json::Value) =
        (serde_json::from_str(&longest).unwrap(), serde_json::from_str(&data.join("\n")).unwrap());
    assert_eq!(sent, got);
    assert_eq!(data.concat(), longest);
}

#[tokio::test]
async fn a_stream_ends_with_its_connection_when_nothing_came_for_its_time() {
    let hall = Hall::open().await;
    let dest = hall.mailbox(&agent(2)).await;
    let mut stream = hall.client().await.listens(&dest, r#""timeout":0.05"#, "").await;
    assert_eq!(stream.event().await.as_deref(), Some("retry: 20"));
    assert_eq!(stream.event().await, None);
    assert!(stream.client.is_closed().await);
}

#[tokio::test]
async fn a_stream_ends_at_once_when_its_mailbox_is_terminated() {
    let hall = Hall::open().await;
    let dest = hall.mailbox(&agent(2)).await;
    let mut stream = hall.client().await.listens(&dest, r#""timeout":60"#, "").await;
    assert_eq!(stream.event().await.as_deref(), Some("retry: 20"));
    let mut long_poll = hall.client().await;
    long_poll.begins("GET", "/message", "", &about(&dest)).await;
    hall.client().await.asks("DELETE", "/mailbox", &about(&dest)).await.is(200, "");
    assert_eq!(stream.event().await, None);
    long_poll.answer().await.is(419, "Mailbox was closed");
    hall.client().await.asks("GET", "/mailbox/listen", &about(&dest)).await.is(419, "Mailbox was closed");
}

#[tokio::test(start_paused = true)]
async fn a_quiet_stream_says_that_it_is_alive() {
    let hall = Hall::open().await;
    let dest = hall.mailbox(&agent(2)).await;
    let mut stream = hall.client().await.listens(&dest, r#""timeout":50"#, "").await;
    let mut events = Vec::new();
    while let Some(event) = stream.event().await {
        events.push(event);
    }
    assert_eq!(events, ["retry: 20", ": ping", ": ping", ": ping"]);
}

#[tokio::test]
async fn a_server_that_ends_lets_streams_end_in_good_order() {
    let hall = Hall::open().await;
    let (src, dest) = (user(1), hall.mailbox(&agent(2)).await);
    let mut stream = hall.client().await.listens(&dest, "", "").await;
    assert_eq!(stream.event().await.as_deref(), Some("retry: 20"));
    let mut long_poll = hall.client().await;
    long_poll.begins("GET", "/message", "", &about(&hall.mailbox(&agent(3)).await)).await;
    RealClock.sleep(Duration::from_millis(20)).await;
    hall.client().await.asks("PUT", "/message", &put(&request(&src, &dest, 1))).await.is(200, "");
    assert_eq!(stream.message().await.unwrap().1, request(&src, &dest, 1));
    let Hall { server, mailroom } = hall;
    soon(server.shutdown()).await;
    assert_eq!(stream.event().await, None);
    assert_eq!(long_poll.answer().await.status, 503);
    // What was written to a client that was there has arrived.
    let id = format!("agent:{}", crate::client::uid(2)).parse().unwrap();
    let asker = folkmoot::exchange::Asker::user("");
    let stats = mailroom.exchange().stats(&asker, id).await.unwrap();
    assert_eq!((stats.ready, stats.in_hand, stats.acknowledged), (0, 0, 1));
}
