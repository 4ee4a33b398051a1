//! With whom an agent speaks: each address once, how many dialogues are open with it, and which there are.
//!
//! Always true: an address is here exactly as long as there is a dialogue with it, open or ended. Neighbour:
//! [`super::table`].

use super::index::Index;
use super::lists::{Links, List};

/// The other sides, by a number each.
#[derive(Debug, Default)]
pub(super) struct Peers {
    index: Index,
    peers: Vec<Peer>,
    free: Vec<u32>,
    links: Links,
}

#[derive(Debug)]
struct Peer {
    address: Box<str>,
    dialogues: List,
    open: u32,
}

impl Peers {
    fn peer(&self, number: u32) -> Option<&Peer> {
        self.peers.get(number as usize)
    }

    pub(super) fn address(&self, number: u32) -> &str {
        self.peer(number).map(|peer| &*peer.address).unwrap_or_default()
    }

    pub(super) fn find(&self, address: &str) -> Option<u32> {
        let hash = self.index.hash(address);
        self.index.find(hash, |number| self.address(number) == address)
    }

    /// How many dialogues with it are open.
    pub(super) fn open(&self, number: u32) -> u32 {
        self.peer(number).map_or(0, |peer| peer.open)
    }

    /// Its dialogues, by their places in the table.
    pub(super) fn dialogues(&self, number: u32) -> impl Iterator<Item = u32> {
        let first = self.peer(number).and_then(|peer| peer.dialogues.first());
        std::iter::successors(first, |place| self.links.after(*place))
    }

    /// How many peers there are.
    pub(super) fn count(&self) -> usize {
        self.index.len()
    }

    /// The number of an address, which is made where it is new: a dialogue must be added next.
    pub(super) fn number(&mut self, address: &str) -> u32 {
        if let Some(number) = self.find(address) {
            return number;
        }
        let peer = Peer { address: address.into(), dialogues: List::EMPTY, open: 0 };
        let number = self.free.pop().unwrap_or(self.peers.len() as u32);
        match self.peers.get_mut(number as usize) {
            Some(place) => *place = peer,
            None => self.peers.push(peer),
        }
        self.index.enter(self.index.hash(address), number);
        number
    }

    /// Adds a dialogue by its place.
    pub(super) fn add(&mut self, number: u32, place: u32) {
        if let Some(peer) = self.peers.get_mut(number as usize) {
            self.links.push(&mut peer.dialogues, place);
        }
    }

    pub(super) fn count_open(&mut self, number: u32, change: impl FnOnce(u32) -> u32) {
        if let Some(peer) = self.peers.get_mut(number as usize) {
            peer.open = change(peer.open);
        }
    }

    /// Removes a dialogue, and the peer if it was its last.
    pub(super) fn remove(&mut self, number: u32, place: u32) {
        let Some(peer) = self.peers.get_mut(number as usize) else { return };
        self.links.remove(&mut peer.dialogues, place);
        if peer.dialogues.first().is_none() {
            let address = std::mem::take(&mut peer.address);
            self.index.remove(self.index.hash(&*address), number);
            self.free.push(number);
        }
    }
}
