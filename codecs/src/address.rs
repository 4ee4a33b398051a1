//! Where a container listens and where an agent lives: `tls://host:port/agent`.
//!
//! IPv6 hosts stand in brackets, port 0 means "any free port" and never appears in a URL handed out. The path of a unix
//! socket has slashes of its own, so there the agent stands behind a colon: `unix:///run/market.sock:agent`. What
//! aiomas writes is read too, `ipc://[/run/market.sock]/0` and `tcp://::1:5555/0`, and can be written. Neighbours:
//! `transports` opens an [`Endpoint`]; a proxy is connected by an [`Address`].

use std::fmt;
use std::str::FromStr;

use crate::socket_path::SocketPath;

/// What addresses begin with, for the text of errors. (`ipc://` is for those who come from aiomas.)
const SCHEMES: &str = "tcp://, tls://, unix://, unix+tls:// or local://";

/// A place where a container can be reached, without any agent.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Endpoint {
    /// Plain TCP.
    Tcp {
        /// Host name or IP address, without brackets.
        host: String,
        /// Port; 0 asks for a free one.
        port: u16,
    },
    /// TCP under TLS 1.3 or 1.2.
    Tls {
        /// Host name or IP address, without brackets.
        host: String,
        /// Port; 0 asks for a free one.
        port: u16,
    },
    /// A unix socket: within one machine.
    Unix {
        /// Where its file lies.
        path: SocketPath,
    },
    /// A unix socket under TLS 1.3 or 1.2.
    UnixTls {
        /// Where its file lies.
        path: SocketPath,
    },
    /// Inside this process.
    Local {
        /// Name of the meeting point.
        name: String,
    },
}

impl Endpoint {
    /// The URL scheme: `tcp`, `tls`, `unix`, `unix+tls` or `local`.
    pub fn scheme(&self) -> &'static str {
        match self {
            Endpoint::Tcp { .. } => "tcp",
            Endpoint::Tls { .. } => "tls",
            Endpoint::Unix { .. } => "unix",
            Endpoint::UnixTls { .. } => "unix+tls",
            Endpoint::Local { .. } => "local",
        }
    }

    /// Host name or IP address (without brackets) and port, where the endpoint has them.
    pub fn host_and_port(&self) -> Option<(&str, u16)> {
        match self {
            Endpoint::Tcp { host, port } | Endpoint::Tls { host, port } => Some((host, *port)),
            Endpoint::Unix { .. } | Endpoint::UnixTls { .. } | Endpoint::Local { .. } => None,
        }
    }

    /// The path of the socket, where the endpoint is a unix socket.
    pub fn socket_path(&self) -> Option<&SocketPath> {
        match self {
            Endpoint::Unix { path } | Endpoint::UnixTls { path } => Some(path),
            Endpoint::Tcp { .. } | Endpoint::Tls { .. } | Endpoint::Local { .. } => None,
        }
    }

    /// The same endpoint on another port; unchanged where there are no ports.
    pub fn with_port(&self, port: u16) -> Endpoint {
        match self {
            Endpoint::Tcp { host, .. } => Endpoint::Tcp { host: host.clone(), port },
            Endpoint::Tls { host, .. } => Endpoint::Tls { host: host.clone(), port },
            Endpoint::Unix { .. } | Endpoint::UnixTls { .. } | Endpoint::Local { .. } => self.clone(),
        }
    }

    /// The URL of an agent here that aiomas's own `connect()` takes: `tcp://host:port/agent` under TLS too,
    /// `ipc://[path]/agent` for a unix socket. A path in which `]` stands before a slash aiomas cannot take.
    pub fn for_aiomas(&self, agent: &str) -> String {
        match self {
            Endpoint::Tcp { .. } | Endpoint::Local { .. } => self.agent(agent).to_string(),
            Endpoint::Tls { host, port } => {
                Endpoint::Tcp { host: host.clone(), port: *port }.agent(agent).to_string()
            }
            Endpoint::Unix { path } | Endpoint::UnixTls { path } => {
                format!("ipc://[{}]/{agent}", path.as_path().display())
            }
        }
    }

    /// The address of an agent here.
    pub fn agent(&self, name: &str) -> Address {
        Address { endpoint: self.clone(), agent: Some(name.to_owned()) }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Endpoint::Tcp { host, port } | Endpoint::Tls { host, port } => {
                let scheme = self.scheme();
                if host.contains(':') {
                    write!(f, "{scheme}://[{host}]:{port}")
                } else {
                    write!(f, "{scheme}://{host}:{port}")
                }
            }
            Endpoint::Unix { path } | Endpoint::UnixTls { path } => write!(f, "{}://{path}", self.scheme()),
            Endpoint::Local { name } => write!(f, "local://{name}"),
        }
    }
}

impl FromStr for Endpoint {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Endpoint, AddressError> {
        let address: Address = text.parse()?;
        match address.agent {
            None => Ok(address.endpoint),
            Some(agent) => {
                Err(AddressError::new(text, format!("it names an agent, `{agent}`, where none is wanted")))
            }
        }
    }
}

/// An endpoint and, behind a slash (a colon where it is a unix socket), the agent on it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Address {
    /// Where the container is.
    pub endpoint: Endpoint,
    /// The agent's name, if the URL has one.
    pub agent: Option<String>,
}

impl Address {
    /// The agent's URL as aiomas's own `connect()` takes it, see [`Endpoint::for_aiomas`]; without an agent the usual
    /// text.
    pub fn for_aiomas(&self) -> String {
        match &self.agent {
            Some(agent) => self.endpoint.for_aiomas(agent),
            None => self.to_string(),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.endpoint)?;
        match &self.agent {
            Some(agent) if self.endpoint.socket_path().is_some() => write!(f, ":{agent}"),
            Some(agent) => write!(f, "/{agent}"),
            None => Ok(()),
        }
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Address, AddressError> {
        read(text).map_err(|reason| AddressError::new(text, reason))
    }
}

fn read(text: &str) -> Result<Address, String> {
    let Some((scheme, rest)) = text.split_once("://") else {
        return Err(format!("it has no scheme; write {SCHEMES} before the host"));
    };
    if scheme == "ipc" {
        return read_ipc(rest);
    }
    let mark = if matches!(scheme, "unix" | "unix+tls") { ':' } else { '/' };
    let (place, agent) = match rest.split_once(mark) {
        None => (rest, None),
        Some((place, "")) => (place, None),
        Some((place, agent)) => (place, Some(agent.to_owned())),
    };
    let path = || place.parse::<SocketPath>().map_err(|error| error.to_string());
    let endpoint = match scheme {
        "tcp" => read_host(place).map(|(host, port)| Endpoint::Tcp { host, port }),
        "tls" => read_host(place).map(|(host, port)| Endpoint::Tls { host, port }),
        "unix" => path().map(|path| Endpoint::Unix { path }),
        "unix+tls" => path().map(|path| Endpoint::UnixTls { path }),
        "local" if place.is_empty() => Err("a local:// address needs a name".to_owned()),
        "local" => Ok(Endpoint::Local { name: place.to_owned() }),
        _ => Err(format!("its scheme is unknown; use {SCHEMES}")),
    };
    endpoint.map(|endpoint| Address { endpoint, agent })
}

/// A unix socket as aiomas writes it: `[path]/agent`, nothing in the path encoded.
fn read_ipc(rest: &str) -> Result<Address, String> {
    let inner = rest.strip_prefix('[').and_then(|rest| {
        // The first one, as aiomas reads it.
        rest.split_once("]/").or_else(|| rest.strip_suffix(']').map(|path| (path, "")))
    });
    let Some((path, agent)) = inner else {
        return Err("of ipc:// the path stands in brackets, as in ipc://[/run/market.sock]/0".to_owned());
    };
    let path = SocketPath::new(path).map_err(|error| error.to_string())?;
    let agent = Some(agent.to_owned()).filter(|agent| !agent.is_empty());
    Ok(Address { endpoint: Endpoint::Unix { path }, agent })
}

fn read_host(place: &str) -> Result<(String, u16), String> {
    let fail = |reason: &str| Err(reason.to_owned());
    let Some((host, port)) = place.rsplit_once(':') else {
        return fail("it has no port; write host:port (port 0 picks a free one)");
    };
    let host = match host.strip_prefix('[').and_then(|h| h.strip_suffix(']')) {
        Some(v6) if v6.parse::<std::net::Ipv6Addr>().is_ok() => v6,
        Some(_) => return fail("the host in brackets is no IPv6 address"),
        // Without brackets, as aiomas writes it: what is behind the last colon is the port.
        None if host.parse::<std::net::Ipv6Addr>().is_ok() => host,
        None if host.contains(':') => {
            return fail("an IPv6 address stands in brackets, as in tcp://[::1]:5555");
        }
        None if host.is_empty() => return fail("it has no host"),
        None if host.contains(char::is_whitespace) => return fail("its host contains a space"),
        None => host,
    };
    match port.parse::<u16>() {
        Ok(port) => Ok((host.to_owned(), port)),
        Err(_) => fail("its port is no number from 0 to 65535"),
    }
}

/// A URL that is no address, and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no address: {reason}")]
pub struct AddressError {
    text: String,
    reason: String,
}

impl AddressError {
    fn new(text: &str, reason: String) -> AddressError {
        AddressError { text: text.to_owned(), reason }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_round_trip() {
        for text in [
            "tcp://127.0.0.1:5555/counter",
            "tls://market.example:443",
            "tcp://[::1]:0/0",
            "local://hall/a/b",
            "local://hall",
            "unix:///run/market.sock:counter",
            "unix:///run/a%3Ab/market%20hall:math/add:x",
            "unix+tls:///run/market.sock:0",
            "unix+tls:///run/market.sock",
        ] {
            assert_eq!(text.parse::<Address>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn an_agent_on_a_unix_socket_stands_behind_a_colon() {
        for scheme in ["unix", "unix+tls"] {
            let endpoint: Endpoint = format!("{scheme}:///run/market.sock/x").parse().unwrap();
            assert_eq!(endpoint.socket_path().unwrap().as_path(), std::path::Path::new("/run/market.sock/x"));
            assert_eq!((endpoint.scheme(), endpoint.host_and_port()), (scheme, None));
            assert_eq!(endpoint.with_port(7), endpoint);
            let agent = endpoint.agent("a:b");
            assert_eq!(agent.to_string(), format!("{scheme}:///run/market.sock/x:a:b"));
            assert_eq!(agent.to_string().parse::<Address>().unwrap(), agent);
            assert_eq!(format!("{endpoint}:").parse::<Address>().unwrap().agent, None);
        }
    }

    #[test]
    fn what_aiomas_writes_is_read_and_what_it_reads_is_written() {
        for (aiomas, own, written) in [
            ("tcp://127.0.0.1:5555/0", "tcp://127.0.0.1:5555/0", "tcp://127.0.0.1:5555/0"),
            ("tcp://::1:5555/0", "tcp://[::1]:5555/0", "tcp://[::1]:5555/0"),
            ("tcp://fe80::1:2:3/12", "tcp://[fe80::1:2]:3/12", "tcp://[fe80::1:2]:3/12"),
            ("ipc://[/run/market.sock]/0", "unix:///run/market.sock:0", "ipc://[/run/market.sock]/0"),
            ("ipc://[/run/a b:c]d]/7", "unix:///run/a%20b%3Ac%5Dd:7", "ipc://[/run/a b:c]d]/7"),
            ("local://hall/0", "local://hall/0", "local://hall/0"),
        ] {
            let address: Address = aiomas.parse().unwrap();
            assert_eq!(address.to_string(), own);
            let agent = address.agent.as_deref().unwrap();
            assert_eq!(address.endpoint.for_aiomas(agent), written);
            assert_eq!(written.parse::<Address>().unwrap(), address);
        }
        for (own, written) in [
            ("tls://market.example:443", "tcp://market.example:443/0"),
            ("tls://[::1]:443", "tcp://[::1]:443/0"),
            ("unix+tls:///run/market.sock", "ipc://[/run/market.sock]/0"),
        ] {
            assert_eq!(own.parse::<Endpoint>().unwrap().for_aiomas("0"), written);
        }
        for text in ["ipc://[/run/market.sock]", "ipc://[/run/market.sock]/"] {
            assert_eq!(text.parse::<Endpoint>().unwrap().to_string(), "unix:///run/market.sock");
        }
    }

    #[test]
    fn each_wrong_address_says_what_to_do() {
        for (text, hint) in [
            ("127.0.0.1:5555", "no scheme"),
            ("tcp://host", "no port"),
            ("tcp://2001:db8::1/x", "brackets"),
            ("tcp://fe80:0:0:0:0:0:0:1/x", "brackets"),
            ("tcp://::1/x", "brackets"),
            ("tcp://[zz]:80", "no IPv6"),
            ("tcp://:80", "no host"),
            ("tcp://h:70000", "65535"),
            ("http://h:80", "unknown"),
            ("local:///x", "needs a name"),
            ("unix://run/market.sock:counter", "three slashes"),
            ("unix+tls://:counter", "three slashes"),
            ("unix:///run/", "ends with a file's name"),
            ("unix:///run/a b", "percent-encoded"),
            ("unix:///run/a%zz", "hexadecimal"),
            ("ipc:///run/market.sock", "in brackets"),
            ("ipc://[/run/market.sock", "in brackets"),
            ("ipc://[/run/market.sock]0", "in brackets"),
            ("ipc://[run/market.sock]/0", "absolute"),
            ("ipc://[]/0", "absolute"),
            ("ipc://[/run/../x]/0", "empty segment"),
        ] {
            let error = text.parse::<Address>().unwrap_err().to_string();
            assert!(error.contains(hint), "{error}");
        }
    }
}
