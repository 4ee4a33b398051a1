//! A relay between two nodes: slow, and cut when the test says so.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

/// Bytes that pass at once.
const GULP_BYTES: usize = 64 * 1024;

/// A port that leads to another one.
pub(crate) struct Relay {
    pub(crate) port: u16,
    cut: Arc<Notify>,
}

impl Relay {
    /// Lets 64 KiB pass in each `pause`, in each direction.
    pub(crate) async fn to(port: u16, pause: Duration) -> Relay {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let own_port = listener.local_addr().unwrap().port();
        let cut = Arc::new(Notify::new());
        let told = cut.clone();
        actix::spawn(async move {
            loop {
                let (near, _) = listener.accept().await.unwrap();
                let far = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
                let told = told.clone();
                actix::spawn(async move {
                    let (mut near_in, mut near_out) = near.into_split();
                    let (mut far_in, mut far_out) = far.into_split();
                    tokio::select! {
                        () = pass(&mut near_in, &mut far_out, pause) => {}
                        () = pass(&mut far_in, &mut near_out, pause) => {}
                        () = told.notified() => {}
                    }
                });
            }
        });
        Relay { port: own_port, cut }
    }

    /// Ends the links that are open.
    pub(crate) fn cut(&self) {
        self.cut.notify_waiters();
    }
}

#[allow(clippy::disallowed_methods, reason = "a slow line is what this is")]
async fn pass(
    from: &mut (impl AsyncReadExt + Unpin),
    to: &mut (impl AsyncWriteExt + Unpin),
    pause: Duration,
) {
    let mut gulp = vec![0; GULP_BYTES];
    while let Ok(came @ 1..) = from.read(&mut gulp).await {
        tokio::time::sleep(pause.mul_f64(came as f64 / GULP_BYTES as f64)).await;
        if to.write_all(&gulp[..came]).await.is_err() {
            return;
        }
    }
}
