//! A service whose calls are ordered by key, for the tests in `keyed`.

use std::collections::HashMap;

use harness::Proxy;
use leveret::{Connection, QueueOptions, ServiceOptions, rpc_service};
use serde::{Deserialize, Serialize};

use crate::probe::Stage;
use crate::world::{Served, World};

/// How many partitions it has.
pub(crate) const PARTITIONS: usize = 4;

/// For each partition two items that belong to it.
pub(crate) const ITEMS: [[&str; 2]; PARTITIONS] = [["d", "f"], ["b", "i"], ["e", "g"], ["a", "c"]];

/// One item of each partition.
pub(crate) const ONE_EACH: [&str; PARTITIONS] = ["d", "b", "e", "a"];

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ItemId(pub(crate) String);

/// Serializes as what it was made of: what no type tells is found out by the value.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum AnyKey {
    Number(u64),
    Flag(bool),
    Text(String),
    Fraction(f64),
    List(Vec<u64>),
}

#[rpc_service(name = "shop", partitions = 4)]
pub(crate) trait Shop {
    /// Runs until it is let go, as `item/n`.
    #[rpc(key = "item")]
    async fn buy(&self, item: ItemId, n: u32) -> u32;
    /// The same on a thread, which no deadline stops.
    #[rpc(key = "item", blocking)]
    fn buy_slowly(&self, item: String, n: u32) -> u32;
    #[rpc(key = "item", oneway)]
    async fn note(&self, item: String, n: u32);
    #[rpc(key = "any")]
    async fn any(&self, any: AnyKey) -> String;
    /// Has no key.
    async fn count(&self) -> u32;
}

/// Tells on the stage what runs, and in its own name.
pub(crate) struct Till {
    pub(crate) name: &'static str,
    pub(crate) stage: Stage,
}

impl Till {
    async fn held(&self, item: &str, n: u32) {
        self.stage.tell(self.name, &format!("{item}/{n}"));
        self.stage.held(format!("{item}/{n}")).await;
    }
}

impl Shop for Till {
    async fn buy(&self, item: ItemId, n: u32) -> u32 {
        // Whatever could run beside it gets its chance.
        tokio::task::yield_now().await;
        self.held(&item.0, n).await;
        n
    }

    fn buy_slowly(&self, item: String, n: u32) -> u32 {
        self.stage.held_thread(format!("{item}/{n}"));
        n
    }

    async fn note(&self, item: String, n: u32) {
        self.held(&item, n).await;
    }

    async fn any(&self, any: AnyKey) -> String {
        format!("{any:?}")
    }

    async fn count(&self) -> u32 {
        7
    }
}

impl World {
    pub(crate) async fn open_shop(&self, name: &'static str) -> Served {
        self.open_shop_with(name, ServiceOptions::new()).await
    }

    pub(crate) async fn open_shop_with(
        &self,
        name: &'static str,
        options: ServiceOptions,
    ) -> Served {
        let connection = self.connect().await;
        self.open_shop_on(connection, &self.stage, name, options)
            .await
    }

    pub(crate) async fn open_shop_on(
        &self,
        connection: Connection,
        stage: &Stage,
        name: &'static str,
        options: ServiceOptions,
    ) -> Served {
        let stage = stage.clone();
        let server = connection
            .server()
            .service_with(ShopServer::new(Till { name, stage }), options)
            .start()
            .await
            .expect("a server");
        Served { server, connection }
    }

    /// A shop whose connections can be cut.
    pub(crate) async fn open_shop_behind(
        &self,
        proxy: &Proxy,
        stage: &Stage,
        name: &'static str,
        options: ServiceOptions,
    ) -> Served {
        let url = proxy.url_through(self.broker.url());
        let connection = Connection::builder(url)
            .namespace(&self.namespace)
            .connect()
            .await
            .expect("a connection");
        self.open_shop_on(connection, stage, name, options).await
    }

    pub(crate) async fn shopper(&self) -> ShopClient {
        ShopClient::new(&self.connect().await)
    }

    pub(crate) fn shop(&self) -> String {
        format!("{}shop", self.namespace)
    }

    /// The queue of a partition.
    pub(crate) fn partition(&self, partition: usize) -> String {
        format!("{}.p{partition}", self.shop())
    }

    pub(crate) fn lock(&self, partition: usize) -> String {
        format!("{}.lock", self.partition(partition))
    }

    pub(crate) fn members(&self) -> String {
        format!("{}.members", self.shop())
    }
}

/// The kinds of queue that partitions can be.
pub(crate) fn kinds() -> [ServiceOptions; 2] {
    [classic(), quorum()]
}

pub(crate) fn classic() -> ServiceOptions {
    ServiceOptions::new()
}

pub(crate) fn quorum() -> ServiceOptions {
    ServiceOptions::new().queue(QueueOptions::quorum())
}

/// Fails where two calls with one key ran at once, or in another order than they were made.
pub(crate) fn assert_in_order(events: &[String]) {
    assert_alone(events);
    let mut last = HashMap::new();
    for start in events
        .iter()
        .filter_map(|event| event.strip_prefix("start "))
    {
        let (item, n) = start.split_once('/').expect("an item and a number");
        let n: u32 = n.parse().expect("a number");
        let before = last.insert(item, n);
        assert!(before < Some(n), "{start} after {before:?}: {events:#?}");
    }
}

/// Fails where two calls with one key ran at once.
pub(crate) fn assert_alone(events: &[String]) {
    let mut running = HashMap::new();
    for event in events {
        let Some((what, id)) = event.split_once(' ') else {
            continue;
        };
        let Some((item, n)) = id.split_once('/') else {
            continue;
        };
        let n: u32 = n.parse().expect("a number");
        match what {
            "start" => {
                let beside = running.insert(item, n);
                assert_eq!(beside, None, "beside {id}: {events:#?}");
            }
            "end" => assert_eq!(running.remove(item), Some(n), "{events:#?}"),
            _ => {}
        }
    }
    assert!(running.is_empty(), "{running:?} have not ended");
}
