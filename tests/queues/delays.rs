//! Tasks that are to be done later: never early, in the order in which they are due, wherever they wait.

use std::time::{Duration, Instant, SystemTime};

use harness::within;
use leveret::{Code, Declare, QueueOptions, TaskQueue};

use crate::world::{Journal, TENTH, World, noting, work};

#[tokio::test]
async fn a_delayed_task_is_never_early_and_looks_like_any_other() {
    let world = World::new().await;
    let connection = world.connect().await;
    let tasks = connection.tasks(&work());
    let journal = Journal::default();
    let worker = noting(&connection, &work(), &journal).await;
    // One bit, two bits, and a time that is no whole tenth.
    let delays = [1, 100, 250, 300, 700].map(Duration::from_millis);
    let start = Instant::now();
    for delay in delays {
        let task = tasks.push(&format!("{delay:?}")).delay(delay);
        task.priority(3).await.unwrap();
    }
    for (run, delay) in journal.wait(delays.len()).await.iter().zip(delays) {
        assert_eq!(run.job, format!("{delay:?}"));
        assert!(
            run.at - start >= delay,
            "{delay:?} after {:?}",
            run.at - start
        );
        assert_eq!((run.attempt, run.redelivered), (1, false));
        assert_eq!(
            (&*run.exchange, &*run.routing_key),
            ("", &*world.named("work"))
        );
    }
    world.assert_all_settled(worker).await;
}

#[tokio::test]
async fn tasks_come_in_the_order_in_which_they_are_due() {
    let world = World::new().await;
    let connection = world.connect().await;
    let tasks = connection.tasks(&work());
    let journal = Journal::default();
    let worker = noting(&connection, &work(), &journal).await;
    // The longer ones are ahead in every queue that they share.
    for tenths in [3600, 9, 5, 3, 1] {
        let task = tasks.push(&tenths.to_string()).delay(TENTH * tenths);
        task.await.unwrap();
    }
    tasks.push(&"0".to_owned()).await.unwrap();
    journal.wait(5).await;
    assert_eq!(journal.jobs(), ["0", "1", "3", "5", "9"]);
    world.assert_all_settled(worker).await;
}

#[tokio::test]
async fn a_task_is_scheduled_for_a_time_of_the_clock() {
    let world = World::new().await;
    let connection = world.connect().await;
    let tasks = connection.tasks(&work());
    let journal = Journal::default();
    let worker = noting(&connection, &work(), &journal).await;
    let past = SystemTime::now() - Duration::from_secs(3600);
    tasks.push(&"past".to_owned()).at(past).await.unwrap();
    journal.wait(1).await;
    let zero = tasks.push(&"zero".to_owned()).delay(Duration::ZERO);
    zero.await.unwrap();
    journal.wait(2).await;
    let start = Instant::now();
    let due = SystemTime::now() + 3 * TENTH;
    tasks.push(&"due".to_owned()).at(due).await.unwrap();
    let runs = journal.wait(3).await;
    assert_eq!(journal.jobs(), ["past", "zero", "due"]);
    assert!(runs[2].at - start >= 3 * TENTH);
    assert_eq!(world.ready("leveret.delay.0").await, 0);
    world.assert_all_settled(worker).await;
}

#[tokio::test]
async fn a_delayed_task_needs_no_worker_to_become_due() {
    let world = World::new().await;
    let tasks = world.connect().await.tasks(&work());
    let delayed = tasks.push(&"a".to_owned()).delay(TENTH);
    delayed.await.unwrap();
    world.wait_ready("work", 1).await;
    let journal = Journal::default();
    let worker = noting(&world.connect().await, &work(), &journal).await;
    journal.wait(1).await;
    world.assert_all_settled(worker).await;
}

#[tokio::test]
async fn queues_share_the_delays_of_their_namespace() {
    let world = World::new().await;
    let connection = world.connect().await;
    let mut journals = Vec::new();
    let mut workers = Vec::new();
    for name in ["a", "a.b", "b"] {
        let (queue, journal) = (TaskQueue::new(name), Journal::default());
        workers.push(noting(&connection, &queue, &journal).await);
        let tasks = connection.tasks(&queue);
        tasks.push(&name.to_owned()).delay(3 * TENTH).await.unwrap();
        journals.push((name, journal));
    }
    for (name, journal) in journals {
        journal.wait(1).await;
        assert_eq!(journal.jobs(), [name]);
    }
    for worker in workers {
        worker.stop().await;
    }
}

#[tokio::test]
async fn delays_that_cannot_be_are_refused() {
    let world = World::new().await;
    let tasks = world.connect().await.tasks(&work());
    let days = |days: u64| Duration::from_secs(days * 24 * 3600);
    let year = tasks.push(&"a".to_owned()).delay(days(365)).await;
    assert_eq!(year.unwrap_err().code(), Code::InvalidArgument);
    let both = tasks.push(&"a".to_owned()).delay(TENTH).expires(TENTH);
    assert_eq!(both.await.unwrap_err().code(), Code::InvalidArgument);
    tasks.push(&"a".to_owned()).delay(days(310)).await.unwrap();
    world.wait_ready("leveret.delay.27", 1).await;
}

/// A queue that was deleted takes its bindings along; whoever declares it anew has to bind it again.
#[tokio::test]
async fn a_queue_that_was_deleted_gets_its_delayed_tasks_again() {
    let world = World::new().await;
    let (pusher, other) = (world.connect().await, world.connect().await);
    let tasks = pusher.tasks(&work());
    let first = tasks.push(&"first".to_owned()).delay(TENTH);
    first.await.unwrap();
    world.wait_ready("work", 1).await;

    world.broker.delete_queue(&world.named("work")).await;
    // It is there again, by the hand of somebody who knows of no delay.
    other
        .tasks(&work())
        .push(&"second".to_owned())
        .await
        .unwrap();
    let third = tasks.push(&"third".to_owned()).delay(TENTH);
    third.await.unwrap();
    world.wait_ready("work", 2).await;

    world.broker.delete_queue(&world.named("work")).await;
    tasks.push(&"fourth".to_owned()).await.unwrap();
    let fifth = tasks.push(&"fifth".to_owned()).delay(TENTH);
    fifth.await.unwrap();
    let journal = Journal::default();
    let worker = noting(&other, &work(), &journal).await;
    journal.wait(2).await;
    assert_eq!(journal.sorted(), ["fifth", "fourth"]);

    // Under a worker too.
    world.broker.delete_queue(&world.named("work")).await;
    let sixth = tasks.push(&"sixth".to_owned()).delay(TENTH);
    harness::eventually("the queue", async || {
        world.raw().await.queue(&world.named("work")).await == Some((0, 1))
    })
    .await;
    sixth.await.unwrap();
    journal.wait(3).await;
    world.assert_all_settled(worker).await;
}

/// Pushers need not have declared it, or did so before it was deleted.
#[tokio::test]
async fn whoever_works_on_a_partition_leads_delayed_tasks_to_it() {
    let world = World::new().await;
    let (connection, pusher) = (world.connect().await, world.connect().await);
    let queue = TaskQueue::<String>::new("work").keyed(8);
    let journal = Journal::default();
    let worker = noting(&connection, &queue, &journal).await;
    // The delays themselves are there, for another queue.
    let other = pusher.tasks(&TaskQueue::<String>::new("other"));
    let other = other.push(&"other".to_owned()).delay(2 * TENTH);
    other.await.unwrap();
    let trusting = QueueOptions::classic().declare(Declare::Never);
    let trusting = pusher.tasks(&queue.clone().options(trusting));
    let first = trusting.push(&"first".to_owned()).key("item-7");
    first.delay(2 * TENTH).await.unwrap();
    journal.wait(1).await;

    let tasks = pusher.tasks(&queue);
    let second = tasks.push(&"second".to_owned()).key("item-7");
    second.delay(TENTH).await.unwrap();
    journal.wait(2).await;
    let partition = world.named("work.p4");
    world.broker.delete_queue(&partition).await;
    let raw = world.raw().await;
    harness::eventually("the partition", async || {
        raw.queue(&partition).await == Some((0, 1))
    })
    .await;
    let third = tasks.push(&"third".to_owned()).key("item-7");
    third.delay(TENTH).await.unwrap();
    journal.wait(3).await;
    assert_eq!(journal.jobs(), ["first", "second", "third"]);
    within("the worker's end", worker.stop()).await;
}
