//! Calls to an agent that Academy's own runtime runs, and what they must give.
//!
//! The agent is `Peer` of `platform/interop/tests/academy/bridge.py`. Always true: every check is made, also after one has
//! failed.

use std::time::Duration;

use folkmoot::Value;
use folkmoot::exchange::{MailboxId, MailboxState, Query};
use folkmoot_interop::academy::{AcademyClient, Ending, Handle, HandleError};
use futures_util::future::join_all;

/// Longest that something may take which should come at once.
const PATIENCE: Duration = Duration::from_secs(60);

/// Counts what was checked and keeps what was wrong.
#[derive(Default)]
struct Checks {
    done: usize,
    wrong: Vec<String>,
}

impl Checks {
    fn that(&mut self, is_so: bool, wrong: impl FnOnce() -> String) {
        self.done += 1;
        if !is_so {
            self.wrong.push(wrong());
        }
    }

    fn end(self) -> Result<usize, String> {
        let Checks { done, wrong } = self;
        match wrong.is_empty() {
            true => Ok(done),
            false => Err(format!("{} of {done} checks\n{}", wrong.len(), wrong.join("\n"))),
        }
    }
}

/// Makes all the calls to an agent, and ends it; the number of checks.
pub(crate) async fn run(client: &AcademyClient, agent: MailboxId) -> Result<usize, String> {
    let mut checks = Checks::default();
    let peer = client.handle(agent);
    let ping = peer.ping().deadline(PATIENCE).await;
    checks.that(ping.is_ok(), || format!("the ping gave {ping:?}"));
    checks.values(&peer).await;
    checks.failures(&peer).await;
    checks.cancelling(&peer).await;
    for (query, is_found) in [
        (Query::of_type("__main__.LoudPeer"), true),
        (Query::of_type("__main__.Peer"), false),
        (Query::of_subtypes("__main__.Peer"), true),
        (Query::of_subtypes("academy.agent.Agent"), true),
    ] {
        let found = client.discover(query.clone()).await;
        let is_right = found.as_ref().is_ok_and(|found| found.contains(&agent) == is_found);
        checks.that(is_right, || format!("{query:?} found {found:?}"));
    }
    checks.end_of(&peer).await;
    checks.end()
}

/// What an agent up to 0.4 can be asked for; the number of checks.
pub(crate) async fn old(client: &AcademyClient, agent: MailboxId) -> Result<usize, String> {
    let mut checks = Checks::default();
    let peer = client.handle(agent);
    let refused = peer.action::<Value>("echo", (1,)).deadline(PATIENCE).await;
    checks.that(matches!(refused, Err(HandleError::TooOld { .. })), || format!("echo gave {refused:?}"));
    let ping = peer.ping().deadline(PATIENCE).await;
    checks.that(ping.is_ok(), || format!("the ping gave {ping:?}"));
    checks.end_of(&peer).await;
    checks.end()
}

impl Checks {
    async fn values(&mut self, peer: &Handle) {
        let values = [
            Value::Null,
            Value::Bool(true),
            Value::from(-1_i64),
            Value::from(u64::MAX),
            Value::from(1.5),
            Value::from(f64::INFINITY),
            Value::from(""),
            Value::from("ä \u{2028} \u{1F600} \n\r\n \"\\"),
            Value::from("x".repeat(100_000)),
            Value::from(vec![Value::from(1), Value::from(vec![Value::Null])]),
            Value::Map(vec![(Value::from("k"), Value::from(2)), (Value::from(""), Value::Null)]),
        ];
        for value in values {
            let echo = peer.action::<Value>("echo", (&value,)).deadline(PATIENCE).await;
            self.that(echo.as_ref().is_ok_and(|echo| *echo == value), || {
                format!("echo of {value:?} gave {echo:?}")
            });
        }
        let sum = peer.action::<i64>("add", (2,)).keyword("times", 3).deadline(PATIENCE).await;
        self.that(matches!(sum, Ok(6)), || format!("add(2, times=3) gave {sum:?}"));
        let nothing = peer.action::<()>("nothing", ()).deadline(PATIENCE).await;
        self.that(nothing.is_ok(), || format!("nothing() gave {nothing:?}"));
        let sums = join_all(
            (0..100).map(|number| peer.action::<i64>("add", (number,)).deadline(PATIENCE).into_future()),
        )
        .await;
        let are_right = sums.iter().zip(0..).all(|(sum, number)| matches!(sum, Ok(sum) if *sum == number));
        self.that(are_right, || format!("a hundred at once gave {sums:?}"));
    }

    async fn failures(&mut self, peer: &Handle) {
        for (action, arguments, exception) in [
            ("fail", vec!["as asked"], "ValueError: as asked"),
            ("unknown", vec![], "AttributeError"),
            ("add", vec!["1", "2", "3"], "TypeError"),
        ] {
            let error = peer.action::<Value>(action, &arguments).deadline(PATIENCE).await;
            let is_right = match &error {
                Err(HandleError::Raised { exception: told, traceback, .. }) => {
                    told.contains(exception) && traceback.starts_with("Traceback")
                }
                _ => false,
            };
            self.that(is_right, || format!("{action}{arguments:?} gave {error:?}"));
        }
        let wrong = peer.action::<u8>("echo", ("text",)).deadline(PATIENCE).await;
        self.that(matches!(wrong, Err(HandleError::Result { .. })), || {
            format!("a text as a number gave {wrong:?}")
        });
        let late = peer.action::<()>("sleep", (60,)).deadline(Duration::from_millis(200)).await;
        self.that(matches!(late, Err(HandleError::Deadline { .. })), || format!("sleep gave {late:?}"));
    }

    /// What is dropped, or late, ends at the agent too.
    async fn cancelling(&mut self, peer: &Handle) {
        let sleeping = tokio::spawn(peer.action::<()>("sleep", (60,)).into_future());
        let is_asleep = until(peer, "sleepers", |sleepers| sleepers == 1).await;
        self.that(is_asleep, || "the action did not begin".to_owned());
        sleeping.abort();
        let is_woken = until(peer, "cancelled", |cancelled| cancelled == 2).await;
        self.that(is_woken, || "the actions were not cancelled".to_owned());
    }

    /// The agent is told to end, with its mailbox.
    async fn end_of(&mut self, peer: &Handle) {
        let end = peer.shutdown(Ending::Terminate).deadline(PATIENCE).await;
        self.that(end.is_ok(), || format!("the shutdown gave {end:?}"));
        let mut state = None;
        for _ in 0..600 {
            state = peer.status().await.ok().map(|status| status.state);
            if state == Some(MailboxState::Terminated) {
                break;
            }
            tokio::task::yield_now().await;
            pause().await;
        }
        self.that(state == Some(MailboxState::Terminated), || {
            format!("after its end the agent is {state:?}")
        });
        let gone = peer.ping().deadline(PATIENCE).await;
        self.that(matches!(gone, Err(HandleError::Terminated { .. })), || {
            format!("a ping after the end gave {gone:?}")
        });
    }
}

/// Asks the agent for a number until it is right.
async fn until(peer: &Handle, action: &str, is_right: impl Fn(u64) -> bool) -> bool {
    for _ in 0..600 {
        if peer.action::<u64>(action, ()).deadline(PATIENCE).await.is_ok_and(&is_right) {
            return true;
        }
        pause().await;
    }
    false
}

async fn pause() {
    use folkmoot::{Clock, RealClock};
    RealClock.sleep(Duration::from_millis(100)).await;
}
