//! Tasks that are ordered by key: what their owner leaves behind, and what the next one makes of it.

use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use harness::{Proxy, within};
use leveret::{Connection, ConnectionState, DeathReason, Message, Outcome, TaskQueue, Worker};

use crate::world::{Gate, Journal, TENTH, World, holding, json, quick};

/// One partition, so that whoever has it has all.
const PARTITION: &str = "ordered.p0";

fn ordered() -> TaskQueue<String> {
    TaskQueue::new("ordered").keyed(1).retry(quick(3))
}

/// Tasks by key and job.
async fn push(world: &World, tasks: &[(&str, &str)]) {
    let connection = world.connect().await;
    let queue = connection.tasks(&ordered());
    for (key, job) in tasks {
        queue.push(&(*job).to_owned()).key(*key).await.unwrap();
    }
}

/// Somebody takes so many, and is gone before he is done with any.
async fn had_by_another(world: &World, count: u16) {
    let raw = world.raw().await;
    let mut consumer = raw.consume(&world.named(PARTITION), count).await;
    for _ in 0..count {
        consumer.next().await;
    }
    let gone = raw.channel().close(200, "gone".into()).await;
    gone.expect("the channel's end");
    world.wait_ready(PARTITION, count.into()).await;
}

/// A connection that can be cut.
async fn by_proxy(world: &World) -> (Proxy, Connection) {
    let proxy = Proxy::to(world.broker.url()).await;
    let url = proxy.url_through(world.broker.url());
    let connection = world.builder_to(&url).connect().await.unwrap();
    (proxy, connection)
}

/// Stops the only worker, and looks that nothing is left of any task.
async fn assert_all_settled(world: &World, worker: Worker) {
    within("the worker's end", worker.stop()).await;
    for name in [PARTITION, "ordered.p0.marks", "ordered.dead"] {
        assert_eq!(world.ready(name).await, 0, "{name}");
    }
}

#[tokio::test]
async fn a_suspect_waits_for_one_of_its_key_that_rests() {
    let world = World::new().await;
    for keyed in [true, false] {
        if keyed {
            push(&world, &[("k", "a"), ("k", "b")]).await;
        } else {
            for job in ["a", "b"] {
                let queue = world.named(PARTITION);
                assert!(world.raw().await.publish("", &queue, json(job)).await);
            }
        }
        had_by_another(&world, 2).await;
        let journal = Journal::default();
        let noted = journal.clone();
        let worker = world.connect().await.worker(&ordered()).concurrency(2);
        let worker = worker
            .start(move |job: String, message: Message| {
                let fails = job == "a" && message.attempt() == 1;
                noted.note(job, &message);
                async move { if fails { Err("not yet") } else { Ok(()) } }
            })
            .await
            .unwrap();
        journal.wait(3).await;
        assert_all_settled(&world, worker).await;
        assert_eq!(journal.jobs(), ["a", "a", "b"]);
        assert_eq!(journal.attempts(), [1, 2, 1]);
    }
}

#[tokio::test]
async fn a_stop_does_not_wait_longer_than_its_grace_for_a_suspect() {
    let world = World::new().await;
    push(&world, &[("k", "a")]).await;
    had_by_another(&world, 1).await;
    let (journal, gate) = (Journal::default(), Gate::default());
    let worker = world.connect().await.worker(&ordered()).grace(TENTH);
    let worker = holding(worker, &journal, &gate).await;
    journal.wait(1).await;
    within("the worker's end", worker.stop()).await;
    world.wait_ready(PARTITION, 1).await;
}

#[tokio::test]
async fn a_stop_does_not_wait_longer_than_its_grace_for_what_has_outlived_its_consumer() {
    let world = World::new().await;
    push(&world, &[("k", "a")]).await;
    let (journal, gate) = (Journal::default(), Gate::default());
    let connection = world.connect().await;
    let worker = connection.worker(&ordered()).grace(TENTH);
    let worker = holding(worker, &journal, &gate).await;
    journal.wait(1).await;
    world.raw().await.delete(&world.named(PARTITION)).await;
    // By the answer the consumer's end has come too.
    let _ = connection.tasks(&ordered()).info().await;
    within("the worker's end", worker.stop()).await;
}

#[tokio::test]
async fn a_suspect_outlives_its_session_and_is_not_run_beside_itself_or_blamed() {
    let world = World::new().await;
    push(&world, &[("k", "a")]).await;
    had_by_another(&world, 1).await;
    let (proxy, connection) = by_proxy(&world).await;
    let (journal, gate) = (Journal::default(), Gate::default());
    let worker = connection.worker(&ordered()).concurrency(2);
    let worker = holding(worker, &journal, &gate).await;
    journal.wait(1).await;
    // As often as it may fail.
    for _ in 0..3 {
        let mut states = connection.states();
        proxy.reset_connections().await;
        within("the loss", states.reached(ConnectionState::Reconnecting)).await;
        within("its end", states.reached(ConnectionState::Connected)).await;
        // Delivered again.
        world.wait_consumed(PARTITION).await;
    }
    gate.open();
    push(&world, &[("k", "z")]).await;
    journal.wait(2).await;
    assert_eq!(journal.jobs(), ["a", "z"]);
    assert_all_settled(&world, worker).await;
}

#[tokio::test]
async fn a_task_that_fails_does_not_hide_one_that_ends_its_owners() {
    let world = World::new().await;
    let queue = ordered().retry(quick(2));
    push(&world, &[("f", "fails"), ("p", "poison")]).await;
    had_by_another(&world, 2).await;
    let mut gone = Vec::new();
    let start = async |connection: &Connection, journal: &Journal| {
        let noted = journal.clone();
        let worker = connection.worker(&queue).concurrency(2);
        worker
            .start(move |job: String, message: Message| {
                noted.note(job.clone(), &message);
                async move {
                    match &*job {
                        "fails" => Outcome::retry_in(Duration::from_secs(60), "not yet"),
                        _ => std::future::pending().await,
                    }
                }
            })
            .await
            .unwrap()
    };
    for _ in 0..2 {
        let (proxy, connection) = by_proxy(&world).await;
        let journal = Journal::default();
        let worker = start(&connection, &journal).await;
        journal.wait(2).await;
        assert_eq!(journal.jobs(), ["fails", "poison"]);
        // As good as dead: nobody hears of it again.
        proxy.refuse().await;
        proxy.reset_connections().await;
        gone.push((proxy, connection, worker));
    }
    let connection = world.connect().await;
    let journal = Journal::default();
    let _worker = start(&connection, &journal).await;
    let letter = world.dead_letter(&connection.tasks(&queue)).await;
    assert_eq!(letter.reason(), DeathReason::Crashed);
    assert_eq!(letter.job().unwrap(), "poison");
    journal.wait(1).await;
    assert_eq!(journal.jobs(), ["fails"]);
}

#[tokio::test]
async fn what_had_not_begun_when_its_owner_stopped_is_no_suspect() {
    let world = World::new().await;
    push(&world, &[("1", "a"), ("2", "b"), ("3", "c"), ("4", "d")]).await;
    let (journal, gate) = (Journal::default(), Gate::default());
    let connection = world.connect().await;
    let worker = connection.worker(&ordered()).concurrency(1).prefetch(4);
    let worker = holding(worker, &journal, &gate).await;
    journal.wait(1).await;
    world.wait_ready(PARTITION, 0).await;
    let mut stopping = pin!(worker.stop());
    assert!(futures_util::poll!(&mut stopping).is_pending());
    gate.open();
    within("the worker's end", stopping).await;
    assert_eq!(journal.jobs(), ["a"]);
    world.wait_ready(PARTITION, 3).await;

    let (journal, gate) = (Journal::default(), Gate::default());
    let connection = world.connect().await;
    let worker = connection.worker(&ordered()).concurrency(3);
    let worker = holding(worker, &journal, &gate).await;
    // All beside one another.
    journal.wait(3).await;
    gate.open();
    within("the worker's end", worker.stop()).await;
    assert_eq!(world.ready(PARTITION).await, 0);
    assert_eq!(journal.sorted(), ["b", "c", "d"]);
    assert_eq!(journal.attempts(), [1; 3]);
}

#[tokio::test]
async fn each_attempt_is_cancelled_by_itself() {
    let world = World::new().await;
    push(&world, &[("k", "a")]).await;
    let (sender, mut attempts) = tokio::sync::mpsc::unbounded_channel();
    let worker = world.connect().await.worker(&ordered()).timeout(TENTH);
    let worker = worker
        .start(move |_: String, message: Message| {
            let cancelled = message.context().is_cancelled();
            let hangs = message.attempt() == 1;
            sender.send((cancelled, message)).unwrap();
            async move {
                if hangs {
                    std::future::pending::<()>().await;
                }
            }
        })
        .await
        .unwrap();
    let (_, first) = within("an attempt", attempts.recv()).await.unwrap();
    let (cancelled, second) = within("an attempt", attempts.recv()).await.unwrap();
    assert!(!cancelled, "before it has begun");
    assert!(first.context().is_cancelled());
    assert_eq!((first.attempt(), second.attempt()), (1, 2));
    assert_all_settled(&world, worker).await;
}

#[tokio::test]
async fn the_next_of_a_key_waits_for_a_thread_that_has_outlived_its_timeout() {
    let world = World::new().await;
    push(&world, &[("k", "a"), ("k", "b"), ("l", "c")]).await;
    let (hold, held) = std::sync::mpsc::channel::<()>();
    let held = Arc::new(Mutex::new(held));
    let journal = Journal::default();
    let noted = journal.clone();
    let worker = world.connect().await.worker(&ordered()).timeout(TENTH);
    let worker = worker
        .start(move |job: String, message: Message| {
            let hangs = job == "a" && message.attempt() == 1;
            noted.note(job, &message);
            let held = Arc::clone(&held);
            async move {
                if hangs {
                    let guard = message.guard();
                    let thread = tokio::task::spawn_blocking(move || {
                        let _guard = guard;
                        let _ = held.lock().unwrap().recv();
                    });
                    thread.await.unwrap();
                }
            }
        })
        .await
        .unwrap();
    // It comes long after the timeout and the rest.
    let tasks = world.connect().await.tasks(&ordered());
    let late = tasks.push(&"d".to_owned()).key("l").delay(5 * TENTH);
    late.await.unwrap();
    journal.wait(3).await;
    assert_eq!(journal.sorted(), ["a", "c", "d"]);
    drop(hold);
    journal.wait(5).await;
    assert_eq!(journal.sorted(), ["a", "a", "b", "c", "d"]);
    assert_all_settled(&world, worker).await;
}
