//! A client that speaks HTTP/1.1 by hand, so that tests see each byte, and a server to speak to.

use std::time::Duration;

use folkmoot::{Clock, Mailroom, RealClock};
use folkmoot_interop::{Academy, AcademyServer};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

/// Longest that a test waits for something that should come at once.
const PATIENCE: Duration = Duration::from_secs(30);

/// A server over memory.
pub(crate) struct Hall {
    pub(crate) server: AcademyServer,
    pub(crate) mailroom: Mailroom,
}

impl Hall {
    pub(crate) async fn open() -> Hall {
        Hall::open_as(|academy| academy).await
    }

    pub(crate) async fn open_as(set_up: impl FnOnce(Academy) -> Academy) -> Hall {
        Hall::start(Mailroom::open("memory:").await.unwrap(), set_up).await
    }

    /// A server over an exchange that there is.
    pub(crate) async fn over(mailroom: Mailroom) -> Hall {
        Hall::start(mailroom, |academy| academy).await
    }

    async fn start(mailroom: Mailroom, set_up: impl FnOnce(Academy) -> Academy) -> Hall {
        let academy = set_up(Academy::new(mailroom.clone()));
        Hall { server: academy.start("127.0.0.1:0").await.unwrap(), mailroom }
    }

    pub(crate) async fn client(&self) -> Client {
        Client(BufReader::new(TcpStream::connect(self.server.address()).await.unwrap()))
    }

    /// A mailbox, registered.
    pub(crate) async fn mailbox(&self, id: &str) -> String {
        let mut client = self.client().await;
        client.asks("POST", "/mailbox", &about(id)).await.is(200, "");
        id.to_owned()
    }
}

/// The id of an agent.
pub(crate) fn agent(number: u32) -> String {
    format!(r#"{{"uid":"{}","name":null,"role":"agent"}}"#, uid(number))
}

/// The id of a user.
pub(crate) fn user(number: u32) -> String {
    format!(r#"{{"uid":"{}","name":"ada","role":"user"}}"#, uid(number))
}

pub(crate) fn uid(number: u32) -> String {
    format!("6f1c1f5e-0a52-4c43-9d0e-0000{number:08x}")
}

/// A JSON string.
pub(crate) fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap()
}

/// The fields of a request about a mailbox.
pub(crate) fn about(id: &str) -> String {
    about_with(id, "")
}

/// The same with more fields.
pub(crate) fn about_with(id: &str, more: &str) -> String {
    let comma = if more.is_empty() { "" } else { "," };
    format!(r#"{{"mailbox":{}{comma}{more}}}"#, quoted(id))
}

/// A message as a client of 1.0.0 writes it.
pub(crate) fn message(src: &str, dest: &str, tag: u32, direction: &str) -> String {
    let (tag, label) = (uid(tag), uid(99));
    let body = match direction {
        "request" => r#"{"kind":"ping-request"}"#,
        _ => r#"{"kind":"success-response"}"#,
    };
    format!(
        r#"{{"header":{{"src":{src},"dest":{dest},"tag":"{tag}","label":"{label}","kind":"{direction}","protocol_version":"1.1","academy_version":"1.0.0"}},"body":{body}}}"#
    )
}

pub(crate) fn request(src: &str, dest: &str, tag: u32) -> String {
    message(src, dest, tag, "request")
}

pub(crate) fn response(src: &str, dest: &str, tag: u32) -> String {
    message(src, dest, tag, "response")
}

/// The fields of `PUT /message`.
pub(crate) fn put(message: &str) -> String {
    format!(r#"{{"message":{}}}"#, quoted(message))
}

/// One connection.
pub(crate) struct Client(pub(crate) BufReader<TcpStream>);

impl Client {
    pub(crate) async fn asks(&mut self, method: &str, path: &str, body: &str) -> Answer {
        self.asks_with(method, path, "", body).await
    }

    /// With more header lines, each ended by `\r\n`.
    pub(crate) async fn asks_with(&mut self, method: &str, path: &str, headers: &str, body: &str) -> Answer {
        self.begins(method, path, headers, body).await;
        self.answer().await
    }

    /// Sends a request, and does not wait for its answer.
    pub(crate) async fn begins(&mut self, method: &str, path: &str, headers: &str, body: &str) {
        let length = body.len();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: hall\r\nacademy_version: 1.0.0\r\nContent-Type: application/json\r\n\
             {headers}Content-Length: {length}\r\n\r\n"
        );
        self.sends(&format!("{head}{body}")).await;
    }

    pub(crate) async fn sends(&mut self, bytes: &str) {
        self.0.get_mut().write_all(bytes.as_bytes()).await.unwrap();
    }

    pub(crate) async fn answer(&mut self) -> Answer {
        let mut answer = self.head().await;
        let length = answer.header("Content-Length").map(|length| length.parse().unwrap());
        let mut body = vec![0; length.unwrap_or(0)];
        soon(self.0.read_exact(&mut body)).await.unwrap();
        answer.body = String::from_utf8(body).unwrap();
        answer
    }

    async fn head(&mut self) -> Answer {
        let status = self.line().await;
        let (version, status) = status.split_once(' ').unwrap_or_else(|| panic!("no status: {status:?}"));
        assert!(["HTTP/1.0", "HTTP/1.1"].contains(&version), "{version}");
        let mut answer =
            Answer { status: status[..3].parse().unwrap(), headers: Vec::new(), body: String::new() };
        loop {
            let line = self.line().await;
            match line.split_once(": ") {
                Some((name, value)) => answer.headers.push((name.to_owned(), value.to_owned())),
                None => return answer,
            }
        }
    }

    /// A line without its end; empty at the end of the connection too.
    async fn line(&mut self) -> String {
        let mut line = String::new();
        soon(self.0.read_line(&mut line)).await.unwrap();
        line.trim_end_matches("\r\n").to_owned()
    }

    /// Whether the server closes the connection, without another byte.
    pub(crate) async fn is_closed(&mut self) -> bool {
        soon(self.0.read_u8()).await.is_err()
    }

    /// Begins to listen; `more` are further fields, `headers` further header lines.
    pub(crate) async fn listens(mut self, id: &str, more: &str, headers: &str) -> Stream {
        self.begins("GET", "/mailbox/listen", headers, &about_with(id, more)).await;
        let head = self.head().await;
        assert_eq!(head.status, 200, "{head:?}");
        Stream { client: self, head, text: String::new() }
    }

    /// Receives a message over the older route.
    pub(crate) async fn receives(&mut self, id: &str, more: &str) -> Answer {
        self.asks("GET", "/message", &about_with(id, more)).await
    }
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Answer {
    /// A header by its name as it was written.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other == name).map(|(_, value)| &**value)
    }

    #[track_caller]
    pub(crate) fn is(&self, status: u16, body: &str) {
        assert_eq!((self.status, &*self.body), (status, body));
    }

    /// The message that was received.
    #[track_caller]
    pub(crate) fn message(&self) -> String {
        assert_eq!(self.status, 200, "{self:?}");
        let fields: serde_json::Value = serde_json::from_str(&self.body).unwrap();
        fields["message"].as_str().unwrap().to_owned()
    }
}

/// A stream of events.
pub(crate) struct Stream {
    pub(crate) client: Client,
    pub(crate) head: Answer,
    text: String,
}

impl Stream {
    /// The next event as it was written, without the empty line after it; none at the end of the stream.
    pub(crate) async fn event(&mut self) -> Option<String> {
        loop {
            if let Some((event, rest)) = self.text.split_once("\r\n\r\n") {
                let (event, rest) = (event.to_owned(), rest.to_owned());
                self.text = rest;
                return Some(event);
            }
            if !self.more().await {
                assert_eq!(self.text, "", "the stream ended within an event");
                return None;
            }
        }
    }

    /// The stream is what comes until the connection ends.
    async fn more(&mut self) -> bool {
        let mut line = String::new();
        soon(self.client.0.read_line(&mut line)).await.unwrap() > 0 && {
            self.text.push_str(&line);
            true
        }
    }

    /// The next message, and the number of its event; none at the end of the stream.
    pub(crate) async fn message(&mut self) -> Option<(u64, String)> {
        loop {
            let event = self.event().await?;
            let mut lines = event.split("\r\n");
            let Some(id) = lines.next().and_then(|line| line.strip_prefix("id: ")) else { continue };
            let data: Vec<&str> = lines.map(|line| line.strip_prefix("data: ").unwrap()).collect();
            return Some((id.parse().unwrap(), data.join("\n")));
        }
    }

    /// Ends as a client does that is killed before it has read what came: its system resets the connection.
    pub(crate) fn die(self) {
        self.client.0.get_ref().set_zero_linger().unwrap();
    }
}

/// What should come at once.
pub(crate) async fn soon<F: Future>(awaited: F) -> F::Output {
    tokio::select! {
        biased;
        output = awaited => output,
        () = RealClock.sleep(PATIENCE) => panic!("nothing came"),
    }
}

/// Waits until something is so that others bring about.
pub(crate) async fn until(mut is_so: impl AsyncFnMut() -> bool) {
    soon(async {
        while !is_so().await {
            RealClock.sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}
