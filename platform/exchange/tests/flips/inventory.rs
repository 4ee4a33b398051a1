//! All that a directory tells whoever asks: what is found, delivered, kept, dead, known and waited for.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::path::Path;

use folkmoot_exchange::{Asker, ExchangeError, Mail, MailId, MailboxId, Page, Query, Recv, StateQuery};

use super::directories::{DAY, ENDED, LIVE};
use super::world::{SECOND, World};

/// Answers by what was asked; errors are answers too.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Inventory {
    answers: BTreeMap<String, Result<Vec<String>, String>>,
    pub(crate) is_open: bool,
}

impl Inventory {
    /// Opens the directory, asks for everything, and closes it.
    pub(crate) async fn of(directory: &Path) -> Inventory {
        let mut inventory = Inventory::default();
        let world = match World::at(directory).await {
            Ok(world) => world,
            Err(error) => {
                inventory.answers.insert("open".to_owned(), Err(error.to_string()));
                return inventory;
            }
        };
        inventory.is_open = true;
        inventory.ask(&world).await;
        let closed = world.exchange.close().await;
        inventory.note("close", closed);
        inventory
    }

    fn note<T: Debug>(&mut self, what: impl Into<String>, answer: Result<T, ExchangeError>) {
        let answer = answer.map(|answer| vec![format!("{answer:?}")]).map_err(|error| error.to_string());
        self.answers.insert(what.into(), answer);
    }

    fn note_all<T: Debug>(&mut self, what: impl Into<String>, answer: Result<Vec<T>, ExchangeError>) {
        let all = |answer: Vec<T>| answer.iter().map(|one| format!("{one:?}")).collect();
        self.answers.insert(what.into(), answer.map(all).map_err(|error| error.to_string()));
    }

    async fn ask(&mut self, world: &World) {
        let (exchange, container) = (&world.exchange, &Asker::Container);
        let numbers = LIVE.map(|(number, _)| number).into_iter().chain([ENDED, 99]);
        for number in numbers {
            let id = MailboxId::agent(number);
            self.note(format!("{number} status"), exchange.status(container, id).await);
            self.note(format!("{number} stats"), exchange.stats(container, id).await);
            self.note_all(format!("{number} shares"), exchange.shares(container, id).await);
            self.note_all(
                format!("{number} dead"),
                exchange.dead_letters(container, id, Page::first(99)).await,
            );
            self.note_all(format!("{number} peek"), exchange.peek(container, id, Page::first(99)).await);
        }
        for (number, name) in LIVE {
            for query in [Query::named(name), Query::of_type(format!("plant.{name}")), Query::able_to(name)] {
                self.note_all(format!("{number} found {query:?}"), exchange.discover(container, query).await);
            }
            let again = Mail::new(MailId(number * 1000 + 101), "note", format!("{name} later 1"));
            self.note(format!("{number} again"), world.try_send(MailboxId::agent(number), again).await);
        }
        for query in [Query::of_subtypes("plant.Machine"), Query::able_to("water"), Query::all()] {
            self.note_all(format!("found {query:?}"), exchange.discover(container, query).await);
        }
        self.note_all("states", exchange.states(container, StateQuery::under("agents/")).await);
        for pass in [SECOND, DAY, 2 * DAY] {
            for (number, _) in LIVE {
                let (mail, error) = drained(world, MailboxId::agent(number)).await;
                self.note_all(format!("{number} mail after {pass:?}"), error.map_or(Ok(mail), Err));
            }
            world.pass(pass);
        }
        for (number, name) in LIVE {
            let id = MailboxId::agent(number);
            let new = Mail::new(MailId(number * 1000 + 900), "note", format!("{name} new"));
            self.note(format!("{number} new"), world.try_send(id, new).await);
            let (mail, error) = drained(world, id).await;
            self.note_all(format!("{number} new mail"), error.map_or(Ok(mail), Err));
            self.note(format!("{number} stats at last"), exchange.stats(container, id).await);
        }
        // Who waits for its answers is told.
        self.note("4 terminated", exchange.terminate(container, MailboxId::agent(4)).await);
        for (number, _) in LIVE {
            let (mail, error) = drained(world, MailboxId::agent(number)).await;
            self.note_all(format!("{number} told"), error.map_or(Ok(mail), Err));
        }
    }

    /// What was answered with an error that an untouched directory does not answer.
    pub(crate) fn errors(&self) -> Vec<String> {
        let broken = ["damaged", "Damaged", "malformed", "not a database", "failed", "disk"];
        let errors = self.answers.values().filter_map(|answer| answer.as_ref().err());
        errors.filter(|error| broken.iter().any(|word| error.contains(word))).cloned().collect()
    }

    /// What is answered otherwise than by `whole`: the question, and both answers.
    pub(crate) fn differences(&self, whole: &Inventory) -> Vec<(String, String, String)> {
        let questions: BTreeSet<&String> = self.answers.keys().chain(whole.answers.keys()).collect();
        let mut all = Vec::new();
        for question in questions {
            let (is, was) = (self.answers.get(question), whole.answers.get(question));
            if is != was {
                all.push((question.clone(), format!("{was:?}"), format!("{is:?}")));
            }
        }
        all
    }

    /// How often each mail was delivered, by its body's beginning.
    pub(crate) fn delivered(&self) -> BTreeMap<String, usize> {
        let mut delivered = BTreeMap::new();
        for (question, answer) in &self.answers {
            if let (true, Ok(mails)) = (question.contains("mail"), answer) {
                for mail in mails {
                    *delivered.entry(mail.clone()).or_default() += 1;
                }
            }
        }
        delivered
    }
}

/// What is delivered now and acknowledged, and the error that ended it.
async fn drained(world: &World, mailbox: MailboxId) -> (Vec<String>, Option<ExchangeError>) {
    let mut mail = Vec::new();
    for _ in 0..100 {
        match world.try_recv(mailbox, Recv::now()).await {
            Ok(got) => {
                let Some(delivery) = got.first() else { return (mail, None) };
                let body = String::from_utf8_lossy(&delivery.mail.body);
                let body: String = body.chars().take(40).collect();
                let sum: u64 = delivery.mail.body.iter().map(|byte| u64::from(*byte)).sum();
                mail.push(format!(
                    "{body} {sum} {} {:?} {:?} {}",
                    delivery.mail.kind, delivery.mail.from, delivery.mail.tracking, delivery.attempt
                ));
                if let Err(error) = world.exchange.acknowledge(&Asker::Container, &delivery.receipt).await {
                    return (mail, Some(error));
                }
            }
            Err(error) => return (mail, Some(error)),
        }
    }
    (mail, None)
}
