//! Sending, receiving, acknowledging; states of a mailbox; what is counted; the end of an exchange.

use folkmoot_exchange::{
    Asker, ExchangeError, ExchangeLimits, Happening, MailId, MailboxId, MailboxLimits, MailboxState,
    MailboxStats, Recv, Refusal, Registered, Registration, Terminated,
};

use super::world::{SECOND, World};

pub(crate) async fn a_mail_is_delivered_once_it_was_sent_and_never_after_it_was_acknowledged(world: World) {
    let (agent, sender) = (world.agent(1).await, world.agent(2).await);
    assert!(world.take(agent).await.is_none());
    let mail = world.mail("ten apples").from(sender).priority(7).request(3, Some(4));
    let accepted = world.send(agent, mail.clone()).await;
    assert_eq!((accepted.position, accepted.is_repeated), (1, false));
    world.pass(SECOND);
    let delivery = world.take_one(agent).await;
    assert_eq!(delivery.mail, mail);
    assert_eq!(delivery.by.node_name(), "tester");
    assert_eq!((delivery.attempt, delivery.receipt.position), (1, 1));
    assert_eq!(delivery.accepted_at + SECOND, world.now());
    assert_eq!(delivery.lease_until, world.now() + 30 * SECOND);
    assert!(world.take(agent).await.is_none(), "it is in hand");
    world.acknowledge(&delivery).await;
    world.pass(100 * SECOND);
    assert!(world.take(agent).await.is_none());
    let again = world.exchange.acknowledge(&Asker::Container, &delivery.receipt).await.unwrap_err();
    assert!(matches!(again, ExchangeError::LeaseOver { position: 1, .. }), "{again}");
}

pub(crate) async fn mail_is_delivered_in_the_order_in_which_it_was_accepted_higher_priorities_first(
    world: World,
) {
    let agent = world.agent(1).await;
    for (body, priority) in [("c", 4), ("d", 4), ("f", 0), ("a", 9), ("e", 4), ("b", 9)] {
        let mail = world.mail(body).priority(priority);
        world.send(agent, mail).await;
    }
    assert_eq!(world.drain(agent).await, ["a", "b", "c", "d", "e", "f"]);
}

pub(crate) async fn a_mailbox_is_missing_then_inactive_then_active_then_terminated(world: World) {
    let (exchange, container) = (&world.exchange, &Asker::Container);
    let agent = MailboxId::agent(1);
    let state = async || exchange.status(container, agent).await.unwrap().state;
    assert_eq!(state().await, MailboxState::Missing);
    let error = world.try_recv(agent, Recv::now()).await.unwrap_err();
    assert!(matches!(error, ExchangeError::NoSuchMailbox { .. }), "{error}");
    let register = async || exchange.register(container, Registration::new(agent)).await.unwrap();
    assert_eq!(register().await, Registered::New);
    assert_eq!(state().await, MailboxState::Inactive);
    world.say(agent, "stays").await;
    assert_eq!(register().await, Registered::Known);
    exchange.heartbeat(container, agent).await.unwrap();
    world.pass(89 * SECOND);
    let status = exchange.status(container, agent).await.unwrap();
    assert_eq!((status.state, status.heartbeat_age), (MailboxState::Active, Some(89 * SECOND)));
    world.pass(SECOND);
    assert_eq!(state().await, MailboxState::Inactive);
    assert_eq!(world.drain(agent).await, ["stays"]);
    let terminated = exchange.terminate(container, agent).await.unwrap();
    assert_eq!(terminated, Terminated::default());
    assert_eq!(state().await, MailboxState::Terminated);
    assert_eq!(register().await, Registered::Terminated);
    assert!(exchange.terminate(container, agent).await.unwrap().is_repeated);
    assert!(exchange.terminate(container, MailboxId::agent(2)).await.unwrap().is_repeated);
    for error in [
        world.try_recv(agent, Recv::now()).await.unwrap_err(),
        world.try_send(agent, world.mail("late")).await.unwrap_err(),
        exchange.heartbeat(container, agent).await.unwrap_err(),
        exchange.stats(container, agent).await.unwrap_err(),
    ] {
        assert!(matches!(error, ExchangeError::MailboxTerminated { .. }), "{error}");
    }
}

pub(crate) async fn a_retried_send_is_delivered_once(world: World) {
    let (agent, ada, bob) = (world.agent(1).await, world.agent(2).await, world.agent(3).await);
    let mail =
        |from, body: &str| folkmoot_exchange::Mail::new(MailId(77), "note", body.to_owned()).from(from);
    assert!(!world.send(agent, mail(ada, "once")).await.is_repeated);
    let again = world.send(agent, mail(ada, "once")).await;
    assert_eq!((again.position, again.is_repeated), (1, true));
    assert!(!world.send(agent, mail(bob, "another's")).await.is_repeated);
    assert_eq!(world.drain(agent).await, ["once", "another's"]);
    world.pass(599 * SECOND);
    assert!(world.send(agent, mail(ada, "once")).await.is_repeated, "remembered after it was acknowledged");
    let error = world.try_send(agent, mail(ada, "twice")).await.unwrap_err();
    assert!(matches!(error, ExchangeError::IdUsed { .. }), "{error}");
    assert!(world.take(agent).await.is_none());
    world.pass(SECOND);
    assert!(!world.send(agent, mail(ada, "twice")).await.is_repeated, "forgotten after its time");
}

pub(crate) async fn a_closed_exchange_says_so_and_tells_those_who_wait(world: World) {
    let agent = world.agent(1).await;
    let receiver = world.waiting(agent, Recv::within(60 * SECOND)).await;
    world.exchange.close().await.unwrap();
    let told = receiver.outcome().await.unwrap_err();
    assert!(matches!(told, ExchangeError::Closed), "{told}");
    let error = world.try_send(agent, world.mail("late")).await.unwrap_err();
    assert!(matches!(error, ExchangeError::Closed), "{error}");
    world.exchange.close().await.unwrap();
}

pub(crate) async fn stats_tell_what_a_mailbox_holds_and_has_done(world: World) {
    let (agent, ada) = (world.agent(1).await, world.agent(2).await);
    let stats = async |mailbox| world.exchange.stats(&Asker::Container, mailbox).await.unwrap();
    assert_eq!(stats(agent).await, MailboxStats::default());
    let mut bytes = 0;
    for tag in 1..=5 {
        let mail = world.mail("question").from(ada).request(tag, None);
        bytes += mail.size_bytes();
        world.send(agent, mail).await;
    }
    let (first, second) = (world.take_one(agent).await, world.take_one(agent).await);
    world.take_one(agent).await;
    world.acknowledge(&first).await;
    world.refuse(&second, Refusal::after(SECOND, "later")).await;
    let fourth = world.take_one(agent).await;
    world.refuse(&fourth, Refusal::never("no")).await;
    let answer = world.mail("yes").from(agent).response(1, None);
    world.send(ada, answer).await;
    let size = first.mail.size_bytes();
    assert_eq!(
        stats(agent).await,
        MailboxStats {
            ready: 1,
            in_hand: 1,
            delayed: 1,
            bytes: bytes - 2 * size,
            dead_letters: 1,
            pending_requests: 3,
            accepted: 5,
            acknowledged: 1,
            requests_in: 5,
            requests_out: 0,
            answered: 1,
        }
    );
    // The answer, and that the fourth is dead.
    assert_eq!((stats(ada).await.requests_out, stats(ada).await.accepted), (5, 2));
}

pub(crate) async fn what_happens_is_counted(world: World) {
    let mailbox = MailboxLimits { attempts: 2, dead_letters: 1, messages: 3, ..MailboxLimits::default() };
    let world = world
        .with_limits(ExchangeLimits { mailbox, terminated_mailboxes: 1, ..ExchangeLimits::default() })
        .await;
    let agent = world.agent(1).await;
    let mail = world.mail("one");
    world.send(agent, mail.clone()).await;
    world.send(agent, mail).await;
    world.say(agent, "two").await;
    world.say(agent, "three").await;
    assert!(world.try_send(agent, world.mail("four")).await.is_err());
    let first = world.take_one(agent).await;
    world.acknowledge(&first).await;
    assert!(world.exchange.acknowledge(&Asker::Container, &first.receipt).await.is_err());
    let second = world.take_one(agent).await;
    world.refuse(&second, Refusal::after(SECOND, "later")).await;
    world.pass(SECOND);
    let second = world.take_one(agent).await;
    world.refuse(&second, Refusal::after(SECOND, "later still")).await;
    let third = world.take_one(agent).await;
    world.refuse(&third, Refusal::never("no")).await;
    for mailbox in [agent, world.agent(2).await] {
        world.exchange.terminate(&Asker::Container, mailbox).await.unwrap();
    }
    let expected = [
        (Happening::Accepted, 3),
        (Happening::Repeated, 1),
        (Happening::Refused, 1),
        (Happening::Delivered, 4),
        (Happening::Redelivered, 1),
        (Happening::Acknowledged, 1),
        (Happening::GivenBack, 3),
        (Happening::Late, 1),
        (Happening::DeadLetter, 2),
        (Happening::LetterLost, 1),
        (Happening::ThrownAway, 1),
        (Happening::Terminated, 2),
        (Happening::Forgotten, 1),
    ];
    assert_eq!(world.happened(), expected.into());
}
