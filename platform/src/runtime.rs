//! The runtime beneath a program: what `#[folkmoot::main]` calls.

use std::future::Future;

/// Runs `future` on this thread as the first worker, until it is done.
///
/// # Panics
/// Where the operating system cannot give a runtime its threads and descriptors.
pub fn block_on<F: Future>(future: F) -> F::Output {
    actix::System::new().block_on(future)
}
