//! The routes of Academy's exchange, and what their handlers share.
//!
//! Always true: every handler first asks who asks, then reads the fields; each route is there with and without `/v1`, which
//! the hosted exchange has before its own. Neighbours: the handlers are in [`mailboxes`](super::mailboxes),
//! [`sharing`](super::sharing), [`sending`](super::sending) and [`receiving`](super::receiving).

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::response::Response;
use axum::routing::{get, post, put};
use folkmoot::exchange::Exchange;
use folkmoot::{Clock, Mailroom};
use futures_util::future::BoxFuture;

use super::answers::{Refused, refused, unknown_path, wrong_method};
use super::asking::{Asking, Who};
use super::connection::Caller;
use super::counts::{Counts, Route};
use super::dialects::Dialects;
use super::fields::Fields;
use super::held::HeldMail;
use super::{mailboxes, receiving, sending, sharing};

/// What the handlers share.
pub(crate) struct Door {
    pub(crate) mailroom: Mailroom,
    pub(crate) exchange: Arc<dyn Exchange>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) asking: Asking,
    pub(crate) counts: Arc<Counts>,
    pub(crate) held: Arc<HeldMail>,
    pub(crate) dialects: Dialects,
    /// Longest time that a client may wait in one request.
    pub(crate) listen_timeout: Duration,
    /// Longest message, in bytes.
    pub(crate) max_message: usize,
    /// Longest body of a request, in bytes.
    pub(crate) max_body: usize,
}

impl fmt::Debug for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Door").field("listen_timeout", &self.listen_timeout).finish_non_exhaustive()
    }
}

/// A request, as handlers take it.
pub(crate) struct Asked {
    pub(crate) door: Arc<Door>,
    pub(crate) who: Who,
    pub(crate) fields: Fields,
    pub(crate) headers: HeaderMap,
    pub(crate) caller: Option<Caller>,
}

/// All routes.
pub(crate) fn routes(door: Arc<Door>) -> Router {
    let routes = Router::new()
        .route(
            "/mailbox",
            post(handler(Route::Create, mailboxes::create))
                .get(handler(Route::Status, mailboxes::status))
                .delete(handler(Route::Terminate, mailboxes::terminate)),
        )
        .route(
            "/mailbox/share",
            post(handler(Route::Share, sharing::share))
                .get(handler(Route::Shares, sharing::shares))
                .delete(handler(Route::Unshare, sharing::unshare)),
        )
        .route(
            "/message",
            put(handler(Route::Send, sending::send)).get(handler(Route::Receive, receiving::receive)),
        )
        .route("/mailbox/listen", get(handler(Route::Listen, receiving::listen)))
        .route(
            "/mailbox/heartbeat",
            get(handler(Route::Age, mailboxes::heartbeat_age))
                .post(handler(Route::Heartbeat, mailboxes::heartbeat)),
        )
        .route("/mailbox/stats", get(handler(Route::Stats, mailboxes::stats)))
        .route("/discover", get(handler(Route::Discover, mailboxes::discover)));
    Router::new()
        .nest("/v1", routes.clone())
        .merge(routes)
        .fallback(async |State(door): State<Arc<Door>>| {
            door.counts.no_route();
            unknown_path()
        })
        .method_not_allowed_fallback(async |State(door): State<Arc<Door>>| {
            door.counts.no_route();
            wrong_method()
        })
        .with_state(door)
}

/// Does what every handler begins and ends with.
fn handler<F, A>(
    route: Route,
    handle: F,
) -> impl Fn(State<Arc<Door>>, Request) -> BoxFuture<'static, Response> + Clone + Send + Sync + 'static
where
    F: Fn(Asked) -> A + Clone + Send + Sync + 'static,
    A: Future<Output = Result<Response, Refused>> + Send + 'static,
{
    move |State(door), request| {
        let handle = handle.clone();
        Box::pin(async move {
            let mut counted = door.counts.begin(route);
            let answered = match asked(door, request).await {
                Ok(asked) => handle(asked).await,
                Err(why) => Err(why),
            };
            match answered {
                Ok(response) => {
                    counted.done();
                    response
                }
                Err(why) => {
                    counted.refused(&why);
                    refused(why)
                }
            }
        })
    }
}

async fn asked(door: Arc<Door>, request: Request) -> Result<Asked, Refused> {
    let (mut parts, body) = request.into_parts();
    let who = door.asking.who(&parts.headers)?;
    let fields = Fields::read(body, door.max_body, &*door.clock).await?;
    let caller = parts.extensions.remove::<Caller>();
    Ok(Asked { door, who, fields, headers: parts.headers, caller })
}
