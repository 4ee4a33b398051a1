//! How the link of a way is opened: the attempts, the pauses between them, and those who wait.
//!
//! Always true: what waited leaves in order before anything new; whoever waits is told of the last attempt that was
//! made for them, and no later. Neighbours: [`remote_proxy`](crate::remote_proxy) runs the attempts,
//! [`peer`](crate::peer) makes one.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use folkmoot_agents::Retry;
use folkmoot_agents::deadlines::LinkInstant;
use folkmoot_codecs::CallError;
use tokio::sync::oneshot;

use super::{Opening, Remote, Stage, closed};
use crate::link::Link;
use crate::link_time;
use crate::peer;

/// The pause before the second attempt to open a link; each further one is half as long again.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// The longest pause between two attempts.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Someone who wants the link to be there.
pub(super) struct Waiting {
    tell: oneshot::Sender<Result<(), CallError>>,
    retry: Retry,
    since: LinkInstant,
}

impl Waiting {
    /// Whether a failed attempt is the last that this one waits for.
    fn is_over(&self, now: LinkInstant) -> bool {
        !self.retry.goes_on(now.since(self.since))
    }
}

impl Remote {
    /// Sees to it that there is a link.
    pub(crate) async fn up(&self, retry: Retry) -> Result<(), CallError> {
        let (tell, told) = oneshot::channel();
        let waiting = Waiting { tell, retry, since: link_time::now() };
        {
            let mut state = self.state();
            state.retry = state.retry.longer(retry);
            match &mut state.stage {
                Stage::Up(link) if link.is_open() => return Ok(()),
                Stage::Closed => return Err(closed()),
                Stage::Opening(opening) => opening.waiting.push(waiting),
                Stage::Idle | Stage::Up(_) => {
                    state.stage = Stage::Opening(Opening { waiting: vec![waiting], ..Opening::default() });
                    drop(state);
                    self.wake_actor();
                }
            }
        }
        told.await.unwrap_or_else(|_| Err(closed()))
    }

    /// Attempts until one succeeds or the time for it is over.
    pub(crate) async fn open(self: Arc<Remote>) {
        let began = link_time::now();
        let mut pause = FIRST_PAUSE;
        loop {
            if !matches!(self.state().stage, Stage::Opening(_)) {
                return;
            }
            let ended = self.clone();
            let opened = peer::open(&self.tables, &self.transport, (&self.to, &self.next_id), move || {
                ended.link_ended()
            })
            .await;
            match opened {
                Ok(link) => return self.opened(link),
                Err(cause) => {
                    tracing::debug!(to = %self.to.endpoint, %cause, "no link");
                    if !self.failed(&cause, began) {
                        return;
                    }
                }
            }
            link_time::sleep(pause.mul_f64(0.5 + fastrand::f64() / 2.0)).await;
            pause = pause.mul_f64(1.5).min(LONGEST_PAUSE);
        }
    }

    /// The link is open: what waited leaves in order, before anything new.
    fn opened(&self, link: Arc<Link>) {
        self.is_plain.store(!link.is_rich(), Ordering::Relaxed);
        let mut state = self.state();
        if std::mem::replace(&mut state.had_link, true) {
            self.tables.counters.reconnects.increment(1);
        }
        match std::mem::replace(&mut state.stage, Stage::Up(link.clone())) {
            Stage::Opening(opening) => {
                let waiting = self.send_over(&link, opening);
                drop(state);
                tell_of(waiting);
            }
            // Closed meanwhile, or a link of the peer's was adopted.
            other => {
                state.stage = other;
                drop(state);
                link.close("it is not wanted any more");
            }
        }
    }

    /// An attempt failed. Says whether another one follows.
    fn failed(&self, cause: &str, began: LinkInstant) -> bool {
        let mut state = self.state();
        let now = link_time::now();
        let go_on = state.retry.goes_on(now.since(began));
        let Stage::Opening(opening) = &mut state.stage else { return false };
        opening.last_failure = Some(cause.to_owned());
        let cause = format!("no link to {}: {cause}", self.to.endpoint);
        let error = CallError::Disconnected { may_have_run: false, cause };
        // Another's patience is not theirs.
        let (over, waiting): (Vec<_>, _) =
            std::mem::take(&mut opening.waiting).into_iter().partition(|waiting| waiting.is_over(now));
        opening.waiting = waiting;
        let go_on = go_on || !opening.waiting.is_empty();
        let ended = (!go_on).then(|| std::mem::take(opening));
        if ended.is_some() {
            state.stage = Stage::Idle;
        }
        drop(state);
        for waiting in over {
            waiting.tell.send(Err(error.clone())).ok();
        }
        if let Some(opening) = ended {
            self.end_opening(opening, &error);
        }
        go_on
    }

    /// Sends the calls that waited, in order; gives those who wait for the link itself.
    pub(super) fn send_over(&self, link: &Link, opening: Opening) -> Vec<Waiting> {
        for (id, path, call) in opening.calls {
            if call.reply.as_ref().is_none_or(|reply| !reply.is_closed())
                && let Err(refused) = link.request(id, &path, call, None)
            {
                self.fail(&path, refused.reply, refused.error);
            }
        }
        opening.waiting
    }

    pub(super) fn end_opening(&self, opening: Opening, error: &CallError) {
        for (_, path, call) in opening.calls {
            self.fail(&path, call.reply, error.clone());
        }
        for waiting in opening.waiting {
            waiting.tell.send(Err(error.clone())).ok();
        }
    }
}

pub(super) fn tell_of(waiting: Vec<Waiting>) {
    for waiting in waiting {
        waiting.tell.send(Ok(())).ok();
    }
}
