//! One connection: its requests one after the other, and how it ends.
//!
//! Always true: a connection over which nothing is asked, a request that comes too slowly and a client that takes nothing of
//! its answers end by themselves; and whatever ends a connection, what it held is settled or given back. Neighbours:
//! [`server`](super::server) accepts connections, [`wire`](super::wire) moves their bytes, [`held`](super::held) keeps
//! what was handed to them.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::Method;
use axum::response::Response;
use folkmoot::Clock;
use futures_util::future::join;
use futures_util::task::AtomicWaker;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::Service;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncWriteExt, Interest};
use tokio::sync::watch;

use super::answers;
use super::counts::{Counts, Cut};
use super::held::{Hands, HeldMail, Parting};
use super::wire::{Line, Wire};

/// Time between two looks at a connection.
const LOOK: Duration = Duration::from_secs(10);
/// So many looks in a row may find that a request has begun to come and not more of it.
const HEAD_LOOKS: u32 = 3;
/// So many looks in a row may find that nothing is asked.
const IDLE_LOOKS: u32 = 30;
/// So many looks in a row may find that nothing was taken of what waits to be written.
const STALL_LOOKS: u32 = 3;
/// How long a connection goes on when the server is to end.
const STOP_TIME: Duration = Duration::from_secs(2);
/// How long the last bytes of a connection may take to leave.
const FAREWELL_TIME: Duration = Duration::from_secs(1);
/// When a client has closed a connection, its system says within this time that it did not read all; else it did.
const WORD_TIME: Duration = Duration::from_millis(200);
/// Bytes that are read ahead of a request, and written ahead of a slow client.
const BUFFER_BYTES: usize = 64 << 10;

/// What the handler of a request knows of its connection; an extension of each request.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub(crate) hands: Arc<Hands>,
    pub(crate) stop: Arc<Stop>,
}

/// Tells whoever waits in a connection that it is to end.
#[derive(Debug, Default)]
pub(crate) struct Stop {
    is_set: AtomicBool,
    /// A connection has one request at a time, so one waits.
    waiting: AtomicWaker,
}

impl Stop {
    fn set(&self) {
        self.is_set.store(true, Ordering::Release);
        self.waiting.wake();
    }

    /// Ready once the connection is to end.
    pub(crate) fn poll(&self, cx: &Context<'_>) -> Poll<()> {
        self.waiting.register(cx.waker());
        match self.is_set.load(Ordering::Acquire) {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    }
}

/// What all connections of a server share.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) router: Router,
    pub(crate) held: Arc<HeldMail>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) counts: Arc<Counts>,
    pub(crate) stop: watch::Receiver<bool>,
}

/// Serves one connection to its end.
pub(crate) async fn serve(wire: Wire, shared: Shared) {
    let Shared { router, held, clock, counts, stop: mut stopped } = shared;
    let line = wire.line().clone();
    let hands = Arc::new(Hands::new(line.clone()));
    let caller = Caller { hands: hands.clone(), stop: Arc::default() };
    let asked = Arc::new(Asked::default());
    let service = Requests {
        router: TowerToHyperService::new(router),
        caller: caller.clone(),
        held: held.clone(),
        asked: asked.clone(),
        counts: counts.clone(),
    };
    let mut http = http1::Builder::new();
    let mut http = http
        .title_case_headers(true)
        .max_buf_size(BUFFER_BYTES)
        .serve_connection(TokioIo::new(wire), service);
    let mut looks = Looks::default();
    let mut look = clock.sleep(LOOK);
    let mut is_stopping = false;
    let served = {
        let settling = held.settle(&hands, &*clock);
        tokio::pin!(settling);
        loop {
            tokio::select! {
                biased;
                served = poll_fn(|cx| http.poll_without_shutdown(cx)) => {
                    if served.as_ref().is_err_and(hyper::Error::is_parse) {
                        counts.cut(Cut::Malformed);
                    }
                    break served.is_ok();
                }
                () = &mut settling => {}
                _ = stopped.wait_for(|stop| *stop), if !is_stopping => {
                    is_stopping = true;
                    caller.stop.set();
                    Pin::new(&mut http).graceful_shutdown();
                    look = clock.sleep(STOP_TIME);
                }
                () = &mut look => {
                    if is_stopping {
                        break false;
                    }
                    if let Some(why) = looks.are_over(&line, &asked) {
                        tracing::debug!(?why, "a connection was closed");
                        counts.cut(why);
                        break false;
                    }
                    look = clock.sleep(LOOK);
                }
            }
        }
    };
    let mut wire = http.into_parts().io.into_inner();
    let parting = match served {
        true => part(&wire, &hands, &*clock).await,
        false => Parting::Broken,
    };
    if served {
        tokio::select! {
            biased;
            _ = wire.shutdown() => {}
            () = clock.sleep(FAREWELL_TIME) => {}
        }
    }
    drop(wire);
    held.ended(&hands, parting, &*clock).await;
}

/// How the client left a connection that it, or the server, ended in good order.
async fn part(wire: &Wire, hands: &Hands, clock: &dyn Clock) -> Parting {
    if hands.is_empty() {
        return Parting::Closed;
    }
    if wire.line().has_failed() {
        return Parting::Broken;
    }
    // A client that closes with bytes unread, or to which more come, has its system say so by a reset.
    tokio::select! {
        biased;
        _ = wire.socket().ready(Interest::ERROR) => {}
        () = clock.sleep(WORD_TIME) => {}
    }
    match wire.socket().take_error() {
        Ok(None) if !wire.line().has_failed() => Parting::Closed,
        Ok(_) | Err(_) => Parting::Broken,
    }
}

/// How many requests have begun and how many have ended.
#[derive(Debug, Default)]
struct Asked {
    begun: AtomicU64,
    ended: AtomicU64,
}

/// A request, until its answer's head is there. Streams go on after it; they write, and so are not idle.
struct InHand(Arc<Asked>);

impl Drop for InHand {
    fn drop(&mut self) {
        self.0.ended.fetch_add(1, Ordering::AcqRel);
    }
}

/// What looks at a connection have found.
#[derive(Debug, Default)]
struct Looks {
    begun: u64,
    bytes_in: u64,
    progress: (u64, u64),
    quiet: u32,
    stalled: u32,
}

impl Looks {
    /// Looks again; why the connection is to be ended, if it is.
    fn are_over(&mut self, line: &Line, asked: &Asked) -> Option<Cut> {
        let (begun, ended) = (asked.begun.load(Ordering::Acquire), asked.ended.load(Ordering::Acquire));
        let progress = line.progress();
        let (handed, out) = progress;
        let is_stalled = handed > out && out == self.progress.1;
        self.stalled = if is_stalled { self.stalled + 1 } else { 0 };
        let is_quiet = begun == ended && begun == self.begun && progress == self.progress;
        if !is_quiet {
            self.quiet = 0;
            self.bytes_in = line.bytes_in();
        } else {
            self.quiet += 1;
        }
        (self.begun, self.progress) = (begun, progress);
        let has_begun_to_ask = line.bytes_in() > self.bytes_in || begun == 0 && line.bytes_in() > 0;
        let (quiet_looks, why) =
            if has_begun_to_ask { (HEAD_LOOKS, Cut::SlowHead) } else { (IDLE_LOOKS, Cut::Idle) };
        match (self.stalled >= STALL_LOOKS, self.quiet >= quiet_looks) {
            (true, _) => Some(Cut::Stalled),
            (false, true) => Some(why),
            (false, false) => None,
        }
    }
}

/// Hands each request to the routes.
struct Requests {
    router: TowerToHyperService<Router>,
    caller: Caller,
    held: Arc<HeldMail>,
    asked: Arc<Asked>,
    counts: Arc<Counts>,
}

impl Service<Request<Incoming>> for Requests {
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        self.asked.begun.fetch_add(1, Ordering::AcqRel);
        let in_hand = InHand(self.asked.clone());
        // The routes of GET would take HEAD too, and receive mail that nobody sees.
        let is_head = request.method() == Method::HEAD;
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(self.caller.clone());
        if is_head {
            self.counts.no_route();
        }
        let answer = (!is_head).then(|| self.router.call(request));
        let (held, hands) = (self.held.clone(), self.caller.hands.clone());
        Box::pin(async move {
            let _in_hand = in_hand;
            let Some(answer) = answer else { return Ok(answers::wrong_method()) };
            let (answer, ()) = join(answer, held.asked_again(&hands)).await;
            answer
        })
    }
}
