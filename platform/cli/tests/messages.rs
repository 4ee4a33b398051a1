//! `folkmoot protocol encode` and `decode` as a person runs them.
//!
//! Neighbour: the tests of `folkmoot-protocols` have the bytes themselves.

#[path = "running/command.rs"]
mod command;

use std::io::Write;
use std::process::Stdio;

use command::{Ended, Folder, command, folkmoot};

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

const MESSAGE: &str = r#"{"performative":"ping","dialogue_reference":["s",""],"message_id":1,"target":0,"contents":{"nonce":{"int":300}}}"#;
const BYTES: &str = "120c08011201732a052a0308ac02";
const ADDRESSED: &str = r#"{"spec":"fair/ping:1.0.0","performative":"ping","dialogue_reference":["s",""],"message_id":1,"target":0,"sender":"anne","to":"bob","uri":"http://bob/","contents":{"nonce":{"int":300}}}"#;
const ENVELOPE: &str = "0a03626f621204616e6e651a0f666169722f70696e673a312e302e30220e120c08011201732a052a0308ac022a0b687474703a2f2f626f622f";

fn folder() -> Folder {
    let folder = Folder::new();
    std::fs::write(folder.join("ping.yaml"), PING).unwrap();
    folder
}

/// Runs a verb over the lines that it is given.
fn over(folder: &Folder, verb: &[&str], lines: &[u8]) -> Ended {
    let words = [&["protocol"], verb, &["--spec", "ping.yaml"]].concat();
    let mut command = command(folder, &words);
    let mut running =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    running.stdin.take().unwrap().write_all(lines).unwrap();
    Ended(running.wait_with_output().unwrap())
}

#[test]
fn messages_and_envelopes_go_both_ways() {
    let folder = folder();
    for (options, json, hex) in [(&[][..], MESSAGE, BYTES), (&["--envelope"], ADDRESSED, ENVELOPE)] {
        let encode = [&["encode"], options].concat();
        assert_eq!(
            over(&folder, &encode, format!("{json}\n{json}").as_bytes()).succeeds(),
            format!("{hex}\n{hex}\n")
        );
        let decode = [&["decode"], options].concat();
        let upper = hex.to_uppercase();
        assert_eq!(
            over(&folder, &decode, format!("{hex}\r\n {upper}\n").as_bytes()).succeeds(),
            format!("{json}\n{json}\n")
        );
    }
    std::fs::write(folder.join("lines"), BYTES).unwrap();
    let read = folkmoot(&folder, &["protocol", "decode", "--spec", "ping.yaml", "lines"]).succeeds();
    assert_eq!(read, format!("{MESSAGE}\n"));
    assert_eq!(over(&folder, &["encode"], b"").succeeds(), "");
}

#[test]
fn a_bad_line_is_told_in_its_place() {
    let folder = folder();
    let lines = [MESSAGE, "", "{", MESSAGE, "{\"performative\": \"p\u{7}\\u0007ng\"}", MESSAGE].join("\n");
    let (out, err) = over(&folder, &["encode"], &[lines.as_bytes(), b"\n\xff\xfe\n"].concat()).differs();
    let out: Vec<&str> = out.lines().collect();
    assert_eq!((out.len(), out[0], out[3], out[5]), (7, BYTES, BYTES, BYTES));
    assert!([1, 2, 4, 6].iter().all(|line| out[*line].starts_with("error: ")), "{out:?}");
    assert_eq!(out[2], "error: line 3, column 1: the JSON is not whole: it ends too early");
    assert!(out[4].starts_with("error: line 5, column 20: it is no JSON: "), "{}", out[4]);
    assert_eq!(err, "");
    for (bad, told) in [
        (MESSAGE.replace("\"target\"", "\"tarket\""), "there is no field `tarket`; the fields are `spec`"),
        (MESSAGE.replace("\"target\":0,", ""), "the field `target` is missing"),
        (
            MESSAGE.replace("\"target\":0", "\"target\":\"0\""),
            "there must be an integer of 32 bits, not string \"0\"",
        ),
        (
            MESSAGE.replace("\"target\":0", "\"target\":0,\"target\":0"),
            "the field `target` stands there twice",
        ),
    ] {
        let (out, _) = over(&folder, &["encode"], format!("{MESSAGE}\n{bad}").as_bytes()).differs();
        let line = out.lines().nth(1).unwrap();
        assert!(line.starts_with("error: line 2, column ") && line.contains(told), "{told}: {line}");
    }

    let (out, _) = over(&folder, &["encode", "--envelope"], MESSAGE.as_bytes()).differs();
    assert_eq!(out, "error: the message has no receiver; set `to`\n");
    let lines = format!("{BYTES}\nxy\n{}\n12\n", BYTES.replace("2a05", "2a04"));
    let (out, _) = over(&folder, &["decode"], lines.as_bytes()).differs();
    let out: Vec<&str> = out.lines().collect();
    assert_eq!((out.len(), out[0]), (4, MESSAGE));
    assert!(out[1..].iter().all(|line| line.starts_with("error: ")), "{out:?}");
}

#[test]
fn what_is_forgiven_is_asked_for() {
    let folder = folder();
    // Two performatives: pong is the later one.
    let lines = "12092a072a020801320000\n120a2a082a02080132020802";
    let (out, _) = over(&folder, &["decode"], lines.as_bytes()).differs();
    assert!(out.lines().all(|line| line.starts_with("error: ")), "{out}");
    let out = over(&folder, &["decode", "--lenient"], lines.as_bytes()).succeeds();
    assert!(out.lines().all(|line| line.contains(r#""performative":"pong""#)), "{out}");
}

#[test]
fn a_specification_with_mistakes_or_none_is_told() {
    let folder = folder();
    folkmoot(&folder, &["protocol", "encode"]).misunderstands();
    let missing = folkmoot(&folder, &["protocol", "encode", "--spec", "pong.yaml"]).fails();
    assert!(missing.starts_with("folkmoot: pong.yaml cannot be read: "), "{missing}");
    std::fs::write(folder.join("wrong.yaml"), PING.replace("pt:int", "pt:number")).unwrap();
    let wrong = folkmoot(&folder, &["protocol", "decode", "--spec", "wrong.yaml"]).fails();
    assert!(
        wrong.starts_with("folkmoot: wrong.yaml has mistakes; `folkmoot protocol check` tells all: "),
        "{wrong}"
    );
}

#[test]
fn what_else_is_at_hand_is_read_or_named() {
    let folder = folder();
    let marked = format!("\u{feff}{MESSAGE}\n");
    assert_eq!(over(&folder, &["encode"], marked.as_bytes()).succeeds(), format!("{BYTES}\n"));
    std::fs::create_dir(folder.join("folder")).unwrap();
    let error = folkmoot(&folder, &["protocol", "encode", "--spec", "ping.yaml", "folder"]).fails();
    assert!(error.starts_with("folkmoot: folder cannot be read: "), "{error}");

    let (out, _) = over(&folder, &["decode"], ENVELOPE.as_bytes()).differs();
    assert!(out.trim_end().ends_with("; these are the bytes of an envelope: add --envelope"), "{out}");
    let (out, _) = over(&folder, &["decode", "--envelope"], BYTES.as_bytes()).differs();
    assert!(out.trim_end().ends_with("; these are the bytes of a message: leave --envelope out"), "{out}");
    std::fs::write(folder.join("ping.yaml"), PING.replace("fair/ping:1.0.0", "fair/ping:2.0.0")).unwrap();
    let (out, _) = over(&folder, &["decode", "--envelope"], ENVELOPE.as_bytes()).differs();
    let told = "another protocol, fair/ping:1.0.0; the specification is that of fair/ping:2.0.0\n";
    assert!(out.ends_with(told), "{out}");
}

#[test]
fn whoever_has_read_enough_may_go() {
    let folder = folder();
    let words = ["protocol", "encode", "--spec", "ping.yaml"];
    let mut command = command(&folder, &words);
    let mut running =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(running.stdout.take());
    let mut input = running.stdin.take().unwrap();
    let message = format!("{MESSAGE}\n");
    // It goes on until it sees that nobody reads, and then reads no more itself.
    while input.write_all(message.as_bytes()).is_ok() {}
    drop(input);
    assert_eq!(Ended(running.wait_with_output().unwrap()).succeeds(), "");
}
