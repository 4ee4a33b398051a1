//! Texts that are meant to break who reads them, and specifications made by chance.

use folkmoot_protocols::Specification;
use proptest::prelude::*;

use crate::specification::BARTER;

fn code(text: impl AsRef<[u8]>) -> &'static str {
    let strict = Specification::read(text.as_ref()).expect_err("it is refused");
    let lenient = Specification::read_lenient(text.as_ref()).expect_err("leniently too");
    let (strict, lenient) = (strict.iter().next().unwrap(), lenient.iter().next().unwrap());
    assert_eq!(strict, lenient);
    strict.code
}

#[test]
fn texts_beyond_the_bounds_are_refused_before_they_cost_anything() {
    assert_eq!(code(format!("a: {}", "x".repeat(1 << 20))), "too-large");
    assert_eq!(code("[".repeat(40)), "too-deep");
    assert_eq!(code("[".repeat(100_000)), "too-deep", "the parser has a bound too");
    assert_eq!(code(format!("a:\n{}", "- ".repeat(50_000))), "too-deep");
    assert_eq!(code("- a\n".repeat(200_000)), "too-large");
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..20 {
        let one = format!("*a{}, ", level - 1);
        bomb += &format!("a{level}: &a{level} [{}]\n", one.repeat(10));
    }
    assert_eq!(code(bomb), "too-large");
    assert_eq!(code("a: &a [*a]\n"), "not-yaml");
    assert_eq!(code("--- x\n".repeat(40)), "documents");
    let wide: String = (0..30_000).map(|number| format!("k{number}: 1\n")).collect();
    let findings = Specification::read(wide).expect_err("no field of a specification");
    assert!(findings.len() <= folkmoot_protocols::Findings::MOST + 1, "{}", findings.len());
}

#[test]
fn what_is_no_text_is_told_with_its_place() {
    let told = |text: &[u8]| Specification::read(text).expect_err("it is refused").to_string();
    assert!(told(b"name: a\n  \xc3\x28").starts_with("2:3: error[not-utf8]"));
    assert!(told(b"name: a\x00b").starts_with("1:8: error[not-yaml]: the character U+0000"));
    assert!(told("name: ü\u{7f}".as_bytes()).starts_with("1:8: error[not-yaml]: the character U+007F"));
    assert!(told(b"\xff\xfen\x00a\x00").starts_with("1:1: error[not-utf8]"), "UTF-16");
    assert!(
        told(b"name: a,\tb").starts_with("1:9: error[not-yaml]: a tab stands between values; write spaces")
    );
    // What PyYAML reads otherwise than the parser.
    assert!(
        told(b"# x\n\n... # y\n---\nname: a").starts_with("3:1: error[not-yaml]: a document ends before one")
    );
    assert!(
        told(b"a: [{b: [1]}, c?: d]").starts_with("1:15: error[not-yaml]: a question mark stands between")
    );
    assert!(!told(b"a:\n  - b?: c?\n  - [1]\n...\n...\n").contains("not-yaml"));
    for (text, place) in [("a: <<", "1:4"), ("- b\n- <<", "2:3"), ("<<", "1:1"), ("<<: {b: <<}", "1:9")] {
        let told = told(text.as_bytes());
        assert!(told.starts_with(&format!("{place}: error[not-yaml]: `<<` is a key, and has no")), "{told}");
    }
    let other = told(format!("%YAML 2.0\n{BARTER}").as_bytes());
    assert!(other.starts_with("1:1: error[not-yaml]: the directive names another YAML than 1"), "{other}");
    assert!(Specification::read(format!("%YAML 1.3\n{BARTER}")).is_ok(), "YAML 1 of any kind");
    let marked = format!("\u{feff}{BARTER}");
    assert!(Specification::read(&marked).is_ok(), "a byte order mark is passed over");
    // In the midst of a text it is a letter, also beside the one that stands for it while the text is read.
    let (told_of, description) = ("\u{feff}of \u{feff}\u{e000}goods", "description: '");
    let lettered = BARTER.replacen(description, &format!("{description}{told_of} "), 1);
    let (specification, _) = Specification::read(format!("\u{feff}{lettered}")).unwrap();
    assert!(specification.description.starts_with(told_of), "{:?}", specification.description);
    let misnamed = told(BARTER.replacen("name: ", "name: \u{feff}", 1).as_bytes());
    assert!(misnamed.contains("error[bad-name]"), "{misnamed}");
    assert!(Specification::read(BARTER.replace('\n', "\r\n")).is_ok(), "lines of other systems are lines");
}

#[test]
fn fields_of_a_custom_type_cannot_cost_the_stack() {
    let deep = format!("  {}{}", "message A { ".repeat(2_000), "} ".repeat(2_000));
    let text = BARTER.replace("  repeated string goods = 2;", &deep);
    let findings = Specification::read(text).expect_err("it is refused");
    assert!(findings.to_string().contains("brackets stand too deep in each other"), "{findings}");
    let angles = format!("  {} a = 3;", "map<string, ".repeat(20_000));
    let findings = Specification::read(BARTER.replace("  repeated string goods = 2;", &angles));
    assert!(findings.is_err());
}

/// A type that means something in protobuf.
fn type_text() -> impl Strategy<Value = String> {
    let primitive = prop::sample::select(vec!["pt:bytes", "pt:int", "pt:float", "pt:bool", "pt:str"]);
    let key = prop::sample::select(vec!["pt:int", "pt:bool", "pt:str"]);
    let element = prop_oneof![
        primitive.clone().prop_map(str::to_owned),
        prop::sample::select(vec!["ct:One", "ct:Other"]).prop_map(str::to_owned),
        primitive.clone().prop_map(|of| format!("pt:set[{of}]")),
        primitive.clone().prop_map(|of| format!("pt:list[{of}]")),
        (key, primitive).prop_map(|(key, value)| format!("pt:dict[{key}, {value}]")),
    ];
    let union = prop::collection::btree_set(element.clone(), 2..5)
        .prop_map(|of| format!("pt:union[{}]", of.into_iter().collect::<Vec<_>>().join(", ")));
    let required = prop_oneof![3 => element, 1 => union];
    (required, any::<bool>())
        .prop_map(|(of, optional)| if optional { format!("pt:optional[{of}]") } else { of })
}

/// A whole specification: performatives with contents, and rules that let each be said and each end.
fn specification() -> impl Strategy<Value = String> {
    let performative =
        (prop::collection::vec(type_text(), 0..5), prop::collection::vec(any::<prop::sample::Index>(), 0..4));
    prop::collection::vec(performative, 1..8).prop_map(|performatives| {
        let count = performatives.len();
        let (mut acts, mut replies, mut types) = (String::new(), String::new(), String::new());
        for (number, (contents, answers)) in performatives.iter().enumerate() {
            acts += &format!("  act_{number}:{}\n", if contents.is_empty() { " {}" } else { "" });
            for (place, content) in contents.iter().enumerate() {
                acts += &format!("    value{number}_{place}: {content}\n");
            }
            let mut names: Vec<String> = answers.iter().map(|answer| format!("act_{}", answer.index(count))).collect();
            if number + 1 < count {
                names.push(format!("act_{}", number + 1));
            } else {
                names.clear();
            }
            names.sort();
            names.dedup();
            replies += &format!("  act_{number}: [{}]\n", names.join(", "));
        }
        for (name, fields) in [("One", "int32 a = 1;"), ("Other", "string b = 7;")] {
            if acts.contains(&format!("ct:{name}")) {
                types += &format!("ct:{name}: |\n  {fields}\n");
            }
        }
        let last = count - 1;
        format!(
            "name: chance\nauthor: fair\nversion: 1.0.0\ndescription: ''\nlicense: MIT\naea_version: '>=1.0.0'\n\
             protocol_specification_id: fair/chance:1.0.0\nspeech_acts:\n{acts}---\n{types}\n---\ninitiation: [act_0]\n\
             reply:\n{replies}termination: [act_{last}]\nroles: {{a, b}}\nend_states: [fine]\n\
             keep_terminal_state_dialogues: true\n"
        )
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn specifications_by_the_rules_are_read_and_their_schemas_compile(text in specification()) {
        let (specification, _) = Specification::read(&text).map_err(|findings| {
            TestCaseError::fail(format!("{findings}\n{text}"))
        })?;
        let types: usize = text.lines().filter(|line| line.starts_with("    value")).count();
        prop_assert_eq!(specification.speech_acts.iter().map(|act| act.contents.len()).sum::<usize>(), types);
        for content in specification.speech_acts.iter().flat_map(|act| &act.contents) {
            let written = format!("    {}: {}\n", content.name, content.content_type);
            prop_assert!(text.contains(&written));
        }
        let structures = specification.custom_type_structures().unwrap();
        prop_assert_eq!(structures.len(), specification.custom_types.len());
        prop_assert!(specification.difference(&specification).unwrap().is_empty());
        let protocol = folkmoot_protocols::Protocol::new(specification).unwrap();
        prop_assert_eq!(protocol.layouts().len(), text.matches("\n  act_").count() / 2);
    }

    #[test]
    fn nothing_that_is_written_over_a_specification_breaks_who_reads_it(
        at in any::<prop::sample::Index>(),
        length in 0_usize..40,
        put in "[ -~\n\t\u{0}\u{e9}\u{2028}]{0,12}|[\\[\\]{}:,&*!|>'\"#%@`?\n -]{0,8}",
    ) {
        let text: Vec<char> = BARTER.chars().collect();
        let from = at.index(text.len());
        let to = (from + length).min(text.len());
        let edited: String = text[..from].iter().copied().chain(put.chars()).chain(text[to..].iter().copied()).collect();
        let lines = edited.lines().count() + edited.matches('\u{2028}').count();
        let strict = Specification::read(&edited);
        let lenient = Specification::read_lenient(&edited);
        if strict.is_ok() {
            prop_assert!(lenient.is_ok() || edited.contains("pt:optional[pt:union"));
        }
        for findings in [strict.err(), lenient.err()].into_iter().flatten() {
            prop_assert!(findings.has_errors());
            for finding in &findings {
                prop_assert!(finding.place.line >= 1 && finding.place.line <= lines + 2);
                prop_assert!(!finding.to_string().contains('\n'));
            }
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Specification::read(&bytes);
    }
}
