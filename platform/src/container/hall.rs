//! What a container is made of, and what its agents' core finds there.
//!
//! Always true: handles, agents and links share one hall, and nothing in it ends before [`shutdown`](super::shutdown) ends it.
//! Neighbours: [`container`](super) is the handle, [`tables`](crate::tables) has what links and agents look at.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use folkmoot_agents::connect::{Route, Way};
use folkmoot_agents::counters::Counters;
use folkmoot_agents::deadlines::{LinkInstant, SharedDeadlines};
use folkmoot_agents::host::{BoxFuture, Host, LocalAgent, Roll, Wanted};
use folkmoot_agents::mail::{self, Outgoing};
use folkmoot_agents::retries::Retries;
use folkmoot_agents::turn::CallHead;
use folkmoot_agents::{Clock, Retry, Sleep, Workplace};
use folkmoot_codecs::{CallError, Codec, Endpoint, PlainTypes, Principal};
use folkmoot_gateway::Admitted;
use folkmoot_gateway::name::short;
use folkmoot_transports::Transport;
use futures_util::future::join_all;
use tokio::sync::Semaphore;

use crate::answering;
use crate::connecting;
use crate::directory;
use crate::durable::answers::Answers;
use crate::durable::claim::RETAKEN_AT_ONCE;
use crate::durable::sending::{self, Sender};
use crate::link_time;
use crate::listener::Accepteds;
use crate::mailroom::Mailroom;
use crate::passed_agent::PassedAgent;
use crate::peer::Destination;
use crate::remote::{Remote, closed};
use crate::remotes::{Held, Remotes};
use crate::roll;
use crate::router;
use crate::tables::Tables;
use crate::watchdog::Watchdog;
use crate::workers::{Worker, Workers};

/// What a container is made of.
pub(crate) struct Hall {
    pub(crate) tables: Arc<Tables>,
    pub(crate) workers: Arc<Workers>,
    pub(crate) codec: Codec,
    pub(crate) transports: HashMap<&'static str, Arc<dyn Transport>>,
    pub(crate) accepteds: Arc<Accepteds>,
    pub(crate) remotes: Arc<Remotes>,
    pub(super) mailroom: Option<Mailroom>,
    /// Held by those of its agents who ask for mailboxes that they have lost.
    pub(crate) retaking: Arc<Semaphore>,
    /// Where its own requests by mail are answered, from the first one on.
    pub(super) answers: tokio::sync::OnceCell<Arc<Answers>>,
    /// `None` once the container was shut down; locked by the one who shuts it down.
    pub(super) open: tokio::sync::Mutex<Option<Open>>,
}

/// What is closed by a shutdown.
pub(crate) struct Open {
    pub(crate) listening: Option<tokio::task::JoinHandle<()>>,
    /// Looks at the certificates' files.
    pub(crate) watching: Option<tokio::task::JoinHandle<()>>,
    pub(crate) mailroom: Option<Mailroom>,
    pub(crate) _watchdog: Option<Watchdog>,
}

impl Hall {
    pub(crate) fn new(
        tables: Arc<Tables>,
        workers: Arc<Workers>,
        codec: Codec,
        transports: HashMap<&'static str, Arc<dyn Transport>>,
        open: (Arc<Accepteds>, Open),
        mailroom: Option<Mailroom>,
    ) -> Hall {
        let (accepteds, open) = open;
        Hall {
            tables,
            workers,
            codec,
            transports,
            accepteds,
            remotes: Remotes::new(),
            mailroom,
            retaking: Arc::new(Semaphore::new(RETAKEN_AT_ONCE)),
            answers: tokio::sync::OnceCell::new(),
            open: tokio::sync::Mutex::new(Some(open)),
        }
    }

    /// The way to a remote container, made when it is first asked for. To a node that has joined it is the one way that
    /// there is.
    pub(crate) fn remote(&self, to: Destination) -> Result<Held, CallError> {
        let to = self.tables.membership.way_of(&to).unwrap_or(to);
        self.own_remote(to)
    }

    /// The same, whether the node has joined or not.
    pub(crate) fn own_remote(&self, to: Destination) -> Result<Held, CallError> {
        self.remotes.hold(to, |to| self.new_remote(to))
    }

    /// The container's exchange, with its gate before it.
    pub(crate) fn mailroom(&self) -> Option<&Mailroom> {
        self.mailroom.as_ref()
    }

    /// Where the container's own requests by mail are answered.
    pub(crate) async fn answers(&self, mailroom: &Mailroom) -> Result<&Arc<Answers>, mail::MailError> {
        self.answers.get_or_try_init(|| Answers::open(mailroom, self)).await
    }

    /// Whether that is where this container is.
    pub(crate) fn is_at(&self, endpoint: &Endpoint) -> bool {
        *endpoint == self.tables.endpoint || *endpoint == self.tables.advertised
    }

    /// The exchange that other nodes may use: none that is itself another's.
    pub(crate) fn served_mailroom(&self) -> Option<&Mailroom> {
        self.mailroom.as_ref().filter(|mailroom| !mailroom.is_far())
    }

    fn new_remote(&self, to: Destination) -> Result<Arc<Remote>, CallError> {
        let scheme = to.endpoint.scheme();
        let Some(transport) = self.transports.get(scheme).cloned() else {
            let why = match scheme {
                "tls" | "unix+tls" => {
                    format!("{scheme}:// needs certificates: give this container's builder `.certs(..)`")
                }
                _ => format!("this container has no transport for {scheme}://"),
            };
            return Err(CallError::BadAddress { reason: format!("no link to {}: {why}", to.endpoint) });
        };
        let worker = self.workers.get(self.workers.next());
        Remote::start(to, self.tables.clone(), transport, worker).ok_or_else(closed)
    }
}

impl Workplace for Hall {
    fn work(&self) -> BoxFuture<'static, Vec<u64>> {
        let asked: Vec<_> = self.workers.all().iter().map(Worker::ask_work).collect();
        // A worker that has ended works no more.
        Box::pin(async move { join_all(asked).await.into_iter().map(Result::unwrap_or_default).collect() })
    }

    fn calls_out(&self) -> usize {
        self.remotes.awaited()
    }

    fn set_calls_aside(&self) {
        self.remotes.set_aside();
    }

    fn drive(&self, future: BoxFuture<'static, ()>) -> bool {
        self.workers.get(0).executor.spawn(future)
    }
}

impl Host for Hall {
    fn admit(&self, head: CallHead) -> Result<Admitted<CallHead>, CallError> {
        router::admit(&self.tables, head)
    }

    fn principal(&self) -> &Principal {
        &self.tables.principal
    }

    fn now(&self) -> LinkInstant {
        link_time::now()
    }

    fn link_sleep(&self, duration: Duration) -> Sleep {
        link_time::sleep(duration)
    }

    fn shared_deadlines(&self) -> &Arc<SharedDeadlines> {
        &self.tables.shared_deadlines
    }

    fn default_deadline_ms(&self) -> u64 {
        self.tables.default_deadline_ms
    }

    fn clock(&self) -> &Arc<dyn Clock> {
        &self.tables.clock
    }

    fn counters(&self) -> &Arc<Counters> {
        &self.tables.counters
    }

    fn find(&self, name: &str) -> Result<Arc<dyn LocalAgent>, CallError> {
        self.tables.agent(name).map(|entry| entry.agent).ok_or_else(|| CallError::NoSuchAgent {
            agent: short(name).into_owned(),
            nearest: self.tables.nearest(name),
        })
    }

    fn reach(self: Arc<Self>, route: Route) -> BoxFuture<'static, Result<Way, CallError>> {
        Box::pin(connecting::reach(self, route))
    }

    fn point_at(self: Arc<Self>, endpoint: Endpoint, agent: String) -> Way {
        match self.is_at(&endpoint) {
            true => Way::Here(agent),
            false => Way::Far(Arc::new(PassedAgent::new(self, endpoint, agent))),
        }
    }

    fn answer_at(
        self: Arc<Self>,
        endpoint: Endpoint,
        agent: String,
        caller: &Principal,
    ) -> Result<Way, String> {
        answering::way(&self, endpoint, agent, caller)
    }

    fn describe(
        self: Arc<Self>,
        route: Route,
    ) -> BoxFuture<'static, Result<crate::AgentDescription, CallError>> {
        Box::pin(connecting::describe(self, route))
    }

    fn look_up(self: Arc<Self>, name: String, retry: Retry) -> BoxFuture<'static, Result<Way, CallError>> {
        Box::pin(directory::look_up(self, name, retry))
    }

    fn plain_types(&self) -> &Arc<PlainTypes> {
        &self.tables.plain_types
    }

    fn retries(&self) -> &Retries {
        &self.tables.retries
    }

    fn roll(self: Arc<Self>, wanted: &Wanted, seen: Option<u64>) -> Option<Roll> {
        roll::roll(&self, wanted, seen)
    }

    fn roll_changed(self: Arc<Self>, seen: u64) -> BoxFuture<'static, ()> {
        Box::pin(roll::changed(self, seen))
    }

    fn url_of(&self, agent: &str) -> String {
        self.tables.advertised.agent(agent).to_string()
    }

    fn send_mail(
        self: Arc<Self>,
        agent: Option<Arc<str>>,
        mail: Outgoing,
    ) -> BoxFuture<'static, Result<(), mail::MailError>> {
        Box::pin(async move {
            let mailroom = self.mailroom().ok_or(mail::MailError::NoExchange)?;
            let sender = Sender { tables: &self.tables, agent: agent.as_ref(), from: None };
            sending::send(mailroom, &sender, mail).await
        })
    }

    fn check_mail(
        self: Arc<Self>,
        agent: Arc<str>,
        mail: Outgoing,
    ) -> BoxFuture<'static, Result<(), mail::MailError>> {
        Box::pin(async move {
            let mailroom = self.mailroom().ok_or(mail::MailError::NoExchange)?;
            let sender = Sender { tables: &self.tables, agent: Some(&agent), from: None };
            sending::check(mailroom, &sender, mail).await
        })
    }
}
