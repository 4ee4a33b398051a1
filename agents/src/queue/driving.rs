//! What an agent does when it is polled: it goes on with what runs, and begins what waits.
//!
//! Always true: a turn begins where no other that runs is in its way, and none begins once the budget of a poll is spent.
//! Neighbours: [`queue`](super) takes turns in and begins them, [`life`](crate::life) polls.

use std::rc::Rc;
use std::task::{Context as TaskContext, Poll};

use super::{Core, Waiting};
use crate::interface::Agent;

impl<A: Agent> Core<A> {
    /// Polls what runs and begins what may begin, until nothing moves or the budget is spent. Says whether work is
    /// left that could go on at once.
    pub(crate) fn drive(self: &Rc<Self>, cx: &mut TaskContext<'_>) -> bool {
        loop {
            let mut moved = self.poll_running(cx);
            if self.has_crashed() {
                return true;
            }
            let mut begun = false;
            while let Some(waiting) = self.next_to_begin() {
                begun = true;
                self.begin(waiting);
                if self.has_crashed() {
                    return true;
                }
            }
            // What has begun is polled before the worker is yielded: nothing would wake it.
            if self.budget.get() == 0 && !begun {
                return self.can_begin();
            }
            moved |= begun;
            if !moved {
                return false;
            }
        }
    }

    fn poll_running(&self, cx: &mut TaskContext<'_>) -> bool {
        let mut moved = false;
        // Taken out while it is polled: the method may reach this queue through its context.
        let writer = self.queue.borrow_mut().writer.take();
        if let Some(mut writer) = writer {
            match writer.poll_turn(cx) {
                Poll::Ready(panic) => {
                    drop(writer);
                    self.end_turn(panic);
                    moved = true;
                }
                Poll::Pending => self.queue.borrow_mut().writer = Some(writer),
            }
        }
        moved | self.poll_readers(cx) | self.poll_old_readers(cx)
    }

    fn poll_readers(&self, cx: &mut TaskContext<'_>) -> bool {
        if self.queue.borrow().readers.is_empty() {
            return false;
        }
        let mut moved = false;
        let mut readers = std::mem::take(&mut self.queue.borrow_mut().readers);
        while let Poll::Ready(Some(panic)) = readers.poll_next_end(cx) {
            self.end_turn(panic);
            moved = true;
        }
        self.queue.borrow_mut().readers.put_back(readers);
        moved
    }

    /// Polls the shared turns that finish on a state that was let go.
    pub(crate) fn poll_set_aside(&self, cx: &mut TaskContext<'_>) {
        self.poll_old_readers(cx);
    }

    fn poll_old_readers(&self, cx: &mut TaskContext<'_>) -> bool {
        let Some(mut readers) = self.queue.borrow_mut().old_readers.take() else { return false };
        let mut moved = false;
        while let Poll::Ready(Some(panic)) = readers.poll_next_end(cx) {
            self.end_old_turn(panic);
            moved = true;
        }
        if !readers.is_empty() {
            self.queue.borrow_mut().old_readers.get_or_insert_default().put_back(*readers);
        }
        moved
    }

    fn can_begin(&self) -> bool {
        if self.is_suspended() {
            return false;
        }
        let queue = self.queue.borrow();
        queue.waiting.front().is_some_and(|head| queue.is_free_for(head.mode()))
    }

    fn next_to_begin(&self) -> Option<Waiting<A>> {
        if self.budget.get() == 0 || !self.can_begin() {
            return None;
        }
        self.budget.set(self.budget.get() - 1);
        self.queue.borrow_mut().waiting.pop_front()
    }

    fn begin(self: &Rc<Self>, waiting: Waiting<A>) {
        match waiting {
            Waiting::Timer(index) => self.begin_timer(index),
            Waiting::Mail(queued) => self.begin_mail(*queued),
            Waiting::Heard(heard) => self.begin_heard(*heard),
            Waiting::End(request) => {
                self.end_is_queued.set(false);
                self.begin_own(request);
            }
            Waiting::Call(turn) | Waiting::Returning(turn) => {
                let info = A::method_of(&turn.request);
                self.begin_call(turn, info);
            }
        }
    }
}
