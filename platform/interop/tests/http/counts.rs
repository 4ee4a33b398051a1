//! What the front door counts, as a recorder of metrics sees it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use folkmoot::{Clock, RealClock};
use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};

use crate::client::{Hall, about, about_with, agent, put, request, response, until, user};

/// All numbers, by their names with labels.
#[derive(Clone, Debug, Default)]
struct Figures(Arc<Mutex<BTreeMap<String, Arc<AtomicU64>>>>);

impl Figures {
    fn cell(&self, key: &Key) -> Arc<AtomicU64> {
        let mut name = key.name().to_owned();
        for label in key.labels() {
            name.push_str(&format!(" {}={}", label.key(), label.value()));
        }
        self.0.lock().unwrap().entry(name).or_default().clone()
    }

    fn is(&self, name: &str, bits: u64) -> bool {
        let figures = self.0.lock().unwrap();
        let cell =
            figures.get(name).unwrap_or_else(|| panic!("there is no {name:?} in {:#?}", figures.keys()));
        cell.load(Ordering::Relaxed) == bits
    }

    async fn becomes(&self, name: &str, count: u64) {
        until(async || self.is(name, count)).await;
    }

    async fn gauge_becomes(&self, name: &str, number: f64) {
        until(async || self.is(name, number.to_bits())).await;
    }

    /// The counters of requests that are not zero.
    fn requests(&self) -> BTreeMap<String, u64> {
        let prefix = "folkmoot_door_requests_total door=academy node=mailroom ";
        let figures = self.0.lock().unwrap();
        let counted = figures.iter().map(|(name, cell)| (name, cell.load(Ordering::Relaxed)));
        let counted = counted.filter(|(_, count)| *count > 0);
        counted.filter_map(|(name, count)| Some((name.strip_prefix(prefix)?.to_owned(), count))).collect()
    }
}

impl Recorder for Figures {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(self.cell(key))
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(self.cell(key))
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}

/// A server that counts there.
async fn hall(connections: usize) -> (Hall, Figures) {
    let figures = Figures::default();
    let hall = {
        let _recording = metrics::set_default_local_recorder(&figures);
        Hall::open_as(|academy| academy.max_connections(connections)).await
    };
    (hall, figures)
}

fn refusals(cause: &str) -> String {
    format!("folkmoot_door_refusals_total door=academy node=mailroom cause={cause}")
}

fn cuts(cause: &str) -> String {
    format!("folkmoot_door_connections_cut_total door=academy node=mailroom cause={cause}")
}

#[tokio::test]
async fn mail_that_a_client_has_read_does_not_count_as_thrown_away_with_its_mailbox() {
    let (hall, figures) = hall(100).await;
    let (read, unread) = (hall.mailbox(&agent(1)).await, hall.mailbox(&agent(2)).await);
    let mut stream = hall.client().await.listens(&read, "", "").await;
    let mut sender = hall.client().await;
    for tag in 0..5 {
        sender.asks("PUT", "/message", &put(&request(&user(2), &read, tag))).await.is(200, "");
        sender.asks("PUT", "/message", &put(&request(&user(2), &unread, tag))).await.is(200, "");
    }
    for tag in 0..5 {
        assert_eq!(stream.message().await.unwrap().1, request(&user(2), &read, tag));
    }
    // Before what was written is settled by itself.
    for mailbox in [&read, &unread] {
        hall.client().await.asks("DELETE", "/mailbox", &about(mailbox)).await.is(200, "");
    }
    assert!(stream.message().await.is_none());
    figures.becomes("folkmoot_mails_acknowledged_total node=mailroom", 5).await;
    figures.becomes("folkmoot_mails_thrown_away_total node=mailroom", 5).await;
}

#[tokio::test]
async fn a_second_answer_is_counted_and_its_sender_told_nothing_of_it() {
    let (hall, figures) = hall(100).await;
    let (src, dest) = (hall.mailbox(&user(2)).await, hall.mailbox(&agent(1)).await);
    let mut client = hall.client().await;
    let answer = response(&dest, &src, 1);
    for answer in [&answer, &answer, &answer.replace("success-response", "another-response")] {
        client.asks("PUT", "/message", &put(answer)).await.is(200, "");
    }
    assert!(figures.is(&refusals("second answer"), 1));
    let sent = "folkmoot_door_requests_total door=academy node=mailroom route=PUT /message outcome=done";
    assert!(figures.is(sent, 3));
}

#[tokio::test]
async fn requests_are_counted_by_route_and_outcome_and_refusals_by_cause() {
    let (hall, figures) = hall(100).await;
    let mut client = hall.client().await;
    let dest = hall.mailbox(&agent(1)).await;
    for _ in 0..2 {
        client.asks("PUT", "/message", &put(&request(&user(2), &dest, 1))).await.is(200, "");
    }
    client.receives(&dest, "").await.message();
    client.receives(&dest, r#""timeout":0.01"#).await.is(408, "Request timeout");
    client
        .asks("PUT", "/message", &put(&request(&user(2), &agent(9), 1)))
        .await
        .is(404, "Unknown mailbox ID");
    assert_eq!(client.asks("PUT", "/message", "[]").await.status, 400);
    assert_eq!(client.asks("GET", "/mailboxes", "{}").await.status, 404);
    assert_eq!(client.asks("PATCH", "/mailbox", "{}").await.status, 405);
    client.asks("DELETE", "/mailbox", &about(&dest)).await.is(200, "");
    client.asks("GET", "/mailbox/listen", &about(&dest)).await.is(419, "Mailbox was closed");
    client.sends("PUT /message HTTP/1.1\r\nHost: h\r\nContent-Length: 1048577\r\n\r\n").await;
    assert_eq!(client.answer().await.status, 413);
    let expected = [
        ("route=DELETE /mailbox outcome=done", 1),
        ("route=GET /mailbox/listen outcome=refused", 1),
        ("route=GET /message outcome=done", 1),
        ("route=GET /message outcome=empty", 1),
        ("route=POST /mailbox outcome=done", 1),
        ("route=PUT /message outcome=done", 2),
        ("route=PUT /message outcome=refused", 3),
        ("route=other outcome=refused", 2),
    ];
    assert_eq!(figures.requests(), expected.map(|(name, count)| (name.to_owned(), count)).into());
    for (cause, count) in [
        ("unknown mailbox", 1),
        ("wrong field", 1),
        ("no such route", 2),
        ("terminated", 1),
        ("long body", 1),
    ] {
        assert!(figures.is(&refusals(cause), count), "{cause}");
    }
    // What the exchange behind it counts, as a node's.
    for (name, count) in
        [("mails_accepted", 1), ("mails_repeated", 1), ("mails_acknowledged", 1), ("mailboxes_terminated", 1)]
    {
        figures.becomes(&format!("folkmoot_{name}_total node=mailroom"), count).await;
    }
}

#[tokio::test]
async fn streams_connections_and_bytes_are_counted_and_so_is_who_goes_away() {
    let (hall, figures) = hall(3).await;
    let dest = hall.mailbox(&agent(1)).await;
    let streams = "folkmoot_door_streams door=academy node=mailroom";
    let connections = "folkmoot_door_connections door=academy node=mailroom";
    figures.gauge_becomes(connections, 0.0).await;
    let mut stream = hall.client().await.listens(&dest, "", "").await;
    assert_eq!(stream.event().await.as_deref(), Some("retry: 20"));
    figures.gauge_becomes(streams, 1.0).await;
    figures.gauge_becomes(connections, 1.0).await;
    let mut waiting = hall.client().await;
    waiting.begins("GET", "/message", "", &about_with(&dest, r#""timeout":60"#)).await;
    let mut third = hall.client().await;
    third.asks("GET", "/mailbox", &about(&dest)).await.is(200, r#"{"status": "ACTIVE"}"#);
    assert!(hall.client().await.is_closed().await);
    figures.becomes(&cuts("too many"), 1).await;
    third.sends("\0\0\r\n\r\n").await;
    assert_eq!(third.answer().await.status, 400);
    figures.becomes(&cuts("no http"), 1).await;
    drop((stream, waiting));
    figures.gauge_becomes(streams, 0.0).await;
    figures.gauge_becomes(connections, 0.0).await;
    assert_eq!(figures.requests().get("route=GET /message outcome=left"), Some(&1));
    for way in ["in", "out"] {
        let name = format!("folkmoot_door_bytes_{way}_total door=academy node=mailroom");
        assert!(!figures.is(&name, 0), "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn connections_that_are_ended_are_counted_by_cause() {
    let (hall, figures) = hall(3).await;
    let mut idle = hall.client().await;
    idle.asks("GET", "/mailbox", &about(&agent(1))).await.is(200, r#"{"status": "MISSING"}"#);
    let mut slow = hall.client().await;
    slow.sends("GET /mail").await;
    // Longer than a head may take, and shorter than a connection may ask nothing.
    RealClock.sleep(Duration::from_secs(60)).await;
    assert!(slow.is_closed().await);
    assert!(figures.is(&cuts("slow request"), 1) && figures.is(&cuts("idle"), 0));
    RealClock.sleep(Duration::from_secs(300)).await;
    assert!(idle.is_closed().await);
    assert!(figures.is(&cuts("slow request"), 1) && figures.is(&cuts("idle"), 1));
    let mut slow = hall.client().await;
    slow.sends("PUT /message HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\n{").await;
    RealClock.sleep(Duration::from_secs(29)).await;
    slow.answer().await.is(408, "Request timeout");
    assert!(figures.is(&refusals("slow body"), 1));
}
