//! `folkmoot join`: a node without agents that joins others, and shows what there is.
//!
//! What always holds: each change among the nodes and their agents is a line; Ctrl-C ends it with a goodbye.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use folkmoot::{Container, Error, ListedAgent, NodeState, Result};

use crate::node::certs_for;

/// Joins the node at a URL and shows all nodes and agents, as they come and go, until Ctrl-C
#[derive(Debug, Args)]
pub(crate) struct Join {
    /// Where the other node listens, as in tls://market.example:5555
    url: String,
    /// This node's certificates, a folder as `folkmoot certs issue` makes it; tls:// needs them
    #[arg(long, value_name = "DIR")]
    certs: Option<PathBuf>,
    /// Where this node listens, so that the others can reach it too; a free port of this machine unless told otherwise
    #[arg(long, value_name = "URL")]
    listen: Option<String>,
    /// This node's name, where it has no certificates
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// The name that the other node must prove (spiffe://..), in the place of one that matches the URL
    #[arg(long, value_name = "NAME")]
    peer: Option<String>,
    /// The cluster that is joined
    #[arg(long, value_name = "NAME", default_value = "folkmoot")]
    cluster: String,
    /// Show what there is and leave
    #[arg(long)]
    once: bool,
}

pub(crate) fn run(join: Join) -> Result<String> {
    folkmoot::block_on(async {
        let certs = certs_for(&join.url, join.certs.as_deref())?;
        let scheme = if certs.is_some() { "tls" } else { "tcp" };
        let listen = join.listen.clone().unwrap_or_else(|| format!("{scheme}://127.0.0.1:0"));
        let mut builder = Container::builder(&listen).cluster(&join.cluster);
        if let Some(name) = &join.name {
            builder = builder.name(name);
        }
        if let Some(certs) = certs {
            // Whoever proves itself to this authority may be shown.
            builder = builder.certs(certs).allow_host("*", "*");
        }
        let node = builder.start().await?;
        let shown = tokio::select! {
            // Heeded from before the node joins, so that it never goes without a goodbye.
            biased;
            ended = tokio::signal::ctrl_c() => ended.map_err(Error::from),
            shown = show(&node, &join) => shown,
        };
        node.shutdown().await;
        shown.map(|()| String::new())
    })
}

async fn show(node: &Container, join: &Join) -> Result<()> {
    let mut changes = node.node_changes();
    let joining = node.join(&join.url);
    match &join.peer {
        Some(peer) => joining.peer(peer).await?,
        None => joining.await?,
    };
    let mut seen = BTreeSet::new();
    loop {
        let now = lines(node);
        for line in now.difference(&seen) {
            writeln!(std::io::stdout(), "{line}")?;
        }
        for line in seen.difference(&now).filter(|line| line.starts_with("agent")) {
            writeln!(std::io::stdout(), "{line} is gone")?;
        }
        seen = now;
        if join.once {
            return Ok(());
        }
        changes.next().await;
    }
}

/// All that there is, a line each.
fn lines(node: &Container) -> BTreeSet<String> {
    let nodes = node.nodes().into_iter().map(|node| {
        let seen = if node.state == NodeState::Left { String::new() } else { format!(" at {}", node.url) };
        format!("node {} {}{seen}", node.name, node.state)
    });
    let agents = node
        .all_agents()
        .into_iter()
        .map(|ListedAgent { name, node, agent_type, .. }| format!("agent {name} ({agent_type}) on {node}"));
    nodes.chain(agents).collect()
}
