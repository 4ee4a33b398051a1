//! Services over channels: paths, arguments, errors, methods beside each other, services passed both ways.

#![allow(clippy::disallowed_methods, reason = "a test that hangs should fail instead")]

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use folkmoot::channel::Options;
use folkmoot::prelude::*;
use folkmoot::rpc::{self, Peer, Reference, Server, Service};
use folkmoot::{AllArguments, Date, Exception, Never, Serializable, Value};
use folkmoot_codecs::CallError;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{Notify, Semaphore};

/// Longest time that a test waits for what should take milliseconds.
const PATIENCE: Duration = Duration::from_secs(20);

async fn served(root: Service, own: Option<Service>) -> (Server, Peer) {
    let listener = Options::new().listen("tcp://127.0.0.1:0").await.unwrap();
    let server = rpc::serve(listener, root, |_| {});
    let channel = Options::new().codec(Codec::MsgPack).open(server.endpoint()).await.unwrap();
    (server, Peer::new(channel, own))
}

fn math() -> Service {
    let deeper = Service::new().method("neg", ["a"], |(a,): (i64,)| Ok::<_, Never>(-a));
    Service::new()
        .method("add", ["a", "b"], |(a, b): (i64, Option<i64>)| Ok::<_, Never>(a + b.unwrap_or(1)))
        .method("fail", ["how"], |(how,): (String,)| match how.as_str() {
            "own" => Err(Exception::new("KeyError", "two\nlines")),
            _ => panic!("boom"),
        } as Result<(), Exception>)
        .method("text", [], |()| Err::<(), _>("only text".to_owned()))
        .method("unsayable", [], |()| Ok::<_, Never>(u128::MAX))
        .service("deeper", deeper)
}

/// The type and the message of the exception.
async fn raised(reply: rpc::Remote, method: &str, argument: Value) -> (String, String) {
    match reply.call::<Value>(method, (argument,)).await.unwrap_err() {
        CallError::Remote { kind, message, .. } => (kind, message),
        other => panic!("{other:?}"),
    }
}

#[folkmoot::test]
async fn methods_are_called_by_their_paths_with_arguments_by_place_or_name() {
    let (_server, peer) = served(Service::new().service("math", math()), None).await;
    let math = peer.remote().at("math");
    assert_eq!(math.call("add", (1, 2)).await, Ok(3));
    assert_eq!(math.call("add", (1,)).await, Ok(2));
    assert_eq!(math.call_with("add", (1,), &BTreeMap::from([("b", 5)])).await, Ok(6));
    assert_eq!(math.at("deeper").call("neg", (7,)).await, Ok(-7));
    assert_eq!(peer.remote().call("math/deeper/neg", (7,)).await, Ok(-7));
    for (method, argument, kind, words) in [
        ("add", Value::from("one"), "TypeError", "expected i64"),
        ("fail", "own".into(), "KeyError", "two\nlines"),
        ("fail", "panic".into(), "RuntimeError", "fail panicked: boom"),
        ("nothing", Value::Null, "LookupError", "Name \"nothing\" not found in \"math\""),
        ("deeper", Value::Null, "TypeError", "\"math/deeper\" is a service"),
        ("add/more", Value::Null, "LookupError", "Name \"more\" not found in \"math/add\""),
        ("deeper/x/y", Value::Null, "LookupError", "Name \"x\" not found in \"math/deeper\""),
        ("", Value::Null, "LookupError", "Name \"\" not found in \"math\""),
        (&"x".repeat(2000), Value::Null, "LookupError", "longer than 1024 bytes"),
    ] {
        let (told, message) = raised(math.clone(), method, argument).await;
        assert_eq!(told, kind, "{method}: {message}");
        assert!(message.contains(words), "{method}: {message}");
    }
    for (method, words) in [("text", "only text"), ("unsayable", "MsgPack has no integers beyond 64 bits")] {
        let error = math.call::<Value>(method, ()).await.unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
    // What is no call at all; the channel lives.
    for content in [Value::from(7), vec![Value::from("math/add")].into(), Value::Null] {
        let error = peer.channel().send::<_, Value>(&content).await.unwrap_err();
        assert!(matches!(&error, CallError::Remote { kind, .. } if kind == "TypeError"), "{error:?}");
    }
    assert_eq!(math.call("add", (1, 2)).await, Ok(3));
}

#[folkmoot::test]
async fn services_come_and_go_while_they_are_served() {
    let meters = Service::new();
    let (_server, peer) = served(Service::new().service("meters", meters.clone()), None).await;
    let read = |name: &str| peer.remote().at("meters").at(name).call::<i64>("read", ());
    assert!(read("a").await.unwrap_err().to_string().contains("Name \"a\" not found"));
    assert!(meters.insert("a", Service::new().method("read", [], |()| Ok::<_, Never>(7))));
    assert_eq!(read("a").await, Ok(7));
    assert!(!meters.insert("a/b", Service::new()) && !meters.insert("", Service::new()));
    assert!(meters.remove("a") && !meters.remove("a"));
    assert!(read("a").await.is_err());
}

#[folkmoot::test]
async fn async_methods_run_beside_each_other_and_end_with_their_caller() {
    let (go, dropped) = (Rc::new(Notify::new()), Rc::new(Semaphore::new(0)));
    struct Tells(Rc<Semaphore>);
    impl Drop for Tells {
        fn drop(&mut self) {
            self.0.add_permits(1);
        }
    }
    let root = Service::new()
        .async_method("wait", ["n"], {
            let (go, dropped) = (go.clone(), dropped.clone());
            move |(n,): (i64,), _| {
                let (go, tells) = (go.clone(), Tells(dropped.clone()));
                async move {
                    go.notified().await;
                    drop(tells);
                    Ok::<_, Never>(n)
                }
            }
        })
        .async_method("panic", [], |(), _| async { panic!("boom") as Result<(), Never> })
        .method("go", [], {
            let go = go.clone();
            move |()| {
                go.notify_waiters();
                Ok::<_, Never>(())
            }
        });
    let (_server, peer) = served(root, None).await;
    let remote = peer.remote();
    let (one, two) = (remote.call::<i64>("wait", (1,)), remote.call::<i64>("wait", (2,)));
    let error = remote.call::<()>("panic", ()).await.unwrap_err().to_string();
    assert!(error.contains("panic panicked: boom"), "{error}");
    remote.call::<()>("go", ()).await.unwrap();
    assert_eq!((one.await, two.await), (Ok(1), Ok(2)));
    dropped.acquire_many(2).await.unwrap().forget();
    // Nobody waits for this one any more.
    let waiting = remote.call::<i64>("wait", (3,));
    remote.call::<()>("panic", ()).await.unwrap_err();
    peer.channel().close().await;
    assert!(matches!(waiting.await, Err(CallError::Disconnected { .. })));
    let dropped = tokio::time::timeout(PATIENCE, dropped.acquire()).await;
    assert!(dropped.expect("the method is dropped with its channel").is_ok());
}

#[folkmoot::test]
async fn who_has_closed_its_half_is_answered_for_a_moment_and_taken_for_gone() {
    let dropped = Rc::new(Semaphore::new(0));
    struct Tells(Rc<Semaphore>);
    impl Drop for Tells {
        fn drop(&mut self) {
            self.0.add_permits(1);
        }
    }
    let root = Service::new()
        .async_method("soon", [], |(), _| async {
            tokio::time::sleep(Duration::from_millis(50)).await;
            Ok::<_, Never>(7)
        })
        .async_method("never", [], {
            let dropped = dropped.clone();
            move |(), _| {
                let tells = Tells(dropped.clone());
                async move {
                    std::future::pending::<()>().await;
                    drop(tells);
                    Ok::<_, Never>(())
                }
            }
        });
    // Whoever is gone is not waited for until the deadline.
    let listener =
        Options::new().deadline(Duration::from_secs(3600)).listen("tcp://127.0.0.1:0").await.unwrap();
    let server = rpc::serve(listener, root, |_| {});
    let mut raw = TcpStream::connect(server.endpoint().strip_prefix("tcp://").unwrap()).await.unwrap();
    for (id, method) in [(1, "never"), (2, "soon")] {
        let request = format!(r#"[0, {id}, ["{method}", [], {{}}]]"#);
        raw.write_u32(u32::try_from(request.len()).unwrap()).await.unwrap();
        raw.write_all(request.as_bytes()).await.unwrap();
    }
    raw.shutdown().await.unwrap();
    let mut all = Vec::new();
    tokio::time::timeout(PATIENCE, raw.read_to_end(&mut all)).await.expect("the channel ends").unwrap();
    let answers = String::from_utf8_lossy(&all);
    assert!(answers.contains("[1,2,7]") && answers.contains("dropped without an answer"), "{answers}");
    let dropped = tokio::time::timeout(PATIENCE, dropped.acquire()).await;
    assert!(dropped.expect("the method is dropped").is_ok());
}

#[folkmoot::test]
async fn services_are_passed_and_called_back_while_the_call_is_under_way() {
    let kept: Rc<RefCell<Option<(Peer, Reference)>>> = Rc::default();
    let root = Service::new()
        .async_method("ask", ["whom", "what"], |(whom, what): (Reference, i64), peer: Peer| async move {
            peer.remote_of(&whom).call::<i64>("double", (what,)).await
        })
        .async_method("keep", ["whom"], {
            let kept = kept.clone();
            move |(whom,): (Vec<Reference>,), peer: Peer| {
                kept.replace(whom.into_iter().next().map(|whom| (peer, whom)));
                async { Ok::<_, Never>(()) }
            }
        });
    let inner = Service::new().method("double", ["n"], |(n,): (i64,)| Ok::<_, Never>(2 * n));
    let own = Service::new().service("deep", Service::new().service("er", inner.clone()));
    let (_server, peer) = served(root, Some(own.clone())).await;
    let passed = peer.pass(&inner).unwrap();
    assert_eq!(passed.path(), "deep/er");
    assert_eq!(peer.pass(&own).unwrap().path(), "");
    assert_eq!(peer.remote().call("ask", (passed.clone(), 21)).await, Ok(42));
    // Later, and from elsewhere than a call.
    peer.remote().call::<()>("keep", (vec![passed.clone()],)).await.unwrap();
    let (far, whom) = kept.take().unwrap();
    assert_eq!(far.remote_of(&whom).call("double", (4,)).await, Ok(8));
    // One that is not served, or not any more, or to nobody.
    let error = peer.pass(&Service::new()).unwrap_err().to_string();
    assert!(error.contains("not served to this peer"), "{error}");
    own.remove("deep");
    let error = peer.remote().call::<i64>("ask", (passed, 1)).await.unwrap_err().to_string();
    assert!(error.contains("Name \"deep\" not found"), "{error}");
    let error = far.pass(&inner).unwrap_err().to_string();
    assert!(error.contains("not served"), "{error}");
    let error = peer.remote().call::<i64>("ask", (7, 1)).await.unwrap_err().to_string();
    assert!(error.contains("TypeError") && error.contains("a service, as {"), "{error}");
}

/// In Python a class with `@aiomas.serializable`.
#[derive(Clone, Debug, PartialEq, Serializable)]
struct Meter {
    name: String,
    since: Date,
}

#[folkmoot::test]
async fn services_stand_behind_the_registered_types_and_take_whatever_they_are_given() {
    let options = || Options::new().serializer::<Date>().serializer::<Meter>();
    let inner = Service::new().method("double", ["n"], |(n,): (i64,)| Ok::<_, Never>(2 * n));
    let passed = inner.clone();
    let root = Service::new()
        .service("inner", inner)
        .method("later", ["meter", "seconds"], |(meter, seconds): (Meter, f64)| {
            meter.since.plus_seconds(seconds).map(|since| Meter { since, ..meter })
        })
        .method("all", ["arguments"], |arguments: AllArguments| {
            Ok::<_, Never>((arguments.positional, Value::from(arguments.keyword)))
        })
        .async_method("inner_of", [], move |(), peer: Peer| {
            let passed = peer.pass(&passed);
            async move { passed }
        });
    let listener = options().listen("tcp://127.0.0.1:0").await.unwrap();
    let server = rpc::serve(listener, root, |_| {});
    let mut raw = TcpStream::connect(server.endpoint().strip_prefix("tcp://").unwrap()).await.unwrap();
    let meter =
        |time: &str| format!(r#"{{"__type__":[1,{{"name":"m","since":{{"__type__":[0,"{time}"]}}}}]}}"#);
    for (asked, answer) in [
        (
            format!(r#"["later",[{},1.5],{{}}]"#, meter("2020-01-01")),
            format!("[1,7,{}]", meter("2020-01-01T00:00:01.500000+00:00")),
        ),
        (r#"["inner_of",[],{}]"#.to_owned(), r#"[1,7,{"__type__":[2,"inner"]}]"#.to_owned()),
        (r#"["all",[1,"two"],{"k":[]}]"#.to_owned(), r#"[1,7,[[1,"two"],{"k":[]}]]"#.to_owned()),
        (r#"["all",[],{}]"#.to_owned(), "[1,7,[[],{}]]".to_owned()),
    ] {
        let request = format!("[0, 7, {asked}]");
        raw.write_u32(u32::try_from(request.len()).unwrap()).await.unwrap();
        raw.write_all(request.as_bytes()).await.unwrap();
        let length = tokio::time::timeout(PATIENCE, raw.read_u32()).await.unwrap().unwrap();
        let mut came = vec![0; usize::try_from(length).unwrap()];
        raw.read_exact(&mut came).await.unwrap();
        assert_eq!(String::from_utf8(came).unwrap(), answer, "{asked}");
    }
    let peer = Peer::new(options().codec(Codec::MsgPack).open(server.endpoint()).await.unwrap(), None);
    let since: Date = "2020-01-01".parse().unwrap();
    let meter = Meter { name: "m".into(), since };
    let moved: Meter = peer.remote().call("later", (meter.clone(), 1.0)).await.unwrap();
    assert_eq!(moved, Meter { since: since.plus_seconds(1.0).unwrap(), ..meter });
    let inner: Reference = peer.remote().call("inner_of", ()).await.unwrap();
    assert_eq!(peer.remote_of(&inner).call("double", (21,)).await, Ok(42));
    // What would end the connection of a peer of aiomas does not leave.
    let map = Value::from(vec![("__type__", Value::from("mine"))]);
    let refused = peer.remote().call::<Value>("all", (map,)).await.unwrap_err();
    assert!(matches!(refused, CallError::Unencodable { .. }), "{refused}");
}

#[folkmoot::test]
async fn who_serves_nothing_says_so_and_the_last_handle_closes() {
    let met: Rc<RefCell<Vec<Peer>>> = Rc::default();
    let listener = Options::new().listen("tcp://127.0.0.1:0").await.unwrap();
    let server = rpc::serve(listener, math(), {
        let met = met.clone();
        move |peer| met.borrow_mut().push(peer)
    });
    let peer = Peer::new(Options::new().open(server.endpoint()).await.unwrap(), None);
    assert_eq!(peer.remote().call("add", (1, 1)).await, Ok(2));
    let far = met.borrow_mut().pop().unwrap();
    let error = far.remote().call::<i64>("add", (1, 1)).await.unwrap_err().to_string();
    assert!(error.contains("LookupError: no service is served here"), "{error}");
    drop(peer);
    tokio::time::timeout(PATIENCE, far.ended()).await.expect("the channel is closed with its last handle");
    // The server takes nobody any more.
    let endpoint = server.endpoint().to_owned();
    drop(server);
    let refused = async {
        loop {
            if Options::new().open(&endpoint).await.is_err() {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, refused).await.expect("the door is closed");
}
