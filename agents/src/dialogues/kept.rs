//! Dialogues that outlive the agent: where they are kept, and what is written down of one.
//!
//! Always true: what has been said or taken in is kept before anyone learns of it, so an agent that comes back knows
//! whatever the other side does. Neighbours: [`desk`](super::desk) writes and reads; whoever spawns an agent says
//! where its dialogues are kept.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::BytesMut;
use folkmoot_codecs::{Codec, Principal};
use folkmoot_protocols::Reading;
use folkmoot_protocols::dialogue::{Rules, Snapshot};
use folkmoot_protocols::typed::Conversed;
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use super::MailboxDialogues;
use super::desk::{Beside, Desk};
use super::listener::Listener;
use super::way::{Post, Way};
use crate::host::BoxFuture;
use crate::proxy::Proxy;

/// The form in which dialogues are written down.
const VERSION: u32 = 1;

/// How they are written down.
const CODEC: Codec = Codec::MsgPack;

/// Why dialogues could not be kept, or not be found again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct StoreError(pub String);

/// A dialogue as it was kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// The protocol's id.
    pub protocol: String,
    /// Which of the agent's dialogues in the protocol.
    pub key: String,
    /// The dialogue, in a form that is the agent's own.
    pub bytes: Vec<u8>,
}

/// Where dialogues are kept that outlive their agent. An agent has one owner at a time; who sees to that is not told
/// here.
pub trait DialogueStore: Send + Sync + 'static {
    /// All that is kept of an agent, asked once before it starts.
    ///
    /// # Errors
    /// Why it cannot be read: then the agent does not start.
    fn load(&self, agent: &str) -> BoxFuture<'static, Result<Vec<Stored>, StoreError>>;

    /// Keeps a dialogue in the place of what was kept of it. Done when it will be found again. A call for a dialogue may
    /// come before an earlier one is done: what holds in the end is the one that was made last.
    ///
    /// # Errors
    /// Why it is not kept: then the agent gives the dialogue up.
    fn save(&self, agent: &str, stored: Stored) -> BoxFuture<'static, Result<(), StoreError>>;

    /// Forgets a dialogue, which has ended.
    ///
    /// # Errors
    /// Why it is still there.
    fn remove(&self, agent: &str, protocol: &str, key: &str) -> BoxFuture<'static, Result<(), StoreError>>;

    /// Itself, where it keeps dialogues in the agent's own mailbox: then what is said by mail is kept and sent in one step.
    #[doc(hidden)]
    fn at_mailbox(&self) -> Option<&MailboxDialogues> {
        None
    }
}

/// By agent, protocol and key.
type Kept = BTreeMap<(String, String, String), Vec<u8>>;

/// Keeps dialogues in this process: they outlive their agents and containers, but not the process.
#[derive(Clone, Debug, Default)]
pub struct MemoryDialogues {
    kept: Arc<Mutex<Kept>>,
}

impl MemoryDialogues {
    fn with<R>(&self, look: impl FnOnce(&mut Kept) -> R) -> R {
        // Nothing panics while it is locked, and it would be whole all the same.
        look(&mut self.kept.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// How many dialogues are kept.
    pub fn len(&self) -> usize {
        self.with(|kept| kept.len())
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl DialogueStore for MemoryDialogues {
    fn load(&self, agent: &str) -> BoxFuture<'static, Result<Vec<Stored>, StoreError>> {
        let first = Bound::Included((agent.to_owned(), String::new(), String::new()));
        let stored = self.with(|kept| {
            let of_agent =
                kept.range((first, Bound::Unbounded)).take_while(|((owner, ..), _)| owner == agent);
            let stored = of_agent.map(|((_, protocol, key), bytes)| Stored {
                protocol: protocol.clone(),
                key: key.clone(),
                bytes: bytes.clone(),
            });
            stored.collect()
        });
        Box::pin(std::future::ready(Ok(stored)))
    }

    fn save(&self, agent: &str, stored: Stored) -> BoxFuture<'static, Result<(), StoreError>> {
        let Stored { protocol, key, bytes } = stored;
        self.with(|kept| kept.insert((agent.to_owned(), protocol, key), bytes));
        Box::pin(std::future::ready(Ok(())))
    }

    fn remove(&self, agent: &str, protocol: &str, key: &str) -> BoxFuture<'static, Result<(), StoreError>> {
        self.with(|kept| kept.remove(&(agent.to_owned(), protocol.to_owned(), key.to_owned())));
        Box::pin(std::future::ready(Ok(())))
    }
}

/// An agent's store, and what it gave of an earlier life and has not been asked for yet.
pub(crate) struct Keeping {
    pub(super) store: Arc<dyn DialogueStore>,
    loaded: RefCell<Vec<Stored>>,
}

impl Keeping {
    pub(crate) fn new(store: Arc<dyn DialogueStore>, loaded: Vec<Stored>) -> Keeping {
        Keeping { store, loaded: RefCell::new(loaded) }
    }

    /// Whether something was kept of dialogues in a protocol that nobody has asked for.
    pub(super) fn has(&self, protocol: &str) -> bool {
        self.loaded.borrow().iter().any(|stored| stored.protocol == protocol)
    }

    /// What was kept of the dialogues in a protocol.
    pub(super) fn take(&self, protocol: &str) -> Vec<Stored> {
        self.loaded.borrow_mut().extract_if(.., |stored| stored.protocol == protocol).collect()
    }
}

/// What is written down of a dialogue.
#[derive(Serialize, Deserialize)]
pub(super) struct Record {
    version: u32,
    peer: String,
    known_as: String,
    principal: Option<(String, Option<String>)>,
    snapshot: Snapshot<ByteBuf>,
    /// Whether the peer is a mailbox; and by which name rules know that.
    #[serde(default)]
    by_mail: bool,
    #[serde(default)]
    peer_name: Option<String>,
}

impl Record {
    /// Of a dialogue as it stands.
    pub(super) fn of<P: Conversed>(
        snapshot: Snapshot<P>,
        rules: &Rules,
        beside: &Beside<P>,
    ) -> Result<Record, String> {
        let snapshot = snapshot.try_map(|body| written(&body, rules)).map_err(|error| error.to_string())?;
        let principal = beside.principal.as_ref();
        let post = beside.way.post();
        Ok(Record {
            version: VERSION,
            peer: beside.way.address(),
            known_as: beside.known_as.to_string(),
            principal: principal.map(|who| (who.node_name().to_owned(), who.agent_name().map(str::to_owned))),
            snapshot,
            by_mail: post.is_some(),
            peer_name: post.and_then(|post| post.name.as_deref().map(str::to_owned)),
        })
    }

    pub(super) fn write(&self) -> Result<Vec<u8>, String> {
        let mut bytes = BytesMut::new();
        CODEC.encode(self, &mut bytes).map_err(|error| error.to_string())?;
        Ok(bytes.to_vec())
    }

    pub(super) fn read(bytes: &[u8]) -> Result<Record, String> {
        let record: Record = CODEC.decode(bytes).map_err(|error| error.to_string())?;
        match record.version {
            VERSION => Ok(record),
            found => Err(format!("it is of version {found}, this program reads version {VERSION}")),
        }
    }

    pub(super) fn way<P: Conversed>(&self, desk: &Desk<P>) -> Result<Way, String> {
        if self.by_mail {
            desk.inbox().map_err(|error| format!("it goes by mail: {error}"))?;
            let (mailbox, name) = (self.peer.as_str().into(), self.peer_name.as_deref().map(Into::into));
            return Ok(Way::Mail(Post { mailbox, name }));
        }
        self.peer(desk).map(Way::Calls)
    }

    fn peer<P: Conversed>(&self, desk: &Desk<P>) -> Result<Proxy<Listener>, String> {
        match self.principal().filter(Principal::is_node) {
            // Who is found there must still be who spoke.
            Some(principal) => desk.way_to(&self.peer, &principal).or_else(|_| desk.way(&self.peer)),
            None => desk.way(&self.peer),
        }
    }

    pub(super) fn known_as(&self) -> Arc<str> {
        self.known_as.as_str().into()
    }

    pub(super) fn principal(&self) -> Option<Principal> {
        let (node, agent) = self.principal.as_ref()?;
        let node = Principal::node(node.as_str());
        Some(agent.as_ref().map_or(node.clone(), |agent| node.with_agent(agent.as_str())))
    }

    pub(super) fn snapshot<P: Conversed>(self, rules: &Rules) -> Result<Snapshot<P>, String> {
        self.snapshot.try_map(|bytes| read::<P>(&bytes, rules)).map_err(|error| error.to_string())
    }
}

/// A body: its performative's name, since numbers change with a protocol, a zero, and its fields.
fn written<P: Conversed>(body: &P, rules: &Rules) -> Result<ByteBuf, String> {
    let name = rules.performative_name(body.performative()).ok_or("a performative without a name")?;
    let mut bytes = name.as_bytes().to_vec();
    bytes.push(0);
    body.write_fields(&mut bytes);
    Ok(ByteBuf::from(bytes))
}

fn read<P: Conversed>(bytes: &[u8], rules: &Rules) -> Result<P, String> {
    let end = bytes.iter().position(|byte| *byte == 0).ok_or("a body without a performative")?;
    let (name, fields) = bytes.split_at(end);
    let name = std::str::from_utf8(name).map_err(|error| error.to_string())?;
    let performative = rules.performative(name).map_err(|error| error.to_string())?;
    P::read_fields(P::specified(), performative, fields.get(1..).unwrap_or_default(), Reading::STRICT)
        .map_err(|error| error.to_string())
}
