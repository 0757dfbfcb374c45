// Results have concrete types.
use leveret::rpc_service;

#[rpc_service]
pub trait Math {
    async fn f(&self) -> impl Iterator<Item = u32>;
}

fn main() {}
