//! What anybody who may write to a service's queue can do to the service: nothing.

use harness::eventually;
use lapin::ExchangeKind;
use lapin::options::{ExchangeDeclareOptions, ExchangeDeleteOptions, QueueBindOptions};
use lapin::types::FieldTable;
use leveret::ReplyPath;

use crate::headers::{
    CONTENT_TYPE, HEADERS, TYPE, headers, hostile, may_be_refused, nested, properties,
};
use crate::peer::{Message, Outcome, long, short};
use crate::victim::Scene;

#[tokio::test]
async fn hostile_headers_are_dropped() {
    let mut scene = Scene::set(ReplyPath::Queue, "").await;
    let queue = scene.queue();
    let mut dropped = 0;
    for (name, properties) in hostile() {
        let message = Message {
            routing_key: queue.as_bytes(),
            properties: &properties,
            body: b"{}",
            ..Message::default()
        };
        match scene.publish(message).await {
            Outcome::Taken => dropped += 1,
            Outcome::Refused(_) if may_be_refused(&name) => {}
            other => panic!("{name}: {other:?}"),
        }
        eventually(&format!("{name} dropped"), async || {
            scene.server.dropped_messages() == dropped
        })
        .await;
        scene.assert_unhurt(&name).await;
    }
    scene.assert_all_acknowledged().await;
}

#[tokio::test]
async fn headers_that_are_too_large_for_us_are_dropped() {
    let mut scene = Scene::set(ReplyPath::Queue, "?frame_max=8192").await;
    let queue = scene.queue();
    let large = [b"\x01tS", &long(&[b'.'; 20_000])[..]].concat();
    let message = Message {
        routing_key: queue.as_bytes(),
        properties: &headers(&large),
        ..Message::default()
    };
    assert_eq!(scene.publish(message).await, Outcome::Taken);
    eventually("it dropped", async || scene.server.dropped_messages() == 1).await;
    scene.assert_unhurt("a large header").await;
    scene.assert_all_acknowledged().await;
}

#[tokio::test]
async fn odd_messages_that_can_be_read_are_served() {
    let mut scene = Scene::set(ReplyPath::Queue, "").await;
    let raw = scene.broker.raw().await;
    let exchange = format!("{}topics", scene.names);
    let channel = raw.channel();
    channel
        .exchange_declare(
            exchange.as_str().into(),
            ExchangeKind::Topic,
            ExchangeDeclareOptions::default(),
            FieldTable::default(),
        )
        .await
        .expect("an exchange");
    channel
        .queue_bind(
            scene.queue().into(),
            exchange.as_str().into(),
            "#".into(),
            QueueBindOptions::default(),
            FieldTable::default(),
        )
        .await
        .expect("a binding");
    let json = short(b"application/json");
    let ping = short(b"ping");
    let headers = long(&nested(b'F', 5));
    let plain = properties(&[(CONTENT_TYPE, &json), (TYPE, &ping)]);
    let nested = properties(&[(CONTENT_TYPE, &json), (HEADERS, &headers), (TYPE, &ping)]);
    for (key, properties) in [
        (&b"caf\xE9.\xFF"[..], &plain),
        (&[0xC3; 255], &plain),
        (b"caf\xC3\xA9", &plain),
        (b"nested", &nested),
    ] {
        let served = scene.pings() + 1;
        let message = Message {
            exchange: &exchange,
            routing_key: key,
            properties,
            body: b"{}",
        };
        assert_eq!(scene.publish(message).await, Outcome::Taken, "{key:?}");
        eventually("it served", async || scene.pings() == served).await;
        scene.assert_unhurt(&format!("{key:?}")).await;
    }
    assert_eq!(scene.server.dropped_messages(), 0);
    scene.assert_all_acknowledged().await;
    channel
        .exchange_delete(exchange.into(), ExchangeDeleteOptions::default())
        .await
        .expect("no exchange");
}
