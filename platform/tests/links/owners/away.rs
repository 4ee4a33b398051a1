//! Owners whose exchange is away for longer than their leases: what of them goes on when it is there again, and what ends.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use folkmoot::exchange::{Asker, ExchangeLimits, Query};
use folkmoot::prelude::*;
use folkmoot::sim::Sim;
use folkmoot::{AgentEvent, Builder, Durable, Monitor, Restart, Strategy};

use super::super::counts::Counts;
use super::super::events::next;
#[cfg(feature = "sqlite")]
use super::super::left_behind::Watch;
use super::super::log::Log;

const MINUTE: Duration = Duration::from_secs(60);
/// How long an exchange is away: longer than a lease, which is 20 s.
const AWAY: Duration = Duration::from_secs(40);

/// Keeps what it was sent, in order, and what it had done when each of its lives began.
#[derive(Agent, Default)]
struct Ledger {
    #[persist]
    entered: Vec<u64>,
    lives: Arc<Mutex<Vec<usize>>>,
}

#[agent]
impl Ledger {
    #[start]
    fn start(&mut self) {
        self.lives.lock().unwrap().push(self.entered.len());
    }

    #[on("entry")]
    fn entry(&mut self, number: u64) {
        self.entered.push(number);
    }

    /// Enters a number slowly, so that what happens meanwhile finds it in the middle.
    #[on("slow entry")]
    async fn slow_entry(&mut self, number: u64, ctx: &Context<Self>) {
        self.entered.push(number);
        ctx.clock().sleep(Duration::from_secs(10)).await;
    }

    #[expose]
    fn enter(&mut self, number: u64) {
        self.entered.push(number);
    }

    #[expose]
    async fn think(&self, time: Duration, ctx: &Context<Self>) -> usize {
        ctx.clock().sleep(time).await;
        self.entered.len()
    }

    #[expose]
    fn entered(&self) -> Vec<u64> {
        self.entered.clone()
    }
}

/// A hub with an exchange, and nodes that use it.
async fn hub(sim: &Sim) -> Container {
    sim.node("hub", async |builder: Builder| Ok(builder.exchange("memory:").start().await?)).await.unwrap()
}

async fn member(sim: &Sim, name: &str, counts: &Counts) -> Container {
    let counts = counts.clone();
    let begun = sim.node(name, async move |builder: Builder| {
        Ok(counts.during(builder.exchange("local://hub").start()).await?)
    });
    begun.await.unwrap()
}

async fn ledger(node: &Container) -> (Proxy<Ledger>, Monitor) {
    let ledger = node.spawn("ledger", Ledger::default).durable().await.unwrap();
    let monitor = node.monitor(&ledger).await.unwrap();
    (ledger, monitor)
}

async fn send(node: &Container, kind: &str, number: u64) {
    node.send("ledger", Mail::new(kind, &number)).await.unwrap();
}

/// Waits until it has entered so many.
async fn until(sim: &Sim, ledger: &Proxy<Ledger>, count: usize) -> Vec<u64> {
    loop {
        let entered = ledger.entered().await.unwrap();
        if entered.len() >= count {
            return entered;
        }
        sim.sleep(Duration::from_millis(10)).await;
    }
}

fn lost(event: &AgentEvent) -> bool {
    matches!(event, AgentEvent::Crashed { cause } if cause.starts_with("it lost its mailbox: "))
}

#[folkmoot::test(sim, twice)]
async fn an_agent_goes_on_from_what_is_kept_when_its_exchange_is_there_again(sim: Sim) {
    let (hub, counts, log) = (hub(&sim).await, Counts::default(), Log::default());
    let _listening = log.listen();
    let north = member(&sim, "north", &counts).await;
    sim.delay("hub", "north", Duration::from_millis(5), Duration::ZERO);
    let lives = Arc::new(Mutex::new(Vec::new()));
    let told = lives.clone();
    let spawned = north.spawn("ledger", move || Ledger { lives: told.clone(), ..Ledger::default() });
    let ledger = spawned.durable().await.unwrap();
    let mut monitor = north.monitor(&ledger).await.unwrap();
    send(&hub, "entry", 1).await;
    assert_eq!(until(&sim, &ledger, 1).await, [1]);
    ledger.enter(2).await.unwrap();
    send(&hub, "slow entry", 3).await;
    sim.sleep(Duration::from_secs(1)).await;

    let cut_at = sim.elapsed();
    sim.partition(&["hub"], &["north"]);
    // Its turn ends while nobody can say what is kept of it.
    assert!(lost(&next(&mut monitor).await));
    let lost_after = sim.elapsed() - cut_at;
    assert!(lost_after > Duration::from_secs(10) && lost_after < Duration::from_secs(21), "{lost_after:?}");
    // Whoever calls now waits, as at any new start.
    let waiting = ledger.entered().deadline(MINUTE);
    let waiting = actix::spawn(waiting);
    sim.sleep(AWAY - lost_after).await;
    send(&hub, "entry", 4).await;
    assert_eq!(*lives.lock().unwrap(), [0], "nothing of it lives without its mailbox");
    sim.heal();
    assert_eq!(next(&mut monitor).await, AgentEvent::Restarted { restarts: 1 });
    let back_after = sim.elapsed() - cut_at - AWAY;
    assert!(back_after < Duration::from_secs(15), "{back_after:?}");
    assert_eq!(waiting.await.unwrap().unwrap(), [1, 2], "what was not kept is not there");
    assert_eq!(
        until(&sim, &ledger, 4).await,
        [1, 2, 3, 4],
        "what was not acknowledged comes again, in its order"
    );
    assert_eq!(*lives.lock().unwrap(), [0, 2]);
    assert_eq!((counts.of("mailboxes_lost"), counts.of("mailboxes_retaken")), (1, 1));
    assert_eq!((counts.of("panics"), counts.of("mails_crashing")), (0, 0));

    // From now on it is an owner as any other.
    sim.sleep(MINUTE).await;
    ledger.enter(5).await.unwrap();
    send(&hub, "entry", 6).await;
    assert_eq!(until(&sim, &ledger, 6).await, [1, 2, 3, 4, 5, 6]);
    let exchange = hub.mailroom().unwrap().exchange();
    let mailbox = exchange.discover(&Asker::Container, Query::named("ledger")).await.unwrap()[0].id;
    let stats = exchange.stats(&Asker::Container, mailbox).await.unwrap();
    assert_eq!((stats.accepted, stats.acknowledged, stats.ready, stats.in_hand), (4, 4, 0, 0));
    assert_eq!((counts.of("mailboxes_lost"), counts.of("mailboxes_retaken")), (1, 1), "once is enough");
    let lines = log.with(&["agent=north/ledger", "mailbox"]);
    let [begins, ends] = &lines[..] else { panic!("a line when it begins, one when it ends: {lines:#?}") };
    assert!(begins.starts_with("WARN the agent lost its mailbox, and tries to have it again"), "{begins}");
    assert!(ends.starts_with("INFO the agent has its mailbox again"), "{ends}");
}

#[folkmoot::test(sim, twice)]
async fn an_agent_that_another_node_has_taken_meanwhile_stays_ended(sim: Sim) {
    let (hub, counts, log) = (hub(&sim).await, Counts::default(), Log::default());
    let _listening = log.listen();
    let (north, south) =
        (member(&sim, "north", &counts).await, member(&sim, "south", &Counts::default()).await);
    let (ledger_there, mut monitor) = ledger(&north).await;
    ledger_there.enter(1).await.unwrap();
    let thinking = ledger_there.think(Duration::from_secs(3600)).deadline(2 * AWAY);
    let thinking = actix::spawn(thinking);
    sim.sleep(Duration::from_secs(1)).await;
    sim.partition(&["hub", "south"], &["north"]);
    let (heir, _) = ledger(&south).await;
    heir.enter(2).await.unwrap();
    assert!(lost(&next(&mut monitor).await));
    // Nothing of the old life goes on beside the heir.
    let error = thinking.await.unwrap().unwrap_err();
    assert!(matches!(error, CallError::AgentRestarted { may_have_run: true, .. }), "{error}");
    sim.sleep(AWAY).await;
    sim.heal();
    let AgentEvent::Ended { cause, in_order: false } = next(&mut monitor).await else { panic!("it ends") };
    assert!(cause.starts_with("it lost its mailbox: ") && cause.contains("node \"south\" has it"), "{cause}");
    let error = ledger_there.enter(100).await.unwrap_err();
    assert!(matches!(error, CallError::AgentStopped { .. }), "{error}");
    let told =
        log.with(&["ERROR the agent does not have its mailbox again, and ends", "south", "north/ledger"]);
    assert_eq!(told.len(), 1, "{:#?}", log.all());
    assert_eq!((counts.of("mailboxes_lost"), counts.of("mailboxes_retaken")), (1, 0));
    assert!(north.agents().is_empty());
    send(&hub, "entry", 3).await;
    assert_eq!(until(&sim, &heir, 3).await, [1, 2, 3]);
    // The name is free: a later one waits for its turn.
    south.stop("ledger", MINUTE).await.unwrap();
    let (again, _) = ledger(&north).await;
    assert_eq!(again.entered().await.unwrap(), [1, 2, 3]);
}

#[folkmoot::test(sim)]
async fn who_waits_for_its_mailbox_is_stopped_at_once_and_leaves_it_to_others(sim: Sim) {
    let (_hub, counts) = (hub(&sim).await, Counts::default());
    let north = member(&sim, "north", &counts).await;
    let (_, mut monitor) = ledger(&north).await;
    sim.partition(&["hub"], &["north"]);
    assert!(lost(&next(&mut monitor).await));
    sim.sleep(Duration::from_secs(7)).await;
    let begun = sim.elapsed();
    north.stop("ledger", MINUTE).await.unwrap();
    assert_eq!(sim.elapsed() - begun, Duration::ZERO);
    assert!(matches!(next(&mut monitor).await, AgentEvent::Ended { in_order: true, .. }));
    sim.heal();
    sim.sleep(MINUTE).await;
    assert!(north.agents().is_empty(), "who was stopped does not come back");
    assert_eq!(counts.of("mailboxes_retaken"), 0);
    // The attempt that was under way has left nothing behind.
    let begun = sim.elapsed();
    drop(ledger(&north).await);
    assert!(sim.elapsed() - begun < Duration::from_secs(1));
    // So does the node.
    let mut monitor = ledger_monitor(&north).await;
    sim.partition(&["hub"], &["north"]);
    assert!(lost(&next(&mut monitor).await));
    let begun = sim.elapsed();
    north.shutdown().await;
    assert!(sim.elapsed() - begun < Duration::from_secs(20), "{:?}", sim.elapsed() - begun);
}

async fn ledger_monitor(node: &Container) -> Monitor {
    let ledger: Proxy<Ledger> = node.connect(node.url("ledger")).await.unwrap();
    node.monitor(&ledger).await.unwrap()
}

#[folkmoot::test(sim)]
async fn an_agent_whose_mailbox_was_terminated_meanwhile_ends_for_good(sim: Sim) {
    let (hub, counts, log) = (hub(&sim).await, Counts::default(), Log::default());
    let _listening = log.listen();
    let north = member(&sim, "north", &counts).await;
    let (_, mut monitor) = ledger(&north).await;
    sim.partition(&["hub"], &["north"]);
    assert!(lost(&next(&mut monitor).await));
    let exchange = hub.mailroom().unwrap().exchange();
    let mailbox = exchange.discover(&Asker::Container, Query::named("ledger")).await.unwrap()[0].id;
    exchange.terminate(&Asker::Container, mailbox).await.unwrap();
    sim.heal();
    let AgentEvent::Ended { cause, in_order: true } = next(&mut monitor).await else { panic!("it ends") };
    assert!(cause.contains("terminated"), "{cause}");
    assert_eq!(log.with(&["WARN the mailbox that the agent had lost was terminated"]).len(), 1);
    assert!(north.agents().is_empty());
    assert_eq!(counts.of("mailboxes_retaken"), 0);
}

#[folkmoot::test(sim)]
async fn who_is_never_started_anew_or_was_about_to_end_is_not_revived(sim: Sim) {
    let (_hub, counts) = (hub(&sim).await, Counts::default());
    let north = member(&sim, "north", &counts).await;
    let temporary = north.spawn("temporary", Ledger::default).durable().restart(Restart::Temporary);
    let temporary = temporary.await.unwrap();
    let (ledger, mut monitor) = ledger(&north).await;
    let mut of_temporary = north.monitor(&temporary).await.unwrap();
    let thinking = ledger.think(Duration::from_secs(50)).deadline(MINUTE);
    actix::spawn(async move { drop(thinking.await) });
    sim.sleep(Duration::from_secs(1)).await;
    sim.partition(&["hub"], &["north"]);
    // It is given the time to end its turn, and loses its mailbox before.
    let stopping = north.stop("ledger", MINUTE);
    let (stopped, ended, ended_too) = tokio::join!(stopping, next(&mut monitor), next(&mut of_temporary));
    stopped.unwrap();
    for ended in [ended, ended_too] {
        let AgentEvent::Ended { cause, in_order: false } = ended else { panic!("{ended:?}") };
        assert!(cause.starts_with("it lost its mailbox: "), "{cause}");
    }
    sim.heal();
    sim.sleep(MINUTE).await;
    assert!(north.agents().is_empty());
    assert_eq!((counts.of("mailboxes_lost"), counts.of("mailboxes_retaken")), (2, 0));
}

#[folkmoot::test(sim)]
async fn where_the_exchange_keeps_nothing_an_agent_begins_anew_with_an_empty_mailbox(sim: Sim) {
    let (_hub, counts, log) = (hub(&sim).await, Counts::default(), Log::default());
    let _listening = log.listen();
    let north = member(&sim, "north", &counts).await;
    let (ledger, mut monitor) = ledger(&north).await;
    ledger.enter(1).await.unwrap();
    sim.crash("hub").await.unwrap();
    sim.sleep(AWAY).await;
    let hub = sim.restart("hub").await.unwrap();
    assert!(lost(&next(&mut monitor).await));
    assert_eq!(next(&mut monitor).await, AgentEvent::Restarted { restarts: 1 });
    assert_eq!(log.with(&["WARN the exchange has forgotten the agent's mailbox"]).len(), 1);
    send(&hub, "entry", 2).await;
    assert_eq!(until(&sim, &ledger, 1).await, [2]);
    assert_eq!((counts.of("mailboxes_lost"), counts.of("mailboxes_retaken")), (1, 1));
}

/// A hub whose exchange gives leases, or none of 20 s, as `gives` says when it begins.
async fn moody_hub(sim: &Sim, gives: &Arc<AtomicBool>) {
    let gives = gives.clone();
    let hub = sim.node("hub", async move |builder: Builder| {
        let longest = if gives.load(Ordering::Relaxed) { MINUTE } else { Duration::from_secs(1) };
        let limits = ExchangeLimits { longest_lease: longest, ..ExchangeLimits::default() };
        Ok(builder.exchange("memory:").exchange_limits(limits).start().await?)
    });
    hub.await.unwrap();
}

#[folkmoot::test(sim)]
async fn who_waits_for_long_for_what_was_lost_says_so_now_and_then(sim: Sim) {
    const HOURS: Duration = Duration::from_secs(2 * 3600);
    let (gives, counts, log) = (Arc::new(AtomicBool::new(true)), Counts::default(), Log::default());
    let _listening = log.listen();
    moody_hub(&sim, &gives).await;
    let north = member(&sim, "north", &counts).await;
    let (ledger, mut monitor) = ledger(&north).await;
    // Who asks has a mailbox for the answers, and receives there from now on.
    north.request::<()>("ledger", Mail::new("unheard of", &())).await.unwrap_err();
    let waits = ["WARN an agent waits for the exchange", "agent=ledger"];
    let refused = ["WARN the exchange refuses the mailbox", "agent=ledger"];
    let no_answers = ["WARN no answers to the container's requests can be received"];
    let few = |count: usize| (10..=13).contains(&count);

    sim.crash("hub").await.unwrap();
    sim.sleep(HOURS).await;
    assert!(lost(&next(&mut monitor).await));
    let told = [log.with(&waits).len(), log.with(&refused).len(), log.with(&no_answers).len()];
    assert!(few(told[0]) && told[1] == 0 && few(told[2]), "{told:?}");

    gives.store(false, Ordering::Relaxed);
    sim.restart("hub").await.unwrap();
    sim.sleep(HOURS).await;
    let told_then = [log.with(&waits).len(), log.with(&refused).len()];
    assert!(told_then[0] <= told[0] + 1 && few(told_then[1]), "{told:?}, then {told_then:?}");

    sim.crash("hub").await.unwrap();
    gives.store(true, Ordering::Relaxed);
    sim.restart("hub").await.unwrap();
    assert_eq!(next(&mut monitor).await, AgentEvent::Restarted { restarts: 1 });
    ledger.enter(1).await.unwrap();
}

#[folkmoot::test(sim)]
async fn who_gives_nothing_back_sends_no_word_of_it(sim: Sim) {
    let counts = Counts::default();
    let counted = counts.clone();
    let hub = sim.node("hub", async move |builder: Builder| {
        Ok(counted.during(builder.exchange("memory:").start()).await?)
    });
    hub.await.unwrap();
    let north = member(&sim, "north", &Counts::default()).await;
    let exchange = north.mailroom().unwrap().exchange();
    exchange.discover(&Asker::Container, Query::named("ledger")).await.unwrap();
    exchange.give_back(&Asker::Container, Vec::new());
    sim.sleep(Duration::from_secs(1)).await;
    assert_eq!(counts.of("exchange_far_operations"), 1);
}

#[folkmoot::test(sim)]
async fn many_agents_come_back_a_few_at_a_time(sim: Sim) {
    const AGENTS: u32 = 160;
    let (_hub, counts) = (hub(&sim).await, Counts::default());
    let north = member(&sim, "north", &counts).await;
    let durable = Durable::new().lease(MINUTE);
    for number in 0..AGENTS {
        let spawned = north.spawn(&format!("ledger-{number}"), Ledger::default);
        spawned.durable_with(durable.clone()).await.unwrap();
    }
    sim.partition(&["hub"], &["north"]);
    while counts.of("mailboxes_lost") < u64::from(AGENTS) {
        sim.sleep(Duration::from_secs(1)).await;
    }
    // Each attempt takes a second.
    sim.delay("hub", "north", Duration::from_secs(1), Duration::ZERO);
    sim.heal();
    sim.sleep(Duration::from_secs(1)).await;
    let begun = sim.elapsed();
    while counts.of("mailboxes_retaken") < u64::from(AGENTS) {
        sim.sleep(Duration::from_millis(100)).await;
    }
    let took = sim.elapsed() - begun;
    // 16 at a time.
    assert!(took > Duration::from_secs(15), "they came all at once: {took:?}");
    assert!(took < MINUTE, "{took:?}");
    sim.usual_delay("hub", "north");
    sim.sleep(MINUTE).await;
    assert_eq!(counts.of("mailboxes_lost"), u64::from(AGENTS));
    assert_eq!(north.agents().len(), AGENTS as usize);
}

#[folkmoot::test(sim)]
async fn members_of_a_child_container_come_back_in_their_order_and_it_does_not_give_up(sim: Sim) {
    for strategy in [Strategy::OneForOne, Strategy::OneForAll] {
        let (name, counts) = (format!("north-{}", strategy.to_string().replace(' ', "-")), Counts::default());
        let _hub = match sim.container("hub") {
            Ok(hub) => hub,
            Err(_) => hub(&sim).await,
        };
        let north = member(&sim, &name, &counts).await;
        let crew =
            north.child("crew").strategy(strategy).restarts(1, Duration::from_secs(3600)).start().unwrap();
        let mut ledgers = Vec::new();
        for number in 0..4_u64 {
            let spawned = crew.spawn(&format!("{name}-{number}"), Ledger::default);
            ledgers.push(spawned.durable().intensity(0, MINUTE).await.unwrap());
            ledgers[number as usize].enter(number).await.unwrap();
        }
        sim.partition(&["hub"], &[&name]);
        sim.sleep(AWAY).await;
        assert!(counts.of("mailboxes_lost") >= 4);
        sim.heal();
        for (number, ledger) in (0..).zip(&ledgers) {
            assert_eq!(ledger.entered().deadline(MINUTE).await.unwrap(), [number], "{strategy}");
        }
        sim.sleep(MINUTE).await;
        assert_eq!(counts.of("escalations"), 0);
        for (number, ledger) in (0..).zip(&ledgers) {
            ledger.enter(10).await.unwrap();
            assert_eq!(ledger.entered().await.unwrap(), [number, 10], "{strategy}");
        }
    }
}

/// A hub in this process whose exchange lies in that directory.
#[cfg(feature = "sqlite")]
async fn hub_at(endpoint: &str, directory: &std::path::Path) -> Container {
    let line = format!("sqlite://{}", directory.display());
    // Another socket may have the port for a moment.
    for _ in 0..1_000 {
        let builder = Container::builder(endpoint).name("hub").exchange(&line);
        if let Ok(hub) = builder.watched().await {
            return hub;
        }
        tokio::task::yield_now().await;
    }
    panic!("{endpoint} does not come free");
}

#[cfg(feature = "sqlite")]
#[folkmoot::test(crate = crate::links::left_behind)]
async fn over_a_hub_that_is_started_again_after_its_leases_nothing_is_lost_and_nothing_done_twice() {
    super::super::limit::watch();
    let (directory, counts) = (tempfile::tempdir().unwrap(), Counts::default());
    let hub = hub_at("tcp://127.0.0.1:0", directory.path()).await;
    let endpoint = hub.endpoint().to_string();
    let builder = Container::builder("tcp://127.0.0.1:0").name("north").exchange(&endpoint);
    let north = counts.during(builder.watched()).await.unwrap();
    let durable = Durable::new().lease(Duration::from_secs(1));
    let ledger = north.spawn("ledger", Ledger::default).durable_with(durable).await.unwrap();
    let (mut hub, mut sent) = (hub, 0);
    for _ in 0..2 {
        for _ in 0..10 {
            sent += 1;
            send(&hub, "entry", sent).await;
        }
        let lost = counts.of("mailboxes_lost");
        hub.shutdown().await;
        while counts.of("mailboxes_lost") == lost {
            tokio::task::yield_now().await;
        }
        hub = hub_at(&endpoint, directory.path()).await;
        // Whoever asks meanwhile is answered by the next life, or by the one after that.
        while ledger.entered().deadline(MINUTE).await.map_or(0, |entered| entered.len() as u64) < sent {
            tokio::task::yield_now().await;
        }
    }
    assert!(counts.of("mailboxes_retaken") >= 2);
    let in_order: Vec<u64> = (1..=sent).collect();
    assert_eq!(ledger.entered().await.unwrap(), in_order);
    let exchange = hub.mailroom().unwrap().exchange();
    let mailbox = exchange.discover(&Asker::Container, Query::named("ledger")).await.unwrap()[0].id;
    north.shutdown().await;
    let stats = exchange.stats(&Asker::Container, mailbox).await.unwrap();
    assert_eq!((stats.accepted, stats.acknowledged, stats.dead_letters), (sent, sent, 0));
    hub.shutdown().await;
}
