//! Frames out of the bytes of a socket. The head of a frame is checked before any byte of it is waited for, so a peer
//! cannot make the broker reserve more than the negotiated size.

use bytes::{Buf, Bytes, BytesMut};

use crate::erlang;
use crate::error::Refusal;

/// A method and what follows it are told apart by the frame's type octet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Method,
    Header,
    Body,
}

impl Kind {
    fn octet(self) -> u8 {
        match self {
            Self::Method => 1,
            Self::Header => 2,
            Self::Body => 3,
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Frame {
    /// A method has at least its class and method id, a header its fixed 12 octets.
    Content {
        kind: Kind,
        channel: u16,
        payload: Bytes,
    },
    Heartbeat,
}

pub(crate) const HEAD: usize = 7;
/// Head and end octet.
pub(crate) const OVERHEAD: usize = HEAD + 1;
pub(crate) const END: u8 = 0xce;
/// The smallest frame-max that may be negotiated, and what holds before.
pub(crate) const MIN_FRAME_MAX: u32 = 4096;

const HEARTBEAT: u8 = 8;
const METHOD_HEAD: usize = 4;
const HEADER_HEAD: usize = 12;

/// What is wrong with a frame.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// This frame was skipped; those after it can be read.
    Frame(Refusal),
    /// Where the next frame begins cannot be known: nothing more can be read.
    Stream(Refusal),
}

/// Cuts the received bytes into frames.
#[derive(Debug)]
pub(crate) struct Decoder {
    frame_max: u32,
    lost: bool,
}

impl Decoder {
    pub(crate) fn new() -> Self {
        Self {
            frame_max: MIN_FRAME_MAX,
            lost: false,
        }
    }

    pub(crate) fn set_frame_max(&mut self, frame_max: u32) {
        self.frame_max = frame_max.max(MIN_FRAME_MAX);
    }

    /// The next frame, or `None` where more bytes must come first; `input` then has the room for them.
    pub(crate) fn next(&mut self, input: &mut BytesMut) -> Result<Option<Frame>, Fault> {
        if self.lost {
            input.clear();
            return Ok(None);
        }
        let Some(&[octet, high, low, s3, s2, s1, s0]) = input.first_chunk::<HEAD>() else {
            return Ok(None);
        };
        let channel = u16::from_be_bytes([high, low]);
        let size = u32::from_be_bytes([s3, s2, s1, s0]);
        // RabbitMQ lets a payload be as long as the whole frame may be.
        if size > self.frame_max {
            let limit = self.frame_max - OVERHEAD as u32;
            let detail = format!("{{frame_too_large,{size},{limit}}}");
            return Err(self.lose(input, octet, &[], |_| detail));
        }
        let size = size as usize;
        let Some(&end) = input.get(HEAD + size) else {
            input.reserve(HEAD + size + 1 - input.len());
            return Ok(None);
        };
        if end != END {
            let payload = input[HEAD..HEAD + size].to_vec();
            return Err(self.lose(input, octet, &payload, |before| {
                erlang::pair(before, "invalid_frame_end_marker", &end.to_string())
            }));
        }
        input.advance(HEAD);
        let payload = input.split_to(size).freeze();
        input.advance(1);
        frame(octet, channel, payload)
            .map(Some)
            .map_err(Fault::Frame)
    }

    fn lose(
        &mut self,
        input: &mut BytesMut,
        octet: u8,
        payload: &[u8],
        detail: impl FnOnce(&str) -> String,
    ) -> Fault {
        self.lost = true;
        input.clear();
        let before = format!("{}: ", snippet(octet, payload));
        let detail = detail(&before);
        Fault::Stream(Refusal::frame_error(before + &detail))
    }
}

fn frame(octet: u8, channel: u16, payload: Bytes) -> Result<Frame, Refusal> {
    let (kind, least) = match octet {
        1 => (Kind::Method, METHOD_HEAD),
        2 => (Kind::Header, HEADER_HEAD),
        3 => (Kind::Body, 0),
        HEARTBEAT if payload.is_empty() && channel == 0 => return Ok(Frame::Heartbeat),
        HEARTBEAT if payload.is_empty() => {
            return Err(Refusal::unexpected_frame(snippet(octet, &payload)));
        }
        _ => return Err(unknown(octet, &payload)),
    };
    if payload.len() < least {
        return Err(unknown(octet, &payload));
    }
    Ok(Frame::Content {
        kind,
        channel,
        payload,
    })
}

fn unknown(octet: u8, payload: &[u8]) -> Refusal {
    Refusal::frame_error(format!("{}: unknown_frame", snippet(octet, payload)))
}

/// The refusal of a sound frame that has no business here.
pub(crate) fn unexpected(kind: Kind, payload: &[u8]) -> Refusal {
    Refusal::unexpected_frame(snippet(kind.octet(), payload))
}

fn snippet(octet: u8, payload: &[u8]) -> String {
    const SHOWN: usize = 16;
    let (part, shown) = match payload.get(..SHOWN) {
        Some(first) if payload.len() > SHOWN => ("first 16", first),
        _ => ("all", payload),
    };
    format!("type {octet}, {part} octets = {}", erlang::binary(shown))
}

#[cfg(test)]
mod tests;
