//! Messages that are set aside: heavy ones, which are read and decoded on a thread of their own, and calls that must wait.
//!
//! A call waits behind an earlier one to the same agent, and while the peer has not taken the large answers that wait for
//! it. Always true: one message of a link is handled here at a time, in the order they came; the way of all others is
//! free. Neighbours: [`reading`](super::reading) sets aside, [`assembly`](super::assembly) brings heavy payloads.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use folkmoot_agents::host::BoxFuture;
use folkmoot_codecs::{Message, MessageHead, RawId};

use super::LinkTask;
use super::reading::take_aside;
use crate::inbound::{self, InHand};
use crate::link::{Link, agent_of};
use crate::sim::virtual_time;
use crate::spare_buffers;

/// Payloads from this size on are handled on a thread of their own, in bytes: to look at each of them takes longer than
/// a link may be held up.
pub(super) const HEAVY_BYTES: usize = 256 * 1024;
/// Messages handled in a row before the worker is yielded.
const MESSAGES_IN_A_ROW: usize = 32;

/// The messages of one link that were set aside.
#[derive(Default)]
pub(super) struct Aside {
    waiting: VecDeque<Waiting>,
    /// How much they weigh, the one that is being handled too.
    bytes: usize,
    /// How many there are for each agent, the one that is being handled too.
    agents: HashMap<Box<str>, usize>,
    job: Option<Job>,
}

struct Waiting {
    payload: Bytes,
    agent: Option<Box<str>>,
    in_hand: Option<InHand>,
}

/// A heavy message being handled.
struct Job {
    done: BoxFuture<'static, (Bytes, Result<(), String>)>,
    bytes: usize,
    agent: Option<Box<str>>,
}

impl Aside {
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.job.is_none()
    }

    /// Whether something could be handled at once.
    pub(super) fn can_go_on(&self, link: &Link) -> bool {
        !self.waiting.is_empty() && self.job.is_none() && !waits_for_peer(link)
    }

    /// Whether more waits than a frame may weigh.
    fn has_too_much(&self, link: &Link) -> bool {
        self.bytes > link.tables.limits.frame.max_frame_bytes as usize
    }

    /// Whether nothing more may be read until something here is done. Where that waits for the peer it may be told of in
    /// what is read: then calls are refused in the place of being held back, or two nodes could wait for each other.
    pub(super) fn is_full(&self, link: &Link) -> bool {
        self.has_too_much(link) && !waits_for_peer(link)
    }

    /// Takes a heavy message if it is one that any thread may handle.
    pub(super) fn takes_heavy(&mut self, link: &Arc<Link>, payload: &Bytes) -> bool {
        let refuses = waits_for_peer(link) && self.has_too_much(link);
        match Message::head(link.codec, payload) {
            Some(MessageHead::Answer) => self.push(payload, None, None),
            // Refused on the usual way, where one knows whether it wants a reply.
            Some(MessageHead::Request { .. }) if refuses => return false,
            Some(MessageHead::Request { id, path }) => {
                let Some(agent) = agent_of(&path) else { return false };
                // One too many is refused there too.
                let Some(in_hand) = InHand::take(link, &id) else { return false };
                self.push(payload, Some(agent.into()), Some(in_hand));
            }
            Some(_) | None => return false,
        }
        true
    }

    /// Takes a call that must wait: says whether it does, or was refused.
    pub(super) fn takes(
        &mut self,
        link: &Arc<Link>,
        payload: &Bytes,
        (id, path): (&RawId, &str),
        no_reply: bool,
    ) -> bool {
        let waits_for_peer = waits_for_peer(link);
        if self.is_empty() && !waits_for_peer {
            return false;
        }
        let Some(agent) = agent_of(path) else { return false };
        if !waits_for_peer && !self.agents.contains_key(agent) {
            return false;
        }
        let Some(in_hand) = InHand::take(link, id) else { return false };
        if self.has_too_much(link) {
            let method = path.rsplit('/').next().unwrap_or_default();
            let queue = format!("requests of {} that wait until it takes its answers", link.peer_address);
            let full = (queue, link.tables.limits.frame.max_frame_bytes as usize);
            inbound::refuse_overloaded(link, id, (agent, method), no_reply, full);
        } else {
            self.push(payload, Some(agent.into()), Some(in_hand));
        }
        true
    }

    fn push(&mut self, payload: &Bytes, agent: Option<Box<str>>, in_hand: Option<InHand>) {
        self.bytes += payload.len();
        if let Some(agent) = &agent {
            *self.agents.entry(agent.clone()).or_default() += 1;
        }
        self.waiting.push_back(Waiting { payload: payload.clone(), agent, in_hand });
    }

    /// The next message that may be handled: while calls wait for the peer, answers go on.
    fn next(&mut self, link: &Link) -> Option<Waiting> {
        if !waits_for_peer(link) {
            return self.waiting.pop_front();
        }
        let at = self.waiting.iter().position(|waiting| waiting.agent.is_none())?;
        self.waiting.remove(at)
    }

    /// One message has been handled.
    fn end(&mut self, bytes: usize, agent: Option<&str>) {
        self.bytes -= bytes;
        if let Some(agent) = agent
            && let Some(count) = self.agents.get_mut(agent)
        {
            *count -= 1;
            if *count == 0 {
                self.agents.remove(agent);
            }
        }
    }
}

/// Whether as many large answers wait for the peer as may before calls of it are handled.
fn waits_for_peer(link: &Link) -> bool {
    link.outbox.waiting_answers() > link.tables.limits.outbox_high_water_bytes
}

impl LinkTask {
    /// Handles what was set aside. Says whether more could be handled at once.
    ///
    /// # Errors
    /// Why the link must end.
    pub(super) fn poll_aside(&mut self, cx: &mut Context<'_>) -> Result<bool, String> {
        if self.aside.is_empty() {
            return Ok(false);
        }
        for _ in 0..MESSAGES_IN_A_ROW {
            if let Some(job) = &mut self.aside.job {
                let Poll::Ready((payload, done)) = job.done.as_mut().poll(cx) else { return Ok(false) };
                spare_buffers::recycle(payload);
                if let Some(Job { bytes, agent, .. }) = self.aside.job.take() {
                    self.aside.end(bytes, agent.as_deref());
                }
                done?;
            }
            self.answer_pieces();
            let Some(Waiting { payload, agent, in_hand }) = self.aside.next(&self.link) else {
                return Ok(false);
            };
            let bytes = payload.len();
            if bytes >= HEAVY_BYTES {
                let done = handle_apart(self.link.clone(), payload, in_hand);
                self.aside.job = Some(Job { done: Box::pin(done), bytes, agent });
            } else {
                let taken = take_aside(&self.link, &payload, in_hand);
                spare_buffers::recycle(payload);
                self.aside.end(bytes, agent.as_deref());
                taken?;
            }
        }
        Ok(true)
    }
}

/// Handles a heavy message on a thread of its own, when the node has one to spare. The message comes back.
async fn handle_apart(
    link: Arc<Link>,
    payload: Bytes,
    in_hand: Option<InHand>,
) -> (Bytes, Result<(), String>) {
    if virtual_time::is_here() {
        // Threads take turns as they like: a simulation has one.
        let taken = take_aside(&link, &payload, in_hand);
        return (payload, taken);
    }
    let place = link.tables.heavy.clone().acquire_owned().await;
    // Whoever listens to this worker's log hears of it all the same.
    let log = tracing::dispatcher::get_default(tracing::Dispatch::clone);
    let handled = tokio::task::spawn_blocking(move || {
        let taken = tracing::dispatcher::with_default(&log, || take_aside(&link, &payload, in_hand));
        drop(place);
        (payload, taken)
    });
    let lost = |error| (Bytes::new(), Err(format!("a message could not be handled: {error}")));
    handled.await.unwrap_or_else(lost)
}
