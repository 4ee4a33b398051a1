//! Specifications are read as they are written, and their mistakes told with their places.

use folkmoot_protocols::specification::{ContentType, Element, Primitive};
use folkmoot_protocols::{Findings, Specification};

/// Every kind of type, and every form of YAML that authors use.
pub(crate) const BARTER: &str = r#"# Two who swap goods.
---
name: barter
author: fair
version: 0.3.0
description: 'Goods for goods, without money: an offer, a counter, a handshake.'
license: MIT
aea_version: ">=1.0.0, <2.0.0"
protocol_specification_id: fair/barter:0.3.0
speech_acts:
  offer:
    goods: pt:dict[pt:str, pt:int]
    until: pt:optional[pt:int]
    wish: pt:union[pt:str, ct:Wish, pt:list[pt:str]]
  counter:
    goods: pt:dict[pt:str, pt:int]
    rating: pt:float
  shake:
    seal: pt:bytes
    in_person: pt:bool
    witnesses: pt:set[pt:str]
    note: pt:optional[pt:union[pt:str, pt:bytes]]
  walk_away: {}
...
---
ct:Wish: |
  enum Urgency {
    LOW = 0;
    HIGH = 1;
  }
  Urgency urgency = 1;
  repeated string goods = 2;
...
---
initiation: [offer]
reply:
  offer: [counter, shake, walk_away]
  counter:
    - counter
    - shake
    - walk_away
  shake: []
  walk_away: []
termination: [shake, walk_away]
roles: {giver, taker}
end_states: [swapped, broken_off]
keep_terminal_state_dialogues: no
"#;

/// Strictly, and without a warning.
pub(crate) fn read(text: &str) -> Specification {
    let (specification, warnings) = Specification::read(text).unwrap_or_else(|findings| panic!("{findings}"));
    assert!(warnings.is_empty(), "{warnings}");
    specification
}

fn refused(text: &str) -> Findings {
    Specification::read(text).expect_err("it is refused")
}

#[test]
fn a_specification_is_read_as_it_is_written() {
    let barter = read(BARTER);
    assert_eq!(barter.id.to_string(), "fair/barter:0.3.0");
    assert_eq!(
        (barter.name.as_str(), barter.author.as_str(), barter.version.as_str()),
        ("barter", "fair", "0.3.0")
    );
    assert_eq!(barter.license, "MIT");
    assert_eq!(barter.aea_version, ">=1.0.0, <2.0.0");
    let names: Vec<&str> = barter.speech_acts.iter().map(|act| act.name.as_str()).collect();
    assert_eq!(names, ["offer", "counter", "shake", "walk_away"]);
    let offer = &barter.speech_acts[0];
    let types: Vec<String> = offer.contents.iter().map(|content| content.content_type.to_string()).collect();
    let written =
        ["pt:dict[pt:str, pt:int]", "pt:optional[pt:int]", "pt:union[pt:str, ct:Wish, pt:list[pt:str]]"];
    assert_eq!(types, written);
    assert_eq!(
        offer.contents[2].content_type,
        ContentType::Union(vec![
            Element::Primitive(Primitive::Str),
            Element::Custom("Wish".to_owned()),
            Element::List(Primitive::Str),
        ])
    );
    assert!(barter.custom_types["Wish"].starts_with("enum Urgency {\n  LOW = 0;\n"));
    let dialogue = barter.dialogue.unwrap();
    assert_eq!(dialogue.initiation, ["offer"]);
    assert_eq!(dialogue.reply["counter"], ["counter", "shake", "walk_away"]);
    assert_eq!(dialogue.reply["shake"], [""; 0]);
    assert_eq!(dialogue.roles, ["giver", "taker"]);
    assert_eq!(dialogue.end_states, ["swapped", "broken_off"]);
    assert!(!dialogue.keep_terminal_state_dialogues, "`no` is false in YAML 1.1");
}

#[test]
fn all_mistakes_are_told_at_once_each_with_its_place() {
    let text = BARTER
        .replace("version: 0.3.0", "version: 0.3")
        .replace("license: MIT", "licence: MIT")
        .replace("rating: pt:float", "rating: pt:double")
        .replace("roles: {giver, taker}", "roles: {giver, taker, watcher}")
        .replace("initiation: [offer]", "initiation: [ofer]");
    let findings: Vec<String> =
        refused(&text).in_file("barter.yaml").iter().map(ToString::to_string).collect();
    let begins = [
        "barter.yaml:3:1: error[missing-field]: the field `license` is missing",
        "barter.yaml:5:10: error[wrong-type]: `version` must be a text, not the number `0.3`; put it in quotes",
        "barter.yaml:7:1: error[unknown-field]: the first document has no field `licence`; did you mean `license`?",
        "barter.yaml:17:13: error[bad-type]: `pt:double` is no type of content `rating`; types are",
        "barter.yaml:35:14: error[unknown-performative]: `initiation` names the text `ofer`, which is no performative; \
         did you mean `offer`?",
        "barter.yaml:45:8: error[roles]: there must be one role or two, not 3",
    ];
    assert_eq!(findings.len(), begins.len(), "{findings:#?}");
    for (finding, begin) in findings.iter().zip(begins) {
        assert!(finding.starts_with(begin), "{finding}");
    }
}

#[test]
fn letters_the_other_way_round_are_one_mistake() {
    let text = BARTER.replace("offer", "ping").replace("counter", "pong").replace("- pong\n", "- pnog\n");
    let findings = Specification::read(text).unwrap_err().to_string();
    assert!(
        findings.contains("names the text `pnog`, which is no performative; did you mean `pong`?"),
        "{findings}"
    );
}

#[test]
fn lines_within_brackets_and_quotes_may_begin_anywhere_as_for_pyyaml() {
    let text = BARTER
        .replace("'Goods for goods, without", "'Goods for goods,\nwithout\n\n  words and\nwithout")
        .replace("offer: [counter, shake, walk_away]", "offer: [\n    counter,\nshake,\n    walk_away\n  ]")
        .replace("  shake: []", "  shake: [\n  ]")
        .replace("{giver, taker}", "{\ngiver, # who begins\ntaker\n}");
    let specification = read(&text);
    let barter = read(BARTER);
    assert_eq!(specification.dialogue, barter.dialogue);
    assert!(
        specification.description.starts_with("Goods for goods, without\nwords and without money"),
        "{:?}",
        specification.description
    );
    // Places are still those of the text.
    let broken = text.replace("\nshake,", "\nshake, ponder,").replace("\ntaker", "\ntaker_");
    let line = |begin: &str| broken.lines().position(|line| line.starts_with(begin)).unwrap() + 1;
    let told: Vec<String> = refused(&broken).iter().map(ToString::to_string).collect();
    let begins = [
        format!(
            "{}:8: error[unknown-performative]: the reply to `offer` names the text `ponder`",
            line("shake,")
        ),
        format!("{}:1: error[bad-name]: `taker_` is no name of a role", line("taker_")),
    ];
    assert!(
        told.iter().zip(&begins).all(|(told, begin)| told.starts_with(begin)) && told.len() == 2,
        "{told:?}"
    );
    let tab = refused(&text.replace("\nshake,", "\nshake,\t")).to_string();
    let begin = format!("{}:7: error[not-yaml]: a tab stands between values", line("shake,"));
    assert!(tab.starts_with(&begin), "{tab}");
    // What does not close is told, not read again for ever.
    let open = refused(&text.replace("  ]\n  counter", "  counter")).to_string();
    assert!(open.contains("error[not-yaml]: this is no YAML: "), "{open}");
    let many = format!("a:\n  b: [\n{}", "x,\n".repeat(200_000));
    assert!(refused(&many).to_string().contains("error[not-yaml]"));
}

#[test]
fn what_pyyaml_alone_takes_is_read_and_keeps_its_place() {
    let text = BARTER
        .replace("...\n---\nct:Wish: |\n", "%later\n---\nct:Wish: # fields\n|\n")
        .replace("initiation: [offer]", "initiation: [offer]#, counter]")
        .replace("{giver, taker}", "{giver,\r  taker}");
    let (specification, barter) = (read(&text), read(BARTER));
    assert_eq!(specification.dialogue, barter.dialogue);
    assert_eq!(specification.custom_types, barter.custom_types);
    let broken = text
        .replace("repeated string goods = 2;", "repeated string goods = 1;")
        .replace("  taker", "  taker_")
        .replace("walk_away]", "walk_afar]");
    let line = |begin: &str| broken.split(['\n', '\r']).position(|line| line.starts_with(begin)).unwrap() + 1;
    let told: Vec<String> = refused(&broken).iter().map(ToString::to_string).collect();
    let begins = [
        format!("{}:27: error[protobuf]: protobuf refuses the fields of `ct:Wish`", line("  repeated")),
        format!("{}:27: error[unknown-performative]", line("  offer: [")),
        format!("{}:22: error[unknown-performative]", line("termination")),
        format!("{}:3: error[bad-name]: `taker_` is no name of a role", line("  taker_")),
    ];
    assert_eq!(told.len(), begins.len(), "{told:#?}");
    assert!(told.iter().zip(&begins).all(|(told, begin)| told.starts_with(begin)), "{told:#?}\n{begins:#?}");
}

#[test]
fn a_text_in_another_encoding_is_told_to_be_saved_as_utf_8() {
    let units: Vec<u16> = BARTER.encode_utf16().collect();
    let little: Vec<u8> = units.iter().flat_map(|unit| unit.to_le_bytes()).collect();
    let marked: Vec<u8> = [0xff, 0xfe].into_iter().chain(little.iter().copied()).collect();
    for bytes in [little, marked] {
        let told = Specification::read(bytes).unwrap_err().to_string();
        assert!(told.starts_with("1:") && told.trim_end().ends_with("as UTF-8"), "{told}");
    }
}

#[test]
fn what_begins_a_block_of_text_stands_between_no_brackets() {
    let told = refused(&BARTER.replace("{giver, taker}", "{giver, |}")).to_string();
    let expected = "45:16: error[not-yaml]: `|` begins with what begins a block of text; put it in quotes";
    assert_eq!(told.trim_end(), expected);
    assert!(Specification::read(BARTER.replace("[swapped, broken_off]", "[swapped, \"> off\"]")).is_err());
    assert!(Specification::read(BARTER.replace("license: MIT", "license: >\n  MIT")).is_ok());
}
