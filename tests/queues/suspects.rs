//! Tasks that come again: those that this process has had are run as they are; others may have ended their worker, and are
//! run apart.

use harness::{Proxy, RawMessage, within};
use leveret::{Connection, ConnectionState, DeathReason, Message, Worker};

use crate::world::{Gate, Journal, World, json, noting, work};

/// A task that was with somebody before.
fn task(job: &str, attempt: u32) -> RawMessage {
    RawMessage {
        message_id: Some(format!("id-{job}")),
        headers: [("leveret-attempt".to_owned(), attempt.to_string())].into(),
        ..json(job)
    }
}

/// The queues exist and are empty.
async fn declare(world: &World) {
    let worker = noting(&world.connect().await, &work(), &Journal::default()).await;
    world.assert_all_settled(worker).await;
}

/// Runs one task at a time, which waits at the gate, and has two more at hand.
async fn holding(connection: &Connection, journal: &Journal, gate: &Gate) -> Worker {
    let (journal, gate) = (journal.clone(), gate.clone());
    connection
        .worker(&work())
        .concurrency(1)
        .prefetch(3)
        .start(move |job: String, message: Message| {
            journal.note(job, &message);
            let gate = gate.clone();
            async move { gate.passed().await }
        })
        .await
        .expect("a worker")
}

async fn push(world: &World, jobs: &[&str]) {
    let tasks = world.connect().await.tasks(&work());
    for job in jobs {
        tasks.push(&(*job).to_owned()).await.unwrap();
    }
}

#[tokio::test]
async fn a_task_of_a_worker_that_is_gone_is_run_apart_and_not_blamed() {
    let world = World::new().await;
    declare(&world).await;
    for without_id in [false, true] {
        let mut task = task("a", 2);
        if without_id {
            task.message_id = None;
        }
        world.redeliver("work", task).await;
        let journal = Journal::default();
        let worker = noting(&world.connect().await, &work(), &journal).await;
        let run = journal.wait(1).await.remove(0);
        assert_eq!((run.attempt, run.redelivered), (2, false));
        assert_eq!(run.queue, world.named("work.suspect"));
        assert_eq!(
            (&*run.exchange, &*run.routing_key),
            ("", &*world.named("work"))
        );
        world.assert_all_settled(worker).await;
        assert_eq!(journal.jobs(), ["a"]);
    }
    assert_eq!(world.ready("work.dead").await, 0);
}

#[tokio::test]
async fn nothing_runs_beside_a_suspect() {
    let world = World::new().await;
    let connection = world.connect().await;
    let (journal, gate) = (Journal::default(), Gate::default());
    let (noted, held) = (journal.clone(), gate.clone());
    let worker = connection.worker(&work()).concurrency(2);
    let worker = worker
        .start(move |job: String, message: Message| {
            let (noted, held) = (noted.clone(), held.clone());
            async move {
                noted.note(&*job, &message);
                held.passed().await;
                // Whatever could run beside it gets its chance.
                tokio::task::yield_now().await;
                noted.note(format!("end of {job}"), &message);
            }
        })
        .await
        .unwrap();
    push(&world, &["a"]).await;
    journal.wait(1).await;
    let (raw, aside) = (world.raw().await, world.named("work.suspect"));
    assert!(raw.publish("", &aside, task("s", 1)).await);
    world.wait_ready("work.suspect", 0).await;
    push(&world, &["b"]).await;
    world.wait_ready("work", 0).await;
    gate.open();
    journal.wait(6).await;
    world.assert_all_settled(worker).await;
    let expected = ["a", "end of a", "s", "end of s", "b", "end of b"];
    assert_eq!(journal.jobs(), expected);
}

#[tokio::test]
async fn what_ends_its_worker_alone_loses_an_attempt() {
    let world = World::new().await;
    declare(&world).await;
    world.redeliver("work.suspect", task("a", 1)).await;
    let journal = Journal::default();
    let worker = noting(&world.connect().await, &work(), &journal).await;
    let run = journal.wait(1).await.remove(0);
    assert_eq!((run.attempt, run.queue), (2, world.named("work.suspect")));
    world.assert_all_settled(worker).await;
}

#[tokio::test]
async fn what_has_ended_as_many_workers_as_it_may_is_dead() {
    let world = World::new().await;
    declare(&world).await;
    world.redeliver("work.suspect", task("a", 3)).await;
    let journal = Journal::default();
    let connection = world.connect().await;
    let worker = noting(&connection, &work(), &journal).await;
    let letter = world.dead_letter(&connection.tasks(&work())).await;
    assert_eq!(
        (letter.reason(), letter.attempts()),
        (DeathReason::Crashed, 3)
    );
    assert_eq!(letter.id(), Some("id-a"));
    assert!(letter.died_at().is_some());
    world.assert_all_settled(worker).await;
    assert_eq!(journal.jobs(), [""; 0]);
}

#[tokio::test]
async fn a_suspect_that_fails_rests_and_comes_back_as_any_other() {
    let world = World::new().await;
    declare(&world).await;
    world.redeliver("work", task("a", 1)).await;
    let journal = Journal::default();
    let noted = journal.clone();
    let worker = world
        .connect()
        .await
        .worker(&work())
        .start(move |job: String, message: Message| {
            noted.note(job, &message);
            async move {
                if message.attempt() == 1 {
                    Err("no")
                } else {
                    Ok(())
                }
            }
        })
        .await
        .unwrap();
    let runs = journal.wait(2).await;
    assert_eq!(runs[0].queue, world.named("work.suspect"));
    assert_eq!(runs[1].queue, world.named("work"));
    world.assert_all_settled(worker).await;
    assert_eq!(journal.attempts(), [1, 2]);
}

/// Its copy is another attempt, which whoever had it may have died of.
#[tokio::test]
async fn a_later_attempt_that_was_with_somebody_else_is_not_taken_for_done() {
    let world = World::new().await;
    declare(&world).await;
    let (journal, fail, hold) = (Journal::default(), Gate::default(), Gate::default());
    let (noted, fails, holds) = (journal.clone(), fail.clone(), hold.clone());
    let connection = world.connect().await;
    let worker = connection.worker(&work()).concurrency(1).prefetch(1);
    let worker = worker
        .start(move |job: String, message: Message| {
            noted.note(job.clone(), &message);
            let (fail, hold) = (fails.clone(), holds.clone());
            async move {
                match (&*job, message.attempt()) {
                    ("a", 1) => {
                        fail.passed().await;
                        return Err("not yet");
                    }
                    ("hold", _) => hold.passed().await,
                    _ => {}
                }
                Ok(())
            }
        })
        .await
        .unwrap();
    push(&world, &["a"]).await;
    journal.wait(1).await;
    push(&world, &["hold"]).await;
    fail.open();
    journal.wait(2).await;
    // The copy goes to somebody who ends while he has it.
    let other = world.raw().await;
    let mut taker = other.consume(&world.named("work"), 1).await;
    taker.next().await;
    let ended = other.channel().close(200, "gone".into()).await;
    ended.unwrap();
    world.wait_ready("work", 1).await;
    hold.open();
    let run = journal.wait(3).await.remove(2);
    assert_eq!((&*run.job, run.attempt), ("a", 2));
    assert_eq!(run.queue, world.named("work.suspect"));
    world.assert_all_settled(worker).await;
    assert_eq!(journal.jobs(), ["a", "hold", "a"]);
}

#[tokio::test]
async fn a_worker_that_was_cut_off_knows_its_tasks_again() {
    let world = World::new().await;
    declare(&world).await;
    let proxy = Proxy::to(world.broker.url()).await;
    let url = proxy.url_through(world.broker.url());
    let connection = world.builder_to(&url).connect().await.unwrap();
    let (journal, gate) = (Journal::default(), Gate::default());
    let worker = holding(&connection, &journal, &gate).await;
    push(&world, &["a", "b", "c"]).await;
    journal.wait(1).await;
    world.wait_ready("work", 0).await;

    let mut states = connection.states();
    proxy.reset_connections().await;
    within("the loss", states.reached(ConnectionState::Reconnecting)).await;
    within("its end", states.reached(ConnectionState::Connected)).await;
    gate.open();
    let runs = journal.wait(3).await;
    world.assert_all_settled(worker).await;
    // What ran went on and was not begun again.
    assert_eq!(journal.sorted(), ["a", "b", "c"]);
    assert!(
        runs.iter().all(|run| run.queue == world.named("work")),
        "{runs:?}"
    );
    assert_eq!(journal.attempts(), [1, 1, 1]);
}

#[tokio::test]
async fn a_worker_that_lives_takes_over_from_one_that_was_cut_off() {
    let world = World::new().await;
    declare(&world).await;
    let proxy = Proxy::to(world.broker.url()).await;
    let url = proxy.url_through(world.broker.url());
    let away = world.builder_to(&url).connect().await.unwrap();
    let (lost, gate) = (Journal::default(), Gate::default());
    let cut_off = holding(&away, &lost, &gate).await;
    push(&world, &["a", "b", "c"]).await;
    lost.wait(1).await;
    world.wait_ready("work", 0).await;

    let connection = world.connect().await;
    let journal = Journal::default();
    let worker = noting(&connection, &work(), &journal).await;
    proxy.refuse().await;
    proxy.reset_connections().await;
    let runs = journal.wait(3).await;
    assert_eq!(journal.sorted(), ["a", "b", "c"]);
    assert_eq!(journal.attempts(), [1, 1, 1]);
    let suspect = world.named("work.suspect");
    assert!(runs.iter().all(|run| run.queue == suspect), "{runs:?}");
    gate.open();
    within("the worker's end", cut_off.stop()).await;
    world.assert_all_settled(worker).await;
    assert_eq!(connection.tasks(&work()).info().await.unwrap().dead, 0);
    assert_eq!(lost.jobs(), ["a"]);
}

/// A task that another one's crash has set aside, met by a stop in the middle of its run.
#[tokio::test]
async fn a_suspect_whose_worker_is_stopped_is_not_blamed() {
    let world = World::new().await;
    declare(&world).await;
    world.redeliver("work", task("a", 1)).await;
    let (journal, gate) = (Journal::default(), Gate::default());
    for round in 1..=4 {
        let worker = holding(&world.connect().await, &journal, &gate).await;
        journal.wait(round).await;
        worker.stop_now();
        within("the worker's end", worker.stop()).await;
    }
    gate.open();
    let connection = world.connect().await;
    let worker = holding(&connection, &journal, &gate).await;
    journal.wait(5).await;
    world.assert_all_settled(worker).await;
    assert_eq!(journal.attempts(), [1; 5]);
    assert_eq!(connection.tasks(&work()).info().await.unwrap().dead, 0);
}
