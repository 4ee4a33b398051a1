//! Agents that misbehave towards links, and callers that go away.
//!
//! Neighbours: `calls.rs` beside this folder has the same within one process; `takers.rs` has long replies.

use std::time::Duration;

use folkmoot::prelude::*;
use folkmoot::{CallError, Restart};

use super::rig::{Rig, Victim, tight, until};

#[folkmoot::test(crate = crate::hostile::left_behind)]
async fn a_reply_that_cannot_be_encoded_fails_its_call_and_no_other() {
    for codec in [Codec::Json, Codec::MsgPack] {
        let rig = Rig::start().await;
        let caller = Container::builder("tcp://127.0.0.1:0").codec(codec).start().await.unwrap();
        let proxy: Proxy<Victim> = caller.connect(rig.node.url("victim")).await.unwrap();
        let waiting = actix_rt::spawn({
            let proxy = proxy.clone();
            async move { proxy.wait(1).await }
        });
        let error = proxy.unsayable().await.unwrap_err();
        let CallError::BadReply { reason } = error else { panic!("{error:?}") };
        assert!(!reason.is_empty());
        rig.released.add_permits(1);
        assert_eq!(waiting.await.unwrap().unwrap(), "x", "the link lives");
        caller.shutdown().await;
        rig.end().await;
    }
}

#[folkmoot::test(crate = crate::hostile::left_behind)]
async fn a_reply_over_the_frame_limit_fails_its_call_and_no_other() {
    let rig = Rig::start().await;
    let opened = rig.counts.of("links_opened");
    for bytes in [16 << 20, (16 << 20) - 5, 40 << 20] {
        let error = rig.proxy.text(bytes).await.unwrap_err();
        let CallError::BadReply { reason } = error else { panic!("{error:?}") };
        assert!(
            reason.contains("longer than 16777216 bytes") && reason.contains("max_frame_bytes"),
            "{reason}"
        );
    }
    assert_eq!(rig.proxy.text((16 << 20) - 100).await.unwrap().len(), (16 << 20) - 100);
    assert_eq!(rig.counts.of("links_opened"), opened);
    rig.end().await;
}

#[folkmoot::test(crate = crate::hostile::left_behind)]
async fn arguments_over_the_frame_limit_are_never_sent() {
    let rig = Rig::start().await;
    let error = rig.proxy.length("x".repeat(16 << 20)).await.unwrap_err();
    let CallError::Unencodable { reason } = error else { panic!("{error:?}") };
    assert!(reason.contains("longer than 16777216 bytes"), "{reason}");
    assert_eq!(rig.proxy.length("x".repeat(15 << 20)).await, Ok(15 << 20));
    rig.end().await;
}

type Calls = Vec<tokio::task::JoinHandle<Result<i64, CallError>>>;

/// One exclusive call that runs, and calls that are queued behind it.
async fn running_and_queued(rig: &Rig) -> (tokio::task::JoinHandle<Result<bool, CallError>>, Calls) {
    let frames = rig.counts.of("frames_in");
    let proxy = rig.proxy.clone();
    let running = actix_rt::spawn(async move { proxy.hold().await });
    rig.counted("frames_in", frames + 1).await;
    let queued = (0..3).map(|_| {
        let proxy = rig.proxy.clone();
        actix_rt::spawn(async move { proxy.add(1).await })
    });
    let queued = queued.collect();
    rig.counted("frames_in", frames + 4).await;
    (running, queued)
}

#[folkmoot::test(crate = crate::hostile::left_behind)]
async fn callers_of_an_agent_that_is_stopped_learn_it_and_whether_they_were_heard() {
    let rig = Rig::start().await;
    let (running, queued) = running_and_queued(&rig).await;
    rig.node.stop("victim", Duration::from_millis(50)).await.unwrap();
    let error = running.await.unwrap().unwrap_err();
    assert!(matches!(error, CallError::AgentStopped { may_have_run: true, .. }), "{error:?}");
    for call in queued {
        let error = call.await.unwrap().unwrap_err();
        assert!(matches!(error, CallError::AgentStopped { may_have_run: false, .. }), "{error:?}");
    }
    let error = rig.proxy.total().await.unwrap_err();
    assert!(matches!(error, CallError::NoSuchAgent { .. }), "{error:?}");
    let released = rig.released.clone();
    rig.node.spawn("victim", move || Victim::over(&released)).await.unwrap();
    assert_eq!(rig.proxy.total().await.unwrap(), 0, "the same link and proxy reach its successor");
    rig.end().await;
}

#[folkmoot::test(crate = crate::hostile::left_behind)]
async fn callers_of_an_agent_that_crashes_learn_it_and_the_queued_ones_are_served() {
    let rig = Rig::start().await;
    let frames = rig.counts.of("frames_in");
    let waiting = rig.waiting_call();
    rig.counted("frames_in", frames + 1).await;
    let error = rig.proxy.shared_panic().await.unwrap_err();
    assert!(matches!(error, CallError::AgentPanicked { .. }), "{error:?}");
    rig.released.add_permits(1);
    // A shared turn that was in flight ends on the state it began with, or is told that it did not.
    match waiting.await.unwrap() {
        Ok(text) => assert_eq!(text, "x"),
        Err(error) => {
            assert!(matches!(error, CallError::AgentRestarted { may_have_run: true, .. }), "{error:?}")
        }
    }
    assert_eq!(rig.node.restarts("victim").unwrap(), 1);
    rig.end().await;
}

#[folkmoot::test(crate = crate::hostile::left_behind)]
async fn an_agent_that_stays_down_answers_everyone_who_waits() {
    let rig = Rig::start().await;
    let released = rig.released.clone();
    let spawn = rig.node.spawn("mortal", move || Victim::over(&released));
    spawn.restart(Restart::Temporary).await.unwrap();
    let mut raw = rig.rich(Codec::Json).await;
    raw.send(r#"[0, 1, ["agents/mortal/wait", [1], {}]]"#).await;
    raw.send(r#"[0, 2, ["agents/mortal/shared_panic", [], {}]]"#).await;
    raw.send(r#"[0, 3, ["agents/mortal/total", [], {}]]"#).await;
    let mut codes = Vec::new();
    for _ in 0..3 {
        let answer = raw.answer().await;
        codes.push((answer.id.as_u64().unwrap(), answer.code().to_owned()));
    }
    codes.sort();
    assert_eq!(codes[0], (1, "agent-stopped".into()));
    assert_eq!(codes[1], (2, "agent-panicked".into()));
    assert!(codes[2].1 == "agent-stopped" || codes[2].1 == "no-such-agent", "{codes:?}");
    rig.end().await;
}

#[folkmoot::test(crate = crate::hostile::left_behind)]
async fn a_deadline_that_passes_while_the_callee_works_ends_the_call_on_both_sides() {
    let rig = Rig::start().await;
    let error = rig.proxy.wait(1).deadline(Duration::from_millis(50)).await.unwrap_err();
    let CallError::DeadlineExceeded { after, may_have_run: true, chain } = error else { panic!("{error:?}") };
    assert_eq!(after, Duration::from_millis(50));
    assert_eq!(chain.len(), 1, "{chain:?}");
    rig.counted("cancels", 1).await;
    rig.end().await;
}

#[folkmoot::test(crate = crate::hostile::left_behind)]
async fn the_calls_of_a_client_that_is_gone_are_taken_back() {
    let rig = Rig::start().await;
    let mut raw = rig.rich(Codec::MsgPack).await;
    for id in 0..50 {
        raw.send(&format!(r#"[0, {id}, ["agents/victim/wait", [1], {{}}]]"#)).await;
    }
    raw.send(r#"[0, 99, ["agents/victim/hold", [], {}]]"#).await;
    raw.ask(r#"[0, 100, ["folkmoot/ping", [], {}]]"#).await.result();
    raw.send(r#"[0, 101, ["folkmoot/goodbye", ["gone"], {}]]"#).await;
    drop(raw);
    rig.counted("cancels", 51).await;
    until("its link is closed", || rig.counts.open_links() == 1.0).await;
    rig.end().await;
}

#[folkmoot::test(crate = crate::hostile::left_behind)]
async fn a_flood_of_calls_to_one_agent_is_refused_at_its_capacity() {
    let rig = Rig::with(tight()).await;
    let mut raw = rig.rich(Codec::MsgPack).await;
    for id in 0..1100 {
        raw.send(&format!(r#"[0, {id}, ["agents/victim/wait", [1], {{}}]]"#)).await;
    }
    for _ in 0..76 {
        let answer = raw.answer().await;
        assert_eq!(answer.code(), "overloaded");
        assert!(
            answer.exception().contains("turns of agent \"victim\" (limit 1024)"),
            "{}",
            answer.exception()
        );
    }
    rig.counted("overloads", 76).await;
    rig.released.add_permits(1);
    for _ in 0..1024 {
        raw.answer().await.result();
    }
    rig.end().await;
}
