//! Calls to an agent that aiomas serves, and what they must give.
//!
//! The agent has the methods of `Peer` in the file above, in Python: `platform/tests/aiomas/peer.py`. What always
//! holds: every check is made, also after one has failed.

use std::time::Duration;

use folkmoot::Value;
use folkmoot::prelude::*;
use futures_util::future::join_all;

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
    checks.many_at_once(&agent).await;
    let base = url.trim_end_matches(|character| character != '/');
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
        self.gives(agent.call("math/mul", [6, 7]).await, &42.into());
    }

    async fn failures(&mut self, agent: &Proxy<Untyped>) {
        self.raises(agent.call("fail", ["on purpose"]).await, "RuntimeError: on purpose");
        self.raises(agent.call("fail", ["Grüße, 🌻"]).await, "RuntimeError: Grüße, 🌻");
        self.raises(agent.call("fail", ["two\nlines"]).await, "RuntimeError: two\nlines");
        self.raises(agent.call("add", [1]).await, "TypeError: ");
        self.raises(agent.call("add", [1, 2, 3]).await, "TypeError: ");
        self.raises(agent.call("add", [1]).with("c", 2).await, "TypeError: ");
        self.raises(agent.call("no_such_method", [1]).await, "LookupError: ");
        self.raises(agent.call("math/no_such_method", [1]).await, "LookupError: ");
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
