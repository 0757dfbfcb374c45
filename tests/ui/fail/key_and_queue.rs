// The key chooses the queue.
use leveret::rpc_service;

#[rpc_service]
pub trait Shop {
    #[rpc(key = "item_id", queue = "shop.buy")]
    async fn buy(&self, item_id: String);
}

fn main() {}
