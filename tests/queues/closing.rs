//! What is asked about a queue when the connection has been closed, or is closed meanwhile: nobody waits for what cannot come.

use std::pin::pin;
use std::time::Duration;

use futures_util::poll;
use harness::{Direction, Proxy, within};
use leveret::{Code, ConnectionState, Error, Executed, Tasks};

use crate::world::{World, work};

/// Longer than any test: who waits for it fails.
const FOREVER: Duration = Duration::from_secs(3600);

async fn refused(tasks: &Tasks<String>) -> [Error; 3] {
    let tasks = tasks.clone().with_timeout(FOREVER);
    let (info, purge, letters) = tokio::join!(tasks.info(), tasks.purge(), tasks.dead_letters());
    [
        info.expect_err("no counts"),
        purge.expect_err("no purge"),
        letters.expect_err("no dead letters"),
    ]
}

fn assert_closed(error: &Error) {
    let said = (error.code(), error.executed(), error.retryable());
    assert_eq!(said, (Code::Unavailable, Executed::No, false), "{error}");
}

#[tokio::test]
async fn looks_on_a_closed_connection_fail_as_calls_do() {
    let world = World::new().await;
    let connection = world.connect().await;
    let tasks = connection.tasks(&work());
    tasks.push(&"a".to_owned()).await.unwrap();
    let mut letters = tasks.dead_letters().await.unwrap();
    assert!(letters.next().await.unwrap().is_none());
    connection.close().await;
    for error in within("the looks", refused(&tasks)).await {
        assert_closed(&error);
    }
    let call = connection.client().call::<u64>("math", "fib", &1);
    assert_closed(&within("the call", call.into_future()).await.unwrap_err());
}

#[tokio::test]
async fn a_close_ends_the_wait_for_a_connection() {
    let world = World::new().await;
    let proxy = Proxy::to(world.broker.url()).await;
    let url = proxy.url_through(world.broker.url());
    let connection = world.builder_to(&url).connect().await.unwrap();
    let tasks = connection.tasks(&work());
    tasks.push(&"a".to_owned()).await.unwrap();
    let mut states = connection.states();
    proxy.refuse().await;
    proxy.reset_connections().await;
    assert!(within("the loss", states.reached(ConnectionState::Reconnecting)).await);
    let mut looks = pin!(refused(&tasks));
    assert!(poll!(&mut looks).is_pending());
    within("the close", connection.close()).await;
    for error in within("the looks", looks).await {
        assert_closed(&error);
    }
}

#[tokio::test]
async fn a_close_ends_the_wait_for_a_broker_that_hangs() {
    let world = World::new().await;
    let proxy = Proxy::to(world.broker.url()).await;
    let url = proxy.url_through(world.broker.url());
    let builder = world.builder_to(&url).heartbeat(FOREVER);
    let connection = builder.connect().await.unwrap();
    let tasks = connection.tasks(&work());
    tasks.push(&"a".to_owned()).await.unwrap();
    proxy.stall(Direction::ToClient);
    let mut looks = pin!(refused(&tasks));
    assert!(poll!(&mut looks).is_pending());
    let close = async { within("the close", connection.close()).await };
    let (refused, ()) = tokio::join!(within("the looks", looks), close);
    for error in refused {
        assert_closed(&error);
    }
}
