//! Dialogues: a message taken and one given back, with few open and with many, beside a bare table and AEA 1.2.5.
//!
//! Always true: both sides of a row take the same messages and give back the same. Neighbour: `dialogues/peer.py` is
//! AEA's side, run by the Python that the live lane has installed.

use std::collections::HashMap;
use std::hint::black_box;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use folkmoot::protocols::dialogue::{DialogueId, Dialogues, Limits, Rules, Side as By, Update};
use folkmoot::protocols::{Body, DialogueReference, Message, Protocol, Specification, Value};

use crate::Result;
use crate::bench::{Bench, Group, Target, Unit};
use crate::child::Child;
use crate::role::{Hold, Role, Side};
use crate::rounds::{Pair, Plan, interleaved, nanoseconds_a_call};
use crate::stopwatch::Stopwatch;

const ABOUT: &str = "A message that came is taken and answered, both built anew each time, in one of so many open dialogues with \
    1,000 peers, chosen at random. Floor: a hash map by peer and reference to the numbers of both sides, and the \
    same messages; in the row of a million the same with 1,000 open; in that of AEA its `Dialogues`, in one long \
    dialogue, as there is no faster case (`-- AEA`, `--long`, installed by `.ci/live aea`). Bytes: growth of the \
    resident set by a million dialogues of two messages, their contents kept; floor: the bare table, which keeps \
    none.";

const PEER: &str = include_str!("dialogues/peer.py");
const PEERS: u32 = 1_000;
const FEW: u32 = 1_000;
const MANY: u32 = 1_000_000;
/// What is kept of each dialogue, so that the rounds do not fill the memory.
const KEPT_MESSAGES: usize = 8;

const HAGGLE: &str = "
name: haggle
author: folk
version: 1.0.0
description: Two who never agree.
license: MIT
aea_version: '>=1.0.0, <2.0.0'
protocol_specification_id: folk/haggle:1.0.0
speech_acts:
  bid: {price: pt:int}
  stop: {}
---
initiation: [bid]
reply: {bid: [bid, stop], stop: []}
termination: [stop]
roles: {trader}
end_states: [stopped]
keep_terminal_state_dialogues: false
";

pub(crate) fn group() -> Group {
    let pair = |open: u32, target| {
        let name = format!("update and reply, {open} dialogues open");
        Bench::new(name, Unit::Time, target, move |plan| beside_bare(plan, open))
    };
    let flat = "update and reply, 1000000 dialogues open, against 1000";
    let benches = vec![
        pair(FEW, Target::None),
        pair(MANY, Target::None),
        Bench::new(flat, Unit::Time, Target::RatioAtMost(3.0), many_beside_few),
        Bench::new("open dialogue of two messages", Unit::Bytes, Target::OursAtMost(1_000.0), |plan| {
            let hold = |side| move || Child::start(&Role::Hold(Hold { side }), false)?.number();
            interleaved(plan, hold(Side::Floor), hold(Side::Ours))
        }),
        Bench::new("update and reply, against AEA", Unit::Time, Target::RatioAtMost(0.01), beside_aea).long(),
    ];
    Group { title: "Dialogues", about: ABOUT, benches }
}

fn peer(number: u32) -> String {
    format!("peer-{}", number % PEERS)
}

/// References as long as AEA's.
fn reference(number: u32) -> String {
    format!("{number:064x}")
}

/// An agent and its open dialogues, each begun by a peer.
struct Ours {
    dialogues: Dialogues<Body>,
    protocol: Arc<Protocol>,
    open: Vec<(DialogueId, Message)>,
    random: fastrand::Rng,
}

impl Ours {
    fn open(count: u32, messages: usize) -> Result<Ours> {
        let (specification, _) = Specification::read(HAGGLE)?;
        let rules = Arc::new(Rules::of(&specification)?);
        let protocol = Protocol::new(specification)?;
        let mut nonce = 0_u32;
        let nonces = move || {
            nonce += 1;
            let mut bytes = [7; 32];
            bytes[..4].copy_from_slice(&nonce.to_be_bytes());
            Some(bytes)
        };
        let mut limits = Limits::default();
        (limits.open, limits.open_per_peer, limits.messages) = (MANY as usize, MANY as usize, messages);
        let dialogues = Dialogues::new(rules, "trader", nonces).with_limits(limits);
        let mut ours = Ours { dialogues, protocol, open: Vec::new(), random: fastrand::Rng::with_seed(1) };
        for number in 0..count {
            let dialogue_reference =
                DialogueReference { starter: reference(number), responder: String::new() };
            let body = ours.bid()?;
            let (sender, to) = (Some(peer(number)), Some("trader".to_owned()));
            let first = Message { dialogue_reference, message_id: 1, target: 0, sender, to, body };
            let id = ours.take(&first)?;
            let answer = ours.dialogues.reply(id, None, first.body, Duration::ZERO)?;
            // The next one that comes, as far as it is known.
            let next = Message { message_id: 2, target: -1, sender: answer.to, to: answer.sender, ..answer };
            ours.open.push((id, next));
        }
        Ok(ours)
    }

    fn bid(&self) -> Result<Body> {
        Ok(Body::new(&self.protocol, "bid", [("price", Value::from(300_i64))])?)
    }

    fn take(&mut self, message: &Message) -> Result<DialogueId> {
        match self.dialogues.update(message, Duration::ZERO) {
            Update::Accepted { id, .. } => Ok(id),
            other => Err(format!("{other:?}").into()),
        }
    }

    fn pairs(&mut self, times: u64) -> Result<Duration> {
        let began = Stopwatch::start();
        for _ in 0..times {
            let place = self.random.usize(..self.open.len());
            let message = self.open[place].1.clone();
            let id = self.take(&message)?;
            let answer = black_box(self.dialogues.reply(id, None, message.body, Duration::ZERO)?);
            let next = &mut self.open[place].1;
            (next.message_id, next.target) = (message.message_id + 1, answer.message_id);
        }
        Ok(began.elapsed())
    }
}

/// A table of numbers, and nothing that is checked but these.
struct Bare {
    numbers: HashMap<(String, String), (i32, i32)>,
    messages: Vec<Message>,
    random: fastrand::Rng,
}

impl Bare {
    fn open(count: u32) -> Result<Bare> {
        let (specification, _) = Specification::read(HAGGLE)?;
        let protocol = Protocol::new(specification)?;
        let mut bare =
            Bare { numbers: HashMap::new(), messages: Vec::new(), random: fastrand::Rng::with_seed(1) };
        for number in 0..count {
            bare.numbers.insert((peer(number), reference(number)), (1, -1));
            let dialogue_reference =
                DialogueReference { starter: reference(number), responder: reference(number) };
            let (sender, to) = (Some(peer(number)), Some("trader".to_owned()));
            let body = Body::new(&protocol, "bid", [("price", Value::from(300_i64))])?;
            bare.messages.push(Message { dialogue_reference, message_id: 2, target: -1, sender, to, body });
        }
        Ok(bare)
    }

    fn pairs(&mut self, times: u64) -> Result<Duration> {
        let began = Stopwatch::start();
        for _ in 0..times {
            let place = self.random.usize(..self.messages.len());
            let message = self.messages[place].clone();
            let key = (message.sender.ok_or("a sender")?, message.dialogue_reference.starter);
            let (theirs, ours) = self.numbers.get_mut(&key).ok_or("it is open")?;
            if message.message_id != *theirs + 1 {
                return Err("not the next number".into());
            }
            (*theirs, *ours) = (message.message_id, *ours - 1);
            let (sender, starter) = key;
            let responder = message.dialogue_reference.responder;
            let answer = black_box(Message {
                dialogue_reference: DialogueReference { starter, responder },
                message_id: *ours,
                target: *theirs,
                sender: message.to,
                to: Some(sender),
                body: message.body,
            });
            let next = &mut self.messages[place];
            (next.message_id, next.target) = (answer.target + 1, answer.message_id);
        }
        Ok(began.elapsed())
    }
}

fn beside_bare(plan: &Plan, open: u32) -> Result<Vec<Pair>> {
    let (mut bare, mut ours) = (Bare::open(open)?, Ours::open(open, KEPT_MESSAGES)?);
    nanoseconds_a_call(plan, |times| bare.pairs(times), |times| ours.pairs(times))
}

fn many_beside_few(plan: &Plan) -> Result<Vec<Pair>> {
    let (mut few, mut many) = (Ours::open(FEW, KEPT_MESSAGES)?, Ours::open(MANY, KEPT_MESSAGES)?);
    nanoseconds_a_call(plan, |times| few.pairs(times), |times| many.pairs(times))
}

fn beside_aea(plan: &Plan) -> Result<Vec<Pair>> {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| PathBuf::from("target"), PathBuf::from);
    let python = target.join("live/py3.10/bin/python");
    if !python.exists() {
        let text = "run `.ci/live aea` first, and the benches from the top of the repository";
        return Err(format!("there is no {}: {text}", python.display()).into());
    }
    let mut command = Command::new(python);
    command.args(["-W", "ignore", "-c", PEER]);
    let mut theirs = Child::start_command(command)?;
    let mut ours = Ours::open(1, Limits::default().messages)?;
    let theirs = |times: u64| -> Result<Duration> {
        theirs.order(times)?;
        Ok(Duration::from_nanos(theirs.number()? as u64))
    };
    nanoseconds_a_call(plan, theirs, |times| ours.pairs(times))
}

/// Bytes a dialogue, measured in this process.
pub(crate) fn hold(hold: &Hold) -> Result<f64> {
    // Code and tables that every agent has are there before.
    drop(Ours::open(FEW, KEPT_MESSAGES)?);
    let before = super::idle_agents::resident_bytes()?;
    let held = match hold.side {
        Side::Ours => {
            let mut ours = Ours::open(MANY, KEPT_MESSAGES)?;
            // What the bench keeps for itself.
            ours.open = Vec::new();
            let begun = ours.dialogues.statistics().begun_by(By::Them).begun;
            if (begun, ours.dialogues.open()) != (u64::from(MANY), MANY as usize) {
                return Err("not all are open".into());
            }
            Held::Ours(Box::new(ours))
        }
        Side::Floor | Side::Multiplexer => {
            let mut bare = Bare::open(MANY)?;
            bare.messages = Vec::new();
            Held::Bare(Box::new(bare))
        }
    };
    let after = super::idle_agents::resident_bytes()?;
    drop(black_box(held));
    Ok((after - before) / f64::from(MANY))
}

/// Alive while it is weighed.
#[allow(dead_code, reason = "what is held is only weighed")]
enum Held {
    Ours(Box<Ours>),
    Bare(Box<Bare>),
}
