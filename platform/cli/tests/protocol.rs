//! `folkmoot protocol` as a person runs it.
//!
//! Neighbour: the tests of `folkmoot-protocols` have each finding.

#[path = "running/command.rs"]
mod command;

use command::{Folder, folkmoot};
use serde_json::Value;

const PING: &str = "---
name: ping
author: fair
version: 1.0.0
description: Is somebody there?
license: MIT
aea_version: '>=1.0.0, <2.0.0'
protocol_specification_id: fair/ping:1.0.0
speech_acts:
  ping:
    nonce: pt:int
  pong:
    nonce: pt:int
---
initiation: [ping]
reply: {ping: [pong], pong: []}
termination: [pong]
roles: {peer}
end_states: []
keep_terminal_state_dialogues: false
";

fn folder(files: &[(&str, &str)]) -> Folder {
    let folder = Folder::new();
    for (name, text) in files {
        std::fs::write(folder.join(name), text).unwrap();
    }
    folder
}

#[test]
fn a_specification_without_mistakes_is_passed_over_in_silence() {
    let folder = folder(&[("ping.yaml", PING)]);
    assert_eq!(folkmoot(&folder, &["protocol", "check", "ping.yaml"]).succeeds(), "");
    assert_eq!(folkmoot(&folder, &["protocol", "check", "-o", "json", "ping.yaml"]).succeeds(), "[]\n");
}

#[test]
fn findings_of_all_files_are_told_a_line_each() {
    let one = PING
        .replace("nonce: pt:int\n  pong", "nonce: pt:dict[pt:float, pt:int]\n  pong")
        .replace("pong:\n    nonce", "pong:\n    n");
    let other = PING.replace("peer", "peer_").replace("[ping]", "[ping, pong]");
    let folder = folder(&[("one.yaml", &one), ("other.yaml", &other), ("third.yaml", PING)]);
    let (out, err) =
        folkmoot(&folder, &["protocol", "check", "one.yaml", "other.yaml", "third.yaml"]).differs();
    assert_eq!(err, "");
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!(lines.len(), 3, "{out}");
    assert!(lines[0].starts_with("one.yaml:11:12: error[map-key]: the keys of a dict cannot be"), "{out}");
    assert!(lines[1].starts_with("other.yaml:12:3: warning[ends-at-once]: "), "{out}");
    assert!(lines[2].starts_with("other.yaml:18:9: error[bad-name]: `peer_` is no name of a role"), "{out}");

    let lenient = folkmoot(&folder, &["protocol", "check", "--lenient", "one.yaml"]).succeeds();
    assert!(lenient.starts_with("one.yaml:11:12: warning[map-key]: "), "{lenient}");
}

#[test]
fn tools_get_findings_as_json() {
    let folder = folder(&[("ping.yaml", &PING.replace("version: 1.0.0\nd", "version: 1.0\nd"))]);
    let (out, _) = folkmoot(&folder, &["protocol", "check", "--output", "json", "ping.yaml"]).differs();
    let findings: Value = serde_json::from_str(&out).unwrap();
    let expected = serde_json::json!([{
        "file": "ping.yaml", "line": 4, "column": 10, "severity": "error", "code": "wrong-type",
        "text": "`version` must be a text, not the number `1.0`", "hint": "put it in quotes",
    }]);
    assert_eq!(findings, expected);
}

#[test]
fn a_file_that_cannot_be_read_keeps_no_other_from_being_checked() {
    let folder = folder(&[("other.yaml", &PING.replace("author: fair\n", "")), ("bytes.yaml", PING)]);
    std::fs::write(folder.join("bytes.yaml"), b"name: ping\nauthor: \xff\n").unwrap();
    let (out, err) =
        folkmoot(&folder, &["protocol", "check", "none.yaml", "other.yaml", "bytes.yaml"]).differs();
    assert_eq!(
        out,
        "other.yaml:2:1: error[missing-field]: the field `author` is missing\n\
         bytes.yaml:2:9: error[not-utf8]: the text is not UTF-8 from here on; save the file as UTF-8\n"
    );
    assert!(err.starts_with("folkmoot: none.yaml cannot be read: "), "{err}");
    #[cfg(target_os = "linux")]
    {
        // It has no end.
        let (out, _) = folkmoot(&folder, &["protocol", "check", "/dev/zero"]).differs();
        assert_eq!(out, "/dev/zero:1:1: error[too-large]: the text has more than 1048576 bytes\n");
    }
    folkmoot(&folder, &["protocol", "check"]).misunderstands();
    let err = folkmoot(&folder, &["protocol", "check", "fipaa"]).fails();
    assert!(err.contains("fipaa is no file, and none of: ") && err.contains(" fipa,"), "{err}");
}

#[test]
fn whoever_takes_a_specification_takes_a_shipped_one_by_its_name() {
    let folder = folder(&[]);
    assert_eq!(folkmoot(&folder, &["protocol", "check", "fipa", "http"]).succeeds(), "");
    let chart = folkmoot(&folder, &["protocol", "graph", "http"]).succeeds();
    assert!(chart.contains("stateDiagram-v2\n    state \"request\" as s1\n"), "{chart}");
    let message = r#"{"performative": "end", "dialogue_reference": ["a", ""], "message_id": 1, "target": 0, "contents": {}}"#;
    std::fs::write(folder.join("end.json"), message).unwrap();
    let hex = folkmoot(&folder, &["protocol", "encode", "--spec", "default", "end.json"]).succeeds();
    std::fs::write(folder.join("end.hex"), &hex).unwrap();
    let json = folkmoot(&folder, &["protocol", "decode", "--spec", "default", "end.hex"]).succeeds();
    assert!(json.contains("\"end\""), "{json}");
}

#[test]
fn a_difference_ends_with_1_where_the_wire_breaks() {
    let reworded = PING.replace("Is somebody there?", "Are you there?");
    let broken = PING
        .replace("nonce: pt:int\n  pong", "nonce: pt:str\n  pong")
        .replace("pong:\n    nonce", "pong:\n    n");
    let folder = folder(&[("one.yaml", PING), ("reworded.yaml", &reworded), ("broken.yaml", &broken)]);
    assert_eq!(folkmoot(&folder, &["protocol", "diff", "one.yaml", "one.yaml"]).succeeds(), "");
    let told = folkmoot(&folder, &["protocol", "diff", "one.yaml", "reworded.yaml"]).succeeds();
    assert_eq!(told, "words: `description` is `Are you there?` instead of `Is somebody there?`\n");
    let (told, err) = folkmoot(&folder, &["protocol", "diff", "one.yaml", "broken.yaml"]).differs();
    assert_eq!(
        (told.lines().next(), err.as_str()),
        (Some("wire: `ping`: `nonce` is `pt:str` instead of `nonce: pt:int`"), "")
    );
}

#[test]
fn what_cannot_be_compared_is_told_apart_from_a_difference() {
    let mistaken = PING.replace("pt:int", "pt:sting");
    let folder = folder(&[("one.yaml", PING), ("mistaken.yaml", &mistaken)]);
    for (one, other, told) in [
        ("one.yaml", "mistaken.yaml", "mistaken.yaml has mistakes; `folkmoot protocol check` tells all"),
        ("mistaken.yaml", "one.yaml", "mistaken.yaml has mistakes"),
        ("one.yaml", "none.yaml", "none.yaml cannot be read"),
        ("one.yaml", "ping", "ping is no file, and none of: "),
    ] {
        let error = folkmoot(&folder, &["protocol", "diff", one, other]).compares_nothing();
        assert!(error.contains(told), "{error}");
    }
}

#[test]
fn editors_get_a_schema() {
    let text = folkmoot(&folder(&[]), &["protocol", "schema"]).succeeds();
    let schema: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(schema["$schema"], "http://json-schema.org/draft-07/schema#");
}

/// A message of ping, from one to the other.
fn line(performative: &str, reference: [&str; 2], id: i32, target: i32, from: &str, to: &str) -> String {
    serde_json::json!({
        "performative": performative, "dialogue_reference": reference, "message_id": id, "target": target,
        "sender": from, "to": to, "contents": {"nonce": {"int": 7}},
    })
    .to_string()
}

#[test]
fn a_conversation_is_replayed_line_by_line_to_its_end_state() {
    let ended = PING.replace("end_states: []", "end_states: [answered]");
    let ping = line("ping", ["s", ""], 1, 0, "ann", "bob");
    let pong = line("pong", ["s", "r"], -1, 1, "bob", "ann");
    let good = [ping.as_str(), &pong, &pong].join("\n");
    let folder = folder(&[("ping.yaml", PING), ("ended.yaml", &ended), ("good.jsonl", &good)]);
    let trace = |spec: &str, file: &str| folkmoot(&folder, &["protocol", "trace", "--spec", spec, file]);
    assert_eq!(trace("ended.yaml", "good.jsonl").succeeds(), "ok\nok\nok\nanswered\n");
    assert_eq!(
        trace("ping.yaml", "good.jsonl").succeeds(),
        "ok\nok\nok\npong\n",
        "no end state is tied to it"
    );

    let wrong = [
        line("pong", ["s", ""], 1, 0, "ann", "bob"),
        ping.clone(),
        line("ping", ["t", ""], 1, 0, "bob", "ann"),
        line("ping", ["s", "r"], -1, 1, "bob", "ann"),
        line("pong", ["s", "r"], -2, 1, "bob", "ann"),
        "{}".to_owned(),
        pong.clone(),
        line("pong", ["s", "r"], 2, 1, "ann", "bob"),
        line("ping", ["u", ""], 1, 0, "ann", "ann"),
    ];
    std::fs::write(folder.join("wrong.jsonl"), wrong.join("\n")).unwrap();
    let (out, err) = trace("ended.yaml", "wrong.jsonl").differs();
    assert_eq!(err, "");
    let lines: Vec<&str> = out.lines().collect();
    let begins = [
        "refused: a dialogue of fair/ping:1.0.0 does not begin with pong, but with ping",
        "ok",
        "ok",
        "refused: ping does not answer ping; only pong does",
        "refused: the next message of its side has the number -1, not -2: a message before it is missing",
        "refused: ",
        "ok",
        "refused: the dialogue has ended with answered: begin a new one",
        "refused: ann would speak with itself",
        "s of ann: answered",
        "t of bob: open",
    ];
    assert_eq!(lines.len(), begins.len(), "{out}");
    for (line, begin) in lines.iter().zip(begins) {
        assert!(line.starts_with(begin), "{line}\n{begin}");
    }
}

#[test]
fn of_a_long_conversation_every_message_can_be_answered() {
    let spec = PING.replace("ping: [pong]", "ping: [ping, pong]");
    let pings = (1..=2000).map(|id| line("ping", ["s", ""], id, id - 1, "ann", "bob"));
    let lines: Vec<String> = pings.chain([line("pong", ["s", "r"], -1, 1, "bob", "ann")]).collect();
    let folder = folder(&[("ping.yaml", &spec), ("long.jsonl", &lines.join("\n"))]);
    let told = folkmoot(&folder, &["protocol", "trace", "--spec", "ping.yaml", "long.jsonl"]).succeeds();
    assert_eq!(told, format!("{}pong\n", "ok\n".repeat(2001)));
}

#[test]
fn a_protocol_without_dialogues_has_no_traces() {
    let folder = folder(&[("ping.yaml", PING.split("---\ninitiation").next().unwrap()), ("none.jsonl", "")]);
    let error = folkmoot(&folder, &["protocol", "trace", "--spec", "ping.yaml", "none.jsonl"]).fails();
    assert!(error.contains("the protocol fair/ping:1.0.0 has no dialogue section"), "{error}");
}

#[test]
fn source_is_generated_and_what_differs_is_not_written_over() {
    let folder = folder(&[("ping.yaml", PING)]);
    let generate = ["protocol", "generate", "ping.yaml", "--lang", "rust", "--out", "src"];
    let path = std::path::Path::new("src").join("ping.rs");
    assert_eq!(folkmoot(&folder, &generate).succeeds(), format!("wrote {}\n", path.display()));
    let source = std::fs::read_to_string(folder.join("src/ping.rs")).unwrap();
    assert!(source.contains("pub enum PingProtocol {") && source.contains("pub struct Pong {"), "{source}");
    assert!(folkmoot(&folder, &generate).succeeds().starts_with("is as it was:"));

    std::fs::write(folder.join("src/ping.rs"), "mine").unwrap();
    let refused = folkmoot(&folder, &generate).fails();
    assert!(refused.contains("--force"), "{refused}");
    assert_eq!(std::fs::read_to_string(folder.join("src/ping.rs")).unwrap(), "mine");
    folkmoot(&folder, &[&generate[..], &["--force"]].concat()).succeeds();
    assert_eq!(std::fs::read_to_string(folder.join("src/ping.rs")).unwrap(), source);

    folkmoot(&folder, &["protocol", "generate", "fipa", "--lang", "proto", "--out", "."]).succeeds();
    assert!(std::fs::read_to_string(folder.join("fipa.proto")).unwrap().contains("message FipaMessage {"));
}
