//! `folkmoot call` as a person runs it, against a container of the test.
//!
//! Neighbour: `certs.rs` has the certificates' own tests.

#[path = "running/command.rs"]
mod command;

use folkmoot::prelude::*;
use folkmoot::{DevCerts, Value};

use command::{Ended, Folder, command, folkmoot};

#[derive(Default)]
struct Math;

#[object]
impl Math {
    /// Multiplies.
    #[expose]
    fn mul(&self, a: i64, b: i64) -> i64 {
        a * b
    }
}

#[derive(Agent, Default)]
struct Mirror {
    math: Math,
}

#[agent]
impl Mirror {
    #[expose]
    fn echo(&self, value: Value) -> Value {
        value
    }

    #[expose(idempotent)]
    fn add(&self, a: i64, b: i64) -> i64 {
        a + b
    }

    #[expose]
    fn fail(&self, message: String) -> Result<(), String> {
        Err(message)
    }

    #[object]
    fn math(&self) -> &Math {
        &self.math
    }
}

/// Runs the binary beside the container of the test, which lives on this thread.
async fn run(folder: &Folder, arguments: &[&str]) -> Ended {
    Ended(tokio::process::Command::from(command(folder, arguments)).output().await.unwrap())
}

async fn plain() -> (Container, String) {
    let container = Container::builder("tcp://127.0.0.1:0").start().await.unwrap();
    container.spawn("mirror", Mirror::default).await.unwrap();
    let url = container.url("mirror");
    (container, url)
}

#[folkmoot::test]
async fn the_reply_is_printed_in_json() {
    let (container, url) = plain().await;
    let folder = Folder::new();
    for codec in ["JSON", "MsgPack", "cbor"] {
        for (json, printed) in [
            ("null", "null"),
            ("-7", "-7"),
            ("1.0", "1.0"),
            (r#""Grüße \"2\"""#, r#""Grüße \"2\"""#),
            (r#"[1,{"a":[true]}]"#, r#"[1, {"a": [true]}]"#),
            ("18446744073709551615", "18446744073709551615"),
        ] {
            let said = run(&folder, &["call", &url, "echo", json, "--codec", codec]).await.succeeds();
            assert_eq!(said, format!("{printed}\n"), "{codec}");
        }
    }
    assert_eq!(run(&folder, &["call", &url, "add", "40", "2"]).await.succeeds(), "42\n");
    assert_eq!(run(&folder, &["call", &url, "math/mul", "6", "7"]).await.succeeds(), "42\n");
    container.shutdown().await;
}

#[folkmoot::test]
async fn the_tree_of_a_node_is_printed() {
    let container = Container::builder("tcp://127.0.0.1:0").name("market").start().await.unwrap();
    container.spawn("mirror", Mirror::default).await.unwrap();
    let crew = container.child("crew").one_for_all().start().unwrap();
    crew.spawn("hand", Mirror::default).await.unwrap();
    container.suspend("hand").await.unwrap();
    let url = container.endpoint().to_string();
    let folder = Folder::new();
    let wanted = "market\n  \
        mirror (Mirror) running, never restarted, 0 in hand\n  \
        crew/ one for all, running, never restarted (at most 10 within 10s)\n    \
        hand (Mirror) suspended, never restarted, 0 in hand\n";
    for codec in ["JSON", "MsgPack", "cbor"] {
        assert_eq!(run(&folder, &["tree", &url, "--codec", codec]).await.succeeds(), wanted);
    }
    let json = run(&folder, &["tree", &url, "--json"]).await.succeeds();
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["entries"][1]["container"]["entries"][0]["agent"]["status"], "suspended");
    let error = run(&folder, &["tree", &container.url("mirror")]).await.fails();
    assert!(error.contains("mirror"), "{error}");
    container.shutdown().await;
}

#[folkmoot::test]
async fn a_failure_is_one_sentence() {
    let (container, url) = plain().await;
    let folder = Folder::new();
    let unknown = url.replace("mirror", "miror");
    let beneath = format!("{url}/math/mul");
    for (arguments, word) in [
        (&["call", &url, "fail", r#""no bread today""#][..], "no bread today"),
        (&["call", &url, "ad", "1", "2"], "did you mean \"add\"?"),
        (&["call", &url, "math/mull", "1", "2"], "did you mean \"math/mul\"?"),
        (&["call", &beneath, "1", "2"], "mirror/math/mul\"; the method stands behind the URL"),
        (&["call", &url, "add", "1"], "\"add\": b: "),
        (&["call", &url, "add", "1", r#""two""#], "\"add\": b: "),
        (&["call", &unknown, "add", "1", "2"], "there is no agent \"miror\"; did you mean \"mirror\"?"),
        (&["call", "tls://127.0.0.1:1/mirror", "add"], "--certs DIR"),
        (&["call", "unix+tls:///hall:mirror", "add"], "unix+tls:// needs the caller's certificates"),
        (&["call", "mirror", "add"], "it has no scheme"),
    ] {
        let error = run(&folder, arguments).await.fails();
        assert!(error.contains(word), "{arguments:?}: {error}");
    }
    container.shutdown().await;
}

#[folkmoot::test]
async fn a_retry_waits_for_the_node_and_is_for_methods_that_say_so() {
    let (container, url) = plain().await;
    let (endpoint, folder) = (container.endpoint().to_string(), Folder::new());
    assert_eq!(run(&folder, &["call", &url, "add", "40", "2", "--retry"]).await.succeeds(), "42\n");
    let error = run(&folder, &["call", &url, "echo", "1", "--retry"]).await.fails();
    assert!(error.contains("\"echo\" does not say that it is idempotent"), "{error}");
    let error = run(&folder, &["call", &url, "ad", "1", "--retry"]).await.fails();
    assert!(error.contains("did you mean \"add\"?"), "{error}");
    container.shutdown().await;

    let call = ["call", url.as_str(), "add", "1", "1", "--retry"];
    let made = run(&folder, &call);
    let comes_back = async {
        // The first attempts find nobody.
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        let container = Container::builder(&endpoint).start().await.unwrap();
        container.spawn("mirror", Mirror::default).await.unwrap();
        container
    };
    let (made, container) = tokio::join!(made, comes_back);
    assert_eq!(made.succeeds(), "2\n");
    container.shutdown().await;
}

#[test]
fn an_argument_that_is_no_json_is_shown_how_to_be_one() {
    let help =
        folkmoot(&Folder::new(), &["call", "tcp://127.0.0.1:1/mirror", "echo", "hello"]).misunderstands();
    assert!(help.contains("'hello'") && help.contains(r#"'"text"'"#), "{help}");
}

#[folkmoot::test]
async fn a_call_over_tls_speaks_for_its_certificate() {
    let folder = Folder::new();
    let authority = DevCerts::in_dir(folder.join("certs")).unwrap();
    authority.node("caller").unwrap();
    let container = Container::builder("tls://127.0.0.1:0")
        .certs(authority.node("market").unwrap())
        .allow("spiffe://demo/node/caller", "mirror", "add")
        .start()
        .await
        .unwrap();
    container.spawn("mirror", Mirror::default).await.unwrap();
    let url = container.url("mirror");
    let call = |rest: &'static [&'static str]| [&["call", &url, "--certs", "certs/caller"], rest].concat();

    assert_eq!(run(&folder, &call(&["add", "40", "2"])).await.succeeds(), "42\n");
    let named = call(&["--peer", "spiffe://demo/node/market", "add", "1", "1"]);
    assert_eq!(run(&folder, &named).await.succeeds(), "2\n");
    let denied = run(&folder, &call(&["echo", "1"])).await.fails();
    assert!(denied.contains("denied") && denied.contains("spiffe://demo/node/caller"), "{denied}");
    let impostor = run(&folder, &call(&["--peer", "spiffe://demo/node/bank", "add", "1", "1"])).await.fails();
    assert!(impostor.contains("spiffe://demo/node/bank"), "{impostor}");
    container.shutdown().await;
}

#[cfg(unix)]
#[folkmoot::test]
async fn a_call_over_a_unix_socket_finds_its_agent() {
    let folder = Folder::new();
    let authority = DevCerts::in_dir(folder.join("certs")).unwrap();
    authority.node("caller").unwrap();
    let at = |scheme: &str| format!("{scheme}://{}", folder.join("hall").display());
    let plain = Container::builder(&at("unix")).start().await.unwrap();
    plain.spawn("mirror", Mirror::default).await.unwrap();
    let url = plain.url("mirror");
    assert_eq!(run(&folder, &["call", &url, "add", "40", "2"]).await.succeeds(), "42\n");
    let unknown = url.replace("mirror", "miror");
    let error = run(&folder, &["call", &unknown, "add", "40", "2"]).await.fails();
    assert!(error.contains("there is no agent \"miror\""), "{error}");
    plain.shutdown().await;
    assert!(!folder.join("hall").exists(), "the socket is gone with its node");

    let secured = Container::builder(&at("unix+tls"))
        .certs(authority.node("market").unwrap())
        .allow("spiffe://demo/node/caller", "mirror", "add")
        .start()
        .await
        .unwrap();
    secured.spawn("mirror", Mirror::default).await.unwrap();
    let call = ["call", &secured.url("mirror"), "--certs", "certs/caller", "add", "40", "2"];
    assert_eq!(run(&folder, &call).await.succeeds(), "42\n");
    secured.shutdown().await;
}

#[folkmoot::test]
async fn an_agent_is_described_with_its_methods_and_their_arguments() {
    let (container, url) = plain().await;
    let folder = Folder::new();
    let page = run(&folder, &["describe", &url]).await.succeeds();
    assert!(page.starts_with("Mirror\n"), "{page}");
    assert!(
        page.contains("add(a: int64, b: int64) -> int64")
            || page.contains("add(a: integer, b: integer) -> integer"),
        "{page}"
    );
    assert_eq!(page.matches(", idempotent\n").count(), 1, "{page}");
    assert!(page.contains("\n  math/mul(a: ") && page.contains("\n      Multiplies."), "{page}");
    let json = run(&folder, &["describe", &url, "--json"]).await.succeeds();
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["agent_type"], "Mirror");
    let unknown = run(&folder, &["describe", &url.replace("mirror", "miror")]).await.fails();
    assert!(unknown.contains("did you mean \"mirror\"?"), "{unknown}");
    container.shutdown().await;
}
