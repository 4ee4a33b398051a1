//! `folkmoot sim` and `folkmoot trace` as a person runs them.
//!
//! Neighbour: the platform's own tests have the simulation itself.

#[path = "running/command.rs"]
mod command;

use command::{Folder, folkmoot};

const SCENARIO: &str = r#"
duration = "10m"
delay = "2ms"
jitter = "3ms"

[[node]]
name = "market"
[[node.agent]]
kind = "echo"
count = 3

[[node]]
name = "home"
count = 2
[[node.agent]]
kind = "caller"
count = 5
every = "10s"
deadline = "5s"

[[fault]]
at = "2m"
lasts = "20s"
crash = "market"

[[fault]]
at = "4m"
lasts = "30s"
partition = [["market"], ["home-1", "home-2"]]

[[fault]]
at = "6m"
cut = ["home-1", "market"]

[chaos]
every = "30s"
lasting = "5s"
crashes = false
"#;

fn folder(scenario: &str) -> Folder {
    let folder = Folder::new();
    std::fs::write(folder.join("day.toml"), scenario).unwrap();
    folder
}

#[test]
fn a_scenario_runs_the_same_each_time_and_otherwise_with_another_seed() {
    let folder = folder(SCENARIO);
    let one = folkmoot(&folder, &["sim", "run", "day.toml", "--seed", "7"]).succeeds();
    assert!(one.starts_with("seed 7\nvirtual time 600.000 s, "), "{one}");
    assert!(one.contains("nodes 3, agents 13\n"), "{one}");
    let calls: u64 = one.split("calls ").nth(1).unwrap().split(',').next().unwrap().parse().unwrap();
    let failed: u64 = one.split("failed ").nth(1).unwrap().split('\n').next().unwrap().parse().unwrap();
    assert!(calls > 400 && failed > 0 && failed < calls / 2, "{one}");
    assert_eq!(folkmoot(&folder, &["sim", "run", "day.toml", "--seed", "7"]).succeeds(), one);
    let other = folkmoot(&folder, &["sim", "run", "day.toml", "--seed", "8"]).succeeds();
    assert_ne!(one.lines().last(), other.lines().last());
}

#[test]
fn what_is_recorded_is_replayed_and_compared() {
    let folder = folder(SCENARIO);
    let record = |to: &str, seed: &str| {
        folkmoot(&folder, &["sim", "record", "day.toml", "--seed", seed, "--to", to]).succeeds()
    };
    let one = record("one.trace", "7");
    assert_eq!(record("again.trace", "7"), one);
    record("other.trace", "8");
    let (first, again) = (std::fs::read(folder.join("one.trace")), std::fs::read(folder.join("again.trace")));
    assert!(first.unwrap() == again.unwrap(), "not byte for byte the same");
    let same = folkmoot(&folder, &["trace", "diff", "one.trace", "again.trace"]).succeeds();
    assert_eq!(same, "one.trace and again.trace are the same\n");
    let replayed = folkmoot(&folder, &["sim", "replay", "day.toml", "one.trace"]).succeeds();
    assert_eq!(replayed, format!("{one}the same as one.trace\n"));

    let (out, err) = folkmoot(&folder, &["trace", "diff", "one.trace", "other.trace"]).differs();
    assert_eq!(out, "");
    assert!(err.starts_with("folkmoot: one.trace and other.trace differ in line "), "{err}");
    assert!(err.contains("\n- ") && err.contains("\n+ "), "{err}");
    // Of another scenario the recorded trace is another one.
    std::fs::write(folder.join("day.toml"), SCENARIO.replace("\"10s\"", "\"11s\"")).unwrap();
    let (_, err) = folkmoot(&folder, &["sim", "replay", "day.toml", "one.trace"]).differs();
    assert!(err.contains("differ in line"), "{err}");
    let left = std::fs::read_dir(&*folder).unwrap().count();
    assert_eq!(left, 4, "the replayed trace is left behind");
}

#[test]
fn what_cannot_be_played_or_read_is_told() {
    let folder = folder("duration = \"1\"\n");
    let wrong = folkmoot(&folder, &["sim", "run", "day.toml"]).fails();
    assert!(wrong.contains("day.toml: line 1") && wrong.contains("is no time"), "{wrong}");
    let none = folkmoot(&folder, &["trace", "diff", "day.toml", "day.toml"]).fails();
    assert!(none.contains("day.toml is no trace: its first line does not say so"), "{none}");
    let none = folkmoot(&folder, &["sim", "run", "none.toml"]).fails();
    assert!(none.contains("none.toml: "), "{none}");
    folkmoot(&folder, &["sim", "record", "day.toml"]).misunderstands();
}
