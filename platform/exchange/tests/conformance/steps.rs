//! Steps, which are done as a whole or not at all, and the states that they write.

use bytes::Bytes;
use folkmoot_exchange::{
    Accepted, Asker, Committed, ExchangeError, ExchangeLimits, Fence, MailboxId, MailboxLimits, State,
    StatePut, StateQuery, Step,
};

use super::world::{SECOND, World, text};

async fn commit(world: &World, step: Step) -> Result<Committed, ExchangeError> {
    world.exchange.commit(&Asker::Container, step).await
}

async fn state(world: &World, key: &str) -> Option<(u64, String)> {
    let state = world.exchange.state(&Asker::Container, key.into()).await.unwrap();
    state.map(|State { revision, bytes }| (revision, String::from_utf8(bytes.to_vec()).unwrap()))
}

pub(crate) async fn a_step_is_done_all_at_once(world: World) {
    let (agent, ada) = (world.agent(1).await, world.agent(2).await);
    world.say(agent, "one").await;
    world.say(agent, "two").await;
    let lease =
        world.exchange.take_lease(&Asker::Container, agent, "north".into(), 60 * SECOND).await.unwrap();
    let (one, two) = (world.take_as(agent, lease.epoch).await, world.take_as(agent, lease.epoch).await);
    let fence = Some(Fence { mailbox: agent, epoch: lease.epoch });
    let reply = world.posting(ada, world.mail("done"));
    let note = world.posting(agent, world.mail("to myself"));
    let step = Step {
        fence,
        acknowledge: vec![one.receipt, two.receipt],
        send: vec![reply, note],
        ..World::state_step("agents/1", 0, "after two")
    };
    let committed = commit(&world, step).await.unwrap();
    let accepted = |position| Some(Accepted { position, is_repeated: false });
    assert_eq!(committed, Committed { revisions: vec![1], accepted: vec![accepted(1), accepted(3)] });
    assert_eq!(state(&world, "agents/1").await, Some((1, "after two".to_owned())));
    assert_eq!(world.drain(ada).await, ["done"]);
    assert_eq!(text(&world.take_as(agent, lease.epoch).await.mail), "to myself");
    assert_eq!(world.exchange.stats(&Asker::Container, agent).await.unwrap().acknowledged, 2);

    world.exchange.take_lease(&Asker::Container, agent, "north".into(), 60 * SECOND).await.unwrap();
    let late = Step { fence, ..World::state_step("agents/1", 1, "late") };
    let error = commit(&world, late).await.unwrap_err();
    assert!(matches!(error, ExchangeError::NotTheOwner { epoch: 1, .. }), "{error}");
    assert_eq!(state(&world, "agents/1").await, Some((1, "after two".to_owned())));
}

pub(crate) async fn of_a_step_that_is_refused_nothing_was_done(world: World) {
    let (agent, ada) = (world.agent(1).await, world.agent(2).await);
    let request = world.mail("?").from(ada).request(1, None);
    world.send(agent, request).await;
    let delivery = world.take_one(agent).await;
    let answer = || world.mail("!").from(agent).response(1, None);
    let nobody = MailboxId::agent(99);
    let step = |last| Step {
        acknowledge: vec![delivery.receipt],
        send: vec![world.posting(ada, answer()), last],
        ..World::state_step("key", 0, "value")
    };
    let to_nobody = step(world.posting(nobody, world.mail("lost")));
    let error = commit(&world, to_nobody).await.unwrap_err();
    assert!(matches!(error, ExchangeError::NoSuchMailbox { .. }), "{error}");
    let of_old = Step { acknowledge: vec![delivery.receipt, delivery.receipt], ..Step::default() };
    let error = commit(&world, of_old).await.unwrap_err();
    assert!(matches!(error, ExchangeError::Invalid { .. }), "{error}");
    let mut twice = World::state_step("key", 0, "value");
    twice.states.extend(twice.states.clone());
    let error = commit(&world, twice).await.unwrap_err();
    assert!(matches!(error, ExchangeError::Invalid { .. }), "{error}");
    let wrong = Step { send: vec![world.posting(ada, answer())], ..World::state_step("key", 7, "value") };
    let error = commit(&world, wrong).await.unwrap_err();
    assert!(matches!(error, ExchangeError::Revision { expected: 7, found: 0, .. }), "{error}");
    assert_eq!(state(&world, "key").await, None);
    assert!(world.take(ada).await.is_none());
    let stats = world.exchange.stats(&Asker::Container, agent).await.unwrap();
    assert_eq!((stats.in_hand, stats.pending_requests, stats.acknowledged), (1, 1, 0));
    commit(&world, step(world.posting(ada, world.mail("more")))).await.unwrap();
    assert_eq!(world.drain(ada).await, ["!", "more"]);
    assert_eq!(world.exchange.stats(&Asker::Container, agent).await.unwrap().pending_requests, 0);
}

pub(crate) async fn a_state_is_written_only_over_the_revision_that_was_read(world: World) {
    let put = async |expected, value| commit(&world, World::state_step("key", expected, value)).await;
    assert_eq!(put(0, "a").await.unwrap().revisions, [1]);
    for expected in [0, 2] {
        let error = put(expected, "x").await.unwrap_err();
        let found = matches!(error, ExchangeError::Revision { found: 1, .. });
        assert!(found, "{error}");
    }
    assert_eq!(put(1, "b").await.unwrap().revisions, [2]);
    assert_eq!(state(&world, "key").await, Some((2, "b".to_owned())));
    assert_eq!(state(&world, "other").await, None);
    let forget = StatePut { key: "key".into(), expected: 2, bytes: None };
    let forget = Step { states: vec![forget], ..Step::default() };
    assert_eq!(commit(&world, forget).await.unwrap().revisions, [0]);
    assert_eq!(state(&world, "key").await, None);
    assert_eq!(put(0, "anew").await.unwrap().revisions, [1]);

    let world = world.with_limits(ExchangeLimits { states: 1, ..ExchangeLimits::default() }).await;
    commit(&world, World::state_step("key", 0, "a")).await.unwrap();
    commit(&world, World::state_step("key", 1, "b")).await.unwrap();
    let error = commit(&world, World::state_step("other", 0, "a")).await.unwrap_err();
    assert!(matches!(error, ExchangeError::Full { what: "states", limit: 1, .. }), "{error}");
}

/// The keys of a page, with their revisions.
async fn page(world: &World, query: StateQuery) -> Vec<(String, u64)> {
    let states = world.exchange.states(&Asker::Container, query).await.unwrap();
    states.into_iter().map(|(key, state)| (key.to_string(), state.revision)).collect()
}

pub(crate) async fn states_are_listed_by_what_their_keys_begin_with(world: World) {
    for key in ["b/2", "a", "b/10", "b", "b/é", "b0", "b/1", "b/\u{10ffff}"] {
        commit(&world, World::state_step(key, 0, "x")).await.unwrap();
    }
    commit(&world, World::state_step("b/2", 1, "y")).await.unwrap();
    let of = |keys: &[&str]| {
        let revision = |key: &str| if key == "b/2" { 2 } else { 1 };
        keys.iter().map(|key| ((*key).to_owned(), revision(key))).collect::<Vec<_>>()
    };
    let under_b = ["b/1", "b/10", "b/2", "b/é", "b/\u{10ffff}"];
    assert_eq!(page(&world, StateQuery::under("b/")).await, of(&under_b));
    let by_two = StateQuery::under("b/").at_most(2);
    assert_eq!(page(&world, by_two.clone()).await, of(&under_b[..2]));
    assert_eq!(page(&world, by_two.clone().after("b/10".into())).await, of(&under_b[2..4]));
    assert_eq!(page(&world, by_two.clone().after("b/é".into())).await, of(&under_b[4..]));
    assert_eq!(page(&world, by_two.clone().after("b/\u{10ffff}".into())).await, []);
    assert_eq!(page(&world, by_two.clone().after("a".into())).await, of(&under_b[..2]), "before all of them");
    assert_eq!(page(&world, by_two.after("c".into())).await, [], "behind all of them");
    assert_eq!(page(&world, StateQuery::under("c")).await, []);
    let all = ["a", "b", "b/1", "b/10", "b/2", "b/é", "b/\u{10ffff}", "b0"];
    assert_eq!(page(&world, StateQuery::under("")).await, of(&all));
    let states = world.exchange.states(&Asker::Container, StateQuery::under("b/2")).await.unwrap();
    assert_eq!(states, [("b/2".into(), State { revision: 2, bytes: "y".into() })]);
    let forget = StatePut { key: "b/2".into(), expected: 2, bytes: None };
    commit(&world, Step { states: vec![forget], ..Step::default() }).await.unwrap();
    assert_eq!(page(&world, StateQuery::under("b/2")).await, []);
}

pub(crate) async fn a_page_of_large_states_ends_early(world: World) {
    let large = Bytes::from(vec![7; 6 << 20]);
    for key in ["1", "2", "3", "4"] {
        let put = StatePut { key: key.into(), expected: 0, bytes: Some(large.clone()) };
        commit(&world, Step { states: vec![put], ..Step::default() }).await.unwrap();
    }
    let keys = |keys: &[&str]| keys.iter().map(|key| ((*key).to_owned(), 1)).collect::<Vec<_>>();
    assert_eq!(page(&world, StateQuery::under("")).await, keys(&["1", "2", "3"]));
    assert_eq!(page(&world, StateQuery::under("").after("3".into())).await, keys(&["4"]));
    assert_eq!(page(&world, StateQuery::under("").after("4".into())).await, []);
}

pub(crate) async fn an_answer_to_nobody_keeps_no_step_from_being_done(world: World) {
    let (agent, ada) = (world.agent(1).await, world.agent(2).await);
    let request = world.mail("?").from(ada).request(1, None);
    world.send(agent, request).await;
    let delivery = world.take_one(agent).await;
    world.exchange.terminate(&Asker::Container, ada).await.unwrap();
    let answer = |to| world.posting(to, world.mail("!").from(agent).response(1, None));
    let step = Step {
        acknowledge: vec![delivery.receipt],
        send: vec![answer(ada), answer(MailboxId::user(77))],
        ..Step::default()
    };
    assert_eq!(commit(&world, step).await.unwrap().accepted, [None, None]);
    let stats = world.exchange.stats(&Asker::Container, agent).await.unwrap();
    assert_eq!((stats.acknowledged, stats.pending_requests, stats.answered), (1, 0, 1));
}

pub(crate) async fn a_step_sees_what_it_has_done_itself(world: World) {
    let mailbox = MailboxLimits { messages: 2, ..MailboxLimits::default() };
    let world = world.with_limits(ExchangeLimits { mailbox, ..ExchangeLimits::default() }).await;
    let agent = world.agent(1).await;
    world.say(agent, "a").await;
    world.say(agent, "b").await;
    let first = world.take_one(agent).await;
    let (c, d) = (world.mail("c"), world.mail("d"));
    let postings = |mails: &[&folkmoot_exchange::Mail]| {
        mails.iter().map(|mail| world.posting(agent, (*mail).clone())).collect::<Vec<_>>()
    };
    let too_many = Step { acknowledge: vec![first.receipt], send: postings(&[&c, &d]), ..Step::default() };
    let error = commit(&world, too_many).await.unwrap_err();
    assert!(matches!(error, ExchangeError::Full { what: "messages", .. }), "{error}");
    let repeated = Step { acknowledge: vec![first.receipt], send: postings(&[&c, &c]), ..Step::default() };
    let accepted = commit(&world, repeated).await.unwrap().accepted;
    let told: Vec<_> = accepted.into_iter().flatten().map(|one| (one.position, one.is_repeated)).collect();
    assert_eq!(told, [(3, false), (3, true)]);
    assert_eq!(world.drain(agent).await, ["b", "c"]);
    let other = folkmoot_exchange::Mail { body: "other".into(), ..d.clone() };
    let used = Step { send: postings(&[&d, &other]), ..Step::default() };
    let error = commit(&world, used).await.unwrap_err();
    assert!(matches!(error, ExchangeError::IdUsed { .. }), "{error}");
    assert!(world.take(agent).await.is_none());
}
