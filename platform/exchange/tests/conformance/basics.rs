//! Sending, receiving, acknowledging; states of a mailbox; its end.

use folkmoot_exchange::mail::MAILBOX_TERMINATED;
use folkmoot_exchange::{
    Asker, ExchangeError, MailId, MailboxId, MailboxState, Recv, Registered, Registration, Terminated,
    Tracking,
};

use super::world::{SECOND, World, text};

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

pub(crate) async fn what_is_not_acknowledged_within_its_lease_is_delivered_again(world: World) {
    let agent = world.agent(1).await;
    world.say(agent, "hello").await;
    let first = world.take_one(agent).await;
    let receiver = world.waiting(agent, Recv::within(60 * SECOND)).await;
    world.pass(29 * SECOND);
    assert!(receiver.waits().await);
    world.pass(SECOND);
    let second = receiver.outcome().await.unwrap().pop().expect("it is delivered again");
    assert_eq!((second.attempt, &second.mail), (2, &first.mail));
    let late = world.exchange.acknowledge(&Asker::Container, &first.receipt).await.unwrap_err();
    assert!(matches!(late, ExchangeError::LeaseOver { .. }), "{late}");
    world.acknowledge(&second).await;
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

pub(crate) async fn terminating_answers_every_request_read_or_not(world: World) {
    let agent = world.agent(1).await;
    let (ada, bob, gone) = (world.agent(2).await, world.agent(3).await, world.agent(4).await);
    let stranger = MailboxId::user(9);
    for (from, tag) in [(ada, 1), (bob, 1), (ada, 2), (stranger, 1), (gone, 1), (ada, 3)] {
        let request = world.mail("?").from(from).request(tag, Some(tag + 100));
        world.send(agent, request).await;
    }
    let read = world.take_one(agent).await;
    world.acknowledge(&read).await;
    assert!(world.take(agent).await.is_some(), "the next one is in hand");
    let answer = world.mail("!").from(agent).response(2, Some(102));
    world.send(ada, answer).await;
    world.exchange.terminate(&Asker::Container, gone).await.unwrap();

    let terminated = world.exchange.terminate(&Asker::Container, agent).await.unwrap();
    assert_eq!(terminated, Terminated { answered: 3, dropped: 5, is_repeated: false });
    assert_eq!(text(&world.take_one(ada).await.mail), "!");
    for (mailbox, tag) in [(ada, 1), (ada, 3), (bob, 1)] {
        let mail = world.take_one(mailbox).await.mail;
        assert_eq!((&*mail.kind, mail.from, mail.body.len()), (MAILBOX_TERMINATED, Some(agent), 0));
        assert_eq!(mail.tracking, Tracking::Response { tag, label: Some(tag + 100) });
    }
    assert!(world.take(ada).await.is_none() && world.take(bob).await.is_none());
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
