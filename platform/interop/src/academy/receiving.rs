//! Messages that go out: one for a request, or a stream of them.
//!
//! Neighbours: [`stream`](super::stream) is the body of a stream, [`held`](super::held) keeps what was handed over until
//! it has arrived.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::http::{HeaderMap, HeaderValue, Version, header};
use axum::response::Response;
use bytes::Bytes;
use folkmoot::exchange::{Delivery, ExchangeError, MailboxState, Recv};
use http_body::{Frame, SizeHint};

use super::answers::{Refused, json};
use super::connection::Caller;
use super::door::{Asked, Door};
use super::fields::Timeout;
use super::held::Answer;
use super::mailboxes::not_an_agents_own;
use super::message::Dialect;
use super::rendering::render;
use super::sharing::quoted;
use super::stream::{Listening, MailStream};

/// Longest wait of a client that names no end: as long as an exchange lets anyone wait.
const WITHOUT_END: Duration = Duration::from_secs(24 * 3600);
/// A header of Academy's clients since 1.0.
const VERSION: &str = "academy_version";
/// The HTTP library of Academy's clients, as it names itself.
const LIBRARY: &str = "aiohttp";
/// By what a client says which event it has seen last.
const LAST_EVENT: &str = "last-event-id";

/// `GET /message`: one message, as soon as there is one.
pub(crate) async fn receive(asked: Asked) -> Result<Response, Refused> {
    let mailbox = asked.fields.mailbox()?;
    not_an_agents_own(mailbox)?;
    let time = wait(asked.fields.timeout, asked.door.listen_timeout, WITHOUT_END)?;
    let Asked { door, who, headers, caller, .. } = asked;
    let Some(caller) = caller else { return Err(Refused::Stopping) };
    door.held.begins(mailbox, None).await;
    let listening = Listening { who, mailbox, time, dialect: dialect(&headers) };
    loop {
        let receiving = door.exchange.recv(&listening.who.asker, mailbox, Recv::within(time));
        let deliveries = tokio::select! {
            biased;
            deliveries = receiving => deliveries?,
            () = std::future::poll_fn(|cx| caller.stop.poll(cx)) => return Err(Refused::Stopping),
        };
        let Some(delivery) = deliveries.into_iter().next() else { return Err(Refused::NothingCame) };
        let Some(message) = render(&door, &listening, &delivery) else { continue };
        let text = Bytes::from(format!(r#"{{"message": {}}}"#, quoted(&message)));
        drop(message);
        return Ok(json(Body::new(OneMail { door, caller, listening, delivery: Some(delivery), text })));
    }
}

/// `GET /mailbox/listen`: a stream of messages.
pub(crate) async fn listen(asked: Asked) -> Result<Response, Refused> {
    let mailbox = asked.fields.mailbox()?;
    not_an_agents_own(mailbox)?;
    let time = wait(asked.fields.timeout, asked.door.listen_timeout, asked.door.listen_timeout)?;
    let Asked { door, who, headers, caller, .. } = asked;
    let Some(caller) = caller else { return Err(Refused::Stopping) };
    match door.exchange.status(&who.asker, mailbox).await?.state {
        MailboxState::Missing => return Err(ExchangeError::NoSuchMailbox { mailbox }.into()),
        MailboxState::Terminated => return Err(ExchangeError::MailboxTerminated { mailbox }.into()),
        MailboxState::Active | MailboxState::Inactive => {}
    }
    let last_event = headers.get(LAST_EVENT).and_then(|value| value.to_str().ok()?.trim().parse().ok());
    door.held.begins(mailbox, last_event).await;
    let listening = Listening { who, mailbox, time, dialect: dialect(&headers) };
    let mut response = Response::new(Body::new(MailStream::new(door, caller, listening)));
    // A stream that ends with its connection, and not with a last chunk, ends well to clients however it ends: where they miss
    // that chunk, for the server was killed, Academy's give up for good, and their agents with them.
    *response.version_mut() = Version::HTTP_10;
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    Ok(response)
}

/// How long to wait: what the client says, up to `longest`.
fn wait(asked: Timeout, longest: Duration, without_end: Duration) -> Result<Duration, Refused> {
    let longest_seconds = longest.as_secs_f64();
    match asked {
        Timeout::Missing => Ok(longest),
        Timeout::Null => Ok(without_end),
        Timeout::Seconds(seconds) if seconds > 0.0 && seconds <= longest_seconds => {
            Ok(Duration::from_secs_f64(seconds))
        }
        Timeout::Seconds(_) => Err(Refused::Timeout { longest_seconds }),
    }
}

/// What a client reads, where its headers tell: only Academy's own clients may be older ones.
fn dialect(headers: &HeaderMap) -> Option<Dialect> {
    let is_academys = headers
        .get(header::USER_AGENT)
        .is_some_and(|agent| agent.to_str().is_ok_and(|agent| agent.contains(LIBRARY)));
    (!is_academys || headers.contains_key(VERSION)).then_some(Dialect::New)
}

/// The body of an answer with one message, which is held from the poll on in which HTTP takes it.
struct OneMail {
    door: Arc<Door>,
    caller: Caller,
    listening: Listening,
    delivery: Option<Delivery>,
    text: Bytes,
}

impl HttpBody for OneMail {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let Some(delivery) = self.delivery.take() else { return Poll::Ready(None) };
        let answer = Arc::new(Answer::default());
        answer.end();
        self.door.held.hold(&delivery, &self.listening.who.asker, (&answer, None), &self.caller.hands);
        Poll::Ready(Some(Ok(Frame::data(std::mem::take(&mut self.text)))))
    }

    fn is_end_stream(&self) -> bool {
        self.delivery.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.text.len() as u64)
    }
}

impl Drop for OneMail {
    fn drop(&mut self) {
        if let Some(delivery) = self.delivery.take() {
            let asker = self.listening.who.asker.clone();
            self.door.held.return_unhanded(asker, vec![delivery.receipt]);
        }
    }
}
