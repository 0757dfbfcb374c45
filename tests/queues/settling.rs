//! Settling by hand: whoever does has settled, and what the handler returns does not count any more.

use std::time::Instant;

use leveret::{Code, DeathReason, Error, Message, Outcome};
use tokio::sync::mpsc::unbounded_channel;

use crate::world::{Gate, Journal, TENTH, World, work};

#[tokio::test]
async fn an_acknowledgement_by_hand_outlives_the_handlers_failure() {
    let world = World::new().await;
    let connection = world.connect().await;
    let (journal, gate) = (Journal::default(), Gate::default());
    let (noted, held) = (journal.clone(), gate.clone());
    let worker = connection
        .worker(&work())
        .start(move |job: String, message: Message| {
            let (noted, held) = (noted.clone(), held.clone());
            async move {
                message.ack().await.unwrap();
                noted.note(job, &message);
                held.passed().await;
                Outcome::reject("too late")
            }
        })
        .await
        .unwrap();
    let tasks = connection.tasks(&work());
    tasks.push(&"a".to_owned()).await.unwrap();
    journal.wait(1).await;
    // The broker has heard of it while the handler runs.
    harness::eventually("the acknowledgement", async || {
        let queue = world.broker.queue(&world.named("work")).await;
        queue.is_some_and(|queue| queue.messages() == 0)
    })
    .await;
    gate.open();
    world.assert_all_settled(worker).await;
    assert_eq!(journal.attempts(), [1]);
    assert_eq!(tasks.info().await.unwrap().dead, 0);
}

#[tokio::test]
async fn a_retry_by_hand_counts_and_success_does_not() {
    let world = World::new().await;
    let connection = world.connect().await;
    let journal = Journal::default();
    let noted = journal.clone();
    let worker = connection
        .worker(&work())
        .start(move |job: String, message: Message| {
            noted.note(job, &message);
            async move {
                match message.attempt() {
                    1 => message.retry("by hand").await.unwrap(),
                    2 => message.retry_in(3 * TENTH, "by hand").await.unwrap(),
                    _ => message.retry("the last one").await.unwrap(),
                }
            }
        })
        .await
        .unwrap();
    let tasks = connection.tasks(&work());
    tasks.push(&"a".to_owned()).await.unwrap();
    let letter = world.dead_letter(&tasks).await;
    assert_eq!(letter.reason(), DeathReason::Attempts);
    assert_eq!(letter.error(), Some("the last one"));
    let runs = journal.wait(3).await;
    assert!(runs[2].at - runs[1].at >= 3 * TENTH);
    world.assert_all_settled(worker).await;
    assert_eq!(journal.attempts(), [1, 2, 3]);
}

#[tokio::test]
async fn a_message_is_settled_once() {
    let world = World::new().await;
    let connection = world.connect().await;
    let (sender, mut codes) = unbounded_channel();
    let (give, mut given) = unbounded_channel();
    let worker = connection
        .worker(&work())
        .start(move |job: String, message: Message| {
            let (sender, give) = (sender.clone(), give.clone());
            async move {
                let code = |settled: Result<(), Error>| settled.map_err(|error| error.code());
                let first = match &*job {
                    "ack" => message.ack().await,
                    "retry" => message.retry_in(36_000 * TENTH, "by hand").await,
                    "reject" => message.reject("by hand").await,
                    _ => Ok(()),
                };
                if job != "leave" {
                    sender.send(code(first)).unwrap();
                    sender.send(code(message.ack().await)).unwrap();
                    sender.send(code(message.retry("again").await)).unwrap();
                    sender.send(code(message.reject("again").await)).unwrap();
                }
                give.send(message).unwrap();
            }
        })
        .await
        .unwrap();
    let tasks = connection.tasks(&work());
    let again = Err(Code::FailedPrecondition);
    for job in ["ack", "retry", "reject"] {
        tasks.push(&job.to_owned()).await.unwrap();
        for expected in [Ok(()), again, again, again] {
            assert_eq!(codes.recv().await.unwrap(), expected, "{job}");
        }
        given.recv().await.unwrap();
    }
    let letter = world.dead_letter(&tasks).await;
    assert_eq!(letter.reason(), DeathReason::Rejected);
    assert_eq!(letter.error(), Some("by hand"));
    letter.discard().await.unwrap();

    // After its end the handler's result has settled it.
    tasks.push(&"leave".to_owned()).await.unwrap();
    let kept = given.recv().await.unwrap();
    worker.stop().await;
    let late = kept.ack().await.unwrap_err();
    assert_eq!(late.code(), Code::FailedPrecondition);
    world.assert_all_settled(worker).await;
}

#[tokio::test]
async fn a_handler_that_has_settled_may_fail_or_take_its_time() {
    let world = World::new().await;
    let connection = world.connect().await;
    let journal = Journal::default();
    let noted = journal.clone();
    let worker = connection
        .worker(&work())
        .timeout(TENTH)
        .start(move |job: String, message: Message| {
            let noted = noted.clone();
            async move {
                noted.note(&*job, &message);
                message.ack().await.unwrap();
                assert!(job != "panics", "after the acknowledgement");
                if job == "hangs" {
                    std::future::pending::<()>().await;
                }
                Err::<(), _>("after the acknowledgement")
            }
        })
        .await
        .unwrap();
    let tasks = connection.tasks(&work());
    let jobs = ["panics", "hangs", "fails"].map(str::to_owned);
    let start = Instant::now();
    tasks.push_all(&jobs).await.unwrap();
    journal.wait(3).await;
    world.assert_all_settled(worker).await;
    assert!(
        start.elapsed() >= TENTH,
        "the handler that hangs was given up"
    );
    assert_eq!(journal.attempts(), [1, 1, 1]);
    assert_eq!(tasks.info().await.unwrap().dead, 0);
    assert_eq!(world.ready("leveret.delay.0").await, 0);
}
