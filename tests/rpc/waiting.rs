//! Calls that come before there is a way for them: they wait in their order, or fail when there is no connection.

use std::time::Duration;

use harness::{Proxy, RawConsumer, within};
use leveret::{Client, Code, Codec, Connection, ConnectionState, WhenDown};

use crate::world::{LONG, World};

/// Calls a queue with one number after another, each of them under way before the next.
struct Caller<'a> {
    client: Client,
    queue: &'a str,
    next: u32,
}

impl Caller<'_> {
    async fn call(&mut self, calls: u32) {
        for _ in 0..calls {
            let client = self.client.clone().with_timeout(LONG);
            let call = client.call_queue::<u32>(self.queue, "take", &self.next);
            let mut call = call.into_future();
            assert!(futures_util::poll!(&mut call).is_pending());
            tokio::spawn(call);
            self.next += 1;
        }
    }
}

async fn assert_in_order(requests: &mut RawConsumer, numbers: std::ops::Range<u32>) {
    for n in numbers {
        let request = requests.next().await;
        request.ack().await;
        let body = request.message.body.clone();
        let found: u32 = Codec::MsgPack.decode(&body.into()).unwrap();
        assert_eq!(found, n);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_that_wait_for_a_connection_leave_in_their_order() {
    let world = World::new().await;
    let raw = world.raw().await;
    let queue = format!("{}order", world.namespace);
    raw.declare(&queue).await;
    let mut requests = raw.consume(&queue, 0).await;
    let proxy = Proxy::to(world.broker.url()).await;
    let url = proxy.url_through(world.broker.url());
    let builder = Connection::builder(url).namespace(&world.namespace);
    let backoff = Duration::from_millis(20);
    let connection = builder.backoff(backoff, backoff).connect().await.unwrap();
    let mut caller = Caller {
        client: connection.client(),
        queue: &queue,
        next: 0,
    };
    // Before the first route is open, and while it opens.
    for _ in 0..20 {
        caller.call(20).await;
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert_in_order(&mut requests, 0..caller.next).await;
    for _ in 0..3 {
        let first = caller.next;
        let mut states = connection.states();
        proxy.refuse().await;
        proxy.reset_connections().await;
        within("the loss", states.reached(ConnectionState::Reconnecting)).await;
        caller.call(200).await;
        proxy.pass().await;
        // Those that come last are not ahead of those that wait.
        for _ in 0..50 {
            caller.call(10).await;
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        assert_in_order(&mut requests, first..caller.next).await;
    }
    raw.delete(&queue).await;
}

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
