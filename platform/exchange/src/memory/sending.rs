//! Sending in memory: one mail, a whole step, and the answers for a mailbox that was terminated.
//!
//! Always true: what is sent is checked first, together with all that is sent in the same step, and put in place after.
//! Neighbour: [`ledger`](super::ledger) has the other operations.

use std::collections::{BTreeSet, HashMap};

use bytes::Bytes;
use folkmoot_codecs::Principal;

use crate::asker::Asker;
use crate::death_notice::Unheard;
use crate::error::ExchangeError;
use crate::limits::MailboxLimits;
use crate::mail::{EXCHANGE_ITSELF, MAILBOX_TERMINATED, Mail, MailId, Tracking, USUAL_PRIORITY};
use crate::mailbox_id::MailboxId;
use crate::moment::Moment;
use crate::posting::{Accepted, Posting};
use crate::step::{Committed, StatePut, Step};

use super::ledger::{Ledger, Slot};
use super::mailbox::Mailbox;
use super::queue::{Queue, RequestKey};
use super::repeats::{Came, SentAs};

type Outcome<T> = Result<T, ExchangeError>;

/// What a step has done so far, where it is not in place yet.
#[derive(Default)]
struct Draft {
    mailboxes: HashMap<MailboxId, Drafted>,
    /// What is sent: which of the step's mails it is, and its fingerprint.
    sent: HashMap<SentAs, (usize, u64)>,
    added_bytes: u64,
    freed_bytes: u64,
}

/// What a step has done to one mailbox so far.
#[derive(Default)]
struct Drafted {
    added: u64,
    added_bytes: u64,
    freed: u64,
    freed_bytes: u64,
    requested: BTreeSet<RequestKey>,
    answered: BTreeSet<RequestKey>,
}

impl Drafted {
    /// How many requests would wait for an answer.
    fn pending_len(&self, queue: &Queue) -> u64 {
        (queue.pending_len() + self.requested.len() as u64).saturating_sub(self.answered.len() as u64)
    }

    fn is_pending(&self, queue: &Queue, key: &RequestKey) -> bool {
        self.requested.contains(key) || (queue.is_pending(key) && !self.answered.contains(key))
    }

    fn request(&mut self, queue: &Queue, key: RequestKey) {
        if !self.is_pending(queue, &key) {
            self.requested.insert(key);
        }
    }

    fn answer(&mut self, queue: &Queue, key: RequestKey) {
        if self.is_pending(queue, &key) && !self.requested.remove(&key) {
            self.answered.insert(key);
        }
    }
}

/// What becomes of a mail.
enum Fate {
    New,
    Repeated(u64),
    /// The same mail stands earlier in the step.
    RepeatedInStep(usize),
}

/// Whether there is room for so much mail in a mailbox.
pub(super) fn check_room(id: MailboxId, limits: &MailboxLimits, messages: u64, bytes: u64) -> Outcome<()> {
    let advice = "send again when it has received some, or let it have more";
    let full = |what, limit| Err(ExchangeError::Full { what, whose: format!("mailbox {id}"), limit, advice });
    if messages > u64::from(limits.messages) {
        return full("messages", u64::from(limits.messages));
    }
    if bytes > limits.bytes {
        return full("bytes", limits.bytes);
    }
    Ok(())
}

fn sent_as(posting: &Posting) -> SentAs {
    (posting.to(), posting.mail().from, posting.mail().id)
}

/// The request that a mail answers, among those of its sender's mailbox.
fn answers(posting: &Posting) -> Option<(MailboxId, RequestKey)> {
    match (posting.mail().tracking, posting.mail().from) {
        (Tracking::Response { tag, .. }, Some(from)) => Some((from, (posting.to(), tag))),
        _ => None,
    }
}

/// Whether a mail answers someone who is not there any more.
fn is_to_nobody(posting: &Posting, error: &ExchangeError) -> bool {
    let is_gone =
        matches!(error, ExchangeError::MailboxTerminated { .. } | ExchangeError::NoSuchMailbox { .. });
    is_gone && answers(posting).is_some()
}

impl Ledger {
    pub(super) fn send(&mut self, now: Moment, posting: &Posting) -> Outcome<Accepted> {
        let fate = self.fate(now, posting, 0, &mut Draft::default());
        match fate {
            Ok(Fate::Repeated(position)) => Ok(Accepted { position, is_repeated: true }),
            Ok(Fate::New | Fate::RepeatedInStep(_)) => Ok(self.put_in_place(now, posting)),
            Err(error) => {
                if is_to_nobody(posting, &error) {
                    self.settle_request(posting);
                }
                Err(error)
            }
        }
    }

    pub(super) fn commit(&mut self, now: Moment, asker: &Asker, step: Step) -> Outcome<Committed> {
        if let Some(fence) = step.fence {
            self.mailbox(asker, fence.mailbox)?.check_epoch(Some(fence.epoch), now)?;
        }
        let mut draft = Draft::default();
        for receipt in &step.acknowledge {
            let bytes = self.check_delivery(now, asker, receipt)?;
            let drafted = draft.mailboxes.entry(receipt.mailbox).or_default();
            drafted.freed += 1;
            drafted.freed_bytes += bytes;
            draft.freed_bytes += bytes;
        }
        self.check_states(&step.states)?;
        let mut fates = Vec::with_capacity(step.send.len());
        for (index, posting) in step.send.iter().enumerate() {
            let posting = posting.message();
            fates.push(match self.fate(now, posting, index, &mut draft) {
                Ok(fate) => Some(fate),
                Err(error) if is_to_nobody(posting, &error) => None,
                Err(error) => return Err(error),
            });
        }
        // From here on nothing can be refused.
        for receipt in step.acknowledge {
            self.acknowledge(now, asker, receipt)?;
        }
        let revisions = step.states.into_iter().map(|put| self.put_state(put)).collect();
        let mut accepted: Vec<Option<Accepted>> = Vec::with_capacity(fates.len());
        for (fate, posting) in fates.into_iter().zip(&step.send) {
            let posting = posting.message();
            accepted.push(match fate {
                Some(Fate::New) => Some(self.put_in_place(now, posting)),
                Some(Fate::Repeated(position)) => Some(Accepted { position, is_repeated: true }),
                Some(Fate::RepeatedInStep(earlier)) => {
                    let earlier = accepted.get(earlier).copied().flatten();
                    earlier.map(|accepted| Accepted { is_repeated: true, ..accepted })
                }
                None => {
                    self.settle_request(posting);
                    None
                }
            });
        }
        Ok(Committed { revisions, accepted })
    }

    /// What would become of a mail after all that is drafted; it is drafted then, too.
    fn fate(&mut self, now: Moment, posting: &Posting, index: usize, draft: &mut Draft) -> Outcome<Fate> {
        let (to, mail) = (posting.to(), posting.mail());
        let limits = self.check_address(now, posting)?;
        let bounds = *self.bounds();
        let held_bytes = self.bytes;
        let fingerprint = mail.fingerprint();
        let known = self.repeats.look_up(&sent_as(posting), now, draft.sent.len() as u64, &bounds);
        match (known, draft.sent.get(&sent_as(posting))) {
            (Some(came), _) if came.fingerprint == fingerprint => return Ok(Fate::Repeated(came.position)),
            (None, Some((at, print))) if *print == fingerprint => return Ok(Fate::RepeatedInStep(*at)),
            (None, None) => {}
            _ => return Err(ExchangeError::IdUsed { mailbox: to }),
        }
        if let Some(reason) = posting.refusal()
            && !self.is_awaited(posting, draft)
        {
            return Err(ExchangeError::Denied { reason: reason.to_string() });
        }
        if mail.expires_at.is_some_and(|expiry| expiry <= now) {
            return Err(ExchangeError::Expired { mailbox: to });
        }
        let size = mail.size_bytes();
        let queue = self.mailbox(posting.asker(), to)?.queue_mut();
        let drafted = draft.mailboxes.entry(to).or_default();
        let messages = queue.len() + drafted.added + 1 - drafted.freed;
        let bytes = queue.bytes() + drafted.added_bytes + size - drafted.freed_bytes;
        check_room(to, &limits, messages, bytes)?;
        if let (Tracking::Request { tag, .. }, Some(from)) = (mail.tracking, mail.from) {
            check_pending(to, &limits, drafted.pending_len(queue) + 1)?;
            drafted.request(queue, (from, tag));
        }
        if held_bytes + draft.added_bytes + size > bounds.bytes + draft.freed_bytes {
            return Err(ExchangeError::Full {
                what: "bytes",
                whose: "the exchange".to_owned(),
                limit: bounds.bytes,
                advice: "receive some mail, or purge dead letters",
            });
        }
        drafted.added += 1;
        drafted.added_bytes += size;
        draft.added_bytes += size;
        draft.sent.insert(sent_as(posting), (index, fingerprint));
        if let Some((from, key)) = answers(posting)
            && let Some(queue) = self.live_mailbox(from).and_then(|mailbox| mailbox.queue())
        {
            draft.mailboxes.entry(from).or_default().answer(queue, key);
        }
        Ok(Fate::New)
    }

    /// Whether a mail answers a request that waits for it, after all that is drafted.
    fn is_awaited(&mut self, posting: &Posting, draft: &Draft) -> bool {
        let Some((from, key)) = answers(posting) else { return false };
        let Some(queue) = self.live_mailbox(from).and_then(|mailbox| mailbox.queue()) else { return false };
        match draft.mailboxes.get(&from) {
            Some(drafted) => drafted.is_pending(queue, &key),
            None => queue.is_pending(&key),
        }
    }

    /// Whether the asker may send there, under that name, and in the name of the sender's mailbox; the bounds of where it
    /// goes. The mail there is brought to the present.
    fn check_address(&mut self, now: Moment, posting: &Posting) -> Outcome<MailboxLimits> {
        let (to, asker) = (posting.to(), posting.asker());
        let limits = self.with(now, asker, to, |mailbox, setting| {
            match posting.name() {
                Some(judged) if mailbox.registration.name.as_ref() != Some(judged) => {
                    return Err(ExchangeError::WrongName { mailbox: to, judged: judged.clone() });
                }
                _ => {}
            }
            Ok(setting.limits)
        })?;
        let from = posting.mail().from.and_then(|from| self.slots.get(&from).map(|slot| (from, slot)));
        match from {
            Some((from, Slot::Live(mailbox))) if !mailbox.ownership.may_use(asker) => {
                Err(ExchangeError::Forbidden { mailbox: from })
            }
            Some((from, Slot::Terminated(ownership))) if !ownership.may_use(asker) => {
                Err(ExchangeError::Forbidden { mailbox: from })
            }
            _ => Ok(limits),
        }
    }

    /// Puts a mail where it was checked that it may go.
    fn put_in_place(&mut self, now: Moment, posting: &Posting) -> Accepted {
        let (to, mail) = (posting.to(), posting.mail());
        self.settle_request(posting);
        let mut position = 0;
        if let Some(mailbox) = self.live_mailbox(to) {
            mailbox.requests_in += u64::from(matches!(mail.tracking, Tracking::Request { .. }));
            let queue = mailbox.queue_mut();
            position = queue.push(mail.clone(), posting.by().clone(), now);
            queue.track(mail, position);
            let came = Came { fingerprint: mail.fingerprint(), position };
            self.repeats.remember(sent_as(posting), came, now, self.ground.bounds());
            self.bytes += mail.size_bytes();
        }
        if let (Tracking::Request { .. }, Some(from)) = (mail.tracking, mail.from)
            && let Some(sender) = self.live_mailbox(from)
        {
            sender.requests_out += 1;
        }
        self.ground.waiting().wake_one(to);
        Accepted { position, is_repeated: false }
    }

    /// A mail that answers a request settles it.
    fn settle_request(&mut self, posting: &Posting) {
        let Some((from, key)) = answers(posting) else { return };
        if let Some(mailbox) = self.live_mailbox(from) {
            let was_pending = mailbox.queue_mut().settle_request(&key);
            mailbox.answered += u64::from(was_pending);
        }
    }

    fn live_mailbox(&mut self, id: MailboxId) -> Option<&mut Mailbox> {
        match self.slots.get_mut(&id) {
            Some(Slot::Live(mailbox)) => Some(mailbox),
            _ => None,
        }
    }

    /// Tells the senders of the requests that died in this operation.
    pub(super) fn tell_of_deaths(&mut self, now: Moment) {
        while !self.unheard.is_empty() {
            let mut all = std::mem::take(&mut self.unheard);
            Unheard::in_order(&mut all);
            all.iter().for_each(|unheard| self.tell_of_death(now, unheard));
        }
    }

    fn tell_of_death(&mut self, now: Moment, unheard: &Unheard) {
        let key = (unheard.requester, unheard.tag);
        let dead_in = self.live_mailbox(unheard.mailbox);
        let was_pending = dead_in.is_some_and(|mailbox| mailbox.queue_mut().settle_request(&key));
        if !was_pending && !unheard.has_expired {
            return;
        }
        let notice = unheard.notice();
        // What is over there takes no room from it.
        let told = self.with(now, &Asker::Container, unheard.requester, |mailbox, setting| {
            let queue = mailbox.queue_mut();
            let bytes = queue.bytes() + notice.size_bytes();
            check_room(unheard.requester, &setting.limits, queue.len() + 1, bytes)?;
            queue.push(notice, Principal::node(EXCHANGE_ITSELF), now);
            Ok(())
        });
        match told {
            Ok(()) => {
                self.ground.told(unheard);
                self.ground.waiting().wake_one(unheard.requester);
            }
            Err(ExchangeError::Full { .. }) => self.ground.untold(unheard),
            // Nobody is there any more who could be told.
            Err(_) => {}
        }
    }

    /// Answers the requests to a mailbox that is over; how many. Requesters that are over, too, get none.
    pub(super) fn answer_for(&mut self, id: MailboxId, now: Moment, queue: Option<&Queue>) -> u64 {
        let mut answered = 0;
        for ((requester, tag), pending) in queue.map(Queue::pending).unwrap_or_default() {
            let Some(mailbox) = self.live_mailbox(requester) else { continue };
            let answer = Mail {
                id: MailId(tag),
                from: Some(id),
                kind: MAILBOX_TERMINATED.into(),
                tracking: Tracking::Response { tag, label: pending.label },
                priority: USUAL_PRIORITY,
                expires_at: None,
                codec: None,
                body: Bytes::new(),
            };
            let size = answer.size_bytes();
            // It goes beyond the requester's bounds, for it takes no more room than the request did.
            mailbox.queue_mut().push(answer, Principal::node(EXCHANGE_ITSELF), now);
            self.bytes += size;
            self.ground.waiting().wake_one(requester);
            answered += 1;
        }
        answered
    }

    fn check_states(&self, puts: &[StatePut]) -> Outcome<()> {
        let mut count = self.states.len() as u64;
        for put in puts {
            let found = self.states.get(&put.key).map_or(0, |(revision, _)| *revision);
            if found != put.expected {
                return Err(ExchangeError::Revision { key: put.key.clone(), expected: put.expected, found });
            }
            count += u64::from(found == 0 && put.bytes.is_some());
        }
        let limit = self.bounds().states;
        match count > limit {
            false => Ok(()),
            true => Err(ExchangeError::Full {
                what: "states",
                whose: "the exchange".to_owned(),
                limit,
                advice: "forget some that are not used any more",
            }),
        }
    }

    /// Writes a state that was checked; its revision.
    fn put_state(&mut self, put: StatePut) -> u64 {
        match put.bytes {
            None => {
                self.states.remove(&put.key);
                0
            }
            Some(bytes) => {
                let revision = put.expected + 1;
                self.states.insert(put.key, (revision, bytes));
                revision
            }
        }
    }
}

fn check_pending(id: MailboxId, limits: &MailboxLimits, pending: u64) -> Outcome<()> {
    let limit = u64::from(limits.pending_requests);
    match pending > limit {
        false => Ok(()),
        true => Err(ExchangeError::Full {
            what: "pending_requests",
            whose: format!("mailbox {id}"),
            limit,
            advice: "ask again when it has answered some, or let requests expire",
        }),
    }
}
