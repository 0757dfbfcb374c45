//! Dead letters: why each died, and what can be done with them.

use harness::{Proxy, RawMessage, within};
use lapin::options::QueueDeclareOptions;
use lapin::types::{AMQPValue, FieldTable};
use leveret::{Code, DeathReason, Executed, Message, Outcome, TaskQueue};

use crate::world::{Journal, TENTH, World, json, noting, work};

/// Pushes tasks that are all rejected.
async fn bury(world: &World, jobs: &[&str]) {
    let connection = world.connect().await;
    let tasks = connection.tasks(&work());
    for job in jobs {
        tasks
            .push(&(*job).to_owned())
            .metadata("team", "blue")
            .await
            .unwrap();
    }
    let worker = connection
        .worker(&work())
        .concurrency(1)
        .start(async |_: String, _| Outcome::reject("no"))
        .await
        .unwrap();
    world
        .wait_ready("work.dead", u32::try_from(jobs.len()).unwrap())
        .await;
    world.assert_all_settled(worker).await;
}

#[tokio::test]
async fn letters_are_read_oldest_first_and_go_back_unless_decided_on() {
    let world = World::new().await;
    bury(&world, &["a", "b", "c"]).await;
    let tasks = world.connect().await.tasks(&work());
    for _ in 0..2 {
        let mut letters = tasks.dead_letters().await.unwrap();
        let mut jobs = Vec::new();
        while let Some(letter) = letters.next().await.unwrap() {
            jobs.push(letter.job().unwrap());
        }
        assert_eq!(jobs, ["a", "b", "c"]);
        assert_eq!(tasks.info().await.unwrap().dead, 0, "all are being read");
        drop(letters);
        world.wait_ready("work.dead", 3).await;
    }
    let mut letters = tasks.dead_letters().await.unwrap();
    letters
        .next()
        .await
        .unwrap()
        .unwrap()
        .discard()
        .await
        .unwrap();
    drop(letters);
    world.wait_ready("work.dead", 2).await;
    let mut letters = tasks.dead_letters().await.unwrap();
    let oldest = letters.next().await.unwrap().unwrap();
    assert_eq!(oldest.job().unwrap(), "b");
}

#[tokio::test]
async fn a_letter_that_is_retried_is_a_task_with_all_its_attempts() {
    let world = World::new().await;
    bury(&world, &["a"]).await;
    let connection = world.connect().await;
    let tasks = connection.tasks(&work());
    let letter = world.dead_letter(&tasks).await;
    let id = letter.id().map(str::to_owned);
    letter.retry().await.unwrap();

    let journal = Journal::default();
    let noted = journal.clone();
    let worker = connection
        .worker(&work())
        .start(move |job: String, message: Message| {
            noted.note(job, &message);
            let carried = ["leveret-death", "leveret-died", "leveret-queue"];
            assert!(
                carried
                    .iter()
                    .all(|name| message.header_value(name).is_none())
            );
            let first = message.attempt() == 1;
            assert_eq!(message.header("leveret-error").is_none(), first);
            assert_eq!(message.header("team"), Some("blue"));
            async { Err::<(), _>("again") }
        })
        .await
        .unwrap();
    let letter = world.dead_letter(&tasks).await;
    assert_eq!((letter.attempts(), letter.error()), (3, Some("again")));
    assert_eq!(letter.reason(), DeathReason::Attempts);
    assert_eq!(letter.id().map(str::to_owned), id);
    world.assert_all_settled(worker).await;
    assert_eq!(journal.attempts(), [1, 2, 3]);
    drop(letter);
    world.wait_ready("work.dead", 1).await;
}

#[tokio::test]
async fn a_task_that_waits_too_long_has_expired() {
    let world = World::new().await;
    let connection = world.connect().await;
    let tasks = connection.tasks(&work());
    let short = tasks.push(&"short".to_owned()).expires(TENTH / 10);
    let id = short.await.unwrap().to_string();
    let letter = world.dead_letter(&tasks).await;
    assert_eq!(letter.reason(), DeathReason::Expired);
    assert_eq!((letter.attempts(), letter.error()), (0, None));
    assert_eq!(letter.died_at(), None);
    assert_eq!(letter.id(), Some(&*id));
    assert_eq!(letter.job().unwrap(), "short");
    letter.retry().await.unwrap();
    let journal = Journal::default();
    let worker = noting(&connection, &work(), &journal).await;
    let run = journal.wait(1).await.remove(0);
    assert_eq!((&*run.job, run.attempt), ("short", 1));
    world.assert_all_settled(worker).await;
}

#[tokio::test]
async fn a_retried_task_does_not_expire() {
    let world = World::new().await;
    let connection = world.connect().await;
    let tasks = connection.tasks(&work());
    let journal = Journal::default();
    let noted = journal.clone();
    let worker = connection
        .worker(&work())
        .start(move |job: String, message: Message| {
            noted.note(job, &message);
            // Longer than it may wait.
            std::future::ready(match message.attempt() {
                1 => Outcome::retry_in(8 * TENTH, "no"),
                _ => Outcome::Done,
            })
        })
        .await
        .unwrap();
    let brief = tasks.push(&"a".to_owned()).expires(5 * TENTH);
    brief.await.unwrap();
    journal.wait(2).await;
    world.assert_all_settled(worker).await;
    assert_eq!(tasks.info().await.unwrap().dead, 0);
}

#[tokio::test]
async fn what_is_no_task_of_this_type_can_be_looked_at() {
    let world = World::new().await;
    let connection = world.connect().await;
    let queue = TaskQueue::<u32>::new("work");
    let worker = connection
        .worker(&queue)
        .start(async |_: u32, _| ())
        .await
        .unwrap();
    let raw = world.raw().await;
    let mut image = json("no number");
    image.content_type = Some("image/png".into());
    for message in [json("no number"), image.clone()] {
        assert!(raw.publish("", &world.named("work"), message).await);
    }
    let tasks = connection.tasks(&queue);
    for _ in 0..2 {
        let letter = world.dead_letter(&tasks).await;
        assert_eq!(letter.reason(), DeathReason::Undecodable);
        assert_eq!(letter.attempts(), 1);
        assert!(letter.error().is_some_and(|error| !error.is_empty()));
        assert_eq!(letter.job().unwrap_err().code(), Code::InvalidArgument);
        assert_eq!(letter.body(), image.body);
        letter.discard().await.unwrap();
    }
    world.assert_all_settled(worker).await;
}

#[tokio::test]
async fn what_a_foreign_consumer_refuses_dies_without_our_reasons() {
    let world = World::new().await;
    let tasks = world.connect().await.tasks(&work());
    tasks.push(&"a".to_owned()).await.unwrap();
    let raw = world.raw().await;
    let taken = raw.consume(&world.named("work"), 1).await.next().await;
    taken.nack(false).await;
    let letter = world.dead_letter(&tasks).await;
    assert_eq!(letter.job().unwrap(), "a");
    assert_eq!(
        (letter.reason(), letter.attempts()),
        (DeathReason::Rejected, 1)
    );
    assert_eq!((letter.error(), letter.died_at()), (None, None));
}

/// A message as a worker leaves it for its second attempt.
fn second_attempt() -> RawMessage {
    RawMessage {
        headers: [("leveret-attempt".to_owned(), "2".to_owned())].into(),
        ..json("a")
    }
}

/// A queue that somebody has declared in his own way, but for where its dead letters go.
async fn declare(world: &World, arguments: &[(&str, AMQPValue)]) {
    let dead = AMQPValue::LongString(world.named("work.dead").into());
    let own = [
        ("x-dead-letter-exchange", AMQPValue::LongString("".into())),
        ("x-dead-letter-routing-key", dead),
    ];
    let mut table = FieldTable::default();
    for (name, value) in own.iter().chain(arguments) {
        table.insert((*name).into(), value.clone());
    }
    let options = QueueDeclareOptions {
        durable: true,
        ..QueueDeclareOptions::default()
    };
    let raw = world.raw().await;
    raw.declare(&world.named("work.dead")).await;
    let declared = raw
        .channel()
        .queue_declare(world.named("work").into(), options, table);
    declared.await.expect("a queue");
}

#[tokio::test]
async fn the_attempt_that_a_full_queue_did_not_take_was_not_begun() {
    let world = World::new().await;
    declare(&world, &[("x-max-length", AMQPValue::LongInt(1))]).await;
    let raw = world.raw().await;
    for message in [second_attempt(), json("b")] {
        assert!(raw.publish("", &world.named("work"), message).await);
    }
    let tasks = world.connect().await.tasks(&work());
    let letter = world.dead_letter(&tasks).await;
    assert_eq!((letter.reason(), letter.attempts()), (DeathReason::Full, 1));
    assert_eq!(letter.job().unwrap(), "a");
}

#[tokio::test]
async fn the_attempt_that_expired_was_not_begun() {
    let world = World::new().await;
    declare(&world, &[("x-message-ttl", AMQPValue::LongInt(10))]).await;
    let raw = world.raw().await;
    let message = second_attempt();
    assert!(raw.publish("", &world.named("work"), message).await);
    let tasks = world.connect().await.tasks(&work());
    let letter = world.dead_letter(&tasks).await;
    assert_eq!(
        (letter.reason(), letter.attempts()),
        (DeathReason::Expired, 1)
    );
}

#[tokio::test]
async fn what_came_back_too_often_had_been_begun() {
    let world = World::new().await;
    let limited = [
        ("x-queue-type", AMQPValue::LongString("quorum".into())),
        ("x-delivery-limit", AMQPValue::LongInt(1)),
    ];
    declare(&world, &limited).await;
    let raw = world.raw().await;
    let message = second_attempt();
    assert!(raw.publish("", &world.named("work"), message).await);
    let mut consumer = raw.consume(&world.named("work"), 1).await;
    for _ in 0..2 {
        consumer.next().await.nack(true).await;
    }
    let tasks = world.connect().await.tasks(&work());
    let letter = world.dead_letter(&tasks).await;
    assert_eq!(
        (letter.reason(), letter.attempts()),
        (DeathReason::Other, 2)
    );
}

#[tokio::test]
async fn a_queue_that_nobody_declared_has_no_letters_to_read() {
    let world = World::new().await;
    let tasks = world.connect().await.tasks(&work());
    let missing = tasks.dead_letters().await.unwrap_err();
    assert_eq!(missing.code(), Code::NoSuchService);
}

/// It is back in its queue, and a copy besides would be one too many.
#[tokio::test]
async fn a_letter_whose_connection_was_lost_stays_and_says_so() {
    let world = World::new().await;
    bury(&world, &["a", "b"]).await;
    let proxy = Proxy::to(world.broker.url()).await;
    let url = proxy.url_through(world.broker.url());
    let connection = world.builder_to(&url).connect().await.unwrap();
    let tasks = connection.tasks(&work());
    let mut letters = tasks.dead_letters().await.unwrap();
    let retried = letters.next().await.unwrap().unwrap();
    let discarded = letters.next().await.unwrap().unwrap();
    let mut states = connection.states();
    proxy.reset_connections().await;
    within("the loss", states.changed()).await;
    world.wait_ready("work.dead", 2).await;
    let lost = retried.retry().await.unwrap_err();
    assert_eq!(lost.code(), Code::Unavailable);
    assert_eq!(lost.executed(), Executed::No);
    let lost = discarded.discard().await.unwrap_err();
    assert_eq!(lost.code(), Code::Unavailable);
    assert_eq!(lost.executed(), Executed::No);
    assert_eq!(world.ready("work").await, 0);
    assert_eq!(world.ready("work.dead").await, 2);
}

/// It was let in by somebody with another limit, and has to go somewhere.
#[tokio::test]
async fn what_is_larger_than_the_workers_own_messages_may_be_can_be_given_up() {
    for keyed in [false, true] {
        let world = World::new().await;
        let queue = if keyed { work().keyed(1) } else { work() };
        let pusher = world.connect().await;
        let tasks = pusher.tasks(&queue);
        let job = "a".repeat(2000);
        let push = tasks.push(&job);
        let push = if keyed { push.key("k") } else { push };
        push.await.unwrap();
        let small = world.builder().max_message_size(1000).connect().await;
        let worker = small.unwrap().worker(&queue);
        let worker = worker.start(async |_: String, _| Outcome::reject("no"));
        let worker = worker.await.unwrap();
        let letter = world.dead_letter(&tasks).await;
        assert_eq!(letter.reason(), DeathReason::Rejected);
        assert_eq!(letter.job().unwrap(), job);
        within("the worker's end", worker.stop()).await;
    }
}
