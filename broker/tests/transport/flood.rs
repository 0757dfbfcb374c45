//! A consumer that does not read is given no more than the broker will keep for it, and everything once it reads. A
//! publisher that never stops is not only read.

use amq_protocol::frame::{AMQPContentHeader, AMQPFrame};
use amq_protocol::protocol::{AMQPClass, basic, channel, queue};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Duration, timeout};

use crate::raw::{Raw, broker, bytes};

const BODY: usize = 100_000;
const COUNT: usize = 400;

async fn channel_open(raw: &mut Raw) {
    let open = channel::AMQPMethod::Open(channel::Open::default());
    request(raw, AMQPClass::Channel(open)).await;
}

/// Sends a method on channel 1 and waits for the answer.
async fn request(raw: &mut Raw, method: AMQPClass) -> AMQPFrame {
    raw.send(&bytes(&AMQPFrame::Method(1, method))).await;
    raw.next().await.expect("an answer")
}

fn declare(passive: bool) -> AMQPClass {
    AMQPClass::Queue(queue::AMQPMethod::Declare(queue::Declare {
        queue: "flood".into(),
        passive,
        ..queue::Declare::default()
    }))
}

fn message(mark: usize, size: usize) -> Vec<u8> {
    let publish = basic::AMQPMethod::Publish(basic::Publish {
        routing_key: "flood".into(),
        ..basic::Publish::default()
    });
    let header = AMQPContentHeader {
        class_id: 60,
        body_size: size as u64,
        properties: Default::default(),
    };
    [
        bytes(&AMQPFrame::Method(1, AMQPClass::Basic(publish))),
        bytes(&AMQPFrame::Header(1, header)),
        bytes(&AMQPFrame::Body(1, vec![mark as u8; size])),
    ]
    .concat()
}

#[tokio::test]
async fn a_consumer_that_does_not_read_gets_everything_once_it_does() {
    let broker = broker().await;
    let mut consumer = Raw::open(&broker, 0).await;
    channel_open(&mut consumer).await;
    request(&mut consumer, declare(false)).await;
    let consume = basic::AMQPMethod::Consume(basic::Consume {
        queue: "flood".into(),
        consumer_tag: "t".into(),
        no_ack: true,
        ..basic::Consume::default()
    });
    request(&mut consumer, AMQPClass::Basic(consume)).await;

    let mut publisher = Raw::open(&broker, 0).await;
    channel_open(&mut publisher).await;
    for mark in 0..COUNT {
        publisher.send(&message(mark, BODY)).await;
    }
    let declared = request(&mut publisher, declare(true)).await;
    let AMQPFrame::Method(1, AMQPClass::Queue(queue::AMQPMethod::DeclareOk(declared))) = declared
    else {
        panic!("{declared:?}");
    };
    // What is neither in the kernel's buffers nor in the connection's 4 MiB has stayed in the queue.
    assert!(
        declared.message_count > COUNT as u32 / 2,
        "{}",
        declared.message_count
    );

    for mark in 0..COUNT {
        let AMQPFrame::Method(1, AMQPClass::Basic(basic::AMQPMethod::Deliver(deliver))) =
            consumer.next().await.expect("a delivery")
        else {
            panic!("not a delivery");
        };
        assert_eq!(deliver.delivery_tag, mark as u64 + 1);
        assert!(matches!(
            consumer.next().await,
            Some(AMQPFrame::Header(1, _))
        ));
        let AMQPFrame::Body(1, body) = consumer.next().await.expect("a body") else {
            panic!("not a body");
        };
        assert!(body.len() == BODY && body.iter().all(|byte| *byte == mark as u8));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_never_stops_sending_still_gets_heartbeats() {
    let broker = broker().await;
    let mut raw = Raw::open(&broker, 1).await;
    channel_open(&mut raw).await;
    let (mut read, mut write) = raw.into_stream().into_split();
    let flood = message(0, 1).repeat(2000);
    let flooding = tokio::spawn(async move { while write.write_all(&flood).await.is_ok() {} });
    let mut beat = [0; 8];
    let read = timeout(Duration::from_secs(20), read.read_exact(&mut beat)).await;
    flooding.abort();
    read.expect("in time").expect("a socket");
    assert_eq!(&beat, b"\x08\0\0\0\0\0\0\xce");
}
