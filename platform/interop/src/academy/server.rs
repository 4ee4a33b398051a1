//! The server: what it is set up with, whom it lets in, and how it ends.
//!
//! Always true: connections are bounded, and so are handshakes in time; a server that ends lets what is being written leave
//! first. Neighbours: [`connection`](super::connection) serves one connection, [`door`](super::door) has the routes.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use folkmoot::{Clock, Mailroom, RealClock};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use super::answering::AcademyInterpreter;
use super::asking::Asking;
use super::client::ClientSetup;
use super::connection::{Shared, serve};
use super::counts::{Counts, Cut};
use super::dialects::Dialects;
use super::door::{Door, routes};
use super::error::AcademyError;
use super::held::HeldMail;
use super::tls::Tls;
use super::wire::Wire;

/// What a listener of Academy's waits for at most, unless told otherwise.
const LISTEN_TIMEOUT: Duration = Duration::from_secs(60);
/// The longest that it may be told: a day.
const LONGEST_LISTEN_TIMEOUT: Duration = Duration::from_secs(24 * 3600);
/// Longest message in bytes, unless told otherwise: the most that a client reads of a stream.
pub(crate) const MAX_MESSAGE_BYTES: usize = 512 << 10;
/// The most that it may be told: what an exchange takes as one mail.
const MOST_MESSAGE_BYTES: usize = 1 << 20;
/// Longest body of a request in bytes, where messages are not longer than [`MAX_MESSAGE_BYTES`].
const MAX_BODY_BYTES: usize = 1 << 20;
/// Connections at once, unless told otherwise.
const MAX_CONNECTIONS: usize = 20_000;
/// Longest time of a handshake.
const HANDSHAKE_TIME: Duration = Duration::from_secs(10);
/// Pause after a connection could not be accepted, for want of descriptors in general.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Time between two looks at the files of tokens and certificates.
const FILES_TIME: Duration = Duration::from_secs(5);
/// How long connections may take to end when the server does.
const ENDING_TIME: Duration = Duration::from_secs(5);

/// Academy's front door, to be set up and started.
///
/// ```
/// use folkmoot::Mailroom;
/// use folkmoot_interop::Academy;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # folkmoot::block_on(async {
/// let server = Academy::new(Mailroom::open("memory:").await?).start("127.0.0.1:0").await?;
/// println!("HttpExchangeFactory({:?})", server.url());
/// server.shutdown().await;
/// # Ok(())
/// # })
/// # }
/// ```
#[derive(Debug)]
pub struct Academy {
    mailroom: Mailroom,
    tokens: Option<PathBuf>,
    tls: Option<PathBuf>,
    listen_timeout: Duration,
    max_message: usize,
    max_connections: usize,
}

impl Academy {
    /// A front door of the exchange of `mailroom`, which lets everyone in.
    pub fn new(mailroom: Mailroom) -> Academy {
        Academy {
            mailroom,
            tokens: None,
            tls: None,
            listen_timeout: LISTEN_TIMEOUT,
            max_message: MAX_MESSAGE_BYTES,
            max_connections: MAX_CONNECTIONS,
        }
    }

    /// Lets the durable agents of a container answer Academy's requests:
    /// `Container::builder(..).interpreter(Academy::interpreter())`.
    pub fn interpreter() -> AcademyInterpreter {
        AcademyInterpreter
    }

    /// A client of the agents that have their mailboxes in the exchange of `mailroom`, in this process and without HTTP.
    pub fn client(mailroom: &Mailroom) -> ClientSetup {
        ClientSetup::new(mailroom)
    }

    /// Lets in only who shows a bearer token of that file: `tokens: {<token>: {user: <name>, groups: [<group>, ..]}}` in
    /// YAML. It is read again when it changes.
    #[must_use]
    pub fn tokens(mut self, file: impl Into<PathBuf>) -> Academy {
        self.tokens = Some(file.into());
        self
    }

    /// Speaks TLS with `cert.pem` and `key.pem` of that folder, which are read again when they change.
    #[must_use]
    pub fn tls(mut self, dir: impl Into<PathBuf>) -> Academy {
        self.tls = Some(dir.into());
        self
    }

    /// The longest time that a client may ask to wait, and what one waits that does not say: 60 s unless told otherwise.
    #[must_use]
    pub fn listen_timeout(mut self, time: Duration) -> Academy {
        self.listen_timeout = time;
        self
    }

    /// The longest message in bytes: 512 KiB unless told otherwise, which is the most that Academy's clients read.
    #[must_use]
    pub fn max_message(mut self, bytes: usize) -> Academy {
        self.max_message = bytes;
        self
    }

    /// The most connections at once: 20,000 unless told otherwise. One more is closed at once.
    #[must_use]
    pub fn max_connections(mut self, connections: usize) -> Academy {
        self.max_connections = connections;
        self
    }

    /// Listens on `address`, as in `127.0.0.1:8700`.
    ///
    /// # Errors
    /// Which bound, file or address cannot be.
    pub async fn start(self, address: &str) -> Result<AcademyServer, AcademyError> {
        self.check()?;
        let asking = match &self.tokens {
            Some(file) => Asking::by_file(file)?,
            None => Asking::anyone(),
        };
        if asking.is_open() {
            tracing::warn!("everyone may use every mailbox of this exchange; a file of tokens says who may");
        }
        let tls = self.tls.as_deref().map(Tls::from_dir).transpose()?.map(Arc::new);
        let listen = |source| AcademyError::Listen { address: address.to_owned(), source };
        let listener = TcpListener::bind(address).await.map_err(listen)?;
        let local = listener.local_addr().map_err(listen)?;
        let clock: Arc<dyn Clock> = Arc::new(RealClock);
        let exchange = self.mailroom.exchange().clone();
        // Higher than any of a server before this one, which gave less than one a microsecond.
        let first_event = u64::try_from(clock.now().0.as_micros()).unwrap_or_default();
        let held = Arc::new(HeldMail::new(exchange.clone(), first_event));
        let counts = Arc::new(Counts::new(self.mailroom.node_name()));
        let door = Arc::new(Door {
            counts: counts.clone(),
            mailroom: self.mailroom,
            exchange,
            clock: clock.clone(),
            asking,
            held: held.clone(),
            dialects: Dialects::default(),
            listen_timeout: self.listen_timeout,
            max_message: self.max_message,
            max_body: MAX_BODY_BYTES.max(self.max_message.saturating_mul(2)),
        });
        let (stop, stopped) = watch::channel(false);
        let (router, clock_of_all) = (routes(door.clone()), clock.clone());
        let shared = Shared { router, held: held.clone(), clock: clock_of_all, counts, stop: stopped };
        let scheme = if tls.is_some() { "https" } else { "http" };
        let places = Arc::new(Semaphore::new(self.max_connections));
        let accepting = Accepting { listener, tls: tls.clone(), shared, places: places.clone() };
        let tasks = [tokio::spawn(accepting.run()), tokio::spawn(watch_files(door, tls))];
        tracing::info!(%local, "serving Academy's exchange");
        Ok(AcademyServer {
            url: format!("{scheme}://{local}"),
            local,
            stop,
            tasks,
            places,
            max_connections: self.max_connections,
            clock,
            held,
        })
    }

    fn check(&self) -> Result<(), AcademyError> {
        let bound = |what, value: String, advice| Err(AcademyError::Bound { what, value, advice });
        if self.listen_timeout.is_zero() || self.listen_timeout > LONGEST_LISTEN_TIMEOUT {
            let seconds = format!("{} s", self.listen_timeout.as_secs_f64());
            return bound("the listen time-out", seconds, "write more than 0 and no more than 86400 seconds");
        }
        if self.max_message == 0 || self.max_message > MOST_MESSAGE_BYTES {
            let bytes = format!("{} bytes", self.max_message);
            return bound("the longest message", bytes, "write 1 to 1048576 bytes");
        }
        if self.max_connections == 0 || self.max_connections > Semaphore::MAX_PERMITS {
            return bound("the number of connections", self.max_connections.to_string(), "write 1 or more");
        }
        Ok(())
    }
}

/// A front door that is open. Dropped, it closes without a word to its clients; [`AcademyServer::shutdown`] is better.
pub struct AcademyServer {
    url: String,
    local: SocketAddr,
    stop: watch::Sender<bool>,
    tasks: [JoinHandle<()>; 2],
    places: Arc<Semaphore>,
    max_connections: usize,
    clock: Arc<dyn Clock>,
    held: Arc<HeldMail>,
}

impl AcademyServer {
    /// What `HttpExchangeFactory` is given, as in `http://127.0.0.1:8700`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.local
    }

    /// Connections that are open.
    pub fn connections(&self) -> usize {
        self.max_connections.saturating_sub(self.places.available_permits())
    }

    /// Accepts no more, ends all streams in good order and waits until what was written has arrived, for some seconds at the
    /// most. The exchange stays open.
    pub async fn shutdown(self) {
        for task in &self.tasks {
            task.abort();
        }
        self.stop.send(true).ok();
        let all = u32::try_from(self.max_connections).unwrap_or(u32::MAX);
        tokio::select! {
            biased;
            () = async { drop(self.places.acquire_many(all).await); self.held.is_done(&*self.clock).await } => {}
            () = self.clock.sleep(ENDING_TIME) => {
                tracing::warn!(connections = self.connections(), "connections were cut, for the server has ended");
            }
        }
    }
}

impl fmt::Debug for AcademyServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AcademyServer").field("url", &self.url).finish_non_exhaustive()
    }
}

impl Drop for AcademyServer {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

/// Takes what changed in the files of tokens and certificates.
async fn watch_files(door: Arc<Door>, tls: Option<Arc<Tls>>) {
    loop {
        door.clock.sleep(FILES_TIME).await;
        door.asking.look_again();
        if let Some(tls) = &tls {
            tls.look_again();
        }
    }
}

/// Lets connections in.
struct Accepting {
    listener: TcpListener,
    tls: Option<Arc<Tls>>,
    shared: Shared,
    places: Arc<Semaphore>,
}

impl Accepting {
    async fn run(self) {
        let mut is_full = false;
        loop {
            let (stream, peer) = match self.listener.accept().await {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    self.shared.clock.sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            match self.places.clone().try_acquire_owned() {
                Ok(place) => {
                    is_full = false;
                    drop(tokio::spawn(connect(stream, peer, self.tls.clone(), self.shared.clone(), place)));
                }
                Err(_) => {
                    self.shared.counts.cut(Cut::TooMany);
                    // The log says it once for each time that it fills up, not for each client.
                    if !std::mem::replace(&mut is_full, true) {
                        tracing::warn!("there are as many connections as may be; further ones are closed");
                    }
                }
            }
        }
    }
}

async fn connect(
    stream: TcpStream,
    peer: SocketAddr,
    tls: Option<Arc<Tls>>,
    shared: Shared,
    _place: OwnedSemaphorePermit,
) {
    match wire(stream, tls.as_deref(), &shared).await {
        Ok(wire) => {
            let _counted = shared.counts.connection();
            serve(wire, shared).await;
        }
        Err(error) => {
            shared.counts.cut(Cut::Handshake);
            tracing::debug!(%peer, %error, "a connection did not come to be");
        }
    }
}

async fn wire(stream: TcpStream, tls: Option<&Tls>, shared: &Shared) -> io::Result<Wire> {
    // Answers are written whole, and nobody should wait for them.
    stream.set_nodelay(true)?;
    let Some(tls) = tls else { return Ok(Wire::plain(stream, shared.counts.clone())) };
    tokio::select! {
        biased;
        shaken = TlsAcceptor::from(tls.config()).accept(stream) => Ok(Wire::tls(shaken?, shared.counts.clone())),
        () = shared.clock.sleep(HANDSHAKE_TIME) => Err(io::Error::from(io::ErrorKind::TimedOut)),
    }
}
