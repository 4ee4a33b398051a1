//! The `RemoteProxy` actor: what a way to a remote container does on a worker of its own accord.
//!
//! It opens the link, again and again over the life of the way, and closes a link that nobody has use for any more.
//! Always true: it ends when its way is closed. Neighbours: [`remote`](crate::remote) tells it to look,
//! [`remotes`](crate::remotes) knows who holds the way.

use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, ActorContext, ActorFutureExt, AsyncContext, Context, Handler, Message, WrapFuture};

use crate::link_time;
use crate::remote::Remote;
use crate::remotes::Remotes;

/// The actor of one way.
pub(crate) struct RemoteProxy {
    remote: Arc<Remote>,
    opening: bool,
}

impl RemoteProxy {
    pub(crate) fn new(remote: Arc<Remote>) -> RemoteProxy {
        RemoteProxy { remote, opening: false }
    }

    fn end_if_closed(&self, ctx: &mut Context<Self>) {
        // A link that is being opened sees by itself that it is too late, and is closed.
        if self.remote.is_closed() && !self.opening {
            ctx.stop();
        }
    }
}

impl Actor for RemoteProxy {
    type Context = Context<Self>;
}

/// Something of the way has changed.
pub(crate) struct Look;

impl Message for Look {
    type Result = ();
}

impl Handler<Look> for RemoteProxy {
    type Result = ();

    fn handle(&mut self, _: Look, ctx: &mut Self::Context) {
        if self.remote.begins_to_open() {
            self.opening = true;
            let open = self.remote.clone().open().into_actor(self);
            ctx.spawn(open.map(|(), proxy, ctx| {
                proxy.opening = false;
                proxy.end_if_closed(ctx);
            }));
        }
        if let Some(remotes) = self.remote.begins_to_idle() {
            ctx.spawn(idle(self.remote.clone(), remotes).into_actor(self));
        }
        self.end_if_closed(ctx);
    }
}

/// Lets the way go once nobody has held it for the time that idle links are kept; ends where somebody holds it again.
async fn idle(remote: Arc<Remote>, remotes: Arc<Remotes>) {
    let kept = remote.idle_time();
    loop {
        let since = remote.unheld_for();
        if let Some(left) = kept.checked_sub(since).filter(|left| !left.is_zero()) {
            // A moment more: link time is told in whole milliseconds.
            link_time::sleep(left.max(Duration::from_millis(1))).await;
        } else if remote.is_held_again() {
            return;
        } else if remote.answers_its_peer() {
            link_time::sleep(kept.max(Duration::from_millis(1))).await;
        } else if remotes.let_go(&remote) {
            return;
        }
    }
}
