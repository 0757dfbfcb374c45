//! Bodies made to hurt: each gets its one typed error in an instant, and the server goes on.

use std::time::{Duration, Instant};

use harness::{Broker, Raw, RawMessage};
use leveret::{Connection, Server};

use crate::fixture::{LONG, Worker, connect, memory, serve, work};

struct Stage {
    raw: Raw,
    queue: String,
    client: Connection,
    _server: (Connection, Server),
    _broker: Broker,
}

async fn stage() -> Stage {
    let broker = Broker::shared().await;
    let names = broker.namespace();
    let home = connect(broker.url(), &names).await;
    let server = serve(&home, &Worker::default()).await;
    Stage {
        raw: broker.raw().await,
        queue: format!("{names}work"),
        client: connect(broker.url(), &names).await,
        _server: (home, server),
        _broker: broker,
    }
}

impl Stage {
    /// The body is refused as an invalid argument, fast, and a good call is answered after it.
    async fn assert_refused(&self, what: &str, content_type: &str, body: Vec<u8>) {
        let size = body.len();
        let start = Instant::now();
        let reply = self
            .raw
            .call(
                &self.queue,
                RawMessage {
                    kind: Some("echo".into()),
                    content_type: Some(content_type.into()),
                    body,
                    ..RawMessage::default()
                },
            )
            .await;
        let took = start.elapsed();
        assert_eq!(reply.kind.as_deref(), Some("leveret.error"), "{what}");
        let body = String::from_utf8_lossy(&reply.body).into_owned();
        assert!(body.contains("InvalidArgument"), "{what}: {body}");
        assert!(
            reply.body.len() < 4096,
            "{what}: {} bytes",
            reply.body.len()
        );
        // A debug build on a busy machine; a bomb that goes off takes minutes, or the process.
        assert!(
            took < Duration::from_secs(5),
            "{what}, {size} bytes: {took:?}"
        );
        let answer = work(&self.client, LONG).double(3).await;
        assert_eq!(answer.expect("the server is alive"), 6, "{what}");
    }
}

const MSGPACK: &str = "application/msgpack";
const JSON: &str = "application/json";

#[tokio::test]
async fn nesting_is_bounded() {
    let stage = stage().await;
    for depth in [200, 1_000, 100_000, 1_000_000] {
        let what = format!("{depth} deep");
        let arrays = vec![0x91; depth];
        stage.assert_refused(&what, MSGPACK, arrays).await;
        // {"text": {"text": ...
        let maps = b"\x81\xa4text".repeat(depth);
        stage.assert_refused(&what, MSGPACK, maps).await;
        let arrays = [b"[".repeat(depth), b"]".repeat(depth)].concat();
        stage.assert_refused(&what, JSON, arrays.clone()).await;
        let open = b"{\"text\":".repeat(depth);
        stage.assert_refused(&what, JSON, open).await;
        let inside = [b"{\"text\":".to_vec(), arrays, b"}".to_vec()].concat();
        stage.assert_refused(&what, JSON, inside).await;
    }
}

#[tokio::test]
async fn a_length_is_not_believed() {
    let stage = stage().await;
    let before = memory("VmHWM");
    for header in [0xdd, 0xdf, 0xdb, 0xc6, 0xc9] {
        let what = format!("{header:#x}");
        let bare = vec![header, 0xff, 0xff, 0xff, 0xff];
        stage.assert_refused(&what, MSGPACK, bare.clone()).await;
        // As the value of the right argument, where a decoder would make room for it.
        let argument = [b"\x81\xa4text".to_vec(), bare].concat();
        stage.assert_refused(&what, MSGPACK, argument).await;
    }
    let grown = memory("VmHWM") - before;
    assert!(grown < 64, "{grown} MiB for a few bytes");
}

#[tokio::test]
async fn a_million_keys_take_no_time() {
    let stage = stage().await;
    let count = 1_000_000_u32;
    let mut distinct = [&[0xdf][..], &count.to_be_bytes()].concat();
    let mut same = distinct.clone();
    for n in 0..count {
        distinct.extend([0xa4]);
        distinct.extend(format!("{n:04x}").as_bytes().iter().rev().take(4));
        distinct.push(0xc0);
        same.extend(b"\xa4text\xc0");
    }
    stage
        .assert_refused("distinct keys", MSGPACK, distinct)
        .await;
    stage.assert_refused("one key", MSGPACK, same).await;
    let json = format!("{{{}\"z\":0}}", "\"text\":0,".repeat(count as usize));
    stage
        .assert_refused("one key", JSON, json.into_bytes())
        .await;
    let elements = [
        &[0xdd][..],
        &count.to_be_bytes(),
        &vec![0xc0; count as usize],
    ]
    .concat();
    stage.assert_refused("elements", MSGPACK, elements).await;
    let numbers = format!("[{}0]", "0,".repeat(count as usize));
    stage
        .assert_refused("elements", JSON, numbers.into_bytes())
        .await;
    let digits = "1".repeat(count as usize);
    stage
        .assert_refused("digits", JSON, digits.into_bytes())
        .await;
}
