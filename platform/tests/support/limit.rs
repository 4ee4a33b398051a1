//! The longest that a test may take: one that hangs ends its process with its name, in the place of the whole run.
//!
//! Always: real time, so that a test which waits for link time is found too. The rigs of all tests begin here.

use std::cell::RefCell;
use std::io::Write;
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

/// The longest time from the start of a rig to the end of its test.
const LONGEST: Duration = Duration::from_secs(120);

thread_local! {
    /// Dropped with the test's thread, or by the next rig on it.
    static RUNNING: RefCell<Option<SyncSender<()>>> = const { RefCell::new(None) };
}

/// Counts the time of this thread's test from now on.
pub(crate) fn watch() {
    let (running, ended) = sync_channel::<()>(0);
    let test = thread::current().name().unwrap_or("a test").to_owned();
    thread::spawn(move || {
        if ended.recv_timeout(LONGEST) == Err(RecvTimeoutError::Timeout) {
            // Past the capture of a test's output, which dies with the process.
            writeln!(std::io::stderr(), "{test} has not ended within {LONGEST:?}").ok();
            std::process::abort();
        }
    });
    RUNNING.with(|slot| slot.replace(Some(running)));
}
