//! The bridge to Academy without Python; with it the live lane runs it.

use std::process::Command;

use crate::{example, text};

#[test]
fn without_academy_it_says_what_to_install() {
    let home = tempfile::TempDir::new().unwrap();
    for (python, words) in
        [(home.path().join("none"), "does not run"), ("/bin/false".into(), "which /bin/false has not got")]
    {
        let output = Command::new(example("academy_bridge")).arg("--python").arg(python).output().unwrap();
        let told = text(&output.stderr);
        assert_eq!((output.status.code(), text(&output.stdout)), (Some(1), ""), "{told}");
        assert!(told.contains(words) && told.contains("pip install academy-py==1.0.0"), "{told}");
    }
}
