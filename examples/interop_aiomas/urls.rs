//! aiomas's URLs and ours: aiomas writes `tcp://` with and without TLS, `tcp://::1:5555/0`, and `ipc://[/run/peer.sock]/0`
//! for a unix socket.

use std::fmt::Write;

/// Where to listen, in our words: `tcp://HOST:PORT`, or a unix socket as `unix:PATH`.
pub(crate) fn endpoint(text: &str, is_tls: bool) -> std::io::Result<String> {
    match text.strip_prefix("unix:").filter(|path| !path.starts_with("//")) {
        Some(path) => {
            let path = std::path::absolute(path)?;
            Ok(unix(&path.to_string_lossy(), is_tls))
        }
        None => Ok(ours(text, is_tls)),
    }
}

/// A URL of aiomas's in our words; one of ours stays as it is.
pub(crate) fn ours(url: &str, is_tls: bool) -> String {
    if let Some(rest) = url.strip_prefix("tcp://") {
        let scheme = if is_tls { "tls" } else { "tcp" };
        return format!("{scheme}://{}", bracketed(rest));
    }
    match url.strip_prefix("ipc://[").and_then(|rest| rest.rsplit_once("]/")) {
        Some((path, agent)) => format!("{}:{agent}", unix(path, is_tls)),
        None => url.to_owned(),
    }
}

/// One of our URLs as aiomas's `connect()` takes it.
pub(crate) fn theirs(url: &str) -> String {
    let url = url.replacen("tls://", "tcp://", 1);
    match url.split_once("://") {
        Some(("unix" | "unix+tls", rest)) => match rest.rsplit_once(':') {
            Some((path, agent)) => format!("ipc://[{}]/{agent}", decoded(path)),
            None => url,
        },
        _ => url,
    }
}

/// `::1:5555/0` with the brackets that an IPv6 address has in a URL.
fn bracketed(rest: &str) -> String {
    let (place, agent) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    match place.rsplit_once(':') {
        Some((host, port)) if host.contains(':') && !host.starts_with('[') => {
            format!("[{host}]:{port}{agent}")
        }
        _ => rest.to_owned(),
    }
}

fn unix(path: &str, is_tls: bool) -> String {
    let mut url = String::from(if is_tls { "unix+tls://" } else { "unix://" });
    for byte in path.bytes() {
        match byte.is_ascii_alphanumeric() || b"/-._~@+,=".contains(&byte) {
            true => url.push(char::from(byte)),
            // Into a text nothing can fail.
            false => drop(write!(url, "%{byte:02X}")),
        }
    }
    url
}

fn decoded(path: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = path;
    while let Some((before, encoded)) = rest.split_once('%') {
        bytes.extend_from_slice(before.as_bytes());
        let (digits, behind) = encoded.split_at_checked(2).unwrap_or((encoded, ""));
        bytes.extend(u8::from_str_radix(digits, 16));
        rest = behind;
    }
    bytes.extend_from_slice(rest.as_bytes());
    String::from_utf8_lossy(&bytes).into_owned()
}
