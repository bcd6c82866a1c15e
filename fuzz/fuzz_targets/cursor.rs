//! A page's cursor and query.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| system_tests::targets::cursor(data));
