//! Mail that the gate of its agent's node does not let in.
//!
//! Always true: it is a dead letter with the gate's reason, and whoever waits for an answer is told that reason: of a request by
//! the exchange, as of all that die, of a message of a protocol from here. Neighbours: [`owned`](super::owned) receives,
//! `folkmoot_agents` writes what answers a message.

use std::sync::Arc;

use folkmoot_agents::dialogues::denied_message;
use folkmoot_agents::mail::{Again, Delivery, Step};
use folkmoot_gateway::Denied;

use super::owned::Owned;

impl Owned {
    /// Makes a denied mail a dead letter, and tells its sender where nobody else does.
    pub(super) async fn turn_away(self: Arc<Self>, denied: Denied<Delivery>) {
        let Denied { message: delivery, reason } = denied;
        let reason = format!("the gate refused it: {reason}");
        if let Some(answer) = denied_message(&self.address, &delivery, &reason) {
            let told = self.clone().commit(Step { send: vec![answer], ..Step::default() }).await;
            if let Err(error) = told {
                tracing::info!(agent = %self.claim.name, kind = %delivery.kind, %error, "whoever sent a denied message is not told so");
            }
        }
        if let Err(error) = self.clone().refuse(delivery.id, Again::Never, reason).await {
            tracing::info!(agent = %self.claim.name, %error, "a denied mail could not be given back");
        }
    }
}
