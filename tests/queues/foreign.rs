//! Programs that know nothing of Leveret: what they have to write, and what they may.

use harness::RawMessage;
use leveret::{Code, DeathReason, Events, HeaderValue, Message, Raw, TaskQueue, Worker};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::world::{Journal, World, json, noting, work};

async fn raw_worker(world: &World) -> (UnboundedReceiver<(Raw, Message)>, Worker) {
    let (sender, got) = unbounded_channel();
    let worker = world
        .connect()
        .await
        .worker(&TaskQueue::<Raw>::new("work"))
        .start(move |body: Raw, message: Message| {
            sender.send((body, message)).unwrap();
            async {}
        })
        .await
        .expect("a worker");
    (got, worker)
}

#[tokio::test]
async fn the_least_that_a_program_has_to_write_is_a_body() {
    let world = World::new().await;
    let journal = Journal::default();
    let worker = noting(&world.connect().await, &work(), &journal).await;
    let raw = world.raw().await;
    let queue = world.named("work");
    assert!(raw.publish("", &queue, json("as JSON")).await);
    for content_type in [None, Some("text/plain".to_owned())] {
        let text = RawMessage {
            body: "as text".into(),
            content_type,
            ..RawMessage::default()
        };
        assert!(raw.publish("", &queue, text).await);
    }
    let runs = journal.wait(3).await;
    assert_eq!(journal.jobs(), ["as JSON", "as text", "as text"]);
    assert!(runs.iter().all(|run| run.id.is_none() && run.attempt == 1));
    world.assert_all_settled(worker).await;
}

#[tokio::test]
async fn a_task_without_an_id_is_retried_too() {
    let world = World::new().await;
    let connection = world.connect().await;
    let journal = Journal::default();
    let noted = journal.clone();
    let worker = connection
        .worker(&work())
        .start(move |job: String, message: Message| {
            noted.note(job, &message);
            async { Err::<(), _>("no") }
        })
        .await
        .unwrap();
    let raw = world.raw().await;
    assert!(raw.publish("", &world.named("work"), json("a")).await);
    let letter = world.dead_letter(&connection.tasks(&work())).await;
    assert_eq!(letter.reason(), DeathReason::Attempts);
    world.assert_all_settled(worker).await;
    assert_eq!(journal.attempts(), [1, 2, 3]);
}

#[tokio::test]
async fn a_type_of_ours_is_no_task() {
    let world = World::new().await;
    let connection = world.connect().await;
    let journal = Journal::default();
    let worker = noting(&connection, &work(), &journal).await;
    let raw = world.raw().await;
    for (kind, job) in [("leveret.cancel", "reserved"), ("resize", "theirs")] {
        let message = RawMessage {
            kind: Some(kind.into()),
            ..json(job)
        };
        assert!(raw.publish("", &world.named("work"), message).await);
    }
    journal.wait(1).await;
    let letter = world.dead_letter(&connection.tasks(&work())).await;
    assert_eq!(letter.reason(), DeathReason::Rejected);
    assert_eq!(letter.job().unwrap(), "reserved");
    world.assert_all_settled(worker).await;
    assert_eq!(journal.jobs(), ["theirs"]);
}

#[tokio::test]
async fn bytes_travel_as_they_are() {
    let world = World::new().await;
    let (mut got, worker) = raw_worker(&world).await;
    let image = Raw::new("image/png", &b"\x89PNG\xff\x00"[..]);
    let tasks = world.connect().await.tasks(&TaskQueue::<Raw>::new("work"));
    tasks.push(&image).await.unwrap();
    let (body, message) = got.recv().await.unwrap();
    assert_eq!((&body, &body.body), (&image, message.body()));
    let untyped = Raw {
        content_type: None,
        body: vec![0].into(),
    };
    tasks.push(&untyped).await.unwrap();
    assert_eq!(got.recv().await.unwrap().0, untyped);
    let raw = world.raw().await;
    let odd = RawMessage {
        body: b"\xc1".into(),
        content_type: Some("application/x-odd".into()),
        ..RawMessage::default()
    };
    assert!(raw.publish("", &world.named("work"), odd).await);
    let (body, _) = got.recv().await.unwrap();
    assert_eq!(body, Raw::new("application/x-odd", &b"\xc1"[..]));
    world.assert_all_settled(worker).await;

    let logs = Events::<Raw>::fanout("logs");
    let connection = world.connect().await;
    let (sender, mut got) = unbounded_channel();
    let _worker = connection
        .subscribe(&logs)
        .start(move |event: Raw, _| {
            sender.send(event).unwrap();
            async {}
        })
        .await
        .unwrap();
    connection.events(&logs).publish(&image).await.unwrap();
    assert_eq!(got.recv().await.unwrap(), image);
}

#[tokio::test]
async fn properties_and_headers_of_any_kind_can_be_read() {
    let world = World::new().await;
    let (mut got, worker) = raw_worker(&world).await;
    let message = RawMessage {
        kind: Some("order".into()),
        message_id: Some("17".into()),
        app_id: Some("shop".into()),
        headers: [("Colour".to_owned(), "blue".to_owned())].into(),
        ..json("a")
    };
    let raw = world.raw().await;
    assert!(raw.publish("", &world.named("work"), message).await);
    let (_, message) = got.recv().await.unwrap();
    assert_eq!((message.kind(), message.id()), (Some("order"), Some("17")));
    assert_eq!(message.sender(), Some("shop"));
    assert_eq!(message.header("Colour"), Some("blue"));
    let colour = HeaderValue::from("blue");
    assert_eq!(message.headers().collect::<Vec<_>>(), [("Colour", colour)]);
    assert_eq!((message.priority(), message.timestamp()), (None, None));
    world.assert_all_settled(worker).await;
}

#[tokio::test]
async fn a_copy_does_not_follow_the_senders_own_routes() {
    let world = World::new().await;
    let connection = world.connect().await;
    let elsewhere = world.named("elsewhere");
    let raw = world.raw().await;
    raw.declare(&elsewhere).await;
    let journal = Journal::default();
    let noted = journal.clone();
    let worker = connection
        .worker(&work())
        .start(move |job: String, message: Message| {
            noted.note(job, &message);
            async { Err::<(), _>("no") }
        })
        .await
        .unwrap();
    let mut headers = lapin::types::FieldTable::default();
    let route = lapin::types::AMQPValue::LongString(elsewhere.as_str().into());
    headers.insert(
        "CC".into(),
        lapin::types::AMQPValue::FieldArray(vec![route].into()),
    );
    let properties = lapin::BasicProperties::default().with_headers(headers);
    raw.channel()
        .basic_publish(
            "".into(),
            world.named("work").into(),
            lapin::options::BasicPublishOptions::default(),
            b"a",
            properties,
        )
        .await
        .unwrap()
        .await
        .unwrap();
    journal.wait(3).await;
    world
        .dead_letter(&connection.tasks(&work()))
        .await
        .discard()
        .await
        .unwrap();
    world.assert_all_settled(worker).await;
    assert_eq!(raw.queue(&elsewhere).await, Some((1, 0)));
    raw.delete(&elsewhere).await;
}

#[tokio::test]
async fn a_task_is_json_for_those_who_read_nothing_else() {
    let world = World::new().await;
    let connection = world.connect().await;
    let tasks = connection.tasks(&work()).with_codec(leveret::Codec::Json);
    tasks.push(&"a".to_owned()).await.unwrap();
    let raw = world.raw().await;
    let taken = raw.consume(&world.named("work"), 1).await.next().await;
    assert_eq!(taken.message.body, b"\"a\"");
    assert_eq!(
        taken.message.content_type.as_deref(),
        Some("application/json")
    );
    // A task in an encoding that nobody could read back is not sent.
    let nan = connection.tasks(&TaskQueue::<f64>::new("numbers"));
    let nan = nan.with_codec(leveret::Codec::Json).push(&f64::NAN).await;
    assert_eq!(nan.unwrap_err().code(), Code::InvalidArgument);
}
