//! The bounds of mailboxes and of the exchange.

use std::time::Duration;

use folkmoot_exchange::{
    Asker, ExchangeError, ExchangeLimits, Mail, MailId, MailboxId, MailboxLimits, MailboxState, Page, Recv,
    Refusal, Registered, Registration, StateQuery, Step,
};

use super::world::{SECOND, World};

fn assert_full(error: &ExchangeError, bound: &str) {
    assert!(matches!(error, ExchangeError::Full { what, .. } if *what == bound), "{bound}: {error}");
}

pub(crate) async fn a_full_mailbox_refuses_and_takes_mail_again_when_some_was_acknowledged(world: World) {
    let mailbox = MailboxLimits { messages: 3, ..MailboxLimits::default() };
    let world = world.with_limits(ExchangeLimits { mailbox, ..ExchangeLimits::default() }).await;
    let agent = world.agent(1).await;
    for body in ["a", "b", "c"] {
        world.say(agent, body).await;
    }
    let error = world.try_send(agent, world.mail("d")).await.unwrap_err();
    assert!(matches!(error, ExchangeError::Full { what: "messages", limit: 3, .. }), "{error}");
    let first = world.take_one(agent).await;
    let error = world.try_send(agent, world.mail("d")).await.unwrap_err();
    assert!(matches!(error, ExchangeError::Full { .. }), "what is in hand counts: {error}");
    world.acknowledge(&first).await;
    world.say(agent, "d").await;
    assert_eq!(world.drain(agent).await, ["b", "c", "d"]);
}

pub(crate) async fn each_bound_of_a_mailbox_holds_and_is_named(world: World) {
    let ada = world.agent(2).await;
    let size = world.mail("12345678").size_bytes();
    let limits =
        MailboxLimits { bytes: 2 * size, dead_letters: 2, pending_requests: 1, ..MailboxLimits::default() };
    let agent = world.register(Registration::new(MailboxId::agent(1)).limits(limits)).await;
    world.say(agent, "12345678").await;
    let error = world.try_send(agent, world.mail("123456789")).await.unwrap_err();
    assert_full(&error, "bytes");
    world.say(agent, "12345678").await;
    assert_full(&world.try_send(agent, world.mail("")).await.unwrap_err(), "bytes");
    assert_eq!(world.drain(agent).await.len(), 2);
    let request = |tag| world.mail("?").from(ada).request(tag, None);
    world.send(agent, request(1)).await;
    assert_eq!(world.drain(agent).await, ["?"]);
    assert_full(&world.try_send(agent, request(2)).await.unwrap_err(), "pending_requests");
    let answer = world.mail("!").from(agent).response(1, None);
    world.send(ada, answer).await;
    world.send(agent, request(2)).await;
    for _ in 0..3 {
        let delivery = world.take_one(agent).await;
        world.refuse(&delivery, Refusal::never("no")).await;
        world.say(agent, "more").await;
    }
    let positions: Vec<u64> = world.dead_letters(agent).await.iter().map(|letter| letter.position).collect();
    assert_eq!(positions, [5, 6], "the oldest made room");
    world.say(agent, "more").await;
    let error = world.exchange.requeue(&Asker::Container, agent, vec![5, 6]).await.unwrap_err();
    assert_full(&error, "bytes");
    assert_eq!(world.dead_letters(agent).await.len(), 2, "all or nothing");
}

pub(crate) async fn each_bound_of_the_exchange_holds_and_is_named(world: World) {
    let size = world.mail("12345678").size_bytes();
    let limits = ExchangeLimits {
        mailboxes: 3,
        mailboxes_per_user: 1,
        terminated_mailboxes: 1,
        bytes: 2 * size,
        repeat_ids: 2,
        ..ExchangeLimits::default()
    };
    let world = world.with_limits(limits).await;
    let (ada, container) = (Asker::user("ada"), Asker::Container);
    let register = async |asker, number| {
        world.exchange.register(asker, Registration::new(MailboxId::agent(number))).await
    };
    assert_eq!(register(&ada, 1).await.unwrap(), Registered::New);
    assert_full(&register(&ada, 2).await.unwrap_err(), "mailboxes_per_user");
    assert_eq!(register(&ada, 1).await.unwrap(), Registered::Known);
    register(&container, 2).await.unwrap();
    register(&container, 3).await.unwrap();
    assert_full(&register(&container, 4).await.unwrap_err(), "mailboxes");
    let (one, two) = (MailboxId::agent(1), MailboxId::agent(2));
    world.exchange.terminate(&ada, one).await.unwrap();
    register(&ada, 4).await.unwrap();
    world.exchange.terminate(&ada, MailboxId::agent(4)).await.unwrap();
    let state = async |id| world.exchange.status(&container, id).await.unwrap().state;
    assert_eq!(state(one).await, MailboxState::Missing, "the oldest is forgotten");
    assert_eq!(state(MailboxId::agent(4)).await, MailboxState::Terminated);

    let three = MailboxId::agent(3);
    let mail = |id, body: &'static str| Mail::new(MailId(id), "note", body);
    world.send(two, mail(1, "12345678")).await;
    world.send(three, mail(2, "12345678")).await;
    assert_full(&world.try_send(three, mail(3, "")).await.unwrap_err(), "bytes");
    assert!(world.send(two, mail(1, "12345678")).await.is_repeated);
    let delivery = world.take_one(two).await;
    world.refuse(&delivery, Refusal::never("no")).await;
    assert_full(&world.try_send(three, mail(3, "")).await.unwrap_err(), "bytes");
    world.exchange.terminate(&container, two).await.unwrap();
    world.send(three, mail(3, "12345678")).await;
    assert_eq!(world.drain(three).await.len(), 2);
    assert!(world.send(three, mail(2, "12345678")).await.is_repeated);
    world.send(three, mail(4, "12345678")).await;
    assert!(!world.send(three, mail(2, "12345678")).await.is_repeated, "newer ids took its place");
}

pub(crate) async fn a_mailbox_may_ask_for_less_of_one_thing_and_for_the_most_of_all_others(world: World) {
    // Less of some and more of others than what is usual.
    let mailbox =
        MailboxLimits { messages: 2, attempts: 50, pending_requests: 20_000, ..MailboxLimits::default() };
    let world = world.with_limits(ExchangeLimits { mailbox, ..ExchangeLimits::default() }).await;
    let agent = world.agent(1).await;
    let limits = MailboxLimits { attempts: 1, ..MailboxLimits::MOST };
    world.exchange.register(&Asker::Container, Registration::new(agent).limits(limits)).await.unwrap();
    world.say(agent, "a").await;
    world.say(agent, "b").await;
    let error = world.try_send(agent, world.mail("c")).await.unwrap_err();
    assert!(matches!(error, ExchangeError::Full { what: "messages", limit: 2, .. }), "{error}");
    let delivery = world.take_one(agent).await;
    world.refuse(&delivery, Refusal::after(Duration::ZERO, "no")).await;
    let dead = world.exchange.dead_letters(&Asker::Container, agent, Page::first(9)).await.unwrap();
    assert_eq!(dead.len(), 1, "one attempt was asked for");
}

pub(crate) async fn what_cannot_be_is_refused_with_what_to_do(world: World) {
    let agent = world.agent(1).await;
    let long = "x".repeat(257);
    let with_limits = |messages, attempts| {
        let limits = MailboxLimits { messages, attempts, ..MailboxLimits::default() };
        Registration::new(agent).limits(limits)
    };
    let mut faults = Vec::new();
    for registration in [
        Registration::new(agent).named(""),
        Registration::new(agent).named(long.as_str()),
        Registration::new(agent).named("a\nb"),
        Registration::new(agent).lineage([""]),
        Registration::new(agent).lineage(vec!["x"; 65]),
        Registration::new(agent).capabilities(vec!["x"; 65]),
        with_limits(0, 1),
        with_limits(10_001, 1),
        with_limits(1, 0),
    ] {
        faults.push(world.exchange.register(&Asker::Container, registration).await.unwrap_err());
    }
    let mail = || world.mail("hello");
    for mail in [
        mail().priority(10),
        mail().request(1, None),
        mail().response(1, None),
        Mail { kind: "".into(), ..mail() },
        Mail { kind: "folkmoot/mailbox-terminated".into(), ..mail() },
        Mail { kind: long.as_str().into(), ..mail() },
    ] {
        faults.push(world.try_send(agent, mail.clone()).await.unwrap_err());
        let step = Step { send: vec![world.posting(agent, mail)], ..Step::default() };
        faults.push(world.exchange.commit(&Asker::Container, step).await.unwrap_err());
    }
    for how in [
        Recv::now().at_most(0),
        Recv::now().at_most(1001),
        Recv::now().lease(Duration::ZERO),
        Recv::now().lease(13 * 3600 * SECOND),
        Recv::within(25 * 3600 * SECOND),
    ] {
        faults.push(world.try_recv(agent, how).await.unwrap_err());
    }
    faults.push(world.exchange.peek(&Asker::Container, agent, Page::first(0)).await.unwrap_err());
    faults.push(world.exchange.state(&Asker::Container, "".into()).await.unwrap_err());
    let of_agents = StateQuery::under("agents/");
    for query in [
        of_agents.clone().at_most(0),
        of_agents.clone().at_most(1001),
        of_agents.after("".into()),
        StateQuery::under("\u{7}"),
        StateQuery::under("a".repeat(513)),
    ] {
        faults.push(world.exchange.states(&Asker::Container, query).await.unwrap_err());
    }
    faults.push(world.exchange.share(&Asker::Container, agent, "\u{7}".into()).await.unwrap_err());
    for error in faults {
        assert!(matches!(error, ExchangeError::Invalid { .. }), "{error}");
    }
    let body = vec![0; (1 << 20) + 1];
    let large = Mail::new(MailId(1), "large", body);
    let error = world.try_send(agent, large).await.unwrap_err();
    assert!(matches!(error, ExchangeError::TooLarge { limit: 1_048_576, .. }), "{error}");
    world.say(agent, "still there").await;
    let delivery = world.take_one(agent).await;
    let wordy = Refusal::never("é".repeat(1000));
    world.refuse(&delivery, wordy).await;
    let told = world.dead_letters(agent).await[0].cause.to_string();
    assert!(told.len() < 1100 && told.ends_with('é'), "{told}");
}
