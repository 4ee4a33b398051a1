//! Credits: what a peer told that it takes is not exceeded, and who would exceed it hears so at once.

use std::sync::Arc;
use std::time::Duration;

use folkmoot::LinkLimits;
use folkmoot::prelude::*;
use tokio::sync::Semaphore;

use super::counts::Counts;
use super::left_behind::Watch;

/// Lets its callers wait.
#[derive(Agent)]
struct Host {
    released: Arc<Semaphore>,
}

#[agent]
impl Host {
    #[expose]
    async fn wait(&self) -> bool {
        self.released.acquire().await.is_ok_and(|permit| {
            permit.forget();
            true
        })
    }
}

/// Two joined nodes, with their counters; the first one hosts the agent.
struct Bed {
    server: Container,
    client: Container,
    server_counts: Counts,
    client_counts: Counts,
    released: Arc<Semaphore>,
}

impl Bed {
    async fn with(limits: LinkLimits) -> Bed {
        super::limit::watch();
        let (server_counts, client_counts) = (Counts::default(), Counts::default());
        let server = server_counts
            .during(Container::builder("tcp://127.0.0.1:0").name("server").limits(limits).watched())
            .await
            .unwrap();
        let client = client_counts
            .during(Container::builder("tcp://127.0.0.1:0").name("client").watched())
            .await
            .unwrap();
        let released = Arc::new(Semaphore::new(0));
        let of_agent = released.clone();
        server.spawn("host", move || Host { released: of_agent.clone() }).capacity(2).await.unwrap();
        Bed { server, client, server_counts, client_counts, released }
    }

    /// Two calls that wait, a third that is refused without having been sent; then the two, and one more.
    async fn the_third_is_refused(self, host: Proxy<Host>, queue: &str) {
        let waiting: Vec<_> = (0..2).map(|_| actix::spawn(host.wait())).collect();
        let sent = self.server_counts.of("frames_in");
        tokio::task::yield_now().await;
        let error = host.wait().await.unwrap_err();
        let CallError::Overloaded { queue: full, limit: 2 } = &error else { panic!("{error}") };
        assert!(full.contains(queue), "{full}");
        assert_eq!(
            (self.client_counts.of("overloads"), self.server_counts.of("overloads")),
            (1, 0),
            "{sent}"
        );
        self.released.add_permits(3);
        for call in waiting {
            assert_eq!(call.await.unwrap(), Ok(true));
        }
        assert_eq!(host.wait().await, Ok(true), "the credits are back");
        self.client.shutdown().await;
        self.server.shutdown().await;
    }
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn no_more_calls_are_sent_than_the_peer_takes_in_hand() {
    let mut limits = LinkLimits::default();
    limits.max_requests_in_hand = 2;
    let bed = Bed::with(limits).await;
    let host: Proxy<Host> = bed.client.connect(bed.server.url("host")).await.unwrap();
    bed.the_third_is_refused(host, "takes in hand at once").await;
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn no_more_calls_are_sent_than_a_listed_agent_takes() {
    let bed = Bed::with(LinkLimits::default()).await;
    bed.client.join(bed.server.endpoint().to_string()).await.unwrap();
    let host: Proxy<Host> = bed.client.lookup("host").retry_for(Duration::from_secs(10)).await.unwrap();
    bed.the_third_is_refused(host, "turns of agent \"server/host\"").await;
}
