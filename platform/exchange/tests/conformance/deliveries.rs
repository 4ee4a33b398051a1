//! What becomes of a mail that was delivered: leases, attempts, refusals, dead letters; looking and throwing away.

use std::time::Duration;

use folkmoot_exchange::{
    Asker, DeathCause, ExchangeError, ExchangeLimits, MailboxLimits, Page, Purge, Recv, Refusal, Standing,
};

use super::world::{SECOND, World, text};

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

pub(crate) async fn a_delivery_is_kept_longer_when_it_is_extended(world: World) {
    let agent = world.agent(1).await;
    world.say(agent, "hello").await;
    let delivery = world.take_one(agent).await;
    world.pass(29 * SECOND);
    let extend = async |lease| world.exchange.extend(&Asker::Container, &delivery.receipt, lease).await;
    assert_eq!(extend(60 * SECOND).await.unwrap(), world.now() + 60 * SECOND);
    world.pass(59 * SECOND);
    assert!(world.take(agent).await.is_none());
    assert_eq!(extend(5 * SECOND).await.unwrap(), world.now() + 5 * SECOND);
    world.pass(5 * SECOND);
    let error = extend(SECOND).await.unwrap_err();
    assert!(matches!(error, ExchangeError::LeaseOver { .. }), "{error}");
    assert_eq!(world.take_one(agent).await.attempt, 2);
}

pub(crate) async fn a_refused_mail_comes_again_after_its_pause_and_in_its_old_place(world: World) {
    let agent = world.agent(1).await;
    for body in ["a", "b", "c"] {
        world.say(agent, body).await;
    }
    let first = world.take_one(agent).await;
    world.refuse(&first, Refusal::after(10 * SECOND, "busy")).await;
    let error = world.exchange.acknowledge(&Asker::Container, &first.receipt).await.unwrap_err();
    assert!(matches!(error, ExchangeError::LeaseOver { .. }), "{error}");
    let second = world.take_one(agent).await;
    assert_eq!(text(&second.mail), "b", "other mail is delivered meanwhile");
    world.refuse(&second, Refusal::after(Duration::ZERO, "at once")).await;
    world.pass(10 * SECOND);
    let again = world.take_one(agent).await;
    assert_eq!((text(&again.mail), again.attempt), ("a".to_owned(), 2));
    world.acknowledge(&again).await;
    assert_eq!(world.drain(agent).await, ["b", "c"]);
}

pub(crate) async fn what_was_not_looked_at_goes_back_and_does_not_count(world: World) {
    let agent = world.agent(1).await;
    world.say(agent, "hello").await;
    for _ in 0..50 {
        let delivery = world.take_one(agent).await;
        assert_eq!(delivery.attempt, 1);
        world.refuse(&delivery, Refusal::untouched()).await;
    }
    let delivery = world.take_one(agent).await;
    world.exchange.give_back(&Asker::Container, vec![delivery.receipt, delivery.receipt]);
    let delivery = world.take_soon(agent).await;
    assert_eq!(delivery.attempt, 1);
}

pub(crate) async fn after_its_last_attempt_a_mail_is_a_dead_letter_with_a_cause(world: World) {
    let mailbox = MailboxLimits { attempts: 3, ..MailboxLimits::default() };
    let world = world.with_limits(ExchangeLimits { mailbox, ..ExchangeLimits::default() }).await;
    let agent = world.agent(1).await;
    for body in ["slow", "bad", "wrong"] {
        world.say(agent, body).await;
    }
    for attempt in 1..=3 {
        let (slow, bad) = (world.take_one(agent).await, world.take_one(agent).await);
        assert_eq!((slow.attempt, bad.attempt), (attempt, attempt));
        world.refuse(&bad, Refusal::after(SECOND, format!("no luck at {attempt}"))).await;
        if attempt == 1 {
            let wrong = world.take_one(agent).await;
            world.refuse(&wrong, Refusal::never("it is no number")).await;
        }
        world.pass(30 * SECOND);
    }
    assert!(world.take(agent).await.is_none());
    let letters = world.dead_letters(agent).await;
    let told: Vec<_> = letters
        .iter()
        .map(|letter| (text(&letter.mail), letter.position, letter.attempts, letter.cause.clone()))
        .collect();
    let expected = [
        ("slow".to_owned(), 1, 3, DeathCause::LeaseOver),
        ("bad".to_owned(), 2, 3, DeathCause::Refused("no luck at 3".into())),
        ("wrong".to_owned(), 3, 1, DeathCause::Refused("it is no number".into())),
    ];
    assert_eq!(told, expected);
    assert_eq!(letters[0].died_at, world.now());
    assert_eq!(letters[1].died_at + 30 * SECOND, world.now());
}

pub(crate) async fn what_expires_is_a_dead_letter_but_not_in_hand(world: World) {
    let agent = world.agent(1).await;
    let soon = world.now() + 10 * SECOND;
    for body in ["in hand", "unread", "given back", "delayed"] {
        let mail = world.mail(body).expires_at(soon);
        world.send(agent, mail).await;
    }
    let in_hand = world.take_one(agent).await;
    let unread = world.take_one(agent).await;
    let given_back = world.take_one(agent).await;
    let delayed = world.take_one(agent).await;
    world.refuse(&unread, Refusal::untouched()).await;
    world.refuse(&delayed, Refusal::after(20 * SECOND, "later")).await;
    world.pass(10 * SECOND);
    assert!(world.take(agent).await.is_none(), "it has expired");
    world.acknowledge(&in_hand).await;
    world.pass(SECOND);
    world.refuse(&given_back, Refusal::after(SECOND, "too late now")).await;
    let letters = world.dead_letters(agent).await;
    let told: Vec<_> = letters.iter().map(|letter| (text(&letter.mail), letter.attempts)).collect();
    assert_eq!(told, [("unread".to_owned(), 0), ("given back".to_owned(), 1), ("delayed".to_owned(), 1)]);
    assert!(letters.iter().all(|letter| letter.cause == DeathCause::Expired && letter.died_at == soon));
    let late = world.try_send(agent, world.mail("late").expires_at(world.now())).await.unwrap_err();
    assert!(matches!(late, ExchangeError::Expired { .. }), "{late}");
    assert_eq!(world.dead_letters(agent).await.len(), 3);
}

pub(crate) async fn dead_letters_are_listed_requeued_and_purged(world: World) {
    let agent = world.agent(1).await;
    for body in ["a", "b", "c", "d"] {
        let mail = world.mail(body).expires_at(world.now() + SECOND);
        world.send(agent, mail).await;
        let delivery = world.take_one(agent).await;
        world.refuse(&delivery, Refusal::never("no")).await;
    }
    let page = async |page| world.exchange.dead_letters(&Asker::Container, agent, page).await.unwrap();
    let positions = |letters: Vec<folkmoot_exchange::DeadLetter>| {
        letters.iter().map(|letter| letter.position).collect::<Vec<_>>()
    };
    assert_eq!(positions(page(Page::first(3)).await), [1, 2, 3]);
    assert_eq!(positions(page(Page::first(3).after(3)).await), [4]);
    world.say(agent, "e").await;
    let requeue = async |positions: &[u64]| {
        world.exchange.requeue(&Asker::Container, agent, positions.to_vec()).await.unwrap()
    };
    assert_eq!(requeue(&[3, 1, 9, 3]).await, 2);
    assert_eq!(requeue(&[1]).await, 0);
    world.pass(2 * SECOND);
    let first = world.take_one(agent).await;
    assert_eq!((text(&first.mail), first.receipt.position), ("e".to_owned(), 5));
    let second = world.take_one(agent).await;
    assert_eq!((text(&second.mail), second.attempt, second.receipt.position), ("a".to_owned(), 1, 6));
    assert_eq!(second.mail.expires_at, None);
    assert_eq!(text(&world.take_one(agent).await.mail), "c");
    assert_eq!(world.exchange.purge(&Asker::Container, agent, Purge::DeadLetters).await.unwrap(), 2);
    assert_eq!(world.dead_letters(agent).await, []);
}

pub(crate) async fn peeking_shows_what_waits_and_takes_nothing(world: World) {
    let agent = world.agent(1).await;
    for (body, priority) in [("a", 1), ("b", 5), ("c", 3)] {
        let mail = world.mail(body).priority(priority);
        world.send(agent, mail).await;
    }
    let in_hand = world.take_one(agent).await;
    let delayed = world.take_one(agent).await;
    world.refuse(&delayed, Refusal::after(5 * SECOND, "later")).await;
    let peek = async |page| world.exchange.peek(&Asker::Container, agent, page).await.unwrap();
    let told: Vec<_> = peek(Page::first(9))
        .await
        .into_iter()
        .map(|peeked| (text(&peeked.mail), peeked.attempts, peeked.standing))
        .collect();
    let expected = [
        ("a".to_owned(), 0, Standing::Ready),
        ("b".to_owned(), 1, Standing::InHand(in_hand.lease_until)),
        ("c".to_owned(), 1, Standing::Delayed(world.now() + 5 * SECOND)),
    ];
    assert_eq!(told, expected);
    assert_eq!(peek(Page::first(1).after(1)).await.len(), 1);
    assert_eq!(peek(Page::first(1).after(3)).await, []);
    assert_eq!(text(&world.take_one(agent).await.mail), "a");
}

pub(crate) async fn purging_spares_what_is_in_hand(world: World) {
    let agent = world.agent(1).await;
    for body in ["in hand", "delayed", "ready"] {
        world.say(agent, body).await;
    }
    let in_hand = world.take_one(agent).await;
    let delayed = world.take_one(agent).await;
    world.refuse(&delayed, Refusal::after(SECOND, "later")).await;
    assert_eq!(world.exchange.purge(&Asker::Container, agent, Purge::Waiting).await.unwrap(), 2);
    world.pass(10 * SECOND);
    assert!(world.take(agent).await.is_none());
    world.acknowledge(&in_hand).await;
    world.say(agent, "new").await;
    assert_eq!(world.drain(agent).await, ["new"]);
}

pub(crate) async fn several_deliveries_come_at_once_and_as_many_as_may_be_in_hand(world: World) {
    let agent = world.agent(1).await;
    for number in 0..10 {
        world.say(agent, &number.to_string()).await;
    }
    let several = world.try_recv(agent, Recv::now().at_most(4)).await.unwrap();
    let bodies = several.iter().map(|delivery| text(&delivery.mail)).collect::<Vec<_>>();
    assert_eq!(bodies, ["0", "1", "2", "3"]);
    assert_eq!(world.try_recv(agent, Recv::now().at_most(1000)).await.unwrap().len(), 6);

    let mailbox = MailboxLimits { in_hand: 3, ..MailboxLimits::default() };
    let world = world.with_limits(ExchangeLimits { mailbox, ..ExchangeLimits::default() }).await;
    let agent = world.agent(1).await;
    for number in 0..5 {
        world.say(agent, &number.to_string()).await;
    }
    let several = world.try_recv(agent, Recv::now().at_most(10)).await.unwrap();
    assert_eq!(several.len(), 3);
    assert!(world.take(agent).await.is_none());
    world.acknowledge(&several[1]).await;
    assert_eq!(text(&world.take_one(agent).await.mail), "3");
    assert!(world.take(agent).await.is_none());
}
