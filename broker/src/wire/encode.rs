//! Frames into a buffer. What every message needs is written by hand; the rest goes through amq-protocol.

use amq_protocol::frame::WriteContext;
use amq_protocol::protocol::{AMQPClass, gen_class};
use bytes::{BufMut, BytesMut};

use super::frame::{END, HEAD, OVERHEAD};
use crate::message::Message;

const METHOD: u8 = 1;
const HEADER: u8 = 2;
const BODY: u8 = 3;
const HEARTBEAT: u8 = 8;

const BASIC: u16 = 60;
/// Class and method id.
const IDS: usize = 4;
/// Class, weight and size of the body.
const CONTENT: usize = 12;

/// As much of a text as a short string holds, cut between characters.
pub(crate) fn short(text: &str) -> &str {
    let mut end = text.len().min(u8::MAX.into());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

fn put_short(buffer: &mut BytesMut, text: &str) {
    let text = short(text);
    // `short` keeps it in an octet.
    buffer.put_u8(text.len() as u8);
    buffer.put_slice(text.as_bytes());
}

fn put_head(buffer: &mut BytesMut, octet: u8, channel: u16, size: usize) {
    let [c1, c0] = channel.to_be_bytes();
    // No payload is longer than a frame, whose length is 32 bits.
    let [s3, s2, s1, s0] = (size as u32).to_be_bytes();
    buffer.put_slice(&[octet, c1, c0, s3, s2, s1, s0]);
}

fn put_method(buffer: &mut BytesMut, channel: u16, size: usize, method: u16) {
    buffer.reserve(size + OVERHEAD);
    put_head(buffer, METHOD, channel, size);
    buffer.put_u16(BASIC);
    buffer.put_u16(method);
}

/// Any method.
pub(crate) fn method(buffer: &mut BytesMut, channel: u16, method: &AMQPClass) {
    match gen_class(method)(WriteContext::from(Vec::with_capacity(64))) {
        Ok(written) => {
            let (payload, _) = written.into_inner();
            buffer.reserve(payload.len() + OVERHEAD);
            put_head(buffer, METHOD, channel, payload.len());
            buffer.put_slice(&payload);
            buffer.put_u8(END);
        }
        // Writing to memory does not fail.
        Err(error) => tracing::error!(%error, "a method was not encoded"),
    }
}

pub(crate) fn heartbeat(buffer: &mut BytesMut) {
    buffer.reserve(OVERHEAD);
    put_head(buffer, HEARTBEAT, 0, 0);
    buffer.put_u8(END);
}

pub(crate) fn ack(buffer: &mut BytesMut, channel: u16, tag: u64, multiple: bool) {
    const ACK: u16 = 80;
    put_method(buffer, channel, IDS + 9, ACK);
    buffer.put_u64(tag);
    buffer.put_u8(multiple.into());
    buffer.put_u8(END);
}

pub(crate) fn nack(buffer: &mut BytesMut, channel: u16, tag: u64, multiple: bool) {
    const NACK: u16 = 120;
    /// RabbitMQ sets it, though it says nothing to a publisher.
    const REQUEUE: u8 = 2;
    put_method(buffer, channel, IDS + 9, NACK);
    buffer.put_u64(tag);
    buffer.put_u8(REQUEUE | u8::from(multiple));
    buffer.put_u8(END);
}

/// Method and header of a delivery; the body frames follow.
pub(crate) fn deliver(
    buffer: &mut BytesMut,
    channel: u16,
    consumer_tag: &str,
    delivery_tag: u64,
    redelivered: bool,
    message: &Message,
) {
    const DELIVER: u16 = 60;
    let consumer_tag = short(consumer_tag);
    let size = IDS + 1 + consumer_tag.len() + 9 + address_size(message);
    put_method(buffer, channel, size, DELIVER);
    put_short(buffer, consumer_tag);
    buffer.put_u64(delivery_tag);
    buffer.put_u8(redelivered.into());
    put_address(buffer, message);
    buffer.put_u8(END);
    header(buffer, channel, message);
}

/// Method and header of what a `basic.get` fetched; the body frames follow.
pub(crate) fn get_ok(
    buffer: &mut BytesMut,
    channel: u16,
    delivery_tag: u64,
    redelivered: bool,
    message_count: u32,
    message: &Message,
) {
    const GET_OK: u16 = 71;
    let size = IDS + 9 + address_size(message) + 4;
    put_method(buffer, channel, size, GET_OK);
    buffer.put_u64(delivery_tag);
    buffer.put_u8(redelivered.into());
    put_address(buffer, message);
    buffer.put_u32(message_count);
    buffer.put_u8(END);
    header(buffer, channel, message);
}

/// Method and header of a message that nobody wanted; the body frames follow.
pub(crate) fn returned(
    buffer: &mut BytesMut,
    channel: u16,
    code: u16,
    text: &str,
    message: &Message,
) {
    const RETURN: u16 = 50;
    let text = short(text);
    let size = IDS + 2 + 1 + text.len() + address_size(message);
    put_method(buffer, channel, size, RETURN);
    buffer.put_u16(code);
    put_short(buffer, text);
    put_address(buffer, message);
    buffer.put_u8(END);
    header(buffer, channel, message);
}

/// The names are cut as [`put_short`] cuts them.
fn address_size(message: &Message) -> usize {
    2 + short(&message.exchange).len() + key(message).len()
}

fn put_address(buffer: &mut BytesMut, message: &Message) {
    put_short(buffer, &message.exchange);
    let key = key(message);
    buffer.put_u8(key.len() as u8);
    buffer.put_slice(key);
}

/// A key that came from a client fits; one that was made out of other bytes is cut.
fn key(message: &Message) -> &[u8] {
    let key = message.wire_key();
    &key[..key.len().min(usize::from(u8::MAX))]
}

fn header(buffer: &mut BytesMut, channel: u16, message: &Message) {
    let properties = message.properties.raw();
    let size = CONTENT + properties.len();
    buffer.reserve(size + OVERHEAD);
    put_head(buffer, HEADER, channel, size);
    buffer.put_u32(u32::from(BASIC) << 16);
    buffer.put_u64(message.body.len() as u64);
    buffer.put_slice(properties);
    buffer.put_u8(END);
}

/// The head of a body frame; its payload and [`END`] follow.
pub(crate) fn body_head(buffer: &mut BytesMut, channel: u16, size: usize) {
    buffer.reserve(HEAD);
    put_head(buffer, BODY, channel, size);
}

#[cfg(test)]
mod tests;
