// A service has one default method.
use leveret::rpc_service;

#[rpc_service]
pub trait Math {
    #[rpc(default)]
    async fn f(&self);
    #[rpc(default)]
    async fn g(&self);
}

fn main() {}
