//! What a client that trusts nobody makes of what the broker sends: whole frames that fit, content where it belongs,
//! nothing on a channel that is closed, nothing after the end, and delivery tags that grow.

use std::collections::HashMap;

use amq_protocol::protocol::{AMQPClass, basic, channel, connection};
use bytes::{Bytes, BytesMut};

use crate::wire::frame::{Decoder, Frame, Kind};
use crate::wire::header;
use crate::wire::method::{self, Method};

#[derive(Default)]
pub(super) struct Watcher {
    greeted: bool,
    /// A close was sent or answered: only answers may follow.
    closing: bool,
    /// Nothing may follow.
    mute: bool,
    channels: HashMap<u16, Channel>,
}

#[derive(Default)]
struct Channel {
    open: bool,
    last_tag: u64,
    last_confirm: u64,
    /// A content header comes next.
    header: bool,
    /// So many bytes of a body are to come.
    missing: u64,
}

impl Watcher {
    pub(super) fn see(&mut self, bytes: Bytes) {
        // Whoever asked for another protocol is told which one is spoken.
        if !self.greeted && bytes.starts_with(b"AMQP") {
            assert_eq!(bytes.len(), 8, "nothing follows");
            self.mute = true;
            return;
        }
        let mut bytes = BytesMut::from(&bytes[..]);
        let mut decoder = Decoder::new();
        decoder.set_frame_max(131_072);
        while let Some(frame) = decoder.next(&mut bytes).ok().flatten() {
            self.greeted = true;
            assert!(!self.mute, "a frame after another protocol's name");
            match frame {
                Frame::Heartbeat => {}
                Frame::Content {
                    kind: Kind::Method,
                    channel,
                    payload,
                } => {
                    assert!(!self.closing || channel == 0, "a method after a close");
                    self.method(channel, &payload);
                }
                Frame::Content {
                    kind: Kind::Header,
                    channel,
                    payload,
                } => {
                    let channel = self.channels.get_mut(&channel).expect("a channel");
                    assert!(std::mem::take(&mut channel.header), "a header is due");
                    let (class, size, _) = header::decode(&payload).expect("a header");
                    assert_eq!(class, 60);
                    channel.missing = size;
                }
                Frame::Content {
                    kind: Kind::Body,
                    channel,
                    payload,
                } => {
                    let channel = self.channels.get_mut(&channel).expect("a channel");
                    assert!(!channel.header, "a header is due");
                    let size = payload.len() as u64;
                    assert!(size > 0 && size <= channel.missing, "a part of the body");
                    channel.missing -= size;
                }
            }
        }
        assert!(bytes.is_empty(), "whole frames");
        for channel in self.channels.values() {
            assert!(!channel.header && channel.missing == 0, "whole messages");
        }
    }

    fn method(&mut self, number: u16, payload: &Bytes) {
        let state = self.channels.entry(number).or_default();
        assert!(!state.header && state.missing == 0, "content is due");
        let method = match method::decode(payload).expect("a method") {
            Method::Other(method) => *method,
            // The same method in both directions.
            Method::Ack { tag, .. } => return state.confirm(tag),
            Method::Publish { .. } => panic!("the broker publishes"),
        };
        match method {
            AMQPClass::Connection(method) => {
                assert_eq!(number, 0, "about the connection");
                let close_ok = matches!(method, connection::AMQPMethod::CloseOk(_));
                // Each close of the client's is answered, however often it says so.
                assert!(close_ok || !self.closing, "{method:?} after a close");
                self.closing |= close_ok || matches!(method, connection::AMQPMethod::Close(_));
            }
            AMQPClass::Channel(channel::AMQPMethod::OpenOk(_)) => {
                assert!(!state.open, "opened twice");
                *state = Channel {
                    open: true,
                    ..Channel::default()
                };
            }
            AMQPClass::Channel(channel::AMQPMethod::CloseOk(_)) => state.open = false,
            other => {
                assert!(state.open, "{other:?} on a channel that is closed");
                state.on_open(other);
            }
        }
    }
}

impl Channel {
    fn on_open(&mut self, method: AMQPClass) {
        match method {
            AMQPClass::Channel(channel::AMQPMethod::Close(_)) => self.open = false,
            AMQPClass::Basic(basic::AMQPMethod::Deliver(deliver)) => {
                // Direct replies have the tag that the next delivery will have.
                let replies = deliver.delivery_tag > self.last_tag;
                assert!(replies, "delivery tags grow");
                self.last_tag = deliver.delivery_tag - 1;
                self.header = true;
            }
            AMQPClass::Basic(basic::AMQPMethod::GetOk(got)) => {
                assert!(got.delivery_tag > self.last_tag, "delivery tags grow");
                self.last_tag = got.delivery_tag;
                self.header = true;
            }
            AMQPClass::Basic(basic::AMQPMethod::Return(_)) => self.header = true,
            AMQPClass::Basic(basic::AMQPMethod::Nack(nack)) => self.confirm(nack.delivery_tag),
            _ => {}
        }
    }

    fn confirm(&mut self, tag: u64) {
        assert!(self.open, "a confirm on a channel that is closed");
        assert!(tag > self.last_confirm, "each publish is confirmed once");
        self.last_confirm = tag;
    }
}
