//! Mail in an agent's queue: a turn like any other, in the order in which it was received.
//!
//! Always true: a mail whose turn has not begun is nobody's yet, and goes back to the inbox where turns are refused.
//! Neighbour: [`mail`](crate::mail) has the inbox and the turn itself.

use std::rc::Rc;
use std::sync::Arc;
use std::task::Context as TaskContext;
use std::time::Duration;

use tokio::sync::oneshot;

use super::{Core, Waiting};
use crate::chain::Mode;
use crate::context::Scope;
use crate::dialogues::refuse_unspoken_mail;
use crate::interface::{Agent, LocalFuture};
use crate::mail::{Delivery, Failure, Inbox, MailTurn, News, OWN_KINDS, Outbox, Taking, Tracking};

/// A mail that waits for its turn.
pub(super) struct Queued {
    handler: usize,
    delivery: Delivery,
}

impl Queued {
    pub(super) fn mode<A: Agent>(&self) -> Mode {
        A::MAILS.get(self.handler).map_or(Mode::Exclusive, |info| info.mode)
    }
}

/// The handler of a kind.
fn handler_of<A: Agent>(kind: &str) -> Option<usize> {
    let of = |wanted: Option<&str>| A::MAILS.iter().position(|info| info.kind == wanted);
    of(Some(kind)).or_else(|| of(None))
}

/// What an agent's life learns of its mailbox.
pub(crate) enum MailboxNews {
    /// Nothing is new.
    Nothing,
    /// Mail was queued.
    Came,
    /// It is another's now; why.
    Lost(String),
}

impl<A: Agent> Core<A> {
    /// The agent's own mailbox, where it has one.
    pub(crate) fn inbox(&self) -> Option<Rc<Inbox>> {
        self.inbox.borrow().clone()
    }

    /// Looks at the mailbox, and queues what may begin.
    pub(crate) fn poll_mail(self: &Rc<Self>, taking: Taking, cx: &mut TaskContext<'_>) -> MailboxNews {
        let Some(inbox) = &self.inbox() else { return MailboxNews::Nothing };
        let waiting = self.queue.borrow().waiting.len();
        let news = inbox.poll(taking, &|kind| self.is_message(kind), cx);
        // A message that was kept meanwhile is on its way to its handler.
        let has_queued = self.queue.borrow().waiting.len() > waiting;
        match news {
            News::Mail { messages, mails } if messages.is_empty() && mails.is_empty() => match has_queued {
                true => MailboxNews::Came,
                false => MailboxNews::Nothing,
            },
            News::Mail { messages, mails } => {
                messages.into_iter().for_each(|message| self.accept_mailed(inbox, message));
                mails.into_iter().for_each(|delivery| self.accept_mail(inbox, delivery));
                MailboxNews::Came
            }
            News::Lost(cause) => MailboxNews::Lost(cause),
            News::Terminated => {
                tracing::warn!(agent = %self.shared.full_name(), "the agent's mailbox was terminated, and so it ends");
                let grace = Duration::from_millis(self.host.default_deadline_ms());
                // Not the agent's own wish: it is not started anew.
                self.request_stop(grace, Some(oneshot::channel().0));
                MailboxNews::Nothing
            }
        }
    }

    fn accept_mail(&self, inbox: &Rc<Inbox>, delivery: Delivery) {
        let is_answer = matches!(delivery.tracking, Tracking::Response { .. });
        match handler_of::<A>(&delivery.kind) {
            // What the exchange answers is no mail for a handler.
            Some(_) if is_answer && delivery.kind.starts_with(OWN_KINDS) => inbox.drop_answer(&delivery),
            Some(handler) => {
                let queued = Box::new(Queued { handler, delivery });
                self.queue.borrow_mut().waiting.push_back(Waiting::Mail(queued));
            }
            None if is_answer => inbox.drop_answer(&delivery),
            None => {
                let Some(delivery) = refuse_unspoken_mail(&self.shared, inbox, delivery) else { return };
                let reason = format!(
                    "agent \"{}\" has no handler for mail of kind \"{}\": write `#[on(\"{}\")]`, or `#[on]` for all others",
                    self.shared.name(),
                    delivery.kind,
                    delivery.kind
                );
                inbox.fail(delivery, Failure::Unhandled, reason);
            }
        }
    }

    pub(super) fn begin_mail(self: &Rc<Self>, queued: Queued) {
        let Queued { handler, delivery } = queued;
        let Some(inbox) = self.inbox() else { return };
        let Some(state) = self.state() else { return inbox.withdraw(std::iter::once(delivery)) };
        let mode = A::MAILS.get(handler).map_or(Mode::Exclusive, |info| info.mode);
        let origin = Arc::new(self.origin_of(&delivery));
        let outbox = Outbox::new();
        let mail = MailTurn::new(inbox.clone(), delivery, outbox.clone());
        let step = {
            let scope = Scope { core: self, origin: Some(&origin), outbox: Some(&outbox) };
            A::run_mail(handler, &state, mail, &scope)
        };
        self.take_step(step, mode, None);
    }

    /// Mail whose turn has not begun goes back to the inbox.
    pub(crate) fn withdraw_mail(&self) {
        let Some(inbox) = self.inbox() else { return };
        let mut queue = self.queue.borrow_mut();
        let mut mails = Vec::new();
        for waiting in std::mem::take(&mut queue.waiting) {
            match waiting {
                Waiting::Mail(queued) => mails.push(queued.delivery),
                other => queue.waiting.push_back(other),
            }
        }
        inbox.withdraw(mails.into_iter());
    }

    /// Whether every mail whose turn has begun is done with.
    pub(super) fn has_settled_mail(&self) -> bool {
        self.inbox.borrow().as_ref().is_none_or(|inbox| inbox.is_settled())
    }

    /// The life is over that awaited answers.
    pub(crate) fn end_requests(&self) {
        if let Some(inbox) = self.inbox() {
            inbox.end_life();
        }
    }

    /// Leaves the mailbox, for good; one that was lost is not its own to leave.
    pub(crate) fn leave_mailbox(&self) -> Option<LocalFuture<()>> {
        self.inbox().filter(|inbox| !inbox.is_lost()).map(|inbox| inbox.leave())
    }
}
