//! The file of a scenario: nodes, their agents, how long, and what goes wrong.
//!
//! Always true: a scenario that was read can be played; what cannot be is told with its line or its name. Neighbours:
//! [`script`](super::script) plays it, the page `docs/simulation.md` of the guide tells the format.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::time::Duration;

use folkmoot::Result;
use serde::Deserialize;

/// Most nodes of a scenario.
const MOST_NODES: u64 = 1_000;
/// Most agents of a scenario.
const MOST_AGENTS: u64 = 1_000_000;
/// Most bytes that a caller sends.
const MOST_BYTES: usize = 10_000_000;
/// Longest file of a scenario, in bytes.
const MOST_FILE_BYTES: u64 = 4 * 1024 * 1024;
/// What a caller sends where nothing is said, in bytes.
const SOME_BYTES: usize = 64;
/// How long a caller waits where nothing is said.
const SOME_TIME: Time = Time(Duration::from_secs(30));
/// Most nodes that join with each other, as a node's bounds have it.
const MOST_JOINED: u64 = 32;

/// A scenario.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Scenario {
    /// How long it goes on, in virtual time.
    pub(super) duration: Time,
    /// How long bytes travel between nodes.
    #[serde(default)]
    pub(super) delay: Time,
    /// How much longer, by chance.
    #[serde(default)]
    pub(super) jitter: Time,
    /// Whether the nodes join with each other and find agents by name; else they know each other's URLs.
    #[serde(default = "yes")]
    pub(super) joined: bool,
    #[serde(rename = "node")]
    pub(super) nodes: Vec<NodePlan>,
    #[serde(default, rename = "fault")]
    pub(super) faults: Vec<Fault>,
    pub(super) chaos: Option<ChaosPlan>,
}

/// One node, or several of the same kind.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NodePlan {
    pub(super) name: String,
    /// That many, NAME-1 and so on; without it one, of that name.
    count: Option<u64>,
    #[serde(default, rename = "agent")]
    pub(super) agents: Vec<AgentPlan>,
}

/// Agents of a kind that this command knows.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "WrittenAgents")]
pub(super) enum AgentPlan {
    /// Answers with what it is given.
    Echo { count: u64 },
    /// Calls an echo, each time another one by chance.
    Caller {
        count: u64,
        /// How often.
        every: Time,
        /// How long a text it sends.
        bytes: usize,
        /// How long it waits for the answer.
        deadline: Time,
    },
}

/// Agents as they are written: in one table, so that what is wrong is told with its own line.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenAgents {
    kind: Kind,
    #[serde(default = "one")]
    count: u64,
    every: Option<Time>,
    bytes: Option<usize>,
    deadline: Option<Time>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Kind {
    Echo,
    Caller,
}

impl TryFrom<WrittenAgents> for AgentPlan {
    type Error = &'static str;

    fn try_from(written: WrittenAgents) -> Result<AgentPlan, &'static str> {
        let WrittenAgents { kind, count, every, bytes, deadline } = written;
        match kind {
            Kind::Echo if every.is_some() || bytes.is_some() || deadline.is_some() => {
                Err("an echo only answers: `every`, `bytes` and `deadline` are for callers")
            }
            Kind::Echo => Ok(AgentPlan::Echo { count }),
            Kind::Caller => {
                let every = every.ok_or("a caller needs `every`, such as every = \"1m\"")?;
                let (bytes, deadline) = (bytes.unwrap_or(SOME_BYTES), deadline.unwrap_or(SOME_TIME));
                if every.0.is_zero() || deadline.0.is_zero() {
                    return Err("`every` and `deadline` of a caller are times above zero");
                }
                if bytes > MOST_BYTES {
                    return Err("a caller sends 10000000 bytes at most");
                }
                Ok(AgentPlan::Caller { count, every, bytes, deadline })
            }
        }
    }
}

/// A fault at a moment.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "WrittenFault")]
pub(super) struct Fault {
    pub(super) at: Time,
    /// How long it lasts: no time at all where a frame is cut.
    pub(super) lasts: Time,
    pub(super) what: What,
}

/// A fault as it is written: in one table, so that what is wrong is told with its own line.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenFault {
    at: Time,
    lasts: Option<Time>,
    crash: Option<String>,
    partition: Option<(Vec<String>, Vec<String>)>,
    stall: Option<(String, String)>,
    cut: Option<(String, String)>,
    slow: Option<(String, String, Time)>,
    ahead: Option<(String, Time)>,
    behind: Option<(String, Time)>,
}

impl TryFrom<WrittenFault> for Fault {
    type Error = &'static str;

    fn try_from(written: WrittenFault) -> Result<Fault, &'static str> {
        let WrittenFault { at, lasts, crash, partition, stall, cut, slow, ahead, behind } = written;
        let all = [
            crash.map(What::Crash),
            partition.map(|(ones, others)| What::Partition(ones, others)),
            stall.map(|(from, to)| What::Stall(from, to)),
            cut.map(|(from, to)| What::Cut(from, to)),
            slow.map(|(a, b, time)| What::Slow(a, b, time)),
            ahead.map(|(node, time)| What::Ahead(node, time)),
            behind.map(|(node, time)| What::Behind(node, time)),
        ];
        let mut all = all.into_iter().flatten();
        let (Some(what), None) = (all.next(), all.next()) else {
            return Err(
                "a fault is one of `crash`, `partition`, `stall`, `cut`, `slow`, `ahead` and `behind`: \
                        write a [[fault]] for each",
            );
        };
        let lasts = match (&what, lasts) {
            (What::Cut(..), None) => Time::default(),
            (What::Cut(..), Some(_)) => return Err("a cut is of one frame: leave `lasts` out"),
            (_, Some(lasts)) if !lasts.0.is_zero() => lasts,
            _ => return Err("a fault needs `lasts`, a time above zero such as lasts = \"20s\""),
        };
        Ok(Fault { at, lasts, what })
    }
}

/// What goes wrong.
#[derive(Clone, Debug)]
pub(super) enum What {
    /// The node is gone, and comes back.
    Crash(String),
    /// Nothing arrives between the two sides.
    Partition(Vec<String>, Vec<String>),
    /// Nothing arrives that the first sends to the second.
    Stall(String, String),
    /// The next frame from the first to the second breaks the connection.
    Cut(String, String),
    /// Bytes take so much longer between two nodes.
    Slow(String, String, Time),
    /// The node's clock is ahead.
    Ahead(String, Time),
    /// The node's clock is behind.
    Behind(String, Time),
}

/// Faults by chance.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ChaosPlan {
    pub(super) every: Time,
    pub(super) lasting: Time,
    #[serde(default = "yes")]
    pub(super) crashes: bool,
    #[serde(default = "yes")]
    pub(super) skew: bool,
}

fn yes() -> bool {
    true
}

fn one() -> u64 {
    1
}

/// A time as it is written: `250ms`, `30s`, `15m`, `1.5h`, `1d`.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq)]
#[serde(try_from = "String")]
pub(super) struct Time(pub(super) Duration);

/// Why a text is no time.
#[derive(Debug)]
pub(super) struct NoTime(String);

impl fmt::Display for NoTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is no time: write a number and ms, s, m, h or d, such as \"1.5h\"", self.0)
    }
}

impl TryFrom<String> for Time {
    type Error = NoTime;

    fn try_from(text: String) -> Result<Time, NoTime> {
        let at = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
        let (number, unit) = text.split_at(at);
        let seconds = match unit {
            "ms" => 0.001,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3_600.0,
            "d" => 86_400.0,
            _ => return Err(NoTime(text)),
        };
        let number: Option<f64> = number.trim().parse().ok();
        let time = number.and_then(|number| Duration::try_from_secs_f64(number * seconds).ok());
        time.map(Time).ok_or(NoTime(text))
    }
}

impl NodePlan {
    /// The names of its nodes.
    pub(super) fn names(&self) -> Vec<String> {
        match self.count {
            None => vec![self.name.clone()],
            Some(count) => (1..=count).map(|number| format!("{}-{number}", self.name)).collect(),
        }
    }
}

impl AgentPlan {
    fn count(&self) -> u64 {
        match self {
            AgentPlan::Echo { count } | AgentPlan::Caller { count, .. } => *count,
        }
    }
}

impl Scenario {
    /// Reads and checks a file. Gives its text too.
    ///
    /// # Errors
    /// What is wrong with it, and where.
    pub(super) fn read(file: &Path) -> Result<(Scenario, String)> {
        let named = |error: String| format!("{}: {error}", file.display());
        let opened = File::open(file).map_err(|error| named(error.to_string()))?;
        let mut text = String::new();
        let read = opened.take(MOST_FILE_BYTES).read_to_string(&mut text);
        read.map_err(|error| named(error.to_string()))?;
        if text.len() as u64 == MOST_FILE_BYTES {
            return Err(named(format!("it has {MOST_FILE_BYTES} bytes and more, as no scenario has")).into());
        }
        // In one line, as all that this command says of a failure is.
        let one_line = |error: toml::de::Error| {
            let (line, column) = place(&text, error.span().map_or(0, |span| span.start));
            named(format!("line {line}, column {column}: {}", error.message().replace('\n', " ")))
        };
        let scenario: Scenario = toml::from_str(&text).map_err(one_line)?;
        match scenario.fault() {
            None => Ok((scenario, text)),
            Some(fault) => Err(named(fault).into()),
        }
    }

    /// How many nodes and agents it has.
    pub(super) fn size(&self) -> (u64, u64) {
        let of = |node: &NodePlan| node.count.unwrap_or(1);
        let agents = |node: &NodePlan| node.agents.iter().map(AgentPlan::count).fold(0, u64::saturating_add);
        let nodes = self.nodes.iter().map(of).fold(0, u64::saturating_add);
        (
            nodes,
            self.nodes.iter().map(|node| of(node).saturating_mul(agents(node))).fold(0, u64::saturating_add),
        )
    }

    /// What in it cannot be.
    fn fault(&self) -> Option<String> {
        let (nodes, agents) = self.size();
        if nodes == 0 || nodes > MOST_NODES || agents > MOST_AGENTS {
            return Some(format!(
                "{nodes} nodes with {agents} agents: there are 1 to {MOST_NODES} nodes and at most {MOST_AGENTS} agents"
            ));
        }
        if self.joined && nodes > MOST_JOINED {
            return Some(format!(
                "{nodes} nodes cannot join with each other, {MOST_JOINED} can: write `joined = false`"
            ));
        }
        let mut names: Vec<String> = self.nodes.iter().flat_map(NodePlan::names).collect();
        names.sort();
        let is_odd =
            |name: &&String| name.is_empty() || name.contains(|c: char| c == '/' || c.is_whitespace());
        if let Some(odd) = names.iter().find(is_odd) {
            return Some(format!("{odd:?} is no name of a node: it has characters, and no space or slash"));
        }
        if let Some(twice) = names.windows(2).find(|pair| pair[0] == pair[1]) {
            return Some(format!("there are two nodes {:?}: give each its own name", twice[0]));
        }
        let has_echoes = self
            .nodes
            .iter()
            .flat_map(|node| &node.agents)
            .any(|agent| matches!(agent, AgentPlan::Echo { count: 1.. }));
        let mut agents = self.nodes.iter().flat_map(|node| &node.agents);
        if !has_echoes && agents.any(|agent| matches!(agent, AgentPlan::Caller { count: 1.., .. })) {
            return Some("there are callers but no agents of the kind \"echo\" for them to call".to_owned());
        }
        let is_late = |fault: &&Fault| fault.at.0.saturating_add(fault.lasts.0) > self.duration.0;
        if let Some(fault) = self.faults.iter().find(is_late) {
            return Some(format!(
                "the fault at {:?} ends after the scenario, which lasts {:?}",
                fault.at.0, self.duration.0
            ));
        }
        if let Some(chaos) = &self.chaos
            && (nodes < 2 || chaos.every.0.is_zero())
        {
            return Some("chaos needs two nodes at least, and a time between faults above zero".to_owned());
        }
        let mut named = self.faults.iter().flat_map(|fault| fault.what.nodes());
        let unknown = named.find(|name| names.binary_search_by(|known| known.as_str().cmp(name)).is_err())?;
        Some(format!("there is no node {unknown:?}; there are: {}", names.join(", ")))
    }
}

/// Line and column of what stands at `offset`, the first being 1.
fn place(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    (before.matches('\n').count() + 1, column)
}

impl What {
    fn nodes(&self) -> Vec<&str> {
        match self {
            What::Crash(node) | What::Ahead(node, _) | What::Behind(node, _) => vec![node],
            What::Stall(a, b) | What::Cut(a, b) | What::Slow(a, b, _) => vec![a, b],
            What::Partition(ones, others) => ones.iter().chain(others).map(String::as_str).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault_of(text: &str) -> String {
        let scenario: Result<Scenario, _> = toml::from_str(text);
        match scenario {
            Ok(scenario) => scenario.fault().unwrap_or_default(),
            Err(error) => error.message().to_owned(),
        }
    }

    #[test]
    fn times_are_read_in_their_units() {
        for (text, seconds) in
            [("250ms", 0.25), ("30s", 30.0), ("15m", 900.0), ("1.5h", 5_400.0), ("1d", 86_400.0)]
        {
            assert_eq!(Time::try_from(text.to_owned()).unwrap().0.as_secs_f64(), seconds, "{text}");
        }
        for text in ["", "5", "s", "-1s", "1 year", "1e300d", "NaNs"] {
            assert!(Time::try_from(text.to_owned()).is_err(), "{text}");
        }
    }

    #[test]
    fn what_cannot_be_played_is_told() {
        let one = "duration = \"1s\"\n[[node]]\nname = \"a\"\n";
        assert_eq!(fault_of(one), "");
        for (text, fault) in [
            ("duration = \"1\"\n[[node]]\nname = \"a\"\n".to_owned(), "is no time"),
            ("duration = \"1s\"\nnode = []\n".to_owned(), "0 nodes with 0 agents"),
            (format!("{one}count = 33\n"), "write `joined = false`"),
            (format!("{one}agents = 3\n"), "unknown field `agents`"),
            (format!("{one}[[node]]\nname = \"a\"\n"), "there are two nodes \"a\""),
            (
                format!("{one}[[node.agent]]\nkind = \"caller\"\nevery = \"1s\"\n"),
                "no agents of the kind \"echo\"",
            ),
            (format!("{one}[[node.agent]]\nkind = \"shouter\"\n"), "unknown variant `shouter`"),
            (format!("{one}[[node.agent]]\nkind = \"echo\"\nbytes = 3\n"), "an echo only answers"),
            (format!("{one}[[node.agent]]\nkind = \"caller\"\n"), "a caller needs `every`"),
            (format!("{one}[[node.agent]]\nkind = \"caller\"\nevery = \"0s\"\n"), "times above zero"),
            (
                format!("{one}[[node.agent]]\nkind = \"caller\"\nevery = \"1s\"\nbytes = 99999999999\n"),
                "10000000 bytes at most",
            ),
            (
                format!("{one}[[fault]]\nat = \"0s\"\nlasts = \"1s\"\ncrash = \"b\"\n"),
                "there is no node \"b\"; there are: a",
            ),
            (format!("{one}[[fault]]\nat = \"0s\"\nburn = \"a\"\n"), "unknown field `burn`"),
            (format!("{one}[[fault]]\nat = \"0s\"\nlast = \"1s\"\ncrash = \"a\"\n"), "unknown field `last`"),
            (format!("{one}[[fault]]\nat = \"0s\"\ncrash = \"a\"\n"), "a fault needs `lasts`"),
            (
                format!("{one}[[fault]]\nat = \"0s\"\nlasts = \"1s\"\ncrash = \"a\"\ncut = [\"a\", \"a\"]\n"),
                "write a [[fault]] for each",
            ),
            (
                format!("{one}[[fault]]\nat = \"0s\"\nlasts = \"1s\"\ncut = [\"a\", \"a\"]\n"),
                "a cut is of one frame",
            ),
            (
                format!("{one}[[fault]]\nat = \"0s\"\nlasts = \"2s\"\ncrash = \"a\"\n"),
                "ends after the scenario",
            ),
            (format!("{one}[[node]]\nname = \"b/c\"\n"), "\"b/c\" is no name of a node"),
            (format!("{one}[chaos]\nevery = \"1s\"\nlasting = \"1s\"\n"), "chaos needs two nodes"),
        ] {
            assert!(fault_of(&text).contains(fault), "{text}: {}", fault_of(&text));
        }
    }
}
