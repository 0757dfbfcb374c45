// A service is a safe trait.
use leveret::rpc_service;

#[rpc_service]
pub unsafe trait Math {
    async fn f(&self, n: u32) -> u32;
}

fn main() {}
