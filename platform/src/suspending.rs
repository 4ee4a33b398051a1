//! Suspending agents and resuming them, one by one or all of a container.
//!
//! Always true: once a suspension was acknowledged the agent begins no turn until it is resumed. Neighbours:
//! [`container`](crate::container) is asked, `agents` holds the turns back.

use std::sync::Arc;
use std::time::Duration;

use folkmoot_agents::host::{Host, LocalAgent};
use folkmoot_codecs::CallError;
use tokio::sync::oneshot;

use crate::container::Container;
use crate::link_time;

impl Container {
    /// Lets an agent begin no more turns until it is resumed: turns in flight run on, calls wait in its queue as long
    /// as they have time and there is room, a timer that is due meanwhile has one turn afterwards. Crashes and new
    /// starts change nothing about it; what runs beside the turns goes on.
    ///
    /// # Errors
    /// `NoSuchAgent`, with the nearest name; `AgentStopped` where it ended meanwhile; `DeadlineExceeded` where its
    /// worker is blocked: then it is suspended as soon as it is not.
    pub async fn suspend(&self, agent: &str) -> Result<(), CallError> {
        let agent = self.hall().find(agent)?;
        let done = agent.suspend();
        acknowledged(&agent, done, self.hall().tables.default_deadline).await
    }

    /// Lets an agent begin turns again, those that wait first. One that is not suspended goes on as it does.
    ///
    /// # Errors
    /// As [`suspend`](Container::suspend).
    pub async fn resume(&self, agent: &str) -> Result<(), CallError> {
        let agent = self.hall().find(agent)?;
        let done = agent.resume();
        acknowledged(&agent, done, self.hall().tables.default_deadline).await
    }

    /// Suspends all agents of this container, those of the containers within it and those that are spawned later.
    ///
    /// # Errors
    /// `DeadlineExceeded` where a worker is blocked: its agents are suspended as soon as it is not.
    pub async fn suspend_all(&self) -> Result<(), CallError> {
        self.set_all_suspended(true).await
    }

    /// Resumes all agents of this container and those of the containers within it, also those that were suspended by
    /// name.
    ///
    /// # Errors
    /// As [`suspend_all`](Container::suspend_all).
    pub async fn resume_all(&self) -> Result<(), CallError> {
        self.set_all_suspended(false).await
    }

    async fn set_all_suspended(&self, suspended: bool) -> Result<(), CallError> {
        let tables = &self.hall().tables;
        let asked = match self.branch() {
            Some(branch) => branch.set_suspended(suspended),
            None => tables.set_suspended(suspended),
        };
        all_acknowledged(asked, tables.default_deadline).await
    }
}

/// Waits for the agent to acknowledge.
async fn acknowledged(
    agent: &Arc<dyn LocalAgent>,
    done: oneshot::Receiver<()>,
    within: Duration,
) -> Result<(), CallError> {
    match link_time::within(within, done).await {
        Some(Ok(())) => Ok(()),
        Some(Err(_)) => Err(agent.shared().stopped_error(false)),
        // Its worker is blocked; once it is not, the agent hears of it all the same.
        None => {
            let chain = vec![agent.shared().full_name().to_string()];
            Err(CallError::DeadlineExceeded { after: within, may_have_run: true, chain })
        }
    }
}

/// Waits for all to acknowledge; those that have ended meanwhile have nothing to say.
async fn all_acknowledged(
    asked: Vec<(Arc<dyn LocalAgent>, oneshot::Receiver<()>)>,
    within: Duration,
) -> Result<(), CallError> {
    let began = link_time::now();
    for (agent, done) in asked {
        let passed = Duration::from_millis(link_time::now().since(began));
        match acknowledged(&agent, done, within.saturating_sub(passed)).await {
            Ok(()) | Err(CallError::AgentStopped { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
