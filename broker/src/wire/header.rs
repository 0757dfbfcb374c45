//! The content header: how long the body is, and the properties as they were sent.

use bytes::Bytes;

use super::properties::Properties;
use crate::error::Refusal;

/// Before the properties: class, weight and body size.
const FIXED: usize = 12;

/// Class, size of the body, and properties.
pub(crate) fn decode(payload: &Bytes) -> Result<(u16, u64, Properties), Refusal> {
    let Some(&[c1, c0, w1, w0, ref size @ ..]) = payload.first_chunk::<FIXED>() else {
        return Err(Refusal::frame_error("content header too short"));
    };
    let class = u16::from_be_bytes([c1, c0]);
    // RabbitMQ knows no header with a weight, hence its words.
    if (w1, w0) != (0, 0) {
        return Err(Refusal::unexpected_frame(format!(
            "expected content header for class {class}, got non content header frame instead"
        )));
    }
    let properties = Properties::parse(payload.slice(FIXED..))?;
    Ok((class, u64::from_be_bytes(*size), properties))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(weight: u8) -> Bytes {
        Bytes::from(vec![0, 60, 0, weight, 0, 0, 0, 0, 0, 0, 1, 2, 0x10, 0, 2])
    }

    #[test]
    fn reads_class_size_and_properties() {
        let (class, size, properties) = decode(&header(0)).expect("a header");
        assert_eq!((class, size), (60, 258));
        assert_eq!(properties.raw().as_ref(), [0x10, 0, 2]);
    }

    #[test]
    fn refuses_a_weight_and_a_cut_header() {
        let refusal = decode(&header(1)).map(drop).expect_err("a weight");
        assert_eq!(refusal.code, 505);
        assert!(decode(&header(0).slice(..11)).is_err());
    }
}
