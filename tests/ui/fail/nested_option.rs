// An option in an option has no form on the wire.
use leveret::rpc_service;

#[rpc_service]
pub trait Math {
    async fn f(&self, n: Option<Option<u32>>) -> Option<Option<u32>>;
}

fn main() {}
