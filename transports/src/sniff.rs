//! Guesses from a peer's first bytes, for a log line that says what it really spoke.
//!
//! Always: a guess never admits anyone, it only words a refusal. Our own frames cannot be mistaken: a TLS
//! record read as a frame's length is above 300 MB. Neighbours: `handshake.rs` names plain text on a TLS port,
//! `platform` names TLS and HTTP that came as a garbage frame.

/// How many first bytes are enough to guess.
pub const SNIFF_BYTES: usize = 8;

const HTTP_STARTS: [&[u8]; 10] = [
    b"GET ",
    b"POST ",
    b"HEAD ",
    b"PUT ",
    b"PATCH ",
    b"DELETE ",
    b"OPTIONS ",
    b"CONNECT ",
    b"HTTP/",
    b"PRI * H",
];

/// Whether `first` begins a TLS record: a dialer's hello, or the alert of a TLS port that refused us.
pub fn looks_like_tls(first: &[u8]) -> bool {
    matches!(first, [0x14..=0x17, 3, 0..=4, ..])
}

/// Whether `first` begins an HTTP request or answer.
pub fn looks_like_http(first: &[u8]) -> bool {
    HTTP_STARTS.iter().any(|start| {
        let length = start.len().min(first.len());
        length >= 4 && first.get(..length) == start.get(..length)
    })
}

/// What bytes that are not TLS look like, with an article, for an error's text.
pub(crate) fn describe(first: &[u8]) -> &'static str {
    match first {
        _ if looks_like_http(first) => "an HTTP request",
        [b'S', b'S', b'H', b'-', ..] => "an SSH greeting",
        [0 | 1, _, _, _, ..] => "a plain frame",
        _ => "plain text",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tls_is_told_from_the_rest() {
        assert!(looks_like_tls(&[0x16, 3, 1, 2, 0]));
        assert!(looks_like_tls(&[0x15, 3, 3, 0, 2, 2, 40]));
        for other in [&b"GET / HTTP/1.1"[..], &[0, 0, 0, 9, b'['], &[0x16], &[], &[0x16, 9, 9]] {
            assert!(!looks_like_tls(other), "{other:?}");
        }
    }

    #[test]
    fn http_is_told_from_the_rest() {
        for http in
            [&b"GET / HTTP/1.1"[..], b"POST /x", b"OPTIONS ", b"PRI * HTTP/2.0", b"HTTP/1.1 400", b"DELE"]
        {
            assert!(looks_like_http(http), "{http:?}");
        }
        for other in [&b"GE"[..], b"", b"GETS ", &[0, 0, 0, 9, b'['], &[0x16, 3, 1]] {
            assert!(!looks_like_http(other), "{other:?}");
        }
    }

    #[test]
    fn what_is_not_tls_is_described() {
        assert_eq!(describe(b"GET / HT"), "an HTTP request");
        assert_eq!(describe(b"SSH-2.0-"), "an SSH greeting");
        assert_eq!(describe(&[0, 0, 0, 12, b'[', b'0', b',']), "a plain frame");
        assert_eq!(describe(b"hello"), "plain text");
    }
}
