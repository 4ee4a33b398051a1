//! Whose a mailbox is, in memory: with which groups it is shared, and who holds its lease.
//!
//! Always true: an epoch is given once. Neighbour: [`ledger`](super::ledger) has the other operations.

use std::sync::Arc;
use std::time::Duration;

use crate::asker::Asker;
use crate::error::ExchangeError;
use crate::limits::MAX_GROUPS;
use crate::mailbox::Lease;
use crate::mailbox_id::MailboxId;
use crate::moment::Moment;

use super::ledger::Ledger;
use super::mailbox::Mailbox;

type Outcome<T> = Result<T, ExchangeError>;

impl Ledger {
    /// The mailbox, where it lives and the asker owns it.
    fn owned(&mut self, asker: &Asker, id: MailboxId) -> Outcome<&mut Mailbox> {
        let mailbox = self.mailbox(asker, id)?;
        match mailbox.ownership.is_owner(asker) {
            true => Ok(mailbox),
            false => Err(ExchangeError::NotOwner { mailbox: id }),
        }
    }

    pub(super) fn share(&mut self, _: Moment, asker: &Asker, id: MailboxId, group: Arc<str>) -> Outcome<()> {
        let groups = &mut self.owned(asker, id)?.ownership.groups;
        if !asker.is_in(&group) {
            return Err(ExchangeError::NotInGroup { group });
        }
        if groups.contains(&group) {
            return Ok(());
        }
        if groups.len() >= MAX_GROUPS {
            return Err(ExchangeError::Full {
                what: "groups that it is shared with",
                whose: format!("mailbox {id}"),
                limit: MAX_GROUPS as u64,
                advice: "take it back from one",
            });
        }
        groups.push(group);
        Ok(())
    }

    pub(super) fn unshare(
        &mut self,
        _: Moment,
        asker: &Asker,
        id: MailboxId,
        group: Arc<str>,
    ) -> Outcome<bool> {
        let groups = &mut self.owned(asker, id)?.ownership.groups;
        let before = groups.len();
        groups.retain(|shared| *shared != group);
        Ok(groups.len() < before)
    }

    pub(super) fn shares(&mut self, _: Moment, asker: &Asker, id: MailboxId) -> Outcome<Vec<Arc<str>>> {
        Ok(self.owned(asker, id)?.ownership.groups.clone())
    }

    pub(super) fn take_lease(
        &mut self,
        now: Moment,
        id: MailboxId,
        holder: Arc<str>,
        time: Duration,
    ) -> Outcome<Lease> {
        let lease = self.with(now, &Asker::Container, id, |mailbox, setting| {
            if mailbox.owner.as_ref().is_some_and(|(other, until)| *other != holder && *until > now) {
                mailbox.check_epoch(None, now)?;
            }
            mailbox.epoch += 1;
            mailbox.owner = Some((holder.clone(), now + time));
            mailbox.queue_mut().take_back(now, setting);
            Ok(mailbox.lease(holder, now + time))
        })?;
        self.ground.waiting().wake_all(id);
        Ok(lease)
    }

    pub(super) fn renew_lease(
        &mut self,
        now: Moment,
        id: MailboxId,
        epoch: u64,
        time: Duration,
    ) -> Outcome<Lease> {
        let mailbox = self.mailbox(&Asker::Container, id)?;
        mailbox.check_epoch(Some(epoch), now)?;
        let Some((holder, until)) = &mut mailbox.owner else {
            return Err(ExchangeError::NotTheOwner { mailbox: id, epoch });
        };
        *until = now + time;
        let holder = holder.clone();
        Ok(mailbox.lease(holder, now + time))
    }

    pub(super) fn give_up_lease(&mut self, now: Moment, id: MailboxId, epoch: u64) -> Outcome<()> {
        self.with(now, &Asker::Container, id, |mailbox, setting| {
            mailbox.check_epoch(Some(epoch), now)?;
            mailbox.owner = None;
            mailbox.queue_mut().take_back(now, setting);
            Ok(())
        })?;
        self.ground.waiting().wake_all(id);
        Ok(())
    }
}
