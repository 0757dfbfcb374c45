//! What many share: the channels of a connection, and the one that posts leave on.

use std::time::Duration;

use futures_util::FutureExt;
use harness::{eventually, within};
use leveret::{Code, Declare, Events, Executed, TaskQueue};

use crate::world::{Gate, Journal, World, holding, noting, work};

#[tokio::test]
async fn keyed_queues_share_the_channels_of_a_connection_and_leave_some() {
    const PARTITIONS: u16 = 70;
    let world = World::new().await;
    // Each partition takes two.
    let url = format!("{}?channel_max=256", world.broker.url());
    let connection = world.builder_to(&url).connect().await.unwrap();
    let onlooker = world.connect().await;
    let queues = ["a", "b"].map(|name| TaskQueue::<String>::new(name).keyed(PARTITIONS));
    let journal = Journal::default();
    // All is there: a search in vain would cost channels too.
    let early = world.connect().await;
    for queue in &queues {
        noting(&early, queue, &journal).await.stop().await;
    }
    let mut workers = Vec::new();
    for queue in &queues {
        workers.push(noting(&connection, queue, &journal).await);
    }
    eventually("a fair share for each", async || {
        let mut shares = Vec::new();
        for queue in &queues {
            let info = onlooker.tasks(queue).info().await.unwrap();
            shares.push(info.consumers);
        }
        shares[0] == shares[1] && shares[0] >= 30
    })
    .await;
    workers.push(noting(&connection, &work(), &journal).await);
    let tasks = connection.tasks(&work());
    tasks.push(&"a".to_owned()).await.unwrap();
    journal.wait(1).await;
    // What one has no use for is the other's.
    let last = workers.remove(0);
    last.stop().await;
    eventually("the other's share", async || {
        let info = onlooker.tasks(&queues[1]).info().await.unwrap();
        info.consumers >= 60
    })
    .await;
    for worker in workers {
        worker.stop().await;
    }
}

/// Whoever is told that nothing was sent finds nothing in the queue.
#[tokio::test]
async fn a_task_whose_channel_another_has_closed_may_have_arrived() {
    let world = World::new().await;
    let connection = world.connect().await;
    let tasks = connection.tasks(&work());
    tasks.push(&"first".to_owned()).await.unwrap();
    let missing = Events::<String>::fanout("missing").declare(Declare::Never);
    let missing = connection.events(&missing);
    let (mut sent, mut maybe) = (1, 0);
    for _ in 0..50 {
        // Too little time for a second attempt.
        let task = tasks.push(&"a".to_owned());
        let task = task.timeout(Duration::from_millis(45)).into_future();
        let event = missing.publish(&"a".to_owned()).into_future();
        let (task, event) = tokio::join!(task, event);
        let event = event.unwrap_err();
        assert_eq!(event.code(), Code::NoSuchService);
        match task {
            Ok(_) => sent += 1,
            Err(error) if error.executed() == Executed::Maybe => maybe += 1,
            Err(_) => {}
        }
    }
    let found = world.ready("work").await;
    assert!(
        (sent..=sent + maybe).contains(&found),
        "{found} of {sent} and {maybe}"
    );
}

#[tokio::test]
async fn a_queue_and_an_exchange_may_have_one_name() {
    let world = World::new().await;
    let connection = world.connect().await;
    let tasks = connection.tasks(&work());
    tasks.push(&"a".to_owned()).await.unwrap();
    let events = Events::<String>::fanout("work").declare(Declare::Passive);
    let event = connection.events(&events).publish(&"a".to_owned()).await;
    let error = event.unwrap_err();
    assert_eq!(error.code(), Code::NoSuchService);
    assert_eq!(error.executed(), Executed::No, "it was not looked for");
}

/// Each costs a channel, whose number lapin does not use again.
#[tokio::test]
async fn looks_in_vain_do_not_use_a_connection_up() {
    let world = World::new().await;
    let url = format!("{}?channel_max=64", world.broker.url());
    let connection = world.builder_to(&url).connect().await.unwrap();
    let missing = connection.tasks(&TaskQueue::<String>::new("missing"));
    for _ in 0..200 {
        let error = missing.info().await.unwrap_err();
        // The one that finds no channel has the connection replaced.
        let codes = [Code::NoSuchService, Code::Unavailable];
        assert!(codes.contains(&error.code()), "{error}");
    }
    let tasks = connection.tasks(&work());
    tasks.push(&"a".to_owned()).await.unwrap();
    let journal = Journal::default();
    let worker = noting(&connection, &work(), &journal).await;
    journal.wait(1).await;
    worker.stop().await;
}

#[tokio::test]
async fn new_keys_of_tasks_use_no_connection_up() {
    let world = World::new().await;
    let url = format!("{}?channel_max=64", world.broker.url());
    let connection = world.builder_to(&url).connect().await.unwrap();
    let tasks = connection.tasks(&work());
    for key in 0..100 {
        let push = tasks.push(&key.to_string()).dedup(key.to_string());
        push.await.unwrap();
    }
    let mut states = connection.states();
    while states.changed().now_or_never().is_some() {}
    let journal = Journal::default();
    let worker = noting(&connection, &work(), &journal).await;
    journal.wait(100).await;
    world.assert_all_settled(worker).await;
    let changed = states.changed().now_or_never();
    assert_eq!(changed, None, "the connection was replaced");
}

#[tokio::test]
async fn looks_at_a_keyed_queue_use_no_connection_up() {
    let world = World::new().await;
    let url = format!("{}?channel_max=64", world.broker.url());
    let connection = world.builder_to(&url).connect().await.unwrap();
    let queue = work().keyed(2);
    let worker = noting(&connection, &queue, &Journal::default()).await;
    let mut states = connection.states();
    while states.changed().now_or_never().is_some() {}
    let tasks = connection.tasks(&queue);
    for _ in 0..100 {
        assert_eq!(tasks.info().await.unwrap().set_aside, 0);
    }
    let changed = states.changed().now_or_never();
    assert_eq!(changed, None, "the connection was replaced");
    worker.stop().await;
}

/// What came on the other would stay with whoever cannot settle it any more.
#[tokio::test]
async fn the_loss_of_one_link_is_that_of_both() {
    let world = World::new().await;
    let connection = world.builder().name(&world.namespace).connect().await;
    let connection = connection.unwrap();
    let ours = async || {
        let all = world.broker.connections().await.into_iter();
        let ours = all.filter(|other| other.name == world.namespace);
        ours.map(|ours| ours.id).collect::<Vec<_>>()
    };
    let (journal, gate) = (Journal::default(), Gate::default());
    let worker = connection.worker(&work()).concurrency(4);
    let worker = holding(worker, &journal, &gate).await;
    let tasks = connection.tasks(&work());
    // A handler of each session goes on.
    for (count, nth) in [(1, 0), (2, 1)] {
        tasks.push(&"a".to_owned()).await.unwrap();
        journal.wait(count).await;
        let before = ours().await;
        assert_eq!(before.len(), 2);
        world.broker.close_connection(&before[nth], "a test").await;
        eventually("the end of both", async || {
            ours().await.iter().all(|id| !before.contains(id))
        })
        .await;
        eventually("two others", async || ours().await.len() == 2).await;
    }
    gate.open();
    within("the worker's end", worker.stop()).await;
}
