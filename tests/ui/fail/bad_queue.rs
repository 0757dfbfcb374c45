// Queues have names.
use leveret::rpc_service;

#[rpc_service(queue = "")]
pub trait Math {
    #[rpc(queue = "amq.math")]
    async fn f(&self);
}

fn main() {}
