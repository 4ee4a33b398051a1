//! Dialogues taken down, to go on with after a restart.
//!
//! A snapshot is plain data for any of serde's formats. It names performatives, roles and end states rather than
//! numbering them, for numbers change where a performative is added. Always true: what is taken back is whole and
//! within the bounds, or nothing is taken back; who began a dialogue is taken down, so nobody need guess it. Neighbour:
//! [`super::keeping`].

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Speech;
use super::conversation::{Conversation, Ended};
use super::dialogues::Dialogues;
use super::history::{History, Said};
use super::label::{NONCE_BYTES, Side};
use super::limits::Limits;
use super::rules::Rules;
use super::statistics::Statistics;
use super::table::DialogueId;

/// The version of the form that is written.
const VERSION: u32 = 1;

/// All dialogues of one agent in one protocol, as they were at one moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Snapshot<B> {
    version: u32,
    address: String,
    protocol: String,
    /// The names that numbers below stand for.
    performatives: Vec<String>,
    roles: Vec<String>,
    end_states: Vec<String>,
    statistics: Statistics,
    dialogues: Vec<Kept<B>>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Kept<B> {
    starter_reference: String,
    responder_reference: Option<String>,
    peer: String,
    started_by: Side,
    role: Option<u16>,
    ended: Option<Ended>,
    time_out_ms: Option<u64>,
    /// Until it is given up, or forgotten; `None` for never.
    left_ms: Option<u64>,
    /// How many messages each side has said: the starter, the responder.
    said: [u32; 2],
    messages: Vec<KeptMessage<B>>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct KeptMessage<B> {
    message_id: i32,
    target: i32,
    performative: u16,
    body: Option<B>,
}

/// Why a snapshot is not taken back.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SnapshotError {
    /// It is written in another form.
    #[error(
        "the snapshot is of version {found}, this program reads version {VERSION}: use the one that wrote it, or none"
    )]
    OtherVersion {
        /// The snapshot's.
        found: u32,
    },
    /// It is another agent's.
    #[error("the snapshot is of the dialogues of {found}, not of {expected}")]
    OtherAddress {
        /// Whose dialogues it holds.
        found: String,
        /// Whose they were to be.
        expected: String,
    },
    /// It is of another protocol.
    #[error("the snapshot is of dialogues in {found}, not in {expected}")]
    OtherProtocol {
        /// The snapshot's.
        found: String,
        /// That of the rules given.
        expected: String,
    },
    /// The protocol has lost a name that occurs in it.
    #[error("the snapshot speaks of {name}, which the protocol does not have any more")]
    UnknownName {
        /// A performative, role or end state.
        name: String,
    },
    /// It does not agree with itself.
    #[error("the snapshot's dialogue {reference} with {peer} is damaged: {what}")]
    Damaged {
        /// The starter's reference.
        reference: String,
        /// With whom.
        peer: String,
        /// What is wrong.
        what: &'static str,
    },
    /// It holds more than the bounds allow.
    #[error("the snapshot holds {count} open dialogues, but no more than {limit} are taken (`Limits::open`)")]
    TooMany {
        /// How many it holds.
        count: usize,
        /// [`Limits::open`].
        limit: usize,
    },
    /// A body could not be read or written.
    #[error("a message of the snapshot could not be changed into another form: {0}")]
    Body(String),
}

impl<B> Snapshot<B> {
    /// With each body in another form, as bytes for example.
    ///
    /// # Errors
    /// The first that `change` gives.
    pub fn try_map<C>(
        self,
        mut change: impl FnMut(B) -> Result<C, String>,
    ) -> Result<Snapshot<C>, SnapshotError> {
        let mut dialogues = Vec::with_capacity(self.dialogues.len());
        for kept in self.dialogues {
            let mut messages = Vec::with_capacity(kept.messages.len());
            for KeptMessage { message_id, target, performative, body } in kept.messages {
                let body = body.map(&mut change).transpose().map_err(SnapshotError::Body)?;
                messages.push(KeptMessage { message_id, target, performative, body });
            }
            dialogues.push(Kept {
                starter_reference: kept.starter_reference,
                responder_reference: kept.responder_reference,
                peer: kept.peer,
                started_by: kept.started_by,
                role: kept.role,
                ended: kept.ended,
                time_out_ms: kept.time_out_ms,
                left_ms: kept.left_ms,
                said: kept.said,
                messages,
            });
        }
        Ok(Snapshot {
            version: self.version,
            address: self.address,
            protocol: self.protocol,
            performatives: self.performatives,
            roles: self.roles,
            end_states: self.end_states,
            statistics: self.statistics,
            dialogues,
        })
    }

    /// How many dialogues it holds.
    pub fn len(&self) -> usize {
        self.dialogues.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.dialogues.is_empty()
    }
}

impl<B: Speech> Dialogues<B> {
    /// Takes all down as it is: open dialogues in no order that means anything, then those that ended, in the order in
    /// which they did.
    pub fn snapshot(&self) -> Snapshot<B> {
        let open = self.keeper.table.all();
        let open =
            open.filter(|place| self.keeper.table.at(*place).is_some_and(|known| known.ended.is_none()));
        let places = open.chain(self.keeper.ended_places());
        let dialogues = places.filter_map(|place| {
            let conversation = self.keeper.table.at(place)?;
            Some(self.taken_down(conversation))
        });
        self.snapshot_with(dialogues.collect())
    }

    /// Takes one dialogue down as it is, if it is known.
    pub fn snapshot_of(&self, id: DialogueId) -> Option<Snapshot<B>> {
        let conversation = self.keeper.table.at(self.keeper.table.place(id)?)?;
        Some(self.snapshot_with(vec![self.taken_down(conversation)]))
    }

    fn snapshot_with(&self, dialogues: Vec<Kept<B>>) -> Snapshot<B> {
        let owned = |names: &mut dyn Iterator<Item = &str>| names.map(str::to_owned).collect();
        Snapshot {
            version: VERSION,
            address: self.address().to_owned(),
            protocol: self.rules().protocol().to_owned(),
            performatives: owned(&mut self.rules().performatives()),
            roles: owned(&mut self.rules().roles()),
            end_states: owned(&mut self.rules().end_states()),
            statistics: self.statistics().clone(),
            dialogues,
        }
    }

    fn taken_down(&self, conversation: &Conversation<B>) -> Kept<B> {
        let message = |said: &Said<B>| KeptMessage {
            message_id: said.message_id,
            target: said.target,
            performative: said.performative,
            body: said.body.clone(),
        };
        let has_end = conversation.deadline != u64::MAX;
        Kept {
            starter_reference: conversation.references.starter().to_owned(),
            responder_reference: Some(conversation.references.responder().to_owned())
                .filter(|reference| !reference.is_empty()),
            peer: self.keeper.table.peers().address(conversation.peer).to_owned(),
            started_by: conversation.started_by,
            role: conversation.role,
            ended: conversation.ended,
            time_out_ms: conversation.time_out(),
            left_ms: has_end.then(|| conversation.deadline.saturating_sub(self.keeper.now())),
            said: conversation.history.counts(),
            messages: conversation.history.messages().map(message).collect(),
        }
    }

    /// The dialogues of a snapshot, to go on with. What was left of a time-out when it was taken is left again at
    /// `now`.
    ///
    /// # Errors
    /// It is not of this agent and protocol, is damaged, or does not fit in the bounds.
    pub fn restore(
        snapshot: Snapshot<B>,
        rules: Arc<Rules>,
        address: &str,
        limits: Limits,
        nonces: impl FnMut() -> Option<[u8; NONCE_BYTES]> + Send + 'static,
        now: Duration,
    ) -> Result<Dialogues<B>, SnapshotError> {
        let mut dialogues = Dialogues::new(rules, address, nonces).with_limits(limits);
        let statistics = snapshot.statistics.clone();
        dialogues.put_back(snapshot, now)?;
        dialogues.keeper.statistics = statistics;
        Ok(dialogues)
    }

    /// Takes the dialogues of a snapshot back beside those that are there; its statistics are not. Says which they are.
    ///
    /// # Errors
    /// As [`Dialogues::restore`], or one of them is known already. Those before it have been taken back then.
    pub fn put_back(
        &mut self,
        snapshot: Snapshot<B>,
        now: Duration,
    ) -> Result<Vec<DialogueId>, SnapshotError> {
        if snapshot.version != VERSION {
            return Err(SnapshotError::OtherVersion { found: snapshot.version });
        }
        if snapshot.address != *self.address() {
            return Err(SnapshotError::OtherAddress {
                found: snapshot.address,
                expected: self.address().to_owned(),
            });
        }
        if snapshot.protocol != self.rules().protocol() {
            let expected = self.rules().protocol().to_owned();
            return Err(SnapshotError::OtherProtocol { found: snapshot.protocol, expected });
        }
        let limit = self.limits().open;
        let open = self.open() + snapshot.dialogues.iter().filter(|kept| kept.ended.is_none()).count();
        if open > limit {
            return Err(SnapshotError::TooMany { count: open, limit });
        }
        let names = Names::of(&snapshot, self.rules());
        self.keeper.tell_time(now);
        snapshot.dialogues.into_iter().map(|kept| self.take_back(kept, &names)).collect()
    }

    fn take_back(&mut self, kept: Kept<B>, names: &Names) -> Result<DialogueId, SnapshotError> {
        let damaged = |what| SnapshotError::Damaged {
            reference: kept.starter_reference.clone(),
            peer: kept.peer.clone(),
            what,
        };
        if kept.peer.is_empty() || kept.peer == self.address() || kept.starter_reference.is_empty() {
            return Err(damaged("it has no peer or no reference"));
        }
        if self.keeper.table.find(&kept.peer, kept.started_by, &kept.starter_reference).is_some() {
            return Err(damaged("it occurs twice"));
        }
        let responder_reference = kept.responder_reference.as_deref().unwrap_or_default();
        if kept.started_by == Side::Them && responder_reference.is_empty() {
            return Err(damaged("it lacks our own reference"));
        }
        let mut messages = VecDeque::with_capacity(kept.messages.len());
        for message in &kept.messages {
            let performative = names.performative(message.performative)?;
            // Its own number may have changed with the protocol: it is written anew.
            let KeptMessage { message_id, target, .. } = *message;
            messages.push_back(Said::new(message_id, target, performative, message.body.as_ref()));
        }
        let is_first = |said: &Said<B>| (said.message_id == 1) == (said.target == 0);
        if !messages.iter().all(is_first) {
            return Err(damaged("its messages answer what cannot be"));
        }
        let history =
            History::recalled(messages, kept.said).ok_or_else(|| damaged("its messages have gaps"))?;
        let mut conversation = Conversation::begun(kept.started_by, &kept.starter_reference, None);
        conversation.references.complete(responder_reference);
        conversation.role = kept.role.map(|role| names.role(role)).transpose()?;
        conversation.ended = kept.ended.map(|ended| names.ended(ended)).transpose()?;
        conversation.set_time_out(kept.time_out_ms);
        conversation.history = history;
        Ok(self.keeper.put_back(&kept.peer, conversation, kept.left_ms))
    }
}

/// The numbers of a snapshot, in those of the rules.
struct Names {
    performatives: Vec<Result<u16, String>>,
    roles: Vec<Result<u16, String>>,
    end_states: Vec<Result<u16, String>>,
}

impl Names {
    fn of<B>(snapshot: &Snapshot<B>, rules: &Rules) -> Names {
        let numbered = |names: &[String], numbers: BTreeMap<&str, u16>| {
            names.iter().map(|name| numbers.get(name.as_str()).copied().ok_or_else(|| name.clone())).collect()
        };
        Names {
            performatives: numbered(&snapshot.performatives, rules.numbers()),
            roles: numbered(&snapshot.roles, rules.roles().zip(0..).collect()),
            end_states: numbered(&snapshot.end_states, rules.end_states().zip(0..).collect()),
        }
    }

    fn look_up(numbers: &[Result<u16, String>], number: u16) -> Result<u16, SnapshotError> {
        match numbers.get(usize::from(number)) {
            Some(Ok(number)) => Ok(*number),
            Some(Err(name)) => Err(SnapshotError::UnknownName { name: name.clone() }),
            None => Err(SnapshotError::UnknownName { name: format!("number {number}") }),
        }
    }

    fn performative(&self, number: u16) -> Result<u16, SnapshotError> {
        Names::look_up(&self.performatives, number)
    }

    fn role(&self, number: u16) -> Result<u16, SnapshotError> {
        Names::look_up(&self.roles, number)
    }

    fn ended(&self, ended: Ended) -> Result<Ended, SnapshotError> {
        let Ended::Said { performative, after, end_state, by } = ended else { return Ok(ended) };
        Ok(Ended::Said {
            performative: self.performative(performative)?,
            after: after.map(|after| self.performative(after)).transpose()?,
            end_state: end_state.map(|state| Names::look_up(&self.end_states, state)).transpose()?,
            by,
        })
    }
}
