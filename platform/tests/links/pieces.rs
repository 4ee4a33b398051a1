//! Large payloads: every size around the borders, over every transport and codec, in order and in great number.

use std::sync::{Arc, Mutex};

use folkmoot::prelude::*;

use super::conformance::{Mirror, pair};
use super::left_behind::Watch;

/// A text of that many bytes in which each codec has something to escape or not to cut.
pub(crate) fn text(bytes: usize) -> String {
    let mut text: String = "aß\"\\\n世🚢".chars().cycle().take(bytes / 3).collect();
    while text.len() > bytes {
        text.pop();
    }
    text.extend(std::iter::repeat_n('x', bytes - text.len()));
    text
}

async fn around_the_borders(scheme: &str) {
    for codec in Codec::ALL {
        let (server, client, _dir) = pair(scheme, codec).await;
        let mirror: Proxy<Mirror> = client.connect(server.url("mirror")).await.unwrap();
        let borders = [0, 32 << 10, 64 << 10, 128 << 10, 256 << 10];
        // The message around the text takes some bytes too.
        let sizes = borders
            .into_iter()
            .flat_map(|border: usize| [0, 1, 5, 20, 40, 60, 100].map(|less| border.saturating_sub(less)));
        for bytes in sizes.chain([64 * 1024 + 1, 3_000_000]) {
            let sent = text(bytes);
            assert!(mirror.text(sent.clone()).await.unwrap() == sent, "{codec} {bytes}");
        }
        client.shutdown().await;
        server.shutdown().await;
    }
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn around_the_borders_over_tcp() {
    around_the_borders("tcp").await;
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn around_the_borders_over_tls() {
    around_the_borders("tls").await;
}

#[cfg(unix)]
#[folkmoot::test(crate = crate::links::left_behind)]
async fn around_the_borders_over_unix_sockets() {
    around_the_borders("unix").await;
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn around_the_borders_in_process() {
    around_the_borders("local").await;
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn as_long_as_a_frame_may_be_and_no_longer() {
    let (server, client, _dir) = pair("tcp", Codec::MsgPack).await;
    let mirror: Proxy<Mirror> = client.connect(server.url("mirror")).await.unwrap();
    let most = (16 << 20) - 1000;
    assert_eq!(mirror.text("x".repeat(most)).await.unwrap().len(), most);
    let error = mirror.text("x".repeat(16 << 20)).await.unwrap_err();
    assert!(
        matches!(&error, CallError::Unencodable { reason } if reason.contains("max_frame_bytes")),
        "{error}"
    );
    // The request fits, the list of as many values as a frame may hold and a few does not.
    let error = mirror.floats(vec![0.5; 999_999]).await.unwrap_err();
    assert!(matches!(&error, CallError::Unencodable { reason } if reason.contains("max_nodes")), "{error}");
    assert_eq!(mirror.floats(vec![0.5; 999_900]).await.unwrap().len(), 999_900);
    client.shutdown().await;
    server.shutdown().await;
}

/// Notes what it is told, in order.
#[derive(Agent)]
struct Scribe {
    notes: Arc<Mutex<Vec<(usize, usize)>>>,
}

#[agent]
impl Scribe {
    #[expose]
    fn note(&mut self, number: usize, text: String) {
        self.notes.lock().unwrap().push((number, text.len()));
    }

    #[expose]
    async fn long(&self, bytes: usize) -> String {
        tokio::task::yield_now().await;
        "x".repeat(bytes)
    }
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn large_and_small_calls_to_one_agent_arrive_as_sent() {
    super::limit::watch();
    for codec in Codec::ALL {
        let server = Container::builder("tcp://127.0.0.1:0").workers(2).watched().await.unwrap();
        let client = Container::builder("tcp://127.0.0.1:0").codec(codec).watched().await.unwrap();
        let notes = Arc::new(Mutex::new(Vec::new()));
        let (one, other) = (notes.clone(), Arc::new(Mutex::new(Vec::new())));
        let of_other = other.clone();
        server.spawn("one", move || Scribe { notes: one.clone() }).await.unwrap();
        server.spawn("other", move || Scribe { notes: of_other.clone() }).await.unwrap();
        let one: Proxy<Scribe> = client.connect(server.url("one")).await.unwrap();
        let two: Proxy<Scribe> = client.connect(server.url("other")).await.unwrap();
        // Below and above what is cut, below and above what is decoded elsewhere.
        let sizes = [1_000_000, 3, 70_000, 8, 300_000, 0, 65_000, 66_000, 1, 2, 600_000, 5];
        let mut last = Vec::new();
        for (number, bytes) in sizes.into_iter().cycle().take(60).enumerate() {
            let to = if number % 3 == 0 { &two } else { &one };
            match number % 2 {
                0 => to.note(number, "x".repeat(bytes)).one_way().unwrap(),
                _ => {
                    let mut call = Box::pin(to.note(number, "x".repeat(bytes)));
                    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
                    assert!(call.as_mut().poll(&mut cx).is_pending());
                    last.push(call);
                }
            }
        }
        for call in last {
            call.await.unwrap();
        }
        // Behind the one-way calls.
        one.note(97, String::new()).await.unwrap();
        two.note(99, String::new()).await.unwrap();
        let numbers = |notes: &Mutex<Vec<(usize, usize)>>| -> Vec<usize> {
            let notes = notes.lock().unwrap();
            for &(number, bytes) in notes.iter().filter(|(number, _)| *number < 60) {
                assert_eq!(bytes, sizes[number % sizes.len()], "{codec} {number}");
            }
            notes.iter().map(|(number, _)| *number).collect()
        };
        let expected =
            |wanted: fn(&usize) -> bool, last| (0..60).filter(wanted).chain([last]).collect::<Vec<_>>();
        assert_eq!(numbers(&notes), expected(|number| number % 3 != 0, 97), "{codec}");
        assert_eq!(numbers(&other), expected(|number| number % 3 == 0, 99), "{codec}");
        client.shutdown().await;
        server.shutdown().await;
    }
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn more_large_answers_than_may_wait_all_come() {
    super::limit::watch();
    let mut limits = folkmoot::LinkLimits::default();
    limits.max_outbox_bytes = 50 << 20;
    limits.outbox_high_water_bytes = 1 << 20;
    let server = Container::builder("tcp://127.0.0.1:0").limits(limits).workers(1).watched().await.unwrap();
    let client = Container::builder("tcp://127.0.0.1:0").watched().await.unwrap();
    let notes = Arc::default();
    server.spawn("scribe", move || Scribe { notes: Arc::clone(&notes) }).await.unwrap();
    let scribe: Proxy<Scribe> = client.connect(server.url("scribe")).await.unwrap();
    let callers = (0..40).map(|nth| {
        let scribe = scribe.clone();
        async move {
            for bytes in (100_000..1_000_000).step_by(100_000) {
                assert_eq!(scribe.long(bytes + nth).await.unwrap().len(), bytes + nth);
            }
        }
    });
    futures_util::future::join_all(callers).await;
    client.shutdown().await;
    server.shutdown().await;
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn both_ends_may_send_much_at_once() {
    let (server, client, _dir) = pair("tcp", Codec::MsgPack).await;
    client.spawn("mirror", Mirror::default).await.unwrap();
    let there: Proxy<Mirror> = client.connect(server.url("mirror")).await.unwrap();
    let back: Proxy<Mirror> = server.connect(client.url("mirror")).await.unwrap();
    let long = "x".repeat(9 << 20);
    let calls = (0..8).map(|nth| if nth % 2 == 0 { &there } else { &back }.text(long.clone()));
    for reply in futures_util::future::join_all(calls).await {
        assert_eq!(reply.unwrap().len(), long.len());
    }
    client.shutdown().await;
    server.shutdown().await;
}
