// A text key has a text.
use leveret::rpc_service;

#[rpc_service]
pub trait Math {
    #[rpc(timeout)]
    async fn f(&self);
    #[rpc(timeout = 30)]
    async fn g(&self);
    #[rpc(name(g))]
    async fn h(&self);
}

fn main() {}
