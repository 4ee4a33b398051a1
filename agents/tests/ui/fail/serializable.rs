//! A type that plain peers know is a struct with named fields, and no other.
use folkmoot_agents::Serializable;

#[derive(Serializable)]
#[serializable(crate = folkmoot_agents::__private)]
struct Pair(i64, i64);

#[derive(Serializable)]
#[serializable(crate = folkmoot_agents::__private)]
enum Either {
    One,
}

#[derive(Serializable)]
#[serializable(crate = folkmoot_agents::__private)]
struct Any<T> {
    inner: T,
}

#[derive(Serializable)]
#[serializable(path = other)]
struct Point {
    x: i64,
}

fn main() {}
