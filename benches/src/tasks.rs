//! Calls by one task or by many, on the current worker.
//!
//! Always true: both sides of a case make their calls through [`in_flight`], so the callers cost the same.

use std::future::Future;
use std::task::Poll;
use std::time::Duration;

use crate::Result;
use crate::stopwatch::Stopwatch;

/// Makes `calls` calls by `tasks` tasks of this thread, each of which makes one after the other.
///
/// # Errors
/// Where a task panicked: a call failed.
pub(crate) async fn in_flight<C, F>(tasks: u64, calls: u64, call: C) -> Result<Duration>
where
    C: Fn() -> F + Clone + 'static,
    F: Future<Output = ()> + 'static,
{
    let watch = Stopwatch::start();
    let running: Vec<_> = (0..tasks)
        .map(|_| {
            let call = call.clone();
            tokio::task::spawn_local(async move {
                for _ in 0..calls / tasks {
                    call().await;
                }
            })
        })
        .collect();
    for task in running {
        task.await?;
    }
    Ok(watch.elapsed())
}

/// Is pending once, and wakes its task at once.
pub(crate) fn pending_once() -> impl Future<Output = ()> + Send {
    let mut was_pending = false;
    std::future::poll_fn(move |cx| {
        if was_pending {
            return Poll::Ready(());
        }
        was_pending = true;
        cx.waker().wake_by_ref();
        Poll::Pending
    })
}
