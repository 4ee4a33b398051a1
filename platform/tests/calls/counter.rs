//! The agent that most tests use, and the first calls.

use std::collections::BTreeMap;

use folkmoot::prelude::*;
use folkmoot::{Untyped, Value};

#[derive(Agent, Default)]
pub(crate) struct Counter {
    total: i64,
}

#[agent]
impl Counter {
    /// Adds `amount` and returns the new total.
    #[expose]
    fn add(&mut self, amount: i64) -> i64 {
        self.total += amount;
        self.total
    }

    #[expose]
    fn total(&self) -> i64 {
        self.total
    }

    #[expose]
    fn withdraw(&mut self, amount: i64) -> Result<i64, String> {
        if amount > self.total {
            return Err(format!("only {} left", self.total));
        }
        self.total -= amount;
        Ok(self.total)
    }

    #[expose]
    fn histogram(&self, values: Vec<f64>, labels: BTreeMap<String, Option<u8>>) -> (usize, f64, usize) {
        (values.len(), values.iter().sum(), labels.len())
    }

    #[expose]
    async fn caller(&self, ctx: &Context<Self>) -> (String, Option<String>) {
        (ctx.caller().node_name().to_owned(), ctx.caller().agent_name().map(str::to_owned))
    }
}

/// What callers know who do not have `Counter`'s code.
#[agent]
pub(crate) trait Adder {
    fn add(&mut self, amount: i64) -> i64;
    fn missing(&self) -> i64;
}

pub(crate) async fn hall() -> Container {
    super::limit::watch();
    Container::builder("tcp://127.0.0.1:0").name("hall").start().await.unwrap()
}

#[folkmoot::test]
async fn a_call_changes_state_and_returns_the_value() {
    let hall = hall().await;
    let counter = hall.spawn("counter", Counter::default).await.unwrap();
    assert_eq!(counter.add(2).await.unwrap(), 2);
    assert_eq!(counter.add(3).await.unwrap(), 5);
    counter.add(1).one_way().unwrap();
    assert_eq!(counter.total().await.unwrap(), 6);
    let labels = BTreeMap::from([("a".to_owned(), None), ("b".to_owned(), Some(1))]);
    assert_eq!(counter.histogram(vec![0.5, 0.25], labels).await.unwrap(), (2, 0.75, 2));
    hall.shutdown().await;
}

#[folkmoot::test]
async fn an_agents_own_error_comes_back_as_itself_near_and_far() {
    let hall = hall().await;
    let near = hall.spawn("counter", Counter::default).await.unwrap();
    assert_eq!(near.withdraw(5).await, Err(CallError::Agent("only 0 left".to_owned())));
    let other = super::counter::hall().await;
    let far: Proxy<Counter> = other.connect(hall.url("counter")).await.unwrap();
    assert_eq!(far.withdraw(5).await, Err(CallError::Agent("only 0 left".to_owned())));
    assert_eq!(far.add(7).await, Ok(7));
    assert_eq!(far.withdraw(5).await, Ok(2));
    other.shutdown().await;
    hall.shutdown().await;
}

#[folkmoot::test]
async fn calls_of_one_sender_run_in_the_order_they_were_sent() {
    let hall = hall().await;
    let counter = hall.spawn("counter", Counter::default).await.unwrap();
    let replies = futures_util::future::join_all((1..=200).map(|_| counter.add(1))).await;
    let replies: Vec<i64> = replies.into_iter().map(Result::unwrap).collect();
    assert_eq!(replies, (1..=200).collect::<Vec<_>>());
    hall.shutdown().await;
}

#[folkmoot::test]
async fn an_agent_is_called_through_a_trait_and_by_name_without_its_type() {
    let hall = hall().await;
    let counter = hall.spawn("counter", Counter::default).await.unwrap();
    let adder: Proxy<dyn Adder> = hall.find("counter").unwrap();
    assert_eq!(adder.add(4).await.unwrap(), 4);
    assert!(matches!(adder.missing().await, Err(CallError::NoSuchMethod { .. })));
    let untyped: Proxy<Untyped> = Proxy::cast(&counter).unwrap();
    assert_eq!(untyped.call("add", [Value::from(3)]).await.unwrap(), Value::Int(7));
    let none: [Value; 0] = [];
    assert_eq!(untyped.call("add", none).with("amount", 1).await.unwrap(), Value::Int(8));
    let error = untyped.call("withdraw", [100]).await.unwrap_err();
    assert_eq!(error, CallError::Agent(Value::Text("only 8 left".to_owned())));
    hall.shutdown().await;
}

#[folkmoot::test]
async fn a_proxy_speaks_for_whoever_obtained_it() {
    #[derive(Agent, Default)]
    struct Asker;

    #[agent]
    impl Asker {
        #[expose]
        async fn ask(&self, ctx: &Context<Self>) -> (String, Option<String>) {
            let counter: Proxy<Counter> = ctx.find("counter").unwrap();
            counter.caller().await.unwrap()
        }
    }

    let hall = hall().await;
    let counter = hall.spawn("counter", Counter::default).await.unwrap();
    let asker = hall.spawn("asker", Asker::default).await.unwrap();
    assert_eq!(counter.caller().await.unwrap(), ("hall".to_owned(), None));
    assert_eq!(asker.ask().await.unwrap(), ("hall".to_owned(), Some("asker".to_owned())));
    let other = super::counter::hall().await;
    let far: Proxy<Counter> = other.connect(hall.url("counter")).await.unwrap();
    assert_eq!(far.caller().await.unwrap(), ("anonymous".to_owned(), None));
    other.shutdown().await;
    hall.shutdown().await;
}

/// What callers know who only take.
#[agent]
trait Taker {
    fn withdraw(&mut self, amount: i64) -> Result<i64, String>;
    fn missing(&self) -> i64;
}

#[folkmoot::test]
async fn one_way_calls_that_fail_are_counted() {
    let counts = super::counts::Counts::default();
    let hall = counts.during(hall()).await;
    let counter = hall.spawn("counter", Counter::default).await.unwrap();
    let by_trait: Proxy<dyn Taker> = Proxy::cast(&counter).unwrap();
    counter.add(1).one_way().unwrap();
    counter.withdraw(5).one_way().unwrap();
    by_trait.withdraw(5).one_way().unwrap();
    by_trait.missing().one_way().unwrap();
    by_trait.withdraw(1).one_way().unwrap();
    assert_eq!(counter.total().await.unwrap(), 0);
    assert_eq!((counts.of("one_way_failures"), counts.open_links()), (3, 0.0));
    hall.shutdown().await;
}
