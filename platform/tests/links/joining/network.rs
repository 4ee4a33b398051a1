//! A network of its own for a node: a namespace of the system, one cable to it, and rules that drop packets there.
//!
//! Always: it is gone when it is dropped. It takes root, `ip` (iproute2) and `nft` (nftables); where these are not to
//! be had, that is said on standard error. Neighbour: [`one_way`](super::one_way) breaks it.

use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

/// What is dropped.
#[derive(Clone, Copy, Debug)]
pub(super) enum Dropped {
    /// What is sent to the node in the namespace.
    Towards,
    /// What that node sends.
    Back,
    Both,
}

/// A namespace whose node others reach by one cable.
pub(super) struct Namespace {
    name: String,
    /// The address of this end of the cable.
    pub(super) here: String,
    /// That of the end in the namespace.
    pub(super) there: String,
}

impl Namespace {
    /// Makes one. `None` where the system does not allow it; in the lane that is for it, it must.
    pub(super) fn make() -> Option<Namespace> {
        match Namespace::try_to_make() {
            Ok(namespace) => Some(namespace),
            Err(reason) => {
                assert!(std::env::var_os("FOLKMOOT_FAULTS").is_none(), "{reason}");
                // Past the capture of a test's output.
                writeln!(
                    std::io::stderr(),
                    "links that are dead in one direction are NOT tested here, it takes root, iproute2 and nftables: \
                     {reason}"
                )
                .ok();
                None
            }
        }
    }

    fn try_to_make() -> Result<Namespace, String> {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let (process, nth) = (std::process::id() % 10_000, MADE.fetch_add(1, Ordering::Relaxed));
        let id = format!("{process}x{nth}");
        // Of the addresses that are for tests of networks, four that no other process takes at the moment.
        let block = (process * 4 + nth) % 16_384 * 4;
        let address = |host: u32| format!("198.18.{}.{}", (block + host) / 256 % 256, (block + host) % 256);
        let (name, near, far) = (format!("folkmoot{id}"), format!("fma{id}"), format!("fmb{id}"));
        run(&["ip", "netns", "add", &name])?;
        // From here on it is taken away whatever happens.
        let made = Namespace { here: address(1), there: address(2), name };
        let name = &*made.name;
        run(&["ip", "link", "add", &near, "type", "veth", "peer", "name", &far, "netns", name])?;
        run(&["ip", "addr", "add", &format!("{}/30", made.here), "dev", &near])?;
        run(&["ip", "link", "set", &near, "up"])?;
        run(&["ip", "-n", name, "addr", "add", &format!("{}/30", made.there), "dev", &far])?;
        run(&["ip", "-n", name, "link", "set", &far, "up"])?;
        made.rule("add table inet faults")?;
        for hook in ["input", "output"] {
            made.rule(&format!("add chain inet faults {hook} {{ type filter hook {hook} priority 0; }}"))?;
        }
        Ok(made)
    }

    fn rule(&self, rule: &str) -> Result<(), String> {
        run(&["ip", "netns", "exec", &self.name, "nft", rule])
    }

    /// What runs a command in the namespace.
    pub(super) fn prefix(&self) -> [&str; 4] {
        ["ip", "netns", "exec", &self.name]
    }

    /// From now on those packets are lost, and nobody is told.
    pub(super) fn drops(&self, what: Dropped) {
        let hooks: &[&str] = match what {
            Dropped::Towards => &["input"],
            Dropped::Back => &["output"],
            Dropped::Both => &["input", "output"],
        };
        for hook in hooks {
            self.rule(&format!("add rule inet faults {hook} drop")).unwrap();
        }
    }

    /// All packets pass again.
    pub(super) fn heals(&self) {
        self.rule("flush table inet faults").unwrap();
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        // Its end of the cable goes with it, and with that the other end.
        run(&["ip", "netns", "del", &self.name]).ok();
    }
}

fn run(words: &[&str]) -> Result<(), String> {
    let told = |error: &dyn std::fmt::Display| format!("`{}`: {error}", words.join(" "));
    let output = Command::new(words[0])
        .args(&words[1..])
        .stdin(Stdio::null())
        .output()
        .map_err(|error| told(&error))?;
    match output.status.success() {
        true => Ok(()),
        false => Err(told(&String::from_utf8_lossy(&output.stderr).trim())),
    }
}
