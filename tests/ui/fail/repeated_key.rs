// A key is given once.
use leveret::rpc_service;

#[rpc_service]
pub trait Math {
    #[rpc(idempotent, idempotent)]
    async fn f(&self);
    #[rpc(timeout = "1s")]
    #[rpc(timeout = "2s")]
    async fn g(&self);
}

fn main() {}
