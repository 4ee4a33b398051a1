//! Threads that read while others write: what is looked up and changes nothing.
//!
//! Always true: a reader sees what was committed before it began, all of it and no half of it; nobody reads any more once
//! the disk has failed. What takes a look at one row is looked up where it is asked, for a thread's way there and back costs
//! more than the look. Neighbours:
//! [`finding`](super::finding) and [`states`](super::states) are what is read, [`writer`](super::writer) does the rest.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use crate::error::ExchangeError;

use super::opening::connect_reader;
use super::trouble::{Outcome, Trouble, of_file};
use super::writer::Failed;

/// Threads that read.
pub const READERS: usize = 2;

/// Questions that wait for one reader; who has one more waits for room.
pub const WAITING_QUESTIONS: usize = 1024;

type Question = Box<dyn FnOnce(&Connection) + Send>;

#[derive(Debug)]
pub(super) struct Readers {
    questions: Mutex<Option<Vec<mpsc::Sender<Question>>>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    /// For whoever asks for one row.
    near: Mutex<Option<Connection>>,
    next: AtomicUsize,
    directory: Arc<Path>,
    failed: Failed,
}

impl Readers {
    pub(super) fn start(directory: &Path, failed: Failed) -> Result<Readers, ExchangeError> {
        let connect = || connect_reader(directory).map_err(|error| Trouble::from(error).tell(directory));
        let near = connect()?;
        let (mut questions, mut threads) = (Vec::new(), Vec::new());
        for number in 0..READERS {
            let connection = connect()?;
            let (sender, mut receiver) = mpsc::channel::<Question>(WAITING_QUESTIONS);
            let reader = std::thread::Builder::new()
                .name(format!("folkmoot-exchange-reader-{number}"))
                .spawn(move || {
                    while let Some(question) = receiver.blocking_recv() {
                        question(&connection);
                    }
                })
                .map_err(|error| of_file(directory, "starting a thread of the exchange", error))?;
            questions.push(sender);
            threads.push(reader);
        }
        Ok(Readers {
            questions: Mutex::new(Some(questions)),
            threads: Mutex::new(threads),
            near: Mutex::new(Some(near)),
            next: AtomicUsize::new(0),
            directory: directory.into(),
            failed,
        })
    }

    /// Asks for one row, by its key: at once, or one of them where somebody else is at it.
    pub(super) async fn ask_for_row<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Connection) -> Outcome<T> + Send + 'static,
    ) -> Result<T, ExchangeError> {
        if let Some(error) = self.failed.get() {
            return Err(error.clone());
        }
        if let Ok(near) = self.near.try_lock() {
            let connection = near.as_ref().ok_or(ExchangeError::Closed)?;
            return question(connection).map_err(|trouble| trouble.tell(&self.directory));
        }
        self.ask(question).await
    }

    /// Asks one of them.
    pub(super) async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Connection) -> Outcome<T> + Send + 'static,
    ) -> Result<T, ExchangeError> {
        if let Some(error) = self.failed.get() {
            return Err(error.clone());
        }
        let (answer, answered) = oneshot::channel();
        let reader = {
            let questions = self.questions.lock().unwrap_or_else(PoisonError::into_inner);
            let readers = questions.as_ref().ok_or(ExchangeError::Closed)?;
            let next = self.next.fetch_add(1, Ordering::Relaxed) % READERS;
            readers.get(next).ok_or(ExchangeError::Closed)?.clone()
        };
        let asked: Question = Box::new(move |connection| {
            // Who does not wait any more need not know.
            drop(answer.send(question(connection)));
        });
        reader.send(asked).await.map_err(|_| ExchangeError::Closed)?;
        let outcome = answered.await.map_err(|_| ExchangeError::Closed)?;
        outcome.map_err(|trouble| trouble.tell(&self.directory))
    }

    /// Lets go of the database. They end what they are at.
    pub(super) fn close(&self) -> Vec<JoinHandle<()>> {
        self.questions.lock().unwrap_or_else(PoisonError::into_inner).take();
        self.near.lock().unwrap_or_else(PoisonError::into_inner).take();
        std::mem::take(&mut self.threads.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
