//! What a test of the suite stands on: an exchange, its clock, its gate, and short words for what tests do often.
//!
//! Always true: time stands still until a test sets it on.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use folkmoot_codecs::Principal;
use folkmoot_exchange::{
    Accepted, Asker, Delivery, Exchange, ExchangeClock, ExchangeError, ExchangeLimits, Ground, Mail, MailId,
    MailboxId, Moment, Posting, Recv, Registration, open,
};
use folkmoot_gateway::{Admitted, Gate};
use futures_util::future::BoxFuture;
use tokio::sync::oneshot;

/// When tests begin.
const BEGINNING: Moment = Moment::from_millis(1_800_000_000_000);

/// A clock that a test sets on.
#[derive(Clone)]
pub(crate) struct SetClock(Arc<Mutex<Hands>>);

struct Hands {
    now: Moment,
    sleepers: Vec<(Moment, oneshot::Sender<()>)>,
}

impl SetClock {
    fn new() -> SetClock {
        SetClock(Arc::new(Mutex::new(Hands { now: BEGINNING, sleepers: Vec::new() })))
    }

    /// Lets `duration` pass; whose time is over is woken.
    pub(crate) fn pass(&self, duration: Duration) {
        let mut hands = self.0.lock().unwrap();
        hands.now = hands.now + duration;
        let now = hands.now;
        for (_, sleeper) in hands.sleepers.extract_if(.., |(moment, _)| *moment <= now) {
            // Who does not wait any more is not woken.
            let _ = sleeper.send(());
        }
    }
}

impl ExchangeClock for SetClock {
    fn now(&self) -> Moment {
        self.0.lock().unwrap().now
    }

    fn sleep_until(&self, moment: Moment) -> BoxFuture<'static, ()> {
        let mut hands = self.0.lock().unwrap();
        if moment <= hands.now {
            return Box::pin(std::future::ready(()));
        }
        let (sleeper, woken) = oneshot::channel();
        hands.sleepers.push((moment, sleeper));
        Box::pin(async move { drop(woken.await) })
    }
}

/// An exchange of one engine, and what it stands on.
pub(crate) struct World {
    pub(crate) exchange: Arc<dyn Exchange>,
    pub(crate) clock: SetClock,
    gate: Gate,
    last_mail: Mutex<u128>,
    /// Opens an exchange of the same engine.
    open: Opening,
}

/// How an engine is opened, empty.
type Opening = fn(Ground) -> BoxFuture<'static, Arc<dyn Exchange>>;

impl World {
    pub(crate) async fn memory() -> World {
        World::of(|ground| Box::pin(async { open("memory:", ground).await.unwrap() })).await
    }

    async fn of(open: Opening) -> World {
        let (clock, gate) = (SetClock::new(), Gate::open());
        let exchange = open(Ground::new(clock.clone()).gate(gate.id())).await;
        World { exchange, clock, gate, last_mail: Mutex::new(0), open }
    }

    /// The same engine anew, empty, with other bounds.
    pub(crate) async fn with_limits(self, limits: ExchangeLimits) -> World {
        let ground = Ground::new(self.clock.clone()).gate(self.gate.id()).limits(limits);
        World { exchange: (self.open)(ground).await, ..self }
    }

    pub(crate) fn now(&self) -> Moment {
        self.clock.now()
    }

    pub(crate) fn pass(&self, duration: Duration) {
        self.clock.pass(duration);
    }

    /// Registers the mailbox of an agent of that number.
    pub(crate) async fn agent(&self, number: u128) -> MailboxId {
        self.register(Registration::new(MailboxId::agent(number))).await
    }

    pub(crate) async fn register(&self, registration: Registration) -> MailboxId {
        let id = registration.id;
        self.exchange.register(&Asker::Container, registration).await.unwrap();
        id
    }

    /// A mail with an id of its own.
    pub(crate) fn mail(&self, body: &str) -> Mail {
        let mut last = self.last_mail.lock().unwrap();
        *last += 1;
        Mail::new(MailId(*last), "note", body.to_owned())
    }

    pub(crate) fn admit(&self, posting: Posting) -> Admitted<Posting> {
        self.gate.admit(posting).unwrap()
    }

    pub(crate) fn posting(&self, to: MailboxId, mail: Mail) -> Admitted<Posting> {
        self.admit(Posting::new(to, mail, Principal::node("tester"), Asker::Container))
    }

    pub(crate) async fn try_send(&self, to: MailboxId, mail: Mail) -> Result<Accepted, ExchangeError> {
        self.exchange.send(self.posting(to, mail)).await
    }

    pub(crate) async fn send(&self, to: MailboxId, mail: Mail) -> Accepted {
        self.try_send(to, mail).await.unwrap()
    }

    /// Sends a mail with that body.
    pub(crate) async fn say(&self, to: MailboxId, body: &str) {
        let mail = self.mail(body);
        assert!(!self.send(to, mail).await.is_repeated);
    }

    pub(crate) async fn try_recv(
        &self,
        mailbox: MailboxId,
        how: Recv,
    ) -> Result<Vec<Delivery>, ExchangeError> {
        self.exchange.recv(&Asker::Container, mailbox, how).await
    }

    /// What is there now, one delivery at most.
    pub(crate) async fn take(&self, mailbox: MailboxId) -> Option<Delivery> {
        self.try_recv(mailbox, Recv::now()).await.unwrap().pop()
    }

    /// The same; there is one.
    pub(crate) async fn take_one(&self, mailbox: MailboxId) -> Delivery {
        self.take(mailbox).await.expect("there is mail")
    }

    pub(crate) async fn acknowledge(&self, delivery: &Delivery) {
        self.exchange.acknowledge(&Asker::Container, &delivery.receipt).await.unwrap();
    }

    /// The bodies of all that can be delivered, each acknowledged.
    pub(crate) async fn drain(&self, mailbox: MailboxId) -> Vec<String> {
        let mut bodies = Vec::new();
        while let Some(delivery) = self.take(mailbox).await {
            self.acknowledge(&delivery).await;
            bodies.push(text(&delivery.mail));
        }
        bodies
    }

    /// A receiver that waits, on its way until it can go on no further.
    pub(crate) async fn waiting(&self, mailbox: MailboxId, how: Recv) -> Receiver {
        let exchange = self.exchange.clone();
        let task = tokio::spawn(async move { exchange.recv(&Asker::Container, mailbox, how).await });
        settle().await;
        Receiver(task)
    }
}

/// A receiver that waits as a task of its own.
pub(crate) struct Receiver(tokio::task::JoinHandle<Result<Vec<Delivery>, ExchangeError>>);

impl Receiver {
    /// Whether it waits still, after all that can go on has.
    pub(crate) async fn waits(&self) -> bool {
        settle().await;
        !self.0.is_finished()
    }

    pub(crate) async fn outcome(self) -> Result<Vec<Delivery>, ExchangeError> {
        self.0.await.unwrap()
    }

    /// It waits no more.
    pub(crate) async fn leave(self) {
        self.0.abort();
        assert!(self.0.await.unwrap_err().is_cancelled());
    }
}

/// Lets every task go on as far as it can. An engine with threads of its own may need longer; then a test waits for what
/// must come, and looks a while for what must not.
pub(crate) async fn settle() {
    for _ in 0..64 {
        tokio::task::yield_now().await;
    }
}

pub(crate) fn text(mail: &Mail) -> String {
    String::from_utf8(mail.body.to_vec()).unwrap()
}

pub(crate) const SECOND: Duration = Duration::from_secs(1);
