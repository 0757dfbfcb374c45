// Arguments have concrete types.
use leveret::rpc_service;

#[rpc_service]
pub trait Math {
    async fn f(&self, n: impl Into<u64>);
}

fn main() {}
