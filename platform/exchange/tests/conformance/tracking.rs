//! Requests: who waits for an answer, and what becomes of them when a mailbox ends.

use folkmoot_exchange::mail::{DEAD_LETTER, EXCHANGE_ITSELF, MAILBOX_TERMINATED};
use folkmoot_exchange::{
    Asker, DeathNotice, ExchangeError, ExchangeLimits, Happening, Mail, MailboxId, MailboxLimits,
    MailboxStats, Page, Purge, Recv, Refusal, Terminated, Tracking,
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
    // The first says that a request has expired.
    assert_eq!(mail, [response(2), response(3), response(1), response(3)]);
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

/// What the notices in a mailbox say, in order: the tag, the cause, the attempts and the reason.
async fn notices(world: &World, mailbox: MailboxId) -> Vec<(u128, String, u32, String)> {
    let told = |mail: Mail| {
        assert_eq!((&*mail.kind, mail.priority, mail.expires_at), (DEAD_LETTER, 9, None));
        let Tracking::Response { tag, label } = mail.tracking else { panic!("{mail:?}") };
        assert_eq!(label, Some(tag + 100));
        let DeathNotice { cause, reason, attempts } = DeathNotice::read(&mail.body).unwrap();
        (tag, cause, attempts, reason)
    };
    world.drain_mail(mailbox).await.into_iter().map(told).collect()
}

pub(crate) async fn whoever_asked_is_told_that_the_request_is_dead(world: World) {
    let mailbox = MailboxLimits { attempts: 2, ..MailboxLimits::default() };
    let world = world.with_limits(ExchangeLimits { mailbox, ..ExchangeLimits::default() }).await;
    let (agent, ada) = (world.agent(1).await, world.agent(2).await);
    let request = |tag| world.mail("?").from(ada).request(tag, Some(tag + 100));
    let told =
        |tag, cause: &str, attempts, reason: &str| (tag, cause.to_owned(), attempts, reason.to_owned());
    // Refused for ever, and as often as allowed.
    world.send(agent, request(1)).await;
    let first = world.take_one(agent).await;
    world.refuse(&first, Refusal::never("not mine")).await;
    assert_eq!(notices(&world, ada).await, [told(1, "refused", 1, "not mine")]);
    world.send(agent, request(2)).await;
    for _ in 0..2 {
        assert_eq!(notices(&world, ada).await, []);
        let again = world.take_one(agent).await;
        world.refuse(&again, Refusal::after(std::time::Duration::ZERO, "not yet")).await;
    }
    assert_eq!(notices(&world, ada).await, [told(2, "refused", 2, "not yet")]);
    // Its last lease is over.
    world.send(agent, request(3)).await;
    for _ in 0..2 {
        let how = Recv::now().lease(5 * SECOND);
        assert_eq!(world.try_recv(agent, how).await.unwrap().len(), 1);
        world.pass(6 * SECOND);
    }
    assert!(world.take(agent).await.is_none());
    let often = "it was delivered as often as allowed and not acknowledged in time";
    assert_eq!(notices(&world, ada).await, [told(3, "lease-over", 2, often)]);
    // Their time is over, of one while it was in hand; whoever next comes to the mailbox finds it.
    world.send(agent, request(4).expires_at(world.now() + 2 * SECOND)).await;
    world.send(agent, request(5).expires_at(world.now() + SECOND)).await;
    let held = world.take_one(agent).await;
    world.pass(3 * SECOND);
    world.exchange.stats(&Asker::Container, agent).await.unwrap();
    let late = "its time was over before it was acknowledged";
    assert_eq!(notices(&world, ada).await, [told(5, "expired", 0, late)]);
    world.refuse(&held, Refusal::untouched()).await;
    assert_eq!(notices(&world, ada).await, [told(4, "expired", 0, late)]);
    // Purged before it was delivered.
    world.send(agent, request(6)).await;
    world.send(agent, request(7)).await;
    let in_hand = world.take_one(agent).await;
    world.exchange.purge(&Asker::Container, agent, Purge::Waiting).await.unwrap();
    assert_eq!(
        notices(&world, ada).await,
        [told(7, "purged", 0, "it was purged before it was delivered")],
        "what is in hand stays"
    );
    world.acknowledge(&in_hand).await;
    assert_eq!(
        world.exchange.stats(&Asker::Container, agent).await.unwrap().pending_requests,
        1,
        "only that one may be answered still"
    );
    assert_eq!(world.happened().get(&Happening::DeathTold), Some(&6));
}

pub(crate) async fn deaths_are_told_in_their_order_then_those_in_the_mailboxes_of_whom_that_told(
    world: World,
) {
    let (agent, ada) = (world.agent(1).await, world.agent(2).await);
    for (to, tag, seconds) in [(agent, 1, 20), (agent, 2, 10), (ada, 3, 5)] {
        let request = world
            .mail("?")
            .from(ada)
            .request(tag, Some(tag + 100))
            .expires_at(world.now() + SECOND * seconds);
        world.send(to, request).await;
    }
    world.pass(30 * SECOND);
    world.exchange.stats(&Asker::Container, agent).await.unwrap();
    let tags: Vec<u128> = notices(&world, ada).await.iter().map(|notice| notice.0).collect();
    assert_eq!(tags, [2, 1, 3]);
}

pub(crate) async fn nobody_is_told_that_a_mail_is_dead_who_does_not_wait(world: World) {
    let (agent, ada, gone) = (world.agent(1).await, world.agent(2).await, world.agent(3).await);
    let die = async |mail| {
        world.send(agent, mail).await;
        let taken = world.take_one(agent).await;
        world.refuse(&taken, Refusal::never("no")).await;
        assert!(world.take(ada).await.is_none());
    };
    // Neither a mail that wants no answer nor an answer.
    die(world.mail("plain").from(ada)).await;
    die(world.mail("an answer").from(ada).response(1, None)).await;
    // Nobody who has no mailbox, or none any more.
    die(world.mail("?").from(MailboxId::user(77)).request(2, None)).await;
    world.exchange.terminate(&Asker::Container, gone).await.unwrap();
    die(world.mail("?").from(gone).request(3, None)).await;
    // Nobody who has the answer, though the request was not acknowledged.
    world.send(agent, world.mail("?").from(ada).request(4, None)).await;
    let taken = world.take_one(agent).await;
    world.send(ada, world.mail("!").from(agent).response(4, None)).await;
    assert_eq!(text(&world.take_one(ada).await.mail), "!");
    world.refuse(&taken, Refusal::never("no")).await;
    assert!(world.take(ada).await.is_none());
    // A notice that dies leaves nothing to be told, and one that was requeued is told once.
    world.send(agent, world.mail("?").from(ada).request(5, None)).await;
    let taken = world.take_one(agent).await;
    world.refuse(&taken, Refusal::never("no")).await;
    let notice = world.take_one(ada).await;
    assert_eq!((&*notice.mail.kind, notice.by.node_name()), (DEAD_LETTER, EXCHANGE_ITSELF));
    world.refuse(&notice, Refusal::never("what is this?")).await;
    assert!(world.take(agent).await.is_none() && world.take(ada).await.is_none());
    let letters = world.exchange.dead_letters(&Asker::Container, agent, Page::first(99)).await.unwrap();
    let last = letters.last().unwrap().position;
    world.exchange.requeue(&Asker::Container, agent, vec![last]).await.unwrap();
    let again = world.take_one(agent).await;
    world.refuse(&again, Refusal::never("no")).await;
    assert!(world.take(ada).await.is_none());
    let MailboxStats { pending_requests, answered, .. } =
        world.exchange.stats(&Asker::Container, agent).await.unwrap();
    assert_eq!((pending_requests, answered), (0, 1), "a notice is no answer of the mailbox");
}

pub(crate) async fn notices_of_death_keep_to_the_bounds(world: World) {
    let mailbox = MailboxLimits { messages: 2, ..MailboxLimits::default() };
    let world = world.with_limits(ExchangeLimits { mailbox, ..ExchangeLimits::default() }).await;
    let (agent, ada) = (world.agent(1).await, world.agent(2).await);
    for tag in 1..=3 {
        world.send(agent, world.mail("?").from(ada).request(tag, Some(tag + 100))).await;
        let taken = world.take_one(agent).await;
        world.refuse(&taken, Refusal::never("no")).await;
    }
    let tags: Vec<u128> = notices(&world, ada).await.into_iter().map(|(tag, ..)| tag).collect();
    assert_eq!(tags, [1, 2]);
    let counts = world.happened();
    assert_eq!(
        (counts.get(&Happening::DeathTold), counts.get(&Happening::DeathUntold)),
        (Some(&2), Some(&1))
    );
}
