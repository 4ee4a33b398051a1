//! Groups within a process: tell all, ask one, ask all; quorums, members that vanish, and who is asked instead.

use std::time::Duration;

use folkmoot::prelude::*;
use folkmoot::{Group, NoQuorum, Untyped, Value};

use super::begun::begin;
use super::counter::hall;
use super::counts::Counts;

const SOON: Duration = Duration::from_secs(60);
const NONE: [Value; 0] = [];

/// Says its name, unless it is to fail, or to be silent.
#[derive(Agent, Default)]
struct Pump {
    level: i64,
    asked: u64,
}

#[agent]
impl Pump {
    #[expose]
    fn name(&mut self, ctx: &Context<Self>) -> String {
        self.asked += 1;
        ctx.name().to_owned()
    }

    #[expose]
    fn set(&mut self, level: i64) {
        self.level = level;
    }

    #[expose]
    fn level(&self) -> Result<i64, String> {
        match self.level {
            level @ 0.. => Ok(level),
            level => Err(format!("{level} is below 0")),
        }
    }

    #[expose]
    fn asked(&self) -> u64 {
        self.asked
    }

    /// An answer from all but the silent, which hold one of their credits.
    #[expose]
    async fn sound(&self) -> i64 {
        match self.level {
            0 => std::future::pending().await,
            level => level,
        }
    }
}

/// What callers know who do not have `Pump`'s code.
#[agent]
trait Level {
    fn level(&self) -> Result<i64, String>;
    fn set(&mut self, level: i64);
}

async fn pumps(hall: &Container, names: &[&str]) -> Vec<Proxy<Pump>> {
    let mut pumps = Vec::new();
    for name in names {
        pumps.push(hall.spawn(name, Pump::default).capability("pump").await.unwrap());
    }
    pumps
}

fn names(members: &[folkmoot::Member]) -> Vec<&str> {
    members.iter().map(|member| member.name.as_str()).collect()
}

async fn counted() -> (Container, Counts) {
    let counts = Counts::default();
    let _recording = metrics::set_default_local_recorder(&counts);
    (hall().await, counts.clone())
}

#[folkmoot::test]
async fn all_are_told_and_all_are_heard() {
    let hall = hall().await;
    let pumps = pumps(&hall, &["a", "b", "c"]).await;
    let group = Group::of(pumps);
    let mut level = 0;
    let told = group.tell_all(|pump| {
        level += 1;
        pump.set(level)
    });
    assert_eq!((told.sent, told.failed.as_slice()), (3, &[][..]));
    let heard = group.ask_all(|pump| pump.level()).await;
    let heard: Vec<_> = heard.into_iter().map(|(who, level)| (who.to_string(), level.unwrap())).collect();
    assert_eq!(heard, [("hall/a".into(), 1), ("hall/b".into(), 2), ("hall/c".into(), 3)]);
    hall.shutdown().await;
}

#[folkmoot::test]
async fn an_agent_counts_once() {
    let hall = hall().await;
    let pumps = pumps(&hall, &["a", "b"]).await;
    let again = hall.connect(hall.url("a")).await.unwrap();
    let group = Group::of([pumps[0].clone(), again, pumps[1].clone(), pumps[0].clone()]);
    assert_eq!(names(&group.members()), ["a", "b"]);
    assert_eq!(group.ask_all(|pump| pump.name()).quorum(3).await.unwrap_err().members, 2);
    let others = group.without(&pumps[0]);
    assert_eq!((names(&others.members()), group.len()), (vec!["b"], 2));
    hall.shutdown().await;
}

#[folkmoot::test]
async fn a_live_group_follows_the_agents_that_come_and_go() {
    let hall = hall().await;
    let by_type: Group<Pump> = hall.group_of_type("Pump");
    let able: Group<Untyped> = hall.group_able_to("pump");
    assert!(by_type.is_empty());
    let waiting = tokio::join!(by_type.wait_for(2, SOON), pumps(&hall, &["b", "a"]));
    waiting.0.unwrap();
    hall.spawn("unable", Pump::default).await.unwrap();
    assert_eq!(names(&by_type.members()), ["a", "b", "unable"]);
    assert_eq!(names(&able.members()), ["a", "b"]);
    hall.stop("a", SOON).await.unwrap();
    assert_eq!(names(&able.members()), ["b"]);
    pumps(&hall, &["a"]).await;
    assert_eq!(able.ask_all(|any| any.call("level", NONE)).await.len(), 2);
    let heard = able.ask_all(|any| any.call("level", NONE)).majority().await.unwrap();
    assert_eq!(
        heard.iter().map(|(who, value)| (&*who.name, value)).collect::<Vec<_>>(),
        [("a", &Value::Int(0)), ("b", &Value::Int(0))]
    );
    assert_eq!(by_type.without(&hall.find::<Pump>("b").unwrap()).len(), 2);
    hall.shutdown().await;
}

#[folkmoot::test]
async fn one_is_asked_each_in_turn_and_clones_take_turns() {
    let hall = hall().await;
    pumps(&hall, &["a", "b", "c"]).await;
    let group: Group<Pump> = hall.group_of_type("Pump");
    let mut asked = Vec::new();
    for _ in 0..3 {
        asked.push(group.ask_one(|pump| pump.name()).await.unwrap());
        asked.push(group.clone().ask_one(|pump| pump.name()).await.unwrap());
    }
    assert_eq!(asked, ["a", "b", "c", "a", "b", "c"]);
    hall.shutdown().await;
}

#[folkmoot::test]
async fn the_least_loaded_is_asked_whoever_loads_it() {
    let hall = hall().await;
    let pumps = pumps(&hall, &["a", "b", "c"]).await;
    let group: Group<Pump> = hall.group_of_type("Pump");
    let mut waits: Vec<_> = [0, 0, 2].map(|busy| pumps[busy].sound()).into();
    for wait in &mut waits {
        assert!(begin(wait));
    }
    for _ in 0..3 {
        assert_eq!(group.ask_one(|pump| pump.name()).least_loaded().await.unwrap(), "b");
    }
    assert_eq!(pumps[1].asked().await.unwrap(), 3);
    drop(waits);
    hall.shutdown().await;
}

#[folkmoot::test]
async fn another_is_asked_where_one_has_ended_or_is_full_and_none_where_the_method_has_run() {
    let (hall, counts) = counted().await;
    let full = hall.spawn("full", Pump::default).capacity(1).await.unwrap();
    let a = hall.spawn("a", Pump::default).await.unwrap();
    let ended = hall.spawn("ended", Pump::default).await.unwrap();
    hall.stop("ended", SOON).await.unwrap();
    let mut holding = full.sound();
    assert!(begin(&mut holding));

    let group = Group::of([full.clone(), ended.clone(), a.clone()]);
    for _ in 0..3 {
        assert_eq!(group.ask_one(|pump| pump.name()).await.unwrap(), "a");
    }
    assert!(counts.of("members_passed_over") >= 3, "{}", counts.of("members_passed_over"));
    for gone in [Group::of([full.clone(), ended.clone()]), Group::of([ended.clone(), full.clone()])] {
        let error = gone.ask_one(|pump| pump.name()).await.unwrap_err();
        assert!(matches!(error, CallError::Overloaded { .. }), "{error}");
    }
    let error = Group::of([ended.clone()]).ask_one(|pump| pump.name()).await.unwrap_err();
    assert!(matches!(error, CallError::AgentStopped { may_have_run: false, .. }), "{error}");
    let told = group.tell_all(|pump| pump.set(-1));
    let failed: Vec<_> = told.failed.iter().map(|(who, error)| (&*who.name, error.code())).collect();
    assert_eq!((told.sent, failed), (1, vec![("full", "overloaded"), ("ended", "agent-stopped")]));
    assert_eq!(counts.of("one_way_failures"), 2);
    drop(holding);

    // The one that answers for itself has run.
    let group = Group::of([a.clone(), ended]);
    for _ in 0..2 {
        let error = group.ask_one(|pump| pump.level()).await.unwrap_err();
        assert_eq!(error, CallError::Agent("-1 is below 0".to_owned()));
    }
    hall.shutdown().await;
}

#[folkmoot::test]
async fn an_heir_of_the_name_is_asked_like_any_other() {
    let hall = hall().await;
    let fixed = Group::of(pumps(&hall, &["a"]).await);
    let live: Group<Pump> = hall.group_of_type("Pump");
    assert_eq!(live.len(), 1);
    hall.stop("a", SOON).await.unwrap();
    let error = live.ask_one(|pump| pump.name()).await.unwrap_err();
    let expected =
        CallError::TooFewMembers { group: "the agents of type \"Pump\"".into(), members: 0, needed: 1 };
    assert_eq!(error, expected);
    pumps(&hall, &["a"]).await;
    for group in [fixed, live] {
        assert_eq!(group.ask_one(|pump| pump.name()).await.unwrap(), "a");
        assert_eq!(group.tell_all(|pump| pump.set(1)).sent, 1);
    }
    hall.shutdown().await;
}

#[folkmoot::test]
async fn a_quorum_waits_for_no_more_than_it_needs() {
    let hall = hall().await;
    let pumps = pumps(&hall, &["a", "b", "silent"]).await;
    pumps[0].set(1).await.unwrap();
    pumps[1].set(2).await.unwrap();
    let group: Group<Pump> = hall.group_of_type("Pump");
    let heard = group.ask_all(|pump| pump.sound()).majority().await.unwrap();
    assert_eq!(
        heard.iter().map(|(who, value)| (&*who.name, *value)).collect::<Vec<_>>(),
        [("a", 1), ("b", 2)]
    );

    // With all, the silent one is waited for, and its deadline is its answer.
    let heard = group.ask_all(|pump| pump.sound()).quorum(2).all().deadline(Duration::from_millis(20)).await;
    assert_eq!(heard.unwrap().len(), 2);
    let heard = group.ask_all(|pump| pump.sound()).deadline(Duration::from_millis(20)).await;
    assert!(
        matches!(&heard[2], (who, Err(CallError::DeadlineExceeded { .. })) if who.name == "silent"),
        "{heard:?}"
    );
    assert!(heard[0].1.is_ok() && heard[1].1.is_ok(), "{heard:?}");
    hall.shutdown().await;
}

#[folkmoot::test]
async fn all_calls_are_sent_before_a_reply_counts() {
    super::limit::watch();
    let hall = Container::builder("local://groups-at-once").workers(1).start().await.unwrap();
    let pumps = pumps(&hall, &["a", "b", "c"]).await;
    // They answer at once, on the worker that asks: the first before the second is asked.
    let asker = hall.spawn("asker", Peer::default).await.unwrap();
    assert_eq!(asker.ask_pumps().await.unwrap(), "a");
    for pump in &pumps {
        assert_eq!(pump.asked().await, Ok(1));
    }
    hall.shutdown().await;
}

#[folkmoot::test]
async fn where_there_is_no_quorum_it_is_told_at_once_who_answered_what() {
    let (hall, counts) = counted().await;
    let pumps = pumps(&hall, &["a", "b", "c", "d"]).await;
    for pump in &pumps[1..3] {
        pump.set(-7).await.unwrap();
    }
    let group = Group::of(pumps);
    let missed = group.ask_all(|pump| pump.level()).majority().await.unwrap_err();
    assert_eq!((missed.needed, missed.members), (3, 4));
    let own = || CallError::Agent("-7 is below 0".to_owned());
    let failures: Vec<_> = missed.failures.iter().map(|(who, error)| (&*who.name, error.clone())).collect();
    assert_eq!(failures, [("b", own()), ("c", own())]);
    assert!(missed.to_string().contains("hall/b: -7 is below 0"), "{missed}");

    let nobody = group.ask_all(|pump| pump.name()).quorum(5).await.unwrap_err();
    assert_eq!(nobody.to_string(), "no quorum: 5 replies are needed of 4 members; nobody was asked");
    let none = group.ask_all(|pump| pump.name()).quorum(0).await.unwrap_err();
    assert!(none.to_string().contains("asks for nothing"), "{none}");
    assert_eq!(group.proxies()[0].asked().await.unwrap(), 0, "somebody was asked");
    let empty: Group<Pump> = Group::of([]);
    assert!(empty.ask_all(|pump| pump.name()).await.is_empty());
    assert_eq!(empty.ask_all(|pump| pump.name()).majority().await.unwrap_err().needed, 1);
    assert!(matches!(
        empty.ask_one(|pump| pump.name()).await,
        Err(CallError::TooFewMembers { members: 0, needed: 1, .. })
    ));
    assert_eq!(empty.tell_all(|pump| pump.set(1)).sent, 0);
    assert!(matches!(empty.wait_for(1, SOON).await, Err(CallError::TooFewMembers { .. })));
    assert_eq!(counts.of("quorums_missed"), 3);
    hall.shutdown().await;
}

#[folkmoot::test]
async fn members_that_end_in_the_middle_answer_with_that() {
    let hall = hall().await;
    let pumps = pumps(&hall, &["a", "goes"]).await;
    pumps[0].set(1).await.unwrap();
    let group: Group<Pump> = hall.group_of_type("Pump");
    let (missed, ()) = tokio::join!(group.ask_all(|pump| pump.sound()).quorum(2), async {
        while pumps[1].asked().await.is_err() {}
        hall.stop("goes", Duration::ZERO).await.unwrap();
    });
    let missed = missed.unwrap_err();
    assert!(
        matches!(&missed.failures[..], [(who, CallError::AgentStopped { .. })] if who.name == "goes"),
        "{missed:?}"
    );
    assert_eq!(names(&missed.replied), ["a"]);
    hall.shutdown().await;
}

#[folkmoot::test]
async fn a_question_that_is_dropped_is_taken_back() {
    let hall = hall().await;
    let pumps = pumps(&hall, &["a", "b"]).await;
    let group = Group::of(pumps.clone());
    let proxies: Vec<_> =
        pumps.iter().map(|pump| hall.find::<Pump>(Proxy::agent_name(pump)).unwrap()).collect();
    {
        let mut all = group.ask_all(|pump| pump.sound());
        let mut one = group.ask_one(|pump| pump.sound());
        let mut quorum = group.ask_all(|pump| pump.sound()).majority();
        assert!(begin(&mut all));
        assert!(begin(&mut one));
        assert!(begin(&mut quorum));
    }
    // An exclusive turn begins only when all shared ones are gone.
    for pump in proxies {
        assert_eq!(pump.set(3).await, Ok(()));
    }
    hall.shutdown().await;
}

#[folkmoot::test]
async fn groups_of_traits_call_by_the_trait() {
    let hall = hall().await;
    pumps(&hall, &["a", "b"]).await;
    let group: Group<dyn Level> = hall.group_able_to("pump");
    assert_eq!(group.tell_all(|any| any.set(4)).sent, 2);
    let heard = group.ask_all(|any| any.level()).quorum(2).await.unwrap();
    assert!(heard.iter().all(|(_, level)| *level == 4), "{heard:?}");
    assert_eq!(group.ask_one(|any| any.level()).least_loaded().await, Ok(4));
    let untyped: Group<Untyped> = hall.group_of_type("Pump");
    assert_eq!(untyped.tell_all(|any| any.call("set", [-2])).sent, 2);
    let missed = untyped.ask_all(|any| any.call("level", NONE)).majority().await.unwrap_err();
    assert_eq!(missed.failures[0].1, CallError::Agent(Value::Text("-2 is below 0".to_owned())));
    hall.shutdown().await;
}

/// Asks its peers, itself among them or not.
#[derive(Agent, Default)]
struct Peer;

#[agent]
impl Peer {
    #[expose]
    async fn poll_all(&mut self, ctx: &Context<Self>) -> Result<usize, NoQuorum> {
        let peers = ctx.group_of_type::<Peer>("Peer");
        let heard = peers.ask_all(|peer| peer.ping()).quorum(peers.len()).await?;
        Ok(heard.len())
    }

    #[expose]
    async fn poll_others(&mut self, ctx: &Context<Self>) -> Result<Vec<Option<String>>, NoQuorum> {
        let others = ctx.group_of_type::<Peer>("Peer").without(&ctx.own_proxy());
        let heard = others.ask_all(|peer| peer.ping()).majority().all().await?;
        Ok(heard.into_iter().map(|(_, caller)| caller).collect())
    }

    #[expose]
    async fn ask_pumps(&self, ctx: &Context<Self>) -> Result<String, NoQuorum> {
        let heard = ctx.group_of_type::<Pump>("Pump").ask_all(|pump| pump.name()).quorum(1).await?;
        Ok(heard[0].1.clone())
    }

    #[expose]
    async fn ask_one(&mut self, ctx: &Context<Self>) -> Option<String> {
        ctx.group_of_type::<Peer>("Peer").ask_one(|peer| peer.ping()).await.unwrap()
    }

    #[expose]
    fn ping(&mut self, ctx: &Context<Self>) -> Option<String> {
        ctx.caller().agent_name().map(str::to_owned)
    }
}

#[folkmoot::test]
async fn an_agent_that_asks_its_group_is_not_kept_waiting_for_itself() {
    let hall = hall().await;
    let a = hall.spawn("a", Peer::default).await.unwrap();
    for name in ["b", "c"] {
        hall.spawn(name, Peer::default).await.unwrap();
    }
    let missed = match a.poll_all().await.unwrap_err() {
        CallError::Agent(missed) => missed,
        other => panic!("{other}"),
    };
    assert!(
        matches!(&missed.failures[..], [(who, CallError::Deadlock { chain })] if who.name == "a" && chain[..] == ["hall/a", "hall/a"]),
        "{missed:?}"
    );
    assert_eq!(a.poll_others().await.unwrap(), [Some("a".to_owned()), Some("a".to_owned())]);
    for _ in 0..3 {
        assert_eq!(a.ask_one().await.unwrap(), Some("a".to_owned()));
    }
    hall.shutdown().await;
}
