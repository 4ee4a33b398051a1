//! Keys of idempotent calls from peers that do what they like: a call is answered once it has run, by its own reply, to
//! its own caller, within bounds.
//!
//! Neighbour: `links/retrying.rs` has the honest callers.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use folkmoot::prelude::*;
use folkmoot::{LinkLimits, Value};
use folkmoot_transports::{TlsTransport, Transport};
use tokio::sync::Semaphore;

use super::forge::Forge;
use super::raw::Raw;
use super::rig::{Rig, tight, until};

/// Gives the number of each run, so that a reply tells which run it is of.
#[derive(Agent)]
struct Till {
    runs: Arc<AtomicUsize>,
    released: Arc<Semaphore>,
}

impl Till {
    fn ran(&self) -> usize {
        self.runs.fetch_add(1, Ordering::SeqCst) + 1
    }
}

#[agent]
impl Till {
    #[expose(idempotent)]
    fn set(&mut self, _cents: i64) -> usize {
        self.ran()
    }

    #[expose(idempotent)]
    fn reset(&mut self) -> usize {
        self.ran()
    }

    #[expose(idempotent)]
    fn refuse(&mut self) -> Result<(), String> {
        Err(format!("refused at run {}", self.ran()))
    }

    #[expose(idempotent)]
    fn crash(&mut self) {
        panic!("run {}", self.ran());
    }

    /// A text of that length behind the number of the run.
    #[expose(idempotent)]
    fn text(&mut self, bytes: usize) -> (usize, String) {
        (self.ran(), "x".repeat(bytes))
    }

    #[expose(idempotent)]
    async fn wait(&self) -> usize {
        self.released.acquire().await.unwrap().forget();
        self.ran()
    }

    #[expose]
    fn add(&mut self, _cents: i64) -> usize {
        self.ran()
    }
}

struct Tills {
    rig: Rig,
    runs: Arc<AtomicUsize>,
}

impl Tills {
    async fn with(limits: LinkLimits) -> Tills {
        Tills::over(Rig::with(limits).await).await
    }

    async fn over(rig: Rig) -> Tills {
        let (runs, released) = (Arc::<AtomicUsize>::default(), rig.released.clone());
        let of_agent = runs.clone();
        for name in ["till", "other"] {
            let (runs, released) = (of_agent.clone(), released.clone());
            let make = move || Till { runs: runs.clone(), released: released.clone() };
            rig.node.spawn(name, make).await.unwrap();
        }
        Tills { rig, runs }
    }

    fn runs(&self) -> usize {
        self.runs.load(Ordering::SeqCst)
    }
}

fn request(id: u64, path: &str, arguments: &str, key: &str) -> String {
    format!(r#"[0, {id}, ["agents/{path}", {arguments}, {{}}], {{"idempotency_key": "{key}"}}]"#)
}

/// The number of the run that the reply to that call is of.
async fn run_of(raw: &mut Raw, path: &str, arguments: &str, key: &str) -> u64 {
    let answer = raw.ask(&request(7, path, arguments, key)).await;
    assert_eq!(answer.id, Value::Int(7));
    answer.result().as_u64().unwrap()
}

#[folkmoot::test(crate = crate::hostile::left_behind)]
async fn a_key_that_comes_again_gets_the_first_reply_over_whatever_link_and_codec() {
    for first in Codec::ALL {
        let tills = Tills::with(tight()).await;
        let mut raw = tills.rig.rich(first).await;
        assert_eq!(run_of(&mut raw, "till/set", "[1]", "k").await, 1);
        assert_eq!(run_of(&mut raw, "till/set", "[1]", "k").await, 1, "the same link");
        drop(raw);
        for codec in Codec::ALL {
            let mut raw = tills.rig.rich(codec).await;
            assert_eq!(run_of(&mut raw, "till/set", "[1]", "k").await, 1, "{first} then {codec}");
            let refused = raw.ask(&request(8, "till/refuse", "[]", "r")).await;
            assert_eq!((refused.code(), refused.exception()), ("agent", "refused at run 2"));
        }
        tills.rig.counted("repeated_requests", 1 + 4 + 3).await;
        assert_eq!(tills.runs(), 2);
        tills.rig.end().await;
    }
}

#[folkmoot::test(crate = crate::hostile::left_behind)]
async fn another_key_method_or_agent_is_another_call() {
    let tills = Tills::with(tight()).await;
    let mut raw = tills.rig.rich(Codec::Json).await;
    for (nth, (path, arguments, key)) in [
        ("till/set", "[1]", "k"),
        ("till/set", "[1]", "K"),
        ("till/reset", "[]", "k"),
        ("other/set", "[1]", "k"),
        // What does not say that it is idempotent runs each time.
        ("till/add", "[1]", "k"),
        ("till/add", "[1]", "k"),
        // No key at all.
        ("till/set", "[1]", ""),
        ("till/set", "[1]", ""),
    ]
    .into_iter()
    .enumerate()
    {
        assert_eq!(run_of(&mut raw, path, arguments, key).await, nth as u64 + 1, "{path} {key}");
    }
    // A peer that said no Hello has no headers.
    let mut plain = tills.rig.known(Codec::Json).await;
    assert_eq!(run_of(&mut plain, "till/set", "[1]", "k").await, 9);
    // A new agent of the same name has not run it.
    tills.rig.node.stop("other", Duration::ZERO).await.unwrap();
    let (runs, released) = (tills.runs.clone(), tills.rig.released.clone());
    let make = move || Till { runs: runs.clone(), released: released.clone() };
    tills.rig.node.spawn("other", make).await.unwrap();
    assert_eq!(run_of(&mut raw, "other/set", "[1]", "k").await, 10);
    assert_eq!(tills.rig.counts.of("repeated_requests"), 0);
    tills.rig.end().await;
}

#[folkmoot::test(crate = crate::hostile::left_behind)]
async fn what_is_no_answer_of_the_method_is_not_kept() {
    let tills = Tills::with(tight()).await;
    let mut raw = tills.rig.rich(Codec::Cbor).await;
    for run in 1..4 {
        let crashed = raw.ask(&request(1, "till/crash", "[]", "k")).await;
        assert_eq!(crashed.code(), "agent-panicked");
        assert!(crashed.exception().contains(&format!("run {run}")), "{}", crashed.exception());
    }
    for _ in 0..2 {
        let wrong = raw.ask(&request(1, "till/set", r#"["x"]"#, "w")).await;
        assert_eq!(wrong.code(), "bad-arguments");
    }
    assert_eq!(run_of(&mut raw, "till/set", "[1]", "w").await, 4, "with arguments that fit, it runs");
    tills.rig.end().await;
}

#[folkmoot::test(crate = crate::hostile::left_behind)]
async fn attempts_that_meet_wait_for_the_one_that_runs() {
    let tills = Tills::with(tight()).await;
    let mut first = tills.rig.rich(Codec::Json).await;
    let mut second = tills.rig.rich(Codec::MsgPack).await;
    for id in 1..4 {
        first.send(&request(id, "till/wait", "[]", "k")).await;
        second.send(&request(id, "till/wait", "[]", "k")).await;
    }
    tills.rig.counted("repeated_requests", 5).await;
    // One of them is taken back, and gets no answer: the others go on waiting.
    first.send(r#"[0, 9, ["folkmoot/cancel", [1, "till"], {}], {"no_reply": true}]"#).await;
    first.ask(r#"[0, 10, ["folkmoot/ping", [], {}]]"#).await.result();
    tills.rig.released.add_permits(1);
    for (raw, waiting) in [(&mut first, &[2, 3][..]), (&mut second, &[1, 2, 3])] {
        let mut answered = Vec::new();
        for _ in waiting {
            let answer = raw.answer().await;
            assert_eq!(answer.result(), &Value::Int(1));
            answered.push(answer.id.as_u64().unwrap());
        }
        answered.sort_unstable();
        assert_eq!(answered, waiting);
    }
    assert_eq!(tills.rig.counts.of("answers_dropped"), 1);
    assert_eq!(tills.runs(), 1);
    tills.rig.end().await;
}

#[folkmoot::test(crate = crate::hostile::left_behind)]
async fn of_attempts_over_many_links_on_many_workers_one_runs() {
    const KEYS: u64 = 200;
    let target = Container::builder("tcp://127.0.0.1:0").name("target").limits(tight()).workers(3);
    let tills =
        Tills::over(Rig::of(target, Container::builder("tcp://127.0.0.1:0").name("honest")).await).await;
    let mut runs: Vec<Vec<u64>> = Vec::new();
    let mut raws = Vec::new();
    for nth in 0..9 {
        let mut raw = tills.rig.rich(Codec::ALL[nth % 3]).await;
        // From both ends, so that they meet in the middle.
        for key in 0..KEYS {
            let key = if nth % 2 == 0 { key } else { KEYS - 1 - key };
            raw.send(&request(key, "till/set", "[1]", &key.to_string())).await;
        }
        raws.push(raw);
    }
    for raw in &mut raws {
        let mut told = vec![0; KEYS as usize];
        for _ in 0..KEYS {
            let answer = raw.answer().await;
            told[answer.id.as_u64().unwrap() as usize] = answer.result().as_u64().unwrap();
        }
        runs.push(told);
    }
    assert!(runs.iter().all(|told| *told == runs[0]), "all links were told of the same runs");
    assert_eq!(tills.runs() as u64, KEYS);
    tills.rig.counted("repeated_requests", 8 * KEYS).await;
    drop(raws);
    tills.rig.end().await;
}

#[folkmoot::test(crate = crate::hostile::left_behind)]
async fn a_call_whose_link_is_gone_runs_on_for_a_caller_that_comes_again() {
    let tills = Tills::with(tight()).await;
    for run in 1..3 {
        let key = format!("k{run}");
        let mut gone = tills.rig.rich(Codec::Json).await;
        gone.send(&request(1, "till/wait", "[]", &key)).await;
        gone.send_bytes(&[0; 4]).await;
        until("its link is closed", || tills.rig.counts.open_links() == 1.0).await;
        let mut again = tills.rig.rich(Codec::Cbor).await;
        again.send(&request(1, "till/wait", "[]", &key)).await;
        tills.rig.counted("repeated_requests", run).await;
        tills.rig.released.add_permits(1);
        assert_eq!(again.answer().await.result().as_u64(), Some(run));
        drop(again);
        until("its link is closed", || tills.rig.counts.open_links() == 1.0).await;
    }
    assert_eq!((tills.runs(), tills.rig.counts.of("cancels")), (2, 0));
    tills.rig.end().await;
}

#[folkmoot::test(crate = crate::hostile::left_behind)]
async fn what_all_have_taken_back_is_dropped_and_what_lost_its_links_goes_on_for_a_while() {
    let mut limits = tight();
    limits.kept_reply_time = Duration::from_millis(200);
    let tills = Tills::with(limits).await;
    let mut raw = tills.rig.rich(Codec::Json).await;
    for id in 1..3 {
        raw.send(&request(id, "till/wait", "[]", "taken back")).await;
    }
    for id in 1..3 {
        raw.send(&format!(r#"[0, 9, ["folkmoot/cancel", [{id}, "till"], {{}}], {{"no_reply": true}}]"#))
            .await;
    }
    tills.rig.counted("cancels", 1).await;
    // Nobody comes for it again: it is not waited for without end.
    raw.send(&request(3, "till/wait", "[]", "lost")).await;
    raw.ask(r#"[0, 10, ["folkmoot/ping", [], {}]]"#).await.result();
    raw.send_bytes(&[0; 4]).await;
    until("its link is closed", || tills.rig.counts.open_links() == 1.0).await;
    tills.rig.counted("cancels", 2).await;
    assert_eq!(tills.runs(), 0);
    tills.rig.end().await;
}

#[folkmoot::test(crate = crate::hostile::left_behind)]
async fn no_more_replies_are_kept_than_there_is_room_for() {
    let mut limits = tight();
    limits.max_kept_replies = 3;
    let tills = Tills::with(limits).await;
    let mut raw = tills.rig.rich(Codec::Json).await;
    for key in 1..=4 {
        assert_eq!(run_of(&mut raw, "till/set", "[1]", &key.to_string()).await, key);
    }
    tills.rig.counted("replies_not_kept", 1).await;
    for key in 2..=4 {
        assert_eq!(run_of(&mut raw, "till/set", "[1]", &key.to_string()).await, key, "it is kept");
    }
    assert_eq!(run_of(&mut raw, "till/set", "[1]", "1").await, 5, "the oldest had to go");
    // Those that run cannot go: what comes beside them runs each time.
    for id in 1..4 {
        raw.send(&request(id, "till/wait", "[]", &format!("w{id}"))).await;
    }
    assert_eq!(run_of(&mut raw, "other/set", "[1]", "beside").await, 6);
    assert_eq!(run_of(&mut raw, "other/set", "[1]", "beside").await, 7);
    tills.rig.end().await;

    let mut limits = tight();
    limits.max_kept_reply_bytes = 4_000;
    let tills = Tills::with(limits).await;
    let mut raw = tills.rig.rich(Codec::Json).await;
    let runs = async |raw: &mut Raw, bytes: usize, key: &str| {
        let answer = raw.ask(&request(1, "till/text", &format!("[{bytes}]"), key)).await;
        answer.result().item(0).and_then(Value::as_u64).unwrap()
    };
    assert_eq!((runs(&mut raw, 5_000, "big").await, runs(&mut raw, 5_000, "big").await), (1, 2));
    assert_eq!((runs(&mut raw, 300, "a").await, runs(&mut raw, 300, "a").await), (3, 3));
    assert_eq!((runs(&mut raw, 300, "b").await, runs(&mut raw, 300, "b").await), (4, 4));
    assert_eq!((runs(&mut raw, 300, "c").await, runs(&mut raw, 300, "a").await), (5, 6), "the oldest went");
    tills.rig.end().await;

    let mut limits = tight();
    limits.kept_reply_time = Duration::ZERO;
    let tills = Tills::with(limits).await;
    let mut raw = tills.rig.rich(Codec::Json).await;
    assert_eq!(run_of(&mut raw, "till/set", "[1]", "k").await, 1);
    assert_eq!(run_of(&mut raw, "till/set", "[1]", "k").await, 2, "its time was over at once");
    tills.rig.end().await;
}

#[folkmoot::test(crate = crate::hostile::left_behind)]
async fn a_large_reply_is_given_again_in_its_own_codec() {
    let tills = Tills::with(tight()).await;
    let ask = r#"[100000]"#;
    for (codec, run) in [(Codec::Json, 1), (Codec::Json, 1), (Codec::Cbor, 2)] {
        let mut raw = tills.rig.rich(codec).await;
        let answer = raw.ask(&request(1, "till/text", ask, "k")).await;
        assert_eq!(answer.result().item(0), Some(&Value::Int(run)));
        assert_eq!(answer.result().item(1).and_then(Value::as_str).map(str::len), Some(100_000));
    }
    // Who takes less is told so, as of any other reply.
    let hello = r#"{"versions": [1, 1], "node": "small", "max_frame_bytes": 512, "software": "raw 1"}"#;
    let mut small = tills.rig.raw(Codec::Json).await;
    small.ask(&format!(r#"[0, 0, ["folkmoot/hello", [{hello}], {{}}]]"#)).await.result();
    let answer = small.ask(&request(1, "till/text", ask, "k")).await;
    assert_eq!(answer.code(), "bad-reply");
    assert_eq!(tills.runs(), 2);
    tills.rig.end().await;
}

#[folkmoot::test(crate = crate::hostile::left_behind)]
async fn a_key_that_is_too_long_is_refused_in_words() {
    let tills = Tills::with(tight()).await;
    for codec in Codec::ALL {
        let mut raw = tills.rig.rich(codec).await;
        let refused = raw.ask(&request(1, "till/set", "[1]", &"k".repeat(257))).await;
        assert_eq!(refused.code(), "bad-arguments");
        assert!(refused.exception().contains("headers.idempotency_key"), "{}", refused.exception());
        assert!(refused.exception().contains("longer than 256 bytes"), "{}", refused.exception());
        let longest = "k".repeat(256);
        assert_eq!(run_of(&mut raw, "till/set", "[1]", &longest).await, 1);
    }
    assert_eq!(tills.runs(), 1);
    tills.rig.end().await;
}

#[folkmoot::test(crate = crate::hostile::left_behind)]
async fn a_reply_is_given_again_to_none_but_its_own_principal_and_behind_the_gate() {
    let forge = Forge::new("ca");
    let target = Container::builder("tls://127.0.0.1:0").certs(forge.certs("target")).limits(tight());
    let honest = Container::builder("tls://127.0.0.1:0").certs(forge.certs("honest"));
    let target =
        target.allow("spiffe://test/node/honest", "*", "*").allow("spiffe://test/node/second", "till", "*");
    let tills = Tills::over(Rig::of(target, honest).await).await;
    let dial = async |name: &str| {
        let connection =
            TlsTransport::new(forge.certs(name)).dial(tills.rig.node.endpoint(), None).await.unwrap();
        let mut raw = Raw { stream: connection.stream, codec: Codec::Json, address: String::new() };
        raw.say_hello().await;
        raw
    };
    let mut honest = dial("honest").await;
    assert_eq!(run_of(&mut honest, "till/set", "[1]", "k").await, 1);
    let mut second = dial("second").await;
    assert_eq!(run_of(&mut second, "till/set", "[1]", "k").await, 2, "the same key of another");
    assert_eq!(run_of(&mut dial("honest").await, "till/set", "[1]", "k").await, 1);
    assert_eq!(run_of(&mut second, "till/set", "[1]", "k").await, 2);
    let denied = dial("third").await.ask(&request(1, "till/set", "[1]", "k")).await;
    assert_eq!(denied.code(), "denied");
    drop((honest, second));
    tills.rig.end().await;
}
