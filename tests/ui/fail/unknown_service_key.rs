// The keys of `#[rpc_service]` are known.
use leveret::rpc_service;

#[rpc_service(version = "1")]
pub trait Math {
    async fn f(&self);
}

fn main() {}
