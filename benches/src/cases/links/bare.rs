//! The floor of nodes that fail: a bare socket, and a table of waiting tasks.
//!
//! Neighbour: [`victim`](crate::remote) is the process at its other end.

use std::cell::RefCell;
use std::rc::Rc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;

use crate::Result;
use crate::child::Child;
use crate::role::{Role, Side, Victim};
use crate::stopwatch::Stopwatch;

/// What a call of the other side weighs on the wire, in bytes.
const FRAME_BYTES: usize = 64;

fn start() -> Result<(Child, String)> {
    let (side, listen, join) = (Side::Floor, "127.0.0.1:0".to_owned(), String::new());
    let mut child = Child::start(&Role::Victim(Victim { side, listen, join }), false)?;
    let address = child.word()?;
    Ok((child, address))
}

fn on_one_thread<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    tokio::task::LocalSet::new().block_on(&runtime, work)
}

/// Connects, sends so many frames, and waits until they have been read.
async fn connect(address: &str, frames: usize) -> Result<TcpStream> {
    let mut stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let bytes = frames * FRAME_BYTES;
    let mut all = format!("{bytes}\n").into_bytes();
    all.resize(all.len() + bytes, 0);
    stream.write_all(&all).await?;
    stream.read_u8().await?;
    Ok(stream)
}

/// Nanoseconds from the kill until all who wait know.
pub(super) fn killed(callers: usize) -> Result<f64> {
    let (mut child, address) = start()?;
    on_one_thread(async {
        let mut stream = connect(&address, callers).await?;
        let waiting = Rc::new(RefCell::new(Vec::new()));
        let tasks: Vec<_> = (0..callers)
            .map(|_| {
                let (tell, told) = oneshot::channel::<()>();
                waiting.borrow_mut().push(tell);
                tokio::task::spawn_local(async move { assert!(told.await.is_err(), "nobody answers") })
            })
            .collect();
        tokio::task::spawn_local(async move {
            // However it ends, they are told.
            stream.read_u8().await.ok();
            waiting.borrow_mut().clear();
        });
        tokio::task::yield_now().await;
        let watch = Stopwatch::start();
        child.kill()?;
        for task in tasks {
            task.await?;
        }
        Ok(watch.elapsed().as_nanos() as f64)
    })
}

/// Nanoseconds from when the other end listens to the first exchange with it.
pub(super) fn back() -> Result<f64> {
    let (_child, address) = start()?;
    let watch = Stopwatch::start();
    on_one_thread(connect(&address, 1))?;
    Ok(watch.elapsed().as_nanos() as f64)
}
