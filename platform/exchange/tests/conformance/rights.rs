//! Who may do what: owners, groups, gates.

use folkmoot_codecs::Principal;
use folkmoot_exchange::{
    Asker, ExchangeError, MailboxId, MailboxState, Page, Posting, Purge, Query, Recv, Refusal, Registered,
    Registration, StateQuery,
};
use folkmoot_gateway::Gate;

use super::world::{SECOND, World};

async fn send_as(
    world: &World,
    asker: &Asker,
    to: MailboxId,
    from: Option<MailboxId>,
) -> Result<(), ExchangeError> {
    let mail = world.mail("hello");
    let mail = from.into_iter().fold(mail, |mail, from| mail.from(from));
    let posting = Posting::new(to, mail, Principal::anonymous(), asker.clone());
    world.exchange.send(world.admit(posting)).await.map(drop)
}

fn assert_forbidden(error: &ExchangeError) {
    assert!(matches!(error, ExchangeError::Forbidden { .. }), "{error}");
}

pub(crate) async fn a_mailbox_is_its_owners_until_it_is_shared(world: World) {
    let (ada, bob) = (Asker::user("ada").in_groups(["crew"]), Asker::user("bob").in_groups(["crew"]));
    let (exchange, agent) = (&world.exchange, MailboxId::agent(1));
    let registration = || Registration::new(agent).lineage(["Pump"]);
    assert_eq!(exchange.register(&ada, registration()).await.unwrap(), Registered::New);
    send_as(&world, &ada, agent, None).await.unwrap();
    let delivery = exchange.recv(&ada, agent, Recv::now()).await.unwrap().pop().expect("its own mail");
    let receipt = delivery.receipt;
    for error in [
        exchange.register(&bob, registration()).await.unwrap_err(),
        send_as(&world, &bob, agent, None).await.unwrap_err(),
        exchange.recv(&bob, agent, Recv::now()).await.unwrap_err(),
        exchange.acknowledge(&bob, &receipt).await.unwrap_err(),
        exchange.refuse(&bob, &receipt, Refusal::untouched()).await.unwrap_err(),
        exchange.extend(&bob, &receipt, SECOND).await.unwrap_err(),
        exchange.status(&bob, agent).await.unwrap_err(),
        exchange.heartbeat(&bob, agent).await.unwrap_err(),
        exchange.stats(&bob, agent).await.unwrap_err(),
        exchange.peek(&bob, agent, Page::first(1)).await.unwrap_err(),
        exchange.purge(&bob, agent, Purge::Waiting).await.unwrap_err(),
        exchange.dead_letters(&bob, agent, Page::first(1)).await.unwrap_err(),
        exchange.requeue(&bob, agent, vec![1]).await.unwrap_err(),
        exchange.share(&bob, agent, "crew".into()).await.unwrap_err(),
        exchange.terminate(&bob, agent).await.unwrap_err(),
    ] {
        assert_forbidden(&error);
    }
    exchange.give_back(&bob, vec![receipt]);
    world.settle().await;
    let found = async |asker| exchange.discover(asker, Query::of_type("Pump")).await.unwrap().len();
    assert_eq!((found(&ada).await, found(&bob).await, found(&Asker::Container).await), (1, 0, 1));
    exchange.share(&ada, agent, "crew".into()).await.unwrap();
    assert_eq!(found(&bob).await, 1);
    send_as(&world, &bob, agent, None).await.unwrap();
    exchange.acknowledge(&bob, &receipt).await.unwrap();
    assert_eq!(exchange.recv(&bob, agent, Recv::now()).await.unwrap().len(), 1);
    assert!(exchange.unshare(&ada, agent, "crew".into()).await.unwrap());
    assert_forbidden(&exchange.stats(&bob, agent).await.unwrap_err());
    exchange.share(&ada, agent, "crew".into()).await.unwrap();
    exchange.terminate(&bob, agent).await.unwrap();
    assert_eq!(exchange.status(&ada, agent).await.unwrap().state, MailboxState::Terminated);
    assert_forbidden(&exchange.status(&Asker::user("eve"), agent).await.unwrap_err());
}

pub(crate) async fn only_an_owner_shares_and_only_with_groups_of_theirs(world: World) {
    let (ada, bob) = (Asker::user("ada").in_groups(["crew", "deck"]), Asker::user("bob").in_groups(["crew"]));
    let (exchange, agent) = (&world.exchange, MailboxId::agent(1));
    exchange.register(&ada, Registration::new(agent)).await.unwrap();
    let error = exchange.share(&ada, agent, "band".into()).await.unwrap_err();
    assert!(matches!(error, ExchangeError::NotInGroup { .. }), "{error}");
    for group in ["deck", "crew", "deck"] {
        exchange.share(&ada, agent, group.into()).await.unwrap();
    }
    assert_eq!(exchange.shares(&ada, agent).await.unwrap(), ["deck".into(), "crew".into()]);
    for error in [
        exchange.shares(&bob, agent).await.unwrap_err(),
        exchange.share(&bob, agent, "crew".into()).await.unwrap_err(),
        exchange.unshare(&bob, agent, "crew".into()).await.unwrap_err(),
    ] {
        assert!(matches!(error, ExchangeError::NotOwner { .. }), "{error}");
    }
    assert!(exchange.unshare(&ada, agent, "deck".into()).await.unwrap());
    assert!(!exchange.unshare(&ada, agent, "deck".into()).await.unwrap());
    assert_eq!(exchange.shares(&ada, agent).await.unwrap(), ["crew".into()]);
}

pub(crate) async fn nobody_sends_in_anothers_name(world: World) {
    let (ada, bob) = (Asker::user("ada"), Asker::user("bob"));
    let (of_ada, of_bob) = (MailboxId::user(1), MailboxId::user(2));
    world.exchange.register(&ada, Registration::new(of_ada)).await.unwrap();
    world.exchange.register(&bob, Registration::new(of_bob)).await.unwrap();
    assert_forbidden(&send_as(&world, &ada, of_ada, Some(of_bob)).await.unwrap_err());
    send_as(&world, &ada, of_ada, Some(of_ada)).await.unwrap();
    send_as(&world, &ada, of_ada, Some(MailboxId::user(3))).await.unwrap();
    world.exchange.terminate(&bob, of_bob).await.unwrap();
    assert_forbidden(&send_as(&world, &ada, of_ada, Some(of_bob)).await.unwrap_err());
}

pub(crate) async fn mail_that_another_gate_admitted_or_another_name_was_judged_for_is_not_taken(
    world: World,
) {
    let agent = world.register(Registration::new(MailboxId::agent(1)).named("pump")).await;
    let posting = |mail| Posting::new(agent, mail, Principal::anonymous(), Asker::Container);
    let other = Gate::open().admit(posting(world.mail("hello"))).unwrap();
    let error = world.exchange.send(other).await.unwrap_err();
    assert!(matches!(error, ExchangeError::WrongGate), "{error}");
    let gate = Gate::open();
    let from_there = || gate.admit(posting(world.mail("from there"))).unwrap();
    world.exchange.trust(gate.id());
    world.exchange.send(from_there()).await.unwrap();
    world.exchange.distrust(gate.id());
    let error = world.exchange.send(from_there()).await.unwrap_err();
    assert!(matches!(error, ExchangeError::WrongGate), "{error}");
    let judged = world.admit(posting(world.mail("hello")).named("valve"));
    let error = world.exchange.send(judged).await.unwrap_err();
    assert!(matches!(&error, ExchangeError::WrongName { judged, .. } if &**judged == "valve"), "{error}");
    let judged = world.admit(posting(world.mail("hello")).named("pump"));
    world.exchange.send(judged).await.unwrap();
    assert_eq!(world.drain(agent).await, ["from there", "hello"]);
}

pub(crate) async fn states_and_leases_are_the_containers_alone(world: World) {
    let (ada, agent) = (Asker::user("ada"), MailboxId::agent(1));
    world.exchange.register(&ada, Registration::new(agent)).await.unwrap();
    let step = World::state_step("key", 0, "value");
    for error in [
        world.exchange.take_lease(&ada, agent, "ada".into(), SECOND).await.unwrap_err(),
        world.exchange.renew_lease(&ada, agent, 1, SECOND).await.unwrap_err(),
        world.exchange.give_up_lease(&ada, agent, 1).await.unwrap_err(),
        world.exchange.state(&ada, "key".into()).await.unwrap_err(),
        world.exchange.states(&ada, StateQuery::under("key")).await.unwrap_err(),
        world.exchange.commit(&ada, step).await.unwrap_err(),
        world.exchange.register(&ada, Registration::new(MailboxId::derived([7; 16]))).await.unwrap_err(),
    ] {
        assert!(matches!(error, ExchangeError::ContainerOnly { .. }), "{error}");
    }
}
