//! Opening a link: dial, handshake, Hello.
//!
//! Neighbours: [`remote`](crate::remote) asks for links, [`channel`](crate::channel) for such
//! without a Hello, [`link_task`](crate::link_task) runs them.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use bytes::BytesMut;
use folkmoot_agents::host::FarReply;
use folkmoot_codecs::{CallError, Codec, Endpoint, Hello};
use folkmoot_transports::{Connection, Transport};

use crate::inbound::{check_limits, own_hello};
use crate::link::{Link, Serves};
use crate::link_task::LinkTask;
use crate::link_time;
use crate::tables::Tables;

/// Where a link leads to and how it is spoken.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Destination {
    pub(crate) endpoint: Endpoint,
    /// The name that the peer must prove, in the place of one that matches the URL.
    pub(crate) expected_peer: Option<String>,
    pub(crate) codec: Codec,
}

/// Opens a link and learns what the peer is; `ids` are those of the requests there. `ended` is run when it has ended.
///
/// # Errors
/// What kept the link from being opened, as one sentence.
pub(crate) async fn open(
    tables: &Arc<Tables>,
    transport: &Arc<dyn Transport>,
    (to, ids): (&Destination, &Arc<AtomicU64>),
    ended: impl FnOnce() + 'static,
) -> Result<Arc<Link>, String> {
    let link = dial(tables, transport, (to, ids), Serves::Agents, ended).await?;
    let time = tables.limits.handshake_time;
    match link_time::within(time, greet(&link)).await {
        Some(Ok(())) => {
            link.tell_of();
            Ok(link)
        }
        Some(Err(cause)) => {
            link.close(&cause);
            Err(cause)
        }
        None => {
            let cause = format!("{} did not answer the Hello within {time:?}", to.endpoint);
            link.close(&cause);
            Err(cause)
        }
    }
}

/// Opens a link on which nothing is said yet.
///
/// # Errors
/// What kept it from being opened, as one sentence.
pub(crate) async fn dial(
    tables: &Arc<Tables>,
    transport: &Arc<dyn Transport>,
    (to, ids): (&Destination, &Arc<AtomicU64>),
    serves: Serves,
    ended: impl FnOnce() + 'static,
) -> Result<Arc<Link>, String> {
    let time = tables.limits.handshake_time;
    let dialed = link_time::within(time, transport.dial(&to.endpoint, to.expected_peer.as_deref())).await;
    let connection = match dialed {
        None => return Err(format!("{} did not finish its handshake within {time:?}", to.endpoint)),
        Some(Err(error)) => return Err(error.to_string()),
        Some(Ok(connection)) => connection,
    };
    let Connection { stream, principal, certificate, peer_address, .. } = connection;
    let link =
        Link::new(tables.clone(), to.codec, principal, peer_address, Some((&to.endpoint, ids)), serves);
    tables.certified.enter(&link, certificate).map_err(|fault| format!("{}: {fault}", to.endpoint))?;
    let task = LinkTask::dialed(link.clone(), stream);
    actix::spawn(async move {
        task.run().await;
        ended();
    });
    Ok(link)
}

/// Says Hello: a Folkmoot container answers in kind, any other peer with an exception.
async fn greet(link: &Arc<Link>) -> Result<(), String> {
    let ours = own_hello(link);
    let mut positional = BytesMut::new();
    link.codec.encode(&(&ours,), &mut positional).map_err(|error| error.to_string())?;
    match link.ask(0, Hello::PATH, &positional).await {
        Ok(FarReply::Result { codec, content } | FarReply::Plain { codec, content, .. }) => {
            let theirs: Hello = codec
                .decode(&content)
                .map_err(|error| format!("the peer's Hello cannot be read: {error}"))?;
            let version = ours.agree(&theirs)?;
            check_limits(&theirs)?;
            link.set_rich(&theirs, version);
            tracing::debug!(peer = %link.peer_address, node = %theirs.node, software = %theirs.software, "joined hands");
            Ok(())
        }
        Ok(FarReply::Exception { codec, content }) => match CallError::from_exception(codec, &content) {
            CallError::<folkmoot_codecs::Never>::Disconnected { cause, .. } => Err(cause),
            // A peer of another make: it speaks the plain protocol.
            _ => Ok(()),
        },
        Ok(FarReply::Failed(CallError::Disconnected { cause, .. })) => {
            let cause = link.end().map_or(cause, str::to_owned);
            Err(match link.has_heard() {
                true => cause,
                // An aiomas container says nothing where it cannot read what came.
                false => format!(
                    "{cause}, and nothing came before: does it speak {}? `connect` takes another `codec`",
                    link.codec
                ),
            })
        }
        Ok(FarReply::Failed(error)) => Err(error.to_string()),
        Err(_) => Err("the link ended during the Hello".to_owned()),
    }
}
