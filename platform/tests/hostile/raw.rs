//! The attacker's end of a link: bytes as they come to mind.
//!
//! Always: nothing waits longer than [`PATIENCE`]. Neighbour: `rig` has the other end.

use std::time::Duration;

use bytes::BytesMut;
use folkmoot::{Codec, Limits, Value};
use folkmoot_transports::ByteStream;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long a test waits for what should take milliseconds.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A message that came: `[kind, id, content]`.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) kind: u64,
    pub(crate) id: Value,
    pub(crate) content: Value,
    /// The fourth element, or null.
    pub(crate) headers: Value,
    /// The payload as it came.
    pub(crate) bytes: Vec<u8>,
}

impl Answer {
    /// The text of an exception, plain or rich.
    pub(crate) fn exception(&self) -> &str {
        assert_eq!(self.kind, 2, "an exception was expected: {:?}", self.content);
        let text = self.content.get("text").unwrap_or(&self.content);
        text.as_str().unwrap_or_else(|| panic!("no text: {:?}", self.content))
    }

    /// The code of a rich exception.
    pub(crate) fn code(&self) -> &str {
        self.content
            .get("code")
            .and_then(Value::as_str)
            .unwrap_or_else(|| panic!("no code: {:?}", self.content))
    }

    /// The value of a result.
    pub(crate) fn result(&self) -> &Value {
        assert_eq!(self.kind, 1, "a result was expected: {:?}", self.content);
        &self.content
    }
}

/// A stream to a container, and the codec spoken on it.
pub(crate) struct Raw {
    pub(crate) stream: Box<dyn ByteStream>,
    pub(crate) codec: Codec,
    /// Where the container sees it come from.
    pub(crate) address: String,
}

/// JSON text as a payload in `codec`.
pub(crate) fn encoded(codec: Codec, json: &str) -> Vec<u8> {
    packed(codec, value(codec, json))
}

/// JSON text as a value in `codec`.
pub(crate) fn value(codec: Codec, json: &str) -> Vec<u8> {
    let value = Codec::Json.value(json.as_bytes(), &Limits::DEFAULT).unwrap();
    let mut out = BytesMut::new();
    codec.encode(&value, &mut out).unwrap();
    out.to_vec()
}

/// The payload that holds a message: a stored Blosc chunk where the codec has them.
pub(crate) fn packed(codec: Codec, message: Vec<u8>) -> Vec<u8> {
    if codec != Codec::MsgPackBlosc {
        return message;
    }
    let bytes = u32::try_from(message.len()).unwrap();
    let lengths = [bytes, bytes, bytes + 16].map(u32::to_le_bytes).concat();
    [&[2, 1, 0x13, 8], &lengths[..], &message].concat()
}

/// Four bytes of length and the payload.
pub(crate) fn frame(payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap();
    [&length.to_be_bytes()[..], payload].concat()
}

impl Raw {
    pub(crate) async fn dial(port: u16, codec: Codec) -> Raw {
        let stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        let address = stream.local_addr().unwrap().to_string();
        Raw { stream: Box::new(stream), codec, address }
    }

    /// Writes bytes; whether the other end takes them is its affair.
    pub(crate) async fn send_bytes(&mut self, bytes: &[u8]) {
        let sent = timeout(PATIENCE, async {
            self.stream.write_all(bytes).await?;
            self.stream.flush().await
        });
        drop(sent.await.expect("the container takes bytes or closes"));
    }

    /// Sends a frame with the JSON text's value in the link's codec.
    pub(crate) async fn send(&mut self, json: &str) {
        let payload = encoded(self.codec, json);
        self.send_bytes(&frame(&payload)).await;
    }

    /// Shuts the half down that writes.
    pub(crate) async fn shut(&mut self) {
        self.stream.shutdown().await.unwrap();
    }

    /// The next message, or `None` where the container has closed.
    pub(crate) async fn next(&mut self) -> Option<Answer> {
        let payload = timeout(PATIENCE, self.payload()).await.expect("an answer or the end")?;
        let limits = Limits { max_frame_bytes: u32::MAX, ..Limits::DEFAULT };
        let message = self.codec.open(payload.clone().into(), &limits).unwrap();
        let value = self.codec.value(&message, &limits).unwrap();
        Some(Answer {
            kind: value.item(0).and_then(Value::as_u64).unwrap(),
            id: value.item(1).unwrap().clone(),
            content: value.item(2).unwrap().clone(),
            headers: value.item(3).cloned().unwrap_or_default(),
            bytes: payload,
        })
    }

    async fn payload(&mut self) -> Option<Vec<u8>> {
        let length = self.stream.read_u32().await.ok()?;
        let mut payload = vec![0; length as usize];
        self.stream.read_exact(&mut payload).await.ok()?;
        Some(payload)
    }

    /// The next message, which must come.
    pub(crate) async fn answer(&mut self) -> Answer {
        self.next().await.expect("an answer, not the end of the link")
    }

    /// Sends a request and awaits its answer.
    pub(crate) async fn ask(&mut self, json: &str) -> Answer {
        self.send(json).await;
        self.answer().await
    }

    /// Sends a request and awaits an answer, unless the container closes: says whether one came that is no goodbye.
    pub(crate) async fn ask_if_open(&mut self, json: &str) -> bool {
        self.send(json).await;
        self.next().await.is_some_and(|answer| answer.kind != 0)
    }

    /// Says Hello as a Folkmoot container would.
    pub(crate) async fn say_hello(&mut self) {
        let hello =
            r#"{"versions": [1, 1], "node": "raw", "max_frame_bytes": 16777216, "software": "raw 1"}"#;
        self.ask(&format!(r#"[0, 0, ["folkmoot/hello", [{hello}], {{}}]]"#)).await.result();
    }

    /// All messages until the container closes.
    pub(crate) async fn rest(&mut self) -> Vec<Answer> {
        let mut all = Vec::new();
        while let Some(answer) = self.next().await {
            all.push(answer);
        }
        all
    }

    /// All bytes until the container closes or resets.
    pub(crate) async fn rest_of_bytes(&mut self) -> Vec<u8> {
        let mut all = Vec::new();
        let read = timeout(PATIENCE, self.stream.read_to_end(&mut all)).await;
        drop(read.expect("the container closes"));
        all
    }
}
