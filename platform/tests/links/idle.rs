//! Links that nobody has a proxy of any more, and proxies that want them again.

use std::time::Duration;

use folkmoot::LinkLimits;
use folkmoot::prelude::*;

use super::conformance::Mirror;
use super::counts::Counts;
use super::left_behind::Watch;

#[folkmoot::test(crate = crate::links::left_behind)]
async fn a_link_ends_after_the_last_proxy_and_comes_back_with_the_next() {
    super::limit::watch();
    let counts = Counts::default();
    let server = counts.during(Container::builder("tcp://127.0.0.1:0").watched()).await.unwrap();
    server.spawn("mirror", Mirror::default).await.unwrap();
    let mut limits = LinkLimits::default();
    limits.idle_time = Duration::from_millis(5);
    for workers in [1, 3] {
        let client = Container::builder("tcp://127.0.0.1:0").limits(limits.clone()).workers(workers);
        let client = client.watched().await.unwrap();
        for _ in 0..5 {
            let proxy: Proxy<Mirror> = client.connect(server.url("mirror")).await.unwrap();
            let call = proxy.text("held".into());
            drop(proxy);
            // A call is as good as a proxy.
            assert_eq!(call.await.unwrap(), "held");
            while counts.open_links() != 0.0 {
                tokio::task::yield_now().await;
            }
        }
        client.shutdown().await;
    }
    assert_eq!(counts.of("links_opened"), 10, "each proxy got a new link");
    server.shutdown().await;
}
