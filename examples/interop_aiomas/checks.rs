//! Calls to an agent that aiomas serves, and what they must give.
//!
//! The agent has the methods of [`Peer`], in Python: `platform/tests/aiomas/peer.py`. What always
//! holds: every check is made, also after one has failed.

use std::time::Duration;

use folkmoot::prelude::*;
use folkmoot::{AllArguments, Date, Value};
use futures_util::future::join_all;

use crate::peer::Peer;

/// What aiomas's agent has, as far as its types say more than values do.
#[agent]
trait Foreign {
    fn echo(&self, value: Date) -> Date;
    fn get_self(&self) -> Proxy<dyn Foreign>;
    fn get_math(&self) -> Proxy<dyn Multiplying>;
    fn via_proxy(&self, proxy: Proxy<Peer>, value: Value) -> Value;
    fn call_back(&self, url: String, value: Value) -> Value;
    fn date_add(&self, date: Date, seconds: f64) -> Date;
    fn describe(&self, arguments: AllArguments) -> Value;
}

/// An object of it.
#[agent]
trait Multiplying {
    fn mul(&self, a: Value, b: Value) -> Value;
}

/// Makes all the calls to the agent at `url` and gives the number of checks.
///
/// # Errors
/// Where there is no such agent, or with every check that failed.
pub(crate) async fn run(container: &Container, url: &str, codec: Codec) -> Result<usize> {
    let agent = container.connect::<Untyped>(url).await?;
    let mut checks = Checks::default();
    checks.values(&agent, codec).await;
    checks.arguments(&agent).await;
    checks.failures(&agent).await;
    checks.special_types(container, &Proxy::cast(&agent)?).await?;
    checks.many_at_once(&agent).await;
    let base = url.trim_end_matches(|character| !matches!(character, '/' | ':'));
    let unknown = container.connect::<Untyped>(format!("{base}nobody")).await;
    checks.that(matches!(unknown, Err(CallError::NoSuchAgent { .. })), || {
        format!("connect() to an unknown agent gave {unknown:?}")
    });
    let Checks { done, wrong } = checks;
    match wrong.as_slice() {
        [] => Ok(done),
        wrong => Err(format!("{} of {done} checks failed\n{}", wrong.len(), wrong.join("\n")).into()),
    }
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
        for n in [0, 1, 300, 5_000_000] {
            let bytes: Vec<u8> = (0..n).map(|i: u32| i as u8).collect();
            let wanted = if codec == Codec::Json { bytes.into_iter().collect() } else { bytes.into() };
            self.gives(agent.call("big", [n]).await, &wanted);
        }
        let text = Value::from("ü\"x".repeat(1_000_000));
        self.gives(agent.call("echo", [text.clone()]).await, &text);
    }

    async fn arguments(&mut self, agent: &Proxy<Untyped>) {
        self.gives(agent.call("add", [1, 2]).await, &3.into());
        self.gives(agent.call("add", [0.1, 0.2]).await, &(0.1 + 0.2).into());
        self.gives(agent.call("add", ["Grü", "ße"]).await, &"Grüße".into());
        self.gives(agent.call("add", [1]).with("b", 2).await, &3.into());
        self.gives(agent.call("add", [0; 0]).with("b", 2).with("a", 1).await, &3.into());
        self.gives(agent.call("math/mul", [6, 7]).await, &42.into());
    }

    async fn failures(&mut self, agent: &Proxy<Untyped>) {
        self.raises(agent.call("fail", ["on purpose"]).await, "ValueError: on purpose");
        self.raises(agent.call("fail", ["Grüße, 🌻"]).await, "ValueError: Grüße, 🌻");
        self.raises(agent.call("fail", ["two\nlines"]).await, "ValueError: two\nlines");
        let error = agent.call("fail", ["on purpose"]).await.err();
        self.that(
            matches!(&error, Some(CallError::Remote { traceback, .. }) if traceback.starts_with("Traceback (most")),
            || format!("wanted a traceback, got {error:?}"),
        );
        self.raises(agent.call("hidden", [0; 0]).await, "LookupError: ");
        let marked = vec![("__type__", Value::from("mine"))];
        let refused = agent.call("echo", [Value::from(marked)]).await;
        self.that(matches!(refused, Err(CallError::Unencodable { .. })), || {
            format!("a map that would break the peer's link gave {refused:?}")
        });
        self.raises(agent.call("add", [1]).await, "TypeError: ");
        self.raises(agent.call("add", [1, 2, 3]).await, "TypeError: ");
        self.raises(agent.call("add", [1]).with("c", 2).await, "TypeError: ");
        self.raises(agent.call("no_such_method", [1]).await, "LookupError: ");
        self.raises(agent.call("math/no_such_method", [1]).await, "LookupError: ");
        self.gives(agent.call("add", [20, 22]).await, &42.into());
    }

    /// Dates and proxies, as results and as arguments that are called while the call waits.
    async fn special_types(&mut self, container: &Container, agent: &Proxy<dyn Foreign>) -> Result<()> {
        for text in
            ["2013-05-05T12:30:45.123456+05:30", "0001-01-01T00:00:00+00:00", "2020-02-29T23:00:00-11:00"]
        {
            let date: Date = text.parse()?;
            let back = agent.echo(date).await;
            self.that(back.as_ref() == Ok(&date), || format!("wanted {date}, got {back:?}"));
            let (later, wanted) = (agent.date_add(date, 86_400.25).await, date.plus_seconds(86_400.25)?);
            self.that(later.as_ref() == Ok(&wanted), || format!("wanted {wanted}, got {later:?}"));
        }
        let (itself, math) = (agent.get_self().await?, agent.get_math().await?);
        let product = math.mul(6.into(), 7.into()).await;
        self.that(product.as_ref() == Ok(&42.into()), || format!("mul of a proxy gave {product:?}"));
        let (positional, keyword) = (vec![1.into(), "two".into()], vec![("k".to_owned(), Value::Null)]);
        let wanted = "{\"args\": [1, \"two\"], \"kwargs\": {\"k\": null}}";
        let told = itself.describe(AllArguments { positional, keyword }).await;
        self.that(told.as_ref().is_ok_and(|told| told.to_string() == wanted), || {
            format!("describe gave {told:?}")
        });
        let own: Proxy<Peer> = container.find("0")?;
        let value = Value::from(vec![Value::from(1), "two".into()]);
        for _ in 0..3 {
            let back = agent.via_proxy(own.clone(), value.clone()).await;
            self.that(back.as_ref() == Ok(&value), || format!("via_proxy gave {back:?}"));
            let back = agent.call_back(container.aiomas_url("0"), value.clone()).await;
            self.that(back.as_ref() == Ok(&value), || format!("call_back gave {back:?}"));
        }
        let at_once = join_all((0..100).map(|n: i64| agent.via_proxy(own.clone(), n.into()))).await;
        let fine = (0i64..).zip(&at_once).all(|(n, back)| back.as_ref() == Ok(&n.into()));
        self.that(fine, || format!("100 calls through a proxy gave {at_once:?}"));
        Ok(())
    }

    async fn many_at_once(&mut self, agent: &Proxy<Untyped>) {
        let sums = join_all((0..1_000).map(|n| agent.call("add", [n, n * n]))).await;
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
