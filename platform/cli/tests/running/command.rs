//! Runs the binary in a folder of the test's own, and says how it ended.
//!
//! Always true: a run reads nothing of the caller's environment that changes what it prints. Neighbours: the tests
//! of the verbs.

use std::ops::Deref;
use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

/// A folder that lives as long as its test.
pub(crate) struct Folder(TempDir);

impl Folder {
    /// An empty one.
    pub(crate) fn new() -> Folder {
        Folder(tempfile::tempdir().unwrap())
    }
}

impl Deref for Folder {
    type Target = Path;

    fn deref(&self) -> &Path {
        self.0.path()
    }
}

/// A command line for the binary, to be run in `folder`.
pub(crate) fn command(folder: &Folder, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_folkmoot"));
    command.args(arguments).current_dir(&**folder).env_remove("RUST_LOG").env_remove("RUST_BACKTRACE");
    command
}

/// Runs the binary in `folder` to its end.
pub(crate) fn folkmoot(folder: &Folder, arguments: &[&str]) -> Ended {
    Ended(command(folder, arguments).output().unwrap())
}

/// How a run ended.
pub(crate) struct Ended(pub(crate) Output);

impl Ended {
    fn expect(self, code: i32) -> (String, String) {
        let (out, err) = (self.0.stdout, self.0.stderr);
        let (out, err) = (String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap());
        assert_eq!(self.0.status.code(), Some(code), "standard output:\n{out}\nstandard error:\n{err}");
        (out, err)
    }

    /// Exit code 0 and nothing on standard error. Gives standard output.
    #[allow(dead_code, reason = "some verbs are asked over the network what they do")]
    pub(crate) fn succeeds(self) -> String {
        let (out, err) = self.expect(0);
        assert_eq!(err, "");
        out
    }

    /// Exit code 1, one line on standard error, nothing on standard output. Gives the line.
    #[allow(dead_code, reason = "some verbs have a line for each of several failures")]
    pub(crate) fn fails(self) -> String {
        self.fails_with(1)
    }

    /// The same with exit code 2: two things could not be compared.
    #[allow(dead_code, reason = "few verbs compare")]
    pub(crate) fn compares_nothing(self) -> String {
        self.fails_with(2)
    }

    fn fails_with(self, code: i32) -> String {
        let (out, err) = self.expect(code);
        assert_eq!(out, "");
        assert!(err.starts_with("folkmoot: ") && err.ends_with('\n') && err.lines().count() == 1, "{err}");
        err
    }

    /// Exit code 1. Gives standard output and standard error.
    #[allow(dead_code, reason = "some verbs say more than a line about a difference")]
    pub(crate) fn differs(self) -> (String, String) {
        self.expect(1)
    }

    /// Exit code 2, help on standard error, nothing on standard output. Gives the help.
    pub(crate) fn misunderstands(self) -> String {
        let (out, err) = self.expect(2);
        assert_eq!(out, "");
        assert!(err.contains("--help") || err.contains("Usage:"), "{err}");
        err
    }
}
