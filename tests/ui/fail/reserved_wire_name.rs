// Some names are the broker's and ours.
use leveret::rpc_service;

#[rpc_service(name = "amq.math")]
pub trait Math {
    #[rpc(name = "leveret.stop")]
    async fn a(&self);
}

fn main() {}
