//! One body over every transport and every codec.

use std::collections::BTreeMap;

use super::left_behind::Watch;
use folkmoot::prelude::*;
use folkmoot::{Untyped, Value};
use serde::{Deserialize, Serialize};

/// Lists inside lists.
fn nested(levels: u32) -> Value {
    (1..levels).fold(Value::List(Vec::new()), |value, _| Value::List(vec![value]))
}

/// All that serde can make of a value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Everything {
    text: String,
    small: i8,
    large: i64,
    unsigned: u64,
    float: f64,
    single: f32,
    yes: bool,
    nothing: Option<u8>,
    something: Option<String>,
    list: Vec<(i32, String)>,
    map: BTreeMap<String, Vec<f64>>,
    kind: Kind,
    unit: (),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Kind {
    Plain,
    Newtype(u16),
    Tuple(u8, String),
    Fields { x: f64, y: Option<bool> },
}

fn everything() -> Everything {
    Everything {
        text: "Grüße, 世界 \u{1F6A2} \"\\\n\0".to_owned(),
        small: -128,
        large: i64::MIN,
        unsigned: u64::MAX,
        float: 0.1 + 0.2,
        single: f32::MIN_POSITIVE,
        yes: true,
        nothing: None,
        something: Some(String::new()),
        list: vec![(i32::MIN, "a".to_owned()), (i32::MAX, "b".to_owned())],
        map: BTreeMap::from([("k".to_owned(), vec![-0.0, f64::MAX, 1e-308])]),
        kind: Kind::Fields { x: 1.5, y: Some(false) },
        unit: (),
    }
}

#[derive(Agent, Default)]
pub(crate) struct Mirror;

#[agent]
impl Mirror {
    #[expose]
    fn everything(&self, value: Everything) -> Everything {
        value
    }

    #[expose]
    fn floats(&self, values: Vec<f64>) -> Vec<f64> {
        values
    }

    #[expose]
    fn value(&self, value: Value) -> Value {
        value
    }

    #[expose]
    fn nested(&self, levels: u32) -> Value {
        nested(levels)
    }

    #[expose]
    fn text(&self, text: String) -> String {
        text
    }

    #[expose]
    async fn late(&self, turns: u32) -> u32 {
        for _ in 0..turns {
            tokio::task::yield_now().await;
        }
        turns
    }

    #[expose]
    #[allow(clippy::result_large_err)]
    fn fail(&self, with: Everything) -> Result<(), Wrapped> {
        Err(Wrapped(with))
    }
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Wrapped(Everything);

impl std::fmt::Display for Wrapped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "wrapped {}", self.0.text)
    }
}

pub(crate) async fn pair(scheme: &str, codec: Codec) -> (Container, Container, tempfile::TempDir) {
    super::limit::watch();
    let dir = tempfile::tempdir().unwrap();
    let certs = DevCerts::in_dir(dir.path()).unwrap();
    let build = |name: &str| {
        let endpoint = match scheme {
            "local" => format!("local://{}", dir.path().join(name).display().to_string().replace('/', "-")),
            "tcp6" => "tcp://[::1]:0".to_owned(),
            "unix" | "unix+tls" => format!("{scheme}://{}/{name}.sock", dir.path().display()),
            scheme => format!("{scheme}://127.0.0.1:0"),
        };
        let builder = Container::builder(&endpoint).codec(codec).name(name);
        match scheme {
            "tls" | "unix+tls" => {
                builder.certs(certs.node(name).unwrap()).allow("spiffe://demo/node/*", "mirror", "*")
            }
            _ => builder,
        }
    };
    let server = build("server").watched().await.unwrap();
    let client = build("client").watched().await.unwrap();
    server.spawn("mirror", Mirror::default).await.unwrap();
    (server, client, dir)
}

async fn body(scheme: &str, codec: Codec) {
    let (server, client, _dir) = pair(scheme, codec).await;
    let url = server.url("mirror");
    assert!(!url.contains(":0/"), "{url}");
    let mirror: Proxy<Mirror> = client.connect(&url).await.unwrap();
    assert_eq!(Proxy::url(&mirror), url);
    assert_eq!(mirror.everything(everything()).await.unwrap(), everything());
    for kind in [Kind::Plain, Kind::Newtype(7), Kind::Tuple(1, "x".to_owned())] {
        let value = Everything { kind, ..everything() };
        assert_eq!(mirror.everything(value.clone()).await.unwrap(), value);
    }
    let odd = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 5e-324];
    let back = mirror.floats(odd.to_vec()).await.unwrap();
    assert!(back[0].is_nan());
    assert_eq!(&back[1..], &odd[1..]);
    let error = mirror.fail(everything()).await.unwrap_err();
    assert_eq!(error, CallError::Agent(Wrapped(everything())));
    let big = "x".repeat(3_000_000);
    assert_eq!(mirror.text(big.clone()).await.unwrap(), big);
    // Replies overtake each other; each reaches its own call.
    let calls = (0..300_u32).map(|n| mirror.late((n * 7919) % 97));
    let replies = futures_util::future::join_all(calls).await;
    for (n, reply) in (0..300_u32).zip(replies) {
        assert_eq!(reply.unwrap(), (n * 7919) % 97);
    }
    // More values than a frame may hold: this call alone fails, before anything is sent.
    let error = mirror.floats(vec![0.5; 1_100_000]).await.unwrap_err();
    assert!(matches!(&error, CallError::Unencodable { reason } if reason.contains("max_nodes")), "{error}");
    // Deeper than a frame may be: the call fails here, the reply there, and nothing else does.
    let beside = mirror.late(50);
    let (error, reply, beside) =
        futures_util::future::join3(mirror.value(nested(200)), mirror.nested(200), beside).await;
    let error = error.unwrap_err();
    assert!(matches!(&error, CallError::Unencodable { reason } if reason.contains("max_depth")), "{error}");
    let error = reply.unwrap_err();
    assert!(matches!(&error, CallError::BadReply { reason } if reason.contains("max_depth")), "{error}");
    assert_eq!(beside.unwrap(), 50);
    assert_eq!(mirror.value(nested(125)).await.unwrap(), nested(125), "as deep as may be");
    assert_eq!(mirror.late(1).await.unwrap(), 1, "the link lives");
    let untyped: Proxy<Untyped> = Proxy::cast(&mirror).unwrap();
    let value = Value::Map(vec![(Value::from("a"), Value::List(vec![Value::Null, Value::from(1.5)]))]);
    assert_eq!(untyped.call("value", [value.clone()]).await.unwrap(), value);
    let error = untyped.call("txt", [1]).await.unwrap_err();
    assert!(matches!(error, CallError::NoSuchMethod { nearest: Some(near), .. } if near == "text"));
    client.shutdown().await;
    server.shutdown().await;
}

async fn over(scheme: &str) {
    for codec in Codec::ALL {
        body(scheme, codec).await;
    }
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn over_tcp() {
    over("tcp").await;
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn over_ipv6() {
    if std::net::TcpListener::bind("[::1]:0").is_err() {
        println!("no IPv6 on this machine");
        return;
    }
    over("tcp6").await;
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn over_tls() {
    over("tls").await;
}

#[cfg(unix)]
#[folkmoot::test(crate = crate::links::left_behind)]
async fn over_unix_sockets() {
    over("unix").await;
}

#[cfg(unix)]
#[folkmoot::test(crate = crate::links::left_behind)]
async fn over_tls_on_unix_sockets() {
    over("unix+tls").await;
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn in_process() {
    over("local").await;
}
