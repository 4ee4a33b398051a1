//! Addresses as the command line and aiomas write them: aiomas says `tcp://` with and without TLS, and `ipc://` for a unix
//! socket.

use folkmoot::prelude::*;
use folkmoot::{Address, Endpoint};

/// Where to listen: `tcp://HOST:PORT`, or a unix socket as `unix:PATH`.
pub(crate) fn endpoint(text: &str, is_tls: bool) -> Result<String> {
    let endpoint = match text.strip_prefix("unix:").filter(|path| !path.starts_with("//")) {
        Some("") => {
            return Err("unix: needs the path of a socket behind it, as in unix:/run/peer.sock".into());
        }
        Some(path) => {
            format!("ipc://[{}]/0", std::path::absolute(path)?.display()).parse::<Address>()?.endpoint
        }
        // On all addresses.
        None if text.starts_with("tcp://:") && is_tls => return Ok(text.replacen("tcp", "tls", 1)),
        None => text.parse()?,
    };
    Ok(secured(endpoint, is_tls).to_string())
}

/// A URL of aiomas's with our word for TLS, where that is spoken.
pub(crate) fn ours(url: &str, is_tls: bool) -> Result<String> {
    let Address { endpoint, agent } = url.parse()?;
    Ok(Address { endpoint: secured(endpoint, is_tls), agent }.to_string())
}

fn secured(endpoint: Endpoint, is_tls: bool) -> Endpoint {
    match endpoint {
        Endpoint::Tcp { host, port } if is_tls => Endpoint::Tls { host, port },
        Endpoint::Unix { path } if is_tls => Endpoint::UnixTls { path },
        other => other,
    }
}
