//! Sending: one mail, a whole step, and the answers for a mailbox that was terminated.
//!
//! Always true: one mail is checked before anything is written; of a step that is refused everything is taken back.
//! Neighbours: [`session`](super::session) has the other operations, [`sent`](super::sent) knows what was sent before.

use bytes::Bytes;
use folkmoot_codecs::Principal;
use folkmoot_gateway::Admitted;

use crate::asker::Asker;
use crate::death_notice::Unheard;
use crate::error::ExchangeError;
use crate::limits::MailboxLimits;
use crate::mail::{EXCHANGE_ITSELF, MAILBOX_TERMINATED, Mail, MailId, Tracking, USUAL_PRIORITY};
use crate::mailbox_id::MailboxId;
use crate::moment::Moment;
use crate::posting::{Accepted, Posting};
use crate::step::{Committed, StatePut, Step};

use super::attempts;
use super::desk::Word;
use super::mails::{self, Stored};
use super::queue;
use super::requests::{self, Pending};
use super::sent::{SentAs, SentMail};
use super::session::Session;
use super::slots::Slot;
use super::states;
use super::trouble::{Outcome, Trouble};

/// Whether there is room for so much mail in a mailbox.
pub(super) fn check_room(id: MailboxId, limits: &MailboxLimits, messages: u64, bytes: u64) -> Outcome<()> {
    let advice = "send again when it has received some, or let it have more";
    let full =
        |what, limit| Err(ExchangeError::Full { what, whose: format!("mailbox {id}"), limit, advice }.into());
    if messages > u64::from(limits.messages) {
        return full("messages", u64::from(limits.messages));
    }
    if bytes > limits.bytes {
        return full("bytes", limits.bytes);
    }
    Ok(())
}

/// Whose request of which tag a mail answers.
fn answers(posting: &Posting) -> Option<(MailboxId, u128)> {
    match (posting.mail().tracking, posting.mail().from) {
        (Tracking::Response { tag, .. }, Some(from)) => Some((from, tag)),
        _ => None,
    }
}

/// Whether a mail answers someone who is not there any more.
fn is_to_nobody(posting: &Posting, trouble: &Trouble) -> bool {
    let is_gone = matches!(
        trouble,
        Trouble::Refused(ExchangeError::MailboxTerminated { .. } | ExchangeError::NoSuchMailbox { .. })
    );
    is_gone && answers(posting).is_some()
}

impl Session {
    pub(super) fn send(&mut self, now: Moment, posting: &Posting) -> Outcome<Accepted> {
        let sent = self.try_send(now, posting);
        if let Err(trouble) = &sent
            && is_to_nobody(posting, trouble)
        {
            self.settle_request(posting)?;
        }
        sent
    }

    fn try_send(&mut self, now: Moment, posting: &Posting) -> Outcome<Accepted> {
        let (to, mail) = (posting.to(), posting.mail());
        let bounds = *self.desk.bounds();
        self.check_address(now, posting)?;
        let refusal = match posting.refusal() {
            Some(reason) if !self.is_awaited(posting)? => Some(reason),
            _ => None,
        };
        let live = self.slots.live(&self.desk, posting.asker(), to)?;
        let sent_as = SentAs::of(live.number, mail);
        let fingerprint = mail.fingerprint();
        match self.desk.sent.find(&self.desk.connection, &sent_as, now, &bounds)? {
            Some(SentMail { fingerprint: known, position, .. }) if known == fingerprint => {
                return Ok(Accepted { position, is_repeated: true });
            }
            Some(_) => return Err(ExchangeError::IdUsed { mailbox: to }.into()),
            None => {}
        }
        if let Some(reason) = refusal {
            return Err(ExchangeError::Denied { reason: reason.to_string() }.into());
        }
        if mail.expires_at.is_some_and(|expiry| expiry <= now) {
            return Err(ExchangeError::Expired { mailbox: to }.into());
        }
        let size = mail.size_bytes();
        check_room(to, &live.limits, live.tally().messages + 1, live.tally().bytes + size)?;
        if let Tracking::Request { .. } = mail.tracking {
            let limit = u64::from(live.limits.pending_requests);
            if live.tally().pending + 1 > limit {
                let full = ExchangeError::Full {
                    what: "pending_requests",
                    whose: format!("mailbox {to}"),
                    limit,
                    advice: "ask again when it has answered some, or let requests expire",
                };
                return Err(full.into());
            }
        }
        if self.desk.totals.bytes + size > bounds.bytes {
            let full = ExchangeError::Full {
                what: "bytes",
                whose: "the exchange".to_owned(),
                limit: bounds.bytes,
                advice: "receive some mail, or purge dead letters",
            };
            return Err(full.into());
        }
        // From here on nothing is refused.
        self.settle_request(posting)?;
        let live = self.slots.live(&self.desk, posting.asker(), to)?;
        let is_request = matches!(mail.tracking, Tracking::Request { .. });
        live.tally_mut(&mut self.desk).requests_in += u64::from(is_request);
        let stored = Stored {
            rank: mails::rank(mail.priority),
            position: 0,
            mail: mail.clone(),
            by: posting.by().clone(),
            accepted_at: now,
        };
        let position = queue::push(live, &mut self.desk, stored)?;
        requests::track(live, &mut self.desk, mail, position)?;
        self.desk.remember_sent(SentMail { sent_as, position, fingerprint, came_at: now });
        if let (true, Some(from)) = (is_request, mail.from)
            && let Some(sender) = self.slots.anyones(&self.desk, from)?
        {
            sender.tally_mut(&mut self.desk).requests_out += 1;
        }
        Ok(Accepted { position, is_repeated: false })
    }

    /// Whether the asker may send there, under that name, and in the name of the sender's mailbox. The mail there is
    /// brought to the present.
    fn check_address(&mut self, now: Moment, posting: &Posting) -> Outcome<()> {
        let (to, asker) = (posting.to(), posting.asker());
        self.settled_for(now, asker, to)?;
        let live = self.slots.live(&self.desk, asker, to)?;
        if let Some(judged) = posting.name()
            && live.registration.name.as_ref() != Some(judged)
        {
            return Err(ExchangeError::WrongName { mailbox: to, judged: judged.clone() }.into());
        }
        let Some(from) = posting.mail().from else { return Ok(()) };
        if *asker == Asker::Container {
            return Ok(());
        }
        let ownership = match self.slots.find(&self.desk, from)? {
            Some(Slot::Live(live)) => &live.ownership,
            Some(Slot::Terminated(ownership)) => ownership,
            None => return Ok(()),
        };
        match ownership.may_use(asker) {
            true => Ok(()),
            false => Err(ExchangeError::Forbidden { mailbox: from }.into()),
        }
    }

    /// Whether a mail answers a request that waits for it.
    fn is_awaited(&mut self, posting: &Posting) -> Outcome<bool> {
        let Some((from, tag)) = answers(posting) else { return Ok(false) };
        match self.slots.anyones(&self.desk, from)? {
            Some(responder) => requests::is_pending(responder, &self.desk, posting.to(), tag),
            None => Ok(false),
        }
    }

    /// A mail that answers a request settles it.
    fn settle_request(&mut self, posting: &Posting) -> Outcome<()> {
        let Some((from, tag)) = answers(posting) else { return Ok(()) };
        if let Some(responder) = self.slots.anyones(&self.desk, from)?
            && requests::settle_request(responder, &mut self.desk, posting.to(), tag)?
        {
            responder.tally_mut(&mut self.desk).answered += 1;
        }
        Ok(())
    }

    pub(super) fn commit(&mut self, now: Moment, asker: &Asker, step: &Step) -> Outcome<Committed> {
        let place = self.savepoint()?;
        let outcome = self.step(now, asker, step);
        self.end_savepoint(&place, outcome)
    }

    fn step(&mut self, now: Moment, asker: &Asker, step: &Step) -> Outcome<Committed> {
        if let Some(fence) = step.fence {
            self.check_fence(now, asker, fence.mailbox, fence.epoch)?;
        }
        for receipt in &step.acknowledge {
            self.acknowledge(now, asker, receipt)?;
        }
        let revisions = step.states.iter().map(|put| self.put_state(put)).collect::<Outcome<Vec<u64>>>()?;
        let limit = self.desk.bounds().states;
        if self.desk.totals.states > limit && step.states.iter().any(|put| put.expected == 0) {
            let full = ExchangeError::Full {
                what: "states",
                whose: "the exchange".to_owned(),
                limit,
                advice: "forget some that are not used any more",
            };
            return Err(full.into());
        }
        let accepted = step
            .send
            .iter()
            .map(Admitted::message)
            .map(|posting| match self.send(now, posting) {
                Ok(accepted) => Ok(Some(accepted)),
                Err(trouble) if is_to_nobody(posting, &trouble) => Ok(None),
                Err(trouble) => Err(trouble),
            })
            .collect::<Outcome<Vec<_>>>()?;
        Ok(Committed { revisions, accepted })
    }

    /// Writes a state; its revision.
    fn put_state(&mut self, put: &StatePut) -> Outcome<u64> {
        let found = states::revision(&self.desk.connection, &put.key)?;
        if found != put.expected {
            let revision = ExchangeError::Revision { key: put.key.clone(), expected: put.expected, found };
            return Err(revision.into());
        }
        let is_known = found > 0;
        match &put.bytes {
            None => {
                states::forget(&self.desk.connection, &put.key)?;
                self.desk.totals.states -= u64::from(is_known);
                Ok(0)
            }
            Some(bytes) => {
                states::write(&self.desk.connection, &put.key, found + 1, bytes)?;
                self.desk.totals.states += u64::from(!is_known);
                Ok(found + 1)
            }
        }
    }

    /// Tells the senders of the requests that died in this operation.
    pub(super) fn tell_of_deaths(&mut self, now: Moment) -> Outcome<()> {
        while !self.desk.unheard.is_empty() {
            let mut all = std::mem::take(&mut self.desk.unheard);
            Unheard::in_order(&mut all);
            all.into_iter().try_for_each(|unheard| self.tell_of_death(now, unheard))?;
        }
        Ok(())
    }

    fn tell_of_death(&mut self, now: Moment, unheard: Unheard) -> Outcome<()> {
        let was_pending = match self.slots.anyones(&self.desk, unheard.mailbox)? {
            Some(live) => requests::settle_request(live, &mut self.desk, unheard.requester, unheard.tag)?,
            None => false,
        };
        if !was_pending && !unheard.has_expired {
            return Ok(());
        }
        let mail = unheard.notice();
        // Where nobody is there any more, nobody is told.
        let Some(live) = self.slots.anyones(&self.desk, unheard.requester)? else { return Ok(()) };
        // What is over there takes no room from it.
        attempts::settle(live, &mut self.desk, now)?;
        let (messages, bytes) = (live.tally().messages + 1, live.tally().bytes + mail.size_bytes());
        if check_room(unheard.requester, &live.limits, messages, bytes).is_err() {
            self.desk.tell(Word::Untold(unheard));
            return Ok(());
        }
        let (by, rank) = (Principal::node(EXCHANGE_ITSELF), mails::rank(mail.priority));
        queue::push(live, &mut self.desk, Stored { rank, position: 0, mail, by, accepted_at: now })?;
        self.desk.tell(Word::Told(unheard));
        Ok(())
    }

    /// Answers the requests to a mailbox that is over; how many. Requesters that are over, too, get none.
    pub(super) fn answer_for(&mut self, id: MailboxId, now: Moment, pending: Vec<Pending>) -> Outcome<u64> {
        let mut answered = 0;
        for Pending { requester, tag, label, .. } in pending {
            let Some(live) = self.slots.anyones(&self.desk, requester)? else { continue };
            let mail = Mail {
                id: MailId(tag),
                from: Some(id),
                kind: MAILBOX_TERMINATED.into(),
                tracking: Tracking::Response { tag, label },
                priority: USUAL_PRIORITY,
                expires_at: None,
                codec: None,
                body: Bytes::new(),
            };
            let by = Principal::node(EXCHANGE_ITSELF);
            let rank = mails::rank(mail.priority);
            // It goes beyond the requester's bounds, for it takes no more room than the request did.
            queue::push(live, &mut self.desk, Stored { rank, position: 0, mail, by, accepted_at: now })?;
            answered += 1;
        }
        Ok(answered)
    }
}
