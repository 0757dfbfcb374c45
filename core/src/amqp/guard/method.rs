//! Text in the broker's own frames that lapin would refuse: a routing key is the publisher's choice, and the
//! reason of a close quotes what it complains of, byte by byte.

enum Field {
    Text,
    Fixed(usize),
}

use Field::{Fixed, Text};

/// Puts question marks where a short string of this method is not UTF-8. Lengths stay, so nothing moves.
pub(super) fn clean(payload: &mut [u8]) {
    let Some((method, arguments)) = payload.split_first_chunk_mut() else {
        return;
    };
    let fields: &[Field] = match method {
        // basic.deliver: consumer tag, delivery tag and flags, exchange, routing key
        [0, 60, 0, 60] => &[Text, Fixed(9), Text, Text],
        // basic.return: code, text, exchange, routing key
        [0, 60, 0, 50] => &[Fixed(2), Text, Text, Text],
        // basic.get-ok: delivery tag and flags, exchange, routing key
        [0, 60, 0, 71] => &[Fixed(9), Text, Text],
        // channel.close and connection.close: code, text
        [0, 20, 0, 40] | [0, 10, 0, 50] => &[Fixed(2), Text],
        _ => return,
    };
    if !arguments.is_ascii() {
        // Methods that are cut off are the broker's mistake; lapin will say so.
        let _ = clean_fields(arguments, fields);
    }
}

/// The largest frame that the broker wants, if this is where it says so: connection.tune, with the most channels before it.
/// `None` also when it sets no limit.
pub(super) fn tuned(payload: &[u8]) -> Option<u32> {
    let (tune, arguments) = payload.split_first_chunk()?;
    let (_, frame_max) = arguments.split_first_chunk::<2>()?;
    let frame_max = u32::from_be_bytes(*frame_max.first_chunk()?);
    (*tune == [0, 10, 0, 30] && frame_max > 0).then_some(frame_max)
}

fn clean_fields(mut rest: &mut [u8], fields: &[Field]) -> Option<()> {
    for field in fields {
        let length = match field {
            Fixed(length) => *length,
            Text => rest.split_off_first_mut().copied()?.into(),
        };
        let bytes = rest.split_off_mut(..length)?;
        if matches!(field, Text) && !bytes.is_ascii() {
            clean_text(bytes);
        }
    }
    Some(())
}

fn clean_text(mut text: &mut [u8]) {
    while let Err(error) = std::str::from_utf8(text) {
        let broken = &mut text[error.valid_up_to()..];
        let length = error.error_len().unwrap_or(broken.len());
        let (broken, rest) = broken.split_at_mut(length);
        broken.fill(b'?');
        text = rest;
    }
}
