//! The endpoint in the URLs that a container hands out: where others reach it.
//!
//! It differs from where the container listens behind a port mapping, and wherever it listens on every address of its
//! machine: `0.0.0.0` leads nobody anywhere, so there the machine's name stands in its place. Neighbour: the
//! [`builder`](crate::builder) asks for it once.

use std::net::{IpAddr, Ipv6Addr};

use folkmoot_codecs::Endpoint;

use crate::error::StartError;

/// Where a container that listens at `listening` is reached, by the `host` or `host:port` that it was told. `certified`
/// are the hosts that its certificate names, where those who connect will look for them.
pub(crate) fn advertised(
    listening: &Endpoint,
    told: Option<&str>,
    certified: Option<&[String]>,
) -> Result<Endpoint, StartError> {
    match told {
        None if is_unspecified(listening) => Ok(by_machine(listening, machine_name().as_deref(), certified)),
        None => Ok(listening.clone()),
        Some(told) => read(listening, told)
            .map_err(|reason| StartError::Advertise { advertised: told.to_owned(), reason }),
    }
}

/// By the name of the machine, where it has one that others may know.
fn by_machine(listening: &Endpoint, name: Option<&str>, certified: Option<&[String]>) -> Endpoint {
    let name = name.filter(|name| !is_own_name_alone(name));
    let full = name.zip(certified).and_then(|(name, certified)| certified_name(name, certified));
    let is_uncertain = full.is_none() && certified.is_some();
    let named = full.as_deref().or(name).map(|name| read(listening, name));
    if let Some(Ok(advertised)) = named {
        if is_uncertain {
            tracing::warn!(
                %listening, %advertised, ?certified,
                "the container listens on all addresses, and its URLs bear the machine's name, which its certificate \
                 does not: tell the builder `.advertise(\"a host that it names\")`"
            );
            return advertised;
        }
        tracing::info!(
            %listening, %advertised,
            "the container listens on all addresses, and its URLs bear the machine's name; where others know it by \
             another one, tell the builder `.advertise(\"that name\")`"
        );
        return advertised;
    }
    tracing::warn!(
        %listening,
        "the container listens on all addresses, and its URLs name none that others can reach: tell the builder \
         `.advertise(\"the host's name\")`"
    );
    listening.clone()
}

/// The machine's name as the certificate has it: the same, or the full name of which it is the first part.
fn certified_name(name: &str, certified: &[String]) -> Option<String> {
    let (name, is_whole) = (name.to_ascii_lowercase(), name.contains('.'));
    let stands = |host: &&String| {
        let host = host.to_ascii_lowercase();
        host == name
            || !is_whole && host.split('.').next() == Some(&name)
            || host.strip_prefix('*').is_some_and(|behind| {
                name.strip_suffix(behind).is_some_and(|first| !first.is_empty() && !first.contains('.'))
            })
    };
    let host = certified.iter().find(stands)?;
    Some(if host.starts_with('*') { name } else { host.clone() })
}

/// Whether every machine calls itself so.
fn is_own_name_alone(name: &str) -> bool {
    matches!(name.split('.').next(), Some("localhost"))
}

/// What the system calls this machine.
fn machine_name() -> Option<String> {
    #[cfg(unix)]
    let name = rustix::system::uname().nodename().to_str().ok().map(str::to_owned);
    #[cfg(not(unix))]
    let name = std::env::var("COMPUTERNAME").ok();
    name.filter(|name| !name.is_empty())
}

/// Where a container listens whose endpoint has no host, `tcp://:5555`: on all addresses, of both kinds where the
/// system has both, else of the one. `None` where there is a host.
pub(crate) fn everywhere(endpoint: &str) -> Option<[String; 2]> {
    let (scheme, rest) = endpoint.split_once("://")?;
    let port = rest.strip_prefix(':').filter(|_| matches!(scheme, "tcp" | "tls"))?;
    Some(["[::]", "0.0.0.0"].map(|host| format!("{scheme}://{host}:{port}")))
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
        advertised(&listening, Some(told), None)
            .map(|endpoint| endpoint.to_string())
            .map_err(|e| e.to_string())
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
    fn on_all_addresses_the_machines_name_stands_in_urls_where_it_has_one() {
        for (listening, name, url) in [
            ("tcp://0.0.0.0:5555", Some("fen"), "tcp://fen:5555"),
            ("tls://[::]:5555", Some("fen.example"), "tls://fen.example:5555"),
            ("tcp://0.0.0.0:5555", Some("localhost"), "tcp://0.0.0.0:5555"),
            ("tcp://0.0.0.0:5555", Some("localhost.localdomain"), "tcp://0.0.0.0:5555"),
            ("tcp://0.0.0.0:5555", Some("no name"), "tcp://0.0.0.0:5555"),
            ("tcp://0.0.0.0:5555", Some("7"), "tcp://0.0.0.0:5555"),
            ("tcp://0.0.0.0:5555", None, "tcp://0.0.0.0:5555"),
        ] {
            let listening: Endpoint = listening.parse().unwrap();
            assert_eq!(by_machine(&listening, name, None).to_string(), url, "{name:?}");
        }
    }

    #[test]
    fn over_tls_the_machines_name_is_that_of_its_certificate() {
        let listening: Endpoint = "tls://0.0.0.0:5555".parse().unwrap();
        for (name, certified, url) in [
            ("fen", &["localhost", "fen"][..], "tls://fen:5555"),
            ("fen", &["localhost", "fen.example"], "tls://fen.example:5555"),
            ("Fen", &["fen.example", "fen"], "tls://fen.example:5555"),
            ("fen.example", &["fen"], "tls://fen.example:5555"),
            ("fen.example", &["*.example"], "tls://fen.example:5555"),
            ("a.fen.example", &["*.example"], "tls://a.fen.example:5555"),
            ("fen", &["localhost"], "tls://fen:5555"),
            ("fen", &[], "tls://fen:5555"),
        ] {
            let certified: Vec<String> = certified.iter().map(|&host| host.to_owned()).collect();
            let advertised = by_machine(&listening, Some(name), Some(&certified));
            assert_eq!(advertised.to_string(), url, "{name} {certified:?}");
        }
        let certified = |name, host: &str| certified_name(name, &[host.to_owned()]);
        assert_eq!(certified("fen.example", "fen"), None);
        assert_eq!(certified("a.fen.example", "*.example"), None);
        assert_eq!(certified("fen", "fenway.example"), None);
        assert_eq!(certified("fen.example", "*.example").as_deref(), Some("fen.example"));
    }

    #[test]
    fn an_endpoint_without_a_host_is_on_all_addresses() {
        let both = |one: &str, other: &str| Some([one.to_owned(), other.to_owned()]);
        assert_eq!(everywhere("tcp://:5555"), both("tcp://[::]:5555", "tcp://0.0.0.0:5555"));
        assert_eq!(everywhere("tls://:0"), both("tls://[::]:0", "tls://0.0.0.0:0"));
        for other in ["tcp://host:5555", "unix://:x", "local://:0", ":5555", "tcp://"] {
            assert_eq!(everywhere(other), None, "{other}");
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
