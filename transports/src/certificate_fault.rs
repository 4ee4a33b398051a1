//! What is wrong with one certificate, ours or a peer's.
//!
//! Neighbours: [`crate::leaf`] and `verify.rs` find these; [`crate::error`] and [`crate::certs_error`]
//! carry them to whoever can mend them.

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
    /// Its authority has taken it back.
    #[error("the certificate is revoked, by a list in our crl.pem")]
    Revoked,
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
