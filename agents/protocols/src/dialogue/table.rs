//! The dialogues of one agent, found by their label or by a short number in constant time.
//!
//! A dialogue stays where it was put until it is forgotten; that its label becomes complete moves nothing, since the
//! responder's reference is no part of the key. Neighbours: [`super::dialogues`] decides, [`super::peers`] has the
//! addresses.

use super::Speech;
use super::conversation::Conversation;
use super::index::Index;
use super::label::Side;
use super::peers::Peers;

/// A dialogue of one [`Dialogues`](super::Dialogues), for as long as it is known there; never given to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DialogueId {
    pub(super) place: u32,
    generation: u32,
}

/// All dialogues, open and ended.
#[derive(Debug)]
pub(super) struct Table<B> {
    places: Vec<Place<B>>,
    free: Vec<u32>,
    index: Index,
    peers: Peers,
}

#[derive(Debug)]
struct Place<B> {
    generation: u32,
    conversation: Option<Conversation<B>>,
}

impl<B: Speech> Table<B> {
    pub(super) fn new() -> Table<B> {
        Table { places: Vec::new(), free: Vec::new(), index: Index::default(), peers: Peers::default() }
    }

    pub(super) fn peers(&self) -> &Peers {
        &self.peers
    }

    pub(super) fn len(&self) -> usize {
        self.index.len()
    }

    /// The dialogue that one side began with a peer under a reference.
    pub(super) fn find(&self, peer: &str, started_by: Side, starter_reference: &str) -> Option<u32> {
        let peer = self.peers.find(peer)?;
        let hash = self.index.hash((peer, started_by, starter_reference));
        self.index.find(hash, |place| {
            self.at(place).is_some_and(|conversation| {
                conversation.peer == peer
                    && conversation.started_by == started_by
                    && &*conversation.starter_reference == starter_reference
            })
        })
    }

    pub(super) fn at(&self, place: u32) -> Option<&Conversation<B>> {
        self.places.get(place as usize)?.conversation.as_ref()
    }

    pub(super) fn at_mut(&mut self, place: u32) -> Option<&mut Conversation<B>> {
        self.places.get_mut(place as usize)?.conversation.as_mut()
    }

    /// Where a dialogue is, if it is still known.
    pub(super) fn place(&self, id: DialogueId) -> Option<u32> {
        let place = self.places.get(id.place as usize)?;
        (place.generation == id.generation && place.conversation.is_some()).then_some(id.place)
    }

    pub(super) fn id(&self, place: u32) -> DialogueId {
        let generation = self.places.get(place as usize).map_or(0, |place| place.generation);
        DialogueId { place, generation }
    }

    /// Every dialogue, by place.
    pub(super) fn all(&self) -> impl Iterator<Item = u32> {
        (0..self.places.len() as u32).filter(|place| self.at(*place).is_some())
    }

    /// Puts a dialogue in that is not there yet; `open` says whether it counts as that.
    pub(super) fn enter(&mut self, peer: &str, mut conversation: Conversation<B>) -> u32 {
        conversation.peer = self.peers.number(peer);
        let (number, is_open) = (conversation.peer, conversation.ended.is_none());
        conversation.hash =
            self.index.hash((number, conversation.started_by, &*conversation.starter_reference));
        let hash = conversation.hash;
        let place = self.free.pop().unwrap_or(self.places.len() as u32);
        match self.places.get_mut(place as usize) {
            Some(slot) => slot.conversation = Some(conversation),
            None => self.places.push(Place { generation: 0, conversation: Some(conversation) }),
        }
        self.index.enter(hash, place);
        self.peers.add(number, place);
        if is_open {
            self.peers.count_open(number, |open| open + 1);
        }
        place
    }

    /// A dialogue that was open is so no more.
    pub(super) fn count_ended(&mut self, place: u32) {
        if let Some(peer) = self.at(place).map(|conversation| conversation.peer) {
            self.peers.count_open(peer, |open| open.saturating_sub(1));
        }
    }

    /// Forgets a dialogue.
    pub(super) fn remove(&mut self, place: u32) -> Option<Conversation<B>> {
        let slot = self.places.get_mut(place as usize)?;
        let conversation = slot.conversation.take()?;
        slot.generation = slot.generation.wrapping_add(1);
        self.free.push(place);
        self.index.remove(conversation.hash, place);
        if conversation.ended.is_none() {
            self.peers.count_open(conversation.peer, |open| open.saturating_sub(1));
        }
        self.peers.remove(conversation.peer, place);
        Some(conversation)
    }
}
