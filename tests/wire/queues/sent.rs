//! What is sent: tasks that are pushed, events that are published.

use std::collections::BTreeMap;
use std::time::Duration;

use leveret::{Codec, HeaderValue, Publish, Push, TaskQueue, TraceContext};
use serde::Deserialize;
use serde_json::Value;

use super::{Findings, Named, compare, connect, events, load, queue};
use crate::same;
use crate::travel::{Message, Place};

/// Ids are new with every message that is not a copy.
fn fresh_id() -> BTreeMap<String, String> {
    [("message_id".to_owned(), "uuid".to_owned())].into()
}

fn codec(name: &str) -> Codec {
    match name {
        "msgpack" => Codec::MsgPack,
        "json" => Codec::Json,
        other => panic!("{other}"),
    }
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Options {
    delay_ms: Option<u64>,
    expires_ms: Option<u64>,
    priority: Option<u8>,
    dedup: Option<String>,
    metadata: BTreeMap<String, String>,
    traceparent: Option<String>,
    quorum: bool,
    /// Of a task what orders it, of an event the routing key.
    key: Option<Value>,
    partitions: Option<u16>,
    headers: BTreeMap<String, Value>,
}

/// A key as text: what is no string is written as in JSON.
fn text(key: &Value) -> String {
    key.as_str().map_or_else(|| key.to_string(), str::to_owned)
}

#[derive(Deserialize)]
struct Pushed {
    queue: String,
    #[serde(default)]
    namespace: String,
    codec: String,
    job: Value,
    options: Options,
    published: Message,
}

fn push(mut push: Push, options: &Options) -> Push {
    for (key, value) in &options.metadata {
        push = push.metadata(key.clone(), value.clone());
    }
    if let Some(millis) = options.delay_ms {
        push = push.delay(Duration::from_millis(millis));
    }
    if let Some(millis) = options.expires_ms {
        push = push.expires(Duration::from_millis(millis));
    }
    if let Some(priority) = options.priority {
        push = push.priority(priority);
    }
    if let Some(key) = &options.dedup {
        push = push.dedup(key.clone());
    }
    if let Some(key) = &options.key {
        push = push.key(text(key));
    }
    match &options.traceparent {
        Some(trace) => push.trace(TraceContext::new(trace.clone())),
        None => push,
    }
}

#[tokio::test]
async fn pushed_tasks() {
    let place = Place::new().await;
    let mut findings = Findings::default();
    for Named { name, content } in load::<Pushed>("tasks.json") {
        let connection = connect(&place, &content.namespace).await;
        let published = &content.published;
        if !published.exchange.is_empty() {
            let topic = lapin::ExchangeKind::Topic;
            place.exchange(&published.exchange, topic).await;
        }
        let caught = place.catch(&published.exchange).await;
        let mut queue = queue::<Value>(&content.queue, content.options.quorum);
        let mut target = format!("{}{}", content.namespace, content.queue);
        let mut declared = vec![
            target.clone(),
            target.clone() + ".dead",
            target.clone() + ".suspect",
        ];
        if let (Some(count), Some(key)) = (content.options.partitions, &content.options.key) {
            queue = queue.keyed(count);
            let partition = crc32(&text(key)) % u32::from(count);
            target = format!("{target}.p{partition}");
            declared.push(target.clone());
        }
        let tasks = connection.tasks(&queue).with_codec(codec(&content.codec));
        let id = push(tasks.push(&content.job), &content.options).await;
        let id = id.unwrap().to_string();
        let queue = caught.as_ref().unwrap_or(&target);
        // What rests for an earlier case may pass by.
        let found = loop {
            let found = place.take(queue).await;
            if found.id() == Some(&*id) {
                break found;
            }
        };
        findings.note(&name, compare(found, published, &fresh_id()));
        for queue in declared {
            place.raw.delete(&queue).await;
        }
        connection.close().await;
    }
    place.remove().await;
    findings.report();
}

#[derive(Deserialize)]
struct Published {
    exchange: String,
    kind: String,
    #[serde(default)]
    namespace: String,
    codec: String,
    event: Value,
    options: Options,
    published: Message,
}

fn header(value: &Value) -> HeaderValue {
    match value {
        Value::Bool(value) => (*value).into(),
        Value::String(text) => text.as_str().into(),
        value => match value.as_i64() {
            Some(number) => number.into(),
            None => value.as_f64().unwrap().into(),
        },
    }
}

fn publish(mut publish: Publish, options: &Options) -> Publish {
    for (key, value) in &options.metadata {
        publish = publish.metadata(key.clone(), value.clone());
    }
    for (name, value) in &options.headers {
        publish = publish.header(name, header(value));
    }
    if let Some(key) = &options.key {
        publish = publish.key(text(key));
    }
    if let Some(millis) = options.expires_ms {
        publish = publish.expires(Duration::from_millis(millis));
    }
    match options.priority {
        Some(priority) => publish.priority(priority),
        None => publish,
    }
}

#[tokio::test]
async fn published_events() {
    let place = Place::new().await;
    let mut findings = Findings::default();
    for Named { name, content } in load::<Published>("events.json") {
        let connection = connect(&place, &content.namespace).await;
        let events = events::<Value>(&content.kind, &content.exchange);
        let publisher = connection.events(&events).with_codec(codec(&content.codec));
        let one = || publish(publisher.publish(&content.event), &content.options);
        // The first one makes the exchange, and meets nobody.
        one().await.unwrap();
        let exchange = &content.published.exchange;
        let queue = place.catch(exchange).await.unwrap();
        if content.kind == "direct" {
            place
                .bind(&queue, exchange, &content.published.routing_key)
                .await;
        }
        one().await.unwrap();
        let found = place.take(&queue).await;
        findings.note(&name, compare(found, &content.published, &fresh_id()));
        if !exchange.starts_with("amq.") {
            place.delete_exchange(exchange).await;
        }
        connection.close().await;
    }
    place.remove().await;
    findings.report();
}

#[derive(Deserialize)]
struct Partitioned {
    key: String,
    partitions: u16,
    partition: u32,
}

/// ISO-HDLC, as the page says it and apart from the library's.
fn crc32(text: &str) -> u32 {
    !text.bytes().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| {
            (crc >> 1) ^ (0xedb8_8320 * (crc & 1))
        })
    })
}

#[tokio::test]
async fn partitions_of_keys() {
    let place = Place::new().await;
    let connection = connect(&place, "").await;
    let mut findings = Findings::default();
    for Named { name, content } in load::<Partitioned>("partitions.json") {
        let (key, count) = (&content.key, content.partitions);
        let queue = TaskQueue::new(format!("of-{count}")).keyed(count);
        connection.tasks(&queue).push(&()).key(key).await.unwrap();
        let target = format!("of-{count}.p{}", content.partition);
        let there = place.raw.queue(&target).await;
        findings.note(&name, same(&target, &there, &Some((1, 0))));
        place.raw.delete(&target).await;
    }
    connection.close().await;
    place.remove().await;
    findings.report();
}
