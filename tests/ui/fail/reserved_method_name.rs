// The client has methods of its own.
use leveret::rpc_service;

#[rpc_service]
pub trait Math {
    async fn new(&self);
    async fn descriptor(&self);
}

fn main() {}
