//! Lines that lead nowhere, nodes that have no exchange, peers of another make: what is told, and when.

use folkmoot::StartError;

use super::*;

fn is_unavailable(error: &ExchangeError, words: &str) {
    assert!(
        matches!(error, ExchangeError::Unavailable { .. }) && error.to_string().contains(words),
        "{error}"
    );
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn a_line_that_cannot_be_is_told_before_anything_starts() {
    super::super::limit::watch();
    for (line, words) in [
        ("papyrus:", "or the URL of a node, such as tls://hub:5555"),
        ("tls://hub:5555", "needs certificates"),
        ("tcp://127.0.0.1", "port"),
        ("local://odd", "this node itself"),
        ("local://hub/a b", "the group for which this one acts, and it holds ' '"),
    ] {
        let error = Container::builder("local://odd").exchange(line).start().await.unwrap_err();
        let told = error.to_string();
        assert!(matches!(error, StartError::Exchange(ExchangeError::Line { .. })), "{line}: {told}");
        assert!(told.contains(words), "{line}: {told}");
    }
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn a_node_that_is_not_there_or_has_no_exchange_is_told_with_what_to_do() {
    let bare = node(plain("bare")).await;
    let through = node(using(plain("through"), &bare)).await;
    let twice = node(using(plain("twice"), &through)).await;
    is_unavailable(&register(&through, 1, "pump").await.unwrap_err(), "has no exchange of its own");
    is_unavailable(&register(&twice, 1, "pump").await.unwrap_err(), "has no exchange of its own");
    let soon = Duration::from_millis(300);
    let lost = node(plain("lost").deadline(soon).exchange("tcp://127.0.0.1:9")).await;
    let error = register(&lost, 1, "pump").await.unwrap_err();
    is_unavailable(&error, "tcp://127.0.0.1:9");
    assert!(matches!(error, ExchangeError::Unavailable { may_have_run: false, .. }), "{error}");
    // Whoever waits learns it too, and is not kept waiting for an hour.
    let error = at(
        &lost,
        &Mailbox::new(lost.mailroom().unwrap().exchange().clone(), Asker::Container, MailboxId::agent(1)),
    );
    is_unavailable(&error.recv(HOUR).await.unwrap_err(), "tcp://127.0.0.1:9");
    shut_down([lost, twice, through, bare]).await;
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn an_exchange_that_is_closed_says_so_to_those_who_wait() {
    let hub = node(plain("hub").exchange("memory:")).await;
    let client = node(using(plain("client"), &hub)).await;
    let pump = register(&client, 1, "pump").await.unwrap();
    let waiting = tokio::spawn({
        let pump = pump.clone();
        async move { pump.recv(HOUR).await }
    });
    until(|| hub.counts.gauge("exchange_far_receivers") == 1.0).await;
    client.shutdown().await;
    let error = waiting.await.unwrap().unwrap_err();
    assert!(matches!(error, ExchangeError::Closed), "{error}");
    let error = pump.status().await.unwrap_err();
    assert!(matches!(error, ExchangeError::Closed), "{error}");
    drop(pump);
    shut_down([client, hub]).await;
}
