// `#[rpc]` has keys.
use leveret::rpc_service;

#[rpc_service]
pub trait Math {
    #[rpc]
    async fn f(&self);
    #[rpc = "x"]
    async fn g(&self);
}

fn main() {}
