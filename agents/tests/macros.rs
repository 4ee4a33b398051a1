//! The macros: what they accept, what they generate, and what they say of mistakes.

#[test]
fn mistakes_are_told_readably() {
    let cases = trybuild::TestCases::new();
    cases.pass("tests/ui/pass/*.rs");
}
