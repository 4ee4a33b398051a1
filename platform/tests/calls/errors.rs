//! Refusals name their cause, and the nearest name where a name is wrong.

use std::time::Duration;

use folkmoot::prelude::*;
use folkmoot::{LinkLimits, SpawnError, StartError, Untyped, Value};

use super::counter::{Counter, hall};

#[folkmoot::test]
async fn wrong_names_get_the_nearest_right_one() {
    let server = hall().await;
    server.spawn("counter", Counter::default).await.unwrap();
    let error = server.find::<Counter>("conter").unwrap_err();
    assert_eq!(error, CallError::NoSuchAgent { agent: "conter".into(), nearest: Some("counter".into()) });
    let client = hall().await;
    let far: Proxy<Untyped> = client.connect(server.url("counter")).await.unwrap();
    let error = far.call("totl", [0; 0]).await.unwrap_err();
    assert_eq!(
        error,
        CallError::NoSuchMethod {
            agent: "counter".into(),
            method: "totl".into(),
            nearest: Some("total".into())
        }
    );
    let error = client.connect::<Counter>(server.url("nobody")).await.unwrap_err();
    assert!(matches!(error, CallError::NoSuchAgent { .. }), "{error}");
    client.shutdown().await;
    server.shutdown().await;
}

#[folkmoot::test]
async fn bad_arguments_name_the_path_of_the_wrong_value() {
    let hall = hall().await;
    let counter = hall.spawn("counter", Counter::default).await.unwrap();
    let untyped: Proxy<Untyped> = Proxy::cast(&counter).unwrap();
    let values = Value::List(vec![Value::Float(1.0), Value::Text("x".into())]);
    let error = untyped.call("histogram", [values, Value::Map(Vec::new())]).await.unwrap_err();
    match error {
        CallError::BadArguments { method, path, reason } => {
            assert_eq!((method.as_str(), path.as_str()), ("histogram", "values[1]"), "{reason}");
        }
        other => panic!("{other}"),
    }
    for wrong in [vec![], vec![Value::Int(1), Value::Int(2)], vec![Value::Null]] {
        let error = untyped.call("add", wrong).await.unwrap_err();
        assert!(matches!(error, CallError::BadArguments { .. }), "{error}");
    }
    assert_eq!(counter.total().await, Ok(0), "a refused call changed the state");
    hall.shutdown().await;
}

#[folkmoot::test]
async fn agents_names_are_checked_and_belong_to_one_agent_at_a_time() {
    let hall = hall().await;
    hall.spawn("counter", Counter::default).await.unwrap();
    let never = || -> Counter { panic!("the factory of an agent without a name was called") };
    let taken = hall.spawn("counter", never).await.unwrap_err();
    tokio::task::yield_now().await;
    assert_eq!(hall.agents(), ["counter"]);
    assert_eq!(taken, SpawnError::NameTaken { name: "counter".into() });
    for name in ["", ".", "..", "*", "a/b", "a?b", "a#b", "a%b", "a b", "a\n", &"x".repeat(100_000)] {
        let bad = hall.spawn(name, Counter::default).await.unwrap_err();
        assert!(matches!(bad, SpawnError::BadName { .. }), "{name:?}: {bad}");
        assert!(bad.to_string().len() < 300, "{bad}");
    }
    hall.stop("counter", Duration::from_secs(1)).await.unwrap();
    assert!(hall.agents().is_empty());
    hall.spawn("counter", Counter::default).await.unwrap();
    hall.shutdown().await;
    let late = hall.spawn("late", Counter::default).await.unwrap_err();
    assert_eq!(late, SpawnError::ShutDown);
}

#[folkmoot::test]
async fn addresses_that_lead_nowhere_are_no_broken_links() {
    let hall = hall().await;
    for (url, words) in [
        ("counter", "`counter` is no address: it has no scheme"),
        ("http://host:1/counter", "its scheme is unknown"),
        ("tcp://host/counter", "it has no port"),
        ("tcp://host:1/", "names no agent: write one behind it, as in tcp://host:1/counter"),
        ("unix:///run/hall", "names no agent: write one behind it, as in unix:///run/hall:counter"),
        ("unix://run/hall:counter", "write three slashes"),
        ("tls://host:1/counter", "no link to tls://host:1: tls:// needs certificates"),
        ("unix+tls:///x:counter", "no link to unix+tls:///x: unix+tls:// needs certificates"),
    ] {
        for error in [
            hall.connect::<Counter>(url).await.unwrap_err(),
            hall.connect::<Counter>(url).describe().await.unwrap_err(),
        ] {
            assert!(matches!(&error, CallError::BadAddress { .. }), "{error:?}");
            assert!(error.to_string().contains(words), "{error}");
        }
    }
    hall.shutdown().await;
}

#[folkmoot::test]
async fn long_names_are_cut_in_errors() {
    let (server, client) = (hall().await, hall().await);
    server.spawn("counter", Counter::default).await.unwrap();
    let name = "x".repeat(100_000);
    let far: Proxy<Untyped> = client.connect(server.url("counter")).await.unwrap();
    let near: Proxy<Untyped> = server.find("counter").unwrap();
    let url = server.url(&name);
    for error in [
        server.find::<Counter>(&name).unwrap_err().to_string(),
        client.connect::<Counter>(&url).await.unwrap_err().to_string(),
        client.connect::<Counter>(&url).describe().await.unwrap_err().to_string(),
        near.call(&name, [0; 0]).await.unwrap_err().to_string(),
        far.call(&name[..900], [0; 0]).await.unwrap_err().to_string(),
        far.call(&name, [0; 0]).await.unwrap_err().to_string(),
    ] {
        assert!(error.len() < 300 && error.contains("bytes"), "{error}");
    }
    client.shutdown().await;
    server.shutdown().await;
}

#[folkmoot::test]
async fn a_stopped_agent_says_so_to_its_proxies() {
    let hall = hall().await;
    let counter = hall.spawn("counter", Counter::default).await.unwrap();
    hall.stop("counter", Duration::from_secs(1)).await.unwrap();
    let error = counter.add(1).await.unwrap_err();
    assert_eq!(
        error,
        CallError::AgentStopped { agent: "counter".into(), cause: "stopped".into(), may_have_run: false }
    );
    assert!(counter.add(1).one_way().is_err());
    hall.shutdown().await;
}

#[folkmoot::test]
async fn an_insecure_or_impossible_container_does_not_start() {
    let start = |endpoint: &str| Container::builder(endpoint).start();
    assert!(matches!(start("tcp://0.0.0.0:0").await, Err(StartError::Insecure { .. })));
    assert!(matches!(start("tls://127.0.0.1:0").await, Err(StartError::NoCerts { .. })));
    assert!(matches!(start("nowhere").await, Err(StartError::Address(_))));
    // What a `main` that returns the error prints.
    let shown = format!("{:?}", folkmoot::Error::from(start("tls://127.0.0.1:0").await.unwrap_err()));
    assert_eq!(shown, "`tls://127.0.0.1:0` needs certificates: give the builder `.certs(..)`");
    let rule = Container::builder("tcp://127.0.0.1:0").allow("a*b", "x", "y").start().await;
    assert!(matches!(rule, Err(StartError::Rule(_))));
    let first = hall().await;
    let taken = start(&first.endpoint().to_string()).await;
    assert!(matches!(taken, Err(StartError::Listen(_))), "{taken:?}");
    let error = folkmoot::Error::from(taken.unwrap_err());
    for text in [error.to_string(), format!("{error:?}")] {
        assert!(text.starts_with("cannot listen at tcp://127.0.0.1:"), "{text}");
        for words in ["cannot listen", "in use", "127.0.0.1"] {
            assert_eq!(text.matches(words).count(), 1, "{text}");
        }
    }
    first.shutdown().await;
}

#[folkmoot::test]
async fn values_that_cannot_be_are_refused_in_the_words_of_the_code() {
    let builder = || Container::builder("tcp://127.0.0.1:0");
    let limited = |change: fn(&mut LinkLimits)| {
        let mut limits = LinkLimits::default();
        change(&mut limits);
        builder().limits(limits)
    };
    for (builder, words) in [
        (builder().workers(0), ".workers(0)"),
        (builder().cluster("two\nlines"), ".cluster(..)"),
        (builder().deadline(Duration::ZERO), ".deadline(..)"),
        (limited(|limits| limits.frame.max_frame_bytes = 0), "`limits.frame`: max_frame_bytes is 0"),
        (limited(|limits| limits.max_requests_in_hand = 0), "max_requests_in_hand"),
        (limited(|limits| limits.certs_check_time = Duration::ZERO), "certs_check_time"),
        (limited(|limits| limits.write_stall_time = Duration::ZERO), "write_stall_time"),
        (builder().advertise("x/y"), ".advertise(\"x/y\")"),
        (builder().allow("*", "a b", "add"), "`a b` is no agent's name"),
        (builder().allow("*", "counter", "add one"), "`add one` is no method's name"),
    ] {
        let error = builder.start().await.unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
    let hall = hall().await;
    let spawn = || hall.spawn("counter", Counter::default);
    for (spawn, words) in [
        (spawn().capacity(0), ".capacity(0)"),
        (spawn().start_deadline(Duration::ZERO), ".start_deadline(..)"),
        (spawn().intensity(3, Duration::ZERO), ".intensity(..)"),
    ] {
        let error = spawn.await.unwrap_err().to_string();
        assert!(error.contains("\"counter\" was not spawned") && error.contains(words), "{error}");
    }
    spawn().intensity(0, Duration::ZERO).await.unwrap();
    hall.shutdown().await;
}

#[test]
fn without_a_runtime_a_container_says_what_it_needs() {
    let start = std::pin::pin!(Container::builder("tcp://127.0.0.1:0").start());
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    match std::future::Future::poll(start, &mut cx) {
        std::task::Poll::Ready(Err(StartError::NoRuntime)) => {}
        other => panic!("{other:?}"),
    }
}
