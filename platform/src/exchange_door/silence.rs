//! Whether a node that uses the exchange here is there still, though its link stands: one that is frozen, or whose way is gone, says
//! nothing of it.
//!
//! Always true: a link over which the exchange was used is watched by one task until it ends; a node that lives and has nothing
//! to say keeps its link, for it is asked before. What its receivers held goes back with the link, so that nobody's mail waits for
//! them. Neighbours: [`exchange_door`](super) begins it; joined nodes are attended to by [`joining`](crate::joining);
//! `far_exchange` looks from the other end.

use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use folkmoot_agents::deadlines::LinkInstant;
use folkmoot_codecs::ArgumentList;
use futures_util::future::{Either, select};

use crate::inbound::PING;
use crate::link::Link;
use crate::link_time;

/// Watches a link from its first operation on; only those of Folkmoot nodes, for others need not answer.
pub(super) fn watch(link: &Arc<Link>) {
    if link.is_rich() && link.receivers.begins_to_be_watched() {
        let link = link.clone();
        actix::spawn(async move { look_at(&link).await });
    }
}

/// Asks a node that says nothing for half of `unreachable_time`, and closes its link where nothing comes for the other half.
async fn look_at(link: &Link) {
    let most = link.tables.limits.unreachable_time;
    let mut nothing = BytesMut::new();
    if let Err(error) = ArgumentList::encode(&(), link.codec, &mut nothing) {
        tracing::error!(%error, "an empty list did not encode");
        return;
    }
    let mut asked: Option<LinkInstant> = None;
    loop {
        let heard = link.heard();
        let left = match asked {
            None => (most / 2).saturating_sub(since(heard)),
            // Also where this whole process was frozen for longer.
            Some(asked) => most.saturating_sub(since(heard)).max((most / 2).saturating_sub(since(asked))),
        };
        let left = left.max(Duration::from_millis(1));
        let began = link_time::now();
        let is_over =
            matches!(select(Box::pin(link.ended()), Box::pin(link_time::sleep(left))).await, Either::Left(_));
        // The link of a joined node is attended to with its own signs of life.
        if is_over || link.is_attended() {
            return;
        }
        if link.heard() > heard {
            asked = None;
        } else if asked.is_none() {
            asked = Some(link_time::now());
            // Whatever is answered is a sign of life.
            drop(link.ask(link.next_id(), PING, &nothing));
        } else if since(began) >= left + most / 2 {
            // This worker itself was held up, and what came meanwhile has not been read yet.
        } else {
            link.close(&format!("nothing came for {most:?} from a node that uses the exchange"));
            return;
        }
    }
}

fn since(instant: LinkInstant) -> Duration {
    Duration::from_millis(link_time::now().since(instant))
}
