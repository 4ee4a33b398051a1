//! An agent's own encoder that takes its time: the link carries the replies of others meanwhile.

use std::sync::{Condvar, Mutex};
use std::time::Duration;

use super::left_behind::Watch;
use folkmoot::prelude::*;
use serde::{Deserialize, Serialize, Serializer};

static RELEASED: (Mutex<bool>, Condvar) = (Mutex::new(false), Condvar::new());

/// Waits, while it is encoded, until it is released; says whether it was.
#[derive(Deserialize)]
struct Reluctant(bool);

impl Serialize for Reluctant {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (released, news) = &RELEASED;
        let guard = released.lock().unwrap();
        let (guard, _) = news.wait_timeout_while(guard, Duration::from_secs(20), |is| !*is).unwrap();
        serializer.serialize_bool(*guard)
    }
}

#[derive(Agent, Default)]
struct Speaker;

#[agent]
impl Speaker {
    #[expose]
    fn reluctant(&self) -> Reluctant {
        Reluctant(false)
    }

    #[expose]
    fn quick(&self) -> bool {
        true
    }
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn a_slow_encoder_holds_up_no_other_reply() {
    super::limit::watch();
    let server = Container::builder("tcp://127.0.0.1:0").workers(2).watched().await.unwrap();
    let client = Container::builder("tcp://127.0.0.1:0").watched().await.unwrap();
    // Workers take turns: this thread has `quick` and the link, the other one has the encoder.
    server.spawn("quick", Speaker::default).await.unwrap();
    server.spawn("slow", Speaker::default).await.unwrap();
    let slow: Proxy<Speaker> = client.connect(server.url("slow")).await.unwrap();
    let quick: Proxy<Speaker> = client.connect(server.url("quick")).await.unwrap();
    let waiting = actix::spawn(async move { slow.reluctant().await });
    for _ in 0..100 {
        assert_eq!(quick.quick().await, Ok(true));
    }
    *RELEASED.0.lock().unwrap() = true;
    RELEASED.1.notify_all();
    assert!(waiting.await.unwrap().unwrap().0, "the other replies had to wait for it");
    client.shutdown().await;
    server.shutdown().await;
}
