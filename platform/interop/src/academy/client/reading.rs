//! What an answer means: a result, or an error with its cause.
//!
//! Neighbours: [`body`](super::super::body) has the answers, [`handle`](super::handle) asks.

use folkmoot::exchange::{DeathNotice, MailboxId};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::super::body::{Answer, SERIALIZED, Serialization, codes};
use super::super::envelope::PROTOCOL_VERSION;
use super::super::json;
use super::error::HandleError;

/// What was asked of whom.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) agent: MailboxId,
    /// As an error names it: an action's name, or `a ping`.
    pub(crate) what: String,
}

impl Asked {
    /// The result of an action.
    pub(crate) fn result<R: DeserializeOwned>(&self, answer: Answer) -> Result<R, HandleError> {
        match answer {
            Answer::Result { result: (mark, text), serialization: Some(Serialization::Json) }
                if mark == SERIALIZED =>
            {
                json::read(&text).map_err(|reason| HandleError::Result { action: self.what.clone(), reason })
            }
            Answer::Result { serialization: Some(Serialization::Pickle) | None, .. } => Err(self.pickled()),
            Answer::Result { .. } => Err(self.unreadable("its serialization is unknown")),
            Answer::Success {} => Err(self.unreadable("it bears no result")),
            other => Err(self.error(other)),
        }
    }

    /// That it was done.
    pub(crate) fn done(&self, answer: Answer) -> Result<(), HandleError> {
        match answer {
            Answer::Success {} => Ok(()),
            Answer::Result { .. } => Err(self.unreadable("it bears a result")),
            other => Err(self.error(other)),
        }
    }

    fn error(&self, answer: Answer) -> HandleError {
        let (agent, asked) = (self.agent, self.what.clone());
        match answer {
            Answer::Raised { serialization: Serialization::Json, exception } => self.raised(&exception),
            Answer::Raised { serialization: Serialization::Pickle, .. } | Answer::Pickled { .. } => {
                self.pickled()
            }
            Answer::Raised { serialization: Serialization::Other, .. } => {
                self.unreadable("the serialization of its exception is unknown")
            }
            Answer::Refused { error_code, .. } => match error_code {
                codes::MAILBOX_TERMINATED => HandleError::Terminated { agent },
                codes::PING_CANCELLED | codes::ACTION_CANCELLED => HandleError::Cancelled { agent, asked },
                codes::INVALID_CLIENT => HandleError::NoAgent { agent },
                codes::INCOMPATIBLE_PROTOCOL => HandleError::Incompatible { agent, ours: PROTOCOL_VERSION },
                code => HandleError::Refused { agent, asked, code },
            },
            Answer::Result { .. } | Answer::Success {} => self.unreadable("it is no error"),
        }
    }

    fn raised(&self, exception: &str) -> HandleError {
        #[derive(Deserialize)]
        struct Exception {
            exception_str: String,
        }
        let traceback = match json::read::<Exception>(exception) {
            Ok(Exception { exception_str }) => exception_str,
            Err(reason) => return self.unreadable(&format!("its exception: {reason}")),
        };
        let last = traceback.lines().rev().map(str::trim).find(|line| !line.is_empty());
        let exception = last.unwrap_or("an exception without a text").to_owned();
        HandleError::Raised { agent: self.agent, action: self.what.clone(), exception, traceback }
    }

    /// The exchange says that it is a dead letter.
    pub(crate) fn dead(&self, notice: &[u8]) -> HandleError {
        match DeathNotice::read(notice) {
            Some(DeathNotice { reason, .. }) => {
                HandleError::DeadLetter { agent: self.agent, asked: self.what.clone(), reason }
            }
            None => self.unreadable("it is no notice of a dead letter"),
        }
    }

    fn pickled(&self) -> HandleError {
        HandleError::Pickled { agent: self.agent, asked: self.what.clone() }
    }

    pub(crate) fn unreadable(&self, reason: &str) -> HandleError {
        HandleError::Unreadable { agent: self.agent, asked: self.what.clone(), reason: reason.to_owned() }
    }
}
