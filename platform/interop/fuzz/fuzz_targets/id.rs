//! Fuzzes `academy::fuzzed::id`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| folkmoot_interop::academy::fuzzed::id(bytes));
