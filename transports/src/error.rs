//! What can go wrong with a byte stream, split by who can mend it.
//!
//! Always: a certificate problem says which one, and plain text met by TLS (or the reverse) is named.
//! [`explain_io`] does the same for errors that come later, out of a stream's read or write.
//! Neighbours: [`crate::verify`] finds certificate faults, [`crate::tls`] maps TLS errors to these.

use std::io;

use folkmoot_codecs::Endpoint;
use rustls::{AlertDescription, CertificateError, InvalidMessage};

use crate::verify::fault_of;

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
    #[error("the {scheme} transport cannot prove that the peer is `{expected}`; use tls:// for that")]
    CannotProve {
        /// The transport's scheme.
        scheme: &'static str,
        /// The name asked for.
        expected: String,
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
    #[error("{peer} sent {what} to a TLS port; it should connect to the tls:// URL")]
    PlainText {
        /// The peer's address.
        peer: String,
        /// What its first bytes look like, with an article.
        what: &'static str,
    },
    /// The port we dialed with TLS answered in plain text.
    #[error("{peer} answered in plain text, not TLS; is it a tcp:// port?")]
    NotTls {
        /// The peer's address.
        peer: String,
        /// What the TLS library says.
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
            | TransportError::CertificateRefused { .. } => AtFault::Us,
            TransportError::PeerCertificate { .. }
            | TransportError::PlainText { .. }
            | TransportError::NotTls { .. } => AtFault::Peer,
            TransportError::Resolve { .. } | TransportError::Dial { .. } => AtFault::Way,
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

/// What is wrong with a certificate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CertificateFault {
    /// There is none.
    #[error("the certificate is missing: this node admits only peers that show one")]
    Missing,
    /// Its time is over.
    #[error("the certificate has expired")]
    Expired,
    /// Its time has not begun; often a clock that is wrong.
    #[error("the certificate is not valid yet (or a clock is wrong)")]
    NotYetValid,
    /// No authority we trust has signed it.
    #[error("the certificate is from an unknown issuer: no CA in our ca.pem has signed it")]
    UnknownIssuer,
    /// The signature on it, or in its chain, is wrong.
    #[error("the certificate's signature is wrong")]
    BadSignature,
    /// It speaks for another name.
    #[error("the certificate is for {}, not for `{expected}`", listed(.found))]
    WrongName {
        /// The name asked for: the URL's host, or a SPIFFE ID.
        expected: String,
        /// The names it has.
        found: Vec<String>,
    },
    /// It has more than one URI SAN, so it would have more than one name.
    #[error("the certificate has {} URI names ({}) where one is allowed", .found.len(), listed(.found))]
    SeveralUris {
        /// The URI SANs.
        found: Vec<String>,
    },
    /// It is an authority's: CA bit, keyCertSign or cRLSign. Such a certificate may not speak for a node.
    #[error("the certificate is an authority's own (CA, keyCertSign or cRLSign), not a node's")]
    Authority,
    /// Its name could be taken for something else.
    #[error("the certificate's name `{name}` cannot be used: {reason}")]
    UnusableName {
        /// The name.
        name: String,
        /// Why not.
        reason: &'static str,
    },
    /// Its extended key usage does not cover this side of the connection.
    #[error("the certificate's extended key usage forbids this use; it needs serverAuth and clientAuth")]
    WrongPurpose,
    /// An X.509 version without extensions.
    #[error("the certificate is X.509 version 1; issue a version 3 one with a subject alternative name")]
    OldVersion,
    /// Anything else.
    #[error("the certificate cannot be used: {0}")]
    Unusable(String),
}

fn listed(names: &[String]) -> String {
    if names.is_empty() {
        return "no name at all".to_owned();
    }
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    quoted.join(", ")
}

/// The TLS library's error inside an I/O error, if there is one.
pub(crate) fn tls_error(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref()?.downcast_ref::<rustls::Error>()
}

/// Says in words what an error of a stream means; TLS alerts are named.
///
/// Under TLS 1.3 a dialer's handshake is over before the listener has judged its certificate, so a refusal
/// arrives with the *first read*: pass that error here. A write may fail before (broken pipe) without
/// telling the cause; read once more to learn it.
pub fn explain_io(error: &io::Error) -> String {
    match tls_error(error) {
        Some(rustls::Error::AlertReceived(alert)) => explain_alert(*alert),
        Some(rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType)) => {
            "the peer does not speak TLS; is it a tcp:// port?".to_owned()
        }
        Some(rustls::Error::InvalidCertificate(CertificateError::BadEncoding)) => {
            "the peer's certificate is damaged".to_owned()
        }
        Some(rustls::Error::InvalidCertificate(fault)) => {
            format!("we refused the peer: {}", fault_of(fault))
        }
        Some(rustls::Error::NoCertificatesPresented) => {
            format!("we refused the peer: {}", CertificateFault::Missing)
        }
        Some(rustls::Error::PeerIncompatible(reason)) => {
            format!(
                "the peer's TLS has nothing in common with ours ({reason:?}); see the versions and ciphers"
            )
        }
        Some(other) => other.to_string(),
        None if error.kind() == io::ErrorKind::UnexpectedEof => {
            "the peer closed the connection without a goodbye".to_owned()
        }
        None => error.to_string(),
    }
}

/// Whether an alert speaks about the certificate of the one who receives it.
pub(crate) fn is_about_certificate(alert: AlertDescription) -> bool {
    certificate_alert(alert).is_some()
}

fn certificate_alert(alert: AlertDescription) -> Option<&'static str> {
    Some(match alert {
        AlertDescription::CertificateRequired | AlertDescription::NoCertificate => "we showed none",
        AlertDescription::CertificateExpired => "it has expired, is not valid yet, or a clock is wrong",
        AlertDescription::UnknownCA => "no CA that the peer trusts has signed it",
        AlertDescription::BadCertificate => "it is damaged, or its name is not the one the peer dialed",
        AlertDescription::UnsupportedCertificate => "its kind or its key usage is not accepted",
        AlertDescription::CertificateRevoked => "it is revoked",
        AlertDescription::CertificateUnknown => "for a reason that only the peer's log tells",
        AlertDescription::AccessDenied => "it is valid but not admitted",
        _ => return None,
    })
}

fn explain_alert(alert: AlertDescription) -> String {
    if let Some(reason) = certificate_alert(alert) {
        return format!("the peer refused our certificate: {reason} (alert {alert:?})");
    }
    match alert {
        AlertDescription::HandshakeFailure => {
            "the peer refused the handshake: no common cipher, or no certificate shown (alert HandshakeFailure)"
                .to_owned()
        }
        AlertDescription::ProtocolVersion => {
            "the peer speaks no TLS version of ours (1.3, 1.2) (alert ProtocolVersion)".to_owned()
        }
        AlertDescription::UnexpectedMessage => {
            "the peer did not understand us; did plain text reach a TLS port? (alert UnexpectedMessage)".to_owned()
        }
        other => format!("the peer ended the connection with the TLS alert {other:?}"),
    }
}
