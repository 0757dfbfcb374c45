// The keys of `#[rpc]` are known.
use leveret::rpc_service;

#[rpc_service]
pub trait Math {
    #[rpc(retries = 3)]
    async fn f(&self);
}

fn main() {}
