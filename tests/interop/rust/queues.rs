//! The Leveret side of the Node tests of tasks and events: `interop-queues NAMESPACE ROLE NAME [JSON]`, with the broker in
//! `AMQP_URL`. It prints a line of JSON for everything that comes. What a handler does, its job says in `do`.

use std::collections::BTreeMap;
use std::time::Duration;

use leveret::{
    Codec, Connection, Events, HeaderValue, Message, Outcome, Publish, Push, Retry, TaskQueue,
};
use rustix::process::{Signal, getpid, kill_process};
use serde::Deserialize;
use serde_json::{Value, json};

/// What the roles may be told, each its own part.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Options {
    value: Value,
    json: bool,
    delay_ms: Option<u64>,
    dedup: Option<String>,
    priority: Option<u8>,
    metadata: BTreeMap<String, String>,
    kind: String,
    keys: Vec<String>,
    headers: BTreeMap<String, Value>,
    group: Option<String>,
}

impl Options {
    fn codec(&self) -> Codec {
        if self.json {
            Codec::Json
        } else {
            Codec::MsgPack
        }
    }

    fn events(&self, name: &str) -> Events<Value> {
        match self.kind.as_str() {
            "fanout" => Events::fanout(name),
            "direct" => Events::direct(name),
            "headers" => Events::headers(name),
            _ => Events::topic(name),
        }
    }

    fn headers(&self) -> impl Iterator<Item = (&String, HeaderValue)> {
        self.headers.iter().map(|(name, value)| {
            let value = match value {
                Value::Bool(value) => (*value).into(),
                Value::Number(number) => number.as_i64().unwrap_or_default().into(),
                other => other.as_str().unwrap_or_default().into(),
            };
            (name, value)
        })
    }
}

fn queue(name: &str) -> TaskQueue<Value> {
    let retry = Retry::new(3).delay(Duration::from_millis(200), Duration::from_millis(400));
    TaskQueue::new(name).retry(retry)
}

fn tell(value: &Value) {
    println!("{value}");
}

async fn handle(value: Value, message: Message) -> Outcome {
    let text = |(name, value)| match value {
        HeaderValue::Text(text) => Some((name, text)),
        _ => None,
    };
    tell(&json!({
        "value": value,
        "attempt": message.attempt(),
        "id": message.id(),
        "exchange": message.exchange(),
        "routing_key": message.routing_key(),
        "headers": message.headers().filter_map(text).collect::<BTreeMap<_, _>>(),
    }));
    match value["do"].as_str() {
        Some("fail") => Outcome::retry("told to fail"),
        Some("fail once") if message.attempt() == 1 => Outcome::retry("told to fail once"),
        Some("reject") => Outcome::reject("told to reject"),
        Some("die") => {
            let _ = kill_process(getpid(), Signal::KILL);
            std::future::pending().await
        }
        _ => Outcome::Done,
    }
}

fn push(mut push: Push, options: &Options) -> Push {
    for (key, value) in &options.metadata {
        push = push.metadata(key.clone(), value.clone());
    }
    if let Some(millis) = options.delay_ms {
        push = push.delay(Duration::from_millis(millis));
    }
    if let Some(key) = &options.dedup {
        push = push.dedup(key.clone());
    }
    match options.priority {
        Some(priority) => push.priority(priority),
        None => push,
    }
}

async fn dead_letter(connection: &Connection, name: &str) -> Result<(), leveret::Error> {
    let tasks = connection.tasks(&queue(name));
    loop {
        if let Some(letter) = tasks.dead_letters().await?.next().await? {
            tell(&json!({
                "value": letter.job().ok(),
                "id": letter.id(),
                "reason": letter.reason().to_string(),
                "attempts": letter.attempts(),
                "error": letter.error(),
            }));
            letter.discard().await?;
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [namespace, role, name, options @ ..] = arguments.as_slice() else {
        return Err("usage: interop-queues NAMESPACE ROLE NAME [JSON]".into());
    };
    let options: Options = match options {
        [json, ..] => serde_json::from_str(json)?,
        [] => Options::default(),
    };
    let builder = Connection::builder(std::env::var("AMQP_URL")?).namespace(namespace);
    let connection = builder.connect().await?;
    match role.as_str() {
        "work" => {
            let worker = connection.worker(&queue(name)).start(handle).await?;
            tell(&json!("ready"));
            worker.run().await?;
        }
        "push" => {
            let tasks = connection.tasks(&queue(name)).with_codec(options.codec());
            let id = push(tasks.push(&options.value), &options).await?;
            tell(&json!(id.to_string()));
        }
        "dead" => dead_letter(&connection, name).await?,
        "publish" => {
            let publisher = connection.events(&options.events(name));
            let publisher = publisher.with_codec(options.codec());
            let publish = publisher.publish(&options.value);
            let publish = options.headers().fold(publish, |publish, (name, value)| {
                publish.header(name, value)
            });
            let id = options.keys.iter().fold(publish, Publish::key).await?;
            tell(&json!(id.to_string()));
        }
        "subscribe" => {
            let mut subscription = connection.subscribe(&options.events(name));
            for key in &options.keys {
                subscription = subscription.key(key);
            }
            if !options.headers.is_empty() {
                subscription = subscription.all(options.headers());
            }
            if let Some(group) = &options.group {
                subscription = subscription.durable(group);
            }
            let retry = Retry::new(3).delay(Duration::from_millis(200), Duration::from_millis(400));
            let subscription = subscription.retry(retry).start(handle).await?;
            tell(&json!("ready"));
            subscription.run().await?;
        }
        other => return Err(format!("no role: {other}").into()),
    }
    connection.close().await;
    Ok(())
}
