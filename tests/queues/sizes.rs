//! Headers that fit no frame: a broker ends the whole connection over one of those, so none is sent.

use futures_util::FutureExt;
use harness::RawMessage;
use leveret::{Code, Error, Events, Executed, TaskQueue};

use crate::world::{World, json, work};

fn assert_refused<T: std::fmt::Debug>(outcome: Result<T, Error>) {
    let error = outcome.unwrap_err();
    let told = (error.code(), error.executed());
    assert_eq!(told, (Code::InvalidArgument, Executed::No), "{error}");
}

#[tokio::test]
async fn a_key_headers_and_metadata_share_what_fits() {
    let world = World::new().await;
    let connection = world.connect().await;
    let mut states = connection.states();
    let tasks = connection.tasks(&TaskQueue::<String>::new("work").keyed(2));
    let events = connection.events(&Events::<String>::headers("logs"));
    let (push, publish) = (
        || tasks.push(&"a".to_owned()),
        || events.publish(&"a".to_owned()),
    );
    let (large, half) = ("x".repeat(130_000), "x".repeat(9_000));

    assert_refused(push().key(&large).await);
    assert_refused(publish().header("format", &*large).await);
    assert_refused(push().key(&half).metadata("team", &*half).await);
    let both = publish().header("format", &*half);
    assert_refused(both.metadata("team", &*half).await);
    assert_refused(publish().header("a", &*half).header("b", &*half).await);

    push().key(&half).await.unwrap();
    publish().header("format", &*half).await.unwrap();
    assert_eq!(states.changed().now_or_never(), None, "it was lost");
}

#[tokio::test]
async fn a_copy_that_fits_no_frame_is_not_sent() {
    let world = World::new().await;
    let connection = world.connect().await;
    let tasks = connection.tasks(&work());
    tasks.push(&"first".to_owned()).await.unwrap();
    let mut states = connection.states();
    // It fills its frame, so that there is no room for the id that a copy gets.
    let letter = RawMessage {
        content_type: None,
        headers: [("h".to_owned(), "x".repeat(131_030))].into(),
        ..json("a")
    };
    let raw = world.raw().await;
    assert!(raw.publish("", &world.named("work.dead"), letter).await);
    let letter = world.dead_letter(&tasks).await;
    assert_refused(letter.retry().await);
    world.wait_ready("work.dead", 1).await;
    assert_eq!(world.ready("work").await, 1);
    assert_eq!(states.changed().now_or_never(), None, "it was lost");
}
