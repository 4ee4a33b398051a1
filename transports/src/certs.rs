//! A node's certificates: the CA it trusts, its own certificate, its private key, and what is revoked.
//!
//! Always: what is wrong with them is found here, when the node starts or the files change, and not in the first
//! handshake. A change is taken whole or not at all, and never changes the node's name.
//! Neighbours: [`crate::dev_certs`] writes what [`SslCerts::from_dir`] reads; `handshake.rs` uses them;
//! `ready.rs` makes the configurations, `cert_files.rs` sees the changes.

use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use rustls::{ClientConfig, ServerConfig};

use crate::cert_files::{CertFiles, Hashes, Seen};
use crate::certificate_fault::CertificateFault;
use crate::certs_error::CertsError;
use crate::leaf::Leaf;
use crate::ready::{Part, Parts, Ready};
use crate::revocation::PeerCertificate;

/// The CA's certificate in a folder of certificates; several where a CA is being replaced.
pub const CA_FILE: &str = "ca.pem";
/// The node's certificate, and those between it and the CA, in a folder of certificates.
pub const CERT_FILE: &str = "cert.pem";
/// The node's private key in a folder of certificates.
pub const KEY_FILE: &str = "key.pem";
/// The revocation lists in a folder of certificates, where there are any.
pub const CRL_FILE: &str = "crl.pem";

/// Ready TLS configurations for both directions; cheap to clone. All clones change together.
#[derive(Clone)]
pub struct SslCerts {
    node_name: Option<Arc<str>>,
    shared: Arc<Shared>,
}

struct Shared {
    current: RwLock<Current>,
    /// Where they are from, and how that was when last looked at; locked for the time of a look.
    source: Option<Mutex<Source>>,
}

#[derive(Clone)]
struct Current {
    ready: Arc<Ready>,
    generation: u64,
}

struct Source {
    files: CertFiles,
    seen: Seen,
    in_use: Hashes,
    /// The last state was refused: it is judged anew by each look, for certificates also become valid with time.
    refused: bool,
}

/// The certificates that new handshakes are made with.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CertsInUse {
    /// How often they were changed since they were first read.
    pub generation: u64,
    /// The node's certificate; unknown for a [`SslCerts::pair`].
    pub own: Option<Leaf>,
    /// Whether our own revocation lists revoke it.
    pub own_revoked: bool,
    /// The place of the revocation lists, if one should have had a successor by now. It still counts.
    pub overdue_list: Option<String>,
}

impl SslCerts {
    /// Reads three PEM files: trusted CA certificates, own certificate (with its chain), private key; and
    /// `crl.pem` beside the first of them, where it exists.
    ///
    /// # Errors
    /// [`CertsError`], naming the file.
    pub fn from_files(
        ca: impl AsRef<Path>,
        cert: impl AsRef<Path>,
        key: impl AsRef<Path>,
    ) -> Result<SslCerts, CertsError> {
        let ca = ca.as_ref();
        let files = CertFiles::new(ca, cert.as_ref(), key.as_ref(), ca.with_file_name(CRL_FILE));
        let (parts, seen) = files.read()?;
        let source = Source { files, in_use: seen.hashes().clone(), seen, refused: false };
        Ok(SslCerts::new(Ready::build(&parts)?, Some(source)))
    }

    /// Reads `ca.pem`, `cert.pem`, `key.pem` and, where it exists, `crl.pem` of one folder.
    ///
    /// # Errors
    /// [`CertsError`], naming the file.
    pub fn from_dir(dir: impl AsRef<Path>) -> Result<SslCerts, CertsError> {
        let dir = dir.as_ref();
        SslCerts::from_files(dir.join(CA_FILE), dir.join(CERT_FILE), dir.join(KEY_FILE))
    }

    /// The same from PEM bytes. They never change.
    ///
    /// # Errors
    /// [`CertsError`], naming the part.
    pub fn from_pem(ca: &[u8], cert: &[u8], key: &[u8]) -> Result<SslCerts, CertsError> {
        let parts = Parts {
            ca: Part::new("the CA", ca),
            cert: Part::new("the certificate", cert),
            key: Part::new("the key", key),
            crl: None,
        };
        Ok(SslCerts::new(Ready::build(&parts)?, None))
    }

    /// Two ready configurations, one for listening and one for dialing. They never change.
    ///
    /// What they allow is their maker's affair, but for three things: a peer without a certificate is still
    /// refused, the rules for names (one URI SAN, no authority) still hold, and early data is never read.
    /// A name asked for with a dial is checked after the handshake, beside the host name that
    /// the configuration checks.
    pub fn pair(server: Arc<ServerConfig>, client: Arc<ClientConfig>) -> SslCerts {
        SslCerts::new(Ready::pair(server, client), None)
    }

    fn new(ready: Ready, source: Option<Source>) -> SslCerts {
        let node_name = ready.known.as_ref().map(|known| known.node_name.as_str().into());
        let current = RwLock::new(Current { ready: Arc::new(ready), generation: 0 });
        SslCerts { node_name, shared: Arc::new(Shared { current, source: source.map(Mutex::new) }) }
    }

    /// The name that peers see, by the rule of [`Leaf::node_name`]; unknown for a [`SslCerts::pair`].
    pub fn node_name(&self) -> Option<&str> {
        self.node_name.as_deref()
    }

    /// Whether they come from files, so that [`SslCerts::reload`] can change them.
    pub fn is_from_files(&self) -> bool {
        self.shared.source.is_some()
    }

    /// Looks at the files and takes what has changed: handshakes that begin from now on, on every clone, use it.
    /// Says whether something was taken. Cheap while nothing changes; reads files, so it may block a little.
    ///
    /// A container does this by itself; call it where waiting for that is too long.
    ///
    /// # Errors
    /// What keeps the files from being taken: half written, of no pair, expired, for another node, lists that are
    /// gone. The old certificates stay in use, and the files are looked at again by the next call.
    pub fn reload(&self) -> Result<bool, CertsError> {
        let Some(source) = &self.shared.source else { return Ok(false) };
        let mut source = source.lock().unwrap_or_else(PoisonError::into_inner);
        let Source { files, seen, in_use, refused } = &mut *source;
        if *refused {
            *seen = Seen::default();
        }
        // Also where the files cannot even be read.
        *refused = true;
        let changed = files.changed(seen)?.filter(|_| seen.hashes() != in_use);
        if let Some(parts) = &changed {
            self.take(Ready::build(parts)?)?;
            in_use.clone_from(seen.hashes());
        }
        *refused = false;
        Ok(changed.is_some())
    }

    fn take(&self, ready: Ready) -> Result<(), CertsError> {
        let mut current = self.shared.current.write().unwrap_or_else(PoisonError::into_inner);
        if let (Some(old), Some(new)) = (&current.ready.known, &ready.known) {
            if old.node_name != new.node_name {
                return Err(CertsError::NameChanged {
                    place: new.cert_place.clone(),
                    old: old.node_name.clone(),
                    new: new.node_name.clone(),
                });
            }
            if let (Some(place), None) = (&old.crl_place, &new.crl_place) {
                return Err(CertsError::ListsGone { place: place.clone() });
            }
        }
        *current = Current { ready: Arc::new(ready), generation: current.generation + 1 };
        Ok(())
    }

    /// What new handshakes are made with.
    pub fn in_use(&self) -> CertsInUse {
        let Current { ready, generation } = self.current();
        let known = ready.known.as_ref();
        CertsInUse {
            generation,
            own: known.map(|known| known.own.clone()),
            own_revoked: known.is_some_and(|known| known.own_revoked()),
            overdue_list: known.and_then(|known| known.overdue()).map(str::to_owned),
        }
    }

    /// Whether a peer whose handshake is done may still be spoken to.
    ///
    /// # Errors
    /// [`CertificateFault::Revoked`], by the lists in use now.
    pub fn check_revoked(&self, peer: &PeerCertificate) -> Result<(), CertificateFault> {
        self.current().ready.check_revoked(peer)
    }

    fn current(&self) -> Current {
        self.shared.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn server(&self) -> Arc<ServerConfig> {
        self.current().ready.server.clone()
    }

    pub(crate) fn client(&self, expected: Option<&str>) -> Arc<ClientConfig> {
        self.current().ready.client(expected)
    }
}

impl fmt::Debug for SslCerts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SslCerts").field("node_name", &self.node_name).finish_non_exhaustive()
    }
}
