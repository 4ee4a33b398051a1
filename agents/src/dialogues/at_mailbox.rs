//! Dialogues that are kept in their agent's own mailbox, and so come with it to whatever node it is started on.
//!
//! Each lies under a number of its own, with the protocol and the key by which the agent knows it. Always true: of one
//! dialogue one writing is under way, and what is wanted last is written last, however many are asked for meanwhile; what is
//! written with a step is what belongs to that, and nothing of a later one. Neighbours: [`kept`](super::kept) has the trait, [`OwnMailbox`] the exchange.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::{Bytes, BytesMut};
use folkmoot_codecs::Codec;
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use super::desk::Written;
use super::kept::{DialogueStore, StoreError, Stored};
use crate::host::BoxFuture;
use crate::mail::{MailError, OwnMailbox, Put, Step};

/// With what the keys of dialogues begin.
const PREFIX: &str = "dialogue/";

/// How dialogues are written down.
const CODEC: Codec = Codec::MsgPack;

/// A protocol's id, and the dialogue's key in it.
type Name = (String, String);

/// What is written down of a dialogue.
#[derive(Serialize, Deserialize)]
struct Record {
    protocol: String,
    key: String,
    dialogue: ByteBuf,
}

/// What is to be kept of a dialogue, and the how manieth wish that is.
#[derive(Clone, Default)]
struct Wish {
    number: u64,
    /// `None` to forget it.
    bytes: Option<Bytes>,
}

/// One dialogue in the exchange.
struct Place {
    key: Arc<str>,
    last_wish: Mutex<Wish>,
    written: tokio::sync::Mutex<Done>,
}

struct Done {
    /// The last wish that is done.
    number: u64,
    /// That of what is kept; 0 where nothing is, `None` where nobody knows: a writing was dropped under way.
    revision: Option<u64>,
}

#[derive(Default)]
struct Table {
    places: BTreeMap<Name, Arc<Place>>,
    last_number: u64,
}

/// Keeps the dialogues of one agent in its mailbox.
#[derive(Clone)]
pub struct MailboxDialogues {
    mailbox: Arc<dyn OwnMailbox>,
    table: Arc<Mutex<Table>>,
}

impl fmt::Debug for MailboxDialogues {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MailboxDialogues").field("mailbox", self.mailbox.address()).finish_non_exhaustive()
    }
}

impl MailboxDialogues {
    /// Those of the agent that owns `mailbox`.
    pub fn new(mailbox: Arc<dyn OwnMailbox>) -> MailboxDialogues {
        MailboxDialogues { mailbox, table: Arc::default() }
    }

    fn place(&self, name: &Name) -> Arc<Place> {
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(place) = table.places.get(name) {
            return place.clone();
        }
        table.last_number += 1;
        let place = Arc::new(Place::new(table.last_number, 0));
        table.places.insert(name.clone(), place.clone());
        place
    }

    /// Keeps a dialogue, or forgets it, and does a step with that, all or nothing.
    pub(super) fn keep_with(
        &self,
        protocol: &str,
        written: Option<Written>,
        step: Step,
    ) -> BoxFuture<'static, Result<(), MailError>> {
        let Some(Written { key, bytes }) = written else {
            let mailbox = self.mailbox.clone();
            return Box::pin(async move { mailbox.commit(step).await.map(drop) });
        };
        match bytes.map(|bytes| record(protocol, &key, bytes)).transpose() {
            Ok(bytes) => self.wish(protocol, &key, bytes, step),
            Err(error) => Box::pin(std::future::ready(Err(MailError::Invalid(error.to_string())))),
        }
    }

    /// Wishes that `bytes` be kept of a dialogue; done when that holds, or a later wish does, and the step is done.
    fn wish(
        &self,
        protocol: &str,
        key: &str,
        bytes: Option<Bytes>,
        step: Step,
    ) -> BoxFuture<'static, Result<(), MailError>> {
        let name = (protocol.to_owned(), key.to_owned());
        let place = self.place(&name);
        let wish = place.wish(bytes);
        let MailboxDialogues { mailbox, table } = self.clone();
        Box::pin(async move {
            place.write(&*mailbox, wish, step).await?;
            if place.is_forgotten() {
                let mut table = table.lock().unwrap_or_else(PoisonError::into_inner);
                // Under the lock by which a wish finds it: nobody has wished for more since.
                if place.is_forgotten()
                    && table.places.get(&name).is_some_and(|other| Arc::ptr_eq(other, &place))
                {
                    table.places.remove(&name);
                }
            }
            Ok(())
        })
    }
}

impl Place {
    fn new(number: u64, revision: u64) -> Place {
        Place {
            key: format!("{PREFIX}{number}").into(),
            last_wish: Mutex::default(),
            written: tokio::sync::Mutex::new(Done { number: 0, revision: Some(revision) }),
        }
    }

    fn wish(&self, bytes: Option<Bytes>) -> Wish {
        let mut last = self.last_wish.lock().unwrap_or_else(PoisonError::into_inner);
        *last = Wish { number: last.number + 1, bytes };
        last.clone()
    }

    fn last_wish(&self) -> Wish {
        self.last_wish.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether the last wish was to forget it, and is done.
    fn is_forgotten(&self) -> bool {
        let wish = self.last_wish();
        let written = self.written.try_lock();
        wish.bytes.is_none() && written.is_ok_and(|written| written.number == wish.number)
    }

    /// Writes what is wished, unless that is done, and does the step with it.
    async fn write(&self, mailbox: &dyn OwnMailbox, wish: Wish, step: Step) -> Result<(), MailError> {
        let mut written = self.written.lock().await;
        let goes_alone = step == Step::default();
        if written.number >= wish.number {
            return match goes_alone {
                true => Ok(()),
                // What it goes with is kept already, with what came later.
                false => mailbox.commit(step).await.map(drop),
            };
        }
        // A later one may tell what its own step is to send, and that may never be.
        let wish = if goes_alone { self.last_wish() } else { wish };
        let known = written.revision.take();
        let revision = match self.put(mailbox, known, &wish, step.clone()).await {
            // A writing that was dropped under way has come there after all.
            Err(MailError::Revision(_)) => self.put(mailbox, None, &wish, step).await?,
            outcome => outcome?,
        };
        *written = Done { number: wish.number, revision: Some(revision) };
        Ok(())
    }

    /// Writes over that revision; over what is there where it is not known.
    async fn put(
        &self,
        mailbox: &dyn OwnMailbox,
        known: Option<u64>,
        wish: &Wish,
        mut step: Step,
    ) -> Result<u64, MailError> {
        let expected = match known {
            Some(revision) => revision,
            None => self.revision(mailbox).await?,
        };
        let next = if wish.bytes.is_some() { expected + 1 } else { 0 };
        if expected > 0 || wish.bytes.is_some() {
            step.keep.push(Put { key: self.key.clone(), expected, bytes: wish.bytes.clone() });
        } else if step == Step::default() {
            return Ok(0);
        }
        match mailbox.commit(step).await {
            Ok(_) => Ok(next),
            // The answer may be all that was lost.
            Err(MailError::Failed(cause)) if next != expected => match self.revision(mailbox).await {
                Ok(found) if found == next => Ok(next),
                _ => Err(MailError::Failed(cause)),
            },
            Err(error) => Err(error),
        }
    }

    /// That of what is kept now.
    async fn revision(&self, mailbox: &dyn OwnMailbox) -> Result<u64, MailError> {
        Ok(mailbox.kept(&self.key).await?.map_or(0, |kept| kept.revision))
    }
}

/// A dialogue as it lies in the mailbox.
fn record(protocol: &str, key: &str, dialogue: Vec<u8>) -> Result<Bytes, StoreError> {
    let record =
        Record { protocol: protocol.to_owned(), key: key.to_owned(), dialogue: ByteBuf::from(dialogue) };
    let mut written = BytesMut::new();
    CODEC.encode(&record, &mut written).map_err(|error| StoreError(error.to_string()))?;
    Ok(written.freeze())
}

async fn done(writing: BoxFuture<'static, Result<(), MailError>>) -> Result<(), StoreError> {
    writing.await.map_err(|error| StoreError(error.to_string()))
}

impl DialogueStore for MailboxDialogues {
    fn load(&self, _: &str) -> BoxFuture<'static, Result<Vec<Stored>, StoreError>> {
        let MailboxDialogues { mailbox, table } = self.clone();
        Box::pin(async move {
            let kept = mailbox.kept_under(PREFIX).await.map_err(|error| StoreError(error.to_string()))?;
            let mut loaded = Vec::with_capacity(kept.len());
            let mut table = table.lock().unwrap_or_else(PoisonError::into_inner);
            for (key, kept) in kept {
                let number: u64 =
                    key.strip_prefix(PREFIX).and_then(|number| number.parse().ok()).unwrap_or(0);
                table.last_number = table.last_number.max(number);
                let record: Record = CODEC
                    .decode(&kept.bytes)
                    .map_err(|error| StoreError(format!("the dialogue under \"{key}\": {error}")))?;
                let name = (record.protocol.clone(), record.key.clone());
                table.places.insert(name, Arc::new(Place::new(number, kept.revision)));
                let Record { protocol, key, dialogue } = record;
                loaded.push(Stored { protocol, key, bytes: dialogue.into_vec() });
            }
            Ok(loaded)
        })
    }

    fn save(&self, _: &str, stored: Stored) -> BoxFuture<'static, Result<(), StoreError>> {
        let Stored { protocol, key, bytes } = stored;
        match record(&protocol, &key, bytes) {
            Ok(bytes) => Box::pin(done(self.wish(&protocol, &key, Some(bytes), Step::default()))),
            Err(error) => Box::pin(std::future::ready(Err(error))),
        }
    }

    fn remove(&self, _: &str, protocol: &str, key: &str) -> BoxFuture<'static, Result<(), StoreError>> {
        Box::pin(done(self.wish(protocol, key, None, Step::default())))
    }

    fn at_mailbox(&self) -> Option<&MailboxDialogues> {
        Some(self)
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::task::Poll;

    use super::*;
    use crate::mail::in_memory::{InMemory, Mood};

    fn stored(key: &str, bytes: &[u8]) -> Stored {
        Stored { protocol: "a/b:1.0.0".to_owned(), key: key.to_owned(), bytes: bytes.to_vec() }
    }

    /// What a new owner finds.
    async fn found(mailbox: &InMemory) -> Vec<Stored> {
        MailboxDialogues::new(Arc::new(mailbox.clone())).load("pump").await.unwrap()
    }

    /// Polls a writing once, and drops it under way.
    async fn begin_and_drop(mut writing: BoxFuture<'static, Result<(), StoreError>>) {
        let polled = poll_fn(|cx| Poll::Ready(writing.as_mut().poll(cx).is_ready())).await;
        assert!(!polled, "it is under way");
    }

    #[tokio::test]
    async fn a_new_owner_finds_what_was_kept_last_and_goes_on_with_it() {
        let mailbox = InMemory::new();
        let store = MailboxDialogues::new(Arc::new(mailbox.clone()));
        // A key that could stand in no key of the exchange.
        let odd = format!("by {}\n 1", "x".repeat(2000));
        for (key, bytes) in [("to 1", b"one"), (&odd, b"odd"), ("to 1", b"two"), ("to 2", b"new")] {
            store.save("pump", stored(key, bytes)).await.unwrap();
        }
        store.remove("pump", "a/b:1.0.0", "to 2").await.unwrap();
        assert_eq!(mailbox.keys(), [("dialogue/1".to_owned(), 2), ("dialogue/2".to_owned(), 1)]);
        assert_eq!(found(&mailbox).await, [stored("to 1", b"two"), stored(&odd, b"odd")]);

        let next = MailboxDialogues::new(Arc::new(mailbox.clone()));
        next.load("pump").await.unwrap();
        next.save("pump", stored("to 1", b"three")).await.unwrap();
        next.save("pump", stored("to 3", b"new")).await.unwrap();
        next.remove("pump", "a/b:1.0.0", &odd).await.unwrap();
        assert_eq!(found(&mailbox).await, [stored("to 1", b"three"), stored("to 3", b"new")]);
        // What is not kept is forgotten without a step.
        let steps = mailbox.steps();
        next.remove("pump", "a/b:1.0.0", "never").await.unwrap();
        assert_eq!(mailbox.steps(), steps);
    }

    #[tokio::test]
    async fn what_is_wished_last_holds_whoever_is_written_first() {
        let mailbox = InMemory::new();
        let store = MailboxDialogues::new(Arc::new(mailbox.clone()));
        let first = store.save("pump", stored("to 1", b"one"));
        let second = store.save("pump", stored("to 1", b"two"));
        let third = store.save("pump", stored("to 1", b"three"));
        third.await.unwrap();
        first.await.unwrap();
        second.await.unwrap();
        assert_eq!((found(&mailbox).await, mailbox.steps()), (vec![stored("to 1", b"three")], 1));
        let removal = store.remove("pump", "a/b:1.0.0", "to 1");
        let again = store.save("pump", stored("to 1", b"four"));
        removal.await.unwrap();
        again.await.unwrap();
        assert_eq!(found(&mailbox).await, [stored("to 1", b"four")]);
    }

    #[tokio::test]
    async fn a_writing_that_was_dropped_or_failed_stands_in_nobodys_way() {
        let mailbox = InMemory::new();
        let store = MailboxDialogues::new(Arc::new(mailbox.clone()));
        store.save("pump", stored("to 1", b"one")).await.unwrap();
        mailbox.set(Mood::Hangs);
        begin_and_drop(store.save("pump", stored("to 1", b"dropped"))).await;
        mailbox.set(Mood::FailsAfterwards);
        // It is looked for, and found.
        store.save("pump", stored("to 1", b"done, and not told")).await.unwrap();
        mailbox.set(Mood::Fails);
        store.save("pump", stored("to 1", b"failed")).await.unwrap_err();
        mailbox.set(Mood::Well);
        store.save("pump", stored("to 1", b"two")).await.unwrap();
        assert_eq!(found(&mailbox).await, [stored("to 1", b"two")]);
        mailbox.set(Mood::Lost);
        let error = store.save("pump", stored("to 1", b"three")).await.unwrap_err();
        assert!(error.to_string().contains("another owner"), "{error}");
    }

    fn sending(id: u128) -> Step {
        let mail = crate::mail::Mail::raw("a/b:1.0.0", "an envelope").id(id);
        let mail = mail.into_outgoing("agent:2".into(), crate::mail::Tracking::Plain).unwrap();
        Step { send: vec![mail], ..Step::default() }
    }

    fn written(key: &str, bytes: Option<&[u8]>) -> Option<Written> {
        Some(Written { key: key.to_owned(), bytes: bytes.map(<[u8]>::to_vec) })
    }

    #[tokio::test]
    async fn what_is_kept_and_what_is_sent_with_it_are_one_step() {
        let mailbox = InMemory::new();
        let store = MailboxDialogues::new(Arc::new(mailbox.clone()));
        let keep = |key: &str, bytes: Option<&[u8]>, id| {
            store.keep_with("a/b:1.0.0", written(key, bytes), sending(id))
        };
        keep("to 1", Some(b"one"), 1).await.unwrap();
        assert_eq!((found(&mailbox).await, mailbox.steps()), (vec![stored("to 1", b"one")], 1));
        mailbox.set(Mood::Fails);
        keep("to 1", Some(b"two"), 2).await.unwrap_err();
        mailbox.set(Mood::FailsAfterwards);
        keep("to 1", Some(b"three"), 3).await.unwrap();
        assert_eq!(
            mailbox.sent(),
            [1, 3],
            "of a step that failed nothing was done, and what was done is not done again"
        );
        mailbox.set(Mood::Well);
        // What is wished last is written first: what the others send is sent all the same.
        let (fourth, fifth) = (keep("to 1", Some(b"four"), 4), keep("to 1", Some(b"five"), 5));
        fifth.await.unwrap();
        fourth.await.unwrap();
        assert_eq!(
            (found(&mailbox).await, mailbox.sent()),
            (vec![stored("to 1", b"five")], vec![1, 3, 5, 4])
        );
        // Of two steps the first is done without what belongs to the other, which may never be.
        let (sixth, seventh) = (keep("to 1", Some(b"six"), 6), keep("to 1", Some(b"seven"), 7));
        sixth.await.unwrap();
        assert_eq!(found(&mailbox).await, [stored("to 1", b"six")]);
        mailbox.set(Mood::Fails);
        seventh.await.unwrap_err();
        assert_eq!(found(&mailbox).await, [stored("to 1", b"six")]);
        mailbox.set(Mood::Well);
        // One that has ended is forgotten, and one that was never kept leaves nothing.
        keep("to 1", None, 8).await.unwrap();
        keep("to 2", None, 9).await.unwrap();
        assert_eq!((mailbox.keys(), mailbox.sent()), (vec![], vec![1, 3, 5, 4, 6, 8, 9]));
    }
}
