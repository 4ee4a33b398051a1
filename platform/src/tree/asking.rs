//! Asking another node for its tree.
//!
//! Neighbours: [`connecting`](crate::connecting) has the way there, [`inbound`](crate::inbound) answers on the other
//! side.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::sync::Arc;

use folkmoot_agents::Retry;
use folkmoot_codecs::{AddressError, CallError, Codec, Endpoint};

use super::view::Tree;
use crate::connecting::ask;
use crate::container::Hall;
use crate::inbound::TREE;
use crate::peer::Destination;

/// A look at another node's tree that has been prepared.
#[must_use = "nothing is asked until this is awaited"]
pub struct TreeAt {
    hall: Arc<Hall>,
    url: String,
    expected_peer: Option<String>,
    codec: Option<Codec>,
}

impl fmt::Debug for TreeAt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TreeAt").field("url", &self.url).finish_non_exhaustive()
    }
}

impl TreeAt {
    pub(crate) fn new(hall: Arc<Hall>, url: String) -> TreeAt {
        TreeAt { hall, url, expected_peer: None, codec: None }
    }

    /// The name that the node must prove, in the place of one that matches the URL.
    pub fn peer(mut self, name: &str) -> TreeAt {
        self.expected_peer = Some(name.to_owned());
        self
    }

    /// The codec of the link; the container's own unless told otherwise.
    pub fn codec(mut self, codec: Codec) -> TreeAt {
        self.codec = Some(codec);
        self
    }

    /// The node of that name, where its kind of address lets it prove it.
    pub(crate) fn expecting(mut self, name: &str) -> TreeAt {
        let proves = ["tls://", "unix+tls://"].into_iter().any(|scheme| self.url.starts_with(scheme));
        self.expected_peer = proves.then(|| name.to_owned());
        self
    }

    async fn ask(self) -> Result<Tree, CallError> {
        let TreeAt { hall, url, expected_peer, codec } = self;
        let endpoint: Endpoint =
            url.parse().map_err(|error: AddressError| CallError::BadAddress { reason: error.to_string() })?;
        if hall.is_at(&endpoint) {
            return Ok(Tree::of_node(&hall.tables));
        }
        let codec = codec.unwrap_or(hall.codec);
        let remote = hall.remote(Destination { endpoint, expected_peer, codec })?;
        remote.up(Retry::Never).await?;
        ask(&remote, codec, TREE, &(), hall.tables.default_deadline).await
    }
}

impl IntoFuture for TreeAt {
    type Output = Result<Tree, CallError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.ask())
    }
}
