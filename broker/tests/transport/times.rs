//! What takes time, on a clock that goes by itself as soon as everyone waits.

use std::time::Duration;

use amq_protocol::frame::AMQPFrame;
use amq_protocol::protocol::connection;
use tokio::time::Instant;

use crate::raw::{Method, Raw, broker, close};

async fn seconds_until_gone(mut raw: Raw) -> f64 {
    let begin = Instant::now();
    while raw.next().await.is_some() {}
    begin.elapsed().as_secs_f64()
}

#[track_caller]
fn assert_about(seconds: f64, expected: f64) {
    assert!(
        (seconds - expected).abs() < 0.1,
        "{seconds} is not about {expected}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_handshake_must_be_done_in_ten_seconds() {
    let broker = broker().await;
    assert_about(seconds_until_gone(Raw::connect(&broker).await).await, 10.0);
    let mut begun = Raw::connect(&broker).await;
    begun.send(b"AMQP\0\0\x09\x01").await;
    assert_about(seconds_until_gone(begun).await, 10.0);
    // An open connection has no such limit.
    let mut open = Raw::open(&broker, 0).await;
    let waited = tokio::time::timeout(Duration::from_secs(3600), open.next()).await;
    assert!(waited.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_silent_peer_is_given_up_after_three_intervals() {
    let broker = broker().await;
    let mut raw = Raw::open(&broker, 4).await;
    let begin = Instant::now();
    let mut beats = Vec::new();
    while let Some(frame) = raw.next().await {
        assert_eq!(frame, AMQPFrame::Heartbeat);
        beats.push(begin.elapsed().as_secs());
    }
    assert_about(begin.elapsed().as_secs_f64(), 12.0);
    // Half an interval apart; the first half saw the handshake.
    assert_eq!(beats, [4, 6, 8, 10]);
}

#[tokio::test(start_paused = true)]
async fn heartbeats_keep_a_connection() {
    let broker = broker().await;
    let mut raw = Raw::open(&broker, 4).await;
    for _ in 0..50 {
        raw.send(b"\x08\0\0\0\0\0\0\xce").await;
        let frame = raw.next().await;
        assert_eq!(frame, Some(AMQPFrame::Heartbeat));
    }
}

#[tokio::test(start_paused = true)]
async fn who_makes_no_sense_is_left_waiting() {
    let broker = broker().await;
    let mut raw = Raw::connect(&broker).await;
    raw.send(b"AMQP\0\0\x09\x01").await;
    raw.method(Method::Open(connection::Open::default())).await;
    assert_about(seconds_until_gone(raw).await, 3.0);

    let mut other = Raw::connect(&broker).await;
    other.send(b"GET / HTTP/1.1\r\n\r\n").await;
    let begin = Instant::now();
    let answer = other.next().await;
    assert!(
        matches!(answer, Some(AMQPFrame::ProtocolHeader(_))),
        "{answer:?}"
    );
    assert_eq!(other.next().await, None);
    assert_about(begin.elapsed().as_secs_f64(), 0.0);
}

#[tokio::test(start_paused = true)]
async fn an_answer_to_a_close_is_waited_for_five_seconds() {
    let broker = broker().await;
    let mut raw = Raw::open(&broker, 0).await;
    let stopped = tokio::spawn(async move {
        let begin = Instant::now();
        broker.stop().await;
        begin.elapsed().as_secs_f64()
    });
    let expected = "CONNECTION_FORCED - broker forced connection closure with reason 'shutdown'";
    assert_eq!(close(raw.next().await), (320, expected.to_owned()));
    assert_eq!(raw.next().await, None);
    assert_about(stopped.await.expect("a stop"), 5.0);
}
