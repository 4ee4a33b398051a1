//! What a peer is told of its mistake: the contents of an `error` of AEA's protocol `default`.
//!
//! It begins a dialogue of its own in `default`, which it ends at once. Always true: nobody is answered who is not
//! known, nor where both sides know better by themselves, and an error is never answered with an error. Neighbour:
//! [`super::refusal`].

use std::sync::Arc;

use super::Refusal;
use crate::body::{Body, BodyError};
use crate::protocol::Protocol;
use crate::value::{Key, Single, Value};

/// The kinds of mistakes that `default` knows, with their numbers on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum ErrorCode {
    /// Nobody here speaks that protocol.
    UnsupportedProtocol = 0,
    /// The bytes are no message of that protocol.
    DecodingError = 1,
    /// The message cannot be said there.
    InvalidMessage = 2,
    /// Nobody here attends to that protocol at present.
    UnsupportedSkill = 3,
    /// The message belongs to no dialogue here.
    InvalidDialogue = 4,
}

impl ErrorCode {
    /// All of them, by number.
    pub const ALL: [ErrorCode; 5] = [
        ErrorCode::UnsupportedProtocol,
        ErrorCode::DecodingError,
        ErrorCode::InvalidMessage,
        ErrorCode::UnsupportedSkill,
        ErrorCode::InvalidDialogue,
    ];

    /// Its number on the wire.
    pub fn number(self) -> u8 {
        self as u8
    }

    /// Its name in AEA's schema.
    pub fn name(self) -> &'static str {
        match self {
            ErrorCode::UnsupportedProtocol => "UNSUPPORTED_PROTOCOL",
            ErrorCode::DecodingError => "DECODING_ERROR",
            ErrorCode::InvalidMessage => "INVALID_MESSAGE",
            ErrorCode::UnsupportedSkill => "UNSUPPORTED_SKILL",
            ErrorCode::InvalidDialogue => "INVALID_DIALOGUE",
        }
    }
}

/// The contents of an `error` message of `default`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ErrorReply {
    /// The kind of mistake.
    pub code: ErrorCode,
    /// `error_msg`: the reason, as a sentence.
    pub text: String,
    /// `error_data`: what helps to find the message, by name.
    pub data: Vec<(String, Vec<u8>)>,
}

impl ErrorReply {
    /// The answer to a message that was refused, or could not even be read. `protocol` is the identifier that the
    /// envelope bears, `message` the bytes that came.
    pub fn new(code: ErrorCode, text: impl Into<String>, protocol: &str, message: &[u8]) -> ErrorReply {
        let data = vec![
            ("protocol_id".to_owned(), protocol.as_bytes().to_vec()),
            ("message".to_owned(), message.to_vec()),
        ];
        ErrorReply { code, text: text.into(), data }
    }

    /// The answer to an envelope of a protocol that nobody speaks there, whose data are AEA's: the identifier that the
    /// envelope bears, in base 85 as Python writes it.
    pub fn unsupported(text: impl Into<String>, protocol: &str) -> ErrorReply {
        let data = vec![("protocol_id".to_owned(), base85(protocol.as_bytes()))];
        ErrorReply { code: ErrorCode::UnsupportedProtocol, text: text.into(), data }
    }

    /// The answer to a refused message of a dialogue; `None` where it is to get none.
    pub fn to(refusal: &Refusal, protocol: &str, message: &[u8]) -> Option<ErrorReply> {
        Some(ErrorReply::new(refusal.error_code()?, refusal.to_string(), protocol, message))
    }

    /// The body of the message, to begin a dialogue with. `default` is AEA's protocol of that name.
    ///
    /// # Errors
    /// The protocol has no `error` with these contents.
    pub fn body(self, default: &Arc<Protocol>) -> Result<Body, BodyError> {
        // Field 1 of `ErrorCode`, a number; proto3 leaves zeros out.
        let code = match self.code.number() {
            0 => Vec::new(),
            code => vec![8, code],
        };
        let data = self.data.into_iter().map(|(name, bytes)| (Key::Str(name), Single::Bytes(bytes)));
        let contents = [
            ("error_code", Value::Custom(code)),
            ("error_msg", Value::from(self.text)),
            ("error_data", Value::Dict(data.collect())),
        ];
        Body::new(default, "error", contents)
    }
}

impl ErrorReply {
    /// What an `error` of the protocol `default` tells; `None` for any other message, and for a code that has no name.
    pub fn read(body: &Body) -> Option<ErrorReply> {
        if body.performative() != "error" {
            return None;
        }
        let code = match body.get("error_code")? {
            Value::Custom(bytes) => match bytes.as_slice() {
                [] => 0,
                [8, code] => *code,
                _ => return None,
            },
            _ => return None,
        };
        let code = ErrorCode::ALL.into_iter().find(|known| known.number() == code)?;
        let Value::Single(Single::Str(text)) = body.get("error_msg")? else { return None };
        let data = match body.get("error_data")? {
            Value::Dict(data) => data.iter().filter_map(|(key, value)| match (key, value) {
                (Key::Str(name), Single::Bytes(bytes)) => Some((name.clone(), bytes.clone())),
                _ => None,
            }),
            _ => return None,
        };
        Some(ErrorReply { code, text: text.clone(), data: data.collect() })
    }
}

/// As Python's `base64.b85encode`: five digits for four bytes, the last ones without those of what is not there.
fn base85(bytes: &[u8]) -> Vec<u8> {
    const DIGITS: &[u8; 85] =
        b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~";
    let mut written = Vec::with_capacity(bytes.len().div_ceil(4) * 5);
    for chunk in bytes.chunks(4) {
        let number = (0..4).fold(0_u32, |number, place| {
            number << 8 | u32::from(chunk.get(place).copied().unwrap_or_default())
        });
        let digits = [85_u32.pow(4), 85_u32.pow(3), 85_u32.pow(2), 85, 1].map(|weight| number / weight % 85);
        let kept = digits.iter().take(chunk.len() + 1);
        written.extend(kept.filter_map(|digit| DIGITS.get(*digit as usize)));
    }
    written
}

impl Refusal {
    /// The kind of mistake, as `default` tells it; `None` where the sender is to get no answer: nobody knows who it is,
    /// it was not for us, or the mistake is not a peer's.
    pub fn error_code(&self) -> Option<ErrorCode> {
        match self {
            Refusal::NoAddress { .. }
            | Refusal::NotForUs { .. }
            | Refusal::NotFromUs { .. }
            | Refusal::WithOneself { .. }
            | Refusal::AddressTooLong { .. }
            | Refusal::NoNonce => None,
            Refusal::NoReference
            | Refusal::ReferenceTooLong { .. }
            | Refusal::UnknownDialogue { .. }
            | Refusal::ReferenceAhead { .. }
            | Refusal::OtherReference { .. }
            | Refusal::ReferenceTaken { .. }
            | Refusal::Ended { .. }
            | Refusal::TimedOut { .. }
            | Refusal::Gone
            | Refusal::TooManyOpen { .. }
            | Refusal::TooManyWithPeer { .. }
            | Refusal::TooManyUnproven { .. } => Some(ErrorCode::InvalidDialogue),
            Refusal::OtherNumber { .. }
            | Refusal::NumberUsed { .. }
            | Refusal::NumbersUsedUp
            | Refusal::FirstHasTarget { .. }
            | Refusal::NoTarget
            | Refusal::UnknownTarget { .. }
            | Refusal::ForgottenTarget { .. }
            | Refusal::UnknownPerformative { .. }
            | Refusal::NotInitial { .. }
            | Refusal::NoAnswer { .. }
            | Refusal::NotItsRole { .. }
            | Refusal::Invalid { .. } => Some(ErrorCode::InvalidMessage),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::base85;

    /// As Python 3.10 writes them.
    #[test]
    fn identifiers_are_written_as_python_does() {
        assert_eq!(base85(b""), b"");
        assert_eq!(base85(b"a"), b"VE");
        assert_eq!(base85(b"fetchai/fipa:1.0.0"), PYTHON);
        assert_eq!(base85(&[255; 4]), b"|NsC0");
    }

    const PYTHON: &[u8] = b"W@U6^XklqDW@&I?Ix#LVE-(";
}
