//! The course of the day: three nodes, 96 auctions, one crash and one killed node.
//!
//! This process is a node too, the operator: it may call the market and nothing else. Always true: certificates and
//! logs lie in a temporary folder that goes with it. Neighbours: [`processes`](crate::processes) runs the nodes,
//! [`market`](crate::market) is called for each quarter hour, [`report`](crate::report) takes what came of it.

use folkmoot::prelude::*;
use futures_util::future::{try_join, try_join3};
use tempfile::TempDir;

use crate::counters::{RECONNECTS, RESTARTS};
use crate::market::{Market, Round};
use crate::nodes::{MARKET, OPERATOR, Role, TELLER};
use crate::processes::NodeProcess;
use crate::profiles::QUARTERS;
use crate::progress::Progress;
use crate::report::Day;

/// The node that is killed and started again, and in which quarter hour (12:00).
pub(crate) const KILLED: (Role, usize) = (Role::HouseholdsB, 48);

/// Runs the whole day, or as far as it gets with all households at the market.
///
/// # Errors
/// What kept a node from starting or the market from trading. A household that stays away ends the day early.
pub(crate) async fn live(progress: &mut Progress) -> Result<Day> {
    let dir = TempDir::with_prefix("folkmoot-demo-")?;
    let certs = DevCerts::in_dir(dir.path())?;
    let start = |role| NodeProcess::start(role, &certs);
    let (market_node, a, mut b) =
        try_join3(start(Role::Market), start(Role::HouseholdsA), start(Role::HouseholdsB)).await?;
    let operator = Container::builder("tls://127.0.0.1:0").certs(certs.node(OPERATOR)?).start().await?;

    let market: Proxy<Market> = operator.connect(market_node.url(MARKET)).await?;
    let households = households(Role::HouseholdsA, &a).chain(households(Role::HouseholdsB, &b)).collect();
    let seats = market.open(households).await?;
    progress.say(&format!("three nodes are up, {seats} households are at the market over mutual TLS"));

    let mut day = Day::default();
    for quarter in 0..QUARTERS {
        let round = if quarter == KILLED.1 {
            progress
                .say(&format!("12:00  node {} is killed, as by kill -9, and started again", KILLED.0.name()));
            trade_while_killing(&market, quarter, &mut b).await?
        } else {
            market.trade(quarter).await?
        };
        progress.round(&round);
        day.rounds.push(round);
        if day.absent().next().is_some() {
            break;
        }
    }

    for node in [&market_node, &a, &b] {
        let teller: Proxy<crate::counters::Teller> = operator.connect(node.url(TELLER)).await?;
        let counted = teller.counters().await?;
        day.restarts += counted.get(RESTARTS).copied().unwrap_or_default();
        day.reconnects += counted.get(RECONNECTS).copied().unwrap_or_default();
    }
    operator.shutdown().await;
    Ok(day)
}

/// The URLs of the households that live on a node.
fn households(role: Role, node: &NodeProcess) -> impl Iterator<Item = String> {
    role.members().into_iter().map(|member| node.url(&member.name))
}

/// Holds an auction that a node drops out of and comes back to.
async fn trade_while_killing(
    market: &Proxy<Market>,
    quarter: usize,
    node: &mut NodeProcess,
) -> Result<Round> {
    let trade = async { Ok::<_, Error>(market.trade(quarter).await?) };
    let kill = async {
        node.kill().await?;
        node.start_again().await
    };
    let (round, ()) = try_join(trade, kill).await?;
    Ok(round)
}
