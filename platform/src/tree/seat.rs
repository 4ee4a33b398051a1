//! What an agent of a child container asks after a crash: its own rules first, then its branch.
//!
//! Always true: an agent that is temporary never concerns the others; whom its own rules would leave down, the branch
//! has failed with. Neighbours: [`supervision`](crate::supervision) has the agent's rules, [`branch`](super::branch)
//! the others'.

use std::sync::{Arc, Weak};
use std::time::Duration;

use folkmoot_agents::deadlines::LinkInstant;
use folkmoot_agents::host::{Decision, LocalAgent, Supervision};

use super::branch::{Branch, Closed};
use super::plan::MemberId;
use crate::supervision::{Restart, Supervisor};

/// An agent's place in a child container.
pub(crate) struct Seat {
    supervisor: Supervisor,
    branch: Weak<Branch>,
    id: MemberId,
}

impl Seat {
    pub(crate) fn new(supervisor: Supervisor, branch: &Arc<Branch>) -> Seat {
        Seat { supervisor, branch: Arc::downgrade(branch), id: MemberId::next() }
    }

    /// A way to take the agent in once it has its door.
    pub(crate) fn entrance(&self) -> Entrance {
        let temporary = self.supervisor.restart() == Restart::Temporary;
        Entrance { branch: self.branch.clone(), id: self.id, temporary }
    }

    fn who(&self) -> String {
        format!("agent \"{}\"", self.supervisor.agent_name())
    }

    /// The agent's own rules let it start anew, or not: what the branch makes of it.
    fn ask(&self, own: Decision, cause: &str, now: LinkInstant) -> Decision {
        let Some(branch) = self.branch.upgrade() else {
            return Decision::Stay { reason: "its child container has ended".to_owned() };
        };
        match own {
            Decision::Restart { after } => branch.crashed(self.id, &self.who(), cause, after, now),
            Decision::Stay { reason }
                if !reason.is_empty() && self.supervisor.restart() != Restart::Temporary =>
            {
                branch.member_gives_up(self.id, &self.who(), &format!("{cause}; {reason}"))
            }
            stays => stays,
        }
    }
}

impl Supervision for Seat {
    fn crashed(&self, cause: &str, now: LinkInstant) -> Decision {
        self.ask(self.supervisor.crashed(cause, now), cause, now)
    }

    fn lost_mailbox(&self, cause: &str, now: LinkInstant) -> Decision {
        match (self.supervisor.lost_mailbox(cause, now), self.branch.upgrade()) {
            (Decision::Restart { .. }, Some(branch)) => branch.lost_mailbox(self.id, &self.who(), cause, now),
            (Decision::Restart { .. }, None) => {
                Decision::Stay { reason: "its child container has ended".to_owned() }
            }
            (stays, _) => stays,
        }
    }

    fn ended_itself(&self, now: LinkInstant) -> Decision {
        self.ask(self.supervisor.ended_itself(now), "it ended itself, and is permanent", now)
    }

    fn start_deadline(&self) -> Duration {
        self.supervisor.start_deadline()
    }

    fn started(&self) {
        if let Some(branch) = self.branch.upgrade() {
            branch.started(self.id);
        }
    }

    fn lies_down(&self) {
        if let Some(branch) = self.branch.upgrade() {
            branch.lies_down(self.id);
        }
    }

    fn ended(&self) {
        self.supervisor.ended();
        if let Some(branch) = self.branch.upgrade() {
            branch.gone(self.id);
        }
    }
}

/// How an agent comes into its child container.
pub(crate) struct Entrance {
    branch: Weak<Branch>,
    id: MemberId,
    temporary: bool,
}

impl Entrance {
    /// Takes the agent in.
    pub(crate) fn enter(&self, agent: Arc<dyn LocalAgent>) -> Result<(), Closed> {
        let branch = self.branch.upgrade().ok_or(Closed::Ended)?;
        branch.enter_agent(self.id, agent, self.temporary)
    }

    /// Takes it out again, which never lived.
    pub(crate) fn leave(&self) {
        if let Some(branch) = self.branch.upgrade() {
            branch.gone(self.id);
        }
    }
}
