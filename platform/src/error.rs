//! Errors of the platform, split by what one was about to do.
//!
//! Calls fail with `CallError`; this file has the errors of starting a container and spawning an agent, and one
//! [`Error`] for programs that treat them all alike.

use std::fmt;

use folkmoot_agents::{BadDate, InThePast, NoQuorum};
use folkmoot_codecs::{AddressError, CallError, DateError};
use folkmoot_exchange::ExchangeError;
use folkmoot_gateway::PatternError;
use folkmoot_gateway::name::{NameFault, short};
use folkmoot_transports::{CertsError, TransportError};

use crate::clock::ClockError;
use crate::mailroom::MailError;
use crate::sim::SimError;
use crate::tree::child::stays_down;

/// `Result` with Folkmoot's [`Error`] unless told otherwise.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Any failure of a program with agents.
///
/// `Debug` prints the sentence and its causes: that is what a `main` that returns it shows.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A container did not start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// An agent was not spawned.
    #[error(transparent)]
    Spawn(#[from] SpawnError),
    /// A text is no address.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// Certificates could not be read or made.
    #[error(transparent)]
    Certs(#[from] CertsError),
    /// A clock cannot be, or cannot be set.
    #[error(transparent)]
    Clock(#[from] ClockError),
    /// A simulation failed, or something in it could not be done.
    #[error(transparent)]
    Sim(Box<SimError>),
    /// A text is no moment.
    #[error(transparent)]
    Date(#[from] BadDate),
    /// A text, or a moment, is no date that peers know.
    #[error(transparent)]
    DateOfPeers(#[from] DateError),
    /// A moment has passed where one to come was asked for.
    #[error(transparent)]
    InThePast(#[from] InThePast),
    /// A call failed, or calls to a group.
    #[error(transparent)]
    Call(Box<dyn std::error::Error + Send + Sync>),
    /// An exchange refused, or its gate did.
    #[error(transparent)]
    Mail(Box<MailError>),
    /// Something of the program's own.
    #[error(transparent)]
    Other(Box<dyn std::error::Error + Send + Sync>),
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut told = self.to_string();
        f.write_str(&told)?;
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            let words = error.to_string();
            // Some errors quote their cause themselves.
            if !told.contains(&words) {
                write!(f, ": {words}")?;
                told.push_str(&words);
            }
            cause = error.source();
        }
        Ok(())
    }
}

impl<E: fmt::Debug + fmt::Display + Send + Sync + 'static> From<CallError<E>> for Error {
    fn from(error: CallError<E>) -> Error {
        Error::Call(Box::new(error))
    }
}

impl<E: fmt::Debug + fmt::Display + Send + Sync + 'static> From<NoQuorum<E>> for Error {
    fn from(error: NoQuorum<E>) -> Error {
        Error::Call(Box::new(error))
    }
}

impl From<SimError> for Error {
    fn from(error: SimError) -> Error {
        Error::Sim(Box::new(error))
    }
}

impl From<MailError> for Error {
    fn from(error: MailError) -> Error {
        Error::Mail(Box::new(error))
    }
}

impl From<folkmoot_agents::mail::MailError> for Error {
    fn from(error: folkmoot_agents::mail::MailError) -> Error {
        Error::Other(Box::new(error))
    }
}

impl From<ExchangeError> for Error {
    fn from(error: ExchangeError) -> Error {
        MailError::from(error).into()
    }
}

impl From<std::io::Error> for Error {
    fn from(error: std::io::Error) -> Error {
        Error::Other(Box::new(error))
    }
}

/// What is wrong with a specification, a message or an envelope of a protocol.
macro_rules! of_protocols {
    ($($error:ident,)*) => {$(
        impl From<crate::protocols::$error> for Error {
            fn from(error: crate::protocols::$error) -> Error {
                Error::Other(Box::new(error))
            }
        }
    )*};
}

of_protocols! { Findings, ProtocolError, BodyError, EnvelopeError, DecodeError, NeutralError, }

impl From<String> for Error {
    fn from(text: String) -> Error {
        Error::Other(text.into())
    }
}

impl From<&str> for Error {
    fn from(text: &str) -> Error {
        Error::Other(text.into())
    }
}

/// Why a container did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The address is none.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// There is no transport for the address's scheme.
    #[error("`{endpoint}`: no transport for {scheme}://; give the builder one with `.transport(..)`")]
    NoTransport {
        /// Where the container was to listen.
        endpoint: String,
        /// The scheme.
        scheme: String,
    },
    /// `tls://` or `unix+tls://` without certificates.
    #[error("`{endpoint}` needs certificates: give the builder `.certs(..)`")]
    NoCerts {
        /// Where the container was to listen.
        endpoint: String,
    },
    /// Plain TCP beyond this machine.
    #[error(
        "`{endpoint}` would let everyone on the network in: listen on tls:// with `.certs(..)`, on 127.0.0.1, or \
         say `.insecure()`"
    )]
    Insecure {
        /// Where the container was to listen.
        endpoint: String,
    },
    /// An allow rule is none.
    #[error("an allow rule cannot be: {0}")]
    Rule(PatternError),
    /// The endpoint could not be opened.
    #[error(transparent)]
    Listen(#[from] TransportError),
    /// The exchange could not be opened.
    #[error("`.exchange(..)`: {0}")]
    Exchange(#[from] ExchangeError),
    /// There is no runtime here.
    #[error("a container starts inside #[folkmoot::main], #[folkmoot::test] or an actix System")]
    NoRuntime,
    /// The host or port to advertise is none.
    #[error("`.advertise({advertised:?})`: {reason}")]
    Advertise {
        /// As it was written.
        advertised: String,
        /// What is wrong with it.
        reason: String,
    },
    /// There is a child container of that name already.
    #[error(
        "there is a child container \"{name}\" already: choose another name, or shut that one down first"
    )]
    ChildTaken {
        /// The name.
        name: String,
    },
    /// The container takes no child containers any more.
    #[error("the container has been shut down")]
    ShutDown,
    /// A value of the configuration cannot be.
    #[error("{0}")]
    Configuration(String),
}

/// Why an agent was not spawned.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SpawnError {
    /// The name is none.
    #[error("{:?} is no name for an agent: {fault}", short(name))]
    BadName {
        /// The name as given.
        name: String,
        /// What is wrong with it.
        fault: NameFault,
    },
    /// An option of the spawn cannot be.
    #[error("agent \"{name}\" was not spawned: {fault}")]
    Configuration {
        /// The agent's name.
        name: String,
        /// What is wrong.
        fault: String,
    },
    /// Another agent has the name.
    #[error("there is an agent \"{name}\" already")]
    NameTaken {
        /// The name.
        name: String,
    },
    /// The factory or `#[start]` failed.
    #[error("agent \"{name}\" did not start: {cause}")]
    Failed {
        /// The name.
        name: String,
        /// What went wrong.
        cause: String,
    },
    /// Its mailbox could not be had.
    #[error("agent \"{name}\" was not spawned, for it has no mailbox: {cause}")]
    Mailbox {
        /// The agent's name.
        name: String,
        /// Why.
        cause: String,
    },
    /// Another node has its mailbox, and had it as long as the start may take.
    #[error(
        "agent \"{name}\" was not spawned: node \"{holder}\" has its mailbox until {until}, unless it keeps it longer; stop \
         the agent there, or spawn it later"
    )]
    Owned {
        /// The agent's name.
        name: String,
        /// The node.
        holder: String,
        /// Until when, by the exchange's clock.
        until: String,
    },
    /// The child container gave up and stays down.
    #[error("agent \"{name}\" was not spawned: its child container {}", stays_down(cause))]
    Down {
        /// The agent's name.
        name: String,
        /// Why the child container gave up.
        cause: String,
    },
    /// The container takes no more agents.
    #[error("the container has been shut down")]
    ShutDown,
}
