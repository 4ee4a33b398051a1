//! No message is lost with a connection, and none comes again that has arrived.

use std::path::Path;
use std::time::Duration;

use folkmoot::exchange::sqlite::{DATABASE, HANDS, LOG, MARK};
use folkmoot::exchange::{Asker, MailboxStats};
use folkmoot::{Clock, Mailroom, RealClock};
use tempfile::TempDir;

use crate::client::{Client, Hall, about_with, agent, put, request, response, uid, until, user};

/// How the mailbox of the agent with that number fares.
async fn stats(hall: &Hall, number: u32) -> MailboxStats {
    stats_of(hall, &format!("agent:{}", uid(number))).await
}

fn user_id(number: u32) -> String {
    format!("user:{}", uid(number))
}

async fn stats_of(hall: &Hall, id: &str) -> MailboxStats {
    hall.mailroom.exchange().stats(&Asker::user(""), id.parse().unwrap()).await.unwrap()
}

/// What a crash leaves of an exchange's files.
fn crashed(directory: &Path) -> TempDir {
    let copy = tempfile::tempdir().unwrap();
    for name in [DATABASE, LOG, MARK, HANDS] {
        std::fs::copy(directory.join(name), copy.path().join(name)).unwrap();
    }
    copy
}

async fn sends(hall: &Hall, tags: impl IntoIterator<Item = u32>) {
    let mut sender = hall.client().await;
    for tag in tags {
        sender.asks("PUT", "/message", &put(&request(&user(1), &agent(2), tag))).await.is(200, "");
    }
}

fn sent(tag: u32) -> String {
    request(&user(1), &agent(2), tag)
}

#[tokio::test]
async fn a_listener_that_goes_away_takes_no_message_with_it() {
    let hall = Hall::open().await;
    let dest = hall.mailbox(&agent(2)).await;
    for round in 0..5 {
        // Listeners and long polls that wait, and are gone before anything comes.
        drop(hall.client().await.listens(&dest, "", "").await);
        let mut poll = hall.client().await;
        poll.begins("GET", "/message", "", &about_with(&dest, r#""timeout":60"#)).await;
        drop(poll);
        sends(&hall, [round]).await;
        let mut stream = hall.client().await.listens(&dest, "", "").await;
        assert_eq!(stream.message().await.unwrap().1, sent(round));
        // It is known to have arrived.
        until(async || stats(&hall, 2).await.acknowledged == u64::from(round) + 1).await;
    }
}

#[tokio::test]
async fn what_a_client_did_not_live_to_read_comes_to_the_next_in_order() {
    let hall = Hall::open().await;
    let dest = hall.mailbox(&agent(2)).await;
    let mut stream = hall.client().await.listens(&dest, "", "").await;
    assert_eq!(stream.event().await.as_deref(), Some("retry: 20"));
    sends(&hall, 1..=5).await;
    until(async || stats(&hall, 2).await.in_hand == 5).await;
    stream.die();
    let mut stream = hall.client().await.listens(&dest, "", "").await;
    for tag in 1..=5 {
        assert_eq!(stream.message().await.unwrap().1, sent(tag));
    }
}

#[tokio::test]
async fn a_message_of_a_long_poll_that_is_killed_comes_again() {
    let hall = Hall::open().await;
    let dest = hall.mailbox(&agent(2)).await;
    sends(&hall, [1]).await;
    let mut poll = hall.client().await;
    poll.begins("GET", "/message", "", &about_with(&dest, "")).await;
    until(async || stats(&hall, 2).await.in_hand == 1).await;
    poll.0.get_ref().set_zero_linger().unwrap();
    drop(poll);
    let mut poll = hall.client().await;
    assert_eq!(poll.receives(&dest, r#""timeout":20"#).await.message(), sent(1));
}

#[tokio::test]
async fn a_message_that_was_read_whole_does_not_come_again() {
    let hall = Hall::open().await;
    let dest = hall.mailbox(&agent(2)).await;
    for tag in 1..=3 {
        sends(&hall, [tag]).await;
        // A connection for each message, closed at once, as command lines do it.
        let mut poll = hall.client().await;
        assert_eq!(poll.receives(&dest, r#""timeout":20"#).await.message(), sent(tag));
        drop(poll);
        until(async || stats(&hall, 2).await.acknowledged == u64::from(tag)).await;
    }
    hall.client().await.receives(&dest, r#""timeout":0.01"#).await.is(408, "Request timeout");
}

#[tokio::test]
async fn who_asks_again_over_a_connection_has_read_the_last_answer() {
    let hall = Hall::open().await;
    let dest = hall.mailbox(&agent(2)).await;
    sends(&hall, 1..=100).await;
    let mut poll = hall.client().await;
    for tag in 1..=100 {
        assert_eq!(poll.receives(&dest, "").await.message(), sent(tag));
        let stats = stats(&hall, 2).await;
        assert_eq!((stats.acknowledged, stats.in_hand), (u64::from(tag) - 1, 1));
    }
}

#[tokio::test]
async fn the_last_event_that_a_client_has_seen_says_what_it_has() {
    let hall = Hall::open().await;
    let dest = hall.mailbox(&agent(2)).await;
    sends(&hall, 1..=4).await;
    let mut stream = hall.client().await.listens(&dest, "", "").await;
    stream.message().await.unwrap();
    let (seen, message) = stream.message().await.unwrap();
    assert_eq!(message, sent(2));
    stream.message().await.unwrap();
    drop(stream);
    // It has read three, and handled two.
    let header = format!("Last-Event-Id: {seen}\r\n");
    let mut stream = hall.client().await.listens(&dest, "", &header).await;
    assert_eq!(stream.message().await.unwrap().1, sent(3));
    assert_eq!(stream.message().await.unwrap().1, sent(4));
    assert!(stats(&hall, 2).await.acknowledged >= 2);
}

#[tokio::test]
async fn numbers_of_events_that_this_server_never_gave_acknowledge_nothing() {
    let hall = Hall::open().await;
    let dest = hall.mailbox(&agent(2)).await;
    sends(&hall, 1..=2).await;
    for number in ["1", "0", "-5", "x", "1e9", "99999999999999999999999999"] {
        let mut stream =
            hall.client().await.listens(&dest, "", &format!("Last-Event-Id: {number}\r\n")).await;
        assert_eq!(stream.message().await.unwrap().1, sent(1), "{number}");
        stream.die();
    }
}

#[tokio::test]
async fn a_response_says_that_its_request_has_arrived() {
    let hall = Hall::open().await;
    let (src, dest) = (hall.mailbox(&user(1)).await, hall.mailbox(&agent(2)).await);
    sends(&hall, 1..=2).await;
    let mut stream = hall.client().await.listens(&dest, "", "").await;
    stream.message().await.unwrap();
    let mut other = hall.client().await;
    other.asks("PUT", "/message", &put(&response(&dest, &src, 1))).await.is(200, "");
    assert!(stats(&hall, 2).await.acknowledged >= 1);
    // An agent that is told to end answers, and goes: its next life is not told again.
    stream.die();
    let mut stream = hall.client().await.listens(&dest, "", "").await;
    assert_eq!(stream.message().await.unwrap().1, sent(2));
}

#[tokio::test]
async fn a_message_that_is_sent_again_is_delivered_once() {
    let hall = Hall::open().await;
    let dest = hall.mailbox(&agent(2)).await;
    sends(&hall, [1, 1, 2, 1]).await;
    let mut poll = hall.client().await;
    for tag in [1, 2] {
        assert_eq!(poll.receives(&dest, "").await.message(), sent(tag));
    }
    // Also after it was received.
    sends(&hall, [2, 1]).await;
    poll.receives(&dest, r#""timeout":0.01"#).await.is(408, "Request timeout");
}

/// A crash is a copy of the exchange's files while it is in use.
#[tokio::test]
async fn a_response_that_was_read_before_its_server_was_killed_does_not_come_again() {
    let directory = tempfile::tempdir().unwrap();
    let exchange = |path: &Path| format!("sqlite://{}", path.display());
    let hall = Hall::over(Mailroom::open(&exchange(directory.path())).await.unwrap()).await;
    let (src, dest) = (hall.mailbox(&user(1)).await, hall.mailbox(&agent(2)).await);
    let mut requests = hall.client().await.listens(&dest, "", "").await;
    let mut responses = hall.client().await.listens(&src, "", "").await;
    let mut sender = hall.client().await;
    for tag in 1.. {
        // Each time something may take too long, for what has stood for a while has arrived anyway.
        assert!(tag < 50, "a response came again each time");
        sends(&hall, [tag, 1000 + tag]).await;
        let message = response(&dest, &src, tag);
        sender.asks("PUT", "/message", &put(&message)).await.is(200, "");
        assert_eq!(responses.message().await.unwrap().1, message);
        while requests.message().await.unwrap().1 != sent(1000 + tag) {}
        // The exchange learns at once that the bytes have left.
        RealClock.sleep(Duration::from_millis(10)).await;
        let crash = crashed(directory.path());
        if (stats_of(&hall, &user_id(1)).await.in_hand, stats(&hall, 2).await.in_hand) != (1, 1) {
            continue;
        }
        let hall = Hall::over(Mailroom::open(&exchange(crash.path())).await.unwrap()).await;
        if hall.client().await.receives(&src, r#""timeout":0.01"#).await.status != 408 {
            continue;
        }
        assert_eq!(stats_of(&hall, &user_id(1)).await.acknowledged, u64::from(tag));
        // A request comes again: its agent may have been killed too.
        let mut requests = hall.client().await.listens(&dest, "", "").await;
        assert_eq!(requests.message().await.unwrap().1, sent(1000 + tag));
        return;
    }
}

/// A client of Academy's stops listening at an answer to a request that it does not know any more.
#[tokio::test]
async fn a_second_answer_to_a_request_is_taken_and_not_delivered_whatever_it_says() {
    let hall = Hall::open().await;
    let (src, dest) = (hall.mailbox(&user(1)).await, hall.mailbox(&agent(2)).await);
    sends(&hall, 1..=2).await;
    let mut sender = hall.client().await;
    let first = response(&dest, &src, 1);
    let second = first.replace("success-response", "another-response");
    for answer in [&first, &second, &first, &response(&dest, &src, 2)] {
        sender.asks("PUT", "/message", &put(answer)).await.is(200, "");
    }
    let mut stream = hall.client().await.listens(&src, "", "").await;
    assert_eq!(stream.message().await.unwrap().1, first);
    assert_eq!(stream.message().await.unwrap().1, response(&dest, &src, 2));
    // To somebody else it is an answer of its own, and so is another's.
    let other = hall.mailbox(&agent(3)).await;
    for answer in [response(&dest, &other, 1), response(&src, &other, 1)] {
        sender.asks("PUT", "/message", &put(&answer)).await.is(200, "");
        assert_eq!(sender.receives(&other, "").await.message(), answer);
    }
}

#[tokio::test]
async fn a_mailbox_has_no_more_in_hand_than_it_may_and_a_client_that_takes_nothing_loses_nothing() {
    let hall = Hall::open().await;
    let dest = hall.mailbox(&agent(2)).await;
    let large = |tag| sent(tag).replace("ping-request", &"x".repeat(400_000));
    let mut sender = hall.client().await;
    for tag in 0..60 {
        sender.asks("PUT", "/message", &put(&large(tag))).await.is(200, "");
    }
    // 24 MB do not fit into what the system keeps for a client that reads nothing.
    let stream = hall.client().await.listens(&dest, "", "").await;
    RealClock.sleep(Duration::from_millis(300)).await;
    let before = stats(&hall, 2).await;
    assert!(before.ready > 0 && before.in_hand < 60, "{before:?}");
    stream.die();
    let mut stream: crate::client::Stream = Client::listens(hall.client().await, &dest, "", "").await;
    let mut next = None;
    for _ in before.acknowledged..60 {
        let (_, message) = stream.message().await.unwrap();
        let tag = *next.get_or_insert(u32::try_from(before.acknowledged).unwrap());
        assert!(message == large(tag), "message {tag} is not the next");
        next = Some(tag + 1);
    }
}
