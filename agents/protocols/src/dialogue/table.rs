//! The dialogues of one agent, found by their label or by a short number in constant time.
//!
//! A dialogue stays where it was put until it is forgotten; that its label becomes complete moves nothing, since the
//! responder's reference is no part of the key. What a message looks at lies together in one place, and places lie in
//! pages, so that none moves where more are needed. Neighbours: [`super::dialogues`] decides, [`super::peers`] has the
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

/// Places of a page.
const PAGE: usize = 4096;

/// All dialogues, open and ended.
#[derive(Debug)]
pub(super) struct Table<B> {
    /// All but the last are full.
    pages: Vec<Vec<Place<B>>>,
    free: Vec<u32>,
    index: Index,
    peers: Peers,
}

/// It begins where a line of the processor's cache does, so that it takes no more of these than it must.
#[derive(Debug)]
#[repr(align(64))]
struct Place<B> {
    generation: u32,
    conversation: Option<Conversation<B>>,
}

impl<B: Speech> Table<B> {
    pub(super) fn new() -> Table<B> {
        Table { pages: Vec::new(), free: Vec::new(), index: Index::default(), peers: Peers::default() }
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
                    && conversation.references.is_starter(starter_reference)
            })
        })
    }

    fn hash(&self, conversation: &Conversation<B>) -> u32 {
        let Conversation { peer, started_by, references, .. } = conversation;
        self.index.hash((*peer, *started_by, references.starter()))
    }

    pub(super) fn at(&self, place: u32) -> Option<&Conversation<B>> {
        self.slot(place)?.conversation.as_ref()
    }

    fn slot(&self, place: u32) -> Option<&Place<B>> {
        self.pages.get(place as usize / PAGE)?.get(place as usize % PAGE)
    }

    fn slot_mut(&mut self, place: u32) -> Option<&mut Place<B>> {
        self.pages.get_mut(place as usize / PAGE)?.get_mut(place as usize % PAGE)
    }

    /// How many places there are, free ones too.
    fn places(&self) -> u32 {
        let last = self.pages.last().map_or(0, Vec::len);
        (self.pages.len().saturating_sub(1) * PAGE + last) as u32
    }

    /// Adds a place behind all others.
    fn push(&mut self, place: Place<B>) {
        match self.pages.last_mut() {
            Some(page) if page.len() < PAGE => page.push(place),
            // Only the first one grows, for most agents have few dialogues.
            before => {
                let mut page = Vec::with_capacity(if before.is_some() { PAGE } else { 1 });
                page.push(place);
                self.pages.push(page);
            }
        }
    }

    pub(super) fn at_mut(&mut self, place: u32) -> Option<&mut Conversation<B>> {
        self.slot_mut(place)?.conversation.as_mut()
    }

    /// Where a dialogue is, if it is still known.
    pub(super) fn place(&self, id: DialogueId) -> Option<u32> {
        let place = self.slot(id.place)?;
        (place.generation == id.generation && place.conversation.is_some()).then_some(id.place)
    }

    pub(super) fn id(&self, place: u32) -> DialogueId {
        let generation = self.slot(place).map_or(0, |place| place.generation);
        DialogueId { place, generation }
    }

    /// Every dialogue, by place.
    pub(super) fn all(&self) -> impl Iterator<Item = u32> {
        (0..self.places()).filter(|place| self.at(*place).is_some())
    }

    /// Puts a dialogue in that is not there yet; `open` says whether it counts as that.
    pub(super) fn enter(&mut self, peer: &str, mut conversation: Conversation<B>) -> u32 {
        conversation.peer = self.peers.number(peer);
        let (number, is_open) = (conversation.peer, conversation.ended.is_none());
        let hash = self.hash(&conversation);
        let place = self.free.pop().unwrap_or(self.places());
        match self.slot_mut(place) {
            Some(slot) => slot.conversation = Some(conversation),
            None => self.push(Place { generation: 0, conversation: Some(conversation) }),
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

    /// A dialogue that had ended is open after all.
    pub(super) fn count_open(&mut self, place: u32) {
        if let Some(peer) = self.at(place).map(|conversation| conversation.peer) {
            self.peers.count_open(peer, |open| open + 1);
        }
    }

    /// Forgets a dialogue.
    pub(super) fn remove(&mut self, place: u32) -> Option<Conversation<B>> {
        let hash = self.hash(self.at(place)?);
        let slot = self.slot_mut(place)?;
        let conversation = slot.conversation.take()?;
        slot.generation = slot.generation.wrapping_add(1);
        self.free.push(place);
        self.index.remove(hash, place);
        if conversation.ended.is_none() {
            self.peers.count_open(conversation.peer, |open| open.saturating_sub(1));
        }
        self.peers.remove(conversation.peer, place);
        Some(conversation)
    }
}
