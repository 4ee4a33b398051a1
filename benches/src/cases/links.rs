//! Links of joined nodes: what callers hear when a node dies, how soon one that comes back serves, how links add up.
//!
//! Neighbours: [`failing`] has the nodes that fail, [`scaling`] many links at once, [`beside_large`] one link with
//! much on it.

mod bare;
mod beside_large;
mod failing;
mod scaling;

use crate::bench::Group;

const ABOUT: &str = "Killed: a node of another process is killed (`kill -9`) while 1,000 callers wait for its agent; the time from \
    the signal until the last of them has its `Disconnected`. Floor: a bare socket, and a table of 1,000 waiting \
    tasks. Crash: a one-way call makes an agent of another process panic, whose message is not printed; the time \
    from the call until a monitor of this process has the event. Floor: a call to that agent, there and back. \
    Frozen: as killed, with `kill -STOP`, where no socket tells; 10 s by default. Nothing \
    bare notices that, so there is no floor. Back: the node is started again, at another port, and joins; the time \
    from when it listens until a call by a proxy from before its death succeeds. Joined again: the node is back at \
    its old port after 3 s, and it is the other node that had joined it and keeps the link: the time from when it \
    listens until it has joined, most of which is the rest of a pause of at most 1 s; a call in that time opens a \
    link at once. Floor of both: a bare socket's connect, and one exchange. Links: so many pairs of processes, \
    each pair with a link of its own and pinned to one core, the cores in turn, call (64 B, TCP) at the same time; \
    all calls in a second, divided by those of one pair. A link has a core to itself until there are more links \
    than cores; from then on there is nothing to gain. Floor: the same of the bare echo of the remote calls. \
    Beside 8 MiB: one agent of another process is called with 64 B, one call at a time; the figure of a round is \
    what 99 of 100 calls do not exceed. Meanwhile another thread calls another agent there with 8 MiB, over the \
    same link: ten times a second, or one call after the other; or, for information, one after the other over \
    another link, to a third process. Floor: the same calls with nothing beside them. \
    Two processes with two busy threads each share the machine's cores: with few of those the scheduler's pauses \
    are part of the wait.";

pub(crate) fn group() -> Group {
    let mut benches = failing::benches();
    benches.extend(scaling::benches());
    benches.extend(beside_large::benches());
    Group { title: "Links", about: ABOUT, benches }
}
