// A service is not generic.
use leveret::rpc_service;

#[rpc_service]
pub trait Math<T> {
    async fn f(&self, n: u32) -> u32;
}

fn main() {}
