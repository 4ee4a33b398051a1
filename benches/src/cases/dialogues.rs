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

const ABOUT: &str = "A message that came is taken and answered, in one of so many open dialogues with 1,000 peers, chosen at random. \
    Both sides are given messages that have just been made, 32 at a time, as a link hands them on; making them is not measured, \
    nor is any kept: those of a million dialogues would be waited for longer than the dialogues. Each dialogue has said as many \
    messages as it may keep, 8, before the first round, so that none grows while it is measured. Floor: a hash map by peer and \
    reference to the numbers of both sides, and the same answers. In the row of a million against 1,000 the floor is the same \
    with 1,000 open; in the row before it both sides are a bare hash map from one number to two, a million entries against \
    1,000, of which one is found and written at random, the next one once that is there: what the machine takes for memory that \
    is in no cache. The row after it has what the million add to either. In that of AEA the floor is its `Dialogues`, in one \
    long dialogue, as there is no faster case, both making their messages within the time (`-- AEA`, `--long`, installed by \
    `.ci/live aea`). Bytes: growth of the resident set by a million dialogues of two messages, their contents kept; floor: the \
    bare table, which keeps none.";

const PEER: &str = include_str!("dialogues/peer.py");
const PEERS: u32 = 1_000;
const FEW: u32 = 1_000;
const MANY: u32 = 1_000_000;
/// What is kept of each dialogue, so that the rounds do not fill the memory.
const KEPT_MESSAGES: usize = 8;
/// Messages that are made before they are taken: as many as a link handles in a row.
const BATCH: u64 = 32;

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
        Bench::new("bare map, 1000000 entries against 1000", Unit::Time, Target::None, |plan| {
            let (mut few, mut many) = (Numbers::of(FEW), Numbers::of(MANY));
            nanoseconds_a_call(plan, |times| few.look_up(times), |times| many.look_up(times))
        }),
        Bench::new(flat, Unit::Time, Target::RatioAtMost(1.5), many_beside_few),
        Bench::new("what a million dialogues add, against the bare map", Unit::Time, Target::None, growth),
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
    hexadecimal(&nonce(number, 0))
}

/// The reference that ours gives to the dialogue of this number.
fn own_reference(number: u32) -> String {
    hexadecimal(&nonce(number, 7))
}

fn nonce(number: u32, rest: u8) -> [u8; 32] {
    let mut bytes = [rest; 32];
    bytes[..4].copy_from_slice(&number.to_be_bytes());
    bytes
}

fn hexadecimal(bytes: &[u8; 32]) -> String {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.map(|digit| char::from(b"0123456789abcdef"[usize::from(digit)])).collect()
}

fn bid(protocol: &Arc<Protocol>) -> Result<Body> {
    Ok(Body::new(protocol, "bid", [("price", Value::from(300_i64))])?)
}

/// A message that comes in the dialogue of this number, the `said`th of the peer.
fn coming(protocol: &Arc<Protocol>, number: u32, said: i32) -> Result<Message> {
    let responder = if said == 1 { String::new() } else { own_reference(number) };
    Ok(Message {
        dialogue_reference: DialogueReference { starter: reference(number), responder },
        message_id: said,
        target: 1 - said,
        sender: Some(peer(number)),
        to: Some("trader".to_owned()),
        body: bid(protocol)?,
    })
}

/// How many messages the peers have said, by dialogue, and those that come next.
struct Coming {
    protocol: Arc<Protocol>,
    said: Vec<i32>,
    random: fastrand::Rng,
    messages: Vec<(u32, Message)>,
}

impl Coming {
    fn of(protocol: Arc<Protocol>) -> Coming {
        let messages = Vec::with_capacity(BATCH as usize);
        Coming { protocol, said: Vec::new(), random: fastrand::Rng::with_seed(1), messages }
    }

    fn add(&mut self, number: u32) -> Result<()> {
        let said = &mut self.said[number as usize];
        *said += 1;
        self.messages.push((number, coming(&self.protocol, number, *said)?));
        Ok(())
    }

    fn add_random(&mut self, count: u64) -> Result<()> {
        let open = self.said.len() as u32;
        (0..count).try_for_each(|_| {
            let number = self.random.u32(..open);
            self.add(number)
        })
    }
}

/// An agent and its open dialogues, each begun by a peer.
struct Ours {
    dialogues: Dialogues<Body>,
    ids: Vec<DialogueId>,
    coming: Coming,
}

impl Ours {
    /// With dialogues of two messages.
    fn open(count: u32, messages: usize) -> Result<Ours> {
        let (specification, _) = Specification::read(HAGGLE)?;
        let rules = Arc::new(Rules::of(&specification)?);
        let coming = Coming::of(Protocol::new(specification)?);
        let mut numbers = 0..;
        let nonces = move || numbers.next().map(|number| nonce(number, 7));
        let mut limits = Limits::default();
        (limits.open, limits.open_per_peer, limits.messages) = (MANY as usize, MANY as usize, messages);
        let dialogues = Dialogues::new(rules, "trader", nonces).with_limits(limits);
        let mut ours = Ours { dialogues, ids: Vec::new(), coming };
        for number in 0..count {
            ours.coming.said.push(0);
            ours.coming.add(number)?;
            ours.exchange()?;
        }
        Ok(ours)
    }

    /// The same, each with as many messages as are kept, said in turns.
    fn full(count: u32) -> Result<Ours> {
        let mut ours = Ours::open(count, KEPT_MESSAGES)?;
        let mut numbers: Vec<u32> = (0..count).collect();
        for _ in 0..KEPT_MESSAGES / 2 - 1 {
            ours.coming.random.shuffle(&mut numbers);
            for some in numbers.chunks(BATCH as usize) {
                some.iter().try_for_each(|number| ours.coming.add(*number))?;
                ours.exchange()?;
            }
        }
        Ok(ours)
    }

    /// Takes and answers the messages that are there.
    fn exchange(&mut self) -> Result<Duration> {
        let began = Stopwatch::start();
        for (number, message) in self.coming.messages.drain(..) {
            let id = match self.dialogues.update(&message, Duration::ZERO) {
                Update::Accepted { id, .. } => id,
                other => return Err(format!("{other:?}").into()),
            };
            black_box(self.dialogues.reply(id, None, message.body, Duration::ZERO)?);
            if message.message_id == 1 {
                self.ids.push(id);
            } else if self.ids[number as usize] != id {
                return Err("another dialogue".into());
            }
        }
        Ok(began.elapsed())
    }

    /// So many messages in dialogues chosen at random.
    fn pairs(&mut self, times: u64) -> Result<Duration> {
        in_batches(times, |count| {
            self.coming.add_random(count)?;
            self.exchange()
        })
    }
}

fn in_batches(times: u64, mut batch: impl FnMut(u64) -> Result<Duration>) -> Result<Duration> {
    (0..times.div_ceil(BATCH))
        .try_fold(Duration::ZERO, |took, number| Ok(took + batch((times - number * BATCH).min(BATCH))?))
}

/// A table of numbers, and nothing that is checked but these.
struct Bare {
    numbers: HashMap<(String, String), (i32, i32)>,
    coming: Coming,
}

impl Bare {
    fn open(count: u32) -> Result<Bare> {
        let (specification, _) = Specification::read(HAGGLE)?;
        let mut coming = Coming::of(Protocol::new(specification)?);
        coming.said = vec![1; count as usize];
        let numbers = (0..count).map(|number| ((peer(number), reference(number)), (1, -1))).collect();
        Ok(Bare { numbers, coming })
    }

    fn pairs(&mut self, times: u64) -> Result<Duration> {
        in_batches(times, |count| {
            self.coming.add_random(count)?;
            self.exchange()
        })
    }

    fn exchange(&mut self) -> Result<Duration> {
        let began = Stopwatch::start();
        for (_, message) in self.coming.messages.drain(..) {
            let key = (message.sender.ok_or("a sender")?, message.dialogue_reference.starter);
            let (theirs, ours) = self.numbers.get_mut(&key).ok_or("it is open")?;
            if message.message_id != *theirs + 1 {
                return Err("not the next number".into());
            }
            (*theirs, *ours) = (message.message_id, *ours - 1);
            let (sender, starter) = key;
            let responder = message.dialogue_reference.responder;
            black_box(Message {
                dialogue_reference: DialogueReference { starter, responder },
                message_id: *ours,
                target: *theirs,
                sender: message.to,
                to: Some(sender),
                body: message.body,
            });
        }
        Ok(began.elapsed())
    }
}

/// The least that finding something among so many takes.
struct Numbers {
    numbers: HashMap<u64, (i32, i32)>,
    random: fastrand::Rng,
}

impl Numbers {
    fn of(count: u32) -> Numbers {
        let numbers = (0..u64::from(count)).map(|number| (number, (0, 0))).collect();
        Numbers { numbers, random: fastrand::Rng::with_seed(1) }
    }

    fn look_up(&mut self, times: u64) -> Result<Duration> {
        let count = self.numbers.len() as u64;
        in_batches(times, |some| {
            let keys: [u64; BATCH as usize] = std::array::from_fn(|_| self.random.u64(..count));
            let began = Stopwatch::start();
            // Which one is next hangs on what was found: the processor cannot look for both at once.
            let mut found = 0;
            for key in keys.iter().take(some as usize) {
                let (one, other) = self.numbers.get_mut(&(key ^ found)).ok_or("it is there")?;
                (*one, *other) = (*one + 1, *other - 1);
                found = black_box(u64::from(one.abs_diff(-*other)));
            }
            Ok(began.elapsed())
        })
    }
}

fn beside_bare(plan: &Plan, open: u32) -> Result<Vec<Pair>> {
    let (mut bare, mut ours) = (Bare::open(open)?, Ours::full(open)?);
    nanoseconds_a_call(plan, |times| bare.pairs(times), |times| ours.pairs(times))
}

fn many_beside_few(plan: &Plan) -> Result<Vec<Pair>> {
    let (mut few, mut many) = (Ours::full(FEW)?, Ours::full(MANY)?);
    nanoseconds_a_call(plan, |times| few.pairs(times), |times| many.pairs(times))
}

/// What a million take more than 1,000: of the bare map and of ours.
fn growth(plan: &Plan) -> Result<Vec<Pair>> {
    let (mut few, mut many) = (Numbers::of(FEW), Numbers::of(MANY));
    let bare = nanoseconds_a_call(plan, |times| few.look_up(times), |times| many.look_up(times))?;
    let more = |pair: &Pair| pair.ours - pair.floor;
    let ours = many_beside_few(plan)?;
    Ok(bare.iter().zip(&ours).map(|(bare, ours)| Pair { floor: more(bare), ours: more(ours) }).collect())
}

/// One long dialogue, of which each message bears the references of the last: what `peer.py` has.
struct Long {
    protocol: Arc<Protocol>,
    dialogues: Dialogues<Body>,
    last: Message,
}

impl Long {
    fn open() -> Result<Long> {
        let Ours { dialogues, ids, coming } = Ours::open(1, Limits::default().messages)?;
        let id = *ids.first().ok_or("it is open")?;
        let last = dialogues.message(id, -1).ok_or("it was answered")?;
        Ok(Long { protocol: coming.protocol, dialogues, last })
    }

    fn pairs(&mut self, times: u64) -> Result<Duration> {
        let began = Stopwatch::start();
        for _ in 0..times {
            let message = Message {
                dialogue_reference: self.last.dialogue_reference.clone(),
                message_id: 1 - self.last.message_id,
                target: self.last.message_id,
                sender: Some("peer-0".to_owned()),
                to: Some("trader".to_owned()),
                body: bid(&self.protocol)?,
            };
            let Update::Accepted { id, .. } = self.dialogues.update(&message, Duration::ZERO) else {
                return Err("it was refused".into());
            };
            self.last = self.dialogues.reply(id, None, bid(&self.protocol)?, Duration::ZERO)?;
        }
        Ok(began.elapsed())
    }
}

/// How often ours does a round's work, so that its round is not a hundredth of theirs.
const OURS_BESIDE_AEA: u64 = 50;

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
    let mut ours = Long::open()?;
    let theirs = |times: u64| -> Result<Duration> {
        theirs.order(times)?;
        Ok(Duration::from_nanos(theirs.number()? as u64))
    };
    // Else a round of ours were over before its caches are warm again.
    nanoseconds_a_call(
        plan,
        theirs,
        |times| Ok(ours.pairs(times * OURS_BESIDE_AEA)? / OURS_BESIDE_AEA as u32),
    )
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
            (ours.ids, ours.coming.said) = (Vec::new(), Vec::new());
            let begun = ours.dialogues.statistics().begun_by(By::Them).begun;
            if (begun, ours.dialogues.open()) != (u64::from(MANY), MANY as usize) {
                return Err("not all are open".into());
            }
            Held::Ours(Box::new(ours))
        }
        Side::Floor | Side::Multiplexer => {
            let mut bare = Bare::open(MANY)?;
            bare.coming.said = Vec::new();
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
