//! Byte streams between Folkmoot's containers, and who is at the other end of them.
//!
//! Transports of one shape ([`Transport`]): [`TcpTransport`] (plain, anonymous), [`TlsTransport`] (mutual TLS 1.3
//! or 1.2, the peer's name proven by its certificate), on unix `UnixTransport` (the peer's user proven by the system)
//! and `UnixTlsTransport` (TLS over that), and [`LocalTransport`] (inside one process, in a deterministic order). What
//! always holds:
//!
//! - No timers: every operation is a future, and its caller decides how long it may take.
//! - No frames: a stream is bytes; `codecs` cuts them, `platform` moves them.
//! - A [`Principal`] is proven, never claimed: [`Connection::proven`] tells whether, by a certificate or the system.
//! - Certificates are read for names at one place ([`leaf`]) and the crypto provider is named at one
//!   place ([`provider`]).
//!
//! ```
//! use folkmoot_transports::{DevCerts, TlsTransport, Transport};
//! use tokio::io::{AsyncReadExt, AsyncWriteExt};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let dir = tempfile::tempdir()?;
//! let authority = DevCerts::in_dir(dir.path())?;
//! let market = TlsTransport::new(authority.node("market")?);
//! let house = TlsTransport::new(authority.node("house")?);
//!
//! let mut listener = market.listen(&"tls://127.0.0.1:0".parse()?).await?;
//! let endpoint = listener.endpoint().clone(); // with the real port
//! let (accepted, dialed) = tokio::join!(
//!     async { listener.accept().await?.handshake().await },
//!     house.dial(&endpoint, Some("spiffe://demo/node/market")),
//! );
//! let (mut accepted, mut dialed) = (accepted?, dialed?);
//! assert_eq!(accepted.principal.node_name(), "spiffe://demo/node/house");
//!
//! dialed.stream.write_all(b"good day").await?;
//! dialed.stream.flush().await?;
//! let mut heard = [0; 8];
//! accepted.stream.read_exact(&mut heard).await?;
//! assert_eq!(&heard, b"good day");
//! # Ok(())
//! # }
//! ```
//!
//! Neighbours: `codecs` has [`Endpoint`] and [`Principal`]; `platform` chooses a transport by scheme.
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

mod cert_files;
pub mod certificate_fault;
pub mod certs;
pub mod certs_error;
pub mod dev_certs;
pub mod error;
pub mod explain;
mod handshake;
mod issuing;
pub mod leaf;
pub mod local;
pub mod provider;
mod ready;
pub mod revocation;
pub mod sniff;
#[cfg(unix)]
mod socket_file;
pub mod tcp;
pub mod tls;
pub mod transport;
#[cfg(unix)]
pub mod unix;
#[cfg(unix)]
pub mod unix_tls;
mod verify;

pub use certificate_fault::CertificateFault;
pub use certs::{CertsInUse, SslCerts};
pub use certs_error::CertsError;
pub use dev_certs::{DevCerts, IssuedNode, Renewed};
pub use error::{AtFault, TransportError};
pub use explain::explain_io;
pub use folkmoot_codecs::{Endpoint, Principal};
pub use leaf::Leaf;
pub use local::{
    LOCAL_BACKLOG_CONNECTIONS, LOCAL_BUFFER_BYTES, LocalDoor, LocalNetwork, LocalPair, LocalTransport,
};
pub use revocation::PeerCertificate;
pub use sniff::{looks_like_http, looks_like_tls};
pub use tcp::TcpTransport;
pub use tls::TlsTransport;
pub use transport::{Accepted, BoxFuture, ByteStream, Connection, Listener, Transport, rest};
#[cfg(unix)]
pub use unix::UnixTransport;
#[cfg(unix)]
pub use unix_tls::UnixTlsTransport;
