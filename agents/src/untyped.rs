//! Calls by method name, for tools and for agents whose types are not at hand.
//!
//! `Proxy<Untyped>` calls any agent with dynamic values. Neighbours: [`proxy`](crate::proxy),
//! [`erased`](crate::erased) for agents of this process.

use std::borrow::Cow;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::BytesMut;
use folkmoot_codecs::{CallError, Never, Value};
use tokio::sync::oneshot;

use crate::attempts::Attempts;
use crate::call::decode_reply;
use crate::host::{Far, FarCall, FarReply, FarTicket};
use crate::interface::{CallsOf, Interface};
use crate::proxy::{ProxyCore, Target};
use crate::retries::CallKey;
use crate::waiting::{Passage, Wait};
use crate::waits::Edge;

/// The interface of an agent of whatever type.
#[derive(Clone, Copy, Debug)]
pub enum Untyped {}

impl Interface for Untyped {
    type Calls = UntypedCalls;
    type Request = Never;
    const NAME: &'static str = "Untyped";
}

/// Calls by name.
#[derive(Debug)]
pub struct UntypedCalls(ProxyCore<Untyped>);

impl CallsOf<Untyped> for UntypedCalls {
    fn new(core: ProxyCore<Untyped>) -> Self {
        UntypedCalls(core)
    }

    fn core(&self) -> &ProxyCore<Untyped> {
        &self.0
    }
}

impl UntypedCalls {
    /// Calls `method` with positional arguments.
    pub fn call(&self, method: &str, arguments: impl IntoIterator<Item = impl Into<Value>>) -> UntypedCall {
        UntypedCall {
            core: self.0.clone(),
            method: method.to_owned(),
            positional: arguments.into_iter().map(Into::into).collect(),
            keyword: Vec::new(),
            deadline: None,
            idempotent: false,
            again: None,
            wait: None,
        }
    }
}

/// A call by name; a lazy future of the reply's value. The method's own error comes as a value too.
#[must_use = "a call does nothing until it is awaited, or sent by `.one_way()`"]
pub struct UntypedCall {
    core: ProxyCore<Untyped>,
    method: String,
    positional: Vec<Value>,
    keyword: Vec<(Value, Value)>,
    deadline: Option<Duration>,
    idempotent: bool,
    /// Of an idempotent call, once it was sent.
    again: Option<Box<(Passage, Attempts)>>,
    wait: Option<Wait<FarReply>>,
}

impl fmt::Debug for UntypedCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UntypedCall").field("method", &self.method).finish_non_exhaustive()
    }
}

impl UntypedCall {
    /// Adds a keyword argument.
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> UntypedCall {
        self.keyword.push((Value::Text(name.to_owned()), value.into()));
        self
    }

    /// Gives the call another deadline than its container's default.
    pub fn deadline(mut self, deadline: Duration) -> UntypedCall {
        self.deadline = Some(deadline);
        self
    }

    /// Says that to run the method twice is as good as once: the call is made again where a link breaks or the agent is
    /// started anew, within its one deadline and the container's budget of retries. An agent's description tells
    /// which of its methods are so.
    pub fn idempotent(mut self) -> UntypedCall {
        self.idempotent = true;
        self
    }

    /// The deadline that it was given.
    pub(crate) fn own_deadline(&self) -> Option<Duration> {
        self.deadline
    }

    /// The same call, which is not made again.
    pub(crate) fn once(mut self) -> UntypedCall {
        self.idempotent = false;
        self
    }

    /// Sends the call now, without a reply, as [`Call::one_way`](crate::Call::one_way) does.
    ///
    /// # Errors
    /// What keeps the call from being sent. Failures after that are counted and logged where they happen.
    pub fn one_way(self) -> Result<(), CallError> {
        if self.wait.is_some() {
            return Err(CallError::Unencodable { reason: "the call was sent already".to_owned() });
        }
        let passage = Passage::alone(&*self.core.0.host, self.deadline);
        self.hand_over(&passage, None, None, None).map(drop)
    }

    fn send(&mut self) -> Result<Wait<FarReply>, CallError> {
        let inner = &*self.core.0;
        let (passage, key) = match &mut self.again {
            Some(again) => (again.0.clone(), again.1.key()),
            None => {
                let passage = Passage::here(&*inner.host, self.deadline);
                let mut begin = || Box::new((passage.clone(), Attempts::begin(&*inner.host)));
                self.again = self.idempotent.then(&mut begin);
                let key = self.again.as_mut().and_then(|again| again.1.key());
                (passage, key)
            }
        };
        let (tell, reply) = oneshot::channel();
        let edge = passage.wait_for(&inner.origin.target)?;
        let sent = self.hand_over(&passage, Some(tell), key, edge.as_ref().map(Edge::other_end))?;
        Ok(Wait::for_far(reply, passage, sent, edge))
    }

    fn hand_over(
        &self,
        passage: &Passage,
        reply: Option<oneshot::Sender<FarReply>>,
        key: Option<CallKey>,
        wait: Option<Edge>,
    ) -> Result<(Arc<dyn Far>, FarTicket), CallError> {
        let inner = &*self.core.0;
        let Target::Far(far) = &inner.target else {
            return Err(CallError::Unencodable { reason: "an untyped proxy to a typed door".to_owned() });
        };
        let ticket = far.send(FarCall {
            origin: inner.origin.clone(),
            method: Cow::Owned(self.method.clone()),
            positional: encode(far, &self.positional)?,
            keyword: match self.keyword.as_slice() {
                [] => None,
                keyword => Some(encode(far, &Value::Map(keyword.to_vec()))?),
            },
            chain: passage.chain.clone(),
            deadline: passage.deadline,
            reply,
            key,
            wait,
            credit: None,
        });
        Ok((far.clone(), ticket))
    }
}

fn encode<T: serde::Serialize>(far: &Arc<dyn Far>, value: &T) -> Result<BytesMut, CallError> {
    let mut out = BytesMut::new();
    far.codec()
        .encode(value, &mut out)
        .map_err(|error| CallError::Unencodable { reason: error.to_string() })?;
    Ok(out)
}

impl Future for UntypedCall {
    type Output = Result<Value, CallError<Value>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        loop {
            if this.wait.is_none()
                && let Some((_, attempts)) = this.again.as_deref_mut()
            {
                ready!(attempts.poll_pause(this.core.host(), cx));
            }
            let ended = match this.poll_attempt(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(value)) => return Poll::Ready(Ok(value)),
                Poll::Ready(Err(error)) => error,
            };
            let Some((passage, attempts)) = this.again.as_deref_mut() else { return Poll::Ready(Err(ended)) };
            let to = (&*this.core.0.origin, this.method.as_str());
            if let Err(last) = attempts.fail(ended, this.core.host(), to, passage.deadline) {
                return Poll::Ready(Err(last));
            }
            this.wait = None;
        }
    }
}

impl UntypedCall {
    fn poll_attempt(&mut self, cx: &mut Context<'_>) -> Poll<Result<Value, CallError<Value>>> {
        let wait = match self.wait.take() {
            Some(wait) => wait,
            None => match self.send() {
                Ok(wait) => wait,
                Err(error) => return Poll::Ready(Err(error.widen())),
            },
        };
        let inner = &*self.core.0;
        match self.wait.insert(wait).poll_reply(&inner.host, &inner.origin, cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Ok(reply)) => Poll::Ready(decode_reply(reply)),
            Poll::Ready(Err(error)) => Poll::Ready(Err(error.widen())),
        }
    }
}
