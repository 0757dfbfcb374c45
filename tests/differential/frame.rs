//! Frames as they are on the wire. Our own framing, so that a scenario can also send what no codec would generate.

use amq_protocol::frame::WriteContext;
use amq_protocol::frame::parsing::parse_content_header;
use amq_protocol::protocol::{AMQPClass, BasicProperties, gen_class, parse_class};

pub(crate) const METHOD: u8 = 1;
pub(crate) const HEADER: u8 = 2;
pub(crate) const BODY: u8 = 3;
pub(crate) const HEARTBEAT: u8 = 8;
pub(crate) const END: u8 = 0xCE;

/// What the broker sent.
#[derive(Clone, Debug)]
pub(crate) enum Frame {
    /// `AMQP` and four bytes, which is how a broker refuses a protocol.
    Protocol([u8; 8]),
    Method(AMQPClass),
    Header {
        class: u16,
        size: u64,
        properties: BasicProperties,
    },
    Body(Vec<u8>),
    Heartbeat,
    /// Nothing that a broker may send.
    Broken {
        kind: u8,
        payload: Vec<u8>,
    },
    /// The broker ended the TCP connection.
    Gone,
    /// The broker said nothing for as long as a scenario waits.
    Silence,
}

/// A frame with any kind, channel and payload.
pub(crate) fn frame(kind: u8, channel: u16, payload: &[u8]) -> Vec<u8> {
    let size = u32::try_from(payload.len()).expect("a payload below 4 GiB");
    [
        &[kind][..],
        &channel.to_be_bytes(),
        &size.to_be_bytes(),
        payload,
        &[END],
    ]
    .concat()
}

/// What a method frame carries.
pub(crate) fn payload(method: &AMQPClass) -> Vec<u8> {
    gen_class(method)(WriteContext::from(Vec::new()))
        .expect("a method that can be encoded")
        .into_inner()
        .0
}

pub(crate) fn method(channel: u16, method: &AMQPClass) -> Vec<u8> {
    frame(METHOD, channel, &payload(method))
}

/// A content header for a body of `size` bytes, whatever the class.
pub(crate) fn header(channel: u16, class: u16, size: u64, properties: &BasicProperties) -> Vec<u8> {
    let properties =
        amq_protocol::protocol::basic::gen_properties(properties)(WriteContext::from(Vec::new()))
            .expect("properties that can be encoded")
            .into_inner()
            .0;
    let payload = [
        &class.to_be_bytes()[..],
        &[0, 0],
        &size.to_be_bytes(),
        &properties,
    ]
    .concat();
    frame(HEADER, channel, &payload)
}

/// Takes the first whole frame off `bytes`, with its channel.
pub(crate) fn take(bytes: &mut Vec<u8>) -> Option<(u16, Frame)> {
    if bytes.first() == Some(&b'A') {
        let protocol = bytes.get(..8)?.try_into().expect("eight bytes");
        bytes.drain(..8);
        return Some((0, Frame::Protocol(protocol)));
    }
    let head = bytes.get(..7)?;
    let (kind, channel) = (head[0], u16::from_be_bytes([head[1], head[2]]));
    let size = u32::from_be_bytes([head[3], head[4], head[5], head[6]]) as usize;
    let payload = bytes.get(7..7 + size)?.to_vec();
    let end = *bytes.get(7 + size)?;
    bytes.drain(..8 + size);
    Some((channel, decode(kind, payload, end)))
}

fn decode(kind: u8, payload: Vec<u8>, end: u8) -> Frame {
    let decoded = match (kind, end) {
        (METHOD, END) => match parse_class(&payload[..]) {
            Ok(([], method)) => Some(Frame::Method(method)),
            _ => None,
        },
        (HEADER, END) => match parse_content_header(&payload[..]) {
            Ok(([], header)) => Some(Frame::Header {
                class: header.class_id,
                size: header.body_size,
                properties: header.properties,
            }),
            _ => None,
        },
        (BODY, END) => return Frame::Body(payload),
        (HEARTBEAT, END) if payload.is_empty() => Some(Frame::Heartbeat),
        _ => None,
    };
    decoded.unwrap_or(Frame::Broken { kind, payload })
}
