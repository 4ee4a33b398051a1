//! A stream of mail: server-sent events, one for each message, for as long as the client listens.
//!
//! Always true: a message is handed over in the poll in which HTTP takes its bytes, and held from then on; what HTTP did not
//! take is given back. The stream ends when nothing came for the client's time, when its mailbox is terminated, when its
//! connection is to end. Neighbours: [`receiving`](super::receiving) begins it, [`held`](super::held) keeps what it handed
//! over.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::fmt::Write;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::HttpBody;
use bytes::Bytes;
use folkmoot::Sleep;
use folkmoot::exchange::{Delivery, ExchangeError, MailboxId, Recv};
use futures_util::future::BoxFuture;
use http_body::Frame;

use super::asking::Who;
use super::connection::Caller;
use super::counts::Open;
use super::door::Door;
use super::held::Answer;
use super::message::{Dialect, place_for_a_break};
use super::rendering::render;

/// The first event: a client whose stream ended begins another after so many milliseconds, in place of its own 1,000.
const RETRY: &str = "retry: 20\r\n\r\n";
/// A comment, so that nobody on the way takes the stream for dead.
const PING: &str = ": ping\r\n\r\n";
/// Time between two of them.
const PING_TIME: Duration = Duration::from_secs(15);
/// Deliveries that are taken from the exchange at once: each may be as large as a message can be.
const AT_ONCE: usize = 8;
/// Events are put together into one write up to so many bytes.
const WRITE_BYTES: usize = 32 << 10;
/// Academy's client fails at a longer line (aiohttp's buffer), and its agent with it.
const LONGEST_LINE: usize = 524_288 - 16;

/// How much a client listens to.
#[derive(Clone, Debug)]
pub(crate) struct Listening {
    pub(crate) who: Who,
    pub(crate) mailbox: MailboxId,
    /// The stream ends when nothing came for so long.
    pub(crate) time: Duration,
    /// What the client's headers say of it; a mailbox that has sent messages may say something else.
    pub(crate) dialect: Option<Dialect>,
}

/// The body of an answer that does not end for a while.
pub(crate) struct MailStream {
    door: Arc<Door>,
    caller: Caller,
    listening: Listening,
    answer: Arc<Answer>,
    receiving: BoxFuture<'static, Result<Vec<Delivery>, ExchangeError>>,
    waiting: VecDeque<Delivery>,
    ping: Sleep,
    has_begun: bool,
    has_ended: bool,
    _counted: Open,
}

impl MailStream {
    pub(crate) fn new(door: Arc<Door>, caller: Caller, listening: Listening) -> MailStream {
        let receiving = receive(&door, &listening);
        let ping = door.clock.sleep(PING_TIME);
        let counted = door.counts.stream();
        MailStream {
            door,
            caller,
            listening,
            answer: Arc::default(),
            receiving,
            waiting: VecDeque::new(),
            ping,
            has_begun: false,
            has_ended: false,
            _counted: counted,
        }
    }

    /// The events of the mail that waits, as much of it as one write takes.
    fn events(&mut self) -> Option<String> {
        let mut text = String::new();
        while text.len() < WRITE_BYTES {
            let Some(delivery) = self.waiting.pop_front() else { break };
            let Some(message) = render(&self.door, &self.listening, &delivery) else { continue };
            let event = self.door.held.next_event();
            write_event(&mut text, event, &message);
            let as_what = (&self.answer, Some(event));
            self.door.held.hold(&delivery, &self.listening.who.asker, as_what, &self.caller.hands);
        }
        (!text.is_empty()).then_some(text)
    }

    fn end(&mut self) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.has_ended = true;
        self.answer.end();
        Poll::Ready(None)
    }
}

fn receive(
    door: &Arc<Door>,
    listening: &Listening,
) -> BoxFuture<'static, Result<Vec<Delivery>, ExchangeError>> {
    let (exchange, asker) = (door.exchange.clone(), listening.who.asker.clone());
    let (mailbox, how) = (listening.mailbox, Recv::within(listening.time).at_most(AT_ONCE));
    Box::pin(async move { exchange.recv(&asker, mailbox, how).await })
}

/// One event: its number, and the message as it came. A line end in the message is one between two lines of data, and a
/// message that makes too long a line is broken where JSON lets one.
pub(super) fn write_event(text: &mut String, event: u64, message: &str) {
    // Writing to a string does not fail.
    write!(text, "id: {event}\r\n").ok();
    let too_long = message.len() > LONGEST_LINE;
    let place = too_long.then(|| place_for_a_break(message)).flatten();
    let (first, second) = message.split_at(place.unwrap_or(0));
    for part in [first, second].into_iter().filter(|part| !part.is_empty()) {
        for line in part.split('\n').flat_map(|line| line.strip_suffix('\r').unwrap_or(line).split('\r')) {
            text.extend(["data: ", line, "\r\n"]);
        }
    }
    text.push_str("\r\n");
}

impl HttpBody for MailStream {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let this = &mut *self;
        let some = |text: Bytes| Poll::Ready(Some(Ok(Frame::data(text))));
        if this.has_ended {
            return Poll::Ready(None);
        }
        if !this.has_begun {
            this.has_begun = true;
            return some(Bytes::from_static(RETRY.as_bytes()));
        }
        loop {
            if let Some(events) = this.events() {
                return some(events.into());
            }
            if this.caller.stop.poll(cx).is_ready() {
                return this.end();
            }
            match this.receiving.as_mut().poll(cx) {
                Poll::Pending => break,
                Poll::Ready(Ok(deliveries)) if deliveries.is_empty() => return this.end(),
                Poll::Ready(Ok(deliveries)) => {
                    this.waiting.extend(deliveries);
                    this.receiving = receive(&this.door, &this.listening);
                }
                Poll::Ready(Err(error)) => {
                    tracing::debug!(mailbox = %this.listening.mailbox, %error, "a stream ends");
                    return this.end();
                }
            }
        }
        if this.ping.as_mut().poll(cx).is_ready() {
            this.ping = this.door.clock.sleep(PING_TIME);
            // Polled once, so that it wakes this task.
            let _ = this.ping.as_mut().poll(cx);
            this.caller.hands.line().hand();
            return some(Bytes::from_static(PING.as_bytes()));
        }
        Poll::Pending
    }
}

impl Drop for MailStream {
    fn drop(&mut self) {
        if !self.waiting.is_empty() {
            let receipts = self.waiting.drain(..).map(|delivery| delivery.receipt).collect();
            self.door.held.return_unhanded(self.listening.who.asker.clone(), receipts);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(message: &str) -> String {
        let mut text = String::new();
        write_event(&mut text, 7, message);
        text
    }

    #[test]
    fn an_event_is_a_number_and_the_message() {
        assert_eq!(event(r#"{"a":1}"#), "id: 7\r\ndata: {\"a\":1}\r\n\r\n");
    }

    #[test]
    fn line_ends_in_a_message_are_lines_of_data() {
        assert_eq!(event("{\n\r\n \r}"), "id: 7\r\ndata: {\r\ndata: \r\ndata:  \r\ndata: }\r\n\r\n");
    }

    #[test]
    fn a_line_that_a_client_cannot_read_is_broken_after_the_header() {
        let body = "x".repeat(LONGEST_LINE);
        let long = format!(r#"{{"header":{{"tag":"}}"}},"body":"{body}"}}"#);
        let text = event(&long);
        let lines: Vec<&str> = text.split("\r\n").collect();
        assert_eq!(lines[1], r#"data: {"header":{"tag":"}"}"#);
        assert!(lines[2].starts_with("data: ,\"body\":\"xx"));
        assert_eq!(format!("{}{}", &lines[1][6..], &lines[2][6..]), long);
    }
}
