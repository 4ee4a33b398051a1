//! What an agent keeps of itself: when its fields marked `#[persist]` are read, written, and taken back.
//!
//! They are read before `#[start]`, in every life. A turn that may change them ends when what it changed is kept, and
//! its answer leaves then. Always true: one writing at a time, and the next life begins after the last one's; what a
//! dropped turn has half done is not kept. Where the mailbox has another owner the agent learns of it by its
//! [`inbox`](crate::mail), and begins anew once it has it again ([`retaking`](super::retaking)), or ends.
//! Neighbours: [`snapshot`](crate::snapshot) is the form, [`begin`](crate::begin) the end of turns.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};

use bytes::Bytes;
use folkmoot_codecs::CallError;

use super::Core;
use crate::context::Context;
use crate::host::BoxFuture;
use crate::interface::{Agent, LocalFuture};
use crate::mail::{MailError, OwnMailbox, Put, Step};
use crate::panics::{Panic, guard};
use crate::proxy_serde;
use crate::snapshot;

/// The key under which an agent's snapshot is kept.
const KEY: &str = "fields";

/// A step of the agent, on its way to the exchange; the new revision of the snapshot.
type Writing = BoxFuture<'static, Result<u64, MailError>>;

/// What is kept of an agent, and where.
pub(crate) struct Keeper {
    mailbox: RefCell<Arc<dyn OwnMailbox>>,
    /// That of the snapshot that is kept.
    revision: Cell<u64>,
    /// Whether nobody could tell what came of the last writing.
    is_unsure: Cell<bool>,
    /// The snapshot that the next one is compared with: the last one that was kept, or that with which the life began.
    last: RefCell<Bytes>,
    /// Kept here and not in the turn: it goes on where the turn is dropped.
    under_way: RefCell<Option<(Bytes, Writing)>>,
    /// Whether an exclusive turn was dropped before its end.
    is_half_done: Cell<bool>,
}

impl Keeper {
    pub(crate) fn new(mailbox: Arc<dyn OwnMailbox>) -> Keeper {
        Keeper {
            mailbox: RefCell::new(mailbox),
            revision: Cell::new(0),
            is_unsure: Cell::new(false),
            last: RefCell::default(),
            under_way: RefCell::new(None),
            is_half_done: Cell::new(false),
        }
    }

    /// The mailbox is lost: what is being written is nobody's to wait for.
    pub(super) fn lose(&self) {
        *self.under_way.borrow_mut() = None;
    }

    /// Keeps in that mailbox from now on. What is there is read before anything is written.
    pub(super) fn move_to(&self, mailbox: Arc<dyn OwnMailbox>) {
        *self.mailbox.borrow_mut() = mailbox;
    }

    fn mailbox(&self) -> Arc<dyn OwnMailbox> {
        self.mailbox.borrow().clone()
    }

    /// Begins to write. None is under way.
    fn begin(&self, step: Step, snapshot: Bytes) {
        let mailbox = self.mailbox();
        let put = Put { key: KEY.into(), expected: self.revision.get(), bytes: Some(snapshot.clone()) };
        let writing = write(mailbox, step, put, self.is_unsure.get());
        *self.under_way.borrow_mut() = Some((snapshot, Box::pin(writing)));
    }

    /// Ready when no writing is under way; with what came of the one that was.
    fn poll(&self, cx: &mut TaskContext<'_>) -> Poll<Option<Result<(), MailError>>> {
        let mut under_way = self.under_way.borrow_mut();
        let Some((_, writing)) = &mut *under_way else { return Poll::Ready(None) };
        let Poll::Ready(outcome) = writing.as_mut().poll(cx) else { return Poll::Pending };
        let snapshot = under_way.take().map(|(snapshot, _)| snapshot).unwrap_or_default();
        Poll::Ready(Some(match outcome {
            Ok(revision) => {
                self.revision.set(revision);
                self.is_unsure.set(false);
                *self.last.borrow_mut() = snapshot;
                Ok(())
            }
            Err(error) => {
                self.is_unsure.set(matches!(error, MailError::Failed(_)));
                Err(error)
            }
        }))
    }
}

/// Does a step of which `put` is a part; its new revision. Where the exchange fails on the way it may have been done all the
/// same, and what is kept tells: nobody else writes it.
async fn write(
    mailbox: Arc<dyn OwnMailbox>,
    mut step: Step,
    put: Put,
    is_unsure: bool,
) -> Result<u64, MailError> {
    let before = put.expected;
    if is_unsure && revision(&*mailbox).await? != before {
        return Err(MailError::Revision("a writing that had failed was done after all".to_owned()));
    }
    step.keep.push(put);
    match mailbox.commit(step).await {
        Ok(_) => Ok(before + 1),
        Err(MailError::Failed(cause)) => match revision(&*mailbox).await {
            Ok(now) if now == before + 1 => Ok(now),
            // What is there may still change, while the step is on its way.
            _ => Err(MailError::Failed(cause)),
        },
        Err(error) => Err(error),
    }
}

/// That of what is kept now.
async fn revision(mailbox: &dyn OwnMailbox) -> Result<u64, MailError> {
    Ok(mailbox.kept(KEY).await?.map_or(0, |kept| kept.revision))
}

/// What a turn has changed of what is kept.
pub(crate) enum Change {
    None,
    /// The fields as they are now.
    Snapshot(Bytes),
    /// They cannot be written.
    Unwritable(String),
}

impl<A: Agent> Core<A> {
    /// What has changed since the last snapshot. Nothing has where the agent keeps nothing.
    ///
    /// # Errors
    /// The panic of a field that was being written.
    pub(crate) fn change(&self, state: &RefCell<A>) -> Result<Change, Panic> {
        let Some(keeper) = &self.keeper else { return Ok(Change::None) };
        Ok(match guard(|| snapshot::write(&*state.borrow()))? {
            Err(reason) => Change::Unwritable(reason),
            Ok(now) if now == *keeper.last.borrow() && !keeper.is_unsure.get() => Change::None,
            Ok(now) => Change::Snapshot(now),
        })
    }

    /// Does a step of which `change` is a part, and is done when that is kept; takes it back where it is not.
    ///
    /// # Errors
    /// Why nothing of it was kept.
    pub(crate) async fn keep(&self, state: &RefCell<A>, change: Change, step: Step) -> Result<(), MailError> {
        let Some(keeper) = &self.keeper else { return Ok(()) };
        let snapshot = match change {
            Change::None => return Ok(()),
            Change::Snapshot(snapshot) => snapshot,
            Change::Unwritable(reason) => {
                self.go_back(state);
                return Err(MailError::Invalid(format!("it cannot be written: {reason}")));
            }
        };
        // Of a turn that was dropped: its own outcome is nobody's any more.
        drop(self.settle().await);
        keeper.begin(step, snapshot);
        let outcome = self.settle().await.unwrap_or(Ok(()));
        if outcome.is_err() {
            self.go_back(state);
        }
        outcome
    }

    /// Waits for the writing that is under way; what came of it.
    async fn settle(&self) -> Option<Result<(), MailError>> {
        let keeper = self.keeper.as_ref()?;
        let outcome = poll_fn(|cx| keeper.poll(cx)).await?;
        match &outcome {
            Ok(()) => self.host.counters().snapshots_kept.increment(1),
            Err(error) => {
                self.host.counters().snapshots_refused.increment(1);
                if let MailError::Revision(_) = error {
                    self.note_crash(format!(
                        "what is kept of it is not its own any more, and is read anew: {error}"
                    ));
                }
            }
        }
        Some(outcome)
    }

    /// Takes back what is not kept.
    pub(crate) fn go_back(&self, state: &RefCell<A>) {
        let Some(keeper) = &self.keeper else { return };
        let last = keeper.last.borrow().clone();
        keeper.is_half_done.set(false);
        if let Err(reason) = self.read_over(state, &last) {
            self.note_crash(format!("it could not go back to what was kept last: {reason}"));
        }
    }

    fn read_over(&self, state: &RefCell<A>, snapshot: &[u8]) -> Result<(), String> {
        let read = || snapshot::read(&mut *state.borrow_mut(), snapshot);
        let read = || match self.reader() {
            Some(reader) => proxy_serde::read_for(reader, read),
            None => read(),
        };
        guard(read).unwrap_or_else(|panic| Err(format!("a field panicked: {}", panic.text())))
    }

    /// An exclusive turn is dropped before its end.
    pub(super) fn note_half_done(&self) {
        if let Some(keeper) = &self.keeper {
            keeper.is_half_done.set(true);
        }
    }

    /// Puts what is kept over a fresh state.
    async fn restore(&self, state: &RefCell<A>) -> Result<(), String> {
        // What an earlier life was writing comes before what this one reads.
        drop(self.settle().await);
        let Some(keeper) = &self.keeper else { return Ok(()) };
        let kept = keeper.mailbox().kept(KEY).await;
        let kept = kept.map_err(|error| format!("what is kept of it cannot be read: {error}"))?;
        let revision = kept.as_ref().map_or(0, |kept| kept.revision);
        if let Some(kept) = kept {
            self.read_over(state, &kept.bytes)?;
            tracing::debug!(agent = %self.shared.full_name(), revision, "what is kept of the agent was read");
        }
        let now = guard(|| snapshot::write(&*state.borrow()))
            .unwrap_or_else(|panic| Err(format!("a field panicked: {}", panic.text())))
            .map_err(|reason| format!("its fields cannot be kept: {reason}"))?;
        *keeper.last.borrow_mut() = now;
        keeper.revision.set(revision);
        keeper.is_unsure.set(false);
        keeper.is_half_done.set(false);
        Ok(())
    }

    /// Keeps what a hook has changed.
    async fn keep_after_hook(&self, state: &RefCell<A>) -> Result<(), String> {
        let change = self.change(state).map_err(|panic| format!("a field panicked: {}", panic.text()))?;
        let kept = self.keep(state, change, Step::default()).await;
        kept.map_err(|error| format!("what it changed is not kept: {error}"))
    }

    /// Begins `#[start]`, after what is kept has been read.
    pub(crate) fn begin_start(
        self: &Rc<Self>,
        state: &Rc<RefCell<A>>,
    ) -> Option<LocalFuture<Result<(), String>>> {
        let ctx = Context::of_agent(self);
        if !A::PERSISTS {
            return A::start(state, ctx);
        }
        let (core, state) = (self.clone(), state.clone());
        Some(Box::pin(async move {
            core.restore(&state).await?;
            if let Some(hook) = A::start(&state, ctx) {
                hook.await?;
            }
            core.keep_after_hook(&state).await
        }))
    }

    /// Begins `#[stop]`. What it has changed is kept, and nothing of a turn that was dropped for it.
    pub(crate) fn begin_stop(
        self: &Rc<Self>,
        state: &Rc<RefCell<A>>,
    ) -> Option<LocalFuture<Result<(), String>>> {
        let ctx = Context::of_agent(self);
        if !A::PERSISTS {
            return A::stop(state, ctx);
        }
        let (core, state) = (self.clone(), state.clone());
        Some(Box::pin(async move {
            drop(core.settle().await);
            if core.keeper.as_ref().is_some_and(|keeper| keeper.is_half_done.get()) {
                core.go_back(&state);
            }
            let stopped = match A::stop(&state, ctx) {
                Some(hook) => hook.await,
                None => Ok(()),
            };
            stopped.and(core.keep_after_hook(&state).await)
        }))
    }

    /// The error of a call whose changes are not kept.
    pub(crate) fn not_kept(&self, error: &MailError) -> CallError {
        let agent = self.shared.full_name();
        tracing::warn!(%agent, %error, "what a turn changed is not kept");
        CallError::NotKept { agent: self.shared.name().to_string(), reason: error.to_string() }
    }
}
