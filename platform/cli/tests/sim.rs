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
    assert!(out.starts_with("line ") && out.contains("\n- ") && out.contains("\n+ "), "{out}");
    assert!(err.starts_with("folkmoot: one.trace and other.trace differ in line "), "{err}");
    assert!(err.ends_with("; their seeds are 7 and 8\n"), "{err}");
    // Of another scenario the recorded trace is another one.
    std::fs::write(folder.join("day.toml"), SCENARIO.replace("\"10s\"", "\"11s\"")).unwrap();
    let (_, err) = folkmoot(&folder, &["sim", "replay", "day.toml", "one.trace"]).differs();
    assert!(
        err.contains("differ in line") && err.contains("recorded of another scenario (day.toml "),
        "{err}"
    );
    let left = std::fs::read_dir(&*folder).unwrap().count();
    assert_eq!(left, 4, "the replayed trace is left behind");
}

#[test]
fn what_cannot_be_played_or_read_is_told() {
    let folder = folder("duration = \"1\"\n");
    let wrong = folkmoot(&folder, &["sim", "run", "day.toml"]).fails();
    assert!(wrong.contains("day.toml: line 1, column 12: ") && wrong.contains("is no time"), "{wrong}");
    let none = folkmoot(&folder, &["trace", "diff", "day.toml", "day.toml"]).fails();
    assert!(none.contains("day.toml is no trace: its first line does not say so"), "{none}");
    let none = folkmoot(&folder, &["sim", "run", "none.toml"]).fails();
    assert!(none.contains("none.toml: "), "{none}");
    folkmoot(&folder, &["sim", "record", "day.toml"]).misunderstands();
    let one = SCENARIO.replace("cut = [", "lasts = \"1s\"\n  cutt = [");
    std::fs::write(folder.join("day.toml"), one).unwrap();
    let wrong = folkmoot(&folder, &["sim", "run", "day.toml"]).fails();
    assert!(wrong.contains("line 34, column 3: unknown field `cutt`"), "{wrong}");
}

#[test]
fn a_trace_is_not_written_over_its_scenario_and_nothing_is_read_without_end() {
    let folder = folder(SCENARIO);
    let same = folkmoot(&folder, &["sim", "record", "day.toml", "--to", "./day.toml"]).fails();
    assert!(same.contains("./day.toml is the scenario: name another file"), "{same}");
    assert_eq!(std::fs::read_to_string(folder.join("day.toml")).unwrap(), SCENARIO);
    folkmoot(&folder, &["sim", "record", "day.toml", "--to", "one.trace"]).succeeds();
    let whole = std::fs::read(folder.join("one.trace")).unwrap();
    let trace = |name: &str, bytes: &[u8]| std::fs::write(folder.join(name), bytes).unwrap();
    let diff = |name: &str| folkmoot(&folder, &["trace", "diff", "one.trace", name]);
    // Cut off in the middle of a line, and between two.
    trace("cut.trace", &whole[..5_000]);
    assert!(diff("cut.trace").differs().0.contains("(the file ends within this line)"));
    let ends = whole[..5_000].iter().rposition(|byte| *byte == b'\n').unwrap();
    trace("cut.trace", &whole[..=ends]);
    assert!(diff("cut.trace").differs().0.ends_with("+ (the end)\n"));
    let head = whole.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    trace("long.trace", &[&whole[..head], &vec![b'x'; 5_000_000]].concat());
    assert!(diff("long.trace").fails().contains("long.trace is no trace: a line of it has 4194304 bytes"));
    trace("bytes.trace", &[&whole[..head], b"\xff\xfe\n"].concat());
    assert!(diff("bytes.trace").fails().contains("bytes.trace is no trace: it holds more than text"));
    for endless in ["sim run", "sim replay day.toml", "trace diff one.trace"] {
        let line: Vec<&str> = endless.split(' ').chain(["/dev/zero"]).collect();
        folkmoot(&folder, &line).fails();
    }
}

/// Whatever the faults of the script and those of chaos do to each other.
#[test]
fn faults_of_a_script_and_by_chance_may_be_at_the_same_time() {
    let two = SCENARIO.replace("crashes = false", "").replace("every = \"30s\"", "every = \"2s\"");
    let twice = "\n[[fault]]\nat = \"125s\"\nlasts = \"60s\"\ncrash = \"market\"\n";
    let folder = folder(&format!("{two}{twice}"));
    for seed in ["1", "2", "3"] {
        folkmoot(&folder, &["sim", "run", "day.toml", "--seed", seed]).succeeds();
    }
}
