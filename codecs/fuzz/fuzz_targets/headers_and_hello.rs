//! Fuzzes `bodies::headers_and_hello`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| folkmoot_codecs_fuzz::bodies::headers_and_hello(bytes));
