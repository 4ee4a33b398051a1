//! Peers that say no Hello: values of special types, proxies that are bound to the connection, and what protects both ends.
//!
//! The peer is bytes on a socket, in JSON. Neighbour: `recorded.rs` replays what aiomas itself has written.
#![allow(clippy::disallowed_methods, reason = "a test that hangs should fail instead")]

use std::time::Duration;

use folkmoot::prelude::*;
use folkmoot::{AllArguments, Date, Exception, Serializable, Value};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use super::left_behind::Watch;

/// How long a test waits for what should take milliseconds.
const PATIENCE: Duration = Duration::from_secs(20);

/// A value with a place among those that both ends register.
#[derive(Clone, Debug, PartialEq, Serializable)]
struct Point {
    x: i64,
    #[serde(rename = "y")]
    heights: Vec<f64>,
    seen: Date,
}

/// One that is registered nowhere.
#[derive(Clone, Debug, PartialEq, Serializable)]
struct Stranger {
    name: String,
}

#[derive(Default)]
struct Math;

#[object]
impl Math {
    #[expose]
    fn mul(&self, a: i64, b: i64) -> i64 {
        a * b
    }
}

/// What plain peers are known to have.
#[agent]
trait Echoing {
    fn echo(&self, value: Value) -> Value;
}

#[derive(Agent, Default)]
struct Host {
    math: Math,
    kept: Option<Proxy<dyn Echoing>>,
}

#[agent]
impl Host {
    #[object]
    fn math(&self) -> &Math {
        &self.math
    }

    #[expose]
    fn echo(&self, value: Value) -> Value {
        value
    }

    #[expose]
    fn all(&self, arguments: AllArguments) -> Value {
        let AllArguments { positional, keyword } = arguments;
        vec![("args", Value::List(positional)), ("kwargs", keyword.into())].into()
    }

    #[expose]
    async fn via(&self, proxy: Proxy<dyn Echoing>, value: Value) -> Result<Value, Exception> {
        Ok(proxy.echo(value).await?)
    }

    #[expose]
    fn keep(&mut self, proxy: Proxy<dyn Echoing>) {
        self.kept = Some(proxy);
    }

    #[expose]
    fn kept(&self) -> Option<Proxy<dyn Echoing>> {
        self.kept.clone()
    }

    #[expose]
    async fn call_kept(&self, value: Value) -> Result<Value, String> {
        let kept = self.kept.as_ref().ok_or("nobody")?;
        kept.echo(value).await.map_err(|error| format!("{}: {error}", error.code()))
    }

    #[expose]
    fn itself(&self, ctx: &Context<Self>) -> (Proxy<Host>, Proxy<Math>) {
        (ctx.own_proxy(), Proxy::object(&ctx.own_proxy(), "math"))
    }

    #[expose]
    fn later(&self, date: Date, seconds: f64) -> Result<Date, Exception> {
        date.plus_seconds(seconds).map_err(Exception::value_error)
    }

    #[expose]
    fn moved(&self, mut point: Point) -> Point {
        point.x += 1;
        point
    }

    #[expose]
    fn stranger(&self) -> Stranger {
        Stranger { name: "nobody".into() }
    }
}

/// A container with the agent "0", and registered types: the date is 0, a point 1, a proxy 2.
async fn host() -> Container {
    let builder = Container::builder("tcp://127.0.0.1:0").codec(Codec::Json).serializer::<Point>();
    let container = builder.watched().await.unwrap();
    container.spawn("0", Host::default).await.unwrap();
    container
}

/// The other end of a link, by hand.
struct Raw(TcpStream);

impl Raw {
    async fn dial(container: &Container) -> Raw {
        Raw(TcpStream::connect(container.endpoint().host_and_port().unwrap()).await.unwrap())
    }

    async fn send(&mut self, json: &str) {
        let length = u32::try_from(json.len()).unwrap();
        self.0.write_all(&[&length.to_be_bytes()[..], json.as_bytes()].concat()).await.unwrap();
    }

    /// The next payload.
    async fn next(&mut self) -> String {
        let read = async {
            let length = self.0.read_u32().await.unwrap();
            let mut payload = vec![0; usize::try_from(length).unwrap()];
            self.0.read_exact(&mut payload).await.unwrap();
            String::from_utf8(payload).unwrap()
        };
        timeout(PATIENCE, read).await.expect("something comes")
    }

    async fn ask(&mut self, json: &str) -> String {
        self.send(json).await;
        self.next().await
    }
}

fn request(method: &str, arguments: &str) -> String {
    format!(r#"[0, 7, ["agents/0/{method}", {arguments}, {{}}]]"#)
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn an_object_of_the_peers_is_called_over_the_connection_while_its_call_waits() {
    let host = host().await;
    let mut raw = Raw::dial(&host).await;
    for (path, method) in
        [("agents/5", "agents/5/echo"), ("agents/5/a/b", "agents/5/a/b/echo"), ("", "echo"), ("x", "x/echo")]
    {
        raw.send(&request("via", &format!(r#"[{{"__type__": [2, "{path}"]}}, [1, "two"]]"#))).await;
        let call = raw.next().await;
        let (head, rest) = call.split_once(",[\"").unwrap();
        assert_eq!(rest, format!(r#"{method}",[[1,"two"]],{{}}]]"#), "no headers, no Hello");
        let id = head.strip_prefix("[0,").unwrap();
        assert_eq!(raw.ask(&format!(r#"[1, {id}, {{"k": null}}]"#)).await, r#"[1,7,{"k":null}]"#);
    }
    // What it raises is raised again, and what is no path is refused.
    raw.send(&request("via", r#"[{"__type__": [2, "agents/5"]}, 1]"#)).await;
    let call = raw.next().await;
    let id = call.strip_prefix("[0,").unwrap().split_once(',').unwrap().0.to_owned();
    let traceback = r#"Traceback (most recent call last):\n  File \"/home/x.py\"\nKeyError: 'k'\n"#;
    assert_eq!(raw.ask(&format!(r#"[2, {id}, "{traceback}"]"#)).await, r#"[2,7,"KeyError: 'k'\n"]"#);
    for (proxy, words) in [
        (r#"{"__type__": [2, 5]}"#, "expected a string"),
        (r#"{"__type__": [1, "agents/5"]}"#, "(type id 2), found type id 1"),
        (r#"{"__type__": [2]}"#, "found less"),
        (r#"{"__type__": [2, "x", 3]}"#, "found more"),
        (r#"{"type": [2, "x"]}"#, "without that key"),
        (r#"{"__type__": [2, "x"], "__type__": [2, "y"]}"#, "stands there twice"),
        (r#"{"__type__": [2, "\u0000"]}"#, "no control characters"),
        (&format!(r#"{{"__type__": [2, "{}"]}}"#, "x".repeat(1025)), "the limit is 1024"),
        ("5", "an agent's URL"),
    ] {
        let answer = raw.ask(&request("via", &format!("[{proxy}, 1]"))).await;
        assert!(answer.starts_with(r#"[2,7,"TypeError: "#) && answer.contains(words), "{proxy}: {answer}");
    }
    host.shutdown().await;
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn a_proxy_that_was_kept_ends_with_its_connection_and_is_never_handed_on() {
    let host = host().await;
    let mut raw = Raw::dial(&host).await;
    assert_eq!(raw.ask(&request("keep", r#"[{"__type__": [2, "agents/5"]}]"#)).await, "[1,7,null]");
    raw.send(&request("call_kept", "[3]")).await;
    let call = raw.next().await;
    let id = call.strip_prefix("[0,").unwrap().split_once(',').unwrap().0.to_owned();
    assert_eq!(raw.ask(&format!("[1, {id}, 4]")).await, "[1,7,4]");
    for peer in [&mut raw, &mut Raw::dial(&host).await] {
        let answer = peer.ask(&request("kept", "[]")).await;
        assert!(answer.contains("cannot be handed on"), "{answer}");
    }
    let other = Container::builder("tcp://127.0.0.1:0").watched().await.unwrap();
    let proxy: Proxy<Host> = other.connect(host.url("0")).await.unwrap();
    let refused = proxy.kept().await.unwrap_err();
    assert!(matches!(&refused, CallError::BadReply { reason } if reason.contains("handed on")), "{refused}");
    drop(raw);
    let ended = proxy.call_kept(3.into()).deadline(PATIENCE).await.unwrap_err();
    assert!(matches!(&ended, CallError::Agent(text) if text.starts_with("disconnected: ")), "{ended}");
    other.shutdown().await;
    host.shutdown().await;
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn an_agent_of_another_container_is_handed_on_as_a_url_that_aiomas_takes() {
    let host = host().await;
    let mut raw = Raw::dial(&host).await;
    for (theirs, told) in [
        ("tcp://127.0.0.1:1/meter", "tcp://127.0.0.1:1/meter"),
        ("unix:///run/elsewhere.sock:meter", "ipc://[/run/elsewhere.sock]/meter"),
        ("ipc://[/run/elsewhere.sock]/meter", "ipc://[/run/elsewhere.sock]/meter"),
    ] {
        assert_eq!(raw.ask(&request("keep", &format!(r#"["{theirs}"]"#))).await, "[1,7,null]");
        assert_eq!(raw.ask(&request("kept", "[]")).await, format!(r#"[1,7,"{told}"]"#));
    }
    host.shutdown().await;
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn agents_and_objects_travel_as_paths_and_dates_as_what_they_are() {
    let host = host().await;
    let mut raw = Raw::dial(&host).await;
    let proxies = raw.ask(&request("itself", "[]")).await;
    assert_eq!(proxies, r#"[1,7,[{"__type__":[2,"agents/0"]},{"__type__":[2,"agents/0/math"]}]]"#);
    for (date, seconds, later) in [
        ("2013-05-05T12:30:45.123456+05:30", "1.5", "2013-05-05T12:30:46.623456+05:30"),
        ("2020-01-01", "86400", "2020-01-02T00:00:00+00:00"),
        ("2020-01-01T10:11Z", "-1", "2020-01-01T10:10:59+00:00"),
    ] {
        let arguments = format!(r#"[{{"more": 1, "__type__": [0, "{date}"]}}, {seconds}]"#);
        let wanted = format!(r#"[1,7,{{"__type__":[0,"{later}"]}}]"#);
        assert_eq!(raw.ask(&request("later", &arguments)).await, wanted);
    }
    let late = raw.ask(&request("later", r#"[{"__type__": [0, "9999-12-31"]}, 86400]"#)).await;
    assert_eq!(late, r#"[2,7,"ValueError: a date's year is 1 to 9999\n"]"#);
    let text = raw.ask(&request("later", r#"["2020-01-01", 1]"#)).await;
    assert!(text.contains("expected a date"), "{text}");

    let point = r#"{"__type__":[1,{"x":1,"y":[0.5],"seen":{"__type__":[0,"2020-01-01T00:00:00+00:00"]}}]}"#;
    let moved = raw.ask(&request("moved", &format!("[{point}]"))).await;
    assert_eq!(moved, format!("[1,7,{}]", point.replacen("\"x\":1", "\"x\":2", 1)));
    assert_eq!(raw.ask(&request("echo", &format!("[[{point}]]"))).await, format!("[1,7,[{point}]]"));
    let stranger = raw.ask(&request("stranger", "[]")).await;
    assert!(stranger.contains("`.serializer::<Stranger>()`"), "{stranger}");
    let all = raw.ask(r#"[0, 7, ["agents/0/all", [1, {"__type__": [0, "2020-01-01"]}], {"k": [2]}]]"#).await;
    assert_eq!(all, r#"[1,7,{"args":[1,{"__type__":[0,"2020-01-01"]}],"kwargs":{"k":[2]}}]"#);
    host.shutdown().await;
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn what_looks_like_a_special_type_and_is_none_is_answered_and_hurts_no_link() {
    let host = host().await;
    let mut raw = Raw::dial(&host).await;
    for (value, words) in [
        (r#"{"__type__": [3, 1]}"#, "type id 3 is not registered: known are 0 Date, 1 Point, 2 proxy"),
        (r#"{"__type__": [-1, 1]}"#, "not a number"),
        (r#"{"__type__": ["0", 1]}"#, "the id of a special type is a text"),
        (r#"{"__type__": 0}"#, "holds an integer, not a list"),
        (r#"{"__type__": []}"#, "holds a list of another length"),
        (r#"{"__type__": [0, "2020-01-01", 1]}"#, "holds a list of another length"),
        (r#"{"__type__": null, "x": 1}"#, "holds null"),
        (r#"{"__type__": [0, "yesterday"]}"#, "is no date"),
        (r#"{"__type__": [0, 5]}"#, "the data of a date is an integer"),
        (r#"{"__type__": [0, "2020-01-01"], "x": 1, "__type__": [9, 1]}"#, "stands there twice"),
        (r#"{"__type__": [2, "agents/0"]}"#, "bound to its connection"),
        (r#"{"\u005f_type__": [3, 1]}"#, "type id 3"),
        (r#"[[{"a": {"__type__": [18446744073709551615, 1]}}]]"#, "is not registered"),
    ] {
        let answer = raw.ask(&request("echo", &format!("[{value}]"))).await;
        assert!(answer.starts_with(r#"[2,7,"TypeError: "#) && answer.contains(words), "{value}: {answer}");
    }
    // What Python writes for a text that is no Unicode.
    let answer = raw.ask(&request("echo", r#"[["fine", "\ud800"]]"#)).await;
    assert!(answer.starts_with(r#"[2,7,"TypeError: "#) && answer.contains("surrogate pair"), "{answer}");
    assert_eq!(raw.ask(&request("echo", "[5]")).await, "[1,7,5]");
    host.shutdown().await;
}

/// Gives what it likes to whoever asks.
#[derive(Agent, Default)]
struct Careless;

#[agent]
impl Careless {
    #[expose]
    fn maps(&self) -> Vec<Value> {
        vec![Value::from(vec![("__type__", Value::from("mine"))])]
    }

    /// Who reads the first sees a date, who reads the last does not.
    #[expose]
    fn twice(&self) -> Value {
        let marked = |id: i64| ("__type__", Value::from(vec![Value::from(id), "2020-01-01".into()]));
        Value::from(vec![marked(0), marked(9)])
    }
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn a_map_of_ones_own_with_that_key_goes_to_folkmoot_peers_and_to_no_other() {
    let host = host().await;
    host.spawn("careless", Careless::default).await.unwrap();
    let mut raw = Raw::dial(&host).await;
    let refused = raw.ask(r#"[0, 1, ["agents/careless/maps", [], {}]]"#).await;
    assert!(refused.starts_with(r#"[2,1,"RuntimeError: "#) && refused.contains("special type"), "{refused}");
    let refused = raw.ask(r#"[0, 1, ["agents/careless/twice", [], {}]]"#).await;
    assert!(refused.starts_with(r#"[2,1,"RuntimeError: "#) && refused.contains("twice"), "{refused}");
    assert_eq!(raw.ask(&request("echo", "[5]")).await, "[1,7,5]");

    for codec in Codec::ALL {
        let other = Container::builder("tcp://127.0.0.1:0").codec(codec).watched().await.unwrap();
        let careless: Proxy<Careless> = other.connect(host.url("careless")).await.unwrap();
        let map = Value::from(vec![("__type__", Value::from("mine"))]);
        assert_eq!(careless.maps().await.unwrap(), std::slice::from_ref(&map));
        let agent: Proxy<Host> = other.connect(host.url("0")).await.unwrap();
        let date: Date = "2020-01-01T00:00:00+01:00".parse().unwrap();
        for value in [map, vec![("__type__", Value::from(vec![Value::from(9), 1.into()]))].into()] {
            assert_eq!(agent.echo(value.clone()).await.unwrap(), value);
        }
        // Types that are registered nowhere are as good as any other here.
        let point = Point { x: 1, heights: vec![0.5], seen: date };
        assert_eq!(agent.moved(point.clone()).await.unwrap(), Point { x: 2, ..point });
        assert_eq!(agent.stranger().await.unwrap().name, "nobody");
        assert_eq!(agent.later(date, 1.0).await.unwrap(), date.plus_seconds(1.0).unwrap());
        let told =
            agent.all(AllArguments { positional: vec![1.into()], keyword: vec![("k".into(), 2.into())] });
        assert_eq!(told.await.unwrap().to_string(), r#"{"args": [1], "kwargs": {"k": 2}}"#);
        let error = agent.later(date, f64::INFINITY).await.unwrap_err();
        assert!(
            matches!(&error, CallError::Agent(Exception { kind, .. }) if kind == "ValueError"),
            "{error}"
        );
        other.shutdown().await;
    }
    host.shutdown().await;
}

/// What a peer of another make serves.
#[agent]
trait Foreign {
    fn hand_out(&self, from: Date) -> (Proxy<dyn Echoing>, Date);
    fn take(&self, proxies: (Proxy<Host>, Proxy<dyn Echoing>)) -> u32;
    fn pass(&self, value: Value) -> Value;
    fn introduce(&self, stranger: Stranger) -> u32;
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn a_peer_that_we_call_gets_its_own_types_and_gives_proxies() {
    let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("tcp://{}/5", server.local_addr().unwrap());
    let host = host().await;
    let serve = async {
        let mut raw = Raw(server.accept().await.unwrap().0);
        let mut seen = Vec::new();
        loop {
            let call = raw.next().await;
            let (id, rest) = call.strip_prefix("[0,").unwrap().split_once(',').unwrap();
            let content = match rest {
                rest if rest.starts_with("[\"folkmoot/hello\"") => {
                    raw.send(&format!(r#"[2, {id}, "LookupError: Name \"folkmoot\" not found in \"\"\n"]"#))
                        .await;
                    continue;
                }
                rest if rest.starts_with("[\"validate_aid\"") => r#""Foreign""#,
                rest if rest.contains("/hand_out") => {
                    r#"[{"__type__": [2, "agents/5/deep"]}, {"__type__": [0, "2020-01-01"]}]"#
                }
                rest if rest.contains("/deep/echo") => r#""from the deep""#,
                rest if rest.contains("/take") => "2",
                rest if rest.contains("/pass\",[2]") => r#""\ud800""#,
                rest if rest.contains("/pass") => r#"{"__type__": [9, 1]}"#,
                rest if rest.contains("/last") => r#""done""#,
                other => panic!("{other}"),
            };
            raw.send(&format!("[1, {id}, {content}]")).await;
            seen.push(rest.to_owned());
            if rest.contains("/last") {
                return seen;
            }
        }
    };
    let call = async {
        let date: Date = "2020-01-01T00:00:00+00:00".parse().unwrap();
        let foreign: Proxy<dyn Foreign> = host.connect(&url).await.unwrap();
        let (deep, same) = foreign.hand_out(date).await.unwrap();
        assert_eq!(same, date);
        assert_eq!(deep.echo(1.into()).await.unwrap(), "from the deep".into());
        let own: Proxy<Host> = host.find("0").unwrap();
        // An agent of the peer's travels by its URL, an object of the peer's cannot.
        let there: Proxy<dyn Echoing> = Proxy::cast(&foreign).unwrap();
        assert_eq!(foreign.take((own.clone(), there)).await.unwrap(), 2);
        let refused = foreign.take((own, deep)).await.unwrap_err();
        assert!(
            matches!(&refused, CallError::Unencodable { reason } if reason.contains("handed on")),
            "{refused}"
        );
        let odd = foreign.pass(1.into()).await.unwrap_err();
        assert!(matches!(&odd, CallError::BadReply { reason } if reason.contains("type id 9")), "{odd}");
        let odd = foreign.pass(2.into()).await.unwrap_err();
        assert!(matches!(&odd, CallError::BadReply { reason } if reason.contains("surrogate")), "{odd}");
        for value in ["mine".into(), Value::from(vec![Value::from(9), 1.into()])] {
            let refused = foreign.pass(vec![("__type__", value)].into()).await.unwrap_err();
            assert!(matches!(&refused, CallError::Unencodable { .. }), "{refused}");
        }
        let stranger = foreign.introduce(Stranger { name: "x".into() }).await.unwrap_err();
        assert!(stranger.to_string().contains(".serializer::<Stranger>()"), "{stranger}");
        let untyped: Proxy<Untyped> = Proxy::cast(&foreign).unwrap();
        let last: Result<Value, CallError<Value>> = untyped.call("last", [0; 0]).await;
        assert_eq!(last.unwrap(), "done".into());
    };
    let (seen, ()) = timeout(PATIENCE, async { tokio::join!(serve, call) }).await.unwrap();
    let deep = r#"["agents/5/hand_out",[{"__type__":[0,"2020-01-01T00:00:00+00:00"]}],{}]]"#;
    assert_eq!(seen[1], deep);
    assert_eq!(seen[2], r#"["agents/5/deep/echo",[1],{}]]"#);
    assert_eq!(seen[3], format!(r#"["agents/5/take",[[{{"__type__":[2,"agents/0"]}},"{url}"]],{{}}]]"#));
    drop(server);
    host.shutdown().await;
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn a_type_is_registered_once() {
    let twice = Container::builder("tcp://127.0.0.1:0").serializer::<Point>().serializer::<Point>();
    let error = twice.start().await.unwrap_err().to_string();
    assert!(error.contains("`Point` is registered twice"), "{error}");
}
