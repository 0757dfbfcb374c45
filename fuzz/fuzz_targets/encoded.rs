//! What the Python module hands over without decoding: a body that is accepted is well-formed MessagePack, and can
//! be handed on in every codec that has a form for it.

#![no_main]

use leveret::{Codec, Encoded};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u8, &[u8])| {
    let (codec, body) = input;
    let codec = [Codec::MsgPack, Codec::Json, Codec::Text][usize::from(codec % 3)];
    let Ok(value) = Encoded::new(codec, body.to_vec()).to_msgpack() else {
        return;
    };
    let again = Encoded::from_msgpack(value.clone(), Codec::MsgPack).expect("it was accepted");
    assert_eq!(again.body(), &value);
    // NaN has no form in JSON; whatever has one comes back as the same value.
    if let Ok(json) = Encoded::from_msgpack(value, Codec::Json) {
        let back = json.to_msgpack().expect("our own JSON");
        let twice = Encoded::from_msgpack(back.clone(), Codec::Json).expect("it was JSON");
        // The same number has more than one notation.
        assert_eq!(twice.to_msgpack().expect("our own JSON"), back);
    }
});
