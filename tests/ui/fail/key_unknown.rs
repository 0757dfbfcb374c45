// Calls are ordered by one of their arguments.
use leveret::{Context, rpc_service};

#[rpc_service]
pub trait Shop {
    #[rpc(key = "item")]
    async fn buy(&self, item_id: String, count: u32);
    #[rpc(key = "cx")]
    async fn close(&self, cx: &Context);
}

fn main() {}
