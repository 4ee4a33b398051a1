//! The three nodes: which agents live on each, who believes that, and who may call them.
//!
//! Each is a process of its own. Always true: a node ends when its standard input does, so none outlives the process
//! that started it, however that ended. Neighbours: [`processes`](crate::processes) starts them,
//! [`market`](crate::market) and [`household`](crate::household) are what lives there.

use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::ValueEnum;
use folkmoot::prelude::*;

use crate::community::{MEMBERS_A_NODE, Member, members};
use crate::counters::{Counters, Teller};
use crate::household::Household;
use crate::market::Market;
use crate::profiles::Profiles;

/// The name of the node that runs the day, as its certificate has it.
pub(crate) const OPERATOR: &str = "operator";
/// The market's agent.
pub(crate) const MARKET: &str = "market";
/// What a node prints in front of its URL once it has joined.
pub(crate) const READY: &str = "READY";

/// Which nodes may join, and which agents are believed to live there. All nodes have the same rules.
const HOSTS: [(&str, &str); 3] = [
    ("spiffe://demo/node/market", MARKET),
    ("spiffe://demo/node/households-*", "household-*"),
    ("spiffe://demo/node/*", "teller-*"),
];

/// This household panics, once, when it bids for this quarter hour (08:15).
const CLUMSY: (&str, usize) = ("household-042", 33);

/// What a node is there for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Role {
    Market,
    HouseholdsA,
    HouseholdsB,
}

impl Role {
    /// The node's name, as its certificate has it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Role::Market => MARKET,
            Role::HouseholdsA => "households-a",
            Role::HouseholdsB => "households-b",
        }
    }

    /// The agent there that tells the node's counters: no two agents of joined nodes have one name.
    pub(crate) fn teller(self) -> String {
        format!("teller-{}", self.name())
    }

    /// Whose agents live there.
    pub(crate) fn members(self) -> Vec<Member> {
        let skip = match self {
            Role::Market => return Vec::new(),
            Role::HouseholdsA => 0,
            Role::HouseholdsB => MEMBERS_A_NODE,
        };
        members().into_iter().skip(skip).take(MEMBERS_A_NODE).collect()
    }
}

/// A node on a free port, which knows its fellows by their certificates.
pub(crate) fn builder(certs: SslCerts) -> folkmoot::Builder {
    let node = Container::builder("tls://127.0.0.1:0").certs(certs);
    HOSTS.into_iter().fold(node, |node, (fellow, agents)| node.allow_host(fellow, agents))
}

/// Is one node until standard input ends: `certs` is its own folder, `join` the URL of another.
pub(crate) async fn serve(role: Role, certs: &Path, join: Option<&str>) -> Result<()> {
    tracing_subscriber::fmt()
        .with_writer(io::stderr)
        .with_ansi(false)
        .with_max_level(tracing_subscriber::filter::LevelFilter::WARN)
        .init();
    let counters = Counters::install()?;
    let node = allow(builder(SslCerts::from_dir(certs)?), role).start().await?;
    node.spawn(&role.teller(), move || Teller::new(counters.clone())).await?;
    match role {
        Role::Market => drop(node.spawn(MARKET, Market::default).await?),
        Role::HouseholdsA | Role::HouseholdsB => spawn_households(&node, role).await?,
    }
    if let Some(url) = join {
        node.join(url).await?;
    }

    // The line that the parent waits for.
    writeln!(io::stdout(), "{READY} {}", node.endpoint())?;
    tokio::io::copy(&mut tokio::io::stdin(), &mut tokio::io::sink()).await?;
    node.shutdown().await;
    Ok(())
}

/// What is not allowed here is denied.
fn allow(node: folkmoot::Builder, role: Role) -> folkmoot::Builder {
    let operator = format!("spiffe://demo/node/{OPERATOR}");
    let node = node.allow(&operator, &role.teller(), "counters");
    match role {
        Role::Market => node.allow(&operator, MARKET, "open").allow(&operator, MARKET, "trade"),
        Role::HouseholdsA | Role::HouseholdsB => {
            let market = format!("spiffe://demo/node/{MARKET}");
            ["bid", "settle", "resume"]
                .into_iter()
                .fold(node, |node, method| node.allow(&market, "household-*", method))
        }
    }
}

async fn spawn_households(node: &Container, role: Role) -> Result<()> {
    let profiles = Arc::new(Profiles::read()?);
    for member in role.members() {
        let (name, profiles) = (member.name.clone(), profiles.clone());
        let stumbles = AtomicBool::new(member.name == CLUMSY.0);
        node.spawn(&name, move || {
            // Only the first life of the clumsy one stumbles: it comes back from here and goes on.
            let stumbles_at = stumbles.swap(false, Ordering::Relaxed).then_some(CLUMSY.1);
            Household::new(member.clone(), profiles.clone(), stumbles_at)
        })
        .restart(Restart::Transient)
        .await?;
    }
    Ok(())
}
