//! Replies to idempotent calls, kept for a while: an attempt that comes again under the same key is answered with the
//! first one's reply.
//!
//! Always true: of the attempts of one call at most one runs at a time, the others wait for its reply; what is kept is
//! bounded in number, bytes and time, and given to the principal that it was made for alone. Only results and the
//! methods' own errors are kept: what failed otherwise may be tried again. Neighbours: the [`router`](crate::router)
//! asks here behind the gate, [`inbound`](crate::inbound) has the sinks that are answered.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use folkmoot_agents::Sleep;
use folkmoot_agents::chain::AgentId;
use folkmoot_agents::counters::Counters;
use folkmoot_agents::deadlines::LinkInstant;
use folkmoot_agents::reply::{ReplyFormat, ReplySink};
use folkmoot_codecs::{
    CallError, Codec, Limits, Message, Never, Principal, RawId, encode_exception, encode_exception_raw,
    encode_result_raw,
};
use serde::de::IgnoredAny;

use crate::limits::LinkLimits;
use crate::link_time;

/// A reply up to this size is kept in every codec, a larger one in that of its call. In bytes.
const SMALL_REPLY_BYTES: usize = 16 * 1024;
/// What a kept reply weighs beside its content, in bytes.
const ENTRY_BYTES: usize = 512;

/// Attempts of one running call among which those are looked for that nobody waits for any more.
const CROWD: usize = 16;

/// Why a kept reply goes before its time.
const FOR_NEWER: &str = "newer ones take its room";

/// Names a call, whichever attempt it is and whatever link it came over.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct CallId {
    /// Who calls.
    pub(crate) principal: Principal,
    /// The agent, through all its restarts; another one of its name is another.
    pub(crate) agent: AgentId,
    pub(crate) method: &'static str,
    /// What the caller names the call by.
    pub(crate) key: Arc<str>,
}

/// The kept replies of one container.
pub(crate) struct KeptReplies {
    state: Mutex<State>,
    max_replies: usize,
    max_bytes: usize,
    time_ms: u64,
    frame: Limits,
    counters: Arc<Counters>,
}

#[derive(Default)]
struct State {
    calls: HashMap<CallId, Stage>,
    /// Those that are answered, by the time of it.
    answered: VecDeque<CallId>,
    /// What the kept replies weigh.
    bytes: usize,
}

enum Stage {
    Running(Arc<Running>),
    Answered { reply: Arc<Reply>, at: LinkInstant },
}

impl KeptReplies {
    pub(crate) fn new(limits: &LinkLimits, counters: Arc<Counters>) -> Arc<KeptReplies> {
        Arc::new(KeptReplies {
            state: Mutex::default(),
            max_replies: limits.max_kept_replies,
            max_bytes: limits.max_kept_reply_bytes,
            time_ms: u64::try_from(limits.kept_reply_time.as_millis()).unwrap_or(u64::MAX),
            frame: limits.frame,
            counters,
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An attempt of a call has come, in that codec. Where it is the first, gives back what to answer when it has run;
    /// else it is answered here, now or when the first one is.
    pub(crate) fn begin(
        self: &Arc<Self>,
        id: CallId,
        codec: Codec,
        deadline: Option<LinkInstant>,
        sink: Box<dyn ReplySink>,
    ) -> Option<Box<dyn ReplySink>> {
        let now = link_time::now();
        let mut state = self.state();
        state.forget_old(LinkInstant(now.0.saturating_sub(self.time_ms)));
        match state.calls.get(&id) {
            Some(Stage::Running(running)) => {
                let (waker, over) = running.join(sink);
                drop((state, over));
                self.counters.repeated_requests.increment(1);
                if let Some(waker) = waker {
                    waker.wake();
                }
                None
            }
            Some(Stage::Answered { reply, .. }) => {
                let reply = reply.clone();
                drop(state);
                if !reply.is_in(codec) {
                    return Some(sink);
                }
                self.counters.repeated_requests.increment(1);
                sink.finish(&mut |format, out| reply.write(&format, out));
                None
            }
            None => {
                if state.calls.len() >= self.max_replies {
                    let has_room = state.forget_oldest();
                    self.not_kept(if has_room { FOR_NEWER } else { "too many such calls are running" });
                    if !has_room {
                        return Some(sink);
                    }
                }
                let running = Arc::new(Running::new(sink, deadline));
                state.calls.insert(id.clone(), Stage::Running(running.clone()));
                drop(state);
                let kept = self.clone();
                Some(Box::new(KeepingSink { kept, id, codec, running, sleep: None, done: false }))
            }
        }
    }

    /// The first attempt is over. From now on the next one is answered with the reply, if there is one, or runs.
    fn end(&self, id: &CallId, reply: Option<Arc<Reply>>) {
        let mut state = self.state();
        state.calls.remove(id);
        let Some(reply) = reply else { return };
        if reply.weight() > self.max_bytes {
            drop(state);
            return self.not_kept("it is too large");
        }
        let mut forgotten = 0;
        while state.bytes + reply.weight() > self.max_bytes && state.forget_oldest() {
            forgotten += 1;
        }
        state.bytes += reply.weight();
        state.calls.insert(id.clone(), Stage::Answered { reply, at: link_time::now() });
        state.answered.push_back(id.clone());
        drop(state);
        (0..forgotten).for_each(|_| self.not_kept(FOR_NEWER));
    }

    fn not_kept(&self, why: &'static str) {
        self.counters.replies_not_kept.increment(1);
        tracing::debug!(why, "a reply to an idempotent call is not kept");
    }
}

impl State {
    /// Lets those go that were answered by that moment.
    fn forget_old(&mut self, by: LinkInstant) {
        while let Some(id) = self.answered.front()
            && matches!(self.calls.get(id), Some(Stage::Answered { at, .. }) if *at <= by)
        {
            self.forget_oldest();
        }
    }

    /// Says whether there was one.
    fn forget_oldest(&mut self) -> bool {
        let Some(id) = self.answered.pop_front() else { return false };
        if let Some(Stage::Answered { reply, .. }) = self.calls.remove(&id) {
            self.bytes -= reply.weight();
        }
        true
    }
}

/// A kept reply: a result, or the method's own error.
struct Reply {
    is_result: bool,
    /// The content of its frame, in one codec or in each.
    contents: Vec<(Codec, Bytes)>,
}

impl Reply {
    /// Keeps what `write` writes, first in that codec. `None` where it is neither a result nor the method's own error.
    fn of(
        write: &mut dyn FnMut(ReplyFormat<'_>, &mut BytesMut),
        codec: Codec,
        limits: &Limits,
    ) -> Option<Reply> {
        let codec = codec.of_values();
        let (is_result, content) = content_of(write, codec, limits)?;
        let is_small = content.len() <= SMALL_REPLY_BYTES;
        let mut contents = vec![(codec, content)];
        if is_small {
            let others =
                Codec::ALL.into_iter().filter(|other| *other != codec && other.of_values() == *other);
            for other in others {
                // A value that one codec can say and another cannot is there in the one.
                if let Some((same, content)) = content_of(write, other, limits)
                    && same == is_result
                {
                    contents.push((other, content));
                }
            }
        }
        Some(Reply { is_result, contents })
    }

    fn is_in(&self, codec: Codec) -> bool {
        self.contents.iter().any(|(of, _)| *of == codec.of_values())
    }

    fn weight(&self) -> usize {
        self.contents.iter().map(|(_, content)| content.len()).sum::<usize>() + ENTRY_BYTES
    }

    /// Appends the whole frame.
    fn write(&self, format: &ReplyFormat<'_>, out: &mut BytesMut) {
        let ReplyFormat { codec, id, rich, limits } = *format;
        let content = self.contents.iter().find(|(of, _)| *of == codec.of_values());
        let written = match content {
            Some((_, content)) if self.is_result => encode_result_raw(codec, out, id, content, limits),
            Some((_, content)) => encode_exception_raw(codec, out, id, content, limits),
            None => return,
        };
        if let Err(error) = written {
            let error: CallError<Never> = CallError::BadReply { reason: error.to_string() };
            encode_exception(codec, out, id, &error, rich, limits);
        }
    }
}

/// Whether `write` writes a result, and the content; `None` where it writes neither that nor the method's own error.
fn content_of(
    write: &mut dyn FnMut(ReplyFormat<'_>, &mut BytesMut),
    codec: Codec,
    limits: &Limits,
) -> Option<(bool, Bytes)> {
    let id = RawId::of_number(codec, 0);
    let mut frame = BytesMut::new();
    write(ReplyFormat { codec, id: &id, rich: true, limits }, &mut frame);
    // Behind the length.
    let payload = frame.get(4..)?;
    match Message::decode(codec, payload, limits) {
        Ok(Message::Result { content, .. }) => Some((true, Bytes::copy_from_slice(content))),
        Ok(Message::Exception { content, .. }) => {
            let is_own = match CallError::<IgnoredAny>::from_exception(codec, content) {
                CallError::Agent(_) => true,
                // Its data did not fit a frame.
                CallError::Remote { kind, .. } => kind == "agent",
                _ => false,
            };
            is_own.then(|| (false, Bytes::copy_from_slice(content)))
        }
        _ => None,
    }
}

/// A call that has not been answered, and all its attempts.
struct Running {
    attempts: Mutex<Attempts>,
    deadline: Option<LinkInstant>,
}

struct Attempts {
    sinks: Vec<Box<dyn ReplySink>>,
    /// How many there are when those are let go that nobody waits for.
    crowd: usize,
    /// Of the running turn, which looks whether anybody waits for it.
    waker: Option<Waker>,
    /// Since when every link that an attempt came over is gone.
    lost_since: Option<LinkInstant>,
}

/// Who waits for a running call.
enum Waiting {
    /// Somebody does.
    Yes,
    /// Links are gone: somebody may ask again, until then.
    Until(LinkInstant),
    /// All have taken their attempts back.
    No,
}

impl Running {
    fn new(first: Box<dyn ReplySink>, deadline: Option<LinkInstant>) -> Running {
        let attempts = Attempts { sinks: vec![first], crowd: CROWD, waker: None, lost_since: None };
        Running { attempts: Mutex::new(attempts), deadline }
    }

    fn attempts(&self) -> MutexGuard<'_, Attempts> {
        self.attempts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Another attempt waits for the same reply. The turn is to look at it too: its waker, if it looked before. Gives
    /// the attempts, too, that are let go: a caller whose links break again and again leaves no crowd of them.
    fn join(&self, sink: Box<dyn ReplySink>) -> (Option<Waker>, Vec<Box<dyn ReplySink>>) {
        let mut attempts = self.attempts();
        let mut over = Vec::new();
        if attempts.sinks.len() >= attempts.crowd {
            let all = std::mem::take(&mut attempts.sinks);
            (over, attempts.sinks) = all.into_iter().partition(|sink| sink.is_cancelled());
            attempts.crowd = CROWD.max(2 * attempts.sinks.len());
        }
        attempts.sinks.push(sink);
        attempts.lost_since = None;
        (attempts.waker.take(), over)
    }

    /// Looks whether anybody waits; `is_over` tells it of one attempt. One whose link is gone is waited for so long.
    fn waiting(
        &self,
        waker: Option<&Waker>,
        lost_ms: u64,
        mut is_over: impl FnMut(&mut dyn ReplySink) -> bool,
    ) -> Waiting {
        let mut attempts = self.attempts();
        if let Some(waker) = waker {
            attempts.waker = Some(waker.clone());
        }
        let (mut waits, mut is_lost) = (false, false);
        // All are asked: whoever is asked remembers whom to wake.
        for sink in &mut attempts.sinks {
            let over = is_over(&mut **sink);
            waits |= !over;
            is_lost |= over && sink.is_lost();
        }
        if waits || !is_lost {
            attempts.lost_since = None;
            return if waits { Waiting::Yes } else { Waiting::No };
        }
        let since = *attempts.lost_since.get_or_insert_with(link_time::now);
        let longest = since.plus(lost_ms);
        Waiting::Until(self.deadline.map_or(longest, |deadline| deadline.min(longest)))
    }

    fn take_sinks(&self) -> Vec<Box<dyn ReplySink>> {
        std::mem::take(&mut self.attempts().sinks)
    }
}

/// Where the reply to a call goes that may come again: to all its attempts, and to be kept.
struct KeepingSink {
    kept: Arc<KeptReplies>,
    id: CallId,
    /// Of the first attempt.
    codec: Codec,
    running: Arc<Running>,
    /// Until nobody is waited for any more, where all links are gone.
    sleep: Option<Sleep>,
    done: bool,
}

impl ReplySink for KeepingSink {
    fn finish(mut self: Box<Self>, write: &mut dyn FnMut(ReplyFormat<'_>, &mut BytesMut)) {
        self.done = true;
        let reply = Reply::of(write, self.codec, &self.kept.frame).map(Arc::new);
        self.kept.end(&self.id, reply.clone());
        for sink in self.running.take_sinks() {
            sink.finish(&mut |format, out| match &reply {
                Some(reply) if reply.is_in(format.codec) && format.rich => reply.write(&format, out),
                _ => write(format, out),
            });
        }
    }

    fn poll_cancelled(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let lost_ms = self.kept.time_ms;
        let waiting =
            self.running.waiting(Some(cx.waker()), lost_ms, |sink| sink.poll_cancelled(cx).is_ready());
        let Waiting::Until(moment) = waiting else {
            self.sleep = None;
            return if matches!(waiting, Waiting::Yes) { Poll::Pending } else { Poll::Ready(()) };
        };
        let sleep = self
            .sleep
            .get_or_insert_with(|| link_time::sleep(Duration::from_millis(moment.since(link_time::now()))));
        sleep.as_mut().poll(cx)
    }

    fn is_cancelled(&self) -> bool {
        match self.running.waiting(None, self.kept.time_ms, |sink| sink.is_cancelled()) {
            Waiting::Yes => false,
            Waiting::No => true,
            Waiting::Until(moment) => link_time::now() >= moment,
        }
    }
}

impl Drop for KeepingSink {
    fn drop(&mut self) {
        if !self.done {
            // The turn vanished without an answer; each attempt is told so as its sink is dropped.
            self.kept.end(&self.id, None);
            drop(self.running.take_sinks());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An attempt that is lost as soon as it came, and counted while it is there.
    struct Lost(#[expect(dead_code, reason = "counted")] Arc<()>);

    impl ReplySink for Lost {
        fn finish(self: Box<Self>, _: &mut dyn FnMut(ReplyFormat<'_>, &mut BytesMut)) {}

        fn poll_cancelled(&mut self, _: &mut Context<'_>) -> Poll<()> {
            Poll::Ready(())
        }

        fn is_cancelled(&self) -> bool {
            true
        }

        fn is_lost(&self) -> bool {
            true
        }
    }

    #[test]
    fn lost_attempts_of_a_call_that_runs_are_let_go() {
        let kept = KeptReplies::new(&LinkLimits::default(), Arc::new(Counters::new("test")));
        let id = CallId {
            principal: Principal::anonymous(),
            agent: AgentId::FOREIGN,
            method: "wait",
            key: "key".into(),
        };
        let attempts = Arc::new(());
        let come = || {
            let sink = Box::new(Lost(attempts.clone()));
            kept.begin(id.clone(), Codec::MsgPack, None, sink)
        };
        let running = come().unwrap();
        for _ in 0..1_000 {
            assert!(come().is_none());
        }
        let crowd = Arc::strong_count(&attempts) - 1;
        assert!(crowd <= CROWD, "{crowd} attempts");
        drop(running);
        assert_eq!(Arc::strong_count(&attempts), 1);
    }
}
