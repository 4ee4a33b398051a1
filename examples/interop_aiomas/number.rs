//! What Python adds and multiplies: integers of any size, floats, and texts.

use folkmoot::{Exception, Value};
use num_bigint::BigInt;

/// One side of `+` or `*`.
enum Operand {
    Integer(BigInt),
    Float(f64),
    Text(String),
    Other(&'static str),
}

impl From<Value> for Operand {
    fn from(value: Value) -> Operand {
        match value {
            Value::Bool(value) => Operand::Integer(value.into()),
            Value::Int(value) => Operand::Integer(value.into()),
            Value::BigInt(value) => Operand::Integer(value),
            Value::Float(value) => Operand::Float(value),
            Value::Text(text) => Operand::Text(text),
            Value::Null => Operand::Other("NoneType"),
            Value::Bytes(_) => Operand::Other("bytes"),
            Value::List(_) => Operand::Other("list"),
            _ => Operand::Other("dict"),
        }
    }
}

impl Operand {
    /// As Python names its type.
    fn kind(&self) -> &'static str {
        match self {
            Operand::Integer(_) => "int",
            Operand::Float(_) => "float",
            Operand::Text(_) => "str",
            Operand::Other(kind) => kind,
        }
    }
}

/// `a + b`.
pub(crate) fn add(a: Value, b: Value) -> Result<Value, Exception> {
    match (a.into(), b.into()) {
        (Operand::Text(a), Operand::Text(b)) => Ok(Value::Text(a + &b)),
        (Operand::Integer(a), Operand::Integer(b)) => Ok((a + b).into()),
        (a, b) => floats('+', &a, &b).map(|(a, b)| Value::Float(a + b)),
    }
}

/// `a * b`, of numbers.
pub(crate) fn multiply(a: Value, b: Value) -> Result<Value, Exception> {
    match (a.into(), b.into()) {
        (Operand::Integer(a), Operand::Integer(b)) => Ok((a * b).into()),
        (a, b) => floats('*', &a, &b).map(|(a, b)| Value::Float(a * b)),
    }
}

/// Two numbers, one of which is a float.
fn floats(sign: char, a: &Operand, b: &Operand) -> Result<(f64, f64), Exception> {
    let float = |operand: &Operand| match operand {
        Operand::Float(value) => Some(*value),
        Operand::Integer(value) => value.to_string().parse().ok(),
        _ => None,
    };
    let (Some(x), Some(y)) = (float(a), float(b)) else {
        let (a, b) = (a.kind(), b.kind());
        return Err(Exception::type_error(format!(
            "unsupported operand type(s) for {sign}: '{a}' and '{b}'"
        )));
    };
    let is_too_large =
        |operand: &Operand, float: f64| matches!(operand, Operand::Integer(_)) && float.is_infinite();
    if is_too_large(a, x) || is_too_large(b, y) {
        return Err(Exception::new("OverflowError", "int too large to convert to float"));
    }
    Ok((x, y))
}
