//! The page's programs that push, work, publish and subscribe, against this library on the other side.

use std::sync::Arc;
use std::time::Duration;

use harness::{RawMessage, eventually, eventually_some, within};
use leveret::{Codec, Connection, DeadLetter, DeathReason, Events, Message, TaskQueue, Tasks};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use super::extract;
use crate::programs::Vhost;

#[derive(Debug, Deserialize, PartialEq, Serialize)]
struct Resize {
    image: String,
    width: u32,
}

fn resize(image: &str, width: u32) -> Resize {
    Resize {
        image: image.into(),
        width,
    }
}

fn queue() -> TaskQueue<Resize> {
    TaskQueue::new("resize")
}

async fn dead_letter(tasks: &Tasks<Resize>) -> DeadLetter<Resize> {
    eventually_some("a dead letter", async || {
        let mut letters = tasks.dead_letters().await.unwrap();
        letters.next().await.unwrap()
    })
    .await
}

#[tokio::test]
async fn work_js_works() {
    let vhost = Vhost::new().await;
    let folder = tempfile::tempdir().expect("a folder");
    let mut program = vhost.file(&extract(&folder, "work.js"), &[], "");
    let raw = vhost.raw().await;
    eventually("the example works", async || {
        raw.queue("resize")
            .await
            .is_some_and(|(_, users)| users == 1)
    })
    .await;

    let connection = Connection::connect(&vhost.url).await.unwrap();
    let tasks = connection.tasks(&queue()).with_codec(Codec::Json);
    tasks.push(&resize("cat.png", 640)).await.unwrap();
    program.wait_line("resized cat.png to 640").await;
    let later = tasks.push(&resize("dog.png", 320));
    later.delay(Duration::from_millis(300)).await.unwrap();
    program.wait_line("resized dog.png to 320").await;

    let id = tasks
        .push(&resize("broken.png", 1))
        .metadata("tenant", "acme");
    let id = id.await.unwrap().to_string();
    let letter = dead_letter(&tasks).await;
    assert_eq!(letter.reason(), DeathReason::Attempts);
    assert_eq!((letter.attempts(), letter.id()), (3, Some(&*id)));
    assert_eq!(letter.header("tenant"), Some("acme"));
    assert!(letter.error().is_some() && letter.died_at().is_some());
    letter.discard().await.unwrap();

    tasks.push(&resize("cat.png", 0)).await.unwrap();
    let letter = dead_letter(&tasks).await;
    assert_eq!(letter.reason(), DeathReason::Rejected);
    assert_eq!(letter.job().unwrap(), resize("cat.png", 0));
    letter.discard().await.unwrap();

    let broken = RawMessage {
        body: b"{\"image\":".to_vec(),
        ..RawMessage::default()
    };
    assert!(raw.publish("", "resize", broken).await);
    let letter = dead_letter(&tasks).await;
    assert_eq!(letter.reason(), DeathReason::Undecodable);
    assert!(letter.id().is_some(), "a copy has an id");
    letter.discard().await.unwrap();

    program.kill().await;
    eventually("all was acknowledged", async || {
        raw.queue("resize").await == Some((0, 0))
    })
    .await;
    connection.close().await;
    vhost.remove().await;
}

#[tokio::test]
async fn push_js_pushes() {
    let vhost = Vhost::new().await;
    let connection = Connection::connect(&vhost.url).await.unwrap();
    let (done, mut jobs) = mpsc::unbounded_channel();
    let handler = move |job: Resize, message: Message| {
        let sent = done.send((job, message.id().map(str::to_owned)));
        std::future::ready(sent.map_err(|_| "nobody listens"))
    };
    let worker = connection.worker(&queue()).start(handler).await.unwrap();
    let folder = tempfile::tempdir().expect("a folder");
    let mut program = vhost.file(&extract(&folder, "push.js"), &["cat.png", "640"], "");
    let (job, id) = within("a task", jobs.recv()).await.unwrap();
    assert_eq!(job, resize("cat.png", 640));
    assert!(id.is_some());
    assert!(program.wait().await.success(), "{:?}", program.lines());
    worker.stop().await;
    connection.close().await;
    vhost.remove().await;
}

#[derive(Debug, Deserialize, PartialEq, Serialize)]
struct LogLine {
    text: String,
}

fn line(text: &str) -> LogLine {
    LogLine { text: text.into() }
}

#[tokio::test]
async fn events_py_publishes_and_subscribes() {
    let vhost = Vhost::new().await;
    let connection = Connection::connect(&vhost.url).await.unwrap();
    let logs = Events::<LogLine>::topic("logs");
    let (heard, mut lines) = mpsc::unbounded_channel();
    let heard = Arc::new(heard);
    let subscription = connection.subscribe(&logs).key("kern.*");
    let subscription = subscription
        .start(move |line: LogLine, message: Message| {
            let sent = heard.send((message.routing_key().to_owned(), line));
            std::future::ready(sent.map_err(|_| "nobody listens"))
        })
        .await
        .unwrap();
    let folder = tempfile::tempdir().expect("a folder");
    let path = extract(&folder, "events.py");

    let mut publisher = vhost.file(&path, &["kern.info", "it is warm"], "");
    assert!(publisher.wait().await.success(), "{:?}", publisher.lines());
    let event = within("an event", lines.recv()).await.unwrap();
    assert_eq!(event, ("kern.info".to_owned(), line("it is warm")));

    let mut subscriber = vhost.file(&path, &[], "");
    let publisher = connection.events(&logs).with_codec(Codec::Json);
    // It is there once it hears something.
    eventually("the example listens", async || {
        let event = publisher.publish(&line("the disk is full"));
        event.key("kern.critical").await.unwrap();
        let lines = subscriber.lines();
        lines.contains(&"kern.critical the disk is full".to_owned())
    })
    .await;
    publisher
        .publish(&line("not for it"))
        .key("kern.info")
        .await
        .unwrap();
    publisher
        .publish(&line("the end"))
        .key("disk.critical")
        .await
        .unwrap();
    subscriber.wait_line("disk.critical the end").await;
    let lines = subscriber.lines();
    assert!(
        !lines.iter().any(|line| line.contains("not for it")),
        "{lines:?}"
    );
    subscriber.kill().await;
    subscription.stop().await;
    connection.close().await;
    vhost.remove().await;
}
