//! Tasks and events on the wire: what the library publishes and declares is what the golden files say.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use leveret::{
    Codec, Connection, Events, HeaderValue, Outcome, Publish, Push, QueueOptions, Retry,
    SubscriptionBuilder, TaskQueue, TraceContext, Worker,
};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::any::Any;
use crate::same;
use crate::travel::{Message, Place};

#[derive(Deserialize)]
struct Named<T> {
    name: String,
    #[serde(flatten)]
    content: T,
}

fn load<T: DeserializeOwned>(file: &str) -> Vec<Named<T>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("wire")
        .join(file);
    let messages: Vec<_> = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    assert!(!messages.is_empty());
    messages
}

/// Gathers what is wrong, so that one run tells all.
#[derive(Default)]
struct Findings(Vec<String>);

impl Findings {
    fn note(&mut self, name: &str, found: Result<(), String>) {
        self.0
            .extend(found.err().map(|error| format!("{name}: {error}")));
    }

    fn report(self) {
        assert!(self.0.is_empty(), "{}", self.0.join("\n"));
    }
}

fn compare(
    found: Message,
    expected: &Message,
    varies: &BTreeMap<String, String>,
) -> Result<(), String> {
    same("published", &found.settle(expected, varies)?, expected)
}

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

async fn connect(place: &Place, namespace: &str) -> Connection {
    let builder = Connection::builder(&place.url).namespace(namespace);
    builder.connect().await.unwrap()
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

fn queue<T>(name: &str, quorum: bool) -> TaskQueue<T> {
    TaskQueue::new(name).options(if quorum {
        QueueOptions::quorum()
    } else {
        QueueOptions::classic()
    })
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

fn events<T>(kind: &str, name: &str) -> Events<T> {
    match kind {
        "fanout" => Events::fanout(name),
        "direct" => Events::direct(name),
        "topic" => Events::topic(name),
        "headers" => Events::headers(name),
        other => panic!("{other}"),
    }
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

/// A queue of tasks or a durable subscription.
#[derive(Deserialize)]
struct Source {
    queue: Option<String>,
    exchange: Option<String>,
    #[serde(default)]
    kind: String,
    #[serde(default)]
    keys: Vec<String>,
    group: Option<String>,
    #[serde(default)]
    quorum: bool,
    delay_ms: Option<u64>,
}

impl Source {
    fn subscription(&self, connection: &Connection) -> Option<SubscriptionBuilder<Any>> {
        let events = events(&self.kind, self.exchange.as_ref()?);
        let subscription = connection.subscribe(&events);
        let subscription = subscription.durable(self.group.as_ref()?);
        Some(
            self.keys
                .iter()
                .fold(subscription, SubscriptionBuilder::key),
        )
    }

    fn queue(&self) -> String {
        match (&self.queue, &self.exchange, &self.group) {
            (Some(queue), ..) => queue.clone(),
            (_, Some(exchange), Some(group)) => format!("{exchange}.{group}"),
            _ => panic!("a source is a queue, or an exchange and a group"),
        }
    }
}

#[derive(Clone, Default, Deserialize)]
#[serde(default)]
struct Settled {
    retry_ms: Option<u64>,
    reason: String,
    reject: Option<String>,
}

impl From<Settled> for Outcome {
    fn from(settled: Settled) -> Self {
        match (settled.retry_ms, settled.reject) {
            (Some(millis), _) => Self::retry_in(Duration::from_millis(millis), settled.reason),
            (None, Some(reason)) => Self::reject(reason),
            (None, None) => panic!("the handler was not to be called"),
        }
    }
}

#[derive(Deserialize)]
struct Copy {
    #[serde(flatten)]
    source: Source,
    attempts: u32,
    delivered: Message,
    outcome: Settled,
    published: Message,
    #[serde(default)]
    varies: BTreeMap<String, String>,
}

async fn work(connection: &Connection, copy: &Copy) -> Worker {
    let retry = Retry::new(copy.attempts);
    let outcome = copy.outcome.clone();
    let handler = move |_: Any, _| std::future::ready(Outcome::from(outcome.clone()));
    let worker = match copy.source.subscription(connection) {
        Some(subscription) => subscription.retry(retry).start(handler).await,
        None => {
            let queue = queue(&copy.source.queue(), false).retry(retry);
            connection.worker(&queue).start(handler).await
        }
    };
    worker.unwrap()
}

#[tokio::test]
async fn copies_of_what_failed() {
    let place = Place::new().await;
    let mut findings = Findings::default();
    for Named { name, content } in load::<Copy>("copies.json") {
        let connection = connect(&place, "").await;
        let exchange = &content.published.exchange;
        if !exchange.is_empty() {
            place.exchange(exchange, lapin::ExchangeKind::Topic).await;
        }
        let caught = place.catch(exchange).await;
        let worker = work(&connection, &content).await;
        assert!(place.publish(&content.delivered).await, "{name}");
        let found = match &caught {
            Some(queue) => place.take(queue).await,
            None => place.take(&content.published.routing_key).await,
        };
        let found = compare(found, &content.published, &content.varies);
        findings.note(&name, found);
        worker.stop().await;
        connection.close().await;
        // What rests would pass by in the next case otherwise.
        for level in 0..=4 {
            place.raw.delete(&format!("leveret.delay.{level}")).await;
        }
        for end in ["", ".dead", ".suspect"] {
            let queue = format!("{}{end}", content.source.queue());
            place.raw.delete(&queue).await;
        }
    }
    place.remove().await;
    findings.report();
}

#[derive(Deserialize)]
struct Topology {
    of: Source,
    declared: Vec<Declared>,
}

#[derive(Deserialize)]
struct Declared {
    queue: String,
    arguments: Map<String, Value>,
    #[serde(default)]
    bindings: Vec<Binding>,
    exchange_binding: Option<ExchangeBinding>,
}

#[derive(Deserialize)]
struct Binding {
    exchange: String,
    routing_key: String,
}

#[derive(Deserialize)]
struct ExchangeBinding {
    destination: String,
    source: String,
    routing_key: String,
}

/// A key that a binding key takes.
fn fitting(pattern: &str) -> String {
    pattern.replace('*', "0").replace('#', "1.2")
}

/// Lets the library declare what it needs.
async fn declare(place: &Place, of: &Source) {
    let connection = connect(place, "").await;
    match of.subscription(&connection) {
        Some(subscription) => {
            let handler = |_: Any, _| std::future::ready(());
            subscription.start(handler).await.unwrap().stop().await;
        }
        None => {
            let tasks = connection.tasks(&queue::<()>(&of.queue(), of.quorum));
            let delay = Duration::from_millis(of.delay_ms.unwrap_or(100));
            tasks.push(&()).delay(delay).await.unwrap();
        }
    }
    connection.close().await;
}

async fn is_declared(place: &Place, content: &Declared) -> Result<(), String> {
    if place.raw.queue(&content.queue).await.is_none() {
        return Err("it does not exist".into());
    }
    place.redeclare(&content.queue, &content.arguments).await?;
    for Binding {
        exchange,
        routing_key,
    } in &content.bindings
    {
        let message = Message::to(exchange, &fitting(routing_key));
        same("bound", &place.publish(&message).await, &true)?;
    }
    if let Some(binding) = &content.exchange_binding {
        let caught = place.catch(&binding.destination).await.unwrap();
        let message = Message::to(&binding.source, &fitting(&binding.routing_key));
        same("bound", &place.publish(&message).await, &true)?;
        let arrived = place.take(&caught).await;
        same("routing key", &arrived.routing_key, &message.routing_key)?;
    }
    Ok(())
}

#[tokio::test]
async fn queues_and_exchanges() {
    let mut findings = Findings::default();
    for Named { name, content } in load::<Topology>("topology.json") {
        // What one case declares must not help the next.
        let place = Place::new().await;
        declare(&place, &content.of).await;
        for declared in &content.declared {
            let what = format!("{name}, {}", declared.queue);
            findings.note(&what, is_declared(&place, declared).await);
        }
        place.remove().await;
    }
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
