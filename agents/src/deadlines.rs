//! Deadlines of calls: one table per worker, not a timer per call.
//!
//! A waiting call files its waker here and takes it out when it is answered. The platform drives the table: it
//! installs a [`LinkTimer`] on each worker and calls [`expire`] when the earliest deadline is due. Threads that are
//! no workers share one table behind a lock. Link time is counted in milliseconds since the process began to count.

use std::cell::RefCell;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Waker;

/// A moment of link time, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct LinkInstant(pub u64);

impl LinkInstant {
    /// This moment and `milliseconds` more.
    pub fn plus(self, milliseconds: u64) -> LinkInstant {
        LinkInstant(self.0.saturating_add(milliseconds))
    }

    /// Milliseconds from `earlier` to this moment; 0 if it lies before.
    pub fn since(self, earlier: LinkInstant) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// Link time, as the platform keeps it.
pub trait LinkTimer: Send + Sync {
    /// The present moment.
    fn now(&self) -> LinkInstant;
    /// Called when a deadline was filed that is earlier than all others: [`expire`] must be called then.
    fn arm(&self, earliest: LinkInstant);
}

#[derive(Default)]
struct Table {
    entries: Vec<Entry>,
    free: Vec<u32>,
    /// Each filing has its own, so that a late ticket never takes out another's entry.
    next_generation: u64,
    /// No entry is due before this moment; `None` means that nothing is armed.
    earliest: Option<LinkInstant>,
}

/// Entries that a table keeps for the calls to come.
const KEPT_ENTRIES: usize = 1024;

struct Entry {
    deadline: LinkInstant,
    generation: u64,
    live: bool,
    /// Kept for a while when the entry is free: the next call is often of the same task and needs no clone.
    waker: Option<Waker>,
}

impl Table {
    /// Files a waker; says whether the timer must be armed for it.
    #[inline]
    fn insert(&mut self, deadline: LinkInstant, waker: &Waker) -> (u32, u64, bool) {
        let index = self.free.pop().unwrap_or_else(|| {
            self.entries.push(Entry { deadline, generation: 0, live: false, waker: None });
            (self.entries.len() - 1) as u32
        });
        self.next_generation += 1;
        let generation = self.next_generation;
        let entry = &mut self.entries[index as usize];
        entry.deadline = deadline;
        entry.generation = generation;
        entry.live = true;
        match &mut entry.waker {
            Some(kept) => kept.clone_from(waker),
            none => *none = Some(waker.clone()),
        }
        let arm = self.earliest.is_none_or(|earliest| deadline < earliest);
        if arm {
            self.earliest = Some(deadline);
        }
        (index, generation, arm)
    }

    fn remove(&mut self, index: u32, generation: u64) {
        if let Some(entry) = self.entries.get_mut(index as usize)
            && entry.generation == generation
            && entry.live
        {
            entry.live = false;
            self.free.push(index);
        }
    }

    /// Takes out all that is due and finds the next moment to look again.
    fn expire(&mut self, now: LinkInstant) -> (Vec<Waker>, Option<LinkInstant>) {
        if self.earliest.is_none_or(|earliest| now < earliest) {
            return (Vec::new(), self.earliest);
        }
        let mut due = Vec::new();
        let mut earliest: Option<LinkInstant> = None;
        for (index, entry) in self.entries.iter_mut().enumerate() {
            if !entry.live {
                entry.waker = None;
                continue;
            }
            if entry.deadline <= now {
                entry.live = false;
                due.extend(entry.waker.take());
                self.free.push(index as u32);
            } else {
                earliest = Some(earliest.map_or(entry.deadline, |e| e.min(entry.deadline)));
            }
        }
        self.earliest = earliest;
        self.shrink();
        (due, earliest)
    }

    /// Gives back what a crowd of calls has left behind.
    fn shrink(&mut self) {
        if self.entries.len() <= KEPT_ENTRIES || self.free.len() * 2 < self.entries.len() {
            return;
        }
        let end = self.entries.iter().rposition(|entry| entry.live).map_or(0, |last| last + 1);
        self.entries.truncate(end.max(KEPT_ENTRIES));
        self.entries.shrink_to_fit();
        let kept = self.entries.len() as u32;
        self.free.retain(|index| *index < kept);
        self.free.shrink_to_fit();
    }
}

/// How far the coarse time of a worker may be behind, in milliseconds.
pub const TICK_MS: u64 = 10;

struct WorkerTable {
    table: Table,
    /// The last look at the clock; good until the next tick.
    coarse: LinkInstant,
    /// Whether a tick is coming.
    ticking: bool,
    /// Whether anyone asked for the time since the last tick.
    asked: bool,
    timer: Arc<dyn LinkTimer>,
    token: u64,
}

thread_local! {
    static WORKER: RefCell<Option<WorkerTable>> = const { RefCell::new(None) };
}

/// The table of the threads that are no workers.
pub struct SharedDeadlines {
    table: Mutex<Table>,
    timer: Arc<dyn LinkTimer>,
}

impl SharedDeadlines {
    /// An empty table driven by `timer`.
    pub fn new(timer: Arc<dyn LinkTimer>) -> Arc<SharedDeadlines> {
        Arc::new(SharedDeadlines { table: Mutex::default(), timer })
    }

    /// Wakes what is due; returns when to call again, if anything is left.
    pub fn expire(&self) -> Option<LinkInstant> {
        let now = self.timer.now();
        let (due, next) = self.table.lock().unwrap_or_else(PoisonError::into_inner).expire(now);
        due.into_iter().for_each(Waker::wake);
        next
    }
}

/// Gives this thread a table of its own, driven by `timer`. Replaces an earlier one: what was filed there wakes.
pub fn install(timer: Arc<dyn LinkTimer>) {
    static NEXT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(1);
    let token = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let old = WORKER.with(|worker| {
        worker.borrow_mut().replace(WorkerTable {
            table: Table::default(),
            coarse: LinkInstant(0),
            ticking: false,
            asked: false,
            timer,
            token,
        })
    });
    for entry in old.into_iter().flat_map(|old| old.table.entries) {
        entry.waker.into_iter().for_each(Waker::wake);
    }
}

/// Wakes what is due on this thread; returns when to call again, if anything is left.
pub fn expire() -> Option<LinkInstant> {
    let (due, next) = WORKER.with(|worker| match &mut *worker.borrow_mut() {
        None => (Vec::new(), None),
        Some(worker) => {
            let now = worker.timer.now();
            worker.coarse = now;
            worker.ticking = std::mem::take(&mut worker.asked);
            let (due, next) = worker.table.expire(now);
            let tick = worker.ticking.then(|| now.plus(TICK_MS));
            (due, next.into_iter().chain(tick).min())
        }
    });
    due.into_iter().for_each(Waker::wake);
    next
}

/// The time on this worker, at most a tick behind; `None` on a thread that is no worker.
#[inline]
pub fn coarse_now() -> Option<LinkInstant> {
    WORKER.with(|worker| {
        let mut worker = worker.borrow_mut();
        let worker = worker.as_mut()?;
        worker.asked = true;
        if !worker.ticking {
            worker.ticking = true;
            worker.coarse = worker.timer.now();
            worker.timer.arm(worker.coarse.plus(TICK_MS));
        }
        Some(worker.coarse)
    })
}

/// A filed deadline; dropping it takes it out.
pub struct Ticket {
    place: Place,
    index: u32,
    generation: u64,
}

enum Place {
    Worker { token: u64 },
    Shared(Arc<SharedDeadlines>),
}

/// Files `waker` for `deadline`: on this thread's table, or on the shared one where the thread has none.
pub fn file(deadline: LinkInstant, waker: &Waker, shared: &Arc<SharedDeadlines>) -> Ticket {
    let on_worker = WORKER.with(|worker| {
        worker.borrow_mut().as_mut().map(|worker| {
            let (index, generation, arm) = worker.table.insert(deadline, waker);
            let armed = arm.then(|| worker.timer.clone());
            (Ticket { place: Place::Worker { token: worker.token }, index, generation }, armed)
        })
    });
    match on_worker {
        Some((ticket, armed)) => {
            if let Some(timer) = armed {
                timer.arm(deadline);
            }
            ticket
        }
        None => {
            let (index, generation, arm) =
                shared.table.lock().unwrap_or_else(PoisonError::into_inner).insert(deadline, waker);
            if arm {
                shared.timer.arm(deadline);
            }
            Ticket { place: Place::Shared(shared.clone()), index, generation }
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        match &self.place {
            // A call that was moved to another thread leaves its entry to lapse: it wakes nobody who waits.
            Place::Worker { token } => WORKER.with(|worker| {
                if let Ok(mut worker) = worker.try_borrow_mut()
                    && let Some(worker) = worker.as_mut()
                    && worker.token == *token
                {
                    worker.table.remove(self.index, self.generation);
                }
            }),
            Place::Shared(shared) => shared
                .table
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .remove(self.index, self.generation),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_wakes_what_is_due_and_reuses_what_was_taken_out() {
        let mut table = Table::default();
        let waker = Waker::noop();
        let (a, a_gen, arm) = table.insert(LinkInstant(50), waker);
        assert!(arm);
        let (_, _, arm) = table.insert(LinkInstant(90), waker);
        assert!(!arm, "a later deadline needs no earlier look");
        table.remove(a, a_gen);
        let (again, again_gen, arm) = table.insert(LinkInstant(30), waker);
        assert!(arm);
        assert_eq!(again, a);
        assert_ne!(again_gen, a_gen);
        table.remove(a, a_gen);
        let (due, next) = table.expire(LinkInstant(40));
        assert_eq!(due.len(), 1, "a stale ticket took out the wrong entry");
        assert_eq!(next, Some(LinkInstant(90)));
    }

    #[test]
    fn a_crowd_leaves_no_large_table_behind_and_its_late_tickets_take_nothing_out() {
        let mut table = Table::default();
        let waker = Waker::noop();
        let crowd: Vec<_> = (0..10_000).map(|_| table.insert(LinkInstant(10), waker)).collect();
        assert_eq!(table.expire(LinkInstant(10)).0.len(), crowd.len());
        assert_eq!(table.entries.len(), KEPT_ENTRIES);
        let next: Vec<_> = (0..crowd.len()).map(|_| table.insert(LinkInstant(20), waker)).collect();
        crowd.iter().for_each(|(index, generation, _)| table.remove(*index, *generation));
        assert_eq!(table.expire(LinkInstant(20)).0.len(), next.len());
    }
}
