//! A handle to an agent of Academy's: its actions, a ping, its end.
//!
//! Always true: what is asked has a deadline, and an action whose future goes away unanswered is taken back, as Academy's
//! own handles do it. Before the first action of an agent a ping finds out which release it runs, for a request in JSON ends
//! an agent of 0.4. Neighbours: [`asking`](super::asking) sends and waits, [`reading`](super::reading) says what an
//! answer means.

use std::fmt;
use std::future::IntoFuture;
use std::marker::PhantomData;
use std::time::Duration;

use folkmoot::exchange::{ExchangeError, MailboxId, MailboxStats, Status};
use futures_util::future::BoxFuture;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::super::body::{ActionRequest, Question, Serialization};
use super::super::json;
use super::super::message::Dialect;
use super::AcademyClient;
use super::asking::Until;
use super::error::HandleError;
use super::reading::Asked;

/// How long an answer may take, unless told otherwise.
const USUAL_DEADLINE: Duration = Duration::from_secs(30);

/// A handle to an agent that is reached by Academy's messages, in whatever language it is written. Cheap to clone.
#[derive(Clone)]
pub struct Handle {
    client: AcademyClient,
    agent: MailboxId,
    /// By which the agent's answers come back; Academy's handles have one each.
    label: u128,
}

/// What becomes of an agent's mailbox when it is told to end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ending {
    /// As the agent is set up.
    #[default]
    AsSetUp,
    /// It ends for ever, and requests that wait in it are answered so.
    Terminate,
    /// It stays, for whoever runs the agent next.
    Keep,
}

impl Handle {
    pub(crate) fn new(client: AcademyClient, agent: MailboxId, label: u128) -> Handle {
        Handle { client, agent, label }
    }

    /// Whose handle it is.
    pub fn agent(&self) -> MailboxId {
        self.agent
    }

    /// An action of the agent. `arguments` is a tuple, or a list: `(2, "x")`, `(2,)`, `()`.
    ///
    /// Awaited, it gives the action's result.
    pub fn action<R: DeserializeOwned>(&self, name: &str, arguments: impl Serialize) -> Action<R> {
        let positional = match json::write(&arguments) {
            // What Rust writes of `()`.
            Ok(text) if text == "null" => Ok("[]".to_owned()),
            Ok(text) if text.starts_with('[') => Ok(text),
            Ok(_) => Err("they are no tuple and no list; write one argument as `(2,)`".to_owned()),
            Err(reason) => Err(reason),
        };
        Action {
            handle: self.clone(),
            name: name.to_owned(),
            positional,
            keyword: Vec::new(),
            deadline: USUAL_DEADLINE,
            result: PhantomData,
        }
    }

    /// Asks the agent whether it is there. Awaited, it gives the time that the answer took.
    pub fn ping(&self) -> Asking<Duration> {
        let handle = self.clone();
        Asking {
            deadline: USUAL_DEADLINE,
            work: Box::new(move |deadline| {
                Box::pin(async move {
                    let begun = handle.client.now();
                    handle.ping_until(handle.client.until(deadline)).await?;
                    Ok(handle.client.now().0.saturating_sub(begun.0))
                })
            }),
        }
    }

    /// Tells the agent to end. Awaited, it is done when the agent has said that it will, or has ended.
    pub fn shutdown(&self, ending: Ending) -> Asking<()> {
        let handle = self.clone();
        Asking {
            deadline: USUAL_DEADLINE,
            work: Box::new(move |deadline| Box::pin(async move { handle.end(ending, deadline).await })),
        }
    }

    /// How the agent's mailbox fares: whether it is there, and when its agent gave a sign of life.
    ///
    /// # Errors
    /// What the exchange says, such as `Forbidden`.
    pub async fn status(&self) -> Result<Status, ExchangeError> {
        self.client.exchange().status(self.client.asker(), self.agent).await
    }

    /// What the agent's mailbox holds and has done.
    ///
    /// # Errors
    /// What the exchange says, such as `NoSuchMailbox`.
    pub async fn stats(&self) -> Result<MailboxStats, ExchangeError> {
        self.client.exchange().stats(self.client.asker(), self.agent).await
    }

    fn asked(&self, what: &str) -> Asked {
        Asked { agent: self.agent, what: what.to_owned() }
    }

    async fn ping_until(&self, until: Until) -> Result<Dialect, HandleError> {
        let asked = self.asked("a ping");
        let (answer, dialect) = self.client.ask(&asked, self.label, Question::Ping {}, until).await?;
        asked.done(answer)?;
        Ok(dialect)
    }

    async fn end(self, ending: Ending, deadline: Duration) -> Result<(), HandleError> {
        let terminate = match ending {
            Ending::AsSetUp => None,
            Ending::Terminate => Some(true),
            Ending::Keep => Some(false),
        };
        let asked = self.asked("to end");
        let question = Question::Shutdown { terminate };
        match self.client.ask(&asked, self.label, question, self.client.until(deadline)).await {
            Ok((answer, _)) => asked.done(answer),
            // Agents up to 0.4 end without a word; others may have before.
            Err(HandleError::Terminated { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn run<R: DeserializeOwned>(
        self,
        request: ActionRequest,
        deadline: Duration,
    ) -> Result<R, HandleError> {
        let until = self.client.until(deadline);
        let dialect = match self.client.dialect_of(self.agent) {
            Some(known) => known,
            None => self.ping_until(until).await.map_err(|error| error.of_action(&request.action))?,
        };
        if dialect == Dialect::Old {
            return Err(HandleError::TooOld { agent: self.agent });
        }
        let asked = self.asked(&request.action);
        let (answer, _) = self.client.ask(&asked, self.label, Question::Action(request), until).await?;
        asked.result(answer)
    }
}

impl HandleError {
    /// The ping before an action was not answered in time: the action was not.
    fn of_action(self, action: &str) -> HandleError {
        match self {
            HandleError::Deadline { agent, after, .. } => {
                HandleError::Deadline { agent, asked: action.to_owned(), after }
            }
            other => other,
        }
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Handle").field(&self.agent).finish()
    }
}

/// An action that has been prepared; awaited, it is asked for, and gives its result.
#[must_use = "nothing is sent until this is awaited"]
pub struct Action<R> {
    handle: Handle,
    name: String,
    positional: Result<String, String>,
    /// Names, and values or why there is none.
    keyword: Vec<(String, Result<String, String>)>,
    deadline: Duration,
    result: PhantomData<fn() -> R>,
}

impl<R> Action<R> {
    /// An argument by its name; of two by one name the later counts.
    pub fn keyword(mut self, name: &str, value: impl Serialize) -> Action<R> {
        self.keyword.retain(|(other, _)| other != name);
        self.keyword.push((name.to_owned(), json::write(&value)));
        self
    }

    /// How long the answer may take: 30 s unless told otherwise.
    pub fn deadline(mut self, deadline: Duration) -> Action<R> {
        self.deadline = deadline;
        self
    }

    fn request(
        name: String,
        positional: Result<String, String>,
        keyword: Vec<(String, Result<String, String>)>,
    ) -> Result<ActionRequest, HandleError> {
        let written = positional.and_then(|pargs| {
            let mut pairs = Vec::with_capacity(keyword.len());
            for (name, value) in keyword {
                pairs.push(format!("{}: {}", json::write(&name)?, value?));
            }
            Ok((pargs, format!("{{{}}}", pairs.join(", "))))
        });
        match written {
            Err(reason) => Err(HandleError::Arguments { action: name, reason }),
            Ok((pargs, kargs)) => Ok(ActionRequest {
                action: name,
                pargs,
                kargs,
                serialization: Some(Serialization::Json),
                result_serialization: None,
                exception_serialization: None,
            }),
        }
    }
}

impl<R: DeserializeOwned + 'static> IntoFuture for Action<R> {
    type Output = Result<R, HandleError>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        let Action { handle, name, positional, keyword, deadline, .. } = self;
        Box::pin(async move { handle.run(Action::<R>::request(name, positional, keyword)?, deadline).await })
    }
}

impl<R> fmt::Debug for Action<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Action")
            .field("agent", &self.handle.agent)
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// Something else than an action that has been prepared; awaited, it is asked for.
#[must_use = "nothing is sent until this is awaited"]
pub struct Asking<T> {
    deadline: Duration,
    work: Box<dyn FnOnce(Duration) -> BoxFuture<'static, Result<T, HandleError>> + Send>,
}

impl<T> Asking<T> {
    /// How long the answer may take: 30 s unless told otherwise.
    pub fn deadline(mut self, deadline: Duration) -> Asking<T> {
        self.deadline = deadline;
        self
    }
}

impl<T> IntoFuture for Asking<T> {
    type Output = Result<T, HandleError>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        (self.work)(self.deadline)
    }
}

impl<T> fmt::Debug for Asking<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Asking").field("deadline", &self.deadline).finish_non_exhaustive()
    }
}
