//! Bytes that nobody would send, in the middle of an open connection: whatever they do to it, the broker goes on and
//! what it answers is well-formed.

use proptest::prelude::*;

use super::*;

fn frame(octet: u8, channel: u16, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![octet];
    bytes.extend(channel.to_be_bytes());
    bytes.extend((payload.len() as u32).to_be_bytes());
    bytes.extend(payload);
    bytes.push(0xce);
    bytes
}

/// Few enough names and numbers that the methods meet each other's.
fn argument() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        Just(b"\0".to_vec()),
        Just(b"\0\0".to_vec()),
        Just(b"\0\0\0\0".to_vec()),
        Just(b"\0\0\0\0\0\0\0\x01".to_vec()),
        Just(b"\x01q".to_vec()),
        Just(b"\x06direct".to_vec()),
        Just(b"\x0aamq.direct".to_vec()),
        Just(b"\x18amq.rabbitmq.reply-to".to_vec()),
        Just(b"\0\0\0\x08\x05x-ttlt\x01".to_vec()),
        prop::collection::vec(any::<u8>(), 0..6),
    ]
}

fn method() -> impl Strategy<Value = Vec<u8>> {
    let class = prop::sample::select(vec![20u16, 40, 50, 60, 60, 60, 85, 90]);
    let method = prop::sample::select(vec![10u16, 20, 30, 40, 50, 60, 70, 80, 90, 110, 120]);
    let arguments = prop::collection::vec(argument(), 0..7);
    (class, method, arguments).prop_map(|(class, method, arguments)| {
        let mut payload = class.to_be_bytes().to_vec();
        payload.extend(method.to_be_bytes());
        payload.extend(arguments.concat());
        payload
    })
}

fn publish() -> impl Strategy<Value = Vec<u8>> {
    let properties = prop_oneof![
        Just(b"\0\0".to_vec()),
        Just(b"\x02\0\x01q".to_vec()),
        Just(b"\x01\0\x011".to_vec()),
        Just(b"\x20\0\0\0\0\x0a\x02CCS\0\0\0\x02qq".to_vec()),
        prop::collection::vec(any::<u8>(), 0..12),
    ];
    (
        properties,
        0u64..40,
        prop::collection::vec(any::<u8>(), 0..40),
    )
        .prop_map(|(properties, size, body)| {
            let mut header = vec![0, 60, 0, 0];
            header.extend(size.to_be_bytes());
            header.extend(properties);
            let publish = frame(1, 1, b"\0\x3c\0\x28\0\0\0\x01q\x01");
            [publish, frame(2, 1, &header), frame(3, 1, &body)].concat()
        })
}

fn piece() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        8 => (0u16..4, method()).prop_map(|(channel, payload)| frame(1, channel, &payload)),
        3 => publish(),
        2 => (1u16..4).prop_map(channel_open),
        1 => (0u8..9, 0u16..3, method()).prop_map(|(octet, channel, payload)| frame(octet, channel, &payload)),
        1 => prop::collection::vec(any::<u8>(), 0..30),
    ]
}

proptest! {
    #[test]
    fn no_frames_break_the_broker(pieces in prop::collection::vec(piece(), 1..60)) {
        let mut client = Client::open();
        client.raw(&channel_open(1));
        for bytes in pieces {
            let mut input = BytesMut::from(&bytes[..]);
            let next = client.session.receive(&mut input);
            client.replies();
            if next != Next::Read {
                break;
            }
        }
        client.session.end();
    }

    #[test]
    fn no_bytes_break_the_handshake(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        for mut client in [Client::new(), Client::starting(), Client::tuning(), Client::opening()] {
            client.session.receive(&mut BytesMut::from(&bytes[..]));
            client.replies();
        }
    }
}
