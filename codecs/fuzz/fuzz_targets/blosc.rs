//! Fuzzes `bodies::blosc`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| folkmoot_codecs_fuzz::bodies::blosc(bytes));
