//! Why an exchange refuses, as sentences that say what to do.
//!
//! Always true: what was refused has changed nothing. Neighbours: front doors map these variants to their own codes.

use std::sync::Arc;

use crate::mailbox_id::MailboxId;
use crate::moment::Moment;

/// What an engine's own trouble is, such as an error of its files.
pub type Source = Arc<dyn std::error::Error + Send + Sync>;

/// Why an exchange refused.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExchangeError {
    /// No such mailbox is known.
    #[error("there is no mailbox {mailbox}; register it first")]
    NoSuchMailbox {
        /// The id that was asked for.
        mailbox: MailboxId,
    },
    /// The mailbox is over, for ever.
    #[error("mailbox {mailbox} was terminated; its id is not used again")]
    MailboxTerminated {
        /// Its id.
        mailbox: MailboxId,
    },
    /// The mailbox is neither the asker's nor shared with a group of theirs.
    #[error("mailbox {mailbox} is not yours; ask its owner to share it with a group that you are in")]
    Forbidden {
        /// Its id.
        mailbox: MailboxId,
    },
    /// Only the owner of a mailbox may do that.
    #[error("only the owner of mailbox {mailbox} says with whom it is shared")]
    NotOwner {
        /// Its id.
        mailbox: MailboxId,
    },
    /// A mailbox is shared only with groups that its owner is in.
    #[error("you are not in group {group:?}; a mailbox is shared only with groups that its owner is in")]
    NotInGroup {
        /// The group.
        group: Arc<str>,
    },
    /// Only the container itself may do that.
    #[error("{what} is for the container of the exchange alone")]
    ContainerOnly {
        /// What was asked for.
        what: &'static str,
    },
    /// A gate that the exchange does not know admitted the mail.
    #[error("the mail was admitted by another gate than that of the exchange; send it through its container")]
    WrongGate,
    /// The gate judged the mail by another name than that of the mailbox.
    #[error("mailbox {mailbox} is not named {judged:?}; find it again and send to its own name")]
    WrongName {
        /// Its id.
        mailbox: MailboxId,
        /// The name that the mail was judged by.
        judged: Arc<str>,
    },
    /// A bound is reached.
    #[error("{what} of {whose}: the limit of {limit} is reached; {advice}")]
    Full {
        /// Which bound, as it is named in the limits.
        what: &'static str,
        /// Whose, such as a mailbox.
        whose: String,
        /// The limit.
        limit: u64,
        /// What to do.
        advice: &'static str,
    },
    /// Something is larger than it may be.
    #[error("{what} is {size} bytes large, the limit is {limit}")]
    TooLarge {
        /// What.
        what: &'static str,
        /// Its size in bytes.
        size: u64,
        /// The limit in bytes.
        limit: u64,
    },
    /// The same sender sent another mail under that id.
    #[error("another mail was sent to {mailbox} under the id of this one; give each mail an id of its own")]
    IdUsed {
        /// Where it was sent.
        mailbox: MailboxId,
    },
    /// The mail is of no use any more, and had not been taken before.
    #[error("the time of the mail to {mailbox} is over; give it a later one, or none")]
    Expired {
        /// Where it was sent.
        mailbox: MailboxId,
    },
    /// The delivery is not the receiver's any more.
    #[error(
        "the delivery of mail {position} of {mailbox} is over: {reason}; what was done for it may be done again"
    )]
    LeaseOver {
        /// The mailbox.
        mailbox: MailboxId,
        /// The mail's number there.
        position: u64,
        /// Why.
        reason: &'static str,
    },
    /// Someone owns the mailbox now.
    #[error(
        "mailbox {mailbox} is owned by {holder:?} until {until}; receive as its owner, or when that is over"
    )]
    Owned {
        /// The mailbox.
        mailbox: MailboxId,
        /// Who holds the lease.
        holder: Arc<str>,
        /// Until when, unless it is renewed.
        until: Moment,
    },
    /// The asker's lease of the mailbox is over.
    #[error("epoch {epoch} of mailbox {mailbox} is over; take the lease again and begin with what is stored")]
    NotTheOwner {
        /// The mailbox.
        mailbox: MailboxId,
        /// The epoch that was claimed.
        epoch: u64,
    },
    /// A state is not at the revision that it was expected to have.
    #[error("state {key:?} is at revision {found}, not {expected}; read it again")]
    Revision {
        /// Its key.
        key: Arc<str>,
        /// The revision that was expected.
        expected: u64,
        /// Its revision; 0 where there is none.
        found: u64,
    },
    /// Something that was given cannot be.
    #[error("{fault}")]
    Invalid {
        /// What, and what to do.
        fault: String,
    },
    /// A container was given no exchange.
    #[error("the container has no exchange; give its builder one, such as `.exchange(\"memory:\")`")]
    None,
    /// No engine is known by that line.
    #[error("{line:?} names no exchange: {fault}")]
    Line {
        /// The line.
        line: String,
        /// What is wrong with it, and what to write.
        fault: String,
    },
    /// The exchange was closed.
    #[error("the exchange is closed")]
    Closed,
    /// The exchange is another node's, and the gate there refused.
    #[error("the gate of the exchange's node refused: {reason}")]
    Denied {
        /// Why, as it says.
        reason: String,
    },
    /// The exchange is another node's, and was not reached, or has none to offer.
    #[error("the exchange of {at} cannot be used: {cause}")]
    Unavailable {
        /// Where it was sought.
        at: String,
        /// Why.
        cause: String,
        /// Whether the operation may have been carried out nevertheless.
        may_have_run: bool,
    },
    /// There is no room on the disk.
    #[error(
        "there is no room on the disk of the exchange; make some. Mail can be received and acknowledged meanwhile"
    )]
    DiskFull,
    /// What is stored is damaged.
    #[error("what the exchange has stored is damaged: {what}")]
    Damaged {
        /// Where, and what to do.
        what: String,
    },
    /// The engine failed.
    #[error("the exchange failed: {what}")]
    Failed {
        /// At what.
        what: String,
        /// The cause.
        #[source]
        source: Source,
    },
}

impl ExchangeError {
    /// Something that was given cannot be.
    pub(crate) fn invalid(fault: impl Into<String>) -> ExchangeError {
        ExchangeError::Invalid { fault: fault.into() }
    }
}
