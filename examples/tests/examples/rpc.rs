//! The example `rpc`, one process calling the other, in every codec.
//!
//! Neighbour: the live lane lets Python's aiomas be either end.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use super::{example, text};

#[cfg(unix)]
#[test]
fn a_service_calls_the_one_that_calls_it() {
    for codec in ["JSON", "MsgPack", "MsgPackBlosc", "CBOR"] {
        let rpc = || Command::new(example("rpc"));
        let mut served = rpc()
            .args(["--listen", "tcp://127.0.0.1:0", "--codec", codec])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(served.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let endpoint = line.trim().strip_prefix("READY ").unwrap();
        let called = rpc().args(["--call", endpoint, "--codec", codec]).output().unwrap();
        assert!(called.status.success(), "{}", text(&called.stderr));
        let said = text(&called.stdout);
        assert!(
            said.starts_with("6 * 7 = 42\ncalled back\n")
                && said.contains("it is 2020-02-29T00:00:00.500000+01:00\nthe root of 2.25 is 1.5\n")
                && said.contains("ValueError: -1 has no root"),
            "{said}"
        );
        let asked = Command::new("kill").arg(served.id().to_string()).status().unwrap();
        assert!(asked.success());
        assert!(served.wait().unwrap().success());
    }
}
