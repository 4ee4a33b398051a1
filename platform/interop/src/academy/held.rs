//! Mail that was handed to a client, of which nobody knows yet whether it has arrived.
//!
//! Academy's clients acknowledge nothing, so the server looks for a sign, and acknowledges a mail at the first:
//!
//! - the mailbox that it was for sends a response with its tag;
//! - the client asks for something else over the same connection, after an answer that is whole;
//! - the client listens again, and names the mail's event or a later one as the last that it has seen;
//! - the bytes have left and the connection has stood for a while since ([`SETTLE_TIME`]), or was closed by a client that
//!   had read a whole answer.
//!
//! Always true: what is held here is in hand at the exchange. It is acknowledged at a sign, and given back where its
//! connection ends without one: no mail goes with a connection, and one that was written in the last moment of a stream may
//! come twice. Of a response the exchange is told as soon as the system has taken its bytes: should this process be killed then,
//! the system sends them all the same, and the response does not come twice, which Academy's clients do not survive. A
//! request comes twice rather than never: its agent may have been killed too. Neighbours: [`connection`](super::connection) tells how connections end; [`stream`](super::stream) and
//! [`receiving`](super::receiving) hand mail out.

use std::collections::HashMap;
use std::future::{Future, poll_fn};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;

use folkmoot::Clock;
use folkmoot::exchange::{Asker, Delivery, Exchange, ExchangeError, MailboxId, Receipt, Refusal, Tracking};
use futures_util::future::{join_all, poll_immediate};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::wire::Line;

/// A mail that has left is taken for arrived once its connection has stood for so long, at most for twice as long.
pub(crate) const SETTLE_TIME: Duration = Duration::from_millis(100);
/// A mail whose stream broke is given back after so long, unless a sign comes or the mailbox is listened to before.
const DOUBT_TIME: Duration = Duration::from_secs(1);
/// Pause between two looks whether all is done.
const LOOK_AGAIN: Duration = Duration::from_millis(5);
/// Tables that the mailboxes are spread over, so that connections do not wait for each other.
const TABLES: usize = 16;

/// An answer or a stream: whether all of it was handed over.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    is_whole: AtomicBool,
}

impl Answer {
    /// Its end was handed over.
    pub(crate) fn end(&self) {
        self.is_whole.store(true, Ordering::Release);
    }

    fn is_whole(&self) -> bool {
        self.is_whole.load(Ordering::Acquire)
    }
}

/// How a client left its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Parting {
    /// It closed it, having read all that had come to it.
    Closed,
    /// Otherwise, or nobody knows.
    Broken,
}

/// What one connection has in its hands.
#[derive(Debug)]
pub(crate) struct Hands {
    line: Arc<Line>,
    /// The mailboxes of which mail is held for it.
    mailboxes: Mutex<Vec<MailboxId>>,
    news: Notify,
    /// By what the line counts: up to there it is known what has left.
    looked_to: AtomicU64,
}

impl Hands {
    pub(crate) fn new(line: Arc<Line>) -> Hands {
        Hands { line, mailboxes: Mutex::default(), news: Notify::new(), looked_to: AtomicU64::default() }
    }

    fn mailboxes(&self) -> MutexGuard<'_, Vec<MailboxId>> {
        self.mailboxes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The connection's bytes.
    pub(crate) fn line(&self) -> &Line {
        &self.line
    }

    /// Whether nothing is held for the connection.
    pub(crate) fn is_empty(&self) -> bool {
        self.mailboxes().is_empty()
    }

    fn enter(&self, mailbox: MailboxId) {
        let mut mailboxes = self.mailboxes();
        if !mailboxes.contains(&mailbox) {
            mailboxes.push(mailbox);
            self.news.notify_one();
        }
    }

    fn leave(&self, mailbox: MailboxId) {
        self.mailboxes().retain(|other| *other != mailbox);
    }
}

/// One mail.
#[derive(Debug)]
struct Held {
    receipt: Receipt,
    asker: Asker,
    /// Where it is a request.
    tag: Option<u128>,
    /// It is a response, and the exchange does not know yet that it has left.
    is_to_be_noted: bool,
    /// Its event, in a stream.
    event: Option<u64>,
    answer: Arc<Answer>,
    hands: Arc<Hands>,
    /// By what the line counts it.
    number: u64,
    was_out: bool,
    /// Its stream is over.
    is_in_doubt: bool,
}

impl Held {
    fn is_out(&self) -> bool {
        self.hands.line.is_out(self.number)
    }
}

type Table = HashMap<MailboxId, Vec<Held>>;

/// All mail that is held, of all connections.
#[derive(Debug)]
pub(crate) struct HeldMail {
    exchange: Arc<dyn Exchange>,
    tables: [Mutex<Table>; TABLES],
    next_event: AtomicU64,
    /// A clone for each piece of work that nobody waits for.
    at_work: Arc<()>,
}

impl HeldMail {
    /// `first_event` is higher than any that an earlier server gave: clients remember them.
    pub(crate) fn new(exchange: Arc<dyn Exchange>, first_event: u64) -> HeldMail {
        HeldMail {
            exchange,
            tables: Default::default(),
            next_event: AtomicU64::new(first_event),
            at_work: Arc::default(),
        }
    }

    /// The number of the next event of any stream; it grows.
    pub(crate) fn next_event(&self) -> u64 {
        self.next_event.fetch_add(1, Ordering::Relaxed)
    }

    /// Holds a mail that is handed over in this very poll.
    pub(crate) fn hold(
        &self,
        delivery: &Delivery,
        asker: &Asker,
        (answer, event): (&Arc<Answer>, Option<u64>),
        hands: &Arc<Hands>,
    ) {
        let tag = match delivery.mail.tracking {
            Tracking::Request { tag, .. } => Some(tag),
            Tracking::Response { .. } | Tracking::Plain => None,
        };
        let mailbox = delivery.receipt.mailbox;
        let held = Held {
            receipt: delivery.receipt,
            asker: asker.clone(),
            tag,
            is_to_be_noted: matches!(delivery.mail.tracking, Tracking::Response { .. }),
            event,
            answer: answer.clone(),
            hands: hands.clone(),
            number: hands.line.hand(),
            was_out: false,
            is_in_doubt: false,
        };
        self.table(mailbox).entry(mailbox).or_default().push(held);
        hands.enter(mailbox);
    }

    /// The mailbox `from` has answered the request of that tag.
    pub(crate) async fn answered(self: &Arc<Self>, from: MailboxId, tag: u128) {
        let taken = self.take(from, |held| held.tag == Some(tag));
        self.acknowledge_meanwhile(taken).await;
    }

    /// Someone begins to receive from a mailbox, and has seen events up to `last_event`.
    pub(crate) async fn begins(self: &Arc<Self>, mailbox: MailboxId, last_event: Option<u64>) {
        let seen = |held: &Held| held.event.is_some_and(|event| last_event.is_some_and(|last| event <= last));
        let taken = self.take(mailbox, |held| seen(held));
        self.acknowledge_meanwhile(taken).await;
        let doubtful = self.take(mailbox, |held| held.is_in_doubt);
        self.give_back(doubtful).await;
    }

    /// The mailbox is about to end: what has left for its client is no mail that goes with it.
    pub(crate) async fn ends(self: &Arc<Self>, mailbox: MailboxId) {
        let taken = self.take(mailbox, |held| held.is_out());
        self.acknowledge(taken).await;
    }

    /// The connection asked for something else: it has read the answers that were whole.
    pub(crate) async fn asked_again(self: &Arc<Self>, hands: &Arc<Hands>) {
        if !hands.is_empty() {
            let read = |held: &mut Held| held.answer.is_whole() && held.is_out();
            let taken = self.take_of(hands, read);
            self.acknowledge_meanwhile(taken).await;
        }
    }

    /// Waits until nothing is being acknowledged or given back.
    pub(crate) async fn is_done(&self, clock: &dyn Clock) {
        while Arc::strong_count(&self.at_work) > 1 {
            clock.sleep(LOOK_AGAIN).await;
        }
    }

    /// Notes what has left the connection, and acknowledges what was not lost with it, again and again; it has no end. It is to be
    /// polled by whoever has polled the connection, for what has left wakes nobody.
    pub(crate) async fn settle(self: &Arc<Self>, hands: &Arc<Hands>, clock: &dyn Clock) {
        loop {
            if hands.is_empty() {
                hands.news.notified().await;
            }
            let mut time = clock.sleep(SETTLE_TIME);
            loop {
                let left = tokio::select! {
                    biased;
                    () = &mut time => break,
                    left = poll_fn(|_| self.poll_left(hands)) => left,
                };
                self.exchange.note_left(&left);
            }
            let taken = self.take_of(hands, |held| {
                let was_out = held.was_out;
                held.was_out = held.is_out();
                was_out
            });
            // What leaves meanwhile is noted at once.
            self.acknowledge_meanwhile(taken).await;
        }
    }

    /// Responses that have left since it was last asked.
    fn poll_left(&self, hands: &Arc<Hands>) -> Poll<Vec<Receipt>> {
        let (_, out) = hands.line.progress();
        if hands.looked_to.swap(out, Ordering::AcqRel) == out {
            return Poll::Pending;
        }
        let mut left = Vec::new();
        for mailbox in hands.mailboxes().clone() {
            let mut table = self.table(mailbox);
            let all = table.get_mut(&mailbox).into_iter().flatten();
            for held in all.filter(|held| held.is_to_be_noted && Arc::ptr_eq(&held.hands, hands)) {
                if held.is_out() {
                    held.is_to_be_noted = false;
                    left.push(held.receipt);
                }
            }
        }
        if left.is_empty() { Poll::Pending } else { Poll::Ready(left) }
    }

    /// The connection is over: what a client has not got, as far as one can tell, is given back.
    pub(crate) async fn ended(self: &Arc<Self>, hands: &Arc<Hands>, parting: Parting, clock: &dyn Clock) {
        if hands.is_empty() {
            return;
        }
        let read = |held: &mut Held| parting == Parting::Closed && held.answer.is_whole() && held.is_out();
        let taken = self.take_of(hands, read);
        self.acknowledge(taken).await;
        let mut is_doubtful = false;
        let lost = self.take_of(hands, |held| {
            // A client that listens again may say that it has seen it.
            held.is_in_doubt = held.event.is_some() && held.is_out();
            is_doubtful |= held.is_in_doubt;
            !held.is_in_doubt
        });
        self.give_back(lost).await;
        if is_doubtful {
            clock.sleep(DOUBT_TIME).await;
            let lost = self.take_of(hands, |_| true);
            self.give_back(lost).await;
        }
    }

    fn table(&self, mailbox: MailboxId) -> MutexGuard<'_, Table> {
        let at = usize::try_from(mailbox.uuid % TABLES as u128).unwrap_or_default();
        let [first, ..] = &self.tables;
        self.tables.get(at).unwrap_or(first).lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes what `which` says out of a mailbox's, in order.
    fn take(&self, mailbox: MailboxId, which: impl FnMut(&mut Held) -> bool) -> Vec<Held> {
        let mut table = self.table(mailbox);
        let Some(all) = table.get_mut(&mailbox) else { return Vec::new() };
        let taken: Vec<Held> = all.extract_if(.., which).collect();
        for held in &taken {
            if !all.iter().any(|other| Arc::ptr_eq(&other.hands, &held.hands)) {
                held.hands.leave(mailbox);
            }
        }
        if all.is_empty() {
            table.remove(&mailbox);
        }
        taken
    }

    /// The same of one connection's, in all its mailboxes.
    fn take_of(&self, hands: &Arc<Hands>, mut which: impl FnMut(&mut Held) -> bool) -> Vec<Held> {
        let mailboxes = hands.mailboxes().clone();
        let of_all = mailboxes
            .into_iter()
            .map(|mailbox| self.take(mailbox, |held| Arc::ptr_eq(&held.hands, hands) && which(held)));
        of_all.flatten().collect()
    }

    async fn acknowledge(&self, taken: Vec<Held>) {
        if let Some(task) = self.begin(taken, acknowledge).await {
            // A panic of the exchange is told by the runtime.
            task.await.ok();
        }
    }

    /// The same, without waiting until it is done: nobody's answer depends on it.
    async fn acknowledge_meanwhile(&self, taken: Vec<Held>) {
        self.begin(taken, acknowledge).await;
    }

    /// Gives back what was written and is not known to have arrived, and what was not written at all.
    async fn give_back(&self, lost: Vec<Held>) {
        if let Some(task) = self.begin(lost, give_back).await {
            task.await.ok();
        }
    }

    /// Begins a piece of work on these mails. Where it takes its time it becomes a task, and so comes to its end even where
    /// whoever waits for it goes away.
    async fn begin<F>(
        &self,
        mails: Vec<Held>,
        work: fn(Arc<dyn Exchange>, Vec<Held>) -> F,
    ) -> Option<JoinHandle<()>>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        if mails.is_empty() {
            return None;
        }
        let mut work = Box::pin(work(self.exchange.clone(), mails));
        if poll_immediate(&mut work).await.is_some() {
            return None;
        }
        let at_work = self.at_work.clone();
        Some(tokio::spawn(async move {
            work.await;
            drop(at_work);
        }))
    }

    /// Gives back what nobody was handed.
    pub(crate) fn return_unhanded(&self, asker: Asker, receipts: Vec<Receipt>) {
        let (exchange, at_work) = (self.exchange.clone(), self.at_work.clone());
        let work = async move {
            let _at_work = at_work;
            for receipt in &receipts {
                told(exchange.refuse(&asker, receipt, Refusal::untouched()).await, "given back", receipt);
            }
        };
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn(work)),
            // The runtime has ended: the leases do it.
            Err(_) => drop(work),
        }
    }
}

async fn acknowledge(exchange: Arc<dyn Exchange>, taken: Vec<Held>) {
    let all = taken.iter().map(async |held| {
        told(exchange.acknowledge(&held.asker, &held.receipt).await, "acknowledged", &held.receipt);
    });
    join_all(all).await;
}

async fn give_back(exchange: Arc<dyn Exchange>, lost: Vec<Held>) {
    tracing::debug!(mails = lost.len(), "mail is delivered again, for its connection broke");
    for held in &lost {
        let refusal = match held.is_out() {
            true => Refusal::after(Duration::ZERO, "the client's connection broke"),
            false => Refusal::untouched(),
        };
        told(exchange.refuse(&held.asker, &held.receipt, refusal).await, "given back", &held.receipt);
    }
}

/// A delivery that is over already, for its lease or its mailbox is, needs no word any more.
fn told(done: Result<(), ExchangeError>, what: &str, receipt: &Receipt) {
    match done {
        Ok(()) => {}
        Err(
            error @ (ExchangeError::LeaseOver { .. }
            | ExchangeError::MailboxTerminated { .. }
            | ExchangeError::NoSuchMailbox { .. }
            | ExchangeError::Closed),
        ) => tracing::debug!(mailbox = %receipt.mailbox, %error, "a mail was not {what}"),
        Err(error) => tracing::warn!(mailbox = %receipt.mailbox, %error, "a mail was not {what}"),
    }
}
