//! The process that fails: a node whose agent lets callers wait, or a bare listener that answers nobody.
//!
//! Neighbour: [`cases`](crate::cases) has who waits for it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::time::Duration;

use folkmoot::Backoff;
use folkmoot::prelude::*;

use crate::Result;
use crate::agents::Counter;
use crate::child::{orders, tell};
use crate::role::Victim;

/// The agent on the node.
pub(crate) const AGENT: &str = "victim";

/// Tells where it listens as soon as it does; then joins, if it is to.
pub(super) fn node(victim: &Victim) -> Result<()> {
    folkmoot::block_on(async {
        let hall = Container::builder(&format!("tcp://{}", victim.listen)).name("victim").start().await?;
        tell(hall.endpoint())?;
        // It crashes as often as it is told to, and without a word.
        std::panic::set_hook(Box::new(|_| {}));
        let agent = hall.spawn(AGENT, Counter::default).intensity(u32::MAX, Duration::from_secs(1));
        agent.backoff(Backoff::NONE).await?;
        if !victim.join.is_empty() {
            hall.join(&*victim.join).await?;
        }
        let mut orders = orders();
        while orders.recv().await.is_some() {}
        hall.shutdown().await;
        Ok(())
    })
}

/// Tells where it listens. Each connection says how many bytes it will send, in a line; once they are there, one byte
/// goes back, and nothing more.
pub(super) fn bare(victim: &Victim) -> Result<()> {
    let listener = TcpListener::bind(&*victim.listen)?;
    tell(listener.local_addr()?)?;
    let mut served = Vec::new();
    loop {
        let (mut stream, _) = listener.accept()?;
        let mut reader = BufReader::new(stream.try_clone()?);
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let mut bytes = vec![0; line.trim().parse()?];
        reader.read_exact(&mut bytes)?;
        stream.write_all(b"!")?;
        // Open until the end.
        served.push(reader);
    }
}
