//! Tasks with a de-duplication key: pushed any number of times, by anybody, and done once.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use harness::{eventually, within};
use leveret::{Code, Connection, Message, TaskQueue, Worker};

use crate::world::{Gate, Journal, TENTH, World, noting, quick, work};

async fn push(connection: &Connection, queue: &TaskQueue<String>, job: &str, key: &str) {
    let tasks = connection.tasks(queue);
    tasks.push(&job.to_owned()).dedup(key).await.unwrap();
}

/// A worker whose handlers note their task and wait at the gate.
async fn holding(
    connection: &Connection,
    queue: &TaskQueue<String>,
    journal: &Journal,
    gate: &Gate,
) -> Worker {
    let (journal, gate) = (journal.clone(), gate.clone());
    connection
        .worker(queue)
        .start(move |job: String, message: Message| {
            journal.note(job, &message);
            let gate = gate.clone();
            async move { gate.passed().await }
        })
        .await
        .expect("a worker")
}

/// Nothing of the queue waits or rests any more. What moves from one queue to the next between two looks is seen by the
/// second round: it stays longer in each than a round takes.
async fn wait_for_the_end(world: &World) {
    let raw = world.raw().await;
    let queues = ["leveret.delay.3", "leveret.delay.1", "work"].map(|name| world.named(name));
    eventually("nothing to be left", async || {
        let mut left = 0;
        for queue in queues.iter().chain(&queues) {
            left += raw.queue(queue).await.map_or(0, |(ready, _)| ready);
        }
        left == 0
    })
    .await;
}

#[tokio::test]
async fn a_task_pushed_by_two_twenty_times_is_done_once() {
    let world = World::new().await;
    let (journal, gate) = (Journal::default(), Gate::default());
    let homes = [world.connect().await, world.connect().await];
    let workers = [
        holding(&homes[0], &work(), &journal, &gate).await,
        holding(&homes[1], &work(), &journal, &gate).await,
    ];
    let pushers = [world.connect().await, world.connect().await];
    for n in 0..20 {
        push(&pushers[n % 2], &work(), "order", "order-17").await;
    }
    journal.wait(1).await;
    // The others come, find it running, and rest.
    world.wait_ready("work", 0).await;
    gate.open();
    let other = pushers[0].tasks(&work());
    other.push(&"other".to_owned()).await.unwrap();
    journal.wait(2).await;
    wait_for_the_end(&world).await;
    for worker in &workers {
        within("the worker's end", worker.stop()).await;
    }
    assert_eq!(journal.jobs(), ["order", "other"]);
}

#[tokio::test]
async fn two_workers_of_one_connection_run_a_key_once_too() {
    let world = World::new().await;
    let (journal, gate) = (Journal::default(), Gate::default());
    let home = world.connect().await;
    // One task each at most, so that both are offered the key.
    let mut workers = Vec::new();
    for _ in 0..2 {
        workers.push(holding(&home, &work(), &journal, &gate).await);
    }
    for _ in 0..8 {
        push(&home, &work(), "order", "order-17").await;
    }
    world.wait_ready("work", 0).await;
    gate.open();
    wait_for_the_end(&world).await;
    for worker in &workers {
        within("the worker's end", worker.stop()).await;
    }
    assert_eq!(journal.jobs(), ["order"]);
}

#[tokio::test]
async fn a_task_that_failed_is_not_remembered() {
    let world = World::new().await;
    let home = world.connect().await;
    let journal = Journal::default();
    let noted = journal.clone();
    let worker = home
        .worker(&work().retry(quick(2)))
        .concurrency(1)
        .start(move |job: String, message: Message| {
            noted.note(&*job, &message);
            let done = job == "good";
            async move { if done { Ok(()) } else { Err("no") } }
        })
        .await
        .unwrap();
    push(&home, &work(), "bad", "order-17").await;
    let tasks = home.tasks(&work());
    let letter = world.dead_letter(&tasks).await;
    assert_eq!(letter.attempts(), 2);
    push(&home, &work(), "good", "order-17").await;
    journal.wait(3).await;
    push(&home, &work(), "good", "order-17").await;
    tasks.push(&"good".to_owned()).await.unwrap();
    journal.wait(4).await;
    world.assert_all_settled(worker).await;
    assert_eq!(journal.jobs(), ["bad", "bad", "good", "good"]);
    letter.discard().await.unwrap();
}

#[tokio::test]
async fn keys_and_queues_do_not_get_in_each_others_way() {
    let world = World::new().await;
    let home = world.connect().await;
    let (journal, gate) = (Journal::default(), Gate::default());
    let other = TaskQueue::new("other");
    let workers = [
        holding(&home, &work(), &journal, &gate).await,
        holding(&home, &other, &journal, &gate).await,
    ];
    push(&home, &work(), "a", "a").await;
    push(&home, &work(), "b", "b").await;
    push(&home, &other, "other a", "a").await;
    journal.wait(3).await;
    gate.open();
    for worker in workers {
        worker.stop().await;
    }
    assert_eq!(journal.sorted(), ["a", "b", "other a"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_keys_at_once_are_all_looked_up() {
    const KEYS: usize = 200;
    let world = World::new().await;
    let home = world.connect().await;
    let tasks = home.tasks(&work());
    let pushes = (0..KEYS).map(|n| {
        let (tasks, key) = (tasks.clone(), format!("{n:03}"));
        tokio::spawn(async move { tasks.push(&key).dedup(&*key).await })
    });
    for push in pushes.collect::<Vec<_>>() {
        push.await.unwrap().unwrap();
    }
    let journal = Journal::default();
    let noted = journal.clone();
    let worker = home
        .worker(&work())
        .concurrency(50)
        .start(move |job: String, message: Message| {
            noted.note(job, &message);
            async {}
        })
        .await
        .unwrap();
    journal.wait(KEYS).await;
    world.assert_all_settled(worker).await;
    journal.assert_each_once(KEYS);
    // None was put off: the delays of a second have not been made.
    let delays = world.named("leveret.delay.3");
    assert_eq!(world.raw().await.queue(&delays).await, None);
}

#[tokio::test]
async fn a_worker_that_dies_gives_its_lock_back() {
    let world = World::new().await;
    let (dying, living) = (world.connect().await, world.connect().await);
    let (first, gate) = (Journal::default(), Gate::default());
    let _held = holding(&dying, &work(), &first, &gate).await;
    push(&living, &work(), "order", "order-17").await;
    first.wait(1).await;
    let second = Journal::default();
    let worker = noting(&living, &work(), &second).await;
    within("the end of the connection", dying.close()).await;
    second.wait(1).await;
    world.assert_all_settled(worker).await;
    assert_eq!(second.jobs(), ["order"]);
}

#[tokio::test]
async fn the_window_begins_with_the_success_and_ends() {
    let world = World::new().await;
    let home = world.connect().await;
    let queue = work().dedup_window(Duration::from_secs(1));
    let journal = Journal::default();
    let worker = noting(&home, &queue, &journal).await;
    push(&home, &queue, "order", "order-17").await;
    journal.wait(1).await;
    let pushed = Arc::new(AtomicUsize::new(1));
    // Whoever asks again and again does not make the window longer.
    eventually("the end of the window", async || {
        push(&home, &queue, "order", "order-17").await;
        pushed.fetch_add(1, Ordering::Relaxed);
        journal.jobs().len() > 1
    })
    .await;
    let runs = journal.wait(2).await;
    assert!(pushed.load(Ordering::Relaxed) > 2);
    // The mark is set a little after the handler's end, never before.
    assert!(runs[1].at - runs[0].at >= 10 * TENTH);
    within("the worker's end", worker.stop()).await;
}

#[tokio::test]
async fn keys_that_cannot_be_are_refused() {
    let world = World::new().await;
    let tasks = world.connect().await.tasks(&work());
    for key in [String::new(), "x".repeat(256)] {
        let refused = tasks.push(&"a".to_owned()).dedup(key).await;
        assert_eq!(refused.unwrap_err().code(), Code::InvalidArgument);
    }
    let longest = tasks.push(&"a".to_owned()).dedup("x".repeat(255));
    longest.await.unwrap();
}
