//! Links that cannot be opened, break, and come back.

use std::future::IntoFuture;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use folkmoot::prelude::*;

use super::conformance::Mirror;
use super::counts::Counts;
use super::left_behind::Watch;

async fn node(endpoint: &str) -> Container {
    super::limit::watch();
    Container::builder(endpoint).watched().await.unwrap()
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn a_failed_attempt_names_its_cause_and_does_not_spoil_the_next() {
    let client = node("tcp://127.0.0.1:0").await;
    let server = node("tcp://127.0.0.1:0").await;
    let (endpoint, url) = (server.endpoint().to_string(), server.url("mirror"));
    server.shutdown().await;
    for _ in 0..3 {
        let error = client.connect::<Mirror>(&url).await.unwrap_err();
        assert!(
            matches!(&error, CallError::Disconnected { may_have_run: false, cause } if cause.contains("refused")),
            "{error}"
        );
    }
    let server = node(&endpoint).await;
    let error = client.connect::<Mirror>(&url).await.unwrap_err();
    assert!(matches!(error, CallError::NoSuchAgent { .. }), "{error}");
    server.spawn("mirror", Mirror::default).await.unwrap();
    let mirror = client.connect::<Mirror>(&url).await.unwrap();
    assert_eq!(mirror.text("at last".into()).await.unwrap(), "at last");
    client.shutdown().await;
    server.shutdown().await;
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn the_same_proxy_works_again_after_the_peers_restart() {
    let client = node("tcp://127.0.0.1:0").await;
    let server = node("tcp://127.0.0.1:0").await;
    server.spawn("mirror", Mirror::default).await.unwrap();
    let endpoint = server.endpoint().to_string();
    let mirror: Proxy<Mirror> = client.connect(server.url("mirror")).await.unwrap();
    assert_eq!(mirror.text("one".into()).await.unwrap(), "one");
    server.shutdown_within(Duration::ZERO).await;
    let error = mirror.text("nobody".into()).await.unwrap_err();
    assert!(matches!(error, CallError::Disconnected { .. }), "{error}");
    let server = node(&endpoint).await;
    server.spawn("mirror", Mirror::default).await.unwrap();
    assert_eq!(mirror.text("two".into()).await.unwrap(), "two");
    client.shutdown().await;
    server.shutdown().await;
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn one_way_calls_that_never_left_are_counted() {
    let counts = Counts::default();
    let client = counts.during(node("tcp://127.0.0.1:0")).await;
    let server = node("tcp://127.0.0.1:0").await;
    server.spawn("mirror", Mirror::default).await.unwrap();
    let mirror: Proxy<Mirror> = client.connect(server.url("mirror")).await.unwrap();
    mirror.text("x".repeat(20 << 20)).one_way().unwrap();
    assert_eq!(counts.of("one_way_failures"), 1, "it was too long for a frame");
    server.shutdown().await;
    while counts.open_links() != 0.0 {
        tokio::task::yield_now().await;
    }
    for _ in 0..2 {
        mirror.text("nobody".into()).one_way().unwrap();
    }
    while counts.of("one_way_failures") < 3 {
        tokio::task::yield_now().await;
    }
    client.shutdown().await;
    mirror.text("nobody".into()).one_way().unwrap();
    assert_eq!(counts.of("one_way_failures"), 4, "after the shutdown");
}

/// Shuts its own node down.
#[derive(Agent)]
struct Closer {
    node: Container,
    in_stop: bool,
}

#[agent]
impl Closer {
    #[expose]
    async fn close(&mut self, ctx: &Context<Self>) {
        match self.in_stop {
            true => ctx.stop(),
            false => self.node.shutdown_within(Duration::from_millis(10)).await,
        }
    }

    #[stop]
    async fn close_at_last(&mut self) {
        self.node.shutdown_within(Duration::from_millis(10)).await;
    }
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn a_shutdown_that_an_agent_of_the_node_awaits_comes_to_its_end() {
    for (workers, in_stop) in [(1, false), (1, true), (3, false)] {
        let counts = Counts::default();
        let client = counts.during(node("tcp://127.0.0.1:0")).await;
        let server = Container::builder("tcp://127.0.0.1:0").workers(workers).watched().await.unwrap();
        for name in ["first", "second"] {
            let node = server.clone();
            server.spawn(name, move || Closer { node: node.clone(), in_stop }).await.unwrap();
        }
        let closer: Proxy<Closer> = client.connect(server.url("second")).await.unwrap();
        closer.close().one_way().unwrap();
        while counts.open_links() != 0.0 {
            tokio::task::yield_now().await;
        }
        server.shutdown().await;
        client.shutdown().await;
    }
}

/// Takes its time to end.
#[derive(Agent)]
struct Slow {
    ended: Arc<AtomicBool>,
}

#[agent]
impl Slow {
    #[stop]
    async fn tidy(&mut self) {
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        self.ended.store(true, Ordering::SeqCst);
    }
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn whoever_shuts_a_node_down_again_or_at_once_finds_it_ended() {
    for workers in [1, 3] {
        super::limit::watch();
        let server = Container::builder("tcp://127.0.0.1:0").workers(workers).watched().await.unwrap();
        let endpoint = server.endpoint().to_string();
        let ended = Arc::new(AtomicBool::new(false));
        let told = ended.clone();
        server.spawn("slow", move || Slow { ended: told.clone() }).await.unwrap();
        let shutdowns = (0..3).map(|nth| {
            let (server, ended) = (server.clone(), &ended);
            async move {
                match nth {
                    1 => server.shutdown_within(Duration::ZERO).await,
                    _ => server.shutdown().await,
                }
                assert!(ended.load(Ordering::SeqCst), "each of them waits for the end");
            }
        });
        futures_util::future::join_all(shutdowns).await;
        server.shutdown().await;
        server.clone().shutdown_within(Duration::ZERO).await;
        // It stays ended, says so, and keeps nobody from its place.
        let error = server.spawn("late", Mirror::default).await.map(drop).unwrap_err();
        assert!(matches!(error, folkmoot::SpawnError::ShutDown), "{error}");
        let error = server.connect::<Mirror>(format!("{endpoint}/mirror")).await.map(drop).unwrap_err();
        assert!(matches!(error, CallError::NoSuchAgent { .. } | CallError::Disconnected { .. }), "{error}");
        let next = node(&endpoint).await;
        server.shutdown().await;
        next.shutdown().await;
    }
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn a_retry_waits_for_a_server_that_comes_later() {
    let client = node("tcp://127.0.0.1:0").await;
    let server = node("tcp://127.0.0.1:0").await;
    let (endpoint, url) = (server.endpoint().to_string(), server.url("mirror"));
    server.shutdown().await;
    let connect = client.connect::<Mirror>(&url).retry_for(Duration::from_secs(30));
    let come = async {
        let server = node(&endpoint).await;
        server.spawn("mirror", Mirror::default).await.unwrap();
        server
    };
    // The first attempt is refused before the server comes.
    let (mirror, server) = tokio::join!(connect.into_future(), come);
    // It may have met the container before its agent; then the next attempt finds it.
    let mirror = match mirror {
        Ok(mirror) => mirror,
        Err(CallError::NoSuchAgent { .. }) => client.connect::<Mirror>(&url).await.unwrap(),
        Err(error) => panic!("{error}"),
    };
    assert_eq!(mirror.text("hi".into()).await.unwrap(), "hi");
    client.shutdown().await;
    server.shutdown().await;
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn pending_calls_learn_at_once_that_the_link_broke() {
    let client = node("tcp://127.0.0.1:0").await;
    let server = node("tcp://127.0.0.1:0").await;
    server.spawn("mirror", Mirror::default).await.unwrap();
    let mirror: Proxy<Mirror> = client.connect(server.url("mirror")).await.unwrap();
    let pending = actix::spawn(mirror.late(u32::MAX));
    mirror.text("the call before has arrived".into()).await.unwrap();
    server.shutdown_within(Duration::ZERO).await;
    let error = pending.await.unwrap().unwrap_err();
    let told = matches!(
        error,
        CallError::AgentStopped { may_have_run: true, .. }
            | CallError::Disconnected { may_have_run: true, .. }
    );
    assert!(told, "{error}");
    client.shutdown().await;
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn a_shut_down_container_refuses_its_own_calls() {
    let client = node("tcp://127.0.0.1:0").await;
    let server = node("tcp://127.0.0.1:0").await;
    server.spawn("mirror", Mirror::default).await.unwrap();
    let mirror: Proxy<Mirror> = client.connect(server.url("mirror")).await.unwrap();
    client.shutdown().await;
    let error = mirror.text("late".into()).await.unwrap_err();
    assert!(matches!(&error, CallError::Disconnected { may_have_run: false, .. }), "{error}");
    server.shutdown().await;
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn the_patience_of_one_is_not_anothers() {
    let client = node("tcp://127.0.0.1:0").await;
    let server = node("tcp://127.0.0.1:0").await;
    let url = server.url("mirror");
    server.shutdown().await;
    let patient = actix::spawn(client.connect::<Mirror>(&url).retry_forever().into_future());
    tokio::task::yield_now().await;
    // It joins the attempts of the other, and leaves them with the first that fails.
    let error = client.connect::<Mirror>(&url).await.unwrap_err();
    assert!(matches!(&error, CallError::Disconnected { may_have_run: false, .. }), "{error}");
    assert!(!patient.is_finished());
    client.shutdown().await;
    let error = patient.await.unwrap().unwrap_err();
    assert!(error.to_string().contains("shut down"), "{error}");
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn a_container_that_was_shut_down_opens_no_links() {
    let client = node("tcp://127.0.0.1:0").await;
    let server = node("tcp://127.0.0.1:0").await;
    server.spawn("mirror", Mirror::default).await.unwrap();
    client.shutdown_within(Duration::MAX).await;
    let error = client.connect::<Mirror>(server.url("mirror")).await.unwrap_err();
    assert!(error.to_string().contains("shut down"), "{error}");
    server.shutdown().await;
}

/// Has patience of its own.
#[derive(Agent, Default)]
struct Patient;

#[agent]
impl Patient {
    #[expose]
    async fn ask(&self, ctx: &Context<Self>, url: String) -> Result<String, String> {
        let connect = ctx.connect::<Mirror>(url).retry_for(Duration::from_secs(30));
        let mirror = connect.await.map_err(|error| error.to_string())?;
        mirror.text("at last".into()).await.map_err(|error| error.to_string())
    }
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn an_agent_connects_with_the_same_patience_as_a_program() {
    let client = node("tcp://127.0.0.1:0").await;
    let server = node("tcp://127.0.0.1:0").await;
    let (endpoint, url) = (server.endpoint().to_string(), server.url("mirror"));
    server.shutdown().await;
    let patient = client.spawn("patient", Patient::default).await.unwrap();
    let asked = patient.ask(url.clone());
    let come = async {
        // Its first attempt is refused, as this one is.
        let error = client.connect::<Mirror>(&url).await.unwrap_err();
        assert!(matches!(error, CallError::Disconnected { .. }), "{error}");
        let server = node(&endpoint).await;
        server.spawn("mirror", Mirror::default).await.unwrap();
        server
    };
    let (told, server) = tokio::join!(asked.into_future(), come);
    match told {
        Ok(text) => assert_eq!(text, "at last"),
        // It met the container before its agent.
        Err(CallError::Agent(error)) => assert!(error.contains("there is no agent"), "{error}"),
        Err(error) => panic!("{error}"),
    }
    // In its own container it needs no link.
    client.spawn("mirror", Mirror::default).await.unwrap();
    assert_eq!(patient.ask(client.url("mirror")).await.unwrap(), "at last");
    client.shutdown().await;
    server.shutdown().await;
}
