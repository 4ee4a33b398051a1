//! Every example, run as a program to its end.
//!
//! Always true: each runs in a folder of its own, where it must leave nothing behind.

#[path = "examples/academy_bridge.rs"]
mod academy_bridge;
#[path = "examples/contract_net.rs"]
mod contract_net;
#[path = "examples/mosaik.rs"]
mod mosaik;
#[path = "examples/rpc.rs"]
mod rpc;

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// The demo, with `home` for its temporary files.
fn demo(home: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_demo"));
    command.env("TMPDIR", home).env("RUST_BACKTRACE", "0");
    command
}

/// Runs the demo to its end; nothing may be left of it.
fn run_demo(arguments: &[&str]) -> Output {
    let home = TempDir::new().unwrap();
    let output = demo(home.path()).args(arguments).output().unwrap();
    assert_eq!(files_in(home.path()), Vec::<PathBuf>::new());
    output
}

fn files_in(dir: &Path) -> Vec<PathBuf> {
    std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// Examples lie beside the programs: `cargo test` builds them, but names no variable for them.
fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_BIN_EXE_demo")).with_file_name("examples").join(name)
}

#[test]
fn hello_calls_its_counter_twice() {
    let home = TempDir::new().unwrap();
    let run = || Command::new(example("hello")).current_dir(home.path()).output().unwrap();
    // The second run finds the certificates of the first.
    for output in [run(), run()] {
        assert!(output.status.success(), "{}", text(&output.stderr));
        assert_eq!(text(&output.stdout), "2 + 3 = 5\n");
    }
}

#[test]
fn hello_is_what_the_readme_shows_first() {
    let readme = include_str!("../../README.md");
    let shown = readme.split("```rust\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let (_, code) = include_str!("../hello.rs").split_once("\n\n").unwrap();
    assert_eq!(shown, code);
}

#[test]
fn the_cluster_loses_a_node_and_gets_it_back() {
    let home = TempDir::new().unwrap();
    let mut cluster = Command::new(example("cluster"));
    let output = cluster.env("TMPDIR", home.path()).current_dir(home.path()).output().unwrap();
    let told = text(&output.stdout);
    assert!(output.status.success(), "{told}{}", text(&output.stderr));
    assert_eq!(text(&output.stderr), "");
    for line in [
        "three nodes: a; b joined a; c joined b, and met a",
        "  clerk-c says: welcome to c, newcomer",
        "  the nodes:  a joined, b joined, c suspect",
        "all have left",
    ] {
        assert!(told.lines().any(|told| told == line), "no line \"{line}\" in\n{told}");
    }
    let after = |title: &str| {
        told.lines().find_map(|line| line.strip_prefix(title)).unwrap_or_else(|| panic!("{title}\n{told}"))
    };
    for who_waited in ["  here:       disconnected: ", "  through a:  disconnected: "] {
        assert!(after(who_waited).ends_with("the method may have run"), "{told}");
    }
    assert!(
        after("c is started again; ").ends_with("the same proxy says: welcome to c, old friend"),
        "{told}"
    );
    assert_eq!(files_in(home.path()), Vec::<PathBuf>::new());
}

#[test]
fn the_demo_trades_through_a_crash_and_a_killed_node() {
    let output = run_demo(&["--json"]);
    let told = text(&output.stderr);
    assert!(output.status.success(), "{told}");
    assert!(told.contains("household-042 tripped over its own meter"), "{told}");
    assert!(told.contains("node households-b is killed"), "{told}");

    let figures: Value = serde_json::from_str(text(&output.stdout)).unwrap();
    let figure = |key: &str| figures[key].as_f64().unwrap_or_else(|| panic!("no figure {key} in {figures}"));
    assert!((figure("energy_traded_kwh") - figure("energy_sold_kwh")).abs() < 1e-6);
    assert!(figure("energy_traded_kwh") > 100.0);
    // Between the least that the grid pays and the most that it asks, in EUR/kWh.
    assert!((0.075..0.36).contains(&figure("mean_price")));
    assert!(figure("cost_eur") < figure("cost_without_market_eur"));
    assert_eq!(figure("auctions"), 96.0);
    assert!(figure("calls") >= 2.0 * 200.0 * 96.0);
    assert!(figure("calls_per_second") > 0.0);
    assert_eq!(figure("restarts"), 1.0);
    assert!(figure("reconnects") >= 1.0);
    assert_eq!(figure("errors"), 0.0);
    // The one that panicked, and each household of the killed node.
    assert!(figure("retried") >= 101.0);
    assert_eq!(figures["retried_because"]["agent-panicked"], 1);

    the_table_says_the_same(&figures);
}

/// The same day once more, for people: what was traded does not depend on the run.
fn the_table_says_the_same(figures: &Value) {
    let output = run_demo(&[]);
    let table = text(&output.stdout);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let line = |title: &str| table.lines().find_map(|line| line.strip_prefix(title)).unwrap();
    let whole_day: Vec<&str> = line("whole day").split_whitespace().collect();
    let rounded = |key: &str, factor: f64| format!("{:.2}", figures[key].as_f64().unwrap() * factor);
    let expected = [
        rounded("energy_traded_kwh", 1.0),
        rounded("mean_price", 100.0),
        rounded("imported_kwh", 1.0),
        rounded("exported_kwh", 1.0),
        rounded("cost_eur", 1.0),
        rounded("cost_without_market_eur", 1.0),
    ];
    assert_eq!(whole_day, expected, "{table}");
    assert_eq!(line("errors").trim(), "0");
}

#[test]
fn the_demo_explains_itself_and_refuses_what_it_does_not_know() {
    let help = run_demo(&["--help"]);
    assert!(help.status.success());
    assert!(text(&help.stdout).contains("Usage: demo [--json]"), "{}", text(&help.stdout));

    for unknown in [&["--jsn"][..], &["market"], &["node", "--join", "tls://127.0.0.1:1"]] {
        let refused = run_demo(unknown);
        assert_eq!(refused.status.code(), Some(2), "{unknown:?}");
        assert!(text(&refused.stderr).contains("Usage:"), "{}", text(&refused.stderr));
        assert!(refused.stdout.is_empty());
    }
}

#[cfg(unix)]
#[test]
fn an_interrupted_demo_leaves_nothing_behind() {
    let home = TempDir::new().unwrap();
    let mut running = demo(home.path()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut told = BufReader::new(running.stderr.take().unwrap());
    let mut line = String::new();
    told.read_line(&mut line).unwrap();
    assert!(line.contains("three nodes are up"), "{line}");
    assert_ne!(files_in(home.path()), Vec::<PathBuf>::new(), "certificates lie here while the nodes run");

    let asked = Command::new("kill").arg(running.id().to_string()).status().unwrap();
    assert!(asked.success());
    running.wait().unwrap();
    assert_eq!(files_in(home.path()), Vec::<PathBuf>::new());
}

#[test]
fn a_ledger_outlives_the_nodes_that_are_killed_under_it() {
    let home = TempDir::new().unwrap();
    let mut ledger = Command::new(example("ledger"));
    let output = ledger.env("TMPDIR", home.path()).current_dir(home.path()).output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    let said = text(&output.stdout);
    assert_eq!(said.matches("is killed after entry").count(), 3, "{said}");
    let found = said.lines().last().unwrap();
    let entries = found.strip_prefix("the last node finds ").and_then(|rest| rest.split(' ').next());
    assert!(entries.is_some_and(|entries| entries.parse::<u32>().unwrap() > 0), "{said}");
    assert_eq!(files_in(home.path()), Vec::<PathBuf>::new());
}
