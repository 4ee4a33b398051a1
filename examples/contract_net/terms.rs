//! What the words of the protocol mean here: the protocol leaves open what a query and a proposal hold.
//!
//! Both are JSON in the protocol's bytes. Always true: what another node sends may be anything, so what is no order and
//! no price reads as `None`. Neighbours: [`bakery`](crate::bakery) and [`mill`](crate::mill).

use std::collections::BTreeMap;
use std::fmt;

use folkmoot::prelude::*;
use folkmoot::protocols::dialogue::Side;
use serde::{Deserialize, Serialize};

use crate::fipa::types::{Description, Query};
use crate::fipa::{Cfp, Fipa, Propose};

/// What a `cfp` asks for.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Order {
    pub(crate) sacks: u32,
}

impl Order {
    pub(crate) fn cfp(self) -> Cfp {
        let query_bytes = serde_json::json!(self).to_string().into_bytes();
        Cfp { query: Query { query_bytes } }
    }

    pub(crate) fn of(cfp: &Cfp) -> Option<Order> {
        serde_json::from_slice(&cfp.query.query_bytes).ok()
    }
}

/// What a `propose` offers: the price of a sack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Price {
    pub(crate) cents: u32,
}

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} sacks", self.sacks)
    }
}

impl Price {
    pub(crate) fn propose(self) -> Propose {
        let description_bytes = serde_json::json!(self).to_string().into_bytes();
        Propose { proposal: Description { description_bytes } }
    }

    pub(crate) fn of(propose: &Propose) -> Option<Price> {
        serde_json::from_slice(&propose.proposal.description_bytes).ok()
    }

    /// What one offers in answer: a tenth less.
    pub(crate) fn haggled(self) -> Price {
        Price { cents: self.cents - self.cents / 10 }
    }
}

impl fmt::Display for Price {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:02}", self.cents / 100, self.cents % 100)
    }
}

/// How an agent's dialogues ended that `side` began: by the protocol's end states, and those that were given up.
pub(crate) fn ends<A: Agent>(ctx: &Context<A>, side: Side) -> BTreeMap<String, u64> {
    let statistics = ctx.dialogues::<Fipa>().statistics();
    let counts = statistics.begun_by(side);
    let mut ends = counts.end_states.clone();
    ends.insert("timed_out".to_owned(), counts.timed_out);
    ends.insert("abandoned".to_owned(), counts.abandoned);
    ends.retain(|_, count| *count > 0);
    ends
}
