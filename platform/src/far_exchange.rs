//! The exchange of another node, used over a link: each operation is a request there.
//!
//! Always true: what is asked again, since a link broke, is carried out once; a receiver that is dropped leaves no mail
//! behind. An operation waits for a link no longer than the container's deadline. Neighbours: [`asking`] makes the
//! attempts, [`receiving`] waits for mail; the [`exchange_door`](crate::exchange_door) is the other end, and decides.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use folkmoot_codecs::{Address, ArgumentList, Codec};
use folkmoot_exchange::exchange::Reply;
use folkmoot_exchange::limits::MAX_STATES_BYTES;
use folkmoot_exchange::{
    Asker, Committed, DeadLetter, Delivery, Exchange, ExchangeError, Found, Lease, MailboxId, MailboxStats,
    Moment, Page, Peeked, Posting, Purge, Query, Receipt, Recv, Refusal, Registered, Registration, State,
    StateQuery, Status, Step, Terminated,
};
use folkmoot_gateway::name::check_agent;
use folkmoot_gateway::{Admitted, GateId};
use serde::de::DeserializeOwned;
use tokio::sync::Notify;

use crate::exchange_wire::{self as wire, Caller, Id, Part, User, millis, millis_up};
use crate::peer::Destination;
use crate::remotes::Held;
use crate::tables::Tables;

mod asking;
mod receiving;

/// Most requests to give mail back that are on their way at once.
const MAX_GIVING_BACK: usize = 1024;

/// The exchange of the node at a URL.
pub(crate) struct FarExchange(Arc<Far>);

/// What it is made of.
struct Far {
    to: Destination,
    /// As it stands in errors.
    at: String,
    /// For whom this node acts there; itself where it is `None`.
    group: Option<String>,
    tables: Arc<Tables>,
    /// The way that was used last; held, so that its link stays.
    way: Mutex<Option<Arc<Held>>>,
    /// Whose mail is taken.
    gates: RwLock<Vec<GateId>>,
    /// Numbers the operations.
    last_key: AtomicU64,
    giving_back: AtomicUsize,
    /// Whether someone looks if the link is dead.
    looking: AtomicBool,
    is_closed: AtomicBool,
    closed: Notify,
}

impl std::fmt::Debug for FarExchange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "FarExchange({})", self.0.at)
    }
}

impl FarExchange {
    /// The exchange of the node that `line` names; `None` where it names none. Nothing is opened yet.
    ///
    /// # Errors
    /// `Line`, with what is wrong with the URL.
    pub(crate) fn at(
        line: &str,
        codec: Codec,
        tables: &Arc<Tables>,
    ) -> Result<Option<FarExchange>, ExchangeError> {
        const SCHEMES: [&str; 5] = ["tcp://", "tls://", "unix://", "unix+tls://", "local://"];
        if !SCHEMES.iter().any(|scheme| line.starts_with(scheme)) {
            return Ok(None);
        }
        let wrong = |fault: String| ExchangeError::Line { line: line.chars().take(256).collect(), fault };
        let Address { endpoint, agent: group } =
            line.parse::<Address>().map_err(|error| wrong(error.to_string()))?;
        if let Some(fault) = group.as_ref().and_then(|group| check_agent(group).err()) {
            return Err(wrong(format!(
                "behind the node stands the group for which this one acts, and {fault}"
            )));
        }
        if endpoint == tables.endpoint || endpoint == tables.advertised {
            return Err(wrong(
                "that is this node itself; write where its own mail is kept, such as memory:".to_owned(),
            ));
        }
        let needs_certs = matches!(endpoint.scheme(), "tls" | "unix+tls") && !tables.certified.has_certs();
        if needs_certs {
            return Err(wrong(format!(
                "{}:// needs certificates: give the builder `.certs(..)`",
                endpoint.scheme()
            )));
        }
        let far = Far {
            at: endpoint.to_string(),
            to: Destination { endpoint, expected_peer: None, codec },
            group,
            tables: tables.clone(),
            way: Mutex::default(),
            gates: RwLock::new(vec![tables.gate.id()]),
            last_key: AtomicU64::new(0),
            giving_back: AtomicUsize::new(0),
            looking: AtomicBool::new(false),
            is_closed: AtomicBool::new(false),
            closed: Notify::new(),
        };
        Ok(Some(FarExchange(Arc::new(far))))
    }

    /// For which group this node acts there.
    pub(crate) fn group(&self) -> Option<&str> {
        self.0.group.as_deref()
    }
}

impl Far {
    /// Who asks, for something that may be done again as often as one likes.
    fn caller(&self, asker: &Asker) -> Caller {
        Caller { group: self.group.clone(), user: User::of(asker), key: None }
    }

    /// Who asks, for something that is to be done once.
    fn caller_once(&self, asker: &Asker) -> Caller {
        let number = self.last_key.fetch_add(1, Ordering::Relaxed) + 1;
        Caller { key: Some((self.tables.membership.own().incarnation, number)), ..self.caller(asker) }
    }

    fn check_gate(&self, posting: &Admitted<Posting>) -> Result<(), ExchangeError> {
        match self.gates.read().unwrap_or_else(PoisonError::into_inner).contains(&posting.gate()) {
            true => Ok(()),
            false => Err(ExchangeError::WrongGate),
        }
    }

    /// A list, in as many parts as it takes; `arguments` ask for so many entries behind one of that `number`.
    async fn list<W: DeserializeOwned, T: From<W>, A: ArgumentList + Sync>(
        &self,
        operation: &'static str,
        page: Page,
        number: fn(&T) -> u64,
        arguments: impl Fn(u64, usize) -> A,
    ) -> Result<Vec<T>, ExchangeError> {
        let Page { after, max } = page;
        let mut all: Vec<T> = Vec::new();
        loop {
            let behind = all.last().map_or(after, number);
            let arguments = arguments(behind, max - all.len());
            let Part { entries, more } = self.ask::<Part<W>>(operation, arguments).await?;
            let is_empty = entries.is_empty();
            all.extend(entries.into_iter().map(T::from));
            if !more || is_empty || all.len() >= max {
                return Ok(all);
            }
        }
    }
}

impl Exchange for FarExchange {
    fn register<'a>(&'a self, asker: &'a Asker, registration: Registration) -> Reply<'a, Registered> {
        Box::pin(async move {
            let what = (self.0.caller_once(asker), wire::Registration::from(registration));
            self.0.ask::<wire::Registered>("register", what).await.map(Into::into)
        })
    }

    fn discover<'a>(&'a self, asker: &'a Asker, query: Query) -> Reply<'a, Vec<Found>> {
        Box::pin(async move {
            let caller = self.0.caller(asker);
            let page = Page { after: query.after, max: query.max };
            let arguments = |after, max| {
                let part = Query { after, max, ..query.clone() };
                (caller.clone(), wire::Query::from(&part))
            };
            self.0.list::<wire::Found, Found, _>("discover", page, |found| found.number, arguments).await
        })
    }

    fn send(&self, posting: Admitted<Posting>) -> Reply<'_, folkmoot_exchange::Accepted> {
        Box::pin(async move {
            self.0.check_gate(&posting)?;
            let posting = posting.message();
            let what = (self.0.caller_once(posting.asker()), wire::Posting::from(posting));
            self.0.ask::<wire::Accepted>("send", what).await.map(Into::into)
        })
    }

    fn recv<'a>(&'a self, asker: &'a Asker, mailbox: MailboxId, how: Recv) -> Reply<'a, Vec<Delivery>> {
        Box::pin(self.0.receive(asker, mailbox, how))
    }

    fn acknowledge<'a>(&'a self, asker: &'a Asker, receipt: &'a Receipt) -> Reply<'a, ()> {
        let what = (self.0.caller_once(asker), wire::Receipt::from(*receipt));
        Box::pin(self.0.ask("acknowledge", what))
    }

    fn refuse<'a>(&'a self, asker: &'a Asker, receipt: &'a Receipt, refusal: Refusal) -> Reply<'a, ()> {
        let what = (self.0.caller_once(asker), wire::Receipt::from(*receipt), wire::Refusal::from(refusal));
        Box::pin(self.0.ask("refuse", what))
    }

    fn give_back(&self, asker: &Asker, receipts: Vec<Receipt>) {
        if receipts.is_empty() {
            return;
        }
        let far = self.0.clone();
        let caller = far.caller(asker);
        let count = receipts.len() as u64;
        let lost = {
            let far = far.clone();
            move |why: &dyn std::fmt::Display| {
                far.tables.counters.far_give_backs_lost.increment(count);
                tracing::warn!(at = %far.at, count, %why, "deliveries do not go back before their leases end");
            }
        };
        if far.giving_back.fetch_add(1, Ordering::AcqRel) >= MAX_GIVING_BACK {
            far.giving_back.fetch_sub(1, Ordering::AcqRel);
            return lost(&format!("{MAX_GIVING_BACK} such requests are on their way"));
        }
        let receipts: Vec<wire::Receipt> = receipts.into_iter().map(Into::into).collect();
        let asking = {
            let (far, lost) = (far.clone(), lost.clone());
            async move {
                let given = far.ask::<()>("give_back", (caller, receipts)).await;
                far.giving_back.fetch_sub(1, Ordering::AcqRel);
                // Whoever closed the exchange does not wait for its leases either.
                if let Err(error) = given {
                    lost(&error);
                }
            }
        };
        let hall = far.tables.membership.hall();
        if !hall.is_some_and(|hall| hall.workers.get(0).executor.spawn(asking)) {
            far.giving_back.fetch_sub(1, Ordering::AcqRel);
            lost(&"the container was shut down");
        }
    }

    fn extend<'a>(&'a self, asker: &'a Asker, receipt: &'a Receipt, lease: Duration) -> Reply<'a, Moment> {
        let what = (self.0.caller_once(asker), wire::Receipt::from(*receipt), millis(lease));
        Box::pin(async move { self.0.ask::<u64>("extend", what).await.map(Moment::from_millis) })
    }

    fn commit<'a>(&'a self, asker: &'a Asker, step: Step) -> Reply<'a, Committed> {
        Box::pin(async move {
            step.send.iter().try_for_each(|posting| self.0.check_gate(posting))?;
            let what = (self.0.caller_once(asker), wire::Step::from(&step));
            self.0.ask::<wire::Committed>("commit", what).await.map(Into::into)
        })
    }

    fn status<'a>(&'a self, asker: &'a Asker, mailbox: MailboxId) -> Reply<'a, Status> {
        let what = (self.0.caller(asker), Id(mailbox));
        Box::pin(async move { self.0.ask::<wire::Status>("status", what).await.map(Into::into) })
    }

    fn terminate<'a>(&'a self, asker: &'a Asker, mailbox: MailboxId) -> Reply<'a, Terminated> {
        let what = (self.0.caller_once(asker), Id(mailbox));
        Box::pin(async move { self.0.ask::<wire::Terminated>("terminate", what).await.map(Into::into) })
    }

    fn heartbeat<'a>(&'a self, asker: &'a Asker, mailbox: MailboxId) -> Reply<'a, ()> {
        Box::pin(self.0.ask("heartbeat", (self.0.caller(asker), Id(mailbox))))
    }

    fn stats<'a>(&'a self, asker: &'a Asker, mailbox: MailboxId) -> Reply<'a, MailboxStats> {
        let what = (self.0.caller(asker), Id(mailbox));
        Box::pin(async move { self.0.ask::<wire::Stats>("stats", what).await.map(Into::into) })
    }

    fn share<'a>(&'a self, asker: &'a Asker, mailbox: MailboxId, group: Arc<str>) -> Reply<'a, ()> {
        let what = (self.0.caller_once(asker), Id(mailbox), group.to_string());
        Box::pin(async move { self.0.ask::<bool>("share", what).await.map(drop) })
    }

    fn unshare<'a>(&'a self, asker: &'a Asker, mailbox: MailboxId, group: Arc<str>) -> Reply<'a, bool> {
        Box::pin(self.0.ask("unshare", (self.0.caller_once(asker), Id(mailbox), group.to_string())))
    }

    fn shares<'a>(&'a self, asker: &'a Asker, mailbox: MailboxId) -> Reply<'a, Vec<Arc<str>>> {
        let what = (self.0.caller(asker), Id(mailbox));
        Box::pin(async move {
            let groups = self.0.ask::<Vec<String>>("shares", what).await?;
            Ok(groups.into_iter().map(Into::into).collect())
        })
    }

    fn peek<'a>(&'a self, asker: &'a Asker, mailbox: MailboxId, page: Page) -> Reply<'a, Vec<Peeked>> {
        Box::pin(async move {
            let caller = self.0.caller(asker);
            let arguments = |after, max| (caller.clone(), Id(mailbox), after, max as u64);
            self.0.list::<wire::Peeked, Peeked, _>("peek", page, |one| one.position, arguments).await
        })
    }

    fn purge<'a>(&'a self, asker: &'a Asker, mailbox: MailboxId, what: Purge) -> Reply<'a, u64> {
        let what = (self.0.caller_once(asker), Id(mailbox), what == Purge::DeadLetters);
        Box::pin(self.0.ask("purge", what))
    }

    fn dead_letters<'a>(
        &'a self,
        asker: &'a Asker,
        mailbox: MailboxId,
        page: Page,
    ) -> Reply<'a, Vec<DeadLetter>> {
        Box::pin(async move {
            let caller = self.0.caller(asker);
            let arguments = |after, max| (caller.clone(), Id(mailbox), after, max as u64);
            self.0
                .list::<wire::DeadLetter, DeadLetter, _>("dead_letters", page, |one| one.position, arguments)
                .await
        })
    }

    fn requeue<'a>(&'a self, asker: &'a Asker, mailbox: MailboxId, positions: Vec<u64>) -> Reply<'a, u64> {
        Box::pin(self.0.ask("requeue", (self.0.caller_once(asker), Id(mailbox), positions)))
    }

    fn take_lease<'a>(
        &'a self,
        asker: &'a Asker,
        mailbox: MailboxId,
        holder: Arc<str>,
        time: Duration,
    ) -> Reply<'a, Lease> {
        let what = (self.0.caller_once(asker), Id(mailbox), holder.to_string(), millis(time));
        Box::pin(async move { self.0.ask::<wire::Lease>("take_lease", what).await.map(Into::into) })
    }

    fn renew_lease<'a>(
        &'a self,
        asker: &'a Asker,
        mailbox: MailboxId,
        epoch: u64,
        time: Duration,
    ) -> Reply<'a, Lease> {
        let what = (self.0.caller_once(asker), Id(mailbox), epoch, millis(time));
        Box::pin(async move { self.0.ask::<wire::Lease>("renew_lease", what).await.map(Into::into) })
    }

    fn give_up_lease<'a>(&'a self, asker: &'a Asker, mailbox: MailboxId, epoch: u64) -> Reply<'a, ()> {
        Box::pin(self.0.ask("give_up_lease", (self.0.caller_once(asker), Id(mailbox), epoch)))
    }

    fn state<'a>(&'a self, asker: &'a Asker, key: Arc<str>) -> Reply<'a, Option<State>> {
        let what = (self.0.caller(asker), key.to_string());
        Box::pin(async move { Ok(self.0.ask::<Option<wire::State>>("state", what).await?.map(Into::into)) })
    }

    fn states<'a>(&'a self, asker: &'a Asker, query: StateQuery) -> Reply<'a, Vec<(Arc<str>, State)>> {
        Box::pin(async move {
            let caller = self.0.caller(asker);
            let StateQuery { prefix, mut after, max } = query;
            let (mut states, mut bytes): (Vec<(Arc<str>, State)>, usize) = (Vec::new(), 0);
            loop {
                let behind = after.as_ref().map(ToString::to_string);
                let arguments = (caller.clone(), prefix.to_string(), behind, (max - states.len()) as u64);
                let Part { entries, more } = self.0.ask::<Part<wire::Keyed>>("states", arguments).await?;
                let before = states.len();
                states.extend(entries.into_iter().map(<(Arc<str>, State)>::from));
                let came = states.iter().skip(before);
                bytes = came.fold(bytes, |bytes, (_, state)| bytes.saturating_add(state.bytes.len()));
                let is_over = !more || states.len() == before || states.len() >= max;
                if is_over || bytes >= MAX_STATES_BYTES {
                    return Ok(states);
                }
                after = states.last().map(|(key, _)| key.clone());
            }
        })
    }

    fn trust(&self, gate: GateId) {
        let mut gates = self.0.gates.write().unwrap_or_else(PoisonError::into_inner);
        if !gates.contains(&gate) {
            gates.push(gate);
        }
    }

    fn distrust(&self, gate: GateId) {
        self.0.gates.write().unwrap_or_else(PoisonError::into_inner).retain(|known| *known != gate);
    }

    /// The exchange itself goes on: whoever waits here is told, and nothing more is asked.
    fn close(&self) -> Reply<'_, ()> {
        Box::pin(async move {
            self.0.is_closed.store(true, Ordering::Release);
            self.0.closed.notify_waiters();
            let way = self.0.way.lock().unwrap_or_else(PoisonError::into_inner).take();
            drop(way);
            Ok(())
        })
    }
}
