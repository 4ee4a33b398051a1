//! A Manager driven by a peer in Rust, and by one that says no Hello.
//!
//! Neighbour: `platform/tests/aiomas/manager.py` drives one from aiomas.
#![allow(clippy::disallowed_methods, reason = "a test that hangs should fail instead")]

use std::time::Duration;

use folkmoot::prelude::*;
use folkmoot::{AllArguments, Date, Exception, ExternalClock, Managed, Manager, ManagerSetup, Value};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::left_behind::Watch;

/// How long a test waits for what should take milliseconds.
const PATIENCE: Duration = Duration::from_secs(20);

#[derive(Agent)]
struct Meter {
    street: String,
    since: Option<Date>,
}

#[agent]
impl Meter {
    #[expose]
    fn street(&self) -> (String, Option<Date>) {
        (self.street.clone(), self.since)
    }

    #[expose]
    async fn wake_at(&self, ctx: &Context<Self>, seconds: u64) -> String {
        ctx.sleep(Duration::from_secs(seconds)).await;
        ctx.clock().now().to_string()
    }
}

async fn managed() -> (Container, Managed, ExternalClock) {
    let clock = ExternalClock::starting_at("2014-01-01T00:00:00".parse().unwrap(), -1.0).unwrap();
    let hall = Container::builder("tcp://127.0.0.1:0").watched_with(clock.clone()).await.unwrap();
    let setup = ManagerSetup::new()
        .kind("grid:meter", || Meter { street: "none".into(), since: None })
        .kind_with("grid:meter_in", &["street", "since"], |(street, since): (String, Option<Date>)| Meter {
            street,
            since,
        })
        .clock(&clock);
    let managed = setup.spawn(&hall).await.unwrap();
    (hall, managed, clock)
}

fn wanted(positional: Vec<Value>, keyword: &[(&str, Value)]) -> AllArguments {
    let keyword = keyword.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    AllArguments { positional, keyword }
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn a_peer_in_rust_spawns_agents_sets_the_clock_and_has_the_container_end() {
    let (hall, managed, clock) = managed().await;
    let driver = Container::builder("tcp://127.0.0.1:0").watched().await.unwrap();
    let manager: Proxy<Manager> = driver.connect(hall.url("0")).await.unwrap();
    let (plain, url) = manager.spawn(wanted(vec!["grid:meter".into()], &[])).await.unwrap();
    assert_eq!(
        (url.as_str(), plain.call("street", [0; 0]).await.unwrap().to_string()),
        (&*hall.url("1"), "[\"none\", null]".into())
    );
    let since = [("since", "2020-01-01T00:00:00+00:00".into())];
    let (named, url) =
        manager.spawn(wanted(vec!["grid:meter_in".into(), "High Street".into()], &since)).await.unwrap();
    assert_eq!(url.to_string(), hall.url("2"));
    let street = named.call("street", [0; 0]).await.unwrap();
    assert_eq!(street.to_string(), r#"["High Street", "2020-01-01T00:00:00+00:00"]"#);
    let meter: Proxy<Meter> = driver.connect(url.as_str()).await.unwrap();

    for (arguments, words) in [
        (wanted(vec!["grid:metre".into()], &[]), "did you mean \"grid:meter\"?"),
        (wanted(vec!["os:system".into()], &[]), "known are grid:meter, grid:meter_in"),
        (wanted(vec!["grid:meter".into(), 5.into()], &[]), "at most 0 arguments"),
        (wanted(vec!["grid:meter_in".into(), 5.into()], &[]), "street: expected a string"),
        (wanted(vec!["grid:meter_in".into()], &[("town", "x".into())]), "street: the argument is missing"),
        (wanted(vec![5.into()], &[]), "is a text"),
        (wanted(vec![], &[("kind", "grid:meter".into())]), "the first argument"),
    ] {
        let refused = manager.spawn(arguments).await.unwrap_err();
        assert!(
            matches!(&refused, CallError::Agent(Exception { message, .. }) if message.contains(words)),
            "{refused}"
        );
    }

    manager.set_time(0.0).await.unwrap();
    let (moment, set) = tokio::join!(meter.wake_at(900), async {
        // On its way before: calls of one caller are in order, these have two.
        while meter.street().await.unwrap().0.is_empty() {}
        manager.set_time(3600.0).await
    });
    set.unwrap();
    assert_eq!((moment.unwrap().as_str(), clock.time()), ("2014-01-01T00:15:00+00:00", 3600.0));
    let past = manager.set_time(60.0).await.unwrap_err();
    let said = "Time must be > 3600 but is 60";
    assert!(
        matches!(&past, CallError::Agent(Exception { kind, message }) if kind == "ValueError" && message == said),
        "{past}"
    );
    manager.stop().await.unwrap();
    manager.stop().await.unwrap();
    timeout(PATIENCE, managed.stopped()).await.unwrap();
    driver.shutdown().await;
    hall.shutdown().await;
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn a_plain_peer_gets_a_proxy_and_the_url_as_aiomas_writes_it() {
    let (hall, managed, _) = managed().await;
    let mut stream = TcpStream::connect(hall.endpoint().host_and_port().unwrap()).await.unwrap();
    let mut ask = async |method: &str, arguments: &str| {
        let request = format!(r#"[0, 3, ["agents/{method}", {arguments}, {{}}]]"#);
        let length = u32::try_from(request.len()).unwrap();
        stream.write_all(&[&length.to_be_bytes()[..], request.as_bytes()].concat()).await.unwrap();
        let read = async {
            let length = stream.read_u32().await.unwrap();
            let mut payload = vec![0; usize::try_from(length).unwrap()];
            stream.read_exact(&mut payload).await.unwrap();
            String::from_utf8(payload).unwrap()
        };
        timeout(PATIENCE, read).await.expect("an answer")
    };
    let spawned =
        ask("0/spawn", r#"["grid:meter_in", "High Street", {"__type__": [0, "2020-01-01"]}]"#).await;
    assert_eq!(spawned, format!(r#"[1,3,[{{"__type__":[1,"agents/1"]}},"{}"]]"#, hall.aiomas_url("1")));
    let street = ask("1/street", "[]").await;
    assert_eq!(street, r#"[1,3,["High Street",{"__type__":[0,"2020-01-01T00:00:00+00:00"]}]]"#);
    assert_eq!(ask("0/set_time", "[0]").await, "[1,3,null]");
    assert_eq!(ask("0/set_time", "[0]").await, r#"[2,3,"ValueError: Time must be > 0 but is 0\n"]"#);
    let refused = ask("0/spawn", r#"["nonsense"]"#).await;
    assert!(refused.starts_with(r#"[2,3,"ValueError: there is no kind of agent"#), "{refused}");
    assert_eq!(ask("0/stop", "[]").await, "[1,3,null]");
    timeout(PATIENCE, managed.stopped()).await.unwrap();
    hall.shutdown().await;
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn a_manager_without_a_clock_says_so() {
    let hall = Container::builder("tcp://127.0.0.1:0").watched().await.unwrap();
    let managed = ManagerSetup::new().spawn(&hall).await.unwrap();
    let refused = managed.proxy().set_time(1.0).await.unwrap_err();
    assert!(refused.to_string().contains("none that can be set"), "{refused}");
    hall.shutdown().await;
    // Nobody will say it any more.
    timeout(PATIENCE, managed.stopped()).await.unwrap();
}
