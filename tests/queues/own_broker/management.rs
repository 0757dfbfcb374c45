//! What the management API tells of a queue, the same from both brokers.

use harness::{Broker, eventually};
use leveret::{Connection, Message, QueueInfo, TaskQueue, Tasks, Worker};

use crate::world::{Gate, Journal, World, json, work};

/// A world, and the management API of its broker.
async fn managed() -> (World, String) {
    let (broker, api) = Broker::managed().await;
    let namespace = broker.namespace();
    (World { broker, namespace }, api)
}

async fn connect(world: &World, api: &str) -> Connection {
    let builder = world.builder().management(api);
    builder.connect().await.expect("a connection")
}

/// Runs three tasks at once, which wait at the gate.
async fn holding(
    connection: &Connection,
    queue: &TaskQueue<String>,
    journal: &Journal,
    gate: &Gate,
) -> Worker {
    let (journal, gate) = (journal.clone(), gate.clone());
    let worker = connection.worker(queue).concurrency(3);
    worker
        .start(move |job: String, message: Message| {
            journal.note(job, &message);
            let gate = gate.clone();
            async move { gate.passed().await }
        })
        .await
        .expect("a worker")
}

/// Waits until so many tasks are held: the figures of RabbitMQ lag behind.
async fn wait_unacked(tasks: &Tasks<String>, count: u64) -> QueueInfo {
    let mut info = QueueInfo::default();
    eventually(&format!("{count} tasks held"), async || {
        info = tasks.info().await.expect("a look");
        info.unacked == Some(count)
    })
    .await;
    info
}

#[tokio::test]
async fn tasks_that_are_held_are_counted() {
    let (world, api) = managed().await;
    let connection = connect(&world, &api).await;
    let tasks = connection.tasks(&work());
    for job in ["a", "b", "c", "d", "e"] {
        tasks.push(&job.to_owned()).await.unwrap();
    }
    let (journal, gate) = (Journal::default(), Gate::default());
    let worker = holding(&connection, &work(), &journal, &gate).await;
    journal.wait(3).await;
    let info = wait_unacked(&tasks, 3).await;
    assert_eq!((info.ready, info.consumers), (2, 1));
    let without = world.connect().await.tasks(&work());
    assert_eq!(without.info().await.unwrap().unacked, None);
    gate.open();
    journal.wait(5).await;
    wait_unacked(&tasks, 0).await;
    world.assert_all_settled(worker).await;
}

#[tokio::test]
async fn of_all_partitions_and_of_what_is_run_alone() {
    let (world, api) = managed().await;
    let connection = connect(&world, &api).await;
    let queue = TaskQueue::<String>::new("keyed").keyed(16);
    let tasks = connection.tasks(&queue);
    for key in ["a", "b", "c"] {
        tasks.push(&key.to_owned()).key(key).await.unwrap();
    }
    let (journal, gate) = (Journal::default(), Gate::default());
    let keyed = holding(&connection, &queue, &journal, &gate).await;
    let mut places: Vec<_> = journal
        .wait(3)
        .await
        .into_iter()
        .map(|run| run.queue)
        .collect();
    places.sort();
    places.dedup();
    assert!(places.len() > 1, "{places:?}");
    wait_unacked(&tasks, 3).await;
    gate.open();
    wait_unacked(&tasks, 0).await;
    keyed.stop().await;

    let (journal, gate) = (Journal::default(), Gate::default());
    let worker = holding(&connection, &work(), &journal, &gate).await;
    let raw = world.raw().await;
    assert!(
        raw.publish("", &world.named("work.suspect"), json("alone"))
            .await
    );
    journal.wait(1).await;
    let tasks = connection.tasks(&work());
    let info = wait_unacked(&tasks, 1).await;
    assert_eq!((info.ready, info.set_aside), (0, 0));
    gate.open();
    wait_unacked(&tasks, 0).await;
    world.assert_all_settled(worker).await;
}

#[tokio::test]
async fn a_login_that_is_refused_gets_no_figures() {
    let (world, api) = managed().await;
    let tasks = world.connect().await.tasks(&work());
    tasks.push(&"a".to_owned()).await.unwrap();
    let with = async |login: &str| {
        let api = api.replace("http://", &format!("http://{login}@"));
        let connection = connect(&world, &api).await;
        connection.tasks(&work()).info().await.expect("a look")
    };
    eventually("figures", async || {
        with("guest:guest").await.unacked == Some(0)
    })
    .await;
    let info = with("guest:wrong").await;
    assert_eq!((info.ready, info.unacked), (1, None));
}
