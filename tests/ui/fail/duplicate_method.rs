// Methods have different names.
use leveret::rpc_service;

#[rpc_service]
pub trait Math {
    async fn f(&self);
    async fn f(&self);
    async fn g(&self);
    #[rpc(name = "other")]
    async fn g(&self);
}

fn main() {}
