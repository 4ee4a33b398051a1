//! What stands on the command line.
//!
//! Neighbour: [`rounds`](crate::rounds) has the plan that comes of it.

use std::path::PathBuf;

use crate::Result;
use crate::bench::Bench;
use crate::rounds::Plan;

/// The fewest rounds whose median says something on a machine with other work.
const LEAST_ROUNDS: usize = 9;

/// The wishes of whoever started the benches.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Arguments {
    /// Parts of names; none means all cases.
    pub(crate) names: Vec<String>,
    /// Where the table is kept.
    pub(crate) write: Option<PathBuf>,
    /// Name the cases and measure nothing.
    pub(crate) list: bool,
    /// Measure the long cases too.
    pub(crate) long: bool,
    pub(crate) plan: Plan,
}

impl Arguments {
    /// Reads the words behind the program's name.
    ///
    /// # Errors
    /// A sentence about the word that is wrong.
    pub(crate) fn parse(words: &[String]) -> Result<Arguments> {
        let plan = Plan::of_rounds(LEAST_ROUNDS);
        let mut parsed = Arguments { names: Vec::new(), write: None, list: false, long: false, plan };
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or_else(|| format!("{word} needs a value behind it"));
            match word.as_str() {
                "--list" => parsed.list = true,
                "--long" => parsed.long = true,
                "--write" => parsed.write = Some(value()?.into()),
                "--rounds" => {
                    let count = value()?;
                    let rounds = count.parse().ok().filter(|rounds| *rounds > 0);
                    let rounds = rounds.ok_or_else(|| format!("--rounds {count}: not a number above 0"))?;
                    parsed.plan = Plan::of_rounds(rounds);
                }
                _ if word.starts_with('-') => {
                    let known = "--rounds N, --write FILE, --list, --long and parts of names";
                    return Err(format!("{word} is not known here: there are {known}").into());
                }
                _ => parsed.names.push(word.clone()),
            }
        }
        Ok(parsed)
    }

    /// Whether the case is to run.
    pub(crate) fn chooses(&self, bench: &Bench) -> bool {
        let is_named = self.names.iter().any(|part| bench.name.contains(part.as_str()));
        is_named || (self.names.is_empty() && (self.long || !bench.is_long))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::{Target, Unit};

    fn parse(words: &[&str]) -> Result<Arguments> {
        Arguments::parse(&words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn names_choose_by_their_parts_and_none_choose_all() {
        let bench = |name: &str| Bench::new(name, Unit::Time, Target::None, |_| Ok(Vec::new()));
        assert!(parse(&[]).unwrap().chooses(&bench("local call")));
        let some = parse(&["local", "--rounds", "11", "tls"]).unwrap();
        assert_eq!(some.plan.rounds, 11);
        assert!(some.chooses(&bench("local call")) && some.chooses(&bench("remote tls")));
        assert!(!some.chooses(&bench("restart")));
        let long = || bench("tls for ages").long();
        assert!(some.chooses(&long()) && !parse(&[]).unwrap().chooses(&long()));
        assert!(parse(&["--long"]).unwrap().chooses(&long()));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (words, part) in [
            (&["--round", "3"][..], "--round is not known"),
            (&["--rounds"], "--rounds needs a value"),
            (&["--rounds", "0"], "not a number above 0"),
            (&["--rounds", "many"], "--rounds many"),
        ] {
            let error = parse(words).unwrap_err().to_string();
            assert!(error.contains(part), "{words:?}: {error}");
        }
    }
}
