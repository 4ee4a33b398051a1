//! Requests by mail that nobody will answer: whoever asked is told at once, and why.
//!
//! Neighbour: `durable` has what else becomes of an agent's mail.

use std::time::Duration;

use folkmoot::exchange::{Asker, MailboxId, Purge};
use folkmoot::mail::{Death, DeathCause, MailError};
use folkmoot::prelude::*;
use folkmoot::{Backoff, Builder, Durable};

use super::counts::Counts;

/// Longer than a test may take: nobody is told because their own time is over.
const LONG: Duration = Duration::from_secs(3600);

fn durable() -> Durable {
    let backoff = Backoff { first: Duration::from_millis(1), longest: Duration::from_millis(4) };
    Durable::new().attempts(3).crashes(2).backoff(backoff)
}

#[derive(Agent, Default)]
struct Clerk;

#[agent]
impl Clerk {
    #[on("refused")]
    fn refuse(&self, _: ()) -> Result<u64, String> {
        Err("not today".to_owned())
    }

    #[on("crash")]
    fn crash(&self, _: ()) -> u64 {
        panic!("out of ink")
    }

    #[on("number")]
    fn number(&self, number: u64) -> u64 {
        number
    }
}

#[derive(Agent, Default)]
struct Client {
    strays: u64,
}

#[agent]
impl Client {
    #[expose]
    async fn ask(&self, kind: String, expires_ms: u64, ctx: &Context<Self>) -> Result<u64, String> {
        let mail = Mail::new(kind, &());
        let mail = if expires_ms > 0 { mail.expires_in(Duration::from_millis(expires_ms)) } else { mail };
        ctx.request("clerk", mail).deadline(LONG).await.map_err(|error| format!("{error:?}"))
    }

    /// Whatever comes that nobody waits for.
    #[on]
    fn stray(&mut self, _: &Delivery) {
        self.strays += 1;
    }

    #[expose]
    fn strays(&self) -> u64 {
        self.strays
    }
}

/// What a program is told.
async fn told(node: &Container, mail: Mail) -> Death {
    match node.request::<u64>("clerk", mail).deadline(LONG).await.unwrap_err() {
        MailError::DeadLetter { to, death } => {
            assert_eq!(to, "clerk");
            death
        }
        other => panic!("{other:?}"),
    }
}

async fn clerks_mailbox(node: &Container) -> MailboxId {
    node.mailbox_of("clerk").await.unwrap()
}

async fn until_waits(node: &Container, count: u64) {
    let (exchange, id) = (node.mailroom().unwrap().exchange(), clerks_mailbox(node).await);
    while exchange.stats(&Asker::Container, id).await.unwrap().pending_requests < count {
        tokio::task::yield_now().await;
    }
}

/// The same on every engine.
async fn every_death_is_told(builder: Builder) {
    super::limit::watch();
    let counts = Counts::default();
    let node = counts.during(builder.start()).await.unwrap();
    let clerk = node.spawn("clerk", Clerk::default).durable_with(durable()).await.unwrap();
    let client = node.spawn("client", Client::default).durable().await.unwrap();

    let death = told(&node, Mail::new("refused", &())).await;
    let expected = Death { cause: DeathCause::Refused, reason: "not today".to_owned(), attempts: 3 };
    assert_eq!(death, expected);
    let death = told(&node, Mail::new("crash", &())).await;
    assert_eq!((&death.cause, death.attempts), (&DeathCause::Refused, 2));
    assert!(death.reason.contains("out of ink"), "{death}");
    let death = told(&node, Mail::new("unknown", &())).await;
    assert!(death.to_string().contains("has no handler for mail of kind \"unknown\""), "{death}");
    let death = told(&node, Mail::new("number", &"seven")).await;
    assert!(death.to_string().contains("cannot be read"), "{death}");
    assert_eq!(node.request::<u64>("clerk", Mail::new("number", &7_u64)).await.unwrap(), 7);
    let error = client.ask("refused".to_owned(), 0).await.unwrap_err().to_string();
    assert!(error.contains("DeadLetter") && error.contains("not today"), "{error}");

    // Nobody is there who could find that its time is over.
    node.stop("clerk", LONG).await.unwrap();
    drop(clerk);
    let death = told(&node, Mail::new("number", &1_u64).expires_in(Duration::from_millis(30))).await;
    assert_eq!((death.cause, death.attempts), (DeathCause::Expired, 0));
    let error = client.ask("number".to_owned(), 30).await.unwrap_err().to_string();
    assert!(error.contains("Expired"), "{error}");
    let (asking, purging) = tokio::join!(told(&node, Mail::new("number", &1_u64)), async {
        until_waits(&node, 1).await;
        let exchange = node.mailroom().unwrap().exchange();
        exchange.purge(&Asker::Container, clerks_mailbox(&node).await, Purge::Waiting).await.unwrap()
    });
    assert_eq!((asking.cause, purging), (DeathCause::Purged, 1));

    // Whoever does not wait any more hears of it no more than of another late answer.
    let hasty = node.request::<u64>("clerk", Mail::new("refused", &())).deadline(Duration::from_millis(20));
    assert!(matches!(hasty.await.unwrap_err(), MailError::NoAnswer { .. }));
    let late = counts.of("answers_late");
    node.spawn("clerk", Clerk::default).durable_with(durable()).await.unwrap();
    while counts.of("answers_late") == late {
        tokio::task::yield_now().await;
    }
    assert_eq!(client.strays().await.unwrap(), 0, "what the exchange answers is no mail for a handler");
    assert_eq!((counts.of("dead_letters_told"), counts.of("dead_letters_untold")), (9, 0));
    assert_eq!(counts.of("dead_letters"), 8, "one was purged");
    node.shutdown().await;
}

#[folkmoot::test]
async fn every_death_is_told_from_memory() {
    every_death_is_told(Container::builder("local://dead-memory").exchange("memory:")).await;
}

#[cfg(feature = "sqlite")]
#[folkmoot::test]
async fn every_death_is_told_from_a_directory() {
    let directory = tempfile::tempdir().unwrap();
    let line = format!("sqlite://{}", directory.path().display());
    every_death_is_told(Container::builder("local://dead-sqlite").exchange(&line)).await;
}
