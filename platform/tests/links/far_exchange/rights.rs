//! Who may use the exchange of another node, and as whom: proven by certificates, said by rules.

use folkmoot::exchange::{Fence, StatePut, Step};

use super::*;

const ALL: &str = "folkmoot/exchange";

fn name(node: &str) -> String {
    format!("spiffe://demo/node/{node}")
}

/// A hub with rules: of a node, for an agent or the exchange, to a method or an operation.
async fn hub(certs: &DevCerts, rules: &[(&str, &str, &str)]) -> Node {
    let builder =
        Container::builder("tls://127.0.0.1:0").certs(certs.node("hub").unwrap()).exchange("memory:");
    node(rules.iter().fold(builder, |builder, (who, what, how)| builder.allow(&name(who), what, how))).await
}

/// A node that uses the hub's exchange for a group, or for itself.
async fn member(certs: &DevCerts, own_name: &str, hub: &Container, group: &str) -> Node {
    let builder = Container::builder("tls://127.0.0.1:0").certs(certs.node(own_name).unwrap());
    // Mail is judged again where it is delivered.
    let builder = builder.allow(&name("*"), "tank", "fill");
    node(builder.exchange(&format!("{}{group}", hub.endpoint()))).await
}

fn is_denied(error: &ExchangeError, words: &str) {
    assert!(matches!(error, ExchangeError::Denied { .. }) && error.to_string().contains(words), "{error}");
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn the_hubs_gate_judges_each_operation_and_each_mail_by_who_the_link_has_proven() {
    let dir = tempfile::tempdir().unwrap();
    let certs = DevCerts::in_dir(dir.path()).unwrap();
    let rules = [("north", ALL, "*"), ("north", "pump", "order"), ("south", ALL, "status")];
    let hub = hub(&certs, &rules).await;
    let (north, south) = (member(&certs, "north", &hub, "").await, member(&certs, "south", &hub, "").await);
    let pump = register(&north, 1, "pump").await.unwrap();
    let mailroom = north.mailroom().unwrap();
    let posting = |id, kind: &str, name: Option<&str>| {
        // Whoever it is said to be from.
        let by = Principal::node(name_of_nobody());
        let posting =
            Posting::new(pump.id(), Mail::new(MailId(id), kind, "ten litres"), by, Asker::Container);
        match name {
            Some(name) => posting.named(name),
            None => posting,
        }
        .from_inside()
    };
    mailroom.send(posting(1, "order", Some("pump"))).await.unwrap();
    let delivery = next(&pump).await;
    assert_eq!((delivery.by.node_name(), text(&delivery)), (name("north").as_str(), "ten litres".to_owned()));
    pump.acknowledge(&delivery.receipt).await.unwrap();
    // Who writes the mailbox's id is judged by its name.
    mailroom.send(posting(7, "order", None)).await.unwrap();
    pump.acknowledge(&next(&pump).await.receipt).await.unwrap();
    for odd in
        [posting(2, "recall", Some("pump")), posting(3, "order", Some("valve")), posting(4, "recall", None)]
    {
        let error = mailroom.send(odd).await.unwrap_err();
        let told = error.to_string();
        assert!(matches!(error, MailError::Denied(_)) && told.contains("no rule lets"), "{told}");
    }
    // Of a step that the gate refuses nothing is done.
    let admitted = |id, kind| {
        let gate = folkmoot_gateway::Gate::open();
        mailroom.exchange().trust(gate.id());
        gate.admit(posting(id, kind, Some("pump"))).unwrap()
    };
    let step = Step { send: vec![admitted(5, "order"), admitted(6, "recall")], ..Step::default() };
    is_denied(&mailroom.exchange().commit(&Asker::Container, step).await.unwrap_err(), "\"recall\"");
    assert_eq!(pump.exchange().stats(pump.asker(), pump.id()).await.unwrap().accepted, 2);

    let exchange = south.mailroom().unwrap().exchange().clone();
    is_denied(&register(&south, 2, "valve").await.unwrap_err(), "`.allow(\"spiffe://demo/node/south\"");
    let error = exchange.recv(&Asker::Container, pump.id(), Recv::now()).await.unwrap_err();
    is_denied(&error, "\"folkmoot/exchange\", \"recv\")");
    is_denied(&exchange.state(&Asker::Container, "key".into()).await.unwrap_err(), "\"state\"");
    // It may ask how a mailbox fares; this one is not its own.
    let error = exchange.status(&Asker::Container, pump.id()).await.unwrap_err();
    assert!(matches!(error, ExchangeError::Forbidden { .. }), "{error}");
    assert_eq!(hub.counts.of("denials"), 7);
    shut_down([north, south, hub]).await;
}

#[derive(Agent, Default)]
struct Gauge;

#[agent]
impl Gauge {
    #[on("level?")]
    fn level(&self, _: ()) -> u64 {
        7
    }
}

#[derive(Agent, Default)]
struct Watcher;

#[agent]
impl Watcher {
    #[expose]
    async fn ask(&self, ctx: &Context<Self>) -> Result<u64, String> {
        ctx.request("gauge", folkmoot::mail::Mail::new("level?", &()))
            .await
            .map_err(|error| error.to_string())
    }
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn an_answer_over_the_hub_needs_no_rule_and_what_answers_nothing_does() {
    let dir = tempfile::tempdir().unwrap();
    let certs = DevCerts::in_dir(dir.path()).unwrap();
    let container = "folkmoot/exchange/container";
    let rules = [("north", container, "*"), ("south", container, "*"), ("south", "gauge", "level?")];
    let hub = hub(&certs, &rules).await;
    let member = async |own_name: &str| {
        let builder = Container::builder("tls://127.0.0.1:0").certs(certs.node(own_name).unwrap());
        let builder = builder.allow(&name("south"), "gauge", "level?");
        node(builder.exchange(&format!("{}/container", hub.endpoint()))).await
    };
    let (north, south) = (member("north").await, member("south").await);
    north.spawn("gauge", Gauge::default).durable().await.unwrap();
    let watcher = south.spawn("watcher", Watcher::default).durable().await.unwrap();
    // To a program's own mailbox, and to that of an agent.
    let level: u64 = south.request("gauge", folkmoot::mail::Mail::new("level?", &())).await.unwrap();
    assert_eq!((level, watcher.ask().await.unwrap()), (7, 7));
    assert_eq!(hub.counts.of("denials"), 0);
    // North may say nothing to the watcher that it was not asked for, whatever it calls an answer.
    let (from, to) = (north.mailbox_of("gauge").await.unwrap(), north.mailbox_of("watcher").await.unwrap());
    let mail = Mail::new(MailId(1), "level?", "8").from(from).response(1, None);
    let posting = Posting::new(to, mail, north.principal().clone(), Asker::Container).named("watcher");
    let error = north.mailroom().unwrap().send(posting.from_inside()).await.unwrap_err();
    assert!(matches!(error, MailError::Denied(_)) && error.to_string().contains("no rule lets"), "{error}");
    assert_eq!(hub.counts.of("denials"), 1);
    shut_down([north, south, hub]).await;
}

fn name_of_nobody() -> String {
    name("nobody")
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn a_node_owns_what_it_registers_and_lets_groups_use_it() {
    let dir = tempfile::tempdir().unwrap();
    let certs = DevCerts::in_dir(dir.path()).unwrap();
    let crew = "folkmoot/exchange/crew";
    let mut rules = vec![("north", crew, "*"), ("south", crew, "*")];
    for node in ["north", "south", "west"] {
        rules.extend([(node, ALL, "*"), (node, "pump", "*")]);
    }
    let hub = hub(&certs, &rules).await;
    let north = member(&certs, "north", &hub, "").await;
    let south = member(&certs, "south", &hub, "").await;
    let west = member(&certs, "west", &hub, "").await;
    let pump = register(&north, 1, "pump").await.unwrap();
    for other in [&south, &west] {
        for error in [
            register(other, 1, "pump").await.unwrap_err(),
            at(other, &pump).recv(Duration::ZERO).await.unwrap_err(),
            at(other, &pump).status().await.unwrap_err(),
        ] {
            assert!(matches!(error, ExchangeError::Forbidden { .. }), "{error}");
        }
        let error = send(other, &pump, "pump", 1, "mine?").await.unwrap_err();
        assert!(matches!(error, MailError::Exchange(ExchangeError::Forbidden { .. })), "{error}");
    }
    let exchange = pump.exchange();
    let error = exchange.share(&Asker::Container, pump.id(), "deck".into()).await.unwrap_err();
    assert!(matches!(&error, ExchangeError::NotInGroup { group } if &**group == "deck"), "{error}");
    exchange.share(&Asker::Container, pump.id(), "crew".into()).await.unwrap();
    assert_eq!(exchange.shares(&Asker::Container, pump.id()).await.unwrap(), ["crew".into()]);
    send(&south, &pump, "pump", 2, "yours").await.unwrap();
    let delivery = next(&at(&south, &pump)).await;
    assert_eq!(delivery.by.node_name(), name("south"));
    at(&south, &pump).acknowledge(&delivery.receipt).await.unwrap();
    let error = at(&west, &pump).status().await.unwrap_err();
    assert!(matches!(error, ExchangeError::Forbidden { .. }), "{error}");
    // The hub itself may do everything.
    assert!(at(&hub, &pump).recv(Duration::ZERO).await.unwrap().is_none());
    shut_down([north, south, west, hub]).await;
}

/// Writes a state, and gives its revision.
async fn put(node: &Container, key: &str, expected: u64, value: &'static str) -> Result<u64, ExchangeError> {
    let put = StatePut { key: key.into(), expected, bytes: Some(value.into()) };
    let step = Step { states: vec![put], ..Step::default() };
    let exchange = node.mailroom().unwrap().exchange().clone();
    exchange.commit(&Asker::Container, step).await.map(|committed| committed.revisions[0])
}

async fn state(node: &Container, key: &str) -> Option<String> {
    let exchange = node.mailroom().unwrap().exchange();
    let state = exchange.state(&Asker::Container, key.into()).await.unwrap();
    state.map(|state| String::from_utf8(state.bytes.to_vec()).unwrap())
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn nodes_of_a_group_take_each_others_agents_over_and_nobody_elses() {
    let dir = tempfile::tempdir().unwrap();
    let certs = DevCerts::in_dir(dir.path()).unwrap();
    let crew = "folkmoot/exchange/crew";
    let mut rules = vec![("north", crew, "*"), ("south", crew, "*"), ("west", ALL, "*")];
    rules.extend(["north", "south", "west"].map(|node| (node, "pump", "*")));
    let hub = hub(&certs, &rules).await;
    let north = member(&certs, "north", &hub, "/crew").await;
    let south = member(&certs, "south", &hub, "/crew").await;
    let west = member(&certs, "west", &hub, "").await;

    let pump = register(&north, 1, "pump").await.unwrap();
    let exchange = pump.exchange().clone();
    let lease = exchange.take_lease(&Asker::Container, pump.id(), "north".into(), HOUR).await.unwrap();
    assert_eq!(put(&north, "pump", 0, "full").await.unwrap(), 1);
    send(&north, &pump, "pump", 1, "ten litres").await.unwrap();

    // The same agent on another node: not before the lease is over or given up.
    register(&south, 1, "pump").await.unwrap();
    let there = at(&south, &pump);
    let of_south = there.exchange().clone();
    let take = async || of_south.take_lease(&Asker::Container, pump.id(), "south".into(), HOUR).await;
    let error = take().await.unwrap_err();
    assert!(
        matches!(&error, ExchangeError::Owned { holder, .. } if &**holder == "spiffe://demo/node/north: north"),
        "{error}"
    );
    exchange.give_up_lease(&Asker::Container, pump.id(), lease.epoch).await.unwrap();
    let second = take().await.unwrap();
    assert_eq!(second.epoch, lease.epoch + 1);
    assert_eq!(state(&south, "pump").await.as_deref(), Some("full"));
    let delivery = next(&there.clone().as_owner(second.epoch)).await;
    let fence = Fence { mailbox: pump.id(), epoch: second.epoch };
    let step = |fence, expected| Step {
        fence: Some(fence),
        acknowledge: vec![delivery.receipt],
        states: vec![StatePut { key: "pump".into(), expected, bytes: Some("empty".into()) }],
        ..Step::default()
    };
    let error = of_south.commit(&Asker::Container, step(fence, 7)).await.unwrap_err();
    assert!(
        matches!(&error, ExchangeError::Revision { key, expected: 7, found: 1 } if &**key == "pump"),
        "{error}"
    );
    let old = Fence { epoch: lease.epoch, ..fence };
    let error = exchange.commit(&Asker::Container, step(old, 1)).await.unwrap_err();
    assert!(matches!(error, ExchangeError::NotTheOwner { .. }), "{error}");
    of_south.commit(&Asker::Container, step(fence, 1)).await.unwrap();
    assert_eq!(state(&north, "pump").await.as_deref(), Some("empty"));

    // A node that is not of the group has keys of its own, and nothing of theirs.
    assert_eq!(state(&west, "pump").await, None);
    assert_eq!(put(&west, "pump", 0, "mine").await.unwrap(), 1);
    assert_eq!((state(&north, "pump").await.as_deref(), state(&hub, "pump").await), (Some("empty"), None));
    let of_west = at(&west, &pump).exchange().clone();
    let step = Step { fence: Some(fence), ..Step::default() };
    for error in [
        of_west.take_lease(&Asker::Container, pump.id(), "west".into(), HOUR).await.unwrap_err(),
        of_west.renew_lease(&Asker::Container, pump.id(), second.epoch, HOUR).await.unwrap_err(),
        of_west.give_up_lease(&Asker::Container, pump.id(), second.epoch).await.unwrap_err(),
        of_west.commit(&Asker::Container, step).await.unwrap_err(),
    ] {
        assert!(matches!(error, ExchangeError::Forbidden { .. }), "{error}");
    }
    // For a group that it is not in it does nothing.
    let odd = member(&certs, "west", &hub, "/crew").await;
    is_denied(&register(&odd, 2, "valve").await.unwrap_err(), "folkmoot/exchange/crew");
    shut_down([north, south, west, odd, hub]).await;
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn whom_a_rule_lets_be_the_container_shares_all_with_the_hub() {
    let dir = tempfile::tempdir().unwrap();
    let certs = DevCerts::in_dir(dir.path()).unwrap();
    let rules = [
        ("north", "folkmoot/exchange/container", "*"),
        ("north", "pump", "*"),
        // Who may do everything that agents offer is not the container for that.
        ("west", "*", "*"),
    ];
    let hub = hub(&certs, &rules).await;
    let north = member(&certs, "north", &hub, "/container").await;
    let pump = register(&hub, 1, "pump").await.unwrap();
    put(&hub, "pump", 0, "full").await.unwrap();
    send(&north, &pump, "pump", 1, "ten litres").await.unwrap();
    assert_eq!(text(&next(&at(&north, &pump)).await), "ten litres");
    assert_eq!(state(&north, "pump").await.as_deref(), Some("full"));
    let west = member(&certs, "west", &hub, "/container").await;
    is_denied(&at(&west, &pump).status().await.unwrap_err(), "folkmoot/exchange/container");
    shut_down([north, west, hub]).await;
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn users_of_a_nodes_own_are_nobody_elsewhere() {
    let dir = tempfile::tempdir().unwrap();
    let certs = DevCerts::in_dir(dir.path()).unwrap();
    let hub = hub(&certs, &[("north", ALL, "*"), ("south", ALL, "*"), ("north", "*", "*")]).await;
    let (north, south) = (member(&certs, "north", &hub, "").await, member(&certs, "south", &hub, "").await);
    let ada = Asker::user("ada").in_groups(["crew"]);
    let id = MailboxId::user(1);
    let of_north = north.mailroom().unwrap().exchange().clone();
    of_north.register(&ada, Registration::new(id)).await.unwrap();
    of_north.share(&ada, id, "crew".into()).await.unwrap();
    assert_eq!(of_north.shares(&ada, id).await.unwrap(), ["crew".into()]);
    of_north.status(&Asker::user("bob").in_groups(["crew"]), id).await.unwrap();
    let of_south = south.mailroom().unwrap().exchange().clone();
    for (exchange, asker) in [
        (&of_south, ada.clone()),
        (&of_south, Asker::Container),
        (&of_north, Asker::user("eve")),
        (hub.mailroom().unwrap().exchange(), ada.clone()),
    ] {
        let error = exchange.status(&asker, id).await.unwrap_err();
        assert!(matches!(error, ExchangeError::Forbidden { .. }), "{asker:?}: {error}");
    }
    let error = of_north.take_lease(&ada, id, "ada".into(), HOUR).await.unwrap_err();
    assert!(matches!(error, ExchangeError::ContainerOnly { .. }), "{error}");
    let error = of_north.share(&ada, id, "deck".into()).await.unwrap_err();
    assert!(matches!(&error, ExchangeError::NotInGroup { group } if &**group == "deck"), "{error}");
    shut_down([north, south, hub]).await;
}

/// Counts the litres that it was sent.
#[derive(Agent, Default)]
struct Tank {
    litres: u64,
}

#[agent]
impl Tank {
    #[on("fill")]
    fn fill(&mut self, litres: u64) {
        self.litres += litres;
    }

    #[expose]
    fn litres(&self) -> u64 {
        self.litres
    }
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn a_durable_agent_moves_from_node_to_node_with_its_mail() {
    let dir = tempfile::tempdir().unwrap();
    let certs = DevCerts::in_dir(dir.path()).unwrap();
    let container = "folkmoot/exchange/container";
    let mut rules = Vec::new();
    for node in ["north", "south"] {
        rules.extend([(node, container, "*"), (node, "tank", "fill")]);
    }
    let hub = hub(&certs, &rules).await;
    let north = member(&certs, "north", &hub, "/container").await;
    let south = member(&certs, "south", &hub, "/container").await;
    let west = member(&certs, "west", &hub, "").await;
    let error = west.spawn("tank", Tank::default).durable().await.unwrap_err();
    assert!(error.to_string().contains("no rule lets"), "{error}");

    let tank = north.spawn("tank", Tank::default).durable().await.unwrap();
    south.send("tank", folkmoot::mail::Mail::new("fill", &10_u64)).await.unwrap();
    hub.send("tank", folkmoot::mail::Mail::new("fill", &5_u64)).await.unwrap();
    while tank.litres().await.unwrap() < 15 {
        tokio::task::yield_now().await;
    }
    // While its node is away mail waits at the hub; the next node takes it over, and the hub itself after that.
    north.shutdown().await;
    south.send("tank", folkmoot::mail::Mail::new("fill", &7_u64)).await.unwrap();
    let tank = south.spawn("tank", Tank::default).durable().await.unwrap();
    while tank.litres().await.unwrap() < 7 {
        tokio::task::yield_now().await;
    }
    south.stop("tank", SOON).await.unwrap();
    south.send("tank", folkmoot::mail::Mail::new("fill", &3_u64)).await.unwrap();
    let tank = hub.spawn("tank", Tank::default).durable().await.unwrap();
    while tank.litres().await.unwrap() < 3 {
        tokio::task::yield_now().await;
    }
    assert_eq!((hub.counts.of("mails_acknowledged"), hub.counts.of("mails_accepted")), (4, 4));
    shut_down([south, west, hub]).await;
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn a_durable_agent_of_a_group_moves_among_its_nodes_and_is_no_other_owners() {
    let dir = tempfile::tempdir().unwrap();
    let certs = DevCerts::in_dir(dir.path()).unwrap();
    let (plant, other) = ("folkmoot/exchange/plant", "folkmoot/exchange/other");
    let mut rules =
        vec![("north", plant, "*"), ("south", plant, "*"), ("east", other, "*"), ("west", ALL, "*")];
    rules.extend(["north", "south", "east", "west"].map(|node| (node, "tank", "fill")));
    let hub = hub(&certs, &rules).await;
    let north = member(&certs, "north", &hub, "/plant").await;
    let south = member(&certs, "south", &hub, "/plant").await;
    let east = member(&certs, "east", &hub, "/other").await;
    let west = member(&certs, "west", &hub, "").await;
    let fill = |litres: u64| folkmoot::mail::Mail::new("fill", &litres);

    // Three agents of one name, each with a mailbox of its own.
    let tank = north.spawn("tank", Tank::default).durable().await.unwrap();
    let of_hub = hub.spawn("tank", Tank::default).durable().await.unwrap();
    let of_east = east.spawn("tank", Tank::default).durable().await.unwrap();
    south.send("tank", fill(10)).await.unwrap();
    hub.send("tank", fill(1)).await.unwrap();
    east.send("tank", fill(2)).await.unwrap();
    for (tank, litres) in [(&tank, 10), (&of_hub, 1), (&of_east, 2)] {
        while tank.litres().await.unwrap() < litres {
            tokio::task::yield_now().await;
        }
        assert_eq!(tank.litres().await.unwrap(), litres);
    }
    // Of the nodes of a group the lease decides.
    let hasty = south.spawn("tank", Tank::default).start_deadline(Duration::from_millis(50)).durable();
    let error = hasty.await.unwrap_err();
    assert!(
        matches!(&error, folkmoot::SpawnError::Owned { holder, .. } if *holder == name("north")),
        "{error}"
    );
    drop(tank);
    north.shutdown().await;
    south.send("tank", fill(7)).await.unwrap();
    let tank = south.spawn("tank", Tank::default).durable().await.unwrap();
    while tank.litres().await.unwrap() < 7 {
        tokio::task::yield_now().await;
    }
    assert_eq!((of_hub.litres().await.unwrap(), of_east.litres().await.unwrap()), (1, 2));

    // Nobody takes a mailbox of theirs beforehand: its id follows from the name and from whose it is.
    let exchange = south.mailroom().unwrap().exchange();
    let id = south.mailbox_of("tank").await.unwrap();
    assert_ne!(id, hub.mailbox_of("tank").await.unwrap());
    south.stop("tank", SOON).await.unwrap();
    exchange.terminate(&Asker::Container, id).await.unwrap();
    let next = south.spawn("tank", Tank::default).durable().await.unwrap();
    let second = south.mailbox_of("tank").await.unwrap();
    assert_ne!(second, id);
    for (thief, name) in [(&east, "tank"), (&west, "tank"), (&south, "valve")] {
        let registration = Registration::new(second).named(name);
        let theirs = thief.mailroom().unwrap().exchange().clone();
        let error = theirs.register(&Asker::Container, registration).await.unwrap_err();
        assert!(matches!(error, ExchangeError::ContainerOnly { .. }), "{error}");
    }
    drop(next);
    // A node for itself is told what to write.
    let error = west.spawn("tank", Tank::default).durable().await.unwrap_err().to_string();
    let rule = "`.allow(\"spiffe://demo/node/west\", \"folkmoot/exchange/plant\", \"*\")`";
    assert!(error.contains("tls://hub:5555/plant") && error.contains(rule), "{error}");
    shut_down([south, east, west, hub]).await;
}
