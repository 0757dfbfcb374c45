//! One test's part of the broker: a namespace, connections into it, a journal of what handlers were given, and questions
//! about the queues.

use std::sync::Arc;
use std::time::{Duration, Instant};

use harness::{Broker, Raw, RawMessage, eventually, eventually_some, within};
use leveret::{
    Connection, ConnectionBuilder, DeadLetter, Message, Retry, TaskQueue, Tasks, Worker,
    WorkerBuilder,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::watch;

/// A tenth of a second, the unit of all delays.
pub(crate) const TENTH: Duration = Duration::from_millis(100);

/// The queue of most tests: three attempts, close together.
pub(crate) fn work() -> TaskQueue<String> {
    TaskQueue::new("work").retry(quick(3))
}

pub(crate) const fn quick(attempts: u32) -> Retry {
    Retry::new(attempts).delay(TENTH, TENTH)
}

pub(crate) struct World {
    pub(crate) broker: Broker,
    pub(crate) namespace: String,
}

impl World {
    pub(crate) async fn new() -> Self {
        let broker = Broker::shared().await;
        let namespace = broker.namespace();
        Self { broker, namespace }
    }

    pub(crate) fn builder(&self) -> ConnectionBuilder {
        self.builder_to(self.broker.url())
    }

    /// By another way to the broker.
    pub(crate) fn builder_to(&self, url: &str) -> ConnectionBuilder {
        Connection::builder(url)
            .namespace(&self.namespace)
            .backoff(Duration::from_millis(20), Duration::from_millis(200))
    }

    pub(crate) async fn connect(&self) -> Connection {
        self.builder().connect().await.expect("a connection")
    }

    pub(crate) async fn raw(&self) -> Raw {
        self.broker.raw().await
    }

    /// A name of this test, as the broker knows it.
    pub(crate) fn named(&self, name: &str) -> String {
        format!("{}{name}", self.namespace)
    }

    /// How many messages are ready in a queue; none in one that does not exist.
    pub(crate) async fn ready(&self, name: &str) -> u32 {
        let found = self.raw().await.queue(&self.named(name)).await;
        found.map_or(0, |(ready, _)| ready)
    }

    /// Stops a worker of the queue `work`, the last one. What it had not settled would be back in a queue then.
    pub(crate) async fn assert_all_settled(&self, worker: Worker) {
        within("the worker's end", worker.stop()).await;
        let raw = self.raw().await;
        for name in ["work", "work.suspect"] {
            let queue = self.named(name);
            eventually("the end of the consumer", async || {
                raw.queue(&queue).await.is_some_and(|(_, users)| users == 0)
            })
            .await;
            assert_eq!(raw.queue(&queue).await, Some((0, 0)), "{name}: unsettled");
        }
    }

    /// Waits until so many messages are ready in a queue.
    pub(crate) async fn wait_ready(&self, name: &str, count: u32) {
        let (raw, queue) = (self.raw().await, self.named(name));
        eventually(&format!("{count} messages in {name}"), async || {
            raw.queue(&queue).await.map_or(0, |(ready, _)| ready) == count
        })
        .await;
    }

    /// Waits until somebody has all messages of a queue.
    pub(crate) async fn wait_consumed(&self, name: &str) {
        let (raw, queue) = (self.raw().await, self.named(name));
        eventually(&format!("a consumer of {name}"), async || {
            raw.queue(&queue).await == Some((0, 1))
        })
        .await;
    }

    /// Waits for a dead letter, and takes the oldest.
    pub(crate) async fn dead_letter<T>(&self, tasks: &Tasks<T>) -> DeadLetter<T>
    where
        T: Serialize + DeserializeOwned + 'static,
    {
        eventually_some("a dead letter", async || {
            let mut letters = tasks.dead_letters().await.expect("the dead letters");
            letters.next().await.expect("an answer")
        })
        .await
    }

    /// Puts a message into a queue that has been declared, and gives it back once, so that it is delivered again.
    pub(crate) async fn redeliver(&self, name: &str, message: RawMessage) {
        let queue = self.named(name);
        assert!(self.raw().await.publish("", &queue, message).await);
        let taker = self.raw().await;
        let taken = taker.consume(&queue, 1).await.next().await;
        taken.nack(true).await;
    }
}

/// A message as a foreign program writes it: JSON text.
pub(crate) fn json(text: &str) -> RawMessage {
    RawMessage {
        content_type: Some("application/json".into()),
        body: format!("{text:?}").into_bytes(),
        ..RawMessage::default()
    }
}

/// What a handler was given.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    pub(crate) job: String,
    pub(crate) id: Option<String>,
    pub(crate) attempt: u32,
    pub(crate) redelivered: bool,
    pub(crate) queue: String,
    pub(crate) exchange: String,
    pub(crate) routing_key: String,
    pub(crate) at: Instant,
}

/// What handlers were given, in order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Journal(Arc<watch::Sender<Vec<Run>>>);

impl Journal {
    pub(crate) fn note(&self, job: impl Into<String>, message: &Message) {
        let run = Run {
            job: job.into(),
            id: message.id().map(str::to_owned),
            attempt: message.attempt(),
            redelivered: message.redelivered(),
            queue: message.queue().to_owned(),
            exchange: message.exchange().to_owned(),
            routing_key: message.routing_key().to_owned(),
            at: Instant::now(),
        };
        self.0.send_modify(|runs| runs.push(run));
    }

    /// Waits for so many runs, and gives all that there have been.
    pub(crate) async fn wait(&self, count: usize) -> Vec<Run> {
        let mut runs = self.0.subscribe();
        let enough = async {
            let enough = runs.wait_for(|runs| runs.len() >= count).await;
            enough.expect("the journal lives").clone()
        };
        within(&format!("{count} runs"), enough).await
    }

    pub(crate) fn jobs(&self) -> Vec<String> {
        self.0.borrow().iter().map(|run| run.job.clone()).collect()
    }

    pub(crate) fn sorted(&self) -> Vec<String> {
        let mut jobs = self.jobs();
        jobs.sort();
        jobs
    }

    /// The numbers below this, of three digits, each came once.
    pub(crate) fn assert_each_once(&self, count: usize) {
        let each: Vec<_> = (0..count).map(|n| format!("{n:03}")).collect();
        assert_eq!(self.sorted(), each);
    }

    pub(crate) fn attempts(&self) -> Vec<u32> {
        self.0.borrow().iter().map(|run| run.attempt).collect()
    }
}

/// A worker of the queue that notes what it is given and succeeds.
pub(crate) async fn noting(
    connection: &Connection,
    queue: &TaskQueue<String>,
    journal: &Journal,
) -> Worker {
    let journal = journal.clone();
    let worker = connection.worker(queue).concurrency(1);
    worker
        .start(move |job: String, message: Message| {
            journal.note(job, &message);
            std::future::ready(())
        })
        .await
        .expect("a worker")
}

/// What handlers wait at until the test opens it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Gate(Arc<watch::Sender<bool>>);

impl Gate {
    pub(crate) fn open(&self) {
        self.0.send_replace(true);
    }

    pub(crate) async fn passed(&self) {
        let _ = self.0.subscribe().wait_for(|open| *open).await;
    }
}

/// Starts it with handlers that note their task and wait at the gate.
pub(crate) async fn holding(
    worker: WorkerBuilder<String>,
    journal: &Journal,
    gate: &Gate,
) -> Worker {
    let (journal, gate) = (journal.clone(), gate.clone());
    worker
        .start(move |job: String, message: Message| {
            journal.note(job, &message);
            let gate = gate.clone();
            async move { gate.passed().await }
        })
        .await
        .expect("a worker")
}
