//! A mailbox that was lost and is had again: what is let go of at once, what waits meanwhile, and what the next life finds.
//!
//! Always true: whatever came from the mailbox, or was kept there, is read anew under the new lease; nothing of a life
//! before it knows of that lease, so nothing of it is acknowledged, kept or sent any more. Messages of protocols that come meanwhile
//! wait with their credits, for nobody could keep them. Neighbours: [`life`](crate::life) says when, the
//! [`OwnMailbox`] how.

use std::rc::Rc;
use std::sync::Arc;

use folkmoot_codecs::CallError;

use super::{Core, Waiting};
use crate::dialogues::incoming::Sealed;
use crate::dialogues::{Desks, DialogueStore, Keeping, MailboxDialogues, may_be_protocol};
use crate::interface::{Agent, LocalFuture};
use crate::mail::{Inbox, MailError, OwnMailbox};
use crate::panics::{guard, let_go};
use crate::turn::Turn;

/// What waits while the mailbox is lost. Each holds one of the agent's credits, which are the bound.
pub(crate) struct WithoutMailbox<A: Agent> {
    messages: Vec<Turn<A>>,
    sealed: Vec<Sealed>,
}

/// What is had again.
pub(crate) struct Regained {
    mailbox: Arc<dyn OwnMailbox>,
    keeping: Option<Keeping>,
}

/// Why nothing is.
pub(crate) enum NotRegained {
    /// The mailbox is not to be had any more.
    Gone(MailError),
    /// It is had, and what it keeps cannot be read.
    Unread(String),
}

impl<A: Agent> Core<A> {
    /// The mailbox is lost: what came from it is let go, and is read or delivered anew. How many mails were at work.
    pub(crate) fn let_mailbox_go(&self) -> usize {
        let Some(inbox) = self.inbox() else { return 0 };
        self.without_mailbox
            .borrow_mut()
            .get_or_insert_with(|| Box::new(WithoutMailbox { messages: Vec::new(), sealed: Vec::new() }));
        let waiting = std::mem::take(&mut self.queue.borrow_mut().waiting);
        for waiting in waiting {
            match waiting {
                // The next life finds these messages, unanswered, among what is kept of its dialogues.
                Waiting::Call(turn) | Waiting::Returning(turn)
                    if may_be_protocol(A::method_of(&turn.request).name) =>
                {
                    let_go(&self.shared, turn);
                }
                Waiting::Mail(_) | Waiting::Heard(_) => let_go(&self.shared, waiting),
                others => self.queue.borrow_mut().waiting.push_back(others),
            }
        }
        self.no_message_is_queued();
        if let Some(keeper) = &self.keeper {
            keeper.lose();
        }
        inbox.lose()
    }

    /// Tries to have the mailbox again, where it is lost, and to read what is kept of the dialogues there.
    pub(crate) fn retake_mailbox(&self) -> Option<LocalFuture<Result<Regained, NotRegained>>> {
        let inbox = self.inbox().filter(|_| self.without_mailbox.borrow().is_some())?;
        let store = self.desks.borrow().as_ref().and_then(|desks| desks.store().cloned());
        let name = self.shared.name().clone();
        Some(Box::pin(async move {
            let mailbox = inbox.mailbox().retake().await.map_err(NotRegained::Gone)?;
            let keeping = match store {
                None => None,
                Some(store) => {
                    let store: Arc<dyn DialogueStore> = match store.at_mailbox() {
                        Some(_) => Arc::new(MailboxDialogues::new(mailbox.clone())),
                        None => store,
                    };
                    let loaded = store.load(&name).await.map_err(|error| {
                        NotRegained::Unread(format!("its dialogues could not be read: {error}"))
                    })?;
                    Some(Keeping::new(store, loaded))
                }
            };
            Ok(Regained { mailbox, keeping })
        }))
    }

    /// Goes on with what is had again. Gives what waited for it, which is the next life's: for
    /// [`accept_held`](Core::accept_held), once that has begun and has said how it keeps its dialogues.
    pub(crate) fn regain(self: &Rc<Self>, regained: Regained) -> Option<Box<WithoutMailbox<A>>> {
        let Regained { mailbox, keeping } = regained;
        let inbox = self
            .inbox()
            .map(|lost| Inbox::new(mailbox.clone(), lost.rules(), self.host.clone(), self.shared.clone()));
        *self.inbox.borrow_mut() = inbox;
        if let Some(keeper) = &self.keeper {
            keeper.move_to(mailbox);
        }
        let limits = self.desks.borrow().as_ref().and_then(|desks| desks.limits());
        let desks = Desks::of(keeping, limits).map(Box::new);
        let old = std::mem::replace(&mut *self.desks.borrow_mut(), desks);
        let untold = old.as_ref().map_or(0, |old| old.untold_ends());
        if untold > 0 {
            self.shared.counters().dialogue_ends_untold.increment(untold as u64);
            tracing::warn!(agent = %self.shared.full_name(), untold, "an agent is not told of dialogues that ended before it lost its mailbox");
        }
        let_go(&self.shared, old);
        self.without_mailbox.borrow_mut().take()
    }

    /// Takes in what waited for the mailbox, in the order in which it came.
    pub(crate) fn accept_held(self: &Rc<Self>, held: WithoutMailbox<A>) {
        held.messages.into_iter().for_each(|turn| self.accept(turn));
        held.sealed.into_iter().for_each(|message| self.accept_message(Box::new(message)));
    }

    /// Holds a message of a protocol until the mailbox is had again, where it is lost. Gives what is not held.
    pub(super) fn hold_message(&self, turn: Turn<A>) -> Option<Turn<A>> {
        match &mut *self.without_mailbox.borrow_mut() {
            Some(lost) if may_be_protocol(A::method_of(&turn.request).name) => {
                lost.messages.push(turn);
                None
            }
            _ => Some(turn),
        }
    }

    /// The same of one that the agent has no handlers for.
    pub(super) fn hold_sealed(&self, message: Box<Sealed>) -> Option<Box<Sealed>> {
        match &mut *self.without_mailbox.borrow_mut() {
            Some(lost) => {
                lost.sealed.push(*message);
                None
            }
            None => Some(message),
        }
    }

    /// The held messages that nobody waits for any more.
    pub(super) fn sweep_held(&self) -> Vec<Turn<A>> {
        match &mut *self.without_mailbox.borrow_mut() {
            Some(lost) => lost.messages.extract_if(.., |turn| A::is_cancelled(&turn.request)).collect(),
            None => Vec::new(),
        }
    }

    /// There will be no mailbox: what waits for it is refused.
    pub(super) fn refuse_held(&self) {
        let (messages, sealed) = match &mut *self.without_mailbox.borrow_mut() {
            Some(lost) => (std::mem::take(&mut lost.messages), std::mem::take(&mut lost.sealed)),
            None => return,
        };
        let error = || -> CallError { self.shared.stopped_error(false) };
        for turn in messages {
            let refused = guard(|| A::refuse(turn.request, error()));
            let_go(&self.shared, refused);
        }
        sealed.into_iter().for_each(|message| message.refuse(error()));
    }
}
