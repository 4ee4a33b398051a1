//! Large payloads on a slow line: who passes them, who takes them back, and what a cut leaves behind.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use folkmoot::prelude::*;

use super::counts::Counts;
use super::left_behind::Watch;
use super::relay::Relay;

/// Counts the texts that reach it.
#[derive(Agent)]
struct Taker {
    taken: Arc<AtomicUsize>,
}

#[agent]
impl Taker {
    #[expose]
    fn take(&mut self, text: String) -> usize {
        self.taken.fetch_add(1, Ordering::SeqCst);
        text.len()
    }

    #[expose]
    fn give(&self, bytes: usize) -> String {
        self.taken.fetch_add(1, Ordering::SeqCst);
        "x".repeat(bytes)
    }

    /// Gives it only once nobody waits for it any more.
    #[expose]
    async fn give_too_late(&mut self, ctx: &Context<Self>, bytes: usize) -> String {
        self.taken.fetch_add(1, Ordering::SeqCst);
        while !ctx.cancelled() {
            tokio::task::yield_now().await;
        }
        "x".repeat(bytes)
    }

    #[expose]
    fn taken(&self) -> usize {
        self.taken.load(Ordering::SeqCst)
    }
}

/// Two nodes with a slow line between them.
struct Bed {
    server: Container,
    client: Container,
    server_counts: Counts,
    client_counts: Counts,
    relay: Relay,
    taken: Arc<AtomicUsize>,
}

impl Bed {
    async fn with(pause: Duration) -> Bed {
        Bed::of(pause, folkmoot::LinkLimits::default()).await
    }

    async fn of(pause: Duration, limits: folkmoot::LinkLimits) -> Bed {
        super::limit::watch();
        let (server_counts, client_counts) = (Counts::default(), Counts::default());
        let server = server_counts
            .during(Container::builder("tcp://127.0.0.1:0").name("server").limits(limits).watched())
            .await
            .unwrap();
        let client = client_counts
            .during(Container::builder("tcp://127.0.0.1:0").name("client").watched())
            .await
            .unwrap();
        let taken = Arc::new(AtomicUsize::new(0));
        for name in ["taker", "other"] {
            let taken = taken.clone();
            server.spawn(name, move || Taker { taken: taken.clone() }).await.unwrap();
        }
        let relay = Relay::to(server.endpoint().host_and_port().unwrap().1, pause).await;
        Bed { server, client, server_counts, client_counts, relay, taken }
    }

    async fn proxy(&self, agent: &str) -> Proxy<Taker> {
        self.client.connect(format!("tcp://127.0.0.1:{}/{agent}", self.relay.port)).await.unwrap()
    }

    /// A large answer, of which the first pieces have left.
    async fn large_answer_under_way(&self) -> tokio::task::JoinHandle<Result<String, CallError>> {
        let taker = self.proxy("taker").await;
        let call = actix::spawn(async move { taker.give(16_000_000).await });
        while self.server_counts.of("pieces_out") == 0 {
            tokio::task::yield_now().await;
        }
        call
    }

    /// Waits until more pieces have left than `count`.
    async fn has_sent(&self, count: u64) {
        while self.client_counts.of("pieces_out") <= count {
            tokio::task::yield_now().await;
        }
    }

    async fn end(self) {
        self.client.shutdown().await;
        self.server.shutdown().await;
        assert_eq!((self.client_counts.open_links(), self.server_counts.open_links()), (0.0, 0.0));
    }
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn small_calls_pass_a_large_one_under_way() {
    let bed = Bed::with(Duration::from_millis(4)).await;
    let (taker, other) = (bed.proxy("taker").await, bed.proxy("other").await);
    let large = actix::spawn({
        let taker = taker.clone();
        async move { taker.take("x".repeat(16_000_000)).await }
    });
    bed.has_sent(4).await;
    let mut passed = 0;
    while !large.is_finished() {
        // Nothing of the large one has arrived at its agent before it is whole.
        other.taken().await.unwrap();
        passed += 1;
    }
    assert_eq!(large.await.unwrap(), Ok(16_000_000));
    assert!(passed >= 10, "{passed} small calls passed the large one");
    bed.end().await;
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn a_large_call_is_taken_back_under_way() {
    let bed = Bed::with(Duration::from_millis(4)).await;
    let (taker, other) = (bed.proxy("taker").await, bed.proxy("other").await);
    let large = actix::spawn({
        let taker = taker.clone();
        async move { taker.take("x".repeat(16_000_000)).await }
    });
    bed.has_sent(4).await;
    // Stands behind the large one, to the same agent.
    let behind = actix::spawn({
        let taker = taker.clone();
        async move { taker.take("behind".to_owned()).await }
    });
    let waiting = actix::spawn({
        let taker = taker.clone();
        async move { taker.take("y".repeat(16_000_000)).await }
    });
    other.taken().await.unwrap();
    waiting.abort();
    large.abort();
    assert_eq!(behind.await.unwrap(), Ok(6));
    assert_eq!(taker.taken().await, Ok(1), "the large ones never reached the agent");
    let sent = bed.client_counts.of("pieces_out");
    assert!(sent < 400, "{sent} pieces left after the call was taken back");
    assert_eq!(taker.take("x".repeat(1_000_000)).await, Ok(1_000_000), "the link lives");
    assert_eq!(bed.server_counts.of("bad_frames"), 0);
    bed.end().await;
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn a_cut_under_way_tells_all_who_wait_and_leaves_nothing() {
    let bed = Bed::with(Duration::from_millis(4)).await;
    let taker = bed.proxy("taker").await;
    let calls: Vec<_> = (0..8)
        .map(|_| {
            let taker = taker.clone();
            actix::spawn(async move { taker.take("x".repeat(4_000_000)).await })
        })
        .collect();
    bed.has_sent(4).await;
    bed.relay.cut();
    for call in calls {
        let error = call.await.unwrap().unwrap_err();
        assert!(matches!(error, CallError::Disconnected { may_have_run: true, .. }), "{error}");
    }
    while bed.server_counts.open_links() != 0.0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(bed.taken.load(Ordering::SeqCst), 0);
    assert_eq!(taker.take("x".repeat(400_000)).await, Ok(400_000), "over a new link");
    bed.end().await;
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn a_node_that_leaves_sends_its_large_answers_first() {
    let bed = Bed::with(Duration::from_millis(1)).await;
    let mirror = bed.server.spawn("mirror", super::conformance::Mirror::default).await.unwrap();
    drop(mirror);
    let url = format!("tcp://127.0.0.1:{}/mirror", bed.relay.port);
    let mirror: Proxy<super::conformance::Mirror> = bed.client.connect(url).await.unwrap();
    let call = actix::spawn(async move { mirror.text("x".repeat(4_000_000)).await });
    while bed.server_counts.of("pieces_out") == 0 {
        tokio::task::yield_now().await;
    }
    bed.server.shutdown().await;
    assert_eq!(call.await.unwrap().map(|text| text.len()), Ok(4_000_000));
    bed.end().await;
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn an_answer_that_nobody_waits_for_any_more_is_not_sent_on() {
    let bed = Bed::with(Duration::from_millis(20)).await;
    let (taker, other) = (bed.proxy("taker").await, bed.proxy("other").await);
    let begin = |taker: &Proxy<Taker>| {
        let taker = taker.clone();
        actix::spawn(async move { taker.give(3_000_000).await })
    };
    let (first, second) = (begin(&taker), begin(&other));
    while bed.server_counts.of("pieces_out") < 8 {
        tokio::task::yield_now().await;
    }
    first.abort();
    second.abort();
    while bed.server_counts.of("answers_dropped") < 2 {
        tokio::task::yield_now().await;
    }
    let sent = bed.server_counts.of("pieces_out");
    assert_eq!(other.take("x".repeat(1_000_000)).await, Ok(1_000_000), "the link lives");
    assert_eq!(bed.server_counts.of("pieces_out"), sent, "{sent} pieces had left");
    assert!(sent < 90, "{sent} pieces left, as if one of the answers had crossed whole");

    // This turn goes to its end, for it has the agent alone; its answer comes to nobody.
    let late = actix::spawn({
        let taker = taker.clone();
        async move { taker.give_too_late(16_000_000).await }
    });
    while bed.taken.load(Ordering::SeqCst) < 4 {
        tokio::task::yield_now().await;
    }
    late.abort();
    while bed.server_counts.of("answers_dropped") < 3 {
        tokio::task::yield_now().await;
    }
    assert_eq!(taker.take("x".repeat(1_000_000)).await, Ok(1_000_000));
    assert_eq!(bed.server_counts.of("pieces_out"), sent);
    assert_eq!(bed.client_counts.of("orphan_replies"), 0);
    assert_eq!(bed.client_counts.of("bad_frames"), 0);
    bed.end().await;
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn a_node_that_leaves_goes_on_while_its_large_answers_are_taken() {
    // Longer than either the link or its node waits where nothing moves: two seconds.
    let mut limits = folkmoot::LinkLimits::default();
    limits.handshake_time = Duration::from_secs(2);
    let bed = Bed::of(Duration::from_millis(16), limits).await;
    let call = bed.large_answer_under_way().await;
    bed.server.shutdown().await;
    assert_eq!(bed.server_counts.open_links(), 0.0, "it is not over before that");
    assert_eq!(call.await.unwrap().map(|text| text.len()), Ok(16_000_000));
    bed.end().await;
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn a_node_that_leaves_waits_no_longer_than_it_may() {
    let mut limits = folkmoot::LinkLimits::default();
    limits.farewell_time = Duration::from_millis(300);
    // Some minutes for the answer.
    let bed = Bed::of(Duration::from_secs(1), limits).await;
    let call = bed.large_answer_under_way().await;
    bed.server.shutdown().await;
    let error = call.await.unwrap().unwrap_err();
    assert!(matches!(error, CallError::Disconnected { may_have_run: true, .. }), "{error}");
    bed.end().await;
}
