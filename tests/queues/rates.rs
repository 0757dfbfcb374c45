//! How many at once and how fast: never more than was said.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use leveret::{Message, TaskQueue};

use crate::world::{Gate, Journal, TENTH, World, work};

async fn push(world: &World, queue: &TaskQueue<String>, count: usize) {
    let jobs: Vec<_> = (0..count).map(|n| n.to_string()).collect();
    let tasks = world.connect().await.tasks(queue);
    tasks.push_all(&jobs).await.unwrap();
}

#[tokio::test]
async fn runs_are_as_far_apart_as_the_rate_says() {
    let world = World::new().await;
    push(&world, &work(), 8).await;
    let journal = Journal::default();
    let noted = journal.clone();
    let start = Instant::now();
    let worker = world
        .connect()
        .await
        .worker(&work())
        .rate(10, 10 * TENTH)
        .start(move |job: String, message: Message| {
            noted.note(job, &message);
            async {}
        })
        .await
        .unwrap();
    let runs = journal.wait(8).await;
    for (n, run) in (0..).zip(runs) {
        assert!(
            run.at - start >= TENTH * n,
            "run {n} after {:?}",
            run.at - start
        );
    }
    world.assert_all_settled(worker).await;
}

#[tokio::test]
async fn a_batch_counts_once() {
    let world = World::new().await;
    push(&world, &work(), 30).await;
    let journal = Journal::default();
    let noted = journal.clone();
    let start = Instant::now();
    let worker = world
        .connect()
        .await
        .worker(&work())
        .rate(1, 2 * TENTH)
        .start_batches(10, TENTH, move |batch: Vec<(String, Message)>| {
            for (job, message) in batch {
                noted.note(job, &message);
            }
            async {}
        })
        .await
        .unwrap();
    let runs = journal.wait(30).await;
    for (n, run) in runs.iter().enumerate() {
        let batches = u32::try_from(n / 10).unwrap();
        assert!(run.at - start >= 2 * TENTH * batches, "{n}");
    }
    world.assert_all_settled(worker).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_more_run_at_once_than_allowed() {
    const MOST: usize = 3;
    let world = World::new().await;
    let (running, highest) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (gate, journal) = (Gate::default(), Journal::default());
    let (now, high) = (Arc::clone(&running), Arc::clone(&highest));
    let (held, noted) = (gate.clone(), journal.clone());
    let worker = world
        .connect()
        .await
        .worker(&work())
        .concurrency(3)
        .prefetch(20)
        .start(move |job: String, message: Message| {
            high.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            noted.note(job, &message);
            let (now, held) = (Arc::clone(&now), held.clone());
            async move {
                held.passed().await;
                tokio::task::yield_now().await;
                now.fetch_sub(1, Ordering::SeqCst);
            }
        })
        .await
        .unwrap();
    push(&world, &work(), 200).await;
    journal.wait(MOST).await;
    // Many more are here and wait for a slot.
    world.wait_ready("work", 180).await;
    assert_eq!(journal.jobs().len(), MOST);
    gate.open();
    journal.wait(200).await;
    world.assert_all_settled(worker).await;
    assert_eq!(highest.load(Ordering::SeqCst), MOST);
    assert_eq!(running.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_slow_worker_leaves_tasks_to_others() {
    let world = World::new().await;
    let gate = Gate::default();
    let (slow, quick) = (Journal::default(), Journal::default());
    let (held, noted) = (gate.clone(), slow.clone());
    let slow_worker = world
        .connect()
        .await
        .worker(&work())
        .concurrency(1)
        .start(move |job: String, message: Message| {
            noted.note(job, &message);
            let held = held.clone();
            async move { held.passed().await }
        })
        .await
        .unwrap();
    push(&world, &work(), 1).await;
    slow.wait(1).await;
    let quick_worker = crate::world::noting(&world.connect().await, &work(), &quick).await;
    push(&world, &work(), 20).await;
    quick.wait(20).await;
    assert_eq!(slow.jobs().len(), 1);
    gate.open();
    quick_worker.stop().await;
    world.assert_all_settled(slow_worker).await;
}
