//! Calls between agents of one process: values, errors, order, panics, cancel, deadlines, deadlocks, overload.

use std::cell::RefCell;
use std::time::Duration;

use folkmoot::prelude::*;
use folkmoot::{CallError, Never, Untyped, Value};

#[derive(Agent, Default)]
struct Counter {
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
    fn explode(&mut self) {
        panic!("boom {}", self.total);
    }
}

async fn hall() -> Container {
    Container::builder("tcp://127.0.0.1:0").start().await.unwrap()
}

#[folkmoot::test]
async fn a_call_changes_state_and_returns_the_value() {
    let hall = hall().await;
    let counter = hall.spawn("counter", Counter::default).await.unwrap();
    assert_eq!(counter.add(2).await.unwrap(), 2);
    assert_eq!(counter.add(3).await.unwrap(), 5);
    counter.add(1).one_way().unwrap();
    assert_eq!(counter.total().await.unwrap(), 6);
    hall.shutdown().await;
}

#[folkmoot::test]
async fn a_panic_reaches_its_caller_with_its_text_and_the_agent_starts_anew() {
    let hall = hall().await;
    let counter = hall.spawn("counter", Counter::default).await.unwrap();
    counter.add(2).await.unwrap();
    let error = counter.explode().await.unwrap_err();
    assert_eq!(error, CallError::AgentPanicked { agent: "counter".into(), text: "boom 2".into() });
    assert_eq!(counter.total().await.unwrap(), 0);
    assert_eq!(hall.restarts("counter").unwrap(), 1);
    hall.shutdown().await;
}

#[folkmoot::test]
async fn remote_calls_over_tcp_with_every_codec() {
    for codec in [Codec::Json, Codec::MsgPack, Codec::Cbor] {
        let server = hall().await;
        server.spawn("counter", Counter::default).await.unwrap();
        let client = Container::builder("tcp://127.0.0.1:0").codec(codec).start().await.unwrap();
        let counter: Proxy<Counter> = client.connect(server.url("counter")).await.unwrap();
        assert_eq!(counter.add(2).await.unwrap(), 2);
        assert_eq!(counter.add(40).await.unwrap(), 42);
        let error = counter.explode().await.unwrap_err();
        assert_eq!(error, CallError::AgentPanicked { agent: "counter".into(), text: "boom 42".into() });
        client.shutdown().await;
        server.shutdown().await;
    }
}
