//! The floor's TLS: 1.3, mutual, with the same certificates and the same crypto provider as ours.

use std::path::Path;
use std::sync::Arc;

use folkmoot_transports::certs::{CA_FILE, CERT_FILE, KEY_FILE};
use folkmoot_transports::provider::provider;
use tokio::net::TcpStream;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::version::TLS13;
use tokio_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio_rustls::{TlsAcceptor, TlsConnector, client};

use super::{DRIVER, SERVER};
use crate::Result;

/// What the files of one node hold.
struct Papers {
    roots: Arc<RootCertStore>,
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

impl Papers {
    fn read(dir: &Path) -> Result<Papers> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(dir.join(CA_FILE))?)?;
        let chain =
            CertificateDer::pem_file_iter(dir.join(CERT_FILE))?.collect::<std::result::Result<_, _>>()?;
        let key = PrivateKeyDer::from_pem_file(dir.join(KEY_FILE))?;
        Ok(Papers { roots: Arc::new(roots), chain, key })
    }
}

/// The server's side.
pub(super) fn acceptor(certs: &Path) -> Result<TlsAcceptor> {
    let papers = Papers::read(&certs.join(SERVER))?;
    let clients = WebPkiClientVerifier::builder_with_provider(papers.roots, provider()).build()?;
    let config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])?
        .with_client_cert_verifier(clients)
        .with_single_cert(papers.chain, papers.key)?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// The client's side, and its handshake.
pub(super) async fn connect(certs: &Path, stream: TcpStream) -> Result<client::TlsStream<TcpStream>> {
    let papers = Papers::read(&certs.join(DRIVER))?;
    let config = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])?
        .with_root_certificates(papers.roots)
        .with_client_auth_cert(papers.chain, papers.key)?;
    let host = ServerName::from(stream.peer_addr()?.ip());
    Ok(TlsConnector::from(Arc::new(config)).connect(host, stream).await?)
}
