//! JSON and text: what we accept as JSON, `serde_json` accepts as the same value.
#![no_main]

use leveret::Codec;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|bytes: &[u8]| {
    let body = bytes.to_vec().into();
    let _ = Codec::Text.decode::<Value>(&body);
    let _ = Codec::Text.decode::<Option<String>>(&body);
    if let Ok(value) = Codec::Json.decode::<Value>(&body) {
        if !body.windows(7).any(|part| part == b"private") {
            assert_eq!(serde_json::from_slice::<Value>(&body).expect("JSON"), value);
        }
        let again = Codec::Json
            .encode(&value)
            .expect("what was read can be written");
        assert_eq!(
            serde_json::from_slice::<Value>(&again).expect("JSON"),
            value
        );
    }
});
