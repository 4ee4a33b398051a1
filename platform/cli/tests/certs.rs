//! `folkmoot certs` as a person runs it: the files, what is said about them, and nodes that live by them.
//!
//! Neighbour: `call.rs` makes calls with such certificates.

#[path = "running/command.rs"]
mod command;

use std::fs;
use std::path::Path;

use folkmoot::prelude::*;

use command::{Folder, folkmoot};

#[derive(Agent, Default)]
struct Counter {
    total: i64,
}

#[agent]
impl Counter {
    #[expose]
    fn add(&mut self, amount: i64) -> i64 {
        self.total += amount;
        self.total
    }
}

/// A folder with an authority for the trust domain `village`.
fn village() -> Folder {
    let folder = Folder::new();
    folkmoot(&folder, &["certs", "init", "--dir", "certs", "--trust-domain", "village"]).succeeds();
    folder
}

/// The names of a folder's files, sorted, hidden ones left out.
fn names(folder: &Path) -> Vec<String> {
    let entries =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = entries.filter(|name| !name.starts_with('.')).collect();
    names.sort();
    names
}

#[test]
fn init_makes_an_authority_and_says_what_comes_next() {
    let folder = Folder::new();
    let said =
        folkmoot(&folder, &["certs", "init", "--dir", "a/certs", "--trust-domain", "village"]).succeeds();
    assert_eq!(names(&folder.join("a/certs")), ["ca-key.pem", "ca.pem"]);
    for part in ["Made", "village", "a/certs/ca.pem", "a/certs/ca-key.pem", "certs issue NAME --dir a/certs"]
    {
        assert!(said.contains(part), "{part} is missing in:\n{said}");
    }
}

#[test]
fn init_again_finds_what_is_there_and_another_trust_domain_is_refused() {
    let folder = village();
    let before = fs::read(folder.join("certs/ca-key.pem")).unwrap();
    let said =
        folkmoot(&folder, &["certs", "init", "--dir", "certs", "--trust-domain", "village"]).succeeds();
    assert!(said.starts_with("Found the certificate authority"), "{said}");
    let error = folkmoot(&folder, &["certs", "init", "--dir", "certs", "--trust-domain", "town"]).fails();
    assert!(error.contains("`village`") && error.contains("`town`"), "{error}");
    assert_eq!(fs::read(folder.join("certs/ca-key.pem")).unwrap(), before);
}

#[test]
fn issue_writes_what_a_container_reads() {
    let folder = village();
    let arguments =
        ["--dns", "market.example", "--dns", "m.example", "--ip", "192.0.2.7", "--ip", "2001:db8::7"];
    let said = folkmoot(&folder, &[&["certs", "issue", "market", "--dir", "certs"][..], &arguments].concat())
        .succeeds();
    assert_eq!(names(&folder.join("certs/market")), ["ca.pem", "cert.pem", "key.pem"]);
    let certs = SslCerts::from_dir(folder.join("certs/market")).unwrap();
    assert_eq!(certs.node_name(), Some("spiffe://village/node/market"));
    for part in [
        "spiffe://village/node/market",
        "localhost, 127.0.0.1, ::1, market.example, m.example, 192.0.2.7, 2001:db8::7",
        "certs/market/key.pem",
        r#"Container::builder("tls://0.0.0.0:0").certs(SslCerts::from_dir("certs/market")?)"#,
        r#".allow("spiffe://village/node/market", "AGENT", "METHOD")"#,
    ] {
        assert!(said.contains(part), "{part} is missing in:\n{said}");
    }
}

#[cfg(unix)]
#[test]
fn keys_are_readable_by_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = village();
    folkmoot(&folder, &["certs", "issue", "market", "--dir", "certs"]).succeeds();
    for (file, mode) in
        [("ca-key.pem", 0o600), ("market/key.pem", 0o600), ("ca.pem", 0o644), ("market/cert.pem", 0o644)]
    {
        let found = fs::metadata(folder.join("certs").join(file)).unwrap().permissions().mode() & 0o777;
        // The caller's umask may take rights away, never add some.
        assert_eq!(found | mode, mode, "{file} has mode {found:o}");
    }
}

#[test]
fn a_certificate_is_never_overwritten() {
    let folder = village();
    folkmoot(&folder, &["certs", "issue", "market", "--dir", "certs"]).succeeds();
    let before = fs::read(folder.join("certs/market/key.pem")).unwrap();
    let error = folkmoot(&folder, &["certs", "issue", "market", "--dir", "certs"]).fails();
    assert!(error.contains("certs/market exists already") && error.contains("never overwritten"), "{error}");
    assert_eq!(fs::read(folder.join("certs/market/key.pem")).unwrap(), before);
}

#[test]
fn what_cannot_be_issued_is_told_in_one_sentence() {
    let folder = village();
    for (arguments, word) in [
        (&["certs", "issue", "../market", "--dir", "certs"][..], "no node name"),
        (&["certs", "issue", "Market", "--dir", "certs"], "a-z"),
        (&["certs", "issue", "", "--dir", "certs"], "1 to 128 characters"),
        (&["certs", "issue", "market", "--dir", "nowhere"], "certs init"),
        (&["certs", "issue", "market", "--dir", "certs", "--dns", "two words"], "no DNS name"),
        (&["certs", "ls", "--dir", "nowhere"], "certs init"),
        (&["certs", "rotate", "market", "--dir", "certs"], "`market`; `certs ls` lists"),
        (&["certs", "revoke", "market", "--dir", "certs"], "`market`; `certs ls` lists"),
        (&["certs", "rotate", "../market", "--dir", "certs"], "no node name"),
        (&["certs", "init", "--dir", "other", "--trust-domain", "Two Words"], "no trust domain"),
        (&["certs", "init", "--dir", "certs/ca.pem", "--trust-domain", "village"], "certs/ca.pem"),
    ] {
        let error = folkmoot(&folder, arguments).fails();
        assert!(error.contains(word), "{arguments:?}: {error}");
    }
    assert_eq!(names(&folder), ["certs"]);
    assert_eq!(names(&folder.join("certs")), ["ca-key.pem", "ca.pem"]);
}

/// What `ls --json` tells of a node.
fn told(folder: &Folder, name: &str) -> serde_json::Value {
    let list = folkmoot(folder, &["certs", "ls", "--dir", "certs", "--json"]).succeeds();
    let list: Vec<serde_json::Value> = serde_json::from_str(&list).unwrap();
    list.into_iter().find(|node| node["name"] == name).unwrap()
}

#[test]
fn ls_shows_each_node_as_a_line_or_for_tools() {
    let folder = village();
    assert_eq!(
        folkmoot(&folder, &["certs", "ls", "--dir", "certs"]).succeeds().trim(),
        "There is no node yet."
    );
    folkmoot(&folder, &["certs", "issue", "shop", "--dir", "certs", "--dns", "shop.example"]).succeeds();
    folkmoot(&folder, &["certs", "issue", "house", "--dir", "certs"]).succeeds();
    folkmoot(&folder, &["certs", "issue", "broken", "--dir", "certs"]).succeeds();
    fs::write(folder.join("certs/broken/cert.pem"), "nonsense").unwrap();
    let shop = told(&folder, "shop");
    assert_eq!(shop["principal"], "spiffe://village/node/shop");
    assert_eq!(shop["hosts"], serde_json::json!(["localhost", "shop.example", "127.0.0.1", "::1"]));
    assert_eq!((&shop["state"], &shop["revoked"]), (&"valid".into(), &false.into()));
    assert!((360..=365).contains(&shop["days_left"].as_i64().unwrap()), "{shop}");
    let broken = told(&folder, "broken");
    assert!(broken["state"].as_str().unwrap().contains("broken/cert.pem"), "{broken}");

    let said = folkmoot(&folder, &["certs", "ls", "--dir", "certs"]).succeeds();
    let lines: Vec<&str> = said.lines().collect();
    let starts: Vec<_> = lines.iter().map(|line| line.split_whitespace().next().unwrap()).collect();
    assert_eq!(starts, ["NAME", "broken", "house", "shop"]);
    for part in ["serial", "valid_from", "valid_until"] {
        assert!(lines[3].contains(shop[part].as_str().unwrap()), "{part} is missing in:\n{said}");
    }
    assert_eq!(lines[0].find("STATE"), lines[3].find("valid"), "{said}");
}

#[test]
fn rotate_and_revoke_write_what_a_running_node_takes() {
    let folder = village();
    for name in ["market", "house"] {
        folkmoot(&folder, &["certs", "issue", name, "--dir", "certs"]).succeeds();
    }
    let market = SslCerts::from_dir(folder.join("certs/market")).unwrap();
    let old = told(&folder, "market")["serial"].clone();
    let said = folkmoot(&folder, &["certs", "rotate", "market", "--dir", "certs"]).succeeds();
    let new = told(&folder, "market")["serial"].clone();
    assert_ne!(old, new);
    for serial in [&old, &new] {
        assert!(said.contains(serial.as_str().unwrap()), "{said}");
    }
    assert!(market.reload().unwrap());
    assert_eq!(market.in_use().own.unwrap().serial(), new);

    let said = folkmoot(&folder, &["certs", "revoke", "house", "--dir", "certs"]).succeeds();
    assert!(said.contains("certs/crl.pem") && said.contains("certs rotate house --dir certs"), "{said}");
    assert!(market.reload().unwrap(), "the list is beside its certificates");
    assert_eq!(told(&folder, "house")["state"], "revoked");
    let said = folkmoot(&folder, &["certs", "revoke", "house", "--dir", "certs"]).succeeds();
    assert!(said.starts_with("Already revoked"), "{said}");

    let said = folkmoot(&folder, &["certs", "rotate", "--all", "--dir", "certs"]).succeeds();
    assert!(said.contains("Rotated market") && said.contains("Left out house"), "{said}");
    assert_eq!(told(&folder, "house")["revoked"], true);
    folkmoot(&folder, &["certs", "rotate", "house", "--dir", "certs"]).succeeds();
    assert_eq!(told(&folder, "house")["revoked"], false);

    fs::write(folder.join("certs/house/cert.pem"), "nonsense").unwrap();
    let before = told(&folder, "market")["serial"].clone();
    let error = folkmoot(&folder, &["certs", "rotate", "--all", "--dir", "certs"]).fails();
    assert!(error.contains("house was not rotated"), "{error}");
    assert_ne!(told(&folder, "market")["serial"], before, "the others are");
}

#[test]
fn a_command_line_that_cannot_be_understood_is_another_failure() {
    let folder = village();
    for arguments in [
        &[][..],
        &["certs"],
        &["certs", "revoke"],
        &["certs", "rotate", "--dir", "certs"],
        &["certs", "rotate", "market", "--all", "--dir", "certs"],
        &["certs", "ls"],
        &["certs", "init", "--dir", "certs"],
        &["certs", "issue", "--dir", "certs"],
        &["certs", "issue", "market", "--dir", "certs", "--ip", "1.2.3"],
    ] {
        folkmoot(&folder, arguments).misunderstands();
    }
}

#[folkmoot::test]
async fn nodes_call_each_other_with_the_certificates() {
    let folder = village();
    for name in ["market", "house", "stranger"] {
        folkmoot(&folder, &["certs", "issue", name, "--dir", "certs"]).succeeds();
    }
    let certs = |name: &str| SslCerts::from_dir(folder.join("certs").join(name)).unwrap();
    let market = Container::builder("tls://127.0.0.1:0")
        .certs(certs("market"))
        .allow("spiffe://village/node/house", "counter", "add")
        .start()
        .await
        .unwrap();
    market.spawn("counter", Counter::default).await.unwrap();

    let house = Container::builder("tls://127.0.0.1:0").certs(certs("house")).start().await.unwrap();
    let counter: Proxy<Counter> = house.connect(market.url("counter")).await.unwrap();
    assert_eq!(counter.add(2).await.unwrap(), 2);

    let stranger = Container::builder("tls://127.0.0.1:0").certs(certs("stranger")).start().await.unwrap();
    let refused = stranger.connect::<Counter>(market.url("counter")).await.unwrap_err();
    assert!(matches!(refused, CallError::Denied { .. }), "{refused:?}");
    for container in [stranger, house, market] {
        container.shutdown().await;
    }
}
