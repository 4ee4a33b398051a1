//! `folkmoot tree`: the agents and child containers of a node, and what they are doing, as a list or as JSON for tools.
//!
//! Neighbour: [`node`](crate::node), who asks.

use clap::Args;
use folkmoot::Result;

use crate::node::Node;

/// The arguments of `folkmoot tree`.
#[derive(Debug, Args)]
pub(crate) struct Tree {
    /// Where the node listens, as in tls://market.example:5555
    url: String,
    /// Prints it in JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    node: Node,
}

/// Asks the node and gives what it told.
///
/// # Errors
/// What kept it from being asked, or what it was answered with.
pub(crate) fn run(tree: Tree) -> Result<String> {
    folkmoot::block_on(tree.ask())
}

impl Tree {
    async fn ask(self) -> Result<String> {
        let container = self.node.start(&self.url).await?;
        let seen = self.node.tree_at(&container, &self.url).await;
        container.shutdown().await;
        let seen = seen?;
        match self.json {
            true => serde_json::to_string_pretty(&seen).map_err(|error| error.to_string().into()),
            false => Ok(seen.to_string()),
        }
    }
}
