//! How dialogues are kept: their messages within bounds, their time-outs, and those that have ended for a while.
//!
//! Always true: an open dialogue that has a time-out is in the wheel, an ended one in the line of those to be
//! forgotten. A message does not move its dialogue in the wheel; when its turn comes there it is filed again, for when
//! it is really due. Neighbours: [`super::taking`] decides what is taken; [`super::table`] and [`super::time_wheel`]
//! hold it.

use std::sync::Arc;
use std::time::Duration;

use super::claim::Claim;
use super::conversation::{Conversation, Ended};
use super::label::Side;
use super::limits::Limits;
use super::lists::{Links, List};
use super::refusal::quoted;
use super::rules::Rules;
use super::statistics::Statistics;
use super::table::{DialogueId, Table};
use super::time_wheel::TimeWheel;
use super::{Refusal, Speech};

/// Ended dialogues whose time is over that are forgotten with each message. No message ends more than one.
const FORGOTTEN_AT_ONCE: usize = 4;

/// What an agent's dialogues consist of.
pub(super) struct Keeper<B> {
    pub(super) rules: Arc<Rules>,
    pub(super) limits: Limits,
    pub(super) statistics: Statistics,
    pub(super) table: Table<B>,
    pub(super) open: usize,
    /// Whether ends that this side says count when they are confirmed.
    pub(super) confirms_ends: bool,
    wheel: TimeWheel,
    ended_links: Links,
    /// By when they ended.
    ended: List,
    ended_count: usize,
    /// Of the bodies that are kept.
    body_bytes: usize,
    /// Milliseconds.
    now: u64,
}

pub(super) fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

impl<B: Speech> Keeper<B> {
    pub(super) fn new(rules: Arc<Rules>, limits: Limits) -> Keeper<B> {
        Keeper {
            rules,
            limits,
            statistics: Statistics::default(),
            table: Table::new(),
            open: 0,
            confirms_ends: false,
            wheel: TimeWheel::new(),
            ended_links: Links::default(),
            ended: List::EMPTY,
            ended_count: 0,
            body_bytes: 0,
            now: 0,
        }
    }

    pub(super) fn now(&self) -> u64 {
        self.now
    }

    pub(super) fn body_bytes(&self) -> usize {
        self.body_bytes
    }

    /// Says what time it is. It does not go back.
    pub(super) fn tell_time(&mut self, now: Duration) {
        self.now = self.now.max(milliseconds(now));
        self.wheel.tell_time(self.now);
        self.forget_old(FORGOTTEN_AT_ONCE);
    }

    pub(super) fn forget_old(&mut self, at_most: usize) {
        for _ in 0..at_most {
            let oldest = self.ended.first().filter(|place| {
                self.table.at(*place).is_none_or(|conversation| conversation.deadline <= self.now)
            });
            let Some(place) = oldest else { return };
            self.forget(place);
        }
    }

    /// The line of those that have ended is in the order in which they did.
    pub(super) fn ended_places(&self) -> impl Iterator<Item = u32> {
        std::iter::successors(self.ended.first(), |place| self.ended_links.after(*place))
    }

    pub(super) fn default_time_out(&self) -> Option<u64> {
        self.limits.time_out.map(milliseconds)
    }

    /// Whether there is room for one more dialogue with a peer.
    pub(super) fn check_room(&self, peer: &str) -> Result<(), Refusal> {
        let Limits { open, open_per_peer, .. } = self.limits;
        if self.open >= open {
            return Err(Refusal::TooManyOpen { limit: open });
        }
        let peers = self.table.peers();
        let with_peer = peers.find(peer).map_or(0, |number| peers.open(number));
        if with_peer as usize >= open_per_peer {
            return Err(Refusal::TooManyWithPeer { peer: quoted(peer), limit: open_per_peer });
        }
        Ok(())
    }

    /// Puts a dialogue in that begins now.
    pub(super) fn enter(&mut self, peer: &str, conversation: Conversation<B>) -> u32 {
        self.statistics.begun_by_mut(conversation.started_by).begun += 1;
        self.put(peer, conversation)
    }

    /// Puts an open dialogue in, as it is.
    pub(super) fn put(&mut self, peer: &str, conversation: Conversation<B>) -> u32 {
        self.body_bytes += conversation.history.body_bytes();
        self.open += 1;
        let place = self.table.enter(peer, conversation);
        self.file(place);
        place
    }

    /// Puts a dialogue back that was taken down; `left` is until it is given up or forgotten.
    pub(super) fn put_back(
        &mut self,
        peer: &str,
        conversation: Conversation<B>,
        left: Option<u64>,
    ) -> DialogueId {
        let until = left.map_or(u64::MAX, |left| self.now.saturating_add(left));
        if conversation.ended.is_some() {
            self.body_bytes += conversation.history.body_bytes();
            let place = self.table.enter(peer, conversation);
            let id = self.table.id(place);
            self.keep_ended(place, until);
            return id;
        }
        let place = self.put(peer, conversation);
        if let Some(conversation) = self.table.at_mut(place).filter(|known| known.time_out().is_some()) {
            conversation.deadline = until;
            self.wheel.file(place, until);
        }
        self.table.id(place)
    }

    /// Files an open dialogue for when it is to be given up, as it stands now.
    pub(super) fn file(&mut self, place: u32) {
        let Some(conversation) = self.table.at_mut(place) else { return };
        let Some(time_out) = conversation.time_out() else {
            conversation.deadline = u64::MAX;
            return self.wheel.remove(place);
        };
        let before = std::mem::replace(&mut conversation.deadline, self.now.saturating_add(time_out));
        // One that had a deadline is filed for that or earlier, so the wheel, which lies elsewhere, need not be asked.
        if before <= conversation.deadline && before != u64::MAX {
            return;
        }
        if self.wheel.when(place).is_none_or(|when| when > conversation.deadline) {
            self.wheel.file(place, conversation.deadline);
        }
    }

    /// Takes a message that was found to be the next. Says how the dialogue ended, if it did.
    pub(super) fn take(&mut self, place: u32, claim: Claim, after: Option<u16>, body: &B) -> Option<Ended> {
        let ends = self.rules.is_terminal(claim.performative);
        self.remember(place, claim, body);
        if !ends {
            self.file(place);
            return None;
        }
        let ended = self.end_of(claim, after);
        self.end(place, ended);
        Some(ended)
    }

    fn remember(&mut self, place: u32, claim: Claim, body: &B) {
        let Some(conversation) = self.table.at_mut(place) else { return };
        let has_room = self.body_bytes < self.limits.body_bytes_in_all;
        self.statistics.bodies_not_kept += u64::from(!has_room);
        let before = conversation.history.body_bytes();
        let body = has_room.then_some(body);
        conversation.history.push(claim, body, self.limits.messages, self.limits.body_bytes);
        self.body_bytes = self.body_bytes - before + conversation.history.body_bytes();
        conversation.learn_role(claim.by, claim.performative, &self.rules);
    }

    /// The end to which a terminal message comes.
    pub(super) fn end_of(&self, claim: Claim, after: Option<u16>) -> Ended {
        let end_state = self.rules.end_state_of(claim.performative, after);
        Ended::Said { performative: claim.performative, after, end_state, by: claim.by }
    }

    /// An open dialogue is over.
    pub(super) fn end(&mut self, place: u32, ended: Ended) {
        let Some(conversation) = self.table.at_mut(place).filter(|known| known.ended.is_none()) else {
            return;
        };
        conversation.ended = Some(ended);
        conversation.is_unconfirmed = self.confirms_ends && matches!(ended, Ended::Said { by: Side::Us, .. });
        if !conversation.is_unconfirmed {
            self.statistics.begun_by_mut(conversation.started_by).end(&ended, &self.rules);
        }
        self.table.count_ended(place);
        self.open -= 1;
        self.wheel.remove(place);
        self.keep_ended(place, self.now.saturating_add(milliseconds(self.limits.ended_time)));
    }

    /// Puts a dialogue that has ended in the line of those to be forgotten.
    pub(super) fn keep_ended(&mut self, place: u32, until: u64) {
        if let Some(conversation) = self.table.at_mut(place) {
            conversation.deadline = until;
            if !self.rules.keeps_ended() && !conversation.is_unconfirmed {
                self.body_bytes -= conversation.history.body_bytes();
                conversation.history.strip();
            }
        }
        self.ended_links.push(&mut self.ended, place);
        self.ended_count += 1;
        while self.ended_count > self.limits.ended.max(1) {
            let Some(oldest) = self.ended.first() else { return };
            self.forget(oldest);
        }
    }

    /// Takes a message of a dialogue that we had ended when it was said; `end` where it came to another end by that
    /// after all.
    pub(super) fn take_late(&mut self, place: u32, claim: Claim, end: Option<Ended>, body: &B) {
        self.remember(place, claim, body);
        let Some(conversation) = self.table.at_mut(place) else { return };
        if !self.rules.keeps_ended() {
            self.body_bytes -= conversation.history.body_bytes();
            conversation.history.strip();
        }
        if let Some(ended) = end {
            let counts = self.statistics.begun_by_mut(conversation.started_by);
            let is_counted = !std::mem::take(&mut conversation.is_unconfirmed);
            if let Some(before) = conversation.ended.replace(ended).filter(|_| is_counted) {
                counts.take_back(&before, &self.rules);
            }
            counts.end(&ended, &self.rules);
        }
    }

    /// An end that this side said counts now; as another one, where `instead` is given. Says whether there was one that
    /// did not count.
    pub(super) fn confirm(&mut self, place: u32, instead: Option<Ended>) -> bool {
        let unconfirmed = self.table.at_mut(place).filter(|conversation| conversation.is_unconfirmed);
        let Some(conversation) = unconfirmed else { return false };
        conversation.is_unconfirmed = false;
        conversation.ended = instead.or(conversation.ended);
        if let Some(ended) = &conversation.ended {
            self.statistics.begun_by_mut(conversation.started_by).end(ended, &self.rules);
        }
        if !self.rules.keeps_ended() {
            self.body_bytes -= conversation.history.body_bytes();
            conversation.history.strip();
        }
        true
    }

    /// Takes back what this side said last, if nothing came after it. Says whether it could.
    pub(super) fn unsay(&mut self, place: u32, message_id: i32) -> bool {
        let Some(conversation) = self.table.at_mut(place) else { return false };
        let last = conversation.history.last_message().map(|said| said.message_id);
        let is_ours = conversation.speaker(message_id) == Side::Us && conversation.history.total() > 1;
        let is_open = conversation.ended.is_none() || conversation.is_unconfirmed;
        if last != Some(message_id) || !is_ours || !is_open {
            return false;
        }
        let before = conversation.history.body_bytes();
        conversation.history.pop();
        self.body_bytes = self.body_bytes - before + conversation.history.body_bytes();
        if conversation.ended.take().is_some() {
            conversation.is_unconfirmed = false;
            // As if it had never been in the wheel.
            conversation.deadline = u64::MAX;
            self.ended_links.remove(&mut self.ended, place);
            self.ended_count -= 1;
            self.open += 1;
            self.table.count_open(place);
        }
        self.file(place);
        true
    }

    /// Forgets a dialogue that has ended.
    fn forget(&mut self, place: u32) {
        self.ended_links.remove(&mut self.ended, place);
        self.ended_count -= 1;
        self.statistics.forgotten += 1;
        if let Some(conversation) = self.table.remove(place) {
            self.body_bytes -= conversation.history.body_bytes();
        }
    }

    /// When there may be something to give up or to forget.
    pub(super) fn next_deadline(&self) -> Option<u64> {
        let ended = self.ended.first().and_then(|place| self.table.at(place));
        let forgotten = ended.map(|conversation| conversation.deadline);
        self.wheel.next().into_iter().chain(forgotten).min()
    }

    /// Takes the next dialogue out of the wheel that nobody has spoken in for its time-out.
    pub(super) fn take_silent(&mut self) -> Option<u32> {
        while let Some(place) = self.wheel.take_due(self.now) {
            let Some(conversation) = self.table.at(place) else { continue };
            if conversation.deadline <= self.now {
                return Some(place);
            }
            self.wheel.file(place, conversation.deadline);
        }
        None
    }
}

impl<B: Speech> Conversation<B> {
    /// Where the roles were not known, what is said may tell them.
    pub(super) fn learn_role(&mut self, by: Side, performative: u16, rules: &Rules) {
        if self.role.is_none() {
            let role = rules.speaker_role(performative);
            self.role = role.map(|role| if by == Side::Us { role } else { rules.other_role(role) });
        }
    }
}
