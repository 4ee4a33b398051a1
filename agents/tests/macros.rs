//! The macros: what they accept, what they generate, and what they say of mistakes.

use std::fmt;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::task::{Context as TaskContext, Poll};
use std::time::Duration;

use bytes::BytesMut;
use folkmoot_agents::chain::Mode;
use folkmoot_agents::describe::MethodDescription;
use folkmoot_agents::interface::{Behaviour, MethodInfo, Refused, TimerInfo};
use folkmoot_agents::reply::{ReplyFormat, ReplySink};
use folkmoot_agents::{Agent, Context, Interface, agent};
use folkmoot_codecs::{ArgumentList, Arguments, CallError, Codec, Limits, Message, RawId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

#[path = "macros/protocols.rs"]
mod protocols;

/// The compiler that wrote down the words in `tests/ui/compiler`.
const RECORDED_WITH: &str = "rustc 1.95.";

#[test]
fn mistakes_are_told_readably() {
    let cases = trybuild::TestCases::new();
    cases.pass("tests/ui/pass/*.rs");
    cases.compile_fail("tests/ui/fail/*.rs");
    // Here the compiler itself speaks, of traits that are missing, and other versions choose other words.
    if compiler_version().starts_with(RECORDED_WITH) {
        cases.compile_fail("tests/ui/compiler/*.rs");
    }
}

fn compiler_version() -> String {
    let output = Command::new("rustc").arg("--version").output().expect("rustc is there, it built this test");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A type that has a schema.
#[derive(Serialize, Deserialize, JsonSchema)]
struct Point {
    x: i64,
}

/// A type that has none.
#[derive(Serialize, Deserialize)]
struct Opaque(u8);

#[derive(Debug, Serialize, Deserialize)]
enum Trouble {
    Full,
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("it is full")
    }
}

/// Keeps points.
///
/// As many as told.
#[derive(Agent, Default)]
#[agent(crate = folkmoot_agents::__private)]
struct Keeper {
    points: Vec<Point>,
}

#[agent(crate = folkmoot_agents::__private)]
impl Keeper {
    /// Keeps a point
    /// for later.
    #[expose]
    fn keep(&mut self, point: Point, times: Option<u8>) -> Result<usize, Trouble> {
        for _ in 0..times.unwrap_or(1) {
            self.points.push(Point { x: point.x });
        }
        if self.points.len() > 9 { Err(Trouble::Full) } else { Ok(self.points.len()) }
    }

    #[expose]
    async fn swap(&self, ctx: &Context<Self>, opaque: Opaque) -> Opaque {
        if ctx.cancelled() { Opaque(0) } else { opaque }
    }

    /** In a block. */
    #[expose(idempotent)]
    async fn r#move(&mut self) {
        self.points.clear();
    }

    #[every(minutes = 0.5)]
    fn sweep(&mut self) {
        self.points.truncate(9);
    }

    #[every(hours = 2)]
    async fn count(&self) -> Result<(), Trouble> {
        if self.points.len() > 9 { Err(Trouble::Full) } else { Ok(()) }
    }
}

#[agent(crate = folkmoot_agents::__private)]
trait Keeping {
    async fn swap(&self, opaque: Opaque) -> Opaque;
}

#[test]
fn an_agent_knows_its_name_and_docs() {
    assert_eq!(Keeper::TYPE, "Keeper");
    assert_eq!(Keeper::DOCS, "Keeps points.\n\nAs many as told.");
    assert_eq!(<Keeper as Interface>::NAME, "Keeper");
    assert_eq!(<dyn Keeping as Interface>::NAME, "Keeping");
}

#[test]
fn methods_and_timers_are_listed_in_order() {
    let method = |name, mode, plain| MethodInfo { name, mode, plain, idempotent: name == "move" };
    assert_eq!(
        Keeper::METHODS,
        [
            method("keep", Mode::Exclusive, true),
            method("swap", Mode::Shared, false),
            method("move", Mode::Exclusive, false)
        ]
    );
    assert_eq!(
        Keeper::TIMERS,
        [
            TimerInfo { name: "sweep", period: Duration::from_secs(30) },
            TimerInfo { name: "count", period: Duration::from_secs(7200) },
        ]
    );
    assert_eq!(Keeper::method_index("move"), Some(2));
    // A timer is no method that can be called.
    assert_eq!(Keeper::method_index("sweep"), None);
    assert_eq!(Keeper::method_of(&Keeper::timer(1)), method("count", Mode::Shared, false));
}

#[test]
fn a_description_has_docs_and_the_schemas_that_there_are() {
    let description = Keeper::describe();
    assert_eq!(description.agent_type, "Keeper");
    assert_eq!(description.docs, Keeper::DOCS);
    let [keep, swap, r#move] = &description.methods[..] else { panic!("three methods") };
    assert_eq!((keep.name.as_str(), keep.docs.as_str()), ("keep", "Keeps a point\nfor later."));
    assert!(!keep.shared);
    let names: Vec<&str> = keep.arguments.iter().map(|argument| argument.name.as_str()).collect();
    assert_eq!(names, ["point", "times"]);
    assert_eq!(keep.arguments[0].schema["properties"]["x"]["type"], "integer");
    assert_eq!(keep.arguments[1].schema["type"], json!(["integer", "null"]));
    assert_eq!(keep.returns["type"], "integer");
    assert!(swap.shared && swap.docs.is_empty());
    assert_eq!(swap.arguments.len(), 1, "the context is no argument");
    assert_eq!((&swap.arguments[0].schema, &swap.returns), (&json!(true), &json!(true)));
    assert_eq!((r#move.name.as_str(), r#move.docs.as_str()), ("move", "In a block."));
    assert_eq!(r#move.returns["type"], "null");
    assert_eq!((keep.idempotent, swap.idempotent, r#move.idempotent), (false, false, true));
    // As an older node tells it.
    let mut told = serde_json::to_value(r#move).unwrap();
    told.as_object_mut().unwrap().remove("idempotent");
    assert!(!serde_json::from_value::<MethodDescription>(told).unwrap().idempotent);
}

/// Keeps the frames that would go to a peer.
#[derive(Clone, Default)]
struct Sink(Arc<Mutex<Vec<BytesMut>>>);

impl ReplySink for Sink {
    fn finish(self: Box<Self>, write: &mut dyn FnMut(ReplyFormat<'_>, &mut BytesMut)) {
        let mut frame = BytesMut::new();
        let id = RawId::of_number(Codec::Json, 7);
        let format = ReplyFormat { codec: Codec::Json, id: &id, rich: true, limits: &Limits::DEFAULT };
        write(format, &mut frame);
        self.0.lock().unwrap().push(frame);
    }

    fn poll_cancelled(&mut self, _: &mut TaskContext<'_>) -> Poll<()> {
        Poll::Pending
    }

    fn is_cancelled(&self) -> bool {
        Arc::strong_count(&self.0) == 1
    }
}

impl Sink {
    fn error(&self) -> CallError<Trouble> {
        let frames = self.0.lock().unwrap();
        let [frame] = &frames[..] else { panic!("one answer, not {}", frames.len()) };
        match Message::decode(Codec::Json, &frame[4..], &Limits::DEFAULT) {
            Ok(Message::Exception { content, .. }) => CallError::from_exception(Codec::Json, content),
            other => panic!("an exception, not {other:?}"),
        }
    }
}

fn decode(
    method: &str,
    arguments: &Arguments<'_>,
    sink: &Sink,
) -> Result<<Keeper as Interface>::Request, Refused> {
    let index = Keeper::method_index(method).expect("a method of that name");
    Keeper::decode(index, arguments, Some(Box::new(sink.clone())))
}

fn json_arguments<'a>(positional: &'a str, keyword: Option<&'a str>) -> Arguments<'a> {
    Arguments { codec: Codec::Json, positional: positional.as_bytes(), keyword: keyword.map(str::as_bytes) }
}

#[test]
fn arguments_decode_into_the_method_they_are_for() {
    let cases = [
        ("keep", json_arguments(r#"[{"x": 1}, 2]"#, None), Mode::Exclusive),
        ("keep", json_arguments(r#"[{"x": 1}]"#, None), Mode::Exclusive),
        ("keep", json_arguments("[]", Some(r#"{"times": 3, "point": {"x": 1}}"#)), Mode::Exclusive),
        ("swap", json_arguments("[]", Some(r#"{"opaque": 1}"#)), Mode::Shared),
        ("move", json_arguments("[]", None), Mode::Exclusive),
    ];
    for (name, arguments, mode) in cases {
        let request = decode(name, &arguments, &Sink::default()).expect("arguments that fit");
        let info = Keeper::method_of(&request);
        assert_eq!((info.name, info.mode), (name, mode));
    }
    let mut positional = BytesMut::new();
    (Point { x: 1 }, Some(2_u8)).encode(Codec::MsgPack, &mut positional).unwrap();
    let arguments = Arguments { codec: Codec::MsgPack, positional: &positional, keyword: None };
    let request = decode("keep", &arguments, &Sink::default()).expect("arguments that fit");
    assert_eq!(Keeper::method_of(&request).name, "keep");
}

#[test]
fn bad_arguments_come_back_with_their_place_and_the_way_back() {
    let cases = [
        ("keep", json_arguments(r#"[{"x": "one"}]"#, None), "point.x"),
        ("keep", json_arguments(r#"[{"x": 1}, 256]"#, None), "times"),
        ("keep", json_arguments("[]", None), "point"),
        ("keep", json_arguments(r#"[{"x": 1}]"#, Some(r#"{"time": 1}"#)), "time"),
        ("swap", json_arguments("[1, 2]", None), ""),
    ];
    for (name, arguments, place) in cases {
        let refused = decode(name, &arguments, &Sink::default()).err().expect("a refusal");
        let CallError::BadArguments { method, path, .. } = &refused.error else {
            panic!("bad arguments, not {:?}", refused.error)
        };
        assert_eq!((method.as_str(), path.as_str()), (name, place), "{}", refused.error);
        assert!(refused.sink.is_some());
    }
}

#[test]
fn a_request_that_is_refused_answers_and_knows_whether_anybody_waits() {
    let sink = Sink::default();
    let request = decode("swap", &json_arguments("[1]", None), &sink).expect("arguments that fit");
    assert!(!Keeper::is_cancelled(&request));
    Keeper::refuse(request, CallError::Cancelled);
    assert_eq!(sink.error().code(), "cancelled");

    let request = decode("move", &json_arguments("[]", None), &sink).expect("arguments that fit");
    drop(sink);
    assert!(Keeper::is_cancelled(&request));
    assert!(!Keeper::is_cancelled(&Keeper::timer(0)));
}
