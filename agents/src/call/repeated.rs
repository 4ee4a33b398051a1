//! A call of an idempotent method: attempts, one after the other, until one is answered or none is left.
//!
//! Always true: at most one attempt is on its way at a time; dropped, it is taken back and none follows. Neighbours:
//! [`attempts`](crate::attempts) says whether another one follows.

use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use folkmoot_codecs::CallError;

use super::{NearReply, read_reply, send_near, send_to_far, sweep};
use crate::attempts::Attempts;
use crate::host::{FarReply, Host};
use crate::interface::Method;
use crate::proxy::{ProxyCore, Target};
use crate::waiting::{Passage, Wait};

/// The attempts of one call.
pub(super) struct Repeated<M: Method> {
    args: M::Args,
    passage: Passage,
    attempts: Attempts,
    on_its_way: Option<Attempt<M>>,
}

enum Attempt<M: Method> {
    Near(Wait<NearReply<M>>),
    Far(Wait<FarReply>),
}

impl<M: Method> Repeated<M> {
    pub(super) fn new(host: &Arc<dyn Host>, deadline: Option<Duration>, args: M::Args) -> Repeated<M> {
        let passage = Passage::here(&**host, deadline);
        Repeated { args, passage, attempts: Attempts::begin(&**host), on_its_way: None }
    }

    pub(super) fn poll(
        &mut self,
        core: &mut ProxyCore<M::Interface>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<M::Ok, CallError<M::Err>>> {
        loop {
            let ended = match &mut self.on_its_way {
                None => {
                    ready!(self.attempts.poll_pause(core.host(), cx));
                    match self.send(core) {
                        Ok(attempt) => {
                            self.on_its_way = Some(attempt);
                            continue;
                        }
                        Err(error) => Err(error.widen()),
                    }
                }
                Some(attempt) => ready!(attempt.poll(core, cx)),
            };
            self.on_its_way = None;
            let error = match ended {
                Ok(value) => return Poll::Ready(Ok(value)),
                Err(error) => error,
            };
            let to = (&*core.0.origin, M::NAME);
            if let Err(last) = self.attempts.fail(error, core.host(), to, self.passage.deadline) {
                return Poll::Ready(Err(last));
            }
        }
    }

    /// Sends one attempt, to where the agent is now.
    fn send(&mut self, core: &mut ProxyCore<M::Interface>) -> Result<Attempt<M>, CallError> {
        core.renew();
        let (inner, passage) = (&*core.0, self.passage.clone());
        match &inner.target {
            Target::Near(near) => match M::again(&self.args) {
                Some(args) => send_near::<M>(inner, near, args, passage).map(Attempt::Near),
                None => Err(CallError::Unencodable { reason: "a trait's call to a typed door".to_owned() }),
            },
            Target::Far(far) => {
                let key = self.attempts.key();
                send_to_far::<M>(core, far, &self.args, passage, key).map(Attempt::Far)
            }
        }
    }

    /// Nobody waits any more. Says whether an attempt was on its way to an agent of this process.
    pub(super) fn take_back(&mut self) -> bool {
        match &mut self.on_its_way {
            Some(Attempt::Near(wait)) => {
                wait.take_back();
                true
            }
            // A far one is taken back as it is dropped.
            Some(Attempt::Far(_)) | None => false,
        }
    }
}

impl<M: Method> Attempt<M> {
    fn poll(
        &mut self,
        core: &ProxyCore<M::Interface>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<M::Ok, CallError<M::Err>>> {
        let inner = &*core.0;
        Poll::Ready(match self {
            Attempt::Near(wait) => match ready!(wait.poll_reply(&inner.host, &inner.origin, cx)) {
                Ok(reply) => reply,
                Err(error) => {
                    sweep(inner);
                    Err(error.widen())
                }
            },
            Attempt::Far(wait) => match ready!(wait.poll_reply(&inner.host, &inner.origin, cx)) {
                Ok(reply) => read_reply::<M>(core, reply),
                Err(error) => Err(error.widen()),
            },
        })
    }
}
