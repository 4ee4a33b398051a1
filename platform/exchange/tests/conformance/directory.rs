//! Finding mailboxes.

use folkmoot_exchange::{Asker, ExchangeError, Found, MailboxId, Query, Registration};

use super::world::World;

async fn find(world: &World, query: Query) -> Vec<u128> {
    let found = world.exchange.discover(&Asker::Container, query).await.unwrap();
    found.iter().map(|found| found.id.uuid).collect()
}

async fn people(world: &World) {
    let agents = [
        (9, "north", vec!["shop.Pump", "shop.Machine", "Agent"], vec!["water", "loud"]),
        (3, "south", vec!["shop.Machine", "Agent"], vec!["loud"]),
        (7, "north", vec!["shop.Clock", "Agent"], vec![]),
        (5, "west", vec!["shop.Pump", "shop.Machine", "Agent"], vec!["water"]),
    ];
    for (number, name, lineage, capabilities) in agents {
        let registration = Registration::new(MailboxId::agent(number)).named(name);
        world.register(registration.lineage(lineage).capabilities(capabilities)).await;
    }
    world.register(Registration::new(MailboxId::user(1))).await;
}

pub(crate) async fn agents_are_found_by_type_subtype_capability_and_name(world: World) {
    people(&world).await;
    assert_eq!(find(&world, Query::of_type("shop.Machine")).await, [3]);
    assert_eq!(find(&world, Query::of_subtypes("shop.Machine")).await, [9, 3, 5]);
    assert_eq!(find(&world, Query::of_subtypes("Agent")).await, [9, 3, 7, 5]);
    assert_eq!(find(&world, Query::of_subtypes("shop")).await, [] as [u128; 0], "the whole of a type");
    assert_eq!(find(&world, Query::able_to("loud")).await, [9, 3]);
    assert_eq!(find(&world, Query::able_to("loud").and_able_to("water")).await, [9]);
    assert_eq!(find(&world, Query::able_to("fly")).await, [] as [u128; 0]);
    assert_eq!(find(&world, Query::named("north")).await, [9, 7]);
    let loud_south = Query { name: Some("south".into()), ..Query::able_to("loud") };
    assert_eq!(find(&world, loud_south).await, [3]);
    let quiet_pump = Query { name: Some("west".into()), ..Query::of_type("shop.Machine") };
    assert_eq!(find(&world, quiet_pump).await, [] as [u128; 0]);
    let of_id = |number| Query::of_id(MailboxId::agent(number));
    assert_eq!(find(&world, of_id(7)).await, [7]);
    assert_eq!(find(&world, of_id(8)).await, [] as [u128; 0]);
    assert_eq!(find(&world, Query { id: Some(MailboxId::agent(3)), ..Query::able_to("loud") }).await, [3]);
    assert_eq!(
        find(&world, Query { id: Some(MailboxId::agent(7)), ..Query::able_to("loud") }).await,
        [] as [u128; 0]
    );
    let seventh = world.exchange.discover(&Asker::Container, of_id(7)).await.unwrap();
    assert_eq!(find(&world, of_id(7).after(&seventh[0])).await, [] as [u128; 0]);
    assert_eq!(find(&world, Query::all()).await, [9, 3, 7, 5, 1]);
    world.exchange.terminate(&Asker::Container, MailboxId::agent(3)).await.unwrap();
    assert_eq!(find(&world, Query::of_subtypes("shop.Machine")).await, [9, 5]);
    assert_eq!(find(&world, of_id(3)).await, [] as [u128; 0]);
    assert_eq!(find(&world, Query::all()).await, [9, 7, 5, 1]);
    let found = world.exchange.discover(&Asker::Container, Query::named("west")).await.unwrap();
    let expected = Found {
        number: found[0].number,
        id: MailboxId::agent(5),
        name: Some("west".into()),
        lineage: ["shop.Pump", "shop.Machine", "Agent"].map(Into::into).to_vec(),
        capabilities: vec!["water".into()],
        owner: None,
    };
    assert_eq!(found, [expected]);
    world
        .exchange
        .register(&Asker::user("ada"), Registration::new(MailboxId::agent(6)).named("east"))
        .await
        .unwrap();
    let found = world.exchange.discover(&Asker::Container, Query::named("east")).await.unwrap();
    assert_eq!(found[0].owner.as_deref(), Some("ada"));
}

pub(crate) async fn pages_follow_each_other_in_the_order_of_registration(world: World) {
    for number in (1..=10).rev() {
        world.register(Registration::new(MailboxId::agent(number)).lineage(["Pump"])).await;
    }
    for query in [Query::all(), Query::of_type("Pump")] {
        let mut query = Query { max: 4, ..query };
        let mut all = Vec::new();
        loop {
            let page = world.exchange.discover(&Asker::Container, query.clone()).await.unwrap();
            assert!(page.len() <= 4);
            let Some(last) = page.last() else { break };
            query = query.after(last);
            all.extend(page.iter().map(|found| found.id.uuid));
        }
        assert_eq!(all, (1..=10).rev().collect::<Vec<_>>());
    }
    for max in [0, 1001] {
        let query = Query { max, ..Query::all() };
        let error = world.exchange.discover(&Asker::Container, query).await.unwrap_err();
        assert!(matches!(error, ExchangeError::Invalid { .. }), "{error}");
    }
}

pub(crate) async fn who_registers_again_is_found_by_what_holds_now(world: World) {
    people(&world).await;
    let changed = Registration::new(MailboxId::agent(9)).named("east").lineage(["shop.Clock", "Agent"]);
    world.say(MailboxId::agent(9), "stays").await;
    world.register(changed.capabilities(["loud"])).await;
    assert_eq!(find(&world, Query::of_subtypes("shop.Machine")).await, [3, 5]);
    assert_eq!(find(&world, Query::of_type("shop.Clock")).await, [9, 7], "its place is the old one");
    assert_eq!(find(&world, Query::named("north")).await, [7]);
    assert_eq!(find(&world, Query::named("east")).await, [9]);
    assert_eq!(find(&world, Query::able_to("water")).await, [5]);
    assert_eq!(world.drain(MailboxId::agent(9)).await, ["stays"]);
}
