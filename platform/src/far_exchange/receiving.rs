//! Waiting for mail in another node's exchange.
//!
//! Always true: a receiver that is dropped takes its question back, and what was delivered to it goes back at once, for the
//! exchange's node keeps its mail in sight until it is told that it has arrived; so it does where the link ends before.
//! While there are links the whole wait is waited, however many break. Neighbour: [`asking`](super::asking).

use bytes::BytesMut;
use folkmoot_exchange::{Asker, Delivery, ExchangeError, MailboxId, Recv};

use super::asking::{Attempted, since};
use super::{Far, Id, millis, millis_up, wire};
use crate::exchange_wire::PREFIX;
use crate::link::Link;
use crate::link_time;

/// The operation.
const RECV: &str = "recv";

impl Far {
    /// Receives, and waits as long as `how` says.
    pub(super) async fn receive(
        &self,
        asker: &Asker,
        mailbox: MailboxId,
        how: Recv,
    ) -> Result<Vec<Delivery>, ExchangeError> {
        let Recv { wait, lease, max, epoch } = how;
        let caller = self.caller(asker);
        self.until_closed(async {
            let began = link_time::now();
            loop {
                let left = wait.saturating_sub(since(began));
                let (way, link) = self.link(self.tables.default_deadline).await?;
                let what = (caller.clone(), Id(mailbox), millis_up(left), millis(lease), max as u64, epoch);
                // The exchange's clock says when the wait is over.
                let patience = (left.saturating_add(self.tables.default_deadline), true);
                let attempt = self.attempt::<Vec<wire::Delivery>>((&way, &link), RECV, &what, patience).await;
                match attempt {
                    Attempted::Answered((deliveries, awaited)) => {
                        let (link, id) = awaited.taken();
                        if !deliveries.is_empty() {
                            say_taken(&link, id);
                        }
                        return Ok(deliveries.into_iter().map(Into::into).collect());
                    }
                    Attempted::Refused(error) => return Err(error),
                    Attempted::Broken(cause) => {
                        self.broke(RECV, &cause);
                        link_time::sleep(super::asking::PAUSE).await;
                    }
                }
            }
        })
        .await
    }
}

/// What was delivered has arrived.
fn say_taken(link: &Link, id: u64) {
    let mut positional = BytesMut::new();
    match link.codec.encode(&(id,), &mut positional) {
        Ok(()) => link.tell(u64::MAX >> 1, &format!("{PREFIX}taken"), &positional),
        Err(error) => tracing::error!(%error, "an id did not encode"),
    }
}
