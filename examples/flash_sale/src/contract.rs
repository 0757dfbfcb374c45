//! What the order service offers: to the web front end through a generated client, to the Node gateway by the page on the
//! wire.

use leveret::{Context, Error, rpc_service};
use serde::{Deserialize, Serialize};

/// What a buyer is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Answer {
    Ordered,
    SoldOut,
}

/// Takes orders. One piece for each call: the order's unique key is the id of the call, so that a request which the broker
/// delivers twice buys once.
#[rpc_service(name = "orders")]
pub(crate) trait Orders {
    /// Buys one piece of an item.
    #[rpc(default, idempotent)]
    async fn buy(&self, cx: &Context, item_id: i64) -> Result<Answer, Error>;
}
