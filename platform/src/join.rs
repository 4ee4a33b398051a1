//! Joining as programs ask for it: where to, whom to expect, with how much patience.
//!
//! Neighbours: [`container`](crate::container) begins it, [`joining`](crate::joining) does it.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use folkmoot_agents::Retry;
use folkmoot_codecs::{CallError, Endpoint};

use crate::container::Hall;
use crate::joining;
use crate::link_time;
use crate::membership::JoinedNode;
use crate::peer::Destination;

/// A join that has been prepared.
#[must_use = "nothing is joined until this is awaited"]
pub struct Join {
    hall: Arc<Hall>,
    url: String,
    expected_peer: Option<String>,
    retry: Retry,
}

impl fmt::Debug for Join {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Join").field("url", &self.url).finish_non_exhaustive()
    }
}

impl Join {
    pub(crate) fn new(hall: Arc<Hall>, url: String) -> Join {
        Join { hall, url, expected_peer: None, retry: Retry::Never }
    }

    /// Tries to reach the node for this long.
    pub fn retry_for(mut self, time: Duration) -> Join {
        self.retry = Retry::For(time);
        self
    }

    /// The name that the node must prove, in the place of one that matches the URL.
    pub fn peer(mut self, name: &str) -> Join {
        self.expected_peer = Some(name.to_owned());
        self
    }

    async fn join(self) -> Result<JoinedNode, CallError> {
        let Join { hall, url, expected_peer, retry } = self;
        let endpoint: Endpoint = url.parse().map_err(|error: folkmoot_codecs::AddressError| {
            CallError::BadAddress { reason: error.to_string() }
        })?;
        if hall.is_at(&endpoint) {
            return Err(CallError::BadAddress { reason: format!("{endpoint} is this node itself") });
        }
        let to = Destination { endpoint, expected_peer, codec: hall.codec };
        match joining::begin(&hall, &to, retry) {
            Some(told) => told.await.unwrap_or_else(|_| Err(crate::remote::closed())),
            None => already_kept(&hall, &to, retry).await,
        }
    }
}

/// The node to which somebody keeps a link already: waits for it to be there, as long as `retry` says and an attempt
/// that is on its way may take.
async fn already_kept(hall: &Hall, to: &Destination, retry: Retry) -> Result<JoinedNode, CallError> {
    let tables = &hall.tables;
    let mut changes = tables.membership.watch();
    let patience = match retry {
        Retry::For(time) => Some(time.max(tables.limits.handshake_time)),
        Retry::Never => Some(tables.limits.handshake_time),
        Retry::Forever => None,
    };
    let joined = async {
        loop {
            if let Some(node) = tables.membership.joined_at(to, tables) {
                return Ok(node);
            }
            if tables.is_closed() || changes.changed().await.is_err() {
                return Err(crate::remote::closed());
            }
        }
    };
    match patience {
        None => joined.await,
        Some(patience) => link_time::within(patience, joined).await.unwrap_or_else(|| {
            let cause =
                format!("{} is being joined already, and was not there within {patience:?}", to.endpoint);
            Err(CallError::Disconnected { may_have_run: false, cause })
        }),
    }
}

impl IntoFuture for Join {
    type Output = Result<JoinedNode, CallError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.join())
    }
}
