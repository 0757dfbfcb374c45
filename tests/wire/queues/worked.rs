//! What workers and subscribers do: the copies of what has failed, and the queues that they declare.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use harness::{Raw, within};
use leveret::{Connection, Outcome, Retry, SubscriptionBuilder, Worker};
use serde::Deserialize;
use serde_json::{Map, Value};
use tokio::sync::Notify;

use super::{Findings, Named, compare, connect, events, load, queue};
use crate::any::Any;
use crate::same;
use crate::travel::{Message, Place};

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
    /// It came to somebody before, who has ended.
    #[serde(default)]
    redelivered: bool,
    delivered: Message,
    outcome: Settled,
    published: Message,
    #[serde(default)]
    varies: BTreeMap<String, String>,
}

async fn work(connection: &Connection, copy: &Copy, held: &Arc<Notify>) -> Worker {
    let retry = Retry::new(copy.attempts);
    let (outcome, held) = (copy.outcome.clone(), Arc::clone(held));
    let holds = copy.redelivered;
    let handler = move |_: Any, _| {
        let (outcome, held) = (outcome.clone(), Arc::clone(&held));
        async move {
            if holds {
                held.notify_one();
                std::future::pending::<()>().await;
            }
            Outcome::from(outcome)
        }
    };
    let worker = match copy.source.subscription(connection) {
        Some(subscription) => subscription.retry(retry).start(handler).await,
        None => {
            let queue = queue(&copy.source.queue(), false).retry(retry);
            connection.worker(&queue).start(handler).await
        }
    };
    worker.unwrap()
}

/// Sends a message to a queue, and lets it come again.
async fn redeliver(place: &Place, message: &Message) {
    assert!(place.publish(message).await);
    let taker = Raw::connect(&place.url).await;
    let taken = taker.consume(&message.routing_key, 1).await.next().await;
    taken.nack(true).await;
}

/// What a copy is that nobody waits for but its own worker: it is held, and set aside as it is when that stops.
async fn set_aside(place: &Place, worker: &Worker, held: &Notify, queue: &str) -> Message {
    within("what was set aside", held.notified()).await;
    worker.stop_now();
    worker.stop().await;
    place.take(queue).await
}

#[tokio::test]
async fn copies_of_what_failed() {
    let place = Place::new().await;
    let mut findings = Findings::default();
    for Named { name, content } in load::<Copy>("copies.json") {
        let connection = connect(&place, "").await;
        let Message {
            exchange,
            routing_key,
            ..
        } = &content.published;
        if !exchange.is_empty() {
            place.exchange(exchange, lapin::ExchangeKind::Topic).await;
        }
        let caught = place.catch(exchange).await;
        let held = Arc::new(Notify::new());
        let mut worker = work(&connection, &content, &held).await;
        if content.redelivered {
            worker.stop().await;
            redeliver(&place, &content.delivered).await;
            worker = work(&connection, &content, &held).await;
        } else {
            assert!(place.publish(&content.delivered).await, "{name}");
        }
        let found = match &caught {
            Some(queue) => place.take(queue).await,
            None if routing_key.ends_with(".suspect") => {
                set_aside(&place, &worker, &held, routing_key).await
            }
            None => place.take(routing_key).await,
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
struct Mark {
    queue: String,
    partitions: u16,
    delivered: Message,
    published: Message,
    varies: BTreeMap<String, String>,
}

#[tokio::test]
async fn marks_of_what_may_end_its_worker() {
    let mut findings = Findings::default();
    for Named { name, content } in load::<Mark>("marks.json") {
        let place = Place::new().await;
        let connection = connect(&place, "").await;
        let queue = queue::<Any>(&content.queue, false).keyed(content.partitions);
        let work = async || {
            let handler = |_: Any, _| std::future::pending::<()>();
            connection.worker(&queue).start(handler).await.unwrap()
        };
        work().await.stop().await;
        redeliver(&place, &content.delivered).await;
        let worker = work().await;
        let found = place.take(&content.published.routing_key).await;
        let found = compare(found, &content.published, &content.varies);
        findings.note(&name, found);
        worker.stop_now();
        worker.stop().await;
        connection.close().await;
        place.remove().await;
    }
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
