//! Paths and queries.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| system_tests::targets::route(data));
