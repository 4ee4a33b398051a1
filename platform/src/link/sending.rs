//! The half of a link that sends: calls, requests and answers of the platform's own, and cancels.
//!
//! Always true: a call is noted as pending before it may be answered. Neighbours: [`remote`](crate::remote) sends calls,
//! the [`outbox`](crate::outbox) keeps their order.

use bytes::BytesMut;
use folkmoot_agents::chain::{self, Chain, Mode};
use folkmoot_agents::deadlines;
use folkmoot_agents::host::{FarCall, FarReply};
use folkmoot_codecs::frame::HEADER_BYTES;
use folkmoot_codecs::monitoring::MAX_CAUSE_BYTES;
use folkmoot_codecs::{
    AgentEvent, CallError, ChainLink, Codec, EncodeError, Headers, Limits, Piece, PlainTypes, check_request,
    encode_around, encode_request,
};
use tokio::sync::oneshot;

use super::{Link, NotSent};
use crate::inbound::{CANCEL, END, EVENT, GOODBYE};
use crate::link_time;
use crate::outbox::{Name, Payload, TakenBack};
use crate::scratch;

impl Link {
    /// Holds a large call to the bounds of this peer, which takes a time that grows with its arguments: before any lock
    /// is taken. Gives the bounds; `None` where it is not large to this peer.
    ///
    /// # Errors
    /// Where it is beyond them.
    pub(crate) fn check_large(&self, path: &str, call: &FarCall) -> Option<Result<Limits, CallError>> {
        if !self.cuts(payload_bytes(call)) {
            return None;
        }
        let (limits, headers) = (self.frame_limits(), self.headers(call));
        let keyword = call.keyword.as_deref();
        let checked = check_request(self.codec, path, &call.positional, keyword, headers.as_ref(), &limits);
        Some(checked.map(|()| limits).map_err(|error| unencodable(&error)))
    }

    /// What travels beside a call, to a peer that understands.
    fn headers(&self, call: &FarCall) -> Option<Headers> {
        self.is_rich().then(|| Headers {
            no_reply: call.reply.is_none(),
            // A tick too many does no harm: the caller keeps its own time.
            deadline_ms: Some(call.deadline.since(deadlines::coarse_now().unwrap_or_else(link_time::now))),
            chain: told(&call.chain),
            idempotency_key: call.key.as_ref().map(ToString::to_string),
            ..Headers::default()
        })
    }

    /// Sends a call to `path`. A large one may have been `checked` before against bounds.
    pub(crate) fn request(
        &self,
        id: u64,
        path: &str,
        mut call: FarCall,
        checked: Option<Limits>,
    ) -> Result<(), NotSent> {
        let headers = self.headers(&call);
        let limits = &self.tables.limits;
        if self.outbox.waiting() > limits.max_outbox_bytes {
            return Err(NotSent { reply: call.reply, error: self.no_room() });
        }
        if self.cuts(payload_bytes(&call))
            && checked != Some(self.frame_limits())
            && let Some(Err(error)) = self.check_large(path, &call)
        {
            return Err(NotSent { reply: call.reply, error });
        }
        if let Some(types) = self.plain_types()
            && let Err(reason) = check_plain(&types, self.codec, &call)
        {
            return Err(NotSent { reply: call.reply, error: CallError::Unencodable { reason } });
        }
        let reply = call.reply.take();
        let one_way = reply.is_none();
        if let Some(reply) = reply {
            let told = self.told.get().and_then(|told| told.max_requests);
            self.expect(id, reply, call.credit.take(), told)?;
        }
        match self.push_call(id, path, call, headers.as_ref()) {
            Some(Ok(())) => Ok(()),
            Some(Err(error)) => {
                let reply = self.pending().take(id).map(|caller| caller.reply);
                Err(NotSent { reply, error })
            }
            None if one_way => Err(NotSent { reply: None, error: self.gone() }),
            // The link ended meanwhile; whoever waited on it has been told.
            None => Ok(()),
        }
    }

    /// Sends a channel's request, a whole frame, whose reply is awaited.
    pub(crate) fn send_open(
        &self,
        id: u64,
        frame: BytesMut,
    ) -> Result<oneshot::Receiver<FarReply>, CallError> {
        if let Some(error) = self.overload() {
            return Err(error);
        }
        let (tell, reply) = oneshot::channel();
        self.expect(id, tell, None, None).map_err(|refused| refused.error)?;
        // `None`: the link ended meanwhile; whoever waited on it has been told.
        self.outbox.push(|out, _| out.extend_from_slice(&frame));
        scratch::give_back(frame);
        Ok(reply)
    }

    /// Puts a call into the outbox; `None` where the link has ended.
    fn push_call(
        &self,
        id: u64,
        path: &str,
        call: FarCall,
        headers: Option<&Headers>,
    ) -> Option<Result<(), CallError>> {
        let (codec, frame) = (self.codec, self.frame_limits());
        let is_large = self.cuts(payload_bytes(&call));
        let FarCall { positional, keyword, .. } = call;
        let keyword = keyword.as_deref();
        if !is_large {
            let pushed = self.outbox.push_request(id, path, |out| {
                encode_request(codec, out, id, path, &positional, keyword, headers, &frame)
            });
            return pushed.map(|written| written.map_err(|error| unencodable(&error)));
        }
        let (head, tail) = match encode_around(codec, id, path, positional.len(), keyword, headers, &frame) {
            Ok(around) => around,
            Err(error) => return Some(Err(unencodable(&error))),
        };
        let parts = [head, positional, tail].map(BytesMut::freeze).into();
        let payload = Payload { name: Some(Name::Request(id)), parts };
        let pushed =
            self.outbox.push_large(Some(order_key(path)), payload, self.tables.limits.max_outbox_bytes);
        pushed.map(|taken| taken.map_err(|_| self.no_room()))
    }

    /// What refuses a call that would leave now, where too much waits to be written.
    pub(crate) fn overload(&self) -> Option<CallError> {
        (self.outbox.waiting() > self.tables.limits.max_outbox_bytes).then(|| self.no_room())
    }

    /// More waits for the peer than may.
    fn no_room(&self) -> CallError {
        self.tables.counters.overloads.increment(1);
        let queue = format!("bytes waiting for {}", self.name);
        CallError::Overloaded { queue, limit: self.tables.limits.max_outbox_bytes }
    }

    /// Sends a request of the platform's own, whose reply is awaited.
    pub(crate) fn ask(&self, id: u64, path: &str, positional: &[u8]) -> oneshot::Receiver<FarReply> {
        let (tell, reply) = oneshot::channel();
        match self.expect(id, tell, None, None) {
            Err(refused) => {
                if let Some(tell) = refused.reply {
                    tell.send(FarReply::Failed(refused.error)).ok();
                }
            }
            Ok(()) => self.push_request(id, path, positional, None),
        }
        reply
    }

    /// Sends a request to the exchange at the other end. Who waits for mail there is `patient`: counted apart from calls.
    ///
    /// # Errors
    /// What keeps it from leaving.
    pub(crate) fn ask_exchange(
        &self,
        id: u64,
        path: &str,
        positional: &[u8],
        patient: bool,
    ) -> Result<oneshot::Receiver<FarReply>, CallError> {
        if let Some(error) = self.overload() {
            return Err(error);
        }
        let limits = self.frame_limits();
        check_request(self.codec, path, positional, None, None, &limits)
            .map_err(|error| unencodable(&error))?;
        let (tell, reply) = oneshot::channel();
        match patient {
            true => self.expect_patiently(id, tell)?,
            false => self.expect(id, tell, None, None).map_err(|refused| refused.error)?,
        }
        self.push_request(id, path, positional, None);
        Ok(reply)
    }

    /// Sends a request of the platform's own that has no reply.
    pub(crate) fn tell(&self, id: u64, path: &str, positional: &[u8]) {
        let headers = Headers { no_reply: true, ..Headers::default() };
        self.push_request(id, path, positional, Some(&headers));
    }

    /// Tells the peer of an agent that it monitors.
    pub(crate) fn tell_event(&self, number: u64, event: &AgentEvent) {
        let mut positional = BytesMut::new();
        match self.codec.encode(&(number, event), &mut positional) {
            Ok(()) => self.tell(u64::MAX >> 1, EVENT, &positional),
            Err(error) => tracing::error!(%error, "an event of an agent did not encode"),
        }
    }

    /// The longest cause of a crash that surely fits a frame to this peer, in bytes.
    pub(crate) fn max_cause_bytes(&self) -> usize {
        // In JSON a byte may become six.
        MAX_CAUSE_BYTES.min(self.frame_limits().max_frame_bytes as usize / 8)
    }

    fn push_request(&self, id: u64, path: &str, positional: &[u8], headers: Option<&Headers>) {
        let limits = self.frame_limits();
        let mut frame = BytesMut::new();
        let written = encode_request(self.codec, &mut frame, id, path, positional, None, headers, &limits);
        if let Err(error) = written {
            tracing::error!(peer = %self.peer_address, %path, %error, "a request of the platform did not encode");
            return;
        }
        match path {
            // The peer closes when it comes: behind all answers.
            GOODBYE | END => drop(self.outbox.push(|out, _| out.extend_from_slice(&frame))),
            _ => self.push_own(Some(path), frame),
        }
    }

    /// Sends a frame of the platform's own: before all that waits, or in pieces where it is large.
    pub(crate) fn push_own(&self, path: Option<&str>, mut frame: BytesMut) {
        if !self.cuts(frame.len() - HEADER_BYTES) {
            return self.outbox.push_control(path, &frame);
        }
        let payload = Payload { name: None, parts: [frame.split_off(HEADER_BYTES).freeze()].into() };
        // There are few of these, and calls have kept to the bound.
        drop(self.outbox.push_large(path, payload, usize::MAX));
    }

    /// Nobody waits for that reply any more; the peer is told, where it understands and has seen the request. Says
    /// whether the reply was to come over this link.
    pub(crate) fn cancel(&self, id: u64, agent: Option<&str>) -> bool {
        let waited = self.pending().take(id).is_some();
        if waited && self.is_rich() {
            self.push_cancel(id, agent);
        }
        waited
    }

    /// Whoever asked by request `id` waits no more: what has not left yet of a large answer stays here.
    pub(crate) fn take_back_answer(&self, id: u64) {
        let taken_back = self.outbox.take_back(Name::Answer(id));
        if taken_back == TakenBack::Gone {
            return;
        }
        self.drops_answer(id);
        if let TakenBack::Begun(stream) = taken_back {
            let mut positional = BytesMut::new();
            match self.codec.encode(&(stream,), &mut positional) {
                Ok(()) => self.tell(u64::MAX >> 1, Piece::DROP_PATH, &positional),
                Err(error) => tracing::error!(%error, "the number of a stream did not encode"),
            }
        }
    }

    /// The answer to request `id` is not sent, for nobody waits for it.
    pub(crate) fn drops_answer(&self, id: u64) {
        self.tables.counters.answers_dropped.increment(1);
        tracing::debug!(peer = %self.peer_address, id, "an answer that nobody waits for is not sent");
    }

    fn push_cancel(&self, id: u64, agent: Option<&str>) {
        let headers = Headers { no_reply: true, ..Headers::default() };
        let (mut positional, mut frame) = (BytesMut::new(), BytesMut::new());
        let taken_back = self.outbox.take_back(Name::Request(id));
        let (path, written) = match taken_back {
            TakenBack::Whole => return,
            TakenBack::Begun(stream) => (Piece::DROP_PATH, self.codec.encode(&(stream,), &mut positional)),
            TakenBack::Gone => (CANCEL, self.codec.encode(&(id, agent), &mut positional)),
        };
        let limits = self.frame_limits();
        let written = written.and_then(|()| {
            let (own_id, headers) = (u64::MAX >> 1, Some(&headers));
            encode_request(self.codec, &mut frame, own_id, path, &positional, None, headers, &limits)
        });
        match (written, taken_back) {
            (Err(error), _) => tracing::error!(%error, "an id did not encode"),
            (Ok(()), TakenBack::Begun(_)) => self.outbox.push_control(None, &frame),
            (Ok(()), _) => self.outbox.push_cancel(id, &frame),
        }
    }
}

/// A plain peer's link would break over a map that looks like a value of a special type and is none.
fn check_plain(types: &PlainTypes, codec: Codec, call: &FarCall) -> Result<(), String> {
    types.check_encoded(codec, &call.positional)?;
    call.keyword.as_ref().map_or(Ok(()), |keyword| types.check_encoded(codec, keyword))
}

/// How much of a call grows with its arguments, in bytes.
pub(crate) fn payload_bytes(call: &FarCall) -> usize {
    call.positional.len() + call.keyword.as_ref().map_or(0, |keyword| keyword.len())
}

fn unencodable(error: &EncodeError) -> CallError {
    CallError::Unencodable { reason: error.to_string() }
}

/// What keeps requests in order: those to one agent, and those to one path of the platform's own.
pub(crate) fn order_key(path: &str) -> &str {
    agent_of(path).unwrap_or(path)
}

/// The agent whose method the path leads to.
pub(crate) fn agent_of(path: &str) -> Option<&str> {
    path.strip_prefix("agents/").and_then(|rest| rest.split_once('/')).map(|(agent, _)| agent)
}

/// Who waits for a call, as it is told on the wire: outermost first.
fn told(chain: &Option<Chain>) -> Vec<ChainLink> {
    let mut callers: Vec<ChainLink> = chain::callers(chain)
        .map(|link| ChainLink { agent: link.name.to_string(), exclusive: link.mode == Mode::Exclusive })
        .collect();
    callers.reverse();
    callers
}
