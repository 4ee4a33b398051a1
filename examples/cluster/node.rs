//! What runs on each of the three nodes: a clerk, named after its node.
//!
//! Neighbour: [`process`](crate::process) starts a node, and ends it by ending its standard input.

use std::cell::Cell;
use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

use folkmoot::prelude::*;

/// The nodes of this cluster, by their certificates.
pub(crate) const PRINCIPALS: &str = "spiffe://demo/node/*";
/// What a node prints in front of its URL once it can be called.
pub(crate) const READY: &str = "READY";

/// Greets, dozes, and asks colleagues.
#[derive(Agent)]
pub(crate) struct Clerk {
    node: String,
    dozing: Cell<usize>,
}

#[agent]
impl Clerk {
    /// Greets someone in the name of the node.
    #[expose]
    pub(crate) fn greet(&self, whom: String) -> String {
        format!("welcome to {}, {whom}", self.node)
    }

    /// Takes so many seconds.
    #[expose]
    pub(crate) async fn doze(&self, ctx: &Context<Self>, seconds: u64) {
        self.dozing.set(self.dozing.get() + 1);
        ctx.sleep(Duration::from_secs(seconds)).await;
        self.dozing.set(self.dozing.get() - 1);
    }

    /// Comes back once so many callers make it doze.
    #[expose]
    pub(crate) async fn await_dozers(&self, ctx: &Context<Self>, count: usize) {
        while self.dozing.get() < count {
            ctx.sleep(Duration::from_millis(1)).await;
        }
    }

    /// Lets a colleague doze, wherever it lives, and waits for it.
    #[expose]
    pub(crate) async fn wait_for(
        &self,
        ctx: &Context<Self>,
        colleague: String,
        seconds: u64,
    ) -> Result<(), String> {
        let colleague: Proxy<Clerk> = ctx.lookup(&colleague).await.map_err(|error| error.to_string())?;
        colleague.doze(seconds).await.map_err(|error| error.to_string())
    }
}

/// Is one node until standard input ends.
pub(crate) async fn serve(name: &str, certs: Option<&Path>, listen: &str, seeds: &[String]) -> Result<()> {
    let node = Container::builder(listen);
    let node = match certs {
        // Every node of the cluster may join, host agents, and call them; all else is denied.
        Some(certs) => node
            .certs(SslCerts::from_dir(certs)?)
            .allow_host(PRINCIPALS, "*")
            .allow(PRINCIPALS, "clerk-*", "*"),
        // On this machine alone, where everyone is let in.
        None => node.name(name),
    };
    let node = node.start().await?;
    let of = name.to_owned();
    node.spawn(&format!("clerk-{name}"), move || Clerk { node: of.clone(), dozing: Cell::new(0) }).await?;
    for seed in seeds {
        node.join(seed).await?;
    }
    writeln!(io::stdout(), "{READY} {}", node.endpoint())?;
    tokio::io::copy(&mut tokio::io::stdin(), &mut tokio::io::sink()).await?;
    node.shutdown().await;
    Ok(())
}
