// Methods take `&self`.
use leveret::rpc_service;

#[rpc_service]
pub trait Math {
    async fn f(&mut self, n: u32);
}

fn main() {}
