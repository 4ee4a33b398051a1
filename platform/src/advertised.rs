//! The endpoint in the URLs that a container hands out: where others reach it.
//!
//! It differs from where the container listens behind a port mapping, and wherever it listens on every address of its
//! machine: `0.0.0.0` leads nobody anywhere. Neighbour: the [`builder`](crate::builder) asks for it once.

use std::net::{IpAddr, Ipv6Addr};

use folkmoot_codecs::Endpoint;

use crate::error::StartError;

/// Where a container that listens at `listening` is reached, by the `host` or `host:port` that it was told.
pub(crate) fn advertised(listening: &Endpoint, told: Option<&str>) -> Result<Endpoint, StartError> {
    match told {
        None => {
            if is_unspecified(listening) {
                tracing::warn!(
                    %listening,
                    "the container listens on all addresses, and its URLs name none that others can reach: tell the \
                     builder `.advertise(\"the host's name\")`"
                );
            }
            Ok(listening.clone())
        }
        Some(told) => read(listening, told)
            .map_err(|reason| StartError::Advertise { advertised: told.to_owned(), reason }),
    }
}

fn read(listening: &Endpoint, told: &str) -> Result<Endpoint, String> {
    let Some((_, own_port)) = listening.host_and_port() else {
        return Err(format!("{listening} is reached by its own name alone"));
    };
    let scheme = listening.scheme();
    let place = match told {
        _ if told.contains('/') => {
            return Err("write a host, or host:port, without scheme or path".to_owned());
        }
        // An IPv6 address may come without its brackets where no port follows.
        _ if told.parse::<Ipv6Addr>().is_ok() => format!("[{told}]:{own_port}"),
        _ if told.ends_with(']') || !told.contains(':') => format!("{told}:{own_port}"),
        _ => told.to_owned(),
    };
    let endpoint: Endpoint = format!("{scheme}://{place}")
        .parse()
        .map_err(|error: folkmoot_codecs::AddressError| error.to_string())?;
    if let Some((host, _)) = endpoint.host_and_port() {
        check(host)?;
    }
    if is_unspecified(&endpoint) {
        return Err("it names no machine; write a host that others can reach".to_owned());
    }
    match endpoint.host_and_port() {
        Some((_, 0)) => Ok(endpoint.with_port(own_port)),
        _ => Ok(endpoint),
    }
}

/// A host is an address or a name; what else a URL may hold would make every URL handed out lead astray.
fn check(host: &str) -> Result<(), String> {
    if host.parse::<IpAddr>().is_ok() {
        return Ok(());
    }
    let is_odd = |c: char| !(c.is_alphanumeric() || matches!(c, '.' | '-' | '_'));
    if let Some(odd) = host.chars().find(|c| is_odd(*c)) {
        return Err(format!("a host's name has letters, digits, dots and hyphens, and no {odd:?}"));
    }
    // The last part of a name is no number: systems read `0` and `127.1` as addresses, each in its own way.
    let last = host.trim_end_matches('.').rsplit('.').next().unwrap_or_default();
    if last.is_empty() || last.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(format!("`{host}` is neither a name nor a whole address, as in 192.0.2.7"));
    }
    Ok(())
}

/// Whether the host is `0.0.0.0` or `[::]`: every address of a machine, and none of its own.
fn is_unspecified(endpoint: &Endpoint) -> bool {
    let host = endpoint.host_and_port().map(|(host, _)| host);
    host.and_then(|host| host.parse::<IpAddr>().ok()).is_some_and(|ip| ip.is_unspecified())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(listening: &str, told: &str) -> Result<String, String> {
        let listening: Endpoint = listening.parse().unwrap();
        advertised(&listening, Some(told)).map(|endpoint| endpoint.to_string()).map_err(|e| e.to_string())
    }

    #[test]
    fn a_host_keeps_the_port_and_host_with_port_replaces_both() {
        for (text, url) in [
            ("market.example", "tls://market.example:5555"),
            ("market.example:443", "tls://market.example:443"),
            ("market.example:0", "tls://market.example:5555"),
            ("node_1.intern", "tls://node_1.intern:5555"),
            ("192.0.2.7", "tls://192.0.2.7:5555"),
            ("2001:db8::7", "tls://[2001:db8::7]:5555"),
            ("[2001:db8::7]", "tls://[2001:db8::7]:5555"),
            ("[2001:db8::7]:443", "tls://[2001:db8::7]:443"),
        ] {
            assert_eq!(told("tls://0.0.0.0:5555", text).as_deref(), Ok(url), "{text}");
        }
    }

    #[test]
    fn what_nobody_can_reach_is_refused_with_the_reason() {
        for (text, words) in [
            ("", "no host"),
            ("0.0.0.0", "names no machine"),
            ("[::]:80", "names no machine"),
            ("tls://market.example", "without scheme"),
            ("market.example:http", "no number"),
            ("market example", "space"),
            ("market.example?x", "no '?'"),
            ("user@market.example", "no '@'"),
            ("market.example#x", "no '#'"),
            ("market.example\u{7}", "no '\\u{7}'"),
            ("0:80", "neither a name nor a whole address"),
            ("127.1", "neither a name nor a whole address"),
            (".", "neither a name nor a whole address"),
        ] {
            let error = told("tls://0.0.0.0:5555", text).unwrap_err();
            assert!(error.contains(words) && error.contains("advertise"), "{text}: {error}");
        }
        for listening in ["local://hall", "unix:///run/hall", "unix+tls:///run/hall"] {
            let error = told(listening, "market.example").unwrap_err();
            assert!(error.contains("by its own name alone"), "{error}");
        }
    }
}
