//! How queues are found or made, and what is said when they cannot be: by pushers and by workers.

use harness::{Raw, eventually};
use lapin::options::QueueDeclareOptions;
use lapin::types::FieldTable;
use leveret::{Code, Declare, Executed, QueueOptions, TaskQueue};

use crate::world::{Journal, TENTH, World, noting, work};

fn declared_by(declare: Declare) -> TaskQueue<String> {
    work().options(QueueOptions::classic().declare(declare))
}

#[tokio::test]
async fn queues_that_may_not_be_declared_have_to_be_there() {
    let world = World::new().await;
    let connection = world.connect().await;
    for declare in [Declare::Passive, Declare::Never] {
        let queue = declared_by(declare);
        let tasks = connection.tasks(&queue);
        let missing = tasks.push(&"a".to_owned()).await.unwrap_err();
        assert_eq!(missing.code(), Code::NoSuchService, "{declare:?}");
        assert_eq!(missing.executed(), Executed::No);
        let missing = connection.worker(&queue).start(async |_, _| ()).await;
        assert_eq!(missing.unwrap_err().code(), Code::NoSuchService);
    }
    let later = connection.tasks(&declared_by(Declare::Passive));
    let later = later.push(&"a".to_owned()).delay(TENTH).await.unwrap_err();
    assert_eq!(later.code(), Code::NoSuchService);

    // By somebody who may.
    let journal = Journal::default();
    noting(&connection, &work(), &journal).await.stop().await;
    for declare in [Declare::Passive, Declare::Never] {
        let queue = declared_by(declare);
        let (tasks, journal) = (connection.tasks(&queue), Journal::default());
        let worker = noting(&connection, &queue, &journal).await;
        tasks.push(&"a".to_owned()).await.unwrap();
        tasks.push(&"b".to_owned()).delay(TENTH).await.unwrap();
        journal.wait(2).await;
        world.assert_all_settled(worker).await;
        assert_eq!(journal.jobs(), ["a", "b"]);
    }
}

async fn declare_for_itself(raw: &Raw, queue: &str) {
    let options = QueueDeclareOptions {
        exclusive: true,
        ..Default::default()
    };
    let declared = raw.channel();
    let declared = declared.queue_declare(queue.into(), options, FieldTable::default());
    declared.await.expect("a queue");
}

#[tokio::test]
async fn a_queue_that_is_somebody_elses_is_refused() {
    let world = World::new().await;
    let raw = world.raw().await;
    declare_for_itself(&raw, &world.named("work")).await;
    let connection = world.connect().await;
    let refused = connection.tasks(&work()).push(&"a".to_owned()).await;
    assert_eq!(refused.unwrap_err().code(), Code::FailedPrecondition);
    let refused = connection.worker(&work()).start(async |_, _| ()).await;
    assert_eq!(refused.unwrap_err().code(), Code::FailedPrecondition);
}

#[tokio::test]
async fn a_queue_of_other_options_is_used_as_it_is() {
    let world = World::new().await;
    let raw = world.raw().await;
    raw.declare(&world.named("work")).await;
    let connection = world.connect().await;
    let journal = Journal::default();
    let worker = noting(&connection, &work(), &journal).await;
    connection
        .tasks(&work())
        .push(&"a".to_owned())
        .await
        .unwrap();
    journal.wait(1).await;
    world.assert_all_settled(worker).await;
}

#[tokio::test]
async fn a_worker_whose_queue_is_deleted_makes_it_anew() {
    let world = World::new().await;
    let connection = world.connect().await;
    let journal = Journal::default();
    let worker = noting(&connection, &work(), &journal).await;
    let tasks = connection.tasks(&work());
    tasks.push(&"a".to_owned()).await.unwrap();
    journal.wait(1).await;
    let raw = world.raw().await;
    for name in ["work.dead", "work", "work.suspect"] {
        world.broker.delete_queue(&world.named(name)).await;
    }
    for name in ["work", "work.suspect"] {
        let queue = world.named(name);
        eventually("a consumer", async || {
            raw.queue(&queue).await == Some((0, 1))
        })
        .await;
    }
    assert_eq!(raw.queue(&world.named("work.dead")).await, Some((0, 0)));
    tasks.push(&"b".to_owned()).await.unwrap();
    journal.wait(2).await;
    world.assert_all_settled(worker).await;
    assert_eq!(journal.jobs(), ["a", "b"]);
}

#[tokio::test]
async fn a_pusher_whose_queue_is_deleted_makes_it_anew() {
    let world = World::new().await;
    let tasks = world.connect().await.tasks(&work());
    tasks.push(&"a".to_owned()).await.unwrap();
    world.broker.delete_queue(&world.named("work")).await;
    tasks.push(&"b".to_owned()).await.unwrap();
    assert_eq!(world.ready("work").await, 1);
}

#[tokio::test]
async fn a_full_queue_refuses_what_is_too_much() {
    let world = World::new().await;
    let queue = work().options(QueueOptions::classic().max_length(2));
    let tasks = world.connect().await.tasks(&queue);
    for job in ["a", "b"] {
        tasks.push(&job.to_owned()).await.unwrap();
    }
    let full = tasks.push(&"c".to_owned()).await.unwrap_err();
    assert_eq!(full.code(), Code::ResourceExhausted);
    assert!(full.retryable());
    let all = ["d", "e"].map(str::to_owned);
    let full = tasks.push_all(&all).await.unwrap_err();
    assert_eq!(full.code(), Code::ResourceExhausted);
    let journal = Journal::default();
    let worker = noting(&world.connect().await, &queue, &journal).await;
    journal.wait(2).await;
    tasks.push(&"f".to_owned()).await.unwrap();
    journal.wait(3).await;
    world.assert_all_settled(worker).await;
    assert_eq!(journal.jobs(), ["a", "b", "f"]);
}
