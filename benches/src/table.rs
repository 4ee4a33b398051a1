//! The table: printed row by row as cases end, and kept as Markdown.
//!
//! Neighbours: [`bench`](crate::bench) has the figures, [`machine`](crate::machine) what they were measured on.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "the table is what this program is for")]

use std::fmt::Write as _;

use crate::Result;
use crate::bench::{Bench, Figures, Group, Target};
use crate::machine::Machine;
use crate::rounds::Pair;

/// Groups that have a table of their own, behind the first.
const OWN_TABLES: [&str; 1] = ["Links"];

const HEAD: [&str; 6] = ["case", "floor", "ours", "ratio (min-max)", "target", "met?"];
const WIDTHS: [usize; 6] = [50, 9, 9, 26, 18, 6];

/// All that has been measured.
pub(crate) struct Table {
    machine: Machine,
    rounds: usize,
    groups: Vec<Part>,
    complete: bool,
}

struct Part {
    title: &'static str,
    about: &'static str,
    rows: Vec<[String; 6]>,
}

impl Table {
    /// Prints the head.
    pub(crate) fn begin(rounds: usize) -> Table {
        let machine = Machine::look();
        println!("{machine}; {rounds} rounds");
        println!("{}", line(&HEAD.map(str::to_owned)));
        println!("{}", line(&WIDTHS.map(|width| "-".repeat(width))));
        Table { machine, rounds, groups: Vec::new(), complete: true }
    }

    /// Prints the row of one case and keeps it.
    pub(crate) fn add(&mut self, group: &Group, bench: &Bench, measured: Result<Vec<Pair>>) {
        let row = match measured {
            Ok(pairs) => row(bench, &Figures::of(&pairs)),
            Err(error) => {
                self.complete = false;
                complain(&format!("{}: {error}", bench.name));
                let [name, target] = [bench.name.clone(), bench.target.show(bench.unit)];
                [name, "-".to_owned(), "-".to_owned(), "not measured".to_owned(), target, "-".to_owned()]
            }
        };
        println!("{}", line(&row));
        match self.groups.last_mut() {
            Some(part) if part.title == group.title => part.rows.push(row),
            _ => self.groups.push(Part { title: group.title, about: group.about, rows: vec![row] }),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// Whether every case could be measured.
    pub(crate) fn is_complete(&self) -> bool {
        self.complete
    }

    /// The page that is kept.
    pub(crate) fn markdown(&self) -> String {
        let mut page = format!(
            "# Benchmarks\n\n\
             Written by `just bench --write BENCHMARKS.md`; do not edit by hand.\n\n\
             {machine}.\n\n\
             \"Floor\" is the same work written by hand on what lies beneath (actix, tokio), as bare as one would\n\
             write it. Floor and ours take turns within one run ({rounds} rounds each); the ratio is ours divided by\n\
             the floor, the median over the rounds with the least and the most behind it. Where times are shown less\n\
             is better, where rates are shown more is. Compare ratios: the absolute numbers belong to this machine,\n\
             and to what else it was doing.\n\n\
",
            machine = self.machine,
            rounds = self.rounds,
        );
        let (own, together): (Vec<&Part>, Vec<&Part>) =
            self.groups.iter().partition(|part| OWN_TABLES.contains(&part.title));
        page.push_str(&markdown_table(&together));
        for part in own {
            // Writing to a String cannot fail.
            write!(page, "\n## {}\n\n{}", part.title, markdown_table(&[part])).ok();
        }
        page.push_str("\n## What is measured, and against what\n");
        for part in &self.groups {
            writeln!(page, "\n**{}.** {}", part.title, part.about).ok();
        }
        page.push_str(WHERE_IT_GOES);
        page.push_str(
            "\n## Peers\n\nNot measured yet: other actor frameworks are to stand here, for information.\n",
        );
        page
    }
}

fn markdown_table(parts: &[&Part]) -> String {
    let mut table = format!("| {} |\n|---|---:|---:|---|---|---|\n", HEAD.join(" | "));
    for row in parts.iter().flat_map(|part| &part.rows) {
        // Writing to a String cannot fail.
        writeln!(table, "| {} |", row.join(" | ")).ok();
    }
    table
}

/// What profiles say of the rows that miss their targets. To be looked at again whenever such a row changes.
const WHERE_IT_GOES: &str = "
## Where the time goes that some rows miss

By `perf`, `callgrind` and `strace`, for the rows that have stood behind their targets.

- **A call that takes the mailbox** (busy agents, async methods): spread thinly. Over the whole run of that row, floor and
  start included, allocation and freeing are 13 % of the instructions, and no function of ours is much over 4 %. Such a
  call carries more through actix's mailbox: who speaks, the permit, the chain, the deadline, the way back.
- **Spawning**: spawned and called once, an agent is some two dozen allocations, a bare actor 11 (`valgrind` counts them); over the whole
  run of the row, floor and clearing away included, two fifths of the samples are in the allocator. The names' hash
  (SipHash) is 4 %.
- **Across workers, one at a time**: a wake of the other core takes 5 us or 45 us, as the scheduler pleases; in repeated runs
  the row's ratio was 9 and then 0.12. It says nothing.
- **An agent and a proxy to it**: the proxy is 179 bytes: who speaks to whom, and the way, each behind a count.
- **The neighbour's worst wait**: three threads want two cores, and a `LocalSet` looks at wakes from other threads every 31st
  task only. The 99th of 100 waits is longer than the floor's on a quiet machine, and shorter on a busy one: not explained
  yet.
- **Mail that is kept**: by `callgrind`, in memory, 64 senders: 54,000 instructions a mail that is sent, received and
  acknowledged, a quarter of them the benches' own. Of the rest the row of a mail (1 KiB, 17 columns) takes 11,000, its place
  5,400 and the removal of that 4,900, the look-up of prepared statements 3,700, the commit's pages 1,700. A sync of the log, which is
  written over, took 140 us on one disk, and one of the floor's file, which grows, 270 us: one sender gained by that. On another, that of
  this table, they took 225 and 180 us (`strace`, which takes some of that itself), for a commit is two to five pages and not one; one sender
  misses there by a fifth. With 64 senders this program came to anything from 1.4 to 1.9 on that disk within an hour, the
  program of the table before it to 1.3 to 2.1.
  With a million mailboxes each mail reads rows that no memory holds; the tallies are written in order, 65,000 at a time.
- **Remote, one at a time**: one `send`, one `recv` and one `epoll_wait` a call on each side, as the floor; 85 % of the driver's
  time is in the kernel, and no function of ours takes over half a percent. The floor's runtime has no timers, so its
  `epoll_wait` sets none.
- **Calls over many links**: these want a quiet machine. With other work on it, what one link and what eight get of the cores
  is the scheduler's choice, and the factor says more of that than of links. By CPU time (`/proc/PID/stat`) a call with 100 in
  flight takes 1.7 us on both sides together, over one link alone and over two side by side.
- **64 B calls beside 8 MiB, one after the other**: not the cores, for the same large calls on another link make the small
  ones faster (the last row: no core falls asleep). A small frame leaves before all pieces that wait, but behind those that
  were written: up to `max_unanswered_bytes`, 256 KiB, each 32 KiB of which takes its reader some 15 us. With 64 KiB in the
  place of 256 the small calls came to about twice the floor (1.9 to 2.3), and a large call took 13 ms in the place of 4. The default is for
  those who send much; who calls small beside it sets that limit lower.
- **Under aiomas's client, the server's CPU**: that client writes each call by itself, one every 23 us, so nearly each wakes the
  server: one `epoll_wait`, one `recv` and one `send` a call and no other system call (`strace`), in which are three quarters of
  the samples (`perf`). The rows that are gathered show what is left where the link waits a millisecond before it reads again, with the
  socket out of `epoll` meanwhile: many calls then share a wake and a few reads and writes. That is for the user to
  ask for, since a caller with one call at a time waits that long for each.
- **1 MiB text against aiomas**: the rows against the bytes alone show what this client leaves room for: a thread that does
  nothing but read and write these frames makes at most twice the calls of aiomas's MsgPack, which is C and copies as we do, so
  five times that is out of reach here; ours makes two thirds of that thread's. Of the server's samples a third is in
  the kernel (copies, packets to ourselves, wakes). A JSON text is checked for UTF-8 and for its end as message, and again as
  argument, once looked through for what must be escaped and once for `__type__`; it is copied into the method's text and out of it. Of fresh
  pages there are few: the buffers are used again, the method's texts by the allocator (less than one fault a call with MsgPack,
  about twenty with JSON).
- **A node joined again**: nearly all of it is the rest of the pause between two attempts, 0.5 to 1 s by then.
- **A million open dialogues**: memory that is in no cache. On this machine the bare map's look-up takes 170 to 260 ns more
  among a million entries than among 1,000, and half of what an update and its reply take with 1,000 open is 185 to 215 ns: 1.5 times
  would leave nothing for the dialogue itself, in whose table it must be found first. Ours take 800 to 1,250 ns more, four to
  six times the map's: they wait for a line of the index, then for the dialogue's own 384 bytes, side by side (both references, the
  numbers, the last two messages), then for the oldest message, which is let go for the newest (`perf`, by samples). The
  time wheel, the lists of its peer and the allocator's free memory, which they waited for too, they touch no more. Large pages
  (`GLIBC_TUNABLES=glibc.malloc.hugetlb=1`) make little difference.
- **Academy's exchange**: these two cores have no room for ten times its rate where mail is kept. The clients take as much of them as
  the server, and the bare server of the next group, which only reads a request and appends it, is itself three to four times as fast as
  Academy's at a `PUT` and six to eight times at a `GET` of a message; what ours are beside that one is told there. Of the samples of a `PUT` in a
  folder, floor and clients included, 69 % are in the kernel: in the clients, in the server's sockets and in the exchange's file by a
  third each. 15 % are outside of it in the thread that writes for the exchange: SQLite, its log's checksums and ours.
- **An action of academy-py in a folder**: the request and its answer are on the disk before either is said to be taken, one after the
  other; Academy's server keeps them in memory. In memory the rest is the client's own processor time.
- **Remote, 100 in flight, against the echo**: its server does nothing with a frame but send it back from the loop that read it.
  Ours reads names, headers and arguments, asks the gate, takes a credit, runs a method, and writes a reply.
";

fn row(bench: &Bench, figures: &Figures) -> [String; 6] {
    let unit = bench.unit;
    let ratio = match bench.target {
        _ if figures.floor.median.is_nan() => "-".to_owned(),
        Target::BeyondAtMost(_) => format!("{}; +{}", figures.ratio, unit.show(figures.beyond.median)),
        _ => figures.ratio.to_string(),
    };
    let met = match figures.meet(bench.target) {
        None => "-",
        Some(true) => "yes",
        Some(false) => "MISSED",
    };
    [
        bench.name.clone(),
        unit.show(figures.floor.median),
        unit.show(figures.ours.median),
        ratio,
        bench.target.show(unit),
        met.to_owned(),
    ]
}

fn line(cells: &[String; 6]) -> String {
    let padded = cells.iter().zip(WIDTHS).enumerate().map(|(column, (cell, width))| match column {
        1 | 2 => format!("{cell:>width$}"),
        _ => format!("{cell:<width$}"),
    });
    padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
}

/// Names every case.
pub(crate) fn list(groups: &[Group]) {
    for group in groups {
        println!("{}", group.title);
        for bench in &group.benches {
            println!("  {}", bench.name);
        }
    }
}

/// Says what is wrong.
pub(crate) fn complain(sentence: &str) {
    eprintln!("folkmoot-benches: {sentence}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::Unit;

    #[test]
    fn a_missed_target_says_so_and_the_page_has_every_row() {
        let bench = |name: &str, target| Bench::new(name, Unit::Time, target, |_| Ok(Vec::new()));
        let group = Group { title: "Calls", about: "The floor is bare.", benches: Vec::new() };
        let mut table = Table { machine: Machine::look(), rounds: 1, groups: Vec::new(), complete: true };
        let pairs = || Ok(vec![Pair { floor: 1e3, ours: 7e3 }]);
        table.add(&group, &bench("call", Target::RatioAtMost(1.5)), pairs());
        table.add(&group, &bench("restart", Target::BeyondAtMost(6e3)), pairs());
        assert!(table.is_complete());
        table.add(&group, &bench("broken", Target::None), Err("no such thing".into()));
        assert!(!table.is_complete());
        let page = table.markdown();
        assert!(page.contains("| call | 1.00 us | 7.00 us | 7.00 (7.00-7.00) | <= 1.5 | MISSED |"), "{page}");
        assert!(page.contains("| 7.00 (7.00-7.00); +6.00 us | <= floor + 6.00 us | yes |"), "{page}");
        assert!(page.contains("| broken | - | - | not measured | - | - |"), "{page}");
        assert!(page.contains("**Calls.** The floor is bare."), "{page}");
    }
}
