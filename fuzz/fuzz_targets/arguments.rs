//! Requests from an attacker, for methods with no, one and several parameters.
#![no_main]

use leveret::{Arguments, Codec};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    for codec in [Codec::MsgPack, Codec::Json, Codec::Text] {
        for names in [&[][..], &["n"], &["a", "b", "c"]] {
            if let Ok(mut arguments) = Arguments::parse(codec, bytes, names) {
                for index in 0..names.len() {
                    let _ = arguments.take::<serde_json::Value>(index);
                    let _ = arguments.take::<Option<String>>(index);
                    let _ = arguments.take::<Vec<u8>>(index);
                }
            }
        }
    }
});
