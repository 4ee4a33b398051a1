//! What agents of tests write down of what happens to them.

use std::sync::{Arc, Mutex};

use tokio::sync::Notify;

/// What happened, in order; anybody may wait for more.
#[derive(Clone, Default)]
pub(crate) struct Book(Arc<(Mutex<Vec<String>>, Notify)>);

impl Book {
    pub(crate) fn write(&self, line: impl Into<String>) {
        self.0.0.lock().unwrap().push(line.into());
        self.0.1.notify_waiters();
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.0.0.lock().unwrap().clone()
    }

    pub(crate) async fn until(&self, count: usize) -> Vec<String> {
        loop {
            let mut more = std::pin::pin!(self.0.1.notified());
            more.as_mut().enable();
            let lines = self.lines();
            if lines.len() >= count {
                return lines;
            }
            more.await;
        }
    }
}
