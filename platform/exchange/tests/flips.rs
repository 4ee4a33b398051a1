//! One byte of one file of a directory is another than it was: what is told of it, and what it costs.
//!
//! Two directories are tried: one that was closed, and one as a crash leaves it, with a log. A byte of a copy is changed, the copy
//! is checked, opened, and asked for everything; what comes is held against what an untouched copy gives. Always true:
//! nothing else of this process writes log lines meanwhile, for all tries are one test at a time.

#![cfg(feature = "sqlite")]

mod flips {
    pub(crate) mod directories;
    pub(crate) mod inventory;
    #[path = "../../../tests/support/limit.rs"]
    pub(crate) mod limit;
    pub(crate) mod lines;
    pub(crate) mod table;
    pub(crate) mod tries;
    #[path = "../conformance/world.rs"]
    #[allow(dead_code, reason = "the conformance suite needs more of it")]
    pub(crate) mod world;
}

use flips::directories::Homes;
use flips::table::Table;
use flips::tries::{sample, try_one};

/// Bytes of the database, and of its log, that are tried in the ordinary run.
const TRIED: u64 = 45;

async fn run(tried: u64) -> Table {
    let mut table = Table::default();
    for home in &Homes::make().await.all {
        for flip in sample(home, tried) {
            let outcome = try_one(home, &flip).await;
            table.add(home, &flip, &outcome);
        }
    }
    table
}

#[tokio::test]
async fn a_flipped_byte_costs_nothing_and_is_told() {
    flips::limit::watch();
    let table = run(TRIED).await;
    assert!(table.complaints.is_empty(), "{table}\n{}", table.complaints.join("\n"));
    // Of most bytes of the log it is certain what they were.
    assert!(table.refused * 5 < TRIED, "{table}");
}

/// The same of as many bytes as `FOLKMOOT_FLIPS` says, with a table of what came of them.
#[tokio::test]
#[ignore = "long: `just flips`"]
async fn many_flipped_bytes_cost_nothing_and_are_told() {
    let tried = std::env::var("FOLKMOOT_FLIPS").ok().and_then(|tried| tried.parse().ok()).unwrap_or(2000);
    let table = run(tried).await;
    println!("{table}");
    assert!(table.complaints.is_empty(), "{}", table.complaints.join("\n"));
}
