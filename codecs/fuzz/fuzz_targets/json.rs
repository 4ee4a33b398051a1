//! Fuzzes `bodies::json`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| folkmoot_codecs_fuzz::bodies::json(bytes));
