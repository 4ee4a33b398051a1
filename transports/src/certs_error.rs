//! What can be wrong with certificates before any connection: in files, in names, in issuing.
//!
//! Always: the text names the file or the part, and says what to do. Neighbours: [`crate::certs`] and
//! [`crate::dev_certs`] return it; [`crate::error`] has what goes wrong later, between peers.

use std::path::PathBuf;

use rustls::pki_types::pem;

use crate::certificate_fault::CertificateFault;

/// Certificates that cannot be read, used or issued. A `place` is a file's path, or the part's name.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CertsError {
    /// A file cannot be read.
    #[error("cannot read {}: {source}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
    /// A file cannot be written.
    #[error("cannot write {}: {source}", .path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
    /// The text is no complete PEM.
    #[error("{place} is no complete PEM file ({reason}); was it cut off?")]
    Pem {
        /// Which part.
        place: String,
        /// What is missing.
        reason: String,
    },
    /// There is no certificate in it.
    #[error("{place} has no certificate; it needs a `BEGIN CERTIFICATE` section")]
    NoCertificate {
        /// Which part.
        place: String,
    },
    /// There is no private key in it.
    #[error(
        "{place} has no private key that can be read; it needs an unencrypted `BEGIN PRIVATE KEY` section"
    )]
    NoKey {
        /// Which part.
        place: String,
    },
    /// There is no revocation list in it.
    #[error("{place} has no revocation list; it needs a `BEGIN X509 CRL` section")]
    NoRevocationList {
        /// Which part.
        place: String,
    },
    /// The revocation lists in use are not there any more.
    #[error("{place} is gone; what it revoked stays revoked. To revoke nothing, put an empty list there")]
    ListsGone {
        /// Where they were.
        place: String,
    },
    /// A changed certificate is for another node.
    #[error(
        "{place} is now for `{new}`, but a running node keeps its name, `{old}`; start it anew to rename it"
    )]
    NameChanged {
        /// The certificate's place.
        place: String,
        /// The node's name.
        old: String,
        /// The name in the certificate.
        new: String,
    },
    /// Key and certificate are not of one pair.
    #[error("{key} is not the key of {cert}; take both from one issuing")]
    KeyMismatch {
        /// The certificate's place.
        cert: String,
        /// The key's place.
        key: String,
    },
    /// The own certificate would be refused by every peer.
    #[error("{place}: {fault}")]
    Own {
        /// The certificate's place.
        place: String,
        /// What is wrong with it.
        #[source]
        fault: CertificateFault,
    },
    /// The TLS library cannot use it.
    #[error("{place} cannot be used: {reason}")]
    Unusable {
        /// Which part.
        place: String,
        /// The library's reason.
        reason: String,
    },
    /// A name that is not allowed for a node, a trust domain or a host.
    #[error("`{name}` is no {what}: {rule}")]
    BadName {
        /// `node name`, `trust domain` or `DNS name`.
        what: &'static str,
        /// The name.
        name: String,
        /// What is allowed.
        rule: &'static str,
    },
    /// The folder has no certificate authority.
    #[error("{} has no certificate authority; make one with `certs init` or DevCerts", .dir.display())]
    NoAuthority {
        /// The folder.
        dir: PathBuf,
    },
    /// The folder's certificate authority is damaged or not one of ours.
    #[error("the certificate authority in {} cannot be used: {reason}", .dir.display())]
    Authority {
        /// The folder.
        dir: PathBuf,
        /// Why not.
        reason: String,
    },
    /// The folder belongs to another trust domain.
    #[error("{} is of the trust domain `{found}`, not `{wanted}`; choose another folder", .dir.display())]
    TrustDomain {
        /// The folder.
        dir: PathBuf,
        /// The trust domain asked for.
        wanted: String,
        /// The trust domain it has.
        found: String,
    },
    /// No certificate was issued for that node.
    #[error("{} has no certificate of a node `{name}`; `certs ls` lists those there are", .dir.display())]
    NotIssued {
        /// The authority's folder.
        dir: PathBuf,
        /// The node's name.
        name: String,
    },
    /// The files are there already, and files are never overwritten.
    #[error("{} exists already and is never overwritten; remove it to have it issued anew", .path.display())]
    Exists {
        /// What is there.
        path: PathBuf,
    },
    /// Files from an earlier issuing that can no longer serve, and are never overwritten.
    #[error("{} can no longer be used: {reason}; remove the folder to have it issued anew", .path.display())]
    Stale {
        /// The node's folder.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// The certificate could not be made.
    #[error("cannot issue the certificate")]
    Issue(#[source] rcgen::Error),
}

impl CertsError {
    pub(crate) fn pem(place: &str, error: &pem::Error) -> CertsError {
        let reason = match error {
            pem::Error::MissingSectionEnd { .. } => "a section has no END line".to_owned(),
            pem::Error::IllegalSectionStart { .. } => "a BEGIN line is malformed".to_owned(),
            pem::Error::NoItemsFound => "it has no section".to_owned(),
            other => other.to_string(),
        };
        CertsError::Pem { place: place.to_owned(), reason }
    }

    pub(crate) fn tls(place: &str, error: rustls::Error) -> CertsError {
        CertsError::Unusable { place: place.to_owned(), reason: error.to_string() }
    }

    pub(crate) fn of_own(cert: &str, key: &str, error: rustls::Error) -> CertsError {
        match error {
            rustls::Error::InconsistentKeys(_) => {
                CertsError::KeyMismatch { cert: cert.to_owned(), key: key.to_owned() }
            }
            error @ rustls::Error::General(_) => CertsError::tls(key, error),
            error => CertsError::tls(cert, error),
        }
    }
}
