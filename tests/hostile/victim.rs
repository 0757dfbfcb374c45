//! What is under fire: a server and a client, each on a connection of its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::FutureExt;
use harness::{Broker, eventually};
use leveret::{Client, Connection, ConnectionState, ReplyPath, Server, States, rpc_service};

use crate::peer::{self, Message, Outcome};

#[rpc_service(name = "victim")]
pub(crate) trait Victim {
    async fn ping(&self) -> u64;
}

struct Counter(Arc<AtomicU64>);

impl Victim for Counter {
    async fn ping(&self) -> u64 {
        self.0.fetch_add(1, Ordering::Relaxed) + 1
    }
}

pub(crate) struct Scene {
    pub(crate) broker: Broker,
    pub(crate) names: String,
    pub(crate) server: Server,
    pub(crate) client: Client,
    pings: Arc<AtomicU64>,
    /// The server's connection and the client's.
    states: [States; 2],
}

impl Scene {
    /// `query` goes to the end of the URL.
    pub(crate) async fn set(reply_path: ReplyPath, query: &str) -> Self {
        let broker = Broker::shared().await;
        let names = broker.namespace();
        let connect = async || {
            Connection::builder(format!("{}{query}", broker.url()))
                .namespace(&names)
                .reply_path(reply_path)
                .connect()
                .await
                .expect("a connection")
        };
        let (serving, calling) = (connect().await, connect().await);
        let states = [serving.states(), calling.states()];
        let pings = Arc::new(AtomicU64::new(0));
        let service = VictimServer::new(Counter(Arc::clone(&pings)));
        let server = serving.server().service(service).start().await;
        let scene = Self {
            server: server.expect("a server"),
            client: calling.client(),
            broker,
            names,
            pings,
            states,
        };
        scene.ping().await;
        scene
    }

    pub(crate) fn queue(&self) -> String {
        format!("{}victim", self.names)
    }

    pub(crate) async fn ping(&self) {
        let before = self.pings();
        let pong = VictimClient::new(self.client.clone()).ping().await;
        assert_eq!(pong.expect("an answer"), before + 1);
    }

    /// How often the server's handler has run.
    pub(crate) fn pings(&self) -> u64 {
        self.pings.load(Ordering::Relaxed)
    }

    pub(crate) async fn publish(&self, message: Message<'_>) -> Outcome {
        peer::publish(self.broker.url(), message).await
    }

    /// Checks that server and client work, and have been connected all the time.
    pub(crate) async fn assert_unhurt(&mut self, after: &str) {
        self.ping().await;
        for states in &mut self.states {
            let changed = states.changed().now_or_never();
            assert_eq!(changed, None, "after {after}");
        }
        let now = self.client.connection().state();
        assert_eq!(now, ConnectionState::Connected, "after {after}");
    }

    /// Checks that the queue holds nothing, neither ready nor unacknowledged.
    pub(crate) async fn assert_all_acknowledged(&self) {
        let name = self.queue();
        eventually("an empty queue", async || {
            let queue = self.broker.queue(&name).await;
            queue.is_some_and(|queue| queue.messages() == 0)
        })
        .await;
    }
}
