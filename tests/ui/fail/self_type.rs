// Self is no type that a caller knows.
use leveret::rpc_service;

#[rpc_service]
pub trait Math {
    async fn f(&self) -> Self;
}

fn main() {}
