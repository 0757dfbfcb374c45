//! Batches: as many as fit or as have come in time, settled together unless one is settled by hand.

use std::time::{Duration, Instant};

use harness::within;
use leveret::{Code, Connection, DeathReason, Events, Message, Outcome, Worker};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::world::{Journal, TENTH, World, json, work};

type Batch = Vec<(String, Message)>;

const NEVER: Duration = Duration::from_secs(3600);

/// A worker that gives the jobs of each batch to the test, and succeeds.
async fn collecting(
    connection: &Connection,
    size: u16,
    age: Duration,
) -> (UnboundedReceiver<Vec<String>>, Worker) {
    let (sender, batches) = unbounded_channel();
    let worker = connection
        .worker(&work())
        .concurrency(1)
        .start_batches(size, age, move |batch: Batch| {
            let jobs = batch.into_iter().map(|(job, _)| job).collect();
            sender.send(jobs).unwrap();
            async {}
        })
        .await
        .expect("a worker");
    (batches, worker)
}

async fn push(connection: &Connection, jobs: &[&str]) {
    for job in jobs {
        let tasks = connection.tasks(&work());
        tasks.push(&(*job).to_owned()).await.unwrap();
    }
}

#[tokio::test]
async fn a_full_batch_does_not_wait() {
    let world = World::new().await;
    let connection = world.connect().await;
    let (mut batches, worker) = collecting(&connection, 3, NEVER).await;
    push(&connection, &["a", "b", "c", "d", "e", "f", "g"]).await;
    for expected in [["a", "b", "c"], ["d", "e", "f"]] {
        let batch = within("a batch", batches.recv()).await.unwrap();
        assert_eq!(batch, expected);
    }
    // What is left is no batch yet; the worker has it, and gives it back when it stops.
    world.wait_ready("work", 0).await;
    within("the worker's end", worker.stop()).await;
    assert!(batches.try_recv().is_err());
    world.wait_ready("work", 1).await;
}

#[tokio::test]
async fn a_batch_that_is_old_enough_does_not_wait_for_more() {
    let world = World::new().await;
    let connection = world.connect().await;
    let (mut batches, worker) = collecting(&connection, 100, 3 * TENTH).await;
    let start = Instant::now();
    push(&connection, &["a"]).await;
    assert_eq!(within("a batch", batches.recv()).await.unwrap(), ["a"]);
    assert!(start.elapsed() >= 3 * TENTH);
    push(&connection, &["b"]).await;
    assert_eq!(within("a batch", batches.recv()).await.unwrap(), ["b"]);
    world.assert_all_settled(worker).await;
}

#[tokio::test]
async fn a_batch_fails_together_but_for_those_settled_by_hand() {
    let world = World::new().await;
    let connection = world.connect().await;
    let journal = Journal::default();
    let noted = journal.clone();
    let worker = connection
        .worker(&work())
        .concurrency(1)
        .start_batches(4, TENTH, move |batch: Batch| {
            let noted = noted.clone();
            async move {
                for (job, message) in batch {
                    noted.note(&*job, &message);
                    match &*job {
                        "good" => message.ack().await.unwrap(),
                        "bad" => message.reject("it is bad").await.unwrap(),
                        "later" if message.attempt() == 1 => {
                            message.retry_in(NEVER, "not now").await.unwrap();
                        }
                        _ => {}
                    }
                }
                Outcome::retry("the statement failed")
            }
        })
        .await
        .unwrap();
    push(&connection, &["good", "bad", "later", "unlucky"]).await;
    // Four in the first run, and twice the one that is left.
    journal.wait(6).await;
    let tasks = connection.tasks(&work());
    world.wait_ready("work.dead", 2).await;
    world.assert_all_settled(worker).await;
    let mut letters = tasks.dead_letters().await.unwrap();
    let letter = letters.next().await.unwrap().unwrap();
    assert_eq!(
        (letter.job().unwrap(), letter.reason()),
        ("bad".into(), DeathReason::Rejected)
    );
    let letter = letters.next().await.unwrap().unwrap();
    assert_eq!(letter.job().unwrap(), "unlucky");
    assert_eq!(letter.reason(), DeathReason::Attempts);
    assert_eq!(letter.error(), Some("the statement failed"));
    assert_eq!(journal.jobs()[4..], ["unlucky", "unlucky"]);
}

#[tokio::test]
async fn what_cannot_be_read_leaves_its_batch() {
    let world = World::new().await;
    let connection = world.connect().await;
    let (mut batches, worker) = collecting(&connection, 3, TENTH).await;
    let mut unreadable = json("a");
    unreadable.content_type = Some("image/png".into());
    let raw = world.raw().await;
    assert!(raw.publish("", &world.named("work"), json("a")).await);
    assert!(raw.publish("", &world.named("work"), unreadable).await);
    push(&connection, &["b"]).await;
    let mut jobs = Vec::new();
    while jobs.len() < 2 {
        jobs.extend(within("a batch", batches.recv()).await.unwrap());
    }
    assert_eq!(jobs, ["a", "b"]);
    let letter = world.dead_letter(&connection.tasks(&work())).await;
    assert_eq!(letter.reason(), DeathReason::Undecodable);
    world.assert_all_settled(worker).await;
}

#[tokio::test]
async fn a_batch_that_panics_or_takes_too_long_is_tried_again() {
    let world = World::new().await;
    let connection = world.connect().await;
    let journal = Journal::default();
    let noted = journal.clone();
    let worker = connection
        .worker(&work())
        .concurrency(1)
        .timeout(TENTH)
        .start_batches(2, NEVER, move |batch: Batch| {
            for (job, message) in &batch {
                noted.note(&**job, message);
            }
            let attempt = batch[0].1.attempt();
            async move {
                assert!(attempt != 1, "out of order");
                if attempt == 2 {
                    std::future::pending::<()>().await;
                }
            }
        })
        .await
        .unwrap();
    push(&connection, &["a", "b"]).await;
    journal.wait(6).await;
    world.assert_all_settled(worker).await;
    assert_eq!(journal.attempts(), [1, 1, 2, 2, 3, 3]);
}

#[tokio::test]
async fn events_come_in_batches_too() {
    let world = World::new().await;
    let connection = world.connect().await;
    let logs = Events::<String>::fanout("logs");
    let (sender, mut batches) = unbounded_channel();
    let _worker = connection
        .subscribe(&logs)
        .start_batches(2, NEVER, move |batch: Batch| {
            let jobs: Vec<_> = batch.into_iter().map(|(job, _)| job).collect();
            sender.send(jobs).unwrap();
            async {}
        })
        .await
        .unwrap();
    for event in ["a", "b"] {
        connection
            .events(&logs)
            .publish(&event.to_owned())
            .await
            .unwrap();
    }
    assert_eq!(within("a batch", batches.recv()).await.unwrap(), ["a", "b"]);
}

#[tokio::test]
async fn a_batch_that_can_never_be_full_is_refused() {
    let world = World::new().await;
    let connection = world.connect().await;
    let worker = || connection.worker(&work());
    let start = async |worker: leveret::WorkerBuilder<String>, size| {
        worker
            .start_batches(size, TENTH, async |_| ())
            .await
            .map(drop)
    };
    for refused in [
        start(worker().prefetch(9), 10).await,
        start(worker(), 0).await,
        start(worker().concurrency(0), 1).await,
        start(worker().prefetch(0), 1).await,
        start(worker().rate(0, TENTH), 1).await,
        start(worker().rate(1, Duration::ZERO), 1).await,
    ] {
        assert_eq!(refused.unwrap_err().code(), Code::InvalidArgument);
    }
    start(worker().prefetch(10), 10).await.unwrap();
}

#[tokio::test]
async fn a_suspect_is_a_batch_of_its_own_and_waits_for_no_other() {
    let world = World::new().await;
    let connection = world.connect().await;
    let (mut batches, worker) = collecting(&connection, 10, NEVER).await;
    let suspect = world.named("work.suspect");
    assert!(world.raw().await.publish("", &suspect, json("a")).await);
    assert_eq!(within("a batch", batches.recv()).await.unwrap(), ["a"]);
    world.assert_all_settled(worker).await;
}
