//! A container is used from tasks that tokio runs beside those of the worker: what `tokio::spawn` begins on a worker's
//! thread, where tasks of that thread alone cannot be begun.

use std::future::Future;
use std::time::Duration;

use folkmoot::channel;
use folkmoot::prelude::*;

use super::left_behind::Watch;

/// Runs `work` in a task of tokio's own.
async fn foreign<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> T {
    tokio::spawn(work).await.unwrap()
}

async fn node() -> Container {
    Container::builder("tcp://127.0.0.1:0").exchange("memory:").watched().await.unwrap()
}

#[derive(Agent, Default)]
struct Counter {
    total: i64,
}

#[agent]
impl Counter {
    #[expose]
    fn add(&mut self, amount: i64) -> i64 {
        self.total += amount;
        self.total
    }

    #[on("add")]
    fn add_by_mail(&mut self, amount: i64) -> i64 {
        self.add(amount)
    }

    #[expose]
    fn fail(&self) {
        panic!("as it was asked to");
    }
}

/// Begins tasks of tokio's in its turns, as authors do who come from elsewhere.
#[derive(Agent)]
struct Founder {
    node: Container,
    elsewhere: String,
}

#[agent]
impl Founder {
    #[expose]
    async fn found(&self, name: String) -> i64 {
        let (node, elsewhere) = (self.node.clone(), self.elsewhere.clone());
        foreign(async move {
            let founded = node.spawn(&name, Counter::default).await.unwrap();
            let far: Proxy<Counter> = node.connect(elsewhere).await.unwrap();
            founded.add(2).await.unwrap() + far.add(40).await.unwrap()
        })
        .await
    }
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn agents_are_spawned_and_other_nodes_reached_from_any_task() {
    super::limit::watch();
    let (here, there) = (node().await, node().await);
    there.spawn("counter", Counter::default).await.unwrap();
    let (node, url) = (here.clone(), there.url("counter"));
    foreign(async move {
        // No way to the other node has been taken before.
        let far: Proxy<Counter> = node.connect(url).await.unwrap();
        assert_eq!(far.add(1).await.unwrap(), 1);
        let near = node.spawn("counter", Counter::default).await.unwrap();
        let child = node.child("branch").start().unwrap();
        let within = child.spawn("leaf", Counter::default).await.unwrap();
        assert_eq!((near.add(2).await.unwrap(), within.add(3).await.unwrap()), (2, 3));
        let mut monitors = Vec::new();
        for proxy in [&far, &near, &within] {
            monitors.push(node.monitor(proxy).await.unwrap());
            proxy.fail().await.unwrap_err();
        }
        for monitor in &mut monitors {
            monitor.next().await.expect("the monitor has ended");
        }
        node.stop("counter", Duration::ZERO).await.unwrap();
    })
    .await;
    foreign(async move { (here.shutdown().await, there.shutdown().await) }).await;
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn nodes_join_and_mail_goes_from_any_task() {
    super::limit::watch();
    let (here, there) = (node().await, node().await);
    let (node, hub) = (here.clone(), there.clone());
    foreign(async move {
        node.join(hub.endpoint().to_string()).await.unwrap();
        hub.spawn("counter", Counter::default).durable().await.unwrap();
        let found: Proxy<Counter> = node.lookup("counter").retry_for(Duration::from_secs(60)).await.unwrap();
        assert_eq!(found.add(1).await.unwrap(), 1);
        let total: i64 = hub.request("counter", Mail::new("add", &5)).await.unwrap();
        assert_eq!(total, 6);
    })
    .await;
    foreign(async move { (here.shutdown().await, there.shutdown().await) }).await;
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn a_turn_may_leave_it_to_a_task_of_tokio() {
    super::limit::watch();
    let (here, there) =
        (Container::builder("tcp://127.0.0.1:0").workers(2).watched().await.unwrap(), node().await);
    there.spawn("counter", Counter::default).await.unwrap();
    for number in 0..3_i64 {
        // On either worker.
        let founder = format!("founder-{number}");
        let (node, elsewhere) = (here.clone(), there.url("counter"));
        let make = move || Founder { node: node.clone(), elsewhere: elsewhere.clone() };
        let founder = here.spawn(&founder, make).await.unwrap();
        assert_eq!(founder.found(format!("founded-{number}")).await.unwrap(), 2 + 40 * (number + 1));
    }
    here.shutdown().await;
    there.shutdown().await;
}

#[test]
fn containers_and_channels_begin_in_any_task() {
    folkmoot::block_on(foreign(async {
        super::limit::watch();
        let node =
            Container::builder("tcp://127.0.0.1:0").workers(2).exchange("memory:").start().await.unwrap();
        let counter = node.spawn("counter", Counter::default).await.unwrap();
        assert_eq!(counter.add(1).await.unwrap(), 1);
        let far = Container::builder("tcp://127.0.0.1:0")
            .exchange(&node.endpoint().to_string())
            .start()
            .await
            .unwrap();
        assert_eq!(far.connect::<Counter>(node.url("counter")).await.unwrap().add(1).await.unwrap(), 2);
        far.shutdown().await;

        let mut listener = channel::Options::new().listen("tcp://127.0.0.1:0").await.unwrap();
        let channel = channel::Options::new().open(&listener.endpoint().to_string()).await.unwrap();
        let reply = channel.send::<_, i64>(&20);
        let accepted = listener.accept().await.unwrap();
        let request = accepted.recv().await.unwrap();
        let asked: i64 = request.content().unwrap();
        request.reply(&(asked + 1)).unwrap();
        assert_eq!(reply.await.unwrap(), 21);
        listener.close().await;
        node.shutdown().await;
    }));
}
