//! Shipped specifications, pictures, differences and the schema for editors.

use folkmoot_protocols::Specification;
use folkmoot_protocols::dialogue::Rules;
use folkmoot_protocols::difference::Effect;
use serde_json::Value;

use crate::specification::{BARTER, read};

#[test]
fn each_shipped_specification_is_sound_and_bears_the_name_of_the_wire() {
    // The counts of performatives, contents, custom types and end states are those of AEA's packages.
    let expected = [
        ("aggregation", "fetchai/aggregation:0.2.7", [2, 8, 0, 2]),
        ("contract_api", "fetchai/contract_api:1.0.0", [8, 25, 4, 2]),
        ("default", "fetchai/default:1.0.0", [3, 4, 1, 2]),
        ("fipa", "fetchai/fipa:1.0.0", [9, 5, 2, 4]),
        ("http", "fetchai/http:1.0.0", [2, 10, 0, 1]),
        ("ledger_api", "fetchai/ledger_api:1.0.0", [11, 19, 7, 1]),
        ("ml_trade", "fetchai/ml_trade:1.0.0", [4, 6, 2, 1]),
        ("oef_search", "fetchai/oef_search:1.0.0", [6, 7, 4, 2]),
        ("register", "fetchai/register:1.0.0", [3, 5, 0, 2]),
        ("signing", "fetchai/signing:1.0.0", [5, 7, 6, 2]),
        ("state_update", "fetchai/state_update:1.0.0", [3, 6, 0, 1]),
    ];
    assert!(Specification::shipped_names().eq(expected.iter().map(|(name, ..)| *name)));
    for (name, id, counts) in expected {
        let text = Specification::shipped_text(name).unwrap();
        let (specification, _) =
            Specification::read(text).unwrap_or_else(|findings| panic!("{name}: {findings}"));
        assert_eq!(Specification::shipped(name).as_ref(), Some(&specification));
        assert_eq!((specification.name.as_str(), specification.id.to_string().as_str()), (name, id));
        let contents = specification.speech_acts.iter().map(|act| act.contents.len()).sum::<usize>();
        let ends = specification.dialogue.as_ref().unwrap().end_states.len();
        let types = specification.custom_type_structures().unwrap().len();
        assert_eq!([specification.speech_acts.len(), contents, types, ends], counts, "{name}");
        assert!(specification.graph().is_some());
    }
    assert_eq!(Specification::shipped("barter"), None);
}

#[test]
fn shipped_specifications_say_how_dialogues_end_and_who_says_what() {
    for name in Specification::shipped_names() {
        let rules = Rules::of(&Specification::shipped(name).unwrap()).unwrap();
        for act in (0..).take(rules.performatives().count()) {
            let told = rules.performative_name(act).unwrap();
            // What a terminal performative answers: nothing where it may be said first.
            let answered = (0..).take(rules.performatives().count()).filter(|to| rules.may_answer(act, *to));
            let after = answered.map(Some).chain(rules.is_initial(act).then_some(None));
            for after in after.filter(|_| rules.is_terminal(act)) {
                let is_open = name == "aggregation" || (name, told) == ("ledger_api", "error");
                assert_eq!(
                    rules.end_state_of(act, after).is_none(),
                    is_open,
                    "{name}: {told} after {after:?}"
                );
            }
            let speaks_alone = rules.speaker_role(act).is_some();
            assert_eq!(speaks_alone, name != "fipa", "{name}: {told}");
        }
    }
    let fipa = Rules::of(&Specification::shipped("fipa").unwrap()).unwrap();
    let number = |name| fipa.performative(name).unwrap();
    let ended = |by, after| fipa.end_state_name(fipa.end_state_of(number(by), Some(number(after))).unwrap());
    assert_eq!(ended("decline", "cfp"), Some("declined_cfp"));
    assert_eq!(ended("decline", "accept_w_inform"), Some("declined_accept"));
    assert_eq!(ended("end", "inform"), Some("successful"));
    let update = Rules::of(&Specification::shipped("state_update").unwrap()).unwrap();
    let silent = update.role("decision_maker").unwrap();
    assert!((0..3).all(|act| !update.may_say(silent, act)));
}

#[test]
fn a_graph_has_a_state_for_each_performative_and_an_arrow_for_each_rule() {
    let chart = read(BARTER).graph().unwrap();
    let expected = r#"---
title: fair/barter:0.3.0 (giver, taker)
---
stateDiagram-v2
    state "offer" as s1
    state "counter" as s2
    state "shake" as s3
    state "walk_away" as s4
    [*] --> s1
    s1 --> s2
    s1 --> s3
    s1 --> s4
    s2 --> s2
    s2 --> s3
    s2 --> s4
    s3 --> [*]
    s4 --> [*]
"#;
    assert_eq!(chart, expected);
}

/// A part of `BARTER`, what stands in its place, and all changes that follow.
const CHANGES: &[(&str, &str, &[&str])] = &[
    (
        "goods, without",
        "goods; without",
        &[
            "words: `description` is `Goods for goods; without money: an offer, a counter, a handshake.` instead of \
         `Goods for goods, without money: an offer, a counter, a handshake.`",
        ],
    ),
    ("# Two who", "# Those who", &[]),
    (
        "fair/barter:0.3.0",
        "fair/barter:0.4.0",
        &["wire: the protocol is `fair/barter:0.4.0` instead of `fair/barter:0.3.0` in envelopes"],
    ),
    (
        "rating: pt:float",
        "rating: pt:int",
        &["wire: `counter`: `rating` is `pt:int` instead of `rating: pt:float`"],
    ),
    ("rating: pt:float", "stars: pt:float", &["words: `counter`: `stars` stands where `rating` was"]),
    ("rating: pt:float", "rating: pt:float\n    why: pt:str", &["wire: `counter`: `why`, field 3, is new"]),
    (
        "    until: pt:optional[pt:int]\n",
        "",
        &[
            "wire: `offer`: `wish` is `pt:union[pt:str, ct:Wish, pt:list[pt:str]]` instead of `until: pt:optional[pt:int]`",
            "wire: `offer`: `wish`, field 4, is gone",
        ],
    ),
    ("string goods = 2;", "bytes goods = 2;", &["wire: `ct:Wish`: field 2, `goods`, has another type"]),
    ("string goods = 2;", "string wares = 2;", &["words: `ct:Wish`: field 2, `goods`, is called `wares`"]),
    (
        "string goods = 2;",
        "string goods = 3;",
        &["wire: `ct:Wish`: field 2, `goods`, is gone", "wire: `ct:Wish`: field 3, `goods`, is new"],
    ),
    (
        "HIGH = 1;",
        "HIGH = 2;",
        &["wire: `ct:Wish.Urgency`: `HIGH` is 2 instead of 1", "wire: `ct:Wish.Urgency`: `HIGH`, 2, is new"],
    ),
    (
        "offer: [counter, shake, walk_away]",
        "offer: [walk_away, counter]",
        &["dialogue: `offer` may be answered with `shake` no more"],
    ),
    (
        "initiation: [offer]",
        "initiation: [offer, counter]",
        &["dialogue: a dialogue may begin with `counter` too"],
    ),
    (
        "{giver, taker}",
        "{giver, getter}",
        &["dialogue: the roles have `taker` no more", "dialogue: the roles have `getter` too"],
    ),
    ("dialogues: no", "dialogues: yes", &["dialogue: dialogues that have ended are kept"]),
    (
        "{giver, taker}",
        "{giver: [offer, counter, shake], taker}",
        &["dialogue: `giver` may say `walk_away` no more"],
    ),
    (
        "end_states: [swapped, broken_off]",
        "end_states: [swapped, broken_off]\nend_state_of: {shake: swapped, walk_away: {offer: broken_off}}",
        &[
            "dialogue: `shake` ends a dialogue as `swapped`",
            "dialogue: `walk_away` in answer to `offer` ends a dialogue as `broken_off`",
        ],
    ),
];

#[test]
fn rules_beyond_aea_s_are_compared_by_what_follows_from_them() {
    let told = |before: &str, after: &str| -> Vec<String> {
        let changes = read(before).difference(&read(after)).unwrap();
        changes.iter().map(ToString::to_string).collect()
    };
    let ends = |rules: &str| {
        BARTER.replace("broken_off]", &format!("broken_off]\nend_state_of: {{shake: swapped, {rules}}}"))
    };
    let (always, after) =
        (ends("walk_away: broken_off"), ends("walk_away: {offer: broken_off, counter: broken_off}"));
    assert!(told(&always, &after).is_empty());
    let expected = ["dialogue: `walk_away` ends a dialogue as `swapped` instead of `broken_off`"];
    assert_eq!(told(&after, &ends("walk_away: swapped")), expected);
    let none = ends("walk_away: broken_off").replace("shake: swapped, ", "");
    assert_eq!(told(&always, &none), ["dialogue: `shake` ends a dialogue as `swapped` no more"]);
    // Without a list a role may say everything.
    let all = BARTER.replace("giver,", "giver: [offer, counter, shake, walk_away],");
    assert!(told(BARTER, &all).is_empty() && told(&all, BARTER).is_empty());
}

#[test]
fn a_type_with_another_name_alone_is_the_same_on_the_wire() {
    let told = |edit: &dyn Fn(&str) -> String| -> Vec<String> {
        let changes = read(BARTER).difference(&read(&edit(BARTER))).unwrap();
        changes.iter().map(ToString::to_string).collect()
    };
    let wish = "words: `offer`: `wish` is `pt:union[pt:str, ct:Want, pt:list[pt:str]]` instead of \
                `wish: pt:union[pt:str, ct:Wish, pt:list[pt:str]]`";
    assert_eq!(
        told(&|text| text.replace("ct:Wish", "ct:Want")),
        [wish, "words: the custom type `ct:Wish` is gone", "words: the custom type `ct:Want` is new"]
    );
    let other = told(&|text| text.replace("ct:Wish", "ct:Want").replace("string goods", "bytes goods"));
    assert_eq!(other[0], wish.replace("words: ", "wire: "));
    assert_eq!(
        told(&|text| text.replace("Urgency", "Haste")),
        ["words: `ct:Wish`: field 1, `urgency`, holds what is called `Wish.Haste` instead of `Wish.Urgency`"]
    );
    assert_eq!(
        told(&|text| text.replace("Urgency", "Haste").replace("HIGH = 1", "HIGH = 2")),
        ["wire: `ct:Wish`: field 1, `urgency`, has another type"]
    );
    // Types that hold themselves, and one another.
    let tree = |text: &str, leaf: &str, kind: &str| {
        text.replace(
            "  repeated string goods = 2;",
            &format!(
                "  message {leaf} {{ repeated {leaf} own = 1; {kind} weight = 2; }}\n  {leaf} goods = 2;"
            ),
        )
    };
    let compare = |kind: &str| {
        let changes =
            read(&tree(BARTER, "Leaf", "int32")).difference(&read(&tree(BARTER, "Twig", kind))).unwrap();
        changes.iter().map(|change| change.effect).collect::<Vec<_>>()
    };
    assert_eq!((compare("int32"), compare("int64")), (vec![Effect::Words], vec![Effect::Wire]));
}

#[test]
fn what_changes_the_bytes_is_told_from_what_changes_the_rules_or_the_words() {
    let before = read(BARTER);
    for (from, to, expected) in CHANGES {
        assert!(BARTER.contains(from), "{from}");
        let changes = before.difference(&read(&BARTER.replacen(from, to, 1))).unwrap();
        let told: Vec<String> = changes.iter().map(ToString::to_string).collect();
        assert_eq!(told, *expected, "{to}");
    }
}

#[test]
fn a_new_performative_moves_those_after_it() {
    let after = BARTER
        .replace("  walk_away: {}", "  walk_away: {}\n  ponder: {}")
        .replace("  shake: []", "  shake: []\n  ponder: [counter]")
        .replace("offer: [", "offer: [ponder, ");
    let changes = read(BARTER).difference(&read(&after)).unwrap();
    let wire: Vec<&str> = changes
        .iter()
        .filter(|change| change.effect == Effect::Wire)
        .map(|change| change.text.as_str())
        .collect();
    let expected = [
        "`shake` has the number 8 instead of 7",
        "`walk_away` has the number 9 instead of 8",
        "the performative `ponder` is new",
    ];
    assert_eq!(wire, expected);
}

#[test]
fn the_schema_for_editors_wants_the_fields_that_reading_wants() {
    let schema = Specification::json_schema();
    let (header, dialogue) = (&schema["else"]["then"], &schema["then"]);
    for part in [header, dialogue] {
        for field in part["required"].as_array().unwrap().iter().filter_map(Value::as_str) {
            assert!(part["properties"][field]["description"].is_string(), "{field}");
            let begin = BARTER.find(&format!("\n{field}:")).unwrap() + 1;
            let line_or_more = BARTER[begin..].find('\n').unwrap();
            let rest = &BARTER[begin + line_or_more + 1..];
            let indented: usize =
                rest.split_inclusive('\n').take_while(|line| line.starts_with(' ')).map(str::len).sum();
            let without = format!("{}{}", &BARTER[..begin], &rest[indented..]);
            let findings = Specification::read(&without).expect_err(field);
            assert!(
                findings.iter().any(|finding| finding.text.contains(&format!("`{field}`"))),
                "{findings}"
            );
        }
    }
}
