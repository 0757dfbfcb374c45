//! What is written by hand is read back by amq-protocol.

use amq_protocol::frame::{AMQPFrame, parse_frame};
use amq_protocol::protocol::{basic, queue};
use bytes::Bytes;

use super::*;
use crate::message::Meter;
use crate::wire::properties::Properties;

/// Flags for a content type, which is "a".
const PROPERTIES: &[u8] = &[0x80, 0, 1, b'a'];

fn message(exchange: &str, key: &str, body: &[u8]) -> Message {
    let properties = Properties::parse(Bytes::from_static(PROPERTIES)).expect("properties");
    let body = Bytes::copy_from_slice(body);
    Message::new(
        &Meter::default(),
        exchange.into(),
        key.into(),
        properties,
        body,
    )
}

fn frames(mut bytes: &[u8]) -> Vec<AMQPFrame> {
    let mut frames = Vec::new();
    while !bytes.is_empty() {
        let (rest, frame) = parse_frame(bytes).expect("a frame");
        frames.push(frame);
        bytes = rest;
    }
    frames
}

fn assert_header(frame: &AMQPFrame, size: u64) {
    let AMQPFrame::Header(7, header) = frame else {
        panic!("{frame:?}");
    };
    assert_eq!((header.class_id, header.body_size), (60, size));
    let content_type = header.properties.content_type().as_ref();
    assert_eq!(content_type.map(|text| text.as_str()), Some("a"));
}

#[test]
fn deliver_reads_back() {
    let mut buffer = BytesMut::new();
    deliver(
        &mut buffer,
        7,
        "tag",
        1 << 40,
        true,
        &message("e", "key", b"12345"),
    );
    let frames = frames(&buffer);
    let expected = basic::AMQPMethod::Deliver(basic::Deliver {
        consumer_tag: "tag".into(),
        delivery_tag: 1 << 40,
        redelivered: true,
        exchange: "e".into(),
        routing_key: "key".into(),
    });
    assert_eq!(frames[0], AMQPFrame::Method(7, AMQPClass::Basic(expected)));
    assert_header(&frames[1], 5);
    assert_eq!(frames.len(), 2);
}

#[test]
fn get_ok_reads_back() {
    let mut buffer = BytesMut::new();
    get_ok(&mut buffer, 7, 9, false, 70_000, &message("", "q", b""));
    let frames = frames(&buffer);
    let expected = basic::AMQPMethod::GetOk(basic::GetOk {
        delivery_tag: 9,
        redelivered: false,
        exchange: "".into(),
        routing_key: "q".into(),
        message_count: 70_000,
    });
    assert_eq!(frames[0], AMQPFrame::Method(7, AMQPClass::Basic(expected)));
    assert_header(&frames[1], 0);
}

#[test]
fn returned_reads_back() {
    let mut buffer = BytesMut::new();
    returned(&mut buffer, 7, 312, "NO_ROUTE", &message("e", "k", b"x"));
    let frames = frames(&buffer);
    let expected = basic::AMQPMethod::Return(basic::Return {
        reply_code: 312,
        reply_text: "NO_ROUTE".into(),
        exchange: "e".into(),
        routing_key: "k".into(),
    });
    assert_eq!(frames[0], AMQPFrame::Method(7, AMQPClass::Basic(expected)));
    assert_header(&frames[1], 1);
}

#[test]
fn confirms_heartbeats_and_methods_read_back() {
    let mut buffer = BytesMut::new();
    let declare_ok = AMQPClass::Queue(queue::AMQPMethod::DeclareOk(queue::DeclareOk {
        queue: "q".into(),
        message_count: 1,
        consumer_count: 2,
    }));
    ack(&mut buffer, 7, 5, true);
    nack(&mut buffer, 7, 6, false);
    heartbeat(&mut buffer);
    method(&mut buffer, 7, &declare_ok);
    let ack = basic::AMQPMethod::Ack(basic::Ack {
        delivery_tag: 5,
        multiple: true,
    });
    let nack = basic::AMQPMethod::Nack(basic::Nack {
        delivery_tag: 6,
        multiple: false,
        requeue: true,
    });
    let expected = [
        AMQPFrame::Method(7, AMQPClass::Basic(ack)),
        AMQPFrame::Method(7, AMQPClass::Basic(nack)),
        AMQPFrame::Heartbeat,
        AMQPFrame::Method(7, declare_ok),
    ];
    assert_eq!(frames(&buffer), expected);
}

#[test]
fn short_strings_are_cut_between_characters() {
    assert_eq!(short("abc"), "abc");
    assert_eq!(short(&"a".repeat(300)).len(), 255);
    assert_eq!(short(&"ä".repeat(200)).len(), 254);
    // A text that was cut leaves the frame's length right.
    let mut buffer = BytesMut::new();
    returned(&mut buffer, 7, 312, &"ä".repeat(200), &message("", "", b""));
    assert_eq!(frames(&buffer).len(), 2);
}
