//! Why Academy's front door did not open.
//!
//! Neighbours: [`server`](super::server) gives it; what goes wrong later is answered to the clients
//! ([`answers`](super::answers)).

use std::path::PathBuf;

use folkmoot::exchange::ExchangeError;

use super::token_file::TokenFault;

/// Why an [`Academy`](crate::Academy) did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AcademyError {
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {source}; choose another --listen, as in 127.0.0.1:8700")]
    Listen {
        /// The address.
        address: String,
        /// The system's answer.
        source: std::io::Error,
    },
    /// A file cannot be read.
    #[error("cannot read {}: {source}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
    /// The file of tokens has a mistake.
    #[error("{}, {fault}", .path.display())]
    Tokens {
        /// The file.
        path: PathBuf,
        /// The mistake.
        fault: TokenFault,
    },
    /// A certificate or a key cannot be used.
    #[error("{} cannot be used for TLS: {fault}", .path.display())]
    Tls {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong.
        fault: String,
    },
    /// A bound is none that can be.
    #[error("{what} cannot be {value}; {advice}")]
    Bound {
        /// Which.
        what: &'static str,
        /// What was given.
        value: String,
        /// What to write.
        advice: &'static str,
    },
    /// The exchange behind it failed.
    #[error(transparent)]
    Exchange(#[from] ExchangeError),
}

impl From<AcademyError> for folkmoot::Error {
    fn from(error: AcademyError) -> folkmoot::Error {
        folkmoot::Error::Other(Box::new(error))
    }
}
