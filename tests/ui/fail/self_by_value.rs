// Methods take `&self`.
use leveret::rpc_service;

#[rpc_service]
pub trait Math {
    async fn f(self);
    async fn g(mut self) -> u32;
}

fn main() {}
