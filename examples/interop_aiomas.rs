//! A peer of Python's aiomas: serves an agent that an aiomas container calls, or calls one that it serves.
//!
//! ```text
//! cargo run --release --example interop_aiomas -- --listen tcp://127.0.0.1:5555
//! cargo run --release --example interop_aiomas -- --call tcp://127.0.0.1:5556/0 --codec MsgPack
//! ```
//! Served, it prints `READY <url>` first, the URL as `await container.connect(url)` takes it in Python, and ends at
//! SIGTERM or SIGINT. Neighbours: `platform/tests/aiomas` has the Python of both directions.

use std::io::Write;
use std::path::PathBuf;
use std::pin::pin;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use folkmoot::prelude::*;
use folkmoot::{Builder, Value};
use futures_util::future::{join_all, select};
use serde::{Deserialize, Serialize};
use tokio::signal::unix::{SignalKind, signal};

/// Longest text that `big` gives, in characters.
const MOST_CHARACTERS: usize = 1 << 20;

/// Serves an agent to aiomas, or calls one that aiomas serves.
#[derive(Debug, Parser)]
struct Arguments {
    /// Where to serve: tcp://127.0.0.1:5555, port 0 takes a free one
    #[arg(long, value_name = "ENDPOINT", required_unless_present = "call", conflicts_with = "call")]
    listen: Option<String>,
    /// The agent to call: tcp://127.0.0.1:5555/0
    #[arg(long, value_name = "URL")]
    call: Option<String>,
    /// The codec to call with: JSON, MsgPack or CBOR; those who call us are answered in theirs
    #[arg(long, default_value = "JSON")]
    codec: Codec,
    /// Speak TLS: the authority's certificate
    #[arg(long, value_name = "FILE", requires_all = ["cert", "key"])]
    ca: Option<PathBuf>,
    /// Speak TLS: our certificate
    #[arg(long, value_name = "FILE", requires = "ca")]
    cert: Option<PathBuf>,
    /// Speak TLS: our certificate's key
    #[arg(long, value_name = "FILE", requires = "ca")]
    key: Option<PathBuf>,
}

impl Arguments {
    fn certs(&self) -> Result<Option<SslCerts>> {
        match (&self.ca, &self.cert, &self.key) {
            (Some(ca), Some(cert), Some(key)) => Ok(Some(SslCerts::from_files(ca, cert, key)?)),
            _ => Ok(None),
        }
    }

    /// A container that listens at `endpoint`, with the certificates where there are some.
    fn container(&self, endpoint: &str) -> Result<Builder> {
        let builder = Container::builder(endpoint).codec(self.codec);
        Ok(match self.certs()? {
            Some(certs) => builder.certs(certs).allow("*", "*", "*"),
            None => builder,
        })
    }

    /// aiomas says `tcp://` with and without TLS; we say `tls://` where there is TLS.
    fn our_scheme(&self, url: &str) -> String {
        match url.strip_prefix("tcp://") {
            Some(rest) if self.ca.is_some() => format!("tls://{rest}"),
            _ => url.to_owned(),
        }
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let ended = folkmoot::block_on(async {
        match (&arguments.listen, &arguments.call) {
            (Some(endpoint), _) => serve(&arguments, endpoint).await,
            (None, Some(url)) => call(&arguments, url).await,
            (None, None) => Err("say --listen or --call".into()),
        }
    });
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            writeln!(std::io::stderr(), "interop_aiomas: {error}").ok();
            ExitCode::FAILURE
        }
    }
}

/// What aiomas calls.
#[derive(Agent, Default)]
struct Peer;

#[agent]
impl Peer {
    /// Gives `value` back.
    #[expose]
    fn echo(&self, value: Value) -> Value {
        value
    }

    /// Adds two numbers, or joins two texts.
    #[expose]
    fn add(&self, a: Summand, b: Summand) -> Result<Summand, String> {
        a.plus(b)
    }

    /// Always fails with `message`.
    #[expose]
    fn fail(&self, message: String) -> Result<(), String> {
        Err(message)
    }

    /// A text of `n` times `x`.
    #[expose]
    fn big(&self, n: usize) -> Result<String, String> {
        if n > MOST_CHARACTERS {
            return Err(format!("{n} is too many: ask for {MOST_CHARACTERS} at most"));
        }
        Ok("x".repeat(n))
    }

    /// Gives `seconds` back after as many seconds; other calls go on meanwhile.
    #[expose]
    async fn slow(&self, ctx: &Context<Self>, seconds: f64) -> Result<f64, String> {
        let pause = Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())?;
        ctx.sleep(pause).await;
        Ok(seconds)
    }
}

/// What can be added: in Python both arguments of `+` may be of many types.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(try_from = "Value", into = "Value")]
enum Summand {
    Integer(i128),
    Float(f64),
    Text(String),
}

impl Summand {
    fn plus(self, other: Summand) -> Result<Summand, String> {
        use Summand::{Float, Integer, Text};
        match (self, other) {
            (Integer(a), Integer(b)) => {
                a.checked_add(b).map(Integer).ok_or_else(|| "the sum is beyond 128 bits".to_owned())
            }
            (Float(a), Float(b)) => Ok(Float(a + b)),
            (Integer(a), Float(b)) | (Float(b), Integer(a)) => Ok(Float(a as f64 + b)),
            (Text(a), Text(b)) => Ok(Text(a + &b)),
            (a, b) => Err(format!("a number and a text cannot be added: {a:?}, {b:?}")),
        }
    }
}

impl TryFrom<Value> for Summand {
    type Error = String;

    fn try_from(value: Value) -> Result<Summand, String> {
        match value {
            Value::Int(value) => Ok(Summand::Integer(value.into())),
            Value::BigInt(value) => match i128::try_from(&value) {
                Ok(value) => Ok(Summand::Integer(value)),
                Err(_) => Err("the integer is beyond 128 bits".to_owned()),
            },
            Value::Float(value) => Ok(Summand::Float(value)),
            Value::Text(text) => Ok(Summand::Text(text)),
            other => Err(format!("only numbers and texts can be added, not {other}")),
        }
    }
}

impl From<Summand> for Value {
    fn from(summand: Summand) -> Value {
        match summand {
            Summand::Integer(value) => value.into(),
            Summand::Float(value) => value.into(),
            Summand::Text(text) => text.into(),
        }
    }
}

async fn serve(arguments: &Arguments, endpoint: &str) -> Result<()> {
    // First of all: who reads READY may stop us at once.
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let container = arguments.container(&arguments.our_scheme(endpoint))?.start().await?;
    container.spawn("0", Peer::default).await?;
    let url = container.url("0").replacen("tls://", "tcp://", 1);
    let mut out = std::io::stdout();
    writeln!(out, "READY {url}")?;
    out.flush()?;
    select(pin!(terminate.recv()), pin!(interrupt.recv())).await;
    container.shutdown().await;
    Ok(())
}

async fn call(arguments: &Arguments, url: &str) -> Result<()> {
    let container = arguments.container("local://interop")?.start().await?;
    let url = arguments.our_scheme(url);
    let agent = container.connect::<Untyped>(&url).await?;
    let mut checks = Checks::default();
    checks.values(&agent, arguments.codec).await;
    checks.arguments(&agent).await;
    checks.failures(&agent).await;
    checks.many_at_once(&agent).await;
    let base = url.trim_end_matches(|character| character != '/');
    let unknown = container.connect::<Untyped>(format!("{base}nobody")).await;
    checks.that(matches!(unknown, Err(CallError::NoSuchAgent { .. })), || {
        format!("connect() to an unknown agent gave {unknown:?}")
    });
    container.shutdown().await;
    if checks.wrong.is_empty() {
        writeln!(std::io::stdout(), "OK {} checks", checks.done)?;
        return Ok(());
    }
    Err(format!("{} of {} checks failed\n{}", checks.wrong.len(), checks.done, checks.wrong.join("\n"))
        .into())
}

/// Counts what was checked and keeps what was wrong.
#[derive(Default)]
struct Checks {
    done: usize,
    wrong: Vec<String>,
}

impl Checks {
    fn that(&mut self, fine: bool, what: impl FnOnce() -> String) {
        self.done += 1;
        if !fine {
            self.wrong.push(what());
        }
    }

    /// A reply that must be `wanted`, in type and value.
    fn gives(&mut self, reply: Result<Value, CallError<Value>>, wanted: &Value) {
        let fine = reply.as_ref().is_ok_and(|reply| same(reply, wanted));
        self.that(fine, || format!("wanted {}, got {}", short(wanted), short(&reply)));
    }

    /// A reply that must be an exception of Python.
    fn raises(&mut self, reply: Result<Value, CallError<Value>>, wanted: &str) {
        let found = match &reply {
            Err(CallError::Remote { kind, message, .. }) => format!("{kind}: {message}"),
            other => format!("{other:?}"),
        };
        self.that(found.starts_with(wanted), || format!("wanted {wanted}, got {found}"));
    }

    async fn values(&mut self, agent: &Proxy<Untyped>, codec: Codec) {
        for value in values(codec) {
            self.gives(agent.call("echo", [value.clone()]).await, &value);
        }
        for n in [0, 1, 1 << 20] {
            self.gives(agent.call("big", [n]).await, &"x".repeat(n).into());
        }
    }

    async fn arguments(&mut self, agent: &Proxy<Untyped>) {
        self.gives(agent.call("add", [1, 2]).await, &3.into());
        self.gives(agent.call("add", [0.1, 0.2]).await, &(0.1 + 0.2).into());
        self.gives(agent.call("add", ["Grü", "ße"]).await, &"Grüße".into());
        self.gives(agent.call("add", [1]).with("b", 2).await, &3.into());
        self.gives(agent.call("add", [0; 0]).with("b", 2).with("a", 1).await, &3.into());
    }

    async fn failures(&mut self, agent: &Proxy<Untyped>) {
        self.raises(agent.call("fail", ["on purpose"]).await, "RuntimeError: on purpose");
        self.raises(agent.call("fail", ["Grüße, 🌻"]).await, "RuntimeError: Grüße, 🌻");
        self.raises(agent.call("fail", ["two\nlines"]).await, "RuntimeError: two\nlines");
        self.raises(agent.call("add", [1]).await, "TypeError: ");
        self.raises(agent.call("add", [1, 2, 3]).await, "TypeError: ");
        self.raises(agent.call("add", [1]).with("c", 2).await, "TypeError: ");
        self.raises(agent.call("no_such_method", [1]).await, "LookupError: ");
        self.gives(agent.call("add", [20, 22]).await, &42.into());
    }

    async fn many_at_once(&mut self, agent: &Proxy<Untyped>) {
        let sums = join_all((0..200).map(|n| agent.call("add", [n, n * n]))).await;
        for (n, sum) in (0i64..).zip(sums) {
            self.gives(sum, &(n + n * n).into());
        }
        // The reply that comes after its caller gave up must not hurt the link.
        let late = agent.call("slow", [0.2]).deadline(Duration::from_millis(20)).await;
        self.that(matches!(late, Err(CallError::DeadlineExceeded { .. })), || {
            format!("slow(0.2) gave {late:?}")
        });
        self.gives(agent.call("slow", [0.3]).await, &0.3.into());
        self.gives(agent.call("echo", ["still there"]).await, &"still there".into());
    }
}

/// Values of every kind that the codec can say.
fn values(codec: Codec) -> Vec<Value> {
    let mut values = vec![Value::Null, true.into(), false.into()];
    for bits in [0, 5, 7, 8, 15, 16, 31, 32, 53, 62] {
        let power = 1i64 << bits;
        values.extend([power - 1, power, power + 1, -power + 1, -power, -power - 1].map(Value::from));
    }
    values.extend([i64::MAX, i64::MIN].map(Value::from));
    values.extend([1u64 << 63, u64::MAX].map(Value::from));
    let floats =
        [0.0, -0.0, 1.0, 0.1, 1.0 / 3.0, 1e16, 1e22, 1e23, 5e-324, f64::MIN_POSITIVE, f64::MAX, f64::MIN];
    values.extend(floats.map(Value::from));
    values.extend([f64::INFINITY, f64::NEG_INFINITY, f64::NAN].map(Value::from));
    values.extend(
        ["", "a", "\" \\ / \t \n \0 \x7f", "Grüße", "日本語", "🌻", "\u{2028}\u{feff}"].map(Value::from),
    );
    values.extend([31, 32, 255, 256, 65535, 65536].map(|length| "x".repeat(length).into()));
    values.extend([0, 1, 15, 16, 70_000].map(|length| (0..length).collect::<Value>()));
    let nested =
        vec![("z", 1.into()), ("a", vec![2.5.into(), Value::Null, vec![("", true.into())].into()].into())];
    values.extend([Value::Map(Vec::new()), nested.into(), vec![Value::List(Vec::new())].into()]);
    match codec {
        Codec::Json => {
            values.extend([1i128 << 64, -(1i128 << 63) - 1, i128::MAX, i128::MIN].map(Value::from))
        }
        _ => values.extend([vec![], vec![0, 255], vec![128; 70_000]].map(Value::from)),
    }
    values
}

/// Equal in type and value; floats bit by bit, and no NaN differs from another.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Float(a), Value::Float(b)) => a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan()),
        (Value::List(a), Value::List(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Map(a), Value::Map(b)) => {
            let found = |key: &Value| b.iter().find(|(other, _)| same(key, other)).map(|(_, value)| value);
            a.len() == b.len()
                && a.iter().all(|(key, value)| found(key).is_some_and(|other| same(value, other)))
        }
        (a, b) => a == b,
    }
}

fn short(value: &impl std::fmt::Debug) -> String {
    let text = format!("{value:?}");
    match text.char_indices().nth(200) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    }
}
