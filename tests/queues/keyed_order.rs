//! Tasks that are ordered by key: one of a key at a time, a failed one before those behind it, and what an owner that is
//! gone has left before all else.

use std::collections::HashMap;
use std::time::Duration;

use harness::{RawMessage, within};
use leveret::{Connection, DeathReason, Message, Outcome, QueueOptions, TaskQueue, Worker};

use crate::world::{Gate, Journal, World, json, noting, quick};

/// Two partitions: the keys `a` and `b` belong to one of them, `d` to the other.
fn keyed() -> TaskQueue<String> {
    TaskQueue::new("work").retry(quick(3)).keyed(2)
}

const OF_A: &str = "work.p1";
const OF_D: &str = "work.p0";
const MARKS_OF_D: &str = "work.p0.marks";

/// A task as a foreign program writes it.
fn task(key: &str, job: &str) -> RawMessage {
    RawMessage {
        message_id: Some(format!("id-{job}")),
        headers: [("leveret-key".to_owned(), key.to_owned())].into(),
        ..json(job)
    }
}

async fn push(connection: &Connection, tasks: &[(&str, &str)]) {
    let queue = connection.tasks(&keyed());
    for (key, job) in tasks {
        queue.push(&(*job).to_owned()).key(key).await.unwrap();
    }
}

/// The queues exist, and nobody works on them.
async fn declare(world: &World) {
    let worker = noting(&world.connect().await, &keyed(), &Journal::default()).await;
    within("the worker's end", worker.stop()).await;
}

/// What owners leave that end while they run a task.
async fn mark(world: &World, id: &str, deaths: usize) {
    let (raw, marks) = (world.raw().await, world.named(MARKS_OF_D));
    for _ in 0..deaths {
        let mark = RawMessage {
            body: id.into(),
            ..RawMessage::default()
        };
        assert!(raw.publish("", &marks, mark).await);
    }
}

/// Notes what it is given; each of these jobs holds until its gate opens.
async fn holding(connection: &Connection, journal: &Journal, held: &[(&str, &Gate)]) -> Worker {
    let held = held.iter();
    let held: HashMap<_, _> = held
        .map(|(job, gate)| ((*job).to_owned(), Gate::clone(gate)))
        .collect();
    let journal = journal.clone();
    let worker = connection.worker(&keyed()).concurrency(50).prefetch(2_000);
    worker
        .start(move |job: String, message: Message| {
            let gate = held.get(&job).cloned();
            journal.note(job, &message);
            async move {
                if let Some(gate) = gate {
                    gate.passed().await;
                }
            }
        })
        .await
        .expect("a worker")
}

#[tokio::test]
async fn what_fails_is_run_again_before_the_next_of_its_key() {
    let world = World::new().await;
    let connection = world.connect().await;
    push(&connection, &[("a", "a0"), ("a", "a1"), ("b", "b0")]).await;
    let journal = Journal::default();
    let noted = journal.clone();
    let worker = connection.worker(&keyed());
    let worker = worker
        .start(move |job: String, message: Message| {
            let fails = job == "a0" && message.attempt() < 3;
            noted.note(job, &message);
            std::future::ready(if fails { Err("not yet") } else { Ok(()) })
        })
        .await
        .unwrap();
    let runs = journal.wait(5).await;
    within("the worker's end", worker.stop()).await;
    let of_a = runs.iter().filter(|run| run.job.starts_with('a'));
    let of_a: Vec<_> = of_a.map(|run| (&*run.job, run.attempt)).collect();
    assert_eq!(of_a, [("a0", 1), ("a0", 2), ("a0", 3), ("a1", 1)]);
    // Others do not wait for it.
    assert_ne!(runs[4].job, "b0");
    assert_eq!(world.ready(OF_A).await, 0);
}

#[tokio::test]
async fn tasks_of_a_key_run_one_after_another_and_others_beside_them() {
    let world = World::new().await;
    let connection = world.connect().await;
    let (journal, gate) = (Journal::default(), Gate::default());
    let worker = holding(&connection, &journal, &[("a0", &gate)]).await;
    push(
        &connection,
        &[("a", "a0"), ("a", "a1"), ("b", "b0"), ("d", "d0")],
    )
    .await;
    journal.wait(3).await;
    assert_eq!(journal.sorted(), ["a0", "b0", "d0"]);
    gate.open();
    assert_eq!(journal.wait(4).await[3].job, "a1");
    within("the worker's end", worker.stop()).await;
}

/// Puts tasks into a queue, and gives them back once, in their order.
async fn redeliver_all(world: &World, name: &str, tasks: &[(&str, &str)]) {
    let (raw, queue) = (world.raw().await, world.named(name));
    for (key, job) in tasks {
        assert!(raw.publish("", &queue, task(key, job)).await);
    }
    let taker = world.raw().await;
    let mut taken = taker.consume(&queue, 0).await;
    let mut held = Vec::new();
    for _ in tasks {
        held.push(within("a task", taken.next()).await);
    }
    for held in held.iter().rev() {
        held.nack(true).await;
    }
}

#[tokio::test]
async fn what_was_left_is_run_again_behind_one_that_rests() {
    let world = World::new().await;
    declare(&world).await;
    redeliver_all(&world, OF_A, &[("a", "a0"), ("a", "a1"), ("b", "b0")]).await;
    let journal = Journal::default();
    let noted = journal.clone();
    let connection = world.connect().await;
    let worker = connection.worker(&keyed());
    let worker = worker
        .start(move |job: String, message: Message| {
            let fails = job == "a0" && message.attempt() == 1;
            noted.note(job, &message);
            std::future::ready(match fails {
                true => Outcome::retry_in(Duration::from_secs(2), "not yet"),
                false => Outcome::Done,
            })
        })
        .await
        .unwrap();
    journal.wait(4).await;
    within("the worker's end", worker.stop()).await;
    assert_eq!(journal.jobs(), ["a0", "b0", "a0", "a1"]);
    assert_eq!(world.ready(OF_A).await, 0);
}

#[tokio::test]
async fn a_task_keeps_its_marks_while_others_are_settled() {
    let world = World::new().await;
    declare(&world).await;
    redeliver_all(&world, OF_D, &[("d", "d0"), ("e", "e0")]).await;
    mark(&world, "id-e0", 2).await;
    let (journal, gate) = (Journal::default(), Gate::default());
    let worker = holding(&world.connect().await, &journal, &[("e0", &gate)]).await;
    journal.wait(2).await;
    assert_eq!(journal.jobs(), ["d0", "e0"]);
    world.wait_ready(MARKS_OF_D, 3).await;
    gate.open();
    world.wait_ready(MARKS_OF_D, 0).await;
    within("the worker's end", worker.stop()).await;
}

#[tokio::test]
async fn what_was_left_is_run_first_and_leaves_no_mark() {
    let world = World::new().await;
    declare(&world).await;
    world.redeliver(OF_D, task("d", "d0")).await;
    let journal = Journal::default();
    let connection = world.connect().await;
    let worker = noting(&connection, &keyed(), &journal).await;
    let run = journal.wait(1).await.remove(0);
    assert_eq!((run.attempt, run.redelivered), (1, true));
    within("the worker's end", worker.stop()).await;
    assert_eq!(world.ready(OF_D).await, 0);
    assert_eq!(world.ready(MARKS_OF_D).await, 0);
}

#[tokio::test]
async fn what_has_ended_as_many_owners_as_it_may_is_dead() {
    let world = World::new().await;
    declare(&world).await;
    world.redeliver(OF_D, task("d", "d0")).await;
    mark(&world, "id-d0", 3).await;
    let journal = Journal::default();
    let connection = world.connect().await;
    let worker = noting(&connection, &keyed(), &journal).await;
    let letter = world.dead_letter(&connection.tasks(&keyed())).await;
    assert_eq!(letter.reason(), DeathReason::Crashed);
    assert_eq!(letter.id(), Some("id-d0"));
    within("the worker's end", worker.stop()).await;
    assert_eq!(journal.jobs(), [""; 0]);
    assert_eq!(world.ready(MARKS_OF_D).await, 0);
}

#[tokio::test]
async fn a_suspect_is_one_behind_those_of_a_higher_priority_too() {
    let world = World::new().await;
    let queue = keyed().options(QueueOptions::classic().max_priority(5));
    let connection = world.connect().await;
    let worker = noting(&connection, &queue, &Journal::default()).await;
    within("the worker's end", worker.stop()).await;
    world.redeliver(OF_D, task("d", "left")).await;
    let urgent = connection.tasks(&queue).push(&"urgent".to_owned());
    urgent.key("e").priority(5).await.unwrap();
    let (journal, gate) = (Journal::default(), Gate::default());
    let (noted, passed) = (journal.clone(), gate.clone());
    let worker = connection.worker(&queue);
    let worker = worker
        .start(move |job: String, message: Message| {
            let gate = (job == "left").then(|| passed.clone());
            noted.note(job, &message);
            async move {
                if let Some(gate) = gate {
                    gate.passed().await;
                }
            }
        })
        .await
        .unwrap();
    journal.wait(2).await;
    assert_eq!(journal.jobs(), ["urgent", "left"]);
    assert_eq!(world.ready(MARKS_OF_D).await, 1);
    gate.open();
    world.wait_ready(MARKS_OF_D, 0).await;
    within("the worker's end", worker.stop()).await;
}
