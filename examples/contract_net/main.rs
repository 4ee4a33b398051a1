//! A contract net between two nodes: a bakery asks mills for flour, haggles with the cheapest, and buys.
//!
//! All that they say is the protocol `fetchai/fipa:1.0.0`, and the rules of both nodes name it; what may answer what,
//! the compiler checks. The bakery finds the mills by what they are able to do, wherever they are. This file has the
//! nodes, their rules, and what is printed; from here read [`terms`], then [`bakery`] and [`mill`].

mod bakery;
mod mill;
mod purchase;
mod terms;

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::time::Duration;

use folkmoot::prelude::*;

use crate::bakery::Bakery;
use crate::mill::Mill;

folkmoot::protocol!("fipa");

/// What its mills say that they can do.
const GRINDING: &str = "grinding";
/// The mills: their name, their sacks, what they ask for one, and for how little they part with it, in cents.
const MILLS: [(&str, u32, u32, u32); 3] =
    [("mill-a", 30, 240, 210), ("mill-b", 20, 220, 200), ("mill-c", 8, 210, 190)];
/// How long the nodes may take to know each other's agents.
const PATIENCE: Duration = Duration::from_secs(20);

#[folkmoot::main]
async fn main() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let certs = DevCerts::in_dir(dir.path())?; // a development CA
    let (valley, town) = (valley(&certs).await?, town(&certs).await?);
    for (name, sacks, asks, least) in MILLS {
        valley.spawn(name, move || Mill::new(sacks, asks, least)).capability(GRINDING).await?;
    }
    let bakery = town.spawn("bakery", || Bakery::at("Mill Lane 3")).await?;
    town.join(valley.endpoint().to_string()).await?;
    town.group_able_to::<Untyped>(GRINDING).wait_for(MILLS.len(), PATIENCE).await?;

    for sacks in [12, 10] {
        let purchase = bakery.buy(sacks).await?;
        for line in purchase.minutes {
            say(&line)?;
        }
        say(&match purchase.bought {
            Some((mill, price)) => format!("the bakery has bought {sacks} sacks of {mill} at {price}\n"),
            None => format!("nobody has sold {sacks} sacks to the bakery\n"),
        })?;
    }

    say(&format!("the bakery's dialogues: {}", list(&bakery.ends().await?)))?;
    for (name, ..) in MILLS {
        // The operator of a node calls its own agents; from the other node no rule would let anyone.
        let mill: Proxy<Mill> = valley.find(name)?;
        let (ends, left) = (mill.ends().await?, mill.sacks().await?);
        say(&format!("the dialogues of {name}: {}; {left} sacks are left", list(&ends)))?;
    }
    town.shutdown().await;
    valley.shutdown().await;
    Ok(())
}

/// The node of the mills. Whoever is not named here can neither speak to them nor join.
async fn valley(certs: &DevCerts) -> Result<Container> {
    let node = Container::builder("tls://127.0.0.1:0")
        .certs(certs.node("valley")?)
        .allow("spiffe://demo/node/town", "mill-*", "fetchai/fipa:1.0.0")
        .allow_host("spiffe://demo/node/town", "bakery");
    Ok(node.start().await?)
}

/// The node of the bakery. What answers it comes as messages too, and needs a rule.
async fn town(certs: &DevCerts) -> Result<Container> {
    let node = Container::builder("tls://127.0.0.1:0")
        .certs(certs.node("town")?)
        .allow("spiffe://demo/node/valley", "bakery", "fetchai/fipa:1.0.0")
        .allow_host("spiffe://demo/node/valley", "mill-*");
    Ok(node.start().await?)
}

/// The ends of dialogues, by the protocol's end states.
fn list(ends: &BTreeMap<String, u64>) -> String {
    let ends: Vec<String> = ends.iter().map(|(end, count)| format!("{count} {end}")).collect();
    ends.join(", ")
}

fn say(line: &str) -> Result<()> {
    Ok(writeln!(io::stdout(), "{line}")?)
}
