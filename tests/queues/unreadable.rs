//! Messages whose envelope says that they cannot be read here, whatever is in them.

use harness::RawMessage;
use leveret::{Code, DeathReason, Events, Message, Raw, TaskQueue};

use crate::world::{Journal, World, json, noting, work};

fn encoded(encoding: &str) -> RawMessage {
    RawMessage {
        content_encoding: Some(encoding.into()),
        ..json(encoding)
    }
}

fn of_version(version: &str) -> RawMessage {
    RawMessage {
        headers: [("leveret-v".to_owned(), version.to_owned())].into(),
        ..json(version)
    }
}

#[tokio::test]
async fn what_is_encoded_or_of_a_later_version_is_a_dead_letter() {
    let world = World::new().await;
    let connection = world.connect().await;
    let journal = Journal::default();
    let worker = noting(&connection, &work(), &journal).await;
    let tasks = connection.tasks(&work());
    let (raw, queue) = (world.raw().await, world.named("work"));
    for message in [encoded("gzip"), of_version("2"), of_version("next")] {
        assert!(raw.publish("", &queue, message.clone()).await);
        let letter = world.dead_letter(&tasks).await;
        assert_eq!(letter.reason(), DeathReason::Undecodable);
        assert_eq!(letter.attempts(), 1);
        assert_eq!(letter.body(), message.body);
        assert_eq!(letter.job().unwrap_err().code(), Code::Unimplemented);
        assert_eq!(letter.undecoded().unwrap_err().code(), Code::Unimplemented);
        letter.discard().await.unwrap();
    }
    for message in [encoded("UTF-8"), encoded("identity"), of_version("1")] {
        assert!(raw.publish("", &queue, message).await);
    }
    journal.wait(3).await;
    world.assert_all_settled(worker).await;
    assert_eq!(journal.sorted(), ["1", "UTF-8", "identity"]);
}

#[tokio::test]
async fn bytes_as_they_are_may_be_encoded_but_of_no_later_version() {
    let world = World::new().await;
    let connection = world.connect().await;
    let journal = Journal::default();
    let noted = journal.clone();
    let images = TaskQueue::<Raw>::new("work");
    let handler = move |raw: Raw, message: Message| {
        noted.note(String::from_utf8_lossy(&raw.body), &message);
        let refused = message.undecoded().unwrap_err();
        assert_eq!(refused.code(), Code::Unimplemented);
        std::future::ready(())
    };
    let worker = connection.worker(&images).start(handler).await.unwrap();
    let (raw, queue) = (world.raw().await, world.named("work"));
    for message in [of_version("2"), encoded("gzip")] {
        assert!(raw.publish("", &queue, message).await);
    }
    journal.wait(1).await;
    let letter = world.dead_letter(&connection.tasks(&images)).await;
    assert_eq!(letter.reason(), DeathReason::Undecodable);
    assert_eq!(letter.job().unwrap().body, of_version("2").body);
    letter.discard().await.unwrap();
    world.assert_all_settled(worker).await;
    assert_eq!(journal.jobs(), ["\"gzip\""]);
}

#[tokio::test]
async fn an_event_that_nobody_keeps_is_dropped() {
    let world = World::new().await;
    let connection = world.connect().await;
    let journal = Journal::default();
    let noted = journal.clone();
    let subscription = connection
        .subscribe(&Events::<String>::fanout("logs"))
        .start(move |event: String, message: Message| {
            noted.note(event, &message);
            std::future::ready(())
        })
        .await
        .unwrap();
    let (raw, exchange) = (world.raw().await, world.named("logs"));
    for message in [encoded("gzip"), of_version("2"), json("plain")] {
        assert!(raw.publish(&exchange, "", message).await);
    }
    let run = journal.wait(1).await.remove(0);
    // Others that had begun beside it have ended then.
    subscription.stop().await;
    assert_eq!((&*run.job, journal.jobs().len()), ("plain", 1));
}
