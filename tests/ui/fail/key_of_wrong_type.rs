// Some types have no text that could be compared.
use leveret::rpc_service;

#[rpc_service]
pub trait Shop {
    #[rpc(key = "price")]
    async fn buy(&self, price: f64);
    #[rpc(key = "items", oneway)]
    async fn buy_all(&self, items: Vec<String>);
    #[rpc(key = "place")]
    async fn buy_at(&self, place: (u32, u32));
    #[rpc(key = "item")]
    async fn buy_any(&self, item: Option<String>);
}

fn main() {}
