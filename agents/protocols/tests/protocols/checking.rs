//! Each mistake has its finding, and only what AEA refuses is refused leniently.

use folkmoot_protocols::Specification;
use folkmoot_protocols::finding::{Finding, Severity};

use crate::specification::BARTER;

/// A part of [`BARTER`], what stands in its place, and `line:column: error[code]: ` with the begin of the text.
type Case = (&'static str, &'static str, &'static str);

fn edited(from: &str, to: &str) -> String {
    assert_eq!(BARTER.matches(from).count(), 1, "`{from}` stands there once");
    BARTER.replace(from, to)
}

fn strict(text: &str) -> Vec<Finding> {
    let (Ok((_, findings)) | Err(findings)) = Specification::read(text);
    findings.into_iter().collect()
}

/// The one finding is the expected one.
fn expect_one(findings: &[Finding], expected: &str, from: &str) {
    let found: Vec<String> = findings.iter().map(ToString::to_string).collect();
    assert!(
        found.len() == 1 && found[0].starts_with(expected),
        "{from}: expected {expected}\nfound {found:#?}"
    );
}

/// What AEA refuses too.
const REFUSED: &[Case] = &[
    (
        "author: fair",
        "author: \"fair\\n\"",
        "4:9: error[bad-name]: `author` is the text `fair\\n`, and must be",
    ),
    (
        "name: barter",
        "name: 3rter",
        "3:7: error[bad-name]: `name` is the text `3rter`, and must be a letter or `_`",
    ),
    ("author: fair", "author: [fair]", "4:9: error[wrong-type]: `author` must be a text, not a list"),
    (
        "author: fair",
        "author: yes",
        "4:9: error[wrong-type]: `author` must be a text, not the truth value `yes`; put it in quotes",
    ),
    ("version: 0.3.0\n", "version: 0.3.00\n", "5:10: error[bad-version]: `version` is the text `0.3.00`"),
    ("\">=1.0.0, <2.0.0\"", "'>=1, 2'", "8:14: error[bad-version]: `aea_version` is the text `>=1, 2`"),
    ("fair/barter:0.3.0", "fair/barter:latest", "9:28: error[bad-id]: `protocol_specification_id` is"),
    ("license: MIT\n", "", "3:1: error[missing-field]: the field `license` is missing"),
    (
        "license: MIT\n",
        "license: MIT\ntags: []\n",
        "8:1: error[unknown-field]: the first document has no field `tags`; the fields are",
    ),
    (
        "walk_away: {}",
        "walk_away:",
        "23:12: error[wrong-type]: the contents of `walk_away` must be a mapping, `{}` for none, not nothing",
    ),
    (
        "  walk_away: {}",
        "  walk_away: {}\n  _body: {}",
        "24:3: error[reserved-name]: a performative must not be called `_body`",
    ),
    (
        "  walk_away: {}",
        "  walk_away: {}\n  walk__off: {}",
        "24:3: error[bad-name]: `walk__off` is no name of a performative",
    ),
    (
        "  walk_away: {}",
        "  walk_away: {}\n  2walk: {}",
        "24:3: error[bad-name]: `2walk` is no name of a performative; begin it with a letter",
    ),
    ("rating: pt:float", "_rating: pt:float", "17:5: error[bad-name]: `_rating` is no name of a content"),
    (
        "rating: pt:float",
        "target: pt:float",
        "17:5: error[reserved-name]: a content must not be called `target`",
    ),
    ("rating: pt:float", "self: pt:float", "17:5: error[reserved-name]: a content must not be called `self`"),
    (
        "rating: pt:float",
        "rating: 3",
        "17:13: error[wrong-type]: the type of `rating` must be a text, not the number `3`",
    ),
    (
        "rating: pt:float",
        "rating: pt:list[pt:list[pt:int]]",
        "17:13: error[bad-type]: `pt:list[pt:list[pt:int]]` is no type of content `rating`: its elements are `pt:list[pt:int]`, which is no primitive type; sets, lists and dicts hold primitives only",
    ),
    (
        "rating: pt:float",
        "rating: pt:union[pt:int]",
        "17:13: error[bad-type]: `pt:union[pt:int]` is no type of content `rating`; a union has two or more",
    ),
    (
        "rating: pt:float",
        "rating: pt:list[pt:optional[pt:int]]",
        "17:13: error[bad-type]: `pt:list[pt:optional[pt:int]]` is no type of content `rating`: its elements are `pt:optional[pt:int]`, which is no primitive type; `pt:optional` stands outermost only",
    ),
    (
        "rating: pt:float",
        "rating: ct:wish",
        "17:13: error[bad-type]: `ct:wish` is no type of content `rating`; the name of a custom type",
    ),
    (
        "in_person: pt:bool",
        "goods: pt:bool",
        "20:12: error[type-differs]: content `goods` is `pt:bool` here and `pt:dict[pt:str, pt:int]` in `offer`, line 12",
    ),
    (
        "in_person: pt:bool",
        "goods: pt:dict[pt:str,pt:int]",
        "20:12: error[type-differs]: content `goods` is `pt:dict[pt:str,pt:int]` here",
    ),
    (
        "pt:union[pt:str, ct:Wish, pt:list[pt:str]]",
        "pt:str",
        "26:1: error[unused-custom-type]: no content has the custom type `ct:Wish`",
    ),
    (
        "rating: pt:float",
        "rating: ct:Stars",
        "17:13: error[missing-custom-type]: the custom type `ct:Stars` has no fields",
    ),
    (
        "initiation: [offer]",
        "initiation: []",
        "35:13: error[no-initiation]: `initiation` must name at least one performative",
    ),
    (
        "initiation: [offer]",
        "initiation: offer",
        "35:13: error[wrong-type]: `initiation` must be a list of performatives, not the text `offer`",
    ),
    (
        "initiation: [offer]",
        "initiation: [offer, bid]",
        "35:21: error[unknown-performative]: `initiation` names the text `bid`, which is no performative",
    ),
    (
        "  shake: []\n",
        "",
        "37:3: error[missing-reply]: `reply` does not say what answers `shake`; add `shake: []`",
    ),
    (
        "  shake: []\n",
        "  shake: walk_away\n",
        "42:10: error[wrong-type]: the reply to `shake` must be a list, `[]` where it ends the dialogue, not the text `walk_away`",
    ),
    (
        "  shake: []\n",
        "  shake: []\n  bow: []\n",
        "43:3: error[unknown-performative]: `reply` names the text `bow`",
    ),
    (
        "  shake: []\n",
        "  shake: [counter]\n",
        "44:15: error[terminal-with-replies]: `shake` ends a dialogue, and yet `reply` has answers to it",
    ),
    (
        "termination: [shake, walk_away]",
        "termination: [shake]",
        "44:14: error[not-terminal]: `walk_away` has no replies and does not stand in `termination`",
    ),
    (
        "termination: [shake, walk_away]",
        "termination: [shake, walk_away, shake]",
        "44:33: error[duplicate]: `shake` stands in `termination` twice",
    ),
    ("{giver, taker}", "{}", "45:8: error[roles]: there must be one role or two, not 0"),
    (
        "{giver, taker}",
        "[giver, taker]",
        "45:8: error[wrong-type]: `roles` must be a mapping, written `{buyer, seller}`, not a list",
    ),
    ("{giver, taker}", "{giver, taker_}", "45:16: error[bad-name]: `taker_` is no name of a role"),
    (
        "[swapped, broken_off]",
        "[swapped, broken-off]",
        "46:23: error[bad-name]: `broken-off` is no name of an end state",
    ),
    (
        "[swapped, broken_off]",
        "[swapped, 7]",
        "46:23: error[wrong-type]: the name of an end state must be a text, not the number `7`",
    ),
    (
        "dialogues: no",
        "dialogues: never",
        "47:32: error[wrong-type]: `keep_terminal_state_dialogues` must be true or false, not the text `never`",
    ),
    (
        "end_states: [swapped, broken_off]\n",
        "",
        "35:1: error[missing-field]: the dialogue section has no `end_states`",
    ),
];

/// What AEA accepts, and cannot use.
const BROKEN_LATER: &[Case] = &[
    ("name: barter", "name: class", "3:7: error[reserved-name]: a protocol cannot be called `class`, a word"),
    ("name: barter", "name: base", "3:7: error[reserved-name]: a protocol cannot be called `base`: AEA has"),
    ("name: barter", "name: __barter", "3:7: error[reserved-name]: a protocol cannot be called `__barter`"),
    (
        "license: MIT\n",
        "license: MIT\nlicense: MIT\n",
        "8:1: error[duplicate-key]: `license` stands here a second time, after line 7",
    ),
    ("rating: pt:float", "rating: ' pt:float'", "17:13: error[bad-type]: ` pt:float` is not written well"),
    (
        "rating: pt:float",
        "rating: pt:set[pt:int,]",
        "17:13: error[bad-type]: `pt:set[pt:int,]` is not written well: AEA accepts it and then breaks on it or reads something else; write `pt:set[pt:int]`",
    ),
    (
        "rating: pt:float",
        "rating: pt:union[pt:set[pt:int]?, pt:int]",
        "17:13: error[bad-type]: `pt:union[pt:set[pt:int]?, pt:int]` is not written well",
    ),
    (
        "rating: pt:float",
        "rating: pt:dict[pt:float, pt:str]",
        "17:13: error[map-key]: the keys of a dict cannot be `pt:float`",
    ),
    (
        "rating: pt:float",
        "rating: pt:optional[pt:dict[pt:bytes, pt:str]]",
        "17:13: error[map-key]: the keys of a dict cannot be `pt:bytes`",
    ),
    (
        "rating: pt:float",
        "rating: pt:union[pt:set[pt:int], pt:set[ pt:int ]]",
        "17:13: error[duplicate]: `pt:set[pt:int]` stands in the union twice",
    ),
    ("rating: pt:float", "to: pt:float", "17:5: error[reserved-name]: a content cannot be called `to`"),
    (
        "rating: pt:float",
        "has_sender: pt:float",
        "17:5: error[reserved-name]: a content cannot be called `has_sender`, which AEA's code uses",
    ),
    (
        "rating: pt:float",
        "protocol_id: pt:float",
        "17:5: error[reserved-name]: a content cannot be called `protocol_id`, which AEA's code uses",
    ),
    (
        "rating: pt:float",
        "len: pt:optional[pt:float]",
        "17:5: error[reserved-name]: a content that is optional cannot be called `len`, which AEA's code uses",
    ),
    (
        "rating: pt:float",
        "lambda: pt:float",
        "17:5: error[reserved-name]: a content cannot be called `lambda`, a word of Python",
    ),
    (
        "rating: pt:float",
        "type: pt:list[pt:float]",
        "17:5: error[reserved-name]: a collection or union cannot be called `type`",
    ),
    (
        "rating: pt:float",
        "5stars: pt:float",
        "17:5: error[bad-name]: a field of protobuf cannot be called `5stars`; begin it with a letter",
    ),
    (
        "    in_person: pt:bool",
        "    note_is_set: pt:bool",
        "22:5: error[clash]: contents `note_is_set` and `note` both need the field `note_is_set`",
    ),
    (
        "    in_person: pt:bool",
        "    note_type_str: pt:bool",
        "22:5: error[clash]: contents `note_type_str` and `note` both need the field `note_type_str`",
    ),
    (
        "    in_person: pt:bool",
        "    noteType_str: pt:bool",
        "22:5: error[clash]: protobuf cannot tell contents `noteType_str` and `note` apart, which are both `noteTypeStr` in JSON",
    ),
    (
        "  repeated string goods = 2;",
        "  repeated string goods = 1;",
        "32:27: error[protobuf]: protobuf refuses the fields of `ct:Wish`: ",
    ),
    (
        "  repeated string goods = 2;",
        "  repeated strings goods = 2;",
        "32:12: error[protobuf]: protobuf refuses the fields of `ct:Wish`: name 'strings' is not defined",
    ),
    (
        "  repeated string goods = 2;",
        "  repeated string goods = 2",
        "32:28: error[protobuf]: protobuf refuses the fields of `ct:Wish`: expected ';'",
    ),
    (
        "  repeated string goods = 2;",
        "  } message Other {",
        "32:3: error[protobuf]: protobuf refuses the fields of `ct:Wish`: this bracket closes what was not opened",
    ),
    (
        "  repeated string goods = 2;",
        "  Offer_Performative offer = 2;",
        "27:3: error[protobuf]: protobuf refuses the fields of `ct:Wish`: the field `offer` holds",
    ),
    ("    LOW = 0;", "    LOW = 3;", "28:11: error[protobuf]: protobuf refuses the fields of `ct:Wish`: "),
    (
        "[swapped, broken_off]",
        "[swapped, Swapped]",
        "46:23: error[clash]: the end states `swapped` and `Swapped` are one name",
    ),
    (
        "[swapped, broken_off]",
        "[swapped, 2late]",
        "46:23: error[bad-name]: no end state in generated code can be called `2late`",
    ),
    ("{giver, taker}", "{giver, Giver}", "45:16: error[clash]: the roles `giver` and `Giver` are one name"),
];

/// What is probably not meant.
const WARNED_OF: &[Case] = &[
    (
        "rating: pt:float",
        "Optional: pt:float",
        "17:5: warning[reserved-name]: AEA's code uses `Optional` for something else, and breaks on some contents",
    ),
    (
        "initiation: [offer]",
        "initiation: [offer, offer]",
        "35:21: warning[duplicate]: `offer` stands in `initiation` twice",
    ),
    (
        "initiation: [offer]",
        "initiation: [offer, walk_away]",
        "23:3: warning[ends-at-once]: a dialogue that begins with `walk_away` ends with it too",
    ),
    ("initiation: [offer]", "initiation: [counter]", "11:3: warning[unreachable]: `offer` is never said"),
    (
        "rating: pt:float",
        "rating: pt:union[pt:int, pt:bool]",
        "17:13: warning[union]: AEA writes a truth value as `pt:int`",
    ),
    (
        "rating: pt:float",
        "rating: pt:union[pt:dict[pt:str, pt:int], pt:dict[pt:str, pt:str]]",
        "17:13: warning[union]: AEA refuses values of the first",
    ),
    (
        "handshake.'",
        "\"\"\"handshake\"\"\".'",
        "6:14: warning[description]: AEA puts the description between three quotes",
    ),
    (
        "fair/barter:0.3.0",
        "fair/barter:0.3.0-rc.1",
        "9:28: warning[bad-version]: AEA's generator makes no protobuf package",
    ),
    (
        "dialogues: no\n",
        "dialogues: no\nrules: none\n",
        "48:1: warning[unknown-field]: the dialogue section has no field `rules`, and it is ignored",
    ),
];

#[test]
fn what_aea_refuses_is_refused_in_either_way_and_named() {
    for (from, to, expected) in REFUSED {
        let text = edited(from, to);
        expect_one(&strict(&text), expected, to);
        let findings = Specification::read_lenient(&text).expect_err(to);
        assert!(findings.iter().any(|finding| finding.to_string().starts_with(expected)), "{to}: {findings}");
    }
}

#[test]
fn what_aea_breaks_on_later_is_an_error_and_leniently_a_warning() {
    for (from, to, expected) in BROKEN_LATER {
        let text = edited(from, to);
        expect_one(&strict(&text), expected, to);
        assert!(Specification::read(&text).is_err(), "{to}");
        let (_, warnings) =
            Specification::read_lenient(&text).unwrap_or_else(|findings| panic!("{to}: {findings}"));
        let warnings: Vec<Finding> = warnings.into_iter().collect();
        expect_one(&warnings, &expected.replace("error[", "warning["), to);
    }
}

#[test]
fn what_is_probably_not_meant_is_a_warning() {
    for (from, to, expected) in WARNED_OF {
        let text = edited(from, to);
        expect_one(&strict(&text), expected, to);
        assert!(Specification::read(&text).is_ok(), "{to}");
    }
}

#[test]
fn a_dialogue_that_cannot_end_is_warned_of() {
    let text = edited("  counter:\n    - counter\n    - shake\n    - walk_away\n", "  counter: [counter]\n");
    expect_one(&strict(&text), "15:3: warning[endless]: a dialogue that comes to `counter` never ends", "");
}

#[test]
fn performatives_that_generated_code_cannot_tell_apart_are_refused() {
    for (name, expected) in [
        ("Offer", "24:3: error[clash]: the performatives `offer` and `Offer` are one name"),
        ("walkAway", "24:3: error[clash]: the performatives `walk_away` and `walkAway` are one name"),
        (
            "Wish",
            "24:3: error[clash]: protobuf cannot tell the performative `Wish` from the custom type `ct:Wish`",
        ),
        ("yield", "24:3: error[reserved-name]: a performative cannot be called `yield`"),
        ("WhichOneof", "24:3: error[reserved-name]: a performative cannot be called `WhichOneof`"),
        ("ParseFromString", "24:3: error[reserved-name]: a performative cannot be called `ParseFromString`"),
    ] {
        let text = edited("  walk_away: {}", &format!("  walk_away: {{}}\n  {name}: {{}}"))
            .replace("  shake: []", &format!("  shake: []\n  {name}: []"))
            .replace("termination: [", &format!("termination: [{name}, "))
            .replace("offer: [", &format!("offer: [{name}, "));
        expect_one(&strict(&text), expected, name);
        assert!(Specification::read_lenient(&text).is_ok(), "{name}");
    }
}

#[test]
fn contents_that_aea_names_after_the_protocol_or_its_types_are_told_of() {
    for (content, expected) in [
        ("barter_msg: pt:float", "17:5: error[reserved-name]: a content cannot be called `barter_msg`"),
        ("barter_pb2: pt:float", "17:5: error[reserved-name]: a content cannot be called `barter_pb2`"),
        ("BarterMessage: pt:float", "17:5: error[reserved-name]: a content cannot be called `BarterMessage`"),
        (
            "CustomWish: pt:optional[pt:int]",
            "17:5: error[reserved-name]: a content that is optional cannot be",
        ),
        (
            "barter_pb: pt:float",
            "17:5: warning[reserved-name]: AEA's code uses `barter_pb` for something else",
        ),
        ("Wish: pt:float", "17:5: warning[reserved-name]: AEA's code uses `Wish` for something else"),
    ] {
        let text = edited("rating: pt:float", content);
        expect_one(&strict(&text), expected, content);
        assert!(Specification::read_lenient(&text).is_ok(), "{content}");
    }
    for content in ["barter: pt:float", "Barter_msg: pt:float", "CustomWish: pt:float", "len: pt:float"] {
        assert!(strict(&edited("rating: pt:float", content)).is_empty(), "{content}");
    }
}

#[test]
fn custom_types_that_aea_takes_for_something_else_are_refused() {
    for (name, expected) in [
        (
            "Message",
            "26:1: error[reserved-name]: a custom type cannot be called `ct:Message`, which AEA's code uses",
        ),
        ("Set", "26:1: error[reserved-name]: a custom type cannot be called `ct:Set`, which AEA's code uses"),
        ("None", "26:1: error[reserved-name]: a custom type cannot be called `ct:None`, a word of Python"),
        ("WhichOneof", "26:1: error[reserved-name]: a custom type cannot be called `ct:WhichOneof`"),
        ("BarterMessage", "26:1: error[reserved-name]: a custom type cannot be called `ct:BarterMessage`"),
        (
            "BarterSerializer",
            "26:1: error[reserved-name]: a custom type cannot be called `ct:BarterSerializer`",
        ),
        ("Dictionary", "26:1: error[reserved-name]: `ct:Dictionary` begins with `Dict`"),
        ("UnionMember", "26:1: error[reserved-name]: `ct:UnionMember` begins with `Union`"),
    ] {
        let text = BARTER.replace("ct:Wish", &format!("ct:{name}"));
        expect_one(&strict(&text), expected, name);
        assert!(Specification::read_lenient(&text).is_ok(), "{name}");
    }
    for name in ["Settings", "Messages", "Predict", "Barter", "MessageBarter"] {
        assert!(strict(&BARTER.replace("ct:Wish", &format!("ct:{name}"))).is_empty(), "{name}");
    }
}

#[test]
fn a_custom_type_in_an_optional_union_alone_can_be_used_here_though_not_by_aea() {
    let text = edited("pt:union[pt:str, ct:Wish, pt:list[pt:str]]", "pt:optional[pt:union[pt:str, ct:Wish]]");
    expect_one(&strict(&text), "26:1: warning[only-in-optional-union]: AEA itself refuses `ct:Wish`", "");
    let findings = Specification::read_lenient(&text).expect_err("as AEA does");
    assert_eq!(
        findings.iter().filter(|finding| finding.severity == Severity::Error).count(),
        1,
        "{findings}"
    );
}

#[test]
fn documents_are_counted_and_known_by_what_is_in_them() {
    let begins = |text: &str, expected: &str| {
        let findings = Specification::read(text).expect_err(expected);
        assert!(findings.to_string().starts_with(expected), "{findings}");
    };
    begins("", "1:1: error[documents]: the text is empty");
    begins("- a\n- b\n", "1:1: error[wrong-type]: the first document must be a mapping");
    begins(
        &format!("{BARTER}---\nmore: 1\n"),
        "49:1: error[documents]: there are 4 documents, and at most three have a meaning",
    );
    let (header, rest) = BARTER.split_once("...\n---\nct:Wish").unwrap();
    let dialogue = rest.split_once("---\n").unwrap().1;
    let header = header.replace("    wish: pt:union[pt:str, ct:Wish, pt:list[pt:str]]\n", "");
    let (alone, _) = Specification::read(&header).unwrap();
    assert_eq!(alone.dialogue, None);
    let (two, _) = Specification::read(format!("{header}---\n{dialogue}")).unwrap();
    assert_eq!(two.dialogue.unwrap().initiation, ["offer"]);
    let (empty, _) = Specification::read(format!("{header}--- {{}}\n--- {{}}\n")).unwrap();
    assert_eq!(empty.dialogue, None);
}

#[test]
fn what_aea_refuses_hides_nothing_that_it_breaks_on() {
    let broken = edited("author: fair", "author: fair\ntags: []")
        .replace("  walk_away: {}", "  walk_away: {}\n  class: {by: 'pt:dict[pt:float, pt:int]'}");
    let codes: Vec<&str> = strict(&broken).iter().map(|finding| finding.code).collect();
    for code in ["unknown-field", "reserved-name", "map-key"] {
        assert!(codes.contains(&code), "{code} in {codes:?}");
    }
}

/// `unknown-field` of `1:2: error[unknown-field]: ..`.
fn code(told: &str) -> &str {
    told.split_once('[').and_then(|(_, rest)| rest.split_once(']')).map_or("", |(code, _)| code)
}

#[test]
fn no_mistake_hides_another_and_none_brings_another_along() {
    let cases: Vec<&Case> = REFUSED.iter().chain(BROKEN_LATER).collect();
    let mut wrong = Vec::new();
    let mut pairs = 0;
    for (index, (from, to, expected)) in cases.iter().enumerate() {
        for (other_from, other_to, other_expected) in &cases[..index] {
            let text = edited(from, to);
            // What both would change can have one of the mistakes only; a type that nobody uses may be the one that is
            // called almost so.
            let is_one =
                text.matches(other_from).count() != 1 || to.contains(other_from) || other_to.contains(from);
            if is_one || other_to.contains("ct:wish") && code(expected) == "unused-custom-type" {
                continue;
            }
            pairs += 1;
            let text = text.replace(other_from, other_to);
            let findings = strict(&text);
            let mut found: Vec<&str> = findings.iter().map(|finding| finding.code).collect();
            let mut wanted = [code(expected), code(other_expected)];
            found.sort_unstable();
            wanted.sort_unstable();
            if found != wanted {
                let told: Vec<String> = findings.iter().map(ToString::to_string).collect();
                wrong.push(format!("{to:?} and {other_to:?}: {told:#?}"));
            }
        }
    }
    assert!(wrong.is_empty() && pairs > 1_000, "{} of {pairs}: {}", wrong.len(), wrong.join("\n"));
}

#[test]
fn all_that_protobuf_refuses_is_told_at_once_beside_the_rest() {
    let broken = edited(
        "  repeated string goods = 2;\n",
        "  repeated strings goods = 2;
  int32 count = 3
  int32 weight = 4;
  enun Colour { RED = 0; }
  Colour colour = 5;
  oneof price { string coin = 6; strin barter = 7; }
  int32 weight = 8;
  map<float, string> names = 9;
  Walk_Away_Performative off = 10;
  int32 same = 1;
ct:Spare: |
  } int32 spare = 1;
  Wish.Colour colour = 2;
  integer last = 3;
",
    )
    .replace("    LOW = 0;", "    LOW = 3;")
    .replace("author: fair", "author: yes")
    .replace("rating: pt:float", "rating: ct:Spare");
    let found: Vec<String> = strict(&broken).iter().map(ToString::to_string).collect();
    let begins = [
        "4:9: error[wrong-type]: `author` must be a text",
        "28:11: error[protobuf]: protobuf refuses the fields of `ct:Wish`: ",
        "32:12: error[protobuf]: protobuf refuses the fields of `ct:Wish`: name 'strings' is not defined",
        "34:3: error[protobuf]: protobuf refuses the fields of `ct:Wish`: expected ';'",
        "35:15: error[protobuf]: protobuf refuses the fields of `ct:Wish`: expected",
        "37:34: error[protobuf]: protobuf refuses the fields of `ct:Wish`: name 'strin' is not defined",
        "38:9: error[protobuf]: protobuf refuses the fields of `ct:Wish`: name",
        "39:7: error[protobuf]: protobuf refuses the fields of `ct:Wish`: ",
        "40:3: error[protobuf]: protobuf refuses the fields of `ct:Wish`: name 'Walk_Away_Performative'",
        "41:16: error[protobuf]: protobuf refuses the fields of `ct:Wish`: ",
        "43:3: error[protobuf]: protobuf refuses the fields of `ct:Spare`: this bracket closes",
        "45:3: error[protobuf]: protobuf refuses the fields of `ct:Spare`: name 'integer' is not defined",
    ];
    assert_eq!(found.len(), begins.len(), "{found:#?}");
    for (found, begin) in found.iter().zip(begins) {
        assert!(found.starts_with(begin), "{begin}\n{found}");
    }
}

#[test]
fn a_type_that_is_none_is_told_with_the_part_that_is_wrong() {
    for (text, fault) in [
        ("pt:dict[pt:str, pt:sting]", ": its values are `pt:sting`, which is no primitive type; "),
        ("pt:dict[ct:Wish, pt:int]", ": its keys are `ct:Wish`, which is no primitive type; "),
        ("pt:dict[pt:str]", ": it has 1 types in its brackets, keys and values are two; "),
        ("pt:set[pt:str, pt:int]", ": it has 2 types in its brackets, and must have one; "),
        ("pt:list[pt:str", ": its brackets do not match; "),
        (
            "pt:union[pt:int, pt:dict[pt:in, pt:int]]",
            ": of `pt:dict[pt:in, pt:int]` within, its keys are `pt:in`, which is no primitive type; ",
        ),
        ("pt:union[pt:int, pt:str, pt:int]", ": `pt:int` stands in it twice; "),
        ("pt:optional[pt:nothing]", ": `pt:nothing` within is no type; "),
        ("pt:int64", "; types are pt:bytes"),
    ] {
        let told = strict(&edited("rating: pt:float", &format!("rating: '{text}'")));
        expect_one(
            &told,
            &format!("17:13: error[bad-type]: `{text}` is no type of content `rating`{fault}"),
            text,
        );
    }
}

#[test]
fn what_is_huge_is_judged_like_the_rest() {
    let rating = |written: &str| strict(&edited("rating: pt:float", &format!("rating: '{written}'")));
    let deep = rating(&format!("{}pt:int{}", "pt:optional[".repeat(50_000), "]".repeat(50_000)));
    expect_one(&deep, "17:13: error[bad-type]: `pt:optional[pt:optional[", "nested types");
    let names = |count: u32| (0..count).map(|index| format!("ct:T{index}")).collect::<Vec<_>>().join(", ");
    let wide = rating(&format!("pt:union[{}, pt:x]", names(60_000)));
    expect_one(&wide, "17:13: error[bad-type]: `pt:union[ct:T0, ct:T1, ", "alternatives");

    // A mistake on each line: of a short text all are told with their places, of a long one the first.
    let fields =
        |count: u32| (0..count).fold(String::new(), |text, index| format!("{text}  int32 f{index} = 9;\n"));
    let short = strict(&edited("  repeated string goods = 2;\n", &fields(100)));
    assert_eq!(short.len(), 99);
    assert!(short.iter().zip(33..).all(|(finding, line)| finding.place.line == line), "{short:?}");
    let long = strict(&edited("  repeated string goods = 2;\n", &fields(20_000)));
    expect_one(
        &long,
        "1:1: error[protobuf]: protobuf refuses the schema of this specification: field number '9'",
        "",
    );
    assert!(long[0].hint.as_ref().is_some_and(|hint| hint.contains("up to 65536")), "{long:?}");
}
