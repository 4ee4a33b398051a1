//! Dialogues by mail between nodes that never speak to each other: over the exchange of a third one, by its rules and theirs.

use super::*;
use crate::links::book::Book;
use crate::links::milling::{Customer, mill};

fn name(node: &str) -> String {
    format!("spiffe://demo/node/{node}")
}

/// A node that uses the mailboxes of the hub, and takes messages of the other one.
async fn member(certs: &DevCerts, hub: &Container, own: &str, other: &str, agent: &str) -> Node {
    let builder = Container::builder("tls://127.0.0.1:0").certs(certs.node(own).unwrap());
    let builder = builder.allow(&name(other), agent, "fetchai/*");
    node(builder.exchange(&format!("{}/container", hub.endpoint()))).await
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn agents_whose_nodes_have_no_link_hold_dialogues_by_the_rules_of_the_hub() {
    let dir = tempfile::tempdir().unwrap();
    let certs = DevCerts::in_dir(dir.path()).unwrap();
    let builder =
        Container::builder("tls://127.0.0.1:0").certs(certs.node("hub").unwrap()).exchange("memory:");
    let builder = ["town", "valley"]
        .iter()
        .fold(builder, |builder, member| builder.allow(&name(member), "folkmoot/exchange/container", "*"));
    // The answer goes to the customer by its name, which the hub believes of its node.
    let builder = builder.allow_host(&name("town"), "customer");
    let builder = builder.allow(&name("town"), "mill", "fetchai/fipa:1.0.0");
    let hub = node(builder.allow(&name("valley"), "customer", "fetchai/fipa:1.0.0")).await;
    let town = member(&certs, &hub, "town", "valley", "customer").await;
    let valley = member(&certs, &hub, "valley", "town", "mill").await;
    let customer = town.spawn("customer", Customer::default).durable().await.unwrap();
    let book = Book::default();
    valley.spawn("mill", mill(&book)).durable().await.unwrap();
    valley.spawn("baker", mill(&book)).durable().await.unwrap();
    valley.stop("mill", HOUR).await.unwrap();

    let asking = tokio::spawn({
        let customer = customer.clone();
        async move { customer.buy("mill".to_owned(), "rye".to_owned()).await }
    });
    until(|| hub.counts.of("mails_accepted") == 1).await;
    let mill = valley.spawn("mill", mill(&book)).durable().await.unwrap();
    assert_eq!(asking.await.unwrap().unwrap(), "bought");
    assert_eq!(book.until(4).await[..3], ["cfp rye of customer", "accept", "inform Mill Lane 3"]);
    assert_eq!((mill.open().await.unwrap(), customer.open().await.unwrap()), (0, 0));
    // No rule of the hub lets anybody speak to that one.
    let error = customer.ask("baker".to_owned(), "rye".to_owned()).await.unwrap_err().to_string();
    assert!(error.contains("NotMailed(Denied(") && error.contains("no rule lets"), "{error}");
    assert_eq!(hub.counts.of("mails_accepted"), 6);
    for member in [&town, &valley] {
        assert_eq!((member.counts.of("messages_refused"), member.counts.of("mails_retried")), (0, 0));
    }
    shut_down([town, valley, hub]).await;
}
