//! What follows a crash: the rules of an agent's supervision, as in OTP.
//!
//! | policy | after a crash | after its own `ctx.stop()` |
//! |---|---|---|
//! | permanent | started anew | started anew |
//! | transient (the default) | started anew | ends |
//! | temporary | ends | ends |
//!
//! An agent that others ask to stop, by `Container::stop` or by shutdown, does stop, whatever its policy. More than
//! `intensity` new starts within any `period` end it. The first new start follows at once; each further one within the
//! period waits twice as long as the one before, with jitter. Neighbours: `agents` asks through its `Supervision`
//! trait; in a child container its [`seat`](crate::tree::seat) asks here first.

use std::cell::Cell;
use std::collections::VecDeque;
use std::sync::{Arc, Weak};
use std::time::Duration;

use folkmoot_agents::deadlines::LinkInstant;
use folkmoot_agents::host::{Decision, Supervision};
use folkmoot_agents::shared::AgentShared;

use crate::tables::Tables;

/// When an agent that crashed or ended is started anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Restart {
    /// After every crash, and when it ended itself by `ctx.stop()`.
    Permanent,
    /// After every crash; when it ends itself by `ctx.stop()`, it has ended.
    #[default]
    Transient,
    /// Never.
    Temporary,
}

/// The pauses between new starts that follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// The pause before the second new start within the period.
    pub first: Duration,
    /// The longest pause.
    pub longest: Duration,
}

impl Backoff {
    /// No pauses: for agents whose crashes are independent of each other.
    pub const NONE: Backoff = Backoff { first: Duration::ZERO, longest: Duration::ZERO };
}

impl Default for Backoff {
    fn default() -> Self {
        Backoff { first: Duration::from_millis(50), longest: Duration::from_secs(10) }
    }
}

/// The rules for one agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rules {
    pub(crate) restart: Restart,
    pub(crate) intensity: u32,
    pub(crate) period: Duration,
    pub(crate) backoff: Backoff,
    /// Longest time of an async `#[start]`, on link time.
    pub(crate) start_deadline: Duration,
}

impl Default for Rules {
    fn default() -> Self {
        Rules {
            restart: Restart::default(),
            intensity: 10,
            period: Duration::from_secs(10),
            backoff: Backoff::default(),
            start_deadline: Duration::from_secs(30),
        }
    }
}

/// Watches over one agent.
pub(crate) struct Supervisor {
    /// `None` for the default ones: most agents have no rules of their own.
    rules: Option<Box<Rules>>,
    /// The new starts within the last period, at most `intensity`; `None` before the first.
    #[expect(clippy::box_collection, reason = "most agents never crash, and there are many of them")]
    starts: Cell<Option<Box<VecDeque<LinkInstant>>>>,
    agent: Arc<AgentShared>,
    tables: Weak<Tables>,
}

impl Supervisor {
    pub(crate) fn new(rules: Rules, agent: Arc<AgentShared>, tables: Weak<Tables>) -> Supervisor {
        let rules = (rules != Rules::default()).then(|| Box::new(rules));
        Supervisor { rules, starts: Cell::default(), agent, tables }
    }

    fn rules(&self) -> Rules {
        self.rules.as_deref().copied().unwrap_or_default()
    }

    /// Whether it is started anew at all.
    pub(crate) fn restart(&self) -> Restart {
        self.rules().restart
    }

    pub(crate) fn agent_name(&self) -> &str {
        self.agent.name()
    }

    /// One more new start, if there are not too many.
    fn start_anew(&self, rules: Rules, now: LinkInstant) -> Decision {
        let mut starts = self.starts.take().unwrap_or_default();
        let nth = one_more(&mut starts, rules.intensity, rules.period, now);
        self.starts.set(Some(starts));
        match nth {
            Some(nth) => Decision::Restart { after: pause(rules.backoff, nth) },
            None => {
                let reason = format!("more than {} new starts within {:?}", rules.intensity, rules.period);
                Decision::Stay { reason }
            }
        }
    }
}

/// Counts one more new start within the period, unless there would be more than `most`: which one of them it is.
pub(crate) fn one_more(
    starts: &mut VecDeque<LinkInstant>,
    most: u32,
    period: Duration,
    now: LinkInstant,
) -> Option<u32> {
    let period = u64::try_from(period.as_millis()).unwrap_or(u64::MAX);
    while starts.front().is_some_and(|start| now.since(*start) > period) {
        starts.pop_front();
    }
    let nth = u32::try_from(starts.len()).unwrap_or(u32::MAX).saturating_add(1);
    if nth > most {
        return None;
    }
    starts.push_back(now);
    Some(nth)
}

impl Supervision for Supervisor {
    fn crashed(&self, cause: &str, now: LinkInstant) -> Decision {
        if let Some(tables) = self.tables.upgrade() {
            tables.trunk.note_crash(self.agent.id(), cause);
        }
        let rules = self.rules();
        match rules.restart {
            Restart::Permanent | Restart::Transient => self.start_anew(rules, now),
            Restart::Temporary => Decision::Stay { reason: "it is temporary".to_owned() },
        }
    }

    fn lost_mailbox(&self, cause: &str, _: LinkInstant) -> Decision {
        if let Some(tables) = self.tables.upgrade() {
            tables.trunk.note_crash(self.agent.id(), cause);
        }
        match self.rules().restart {
            // The pauses are those of whoever tries to have the mailbox again.
            Restart::Permanent | Restart::Transient => Decision::Restart { after: Duration::ZERO },
            Restart::Temporary => Decision::Stay { reason: "it is temporary".to_owned() },
        }
    }

    fn ended_itself(&self, now: LinkInstant) -> Decision {
        let rules = self.rules();
        match rules.restart {
            Restart::Permanent => self.start_anew(rules, now),
            Restart::Transient | Restart::Temporary => Decision::Stay { reason: String::new() },
        }
    }

    fn start_deadline(&self) -> Duration {
        self.rules().start_deadline
    }

    fn ended(&self) {
        if let Some(tables) = self.tables.upgrade() {
            tables.trunk.forget_crash(self.agent.id());
            tables.remove(self.agent.id(), self.agent.name());
        }
    }
}

/// The pause before the `nth` new start of a period: none before the first, then doubling, each between half of
/// its length and the whole.
pub(crate) fn pause(backoff: Backoff, nth: u32) -> Duration {
    let Some(doublings) = nth.checked_sub(2) else { return Duration::ZERO };
    let whole = backoff.first.saturating_mul(1_u32.checked_shl(doublings.min(31)).unwrap_or(u32::MAX));
    let whole = whole.min(backoff.longest);
    whole.div_f64(2.0) + whole.div_f64(2.0).mul_f64(fastrand::f64())
}

#[cfg(test)]
mod tests {
    use folkmoot_agents::shared::Home;

    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest_with_jitter_below() {
        let backoff = Backoff { first: Duration::from_millis(100), longest: Duration::from_secs(1) };
        assert_eq!(pause(backoff, 1), Duration::ZERO);
        for (nth, whole) in [(2, 100), (3, 200), (4, 400), (5, 800), (6, 1000), (60, 1000)] {
            let pause = pause(backoff, nth);
            let whole = Duration::from_millis(whole);
            assert!(pause <= whole && pause >= whole / 2, "{nth}: {pause:?}");
        }
        assert_eq!(pause(Backoff::NONE, 9), Duration::ZERO);
    }

    fn supervisor(rules: Rules) -> Supervisor {
        let counters = Arc::new(folkmoot_agents::counters::Counters::new("test"));
        let gate = folkmoot_gateway::Gate::open().id();
        let home = Home { node: "test".into(), gate, counters, watchers: Default::default() };
        let agent = AgentShared::new("agent", &Arc::new(home), 1);
        Supervisor::new(rules, agent, Weak::new())
    }

    #[test]
    fn only_a_permanent_agent_is_started_anew_after_its_own_end() {
        let after = |restart| supervisor(Rules { restart, ..Rules::default() }).ended_itself(LinkInstant(0));
        assert_eq!(after(Restart::Permanent), Decision::Restart { after: Duration::ZERO });
        assert_eq!(after(Restart::Transient), Decision::Stay { reason: String::new() });
        assert_eq!(after(Restart::Temporary), Decision::Stay { reason: String::new() });
    }

    #[test]
    fn intensity_counts_within_the_period_only() {
        let rules = Rules { intensity: 2, period: Duration::from_secs(1), ..Rules::default() };
        let watched = supervisor(rules);
        let restarts = |decision| matches!(decision, Decision::Restart { .. });
        assert!(restarts(watched.crashed("", LinkInstant(0))));
        assert!(restarts(watched.crashed("", LinkInstant(500))));
        assert!(restarts(watched.crashed("", LinkInstant(1_501))));
        assert!(restarts(watched.crashed("", LinkInstant(1_502))));
        assert!(!restarts(watched.crashed("", LinkInstant(1_503))));
        let sliding = supervisor(rules);
        for at in [0, 900, 1_100] {
            assert!(restarts(sliding.crashed("", LinkInstant(at))), "{at}");
        }
        assert!(!restarts(sliding.crashed("", LinkInstant(1_200))), "the third since 900");
        assert!(restarts(sliding.crashed("", LinkInstant(2_050))), "the second since 1100");
        let rules = Rules { restart: Restart::Temporary, ..Rules::default() };
        assert!(!restarts(supervisor(rules).crashed("", LinkInstant(0))));
    }
}
