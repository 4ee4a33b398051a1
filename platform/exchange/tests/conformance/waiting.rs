//! Receivers that wait, and what becomes of mail when they go.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::Poll;

use folkmoot_exchange::{
    Asker, Delivery, ExchangeError, ExchangeLimits, Listener, Mailbox, MailboxId, MailboxLimits, Recv,
    Refusal, Registration,
};
use futures_util::Stream;

use super::world::{SECOND, World, text};

pub(crate) async fn a_receiver_that_waits_gets_what_is_sent_meanwhile(world: World) {
    let agent = world.agent(1).await;
    let receiver = world.waiting(agent, Recv::within(60 * SECOND)).await;
    assert!(receiver.waits().await);
    world.say(agent, "hello").await;
    let got = receiver.outcome().await.unwrap();
    assert_eq!(got.iter().map(|delivery| text(&delivery.mail)).collect::<Vec<_>>(), ["hello"]);
}

pub(crate) async fn a_receiver_that_waits_in_vain_gets_nothing(world: World) {
    let agent = world.agent(1).await;
    let receiver = world.waiting(agent, Recv::within(60 * SECOND)).await;
    world.pass(59 * SECOND);
    assert!(receiver.waits().await);
    world.pass(SECOND);
    assert_eq!(receiver.outcome().await.unwrap(), []);
}

pub(crate) async fn terminating_tells_those_who_wait(world: World) {
    let agent = world.agent(1).await;
    let (one, other) = (
        world.waiting(agent, Recv::within(60 * SECOND)).await,
        world.waiting(agent, Recv::within(60 * SECOND)).await,
    );
    world.exchange.terminate(&Asker::Container, agent).await.unwrap();
    for receiver in [one, other] {
        let error = receiver.outcome().await.unwrap_err();
        assert!(matches!(error, ExchangeError::MailboxTerminated { .. }), "{error}");
    }
}

pub(crate) async fn a_receiver_that_goes_away_takes_no_mail_with_it(world: World) {
    let agent = world.agent(1).await;
    let gone = world.waiting(agent, Recv::within(60 * SECOND)).await;
    let stays = world.waiting(agent, Recv::within(60 * SECOND)).await;
    assert!(gone.waits().await && stays.waits().await);
    gone.leave().await;
    world.say(agent, "hello").await;
    let got = stays.outcome().await.unwrap();
    assert_eq!((text(&got[0].mail), got[0].attempt), ("hello".to_owned(), 1));
}

pub(crate) async fn each_of_many_receivers_gets_its_mail(world: World) {
    let agent = world.agent(1).await;
    let mut receivers = Vec::new();
    for _ in 0..20 {
        receivers.push(world.waiting(agent, Recv::within(60 * SECOND)).await);
    }
    for number in 0..20 {
        world.say(agent, &number.to_string()).await;
    }
    let mut bodies = Vec::new();
    for receiver in receivers {
        let got = receiver.outcome().await.unwrap();
        assert_eq!(got.len(), 1);
        bodies.push(text(&got[0].mail).parse::<u32>().unwrap());
    }
    bodies.sort_unstable();
    assert_eq!(bodies, (0..20).collect::<Vec<_>>());
}

pub(crate) async fn one_of_those_who_wait_learns_when_anothers_lease_ends(world: World) {
    let agent = world.agent(1).await;
    let one = world.waiting(agent, Recv::within(3600 * SECOND)).await;
    let two = world.waiting(agent, Recv::within(3600 * SECOND)).await;
    let three = world.waiting(agent, Recv::within(3600 * SECOND)).await;
    world.say(agent, "hello").await;
    assert_eq!(one.outcome().await.unwrap().len(), 1, "the first that waits is the first that receives");
    assert!(two.waits().await && three.waits().await);
    two.leave().await;
    world.pass(30 * SECOND);
    let again = three.outcome().await.unwrap();
    assert_eq!(again[0].attempt, 2);

    let waits = world.waiting(agent, Recv::within(3600 * SECOND)).await;
    world.refuse(&again[0], Refusal::after(7 * SECOND, "later")).await;
    assert!(waits.waits().await);
    world.pass(7 * SECOND);
    assert_eq!(waits.outcome().await.unwrap()[0].attempt, 3);
}

pub(crate) async fn room_in_hand_wakes_one_who_waits(world: World) {
    let changing = |in_hand| {
        let limits = MailboxLimits { in_hand, ..MailboxLimits::default() };
        Registration::new(MailboxId::agent(9)).limits(limits)
    };
    let agent = world.register(changing(1)).await;
    world.say(agent, "one").await;
    world.say(agent, "two").await;
    world.take_one(agent).await;
    let receiver = world.waiting(agent, Recv::within(60 * SECOND)).await;
    assert!(receiver.waits().await);
    world.register(changing(2)).await;
    assert_eq!(text(&receiver.outcome().await.unwrap()[0].mail), "two");

    let mailbox = MailboxLimits { in_hand: 1, ..MailboxLimits::default() };
    let world = world.with_limits(ExchangeLimits { mailbox, ..ExchangeLimits::default() }).await;
    let agent = world.agent(1).await;
    world.say(agent, "one").await;
    world.say(agent, "two").await;
    let one = world.take_one(agent).await;
    let receiver = world.waiting(agent, Recv::within(60 * SECOND)).await;
    assert!(receiver.waits().await);
    world.acknowledge(&one).await;
    assert_eq!(text(&receiver.outcome().await.unwrap()[0].mail), "two");
}

/// The next of a listener's deliveries.
async fn next(listener: &mut Listener) -> Option<Result<Delivery, ExchangeError>> {
    poll_fn(|context| Pin::new(&mut *listener).poll_next(context)).await
}

/// Whether a listener has nothing now.
async fn has_nothing(listener: &mut Listener) -> bool {
    poll_fn(|context| Poll::Ready(Pin::new(&mut *listener).poll_next(context).is_pending())).await
}

pub(crate) async fn a_listener_gives_what_comes_and_ends_when_nothing_does(world: World) {
    let agent = world.agent(1).await;
    let mailbox = Mailbox::new(world.exchange.clone(), Asker::Container, agent);
    let mut listener = mailbox.listen(Recv::within(60 * SECOND).at_most(2));
    for body in ["a", "b", "c"] {
        world.say(agent, body).await;
    }
    for body in ["a", "b", "c"] {
        let delivery = next(&mut listener).await.unwrap().unwrap();
        assert_eq!(text(&delivery.mail), body);
        mailbox.acknowledge(&delivery.receipt).await.unwrap();
    }
    assert!(has_nothing(&mut listener).await);
    world.pass(59 * SECOND);
    world.say(agent, "d").await;
    let delivery = next(&mut listener).await.unwrap().unwrap();
    mailbox.acknowledge(&delivery.receipt).await.unwrap();
    assert!(has_nothing(&mut listener).await);
    world.settle().await;
    world.pass(60 * SECOND);
    assert!(next(&mut listener).await.is_none());
    assert!(next(&mut listener).await.is_none());

    let mut listener = mailbox.listen(Recv::within(60 * SECOND));
    assert!(has_nothing(&mut listener).await);
    world.exchange.terminate(&Asker::Container, agent).await.unwrap();
    let error = next(&mut listener).await.unwrap().unwrap_err();
    assert!(matches!(error, ExchangeError::MailboxTerminated { .. }), "{error}");
    assert!(next(&mut listener).await.is_none());
}

pub(crate) async fn a_dropped_listener_gives_back_what_it_has_not_handed_out(world: World) {
    let agent = world.agent(1).await;
    let mailbox = Mailbox::new(world.exchange.clone(), Asker::Container, agent);
    for body in ["a", "b", "c"] {
        world.say(agent, body).await;
    }
    let mut listener = mailbox.listen(Recv::now().at_most(3));
    let first = next(&mut listener).await.unwrap().unwrap();
    let other = world.waiting(agent, Recv::within(60 * SECOND).at_most(2)).await;
    assert!(other.waits().await, "all are in the listener's hands");
    drop(listener);
    let mut got = other.outcome().await.unwrap();
    if got.len() == 1 {
        got.push(world.take_soon(agent).await);
    }
    let told: Vec<_> = got.iter().map(|delivery| (text(&delivery.mail), delivery.attempt)).collect();
    assert_eq!(told, [("b".to_owned(), 1), ("c".to_owned(), 1)]);
    mailbox.acknowledge(&first.receipt).await.unwrap();

    let mut idle = mailbox.listen(Recv::within(60 * SECOND));
    assert!(has_nothing(&mut idle).await);
    drop(idle);
    world.say(agent, "d").await;
    assert_eq!(world.take_one(agent).await.attempt, 1, "a listener that went away takes nothing with it");
}

pub(crate) async fn those_who_wait_are_bounded(world: World) {
    let world = world.with_limits(ExchangeLimits { waiting_receivers: 1, ..ExchangeLimits::default() }).await;
    let agent = world.agent(1).await;
    let one = world.waiting(agent, Recv::within(60 * SECOND)).await;
    let error = world.try_recv(agent, Recv::within(SECOND)).await.unwrap_err();
    assert!(matches!(error, ExchangeError::Full { what: "waiting_receivers", limit: 1, .. }), "{error}");
    assert_eq!(world.try_recv(agent, Recv::now()).await.unwrap(), []);
    one.leave().await;
    let other = world.waiting(agent, Recv::within(60 * SECOND)).await;
    assert!(other.waits().await);
}

/// Senders and receivers on threads of their own, at two mailboxes. Time stands still: a receiver that misses its
/// waking waits for ever.
pub(crate) async fn threads_that_send_and_receive_at_once_miss_nothing(world: World) {
    const SENDERS: u64 = 4;
    const EACH: u64 = 500;
    let (world, mailboxes) = (Arc::new(world), [1, 2].map(MailboxId::agent));
    for number in [1, 2] {
        world.agent(number).await;
    }
    let received: Arc<Mutex<Vec<(MailboxId, u64, u64)>>> = Arc::default();
    let receivers = (0..6).map(|number: usize| {
        let (world, received) = (world.clone(), received.clone());
        let mailbox = mailboxes[number % 2];
        on_a_thread(async move || {
            let how = Recv::within(3600 * SECOND).at_most(1 + number % 3);
            while let Ok(deliveries) = world.try_recv(mailbox, how).await {
                assert!(!deliveries.is_empty(), "time stands still");
                for delivery in deliveries {
                    world.acknowledge(&delivery).await;
                    let numbers = text(&delivery.mail);
                    let (sender, number) = numbers.split_once(' ').unwrap();
                    let all = &mut *received.lock().unwrap();
                    all.push((mailbox, sender.parse().unwrap(), number.parse().unwrap()));
                }
            }
        })
    });
    let receivers: Vec<_> = receivers.collect();
    let senders: Vec<_> = (0..SENDERS)
        .map(|sender| {
            let world = world.clone();
            on_a_thread(async move || {
                for number in 0..EACH {
                    world.say(mailboxes[(number % 2) as usize], &format!("{sender} {number}")).await;
                }
            })
        })
        .collect();
    tokio::task::spawn_blocking(|| senders.into_iter().for_each(|sender| sender.join().unwrap()))
        .await
        .unwrap();
    while received.lock().unwrap().len() < (SENDERS * EACH) as usize {
        tokio::task::yield_now().await;
    }
    for mailbox in mailboxes {
        world.exchange.terminate(&Asker::Container, mailbox).await.unwrap();
    }
    tokio::task::spawn_blocking(|| receivers.into_iter().for_each(|one| one.join().unwrap())).await.unwrap();
    let mut all = received.lock().unwrap().clone();
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len() as u64, SENDERS * EACH, "each once");
}

/// Runs on a thread of its own, with a runtime of its own.
fn on_a_thread<F: AsyncFnOnce() + Send + 'static>(work: F) -> std::thread::JoinHandle<()> {
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(work());
    })
}
