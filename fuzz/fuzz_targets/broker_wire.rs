//! What is inside of AMQP frames: what the broker's guards let through, the parsers behind them can read.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| leveret_broker::fuzz_wire(input));
