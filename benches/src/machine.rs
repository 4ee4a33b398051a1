//! What the benches ran on, in one line: no more than a reader needs to judge the numbers.

use std::fmt;
use std::process::Command;

/// The machine and the compiler.
#[derive(Debug)]
pub(crate) struct Machine {
    date: String,
    processor: String,
    cores: usize,
    kernel: String,
    compiler: String,
    commit: String,
}

impl Machine {
    /// Asks the system; what it does not tell is "unknown".
    pub(crate) fn look() -> Machine {
        let processors = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = processors.lines().find_map(|line| line.strip_prefix("model name"));
        let model = model.map(|rest| rest.trim_start_matches([' ', '\t', ':']).trim().to_owned());
        Machine {
            date: said_by("date", &["-u", "+%Y-%m-%d"]),
            processor: model.unwrap_or_else(unknown),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            kernel: said_by("uname", &["-s"]),
            compiler: said_by("rustc", &["--version"]),
            // "-dirty" where files differ from the commit: such a table belongs to no version.
            commit: said_by("git", &["describe", "--always", "--dirty"]),
        }
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Machine { date, processor, cores, kernel, compiler, commit } = self;
        write!(f, "{date}, {processor}, {cores} cores, {kernel}, {compiler}, commit {commit}")
    }
}

fn unknown() -> String {
    "unknown".to_owned()
}

fn said_by(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().ok().filter(|output| output.status.success());
    let said = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    said.filter(|said| !said.is_empty()).unwrap_or_else(unknown)
}
