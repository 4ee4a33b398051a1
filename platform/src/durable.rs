//! Durable agents: those that have a mailbox of their own, which outlives them.
//!
//! An agent's mailbox follows from its name and from whose it is, so it is the same on whatever node uses the same exchange
//! as the same owner, and whoever spawns the agent next finds its mail and what it kept. Always true: one owner at a time;
//! its lease is taken before the agent is born and given up when it has ended. Neighbours: [`spawning`](crate::spawning)
//! asks for a mailbox, [`claim`] takes the lease, [`owned`] is a mailbox in the hand of its owner, [`keeper`] keeps the lease,
//! [`naming`] finds mailboxes by their names, [`sending`] sends, [`denied`] turns away what the gate refuses; `mail` of the
//! agents crate has the agent's side.

pub(crate) mod answers;
pub(crate) mod claim;
mod denied;
pub(crate) mod keeper;
mod lasting;
pub(crate) mod naming;
pub(crate) mod owned;
pub(crate) mod sending;

pub use answers::MailRequest;

use std::sync::Arc;
use std::time::Duration;

use folkmoot_agents::mail::{MailRules, OwnMailbox};
use folkmoot_exchange::{Asker, ExchangeError, MailboxId, MailboxLimits, Registered, Registration};

use crate::container::Hall;
use crate::error::SpawnError;
use crate::interpreter::InterpretedMailbox;
use crate::mailroom::Mailroom;
use crate::supervision::Backoff;

use claim::{Claim, Terms};

/// How long an owner's lease lasts unless it is renewed, or told otherwise: so long nobody else can take over after a node
/// was lost.
const USUAL_LEASE: Duration = Duration::from_secs(20);

/// The shortest lease: it is renewed three times in it.
const SHORTEST_LEASE: Duration = Duration::from_millis(100);

/// How an agent with a mailbox of its own treats its mail: `node.spawn(..).durable_with(Durable::new().in_hand(1))`.
#[derive(Clone, Debug)]
pub struct Durable {
    pub(crate) rules: MailRules,
    attempts: Option<u32>,
    agent_types: Vec<String>,
    groups: Option<Vec<Arc<str>>>,
    lease: Duration,
}

impl Default for Durable {
    fn default() -> Durable {
        Durable {
            rules: MailRules::default(),
            attempts: None,
            agent_types: Vec::new(),
            groups: None,
            lease: USUAL_LEASE,
        }
    }
}

impl Durable {
    /// The usual way.
    pub fn new() -> Durable {
        Durable::default()
    }

    /// How many mails the agent has in hand at once: queued for their handlers, being handled, or being acknowledged; 16
    /// unless told otherwise. With 1 each mail is done with before the next is begun, so the order holds also where a mail
    /// is tried again, and all others wait for it.
    #[must_use]
    pub fn in_hand(mut self, mails: usize) -> Durable {
        self.rules.in_hand = mails;
        self
    }

    /// How often a mail is delivered before it is a dead letter: as often as the exchange says (10 times) unless told
    /// otherwise.
    #[must_use]
    pub fn attempts(mut self, attempts: u32) -> Durable {
        self.attempts = Some(attempts);
        self
    }

    /// The attempt from which on a mail whose handler panics is a dead letter, for each panic costs the agent its state; 3
    /// unless told otherwise.
    #[must_use]
    pub fn crashes(mut self, attempts: u32) -> Durable {
        self.rules.crashes = attempts;
        self
    }

    /// The pauses before a mail that failed is tried again: the first, doubling up to the longest, with jitter; 100 ms to
    /// 30 s unless told otherwise.
    #[must_use]
    pub fn backoff(mut self, backoff: Backoff) -> Durable {
        self.rules.first_pause = backoff.first;
        self.rules.longest_pause = backoff.longest;
        self
    }

    /// Under which types others find the mailbox, besides the agent's own, which comes first: such as
    /// `shop.Stall` and `academy.agent.Agent` for Academy's users.
    #[must_use]
    pub fn agent_types<I: Into<String>>(mut self, types: impl IntoIterator<Item = I>) -> Durable {
        self.agent_types = types.into_iter().map(Into::into).collect();
        self
    }

    /// Whose users may find the mailbox and send to it, besides the container: those of a front door who are in one of these
    /// groups. Unless told otherwise it is shared as it was, and a new one with nobody.
    #[must_use]
    pub fn shared_with<I: Into<Arc<str>>>(mut self, groups: impl IntoIterator<Item = I>) -> Durable {
        self.groups = Some(groups.into_iter().map(Into::into).collect());
        self
    }

    /// How long after the loss of its node another one may start the agent, and how long its exchange may be away before the
    /// agent [loses its mailbox](crate::guide::mail#when-a-lease-is-lost); 20 s unless told otherwise.
    #[must_use]
    pub fn lease(mut self, time: Duration) -> Durable {
        self.lease = time;
        self
    }

    /// What of it cannot be.
    pub(crate) fn fault(&self) -> Option<String> {
        let Durable { rules, attempts, lease, .. } = self;
        if rules.in_hand == 0 {
            return Some("`.in_hand(0)`: no mail could ever be handled; write 1 or more".to_owned());
        }
        if *attempts == Some(0) {
            return Some("`.attempts(0)`: no mail could ever be delivered; write 1 or more".to_owned());
        }
        if *lease < SHORTEST_LEASE {
            return Some(format!(
                "`.lease({lease:?})`: it is renewed as long as the agent lives; write {SHORTEST_LEASE:?} or more"
            ));
        }
        None
    }
}

/// An agent that is about to have a mailbox.
pub(crate) struct Applicant<'a> {
    pub(crate) name: &'a str,
    pub(crate) agent_type: &'static str,
    pub(crate) capabilities: &'a [String],
    /// How long it may wait for the lease.
    pub(crate) time: Duration,
    /// On whose worker the lease is kept.
    pub(crate) worker: usize,
}

/// Registers an agent's mailbox and takes its lease.
pub(crate) async fn own(
    hall: &Arc<Hall>,
    durable: Durable,
    applicant: Applicant<'_>,
) -> Result<(Arc<dyn OwnMailbox>, MailRules), SpawnError> {
    let failed = |cause: String| SpawnError::Mailbox { name: applicant.name.to_owned(), cause };
    let Some(mailroom) = hall.mailroom().cloned() else {
        return Err(failed(ExchangeError::None.to_string()));
    };
    let Durable { rules, attempts, agent_types, groups, lease } = durable;
    let types = std::iter::once(applicant.agent_type.to_owned()).chain(agent_types);
    let limits = attempts.map(|attempts| MailboxLimits { attempts, ..MailboxLimits::MOST });
    let register = |id: MailboxId| {
        let registration =
            Registration::new(id).named(applicant.name).capabilities(applicant.capabilities.iter().cloned());
        Registration { limits, ..registration.lineage(types.clone()) }
    };
    let id = registered(&mailroom, applicant.name, register).await.map_err(failed)?;
    let terms = Terms { name: applicant.name.into(), registration: register(id), groups, lease };
    let executor = hall.workers.get(applicant.worker).executor.clone();
    let place = (mailroom.clone(), hall.tables.clone());
    let claim = Claim::new(terms, place, executor, hall.retaking.clone());
    let own = claim.take(applicant.time).await?;
    claim.share().await.map_err(|error| failed(error.to_string()))?;
    let own: Arc<dyn OwnMailbox> = Arc::new(own);
    Ok((InterpretedMailbox::over(own, &hall.tables, mailroom), rules))
}

/// The id of the agent's mailbox, which is there and lives: of those that follow from the name the first that was not
/// terminated.
async fn registered(
    mailroom: &Mailroom,
    name: &str,
    register: impl Fn(MailboxId) -> Registration,
) -> Result<MailboxId, String> {
    for generation in 0..naming::MAX_GENERATIONS {
        let id = naming::derived(mailroom.owner(), name, generation);
        let registered = mailroom.exchange().register(&Asker::Container, register(id)).await;
        match registered.map_err(|error| not_registered(mailroom, &error))? {
            Registered::New | Registered::Known => {
                return match naming::is_containers_own(mailroom, id).await {
                    Ok(true) => Ok(id),
                    Ok(false) => {
                        Err(format!("mailbox {id} belongs to a user; terminate it, or rename the agent"))
                    }
                    Err(error) => Err(error.to_string()),
                };
            }
            Registered::Terminated => {}
        }
    }
    Err(format!("its mailbox was terminated {} times; give the agent another name", naming::MAX_GENERATIONS))
}

/// Why the mailbox of a durable agent was not registered.
fn not_registered(mailroom: &Mailroom, error: &ExchangeError) -> String {
    match (error, mailroom.is_far(), mailroom.owner()) {
        (ExchangeError::ContainerOnly { .. }, true, None) => {
            let node = mailroom.node_name();
            format!(
                "the exchange is another node's, and durable agents there belong to a group of nodes, or to that node itself: write the \
                 group behind the exchange's URL, as in `.exchange(\"tls://hub:5555/plant\")`, and there \
                 `.allow({node:?}, \"folkmoot/exchange/plant\", \"*\")`"
            )
        }
        (ExchangeError::ContainerOnly { .. }, true, Some(_)) => format!(
            "{error}: the exchange's node is of a release that gives groups no durable agents; run it with this one"
        ),
        _ => error.to_string(),
    }
}
