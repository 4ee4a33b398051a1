//! TLS of the front door: a folder with `cert.pem` and `key.pem`, as public servers have them. Clients need none.
//!
//! Always true: what is wrong with the files is told when the server starts; a change is taken as a whole or not at all.
//! Neighbour: [`server`](super::server) asks for a handshake's configuration.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::error::AcademyError;

/// The certificate, and those between it and its authority.
const CERT_FILE: &str = "cert.pem";
/// Its private key.
const KEY_FILE: &str = "key.pem";

/// The configuration of new connections.
#[derive(Debug)]
pub(crate) struct Tls {
    dir: PathBuf,
    current: RwLock<Current>,
    /// What the last look found wrong, and told.
    told: Mutex<Option<String>>,
}

#[derive(Debug)]
struct Current {
    config: Arc<ServerConfig>,
    pem: [Vec<u8>; 2],
}

impl Tls {
    /// Reads `cert.pem` and `key.pem` in a folder.
    ///
    /// # Errors
    /// Which file is missing, or what is wrong with it.
    pub(crate) fn from_dir(dir: &Path) -> Result<Tls, AcademyError> {
        let current = Current::read(dir)?;
        Ok(Tls { dir: dir.to_owned(), current: RwLock::new(current), told: Mutex::default() })
    }

    /// What the next handshake is made with.
    pub(crate) fn config(&self) -> Arc<ServerConfig> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).config.clone()
    }

    /// Looks whether the files have changed, and takes them if they can be used. What is wrong with them is told once.
    pub(crate) fn look_again(&self) {
        let pem = pem(&self.dir);
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        if pem.as_ref().is_ok_and(|pem| *pem == current.pem) {
            *told = None;
            return;
        }
        match pem.and_then(|pem| Current::build(&self.dir, pem)) {
            Ok(changed) => {
                tracing::info!("the certificate has changed");
                *current = changed;
                *told = None;
            }
            Err(error) => {
                let fault = Some(error.to_string());
                if *told != fault {
                    tracing::warn!(%error, "the changed certificate was not taken; the old one stays");
                    *told = fault;
                }
            }
        }
    }
}

impl Current {
    fn read(dir: &Path) -> Result<Current, AcademyError> {
        Current::build(dir, pem(dir)?)
    }

    fn build(dir: &Path, pem: [Vec<u8>; 2]) -> Result<Current, AcademyError> {
        let [cert, key] = &pem;
        let fault = |file: &str, fault: String| AcademyError::Tls { path: dir.join(file), fault };
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(cert).collect();
        let cut = |_| fault(CERT_FILE, "a `CERTIFICATE` section of it is cut or damaged".to_owned());
        let chain = chain.map_err(cut)?;
        if chain.is_empty() {
            return Err(fault(CERT_FILE, "it has no `BEGIN CERTIFICATE` section".to_owned()));
        }
        let key = PrivateKeyDer::from_pem_slice(key)
            .map_err(|_| fault(KEY_FILE, "it has no unencrypted `BEGIN PRIVATE KEY` section".to_owned()))?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let refused = |error: rustls::Error| {
            let fault = match error {
                rustls::Error::InconsistentKeys(_) => {
                    format!("{KEY_FILE} is not the key of the first certificate in {CERT_FILE}")
                }
                error => error.to_string(),
            };
            AcademyError::Tls { path: dir.to_owned(), fault }
        };
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(refused)?
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .map_err(refused)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Current { config: Arc::new(config), pem })
    }
}

fn pem(dir: &Path) -> Result<[Vec<u8>; 2], AcademyError> {
    let read = |file: &str| {
        let path = dir.join(file);
        std::fs::read(&path).map_err(|source| AcademyError::Read { path, source })
    };
    Ok([read(CERT_FILE)?, read(KEY_FILE)?])
}
