//! Why an agent of Academy's did not do what it was asked for.
//!
//! Always true: the text says who, what and what to do. Neighbours: [`handle`](super::handle) gives these;
//! [`reading`](super::reading) makes them of answers.

use std::time::Duration;

use folkmoot::MailError;
use folkmoot::exchange::{ExchangeError, MailboxId};

/// Why a request to an agent of Academy's failed.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HandleError {
    /// The agent's mailbox was terminated, before the request or with it unanswered.
    #[error("{agent} has ended: its mailbox was terminated; discover another")]
    Terminated {
        /// The agent.
        agent: MailboxId,
    },
    /// There is no such mailbox.
    #[error("there is no {agent}; discover agents by their type, or ask where that id is from")]
    Missing {
        /// The agent.
        agent: MailboxId,
    },
    /// The action raised an exception.
    #[error("{action} of {agent} raised {exception}")]
    Raised {
        /// The agent.
        agent: MailboxId,
        /// The action.
        action: String,
        /// The exception's last line, such as `ValueError: too much`.
        exception: String,
        /// All of its text: a Python traceback, as a rule.
        traceback: String,
    },
    /// What was answered is a pickle, which nothing but Python reads.
    #[error(
        "{agent} answered {asked} with a pickle, though JSON was asked for; an exception that JSON was not asked for comes so, and \
         all that agents of academy-py up to 0.4 say"
    )]
    Pickled {
        /// The agent.
        agent: MailboxId,
        /// What it was asked for.
        asked: String,
    },
    /// The agent is of a release that knows pickles alone. The action was not asked for.
    #[error(
        "{agent} runs academy-py 0.4 or older, which reads nothing but pickles; run it with 0.5 or later"
    )]
    TooOld {
        /// The agent.
        agent: MailboxId,
    },
    /// The agent was told to stop the action, or ended while it ran.
    #[error("{asked} was cancelled at {agent}, which ends or was told to; ask again if it is to be done")]
    Cancelled {
        /// The agent.
        agent: MailboxId,
        /// What it was asked for.
        asked: String,
    },
    /// The mailbox is a user's, who answers no requests.
    #[error("{agent} answers no requests: it is a user, and not an agent")]
    NoAgent {
        /// Whose mailbox it is.
        agent: MailboxId,
    },
    /// The agent speaks a version of the protocol that does not go with ours.
    #[error(
        "{agent} speaks another version of Academy's protocol than {ours}; run it with a release of academy-py from 0.5 on"
    )]
    Incompatible {
        /// The agent.
        agent: MailboxId,
        /// What is spoken here.
        ours: &'static str,
    },
    /// The agent refused with an error of Academy's that has no name here.
    #[error("{agent} refused {asked} with Academy's error {code}")]
    Refused {
        /// The agent.
        agent: MailboxId,
        /// What it was asked for.
        asked: String,
        /// Academy's number of the error.
        code: u16,
    },
    /// Nobody will answer: the request was not taken in time, or as often as it was delivered, and is a dead letter now.
    #[error("{agent} will not answer {asked}, for the request is a dead letter: {reason}")]
    DeadLetter {
        /// The agent.
        agent: MailboxId,
        /// What it was asked for.
        asked: String,
        /// Why.
        reason: String,
    },
    /// There was no answer in time. An action was taken back, if it was not done before.
    #[error(
        "{agent} did not answer {asked} within {after:?}; is it running? Its mailbox keeps requests until somebody runs it"
    )]
    Deadline {
        /// The agent.
        agent: MailboxId,
        /// What it was asked for.
        asked: String,
        /// The time that it was given.
        after: Duration,
    },
    /// The arguments cannot be said; nothing was sent.
    #[error("the arguments of {action} cannot be written: {reason}")]
    Arguments {
        /// The action.
        action: String,
        /// Why.
        reason: String,
    },
    /// The result is not of the type that was asked for; the action has run.
    #[error("the result of {action} is not what was expected: {reason}")]
    Result {
        /// The action.
        action: String,
        /// Where it is wrong.
        reason: String,
    },
    /// The answer is none of Academy's.
    #[error("the answer of {agent} to {asked} cannot be read: {reason}")]
    Unreadable {
        /// The agent.
        agent: MailboxId,
        /// What it was asked for.
        asked: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The request is longer than Academy's clients read.
    #[error(
        "the request is {size} bytes long, Academy's clients read {limit}; send less, or where it is to be found"
    )]
    TooLarge {
        /// Its length in bytes.
        size: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// Too many requests of this client wait for their answers; nothing was sent.
    #[error("{limit} requests of this client wait for their answers; await some of them first")]
    TooMany {
        /// The limit.
        limit: usize,
    },
    /// The client's own mailbox is over, or the exchange is.
    #[error("the client of Academy's agents has ended; open another")]
    Closed,
    /// The gate or the exchange refused the request.
    #[error(transparent)]
    Mail(#[from] MailError),
}

impl HandleError {
    /// Why a request was not taken.
    pub(crate) fn of_sending(error: MailError, agent: MailboxId) -> HandleError {
        match error {
            MailError::Exchange(ExchangeError::MailboxTerminated { mailbox }) if mailbox == agent => {
                HandleError::Terminated { agent }
            }
            MailError::Exchange(ExchangeError::NoSuchMailbox { mailbox }) if mailbox == agent => {
                HandleError::Missing { agent }
            }
            MailError::Exchange(ExchangeError::Closed) => HandleError::Closed,
            other => HandleError::Mail(other),
        }
    }
}

impl From<HandleError> for folkmoot::Error {
    fn from(error: HandleError) -> folkmoot::Error {
        folkmoot::Error::Other(Box::new(error))
    }
}
