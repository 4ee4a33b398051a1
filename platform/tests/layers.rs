//! The house keeps its layers: which of our crates may depend on which is a list, and this test holds it.
//!
//! Looks at normal and build dependencies, optional ones too; what a crate's own tests use is free. A new crate
//! gets a line in `ALLOWED` first, and `ARCHITECTURE.md` says why the lines are as they are.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

/// Every crate of the workspace, those to come too, and what it may depend on of the others.
const ALLOWED: &[(&str, &[&str])] = &[
    ("folkmoot-codecs", &[]),
    ("folkmoot-transports", &["folkmoot-codecs"]),
    ("folkmoot-gateway", &["folkmoot-codecs"]),
    ("folkmoot-protocols", &["folkmoot-codecs"]),
    ("folkmoot-derive", &["folkmoot-protocols"]),
    ("folkmoot-agents", &["folkmoot-codecs", "folkmoot-gateway", "folkmoot-protocols", "folkmoot-derive"]),
    ("folkmoot-exchange", &["folkmoot-codecs", "folkmoot-gateway"]),
    (
        "folkmoot",
        &[
            "folkmoot-agents",
            "folkmoot-transports",
            "folkmoot-gateway",
            "folkmoot-exchange",
            "folkmoot-codecs",
        ],
    ),
    ("folkmoot-interop", &["folkmoot", "folkmoot-protocols"]),
    ("folkmoot-cli", &["folkmoot", "folkmoot-interop"]),
];

/// Crates at the very top: they may depend on anything, and nothing may depend on them.
const FREE: &[&str] = &["folkmoot-examples", "folkmoot-benches"];

/// The edges `(from, to)` among the workspace's crates, and the crates themselves.
struct House {
    crates: BTreeSet<String>,
    edges: BTreeSet<(String, String)>,
}

impl House {
    /// Reads the workspace as cargo sees it, without the network.
    fn read() -> House {
        let output = Command::new(env!("CARGO"))
            .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .output()
            .expect("cargo metadata starts");
        assert!(
            output.status.success(),
            "cargo metadata failed: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        House::from_metadata(&serde_json::from_slice(&output.stdout).expect("cargo metadata writes JSON"))
    }

    fn from_metadata(metadata: &Value) -> House {
        let packages = metadata["packages"].as_array().expect("metadata has packages");
        let crates: BTreeSet<String> = packages.iter().map(|package| text(&package["name"])).collect();
        let mut edges = BTreeSet::new();
        for package in packages {
            for dependency in package["dependencies"].as_array().expect("a package has dependencies") {
                let to = text(&dependency["name"]);
                if dependency["kind"] != "dev" && crates.contains(&to) {
                    edges.insert((text(&package["name"]), to));
                }
            }
        }
        House { crates, edges }
    }

    /// One sentence for everything that the list does not allow.
    fn breaches(&self) -> Vec<String> {
        let allowed: BTreeMap<&str, &[&str]> = ALLOWED.iter().copied().collect();
        let strangers = self
            .crates
            .iter()
            .filter(|name| !allowed.contains_key(name.as_str()) && !FREE.contains(&name.as_str()))
            .map(|name| {
                format!("{name} has no line in ALLOWED of platform/tests/layers.rs: give it its layer")
            });
        let edges = self.edges.iter().filter_map(|(from, to)| {
            let may: &[&str] = allowed.get(from.as_str()).copied().unwrap_or_default();
            if FREE.contains(&to.as_str()) {
                return Some(format!("{from} depends on {to}, but nothing may: it stands at the top"));
            }
            if FREE.contains(&from.as_str()) || may.contains(&to.as_str()) {
                return None;
            }
            let list = if may.is_empty() { "none of our crates".to_owned() } else { may.join(", ") };
            Some(format!("{from} depends on {to}, but it may depend on {list} only"))
        });
        strangers.chain(edges).collect()
    }
}

fn text(value: &Value) -> String {
    value.as_str().expect("a name is text").to_owned()
}

#[test]
fn every_dependency_among_our_crates_is_allowed() {
    let house = House::read();
    assert!(house.crates.contains("folkmoot-codecs"), "the workspace was read: {:?}", house.crates);
    assert!(house.edges.contains(&("folkmoot".to_owned(), "folkmoot-agents".to_owned())), "its edges too");
    let breaches = house.breaches();
    assert!(breaches.is_empty(), "the layers are broken:\n  {}", breaches.join("\n  "));
}

#[test]
fn a_forbidden_edge_is_named() {
    let metadata = serde_json::json!({"packages": [
        {"name": "folkmoot-agents", "dependencies": [
            {"name": "folkmoot-codecs", "kind": null},
            {"name": "folkmoot-transports", "kind": null},
            {"name": "serde", "kind": null},
        ]},
        {"name": "folkmoot-transports", "dependencies": [
            {"name": "folkmoot-agents", "kind": "dev"},
            {"name": "folkmoot-examples", "kind": "build"},
        ]},
        {"name": "folkmoot-codecs", "dependencies": []},
        {"name": "folkmoot-examples", "dependencies": [{"name": "folkmoot-agents", "kind": null}]},
        {"name": "folkmoot-attic", "dependencies": []},
    ]});
    assert_eq!(
        House::from_metadata(&metadata).breaches(),
        [
            "folkmoot-attic has no line in ALLOWED of platform/tests/layers.rs: give it its layer",
            "folkmoot-agents depends on folkmoot-transports, but it may depend on folkmoot-codecs, \
             folkmoot-gateway, folkmoot-protocols, folkmoot-derive only",
            "folkmoot-transports depends on folkmoot-examples, but nothing may: it stands at the top",
        ]
    );
}

#[test]
fn the_list_itself_has_no_cycle() {
    let allowed: BTreeMap<&str, &[&str]> = ALLOWED.iter().copied().collect();
    let mut settled: BTreeSet<&str> = BTreeSet::new();
    loop {
        let next: Vec<&str> = allowed
            .iter()
            .filter(|(name, may)| !settled.contains(*name) && may.iter().all(|to| settled.contains(to)))
            .map(|(name, _)| *name)
            .collect();
        if next.is_empty() {
            break;
        }
        settled.extend(next);
    }
    let stuck: Vec<&&str> = allowed.keys().filter(|name| !settled.contains(*name)).collect();
    assert!(stuck.is_empty(), "these crates wait for each other in ALLOWED: {stuck:?}");
}
