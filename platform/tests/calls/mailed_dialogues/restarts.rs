//! Both sides of dialogues by mail start anew between any two messages, wherever what they said is kept.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use folkmoot::Spawn;
use folkmoot::dialogues::{DialogueStore, MemoryDialogues, StoreError, Stored};
use folkmoot::sim::Sim;
use futures_util::future::BoxFuture;

use super::*;
use crate::calls::milling::Mill;

over_every_engine![
    both_sides_start_anew_on_other_nodes_between_any_two_messages,
    both_sides_start_anew_whose_dialogues_are_kept_elsewhere_than_their_mail,
    what_a_store_does_not_keep_is_not_sent_and_not_taken,
];

/// Where mail lies between two lives of its agents.
enum Post {
    /// In a room that stays open.
    Open(Mailroom),
    /// In a directory that is opened anew by each node.
    Directory(String),
}

impl Post {
    async fn new(engine: Engine) -> Post {
        match engine {
            Engine::Memory => Post::Open(Mailroom::open("memory:").await.unwrap()),
            #[cfg(feature = "sqlite")]
            Engine::Sqlite => Post::Directory(engine.line()),
        }
    }

    async fn node(&self, engine: Engine, name: &str) -> Container {
        let builder = hall(engine, name);
        let builder = match self {
            Post::Open(room) => builder.exchange_of(room),
            Post::Directory(line) => builder.exchange(line),
        };
        builder.start().await.unwrap()
    }
}

/// Has a whole dialogue, in which each side has a life on a node of its own for each message; `keep` says where dialogues are
/// kept.
async fn trade(
    engine: Engine,
    trade: &str,
    keep: impl Fn(Spawn<Patient>) -> Spawn<Patient>,
    keep_too: impl Fn(Spawn<Mill>) -> Spawn<Mill>,
) {
    let post = Post::new(engine).await;
    let (asking, grinding) = (Book::default(), Book::default());

    let node = post.node(engine, &format!("{trade}-a")).await;
    keep_too(node.spawn("mill", mill(&grinding)).durable()).await.unwrap();
    node.stop("mill", HOUR).await.unwrap();
    let asker = keep(node.spawn("asker", patient(&asking)).durable()).await.unwrap();
    asker.ask("mill".to_owned()).await.unwrap();
    node.shutdown().await;

    for (place, lines) in [("b", 1), ("d", 2), ("f", 4)] {
        let node = post.node(engine, &format!("{trade}-{place}")).await;
        let mill = keep_too(node.spawn("mill", mill(&grinding)).durable()).await.unwrap();
        grinding.until(lines).await;
        assert_eq!(mill.open().await.unwrap(), usize::from(place != "f"));
        node.shutdown().await;

        let node = post.node(engine, &format!("{trade}-{place}-too")).await;
        let asker = keep(node.spawn("asker", patient(&asking)).durable()).await.unwrap();
        asking.until(lines).await;
        assert_eq!(asker.open().await.unwrap(), usize::from(place != "f"));
        node.shutdown().await;
    }
    assert_eq!(grinding.lines(), ["cfp rye of asker", "accept", "inform Mill Lane 3", "over: successful"]);
    assert_eq!(asking.lines(), ["propose 3 shillings", "match_accept", "end", "over: successful"]);

    let node = post.node(engine, &format!("{trade}-g")).await;
    let room = node.mailroom().unwrap();
    for name in ["mill", "asker"] {
        let stats = room.exchange().stats(&Asker::Container, mailbox(room, name).await).await.unwrap();
        assert_eq!((stats.ready, stats.in_hand, stats.delayed, stats.dead_letters), (0, 0, 0, 0), "{name}");
    }
    node.shutdown().await;
}

async fn both_sides_start_anew_on_other_nodes_between_any_two_messages(engine: Engine) {
    trade(engine, "mailed", |asker| asker, |mill| mill).await;
}

async fn both_sides_start_anew_whose_dialogues_are_kept_elsewhere_than_their_mail(engine: Engine) {
    let (one, other) = (MemoryDialogues::default(), MemoryDialogues::default());
    trade(
        engine,
        "kept",
        |asker| asker.keep_dialogues(one.clone()),
        |mill| mill.keep_dialogues(other.clone()),
    )
    .await;
    assert!(one.is_empty() && other.is_empty(), "{} and {} are left", one.len(), other.len());
}

/// A store that may fail to keep, or keep and never say so.
#[derive(Clone, Default)]
struct Fickle {
    store: MemoryDialogues,
    fails: Arc<AtomicBool>,
    hangs: Arc<AtomicBool>,
}

impl DialogueStore for Fickle {
    fn load(&self, agent: &str) -> BoxFuture<'static, Result<Vec<Stored>, StoreError>> {
        self.store.load(agent)
    }

    fn save(&self, agent: &str, stored: Stored) -> BoxFuture<'static, Result<(), StoreError>> {
        if self.fails.load(Ordering::Relaxed) {
            return Box::pin(std::future::ready(Err(StoreError("the ink is dry".to_owned()))));
        }
        let saved = self.store.save(agent, stored);
        let hangs = self.hangs.load(Ordering::Relaxed);
        Box::pin(async move {
            let saved = saved.await;
            if hangs {
                std::future::pending::<()>().await;
            }
            saved
        })
    }

    fn remove(&self, agent: &str, protocol: &str, key: &str) -> BoxFuture<'static, Result<(), StoreError>> {
        self.store.remove(agent, protocol, key)
    }
}

async fn what_a_store_does_not_keep_is_not_sent_and_not_taken(engine: Engine) {
    let counts = Counts::default();
    let node = counts.during(hall(engine, "fickle").exchange(&engine.line()).start()).await.unwrap();
    let (book, own, theirs) = (Book::default(), Fickle::default(), Fickle::default());
    let spawning = node.spawn("mill", mill(&book)).durable_with(quick()).keep_dialogues(theirs.clone());
    let mill = spawning.await.unwrap();
    let spawning = node.spawn("customer", Customer::default).durable().keep_dialogues(own.clone());
    let customer = spawning.await.unwrap();

    own.fails.store(true, Ordering::Relaxed);
    let error = customer.buy("mill".into(), "rye".into()).await.unwrap_err().to_string();
    assert!(error.contains("NotKept(StoreError(\"the ink is dry\"))"), "{error}");
    assert_eq!((customer.open().await.unwrap(), counts.of("mails_accepted")), (0, 0));

    own.fails.store(false, Ordering::Relaxed);
    theirs.fails.store(true, Ordering::Relaxed);
    let error = customer.buy("mill".into(), "rye".into()).await.unwrap_err().to_string();
    assert!(error.contains("GivenUp { reason: \"its messages cannot be kept there\""), "{error}");
    assert_eq!((mill.open().await.unwrap(), customer.open().await.unwrap()), (0, 0));
    assert_eq!(book.lines(), ["over: abandoned"]);

    theirs.fails.store(false, Ordering::Relaxed);
    assert_eq!(customer.buy("mill".into(), "rye".into()).await.unwrap(), "bought");
    assert_eq!((own.store.len(), theirs.store.len()), (0, 0));
    node.shutdown().await;
}

#[folkmoot::test(sim)]
async fn what_was_kept_elsewhere_and_not_sent_is_said_in_the_next_life(sim: Sim) {
    crate::calls::limit::watch();
    let (room, book, own) = (Mailroom::open("memory:").await.unwrap(), Book::default(), Fickle::default());
    let durable = || Durable::new().lease(Duration::from_millis(500));
    let (at, grinding) = (room.clone(), book.clone());
    sim.node("valley", async move |builder: Builder| {
        let node = builder.exchange_of(&at).start().await?;
        node.spawn("mill", mill(&grinding)).durable_with(durable()).await.unwrap();
        Ok(node)
    })
    .await
    .unwrap();
    let (at, store, asking) = (room.clone(), own.clone(), Book::default());
    let asked = asking.clone();
    sim.node("town", async move |builder: Builder| {
        let node = builder.exchange_of(&at).start().await?;
        let spawning = node.spawn("asker", patient(&asked)).durable_with(durable());
        spawning.keep_dialogues(store.clone()).await.unwrap();
        Ok(node)
    })
    .await
    .unwrap();
    own.hangs.store(true, Ordering::Relaxed);
    let asker: Proxy<Patient> = sim.container("town").unwrap().find("asker").unwrap();
    asker.ask("mill".to_owned()).one_way().unwrap();
    sim.sleep(Duration::from_secs(10)).await;
    // It was kept, and its node is lost before it was sent.
    assert_eq!((own.store.len(), book.lines().len()), (1, 0));
    own.hangs.store(false, Ordering::Relaxed);
    sim.crash("town").await.unwrap();
    sim.restart("town").await.unwrap();
    assert_eq!(asking.until(4).await, ["propose 3 shillings", "match_accept", "end", "over: successful"]);
    assert_eq!(book.until(4).await[0], "cfp rye of asker");
    assert!(own.store.is_empty());
}
