//! A mailbox for tests of what is kept in one: it keeps in memory, and fails when it is told to.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use folkmoot_gateway::Admitted;

use super::*;
use crate::host::BoxFuture;

/// What the next steps come to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Mood {
    #[default]
    Well,
    /// Nothing is done.
    Fails,
    /// It is done, and the answer is lost.
    FailsAfterwards,
    /// Another owns it.
    Lost,
    /// It waits for another mood.
    Hangs,
}

#[derive(Default)]
struct Inner {
    kept: BTreeMap<Arc<str>, Kept>,
    mood: Mood,
    steps: usize,
    sent: Vec<u128>,
}

#[derive(Clone)]
pub(crate) struct InMemory {
    address: MailAddress,
    inner: Arc<Mutex<Inner>>,
}

impl InMemory {
    pub(crate) fn new() -> InMemory {
        InMemory { address: "agent:1".into(), inner: Arc::default() }
    }

    pub(crate) fn set(&self, mood: Mood) {
        self.inner.lock().unwrap().mood = mood;
    }

    /// How many steps were done.
    pub(crate) fn steps(&self) -> usize {
        self.inner.lock().unwrap().steps
    }

    /// The ids of what was sent.
    pub(crate) fn sent(&self) -> Vec<u128> {
        self.inner.lock().unwrap().sent.clone()
    }

    /// The keys and revisions of what is kept.
    pub(crate) fn keys(&self) -> Vec<(String, u64)> {
        let inner = self.inner.lock().unwrap();
        inner.kept.iter().map(|(key, kept)| (key.to_string(), kept.revision)).collect()
    }
}

impl Inner {
    fn commit(&mut self, step: &Step) -> Result<Vec<u64>, MailError> {
        match self.mood {
            Mood::Fails => return Err(MailError::Failed("the disk is gone".to_owned())),
            Mood::Lost => return Err(MailError::NotTheOwner("epoch 1 is over".to_owned())),
            Mood::Well | Mood::FailsAfterwards | Mood::Hangs => {}
        }
        let found = |put: &Put| self.kept.get(&put.key).map_or(0, |kept| kept.revision);
        if step.keep.iter().any(|put| found(put) != put.expected) {
            return Err(MailError::Revision("it is at another revision".to_owned()));
        }
        self.steps += 1;
        self.sent.extend(step.send.iter().map(|mail| mail.id));
        let revisions = step.keep.iter().map(|put| match &put.bytes {
            None => {
                self.kept.remove(&put.key);
                0
            }
            Some(bytes) => {
                let kept = Kept { revision: put.expected + 1, bytes: bytes.clone() };
                self.kept.insert(put.key.clone(), kept);
                put.expected + 1
            }
        });
        let revisions = revisions.collect();
        match self.mood {
            Mood::FailsAfterwards => Err(MailError::Failed("no answer came".to_owned())),
            _ => Ok(revisions),
        }
    }
}

impl OwnMailbox for InMemory {
    fn address(&self) -> &MailAddress {
        &self.address
    }

    fn find(&self, to: &MailAddress) -> BoxFuture<'static, Result<MailAddress, MailError>> {
        Box::pin(std::future::ready(Ok(to.clone())))
    }

    fn receive(&self, _: usize) -> BoxFuture<'static, Result<Vec<Admitted<Delivery>>, MailError>> {
        Box::pin(std::future::pending())
    }

    fn commit(&self, step: Step) -> BoxFuture<'static, Result<Vec<u64>, MailError>> {
        let inner = self.inner.clone();
        Box::pin(async move {
            while inner.lock().unwrap().mood == Mood::Hangs {
                tokio::task::yield_now().await;
            }
            inner.lock().unwrap().commit(&step)
        })
    }

    fn refuse(&self, _: DeliveryId, _: Again, _: String) -> BoxFuture<'static, Result<(), MailError>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn kept(&self, key: &str) -> BoxFuture<'static, Result<Option<Kept>, MailError>> {
        let inner = self.inner.lock().unwrap();
        Box::pin(std::future::ready(match inner.mood {
            Mood::Fails => Err(MailError::Failed("the disk is gone".to_owned())),
            _ => Ok(inner.kept.get(key).cloned()),
        }))
    }

    fn kept_under(&self, prefix: &str) -> BoxFuture<'static, Result<Vec<(Arc<str>, Kept)>, MailError>> {
        let inner = self.inner.lock().unwrap();
        let kept = inner.kept.iter().filter(|(key, _)| key.starts_with(prefix));
        Box::pin(std::future::ready(Ok(kept.map(|(key, kept)| (key.clone(), kept.clone())).collect())))
    }

    fn lost(&self) -> BoxFuture<'static, String> {
        Box::pin(std::future::pending())
    }

    fn retake(&self) -> BoxFuture<'static, Result<Arc<dyn OwnMailbox>, MailError>> {
        Box::pin(std::future::pending())
    }

    fn leave(&self) -> BoxFuture<'static, ()> {
        Box::pin(std::future::ready(()))
    }
}
