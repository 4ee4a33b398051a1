//! Fuzzes `bodies::envelope`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| folkmoot_protocols_fuzz::bodies::envelope(bytes));
