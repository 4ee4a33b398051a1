//! What a test of the suite stands on: an exchange, its clock, its gate, and short words for what tests do often.
//!
//! Always true: time stands still until a test sets it on.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use folkmoot_codecs::Principal;
use folkmoot_exchange::{
    Accepted, Asker, DeadLetter, Delivery, Exchange, ExchangeClock, ExchangeError, ExchangeLimits, Ground,
    Happening, Mail, MailId, MailboxId, Moment, Page, Posting, Recv, Refusal, Registration, StatePut, Step,
    open,
};
use folkmoot_gateway::{Admitted, Gate};
use futures_util::future::{BoxFuture, LocalBoxFuture};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// When tests begin.
const BEGINNING: Moment = Moment::from_millis(1_800_000_000_000);

/// A clock that a test sets on.
#[derive(Clone)]
pub(crate) struct SetClock(Arc<Mutex<Hands>>);

struct Hands {
    now: Moment,
    sleepers: Vec<(Moment, oneshot::Sender<()>)>,
    sleeps: u64,
}

impl SetClock {
    pub(crate) fn new() -> SetClock {
        SetClock(Arc::new(Mutex::new(Hands { now: BEGINNING, sleepers: Vec::new(), sleeps: 0 })))
    }

    /// How often someone went to sleep.
    fn sleeps(&self) -> u64 {
        self.0.lock().unwrap().sleeps
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
        hands.sleeps += 1;
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
    happened: Arc<Mutex<HashMap<Happening, u64>>>,
    /// Opens an exchange of the same engine.
    open: Opening,
    random_cases: u32,
}

/// How an engine is opened, empty.
pub(crate) type Opening = fn(Ground) -> LocalBoxFuture<'static, Arc<dyn Exchange>>;

impl World {
    pub(crate) async fn memory() -> World {
        World::of(200, |ground| Box::pin(async { open("memory:", ground).await.unwrap() })).await
    }

    /// Each in a directory of its own, which goes with the thread of the test.
    #[cfg(feature = "sqlite")]
    pub(crate) async fn sqlite() -> World {
        use std::cell::RefCell;
        thread_local!(static DIRECTORIES: RefCell<Vec<tempfile::TempDir>> = const { RefCell::new(Vec::new()) });

        World::of(12, |ground| {
            let directory = tempfile::tempdir().unwrap();
            let line = format!("sqlite://{}", directory.path().display());
            DIRECTORIES.with_borrow_mut(|directories| directories.push(directory));
            Box::pin(async move { open(&line, ground).await.unwrap() })
        })
        .await
    }

    /// The exchange that a directory holds.
    #[cfg(feature = "sqlite")]
    pub(crate) async fn at(directory: &std::path::Path) -> Result<World, ExchangeError> {
        let (clock, gate) = (SetClock::new(), Gate::open());
        let line = format!("sqlite://{}", directory.display());
        let exchange = open(&line, Ground::new(clock.clone()).gate(gate.id())).await?;
        Ok(World::on(exchange, clock, gate, 1, |_| unreachable!("it has a directory of its own")))
    }

    /// An exchange that `open` opens.
    pub(crate) async fn of(random_cases: u32, open: Opening) -> World {
        super::limit::watch();
        let (clock, gate) = (SetClock::new(), Gate::open());
        let exchange = open(Ground::new(clock.clone()).gate(gate.id())).await;
        exchange.trust(gate.id());
        World::on(exchange, clock, gate, random_cases, open)
    }

    fn on(
        exchange: Arc<dyn Exchange>,
        clock: SetClock,
        gate: Gate,
        random_cases: u32,
        open: Opening,
    ) -> World {
        World {
            exchange,
            clock,
            gate,
            last_mail: Mutex::new(0),
            happened: Arc::default(),
            open,
            random_cases,
        }
    }

    /// The same engine anew, empty, with other bounds.
    pub(crate) async fn with_limits(self, limits: ExchangeLimits) -> World {
        let happened = self.happened.clone();
        let counting = move |happening, count| {
            *happened.lock().unwrap().entry(happening).or_default() += count;
        };
        let ground = Ground::new(self.clock.clone()).gate(self.gate.id()).limits(limits).counting(counting);
        let exchange = (self.open)(ground).await;
        exchange.trust(self.gate.id());
        World { exchange, ..self }
    }

    /// A world of the same engine, whose exchange is opened with its bounds.
    pub(crate) fn anew(&self) -> World {
        World {
            exchange: self.exchange.clone(),
            clock: SetClock::new(),
            gate: Gate::open(),
            last_mail: Mutex::default(),
            happened: Arc::default(),
            ..*self
        }
    }

    /// How many cases of random operations are tried.
    pub(crate) fn random_cases(&self) -> u32 {
        self.random_cases
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

    /// A delivery to the owner of that epoch.
    pub(crate) async fn take_as(&self, mailbox: MailboxId, epoch: u64) -> Delivery {
        let mut got = self.try_recv(mailbox, Recv::now().as_owner(epoch)).await.unwrap();
        got.pop().expect("there is mail")
    }

    /// A step that writes one state.
    pub(crate) fn state_step(key: &str, expected: u64, value: &'static str) -> Step {
        let put = StatePut { key: key.into(), expected, bytes: Some(value.into()) };
        Step { states: vec![put], ..Step::default() }
    }

    pub(crate) async fn acknowledge(&self, delivery: &Delivery) {
        self.exchange.acknowledge(&Asker::Container, &delivery.receipt).await.unwrap();
    }

    pub(crate) async fn refuse(&self, delivery: &Delivery, refusal: Refusal) {
        self.exchange.refuse(&Asker::Container, &delivery.receipt, refusal).await.unwrap();
    }

    /// A delivery of what was given back and may be on its way still.
    pub(crate) async fn take_soon(&self, mailbox: MailboxId) -> Delivery {
        let how = Recv::within(Duration::from_secs(60));
        let mut got = self.try_recv(mailbox, how).await.unwrap();
        got.pop().expect("it came")
    }

    /// All that can be delivered, each acknowledged.
    pub(crate) async fn drain_mail(&self, mailbox: MailboxId) -> Vec<Mail> {
        let mut all = Vec::new();
        while let Some(delivery) = self.take(mailbox).await {
            self.acknowledge(&delivery).await;
            all.push(delivery.mail);
        }
        all
    }

    /// The bodies of all that can be delivered, each acknowledged.
    pub(crate) async fn drain(&self, mailbox: MailboxId) -> Vec<String> {
        self.drain_mail(mailbox).await.iter().map(text).collect()
    }

    pub(crate) async fn dead_letters(&self, mailbox: MailboxId) -> Vec<DeadLetter> {
        self.exchange.dead_letters(&Asker::Container, mailbox, Page::first(1000)).await.unwrap()
    }

    /// What happened so far, and how often.
    pub(crate) fn happened(&self) -> HashMap<Happening, u64> {
        self.happened.lock().unwrap().clone()
    }

    /// A receiver that waits, on its way until it can go on no further.
    pub(crate) async fn waiting(&self, mailbox: MailboxId, how: Recv) -> Receiver {
        let exchange = self.exchange.clone();
        let before = self.clock.sleeps();
        let task = tokio::spawn({
            let exchange = exchange.clone();
            async move { exchange.recv(&Asker::Container, mailbox, how).await }
        });
        while self.clock.sleeps() == before && !task.is_finished() {
            tokio::task::yield_now().await;
        }
        Receiver { task, exchange }
    }

    /// Lets every task go on as far as it can.
    pub(crate) async fn settle(&self) {
        settle(&*self.exchange).await;
    }
}

/// A receiver that waits as a task of its own.
pub(crate) struct Receiver {
    task: JoinHandle<Result<Vec<Delivery>, ExchangeError>>,
    exchange: Arc<dyn Exchange>,
}

impl Receiver {
    /// Whether it waits still, after all that can go on has.
    pub(crate) async fn waits(&self) -> bool {
        settle(&*self.exchange).await;
        !self.task.is_finished()
    }

    pub(crate) async fn outcome(self) -> Result<Vec<Delivery>, ExchangeError> {
        self.task.await.unwrap()
    }

    /// It waits no more.
    pub(crate) async fn leave(self) {
        self.task.abort();
        assert!(self.task.await.unwrap_err().is_cancelled());
    }
}

/// Lets every task go on as far as it can. An engine with a thread of its own has done then what it was asked before: it
/// answers a question that changes nothing, several times, for a task may go on once it has its answer.
async fn settle(exchange: &dyn Exchange) {
    for _ in 0..4 {
        for _ in 0..16 {
            tokio::task::yield_now().await;
        }
        // A closed exchange does nothing any more.
        drop(exchange.terminate(&Asker::Container, MailboxId::user(u128::MAX)).await);
    }
}

pub(crate) fn text(mail: &Mail) -> String {
    String::from_utf8(mail.body.to_vec()).unwrap()
}

pub(crate) const SECOND: Duration = Duration::from_secs(1);
