// A flag has no value.
use leveret::rpc_service;

#[rpc_service]
pub trait Math {
    #[rpc(idempotent = true)]
    async fn f(&self);
    #[rpc(at_most_once(yes))]
    async fn g(&self);
}

fn main() {}
