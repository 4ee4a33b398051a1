//! Random operations, on an exchange and on a model of one that is as simple as can be.
//!
//! Always true: after each operation both have said the same, and what waits, what is dead and what was counted is the
//! same in every mailbox. Neighbour: [`simple`] is the model.

mod simple;

use std::time::Duration;

use folkmoot_exchange::{
    Again, Asker, ExchangeError, ExchangeLimits, Mail, MailId, MailboxId, MailboxLimits, Page, Purge,
    Receipt, Recv, Refusal, Registration, StatePut, StateQuery, Step,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestError, TestRunner};

use super::world::{SECOND, World};
use simple::{Claim, Fault, Simple, Told};

/// How many mailboxes there are.
const MAILBOXES: u128 = 4;

/// Bounds that random operations reach.
fn limits() -> ExchangeLimits {
    let mailbox = MailboxLimits {
        messages: 5,
        in_hand: 3,
        attempts: 3,
        dead_letters: 2,
        pending_requests: 2,
        ..MailboxLimits::default()
    };
    ExchangeLimits {
        mailbox,
        bytes: 12 * 300,
        repeat_ids: 6,
        repeat_time: 40 * SECOND,
        terminated_mailboxes: 2,
        states: 2,
        ..ExchangeLimits::default()
    }
}

/// A mail by small numbers.
#[derive(Clone, Debug)]
struct Note {
    to: u128,
    from: Option<u128>,
    id: u128,
    body: u8,
    priority: u8,
    expires_in: Option<u64>,
    /// 0 plain, 1 request, 2 response; and the tag.
    tracking: (u8, u128),
}

#[derive(Clone, Debug)]
enum Operation {
    Pass(u64),
    Register(u128),
    Terminate(u128),
    Send(Note),
    Claim { mailbox: u128, max: usize, lease: u64, with_epoch: bool },
    Acknowledge(usize),
    Refuse(usize, Again),
    GiveBack(usize),
    Extend(usize, u64),
    Requeue(u128, Vec<u64>),
    Purge(u128, bool),
    TakeLease(u128, bool, u64),
    RenewLease(u128, u64),
    GiveUpLease(u128),
    Commit { acknowledge: Vec<usize>, put: Option<(u8, u64)>, send: Vec<Note> },
}

fn note() -> impl Strategy<Value = Note> {
    let from = prop_oneof![1 => Just(None), 4 => (1..=MAILBOXES + 1).prop_map(Some)];
    let expires_in = prop_oneof![3 => Just(None), 1 => (0..30u64).prop_map(Some)];
    let tracking = (prop_oneof![2 => Just(0u8), 2 => Just(1), 1 => Just(2)], 0..3u128);
    (1..=MAILBOXES, from, 0..12u128, 0..2u8, 3..6u8, expires_in, tracking).prop_map(
        |(to, from, id, body, priority, expires_in, tracking)| Note {
            to,
            from,
            id,
            body,
            priority,
            expires_in,
            tracking: if from.is_some() { tracking } else { (0, 0) },
        },
    )
}

fn operation() -> impl Strategy<Value = Operation> {
    let mailbox = || 1..=MAILBOXES;
    let again = prop_oneof![
        Just(Again::Untouched),
        Just(Again::Never),
        (0..20u64).prop_map(|pause| Again::After(Duration::from_secs(pause))),
    ];
    let put = prop_oneof![1 => Just(None), 2 => (0..3u8, 0..3u64).prop_map(Some)];
    prop_oneof![
        4 => (1..25u64).prop_map(Operation::Pass),
        2 => mailbox().prop_map(Operation::Register),
        1 => mailbox().prop_map(Operation::Terminate),
        12 => note().prop_map(Operation::Send),
        10 => (mailbox(), 1..4usize, 1..30u64, any::<bool>()).prop_map(
            |(mailbox, max, lease, with_epoch)| Operation::Claim { mailbox, max, lease, with_epoch }
        ),
        5 => any::<usize>().prop_map(Operation::Acknowledge),
        4 => (any::<usize>(), again).prop_map(|(which, again)| Operation::Refuse(which, again)),
        1 => any::<usize>().prop_map(Operation::GiveBack),
        1 => (any::<usize>(), 1..30u64).prop_map(|(which, lease)| Operation::Extend(which, lease)),
        1 => (mailbox(), vec(1..12u64, 1..4)).prop_map(|(mailbox, which)| Operation::Requeue(mailbox, which)),
        1 => (mailbox(), any::<bool>()).prop_map(|(mailbox, dead)| Operation::Purge(mailbox, dead)),
        1 => (mailbox(), any::<bool>(), 1..40u64)
            .prop_map(|(mailbox, north, time)| Operation::TakeLease(mailbox, north, time)),
        1 => (mailbox(), 1..40u64).prop_map(|(mailbox, time)| Operation::RenewLease(mailbox, time)),
        1 => mailbox().prop_map(Operation::GiveUpLease),
        3 => (vec(any::<usize>(), 0..3), put, vec(note(), 0..3)).prop_map(
            |(acknowledge, put, send)| Operation::Commit { acknowledge, put, send }
        ),
    ]
}

pub(crate) async fn random_operations_do_what_a_simple_model_does(world: World) {
    let run = move || {
        let config = Config { failure_persistence: None, ..Config::with_cases(world.random_cases()) };
        let outcome = TestRunner::new(config).run(&vec(operation(), 1..80), |operations| {
            let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
            runtime.block_on(check(world.anew(), operations));
            Ok(())
        });
        if let Err(TestError::Fail(reason, operations)) = outcome {
            panic!("{reason}\nafter {operations:#?}");
        }
    };
    tokio::task::spawn_blocking(run).await.unwrap();
}

async fn check(world: World, operations: Vec<Operation>) {
    let world = world.with_limits(limits()).await;
    let mut both = Both { simple: Simple::new(limits(), world.now()), world, deliveries: Vec::new() };
    for number in 1..=MAILBOXES {
        both.apply(&Operation::Register(number)).await;
    }
    for operation in operations {
        both.apply(&operation).await;
        for number in 1..=MAILBOXES {
            both.settle(number).await;
        }
        for number in 1..=MAILBOXES {
            let told = both.look(number).await;
            assert_eq!(told, both.simple.look(number), "mailbox {number} after {operation:?}");
        }
        assert_eq!(both.states().await, both.simple.states(), "after {operation:?}");
    }
}

/// The exchange and the model, side by side.
struct Both {
    world: World,
    simple: Simple,
    /// What was delivered, as each of them knows it.
    deliveries: Vec<(Receipt, Claim)>,
}

fn id(number: u128) -> MailboxId {
    MailboxId::agent(number)
}

/// The name of an error, with that of its bound.
fn fault(error: &ExchangeError) -> Fault {
    match error {
        ExchangeError::Full { what, .. } => format!("Full {what}"),
        other => format!("{other:?}").split([' ', '{']).next().unwrap_or_default().to_owned(),
    }
}

impl Both {
    fn mail(&self, note: &Note) -> Mail {
        let mail = Mail::new(MailId(note.id), "note", vec![note.body; 8]).priority(note.priority);
        let mail = note.from.into_iter().fold(mail, |mail, from| mail.from(id(from)));
        let expiry = note.expires_in.map(|seconds| self.world.now() + Duration::from_secs(seconds));
        let mail = expiry.into_iter().fold(mail, Mail::expires_at);
        match note.tracking {
            (1, tag) => mail.request(tag, None),
            (2, tag) => mail.response(tag, None),
            _ => mail,
        }
    }

    fn delivery(&self, which: usize) -> Option<(Receipt, Claim)> {
        let count = self.deliveries.len();
        // The newest are the likeliest to be in hand still.
        (count > 0).then(|| self.deliveries[count - 1 - (which % count.min(6))])
    }

    #[allow(clippy::too_many_lines, reason = "one arm for each operation")]
    async fn apply(&mut self, operation: &Operation) {
        let container = &Asker::Container;
        let exchange = self.world.exchange.clone();
        let simple = &mut self.simple;
        let (real, model) = match operation {
            Operation::Pass(seconds) => {
                self.world.pass(Duration::from_secs(*seconds));
                simple.pass(*seconds);
                return;
            }
            Operation::Register(number) => {
                let registered = exchange.register(container, Registration::new(id(*number))).await;
                (registered.map(|done| Told::Text(format!("{done:?}"))), simple.register(*number))
            }
            Operation::Terminate(number) => {
                let done = exchange.terminate(container, id(*number)).await;
                let told = done.map(|done| Told::Numbers(vec![done.answered, done.dropped]));
                (told, simple.terminate(*number))
            }
            Operation::Send(note) => {
                let mail = self.mail(note);
                let sent = self.world.try_send(id(note.to), mail.clone()).await;
                let told = sent.map(|sent| Told::Accepted(vec![Some((sent.position, sent.is_repeated))]));
                (told, self.simple.send(note.to, mail))
            }
            Operation::Claim { mailbox, max, lease, with_epoch } => {
                let epoch = with_epoch.then(|| simple.epoch(*mailbox));
                let lease = Duration::from_secs(*lease);
                let how = Recv { epoch, ..Recv::now().at_most(*max).lease(lease) };
                let claimed = exchange.recv(container, id(*mailbox), how).await;
                let model = simple.claim(*mailbox, *max, lease, epoch);
                if let (Ok(real), Ok((_, claims))) = (&claimed, &model) {
                    self.deliveries.extend(real.iter().map(|one| one.receipt).zip(claims.iter().copied()));
                }
                let told = claimed.map(|all| {
                    let delivery =
                        |one: folkmoot_exchange::Delivery| (one.mail, one.attempt, one.lease_until);
                    Told::Deliveries(all.into_iter().map(delivery).collect())
                });
                (told, model.map(|(told, _)| told))
            }
            Operation::Acknowledge(which) => {
                let Some((receipt, claim)) = self.delivery(*which) else { return };
                let done = exchange.acknowledge(container, &receipt).await;
                (done.map(|()| Told::Nothing), self.simple.acknowledge(claim))
            }
            Operation::Refuse(which, again) => {
                let Some((receipt, claim)) = self.delivery(*which) else { return };
                let refusal = Refusal { again: *again, reason: "no".into() };
                let done = exchange.refuse(container, &receipt, refusal).await;
                (done.map(|()| Told::Nothing), self.simple.refuse(claim, *again))
            }
            Operation::GiveBack(which) => {
                let Some((receipt, claim)) = self.delivery(*which) else { return };
                exchange.give_back(container, vec![receipt]);
                self.world.settle().await;
                drop(self.simple.refuse(claim, Again::Untouched));
                return;
            }
            Operation::Extend(which, lease) => {
                let Some((receipt, claim)) = self.delivery(*which) else { return };
                let lease = Duration::from_secs(*lease);
                let done = exchange.extend(container, &receipt, lease).await;
                (done.map(|_| Told::Nothing), self.simple.extend(claim, lease))
            }
            Operation::Requeue(number, positions) => {
                let done = exchange.requeue(container, id(*number), positions.clone()).await;
                (done.map(|count| Told::Numbers(vec![count])), simple.requeue(*number, positions))
            }
            Operation::Purge(number, dead) => {
                let what = if *dead { Purge::DeadLetters } else { Purge::Waiting };
                let done = exchange.purge(container, id(*number), what).await;
                (done.map(|count| Told::Numbers(vec![count])), simple.purge(*number, *dead))
            }
            Operation::TakeLease(number, north, time) => {
                let holder = if *north { "north" } else { "south" };
                let time = Duration::from_secs(*time);
                let done = exchange.take_lease(container, id(*number), holder.into(), time).await;
                (done.map(|lease| Told::Numbers(vec![lease.epoch])), simple.take_lease(*number, holder, time))
            }
            Operation::RenewLease(number, time) => {
                let (epoch, time) = (simple.epoch(*number), Duration::from_secs(*time));
                let done = exchange.renew_lease(container, id(*number), epoch, time).await;
                (done.map(|_| Told::Nothing), simple.renew_lease(*number, epoch, time))
            }
            Operation::GiveUpLease(number) => {
                let epoch = simple.epoch(*number);
                let done = exchange.give_up_lease(container, id(*number), epoch).await;
                (done.map(|()| Told::Nothing), simple.give_up_lease(*number, epoch))
            }
            Operation::Commit { acknowledge, put, send } => {
                let deliveries: Vec<_> =
                    acknowledge.iter().filter_map(|which| self.delivery(*which)).collect();
                let mails: Vec<_> = send.iter().map(|note| (note.to, self.mail(note))).collect();
                let put = put.map(|(key, expected)| (format!("key {key}"), expected));
                let states = put.iter().map(|(key, expected)| StatePut {
                    key: key.as_str().into(),
                    expected: *expected,
                    bytes: Some("value".into()),
                });
                let step = Step {
                    fence: None,
                    acknowledge: deliveries.iter().map(|(receipt, _)| *receipt).collect(),
                    states: states.collect(),
                    send: mails.iter().map(|(to, mail)| self.world.posting(id(*to), mail.clone())).collect(),
                };
                let done = exchange.commit(container, step).await;
                let claims: Vec<_> = deliveries.into_iter().map(|(_, claim)| claim).collect();
                let model = self.simple.commit(&claims, put, &mails);
                let told = done.map(|done| {
                    let one = |one: folkmoot_exchange::Accepted| (one.position, one.is_repeated);
                    Told::Accepted(done.accepted.into_iter().map(|accepted| accepted.map(one)).collect())
                });
                (told, model)
            }
        };
        assert_eq!(real.map_err(|error| fault(&error)), model, "{operation:?}");
        (1..=MAILBOXES).for_each(|number| self.simple.tell_of_deaths(number));
    }

    /// Brings a mailbox to the present, and tells of the requests that died in it.
    async fn settle(&mut self, number: u128) {
        self.world.exchange.stats(&Asker::Container, id(number)).await.ok();
        self.simple.tell_of_deaths(number);
    }

    /// The keys and revisions of all states.
    async fn states(&self) -> Vec<(String, u64)> {
        let all = self.world.exchange.states(&Asker::Container, StateQuery::under("key ")).await.unwrap();
        all.into_iter().map(|(key, state)| (key.to_string(), state.revision)).collect()
    }

    /// All that can be seen of a mailbox.
    async fn look(&self, number: u128) -> simple::Look {
        let (exchange, container) = (&self.world.exchange, &Asker::Container);
        let Ok(stats) = exchange.stats(container, id(number)).await else { return None };
        let waiting = exchange.peek(container, id(number), Page::first(99)).await.unwrap();
        let dead = exchange.dead_letters(container, id(number), Page::first(99)).await.unwrap();
        let waiting = waiting
            .into_iter()
            .map(|one| (one.position, one.mail, one.attempts, format!("{:?}", one.standing)))
            .collect();
        let dead = dead
            .into_iter()
            .map(|one| (one.position, one.mail, one.attempts, format!("{:?} at {}", one.cause, one.died_at)))
            .collect();
        Some((stats, waiting, dead))
    }
}
