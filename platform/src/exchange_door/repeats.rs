//! Answers to what other nodes asked of the exchange, kept for a while: who asks again, since a link broke, gets the first
//! one's answer.
//!
//! Always true: of the attempts of one operation one runs, the others wait for it; what is kept is bounded in number and
//! time, and given to the principal that it was made for alone. Neighbours: the [`exchange_door`](super) asks here;
//! [`kept_replies`](crate::kept_replies) does the same for calls, whose answers are bytes.

use std::any::Any;
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use folkmoot_agents::deadlines::LinkInstant;
use tokio::sync::oneshot;

/// Most answers that are kept; for a new one the oldest goes.
const MAX_KEPT_ANSWERS: usize = 65_536;

/// An operation: who asked, which life of theirs, its number.
pub(super) type Key = (Arc<str>, u64, u64);

/// An outcome, whatever the operation.
pub(super) type Outcome = Arc<dyn Any + Send + Sync>;

/// The answers that one container keeps.
#[derive(Default)]
pub(crate) struct Repeats(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    stages: HashMap<Key, Stage>,
    /// Those that are answered, by the time of it.
    answered: VecDeque<(LinkInstant, Key)>,
}

enum Stage {
    Running(Vec<oneshot::Sender<Outcome>>),
    Answered(Outcome),
}

/// What an attempt is.
pub(super) enum Attempt<'a> {
    /// The first, which runs.
    First(Running<'a>),
    /// Another one: the first is answered soon.
    Later(oneshot::Receiver<Outcome>),
    /// Another one.
    Answered(Outcome),
}

/// The first attempt of an operation. Dropped without an answer, those who wait are told so.
pub(super) struct Running<'a> {
    repeats: &'a Repeats,
    key: Option<Key>,
}

impl Repeats {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An attempt has come.
    pub(super) fn begin(&self, key: Key) -> Attempt<'_> {
        let mut kept = self.kept();
        match kept.stages.get_mut(&key) {
            Some(Stage::Running(waiting)) => {
                let (tell, told) = oneshot::channel();
                waiting.push(tell);
                Attempt::Later(told)
            }
            Some(Stage::Answered(outcome)) => Attempt::Answered(outcome.clone()),
            None => {
                kept.stages.insert(key.clone(), Stage::Running(Vec::new()));
                Attempt::First(Running { repeats: self, key: Some(key) })
            }
        }
    }
}

impl Running<'_> {
    /// The operation was carried out, or refused. What was answered by the moment `old` is forgotten.
    pub(super) fn answered(mut self, outcome: &Outcome, now: LinkInstant, old: LinkInstant) {
        let Some(key) = self.key.take() else { return };
        let mut kept = self.repeats.kept();
        let before = kept.stages.insert(key.clone(), Stage::Answered(outcome.clone()));
        kept.answered.push_back((now, key));
        let mut gone = Vec::new();
        while kept.answered.len() > MAX_KEPT_ANSWERS || kept.answered.front().is_some_and(|(at, _)| *at < old)
        {
            let Some((_, oldest)) = kept.answered.pop_front() else { break };
            gone.extend(kept.stages.remove(&oldest));
        }
        drop(kept);
        if let Some(Stage::Running(waiting)) = before {
            // One whose link is gone, too, asks a third time.
            waiting.into_iter().for_each(|waiting| drop(waiting.send(outcome.clone())));
        }
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        if let Some(key) = &self.key {
            let waiting = self.repeats.kept().stages.remove(key);
            drop(waiting);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: u64) -> Key {
        ("north".into(), 1, number)
    }

    fn first(repeats: &Repeats, number: u64) -> Running<'_> {
        let Attempt::First(running) = repeats.begin(key(number)) else { panic!("another one ran") };
        running
    }

    fn outcome(number: u64) -> Outcome {
        Arc::new(number)
    }

    fn is(outcome: &Outcome, number: u64) -> bool {
        outcome.downcast_ref::<u64>() == Some(&number)
    }

    #[test]
    fn later_attempts_get_the_answer_of_the_first() {
        let repeats = Repeats::default();
        let running = first(&repeats, 1);
        let Attempt::Later(mut waiting) = repeats.begin(key(1)) else { panic!("it runs twice") };
        running.answered(&outcome(7), LinkInstant(5), LinkInstant(0));
        assert!(is(&waiting.try_recv().unwrap(), 7));
        let Attempt::Answered(again) = repeats.begin(key(1)) else { panic!("it runs again") };
        assert!(is(&again, 7));
        // Another principal's operation of that number is another.
        let Attempt::First(_) = repeats.begin(("south".into(), 1, 1)) else { panic!("another's answer") };
        // One that vanished is carried out by whoever asks next.
        drop(first(&repeats, 2));
        drop(first(&repeats, 2));
    }

    #[test]
    fn what_is_kept_is_bounded_in_number_and_time() {
        let repeats = Repeats::default();
        let most = MAX_KEPT_ANSWERS as u64;
        for number in 0..=most {
            first(&repeats, number).answered(&outcome(number), LinkInstant(10), LinkInstant(0));
        }
        assert_eq!(repeats.kept().stages.len(), MAX_KEPT_ANSWERS);
        drop(first(&repeats, 0));
        assert!(matches!(repeats.begin(key(1)), Attempt::Answered(_)));
        first(&repeats, most + 1).answered(&outcome(1), LinkInstant(90), LinkInstant(50));
        assert_eq!(repeats.kept().stages.len(), 1);
    }
}
