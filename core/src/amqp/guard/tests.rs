//! Streams cut in every way, and what lapin's own parser says of what comes out.

mod hostile;
mod random;

use std::collections::VecDeque;
use std::io;
use std::task::Poll;

use lapin::protocol::basic::{
    AMQPMethod, AMQPProperties, Deliver, gen_properties, parse_properties,
};
use lapin::protocol::{AMQPClass, gen_class};
use lapin::types::{AMQPValue, FieldTable, ShortString};

use super::Guard;

fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
    let size = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&[kind, 0, 7][..], &size, payload, &[0xCE]].concat()
}

/// A content header with these flags and property bytes, for a body of five bytes.
fn header(flags: u16, properties: &[u8]) -> Vec<u8> {
    let fixed = [0, 60, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5];
    let payload = [&fixed[..], &flags.to_be_bytes(), properties].concat();
    frame(2, &payload)
}

/// A content header written by lapin's own generator.
fn header_of(properties: &AMQPProperties) -> Vec<u8> {
    let bytes = gen_properties(properties)(Vec::new().into()).unwrap().write;
    let (flags, properties) = bytes.split_first_chunk().unwrap();
    header(u16::from_be_bytes(*flags), properties)
}

fn bare() -> Vec<u8> {
    header(0, &[])
}

fn deliver(routing_key: &str) -> Vec<u8> {
    let method = AMQPClass::Basic(AMQPMethod::Deliver(Deliver {
        consumer_tag: "leveret-1".into(),
        delivery_tag: 200,
        redelivered: false,
        exchange: ShortString::default(),
        routing_key: routing_key.into(),
    }));
    frame(1, &gen_class(&method)(Vec::new().into()).unwrap().write)
}

fn properties() -> AMQPProperties {
    let mut headers = FieldTable::default();
    headers.insert("leveret-version".into(), AMQPValue::ShortShortInt(1));
    headers.insert(
        "traceparent".into(),
        AMQPValue::LongString("00-ab-cd-01".into()),
    );
    AMQPProperties::default()
        .with_content_type("application/msgpack".into())
        .with_type("fib".into())
        .with_headers(headers)
        .with_correlation_id("17".into())
        .with_timestamp(1)
}

/// A delivery that is as it should be.
fn delivery() -> Vec<u8> {
    [deliver("math"), header_of(&properties()), body()].concat()
}

fn body() -> Vec<u8> {
    frame(3, b"\x93\xC0\x01\xCE\x02")
}

fn heartbeat() -> Vec<u8> {
    vec![8, 0, 0, 0, 0, 0, 0, 0xCE]
}

/// What lapin makes of a content header's payload.
fn lapin_accepts(payload: &[u8]) -> bool {
    payload
        .get(12..)
        .and_then(|properties| parse_properties(properties).ok())
        .is_some_and(|(rest, _)| rest.is_empty())
}

/// Reads a stream that arrives in these chunks, with nothing to read in between, into buffers of this size.
fn read<'a>(chunks: impl IntoIterator<Item = &'a [u8]>, buffer: usize) -> Vec<u8> {
    let mut guard = Guard::new(0);
    read_through(&mut guard, chunks, buffer)
}

fn read_through<'a>(
    guard: &mut Guard,
    chunks: impl IntoIterator<Item = &'a [u8]>,
    buffer: usize,
) -> Vec<u8> {
    let mut chunks: VecDeque<&[u8]> = chunks.into_iter().filter(|c| !c.is_empty()).collect();
    let mut out = Vec::new();
    let mut buf = vec![0xAA; buffer];
    let mut pending = false;
    loop {
        let (mut was_pending, mut was_end) = (false, false);
        let got = guard.poll_read(&mut buf, |buf| {
            assert!(!was_pending && !was_end, "read after there was nothing");
            assert!(!buf.is_empty());
            pending = !pending;
            if pending {
                was_pending = true;
                return Poll::Pending;
            }
            let Some(chunk) = chunks.front_mut() else {
                was_end = true;
                return Poll::Ready(Ok(0));
            };
            let n = chunk.len().min(buf.len());
            buf[..n].copy_from_slice(&chunk[..n]);
            *chunk = &chunk[n..];
            if chunk.is_empty() {
                chunks.pop_front();
            } else {
                // The rest of a chunk can be had at once.
                pending = true;
            }
            Poll::Ready(Ok(n))
        });
        match got {
            // A waker is registered by the socket's own pending, and by nothing else.
            Poll::Pending => assert!(was_pending),
            Poll::Ready(Ok(0)) => {
                assert!(was_end, "the end was reported before it came");
                return out;
            }
            Poll::Ready(Ok(n)) => out.extend_from_slice(&buf[..n]),
            Poll::Ready(Err(error)) => panic!("{error}"),
        }
    }
}

/// Checks that a stream comes out as this, wherever it is cut and however little room there is.
fn assert_filtered(stream: &[u8], expected: &[u8]) {
    let big = stream.len() + 1;
    assert_eq!(read([stream], big), expected, "in one piece");
    for at in 0..stream.len() {
        let (left, right) = stream.split_at(at);
        assert_eq!(read([left, right], big), expected, "cut at {at}");
        assert_eq!(read([left, right], 5), expected, "cut at {at}, by fives");
    }
    for size in 1..40 {
        let chunks = || stream.chunks(size);
        assert_eq!(read(chunks(), big), expected, "in pieces of {size}");
        assert_eq!(read(chunks(), 1), expected, "in pieces of {size}, by ones");
        assert_eq!(read([stream], size), expected, "with room for {size}");
    }
}

#[test]
fn a_good_stream_passes_untouched() {
    let close = frame(1, b"\0\x14\0\x28\x01\x94\x09not found\0\x32\0\x0A");
    let stream = [delivery(), heartbeat(), delivery(), close].concat();
    assert_filtered(&stream, &stream);
}

#[test]
fn a_bad_header_becomes_a_bare_one() {
    let bad = [deliver("math"), header(1 << 10, b"\x02\xC3\x28"), body()].concat();
    let good = [deliver("math"), bare(), body()].concat();
    let stream = [delivery(), bad.clone(), bad, delivery(), heartbeat()].concat();
    let expected = [delivery(), good.clone(), good, delivery(), heartbeat()].concat();
    assert_filtered(&stream, &expected);
}

#[test]
fn a_routing_key_is_patched() {
    let broken = |key: &[u8]| {
        let mut frame = deliver(&"?".repeat(key.len()));
        let at = frame.len() - 1 - key.len();
        frame[at..at + key.len()].copy_from_slice(key);
        frame
    };
    let stream = [broken(b"a\xFF\xC3\xA9\xE2\x82"), bare(), body()].concat();
    let expected = [deliver("a?\u{e9}??"), bare(), body()].concat();
    assert_filtered(&stream, &expected);
}

#[test]
fn a_header_that_is_larger_than_a_frame_may_be_is_replaced() {
    let headers = |length: u32| {
        let key = b"\x01ax";
        let table = [
            &(length + 7).to_be_bytes()[..],
            key,
            &length.to_be_bytes(),
            &vec![b'.'; length as usize],
        ];
        header(1 << 13, &table.concat())
    };
    let largest = headers(131_072 - 22 - 11);
    assert_eq!(largest.len(), 131_072);
    for chunk in [131_072, 4_096, 65_537] {
        assert_eq!(read(largest.chunks(chunk), 1 << 20), largest);
        let stream = [delivery(), headers(131_072 - 22 - 10), body(), delivery()].concat();
        let expected = [delivery(), bare(), body(), delivery()].concat();
        assert_eq!(read(stream.chunks(chunk), 1 << 20), expected);
    }
    let mut narrow = Guard::new(8_192);
    let stream = [headers(9_000), delivery()].concat();
    let expected = [bare(), delivery()].concat();
    assert_eq!(
        read_through(&mut narrow, stream.chunks(11), 100_000),
        expected
    );
}

#[test]
fn what_is_not_a_publishers_doing_is_left_to_lapin() {
    let mut endless = frame(1, b"\0\x3C\0\x3C");
    endless[3..7].copy_from_slice(&u32::MAX.to_be_bytes());
    let mut unended = header(1 << 10, b"\x01\xFF");
    *unended.last_mut().unwrap() = 0;
    for foreign in [
        b"AMQP\x00\x00\x09\x01".to_vec(),
        b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(),
        frame(2, b""),
        frame(2, b"\0\x3C\0\0\0\0\0\0\0\0\0\x05\0"),
        frame(1, b"\0\x3C\0\x3C\xFFcut off"),
        frame(1, b""),
        frame(3, b""),
        unended,
        endless,
    ] {
        let stream = [delivery(), foreign].concat();
        assert_filtered(&stream, &stream);
    }
}

#[test]
fn the_end_inside_a_frame_is_an_end() {
    let cut = deliver("math");
    let stream = [&delivery()[..], &cut[..cut.len() - 3]].concat();
    assert_eq!(read([&stream[..]], 100), delivery());
}

#[test]
fn an_error_is_passed_on() {
    let mut guard = Guard::new(0);
    let mut reads = 0;
    let failed = guard.poll_read(&mut [0; 64], |buf| {
        reads += 1;
        if reads == 1 {
            buf[..3].copy_from_slice(&[2, 0, 7]);
            return Poll::Ready(Ok(3));
        }
        Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()))
    });
    let Poll::Ready(Err(error)) = failed else {
        panic!("{failed:?}");
    };
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
}

/// It is asked for more, and the broker's own additions can make a header larger than it then allows.
#[test]
fn a_header_larger_than_what_the_broker_wants_becomes_a_bare_one() {
    let mut headers = FieldTable::default();
    headers.insert(
        "x-death".into(),
        AMQPValue::LongString("x".repeat(5_000).into()),
    );
    let large = header_of(&AMQPProperties::default().with_headers(headers));
    let untuned = [deliver("math"), large, body()].concat();
    assert_eq!(read([&*untuned], 10_000), untuned);
    let frame_max = 4_096_u32.to_be_bytes();
    let tune = frame(
        1,
        &[&[0, 10, 0, 30, 7, 255][..], &frame_max, &[0, 60]].concat(),
    );
    let stream = [&*tune, &*untuned].concat();
    let expected = [tune, deliver("math"), bare(), body()].concat();
    assert_eq!(read([&*stream], 10_000), expected);
}
