// Methods have different names on the wire.
use leveret::rpc_service;

#[rpc_service]
pub trait Math {
    async fn f(&self);
    #[rpc(name = "f")]
    async fn g(&self);
}

fn main() {}
