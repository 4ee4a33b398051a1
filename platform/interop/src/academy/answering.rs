//! Agents of Folkmoot's that answer Academy's requests: actions, pings, cancels, shutdowns.
//!
//! Always true: only requests in JSON are understood; what is pickled is refused with a sentence, in a shape that its sender
//! reads. Who asks is answered in what they speak. Neighbours: [`body`](super::body) has questions and answers; the platform
//! does what is asked, as [`folkmoot::interpreter`] tells.

use folkmoot::exchange::DeathNotice;
use folkmoot::interpreter::{Interpreter, Outcome, Reply, Wish};
use folkmoot::mail::{Delivery, Tracking};
use folkmoot::{AgentDescription, CallError, Codec, Exception};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};

use super::body::{self, ActionRequest, Answer, Question, SERIALIZED, Serialization, codes};
use super::envelope::Envelope;
use super::message::{Dialect, Direction, Header};
use super::sending::KIND;
use super::server::MAX_MESSAGE_BYTES;
use super::{json as text_of, pickle};

/// The type that all of Academy's agents descend from: the last of `agent_types` of an agent that its users discover.
pub const AGENT_TYPE: &str = "academy.agent.Agent";

/// The action that every agent of Academy's has: what it can do.
const DESCRIBE: &str = "agent_describe";

/// What the versions of the protocol begin with that are understood here.
const MAJOR_VERSION: &str = "1";

/// Lets the durable agents of a container answer Academy's requests: `Container::builder(..).interpreter(Academy::interpreter())`.
///
/// An action is a call of the exposed method of that name, by whoever sent the request.
#[derive(Clone, Copy, Debug, Default)]
pub struct AcademyInterpreter;

impl Interpreter for AcademyInterpreter {
    fn read(&self, mail: &Delivery) -> Option<Wish> {
        let (text, header) = message(mail)?;
        if !speaks_ours(text) {
            return reply(&header, Answer::refused(codes::INCOMPATIBLE_PROTOCOL, Some(header.dest.clone())))
                .map(Wish::Refuse);
        }
        match body::read::<Question>(text) {
            Ok(Question::Ping {}) => Some(Wish::Ping),
            Ok(Question::Cancel { target_tag }) => Some(Wish::Cancel { tag: target_tag.0 }),
            Ok(Question::Shutdown { terminate }) => {
                Some(Wish::Shutdown { terminate: terminate == Some(true) })
            }
            Ok(Question::Action(request)) => match unreadable(&request) {
                Some(why) => refusal(&header, &Exception::type_error(why)),
                None if request.action == DESCRIBE => Some(Wish::Describe { method: request.action }),
                None => Some(Wish::Call {
                    method: request.action,
                    positional: request.pargs.into(),
                    keyword: Some(request.kargs.into()),
                }),
            },
            Err(error) => {
                refusal(&header, &Exception::value_error(format!("the request cannot be read: {error}")))
            }
        }
    }

    fn answer(&self, mail: &Delivery, outcome: &Outcome) -> Option<Reply> {
        let (_, header) = message(mail)?;
        let answer = match outcome {
            Outcome::Returned { value } => match std::str::from_utf8(value) {
                Ok(text) => returned(text.to_owned()),
                // JSON is text; said rather than assumed.
                Err(error) => raised(&Exception::new("RuntimeError", error)),
            },
            Outcome::Failed { error: CallError::Cancelled, .. } | Outcome::Cancelled => {
                Answer::refused(codes::ACTION_CANCELLED, None)
            }
            Outcome::Failed { error, exception } => raised(&as_python_says(error, exception)),
            Outcome::Described(description) => returned(described(description).to_string()),
            Outcome::NoSuchCall => Answer::refused(codes::ACTION_INVALID_STATE, None),
            // Clients up to 0.4 take no answer but an error for it.
            Outcome::Done
                if header.dialect == Dialect::Old && *mail.kind == *format!("{KIND}shutdown-request") =>
            {
                return None;
            }
            Outcome::Done => Answer::Success {},
            _ => return None,
        };
        reply(&header, answer)
    }
}

/// A request of Academy's.
fn message(mail: &Delivery) -> Option<(&str, Header)> {
    if !mail.kind.starts_with(KIND) || !matches!(mail.tracking, Tracking::Request { .. }) {
        return None;
    }
    let text = std::str::from_utf8(&mail.body).ok()?;
    let header = Header::read(text).ok().filter(|header| header.direction == Direction::Request)?;
    Some((text, header))
}

/// Whether the version of the protocol, where one is told, goes with ours: `1`, `1.1`, and none of a fork.
fn speaks_ours(text: &str) -> bool {
    #[derive(Deserialize)]
    struct Message {
        header: Version,
    }
    #[derive(Deserialize)]
    struct Version {
        #[serde(default)]
        protocol_version: Option<String>,
    }
    let version =
        serde_json::from_str::<Message>(text).ok().and_then(|message| message.header.protocol_version);
    version.is_none_or(|version| version.split('.').next() == Some(MAJOR_VERSION) && !version.contains('+'))
}

/// Why an action cannot be run as it was asked for.
fn unreadable(request: &ActionRequest) -> Option<String> {
    let is_json = |serialization: Option<Serialization>| serialization == Some(Serialization::Json);
    let ActionRequest { action, serialization, result_serialization, .. } = request;
    if serialization.is_none() {
        return Some(format!(
            "this agent is no Python and reads no pickles: use academy-py 0.5 or later and \
             Handle(.., request_serializer='json') for {action:?}"
        ));
    }
    if !is_json(*serialization) {
        return Some(format!(
            "this agent is no Python and reads no pickles: use Handle(.., request_serializer='json') for {action:?}, or \
             RuntimeConfig(default_serializer='json')"
        ));
    }
    if result_serialization.is_some() && !is_json(*result_serialization) {
        return Some(format!(
            "this agent is no Python and writes no pickles: use Handle(.., result_serializer='json') for {action:?}"
        ));
    }
    None
}

fn refusal(header: &Header, exception: &Exception) -> Option<Wish> {
    reply(header, raised(exception)).map(Wish::Refuse)
}

fn returned(text: String) -> Answer {
    Answer::Result { result: (SERIALIZED.to_owned(), text), serialization: Some(Serialization::Json) }
}

/// An exception, as Python ends a traceback.
fn raised(exception: &Exception) -> Answer {
    #[derive(Serialize)]
    struct Raised {
        __exception__: bool,
        exception_str: String,
    }
    let raised = Raised { __exception__: true, exception_str: format!("{exception}\n") };
    // A text always has a JSON.
    Answer::Raised {
        serialization: Serialization::Json,
        exception: text_of::write(&raised).unwrap_or_default(),
    }
}

/// What whoever asked is told of a request that nobody will answer.
pub(crate) fn of_dead(notice: &DeathNotice, dialect: Dialect) -> Answer {
    let why = format!("nobody will answer the request, for it is a dead letter: {}", notice.reason);
    for_dialect(raised(&Exception::new("RuntimeError", why)), dialect)
}

/// The exception that an agent in Python would have raised.
fn as_python_says<E>(error: &CallError<E>, exception: &Exception) -> Exception {
    match error {
        CallError::NoSuchMethod { agent, method, nearest } => {
            let nearest =
                nearest.as_ref().map_or_else(String::new, |name| format!("; did you mean {name:?}?"));
            Exception::new(
                "AttributeError",
                format!("{agent} does not have an action named {method:?}{nearest}"),
            )
        }
        _ => exception.clone(),
    }
}

/// What an agent can do, with the fields of Academy's `AgentDescription`.
fn described(description: &AgentDescription) -> Json {
    let mut actions = Map::new();
    for method in &description.methods {
        let mut signature = Map::new();
        for argument in &method.arguments {
            signature.insert(argument.name.clone(), type_of(&argument.schema).into());
        }
        signature.insert("return".to_owned(), type_of(&method.returns).into());
        let action = json!({"name": method.name, "type_signature": signature, "doc": method.docs});
        actions.insert(method.name.clone(), action);
    }
    json!({"description": description.docs, "actions": actions})
}

/// What Python calls the type of a schema.
fn type_of(schema: &Json) -> &'static str {
    match schema.get("type").and_then(Json::as_str) {
        Some("integer") => "<class 'int'>",
        Some("number") => "<class 'float'>",
        Some("string") => "<class 'str'>",
        Some("boolean") => "<class 'bool'>",
        Some("array") => "<class 'list'>",
        Some("object") => "<class 'dict'>",
        Some("null") => "<class 'NoneType'>",
        _ => "typing.Any",
    }
}

/// The answer to a request, as its sender reads it. One that is longer than clients read is told as such.
fn reply(header: &Header, answer: Answer) -> Option<Reply> {
    let envelope = Envelope {
        src: header.dest.clone(),
        dest: header.src.clone(),
        tag: header.tag,
        label: header.label,
        direction: Direction::Response,
        dialect: header.dialect,
    };
    let mut answer = for_dialect(answer, header.dialect);
    let mut text = envelope.clone().write(&answer);
    if text.len() > MAX_MESSAGE_BYTES {
        let size = text.len();
        let why = format!(
            "the answer is {size} bytes long, Academy's clients read {MAX_MESSAGE_BYTES}; return less, or where it is to be found"
        );
        answer = for_dialect(raised(&Exception::new("RuntimeError", why)), header.dialect);
        text = envelope.write(&answer);
    }
    Some(Reply {
        kind: format!("{KIND}{}", answer.kind()).into(),
        codec: Some(Codec::Json),
        body: text.into(),
    })
}

/// Clients up to 0.4 know no errors but pickled exceptions.
fn for_dialect(answer: Answer, dialect: Dialect) -> Answer {
    if dialect != Dialect::Old {
        return answer;
    }
    let exception = match &answer {
        Answer::Raised { exception, .. } => {
            let text = serde_json::from_str::<Json>(exception).ok();
            let text =
                text.as_ref().and_then(|fields| fields.get("exception_str")?.as_str()).unwrap_or_default();
            let (class, message) = text.trim_end().split_once(": ").unwrap_or(("RuntimeError", text));
            let class = if class == "TypeError" { class } else { "RuntimeError" };
            pickle::exception(class, message)
        }
        Answer::Refused { error_code: codes::ACTION_CANCELLED, .. } => {
            pickle::exception("RuntimeError", "the action was cancelled")
        }
        Answer::Refused { error_code: codes::ACTION_INVALID_STATE, .. } => {
            pickle::exception("RuntimeError", "there is no such action to cancel")
        }
        Answer::Refused { error_code, .. } => {
            pickle::exception("RuntimeError", &format!("Academy's error {error_code}"))
        }
        _ => return answer,
    };
    Answer::Pickled { exception }
}
