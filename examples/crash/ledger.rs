//! What the lives of an exchange have told, and whether it is what an exchange promises.
//!
//! Always true: the ledger lies outside of what it judges. Neighbour: [`life`](super::life) writes the lines.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt;

use super::Result;
use super::life::{MAILBOXES, SENDERS};

/// Faults that are told.
const TOLD_FAULTS: usize = 20;

/// A mail: who sent it, and the how manieth of theirs it is.
type Mail = (u64, u64);

#[derive(Default)]
pub(crate) struct Ledger {
    /// The mailbox and the position of what was accepted.
    accepted: HashMap<Mail, (u64, u64)>,
    /// Accepted, and no acknowledgement has begun: by mailbox and position.
    waiting: BTreeMap<u64, BTreeMap<u64, Mail>>,
    /// What was ever taken, by mailbox and position.
    taken: HashMap<(u64, u64), Mail>,
    /// Acknowledgements that began, and those that were told to be done.
    begun: HashSet<Mail>,
    done: HashSet<Mail>,
    next: [u64; SENDERS],
    redelivered: u64,
    lives: u64,
    /// Positions that were taken in this life.
    taken_now: BTreeMap<u64, BTreeSet<u64>>,
    faults: Vec<String>,
}

impl Ledger {
    /// What each sender sends next: what it does not know to be accepted, again.
    pub(crate) fn next(&self) -> [u64; SENDERS] {
        self.next
    }

    pub(crate) fn accepted(&self) -> usize {
        self.accepted.len()
    }

    pub(crate) fn begin_life(&mut self) {
        self.lives += 1;
        self.taken_now.clear();
    }

    fn fault(&mut self, what: String) {
        self.faults.push(format!("life {}: {what}", self.lives));
    }

    /// Enters a line: a word, the sender, the number, the mailbox, the position.
    pub(crate) fn enter(&mut self, line: &str) -> Result<()> {
        let mut words = line.split(' ');
        let word = words.next().unwrap_or_default();
        let numbers: Vec<u64> = words.map(str::parse).collect::<std::result::Result<_, _>>()?;
        let [sender, number, mailbox, position] = numbers[..] else {
            return Err(format!("a life said {line:?}").into());
        };
        let mail = (sender, number);
        match word {
            "accepted" => self.is_accepted(mail, mailbox, position),
            "took" => self.is_taken(mail, mailbox, position),
            "acknowledges" => {
                self.begun.insert(mail);
                self.waiting.entry(mailbox).or_default().remove(&position);
            }
            "acknowledged" => drop(self.done.insert(mail)),
            _ => return Err(format!("a life said {line:?}").into()),
        }
        Ok(())
    }

    fn is_accepted(&mut self, mail: Mail, mailbox: u64, position: u64) {
        if let Some(next) = usize::try_from(mail.0).ok().and_then(|sender| self.next.get_mut(sender)) {
            *next = (*next).max(mail.1 + 1);
        }
        if let Some(before) = self.accepted.insert(mail, (mailbox, position))
            && before != (mailbox, position)
        {
            self.fault(format!("mail {mail:?} was accepted twice: {before:?} and {:?}", (mailbox, position)));
        }
        if let Some(other) = self.taken.get(&(mailbox, position)).copied().filter(|other| *other != mail) {
            self.fault(format!(
                "position {position} of mailbox {mailbox} was given to {mail:?} and {other:?}"
            ));
        }
        if !self.begun.contains(&mail) {
            self.waiting.entry(mailbox).or_default().insert(position, mail);
        }
    }

    fn is_taken(&mut self, mail: Mail, mailbox: u64, position: u64) {
        if self.done.contains(&mail) {
            self.fault(format!("mail {mail:?} was delivered after it was acknowledged"));
        }
        if let Some(before) = self.taken.insert((mailbox, position), mail) {
            self.redelivered += 1;
            if before != mail {
                self.fault(format!("position {position} of mailbox {mailbox} is {before:?}, then {mail:?}"));
            }
        }
        if self.accepted.get(&mail).is_some_and(|at| *at != (mailbox, position)) {
            self.fault(format!("mail {mail:?} lies at two places"));
        }
        let taken_now = self.taken_now.entry(mailbox).or_default();
        if taken_now.last().is_some_and(|last| *last >= position) {
            let last = taken_now.last().copied();
            self.fault(format!("mailbox {mailbox} delivered {position} after {last:?}: out of order"));
        }
        let taken_now = self.taken_now.entry(mailbox).or_default();
        taken_now.insert(position);
        let passed_over = self.waiting.entry(mailbox).or_default().range(..position);
        let passed_over = passed_over.map(|(position, _)| *position).find(|at| !taken_now.contains(at));
        if let Some(passed_over) = passed_over {
            self.fault(format!("mailbox {mailbox} delivered {position} and passed over {passed_over}"));
        }
    }

    /// What is wrong, once the last life has received all.
    pub(crate) fn faults(&self) -> Vec<String> {
        let lost = self.waiting.values().flat_map(BTreeMap::values);
        let lost = lost.map(|mail| format!("mail {mail:?} was accepted, and is lost"));
        self.faults.iter().cloned().chain(lost).take(TOLD_FAULTS).collect()
    }
}

impl fmt::Display for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (accepted, done) = (self.accepted.len(), self.done.len());
        let waiting: usize = self.waiting.values().map(BTreeMap::len).sum();
        write!(
            f,
            "{accepted} mails accepted from {SENDERS} senders in {MAILBOXES} mailboxes, {done} acknowledged, {} delivered again, \
             {waiting} waiting, {} faults",
            self.redelivered,
            self.faults.len()
        )
    }
}
