//! Calls from one process to another, over TCP and TLS, against a bare multiplexed echo.

use std::path::PathBuf;
use std::time::Duration;

use folkmoot::{Codec, DevCerts};

use crate::Result;
use crate::bench::{Bench, Group, Target, Unit};
use crate::child::Child;
use crate::role::{Drive, Role, Serve, Side, codec_name};
use crate::rounds::{Pair, Plan, nanoseconds_a_call};

const ABOUT: &str = "An agent in another process on this machine gives a text back. Floor: an echo on bare tokio, \
    one thread for each process, frames with a length and an id, a table of pending calls, `TCP_NODELAY`, one write \
    for all that waits; it neither decodes nor names anything, and its server sends each frame back from the loop that \
    read it. Against a multiplexer: the same frames, but a task for each request, as a server needs whose requests may \
    wait for something, and a channel to the one that writes. Over TLS both use 1.3 with the same certificates and \
    the same crypto provider. One at a time, both processes of a side are pinned to one core, or the wake-up of the \
    other core would be all that is seen; with 100 in flight they run free. Ours speaks MsgPack unless named.";

/// One way to call.
#[derive(Clone, Copy)]
pub(super) struct Way {
    pub(super) floor: Side,
    pub(super) tls: bool,
    pub(super) codec: Codec,
    pub(super) text_bytes: usize,
    pub(super) in_flight: u64,
}

pub(crate) fn group() -> Group {
    let mut benches = Vec::new();
    for (in_flight, least) in [(1, 0.8), (100, 0.6)] {
        for tls in [false, true] {
            for text_bytes in [64, 1024] {
                let target = if text_bytes == 64 { Target::RatioAtLeast(least) } else { Target::None };
                let (floor, codec) = (Side::Floor, Codec::MsgPack);
                benches.push(bench(Way { floor, tls, codec, text_bytes, in_flight }, target));
            }
        }
    }
    for tls in [false, true] {
        let (floor, codec, text_bytes) = (Side::Multiplexer, Codec::MsgPack, 64);
        let way = Way { floor, tls, codec, text_bytes, in_flight: 100 };
        benches.push(bench(way, Target::RatioAtLeast(0.6)));
    }
    for codec in [Codec::Json, Codec::Cbor] {
        for in_flight in [1, 100] {
            benches.push(bench(
                Way { floor: Side::Floor, tls: false, codec, text_bytes: 64, in_flight },
                Target::None,
            ));
        }
    }
    Group { title: "Remote call", about: ABOUT, benches }
}

fn bench(way: Way, target: Target) -> Bench {
    let transport = if way.tls { "TLS" } else { "TCP" };
    let size = if way.text_bytes == 64 { "64 B" } else { "1 KiB" };
    let crowd = if way.in_flight == 1 { "one at a time, pinned" } else { "100 in flight" };
    let codec = match way.codec {
        Codec::MsgPack => String::new(),
        codec => format!(", {}", codec_name(codec)),
    };
    let against = if way.floor == Side::Multiplexer { ", against a multiplexer" } else { "" };
    let name = format!("remote {transport} {size}{codec}, {crowd}{against}");
    Bench::new(name, Unit::Rate, target, move |plan| measure(plan, way))
}

fn measure(plan: &Plan, way: Way) -> Result<Vec<Pair>> {
    let folder = tempfile::tempdir()?;
    let certs = way.tls.then(|| folder.path().to_owned());
    if let Some(dir) = &certs {
        let authority = DevCerts::in_dir(dir)?;
        authority.node("server")?;
        authority.node("driver")?;
    }
    let core = (way.in_flight == 1).then_some(0);
    let mut floor = Ends::start(way.floor, way, certs.clone(), core)?;
    let mut ours = Ends::start(Side::Ours, way, certs, core)?;
    let pairs = nanoseconds_a_call(plan, |calls| floor.calls(calls), |calls| ours.calls(calls))?;
    let a_second = |nanoseconds: f64| 1e9 / nanoseconds;
    Ok(pairs.iter().map(|pair| Pair { floor: a_second(pair.floor), ours: a_second(pair.ours) }).collect())
}

/// The two processes of one side.
pub(super) struct Ends {
    driver: Child,
    // Ended after its driver.
    _server: Child,
}

impl Ends {
    /// Both on that core, or on any.
    pub(super) fn start(side: Side, way: Way, certs: Option<PathBuf>, core: Option<usize>) -> Result<Ends> {
        let mut server =
            Child::start_on(&Role::Serve(Serve { side, certs: certs.clone(), gather_ms: 0 }), core)?;
        let to = server.word()?;
        let Way { codec, text_bytes, in_flight, .. } = way;
        let drive = Drive { side, certs, to, codec, text_bytes, in_flight };
        let driver = Child::start_on(&Role::Drive(drive), core)?;
        Ok(Ends { driver, _server: server })
    }

    fn calls(&mut self, calls: u64) -> Result<Duration> {
        self.begin(calls)?;
        self.end()
    }

    /// Lets the driver begin to call.
    pub(super) fn begin(&mut self, calls: u64) -> Result<()> {
        self.driver.order(calls)
    }

    /// How long it took the driver.
    pub(super) fn end(&mut self) -> Result<Duration> {
        Ok(Duration::from_nanos(self.driver.word()?.parse()?))
    }
}
