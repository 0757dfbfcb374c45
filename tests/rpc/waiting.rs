//! Calls that come before there is a way for them: they wait in their order, or fail when there is no connection.

use std::time::Duration;

use harness::{Proxy, within};
use leveret::{Code, Connection, ConnectionState, WhenDown};

use crate::world::World;

/// Whoever does not wait for a connection still has the one that is there.
#[tokio::test]
async fn a_connection_that_is_up_is_not_called_down() {
    let world = World::new().await;
    let proxy = Proxy::to(world.broker.url()).await;
    let url = proxy.url_through(world.broker.url());
    let backoff = Duration::from_millis(20);
    for _ in 0..5 {
        let builder = Connection::builder(&*url).backoff(backoff, backoff);
        let connection = builder.connect().await.unwrap();
        let client = connection.client().when_disconnected(WhenDown::Fail);
        let call = async || {
            let nobody = format!("{}nobody", world.namespace);
            let answer = client.call_queue::<u32>(&nobody, "m", &1).await;
            answer.unwrap_err().code()
        };
        assert_eq!(call().await, Code::NoSuchService);
        let mut states = connection.states();
        proxy.reset_connections().await;
        within("the loss", states.reached(ConnectionState::Reconnecting)).await;
        within("the end of it", states.reached(ConnectionState::Connected)).await;
        assert_eq!(call().await, Code::NoSuchService);
        connection.close().await;
    }
}
