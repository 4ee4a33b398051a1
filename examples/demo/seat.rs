//! A household's place in the market: the proxy to its agent, and the patience with it.
//!
//! A call that failed for a reason that passes is made again: both questions to a household may be asked twice.
//! Always true: whatever went wrong becomes one [`Incident`], and no answer is taken from a household that is out of
//! step with its last statement. Neighbours: [`market`](crate::market) asks all seats, [`report`](crate::report)
//! counts the incidents.

use std::future::Future;
use std::time::Duration;

use folkmoot::Clock;
use folkmoot::prelude::*;
use serde::{Deserialize, Serialize};

use crate::household::{Bid, Household, Memory, Refusal, Settlement, Statement};
use crate::market::Market;

/// How long a household may stay away before the market goes on without it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(8);
/// Between two attempts.
const PAUSE: Duration = Duration::from_millis(20);

/// One household, as the market sees it.
#[derive(Debug)]
pub(crate) struct Seat {
    household: Proxy<Household>,
    /// What the household must remember; that of its last statement.
    memory: Memory,
    calls: u64,
    incidents: Vec<Incident>,
}

/// A question that was not answered at the first attempt.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Incident {
    pub(crate) household: String,
    /// The code of each failure, in their sequence.
    pub(crate) codes: Vec<String>,
    /// What the first failure said.
    pub(crate) text: String,
    /// Whether its memory was told to it again.
    pub(crate) resumed: bool,
    /// Whether it answered at last.
    pub(crate) answered: bool,
    /// From the first question to the end of the matter, in s.
    pub(crate) seconds: f64,
}

/// What a market asks its seats, so that both questions are asked alike.
type Answer<T> = Result<T, CallError<Refusal>>;

impl Seat {
    /// A seat for the household of that name, on whatever node; it is waited for.
    pub(crate) async fn take(ctx: &Context<Market>, name: &str) -> Result<Seat, CallError> {
        let household = ctx.lookup(name).retry_for(PATIENCE).await?;
        Ok(Seat { household, memory: Memory::default(), calls: 0, incidents: Vec::new() })
    }

    /// Its orders for a quarter hour; `None` where it stays away.
    pub(crate) async fn bid(&mut self, clock: &dyn Clock, quarter: usize) -> Option<Bid> {
        self.ask(clock, |household| household.bid(quarter).deadline(PATIENCE)).await
    }

    /// Tells it what it traded; gives its statement, `None` where it stays away.
    pub(crate) async fn settle(
        &mut self,
        clock: &dyn Clock,
        quarter: usize,
        settlement: Settlement,
    ) -> Option<Statement> {
        let ask = |household: &Proxy<Household>| household.settle(quarter, settlement).deadline(PATIENCE);
        let statement = self.ask(clock, ask).await?;
        self.memory = statement.memory;
        Some(statement)
    }

    /// Calls made since it was last asked, and what went wrong with them.
    pub(crate) fn take_notes(&mut self) -> (u64, Vec<Incident>) {
        (std::mem::take(&mut self.calls), std::mem::take(&mut self.incidents))
    }

    async fn ask<T, F>(&mut self, clock: &dyn Clock, question: impl Fn(&Proxy<Household>) -> F) -> Option<T>
    where
        F: Future<Output = Answer<T>>,
    {
        let began = clock.now();
        let mut incident: Option<Incident> = None;
        let answer = loop {
            self.calls += 1;
            let error = match question(&self.household).await {
                Ok(answer) => break Some(answer),
                Err(error) => error,
            };
            let incident = incident.get_or_insert_with(|| Incident::new(&self.household, &error));
            incident.codes.push(code(&error).to_owned());
            if clock.now() > began + PATIENCE || !passes(&error) {
                break None;
            }
            if let CallError::Agent(_) = error {
                incident.resumed = true;
                self.calls += 1;
                // If this fails, so does the question that follows, and says why.
                self.household.resume(self.memory).deadline(PATIENCE).await.ok();
            } else {
                clock.sleep(PAUSE).await;
            }
        };
        self.incidents.extend(incident.map(|incident| Incident {
            answered: answer.is_some(),
            seconds: clock.now().as_secs_f64() - began.as_secs_f64(),
            ..incident
        }));
        answer
    }
}

impl Incident {
    fn new(household: &Proxy<Household>, error: &CallError<Refusal>) -> Incident {
        Incident {
            household: Proxy::agent_name(household).to_owned(),
            codes: Vec::new(),
            text: error.to_string(),
            resumed: false,
            answered: false,
            seconds: 0.0,
        }
    }
}

/// One word for a failure: the platform's, or the household's own.
fn code(error: &CallError<Refusal>) -> &'static str {
    match error {
        CallError::Agent(refusal) => refusal.code(),
        error => error.code(),
    }
}

/// Whether the same call may do better a little later.
fn passes(error: &CallError<Refusal>) -> bool {
    matches!(
        error,
        CallError::Agent(Refusal::OutOfStep { .. })
            | CallError::AgentPanicked { .. }
            | CallError::AgentRestarted { .. }
            | CallError::AgentStopped { .. }
            | CallError::Disconnected { .. }
            // Its node is back, and has not told of its agents yet.
            | CallError::NoSuchAgent { .. }
            | CallError::Overloaded { .. }
    )
}
