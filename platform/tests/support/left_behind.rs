//! Nothing of a test's containers is left behind at its end: no task, no link, no socket.
//!
//! Always: a test under `#[folkmoot::test(crate = ...left_behind)]` runs to its end, drops all that it held, and then
//! waits for each container that it started by [`Watch::watched`]. What a container is made of holds its clock, and so
//! does every task that works for it: so its clock is told apart from all others, and is to be dropped. Its sockets
//! are looked up in the system's own tables. Neighbour: `limit` ends a test that waits in vain.

use std::cell::RefCell;
use std::future::Future;
use std::sync::{Arc, Weak};
use std::time::Duration;

use folkmoot::{Builder, Clock, Container, RealClock, Sleep, StartError, Timestamp};

/// How long what ends by itself may take, on a machine that does much else: less than any time of a link after which
/// a task would end that nobody ended.
const PATIENCE: Duration = Duration::from_secs(8);

thread_local! {
    /// The containers of this thread's test.
    static STARTED: RefCell<Vec<Started>> = const { RefCell::new(Vec::new()) };
}

/// What is known of a container that must go away.
struct Started {
    name: String,
    held: Weak<()>,
    /// `None` where it listens at a path or in the process.
    port: Option<u16>,
}

/// A clock that is told apart from all others.
struct OwnClock<C> {
    clock: C,
    _held: Arc<()>,
}

impl<C: Clock> Clock for OwnClock<C> {
    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn sleep_until(&self, moment: Timestamp) -> Sleep {
        self.clock.sleep_until(moment)
    }
}

/// Starts containers of which nothing may be left behind.
pub(crate) trait Watch: Sized {
    /// Starts the container, on the machine's clock.
    async fn watched(self) -> Result<Container, StartError> {
        self.watched_with(RealClock).await
    }

    /// Starts the container, on that clock.
    async fn watched_with(self, clock: impl Clock) -> Result<Container, StartError>;
}

impl Watch for Builder {
    async fn watched_with(self, clock: impl Clock) -> Result<Container, StartError> {
        let token = Arc::new(());
        let held = Arc::downgrade(&token);
        let container = self.clock(OwnClock { clock, _held: token }).start().await?;
        let port = container.endpoint().host_and_port().map(|(_, port)| port);
        let name = format!("{container:?}");
        STARTED.with(|started| started.borrow_mut().push(Started { name, held, port }));
        Ok(container)
    }
}

/// Runs a test to its end, and sees to it that nothing is left behind.
pub(crate) fn block_on<F: Future>(test: F) -> F::Output {
    block_on_within(PATIENCE, test)
}

fn block_on_within<F: Future>(patience: Duration, test: F) -> F::Output {
    folkmoot::block_on(async move {
        let output = test.await;
        for started in STARTED.take() {
            gone(&started, patience).await;
        }
        output
    })
}

async fn gone(started: &Started, patience: Duration) {
    let began = RealClock.now();
    loop {
        let tasks = started.held.strong_count();
        let sockets = started.port.map_or(0, sockets_of);
        if tasks == 0 && sockets == 0 {
            return;
        }
        let waited = RealClock.now().0.saturating_sub(began.0);
        assert!(
            waited < patience,
            "of {} something is left behind: {sockets} sockets; what it is made of is {} held",
            started.name,
            if tasks == 0 { "not" } else { "still" },
        );
        RealClock.sleep(Duration::from_millis(1)).await;
    }
}

/// How many sockets of this process have that port, at either end.
fn sockets_of(port: u16) -> usize {
    let Ok(open) = std::fs::read_dir("/proc/self/fd") else { return 0 };
    let open: Vec<String> = open
        .filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok())
        .filter_map(|to| Some(to.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned()))
        .collect();
    let ending = format!(":{port:04X}");
    let has_port = |line: &&str| line.split_whitespace().skip(1).take(2).any(|end| end.ends_with(&ending));
    ["/proc/self/net/tcp", "/proc/self/net/tcp6"]
        .iter()
        .map(|table| std::fs::read_to_string(table).unwrap_or_default())
        .map(|table| {
            let of_port = table.lines().filter(has_port);
            let inode = |line: &str| line.split_whitespace().nth(9).map(str::to_owned);
            of_port.filter_map(inode).filter(|inode| open.contains(inode)).count()
        })
        .sum()
}

/// The check itself can fail.
mod tests {
    use super::*;

    async fn container() -> Container {
        Container::builder("tcp://127.0.0.1:0").watched().await.unwrap()
    }

    #[test]
    #[should_panic(expected = "something is left behind: 1 sockets; what it is made of is still held")]
    fn a_container_that_was_not_shut_down_is_found() {
        block_on_within(Duration::from_millis(50), async { drop(container().await) });
    }

    #[test]
    fn one_that_was_shut_down_is_gone() {
        block_on(async { container().await.shutdown().await });
    }
}
