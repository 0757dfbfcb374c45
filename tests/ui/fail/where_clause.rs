// Methods have no bounds.
use leveret::rpc_service;

#[rpc_service]
pub trait Math {
    async fn f(&self) -> u32
    where
        Self: Clone;
}

fn main() {}
