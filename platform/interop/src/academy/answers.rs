//! Answers, as Academy's server writes them: codes, texts and types.
//!
//! Always true: each refusal of an exchange has one code here, which Academy's clients map to one exception. Neighbours:
//! the handlers, [`mailboxes`](super::mailboxes) and the others.

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use folkmoot::exchange::ExchangeError;

use super::fields::BadField;

const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");

/// Academy's code of a terminated mailbox.
const TERMINATED: u16 = 419;

/// Why a request is answered with something else than what it asked for.
#[derive(Debug)]
pub(crate) enum Refused {
    /// A field is missing or is not what it should be.
    Field(BadField),
    /// The time is none, or longer than the server's.
    Timeout { longest_seconds: f64 },
    /// Nothing came in time.
    NothingCame,
    /// The body of the request is too long.
    Body { limit: usize },
    /// The body of the request took too long.
    SlowBody,
    /// The connection broke before the body was there.
    CutBody,
    /// The message is too long.
    Message { size: u64, limit: u64 },
    /// There is no bearer token.
    NoToken,
    /// It is nobody's.
    UnknownToken,
    /// The gate, or somebody's ownership, forbids it.
    Forbidden,
    /// More was found than an answer holds.
    TooMany { limit: usize },
    /// The server is about to end.
    Stopping,
    /// The exchange refused.
    Exchange(ExchangeError),
}

impl From<ExchangeError> for Refused {
    fn from(error: ExchangeError) -> Refused {
        Refused::Exchange(error)
    }
}

impl From<BadField> for Refused {
    fn from(field: BadField) -> Refused {
        Refused::Field(field)
    }
}

/// Done, with nothing to say.
pub(crate) fn done() -> Response {
    Response::new(Body::empty())
}

/// An object, as JSON.
pub(crate) fn json(text: impl Into<Body>) -> Response {
    let mut response = Response::new(text.into());
    response.headers_mut().insert(header::CONTENT_TYPE, JSON);
    response
}

fn text(status: StatusCode, text: impl Into<Body>) -> Response {
    let mut response = Response::new(text.into());
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, TEXT);
    response
}

/// There is no such path.
pub(crate) fn unknown_path() -> Response {
    text(StatusCode::NOT_FOUND, "404: Not Found")
}

/// There is the path, and not for this method.
pub(crate) fn wrong_method() -> Response {
    text(StatusCode::METHOD_NOT_ALLOWED, "405: Method Not Allowed")
}

/// The answer to a request that was refused.
pub(crate) fn refused(why: Refused) -> Response {
    match why {
        Refused::Field(field) => text(StatusCode::BAD_REQUEST, format!("Missing or invalid field: {field}")),
        Refused::Timeout { longest_seconds } => {
            let told = format!("Invalid timeout (must be less than {longest_seconds} and greater than 0)");
            text(StatusCode::BAD_REQUEST, told)
        }
        Refused::NothingCame | Refused::SlowBody => text(StatusCode::REQUEST_TIMEOUT, "Request timeout"),
        Refused::Body { limit } => {
            text(StatusCode::PAYLOAD_TOO_LARGE, format!("Maximum request body size {limit} exceeded."))
        }
        Refused::CutBody => text(StatusCode::BAD_REQUEST, "The body of the request did not come to its end"),
        Refused::Message { size, limit } => too_large(size, limit),
        Refused::NoToken => text(StatusCode::UNAUTHORIZED, "Missing required headers."),
        Refused::UnknownToken => text(StatusCode::FORBIDDEN, "Token expired or revoked."),
        Refused::Forbidden => text(StatusCode::FORBIDDEN, "Incorrect permissions"),
        Refused::TooMany { limit } => {
            let told = format!("More than {limit} agents match; ask for a type that fewer have");
            text(StatusCode::PAYLOAD_TOO_LARGE, told)
        }
        Refused::Stopping => text(StatusCode::SERVICE_UNAVAILABLE, "The exchange is about to end; ask again"),
        Refused::Exchange(error) => exchange(&error),
    }
}

fn too_large(size: u64, limit: u64) -> Response {
    text(StatusCode::PAYLOAD_TOO_LARGE, format!("Message of size {size} larger than limit {limit}."))
}

/// What an exchange refused.
fn exchange(error: &ExchangeError) -> Response {
    match error {
        ExchangeError::NoSuchMailbox { .. } => text(StatusCode::NOT_FOUND, "Unknown mailbox ID"),
        ExchangeError::MailboxTerminated { .. } => {
            let status = StatusCode::from_u16(TERMINATED).unwrap_or(StatusCode::GONE);
            text(status, "Mailbox was closed")
        }
        ExchangeError::Forbidden { .. }
        | ExchangeError::NotOwner { .. }
        | ExchangeError::NotInGroup { .. }
        | ExchangeError::WrongGate
        | ExchangeError::WrongName { .. }
        | ExchangeError::ContainerOnly { .. } => text(StatusCode::FORBIDDEN, "Incorrect permissions"),
        ExchangeError::TooLarge { size, limit, .. } => too_large(*size, *limit),
        ExchangeError::Invalid { fault } => {
            text(StatusCode::BAD_REQUEST, format!("Missing or invalid field: {fault}"))
        }
        // Academy's clients wait and try again at 429 and 503.
        ExchangeError::Full { .. } => text(StatusCode::TOO_MANY_REQUESTS, error.to_string()),
        ExchangeError::Closed | ExchangeError::DiskFull => {
            text(StatusCode::SERVICE_UNAVAILABLE, error.to_string())
        }
        ExchangeError::IdUsed { .. } | ExchangeError::Owned { .. } | ExchangeError::NotTheOwner { .. } => {
            text(StatusCode::CONFLICT, error.to_string())
        }
        _ => {
            tracing::error!(%error, "a request failed");
            text(StatusCode::INTERNAL_SERVER_ERROR, error.to_string())
        }
    }
}
