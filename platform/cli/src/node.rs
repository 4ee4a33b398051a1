//! Who speaks when a verb reaches out to another node: options that all such verbs share.
//!
//! What always holds: nothing listens on a port for it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use folkmoot::{Codec, Connect, Container, Result, SslCerts, TreeAt, Untyped};

/// How another node is reached.
#[derive(Debug, Args)]
pub(crate) struct Node {
    /// The caller's certificates, a folder as `folkmoot certs issue` makes it; tls:// and unix+tls:// need them
    #[arg(long, value_name = "DIR")]
    certs: Option<PathBuf>,
    /// The name that the other node must prove (spiffe://..), in the place of one that matches the URL
    #[arg(long, value_name = "NAME")]
    peer: Option<String>,
    /// How the call is written on the wire: MsgPack, MsgPackBlosc, CBOR or JSON
    #[arg(long, value_name = "NAME", default_value = "MsgPack")]
    codec: Codec,
    /// How long to wait for the reply
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = seconds)]
    deadline: Duration,
}

impl Node {
    /// A container of the command's own, to reach `url`.
    pub(crate) async fn start(&self, url: &str) -> Result<Container> {
        let mut builder = Container::builder("local://folkmoot-command").deadline(self.deadline);
        if let Some(certs) = certs_for(url, self.certs.as_deref())? {
            builder = builder.certs(certs);
        }
        Ok(builder.start().await?)
    }

    /// The way to the agent at `url`.
    pub(crate) fn connect(&self, container: &Container, url: &str) -> Connect<Untyped> {
        let connect = container.connect(url).codec(self.codec);
        match &self.peer {
            Some(peer) => connect.peer(peer),
            None => connect,
        }
    }

    /// The same, sought for as long as a reply is waited for.
    pub(crate) fn connect_patiently(&self, container: &Container, url: &str) -> Connect<Untyped> {
        self.connect(container, url).retry_for(self.deadline)
    }

    /// The way to the tree of the node at `url`.
    pub(crate) fn tree_at(&self, container: &Container, url: &str) -> TreeAt {
        let tree = container.tree_at(url).codec(self.codec);
        match &self.peer {
            Some(peer) => tree.peer(peer),
            None => tree,
        }
    }
}

/// The certificates in `dir`, if any; `url` may be one that needs them.
pub(crate) fn certs_for(url: &str, dir: Option<&Path>) -> Result<Option<SslCerts>> {
    let under_tls = ["tls", "unix+tls"].into_iter().find(|scheme| url.split("://").next() == Some(scheme));
    match (dir, under_tls) {
        (Some(dir), _) => Ok(Some(SslCerts::from_dir(dir)?)),
        (None, None) => Ok(None),
        (None, Some(scheme)) => Err(format!(
            "{scheme}:// needs the caller's certificates: add --certs DIR, a folder that `folkmoot certs issue` made"
        )
        .into()),
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse::<f64>().map_err(|error| error.to_string())?;
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}
