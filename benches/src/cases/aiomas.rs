//! Folkmoot's container and that of aiomas 2.0.1, called by the same clients.
//!
//! Always true: both servers give back what they get, and each round asks both for the same. Neighbour: `aiomas/peer.py`
//! is aiomas's side, run by the Python that the live tests have installed.

use std::io::{BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc;

use folkmoot::Codec;

use crate::Result;
use crate::bench::{Bench, Group, Target, Unit};
use crate::child::Child;
use crate::role::{Role, Serve, Side};
use crate::rounds::{Pair, Plan};
use crate::stopwatch::Stopwatch;

const ABOUT: &str = "Here the floor is a peer: a container of aiomas 2.0.1 on CPython 3.8, with the packages of its time. \
    Server CPU: the same unpatched aiomas client, a process of its own, keeps 100 calls of 64 B in flight, so it is the \
    client that is waited for; what is told is the processor time of the server's process for one call. Text of 1 MiB: a bare \
    client with four requests of an echo in flight, and how many are answered in a second; against the bytes alone: the floor \
    is a thread that reads each frame into one buffer and writes it back, which is what this client and these cores leave \
    room for. Gathered: ours has a `gather_time` of a millisecond, so it answers many calls at once, each later. These rows need what `.ci/live \
    peers` installs, and run where they are asked for (`-- aiomas`, `--long`).";

const PEER: &str = include_str!("aiomas/peer.py");
const IN_FLIGHT: u64 = 100;
/// How long a link gathers in the rows that say so.
const GATHER_MS: u64 = 1;
/// Calls of a round.
const CALLS: u64 = 20_000;
const LARGE_BYTES: usize = 1 << 20;
const LARGE_IN_FLIGHT: usize = 4;
/// Large calls of a round.
const LARGE_CALLS: usize = 300;

pub(crate) fn group() -> Group {
    let cpu = [
        (Codec::Json, 0, Target::RatioAtMost(0.125)),
        (Codec::MsgPack, 0, Target::RatioAtMost(0.125)),
        (Codec::MsgPackBlosc, 0, Target::None),
        (Codec::Json, GATHER_MS, Target::None),
        (Codec::MsgPack, GATHER_MS, Target::None),
    ];
    let mut benches: Vec<Bench> = cpu
        .into_iter()
        .map(|(codec, gather_ms, target)| {
            let gathered =
                if gather_ms == 0 { String::new() } else { format!(", gathered for {gather_ms} ms") };
            let name = format!("aiomas client, 100 in flight, server CPU of a call, {codec}{gathered}");
            Bench::new(name, Unit::Time, target, move |plan| server_time(plan, codec, gather_ms)).long()
        })
        .collect();
    benches.extend([Codec::Json, Codec::MsgPack].map(|codec| {
        let name = format!("echo of 1 MiB text, against aiomas, {codec}");
        Bench::new(name, Unit::Rate, Target::RatioAtLeast(5.0), move |plan| large_texts(plan, codec)).long()
    }));
    benches.extend([Codec::Json, Codec::MsgPack].map(|codec| {
        let name = format!("echo of 1 MiB text, against the bytes alone, {codec}");
        Bench::new(name, Unit::Rate, Target::None, move |plan| large_texts_beside_bare(plan, codec)).long()
    }));
    Group { title: "Against aiomas", about: ABOUT, benches }
}

/// The Python with aiomas.
fn python() -> Result<PathBuf> {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| PathBuf::from("target"), PathBuf::from);
    let python = target.join("live/py3.8/bin/python");
    match python.exists() {
        true => Ok(python),
        false => Err(format!(
            "there is no {}: run `.ci/live peers` first, and the benches from the top of the repository",
            python.display()
        )
        .into()),
    }
}

fn python_peer(python: &Path, words: &[&str]) -> Result<Child> {
    let mut command = Command::new(python);
    command.args(["-W", "ignore", "-c", PEER]).args(words);
    Child::start_command(command)
}

/// Both servers, and the URLs of their agents.
fn servers(codec: Codec, gather_ms: u64) -> Result<(PathBuf, [(Child, String); 2])> {
    let python = python()?;
    let mut theirs = python_peer(&python, &["serve", codec.name()])?;
    let mut ours = Child::start(&Role::Serve(Serve { side: Side::Ours, certs: None, gather_ms }), false)?;
    let urls = [theirs.word()?, ours.word()?];
    let [theirs_at, ours_at] = urls;
    Ok((python, [(theirs, theirs_at), (ours, ours_at)]))
}

fn server_time(plan: &Plan, codec: Codec, gather_ms: u64) -> Result<Vec<Pair>> {
    let (python, servers) = servers(codec, gather_ms)?;
    let mut sides = Vec::new();
    for (server, url) in servers {
        let in_flight = IN_FLIGHT.to_string();
        let mut client = python_peer(&python, &["drive", codec.name(), &url, &in_flight])?;
        client.order(CALLS / 10)?;
        client.number()?;
        sides.push((server, client));
    }
    let [theirs, ours] = sides.as_mut_slice() else { return Err("two sides".into()) };
    crate::rounds::interleaved(plan, || round(theirs), || round(ours))
}

/// The processor time of the server for one call, in nanoseconds.
fn round((server, client): &mut (Child, Child)) -> Result<f64> {
    let before = server.processor_time()?;
    client.order(CALLS)?;
    client.number()?;
    let took = server.processor_time()?.saturating_sub(before);
    Ok(took.as_nanos() as f64 / CALLS as f64)
}

fn large_texts(plan: &Plan, codec: Codec) -> Result<Vec<Pair>> {
    let (_, [(_theirs, theirs), (_ours, ours)]) = servers(codec, 0)?;
    in_turns(plan, Client::connect(&theirs, codec)?, Client::connect(&ours, codec)?)
}

/// Ours beside a server that only moves the bytes: what the machine and the client leave room for.
fn large_texts_beside_bare(plan: &Plan, codec: Codec) -> Result<Vec<Pair>> {
    let mut ours = Child::start(&Role::Serve(Serve { side: Side::Ours, certs: None, gather_ms: 0 }), false)?;
    let at = ours.word()?;
    in_turns(plan, Client::connect(&bare_echo()?, codec)?, Client::connect(&at, codec)?)
}

fn in_turns(plan: &Plan, mut theirs: Client, mut ours: Client) -> Result<Vec<Pair>> {
    theirs.calls(LARGE_CALLS / 6)?;
    ours.calls(LARGE_CALLS / 6)?;
    crate::rounds::interleaved(plan, || theirs.calls(LARGE_CALLS), || ours.calls(LARGE_CALLS))
}

/// A thread that sends one connection's frames back out of one buffer, and never looks at them.
fn bare_echo() -> Result<String> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    let url = format!("tcp://{}/echo", listener.local_addr()?);
    std::thread::Builder::new().spawn(move || -> std::io::Result<()> {
        let (mut stream, _) = listener.accept()?;
        stream.set_nodelay(true)?;
        let mut frame = vec![0; 4];
        loop {
            let mut header = [0; 4];
            stream.read_exact(&mut header)?;
            frame.resize(4 + u32::from_be_bytes(header) as usize, 0);
            frame[..4].copy_from_slice(&header);
            stream.read_exact(&mut frame[4..])?;
            stream.write_all(&frame)?;
        }
    })?;
    Ok(url)
}

/// A bare client: it writes one request again and again, and reads how long the answers are.
struct Client {
    stream: TcpStream,
    request: Vec<u8>,
    least_answer: usize,
}

impl Client {
    fn connect(url: &str, codec: Codec) -> Result<Client> {
        let (place, agent) = url
            .strip_prefix("tcp://")
            .and_then(|rest| rest.split_once('/'))
            .ok_or_else(|| format!("{url} is no URL of an agent over TCP"))?;
        let stream = TcpStream::connect(place)?;
        stream.set_nodelay(true)?;
        let mut payload = bytes::BytesMut::new();
        let keyword = std::collections::BTreeMap::<String, String>::new();
        let path = format!("agents/{agent}/echo");
        codec.encode(&(0, 1, (path, ["x".repeat(LARGE_BYTES)], keyword)), &mut payload)?;
        let mut request = u32::try_from(payload.len())?.to_be_bytes().to_vec();
        request.extend_from_slice(&payload);
        Ok(Client { stream, request, least_answer: LARGE_BYTES })
    }

    /// How many answers come in a second.
    fn calls(&mut self, calls: usize) -> Result<f64> {
        let (mut writer, request) = (self.stream.try_clone()?, self.request.clone());
        let (permit, permits) = mpsc::sync_channel::<()>(LARGE_IN_FLIGHT);
        let began = Stopwatch::start();
        // Beside the reading, or both ends might wait until the other reads.
        let writing = std::thread::Builder::new().spawn(move || -> std::io::Result<()> {
            permits.iter().take(calls).try_for_each(|()| writer.write_all(&request))
        })?;
        let mut reader = BufReader::with_capacity(1 << 18, &self.stream);
        let mut answer = Vec::new();
        (0..LARGE_IN_FLIGHT).try_for_each(|_| permit.send(()))?;
        for _ in 0..calls {
            let mut header = [0; 4];
            reader.read_exact(&mut header)?;
            answer.resize(u32::from_be_bytes(header) as usize, 0);
            reader.read_exact(&mut answer)?;
            if answer.len() < self.least_answer {
                return Err(format!("not an echo: {}", String::from_utf8_lossy(&answer)).into());
            }
            // At the end nobody waits for it any more.
            permit.send(()).ok();
        }
        writing.join().map_err(|_| "the thread that writes panicked")??;
        Ok(calls as f64 / began.elapsed().as_secs_f64())
    }
}
