// Integers travel in 64 bits.
use leveret::rpc_service;

#[rpc_service]
pub trait Math {
    async fn f(&self, n: Vec<u128>) -> i128;
}

fn main() {}
