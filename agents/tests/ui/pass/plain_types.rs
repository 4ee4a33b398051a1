//! Types that plain peers know, and methods that take whatever they are given: of agents, traits and objects, idempotent too.
#![deny(warnings)]

use folkmoot_agents::{Agent, Context, Serializable, agent, object};
use folkmoot_codecs::{AllArguments, Codec, Date};

mod hidden {
    use super::*;

    #[derive(Clone, Debug, PartialEq, Serializable)]
    #[serializable(crate = folkmoot_agents::__private)]
    pub(super) struct Point {
        pub(super) r#type: String,
        #[serde(rename = "when")]
        pub(super) seen: Option<Date>,
        #[serde(default)]
        pub(super) inner: Vec<Point>,
    }

    #[derive(Debug, PartialEq, Serializable)]
    #[serializable(crate = folkmoot_agents::__private)]
    pub(super) struct Nothing {}
}

use hidden::{Nothing, Point};

#[derive(Default)]
struct Part;

#[object(crate = folkmoot_agents::__private)]
impl Part {
    #[expose]
    fn all(&mut self, all: AllArguments) -> usize {
        all.positional.len()
    }
}

#[derive(Agent, Default)]
#[agent(crate = folkmoot_agents::__private)]
struct Teller {
    part: Part,
}

#[agent(crate = folkmoot_agents::__private)]
impl Teller {
    #[object]
    fn part(&self) -> &Part {
        &self.part
    }

    #[expose(idempotent)]
    async fn all(&self, ctx: &Context<Self>, all: AllArguments) -> (String, usize) {
        (ctx.name().to_owned(), all.keyword.len())
    }

    #[expose]
    fn point(&self, point: Point) -> Point {
        point
    }
}

#[agent(crate = folkmoot_agents::__private)]
trait Telling {
    fn all(&self, all: folkmoot_codecs::AllArguments) -> usize;
}

fn main() {
    let read = |json: &str| Codec::Json.decode::<Point>(json.as_bytes());
    let point = read(r#"{"type": "a", "when": "2020-01-01"}"#).unwrap();
    assert_eq!((point.r#type.as_str(), point.inner.len()), ("a", 0));
    assert!(point.seen.is_some() && read(r#"{"when": null}"#).is_err());
    let mut out = Default::default();
    Codec::Json.encode(&(Nothing {}, Point { seen: None, ..point }), &mut out).unwrap();
    assert_eq!(&out[..], br#"[{},{"type":"a","when":null,"inner":[]}]"#);
    assert_eq!(Codec::Json.decode::<Nothing>(b"{}").unwrap(), Nothing {});
}
