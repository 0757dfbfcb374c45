//! Several clients of the embedded broker who do what an input says: its state stays sound, what it sends makes sense,
//! and when they have gone nothing of theirs is left.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| leveret_broker::fuzz_sessions(input));
