//! The bodies of Academy's messages: what is asked, and what is answered, of releases 0.3 to 1.0.
//!
//! Always true: fields that are not known are ignored, as Academy ignores them since 0.5; what is written has the fields of
//! 1.0, but for the answers to older clients. Neighbours: [`envelope`](super::envelope) writes the header around a body;
//! values within a body are JSON texts of their own ([`json`](super::json)).

use serde::ser::{SerializeMap, Serializer};
use serde::{Deserialize, Serialize};

use super::entity::{EntityId, Number};

/// How the values within a body are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Serialization {
    /// JSON, as Python's `json` writes it.
    Json,
    /// Python's pickle, in base64.
    Pickle,
    /// Something newer.
    #[serde(other)]
    Other,
}

/// What one asks of an agent.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "kind")]
pub(crate) enum Question {
    /// To run an action.
    #[serde(rename = "action-request")]
    Action(ActionRequest),
    /// Whether it is there.
    #[serde(rename = "ping-request")]
    Ping {},
    /// To stop the action that was asked for under that tag.
    #[serde(rename = "cancel-request")]
    Cancel {
        /// The tag.
        target_tag: Number,
    },
    /// To end.
    #[serde(rename = "shutdown-request")]
    Shutdown {
        /// Whether its mailbox ends too; `None` as the agent is set up.
        #[serde(default)]
        terminate: Option<bool>,
    },
}

impl Question {
    /// What its kind is called, as in the kinds of mail.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Question::Action(_) => "action-request",
            Question::Ping {} => "ping-request",
            Question::Cancel { .. } => "cancel-request",
            Question::Shutdown { .. } => "shutdown-request",
        }
    }
}

/// In Academy's order: the kind is last.
impl Serialize for Question {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_map(None)?;
        match self {
            Question::Action(request) => {
                fields.serialize_entry("action", &request.action)?;
                fields.serialize_entry("pargs", &request.pargs)?;
                fields.serialize_entry("kargs", &request.kargs)?;
                fields.serialize_entry("serialization", &request.serialization)?;
                fields.serialize_entry("result_serialization", &request.result_serialization)?;
                fields.serialize_entry("exception_serialization", &request.exception_serialization)?;
            }
            Question::Ping {} => {}
            Question::Cancel { target_tag } => fields.serialize_entry("target_tag", target_tag)?,
            Question::Shutdown { terminate } => fields.serialize_entry("terminate", terminate)?,
        }
        fields.serialize_entry("kind", self.kind())?;
        fields.end()
    }
}

/// What an action is asked for with.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct ActionRequest {
    /// Its name.
    pub(crate) action: String,
    /// The positional arguments, written as `serialization` says.
    pub(crate) pargs: String,
    /// The keyword arguments, too.
    pub(crate) kargs: String,
    /// `None` of clients up to 0.4, which know pickles alone.
    #[serde(default)]
    pub(crate) serialization: Option<Serialization>,
    /// How the result is wanted; `None` as the arguments.
    #[serde(default)]
    pub(crate) result_serialization: Option<Serialization>,
    /// How an exception is wanted; `None` as the result.
    #[serde(default)]
    pub(crate) exception_serialization: Option<Serialization>,
}

/// Stands before a value that is written as the body says.
pub(crate) const SERIALIZED: &str = "__serialized__";

/// Academy's own errors, by their numbers.
pub(crate) mod codes {
    /// The mailbox was terminated.
    pub(crate) const MAILBOX_TERMINATED: u16 = 0;
    /// The agent ended before it had begun.
    pub(crate) const PING_CANCELLED: u16 = 1;
    /// There is no such action to cancel.
    pub(crate) const ACTION_INVALID_STATE: u16 = 2;
    /// The action was cancelled.
    pub(crate) const ACTION_CANCELLED: u16 = 3;
    /// Who was asked is a user, who answers nobody.
    pub(crate) const INVALID_CLIENT: u16 = 4;
    /// The versions of the protocol do not go together.
    pub(crate) const INCOMPATIBLE_PROTOCOL: u16 = 5;
}

/// What is answered.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "kind")]
pub(crate) enum Answer {
    /// The result of an action.
    #[serde(rename = "action-response")]
    Result {
        /// [`SERIALIZED`] and the value; up to 0.4 `__pickled__` and a pickle.
        result: (String, String),
        /// `None` of agents up to 0.4.
        #[serde(default)]
        serialization: Option<Serialization>,
    },
    /// It was done as asked.
    #[serde(rename = "success-response")]
    Success {},
    /// The action raised an exception.
    #[serde(rename = "user-error-response")]
    Raised {
        /// How the exception is written.
        serialization: Serialization,
        /// The exception.
        exception: String,
    },
    /// Academy's own error.
    #[serde(rename = "academy-error-response")]
    Refused {
        /// One of [`codes`].
        error_code: u16,
        /// Whose.
        #[serde(default)]
        mailbox_id: Option<EntityId>,
    },
    /// An exception as agents up to 0.4 tell it: a pickle.
    #[serde(rename = "error-response")]
    Pickled {
        /// The pickle.
        exception: String,
    },
}

impl Answer {
    /// What its kind is called, as in the kinds of mail.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Answer::Result { .. } => "action-response",
            Answer::Success {} => "success-response",
            Answer::Raised { .. } => "user-error-response",
            Answer::Refused { .. } => "academy-error-response",
            Answer::Pickled { .. } => "error-response",
        }
    }

    /// Academy's own error of that number, of whom.
    pub(crate) fn refused(error_code: u16, mailbox: Option<EntityId>) -> Answer {
        Answer::Refused { error_code, mailbox_id: mailbox }
    }
}

/// In Academy's order: the kind is last.
impl Serialize for Answer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_map(None)?;
        match self {
            Answer::Result { result, serialization } => {
                fields.serialize_entry("result", result)?;
                if let Some(serialization) = serialization {
                    fields.serialize_entry("serialization", serialization)?;
                }
            }
            Answer::Success {} => {}
            Answer::Raised { serialization, exception } => {
                fields.serialize_entry("serialization", serialization)?;
                fields.serialize_entry("exception", exception)?;
            }
            Answer::Refused { error_code, mailbox_id } => {
                fields.serialize_entry("error_code", error_code)?;
                fields.serialize_entry("mailbox_id", mailbox_id)?;
            }
            Answer::Pickled { exception } => fields.serialize_entry("exception", exception)?,
        }
        fields.serialize_entry("kind", self.kind())?;
        fields.end()
    }
}

/// Reads the body of a message, whose header others read.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn read<'a, B: Deserialize<'a>>(message: &'a str) -> Result<B, serde_json::Error> {
    #[derive(Deserialize)]
    #[serde(rename = "a message")]
    struct Message<B> {
        body: B,
    }
    serde_json::from_str(message).map(|Message { body }| body)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As `model_dump_json` of academy-py 1.0.0, 0.5.0 and 0.4.0 writes them.
    #[test]
    fn requests_of_all_releases_are_read() {
        let newest = r#"{"header":{},"body":{"action":"add","pargs":"[2]","kargs":"{}","serialization":"json","result_serialization":null,"exception_serialization":"pickle","kind":"action-request"}}"#;
        let Question::Action(request) = read(newest).unwrap() else { panic!("no action") };
        assert_eq!(
            (request.serialization, request.result_serialization, request.exception_serialization),
            (Some(Serialization::Json), None, Some(Serialization::Pickle))
        );
        let oldest =
            r#"{"body":{"action":"add","pargs":"gAQpLg==","kargs":"gAR9lC4=","kind":"action-request"}}"#;
        let Question::Action(request) = read(oldest).unwrap() else { panic!("no action") };
        assert_eq!(request.serialization, None);
        let ping = r#"{"body":{"kind":"ping-request"}}"#;
        assert_eq!(read::<Question>(ping).unwrap(), Question::Ping {});
        let shutdown = r#"{"body":{"terminate":null,"kind":"shutdown-request"}}"#;
        assert_eq!(read::<Question>(shutdown).unwrap(), Question::Shutdown { terminate: None });
        let uid = "6f1c1f5e-0a52-4c43-9d0e-0d5a3f6f2a11";
        let cancel = format!(r#"{{"body":{{"target_tag":"{uid}","kind":"cancel-request"}}}}"#);
        let target_tag = Number(0x6f1c_1f5e_0a52_4c43_9d0e_0d5a_3f6f_2a11);
        assert_eq!(read::<Question>(&cancel).unwrap(), Question::Cancel { target_tag });
    }

    #[test]
    fn answers_are_written_as_academy_writes_them_and_read_again() {
        let serialized = |text: &str| (SERIALIZED.to_owned(), text.to_owned());
        for (answer, text) in [
            (
                Answer::Result { result: serialized("[1, 2]"), serialization: Some(Serialization::Json) },
                r#"{"result":["__serialized__","[1, 2]"],"serialization":"json","kind":"action-response"}"#,
            ),
            (Answer::Success {}, r#"{"kind":"success-response"}"#),
            (
                Answer::refused(codes::ACTION_CANCELLED, None),
                r#"{"error_code":3,"mailbox_id":null,"kind":"academy-error-response"}"#,
            ),
            (
                Answer::Pickled { exception: "gAQu".to_owned() },
                r#"{"exception":"gAQu","kind":"error-response"}"#,
            ),
        ] {
            assert_eq!(serde_json::to_string(&answer).unwrap(), text);
            assert_eq!(read::<Answer>(&format!(r#"{{"body":{text}}}"#)).unwrap(), answer);
        }
        let old = r#"{"body":{"result":["__pickled__","gARLAi4="],"kind":"action-response"}}"#;
        assert!(matches!(read::<Answer>(old).unwrap(), Answer::Result { serialization: None, .. }));
    }

    #[test]
    fn what_is_no_body_is_an_error() {
        for text in [
            "",
            "{}",
            r#"{"body":5}"#,
            r#"{"body":{"kind":"new-request"}}"#,
            r#"{"body":{"kind":"cancel-request"}}"#,
        ] {
            assert!(read::<Question>(text).is_err(), "{text}");
        }
    }
}
