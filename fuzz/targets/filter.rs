//! `filter`, driven by libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| daybook_hostile::run("filter", bytes));
