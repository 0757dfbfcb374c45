//! Failures: how often a task is tried again, how long it rests, and what of it stays the same.

use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use harness::RawMessage;
use lapin::options::QueueDeclareOptions;
use lapin::types::{AMQPValue, FieldTable, ShortString};
use leveret::{Connection, DeathReason, Message, Outcome, Retry, TaskQueue, Worker};

use crate::world::{Journal, TENTH, World, json, noting, quick, work};

/// A worker whose handler notes each task and then gives this outcome.
async fn giving(
    connection: &Connection,
    queue: &TaskQueue<String>,
    journal: &Journal,
    outcome: impl Fn(&Message) -> Outcome + Send + Sync + 'static,
) -> Worker {
    let journal = journal.clone();
    connection
        .worker(queue)
        .start(move |job: String, message: Message| {
            let outcome = outcome(&message);
            journal.note(job, &message);
            std::future::ready(outcome)
        })
        .await
        .expect("a worker")
}

#[tokio::test]
async fn a_failing_task_is_tried_as_often_as_allowed_and_no_more() {
    let world = World::new().await;
    let connection = world.connect().await;
    let journal = Journal::default();
    let worker = giving(&connection, &work(), &journal, |message| {
        Err::<(), _>(format!("failure {}", message.attempt())).into()
    })
    .await;
    let tasks = connection.tasks(&work());
    let began = SystemTime::now();
    let id = tasks.push(&"a".to_owned()).await.unwrap().to_string();
    let letter = world.dead_letter(&tasks).await;
    assert_eq!(letter.reason(), DeathReason::Attempts);
    assert_eq!((letter.attempts(), letter.error()), (3, Some("failure 3")));
    assert_eq!(letter.id(), Some(&*id));
    assert_eq!(letter.job().unwrap(), "a");
    let died = letter.died_at().unwrap();
    assert!(died >= began - TENTH && died <= SystemTime::now());
    assert_eq!(letter.header("leveret-queue"), Some(&*world.named("work")));
    letter.discard().await.unwrap();

    world.assert_all_settled(worker).await;
    assert_eq!(journal.attempts(), [1, 2, 3]);
    for run in journal.wait(3).await {
        assert_eq!((run.id, run.job), (Some(id.clone()), "a".to_owned()));
        assert_eq!((&*run.exchange, run.routing_key), ("", world.named("work")));
        assert!(!run.redelivered);
    }
    world.wait_ready("work.dead", 0).await;
}

#[tokio::test]
async fn one_attempt_is_one_attempt() {
    let world = World::new().await;
    let connection = world.connect().await;
    let queue = work().retry(Retry::never());
    let journal = Journal::default();
    let worker = giving(&connection, &queue, &journal, |_| Outcome::retry("no")).await;
    let tasks = connection.tasks(&queue);
    tasks.push(&"a".to_owned()).await.unwrap();
    let letter = world.dead_letter(&tasks).await;
    assert_eq!(letter.reason(), DeathReason::Attempts);
    assert_eq!(letter.attempts(), 1);
    world.assert_all_settled(worker).await;
    assert_eq!(journal.attempts(), [1]);
}

#[tokio::test]
async fn a_success_ends_the_attempts() {
    let world = World::new().await;
    let connection = world.connect().await;
    let journal = Journal::default();
    let worker = giving(&connection, &work(), &journal, |message| {
        if message.attempt() < 2 {
            return Outcome::retry("not yet");
        }
        Outcome::Done
    })
    .await;
    let tasks = connection.tasks(&work());
    tasks.push_all(&["a".into(), "b".into()]).await.unwrap();
    journal.wait(4).await;
    world.assert_all_settled(worker).await;
    assert_eq!(journal.sorted(), ["a", "a", "b", "b"]);
    assert_eq!(tasks.info().await.unwrap().dead, 0);
    assert_eq!(world.ready("leveret.delay.0").await, 0);
}

#[tokio::test]
async fn a_rejected_task_is_not_tried_again() {
    let world = World::new().await;
    let connection = world.connect().await;
    let journal = Journal::default();
    let worker = giving(&connection, &work(), &journal, |_| {
        Outcome::reject("there is no card")
    })
    .await;
    let tasks = connection.tasks(&work());
    tasks.push(&"a".to_owned()).await.unwrap();
    let letter = world.dead_letter(&tasks).await;
    assert_eq!(letter.reason(), DeathReason::Rejected);
    let expected = (1, Some("there is no card"));
    assert_eq!((letter.attempts(), letter.error()), expected);
    world.assert_all_settled(worker).await;
    assert_eq!(journal.attempts(), [1]);
}

/// There is room for one dead letter.
async fn limit_the_dead(world: &World) {
    let raw = world.raw().await;
    let arguments = [
        ("x-max-length", AMQPValue::LongInt(1)),
        ("x-overflow", AMQPValue::LongString("reject-publish".into())),
    ];
    let arguments = arguments.map(|(name, value)| (ShortString::from(name), value));
    let options = QueueDeclareOptions {
        durable: true,
        ..Default::default()
    };
    let (queue, channel) = (world.named("work.dead"), raw.channel());
    let declared = channel.queue_declare(
        queue.as_str().into(),
        options,
        FieldTable::from(std::collections::BTreeMap::from(arguments)),
    );
    declared.await.expect("a queue");
    assert!(raw.publish("", &queue, json("in the way")).await);
}

#[tokio::test]
async fn a_task_stays_until_its_copy_is_confirmed() {
    let world = World::new().await;
    limit_the_dead(&world).await;
    let connection = world.connect().await;
    let journal = Journal::default();
    let worker = giving(&connection, &work(), &journal, |_| Outcome::reject("no")).await;
    let tasks = connection.tasks(&work());
    tasks.push(&"a".to_owned()).await.unwrap();
    // No room for the letter: it comes again.
    journal.wait(2).await;
    let first = world.dead_letter(&tasks).await;
    assert_eq!(first.job().unwrap(), "in the way");
    first.discard().await.unwrap();
    let second = world.dead_letter(&tasks).await;
    assert_eq!(second.job().unwrap(), "a");
    assert_eq!(second.reason(), DeathReason::Rejected);
    second.discard().await.unwrap();
    world.assert_all_settled(worker).await;
}

#[tokio::test]
async fn a_panic_is_a_failure_and_costs_the_worker_nothing() {
    let world = World::new().await;
    let connection = world.connect().await;
    let journal = Journal::default();
    let noted = journal.clone();
    let worker = connection
        .worker(&work())
        .concurrency(1)
        .start(move |job: String, message: Message| {
            noted.note(&*job, &message);
            assert!(job != "early", "out of order");
            async move { assert!(job != "late", "out of order") }
        })
        .await
        .unwrap();
    let tasks = connection.tasks(&work());
    for job in ["early", "late", "good"] {
        tasks.push(&job.to_owned()).await.unwrap();
    }
    journal.wait(7).await;
    for _ in 0..2 {
        let letter = world.dead_letter(&tasks).await;
        assert_eq!(letter.reason(), DeathReason::Attempts);
        assert!(letter.error().is_some_and(|error| !error.is_empty()));
        letter.discard().await.unwrap();
    }
    world.assert_all_settled(worker).await;
    assert_eq!(
        journal.sorted(),
        ["early", "early", "early", "good", "late", "late", "late"]
    );
}

/// Notes when it is dropped.
struct Bomb(tokio::sync::mpsc::UnboundedSender<()>);

impl Drop for Bomb {
    fn drop(&mut self) {
        let _ = self.0.send(());
    }
}

#[tokio::test]
async fn a_handler_that_takes_too_long_is_dropped_and_has_failed() {
    let world = World::new().await;
    let connection = world.connect().await;
    let (sender, mut dropped) = tokio::sync::mpsc::unbounded_channel();
    let worker = connection
        .worker(&work().retry(quick(2)))
        .timeout(Duration::from_millis(50))
        .start(move |_: String, _| {
            let bomb = Bomb(sender.clone());
            async move {
                let _bomb = bomb;
                std::future::pending::<()>().await;
            }
        })
        .await
        .unwrap();
    let tasks = connection.tasks(&work());
    tasks.push(&"a".to_owned()).await.unwrap();
    let letter = world.dead_letter(&tasks).await;
    assert_eq!(letter.reason(), DeathReason::Attempts);
    assert_eq!(letter.attempts(), 2);
    for _ in 0..2 {
        dropped.recv().await.unwrap();
    }
    world.assert_all_settled(worker).await;
}

#[tokio::test]
async fn a_task_rests_before_each_attempt() {
    let world = World::new().await;
    let connection = world.connect().await;
    let longest = Duration::from_millis(400);
    let queue = work().retry(Retry::new(4).delay(2 * TENTH, longest));
    let journal = Journal::default();
    let worker = giving(&connection, &queue, &journal, |_| Outcome::retry("no")).await;
    let tasks = connection.tasks(&queue);
    tasks.push(&"a".to_owned()).await.unwrap();
    let runs = journal.wait(4).await;
    // Jitter takes off at most half of it.
    for (pair, full) in runs.windows(2).zip([2 * TENTH, longest, longest]) {
        let rest = pair[1].at - pair[0].at;
        assert!(rest >= full / 2, "{rest:?} before {full:?}");
    }
    world.dead_letter(&tasks).await.discard().await.unwrap();
    world.assert_all_settled(worker).await;
}

#[tokio::test]
async fn a_handler_may_say_when_it_wants_another_attempt() {
    let world = World::new().await;
    let connection = world.connect().await;
    let queue = work().retry(Retry::new(2).delay(Duration::from_secs(3600), Duration::MAX));
    let journal = Journal::default();
    let worker = giving(&connection, &queue, &journal, |message| {
        if message.attempt() == 1 {
            return Outcome::retry_in(3 * TENTH, "soon");
        }
        Outcome::Done
    })
    .await;
    let tasks = connection.tasks(&queue);
    tasks.push(&"a".to_owned()).await.unwrap();
    let runs = journal.wait(2).await;
    assert!(runs[1].at - runs[0].at >= 3 * TENTH);
    world.assert_all_settled(worker).await;
}

#[tokio::test]
async fn a_rest_longer_than_the_longest_is_the_longest() {
    let world = World::new().await;
    let connection = world.connect().await;
    let journal = Journal::default();
    let worker = giving(&connection, &work(), &journal, |_| {
        Outcome::retry_in(Duration::MAX, "when pigs fly")
    })
    .await;
    let tasks = connection.tasks(&work());
    tasks.push(&"a".to_owned()).await.unwrap();
    journal.wait(1).await;
    world.assert_all_settled(worker).await;
    assert_eq!(journal.attempts(), [1]);
    assert_eq!(world.ready("leveret.delay.27").await, 1);
}

#[tokio::test]
async fn an_attempt_has_the_properties_and_headers_of_the_first() {
    let world = World::new().await;
    let connection = world.connect().await;
    let first = RawMessage {
        kind: Some("order".into()),
        message_id: Some("id-1".into()),
        correlation_id: Some("session-1".into()),
        app_id: Some("shop".into()),
        expiration: Some("60000".into()),
        headers: [("team".to_owned(), "blue".to_owned())].into(),
        ..json("a")
    };
    connection
        .tasks(&work())
        .push(&"first".into())
        .await
        .unwrap();
    connection.tasks(&work()).purge().await.unwrap();
    let raw = world.raw().await;
    assert!(raw.publish("", &world.named("work"), first.clone()).await);
    let journal = Journal::default();
    let worker = giving(&connection, &work(), &journal, |_| Outcome::retry("why")).await;
    journal.wait(3).await;
    world.assert_all_settled(worker).await;
    let mut dead = raw.consume(&world.named("work.dead"), 1).await;
    let copy = dead.next().await.message;
    assert_eq!(copy.expiration, None);
    assert_eq!(copy.headers["team"], "blue");
    assert_eq!(copy.headers["leveret-error"], "why");
    assert_eq!(copy.headers["leveret-death"], "attempts");
    assert!(!copy.headers.contains_key("x-death"));
    let unchanged = |message: RawMessage| RawMessage {
        expiration: None,
        delivery_mode: None,
        user_id: None,
        headers: [].into(),
        ..message
    };
    assert_eq!(unchanged(copy), unchanged(first));
}

#[tokio::test]
async fn a_long_error_is_cut_at_a_character() {
    let world = World::new().await;
    let connection = world.connect().await;
    let journal = Journal::default();
    let worker = giving(&connection, &work(), &journal, |_| {
        Outcome::reject(format!("x{}", "é".repeat(5_000)))
    })
    .await;
    let tasks = connection.tasks(&work());
    tasks.push(&"a".to_owned()).await.unwrap();
    let letter = world.dead_letter(&tasks).await;
    assert_eq!(letter.error(), Some(&*format!("x{}", "é".repeat(511))));
    world.assert_all_settled(worker).await;
}

#[tokio::test]
async fn tasks_that_rest_hold_nobody_up() {
    let world = World::new().await;
    let connection = world.connect().await;
    let queue = work().retry(Retry::new(2).delay(Duration::from_secs(3600), Duration::MAX));
    let tasks = connection.tasks(&queue);
    let jobs: Vec<_> = (0..50).map(|n| format!("{n:02}")).collect();
    tasks.push_all(&jobs).await.unwrap();
    let journal = Journal::default();
    let worker = giving(&connection, &queue, &journal, |_| Outcome::retry("no")).await;
    journal.wait(50).await;
    world.assert_all_settled(worker).await;
    assert_eq!(journal.sorted(), jobs);
    let other = Journal::default();
    let worker = noting(&connection, &queue, &other).await;
    world.assert_all_settled(worker).await;
    assert_eq!(other.jobs(), [""; 0]);
}

#[tokio::test]
async fn a_thread_that_has_outlived_its_timeout_keeps_its_place() {
    let world = World::new().await;
    let connection = world.connect().await;
    let (hold, held) = std::sync::mpsc::channel::<()>();
    let held = Arc::new(Mutex::new(held));
    let journal = Journal::default();
    let noted = journal.clone();
    let worker = connection.worker(&work()).concurrency(1).timeout(TENTH);
    let worker = worker
        .start(move |job: String, message: Message| {
            let hangs = message.attempt() == 1 && job == "a";
            noted.note(job, &message);
            let (held, guard) = (Arc::clone(&held), message.guard());
            async move {
                if hangs {
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
    let tasks = connection.tasks(&work());
    tasks.push(&"a".to_owned()).await.unwrap();
    journal.wait(1).await;
    tasks.push(&"b".to_owned()).await.unwrap();
    // What another worker is given long after the timeout and the rest.
    let (clock, ticks) = (TaskQueue::new("clock"), Journal::default());
    let other = noting(&connection, &clock, &ticks).await;
    let tick = connection.tasks(&clock);
    tick.push(&"tick".to_owned())
        .delay(5 * TENTH)
        .await
        .unwrap();
    ticks.wait(1).await;
    assert_eq!(journal.jobs(), ["a"]);
    drop(hold);
    journal.wait(3).await;
    world.assert_all_settled(worker).await;
    assert_eq!(journal.sorted(), ["a", "a", "b"]);
    other.stop().await;
}
