//! An exchange as simple as can be: lists that are searched from end to end, and time that goes on second by second.

use std::time::Duration;

use folkmoot_codecs::{Codec, Value};
use folkmoot_exchange::mail::{DEAD_LETTER, MAILBOX_TERMINATED};
use folkmoot_exchange::{
    Again, DeathCause, ExchangeLimits, Mail, MailId, MailboxId, MailboxStats, Moment, Standing, Tracking,
};

/// The name of an error, with that of its bound.
pub(crate) type Fault = String;

type Outcome = Result<Told, Fault>;

/// A mail that waits or is dead: its position, itself, its attempts, and what is said of it.
type Seen = (u64, Mail, u32, String);

/// All that can be seen of a mailbox that lives.
pub(crate) type Look = Option<(MailboxStats, Vec<Seen>, Vec<Seen>)>;

/// What an operation said.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Told {
    Nothing,
    Text(String),
    Numbers(Vec<u64>),
    Accepted(Vec<Option<(u64, bool)>>),
    Deliveries(Vec<(Mail, u32, Moment)>),
}

/// A delivery: of which mail, and the how manieth of all.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Claim {
    mailbox: u128,
    position: u64,
    number: u64,
    epoch: Option<u64>,
}

#[derive(Clone)]
struct Waiting {
    position: u64,
    mail: Mail,
    attempts: u32,
    standing: Standing,
    claim: u64,
}

#[derive(Clone)]
struct Dead {
    position: u64,
    mail: Mail,
    attempts: u32,
    cause: DeathCause,
    at: Moment,
}

#[derive(Clone)]
struct Pending {
    position: u64,
    from: MailboxId,
    tag: u128,
    expires_at: Option<Moment>,
}

/// A request that died: when, in which mailbox, its position, its mail, and what of it the notice says.
#[derive(Clone)]
struct Unheard {
    at: Moment,
    mailbox: u128,
    position: u64,
    mail: Mail,
    attempts: u32,
    cause: &'static str,
    reason: String,
}

#[derive(Clone, Default)]
struct Mailbox {
    number: u128,
    unheard: Vec<Unheard>,
    waiting: Vec<Waiting>,
    dead: Vec<Dead>,
    pending: Vec<Pending>,
    epoch: u64,
    owner: Option<(String, Moment)>,
    counted: MailboxStats,
}

#[derive(Clone)]
struct Came {
    at: Moment,
    to: u128,
    mail: Mail,
    position: u64,
}

#[derive(Clone)]
pub(crate) struct Simple {
    limits: ExchangeLimits,
    now: Moment,
    live: Vec<Mailbox>,
    terminated: Vec<u128>,
    came: Vec<Came>,
    states: Vec<(String, u64)>,
    claims: u64,
}

/// What a notice says.
fn notice(cause: &str, reason: &str, attempts: u32) -> bytes::Bytes {
    let text = |text: &str| Value::Text(text.to_owned());
    let said = Value::Map(vec![
        (text("cause"), text(cause)),
        (text("reason"), text(reason)),
        (text("attempts"), Value::Int(i64::from(attempts))),
    ]);
    let mut bytes = bytes::BytesMut::new();
    Codec::MsgPack.encode(&said, &mut bytes).unwrap();
    bytes.freeze()
}

fn err<T>(fault: &str) -> Result<T, Fault> {
    Err(fault.to_owned())
}

impl Simple {
    pub(crate) fn new(limits: ExchangeLimits, now: Moment) -> Simple {
        let (live, terminated, came, states) = Default::default();
        Simple { limits, now, live, terminated, came, states, claims: 0 }
    }

    pub(crate) fn pass(&mut self, seconds: u64) {
        for _ in 0..seconds {
            self.now = self.now + Duration::from_secs(1);
            self.come_due();
        }
    }

    /// Does what is due at this very second.
    fn come_due(&mut self) {
        let (now, limits) = (self.now, self.limits.mailbox);
        for mailbox in &mut self.live {
            for index in (0..mailbox.waiting.len()).rev() {
                let one = &mut mailbox.waiting[index];
                let was_in_hand = matches!(one.standing, Standing::InHand(_));
                match one.standing {
                    Standing::InHand(until) | Standing::Delayed(until) if until <= now => {
                        one.standing = Standing::Ready;
                    }
                    _ => {}
                }
                let is_in_hand = matches!(one.standing, Standing::InHand(_));
                if let Some(expiry) = one.mail.expires_at.filter(|expiry| *expiry <= now && !is_in_hand) {
                    mailbox.bury(index, DeathCause::Expired, expiry);
                } else if was_in_hand && !is_in_hand && one.attempts >= limits.attempts {
                    mailbox.bury(index, DeathCause::LeaseOver, now);
                }
            }
            mailbox.pending.retain(|pending| pending.expires_at.is_none_or(|expiry| expiry > now));
            mailbox.keep_letters(limits.dead_letters as usize);
        }
    }

    fn mailbox(&mut self, number: u128) -> Result<&mut Mailbox, Fault> {
        if self.terminated.contains(&number) {
            return err("MailboxTerminated");
        }
        let found = self.live.iter_mut().find(|mailbox| mailbox.number == number);
        found.ok_or_else(|| "NoSuchMailbox".to_owned())
    }

    pub(crate) fn epoch(&mut self, number: u128) -> u64 {
        self.mailbox(number).map_or(0, |mailbox| mailbox.epoch)
    }

    pub(crate) fn register(&mut self, number: u128) -> Outcome {
        let told = match self.mailbox(number) {
            Ok(_) => "Known",
            Err(fault) if fault == "MailboxTerminated" => "Terminated",
            Err(_) => {
                self.live.push(Mailbox { number, ..Mailbox::default() });
                "New"
            }
        };
        Ok(Told::Text(told.to_owned()))
    }

    pub(crate) fn terminate(&mut self, number: u128) -> Outcome {
        let Some(index) = self.live.iter().position(|mailbox| mailbox.number == number) else {
            return Ok(Told::Numbers(vec![0, 0]));
        };
        let gone = self.live.remove(index);
        self.terminated.push(number);
        if self.terminated.len() as u64 > self.limits.terminated_mailboxes {
            self.terminated.remove(0);
        }
        let mut answered = 0;
        for pending in gone.pending {
            let from = MailboxId::agent(number);
            let answer = Mail::new(MailId(pending.tag), MAILBOX_TERMINATED, "").from(from);
            if let Ok(requester) = self.mailbox(pending.from.uuid) {
                requester.put(answer.response(pending.tag, None));
                answered += 1;
            }
        }
        Ok(Told::Numbers(vec![answered, (gone.waiting.len() + gone.dead.len()) as u64]))
    }

    pub(crate) fn send(&mut self, to: u128, mail: Mail) -> Outcome {
        let before = self.clone();
        let sent = self.try_send(to, &mail);
        if sent.is_err() {
            *self = before;
        }
        match sent {
            Err(fault) => {
                if fault == "MailboxTerminated" || fault == "NoSuchMailbox" {
                    self.settle(to, &mail);
                }
                Err(fault)
            }
            Ok(accepted) => Ok(Told::Accepted(vec![Some(accepted)])),
        }
    }

    fn try_send(&mut self, to: u128, mail: &Mail) -> Result<(u64, bool), Fault> {
        let (limits, now) = (self.limits, self.now);
        self.mailbox(to)?;
        let newest = self.came.len().saturating_sub(limits.repeat_ids as usize);
        let same = |came: &&Came| {
            (came.to, came.mail.from, came.mail.id) == (to, mail.from, mail.id)
                && came.at + limits.repeat_time > now
        };
        if let Some(came) = self.came[newest..].iter().rev().find(same) {
            let is_same = came.mail.body == mail.body && came.mail.tracking == mail.tracking;
            return if is_same { Ok((came.position, true)) } else { err("IdUsed") };
        }
        if mail.expires_at.is_some_and(|expiry| expiry <= now) {
            return err("Expired");
        }
        self.settle(to, mail);
        let held = self.live.iter().map(Mailbox::held).sum::<u64>();
        let mailbox = self.mailbox(to)?;
        if mailbox.waiting.len() as u64 >= u64::from(limits.mailbox.messages) {
            return err("Full messages");
        }
        if let Tracking::Request { tag, .. } = mail.tracking {
            if mailbox.pending.len() as u64 >= u64::from(limits.mailbox.pending_requests) {
                return err("Full pending_requests");
            }
            let from = mail.from.unwrap();
            mailbox.pending.retain(|pending| (pending.from, pending.tag) != (from, tag));
            let position = mailbox.counted.accepted + 1;
            mailbox.pending.push(Pending { position, from, tag, expires_at: mail.expires_at });
            mailbox.counted.requests_in += 1;
        }
        if held + mail.size_bytes() > limits.bytes {
            return err("Full bytes");
        }
        mailbox.put(mail.clone());
        let position = mailbox.counted.accepted;
        if let (Tracking::Request { .. }, Some(from)) = (mail.tracking, mail.from)
            && let Ok(sender) = self.mailbox(from.uuid)
        {
            sender.counted.requests_out += 1;
        }
        self.came.push(Came { at: now, to, mail: mail.clone(), position });
        Ok((position, false))
    }

    /// A response settles the request.
    fn settle(&mut self, to: u128, mail: &Mail) {
        let Tracking::Response { tag, .. } = mail.tracking else { return };
        if let Ok(sender) = self.mailbox(mail.from.unwrap().uuid) {
            let before = sender.pending.len();
            sender.pending.retain(|pending| (pending.from.uuid, pending.tag) != (to, tag));
            sender.counted.answered += (before - sender.pending.len()) as u64;
        }
    }

    pub(crate) fn claim(
        &mut self,
        number: u128,
        max: usize,
        lease: Duration,
        epoch: Option<u64>,
    ) -> Result<(Told, Vec<Claim>), Fault> {
        let (now, limits) = (self.now, self.limits.mailbox);
        let mut claims = self.claims;
        let mailbox = self.mailbox(number)?;
        mailbox.check_epoch(epoch, now)?;
        let (mut told, mut given) = (Vec::new(), Vec::new());
        while told.len() < max && mailbox.in_hand() < limits.in_hand as usize {
            let ready = mailbox.waiting.iter_mut().filter(|one| one.standing == Standing::Ready);
            let Some(one) = ready.min_by_key(|one| (9 - one.mail.priority, one.position)) else { break };
            claims += 1;
            one.claim = claims;
            one.attempts += 1;
            one.standing = Standing::InHand(now + lease);
            told.push((one.mail.clone(), one.attempts, now + lease));
            given.push(Claim { mailbox: number, position: one.position, number: claims, epoch });
        }
        self.claims = claims;
        Ok((Told::Deliveries(told), given))
    }

    /// The mail of a delivery that is not over.
    fn in_hand(&mut self, claim: Claim) -> Result<(&mut Mailbox, usize), Fault> {
        let now = self.now;
        let mailbox = self.mailbox(claim.mailbox)?;
        if claim.epoch.is_some() {
            mailbox.check_epoch(claim.epoch, now)?;
        }
        let is_it = |one: &Waiting| {
            one.claim == claim.number
                && one.position == claim.position
                && matches!(one.standing, Standing::InHand(_))
        };
        let found = mailbox.waiting.iter().position(is_it);
        found.map_or_else(|| err("LeaseOver"), |index| Ok((mailbox, index)))
    }

    pub(crate) fn acknowledge(&mut self, claim: Claim) -> Outcome {
        let (mailbox, index) = self.in_hand(claim)?;
        mailbox.waiting.remove(index);
        mailbox.counted.acknowledged += 1;
        Ok(Told::Nothing)
    }

    pub(crate) fn refuse(&mut self, claim: Claim, again: Again) -> Outcome {
        let (now, limits) = (self.now, self.limits.mailbox);
        let (mailbox, index) = self.in_hand(claim)?;
        let one = &mut mailbox.waiting[index];
        one.standing = Standing::Ready;
        match again {
            Again::Untouched => one.attempts -= 1,
            Again::After(pause) if one.attempts < limits.attempts => {
                if !pause.is_zero() {
                    one.standing = Standing::Delayed(now + pause);
                }
            }
            _ => mailbox.bury(index, DeathCause::Refused("no".into()), now),
        }
        self.come_due();
        Ok(Told::Nothing)
    }

    pub(crate) fn extend(&mut self, claim: Claim, lease: Duration) -> Outcome {
        let until = self.now + lease;
        let (mailbox, index) = self.in_hand(claim)?;
        mailbox.waiting[index].standing = Standing::InHand(until);
        Ok(Told::Nothing)
    }

    /// Tells the senders of requests that died in a mailbox, in the order of their deaths; then those of requests that
    /// died in the mailboxes of whom that told, for who is told something is brought to the present, and so on.
    pub(crate) fn tell_of_deaths(&mut self, number: u128) {
        let mut looked_at = vec![number];
        while !looked_at.is_empty() {
            let mut died = Vec::new();
            for number in looked_at {
                self.mailbox(number).into_iter().for_each(|found| died.append(&mut found.unheard));
            }
            died.sort_by_key(|one| (one.at, one.mailbox, one.position));
            looked_at = died.into_iter().filter_map(|unheard| self.tell_of_death(unheard)).collect();
        }
    }

    /// Tells of one death; whom.
    fn tell_of_death(&mut self, unheard: Unheard) -> Option<u128> {
        let Unheard { at, mailbox, mail, attempts, cause, reason, .. } = unheard;
        let (Tracking::Request { tag, .. }, Some(from)) = (mail.tracking, mail.from) else { return None };
        let was_pending = self.mailbox(mailbox).is_ok_and(|found| {
            let pending = found.pending.len();
            found.pending.retain(|one| (one.from, one.tag) != (from, tag));
            found.pending.len() < pending
        });
        let is_unsure = mail.expires_at.is_some_and(|expiry| expiry <= at);
        if !was_pending && !is_unsure {
            return None;
        }
        let notice = Mail {
            codec: Some(Codec::MsgPack),
            ..Mail::new(MailId(tag), DEAD_LETTER, notice(cause, &reason, attempts))
                .from(MailboxId::agent(mailbox))
                .response(tag, None)
                .priority(9)
        };
        let limit = self.limits.mailbox.messages as usize;
        let requester = self.mailbox(from.uuid).ok()?;
        if requester.waiting.len() < limit {
            requester.put(notice);
        }
        Some(from.uuid)
    }

    pub(crate) fn requeue(&mut self, number: u128, positions: &[u64]) -> Outcome {
        let limit = self.limits.mailbox.messages as usize;
        let mailbox = self.mailbox(number)?;
        let is_meant = |one: &Dead| positions.contains(&one.position);
        let count = mailbox.dead.iter().filter(|one| is_meant(one)).count();
        if mailbox.waiting.len() + count > limit {
            return err("Full messages");
        }
        for one in mailbox.dead.clone().into_iter().filter(is_meant) {
            mailbox.put(Mail { expires_at: None, ..one.mail });
        }
        mailbox.dead.retain(|one| !is_meant(one));
        Ok(Told::Numbers(vec![count as u64]))
    }

    pub(crate) fn purge(&mut self, number: u128, dead: bool) -> Outcome {
        let now = self.now;
        let mailbox = self.mailbox(number)?;
        let before = mailbox.waiting.len() + mailbox.dead.len();
        match dead {
            true => mailbox.dead.clear(),
            false => mailbox.purge(now),
        }
        Ok(Told::Numbers(vec![(before - mailbox.waiting.len() - mailbox.dead.len()) as u64]))
    }

    pub(crate) fn take_lease(&mut self, number: u128, holder: &str, time: Duration) -> Outcome {
        let now = self.now;
        let mailbox = self.mailbox(number)?;
        if mailbox.owner.as_ref().is_some_and(|(other, until)| other != holder && *until > now) {
            return err("Owned");
        }
        mailbox.epoch += 1;
        mailbox.owner = Some((holder.to_owned(), now + time));
        let epoch = mailbox.epoch;
        self.take_back(number);
        Ok(Told::Numbers(vec![epoch]))
    }

    pub(crate) fn renew_lease(&mut self, number: u128, epoch: u64, time: Duration) -> Outcome {
        let now = self.now;
        let mailbox = self.mailbox(number)?;
        mailbox.check_epoch(Some(epoch), now)?;
        mailbox.owner.as_mut().unwrap().1 = now + time;
        Ok(Told::Nothing)
    }

    pub(crate) fn give_up_lease(&mut self, number: u128, epoch: u64) -> Outcome {
        let now = self.now;
        let mailbox = self.mailbox(number)?;
        mailbox.check_epoch(Some(epoch), now)?;
        mailbox.owner = None;
        self.take_back(number);
        Ok(Told::Nothing)
    }

    /// Every lease of a delivery ends now.
    fn take_back(&mut self, number: u128) {
        let now = self.now;
        let Ok(mailbox) = self.mailbox(number) else { return };
        for one in &mut mailbox.waiting {
            if matches!(one.standing, Standing::InHand(_)) {
                one.standing = Standing::InHand(now);
            }
        }
        self.come_due();
    }

    pub(crate) fn commit(
        &mut self,
        claims: &[Claim],
        put: Option<(String, u64)>,
        mails: &[(u128, Mail)],
    ) -> Outcome {
        let before = self.clone();
        let done = self.try_commit(claims, put, mails);
        if done.is_err() {
            *self = before;
        }
        done.map(Told::Accepted)
    }

    fn try_commit(
        &mut self,
        claims: &[Claim],
        put: Option<(String, u64)>,
        mails: &[(u128, Mail)],
    ) -> Result<Vec<Option<(u64, bool)>>, Fault> {
        for (index, claim) in claims.iter().enumerate() {
            let same = |other: &Claim| (other.mailbox, other.position) == (claim.mailbox, claim.position);
            if claims[..index].iter().any(same) {
                return err("Invalid");
            }
        }
        for claim in claims {
            self.acknowledge(*claim)?;
        }
        if let Some((key, expected)) = put {
            let found = self.states.iter().position(|(known, _)| *known == key);
            if found.map_or(0, |index| self.states[index].1) != expected {
                return err("Revision");
            }
            match found {
                Some(index) => self.states[index].1 += 1,
                None if self.states.len() as u64 >= self.limits.states => return err("Full states"),
                None => self.states.push((key, 1)),
            }
        }
        let mut accepted = Vec::new();
        for (to, mail) in mails {
            let is_response = matches!(mail.tracking, Tracking::Response { .. });
            accepted.push(match self.try_send(*to, mail) {
                Ok(one) => Some(one),
                Err(fault) if is_response && (fault == "MailboxTerminated" || fault == "NoSuchMailbox") => {
                    self.settle(*to, mail);
                    None
                }
                Err(fault) => return Err(fault),
            });
        }
        Ok(accepted)
    }

    pub(crate) fn states(&self) -> Vec<(String, u64)> {
        let mut states = self.states.clone();
        states.sort();
        states
    }

    pub(crate) fn look(&mut self, number: u128) -> Look {
        let mailbox = self.mailbox(number).ok()?;
        let count =
            |is: fn(&Standing) -> bool| mailbox.waiting.iter().filter(|one| is(&one.standing)).count() as u64;
        let stats = MailboxStats {
            ready: count(|standing| *standing == Standing::Ready),
            in_hand: count(|standing| matches!(standing, Standing::InHand(_))),
            delayed: count(|standing| matches!(standing, Standing::Delayed(_))),
            bytes: mailbox.waiting.iter().map(|one| one.mail.size_bytes()).sum(),
            dead_letters: mailbox.dead.len() as u64,
            pending_requests: mailbox.pending.len() as u64,
            ..mailbox.counted
        };
        let waiting =
            |one: &Waiting| (one.position, one.mail.clone(), one.attempts, format!("{:?}", one.standing));
        let dead = |one: &Dead| {
            (one.position, one.mail.clone(), one.attempts, format!("{:?} at {}", one.cause, one.at))
        };
        Some((stats, mailbox.waiting.iter().map(waiting).collect(), mailbox.dead.iter().map(dead).collect()))
    }
}

impl Mailbox {
    fn put(&mut self, mail: Mail) {
        self.counted.accepted += 1;
        let position = self.counted.accepted;
        self.waiting.push(Waiting { position, mail, attempts: 0, standing: Standing::Ready, claim: 0 });
    }

    fn bury(&mut self, index: usize, cause: DeathCause, at: Moment) {
        let Waiting { position, mail, attempts, .. } = self.waiting.remove(index);
        let (word, reason) = match &cause {
            DeathCause::Expired => ("expired", cause.to_string()),
            DeathCause::LeaseOver => ("lease-over", cause.to_string()),
            DeathCause::Refused(reason) => ("refused", reason.to_string()),
        };
        let (mailbox, unheard) = (self.number, mail.clone());
        self.unheard.push(Unheard { at, mailbox, position, mail: unheard, attempts, cause: word, reason });
        self.dead.push(Dead { position, mail, attempts, cause, at });
        self.dead.sort_by_key(|one| one.position);
    }

    /// What nobody has in hand goes. Of requests that wait for an answer the senders are told.
    fn purge(&mut self, at: Moment) {
        let (kept, gone) = std::mem::take(&mut self.waiting)
            .into_iter()
            .partition(|one: &Waiting| matches!(one.standing, Standing::InHand(_)));
        self.waiting = kept;
        for Waiting { position, mail, attempts, .. } in gone {
            let key = (mail.from, mail.tracking);
            let waits = self.pending.iter().any(|one| {
                let tracking = Tracking::Request { tag: one.tag, label: None };
                one.position == position && key == (Some(one.from), tracking)
            });
            if waits {
                let (mailbox, reason) = (self.number, "it was purged before it was delivered".to_owned());
                self.unheard.push(Unheard { at, mailbox, position, mail, attempts, cause: "purged", reason });
            }
        }
    }

    /// The newest letters are kept.
    fn keep_letters(&mut self, count: usize) {
        let too_many = self.dead.len().saturating_sub(count);
        self.dead.drain(..too_many);
    }

    fn in_hand(&self) -> usize {
        self.waiting.iter().filter(|one| matches!(one.standing, Standing::InHand(_))).count()
    }

    fn held(&self) -> u64 {
        let waiting = self.waiting.iter().map(|one| one.mail.size_bytes()).sum::<u64>();
        waiting + self.dead.iter().map(|one| one.mail.size_bytes()).sum::<u64>()
    }

    fn check_epoch(&self, epoch: Option<u64>, now: Moment) -> Result<(), Fault> {
        let is_owned = self.owner.as_ref().is_some_and(|(_, until)| *until > now);
        match epoch {
            None if is_owned => err("Owned"),
            Some(epoch) if !is_owned || epoch != self.epoch => err("NotTheOwner"),
            _ => Ok(()),
        }
    }
}
