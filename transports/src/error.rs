//! What can go wrong with a byte stream, split by who can mend it.
//!
//! Always: a certificate problem says which one, and plain text met by TLS (or the reverse) is named.
//! Neighbours: [`crate::certificate_fault`] has the faults, `handshake.rs` maps TLS errors to these,
//! [`crate::explain`] words the errors that come later, out of a stream's read or write.

use std::io;

use folkmoot_codecs::Endpoint;

use crate::certificate_fault::CertificateFault;
use crate::explain::{explain_io, tls_error};

/// Who can mend a [`TransportError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AtFault {
    /// This node: its configuration, its certificate, its resources.
    Us,
    /// The other end.
    Peer,
    /// Neither: the network, or a peer that is not there (yet). Worth trying again.
    Way,
}

/// A byte stream that could not be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TransportError {
    /// The endpoint belongs to another transport.
    #[error("{endpoint} is not for the {scheme} transport; choose the transport by the URL's scheme")]
    WrongScheme {
        /// The scheme this transport serves.
        scheme: &'static str,
        /// The endpoint it was given.
        endpoint: Endpoint,
    },
    /// The address to listen at cannot be had.
    #[error("cannot listen at {endpoint}: {source}")]
    Listen {
        /// The wanted endpoint.
        endpoint: Endpoint,
        /// The system's answer.
        source: io::Error,
    },
    /// The system could not hand over a connection; the listener is still good: wait, then accept again.
    #[error("cannot accept connections for the moment: {source}")]
    Accept {
        /// The system's answer.
        source: io::Error,
    },
    /// The listener's other side is gone for good.
    #[error("the listener at {endpoint} is closed")]
    Closed {
        /// Where it listened.
        endpoint: Endpoint,
    },
    /// The host has no address.
    #[error("cannot find the host of {endpoint}: {source}")]
    Resolve {
        /// The endpoint dialed.
        endpoint: Endpoint,
        /// The resolver's answer.
        source: io::Error,
    },
    /// The place cannot be reached.
    #[error("cannot reach {endpoint}: {source}")]
    Dial {
        /// The endpoint dialed.
        endpoint: Endpoint,
        /// The system's answer.
        source: io::Error,
    },
    /// The host is neither a DNS name nor an IP address, so no certificate can match it.
    #[error("`{host}` is neither a DNS name nor an IP address; TLS needs one of them")]
    BadHost {
        /// The host of the endpoint.
        host: String,
    },
    /// A peer's name was asked for over a transport that proves none.
    #[error("the {scheme} transport cannot prove that the peer is `{expected}`; use TLS for that")]
    CannotProve {
        /// The transport's scheme.
        scheme: &'static str,
        /// The name asked for.
        expected: String,
    },
    /// The path is longer than the system lets a socket's be.
    #[error(
        "the path of {endpoint} has {bytes} bytes, and the system takes {limit} for a socket; choose a shorter one"
    )]
    PathTooLong {
        /// The endpoint.
        endpoint: Endpoint,
        /// The length of its path.
        bytes: usize,
        /// The greatest length.
        limit: usize,
    },
    /// The listener of a unix socket runs as another user than the one asked for.
    #[error("{peer}: its listener is `{found}`, not `{expected}`")]
    WrongUser {
        /// The endpoint dialed.
        peer: String,
        /// The name asked for.
        expected: String,
        /// The name that the system gives.
        found: String,
    },
    /// The peer's certificate is no good.
    #[error("{peer}: {fault}")]
    PeerCertificate {
        /// The peer's address.
        peer: String,
        /// What is wrong with it.
        #[source]
        fault: CertificateFault,
    },
    /// The peer refused ours.
    #[error("{peer}: {}", explain_io(.source))]
    CertificateRefused {
        /// The peer's address.
        peer: String,
        /// The alert it sent.
        source: io::Error,
    },
    /// The peer does not speak TLS to our TLS port.
    #[error("{peer} sent {what} to a TLS port; it should connect to the tls:// or unix+tls:// URL")]
    PlainText {
        /// The peer's address.
        peer: String,
        /// What its first bytes look like, with an article.
        what: &'static str,
    },
    /// The port we dialed with TLS answered in plain text.
    #[error("{peer} answered in plain text, not TLS; is it a tcp:// port or a unix:// socket?")]
    NotTls {
        /// The peer's address.
        peer: String,
        /// What the TLS library says.
        source: io::Error,
    },
    /// The port we dialed with TLS hung up before the handshake was over.
    #[error(
        "{peer} hung up during the TLS handshake ({source}); is it a tcp:// port or a unix:// socket, or a node that is full or stopping?"
    )]
    HungUp {
        /// The peer's address.
        peer: String,
        /// What the system says.
        source: io::Error,
    },
    /// The handshake failed in another way.
    #[error("the handshake with {peer} failed: {}", explain_io(.source))]
    Handshake {
        /// The peer's address.
        peer: String,
        /// The cause.
        source: io::Error,
    },
}

impl TransportError {
    /// Who can mend it.
    pub fn at_fault(&self) -> AtFault {
        match self {
            TransportError::WrongScheme { .. }
            | TransportError::Listen { .. }
            | TransportError::Accept { .. }
            | TransportError::Closed { .. }
            | TransportError::BadHost { .. }
            | TransportError::CannotProve { .. }
            | TransportError::PathTooLong { .. }
            | TransportError::CertificateRefused { .. } => AtFault::Us,
            TransportError::PeerCertificate { .. }
            | TransportError::WrongUser { .. }
            | TransportError::PlainText { .. }
            | TransportError::NotTls { .. } => AtFault::Peer,
            TransportError::Resolve { .. } | TransportError::Dial { .. } | TransportError::HungUp { .. } => {
                AtFault::Way
            }
            TransportError::Handshake { source, .. } => match tls_error(source) {
                Some(_) => AtFault::Peer,
                None => AtFault::Way,
            },
        }
    }

    /// Whether the same attempt may succeed later with nothing changed here.
    pub fn is_transient(&self) -> bool {
        self.at_fault() == AtFault::Way || matches!(self, TransportError::Accept { .. })
    }

    /// What is wrong with the peer's certificate, where that is the trouble.
    pub fn certificate_fault(&self) -> Option<&CertificateFault> {
        match self {
            TransportError::PeerCertificate { fault, .. } => Some(fault),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn handshake(source: io::Error) -> TransportError {
        TransportError::Handshake { peer: "host:1".to_owned(), source }
    }

    #[test]
    fn each_error_says_who_can_mend_it_and_keeps_its_source() {
        let endpoint: Endpoint = "tls://host:1".parse().unwrap();
        let refused = || io::Error::from(io::ErrorKind::ConnectionRefused);
        let incompatible = rustls::PeerIncompatible::NoCipherSuitesInCommon;
        for (error, at_fault, transient) in [
            (TransportError::Listen { endpoint: endpoint.clone(), source: refused() }, AtFault::Us, false),
            (TransportError::Accept { source: refused() }, AtFault::Us, true),
            (TransportError::Dial { endpoint: endpoint.clone(), source: refused() }, AtFault::Way, true),
            (TransportError::Resolve { endpoint, source: refused() }, AtFault::Way, true),
            (handshake(refused()), AtFault::Way, true),
            (handshake(io::Error::other(rustls::Error::from(incompatible))), AtFault::Peer, false),
        ] {
            assert_eq!((error.at_fault(), error.is_transient()), (at_fault, transient), "{error}");
            assert!(std::error::Error::source(&error).is_some(), "{error}");
        }
    }
}
