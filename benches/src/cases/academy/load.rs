//! The clients of both servers: keep-alive connections that ask one thing after the other, written by hand.
//!
//! Always true: each connection has a mailbox of its own for each round; an answer other than 200 ends the bench.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::Result;
use crate::stopwatch::Stopwatch;

/// Connections that ask at the same time.
pub(crate) const CONNECTIONS: u64 = 16;

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asking {
    /// `PUT /message`.
    Put,
    /// `GET /mailbox`.
    Status,
    /// `GET /message`.
    Get,
}

/// The clients of one server.
pub(crate) struct Load {
    runtime: tokio::runtime::Runtime,
    address: String,
    /// Mailboxes and messages made so far, so that each is another one.
    made: u64,
}

impl Load {
    pub(crate) fn new(address: String) -> Result<Load> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        Ok(Load { runtime, address, made: 0 })
    }

    /// Answers in a second to `calls` requests.
    pub(crate) fn round(&mut self, asking: Asking, calls: u64) -> Result<f64> {
        let each = calls / CONNECTIONS;
        let first = self.made;
        self.made += calls + CONNECTIONS;
        let took = self.runtime.block_on(async {
            let mut clients = Vec::new();
            for number in 0..CONNECTIONS {
                let mut client = Client::connect(&self.address, first + number).await?;
                client.asks("POST", "/mailbox").await?;
                clients.push(client);
            }
            if asking == Asking::Get {
                all(&mut clients, |client, at| client.puts(at), each).await?;
            }
            let watch = Stopwatch::start();
            match asking {
                Asking::Put => all(&mut clients, |client, at| client.puts(at), each).await?,
                Asking::Status => {
                    all(&mut clients, |client, _| client.begins("GET", "/mailbox"), each).await?
                }
                Asking::Get => all(&mut clients, |client, _| client.begins("GET", "/message"), each).await?,
            }
            let took = watch.elapsed();
            for client in &mut clients {
                client.asks("DELETE", "/mailbox").await?;
            }
            Ok::<Duration, Box<dyn std::error::Error>>(took)
        })?;
        Ok((each * CONNECTIONS) as f64 / took.as_secs_f64())
    }

    /// Has `count` clients listen to a mailbox each; they do for as long as what is given lives.
    pub(crate) fn listeners(&mut self, count: u64) -> Result<Vec<Client>> {
        self.runtime.block_on(async {
            let mut listeners = Vec::new();
            for number in 0..count {
                let mut client = Client::connect(&self.address, number).await?;
                client.asks("POST", "/mailbox").await?;
                client.begins("GET", "/mailbox/listen");
                client.stream.write_all(&client.request).await?;
                let read = client.stream.read(&mut client.answer).await?;
                if !client.answer[..read].starts_with(b"HTTP/1.1 200") {
                    return Err("a listener was refused".into());
                }
                listeners.push(client);
            }
            Ok(listeners)
        })
    }
}

/// Lets all clients ask `each` times, at the same time.
async fn all(clients: &mut [Client], request: impl Fn(&mut Client, u64) + Copy, each: u64) -> Result<()> {
    let asking = clients.iter_mut().map(async |client| {
        for at in 0..each {
            request(client, at);
            client.finish().await?;
        }
        Ok::<(), Box<dyn std::error::Error>>(())
    });
    for done in futures_util::future::join_all(asking).await {
        done?;
    }
    Ok(())
}

/// One connection.
pub(crate) struct Client {
    stream: TcpStream,
    number: u64,
    request: Vec<u8>,
    answer: Vec<u8>,
}

impl Client {
    async fn connect(address: &str, number: u64) -> Result<Client> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Client { stream, number, request: Vec::new(), answer: vec![0; 16 << 10] })
    }

    /// The id of the mailbox, as it stands in a JSON text in a JSON text.
    fn id(&self) -> String {
        format!(
            r#"{{\"uid\":\"6f1c1f5e-0a52-4c43-9d0e-{:012x}\",\"name\":null,\"role\":\"agent\"}}"#,
            self.number
        )
    }

    fn begins(&mut self, method: &str, path: &str) {
        let body = format!(r#"{{"mailbox":"{}"}}"#, self.id());
        self.writes(method, path, &body);
    }

    /// A message to the client's own mailbox, each with another tag.
    fn puts(&mut self, at: u64) {
        let id = self.id();
        let tag = format!("{:08x}-0a52-4c43-9d0e-{at:012x}", self.number & 0xffff_ffff);
        let body = format!(
            r#"{{"message":"{{\"header\":{{\"src\":{id},\"dest\":{id},\"tag\":\"{tag}\",\"label\":null,\"kind\":\"request\",\"protocol_version\":\"1.1\",\"academy_version\":\"1.0.0\"}},\"body\":{{\"kind\":\"ping-request\"}}}}"}}"#
        );
        self.writes("PUT", "/message", &body);
    }

    fn writes(&mut self, method: &str, path: &str, body: &str) {
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: bench\r\nacademy_version: 1.0.0\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        self.request.clear();
        self.request.extend_from_slice(head.as_bytes());
        self.request.extend_from_slice(body.as_bytes());
    }

    async fn asks(&mut self, method: &str, path: &str) -> Result<()> {
        self.begins(method, path);
        self.finish().await
    }

    /// Sends the request and reads its answer.
    async fn finish(&mut self) -> Result<()> {
        self.stream.write_all(&self.request).await?;
        let mut filled = 0;
        loop {
            let read = self.stream.read(&mut self.answer[filled..]).await?;
            if read == 0 {
                return Err("the server closed a connection".into());
            }
            filled += read;
            if let Some(length) = length(&self.answer[..filled])? {
                match length.cmp(&filled) {
                    std::cmp::Ordering::Greater => {}
                    std::cmp::Ordering::Equal => return Ok(()),
                    std::cmp::Ordering::Less => return Err("more than an answer came".into()),
                }
            }
        }
    }
}

/// The length of an answer of which `bytes` have come; `None` where its head is not whole.
fn length(bytes: &[u8]) -> Result<Option<usize>> {
    let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else { return Ok(None) };
    let head = std::str::from_utf8(&bytes[..end])?;
    if !head.starts_with("HTTP/1.1 200") {
        return Err(format!("the server answered {head:?}").into());
    }
    let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: "));
    Ok(Some(end + 4 + length.ok_or("an answer without its length")?.parse::<usize>()?))
}
