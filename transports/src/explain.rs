//! Words for errors that come out of a stream, TLS alerts above all.
//!
//! Always: a text says who refused whom, and why where that is known. Neighbours: [`crate::error`] uses it in
//! its own texts; `platform` passes the errors of reads and writes to [`explain_io`].

use std::io;

use rustls::{AlertDescription, CertificateError, InvalidMessage};

use crate::certificate_fault::CertificateFault;
use crate::verify::fault_of;

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
            "the peer does not speak TLS; is it a tcp:// port or a unix:// socket?".to_owned()
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
        AlertDescription::CertificateUnknown => {
            "it is not for the name the peer dialed, or breaks a rule that the peer's log tells"
        }
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
