//! Rust source that is generated from specifications: committed, kept up to date by a test, and as rustfmt has it.

use std::path::Path;
use std::process::{Command, Stdio};

use folkmoot_protocols::Specification;
use folkmoot_protocols::rust::{RustOptions, SpecificationText};

use crate::specification::BARTER;
use crate::typed::{PARTS, by_chance};

/// The source of a specification's types, for a crate that depends on this one.
fn source(text: &str) -> String {
    let (specification, _) = Specification::read(text).unwrap_or_else(|findings| panic!("{findings}"));
    let text = SpecificationText::Within(text.to_owned());
    let options = RustOptions { root: "::folkmoot_protocols".to_owned(), text };
    specification.rust(&options).unwrap_or_else(|error| panic!("{error}"))
}

/// What rustfmt makes of it, by its own settings.
fn formatted(source: &str) -> String {
    use std::io::Write;
    let mut rustfmt = Command::new("rustfmt")
        .args(["--edition", "2024", "--config-path", "/dev/null"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("rustfmt is there");
    rustfmt.stdin.take().unwrap().write_all(source.as_bytes()).unwrap();
    let output = rustfmt.wait_with_output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn committed_source_is_what_is_generated_and_what_rustfmt_writes() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/protocols/generated");
    let chance = by_chance(20);
    for (file, text) in [("barter.rs", BARTER), ("chance.rs", chance.as_str()), ("parts.rs", PARTS)] {
        let (path, source) = (folder.join(file), source(text));
        let committed = std::fs::read_to_string(&path).unwrap_or_default();
        if committed != source {
            std::fs::write(&path, &source).unwrap();
        }
        assert_eq!(formatted(&source), source, "{file} is not as rustfmt has it");
        assert!(committed == source, "{file} was out of date and is written anew: compile again");
    }
}
