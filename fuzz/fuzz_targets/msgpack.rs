//! What the scan lets through must decode into any type without a panic or an overflow, and what decodes
//! must come back the same after it was written again.
#![no_main]

use std::collections::BTreeMap;

use leveret::Codec;
use libfuzzer_sys::fuzz_target;
use serde::Deserialize;

#[derive(Deserialize)]
#[allow(dead_code)]
enum Tree {
    Leaf,
    Node(Box<Tree>),
    Maybe(Option<Box<Tree>>),
    Pair(Box<Tree>, Vec<u8>),
    Named { inner: Vec<Tree>, text: String },
}

fuzz_target!(|bytes: &[u8]| {
    let body = bytes.to_vec().into();
    let _ = Codec::MsgPack.decode::<Tree>(&body);
    let _ = Codec::MsgPack.decode::<BTreeMap<i8, Option<Vec<u8>>>>(&body);
    if let Ok(value) = Codec::MsgPack.decode::<serde_json::Value>(&body) {
        let again = Codec::MsgPack
            .encode(&value)
            .expect("what was read can be written");
        let again = Codec::MsgPack.decode::<serde_json::Value>(&again.into());
        assert_eq!(again.expect("what was written can be read"), value);
    }
});
