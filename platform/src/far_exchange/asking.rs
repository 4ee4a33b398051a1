//! One operation of another node's exchange: as many attempts as links break under it, within the container's deadline.
//!
//! Always true: an answer is taken as it is; only a link that broke, or was never there, is cause for another attempt.
//! A link over which nothing at all comes while an answer is awaited is looked at, and closed where it is dead.
//! Neighbour: [`receiving`](super::receiving) asks in the same way, and more patiently.

use std::pin::pin;
use std::sync::Arc;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::BytesMut;
use folkmoot_agents::Retry;
use folkmoot_agents::deadlines::LinkInstant;
use folkmoot_agents::host::FarReply;
use folkmoot_codecs::{ArgumentList, CallError, Codec};
use folkmoot_exchange::ExchangeError;
use serde::de::DeserializeOwned;
use tokio::sync::oneshot;

use super::Far;
use crate::exchange_wire::{PREFIX, Refused, lasting};
use crate::inbound::{CANCEL, PING};
use crate::link::Link;
use crate::link_time;
use crate::remotes::Held;

/// The pause after a link broke under a question.
pub(super) const PAUSE: Duration = Duration::from_millis(50);
/// Nothing came for so long while an answer is awaited: then the peer is asked for a sign of life, and has as long again.
const SILENCE: Duration = Duration::from_secs(5);

/// What became of an attempt.
pub(super) enum Attempted<T> {
    Answered(T),
    Refused(ExchangeError),
    /// The link broke; why.
    Broken(String),
}

/// A request that awaits its answer. Dropped before, the exchange's node is told that nobody does any more.
pub(super) struct Awaited {
    link: Arc<Link>,
    id: u64,
    is_over: bool,
}

impl Awaited {
    /// The answer is in the hands of whoever asked.
    pub(super) fn taken(mut self) -> (Arc<Link>, u64) {
        self.is_over = true;
        (self.link.clone(), self.id)
    }
}

impl Drop for Awaited {
    fn drop(&mut self) {
        if self.is_over || self.link.cancel(self.id, None) {
            return;
        }
        // Its answer is here, and nobody has looked at it.
        let mut positional = BytesMut::new();
        match self.link.codec.encode(&(self.id, None::<String>), &mut positional) {
            Ok(()) => self.link.tell(u64::MAX >> 1, CANCEL, &positional),
            Err(error) => tracing::error!(%error, "an id did not encode"),
        }
    }
}

/// Someone who looks whether the link is dead.
struct Looking<'a>(&'a Far);

impl Drop for Looking<'_> {
    fn drop(&mut self) {
        self.0.looking.store(false, Ordering::Release);
    }
}

impl Far {
    /// Asks for an operation until it is answered.
    pub(super) async fn ask<T: DeserializeOwned>(
        &self,
        operation: &'static str,
        arguments: impl ArgumentList + Sync,
    ) -> Result<T, ExchangeError> {
        let patience = self.tables.default_deadline;
        self.until_closed(async {
            let began = link_time::now();
            loop {
                let left = patience.saturating_sub(since(began));
                let (way, link) = self.link(left).await?;
                let attempt = self.attempt::<T>((&way, &link), operation, &arguments, (left, false)).await;
                let cause = match attempt {
                    Attempted::Answered((answer, awaited)) => {
                        awaited.taken();
                        return Ok(answer);
                    }
                    Attempted::Refused(error) => return Err(error),
                    Attempted::Broken(cause) => cause,
                };
                self.broke(operation, &cause);
                if since(began) >= patience {
                    return Err(self.unavailable(cause, true));
                }
                link_time::sleep(PAUSE).await;
            }
        })
        .await
    }

    /// `work`, unless the exchange is closed before its end.
    pub(super) async fn until_closed<T>(
        &self,
        work: impl Future<Output = Result<T, ExchangeError>>,
    ) -> Result<T, ExchangeError> {
        let mut closed = pin!(self.closed.notified());
        // Before the look, or a closing between the two would be missed.
        closed.as_mut().enable();
        if self.is_closed.load(Ordering::Acquire) {
            return Err(ExchangeError::Closed);
        }
        tokio::select! {
            biased;
            () = closed => Err(ExchangeError::Closed),
            outcome = work => outcome,
        }
    }

    pub(super) fn unavailable(&self, cause: impl Into<String>, may_have_run: bool) -> ExchangeError {
        ExchangeError::Unavailable { at: self.at.clone(), cause: cause.into(), may_have_run }
    }

    pub(super) fn broke(&self, operation: &str, cause: &str) {
        self.tables.counters.far_attempts.increment(1);
        tracing::debug!(at = %self.at, operation, cause, "a link broke under an operation of the exchange, which is asked for again");
    }

    /// An open link to the exchange's node, within `patience`.
    pub(super) async fn link(&self, patience: Duration) -> Result<(Arc<Held>, Arc<Link>), ExchangeError> {
        let held = self.way.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(way) = held
            && let Some(link) = way.link()
        {
            return self.checked(way, link);
        }
        let hall = self.tables.membership.hall().ok_or(ExchangeError::Closed)?;
        let failed = |error: CallError| self.unavailable(error.to_string(), false);
        // Made where the container works: whoever asks may do so from anywhere.
        let (tell, told) = oneshot::channel();
        let (to, maker) = (self.to.clone(), hall.clone());
        // Where it has joined meanwhile there is one way to it, which may be another.
        hall.workers.get(0).executor.spawn_fn(move || drop(tell.send(maker.remote(to))));
        drop(hall);
        let way = Arc::new(told.await.map_err(|_| ExchangeError::Closed)?.map_err(failed)?);
        *self.way.lock().unwrap_or_else(PoisonError::into_inner) = Some(way.clone());
        let began = link_time::now();
        loop {
            way.up(Retry::For(patience.saturating_sub(since(began)))).await.map_err(failed)?;
            match way.link() {
                Some(link) => return self.checked(way, link),
                None if since(began) >= patience => {
                    return Err(self.unavailable("one link after the other ended at once", false));
                }
                None => link_time::sleep(PAUSE).await,
            }
        }
    }

    fn checked(&self, way: Arc<Held>, link: Arc<Link>) -> Result<(Arc<Held>, Arc<Link>), ExchangeError> {
        match link.is_rich() {
            true => Ok((way, link)),
            false => Err(self.unavailable(
                "what listens there is no Folkmoot container; name one that has an exchange",
                false,
            )),
        }
    }

    /// Asks once, over `link`; a receiver is patient.
    pub(super) async fn attempt<T: DeserializeOwned>(
        &self,
        (way, link): (&Held, &Arc<Link>),
        operation: &'static str,
        arguments: &impl ArgumentList,
        (patience, is_patient): (Duration, bool),
    ) -> Attempted<(T, Awaited)> {
        let path = format!("{PREFIX}{operation}");
        let mut positional = BytesMut::new();
        if let Err(error) = arguments.encode(link.codec, &mut positional) {
            return Attempted::Refused(ExchangeError::Invalid { fault: error.to_string() });
        }
        let id = way.next_id();
        let mut reply = match link.ask_exchange(id, &path, &positional, is_patient) {
            Ok(reply) => reply,
            Err(CallError::Disconnected { cause, .. }) => return Attempted::Broken(cause),
            Err(CallError::Unencodable { reason }) => {
                return Attempted::Refused(ExchangeError::Invalid {
                    fault: format!("it does not go over the link to {}: {reason}", self.at),
                });
            }
            Err(error) => return Attempted::Refused(self.refused(operation, error)),
        };
        let awaited = Awaited { link: link.clone(), id, is_over: false };
        let reply = match link_time::within(patience, self.reply(way, link, &mut reply)).await {
            Some(Ok(reply)) => reply,
            Some(Err(_)) => return Attempted::Broken("the link ended".to_owned()),
            None => {
                let cause = format!("it did not answer within {patience:?}");
                return Attempted::Refused(self.unavailable(cause, true));
            }
        };
        match reply {
            FarReply::Result { codec, content } | FarReply::Plain { codec, content, .. } => {
                match codec.decode(&content) {
                    Ok(answer) => Attempted::Answered((answer, awaited)),
                    Err(error) => {
                        let cause = format!("its answer cannot be read: {error}");
                        Attempted::Refused(self.unavailable(cause, true))
                    }
                }
            }
            FarReply::Failed(CallError::Disconnected { cause, .. }) => Attempted::Broken(cause),
            FarReply::Failed(error) => Attempted::Refused(self.unavailable(error.to_string(), true)),
            FarReply::Exception { codec, content } => {
                awaited.taken();
                self.exception(operation, codec, &content)
            }
        }
    }

    /// What the other end refused with.
    fn exception<T>(&self, operation: &str, codec: Codec, content: &[u8]) -> Attempted<T> {
        match CallError::<Box<Refused>>::from_exception(codec, content) {
            CallError::Agent(refused) => Attempted::Refused(refused.into_error(&self.at)),
            CallError::Disconnected { may_have_run: true, cause } => Attempted::Broken(cause),
            CallError::Denied { reason } => Attempted::Refused(ExchangeError::Denied { reason }),
            CallError::BadArguments { reason, .. } => Attempted::Refused(ExchangeError::Invalid {
                fault: format!("{} does not understand: {reason}", self.at),
            }),
            CallError::NoSuchAgent { .. } => {
                let cause = "its node runs an older Folkmoot, which serves no exchange over links";
                Attempted::Refused(self.unavailable(cause, false))
            }
            CallError::Overloaded { queue, limit } => {
                let error: CallError = CallError::Overloaded { queue, limit };
                Attempted::Refused(self.refused(operation, error))
            }
            error => Attempted::Refused(self.unavailable(error.to_string(), true)),
        }
    }

    /// A request that was not taken.
    fn refused(&self, operation: &str, error: CallError) -> ExchangeError {
        match (error, lasting("requests")) {
            (CallError::Overloaded { queue, limit }, Some(what)) => ExchangeError::Full {
                what,
                whose: queue,
                limit: limit as u64,
                advice: "ask again when some are answered",
            },
            (error, _) => self.unavailable(format!("{operation} was not asked for: {error}"), false),
        }
    }

    /// The reply, looking after the link meanwhile.
    async fn reply(
        &self,
        way: &Held,
        link: &Arc<Link>,
        reply: &mut oneshot::Receiver<FarReply>,
    ) -> Result<FarReply, oneshot::error::RecvError> {
        loop {
            if let Some(reply) = link_time::within(SILENCE, &mut *reply).await {
                return reply;
            }
            let silent = Duration::from_millis(link_time::now().since(link.heard()));
            if silent >= SILENCE && !self.looking.swap(true, Ordering::AcqRel) {
                let looking = Looking(self);
                self.look_at(way, link).await;
                drop(looking);
            }
        }
    }

    /// Closes a link whose peer gives no sign of life.
    async fn look_at(&self, way: &Held, link: &Arc<Link>) {
        let mut positional = BytesMut::new();
        if ArgumentList::encode(&(), link.codec, &mut positional).is_err() {
            return;
        }
        let asked = link_time::now();
        drop(way.ask_over(link, PING, &positional, SILENCE).await);
        if link.heard() < asked && link.end().is_none() {
            link.close(&format!("the node of the exchange gave no sign of life for {:?}", 2 * SILENCE));
        }
    }
}

pub(super) fn since(began: LinkInstant) -> Duration {
    Duration::from_millis(link_time::now().since(began))
}
