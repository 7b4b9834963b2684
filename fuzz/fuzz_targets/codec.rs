#![no_main]

#[allow(dead_code)]
#[path = "../../crates/protocol/tests/fuzz/bodies.rs"]
mod bodies;

libfuzzer_sys::fuzz_target!(|data: &[u8]| bodies::codec(data));
