//! Messages that come in.
//!
//! Always true: a message that is sent again, byte for byte, is taken once; the answer says that it was taken only when the
//! exchange keeps it; of the answers to one request the first is taken. Where there are tokens, nobody sends as a mailbox that is another's. Neighbours:
//! [`message`](super::message) reads the header, [`held`](super::held) learns of responses.

use std::time::Duration;

use axum::response::Response;
use folkmoot::exchange::limits::MAX_TEXT_BYTES;
use folkmoot::exchange::{ExchangeError, Mail, MailId, Moment, Posting};
use folkmoot::{Clock, Codec, MailError};

use super::answers::{Refused, done};
use super::door::Asked;
use super::fields::BadField;
use super::message::{Direction, Header};

/// What the kinds of Academy's messages begin with; then comes what the body says that it is, such as `action-request`.
pub(crate) const KIND: &str = "academy/";

/// Requests that nobody has answered for so long are given up, as by Academy's exchange over Redis; else an agent that leaves
/// some unanswered could take no more after a while.
const REQUEST_TIME: Duration = Duration::from_secs(7 * 86_400);

/// `PUT /message`.
pub(crate) async fn send(asked: Asked) -> Result<Response, Refused> {
    let Asked { door, who, fields, .. } = asked;
    let text = fields.into_message()?;
    let header = Header::read(&text).map_err(|error| BadField::Wrong("message", error))?;
    let (from, to, tag, direction) = (header.src.mailbox, header.dest.mailbox, header.tag, header.direction);
    if text.len() > door.max_message {
        // Whoever may not send at all is told that, and nothing of sizes.
        door.exchange.status(&who.asker, to).await?;
        return Err(Refused::Message { size: text.len() as u64, limit: door.max_message as u64 });
    }
    let dialect = header.dialect;
    let mut mail = mail(header, text);
    if direction == Direction::Request {
        mail.expires_at = Some(moment(&*door.clock) + REQUEST_TIME);
    }
    match door.mailroom.send(Posting::new(to, mail, who.principal, who.asker)).await {
        Ok(accepted) => {
            if accepted.is_repeated {
                tracing::debug!(%from, %to, "a message was sent again and is there already");
            }
        }
        // Its agent was asked again, for nobody knew whether the request had arrived, and has answered anew.
        Err(MailError::Exchange(ExchangeError::IdUsed { .. })) if direction == Direction::Response => {
            tracing::info!(%from, %to, "a second answer to a request is left out: the first was taken");
            door.counts.left_out();
        }
        Err(MailError::Exchange(error)) => return Err(error.into()),
        Err(denied) => {
            tracing::info!(%denied, "a message was refused");
            return Err(Refused::Forbidden);
        }
    }
    door.dialects.learn(from, dialect);
    if direction == Direction::Response {
        door.held.answered(from, tag).await;
    }
    Ok(done())
}

fn moment(clock: &dyn Clock) -> Moment {
    Moment::from_millis(u64::try_from(clock.now().0.as_millis()).unwrap_or(u64::MAX))
}

/// The mail that a message becomes.
fn mail(header: Header, text: String) -> Mail {
    let kind = header.kind.as_deref().unwrap_or("message");
    let mut kind = format!("{KIND}{kind}");
    if kind.len() > MAX_TEXT_BYTES || kind.chars().any(char::is_control) {
        kind = format!("{KIND}message");
    }
    let mail = Mail::new(MailId(0), kind, text).from(header.src.mailbox);
    let direction = header.direction;
    let mut mail = match direction {
        Direction::Request => mail.request(header.tag, header.label),
        Direction::Response => mail.response(header.tag, header.label),
    };
    mail.codec = Some(Codec::Json);
    // Tags are made at random, and a request and its response share one. The same text is the same request; a response is the
    // only one to its request, whatever it says: Academy's clients fail at a second.
    mail.id = match direction {
        Direction::Request => MailId(header.tag ^ u128::from(mail.fingerprint())),
        Direction::Response => MailId(header.tag),
    };
    mail
}
