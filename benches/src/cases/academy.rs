//! Academy's exchange server and ours, asked by the same clients over HTTP.
//!
//! Always true: both take turns within one run, and are asked for the same. Neighbours: `academy/peer.py` starts Academy's
//! server, by the Python that the live tests have installed; [`bare`] is the other floor, [`load`] has the clients.

mod bare;
mod load;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use folkmoot::Mailroom;
use folkmoot_interop::Academy;
use tempfile::TempDir;

use self::load::{Asking, Load};
use crate::Result;
use crate::bench::{Bench, Group, Target, Unit};
use crate::child::{Child, tell};
use crate::role::{Role, ServeMail, Side};
use crate::rounds::{Pair, Plan};

const ABOUT: &str = "Here the floor is a peer: the HTTP exchange of academy-py 1.0.0 on CPython 3.11, which keeps mail in memory. \
    Ours keeps it there too, or in a folder, and then answers once the disk has it. \
    16 connections ask one thing after the other; the clients are one thread of the bench. Memory: what is resident with 1,000 \
    mailboxes and a listener to each. An action and its answer: of two processes with Academy's own client, one after the other; in \
    the last row the floor is the processor time of these two processes, which no server can take from them. These rows need what \
    `.ci/live academy` installs, and run where they are asked for \
    (`-- academy`, `--long`). What the machine allows at all is in the next group.";

const ABOUT_FLOOR: &str = "The same clients ask, and the floor is a bare server of the library that ours stands on: it reads the request and answers, \
    in memory; in a folder it appends the body of each message to a file first, with a group commit as the exchange has it. \
    A status appends nothing. On two cores the clients take as much of them as the server. A message that is received was sent before, and is acknowledged: two writes of ours, one of the floor.";

const PEER: &str = include_str!("academy/peer.py");
const ROUND_TRIP: &str = include_str!("academy/round_trip.py");
/// Requests of a round.
const CALLS: u64 = 6_400;
const LISTENERS: u64 = 1_000;
/// Actions of a round, by Academy's own client.
const ACTIONS: u64 = 500;

pub(crate) fn group() -> Group {
    let asked = [(Asking::Put, "PUT message"), (Asking::Status, "GET status"), (Asking::Get, "GET message")];
    let mut benches = Vec::new();
    for (is_kept, kept) in [(false, "in memory"), (true, "in a folder")] {
        for (asking, what) in asked {
            let name = format!("academy exchange, {what}, {kept}");
            let rates = move |plan: &Plan| rates(plan, asking, is_kept);
            benches.push(Bench::new(name, Unit::Rate, Target::RatioAtLeast(10.0), rates).long());
        }
    }
    let name = "academy exchange, memory with 1,000 listeners";
    benches.push(Bench::new(name, Unit::Bytes, Target::RatioAtMost(0.25), weights).long());
    for (is_kept, kept) in [(false, "in memory"), (true, "in a folder")] {
        let name = format!("academy-py, an action and its answer, {kept}");
        let turns = move |plan: &Plan| actions(plan, is_kept);
        benches.push(Bench::new(name, Unit::Time, Target::RatioAtMost(1.0), turns).long());
    }
    let name = "academy-py, an action and its answer, against its own processor time";
    benches.push(Bench::new(name, Unit::Time, Target::RatioAtMost(1.2), actions_beside_own_time).long());
    Group { title: "Against Academy", about: ABOUT, benches }
}

/// Ours beside the least that a server does.
pub(crate) fn bare_group() -> Group {
    let asked = [(Asking::Put, "PUT message"), (Asking::Status, "GET status"), (Asking::Get, "GET message")];
    let mut benches = Vec::new();
    for (is_kept, kept) in [(false, "in memory"), (true, "in a folder")] {
        for (asking, what) in asked {
            let name = format!("front door, {what}, {kept}");
            let rates = move |plan: &Plan| rates_beside_bare(plan, asking, is_kept);
            benches.push(Bench::new(name, Unit::Rate, Target::None, rates));
        }
    }
    Group { title: "Academy's front door, against a bare server", about: ABOUT_FLOOR, benches }
}

fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| PathBuf::from("target"), PathBuf::from)
}

/// A program for the Python that has Academy.
fn python(program: &str, arguments: &[&str]) -> Result<Child> {
    let python = target().join("live/academy-1.0.0/bin/python");
    if !python.exists() {
        let path = python.display();
        let told = "run `.ci/live academy` first, and the benches from the top of the repository";
        return Err(format!("there is no {path}: {told}").into());
    }
    let mut command = Command::new(python);
    command.args(["-W", "ignore", "-c", program]).args(arguments);
    Child::start_command(command)
}

/// Academy's server and ours, and where they listen.
fn servers(exchange: String) -> Result<[(Child, String); 2]> {
    let mut theirs = python(PEER, &[])?;
    let mut ours = serving(Side::Ours, exchange)?;
    let addresses = [theirs.word()?, ours.word()?];
    let [theirs_at, ours_at] = addresses;
    Ok([(theirs, theirs_at), (ours, ours_at)])
}

fn serving(side: Side, exchange: String) -> Result<Child> {
    Child::start(&Role::ServeMail(ServeMail { side, exchange }), false)
}

fn rates_beside_bare(plan: &Plan, asking: Asking, is_kept: bool) -> Result<Vec<Pair>> {
    let (folder, exchange) = folder()?;
    let (file, exchange) = match is_kept {
        true => (std::path::absolute(folder.path().join("appended"))?.display().to_string(), exchange),
        false => (String::new(), "memory:".to_owned()),
    };
    let (mut floor, mut ours) = (serving(Side::Floor, file)?, serving(Side::Ours, exchange)?);
    let (mut floor_load, mut our_load) = (Load::new(floor.word()?)?, Load::new(ours.word()?)?);
    floor_load.round(asking, CALLS / 4)?;
    our_load.round(asking, CALLS / 4)?;
    crate::rounds::interleaved(plan, || floor_load.round(asking, CALLS), || our_load.round(asking, CALLS))
}

/// A folder for an exchange, and its line.
fn folder() -> Result<(TempDir, String)> {
    // Not where files may be in memory.
    let folder = tempfile::tempdir_in(target())?;
    let line = format!("sqlite://{}", std::path::absolute(folder.path().join("exchange"))?.display());
    Ok((folder, line))
}

fn rates(plan: &Plan, asking: Asking, is_kept: bool) -> Result<Vec<Pair>> {
    let (_folder, kept) = folder()?;
    let [(_theirs, theirs_at), (_ours, ours_at)] =
        servers(if is_kept { kept } else { "memory:".to_owned() })?;
    let (mut theirs, mut ours) = (Load::new(theirs_at)?, Load::new(ours_at)?);
    theirs.round(asking, CALLS / 4)?;
    ours.round(asking, CALLS / 4)?;
    crate::rounds::interleaved(plan, || theirs.round(asking, CALLS), || ours.round(asking, CALLS))
}

fn weights(_: &Plan) -> Result<Vec<Pair>> {
    let mut weights = Vec::new();
    for (server, address) in servers("memory:".to_owned())? {
        let mut load = Load::new(address)?;
        let listeners = load.listeners(LISTENERS)?;
        weights.push(server.resident_bytes()?);
        drop(listeners);
    }
    let [floor, ours] = weights.as_slice() else { return Err("two servers".into()) };
    Ok(vec![Pair { floor: *floor, ours: *ours }])
}

/// An agent and a program that asks it, both Academy's, over one server.
struct Talk {
    answering: Child,
    asking: Child,
}

impl Talk {
    fn begin(address: &str) -> Result<Talk> {
        let url = format!("http://{address}");
        let mut answering = python(ROUND_TRIP, &["answers", &url])?;
        answering.word()?;
        let mut asking = python(ROUND_TRIP, &["asks", &url])?;
        asking.word()?;
        let mut talk = Talk { answering, asking };
        talk.round()?;
        Ok(talk)
    }

    /// How long an action takes, and how much of that the two were on a processor, in nanoseconds.
    fn round(&mut self) -> Result<Pair> {
        let before = self.processor_time()?;
        self.asking.order(ACTIONS)?;
        let ours = self.asking.number()?;
        let worked = self.processor_time()? - before;
        Ok(Pair { floor: worked.as_nanos() as f64 / ACTIONS as f64, ours })
    }

    fn processor_time(&self) -> Result<Duration> {
        Ok(self.asking.processor_time()? + self.answering.processor_time()?)
    }
}

fn actions(plan: &Plan, is_kept: bool) -> Result<Vec<Pair>> {
    let (_folder, kept) = folder()?;
    let [(_theirs, theirs_at), (_ours, ours_at)] =
        servers(if is_kept { kept } else { "memory:".to_owned() })?;
    let (mut theirs, mut ours) = (Talk::begin(&theirs_at)?, Talk::begin(&ours_at)?);
    crate::rounds::interleaved(plan, || Ok(theirs.round()?.ours), || Ok(ours.round()?.ours))
}

fn actions_beside_own_time(plan: &Plan) -> Result<Vec<Pair>> {
    let mut server = serving(Side::Ours, "memory:".to_owned())?;
    let mut talk = Talk::begin(&server.word()?)?;
    (0..plan.rounds).map(|_| talk.round()).collect()
}

/// Serves an exchange until the parent ends it.
pub(crate) fn serve_mail(serve: &ServeMail) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    if serve.side != Side::Ours {
        let file = (!serve.exchange.is_empty()).then(|| Path::new(&serve.exchange));
        return runtime.block_on(async {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
            tell(listener.local_addr()?)?;
            let mut orders = crate::child::orders();
            tokio::select! {
                served = bare::serve(listener, file) => served,
                _ = orders.recv() => Ok(()),
            }
        });
    }
    runtime.block_on(async {
        let server = Academy::new(Mailroom::open(&serve.exchange).await?).start("127.0.0.1:0").await?;
        tell(server.address())?;
        let mut orders = crate::child::orders();
        while orders.recv().await.is_some() {}
        Ok(())
    })
}
