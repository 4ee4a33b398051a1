//! A development certificate authority in a folder, and the certificates it issued.
//!
//! ```text
//! DIR/ca.pem  DIR/ca-key.pem          the authority; its key never leaves this file
//! DIR/NAME/{ca,cert,key}.pem          one folder for each node, as `SslCerts::from_dir` reads it
//! DIR/crl.pem  DIR/NAME/crl.pem       what is revoked, once something is
//! ```
//! Always: no key or certificate is overwritten unless that was asked for (`renewing.rs`); a node's folder appears
//! whole or not at all; several processes may start on one folder at the same time and find one authority; key files
//! are readable by their owner only. Neighbours: `issuing.rs` makes the certificates, [`crate::certs`] reads them; the
//! command line's `certs init` and `certs issue` are [`DevCerts::with_trust_domain`], [`DevCerts::open`] and
//! [`DevCerts::issue`].

mod renewing;

use std::fs::{self, File};
use std::io::{self, Write};
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use crate::certs::{CA_FILE, CERT_FILE, KEY_FILE, SslCerts};
use crate::certs_error::CertsError;
use crate::issuing::{Authority, new_authority, new_key};

pub use renewing::{IssuedNode, Renewed};

/// The authority's private key in its folder.
pub const CA_KEY_FILE: &str = "ca-key.pem";
/// The trust domain of [`DevCerts::in_dir`].
pub const DEMO_TRUST_DOMAIN: &str = "demo";
/// The longest name of a node or a trust domain, in bytes.
pub const MAX_ISSUED_NAME_BYTES: usize = 128;
/// Locked while the folder is written.
const LOCK_FILE: &str = ".lock";

/// A certificate authority for development: everything lies in one folder, unprotected but by its mode.
#[derive(Clone, Debug)]
pub struct DevCerts {
    dir: PathBuf,
    trust_domain: String,
}

impl DevCerts {
    /// The authority of `dir` for the trust domain `demo`, made now if it is not there.
    ///
    /// # Errors
    /// Those of [`DevCerts::with_trust_domain`].
    pub fn in_dir(dir: impl AsRef<Path>) -> Result<DevCerts, CertsError> {
        DevCerts::with_trust_domain(dir, DEMO_TRUST_DOMAIN)
    }

    /// The authority of `dir` for `trust_domain`, made now if it is not there (valid for ten years).
    ///
    /// # Errors
    /// [`CertsError::BadName`], [`CertsError::TrustDomain`] where the folder belongs to another one,
    /// [`CertsError::Authority`] where it is damaged or expired, and those of reading and writing.
    pub fn with_trust_domain(dir: impl AsRef<Path>, trust_domain: &str) -> Result<DevCerts, CertsError> {
        check_name("trust domain", trust_domain)?;
        let dir = dir.as_ref();
        let authority = match load(dir) {
            Ok(authority) => authority,
            // Not there, or just being written by another process: look again under the lock.
            Err(_) => make_or_load(dir, trust_domain)?,
        };
        if authority.trust_domain() != trust_domain {
            return Err(CertsError::TrustDomain {
                dir: dir.to_owned(),
                wanted: trust_domain.to_owned(),
                found: authority.trust_domain().to_owned(),
            });
        }
        Ok(DevCerts { dir: dir.to_owned(), trust_domain: trust_domain.to_owned() })
    }

    /// The authority that is in `dir` already, whatever its trust domain.
    ///
    /// # Errors
    /// [`CertsError::NoAuthority`] where there is none, else those of [`DevCerts::with_trust_domain`].
    pub fn open(dir: impl AsRef<Path>) -> Result<DevCerts, CertsError> {
        let dir = dir.as_ref();
        let trust_domain = load(dir)?.trust_domain().to_owned();
        Ok(DevCerts { dir: dir.to_owned(), trust_domain })
    }

    /// The folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The trust domain.
    pub fn trust_domain(&self) -> &str {
        &self.trust_domain
    }

    /// The name that peers see of the node `name`: `spiffe://TRUST_DOMAIN/node/NAME`.
    pub fn spiffe_id(&self, name: &str) -> String {
        format!("spiffe://{}/node/{name}", self.trust_domain)
    }

    /// The certificates of the node `name`: issued now (valid for a year), or those issued before.
    ///
    /// # Errors
    /// [`CertsError::Stale`] where those there have expired, are revoked or come from another authority, and those of
    /// [`DevCerts::issue`] and [`SslCerts::from_dir`].
    pub fn node(&self, name: &str) -> Result<SslCerts, CertsError> {
        check_name("node name", name)?;
        let path = self.dir.join(name);
        if !path.exists() {
            match self.issue(name, &[], &[]) {
                // Another process was quicker: its certificate is as good.
                Ok(_) | Err(CertsError::Exists { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        let stale = |reason| CertsError::Stale { path: path.clone(), reason };
        let certs = SslCerts::from_dir(&path).map_err(|error| match error {
            CertsError::Own { fault, .. } => stale(fault.to_string()),
            error => error,
        })?;
        if read(&path.join(CA_FILE))? != read(&self.dir.join(CA_FILE))? {
            return Err(stale("another authority has issued it".to_owned()));
        }
        if certs.in_use().own_revoked {
            return Err(stale("it is revoked".to_owned()));
        }
        match certs.node_name() {
            Some(found) if found == self.spiffe_id(name) => Ok(certs),
            found => Err(stale(format!("it is for `{}`", found.unwrap_or_default()))),
        }
    }

    /// Issues a certificate for the node `name` into `DIR/NAME` and gives that folder. It is valid for
    /// `localhost`, `127.0.0.1`, `::1` and all of `dns` and `ips`.
    ///
    /// # Errors
    /// [`CertsError::BadName`], [`CertsError::Exists`], and those of reading and writing.
    pub fn issue(&self, name: &str, dns: &[String], ips: &[IpAddr]) -> Result<PathBuf, CertsError> {
        check_name("node name", name)?;
        let path = self.dir.join(name);
        let _lock = lock(&self.dir)?;
        if path.exists() {
            return Err(CertsError::Exists { path });
        }
        let authority = load(&self.dir)?;
        let issued = authority.issue(name, dns, ips)?;
        // Written beside its place and moved there, so that nobody ever sees half of it.
        let draft = self.dir.join(format!(".{name}.new"));
        if draft.exists() {
            fs::remove_dir_all(&draft).map_err(|source| write_error(&draft, source))?;
        }
        fs::create_dir(&draft).map_err(|source| write_error(&draft, source))?;
        write_new(&draft.join(CA_FILE), read(&self.dir.join(CA_FILE))?.as_bytes(), Access::All)?;
        write_new(&draft.join(CERT_FILE), issued.cert_pem.as_bytes(), Access::All)?;
        write_new(&draft.join(KEY_FILE), issued.key_pem.as_bytes(), Access::Owner)?;
        self.copy_list(&draft)?;
        fs::rename(&draft, &path).map_err(|source| write_error(&path, source))?;
        Ok(path)
    }
}

fn check_name(what: &'static str, name: &str) -> Result<(), CertsError> {
    let allowed = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-');
    let rule = if name.is_empty() || name.len() > MAX_ISSUED_NAME_BYTES {
        "it has 1 to 128 characters"
    } else if !name.bytes().all(allowed) {
        "use the characters a-z, 0-9, `.`, `_` and `-` only"
    } else if name.starts_with('.') {
        "it starts with no dot"
    } else {
        return Ok(());
    };
    Err(CertsError::BadName { what, name: name.to_owned(), rule })
}

fn load(dir: &Path) -> Result<Authority, CertsError> {
    let (cert, key) = (dir.join(CA_FILE), dir.join(CA_KEY_FILE));
    let unusable = |reason| CertsError::Authority { dir: dir.to_owned(), reason };
    match (cert.exists(), key.exists()) {
        (true, true) => Authority::load(&read(&cert)?, &read(&key)?).map_err(unusable),
        (true, false) => Err(unusable(format!("it has no {CA_KEY_FILE}, so it cannot issue"))),
        (false, _) => Err(CertsError::NoAuthority { dir: dir.to_owned() }),
    }
}

fn make_or_load(dir: &Path, trust_domain: &str) -> Result<Authority, CertsError> {
    fs::create_dir_all(dir).map_err(|source| write_error(dir, source))?;
    let _lock = lock(dir)?;
    let (cert, key) = (dir.join(CA_FILE), dir.join(CA_KEY_FILE));
    match load(dir) {
        Err(CertsError::NoAuthority { .. }) => {}
        loaded => return loaded,
    }
    if !key.exists() {
        write_new(&key, new_key()?.as_bytes(), Access::Owner)?;
    }
    // A key without a certificate is what a crash between the two leaves: it gets its certificate now.
    write_new(&cert, new_authority(trust_domain, &read(&key)?)?.as_bytes(), Access::All)?;
    load(dir)
}

/// Holds the folder for this process until the file is dropped.
fn lock(dir: &Path) -> Result<File, CertsError> {
    let path = dir.join(LOCK_FILE);
    let file = File::options().create(true).truncate(false).write(true).open(&path);
    file.and_then(|file| file.lock().map(|()| file)).map_err(|source| write_error(&path, source))
}

fn read(path: &Path) -> Result<String, CertsError> {
    fs::read_to_string(path).map_err(|source| CertsError::Read { path: path.to_owned(), source })
}

fn write_error(path: &Path, source: io::Error) -> CertsError {
    match source.kind() {
        io::ErrorKind::AlreadyExists | io::ErrorKind::DirectoryNotEmpty => {
            CertsError::Exists { path: path.to_owned() }
        }
        _ => CertsError::Write { path: path.to_owned(), source },
    }
}

/// Who may read a file.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Access {
    All,
    Owner,
}

/// Writes a file that was not there before.
fn write_new(path: &Path, bytes: &[u8], access: Access) -> Result<(), CertsError> {
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(if access == Access::Owner { 0o600 } else { 0o644 });
    }
    #[cfg(not(unix))]
    let _ = access;
    let written =
        options.open(path).and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()));
    written.map_err(|source| write_error(path, source))
}
