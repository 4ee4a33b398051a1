//! All desks of one agent, and the alarm that gives up what nobody has spoken in for its time-out.
//!
//! Always true: time-outs run on the container's clock, while the agent runs. Neighbours: [`desk`](super::desk) holds
//! the dialogues of one protocol, the agent's [`life`](crate::life) polls the alarm.

use std::any::{Any, TypeId};
use std::rc::Rc;
use std::sync::Arc;
use std::task::Context;
use std::time::Duration;

use folkmoot_protocols::typed::Conversed;

use super::incoming::Sealed;
use super::{Desk, DialogueStore, Keeping, Limits};
use crate::clock::{Clock, Sleep};
use crate::interface::LocalFuture;
use crate::mail::MailedMessage;
use crate::timestamp::Timestamp;

/// How often the alarm goes off in one poll before the agent yields.
const ALARMS_PER_POLL: u32 = 16;

/// A desk behind its protocol.
pub(super) trait AnyDesk: Any {
    /// When there may be something to give up.
    fn next_deadline(&self) -> Option<Duration>;
    /// Gives all up, and tells the other sides why.
    fn end_life(&self, reason: &str);
    /// How many have ended of which the agent has not been told.
    fn untold_ends(&self) -> usize;
    /// No message waits for its handler's turn any more.
    fn nothing_is_queued(&self);
    /// Gives up what is due.
    fn expire(&self, now: Duration);
    /// Has the store forget what was given up.
    fn poll_forgetting(&self, cx: &mut Context<'_>);
    /// The protocol's id.
    fn protocol(&self) -> &'static str;
    /// Takes a message in that nobody handles. Gives what is to be done before it is, if anything is.
    fn take_in(self: Rc<Self>, message: Sealed) -> Option<LocalFuture<()>>;
    /// The same of one that came by mail. It is judged now, and kept when this is done.
    fn take_mailed(self: Rc<Self>, message: MailedMessage) -> LocalFuture<()>;
    /// The desk itself.
    fn into_any(self: Rc<Self>) -> Rc<dyn Any>;
}

/// The desks of an agent, one for each protocol that it speaks.
#[derive(Default)]
pub(crate) struct Desks {
    pub(super) keeping: Option<Rc<Keeping>>,
    limits: Option<Limits>,
    all: Vec<(TypeId, Rc<dyn AnyDesk>)>,
    alarm: Option<(Duration, Sleep)>,
}

impl Desks {
    /// Those of an agent whose dialogues outlive it, or that have bounds of their own; `None` where neither is so.
    pub(crate) fn of(keeping: Option<Keeping>, limits: Option<Limits>) -> Option<Desks> {
        let is_usual = keeping.is_none() && limits.is_none();
        (!is_usual).then(|| Desks { keeping: keeping.map(Rc::new), limits, ..Desks::default() })
    }

    /// How much the dialogues may take, where that was told.
    pub(crate) fn limits(&self) -> Option<Limits> {
        self.limits.clone()
    }

    /// Where the dialogues are kept, if they are.
    pub(crate) fn store(&self) -> Option<&Arc<dyn DialogueStore>> {
        self.keeping.as_ref().map(|keeping| &keeping.store)
    }

    /// The desk of a protocol, or the one that is made now.
    pub(crate) fn find_or_add<P: Conversed>(
        &mut self,
        make: impl FnOnce(Option<Rc<Keeping>>, Option<Limits>) -> Desk<P>,
    ) -> Rc<Desk<P>> {
        let id = TypeId::of::<P>();
        let found = self.all.iter().find(|(known, _)| *known == id).map(|(_, desk)| desk.clone().into_any());
        if let Some(desk) = found.and_then(|desk| desk.downcast().ok()) {
            return desk;
        }
        let desk = Rc::new(make(self.keeping.clone(), self.limits.clone()));
        self.all.push((id, desk.clone()));
        desk
    }

    /// Takes a message in that nobody handles.
    ///
    /// # Errors
    /// It is of a protocol in which there are no dialogues any more.
    pub(crate) fn take_in(&self, message: Box<Sealed>) -> Result<Option<LocalFuture<()>>, Box<Sealed>> {
        match self.all.iter().find(|(_, desk)| desk.protocol() == message.protocol) {
            Some((_, desk)) => Ok(desk.clone().take_in(*message)),
            None => Err(message),
        }
    }

    /// Takes a message in that came by mail and that nobody handles.
    ///
    /// # Errors
    /// It is of a protocol in which there are no dialogues any more.
    pub(crate) fn take_mailed(&self, message: MailedMessage) -> Result<LocalFuture<()>, MailedMessage> {
        match self.all.iter().find(|(_, desk)| *desk.protocol() == *message.delivery().kind) {
            Some((_, desk)) => Ok(desk.clone().take_mailed(message)),
            None => Err(message),
        }
    }

    /// Whether dialogues in a protocol were kept that nobody has taken back.
    pub(crate) fn keep_untaken(&self, protocol: &str) -> bool {
        self.keeping.as_ref().is_some_and(|keeping| keeping.has(protocol))
    }

    /// Whether there are dialogues that ended of which the agent has not been told.
    pub(crate) fn have_ends(&self) -> bool {
        self.all.iter().any(|(_, desk)| desk.untold_ends() > 0)
    }

    /// How many those are.
    pub(crate) fn untold_ends(&self) -> usize {
        self.all.iter().map(|(_, desk)| desk.untold_ends()).sum()
    }

    /// No message waits for its handler's turn any more.
    pub(crate) fn nothing_is_queued(&self) {
        self.all.iter().for_each(|(_, desk)| desk.nothing_is_queued());
    }

    /// Gives up the dialogues with the agent's life, but for those that outlive it.
    pub(crate) fn end_life(&self, reason: &str) {
        if self.keeping.is_none() {
            self.all.iter().for_each(|(_, desk)| desk.end_life(reason));
        }
    }

    /// Gives up what is due, and sets the alarm anew. Says whether there is more to do at once.
    pub(crate) fn poll(&mut self, clock: &dyn Clock, cx: &mut Context<'_>) -> bool {
        self.all.iter().for_each(|(_, desk)| desk.poll_forgetting(cx));
        for _ in 0..ALARMS_PER_POLL {
            let Some(due) = self.all.iter().filter_map(|(_, desk)| desk.next_deadline()).min() else {
                self.alarm = None;
                return false;
            };
            if self.alarm.as_ref().is_none_or(|(set, _)| *set != due) {
                self.alarm = Some((due, clock.sleep_until(Timestamp(due))));
            }
            if let Some((_, sleep)) = &mut self.alarm
                && sleep.as_mut().poll(cx).is_pending()
            {
                return false;
            }
            self.alarm = None;
            let now = clock.now().0;
            for (_, desk) in &self.all {
                desk.expire(now);
                desk.poll_forgetting(cx);
            }
        }
        true
    }
}
