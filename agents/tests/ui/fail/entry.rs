//! `#[main]` and `#[test]` run an async function without arguments.

#[folkmoot_derive::test]
fn not_async() {}

#[folkmoot_derive::test]
async fn with_argument(amount: i64) {}

#[folkmoot_derive::test(threads = 2)]
async fn with_option() {}

#[folkmoot_derive::main(crate = "text")]
async fn with_text() {}

#[folkmoot_derive::main(quickly)]
async fn with_word() {}

#[folkmoot_derive::test(sim)]
async fn takes_no_simulation() {}

#[folkmoot_derive::test(seed = 7)]
async fn is_no_simulation() {}

fn main() {}
