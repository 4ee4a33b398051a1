//! One dialogue: what is kept of it, and how it is shown.
//!
//! Neighbours: [`super::history`] has its messages, [`super::judging`] says what may come next.

use std::time::Duration;

use super::history::{History, Place, Said};
use super::label::{Label, Side};
use super::references::References;
use super::rules::Rules;
use super::{Refusal, Speech};

/// How a dialogue ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub enum Ended {
    /// A terminal performative was said.
    Said {
        /// Its number.
        performative: u16,
        /// What it answered; `None` where it was the first message.
        after: Option<u16>,
        /// The end state's number, where the rules tell it.
        end_state: Option<u16>,
        /// Who said it.
        by: Side,
    },
    /// Nobody spoke for the dialogue's time-out.
    TimedOut,
    /// The agent gave it up.
    Abandoned,
}

impl Ended {
    /// The end state's name, where the rules tell one.
    pub fn end_state<'r>(&self, rules: &'r Rules) -> Option<&'r str> {
        match self {
            Ended::Said { end_state, .. } => rules.end_state_name((*end_state)?),
            _ => None,
        }
    }

    /// One word for it: the end state; where there is none, the terminal performative, `timed_out` or `abandoned`.
    pub fn word<'r>(&self, rules: &'r Rules) -> &'r str {
        match self {
            Ended::Said { performative, .. } => {
                self.end_state(rules).or(rules.performative_name(*performative)).unwrap_or("unknown")
            }
            Ended::TimedOut => "timed_out",
            Ended::Abandoned => "abandoned",
        }
    }
}

/// What is kept of a dialogue. Times are in milliseconds.
#[derive(Debug)]
pub(super) struct Conversation<B> {
    pub(super) references: References,
    pub(super) peer: u32,
    pub(super) started_by: Side,
    pub(super) role: Option<u16>,
    pub(super) ended: Option<Ended>,
    /// Whether nobody has told yet that the end, which we said, has gone out: it does not count.
    pub(super) is_unconfirmed: bool,
    /// `u64::MAX` for none.
    time_out: u64,
    pub(super) deadline: u64,
    pub(super) history: History<B>,
}

impl<B: Speech> Conversation<B> {
    /// A dialogue in which nothing has been said.
    pub(super) fn begun(started_by: Side, starter_reference: &str, role: Option<u16>) -> Conversation<B> {
        Conversation {
            references: References::new(starter_reference, ""),
            peer: 0,
            started_by,
            role,
            ended: None,
            is_unconfirmed: false,
            time_out: u64::MAX,
            deadline: u64::MAX,
            history: History::new(),
        }
    }

    /// After how much silence it is given up; `None` for never.
    pub(super) fn time_out(&self) -> Option<u64> {
        Some(self.time_out).filter(|time_out| *time_out != u64::MAX)
    }

    pub(super) fn set_time_out(&mut self, time_out: Option<u64>) {
        self.time_out = time_out.map_or(u64::MAX, |time_out| time_out.min(u64::MAX - 1));
    }

    /// 1 for the side that numbers upwards, -1 for the other.
    pub(super) fn sign(&self, side: Side) -> i32 {
        if side == self.started_by { 1 } else { -1 }
    }

    /// Who said a message, by its number.
    pub(super) fn speaker(&self, message_id: i32) -> Side {
        if message_id > 0 { self.started_by } else { self.started_by.other() }
    }

    /// The number of a side's next message.
    pub(super) fn next_number(&self, side: Side) -> Result<i32, Refusal> {
        let sign = self.sign(side);
        let next = self.history.count(sign).checked_add(1).and_then(|next| i32::try_from(next).ok());
        next.map(|next| sign * next).ok_or(Refusal::NumbersUsedUp)
    }

    /// The role of a side.
    pub(super) fn role_of(&self, side: Side, rules: &Rules) -> Option<u16> {
        match side {
            Side::Us => self.role,
            Side::Them => self.role.map(|role| rules.other_role(role)),
        }
    }
}

/// A dialogue, looked at.
#[derive(Debug)]
pub struct Dialogue<'a, B> {
    pub(super) rules: &'a Rules,
    pub(super) address: &'a str,
    pub(super) peer: &'a str,
    pub(super) conversation: &'a Conversation<B>,
}

impl<B> Clone for Dialogue<'_, B> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<B> Copy for Dialogue<'_, B> {}

/// A message of a dialogue, as it is remembered.
#[derive(Debug)]
#[non_exhaustive]
pub struct Remembered<'a, B> {
    /// Its number.
    pub message_id: i32,
    /// The number of the message that it answers; 0 for the first.
    pub target: i32,
    /// What kind of message it is, by number.
    pub performative: u16,
    /// Who said it.
    pub by: Side,
    /// What it said; `None` where that is not kept any more.
    pub body: Option<&'a B>,
}

impl<B> Clone for Remembered<'_, B> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<B> Copy for Remembered<'_, B> {}

impl<'a, B: Speech> Dialogue<'a, B> {
    fn remembered(self, said: &'a Said<B>) -> Remembered<'a, B> {
        Remembered {
            message_id: said.message_id,
            target: said.target,
            performative: said.performative,
            by: self.conversation.speaker(said.message_id),
            body: said.body.as_ref(),
        }
    }

    /// Its name. Copied: the parts are at hand without that.
    pub fn label(&self) -> Label {
        Label {
            starter_reference: self.starter_reference().to_owned(),
            responder_reference: self.responder_reference().to_owned(),
            peer: self.peer.to_owned(),
            started_by: self.conversation.started_by,
        }
    }

    /// The reference that the starter gave.
    pub fn starter_reference(&self) -> &'a str {
        self.conversation.references.starter()
    }

    /// The reference that the responder gave; empty as long as it has not answered.
    pub fn responder_reference(&self) -> &'a str {
        self.conversation.references.responder()
    }

    /// The agent's own address.
    pub fn address(&self) -> &'a str {
        self.address
    }

    /// The other side's address.
    pub fn peer(&self) -> &'a str {
        self.peer
    }

    /// Who began it.
    pub fn started_by(&self) -> Side {
        self.conversation.started_by
    }

    /// The protocol's rules.
    pub fn rules(&self) -> &'a Rules {
        self.rules
    }

    /// The role of a side, where it is known.
    pub fn role(&self, side: Side) -> Option<&'a str> {
        self.rules.role_name(self.conversation.role_of(side, self.rules)?)
    }

    /// How it ended; `None` while it is open.
    pub fn ended(&self) -> Option<&'a Ended> {
        self.conversation.ended.as_ref()
    }

    /// After how much silence it is given up; `None` for never.
    pub fn time_out(&self) -> Option<Duration> {
        self.conversation.time_out().map(Duration::from_millis)
    }

    /// The messages that are remembered, in the order in which they were said or heard here.
    pub fn messages(self) -> impl DoubleEndedIterator<Item = Remembered<'a, B>> {
        self.conversation.history.messages().map(move |said| self.remembered(said))
    }

    /// The last message of either side.
    pub fn last_message(self) -> Option<Remembered<'a, B>> {
        self.conversation.history.last_message().map(|said| self.remembered(said))
    }

    /// The last message of one side, as long as it is remembered.
    pub fn last_message_of(self, side: Side) -> Option<Remembered<'a, B>> {
        self.messages().rev().find(|message| message.by == side)
    }

    /// A message by its number, as long as it is remembered.
    pub fn message(self, message_id: i32) -> Option<Remembered<'a, B>> {
        match self.conversation.history.find(message_id) {
            Place::Here(said) => Some(self.remembered(said)),
            _ => None,
        }
    }

    /// How many messages both sides have said, forgotten ones too.
    pub fn message_count(&self) -> u64 {
        self.conversation.history.total()
    }

    /// What a side may say in answer to a message: none where the dialogue has ended, or the message is not remembered.
    pub fn answers(self, side: Side, message_id: i32) -> impl Iterator<Item = u16> {
        let said = self.message(message_id).filter(|_| self.ended().is_none());
        let replies = said.map(|said| self.rules.replies(said.performative)).unwrap_or_default();
        let role = self.conversation.role_of(side, self.rules);
        let may = move |reply: &u16| role.is_none_or(|role| self.rules.may_say(role, *reply));
        replies.iter().copied().filter(may)
    }
}
