//! A local agent reached by encoded calls: through `dyn Trait` and untyped proxies.
//!
//! The call passes the same gate; only the types are not known. Neighbours: [`proxy`](crate::proxy) chooses this
//! way where the caller does not have the agent's own type.

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::BytesMut;
use folkmoot_codecs::{Arguments, CallError, Codec, Limits, Message, RawId};
use tokio::sync::oneshot;

use crate::deadlines;
use crate::host::{BoxFuture, Far, FarCall, FarReply, FarTicket, Host, LocalAgent, Outlook};
use crate::linked;
use crate::monitor::NearWatch;
use crate::reply::{ReplyFormat, ReplySink};
use crate::shared::{AgentShared, Status};
use crate::turn::{CallHead, Origin};
use crate::waits::Edge;
use crate::watching::{End, FarWatch, Tie, Watcher};

/// The codec between agents of one process: it keeps every value and is the fastest.
const CODEC: Codec = Codec::MsgPack;

/// What an agent of this process returns is bounded by the process itself.
const UNBOUNDED: Limits =
    Limits { max_frame_bytes: u32::MAX, max_nodes: u32::MAX, max_depth: Limits::DEFAULT.max_depth };

pub(crate) struct Erased {
    host: Arc<dyn Host>,
    name: Arc<str>,
    /// The agent of that name when it was found; `None` where there was none.
    agent: Option<Arc<dyn LocalAgent>>,
}

impl Erased {
    pub(crate) fn new(host: Arc<dyn Host>, agent: Arc<dyn LocalAgent>) -> Erased {
        Erased { host, name: agent.shared().name().clone(), agent: Some(agent) }
    }

    /// Whoever bears that name when it is called.
    pub(crate) fn named(host: Arc<dyn Host>, name: Arc<str>) -> Erased {
        Erased { host, name, agent: None }
    }

    /// The agent, or the one that bears its name now where it has ended.
    fn living(&self) -> Result<Arc<dyn LocalAgent>, CallError> {
        match &self.agent {
            Some(agent) if agent.shared().status() != Status::Stopped => Ok(agent.clone()),
            Some(ended) => Ok(self.host.find(&self.name).unwrap_or_else(|_| ended.clone())),
            None => self.host.find(&self.name),
        }
    }

    /// Who speaks, to that agent.
    fn origin_for(&self, agent: &Arc<dyn LocalAgent>, origin: Arc<Origin>) -> Arc<Origin> {
        if origin.target.as_ref().is_some_and(|target| Arc::ptr_eq(agent.shared(), target)) {
            return origin;
        }
        let Origin { agent: name, caller, inside, .. } = &*origin;
        let target = Some(agent.shared().clone());
        Arc::new(Origin { agent: name.clone(), target, caller: caller.clone(), inside: *inside })
    }
}

impl Far for Erased {
    fn codec(&self) -> Codec {
        CODEC
    }

    fn send(&self, call: FarCall) -> FarTicket {
        // No link can break on this way: what comes again is a new call.
        let FarCall { origin, method, positional, keyword, chain, deadline, reply, key: _, wait, .. } = call;
        let agent = match self.living() {
            Ok(agent) => agent,
            Err(error) => {
                match reply {
                    // A caller that went away has no use for the error.
                    Some(reply) => drop(reply.send(FarReply::Failed(error))),
                    None => {
                        self.host.counters().one_way_failures.increment(1);
                        tracing::info!(agent = %self.name, %error, "a one-way call failed");
                    }
                }
                return FarTicket(0);
            }
        };
        let origin = self.origin_for(&agent, origin);
        let sent = deadlines::coarse_now().unwrap_or_else(|| self.host.now());
        let head = CallHead { origin, method, chain, sent, deadline: Some(deadline) };
        match self.host.admit(head) {
            Err(error) => match reply {
                // A caller that went away has no use for the refusal.
                Some(reply) => drop(reply.send(FarReply::Failed(error))),
                None => agent.shared().one_way_failed(&error),
            },
            Ok(head) => {
                let arguments =
                    Arguments { codec: CODEC, positional: &positional, keyword: keyword.as_deref() };
                let to = agent.shared().clone();
                let sink = LocalSink { is_one_way: reply.is_none(), reply, agent: to, _wait: wait };
                agent.deliver(head, &arguments, Some(Box::new(sink)));
            }
        }
        FarTicket(0)
    }

    fn watch(
        self: Arc<Self>,
        watcher: Arc<dyn Watcher>,
    ) -> BoxFuture<'static, Result<Arc<dyn FarWatch>, CallError>> {
        let watched = self.living().and_then(|agent| agent.shared().watch(watcher)).map(NearWatch::of);
        Box::pin(std::future::ready(watched))
    }

    fn tie(self: Arc<Self>, own: End) -> BoxFuture<'static, Result<Arc<dyn Tie>, CallError>> {
        Box::pin(std::future::ready(self.living().and_then(|agent| linked::near(own, agent))))
    }

    fn cancel(&self, _: FarTicket) -> Option<CallError> {
        // The dropped channel tells the agent, once it looks.
        if let Ok(agent) = self.living() {
            agent.sweep();
        }
        None
    }

    fn agent(&self) -> &str {
        &self.name
    }

    fn url(&self) -> String {
        self.host.url_of(&self.name)
    }

    fn node(&self) -> String {
        self.host.principal().node_name().to_owned()
    }

    fn outlook(&self) -> Outlook {
        match self.living() {
            Ok(agent) => Outlook::of(agent.shared()),
            Err(error) => Outlook::Shut(error),
        }
    }
}

/// Takes the encoded reply back to a caller in this process.
struct LocalSink {
    reply: Option<oneshot::Sender<FarReply>>,
    is_one_way: bool,
    agent: Arc<AgentShared>,
    _wait: Option<Edge>,
}

impl Drop for LocalSink {
    fn drop(&mut self) {
        if let Some(reply) = self.reply.take() {
            // The turn vanished without an answer; nobody may wait for one either.
            reply.send(FarReply::Failed(self.agent.lost_error())).ok();
        }
    }
}

impl ReplySink for LocalSink {
    fn finish(mut self: Box<Self>, write: &mut dyn FnMut(ReplyFormat<'_>, &mut BytesMut)) {
        if self.is_one_way {
            return;
        }
        let mut frame = BytesMut::new();
        let id = RawId::of_number(CODEC, 0);
        let format = ReplyFormat { codec: CODEC, id: &id, rich: true, limits: &UNBOUNDED };
        write(format, &mut frame);
        if let Some(reply) = self.reply.take() {
            reply.send(read_frame(frame)).ok();
        }
    }

    fn poll_cancelled(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.reply {
            Some(reply) => reply.poll_closed(cx),
            None if self.is_one_way => Poll::Pending,
            None => Poll::Ready(()),
        }
    }

    fn is_cancelled(&self) -> bool {
        self.reply.as_ref().map_or(!self.is_one_way, oneshot::Sender::is_closed)
    }

    fn is_one_way(&self) -> bool {
        self.is_one_way
    }

    fn failed(&self, error: &dyn fmt::Display) {
        self.agent.one_way_failed(error);
    }
}

/// The content of a reply frame written in this process.
fn read_frame(frame: BytesMut) -> FarReply {
    let frame = frame.freeze();
    let payload = frame.slice(frame.len().min(4)..);
    match Message::decode(CODEC, &payload, &UNBOUNDED) {
        Ok(Message::Result { content, .. }) => {
            FarReply::Result { codec: CODEC, content: payload.slice_ref(content) }
        }
        Ok(Message::Exception { content, .. }) => {
            FarReply::Exception { codec: CODEC, content: payload.slice_ref(content) }
        }
        Ok(_) => FarReply::Failed(CallError::BadReply { reason: "no reply".to_owned() }),
        Err(error) => FarReply::Failed(CallError::BadReply { reason: error.to_string() }),
    }
}
