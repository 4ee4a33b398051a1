//! Where other nodes ask for operations of this node's exchange: the requests to `folkmoot/exchange/..` of a link's peer.
//!
//! Always true: who asks is who the link has proven, and a rule lets them ([`who`]); a mail passes the gate here as any
//! other; an operation that came again since a link broke is carried out once ([`repeats`]); a receiver that is gone keeps
//! no mail ([`receivers`]), and one that says nothing at all loses its link ([`silence`]). Neighbours: [`inbound`](crate::inbound) brings the requests, [`operations`] reads them, the
//! [`mailroom`](crate::mailroom) does them; [`far_exchange`](crate::far_exchange) is the other end.

use std::future::Future;
use std::sync::Arc;

use folkmoot_agents::deadlines::LinkInstant;
use folkmoot_codecs::{Arguments, CallError, RawId};
use folkmoot_exchange::{Asker, Delivery, Exchange, ExchangeError, MailboxId, Receipt, Recv};
use futures_util::future::{Either, select};
use serde::Serialize;

use crate::exchange_wire::{self, Caller, Part, Refused, User};
use crate::inbound::{self, InHand};
use crate::link::Link;
use crate::link_time;
use crate::mailroom::Mailroom;

mod operations;
pub(crate) mod receivers;
pub(crate) mod repeats;
mod silence;
mod weight;
mod who;

use receivers::{Delivered, NotEntered};
use repeats::{Attempt, Outcome};
use who::Who;
pub(crate) use who::owner_of_group;

/// What one answer holds of mails and mailboxes at most, in bytes: what is more waits for the next question.
const MAX_ANSWER_BYTES: usize = 4 * 1024 * 1024;

/// A request as it came.
pub(crate) struct Asked<'a> {
    link: &'a Arc<Link>,
    id: RawId,
    operation: &'a str,
    path: &'a str,
    arguments: Arguments<'a>,
    no_reply: bool,
}

/// Handles a request to `path`, which begins as all of the exchange.
pub(crate) fn request(link: &Arc<Link>, id: RawId, path: &str, arguments: Arguments<'_>, no_reply: bool) {
    let operation = path.strip_prefix(exchange_wire::PREFIX).unwrap_or_default();
    let asked = Asked { link, id: id.clone(), operation, path, arguments, no_reply };
    if let Err(error) = operations::begin(asked) {
        inbound::answer::<(), Box<Refused>>(link, (!no_reply).then_some(&id), &Err(error));
    }
}

/// Someone who may do what they ask for.
pub(crate) struct Seat {
    link: Arc<Link>,
    mailroom: Mailroom,
    who: Who,
    user: Option<User>,
    asker: Asker,
}

impl Seat {
    fn exchange(&self) -> &Arc<dyn Exchange> {
        self.mailroom.exchange()
    }

    fn refused(&self, error: ExchangeError) -> CallError<Box<Refused>> {
        if matches!(error, ExchangeError::Damaged { .. } | ExchangeError::Failed { .. }) {
            tracing::error!(peer = %self.link.peer_address, %error, "an operation that another node asked for failed");
        }
        CallError::Agent(Box::new(Refused::from(&self.who.own_error(error))))
    }

    /// Whether the asker may use these mailboxes.
    async fn may_use(&self, mailboxes: impl IntoIterator<Item = MailboxId>) -> Result<(), ExchangeError> {
        let mut looked_at: Option<MailboxId> = None;
        for mailbox in mailboxes {
            if looked_at != Some(mailbox) {
                self.exchange().status(&self.asker, mailbox).await?;
                looked_at = Some(mailbox);
            }
        }
        Ok(())
    }

    /// As whom leases and states are the asker's to have, who is no user of theirs.
    fn container_asker(&self) -> &Asker {
        match self.user {
            None => &Asker::Container,
            Some(_) => &self.asker,
        }
    }
}

impl<'a> Asked<'a> {
    /// Who asks, if they may do so and there is an exchange.
    fn seat(&self, caller: &Caller, operation: &str) -> Result<Seat, CallError<Box<Refused>>> {
        let tables = &self.link.tables;
        let who = Who::of(&tables.gate, &self.link.peer, caller, operation).map_err(|reason| {
            tables.counters.denials.increment(1);
            tracing::info!(node = tables.principal.node_name(), %reason, "denied");
            CallError::Denied { reason }
        })?;
        let mailroom = tables.membership.hall().and_then(|hall| hall.served_mailroom().cloned());
        let mailroom =
            mailroom.ok_or_else(|| CallError::Agent(Box::new(Refused::from(&ExchangeError::None))))?;
        silence::watch(self.link);
        let user = caller.user.clone();
        let asker = who.asker(user.as_ref());
        Ok(Seat { link: self.link.clone(), mailroom, who, user, asker })
    }

    /// Does an operation, once for each key, and answers.
    fn run<T, W, F>(self, caller: Caller, work: W) -> Result<(), CallError<Box<Refused>>>
    where
        T: Serialize + Send + Sync + 'static,
        W: FnOnce(Arc<Seat>) -> F + 'static,
        F: Future<Output = Result<T, ExchangeError>> + 'static,
    {
        let seat = Arc::new(self.seat(&caller, self.operation)?);
        let Asked { link, id, no_reply, .. } = self;
        let tables = link.tables.clone();
        let Some(in_hand) = InHand::take(link, &id) else {
            tables.counters.overloads.increment(1);
            let queue = format!("requests of {} in hand", link.peer_address);
            return Err(CallError::Overloaded { queue, limit: tables.limits.max_requests_in_hand });
        };
        tables.counters.far_operations.increment(1);
        let link = link.clone();
        actix::spawn(async move {
            let work = || async { work(seat.clone()).await.map_err(|error| seat.refused(error)) };
            let outcome: Arc<Result<T, CallError<Box<Refused>>>> = match caller.key {
                None => Arc::new(work().await),
                Some((life, number)) => {
                    let key = (Arc::from(link.peer.node_name()), life, number);
                    once(&link, key, work).await
                }
            };
            inbound::answer(&link, (!no_reply).then_some(&id), &outcome);
            drop(in_hand);
        });
        Ok(())
    }

    /// Answers with a part of a list that is not too large for one answer.
    fn run_list<T, S, W, F>(self, caller: Caller, work: W) -> Result<(), CallError<Box<Refused>>>
    where
        T: Serialize + From<S> + Send + Sync + 'static,
        S: weight::Weighs,
        W: FnOnce(Arc<Seat>) -> F + 'static,
        F: Future<Output = Result<Vec<S>, ExchangeError>> + 'static,
    {
        let room = room(self.link);
        self.run(caller, move |seat| async move {
            let mut entries = work(seat).await?;
            let count = weight::fitting(&entries, room);
            let more = count < entries.len();
            entries.truncate(count);
            Ok(Part::<T> { entries: entries.into_iter().map(T::from).collect(), more })
        })
    }

    /// Receives, for as long as the receiver waits.
    fn receive(self, caller: &Caller, mailbox: MailboxId, how: Recv) -> Result<(), CallError<Box<Refused>>> {
        let seat = self.seat(caller, self.operation)?;
        let bad = |reason: &str| CallError::BadArguments {
            method: self.path.to_owned(),
            path: String::new(),
            reason: reason.to_owned(),
        };
        let number = self.id.as_u64().filter(|_| !self.no_reply);
        let number = number
            .ok_or_else(|| bad("a receiver wants an answer, and its request has an integer as its id"))?;
        let limits = &self.link.tables.limits;
        let gone =
            self.link.receivers.begin(number, limits.max_waiting_receivers).map_err(|error| match error {
                NotEntered::Taken => bad("its id is that of another receiver on this link"),
                NotEntered::Gone => CallError::Cancelled,
                NotEntered::Full => {
                    self.link.tables.counters.overloads.increment(1);
                    CallError::Agent(Box::new(Refused::from(&ExchangeError::Full {
                        what: "max_waiting_receivers",
                        whose: format!("the link to {}", self.link.tables.principal.node_name()),
                        limit: limits.max_waiting_receivers as u64,
                        advice: "receive without waiting, or end others",
                    })))
                }
            })?;
        self.link.tables.counters.far_operations.increment(1);
        let (link, id) = (self.link.clone(), self.id);
        actix::spawn(async move {
            let outcome = {
                let received = seat.exchange().recv(&seat.asker, mailbox, how);
                match select(received, gone).await {
                    Either::Left((outcome, _)) => outcome,
                    // Dropped, it keeps no mail.
                    Either::Right(_) => return,
                }
            };
            hand_over(&link, &seat, (number, &id), outcome);
        });
        Ok(())
    }
}

/// Answers a receiver. What does not fit goes back at once.
fn hand_over(
    link: &Arc<Link>,
    seat: &Seat,
    (number, id): (u64, &RawId),
    outcome: Result<Vec<Delivery>, ExchangeError>,
) {
    let refuse = |error: ExchangeError| {
        if link.receivers.end(number) {
            inbound::answer::<(), Box<Refused>>(link, Some(id), &Err(seat.refused(error)));
        }
    };
    let mut deliveries = match outcome {
        Ok(deliveries) => deliveries,
        Err(error) => return refuse(error),
    };
    let delivered = |deliveries: &[Delivery]| Delivered {
        exchange: seat.exchange().clone(),
        asker: seat.asker.clone(),
        receipts: deliveries.iter().map(|delivery| delivery.receipt).collect::<Vec<Receipt>>(),
    };
    let most = link.tables.limits.max_outbox_bytes;
    let too_heavy = deliveries.first().and_then(|first| weight::too_heavy(first, frame_room(link)));
    let is_full = link.outbox.waiting() > most;
    if let Some(error) = too_heavy {
        delivered(&deliveries).give_back();
        tracing::warn!(%error, "a mail is not delivered over this link, and goes back");
        return refuse(error);
    }
    if is_full && !deliveries.is_empty() {
        delivered(&deliveries).give_back();
        link.tables.counters.overloads.increment(1);
        return refuse(ExchangeError::Full {
            what: "max_outbox_bytes",
            whose: format!("the link to {}", link.tables.principal.node_name()),
            limit: most as u64,
            advice: "take what comes over the link, and receive again",
        });
    }
    let beyond = deliveries.split_off(weight::fitting(&deliveries, room(link)));
    if !beyond.is_empty() {
        delivered(&beyond).give_back();
    }
    if deliveries.is_empty() {
        if link.receivers.end(number) {
            inbound::answer::<Vec<exchange_wire::Delivery>, Box<Refused>>(link, Some(id), &Ok(Vec::new()));
        }
        return;
    }
    // Noted before it leaves: the word that it has arrived may be back at once.
    match link.receivers.deliver(number, delivered(&deliveries)) {
        Err(delivered) => {
            link.tables.counters.far_deliveries_lost.increment(delivered.receipts.len() as u64);
            delivered.give_back();
        }
        Ok(()) => {
            let deliveries: Vec<exchange_wire::Delivery> = deliveries.into_iter().map(Into::into).collect();
            inbound::answer::<_, Box<Refused>>(link, Some(id), &Ok(deliveries));
        }
    }
}

/// What a frame to the peer has room for, besides what stands around it.
fn frame_room(link: &Link) -> usize {
    (link.frame_limits().max_frame_bytes as usize).saturating_sub(weight::AROUND_BYTES)
}

/// How much of a list is put into one answer.
fn room(link: &Link) -> usize {
    frame_room(link).min(MAX_ANSWER_BYTES)
}

/// Carries an operation out, where no attempt before this one did.
async fn once<T, F>(
    link: &Link,
    key: repeats::Key,
    work: impl FnOnce() -> F,
) -> Arc<Result<T, CallError<Box<Refused>>>>
where
    T: Send + Sync + 'static,
    F: Future<Output = Result<T, CallError<Box<Refused>>>>,
{
    let tables = &link.tables;
    let known = match tables.exchange_repeats.begin(key) {
        Attempt::First(running) => {
            let outcome = Arc::new(work().await);
            let now = link_time::now();
            let kept_ms = exchange_wire::millis(tables.limits.kept_reply_time);
            let erased: Outcome = outcome.clone();
            running.answered(&erased, now, LinkInstant(now.0.saturating_sub(kept_ms)));
            return outcome;
        }
        Attempt::Answered(known) => Some(known),
        Attempt::Later(first) => first.await.ok(),
    };
    tables.counters.repeated_requests.increment(1);
    known.and_then(|known| known.downcast().ok()).unwrap_or_else(|| {
        let cause = "an earlier attempt of this operation vanished".to_owned();
        Arc::new(Err(CallError::Disconnected { may_have_run: true, cause }))
    })
}
