//! The files that certificates are read from, and whether they have changed.
//!
//! Always: cheap while nothing changes. A file is read again when its length, time or inode is another, and once
//! more after that, for a second write may fall into the same tick of the file system's clock.
//! Neighbour: [`crate::certs`] makes configurations of what is read here.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::certs_error::CertsError;
use crate::provider::sha256_hex;
use crate::ready::{Part, Parts};

/// Where the parts lie.
#[derive(Clone, Debug)]
pub(crate) struct CertFiles {
    ca: PathBuf,
    cert: PathBuf,
    key: PathBuf,
    /// May be missing.
    crl: PathBuf,
}

/// What tells two states of a file apart without reading it.
type Stamp = Option<(u64, Option<SystemTime>, u64)>;

/// What tells two contents of all files apart; `None` for a file that is not there.
pub(crate) type Hashes = [Option<String>; 4];

/// How the files were when they were last looked at.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    stamps: [Stamp; 4],
    hashes: Hashes,
    /// Whether two looks in a row have read the same.
    settled: bool,
}

impl Seen {
    pub(crate) fn hashes(&self) -> &Hashes {
        &self.hashes
    }
}

impl CertFiles {
    pub(crate) fn new(ca: &Path, cert: &Path, key: &Path, crl: PathBuf) -> CertFiles {
        CertFiles { ca: ca.to_owned(), cert: cert.to_owned(), key: key.to_owned(), crl }
    }

    fn paths(&self) -> [&Path; 4] {
        [&self.ca, &self.cert, &self.key, &self.crl]
    }

    /// Reads all of them.
    pub(crate) fn read(&self) -> Result<(Parts, Seen), CertsError> {
        // Looked at before they are read: what is written meanwhile is found by the next look.
        let stamps = self.paths().map(stamp);
        let crl = match fs::read(&self.crl) {
            Ok(bytes) => Some(Part::new(self.crl.display(), bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(source) => return Err(CertsError::Read { path: self.crl.clone(), source }),
        };
        let parts = Parts { ca: part(&self.ca)?, cert: part(&self.cert)?, key: part(&self.key)?, crl };
        let hash = |part: &Part| Some(sha256_hex(&part.bytes));
        let hashes =
            [hash(&parts.ca), hash(&parts.cert), hash(&parts.key), parts.crl.as_ref().and_then(hash)];
        Ok((parts, Seen { stamps, hashes, settled: false }))
    }

    /// What is in them, where that is not what was `seen`.
    pub(crate) fn changed(&self, seen: &mut Seen) -> Result<Option<Parts>, CertsError> {
        if seen.settled && seen.stamps == self.paths().map(stamp) {
            return Ok(None);
        }
        let (parts, now) = match self.read() {
            Ok(read) => read,
            Err(error) => {
                // Looked at again next time, whatever the stamps say.
                *seen = Seen::default();
                return Err(error);
            }
        };
        let same = now.hashes == seen.hashes;
        let settled = same && now.stamps == seen.stamps;
        *seen = Seen { settled, ..now };
        Ok((!same).then_some(parts))
    }
}

fn part(path: &Path) -> Result<Part, CertsError> {
    let bytes = fs::read(path).map_err(|source| CertsError::Read { path: path.to_owned(), source })?;
    Ok(Part::new(path.display(), bytes))
}

fn stamp(path: &Path) -> Stamp {
    let data = fs::metadata(path).ok()?;
    Some((data.len(), data.modified().ok(), inode(&data)))
}

#[cfg(unix)]
fn inode(data: &fs::Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::ino(data)
}

#[cfg(not(unix))]
fn inode(_: &fs::Metadata) -> u64 {
    0
}
