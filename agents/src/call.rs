//! A call: a lazy future that sends at its first poll and ends with the reply, the deadline or the cause.
//!
//! Always true: it is sent at most once, unless its method is idempotent; dropped, it is taken back. Neighbours:
//! [`proxy`](crate::proxy) makes calls, [`waiting`](crate::waiting) is the part of them that awaits, `repeated` what
//! sends those of idempotent methods.

mod repeated;

use std::borrow::Cow;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::BytesMut;
use folkmoot_codecs::{ArgumentList, CallError, plain_types};
use tokio::sync::oneshot;

use crate::host::{Far, FarCall, FarReply, FarTicket, Host};
use crate::interface::{Interface, Method};
use crate::neighbours;
use crate::proxy::{Door, Inner, ProxyCore, Target};
use crate::proxy_serde;
use crate::reply::ReplyTo;
use crate::retries::CallKey;
use crate::turn::{CallHead, Origin, Ticketed, Turn};
use crate::waiting::{Passage, Wait};
use crate::waits::Edge;

use repeated::Repeated;

/// The reply of a typed call in this process.
type NearReply<M> = Result<<M as Method>::Ok, CallError<<M as Method>::Err>>;

/// A call that has been prepared and is sent when it is first polled.
///
/// `.deadline(d)` and `.one_way()` come before the await. Dropping it takes the call back.
#[must_use = "a call does nothing until it is awaited, or sent by `.one_way()`"]
pub struct Call<M: Method> {
    core: ProxyCore<M::Interface>,
    deadline: Option<Duration>,
    state: State<M>,
}

enum State<M: Method> {
    New {
        args: M::Args,
        /// Whether it is made again, which takes an idempotent method.
        is_repeated: bool,
    },
    Near(Wait<NearReply<M>>),
    Far(Wait<FarReply>),
    /// Of an idempotent method.
    Repeated(Box<Repeated<M>>),
    Done,
}

impl<M: Method> Unpin for Call<M> {}

impl<M: Method> fmt::Debug for Call<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call")
            .field("agent", &self.core.0.origin.agent)
            .field("method", &M::NAME)
            .finish_non_exhaustive()
    }
}

impl<M: Method> Call<M> {
    /// A call that has not been sent.
    #[doc(hidden)]
    pub fn new(core: &ProxyCore<M::Interface>, args: M::Args) -> Call<M> {
        Call { core: core.clone(), deadline: None, state: State::New { args, is_repeated: M::IDEMPOTENT } }
    }

    /// Gives the call another deadline than its container's default. A nested call never gets more time than the
    /// call that its turn is serving has left.
    pub fn deadline(mut self, deadline: Duration) -> Call<M> {
        self.deadline = Some(deadline);
        self
    }

    /// The deadline that it was given.
    pub(crate) fn own_deadline(&self) -> Option<Duration> {
        self.deadline
    }

    /// The same call, which is not made again where its method is idempotent.
    pub(crate) fn once(mut self) -> Call<M> {
        if let State::New { is_repeated, .. } = &mut self.state {
            *is_repeated = false;
        }
        self
    }

    /// Sends the call now, without a reply: for methods that cannot await, and for news. It carries no chain.
    ///
    /// # Errors
    /// What keeps the call from being sent. Failures after that are counted and logged where they happen.
    pub fn one_way(mut self) -> Result<(), CallError> {
        let State::New { args, .. } = std::mem::replace(&mut self.state, State::Done) else {
            return Err(CallError::Unencodable { reason: "the call was sent already".to_owned() });
        };
        self.core.renew();
        let inner = &*self.core.0;
        let passage = Passage::alone(&*inner.host, self.deadline);
        match &inner.target {
            Target::Near(near) => {
                let origin = inner.origin.clone();
                let turn = make_turn::<M>(
                    &inner.host,
                    origin,
                    args,
                    &passage,
                    ReplyTo::nowhere(inner.origin.target.clone()),
                )?;
                send_turn(near, turn)
            }
            Target::Far(far) => send_far::<M>(&**far, &self.core, &args, &passage, None, None).map(drop),
        }
    }

    fn send(&mut self, args: M::Args) -> Result<State<M>, CallError> {
        self.core.renew();
        let inner = &*self.core.0;
        let passage = Passage::here(&*inner.host, self.deadline);
        match &inner.target {
            Target::Near(near) => send_near::<M>(inner, near, args, passage).map(State::Near),
            Target::Far(far) => send_to_far::<M>(&self.core, far, &args, passage, None).map(State::Far),
        }
    }
}

/// Sends a typed call whose reply is awaited.
#[inline]
fn send_near<M: Method>(
    inner: &Inner<M::Interface>,
    near: &Door<M::Interface>,
    args: M::Args,
    passage: Passage,
) -> Result<Wait<NearReply<M>>, CallError> {
    let (tell, reply) = oneshot::channel();
    let origin = inner.origin.clone();
    let turn = make_turn::<M>(&inner.host, origin, args, &passage, ReplyTo::typed(tell))?;
    let mut turn = match M::PLAIN {
        false => turn,
        true => match neighbours::run(near.place, turn) {
            Ok(()) => return Ok(Wait::new(reply, passage, None)),
            Err(turn) => turn,
        },
    };
    let edge = passage.wait_for(&inner.origin.target)?;
    if let Some(edge) = &edge {
        turn.permit.ends(edge);
    }
    send_turn(near, turn)?;
    Ok(Wait::new(reply, passage, edge))
}

/// Sends an encoded call whose reply is awaited.
fn send_to_far<M: Method>(
    core: &ProxyCore<M::Interface>,
    far: &Arc<dyn Far>,
    args: &M::Args,
    passage: Passage,
    key: Option<CallKey>,
) -> Result<Wait<FarReply>, CallError> {
    let (tell, reply) = oneshot::channel();
    let edge = passage.wait_for(&core.0.origin.target)?;
    let waiting = Some((tell, edge.as_ref().map(Edge::other_end)));
    let ticket = send_far::<M>(&**far, core, args, &passage, waiting, key)?;
    Ok(Wait::for_far(reply, passage, (far.clone(), ticket), edge))
}

/// Brings a typed call before the gate and takes a credit for it.
fn make_turn<M: Method>(
    host: &Arc<dyn Host>,
    origin: Arc<Origin>,
    args: M::Args,
    passage: &Passage,
    reply: ReplyTo<M::Ok, M::Err>,
) -> Result<Turn<M::Interface>, CallError> {
    let head = CallHead {
        origin,
        method: Cow::Borrowed(M::NAME),
        chain: passage.chain.clone(),
        sent: passage.sent,
        deadline: Some(passage.deadline),
    };
    let permit = Ticketed::new(host.admit(head)?)?;
    match M::request(args, reply) {
        Some(request) => Ok(Turn { permit, request }),
        None => Err(CallError::Unencodable { reason: "a trait's call to a typed door".to_owned() }),
    }
}

fn send_turn<I: Interface + ?Sized>(near: &Door<I>, turn: Turn<I>) -> Result<(), CallError> {
    near.send(turn).map_err(|turn| turn.permit.stopped_error())
}

fn send_far<M: Method>(
    far: &dyn Far,
    core: &ProxyCore<M::Interface>,
    args: &M::Args,
    passage: &Passage,
    waiting: Option<(oneshot::Sender<FarReply>, Option<Edge>)>,
    key: Option<CallKey>,
) -> Result<FarTicket, CallError> {
    let (reply, wait) = waiting.map_or((None, None), |(reply, wait)| (Some(reply), wait));
    let mut positional = BytesMut::new();
    let codec = far.codec();
    let mut encode = || args.encode(codec, &mut positional).and_then(|()| args.encode_keyword(codec));
    let encoded = match far.plain_types() {
        Some(types) => plain_types::within(Some(types), encode),
        None => encode(),
    };
    let keyword = encoded.map_err(|error| CallError::Unencodable { reason: error.to_string() })?;
    Ok(far.send(FarCall {
        origin: core.0.origin.clone(),
        method: Cow::Borrowed(M::NAME),
        positional,
        keyword,
        chain: passage.chain.clone(),
        deadline: passage.deadline,
        reply,
        key,
        wait,
        credit: None,
    }))
}

/// The value or error of a typed method in an encoded reply; proxies within speak for whoever `core` speaks for.
fn read_reply<M: Method>(
    core: &ProxyCore<M::Interface>,
    reply: FarReply,
) -> Result<M::Ok, CallError<M::Err>> {
    // What has nothing to drop holds no proxy.
    match std::mem::needs_drop::<M::Ok>() || std::mem::needs_drop::<M::Err>() {
        true => proxy_serde::read_for(core.reader(), || decode_reply(reply)),
        false => decode_reply(reply),
    }
}

/// The value or error of a method in an encoded reply.
pub(crate) fn decode_reply<T, E>(reply: FarReply) -> Result<T, CallError<E>>
where
    T: serde::de::DeserializeOwned,
    E: serde::de::DeserializeOwned,
{
    match reply {
        FarReply::Result { codec, content } => {
            codec.decode(&content).map_err(|error| CallError::BadReply { reason: error.to_string() })
        }
        FarReply::Plain { peer, codec, content } => proxy_serde::read_from(peer, || codec.decode(&content))
            .map_err(|error| CallError::BadReply { reason: error.to_string() }),
        FarReply::Exception { codec, content } => Err(CallError::from_exception(codec, &content)),
        FarReply::Failed(error) => Err(error.widen()),
    }
}

impl<M: Method> Future for Call<M> {
    type Output = Result<M::Ok, CallError<M::Err>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        if let State::New { .. } = this.state {
            let State::New { args, is_repeated } = std::mem::replace(&mut this.state, State::Done) else {
                return Poll::Pending;
            };
            if M::IDEMPOTENT && is_repeated {
                this.state = State::Repeated(Box::new(Repeated::new(this.core.host(), this.deadline, args)));
            } else {
                match this.send(args) {
                    Ok(state) => this.state = state,
                    Err(error) => return Poll::Ready(Err(error.widen())),
                }
            }
        }
        if M::IDEMPOTENT
            && let State::Repeated(repeated) = &mut this.state
        {
            let ended = ready!(repeated.poll(&mut this.core, cx));
            this.state = State::Done;
            return Poll::Ready(ended);
        }
        let inner = &*this.core.0;
        let ended = match &mut this.state {
            State::Near(wait) => match wait.poll_reply(&inner.host, &inner.origin, cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(reply)) => reply,
                Poll::Ready(Err(error)) => {
                    sweep(inner);
                    Err(error.widen())
                }
            },
            State::Far(wait) => match wait.poll_reply(&inner.host, &inner.origin, cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(reply)) => read_reply::<M>(&this.core, reply),
                Poll::Ready(Err(error)) => Err(error.widen()),
            },
            State::New { .. } | State::Repeated(_) | State::Done => Err(CallError::Cancelled),
        };
        this.state = State::Done;
        Poll::Ready(ended)
    }
}

/// A call that nobody waits for any more holds a credit of its agent while it is queued.
fn sweep<I: Interface + ?Sized>(inner: &Inner<I>) {
    if let Target::Near(near) = &inner.target {
        near.ask_for_sweep();
    }
}

impl<M: Method> Drop for Call<M> {
    fn drop(&mut self) {
        let was_near = match &mut self.state {
            State::Near(wait) => {
                wait.take_back();
                true
            }
            State::Repeated(repeated) => repeated.take_back(),
            State::New { .. } | State::Far(_) | State::Done => false,
        };
        if was_near {
            sweep(&self.core.0);
        }
    }
}
