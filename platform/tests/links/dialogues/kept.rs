//! Dialogues over the ends of lives: kept ones outlive a crash and the container, and of others both sides learn that they are over.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use folkmoot::Mailroom;
use folkmoot::dialogues::{DialogueStore, MemoryDialogues, StoreError, Stored};
use folkmoot::exchange::{self, StateQuery};

use super::*;

#[folkmoot::test(crate = crate::links::left_behind)]
async fn dialogues_that_are_kept_outlive_a_crash_and_the_container() {
    let one = hall(Codec::MsgPack).await;
    let patient = one.spawn("patient", Patient::default).await.unwrap();
    let store = MemoryDialogues::default();

    let two = hall(Codec::MsgPack).await;
    let slow = two.spawn("slow", Slow::default).keep_dialogues(store.clone()).await.unwrap();
    let far: Proxy<Slow> = one.connect(two.url("slow")).await.unwrap();
    patient.ask(far.clone(), "rye".to_owned()).await.unwrap();
    patient.ask(far.clone(), "wheat".to_owned()).await.unwrap();
    assert_eq!(store.len(), 2);
    slow.crash().await.unwrap_err();
    assert_eq!(slow.answer_all().await.unwrap(), 2);
    assert_eq!(until_offers(&patient, 2).await, ["rye", "wheat"]);
    // What waits for its turn when the agent crashes has it once.
    let crashing = actix::spawn(slow.crash_before(1));
    patient.ask(far.clone(), "barley".to_owned()).await.unwrap();
    crashing.await.unwrap().unwrap_err();
    assert_eq!(slow.answer_all().await.unwrap(), 1);
    assert_eq!(until_offers(&patient, 3).await[2], "barley");
    // What has ended is kept no more.
    patient.ask(far, "oats".to_owned()).await.unwrap();
    while store.len() != 1 {
        tokio::task::yield_now().await;
    }
    // Whoever speaks with it knows it by its URL.
    let url = two.url("");
    two.shutdown().await;

    let three = Container::builder(url.trim_end_matches('/')).watched().await.unwrap();
    let slow = three.spawn("slow", Slow::default).keep_dialogues(store.clone()).await.unwrap();
    assert_eq!(slow.answer_all().await.unwrap(), 1);
    assert_eq!(until_offers(&patient, 4).await[3], "oats");
    while !store.is_empty() {
        tokio::task::yield_now().await;
    }
    for container in [three, one] {
        container.shutdown().await;
    }
}

/// How many dialogues are kept in an exchange.
async fn kept_in(room: &Mailroom) -> usize {
    let all = room.exchange().states(&exchange::Asker::Container, StateQuery::under("")).await.unwrap();
    all.iter().filter(|(key, _)| key.contains("/dialogue/")).count()
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn dialogues_of_durable_agents_are_kept_in_the_exchange_and_go_on_on_another_node() {
    let room = Mailroom::open("memory:").await.unwrap();
    let one = hall(Codec::MsgPack).await;
    let patient = one.spawn("patient", Patient::default).await.unwrap();

    let two = Container::builder("tcp://127.0.0.1:0").exchange_of(&room).watched().await.unwrap();
    let slow = two.spawn("slow", Slow::default).durable().await.unwrap();
    let far: Proxy<Slow> = one.connect(two.url("slow")).await.unwrap();
    for bread in ["rye", "wheat"] {
        patient.ask(far.clone(), bread.to_owned()).await.unwrap();
    }
    assert_eq!(kept_in(&room).await, 2, "kept before whoever said it learns that it was taken in");
    slow.crash().await.unwrap_err();
    assert_eq!(slow.answer_all().await.unwrap(), 2);
    assert_eq!(until_offers(&patient, 2).await, ["rye", "wheat"]);
    patient.ask(far, "oats".to_owned()).await.unwrap();
    // Those that have ended are kept no more.
    while kept_in(&room).await != 1 {
        tokio::task::yield_now().await;
    }
    let url = two.url("");
    two.shutdown().await;

    let three = Container::builder(url.trim_end_matches('/')).exchange_of(&room).watched().await.unwrap();
    let slow = three.spawn("slow", Slow::default).durable().await.unwrap();
    assert_eq!(slow.answer_all().await.unwrap(), 1);
    assert_eq!(until_offers(&patient, 3).await[2], "oats");
    while kept_in(&room).await != 0 {
        tokio::task::yield_now().await;
    }
    for container in [three, one] {
        container.shutdown().await;
    }
}

/// A store whose process ends as soon as something is kept: nobody hears of it.
#[derive(Clone, Default)]
struct Fragile {
    kept: MemoryDialogues,
    is_broken: Arc<AtomicBool>,
    saves: Arc<AtomicU32>,
}

impl DialogueStore for Fragile {
    fn load(&self, agent: &str) -> Kept<Vec<Stored>> {
        self.kept.load(agent)
    }

    fn save(&self, agent: &str, stored: Stored) -> Kept<()> {
        let saved = self.kept.save(agent, stored);
        self.saves.fetch_add(1, Ordering::Relaxed);
        match self.is_broken.load(Ordering::Relaxed) {
            true => Box::pin(std::future::pending()),
            false => saved,
        }
    }

    fn remove(&self, agent: &str, protocol: &str, key: &str) -> Kept<()> {
        self.kept.remove(agent, protocol, key)
    }
}

type Kept<T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send>>;

#[folkmoot::test(crate = crate::links::left_behind)]
async fn what_was_kept_and_perhaps_not_sent_is_said_by_the_next_life() {
    let one = hall(Codec::MsgPack).await;
    let patient = one.spawn("patient", Patient::default).await.unwrap();
    let store = Fragile::default();
    let two = hall(Codec::MsgPack).await;
    let slow = two.spawn("slow", Slow::default).keep_dialogues(store.clone()).await.unwrap();
    let far: Proxy<Slow> = one.connect(two.url("slow")).await.unwrap();
    patient.ask(far, "rye".to_owned()).await.unwrap();
    store.is_broken.store(true, Ordering::Relaxed);
    let answering = actix::spawn(slow.answer_all());
    // It has kept what it says, and gets no further.
    while store.saves.load(Ordering::Relaxed) < 2 {
        tokio::task::yield_now().await;
    }
    assert!(patient.offers().await.unwrap().is_empty());
    let url = two.url("");
    answering.abort();
    two.shutdown().await;

    store.is_broken.store(false, Ordering::Relaxed);
    let three = Container::builder(url.trim_end_matches('/')).watched().await.unwrap();
    three.spawn("slow", Slow::default).keep_dialogues(store.clone()).await.unwrap();
    assert_eq!(until_offers(&patient, 1).await, ["rye"]);
    for container in [three, one] {
        container.shutdown().await;
    }
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn dialogues_that_are_not_kept_end_with_a_crash_and_the_other_side_learns_of_it() {
    let hall = hall(Codec::MsgPack).await;
    let patient = hall.spawn("patient", Patient::default).await.unwrap();
    let slow = hall.spawn("slow", Slow::default).await.unwrap();
    patient.ask(slow.clone(), "rye".to_owned()).await.unwrap();
    assert_eq!(slow.open().await.unwrap(), 1);
    slow.crash().await.unwrap_err();
    assert_eq!((slow.answer_all().await.unwrap(), slow.open().await.unwrap()), (0, 0));
    // What was begun before is over, and what begins now is another one.
    patient.ask(slow.clone(), "oats".to_owned()).await.unwrap();
    assert_eq!(slow.answer_all().await.unwrap(), 1);
    assert_eq!(until_offers(&patient, 1).await, ["oats"]);
    hall.shutdown().await;
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn what_was_asked_before_a_crash_is_not_answered_to_who_asks_after_it() {
    let hall = hall(Codec::MsgPack).await;
    let before = hall.spawn("before", Patient::default).await.unwrap();
    let after = hall.spawn("after", Patient::default).await.unwrap();
    let slow = hall.spawn("slow", Slow::default).await.unwrap();
    let (crashed, asked) = tokio::join!(slow.crash_once_asked(), before.ask(slow.clone(), "rye".to_owned()));
    crashed.unwrap_err();
    asked.unwrap();
    after.ask(slow.clone(), "wheat".to_owned()).await.unwrap();
    let said = slow.answer_each().await.unwrap();
    assert_eq!(said.len(), 2, "the first waited for its turn when the agent crashed");
    assert!(said[0].contains("abandoned"), "{said:?}");
    assert_eq!(said[1], "said");
    assert_eq!(until_offers(&after, 1).await, ["wheat"]);
    assert!(before.offers().await.unwrap().is_empty());
    hall.shutdown().await;
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn who_waits_for_an_answer_is_told_when_its_own_agent_crashes() {
    let hall = hall(Codec::MsgPack).await;
    let patient = hall.spawn("patient", Patient::default).await.unwrap();
    let slow = hall.spawn("slow", Slow::default).await.unwrap();
    let (waited, crashed) = tokio::join!(patient.ask_and_wait(slow), patient.crash_once_waiting());
    crashed.unwrap_err();
    let error = waited.unwrap_err().to_string();
    assert!(error.contains("has ended before an answer came: abandoned"), "{error}");
    hall.shutdown().await;
}
