//! What becomes of certificates after they were issued: they are listed, issued anew, revoked.
//!
//! Always: a file changes from its old content to its new one in one step, so a node that reads it meanwhile finds
//! a whole file; between certificate and key it finds at worst two of different pairs, which it does not take.
//! Neighbours: [`crate::certs`] takes such changes while a node runs; [`crate::revocation`] reads the lists.

use std::fs;
use std::path::{Path, PathBuf};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer};

use super::{Access, DevCerts, check_name, load, lock, read, write_error, write_new};
use crate::certificate_fault::CertificateFault;
use crate::certs::{CA_FILE, CERT_FILE, CRL_FILE, KEY_FILE};
use crate::certs_error::CertsError;
use crate::issuing::{Authority, RevocationList};
use crate::leaf::Leaf;

/// A node that has a folder with a certificate.
#[derive(Debug)]
#[non_exhaustive]
pub struct IssuedNode {
    /// Its name; the folder's.
    pub name: String,
    /// Its certificate, or why that cannot be read.
    pub certificate: Result<Leaf, CertsError>,
    /// Whether the authority has revoked it.
    pub revoked: bool,
}

/// A certificate that was issued anew.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Renewed {
    /// The node's folder.
    pub dir: PathBuf,
    /// What it had before.
    pub old: Leaf,
    /// What it has now.
    pub new: Leaf,
}

impl DevCerts {
    /// The nodes that were issued certificates, by name.
    ///
    /// # Errors
    /// Those of reading the folder and its revocation list; a damaged certificate is told in its [`IssuedNode`].
    pub fn nodes(&self) -> Result<Vec<IssuedNode>, CertsError> {
        let list = self.revocation_list()?;
        let failed = |source| CertsError::Read { path: self.dir.clone(), source };
        let mut nodes = Vec::new();
        for entry in fs::read_dir(&self.dir).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            if check_name("node name", &name).is_err() || !entry.path().join(CERT_FILE).exists() {
                continue;
            }
            let certificate = certificate(&entry.path().join(CERT_FILE));
            let revoked = certificate.as_ref().is_ok_and(|leaf| list.has(leaf.serial()));
            nodes.push(IssuedNode { name, certificate, revoked });
        }
        nodes.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(nodes)
    }

    /// Issues a new key and certificate to the node `name`, for the same name and hosts as before. A running node takes
    /// them by itself. The old certificate stays valid to its end, unless it was revoked before.
    ///
    /// # Errors
    /// [`CertsError::NotIssued`] where the node has none, and those of reading and writing.
    pub fn rotate(&self, name: &str) -> Result<Renewed, CertsError> {
        let dir = self.folder_of(name)?;
        let _lock = lock(&self.dir)?;
        let authority = load(&self.dir)?;
        let old = certificate(&dir.join(CERT_FILE))?;
        let issued = authority.issue(name, old.dns(), old.ips())?;
        if self.dir.join(CRL_FILE).exists() {
            self.write_list(&authority, &self.revocation_list()?)?;
        }
        let ca = read(&self.dir.join(CA_FILE))?;
        // A node may trust other authorities beside ours.
        if !read(&dir.join(CA_FILE)).is_ok_and(|trusted| trusted.contains(ca.trim())) {
            replace(&dir.join(CA_FILE), &ca, Access::All)?;
        }
        replace(&dir.join(KEY_FILE), &issued.key_pem, Access::Owner)?;
        replace(&dir.join(CERT_FILE), &issued.cert_pem, Access::All)?;
        let new = certificate(&dir.join(CERT_FILE))?;
        Ok(Renewed { dir, old, new })
    }

    /// Revokes the certificate that the node `name` has now: `crl.pem` is written beside the authority and into every
    /// node's folder, in the place of what is there. Says whether it was not revoked before.
    ///
    /// # Errors
    /// [`CertsError::NotIssued`] where the node has none, and those of reading and writing.
    pub fn revoke(&self, name: &str) -> Result<bool, CertsError> {
        let path = self.folder_of(name)?.join(CERT_FILE);
        let _lock = lock(&self.dir)?;
        let authority = load(&self.dir)?;
        let leaf = certificate(&path)?;
        let mut list = self.revocation_list()?;
        let new = list.add(&leaf);
        self.write_list(&authority, &list)?;
        Ok(new)
    }

    /// Puts the revocation list, where there is one, into a node's folder.
    pub(super) fn copy_list(&self, dir: &Path) -> Result<(), CertsError> {
        let path = self.dir.join(CRL_FILE);
        if !path.exists() {
            return Ok(());
        }
        replace(&dir.join(CRL_FILE), &read(&path)?, Access::All)
    }

    fn folder_of(&self, name: &str) -> Result<PathBuf, CertsError> {
        check_name("node name", name)?;
        let dir = self.dir.join(name);
        if !dir.join(CERT_FILE).exists() {
            return Err(CertsError::NotIssued { dir: self.dir.clone(), name: name.to_owned() });
        }
        Ok(dir)
    }

    fn revocation_list(&self) -> Result<RevocationList, CertsError> {
        let path = self.dir.join(CRL_FILE);
        if !path.exists() {
            return Ok(RevocationList::default());
        }
        let place = path.display().to_string();
        let der = CertificateRevocationListDer::from_pem_slice(read(&path)?.as_bytes())
            .map_err(|error| CertsError::pem(&place, &error))?;
        RevocationList::read(&der).map_err(|reason| CertsError::Unusable { place, reason })
    }

    fn write_list(&self, authority: &Authority, list: &RevocationList) -> Result<(), CertsError> {
        let pem = authority.sign_list(list)?;
        replace(&self.dir.join(CRL_FILE), &pem, Access::All)?;
        for node in self.nodes()? {
            self.copy_list(&self.dir.join(node.name))?;
        }
        Ok(())
    }
}

/// The certificate in a file; expired ones too.
fn certificate(path: &Path) -> Result<Leaf, CertsError> {
    let place = path.display().to_string();
    let der = CertificateDer::from_pem_slice(read(path)?.as_bytes())
        .map_err(|error| CertsError::pem(&place, &error))?;
    let own = |fault: CertificateFault| CertsError::Own { place: place.clone(), fault };
    Leaf::read(&der).map_err(own)
}

/// Puts a whole new file in the place of the old one.
fn replace(path: &Path, text: &str, access: Access) -> Result<(), CertsError> {
    let mut draft = path.as_os_str().to_owned();
    draft.push(".new");
    let draft = PathBuf::from(draft);
    if draft.exists() {
        // What an interrupted replacement left.
        fs::remove_file(&draft).map_err(|source| write_error(&draft, source))?;
    }
    write_new(&draft, text.as_bytes(), access)?;
    fs::rename(&draft, path).map_err(|source| write_error(path, source))
}
