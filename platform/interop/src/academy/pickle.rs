//! Exceptions as clients of Academy up to 0.4 read them: pickles, written by hand.
//!
//! Always true: they name nothing but Academy's own classes and Python's exceptions, and texts are all that they hold.
//! Neighbours: [`message`](super::message) and [`answering`](super::answering) put them into answers.

use folkmoot::exchange::Role;

use super::entity::EntityId;

const PROTOCOL_4: &[u8] = &[0x80, 4];
const SHORT_TEXT: u8 = 0x8c;
const TEXT: u8 = b'X';
const NAMED: u8 = 0x93;
const TUPLE_OF_ONE: u8 = 0x85;
const CALL: u8 = b'R';
const STOP: u8 = b'.';

/// `MailboxTerminatedError(AgentId.model_validate_json("{..}"))`, or of a `UserId`, pickled and in base64.
pub(crate) fn terminated(mailbox: &EntityId) -> String {
    let class = match mailbox.mailbox.role {
        Role::Agent => "AgentId.model_validate_json",
        Role::User => "UserId.model_validate_json",
    };
    let mut pickle = PROTOCOL_4.to_vec();
    name(&mut pickle, "academy.exception", "MailboxTerminatedError");
    name(&mut pickle, "academy.identifier", class);
    // Three fields of text and numbers always have a JSON. It is as large as the id's name, which came in a message of
    // bounded size.
    text(&mut pickle, &serde_json::to_string(mailbox).unwrap_or_default());
    pickle.extend_from_slice(&[TUPLE_OF_ONE, CALL, TUPLE_OF_ONE, CALL, STOP]);
    base64(&pickle)
}

/// An exception of Python's own, such as `TypeError("no")`, pickled and in base64.
pub(crate) fn exception(class: &str, message: &str) -> String {
    let mut pickle = PROTOCOL_4.to_vec();
    name(&mut pickle, "builtins", class);
    text(&mut pickle, message);
    pickle.extend_from_slice(&[TUPLE_OF_ONE, CALL, STOP]);
    base64(&pickle)
}

/// Puts a text on the stack.
fn text(pickle: &mut Vec<u8>, text: &str) {
    pickle.push(TEXT);
    pickle.extend_from_slice(&u32::try_from(text.len()).unwrap_or(u32::MAX).to_le_bytes());
    pickle.extend_from_slice(text.as_bytes());
}

/// Puts something on the stack that Python finds by its module and name, both shorter than 256 bytes.
fn name(pickle: &mut Vec<u8>, module: &str, name: &str) {
    for text in [module, name] {
        pickle.push(SHORT_TEXT);
        pickle.push(u8::try_from(text.len()).unwrap_or(u8::MAX));
        pickle.extend_from_slice(text.as_bytes());
    }
    pickle.push(NAMED);
}

/// RFC 4648, with padding.
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let number =
            (0..3).fold(0, |number, at| (number << 8) | u32::from(three.get(at).copied().unwrap_or(0)));
        for at in 0..4 {
            let letter = LETTERS.get(((number >> (18 - 6 * at)) & 63) as usize).copied().unwrap_or(b'=');
            text.push(if at <= three.len() { char::from(letter) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use folkmoot::exchange::MailboxId;

    use super::*;

    #[test]
    fn base64_is_base64() {
        for (bytes, text) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")]
        {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
        assert_eq!(base64(&[0xfb, 0xff, 0xfe]), "+//+");
    }

    #[test]
    fn the_pickles_are_what_python_was_seen_to_load() {
        let text = terminated(&EntityId { mailbox: MailboxId::user(7), name: None });
        assert!(text.starts_with("gASMEWFjYWRlbXkuZXhjZXB0aW9u"), "{text}");
        assert_eq!(exception("TypeError", "no ä"), "gASMCGJ1aWx0aW5zjAlUeXBlRXJyb3KTWAUAAABubyDDpIVSLg==");
    }
}
