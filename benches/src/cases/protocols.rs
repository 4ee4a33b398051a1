//! Messages of a protocol, written to bytes and read again, here and by AEA 1.2.5.
//!
//! Always true: both sides begin with the same bytes and write them again. Neighbour: `protocols/peer.py` is AEA's side, its
//! own generated code run by the Python that the live lane has installed.

use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use folkmoot::protocols::neutral::from_hex;
use folkmoot::protocols::{Message, Protocol, Reading, Specification};

use crate::Result;
use crate::bench::{Bench, Group, Target, Unit};
use crate::child::Child;
use crate::rounds::{Pair, Plan, nanoseconds_a_call};
use crate::stopwatch::Stopwatch;

const ABOUT: &str = "Here the floor is a peer: AEA 1.2.5 on CPython 3.10 with protobuf's C++. One message is written to bytes \
    and read again, by the interpreter of specifications, strictly, and by the serializer that AEA generates. A proposal holds \
    a description of five attributes, which AEA makes objects of; here its bytes are checked and kept. These rows need what \
    `.ci/live aea` installs, and run where they are asked for (`-- AEA`, `--long`).";

const PEER: &str = include_str!("protocols/peer.py");
const FIPA: &str = include_str!("protocols/fipa.yaml");

pub(crate) fn group() -> Group {
    let rows = [("propose", Target::RatioAtLeast(80.0)), ("accept_w_inform", Target::None)];
    let rows = rows.map(|(performative, target)| {
        let name = format!("fipa {performative}, written and read, against AEA");
        Bench::new(name, Unit::Rate, target, move |plan| round_trips(plan, performative)).long()
    });
    Group { title: "Protocols", about: ABOUT, benches: rows.into() }
}

/// The Python with AEA.
fn python() -> Result<PathBuf> {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| PathBuf::from("target"), PathBuf::from);
    let python = target.join("live/py3.10/bin/python");
    match python.exists() {
        true => Ok(python),
        false => Err(format!(
            "there is no {}: run `.ci/live aea` first, and the benches from the top of the repository",
            python.display()
        )
        .into()),
    }
}

fn round_trips(plan: &Plan, performative: &str) -> Result<Vec<Pair>> {
    let folder = tempfile::tempdir()?;
    let spec = folder.path().join("fipa.yaml");
    std::fs::write(&spec, FIPA)?;
    let mut command = Command::new(python()?);
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("../agents/protocols/tests/aea");
    command.args(["-W", "ignore", "-c", PEER]).arg(scripts).arg(&spec).arg(folder.path()).arg(performative);
    let mut theirs = Child::start_command(command)?;
    let bytes = from_hex(&theirs.word()?)?;
    let protocol = protocol()?;
    let message: Message = Message::decode(&protocol, &bytes, Reading::STRICT)?;
    if message.body.performative() != performative || message.encode() != bytes {
        return Err("what AEA wrote is written otherwise here".into());
    }
    let theirs = |times: u64| -> Result<Duration> {
        theirs.order(times)?;
        Ok(Duration::from_nanos(theirs.number()? as u64))
    };
    let times = nanoseconds_a_call(plan, theirs, |times| Ok(written_and_read(&protocol, &message, times)?))?;
    // In a second, for a ratio that one can read.
    Ok(times.iter().map(|time| Pair { floor: 1e9 / time.floor, ours: 1e9 / time.ours }).collect())
}

fn protocol() -> Result<Arc<Protocol>> {
    let (specification, _) = Specification::read(FIPA)?;
    Ok(Protocol::new(specification)?)
}

fn written_and_read(
    protocol: &Arc<Protocol>,
    message: &Message,
    times: u64,
) -> std::result::Result<Duration, folkmoot::protocols::DecodeError> {
    let began = Stopwatch::start();
    for _ in 0..times {
        let bytes = black_box(message).encode();
        let read: Message = Message::decode(protocol, black_box(&bytes), Reading::STRICT)?;
        black_box(read);
    }
    Ok(began.elapsed())
}
