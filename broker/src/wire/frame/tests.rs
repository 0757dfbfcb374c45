//! Whatever the pieces in which bytes arrive, and whatever is wrong with them.

use proptest::prelude::*;

use super::*;

fn raw(octet: u8, channel: u16, payload: &[u8], end: u8) -> Vec<u8> {
    let mut bytes = vec![octet];
    bytes.extend(channel.to_be_bytes());
    bytes.extend((payload.len() as u32).to_be_bytes());
    bytes.extend(payload);
    bytes.push(end);
    bytes
}

fn decode(bytes: &[u8]) -> Result<Option<Frame>, Fault> {
    Decoder::new().next(&mut BytesMut::from(bytes))
}

fn text(fault: Result<Option<Frame>, Fault>) -> (bool, u16, String) {
    match fault.expect_err("a fault") {
        Fault::Frame(refusal) => (false, refusal.code, refusal.text),
        Fault::Stream(refusal) => (true, refusal.code, refusal.text),
    }
}

#[test]
fn waits_for_a_whole_frame_and_makes_room_for_it() {
    let bytes = raw(3, 1, &[7; 3000], END);
    let mut decoder = Decoder::new();
    let mut input = BytesMut::from(&bytes[..HEAD]);
    assert_eq!(decoder.next(&mut input), Ok(None));
    assert!(input.capacity() >= bytes.len());
    input.extend_from_slice(&bytes[HEAD..bytes.len() - 1]);
    assert_eq!(decoder.next(&mut input), Ok(None));
    input.extend_from_slice(&[END]);
    let frame = decoder.next(&mut input).expect("sound").expect("whole");
    let payload = Bytes::from(vec![7; 3000]);
    let kind = Kind::Body;
    assert_eq!(
        frame,
        Frame::Content {
            kind,
            channel: 1,
            payload
        }
    );
    assert!(input.is_empty());
}

#[test]
fn refuses_a_size_before_any_byte_of_it() {
    let mut decoder = Decoder::new();
    let mut input = BytesMut::from(&[1, 0, 0, 0xff, 0xff, 0xff, 0xff][..]);
    let room = input.capacity();
    let expected =
        "FRAME_ERROR - type 1, all octets = <<>>: {frame_too_large,4294967295,4088}".to_owned();
    assert_eq!(text(decoder.next(&mut input)), (true, 501, expected));
    assert!(input.capacity() <= room);
    // Nothing after it can be told apart.
    input.extend_from_slice(&raw(8, 0, &[], END));
    assert_eq!(decoder.next(&mut input), Ok(None));
    assert!(input.is_empty());
}

#[test]
fn the_limit_is_the_negotiated_one() {
    let mut decoder = Decoder::new();
    let frame = raw(3, 1, &[0; 4097], END);
    decoder.set_frame_max(4097);
    assert!(matches!(
        decoder.next(&mut BytesMut::from(&frame[..])),
        Ok(Some(_))
    ));
    assert!(matches!(decode(&frame), Err(Fault::Stream(_))));
    assert!(matches!(decode(&raw(3, 1, &[0; 4096], END)), Ok(Some(_))));
}

#[test]
fn says_what_rabbitmq_says_of_a_wrong_end() {
    let expected = "FRAME_ERROR - type 3, first 16 octets = <<\"aaaaaaaaaaaaaaaa\">>: \
                    {invalid_frame_end_marker,0}";
    let wrong = decode(&raw(3, 1, &[b'a'; 40], 0));
    assert_eq!(text(wrong), (true, 501, expected.to_owned()));

    let close = [0, 10, 0, 50, 0, 200, 0, 0, 0, 0, 0];
    let expected = format!(
        "FRAME_ERROR - type 1, all octets = <<0,10,0,50,0,200,0,0,0,0,0>>: \
         {{invalid_frame_end_marker,\n{}0}}",
        " ".repeat(53)
    );
    assert_eq!(text(decode(&raw(1, 0, &close, 0))), (true, 501, expected));
}

#[test]
fn skips_a_frame_that_makes_no_sense() {
    for (octet, channel, payload, code, expected) in [
        (
            9,
            0,
            &b"abc"[..],
            501,
            "FRAME_ERROR - type 9, all octets = <<\"abc\">>: unknown_frame",
        ),
        (
            8,
            0,
            b"x",
            501,
            "FRAME_ERROR - type 8, all octets = <<\"x\">>: unknown_frame",
        ),
        (
            8,
            1,
            b"",
            505,
            "UNEXPECTED_FRAME - type 8, all octets = <<>>",
        ),
        (
            1,
            1,
            &[0, 10, 0],
            501,
            "FRAME_ERROR - type 1, all octets = <<0,10,0>>: unknown_frame",
        ),
        (
            2,
            1,
            &[0, 60],
            501,
            "FRAME_ERROR - type 2, all octets = <<0,60>>: unknown_frame",
        ),
    ] {
        let mut decoder = Decoder::new();
        let mut input = BytesMut::from(&raw(octet, channel, payload, END)[..]);
        input.extend_from_slice(&raw(8, 0, &[], END));
        let wrong = decoder.next(&mut input);
        assert_eq!(text(wrong), (false, code, expected.to_owned()));
        assert_eq!(decoder.next(&mut input), Ok(Some(Frame::Heartbeat)));
    }
}

/// Frames of every kind, sound and not.
fn frames() -> impl Strategy<Value = Vec<u8>> {
    let payload = prop::collection::vec(any::<u8>(), 0..200);
    let end = prop_oneof![9 => Just(END), 1 => any::<u8>()];
    let frame = (0u8..10, 0u16..3, payload, end);
    let frame = frame.prop_map(|(octet, channel, payload, end)| raw(octet, channel, &payload, end));
    prop::collection::vec(frame, 0..20).prop_map(|frames| frames.concat())
}

fn drain(decoder: &mut Decoder, input: &mut BytesMut, seen: &mut Vec<Result<Frame, Fault>>) {
    loop {
        match decoder.next(input) {
            Ok(None) => return,
            Ok(Some(frame)) => seen.push(Ok(frame)),
            Err(fault) => seen.push(Err(fault)),
        }
    }
}

proptest! {
    #[test]
    fn pieces_make_no_difference(bytes in frames(), cuts in prop::collection::vec(1usize..64, 1..40)) {
        let (mut whole, mut pieces) = (Vec::new(), Vec::new());
        drain(&mut Decoder::new(), &mut BytesMut::from(&bytes[..]), &mut whole);

        let mut decoder = Decoder::new();
        let mut input = BytesMut::new();
        let mut rest = &bytes[..];
        let mut cuts = cuts.iter().cycle();
        while !rest.is_empty() {
            let (piece, after) = rest.split_at(rest.len().min(*cuts.next().unwrap_or(&1)));
            input.extend_from_slice(piece);
            drain(&mut decoder, &mut input, &mut pieces);
            rest = after;
        }
        prop_assert_eq!(whole, pieces);
    }

    #[test]
    fn no_bytes_break_it(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let mut seen = Vec::new();
        drain(&mut Decoder::new(), &mut BytesMut::from(&bytes[..]), &mut seen);
    }
}
