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
                all(&mut clients, Asking::Put, each).await?;
            }
            let took = all(&mut clients, asking, each).await?;
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
                client.stream.write_all(&client.about("GET", "/mailbox/listen")).await?;
                let read = client.stream.read(&mut client.answer).await?;
                // Streams that end with their connection are answers of HTTP/1.0.
                let status = client.answer[..read].get("HTTP/1.x".len()..);
                if !status.is_some_and(|status| status.starts_with(b" 200")) {
                    return Err("a listener was refused".into());
                }
                listeners.push(client);
            }
            Ok(listeners)
        })
    }
}

/// Lets all clients ask `each` times, at the same time; their requests are made before.
async fn all(clients: &mut [Client], asking: Asking, each: u64) -> Result<Duration> {
    let requests: Vec<Vec<Vec<u8>>> = clients.iter().map(|client| client.requests(asking, each)).collect();
    let watch = Stopwatch::start();
    let all = clients.iter_mut().zip(&requests).map(async |(client, requests)| {
        for request in requests.iter().cycle().take(each as usize) {
            client.finish(request).await?;
        }
        Ok::<(), Box<dyn std::error::Error>>(())
    });
    for done in futures_util::future::join_all(all).await {
        done?;
    }
    Ok(watch.elapsed())
}

/// One connection.
pub(crate) struct Client {
    stream: TcpStream,
    number: u64,
    answer: Vec<u8>,
}

impl Client {
    async fn connect(address: &str, number: u64) -> Result<Client> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Client { stream, number, answer: vec![0; 16 << 10] })
    }

    /// The id of the mailbox, as it stands in a JSON text in a JSON text.
    fn id(&self) -> String {
        let number = self.number;
        format!(r#"{{\"uid\":\"6f1c1f5e-0a52-4c43-9d0e-{number:012x}\",\"name\":null,\"role\":\"agent\"}}"#)
    }

    /// What is asked, again and again: one request where each is the same.
    fn requests(&self, asking: Asking, each: u64) -> Vec<Vec<u8>> {
        match asking {
            Asking::Put => (0..each).map(|at| self.put(at)).collect(),
            Asking::Status => vec![self.about("GET", "/mailbox")],
            Asking::Get => vec![self.about("GET", "/message")],
        }
    }

    fn about(&self, method: &str, path: &str) -> Vec<u8> {
        request(method, path, &format!(r#"{{"mailbox":"{}"}}"#, self.id()))
    }

    /// A message to the client's own mailbox, each with another tag.
    fn put(&self, at: u64) -> Vec<u8> {
        let id = self.id();
        let tag = format!("{:08x}-0a52-4c43-9d0e-{at:012x}", self.number & 0xffff_ffff);
        let body = format!(
            r#"{{"message":"{{\"header\":{{\"src\":{id},\"dest\":{id},\"tag\":\"{tag}\",\"label\":null,\"kind\":\"request\",\"protocol_version\":\"1.1\",\"academy_version\":\"1.0.0\"}},\"body\":{{\"kind\":\"ping-request\"}}}}"}}"#
        );
        request("PUT", "/message", &body)
    }

    async fn asks(&mut self, method: &str, path: &str) -> Result<()> {
        let request = self.about(method, path);
        self.finish(&request).await
    }

    /// Sends a request and reads its answer.
    async fn finish(&mut self, request: &[u8]) -> Result<()> {
        self.stream.write_all(request).await?;
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

fn request(method: &str, path: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "{method} {path} HTTP/1.1\r\nHost: bench\r\nacademy_version: 1.0.0\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
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
