//! Requests: who waits for an answer, and what becomes of them when a mailbox ends.

use folkmoot_exchange::mail::MAILBOX_TERMINATED;
use folkmoot_exchange::{
    Asker, ExchangeError, ExchangeLimits, MailboxId, MailboxLimits, Terminated, Tracking,
};

use super::world::{SECOND, World, text};

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

pub(crate) async fn an_answered_or_expired_request_is_not_answered_again(world: World) {
    let (agent, ada) = (world.agent(1).await, world.agent(2).await);
    let request = |tag| world.mail("?").from(ada).request(tag, None);
    world.send(agent, request(1)).await;
    world.send(agent, request(2).expires_at(world.now() + SECOND)).await;
    world.send(agent, request(3).expires_at(world.now() + 5 * SECOND)).await;
    // An answer of another agent to the same requester and tag is not the answer.
    let other = world.agent(3).await;
    let others = world.mail("!").from(other).response(3, None);
    world.send(ada, others).await;
    let answer = world.mail("!").from(agent).response(1, None);
    world.send(ada, answer).await;
    world.pass(2 * SECOND);
    let terminated = world.exchange.terminate(&Asker::Container, agent).await.unwrap();
    assert_eq!(terminated.answered, 1);
    let mail: Vec<_> = world.drain_mail(ada).await.into_iter().map(|mail| mail.tracking).collect();
    let response = |tag| Tracking::Response { tag, label: None };
    assert_eq!(mail, [response(3), response(1), response(3)]);
}

pub(crate) async fn an_answer_to_a_requester_that_is_gone_settles_its_request(world: World) {
    let mailbox = MailboxLimits { pending_requests: 1, ..MailboxLimits::default() };
    let world = world.with_limits(ExchangeLimits { mailbox, ..ExchangeLimits::default() }).await;
    let (agent, ada) = (world.agent(1).await, world.agent(2).await);
    for (requester, tag) in [(world.agent(3).await, 1), (MailboxId::user(4), 2)] {
        let request = world.mail("?").from(requester).request(tag, None);
        world.send(agent, request).await;
        let refused = world.try_send(agent, world.mail("?").from(ada).request(9, None)).await.unwrap_err();
        assert!(matches!(refused, ExchangeError::Full { what: "pending_requests", .. }), "{refused}");
        world.exchange.terminate(&Asker::Container, requester).await.unwrap();
        let answer = world.mail("!").from(agent).response(tag, None);
        let error = world.try_send(requester, answer).await.unwrap_err();
        let is_gone =
            matches!(error, ExchangeError::MailboxTerminated { .. } | ExchangeError::NoSuchMailbox { .. });
        assert!(is_gone, "{error}");
    }
    let request = world.mail("?").from(ada).request(9, None);
    world.send(agent, request).await;
    assert_eq!(world.exchange.stats(&Asker::Container, agent).await.unwrap().answered, 2);
}

pub(crate) async fn terminating_answers_even_those_whose_mailbox_is_full(world: World) {
    let mailbox = MailboxLimits { messages: 1, ..MailboxLimits::default() };
    let world = world.with_limits(ExchangeLimits { mailbox, ..ExchangeLimits::default() }).await;
    let (agent, ada) = (world.agent(1).await, world.agent(2).await);
    world.say(ada, "full").await;
    let request = world.mail("?").from(ada).request(1, None);
    world.send(agent, request).await;
    world.exchange.terminate(&Asker::Container, agent).await.unwrap();
    let kinds: Vec<_> = world.drain_mail(ada).await.iter().map(|mail| mail.kind.to_string()).collect();
    assert_eq!(kinds, ["note", MAILBOX_TERMINATED]);
}
