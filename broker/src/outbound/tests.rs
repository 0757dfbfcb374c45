//! Order, splitting, and what happens when the peer does not read.

use amq_protocol::frame::{AMQPFrame, parse_frame};
use proptest::prelude::*;
use tokio::io::AsyncReadExt;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::message::Meter;
use crate::wire::properties::Properties;

fn message(body: Vec<u8>) -> Message {
    let properties = Properties::parse(Bytes::from_static(&[0, 0])).expect("properties");
    let body = body.into();
    Message::new(&Meter::default(), "".into(), "q".into(), properties, body)
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

/// The sizes of the body frames, and the body.
fn body(bytes: &[u8]) -> (Vec<usize>, Vec<u8>) {
    let mut sizes = Vec::new();
    let mut body = Vec::new();
    for frame in frames(bytes) {
        if let AMQPFrame::Body(_, part) = frame {
            sizes.push(part.len());
            body.extend(part);
        }
    }
    (sizes, body)
}

/// Both ends of a loopback connection.
async fn connected() -> (OwnedWriteHalf, OwnedReadHalf, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let (ours, theirs) = tokio::join!(TcpStream::connect(address), listener.accept());
    let (read, write) = ours.expect("a connection").into_split();
    (write, read, theirs.expect("a connection").0)
}

#[test]
fn a_body_is_split_at_the_receivers_frame_max() {
    let out = Outbound::detached();
    out.set_frame_max(4096);
    out.deliver(1, "t", 1, false, &message(Vec::new()));
    assert!(body(&out.take()).0.is_empty());
    for (length, expected) in [
        (1, vec![1]),
        (4088, vec![4088]),
        (4089, vec![4088, 1]),
        (3 * 4088, vec![4088; 3]),
    ] {
        out.deliver(1, "t", 1, false, &message(vec![7; length]));
        let (sizes, body) = body(&out.take());
        assert_eq!(sizes, expected);
        assert_eq!(body, vec![7; length]);
    }
}

#[test]
fn only_the_first_append_since_a_flush_says_so() {
    let out = Outbound::detached();
    assert!(out.heartbeat());
    assert!(!out.ack(1, 1, false));
    out.flush();
    assert!(out.nack(1, 2, false));
    out.close();
    assert!(!out.heartbeat());
}

#[test]
fn congestion_begins_above_the_mark_and_ends_when_it_is_relieved() {
    let out = Outbound::detached();
    let megabyte = message(vec![0; 1 << 20]);
    for tag in 0..4 {
        assert!(!out.congested());
        out.deliver(1, "t", tag, false, &megabyte);
    }
    assert!(out.congested() && !out.relieve());
    out.take();
    assert!(out.congested());
    assert!(out.relieve() && !out.congested() && !out.relieve());
}

#[tokio::test]
async fn what_the_kernel_does_not_take_follows_in_order() {
    let (write, _read, mut peer) = connected().await;
    let wake = Arc::<Notify>::default();
    let out = Outbound::new(write, Arc::clone(&wake));
    out.set_frame_max(131_072);
    let sent: Vec<u8> = (0..12u32 << 20).map(|at| (at % 251) as u8).collect();
    out.deliver(1, "t", 1, false, &message(sent.clone()));
    out.flush();
    assert!(out.is_full() && out.congested());
    out.heartbeat();
    out.flush();

    let expected = 12 << 20;
    let writer = async {
        wake.notified().await;
        while out.is_full() {
            out.writable().await;
        }
        wake.notified().await;
        assert!(out.is_done() && out.relieve());
    };
    let reader = async {
        let mut received = Vec::with_capacity(expected);
        while !received.ends_with(&[8, 0, 0, 0, 0, 0, 0, 0xce]) {
            assert_ne!(peer.read_buf(&mut received).await.expect("bytes"), 0);
        }
        received
    };
    let ((), received) = tokio::join!(writer, reader);
    assert_eq!(out.written(), received.len() as u64);
    let (sizes, body) = body(&received);
    assert!(sizes.iter().all(|size| *size <= 131_064));
    assert!(body == sent);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_writers_do_not_mix_their_frames() {
    const EACH: u64 = 2000;
    let (write, _read, mut peer) = connected().await;
    let out = Outbound::new(write, Arc::default());
    out.set_frame_max(131_072);
    let writers: Vec<_> = (1..=4u16)
        .map(|channel| {
            let out = Arc::clone(&out);
            tokio::task::spawn_blocking(move || {
                let large = message(vec![channel as u8; 6000]);
                for tag in 1..=EACH {
                    if tag % 16 == 0 {
                        out.deliver(channel, "t", tag, false, &large);
                    } else {
                        out.ack(channel, tag, false);
                    }
                    out.flush();
                }
            })
        })
        .collect();
    let pump = async {
        while !(out.is_done() && writers.iter().all(tokio::task::JoinHandle::is_finished)) {
            out.writable().await;
            tokio::task::yield_now().await;
        }
        out.close();
    };
    let mut received = Vec::new();
    let ((), read) = tokio::join!(pump, peer.read_to_end(&mut received));
    read.expect("everything");

    let mut last = [0u64; 5];
    for frame in frames(&received) {
        use amq_protocol::protocol::basic::AMQPMethod;
        if let AMQPFrame::Method(channel, AMQPClass::Basic(method)) = frame {
            let tag = match method {
                AMQPMethod::Ack(ack) => ack.delivery_tag,
                AMQPMethod::Deliver(deliver) => deliver.delivery_tag,
                other => panic!("{other:?}"),
            };
            let last = &mut last[usize::from(channel)];
            assert_eq!(tag, *last + 1);
            *last = tag;
        }
    }
    assert_eq!(last, [0, EACH, EACH, EACH, EACH]);
}

#[tokio::test]
async fn held_back_bytes_keep_their_order() {
    let (write, _read, mut peer) = connected().await;
    let out = Outbound::new(write, Arc::default());
    let delay = Duration::from_millis(50);
    out.delay(Some(delay));
    let begin = Instant::now();
    out.ack(1, 1, false);
    out.flush();
    assert!(out.next_release().is_some() && !out.is_done());
    // What comes after the delay was taken away must not overtake.
    out.delay(None);
    out.ack(1, 2, false);
    out.flush();
    while let Some(release) = out.next_release() {
        tokio::time::sleep_until(release).await;
        out.flush();
    }
    assert!(begin.elapsed() >= delay && out.is_done());
    out.ack(1, 3, false);
    out.flush();
    let mut received = [0; 3 * 21];
    peer.read_exact(&mut received).await.expect("bytes");
    let tags: Vec<_> = received.chunks(21).map(|frame| frame[18]).collect();
    assert_eq!(tags, [1, 2, 3]);
}

#[tokio::test]
async fn a_stalled_connection_writes_nothing() {
    let (write, _read, mut peer) = connected().await;
    let out = Outbound::new(write, Arc::default());
    out.stall(true);
    out.heartbeat();
    out.flush();
    assert_eq!(out.written(), 0);
    out.stall(false);
    assert_eq!(out.written(), 8);
    let mut received = [0; 8];
    peer.read_exact(&mut received).await.expect("bytes");
}

#[tokio::test]
async fn a_peer_that_is_gone_ends_it() {
    let (write, read, peer) = connected().await;
    let wake = Arc::<Notify>::default();
    let out = Outbound::new(write, Arc::clone(&wake));
    drop((peer, read));
    while !out.is_closed() {
        out.deliver(1, "t", 1, false, &message(vec![0; 100]));
        out.flush();
        tokio::task::yield_now().await;
    }
    wake.notified().await;
    assert!(!out.heartbeat() && out.is_done());
}

proptest! {
    #[test]
    fn bodies_of_any_size_arrive_whole(
        lengths in prop::collection::vec(0usize..20_000, 1..8),
        frame_max in 4096u32..20_000,
    ) {
        let out = Outbound::detached();
        out.set_frame_max(frame_max);
        let mut expected = Vec::new();
        for (at, length) in lengths.into_iter().enumerate() {
            let bytes = vec![at as u8; length];
            out.returned(1, 312, "NO_ROUTE", &message(bytes.clone()));
            expected.extend(bytes);
        }
        let (sizes, body) = body(&out.take());
        prop_assert!(sizes.iter().all(|size| *size > 0 && *size <= frame_max as usize - 8));
        prop_assert_eq!(body, expected);
    }
}
