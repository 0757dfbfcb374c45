// Blocking methods are not async.
use leveret::rpc_service;

#[rpc_service]
pub trait Math {
    #[rpc(blocking)]
    async fn f(&self, n: u32) -> u32;
}

fn main() {}
