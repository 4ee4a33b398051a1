//! The example `contract_net`: what its agents say is the same each time, word for word.

use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;

use super::{example, files_in, text};

const SAID: &str = "  \
  bakery -> mill-a  cfp            12 sacks
  bakery -> mill-b  cfp            12 sacks
  bakery -> mill-c  cfp            12 sacks
  bakery <- mill-a  propose        2.40
  bakery <- mill-b  propose        2.20
  bakery <- mill-c  decline
  bakery -> mill-b  propose        1.98
  bakery <- mill-b  propose        2.00
  bakery -> mill-b  accept
  bakery <- mill-b  match_accept
  bakery -> mill-b  inform         Mill Lane 3
  bakery <- mill-b  end
  bakery -> mill-a  decline
the bakery has bought 12 sacks of mill-b at 2.00

  bakery -> mill-a  cfp            10 sacks
  bakery -> mill-b  cfp            10 sacks
  bakery -> mill-c  cfp            10 sacks
  bakery <- mill-a  propose        2.40
  bakery <- mill-b  decline
  bakery <- mill-c  decline
  bakery -> mill-a  propose        2.16
  bakery <- mill-a  accept
  bakery -> mill-a  match_accept
  bakery -> mill-a  inform         Mill Lane 3
  bakery <- mill-a  end
the bakery has bought 10 sacks of mill-a at 2.16

the bakery's dialogues: 3 declined_cfp, 1 declined_propose, 2 successful
the dialogues of mill-a: 1 declined_propose, 1 successful; 20 sacks are left
the dialogues of mill-b: 1 declined_cfp, 1 successful; 8 sacks are left
the dialogues of mill-c: 2 declined_cfp; 8 sacks are left
";

#[test]
fn the_readme_shows_how_the_mills_haggle() {
    let (_, chapter) = include_str!("../../../README.md").split_once("## Protocols\n").unwrap();
    let shown = chapter.split("```rust\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let indented: String = shown.lines().map(|line| format!("    {line}\n")).collect();
    assert!(include_str!("../../contract_net/mill.rs").contains(&indented), "{indented}");
}

#[test]
fn a_bakery_and_mills_on_two_nodes_come_to_terms() {
    let home = TempDir::new().unwrap();
    let mut contract_net = Command::new(example("contract_net"));
    let output = contract_net.env("TMPDIR", home.path()).current_dir(home.path()).output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(text(&output.stderr), "");
    assert_eq!(text(&output.stdout), SAID);
    assert_eq!(files_in(home.path()), Vec::<PathBuf>::new());
}
