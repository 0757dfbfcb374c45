//! Stopping in order: what runs is finished, what has not started goes back, nothing is lost and nothing hangs.

use std::time::{Duration, Instant};

use harness::within;
use leveret::{Code, Message, TaskQueue};

use crate::world::{Gate, Journal, TENTH, World, holding, noting, work};

async fn push(world: &World, jobs: &[&str]) {
    let tasks = world.connect().await.tasks(&work());
    for job in jobs {
        tasks.push(&(*job).to_owned()).await.unwrap();
    }
}

#[tokio::test]
async fn what_runs_is_finished_and_what_waits_goes_back() {
    let world = World::new().await;
    let (journal, gate) = (Journal::default(), Gate::default());
    let connection = world.connect().await;
    let worker = connection.worker(&work()).concurrency(1).prefetch(3);
    let worker = holding(worker, &journal, &gate).await;
    push(&world, &["a", "b", "c", "d"]).await;
    journal.wait(1).await;
    world.wait_ready("work", 1).await;
    let stopping = tokio::spawn(async move {
        worker.stop().await;
        worker
    });
    // All of those that have not started, while the first one still runs.
    world.wait_ready("work", 3).await;
    assert!(!stopping.is_finished());
    gate.open();
    within("the worker's end", stopping).await.unwrap();
    assert_eq!(journal.jobs(), ["a"]);

    let rest = Journal::default();
    let worker = noting(&world.connect().await, &work(), &rest).await;
    rest.wait(3).await;
    world.assert_all_settled(worker).await;
    // Nobody is suspected of anything, and those that come back keep their order.
    let runs = rest.wait(3).await;
    let queue = world.named("work");
    assert!(
        runs.iter()
            .all(|run| run.queue == queue && !run.redelivered),
        "{runs:?}"
    );
    assert_eq!(rest.jobs(), ["d", "b", "c"]);
    assert_eq!(rest.attempts(), [1, 1, 1]);
}

#[tokio::test]
async fn a_handler_that_outlives_the_grace_time_is_dropped_and_its_task_goes_back() {
    let world = World::new().await;
    let (journal, gate) = (Journal::default(), Gate::default());
    let connection = world.connect().await;
    let worker = connection.worker(&work()).grace(TENTH);
    let worker = holding(worker, &journal, &gate).await;
    push(&world, &["a"]).await;
    journal.wait(1).await;
    within("the worker's end", worker.stop()).await;
    let next = Journal::default();
    let worker = noting(&world.connect().await, &work(), &next).await;
    let run = next.wait(1).await.remove(0);
    assert_eq!((&*run.job, run.attempt), ("a", 1));
    world.assert_all_settled(worker).await;
}

#[tokio::test]
async fn the_grace_time_can_be_cut_short() {
    let world = World::new().await;
    let (journal, gate) = (Journal::default(), Gate::default());
    let connection = world.connect().await;
    let worker = connection.worker(&work()).grace(Duration::from_secs(3600));
    let worker = holding(worker, &journal, &gate).await;
    push(&world, &["a", "b"]).await;
    journal.wait(2).await;
    let start = Instant::now();
    worker.stop_now();
    within("the worker's end", worker.stop()).await;
    assert!(start.elapsed() < Duration::from_secs(3600));
    world.wait_ready("work", 2).await;
}

#[tokio::test]
async fn dropping_a_worker_stops_it() {
    let world = World::new().await;
    let journal = Journal::default();
    let connection = world.connect().await;
    drop(noting(&connection, &work(), &journal).await);
    let raw = world.raw().await;
    harness::eventually("the end of the consumer", async || {
        raw.queue(&world.named("work")).await == Some((0, 0))
    })
    .await;
    push(&world, &["a"]).await;
    world.wait_ready("work", 1).await;
}

#[tokio::test]
async fn tasks_pass_through_workers_that_come_and_go() {
    const TASKS: usize = 300;
    let world = World::new().await;
    let jobs: Vec<_> = (0..TASKS).map(|n| format!("{n:03}")).collect();
    let connection = world.connect().await;
    connection.tasks(&work()).push_all(&jobs).await.unwrap();
    let journal = Journal::default();
    while journal.jobs().len() < TASKS {
        let begun = journal.jobs().len();
        let (worker, noted) = (connection.worker(&work()), journal.clone());
        let worker = worker
            .concurrency(4)
            .start(move |job: String, message: Message| {
                noted.note(job, &message);
                tokio::task::yield_now()
            })
            .await
            .unwrap();
        journal.wait((begun + 20).min(TASKS)).await;
        within("the worker's end", worker.stop()).await;
    }
    // Each once: nobody's end came between a run and its acknowledgement.
    assert_eq!(journal.sorted(), jobs);
    let info = connection.tasks(&work()).info().await.unwrap();
    assert_eq!((info.ready, info.set_aside, info.dead), (0, 0, 0));
}

/// What has been set aside and was not run is no more suspect for it.
#[tokio::test]
async fn a_stop_is_no_crash() {
    let world = World::new().await;
    let connection = world.connect().await;
    let tasks = connection.tasks(&work());
    tasks.push(&"innocent".to_owned()).await.unwrap();
    let (journal, gate) = (Journal::default(), Gate::default());
    // More often than it may be tried.
    for round in 1..=5 {
        let worker = connection.worker(&work()).grace(Duration::ZERO);
        let worker = holding(worker, &journal, &gate).await;
        journal.wait(round).await;
        within("the worker's end", worker.stop()).await;
    }
    gate.open();
    let worker = holding(connection.worker(&work()), &journal, &gate).await;
    journal.wait(6).await;
    world.assert_all_settled(worker).await;
    assert_eq!(journal.attempts(), [1; 6]);
    assert_eq!(tasks.info().await.unwrap().dead, 0);
}

#[tokio::test]
async fn nothing_hangs_when_the_connection_is_closed() {
    let world = World::new().await;
    let (journal, gate) = (Journal::default(), Gate::default());
    let connection = world.connect().await;
    let worker = connection.worker(&work()).concurrency(1).grace(TENTH);
    let worker = holding(worker, &journal, &gate).await;
    push(&world, &["a", "b"]).await;
    journal.wait(1).await;
    let tasks = connection.tasks(&work());
    within("the close", connection.close()).await;
    let unavailable = |code: Code| assert_eq!(code, Code::Unavailable);
    let push = async { tasks.push(&"c".to_owned()).await };
    unavailable(within("a push", push).await.unwrap_err().code());
    let later = async { tasks.push(&"c".to_owned()).delay(TENTH).await };
    unavailable(within("a push", later).await.unwrap_err().code());
    unavailable(within("a look", tasks.info()).await.unwrap_err().code());
    unavailable(within("a look", tasks.purge()).await.unwrap_err().code());
    unavailable(
        within("a look", tasks.dead_letters())
            .await
            .unwrap_err()
            .code(),
    );
    let other = connection.worker(&TaskQueue::<String>::new("other"));
    let other = other.start(async |_, _| ());
    unavailable(within("a start", other).await.unwrap_err().code());
    let events = leveret::Events::<String>::fanout("logs");
    let publisher = connection.events(&events);
    let publish = async { publisher.publish(&"a".to_owned()).await };
    unavailable(within("a publish", publish).await.unwrap_err().code());
    let run = worker.run();
    unavailable(within("the worker's end", run).await.unwrap_err().code());
    // Neither has been done.
    world.wait_ready("work", 2).await;
}
