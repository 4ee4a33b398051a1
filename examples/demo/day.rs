//! The course of the day: three nodes, 96 auctions, one crash and one killed node.
//!
//! This process is a node too, the operator: it joins the others, and may have the market trade and ask each node what
//! it counted, nothing else. Always true: certificates and logs lie in a temporary folder that goes with it.
//! Neighbours: [`processes`](crate::processes) runs the nodes, [`market`](crate::market) is called for each quarter
//! hour, [`report`](crate::report) takes what came of it.

use folkmoot::prelude::*;
use futures_util::future::{try_join, try_join3};
use tempfile::TempDir;

use crate::counters::{RECONNECTS, RESTARTS, Teller};
use crate::market::{Market, Round};
use crate::nodes::{self, MARKET, OPERATOR, Role};
use crate::processes::NodeProcess;
use crate::profiles::{QUARTERS, clock};
use crate::progress::Progress;
use crate::report::Day;
use crate::seat::PATIENCE;

/// The node that is killed and started again, and in which quarter hour (12:00).
pub(crate) const KILLED: (Role, usize) = (Role::HouseholdsB, 48);

/// Runs the whole day, or as far as it gets with all households at the market.
///
/// # Errors
/// What kept a node from starting or the market from trading. A household that stays away ends the day early.
pub(crate) async fn live(progress: &mut Progress) -> Result<Day> {
    let dir = TempDir::with_prefix("folkmoot-demo-")?;
    let certs = DevCerts::in_dir(dir.path())?;
    let mut nodes = Nodes::start(&certs).await?;
    let operator = nodes::builder(certs.node(OPERATOR)?).start().await?;
    operator.join(nodes.market.url()).await?;
    let market: Proxy<Market> = operator.lookup(MARKET).await?;

    let seats = market.open().await?;
    progress.say(&format!("three nodes are up, {seats} households are at the market over mutual TLS"));
    let mut day = hold_auctions(&market, &mut nodes, progress).await?;
    if day.absent().next().is_none() {
        count(&operator, &mut day).await?;
        nodes.end().await?;
    }
    operator.shutdown().await;
    Ok(day)
}

/// Has the market trade for each quarter hour until the day is over or a household stays away.
async fn hold_auctions(market: &Proxy<Market>, nodes: &mut Nodes, progress: &mut Progress) -> Result<Day> {
    let mut day = Day::default();
    for quarter in 0..QUARTERS {
        let round = if quarter == KILLED.1 {
            let (time, name) = (clock(quarter), KILLED.0.name());
            progress.say(&format!("{time}  node {name} is killed, as by kill -9, and started again"));
            trade_while_killing(market, quarter, &mut nodes.b).await?
        } else {
            trade(market, quarter).await?
        };
        progress.round(&round);
        day.rounds.push(round);
        if day.absent().next().is_some() {
            break;
        }
    }
    Ok(day)
}

/// Holds an auction.
async fn trade(market: &Proxy<Market>, quarter: usize) -> Result<Round> {
    let round = market.trade(quarter).await;
    Ok(round.map_err(|error| format!("the market gave no result for {}: {error}", clock(quarter)))?)
}

/// Holds an auction that a node drops out of and comes back to.
async fn trade_while_killing(
    market: &Proxy<Market>,
    quarter: usize,
    node: &mut NodeProcess,
) -> Result<Round> {
    let kill = async {
        node.kill().await?;
        node.start_again().await
    };
    let (round, ()) = try_join(trade(market, quarter), kill).await?;
    Ok(round)
}

/// Adds up what the platform counted on each of the three nodes.
async fn count(operator: &Container, day: &mut Day) -> Result<()> {
    for role in [Role::Market, Role::HouseholdsA, Role::HouseholdsB] {
        let teller: Proxy<Teller> = operator.lookup(&role.teller()).retry_for(PATIENCE).await?;
        let counted = teller.counters().await?;
        let count = |name: &str| counted.get(name).copied().unwrap_or_default();
        day.restarts += count(RESTARTS);
        day.reconnects += count(RECONNECTS);
    }
    Ok(())
}

/// The three processes.
struct Nodes {
    market: NodeProcess,
    a: NodeProcess,
    b: NodeProcess,
}

impl Nodes {
    async fn start(certs: &DevCerts) -> Result<Nodes> {
        let market = NodeProcess::start(Role::Market, certs, None).await?;
        let join = |role| NodeProcess::start(role, certs, Some(&market));
        let (a, b) = try_join(join(Role::HouseholdsA), join(Role::HouseholdsB)).await?;
        Ok(Nodes { market, a, b })
    }

    async fn end(self) -> Result<()> {
        try_join3(self.market.end(), self.a.end(), self.b.end()).await?;
        Ok(())
    }
}
